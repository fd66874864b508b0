"""Progress servers on real sockets and databases, and those who tell and watch."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.adapters.web.progress.access import progress_access
from evolver_tui.adapters.web.progress.server import ProgressServer
from evolver_tui.core.signal import Signal
from evolver_tui.core.training.record import Event, Point, Record, RunEnd, RunHeader, to_line
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from evolver_tui.engine.training.progress_hub import ProgressHub, ProgressLimits
from tests.support.processes import environment

PATIENCE_SECONDS = 60.0
"""Only a hang takes so long."""
JS = Path(__file__).parents[1] / "js"
AT = 1_764_000_000.0
"""When the tests' trainings begin."""
T = TypeVar("T")


class Clocks:
    """Both clocks of a hub, moved by hand."""

    def __init__(self) -> None:
        self.passed = 0.0

    def wall(self) -> float:
        """Seconds since 1970."""
        return AT + self.passed

    def elapsed(self) -> float:
        """Seconds of the clock that is never set back."""
        return self.passed


class RunningProgress:
    """A progress server of this process, on a free port."""

    def __init__(
        self, hub: ProgressHub, server: ProgressServer, signals: Sequence[Signal], dropped: Sequence[str]
    ) -> None:
        self.hub = hub
        self.server = server
        self.signals = signals
        self.dropped = dropped
        self.is_closed = False

    async def close(self) -> None:
        """End it, once, as its command does."""
        if not self.is_closed:
            self.is_closed = True
            self.server.take_no_more()
            await self.hub.close()
            await self.server.close()

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def port(self) -> int:
        return self.server.port

    def told(self, name: str) -> list[Mapping[str, Any]]:
        """The payloads of the signals of this name."""
        return [signal.payload for signal in self.signals if signal.name == name]

    async def post(self, session_id: str, *records: Record, first: int = 0) -> httpx.Response:
        """Post records."""
        body = b"".join(map(to_line, records))
        return await post(self.url, f"/api/training/records/{session_id}?from={first}", body)

    async def data(self, path: str, **headers: str) -> Any:
        """What a path under /api/training gives."""
        reply = await get(self.url, f"/api/training/{path}", **headers)
        assert reply.status_code == 200, reply.text
        return reply.json()["data"]


@asynccontextmanager
async def progress(
    place: Path | str,
    *,
    limits: ProgressLimits | None = None,
    token: str = "",
    origins: Sequence[str] = (),
    clocks: Clocks | None = None,
    port: int = 0,
    store: Any = None,
) -> AsyncIterator[RunningProgress]:
    """A server that is open.

    Args:
        place: a folder for its database, or the database's URL.
    """
    faults: list[BaseException] = []
    dropped: list[str] = []
    registry, signals = SignalRegistry(), list[Signal]()
    registry.register_all(signals.append, stays=True)
    bus = SignalBus("progress", time.time, lambda _: None, registry)
    database = store or Database(f"sqlite:///{place}/progress.db" if isinstance(place, Path) else place)
    hub = (
        ProgressHub(database, bus, limits=limits or ProgressLimits())
        if clocks is None
        else ProgressHub(
            database, bus, limits=limits or ProgressLimits(), now=clocks.wall, elapsed=clocks.elapsed
        )
    )  # fmt: skip
    access = progress_access("127.0.0.1", token, "EVOLVER_PROGRESS_TOKEN", origins)
    server = ProgressServer(hub, access, port, fault=faults.append, dropped=dropped.append)
    await database.open()
    await hub.open()
    await server.start()
    running = RunningProgress(hub, server, signals, dropped)
    try:
        yield running
    finally:
        await running.close()
        await database.close()
    assert not faults


