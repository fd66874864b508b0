"""The gateway over HTTP: which path does what, for whom, and within which bounds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from evolver_tui.adapters.web.access import Access, Refusal
from evolver_tui.adapters.web.bodies import read_body
from evolver_tui.adapters.web.door import Door
from evolver_tui.adapters.web.gateway.access import EVENTS_PATH
from evolver_tui.adapters.web.gateway.event_route import serve_events
from evolver_tui.adapters.web.gateway.replies import error_reply
from evolver_tui.adapters.web.page import read_page
from evolver_tui.adapters.web.replies import json_reply, refuse
from evolver_tui.core.errors import BadChatRequest, EvolverError
from evolver_tui.core.workflow.chat_request import MOST_BYTES
from evolver_tui.engine.workflow.gateway import Gateway


def make_app(gateway: Gateway, access: Access, fault: Callable[[BaseException], None]) -> ASGIApp:
    """The gateway as an ASGI application.

    Args:
        fault: hears of what should not happen: a mistake of ours.
    """
    routes = _routes(gateway, access)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == EVENTS_PATH:
            await serve_events(gateway, scope, receive, send)
        else:
            await routes(scope, receive, send)

    return Door(access, serve, fault)


def _routes(gateway: Gateway, access: Access) -> ASGIApp:
    page, policy = read_page(__package__, needs_token=access.needs_token)

    async def chat(request: Request) -> Response:
        try:
            accepted = await gateway.ask(await _body(request))
        except EvolverError as error:
            return error_reply(error)
        return json_reply(accepted._asdict(), 202)

    async def cancel(request: Request) -> Response:
        try:
            session_id = (await _body(request)).get("session_id")
            if not isinstance(session_id, str):
                raise BadChatRequest("invalid_request", "session_id is missing.")
            await gateway.cancel(session_id)
        except EvolverError as error:
            return error_reply(error)
        return json_reply({"session_id": session_id, "status": "cancelling"}, 202)

    async def health(_: Request) -> Response:
        standing = gateway.health()
        return json_reply(standing, 200 if standing["status"] in ("healthy", "degraded") else 503)

    async def metrics(_: Request) -> Response:
        return Response(gateway.metrics(), media_type="text/plain; version=0.0.4")

    async def show_page(_: Request) -> Response:
        return Response(page, headers=policy, media_type="text/html")

    return Starlette(
        routes=[
            Route("/", show_page),
            Route("/api/chat", chat, methods=["POST"]),
            Route("/api/cancel", cancel, methods=["POST"]),
            Route("/health", health),
            Route("/metrics", metrics),
        ],
        exception_handlers={HTTPException: refuse},
    )


async def _body(request: Request) -> Mapping[str, Any]:
    """The JSON object that was posted. Raises BadChatRequest."""
    data = await read_body(request, MOST_BYTES)
    if isinstance(data, Refusal):
        raise BadChatRequest(data.code, data.message)
    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise BadChatRequest("not_json", "The request is not JSON.") from None
    if not isinstance(value, dict):
        raise BadChatRequest("not_json", "The request is no JSON object.")
    return value


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)
