"""The page with a terminal, and what goes between it and a console.

The terminal is xterm.js as textual-serve ships it. Its page asks for a ticket with the token, and opens one WebSocket
with that ticket. There it sends `["stdin", text]`, `["resize", {"width": 120, "height": 40}]` and `["ping", any]` as
JSON, and hears the bytes of the terminal, and `["pong", any]`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Final

import textual_serve
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from evolver_tui.adapters.web.access import Access
from evolver_tui.adapters.web.console.access import SOCKET_PATH, STATIC_PATH
from evolver_tui.adapters.web.console.consoles import Consoles
from evolver_tui.adapters.web.console.terminal import Size, TerminalProcess
from evolver_tui.adapters.web.door import Door
from evolver_tui.adapters.web.page import read_page
from evolver_tui.adapters.web.replies import json_reply, refusal_reply, refuse

_FILES: Final = {
    "textual.js": ("js/textual.js", "text/javascript"),
    "xterm.css": ("css/xterm.css", "text/css"),
    "mono.ttf": ("fonts/RobotoMono-VariableFont_wght.ttf", "font/ttf"),
    "mono-italic.ttf": ("fonts/RobotoMono-Italic-VariableFont_wght.ttf", "font/ttf"),
}
"""What textual-serve ships: its place there and its kind."""
_POLICY: Final = {"script-src": "'self'", "style-src": "'self' 'unsafe-inline'", "font-src": "'self'"}
"""xterm.js makes styles as it draws."""
_NOT_ALLOWED: Final = 1008
_TRY_LATER: Final = 1013
_LEAST, _MOST = Size(20, 5), Size(600, 300)


def make_app(consoles: Consoles, access: Access, fault: Callable[[BaseException], None]) -> ASGIApp:
    """The server as an ASGI application.

    Args:
        fault: hears of what should not happen: a mistake of ours.
    """
    page, headers = read_page(__package__, needs_token=access.needs_token, allowed=_POLICY)
    static = files(textual_serve).joinpath("static")

    async def show_page(_: Request) -> Response:
        return Response(page, headers=headers, media_type="text/html")

    async def file(request: Request) -> Response:
        place, kind = _FILES.get(request.path_params["name"], ("", ""))
        if not place:
            raise HTTPException(404)
        content = await asyncio.to_thread(static.joinpath(place).read_bytes)
        return Response(content, media_type=kind, headers={"Cache-Control": "max-age=3600"})

    async def ticket(_: Request) -> Response:
        given = consoles.ticket()
        if not given:
            words = f"There are {consoles.most} consoles open here. Close one, then try again."
            return refusal_reply(503, "too_many", words)
        return json_reply({"ticket": given})

    async def terminal(socket: WebSocket) -> None:
        await _serve_terminal(consoles, socket)

    routes = Starlette(
        routes=[
            Route("/", show_page),
            Route(f"{STATIC_PATH}{{name}}", file),
            Route("/api/ticket", ticket, methods=["POST"]),
            WebSocketRoute(f"{SOCKET_PATH}{{ticket}}", terminal),
        ],
        exception_handlers={HTTPException: refuse},
    )
    return Door(access, routes, fault)


async def _serve_terminal(consoles: Consoles, socket: WebSocket) -> None:
    """A console from its beginning to its end, or to that of the page."""
    if not consoles.take(socket.path_params["ticket"]):
        await socket.close(_NOT_ALLOWED)
        return
    query = socket.query_params
    async with consoles.opened(_size(query.get("width"), query.get("height"))) as process:
        await socket.accept()
        if process is None:
            await socket.close(_TRY_LATER)
            return
        showing = asyncio.create_task(_show(process, socket))
        typing = asyncio.create_task(_type(process, socket))
        try:
            await asyncio.wait({showing, typing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (showing, typing):
                task.cancel()
            results = await asyncio.gather(showing, typing, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, (WebSocketDisconnect, RuntimeError)):
            raise result


async def _show(process: TerminalProcess, socket: WebSocket) -> None:
    """Pass on what the console writes, as fast as the page takes it."""
    while data := await process.read():
        await socket.send_bytes(data)
    await socket.close()


async def _type(process: TerminalProcess, socket: WebSocket) -> None:
    """Pass on what a person types. What is none of the messages is passed over."""
    while True:
        message = _message(await socket.receive_text())
        match message:
            case ["stdin", str(text)]:
                await process.write(text.encode("utf-8", "replace"))
            case ["resize", {"width": width, "height": height}]:
                process.resize(_size(width, height))
            case ["ping", word]:
                await socket.send_text(json.dumps(["pong", word]))


def _message(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _size(columns: object, rows: object) -> Size:
    """A size that a terminal can have, near to the one that was asked for."""
    return Size(_within(columns, _LEAST.columns, _MOST.columns, 80), _within(rows, _LEAST.rows, _MOST.rows, 24))


def _within(value: object, least: int, most: int, default: int) -> int:
    try:
        return min(max(int(str(value)[:10]), least), most)
    except ValueError:
        return default
