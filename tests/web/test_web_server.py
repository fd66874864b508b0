"""What every server that is reached by HTTP does with connections."""

from __future__ import annotations

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from evolver_tui.adapters.web import server
from evolver_tui.adapters.web.access import Access, AccessWords
from evolver_tui.adapters.web.server import ServerTerms, WebServer

pytestmark = pytest.mark.anyio


async def test_a_websocket_lasts_longer_than_a_request_may_take_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 0.05
    monkeypatch.setattr(server, "_SECONDS_FOR_A_HEAD", seconds)

    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(text)

    app = Starlette(routes=[WebSocketRoute("/ws", echo)])
    access = Access(AccessWords("server", "a variable", "a setting"), "127.0.0.1")
    serving = WebServer(app, access, ServerTerms(0, "a setting", 10, takes_sockets=True))
    await serving.start()
    try:
        async with connect(f"{serving.url.replace('http', 'ws', 1)}/ws", proxy=None) as socket:
            until = asyncio.get_running_loop().time() + 4 * seconds
            while asyncio.get_running_loop().time() < until:
                await socket.send("still there?")
                assert await socket.recv() == "still there?"
    finally:
        await serving.close()
