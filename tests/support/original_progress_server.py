"""A progress server as the training stream's contract has it, without anything of this program, and what may lie
between it and a client: real sockets, in the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import socketio
import uvicorn

PASS = "pass"
SWALLOW = "swallow"
"""It is taken and never answered."""
BREAK = "break"
"""What is short passes, and what waits is broken off, as some proxies do with long polls."""


class OriginalServer:
    """Socket.IO's events and rooms, and the endpoints; no list of sessions, no `since`.

    `sockets`, `polls` and `endpoints` say what becomes of requests on their way: `pass`, `swallow`, or a status.
    """

    def __init__(self) -> None:
        self.sockets: str | int = PASS
        self.polls: str | int = PASS
        self.endpoints: str | int = PASS
        self.history: dict[str, list[dict[str, Any]]] = {}
        self.status: dict[str, dict[str, Any]] = {}
        self.seen: list[str] = []
        """What was asked, e.g. `websocket`, `polling`, `history/s1`."""
        self.token = ""
        self.port = 0
        self.subscribed = asyncio.Event()
        self._io = socketio.AsyncServer(async_mode="asgi", ping_interval=25, ping_timeout=20)
        self._io.on("connect", self._connect)
        self._io.on("subscribe_session", self._subscribe)
        self._io.on("get_session_history", self._tell_history)
        self._sockets_app = socketio.ASGIApp(self._io)
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._let_go = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # --- life

    async def start(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        self._let_go = asyncio.Event()
        config = uvicorn.Config(
            self._app, interface="asgi3", lifespan="off", log_config=None, timeout_graceful_shutdown=0
        )
        self._server = uvicorn.Server(config)
        # Its public way in takes the process's signals.
        self._serving = asyncio.create_task(self._server._serve(sockets=[listening]))
        while not self._server.started:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """As if it was killed: connections break."""
        self._let_go.set()
        if self._server is not None and self._serving is not None:
            self._server.should_exit = self._server.force_exit = True
            for connection in list(self._server.server_state.connections):
                transport = getattr(connection, "transport", None)
                if transport is not None:
                    transport.abort()
            await asyncio.gather(self._serving, return_exceptions=True)
            self._server = self._serving = None

    # --- what it tells

    async def tell(self, session_id: str, step: int, loss: float, *, is_heard: bool = True, **more: Any) -> None:
        """A moment of a session: into its history, and to whoever subscribed."""
        metrics = {
            "sessionId": session_id, "modelIndex": 0, "totalModels": 1, "step": step, "totalSteps": 1000, "loss": loss,
            "perplexity": 9.9, "grokProgress": 0.0, "modelParams": 25_000_000, "currentStep": step, "currentModel": 1,
            "overallProgress": step / 10, "trainingTime": float(step), "estimatedTimeRemaining": 1.0,
            "timestamp": 1_764_000_000.0 + step, **more,
        }  # fmt: skip
        self.history.setdefault(session_id, []).append(metrics)
        self.status.setdefault(
            session_id,
            {"session_id": session_id, "config": {"totalSteps": 1000}, "start_time": 1_764_000_000.0,
             "status": "starting", "models_completed": 0, "current_model": 1, "total_models": 1,
             "last_update": 1_764_000_000.0},
        )  # fmt: skip
        if is_heard:
            await self._io.emit("progress_update", {"metrics": metrics, "status": "running"}, room=session_id)

    async def complete(self, session_id: str) -> None:
        """The end, as the original tells it: within an update."""
        self.status[session_id]["status"] = "completed"
        metrics = {"sessionId": session_id, "event": "training_completed", "timestamp": 1_764_009_000.0}
        self.history[session_id].append(metrics)
        await self._io.emit("progress_update", {"metrics": metrics, "status": "completed"}, room=session_id)

    async def emit(self, event: str, data: Any, session_id: str) -> None:
        """Anything else."""
        await self._io.emit(event, data, room=session_id)

    async def _connect(self, sid: str, environ: Mapping[str, Any], auth: Any = None) -> None:
        if self.token and (not isinstance(auth, dict) or auth.get("token") != self.token):
            raise socketio.exceptions.ConnectionRefusedError("a token is needed")
        await self._io.emit("connection_established", {"client_id": sid}, to=sid)

    async def _subscribe(self, sid: str, data: Mapping[str, Any]) -> None:
        session_id = data["sessionId"]
        await self._io.enter_room(sid, session_id)
        if session_id in self.status:
            await self._io.emit("session_status", self.status[session_id], to=sid)
        self.subscribed.set()

    async def _tell_history(self, sid: str, data: Mapping[str, Any]) -> None:
        session_id = data["sessionId"]
        told = self.history.get(session_id, [])[-data.get("limit", 100) :]
        await self._io.emit("session_history", {"sessionId": session_id, "history": told}, to=sid)

    # --- what lies on the way

    async def _app(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["path"].startswith("/socket.io"):
            is_socket = scope["type"] == "websocket"
            self.seen.append("websocket" if is_socket else "polling")
            becomes = self.sockets if is_socket else self.polls
            if becomes == PASS:
                await self._sockets_app(scope, receive, send)
            elif becomes == SWALLOW:
                await self._let_go.wait()
            elif becomes == BREAK:
                waits = scope["method"] == "GET" and b"sid=" in scope["query_string"]
                await (_answer(send, 504, b"Gateway Timeout") if waits else self._sockets_app(scope, receive, send))
            elif is_socket:
                await receive()
                await send({"type": "websocket.http.response.start", "status": becomes, "headers": []})
                await send({"type": "websocket.http.response.body", "body": b""})
            else:
                await _answer(send, int(becomes), b"Bad Gateway")
            return
        await self._answer_endpoint(scope, send)

    async def _answer_endpoint(self, scope: dict[str, Any], send: Any) -> None:
        kind, _, session_id = scope["path"].removeprefix("/api/training/").partition("/")
        self.seen.append(f"{kind}/{session_id}")
        if self.endpoints == SWALLOW:
            await self._let_go.wait()
            return
        headers = dict(scope["headers"])
        if self.endpoints != PASS:
            await _answer(send, int(self.endpoints), b"Bad Gateway")
        elif self.token and headers.get(b"authorization") != f"Bearer {self.token}".encode():
            await _tell(send, 401, {"success": False, "error": "Unauthorized"})
        elif kind == "history":
            limit = int(parse_qs(scope["query_string"].decode()).get("limit", ["100"])[0])
            await _tell(send, 200, {"success": True, "data": self.history.get(session_id, [])[-limit:]})
        elif kind == "status" and session_id in self.status:
            await _tell(send, 200, {"success": True, "data": self.status[session_id]})
        elif kind == "metrics" and self.history.get(session_id):
            await _tell(send, 200, {"success": True, "data": self.history[session_id][-1]})
        else:
            await _tell(send, 404, {"success": False, "error": "Session not found"})


async def _tell(send: Any, status: int, value: Any) -> None:
    await _answer(send, status, json.dumps(value).encode())


async def _answer(send: Any, status: int, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def original_server() -> AsyncIterator[OriginalServer]:
    """Such a server, until the block ends."""
    server = OriginalServer()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def hung_server() -> AsyncIterator[str]:
    """The URL of a server that takes connections and says nothing."""
    held: list[asyncio.StreamWriter] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)
        with contextlib.suppress(OSError):
            while await reader.read(65_536):
                pass

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in held:
            writer.transport.abort()


@contextlib.asynccontextmanager
async def nginx_before(server: OriginalServer, folder: Path) -> AsyncIterator[str]:
    """The URL of an nginx that passes requests on as it does when nobody told it of upgrades."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    file = folder / "nginx.conf"
    file.write_text(
        f"""daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
        events {{}}
        http {{
            access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
            server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {server.url}; }} }}
        }}"""
    )
    process = await asyncio.create_subprocess_exec(
        "nginx",
        "-p",
        str(folder),
        "-c",
        str(file),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()
