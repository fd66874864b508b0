"""What a progress server costs: its processor's time for those who watch, memory for sessions, and how fast it takes
records."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from evolver_tui.core.training.record import Point, RunHeader, to_line
from tests.benchmarks.figures import Row, at_least, at_most, percentile, told
from tests.benchmarks.terminal import cpu_seconds, resident_kib
from tests.benchmarks.workplace import temporary_folder
from tests.support.processes import environment

_SUBSCRIBERS = 100
_POSTS_A_SECOND = 10
_POINTS_A_POST = 5
_SESSIONS = 10_000
_SENDERS = 20
_RECORDS = 100_000
_RECORDS_A_POST = 5_000
_PATIENCE_SECONDS = 120.0
_UPDATE = b'42["progress_update"'
_AT = 1_764_000_000.0


def training_server(is_quick: bool) -> Iterator[Row]:
    """A server in a process of its own; whoever sends and watches is in this one."""
    seconds = 5.0 if is_quick else 20.0
    with _server() as (process, port):
        found = asyncio.run(_watch(process.pid, port, seconds))
    name = f"{_SUBSCRIBERS} subscribers by WebSocket of one session, 10 updates a second: of a processor's time"
    yield at_most(name, [(found.work - found.alone) * 100], 5.0, " %")
    yield told("... updates that each was told a second", [found.rate], "")
    alone = f"... beside what taking the points costs: {_POSTS_A_SECOND} posts a second of {_POINTS_A_POST} points"
    yield told(alone, [found.alone * 100], " %")
    yield told("... from the post to each of them, p99", [percentile(found.ways, 99) * 1e3], " ms")
    with _server() as (process, port):
        at_first = resident_kib(process.pid) / 1024
        took = asyncio.run(_fill(port, _SESSIONS // (10 if is_quick else 1)))
        grown = resident_kib(process.pid) / 1024
    yield told("a server at rest, RSS", [at_first], " MB")
    count = _SESSIONS // (10 if is_quick else 1)
    yield told(f"... with {count:,} sessions of one point each", [grown], " MB")
    yield told("... sessions a second", [count / took], "")
    rates, floors = zip(*(_ingest(_RECORDS // (5 if is_quick else 1)) for _ in range(3)), strict=True)
    yield told("records taken a second, told and committed", rates, "")
    ratios = [rate / floor for rate, floor in zip(rates, floors, strict=True)]
    yield at_least("... against json.loads alone on the same lines", ratios, 0.05)


class _Found(NamedTuple):
    work: float
    alone: float
    rate: float
    ways: Sequence[float]


class _Subscriber(asyncio.Protocol):
    """Speaks as much WebSocket as it has to, and looks for nothing but when a point was posted."""

    def __init__(self, ways: list[float]) -> None:
        self.is_connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ways = ways
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        assert self._transport is not None
        if b'40{"sid"' in data:
            self._transport.write(_frame('42["subscribe_session",{"sessionId":"watched"}]'))
            self.is_connected.set_result(None)
        elif b'0{"sid"' in data:
            self._transport.write(_frame("40"))
        for part in data.split(_UPDATE)[1:]:
            self._ways.append(now - float(part.split(b'"posted":', 1)[1].split(b"}", 1)[0]))


def _frame(text: str) -> bytes:
    data = text.encode()
    return bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data


@contextlib.contextmanager
def _server() -> Iterator[tuple[subprocess.Popen[str], int]]:
    with temporary_folder() as home:
        command = [sys.executable, "-m", "evolver_tui", "progress", "serve", "--home", str(home), "--port", "0"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment(Path(home))
        )
        try:
            assert process.stdout is not None
            yield process, int(json.loads(process.stdout.readline())["progress_url"].rpartition(":")[2])
        finally:
            process.terminate()
            process.wait(30)


class _Poster:
    """Posts over one connection, and waits for each reply."""

    def __init__(self, reading: asyncio.StreamReader, writing: asyncio.StreamWriter) -> None:
        self._reading = reading
        self._writing = writing

    async def post(self, path: str, body: bytes) -> bytes:
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        self._writing.write(head.encode() + body)
        answer = (await self._reading.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        assert b" 200 " in answer.split(b"\r\n", 1)[0], answer
        return await self._reading.readexactly(length)


@contextlib.asynccontextmanager
async def _poster(port: int) -> AsyncIterator[_Poster]:
    reading, writing = await asyncio.open_connection("127.0.0.1", port)
    yield _Poster(reading, writing)
    writing.close()


async def _watch(pid: int, port: int, seconds: float) -> _Found:
    ways: list[float] = []
    async with asyncio.timeout(_PATIENCE_SECONDS + 2 * seconds), _poster(port) as poster:
        await poster.post("/api/training/records/watched?from=0", to_line(RunHeader("watched", started_at=_AT)))
        line, alone = await _tell(poster, pid, 1, seconds)
        loop = asyncio.get_running_loop()
        subscribers = [
            (await loop.create_connection(lambda: _Subscriber(ways), "127.0.0.1", port))[1] for _ in range(_SUBSCRIBERS)
        ]
        for subscriber in subscribers:
            await subscriber.is_connected
        line, _ = await _tell(poster, pid, line, 1.0)
        ways.clear()
        _, work = await _tell(poster, pid, line, seconds)
        return _Found(work, alone, len(ways) / _SUBSCRIBERS / seconds, ways)


async def _tell(poster: _Poster, pid: int, line: int, seconds: float) -> tuple[int, float]:
    """Post points at their rate; the next line, and how much of a processor's time that took."""
    used, started = cpu_seconds(pid), time.perf_counter()
    for number in range(int(seconds * _POSTS_A_SECOND)):
        await asyncio.sleep(max(0.0, started + number / _POSTS_A_SECOND - time.perf_counter()))
        values = {"loss": 1.5, "posted": round(time.perf_counter(), 6)}
        points = [to_line(Point(step, _AT + step, values)) for step in range(line, line + _POINTS_A_POST)]
        await poster.post(f"/api/training/records/watched?from={line}", b"".join(points))
        line += _POINTS_A_POST
    return line, (cpu_seconds(pid) - used) / (time.perf_counter() - started)


async def _fill(port: int, count: int) -> float:
    started = time.perf_counter()

    async def send(first: int) -> None:
        async with _poster(port) as poster:
            for number in range(first, count, _SENDERS):
                await poster.post(f"/api/training/progress/s{number}", b'{"step":1,"totalSteps":100,"loss":1.5}')

    await asyncio.gather(*map(send, range(_SENDERS)))
    return time.perf_counter() - started


def _ingest(count: int) -> tuple[float, float]:
    """Records a second that a server takes, and that json.loads reads."""
    lines = [to_line(RunHeader("r", started_at=_AT, total_steps=count))]
    lines += [to_line(Point(step, _AT + step, {"loss": 1.5, "lr": 0.001})) for step in range(count)]

    async def send(port: int) -> float:
        async with _poster(port) as poster:
            started = time.perf_counter()
            for first in range(0, len(lines), _RECORDS_A_POST):
                body = b"".join(lines[first : first + _RECORDS_A_POST])
                await poster.post(f"/api/training/records/r?from={first}", body)
            return count / (time.perf_counter() - started)

    with _server() as (_, port):
        rate = asyncio.run(send(port))
    started = time.perf_counter()
    for line in lines:
        json.loads(line)
    return rate, count / (time.perf_counter() - started)
