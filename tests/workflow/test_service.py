"""The service with parts that a test holds: what comes beyond its room, and what nobody expected."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evolver_tui.adapters.nats.connection import NatsBroker
from evolver_tui.adapters.nats.queue import DurableQueue, PlainQueue
from evolver_tui.adapters.system_clock import SystemClock
from evolver_tui.core.errors import BadChatRequest, EvolverError
from evolver_tui.core.signal import Signal
from evolver_tui.core.workflow.chat_request import ChatRequest, ChatTurn
from evolver_tui.engine.chat_store import ChatAnswer
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from evolver_tui.engine.workflow.answer_stream import Route
from evolver_tui.engine.workflow.answering import AnswerEnd, AnswerPiece
from evolver_tui.engine.workflow.answers import Answers
from evolver_tui.engine.workflow.broker import RequestQueue
from evolver_tui.engine.workflow.conversations import Conversations
from evolver_tui.engine.workflow.service import ServiceParts, WorkflowService
from evolver_tui.settings.workspace import find_workspace
from evolver_tui.wiring.workflow import make_broker, make_registry
from tests.support.databases import opened
from tests.support.nats_server import NatsServer
from tests.support.redis_server import RedisServer
from tests.support.workflow_process import Pods, pods, servers, text_of

pytestmark = pytest.mark.anyio


class AheadClock(SystemClock):
    """The system's, and some seconds ahead of it where a test says so."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


class Held:
    """An answerer that waits for a test, says what it is told to, or breaks."""

    label = "held"

    def __init__(self) -> None:
        self.clock = AheadClock()
        self.begun: list[str] = []
        self.histories: list[int] = []
        self.go_on = asyncio.Event()

    def check(self, request: ChatRequest) -> None:
        if request.message == "refuse":
            raise BadChatRequest("unknown_model", "Not here.")

    async def answer(self, request: ChatRequest, history: Sequence[ChatTurn]) -> AsyncGenerator[AnswerPiece, None]:
        self.begun.append(request.message_id)
        self.histories.append(len(history))
        if request.message == "break":
            raise ZeroDivisionError("nobody expected this")
        if request.message == "fail":
            raise EvolverError("The model is away.")
        yield "First. "
        await self.go_on.wait()
        if request.message != "endless":
            yield AnswerEnd("held", 2, text="Last.")

    async def close(self) -> None: ...


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[NatsServer, RedisServer]]:
    """Servers that the tests of this module share."""
    with servers(jetstream=True) as started:
        yield started


@asynccontextmanager
async def service(
    both: tuple[NatsServer, RedisServer], folder: Path, *, durable: bool = False, room: int = 10, seconds: float = 60.0
) -> AsyncIterator[tuple[Pods, Held, list[Signal]]]:
    """A service that answers one request at a time, in this process."""
    environ = {"NATS_URL": both[0].url, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(both[1].port)}
    workspace = find_workspace(str(folder), None, None, environ)
    told: list[Signal] = []
    registry = SignalRegistry()
    registry.register_all(told.append)
    bus, answerer = SignalBus("s", time.time, lambda signals: None, registry), Held()
    clock = answerer.clock
    broker, pod_registry = make_broker(workspace, "test"), make_registry(workspace)
    async with opened(folder / "chats.db") as database, pods(*both) as chat:
        conversations = Conversations(database, 10, 1_000)
        answers = Answers(answerer, Route(broker, pod_registry, time.time), conversations, bus, seconds=seconds)
        serving = WorkflowService(
            ServiceParts(
                broker, pod_registry, queue(broker, durable=durable, room=room), answers, bus, clock,
                concurrency=1, ack_seconds=30.0, max_attempts=2,
            )
        )  # fmt: skip
        await serving.open()
        await chat.connect("chat")
        try:
            yield chat, answerer, told
        finally:
            answerer.go_on.set()
            serving.interrupt()
            await serving.close()


def queue(broker: NatsBroker, *, durable: bool, room: int) -> RequestQueue:
    return DurableQueue(broker, 30.0) if durable else PlainQueue(broker, room)


async def test_chat_is_told_where_there_is_no_room(both: tuple[NatsServer, RedisServer], tmp_path: Path) -> None:
    async with service(both, tmp_path, room=1) as (chat, answerer, told):
        await chat.ask("chat", "held")
        await chat.until(lambda: chat.chunks("held"))
        await chat.ask("chat", "waits")
        await chat.ask("chat", "beyond")
        (only,) = await chat.answer("beyond")
        assert (only["error"]["code"], only["correlation_id"]) == ("overloaded", "corr_beyond")
        answerer.go_on.set()
        for message_id in ("held", "waits"):
            assert text_of(await chat.answer(message_id)) == "First. Last."
        refused = [signal.payload["message_id"] for signal in told if signal.name == "workflow.refused"]
        assert refused == ["beyond"]


