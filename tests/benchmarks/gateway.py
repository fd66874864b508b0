"""What a gateway costs: memory and work for connections at rest, and how long a chunk takes to each of them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import nats

from evolver_tui.core.workflow.chunk import Chunk
from evolver_tui.core.workflow.subjects import pod_subject
from tests.benchmarks.figures import Row, at_most, percentile, told
from tests.benchmarks.terminal import resident_kib
from tests.benchmarks.workplace import temporary_folder
from tests.support.nats_server import NatsServer
from tests.support.processes import environment
from tests.support.redis_server import RedisServer
from tests.support.workflow_process import servers

_CONNECTIONS = 2_000
_CHUNKS_A_SECOND = 1_000
_CHUNKS_A_MESSAGE = 50
_OPENING_AT_ONCE = 50
_PATIENCE_SECONDS = 120.0
_REST_SECONDS = 5.0
_POD = "pod-benchmark"


def gateway(is_quick: bool) -> Iterator[Row]:
    """A gateway in a process of its own; its readers and whoever publishes are in this one."""
    seconds = 5.0 if is_quick else 20.0
    for readers_a_session in (1, 10):
        with servers() as both:
            found = asyncio.run(_measure(both, readers_a_session, seconds))
        if readers_a_session == 1:
            yield told("a gateway at rest, RSS", [found.at_first], " MB")
            yield at_most(f"... with {_CONNECTIONS:,} event streams at rest, RSS", [found.with_readers], 200.0, " MB")
            yield told("... of its processor's time while they rest", [found.work_at_rest * 100], " %")
        name = f"{_CHUNKS_A_SECOND:,} chunks a second, each to {readers_a_session} of {_CONNECTIONS:,} streams: p99"
        way = percentile(found.ways, 99) * 1e3
        # Ten readers each are 10,000 events a second, which is as much as this one reading process takes.
        yield at_most(name, [way], 50.0, " ms") if readers_a_session == 1 else told(name, [way], " ms")
        yield told("... p50", [percentile(found.ways, 50) * 1e3], " ms")
        yield told("... of the gateway's processor's time", [found.work * 100], " %")


class _Found(NamedTuple):
    """Megabytes, seconds, and shares of a processor."""

    at_first: float
    with_readers: float
    work_at_rest: float
    ways: Sequence[float]
    work: float


class _Stream(asyncio.Protocol):
    """A reader that looks for nothing but the time at which a chunk was published, which is its text."""

    def __init__(self, port: int, session: str, ways: list[float]) -> None:
        self.is_connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = (
            f"GET /api/sse?session_id={session}&user_id=u HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        )
        self._ways = ways
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if not self.is_connected.done():
            self._head += data
            if b"event: connected" in self._head:
                self.is_connected.set_result(None)
            return
        self._ways += [now - float(part[: part.index(b'"')]) for part in data.split(b'"chunk":"')[1:]]


async def _measure(both: tuple[NatsServer, RedisServer], readers: int, seconds: float) -> _Found:
    with temporary_folder() as home, _gateway(home, both) as process:
        assert process.stdout is not None
        port = int(json.loads(process.stdout.readline())["gateway_url"].rpartition(":")[2])
        await asyncio.sleep(1.0)
        at_first = resident_kib(process.pid) / 1024
        ways: list[float] = []
        await _open_streams(port, readers, ways)
        await asyncio.sleep(_REST_SECONDS)
        used = _processor_seconds(process.pid)
        await asyncio.sleep(_REST_SECONDS)
        at_rest = (_processor_seconds(process.pid) - used) / _REST_SECONDS
        with_readers = resident_kib(process.pid) / 1024
        used = _processor_seconds(process.pid)
        gc.disable()  # what is measured is the gateway, and not this process
        sent = await _publish(both[0].url, _CONNECTIONS // readers, seconds)
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while len(ways) < sent * readers:  # noqa: ASYNC110 - a protocol tells nobody
                await asyncio.sleep(0.05)
        gc.enable()
        return _Found(at_first, with_readers, at_rest, ways, (_processor_seconds(process.pid) - used) / seconds)


async def _open_streams(port: int, readers: int, ways: list[float]) -> None:
    loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(_OPENING_AT_ONCE)

    async def open_one(number: int) -> None:
        async with gate:
            _, stream = await loop.create_connection(
                lambda: _Stream(port, f"s{number // readers}", ways), "127.0.0.1", port
            )
            await stream.is_connected

    async with asyncio.timeout(_PATIENCE_SECONDS):
        await asyncio.gather(*map(open_one, range(_CONNECTIONS)))


async def _publish(url: str, sessions: int, seconds: float) -> int:
    """Chunks at their rate, to one session after the other; returns how many."""
    connection = await nats.connect(url)
    started, sent = time.perf_counter(), 0
    while (passed := time.perf_counter() - started) < seconds:
        while sent < passed * _CHUNKS_A_SECOND:
            message, number = divmod(sent // sessions, _CHUNKS_A_MESSAGE)
            chunk = Chunk(
                f"s{sent % sessions}", f"m{message}", number, f"{time.perf_counter():.6f}", "",
                is_final=number == _CHUNKS_A_MESSAGE - 1,
            )  # fmt: skip
            await connection.publish(pod_subject(_POD), chunk.to_bytes())
            sent += 1
        await connection.flush()
        await asyncio.sleep(0.001)
    await connection.close()
    return sent


@contextlib.contextmanager
def _gateway(home: Path, both: tuple[NatsServer, RedisServer]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "evolver_tui", "workflow", "gateway", "--home", str(home), "--port", "0"]
    places = {"NATS_URL": both[0].url, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(both[1].port)}
    process = subprocess.Popen(
        [*command, "--pod-id", _POD], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=environment(home, **places),
    )  # fmt: skip
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _processor_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
