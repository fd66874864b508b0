"""`evolver-tui workflow serve` as a process, and pods that chat with it by nats-py and redis-py alone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import nats
import redis.asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.support.nats_server import NatsServer
from tests.support.processes import environment
from tests.support.redis_server import RedisServer

PATIENCE_SECONDS = 60.0
"""Only a hang takes so long."""

T = TypeVar("T")
Chunk = dict[str, Any]


class Serving:
    """An instance under `home`, which tells of signals on stderr, a JSON object a line.

    Args:
        more: options of the command.
        config: of the home; None leaves what is there.
        program: what begins the command.
    """

    def __init__(
        self,
        home: Path,
        nats_url: str,
        redis_port: int,
        *more: str,
        config: str | None = None,
        program: Sequence[str] = ("-m", "evolver_tui"),
        **environ: str,
    ) -> None:
        (home / "config").mkdir(parents=True, exist_ok=True)
        if config is not None:
            (home / "config" / "config.toml").write_text(config)
        servers = {"NATS_URL": nats_url, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis_port)}
        command = [sys.executable, *program, "workflow", "serve", "--home", str(home), "--json", *more]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, cwd=home, env=environment(home, **servers, **environ)
        )
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._is_silent = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                with self._news:
                    self.lines.append(line)
                    self._news.notify_all()
        with self._news:
            self._is_silent = True
            self._news.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.kill()

    def told(self, name: str, **fields: object) -> list[dict[str, Any]]:
        """The payloads of signals of this name with these fields, so far."""
        signals = [json.loads(line) for line in self.lines if line.startswith("{")]
        payloads: list[dict[str, Any]] = [each["payload"] for each in signals if each["name"] == name]
        return [payload for payload in payloads if fields.items() <= payload.items()]

    def wait_until(self, is_true: Callable[[], T]) -> T:
        """Wait until this is true of what was told; fails when the process has ended without it."""
        with self._news:
            self._news.wait_for(lambda: is_true() or self._is_silent, PATIENCE_SECONDS)
            value = is_true()
            assert value, "".join(self.lines[-30:]) or "the process wrote nothing"
            return value

    async def until(self, name: str, count: int = 1, **fields: object) -> dict[str, Any]:
        """The `count`th signal of this name with these fields."""
        return (await asyncio.to_thread(self.wait_until, lambda: self.told(name, **fields)[count - 1 : count]))[0]

    async def ended(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; its exit code."""
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, PATIENCE_SECONDS)

    def freeze(self) -> None:
        """Hold it."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)


class Pods:
    """Pods that hear chunks, and a chat that sends requests."""

    def __init__(self, connection: Client, registry: redis.asyncio.Redis, names: Sequence[str]) -> None:
        self.nats = connection
        self.registry = registry
        self.names = names
        self.heard: dict[str, list[Chunk]] = {name: [] for name in names}
        self.broadcast: list[Chunk] = []
        self._news = asyncio.Condition()

    async def open(self) -> None:
        """Listen as every pod, and to what is broadcast."""
        for name in self.names:
            await self.nats.subscribe(f"chat.pod.{name}.response", cb=self._hearing(self.heard[name]))
        await self.nats.subscribe("chat.session.*.broadcast", cb=self._hearing(self.broadcast))
        await self.nats.flush()

    def _hearing(self, heard: list[Chunk]) -> Any:
        async def hear(message: Msg) -> None:
            async with self._news:
                heard.append(json.loads(message.data))
                self._news.notify_all()

        return hear

    async def connect(self, session: str, *pods: str) -> None:
        """Have pods, all by default, say that they have a connection of this chat."""
        for pod in pods or self.names:
            await self.registry.sadd(f"session:connections:{session}", f"{pod}:conn-{session}")

    async def ask(
        self, session: str, message_id: str, message: str = "Hello, how are you?", *, attempt: int = 1, **context: Any
    ) -> None:
        """Send one request, as spec 002 has it; as an instance gives it back where it is a later attempt."""
        request = {
            "message_id": message_id,
            "session_id": session,
            "user_id": "user1",
            "message": message,
            "context": context,
            "timestamp": "2025-11-18T20:30:00Z",
            "correlation_id": f"corr_{message_id}",
        }
        headers = {"Workflow-Attempt": str(attempt)} if attempt > 1 else None
        await self.nats.publish(f"chat.workflow.execute.{session}", json.dumps(request).encode(), headers=headers)
        await self.nats.flush()

    async def send(self, subject: str, data: bytes = b"") -> None:
        """Publish anything, and wait until it has arrived."""
        await self.nats.publish(subject, data)
        await self.nats.flush()

    async def until(self, is_true: Callable[[], T]) -> T:
        """Wait until this is true of what was heard."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._news:
            await self._news.wait_for(is_true)
        return is_true()

    def chunks(self, message_id: str, pod: str | None = None) -> list[Chunk]:
        """What a pod heard of one message's latest attempt, each chunk once, in order; of what was broadcast for ""."""
        heard = self.broadcast if pod == "" else self.heard[pod or self.names[0]]
        mine = [chunk for chunk in heard if chunk["message_id"] == message_id]
        latest = max((chunk.get("attempt", 1) for chunk in mine), default=1)
        numbered: dict[int, Chunk] = {}
        for chunk in mine:
            if chunk.get("attempt", 1) == latest:
                numbered.setdefault(chunk["chunk_id"], chunk)
        return [numbered[number] for number in sorted(numbered)]

    def is_whole(self, message_id: str, pod: str | None = None) -> bool:
        """Whether an answer is there from its first chunk to its last."""
        chunks = self.chunks(message_id, pod)
        numbers = [chunk["chunk_id"] for chunk in chunks]
        return bool(chunks) and chunks[-1]["is_final"] and numbers == list(range(len(chunks)))

    async def answer(self, message_id: str, pod: str | None = None) -> list[Chunk]:
        """The whole answer to a message."""
        await self.until(lambda: self.is_whole(message_id, pod))
        return self.chunks(message_id, pod)


@asynccontextmanager
async def pods(nats_server: NatsServer, redis_server: RedisServer, *names: str) -> AsyncIterator[Pods]:
    """Pods of these names that listen."""
    connection = await nats.connect(nats_server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
    registry = redis.asyncio.Redis(host="127.0.0.1", port=redis_server.port, decode_responses=True)
    try:
        opened = Pods(connection, registry, names or ("pod-1",))
        await opened.open()
        yield opened
    finally:
        await connection.close()
        await registry.aclose()


@contextmanager
def servers(*, jetstream: bool = False) -> Iterator[tuple[NatsServer, RedisServer]]:
    """A nats-server and a redis-server."""
    with NatsServer(jetstream=jetstream) as nats_server, RedisServer() as redis_server:
        yield nats_server, redis_server


def text_of(chunks: Sequence[Chunk]) -> str:
    """An answer's text."""
    return "".join(chunk["chunk"] for chunk in chunks if chunk["chunk_type"] == "content")
