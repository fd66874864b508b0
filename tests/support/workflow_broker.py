"""A broker in memory that keeps the Protocol, for screens alone: what passes over it, and a watch on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from evolver_tui.core.errors import BrokerError
from evolver_tui.core.times import utc_text
from evolver_tui.core.workflow.chunk import Chunk, ChunkError, ChunkType
from evolver_tui.core.workflow.subjects import broadcast_subject, pod_subject, request_subject
from evolver_tui.engine.workflow.broker import Hear, ParkedRequest, ServiceStanding
from evolver_tui.engine.workflow.monitor import WorkflowMonitor


class MemoryBroker:
    """Hands each message to whoever listens, at once."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes]] = []
        """What was published by this side, which is heard as well."""
        self.refuses: BrokerError | None = None
        """Why it does not open."""
        self.takes = True
        """Whether somebody takes what is asked."""
        self.is_closed = False
        self._standing = ServiceStanding("nats", True)
        self._listeners: list[Callable[[ServiceStanding], None]] = []
        self._hearing: dict[int, tuple[str, Hear]] = {}

    @property
    def standing(self) -> ServiceStanding:
        return self._standing

    def watch(self, listener: Callable[[ServiceStanding], None]) -> None:
        self._listeners.append(listener)

    def stand(self, is_up: bool, reason: str = "") -> None:
        """Go away, or come back."""
        self._standing = ServiceStanding("nats", is_up, reason)
        for listener in self._listeners:
            listener(self._standing)

    async def open(self) -> None:
        if self.refuses is not None:
            raise self.refuses

    async def close(self) -> None:
        self.is_closed = True

    async def publish(self, subject: str, data: bytes) -> None:
        self.published.append((subject, data))
        self.tell(subject, data)

    async def confirm(self, seconds: float) -> bool:
        return True

    async def ask(self, subject: str, data: bytes, seconds: float) -> bytes | None:
        await self.publish(subject, data)
        return b"+OK" if self.takes else None

    async def subscribe(self, subject: str, hear: Hear) -> Callable[[], None]:
        number = len(self._hearing)
        self._hearing[number] = (subject, hear)
        return lambda: self._hearing.pop(number, None) and None

    def tell(self, subject: str, data: bytes) -> None:
        """Somebody published this."""
        for pattern, hear in list(self._hearing.values()):
            if len(subject.split(".")) == len(pattern.split(".")) and fnmatchcase(subject, pattern):
                hear(subject, data)


class MemoryParked:
    """Parked requests in a list."""

    def __init__(self, *requests: ParkedRequest) -> None:
        self.requests = list(requests)
        self.retried: list[int] = []
        self.problem: BrokerError | None = None

    async def list(self, most: int = 1_000) -> Sequence[ParkedRequest]:
        if self.problem is not None:
            raise self.problem
        return tuple(self.requests[:most])

    async def retry(self, number: int) -> None:
        self.retried.append(number)
        await self.drop(number)

    async def drop(self, number: int) -> None:
        self.requests = [each for each in self.requests if each.number != number]


class HandTime:
    """The time of day, moved by hand."""

    def __init__(self, start: float = 1_767_268_800.0) -> None:
        self.seconds = start

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


