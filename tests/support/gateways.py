"""Gateways on real sockets, readers of their events, and answers that stream to them over real servers."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from evolver_tui.adapters.nats.connection import NatsBroker
from evolver_tui.adapters.nats.settings import NatsSettings
from evolver_tui.adapters.redis.registry import RedisRegistry, RedisSettings
from evolver_tui.adapters.web.gateway.access import gateway_access
from evolver_tui.adapters.web.gateway.server import GatewayServer
from evolver_tui.core.address import Address
from evolver_tui.core.workflow.chat_request import ChatRequest, read_request
from evolver_tui.core.workflow.subjects import ALL_REQUESTS
from evolver_tui.engine.workflow.answer_stream import AnswerStream, Route
from evolver_tui.engine.workflow.answering import AnswerEnd
from evolver_tui.engine.workflow.gateway import Gateway, GatewayLimits
from tests.support.nats_server import NatsServer
from tests.support.processes import environment
from tests.support.redis_server import RedisServer

PATIENCE_SECONDS = 60.0
"""Only a hang takes so long."""

Servers = tuple[NatsServer, RedisServer]
T = TypeVar("T")


@dataclass(frozen=True)
class Event:
    """One event as it was read."""

    name: str
    value: Mapping[str, Any]
    id: str


def read_event(block: str) -> Event | None:
    """An event's lines; None for what is none, such as when to come back."""
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    return Event(fields["event"], json.loads(fields["data"]), fields.get("id", "")) if "event" in fields else None


class Reader:
    """Reads a session's events, and goes on behind the last one when it comes back."""

    def __init__(self, session: str = "sess", user: str = "ada", **headers: str) -> None:
        self.events: list[Event] = []
        self.last_event_id = ""
        self.status = 0
        self.is_over = False
        """Whether the stream came to its end."""
        self._query = {"session_id": session, "user_id": user}
        self._headers = headers
        self._news = asyncio.Condition()
        self._reading: asyncio.Task[None] | None = None

    async def open(self, url: str) -> Self:
        """Connect, also once more, and wait until that is answered."""
        await self.cut()
        self.is_over = False
        connected = len(self.told("connected"))
        self._reading = asyncio.create_task(self._read(url))
        await self.until(lambda: len(self.told("connected")) > connected)
        return self

    async def _read(self, url: str) -> None:
        headers = self._headers | ({"Last-Event-ID": self.last_event_id} if self.last_event_id else {})
        async with (
            httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as client,
            client.stream("GET", f"{url}/api/sse", params=self._query, headers=headers) as reply,
        ):
            self.status = reply.status_code
            rest = ""
            async for text in reply.aiter_text():
                *blocks, rest = (rest + text).split("\n\n")
                await self._take(filter(None, map(read_event, blocks)))
        async with self._news:
            self.is_over = True
            self._news.notify_all()

    async def _take(self, events: Any) -> None:
        async with self._news:
            for event in events:
                self.events.append(event)
                self.last_event_id = event.id or self.last_event_id
            self._news.notify_all()

    async def cut(self) -> None:
        """Break the connection."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def until(self, is_true: Callable[[], T]) -> T:
        """Wait until this is true of what was read."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(is_true)
        return is_true()

    def told(self, name: str, message_id: str | None = None) -> list[Mapping[str, Any]]:
        """The data of the events of this name, of one message."""
        found = [event.value for event in self.events if event.name == name]
        return [value for value in found if message_id in (None, value.get("message_id"))]

    def numbers(self, message_id: str) -> list[int]:
        """The chunks that came of a message, as they came."""
        return [value["chunk_id"] for value in self.told("chunk", message_id)]

    async def answer(self, message_id: str) -> str:
        """The text of a message's answer, once that is complete: each chunk came once, and in order."""
        await self.until(lambda: self.told("message_complete", message_id))
        assert self.numbers(message_id) == list(range(len(self.numbers(message_id))))
        assert len(self.told("message_complete", message_id)) == 1
        return "".join(value["chunk"] for value in self.told("chunk", message_id))