@pytest.mark.parametrize("durable", [False, True], ids=["plain", "durable"])
async def test_what_still_waits_is_called_off_as_well(
    durable: bool, both: tuple[NatsServer, RedisServer], tmp_path: Path
) -> None:
    async with service(both, tmp_path, durable=durable) as (chat, answerer, _):
        await chat.connect("other")
        await chat.ask("chat", "held")
        await chat.until(lambda: chat.chunks("held"))
        await chat.ask("chat", "waits")
        await chat.ask("other", "theirs")
        answerer.clock.ahead += 1  # longer than clocks may differ
        await chat.send("chat.workflow.cancel.chat")
        for message_id in ("held", "waits"):
            assert (await chat.answer(message_id))[-1]["error"]["code"] == "cancelled"
        answerer.clock.ahead -= 1
        answerer.go_on.set()
        assert text_of(await chat.answer("theirs")) == "First. Last."
        assert answerer.begun == ["held", "theirs"]


async def test_one_answer_that_breaks_does_not_end_the_others(
    both: tuple[NatsServer, RedisServer], tmp_path: Path
) -> None:
    async with service(both, tmp_path) as (chat, answerer, told):
        answerer.go_on.set()
        await chat.ask("chat", "broken", "break")
        assert (await chat.answer("broken"))[-1]["error"]["code"] == "failed"
        await chat.ask("chat", "refused", "refuse")
        assert (await chat.answer("refused"))[-1]["error"] == {"code": "unknown_model", "message": "Not here."}
        await chat.ask("chat", "failed", "fail")
        last = (await chat.answer("failed"))[-1]
        assert last["error"] == {"code": "failed", "message": "The model is away."}
        assert last["metadata"]["finish_reason"] == "error"
        await chat.ask("chat", "endless", "endless")
        assert (await chat.answer("endless"))[-1]["error"]["code"] == "failed"
        await chat.ask("chat", "good")
        assert text_of(await chat.answer("good")) == "First. Last."
        assert "nobody expected this" in next(s for s in told if s.name == "workflow.failed").payload["error"]


async def test_answer_has_an_end_in_time(both: tuple[NatsServer, RedisServer], tmp_path: Path) -> None:
    async with service(both, tmp_path, seconds=0.2) as (chat, _, told):
        await chat.ask("chat", "slow")
        chunks = await chat.answer("slow")
        assert text_of(chunks) == "First. "
        assert chunks[-1]["error"]["code"] == "timeout"
        assert any(signal.name == "workflow.failed" for signal in told)


async def test_answer_that_was_kept_is_told_again_as_it_was(
    both: tuple[NatsServer, RedisServer], tmp_path: Path
) -> None:
    """Its instance ended after it kept the answer, and before it had told all of it."""
    async with service(both, tmp_path) as (chat, answerer, _):
        async with opened(tmp_path / "chats.db") as database:
            answer = ChatAnswer("First. Last.", "coder", 7)
            await Conversations(database, 10, 1_000).keep("chat", "kept", "Hello", answer)
        await chat.ask("chat", "kept", attempt=2)
        (only,) = await chat.answer("kept")
        assert (only["chunk"], only["attempt"], only["is_final"]) == ("First. Last.", 2, True)
        assert only["metadata"] == {"model": "coder", "tokens_used": 7, "finish_reason": "stop"}
        assert answerer.begun == []


async def test_next_message_knows_of_the_one_before(both: tuple[NatsServer, RedisServer], tmp_path: Path) -> None:
    async with service(both, tmp_path) as (chat, answerer, _):
        answerer.go_on.set()
        for number in range(5):
            await chat.ask("chat", f"m{number}")
            await chat.answer(f"m{number}")
        assert answerer.histories == [0, 2, 4, 6, 8]


async def test_request_that_comes_twice_is_answered_once(both: tuple[NatsServer, RedisServer], tmp_path: Path) -> None:
    async with service(both, tmp_path) as (chat, answerer, _):
        await chat.ask("chat", "twice")
        await chat.until(lambda: chat.chunks("twice"))
        await chat.ask("chat", "twice")
        answerer.go_on.set()
        await chat.answer("twice")
        await chat.ask("chat", "next")
        await chat.answer("next")
        await chat.ask("chat", "twice")
        await chat.ask("chat", "last")
        await chat.answer("last")
        assert answerer.begun == ["twice", "next", "last"]
