"""What the gateway replies with where something cannot be done."""

from __future__ import annotations

from starlette.responses import Response

from evolver_tui.adapters.web.replies import refusal_reply
from evolver_tui.core.errors import BadChatRequest, EvolverError, GatewayFull

_STATUS = {"too_large": 413}


def error_reply(error: EvolverError) -> Response:
    """The reply to what could not be done."""
    match error:
        case BadChatRequest():
            return refusal_reply(_STATUS.get(error.code, 400), error.code, str(error))
        case GatewayFull():
            return refusal_reply(503, "full", str(error))
    return refusal_reply(503, "unavailable", str(error))