class Writers:
    """What a service does, one call at a time: hears requests, and streams answers by our own parts."""

    def __init__(self, broker: NatsBroker, registry: RedisRegistry) -> None:
        self.broker = broker
        self.registry = registry
        self.requests: asyncio.Queue[ChatRequest] = asyncio.Queue()

    async def take_requests(self) -> None:
        """Be there to answer."""

        def hear(message: Any) -> None:
            if message.reply:
                self.broker.send_soon(message.reply, b'{"status":"accepted"}')
            self.requests.put_nowait(read_request(message.data, message.subject))

        await self.broker.listen(ALL_REQUESTS, hear, "workflow-workers")

    def answer(self, session: str = "sess", message: str = "m", attempt: int = 1, next_chunk: int = 0) -> AnswerStream:
        """The chunks of one answer, to be told one after the other."""
        request = {"message_id": message, "session_id": session, "user_id": "ada", "message": "Hello"}
        route = Route(self.broker, self.registry, time.time)
        return AnswerStream(route, read_request(json.dumps(request).encode()), attempt=attempt, next_chunk=next_chunk)


async def say(stream: AnswerStream, *words: str, end: bool = False) -> None:
    """Stream some words, and perhaps the end."""
    for word in words:
        await stream.say(f"{word} ")
    if end:
        await stream.finish(AnswerEnd("demo", 7))


def parts(both: Servers) -> tuple[NatsBroker, RedisRegistry]:
    """Broker and registry on these servers, not opened."""
    broker = NatsBroker(NatsSettings((Address(both[0].url),)))
    return broker, RedisRegistry(RedisSettings("127.0.0.1", both[1].port))


@asynccontextmanager
async def writers(both: Servers) -> AsyncIterator[Writers]:
    """Somebody who answers."""
    broker, registry = parts(both)
    await asyncio.gather(broker.open(), registry.open())
    try:
        yield Writers(broker, registry)
    finally:
        await broker.close()
        await registry.close()


class RunningGateway:
    """A gateway of this process that is served on a free port."""

    def __init__(self, gateway: Gateway, server: GatewayServer, faults: Sequence[BaseException]) -> None:
        self.gateway = gateway
        self.server = server
        self.faults = faults

    @property
    def url(self) -> str:
        return self.server.url

    def break_connections(self) -> None:
        """Cut everybody's connection without a word, as a network does."""
        for connection in list(self.server._server.server_state.connections):
            connection.transport.abort()

    async def close(self) -> None:
        """End it as its command does."""
        self.server.take_no_more()
        await asyncio.gather(self.gateway.close(), self.server.close())
        assert not self.faults


@asynccontextmanager
async def gateway(
    both: Servers, pod: str = "pod-1", *, limits: GatewayLimits | None = None, token: str = "",
    origins: Sequence[str] = (),
) -> AsyncIterator[RunningGateway]:  # fmt: skip
    """A gateway that is open."""
    faults: list[BaseException] = []
    made = Gateway(*parts(both), pod, limits=limits or GatewayLimits())
    access = gateway_access("127.0.0.1", token, origins)
    running = RunningGateway(made, GatewayServer(made, access, 0, fault=faults.append), faults)
    await running.server.start()
    await made.open()
    try:
        yield running
    finally:
        if not made.is_ending:
            await running.close()


class GatewayProcess:
    """`evolver-tui workflow gateway` in a process of its own."""

    def __init__(self, home: Path, both: Servers | None, *more: str, config: str = "", **environ: str) -> None:
        (home / "config").mkdir(parents=True, exist_ok=True)
        (home / "config" / "config.toml").write_text(config)
        places = {"NATS_URL": "nats://127.0.0.1:1", "REDIS_HOST": "127.0.0.1", "REDIS_PORT": "1"}
        if both is not None:
            places |= {"NATS_URL": both[0].url, "REDIS_PORT": str(both[1].port)}
        command = [
            sys.executable,
            "-m",
            "evolver_tui",
            "workflow",
            "gateway",
            "--home",
            str(home),
            "--port",
            "0",
            *more,
        ]
        self.errors = home / "stderr.txt"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*command, *more], stdout=subprocess.PIPE, stderr=errors, text=True, cwd=home,
                env=environment(home, **places, **environ),
            )  # fmt: skip
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()

    @property
    def url(self) -> str:
        """Where it is found."""
        return str(json.loads(self.first_line)["gateway_url"])

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

    async def ended(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, PATIENCE_SECONDS)


async def get(url: str, path: str = "/health", **headers: str) -> httpx.Response:
    """One request."""
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as client:
        return await client.get(url + path, headers=headers)


async def post(url: str, path: str = "/api/chat", body: Any = None, **headers: str) -> httpx.Response:
    """Post a JSON value, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False) as client:
        return await client.post(url + path, content=content, headers={"Content-Type": "application/json", **headers})
