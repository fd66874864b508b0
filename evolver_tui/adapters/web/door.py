"""What every request passes before anything is done for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evolver_tui.adapters.web.access import Access
from evolver_tui.adapters.web.replies import refusal_reply

_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"authorization, content-type, last-event-id"),
    (b"access-control-max-age", b"600"),
)
_REFUSED = 1008
"""The code with which WebSocket says that something is against the rules."""


class Door:
    """Lets those through to an application who may use it, a page of another origin as well.

    Args:
        fault: hears of what should not happen: a mistake of ours.
    """

    def __init__(self, access: Access, app: ASGIApp, fault: Callable[[BaseException], None]) -> None:
        self._access = access
        self._app = app
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            return
        headers = Headers(scope=scope)
        refusal = self._access.refusal(scope["path"], headers, scope["query_string"].decode("latin-1"))
        try:
            if scope["type"] == "websocket":
                await self._serve_socket(scope, receive, send, is_refused=refusal is not None)
                return
            send = _with(self._headers_for(headers), send)
            is_preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
            if refusal is not None and not (refusal.status == 401 and is_preflight):
                await refusal_reply(*refusal)(scope, receive, send)
            elif is_preflight:
                await Response(status_code=204)(scope, receive, _with(_PREFLIGHT, send))
            else:
                await self._app(scope, receive, send)
        except ClientDisconnect:
            pass
        except Exception as error:  # noqa: BLE001 - a mistake of ours costs one request, and is told
            self._fault(error)
            raise _Failed from None

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send, *, is_refused: bool) -> None:
        if is_refused:
            await receive()
            await send({"type": "websocket.close", "code": _REFUSED})
        else:
            await self._app(scope, receive, send)

    def _headers_for(self, headers: Headers) -> Sequence[tuple[bytes, bytes]]:
        """What lets a page of another origin read the reply."""
        origin = headers.get("origin", "")
        vary = [(b"vary", b"Origin")] if self._access.origins else []
        if origin not in self._access.origins:
            return vary
        return [*vary, (b"access-control-allow-origin", origin.encode("latin-1"))]


class _Failed(Exception):
    """Has the server reply that something went wrong."""


def _with(more: Sequence[tuple[bytes, bytes]], send: Send) -> Send:
    if not more:
        return send

    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return send_more