class Chats:
    """People who chat, and instances that answer, over a broker in memory."""

    def __init__(self, *parked: ParkedRequest) -> None:
        self.broker = MemoryBroker()
        self.parked = MemoryParked(*parked)
        self.time = HandTime()
        self.monitor: WorkflowMonitor | None = None
        self._next: dict[str, int] = {}

    def make_monitor(self) -> WorkflowMonitor:
        """What watches them."""
        self.monitor = WorkflowMonitor(
            self.broker, self.parked, self.time, place="nats://localhost:4222", gateway="http://127.0.0.1:8080"
        )
        return self.monitor

    def ask(self, session: str, message: str, words: str, user: str = "ada", **context: Any) -> None:
        """A person asks something."""
        request = {
            "message_id": message, "session_id": session, "user_id": user, "message": words, "context": context,
            "timestamp": utc_text(self.time.now()), "correlation_id": f"corr_{message}",
        }  # fmt: skip
        self.broker.tell(request_subject(session), json.dumps(request).encode())

    def say(
        self, session: str, message: str, text: str = "", *, pods: Sequence[str] = ("pod-1",), attempt: int = 1,
        kind: ChunkType = ChunkType.CONTENT, final: bool = False, error: ChunkError | None = None, **metadata: Any,
    ) -> None:  # fmt: skip
        """An instance publishes the next chunk of an answer to these pods, or to whoever listens."""
        name = f"{session} {message} {attempt}"
        number = self._next[name] = self._next.get(name, -1) + 1
        chunk = Chunk(
            session, message, number, text, utc_text(self.time.now()), f"corr_{message}", kind, final,
            metadata or None, error, attempt,
        )  # fmt: skip
        for subject in [pod_subject(pod) for pod in pods] or [broadcast_subject(session)]:
            self.broker.tell(subject, chunk.to_bytes())


def a_busy_morning(chats: Chats) -> None:
    """One chat of each standing, the last but one of which streams."""
    time, both = chats.time, ("pod-1", "pod-2")
    chats.ask("sess_tutorial", "msg_1", "How does a queue group share work?", "grace", model="gpt-4.1")
    time.seconds += 0.4
    for words in ("Each message goes to ", "one member of the group, ", "chosen by the server. ", "No more."):
        chats.say("sess_tutorial", "msg_1", words, pods=both)
        time.seconds += 0.1
    end: dict[str, Any] = {"model": "gpt-4.1", "tokens_used": 42, "finish_reason": "stop"}
    chats.say("sess_tutorial", "msg_1", final=True, pods=both, **end)
    time.seconds += 7
    chats.ask("sess_9f3", "msg_2", "Which orders are late?", "linus")
    time.seconds += 0.2
    chats.say("sess_9f3", "msg_2", "Let me look. ")
    away = ChunkError("provider_error", "The provider answered 529: overloaded. Try again later.")
    chats.say("sess_9f3", "msg_2", kind=ChunkType.ERROR, final=True, error=away, finish_reason="error")
    time.seconds += 3
    chats.ask("sess_refund", "msg_3", "Refund order 4711, please.", "barbara", model="support-graph")
    time.seconds += 1.1
    chats.say("sess_refund", "msg_3", "I found the order: it was paid by card. ", pods=("pod-3",), attempt=2)
    chats.say(
        "sess_refund", "msg_3", "Shall 129.00 EUR be refunded?", pods=("pod-3",), attempt=2, kind=ChunkType.SYSTEM,
        event="question",
    )  # fmt: skip
    time.seconds += 2
    chats.ask("sess_offline", "msg_4", "What can you do without a network?", "edsger")
    chats.say("sess_offline", "msg_4", "I received your message. ", pods=())
    called_off = ChunkError("cancelled", "The answer was called off.")
    chats.say("sess_offline", "msg_4", pods=(), kind=ChunkType.ERROR, final=True, error=called_off)
    time.seconds += 4
    chats.ask("sess_456", "msg_5", "What is the weather today, and do I need a coat?", "ada", model="gpt-4.1")
    time.seconds += 0.3
    call: dict[str, Any] = {"event": "tool_call", "arguments": {"city": "Ulm"}}
    chats.say("sess_456", "msg_5", "Calls weather.", kind=ChunkType.SYSTEM, pods=both, **call)
    given: dict[str, Any] = {"event": "tool_result", "result": "14 degrees, rain until noon"}
    chats.say("sess_456", "msg_5", "weather answered.", kind=ChunkType.SYSTEM, pods=both, **given)
    for words in ("It rains until noon, ", "then it clears. ", "Take a light coat: ", "it stays at 14 degrees.\n\n",
                  "In the evening ", "it is dry, and ", "the sun sets at 16:42."):  # fmt: skip
        chats.say("sess_456", "msg_5", words, pods=both)
        time.seconds += 0.1
    chats.ask("sess_waiting", "msg_6", "Hello, how are you?", "user1")
    time.seconds += 0.3