class ProgressProcess:
    """`evolver-tui progress serve` in a process of its own."""

    def __init__(self, home: Path, *more: str, config: str = "", **environ: str) -> None:
        (home / "config").mkdir(parents=True, exist_ok=True)
        (home / "config" / "config.toml").write_text(config)
        self.errors = home / "stderr.txt"
        command = [sys.executable, "-m", "evolver_tui", "progress", "serve", "--home", str(home), "--port", "0", *more]
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=home, env=environment(home, **environ)
            )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()

    @property
    def url(self) -> str:
        """Where it is found."""
        return str(json.loads(self.first_line)["progress_url"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.kill()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()


class NodeClient:
    """socket.io's own client for JavaScript."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.told: list[tuple[str, Any]] = []
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            value = json.loads(line)
            async with self._news:
                self.told.append((value["event"], value.get("data")))
                self._news.notify_all()

    def of(self, event: str) -> list[Any]:
        """What it was told by an event of this name."""
        return [data for name, data in self.told if name == event]

    async def until(self, is_true: Callable[[], T]) -> T:
        """Wait until this is true of what it was told."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(is_true)
        return is_true()

    async def hears(self, event: str, times: int = 1) -> Any:
        """The latest data of an event, once it came so often."""
        await self.until(lambda: len(self.of(event)) >= times)
        return self.of(event)[-1]

    def emit(self, event: str, data: Any) -> None:
        """Have it emitted."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"event": event, "data": data}).encode() + b"\n")


@asynccontextmanager
async def node_client(url: str, transport: str, session: str = "", token: str = "") -> AsyncIterator[NodeClient]:
    """A client that is connected and has subscribed, where a session is named; skips the test where it is not here."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    if not (JS / "node_modules" / "socket.io-client").is_dir():
        pytest.skip("run `npm install` in tests/js first")
    environ = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    process = await asyncio.create_subprocess_exec(
        "node", str(JS / "progress.mjs"), url, transport, session, token,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, limit=2**24,
    )  # fmt: skip
    client = NodeClient(process)
    try:
        yield client
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await client._reading


class EventReader:
    """Reads a session's server-sent events."""

    def __init__(self, reply: httpx.Response) -> None:
        self._lines = reply.aiter_lines()

    async def next(self) -> tuple[str, Any, str]:
        """The next event: its name, its data and its id."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for line in self._lines:
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "event" in fields:
                    break
        return fields["event"], json.loads(fields["data"]), fields.get("id", "")

    async def until(self, event: str) -> tuple[Any, str]:
        """The next event of this name."""
        while True:
            name, data, number = await self.next()
            if name == event:
                return data, number


@asynccontextmanager
async def events(url: str, session_id: str, query: str = "", **headers: str) -> AsyncIterator[EventReader]:
    """The events of a session."""
    async with (
        httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as client,
        client.stream("GET", f"{url}/api/training/events/{session_id}{query}", headers=headers) as reply,
    ):
        assert reply.status_code == 200, await reply.aread()
        yield EventReader(reply)


async def get(url: str, path: str, **headers: str) -> httpx.Response:
    """One request."""
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as client:
        return await client.get(url + path, headers=headers)


async def post(url: str, path: str, body: Any, **headers: str) -> httpx.Response:
    """Post a JSON value, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as client:
        return await client.post(url + path, content=content, headers=headers)


def header(session_id: str = "r1", **more: Any) -> RunHeader:
    """What a run is."""
    return RunHeader(session_id, started_at=AT, total_steps=100, total_models=3, **more)


def point(step: int, loss: float = 1.5, model: int = 0, **values: float) -> Point:
    """A loss, a second after the one of the step before."""
    return Point(step, AT + step, {"loss": loss, **values}, model)


def event(name: str, step: int | None = None, model: int = 0, **payload: Any) -> Event:
    """Something that happened."""
    return Event(name, AT + (step or 0), step, model, payload)


def end(status: str = "completed") -> RunEnd:
    """The end of a run."""
    return RunEnd(AT + 1_000, status)


class Barrier:
    """Stands between a browser and a server, and lets through what it may. Use `barrier`."""

    def __init__(self, port: int, *, refuses: Sequence[bytes], swallows: Sequence[bytes]) -> None:
        self._port = port
        self._refuses = refuses
        self._swallows = swallows
        self.stopped: list[bytes] = []
        """The first lines of requests that did not get through, in lower case."""
        self.passed: list[bytes] = []
        """Those of the others."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            asked = await reader.readuntil(b"\r\n\r\n")
            head = asked.lower()
            if any(words in head for words in (*self._refuses, *self._swallows)):
                self.stopped.append(head.partition(b"\r\n")[0])
                if any(words in head for words in self._refuses):
                    writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                else:
                    await reader.read()
            else:
                self.passed.append(head.partition(b"\r\n")[0])
                await self._pass_on(asked, reader, writer)
        writer.close()

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        back.write(head.replace(b"Connection: keep-alive", b"Connection: close"))
        await asyncio.wait(
            [asyncio.create_task(_pump(reader, back)), asyncio.create_task(_pump(there, writer))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        back.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def barrier(
    port: int, *, refuses: Sequence[bytes] = (), swallows: Sequence[bytes] = ()
) -> AsyncIterator[tuple[str, Barrier]]:
    """The URL of what stands before a server.

    Args:
        refuses: what in a request's head, in lower case, has it refused.
        swallows: what has it never answered.
    """
    made = Barrier(port, refuses=refuses, swallows=swallows)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", made
    finally:
        server.close()
