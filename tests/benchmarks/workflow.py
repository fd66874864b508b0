"""What the workflow service adds to what nats-py takes: chunks a second, their way, and what stays in memory."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

import nats
from nats.aio.msg import Msg

from evolver_tui.core.workflow.chat_request import ChatRequest, ChatTurn, request_from
from evolver_tui.core.workflow.subjects import pod_subject
from evolver_tui.engine.chat_store import ChatAnswer
from evolver_tui.engine.signals import SignalBus, SignalRegistry
from evolver_tui.engine.workflow.answer_stream import AnswerStream, Route
from evolver_tui.engine.workflow.answering import AnswerEnd, AnswerPiece
from evolver_tui.engine.workflow.answers import Answers
from evolver_tui.engine.workflow.broker import Broker
from evolver_tui.engine.workflow.conversations import Conversations
from evolver_tui.engine.workflow.registry import SessionRegistry
from evolver_tui.settings.workspace import find_workspace
from evolver_tui.wiring.workflow import make_broker, make_registry
from tests.benchmarks.figures import Row, at_least, at_most, told
from tests.benchmarks.gateway import gateway
from tests.benchmarks.terminal import resident_kib
from tests.benchmarks.workplace import temporary_folder
from tests.support.nats_server import NatsServer
from tests.support.redis_server import RedisServer
from tests.support.workflow_process import Serving, servers

_REQUEST = {"message_id": "msg_1", "session_id": "sess_1", "user_id": "user", "message": "Hello", "correlation_id": "c"}
_TEXT = "three more words "
_PACE_SECONDS = 0.002
_REST_SECONDS = 1.0
_LEAN = (
    "-c",
    "import sys; sys.modules |= dict.fromkeys(('aiohttp', 'opentelemetry', 'keyring'));"
    " from evolver_tui.cli.main import main; sys.exit(main())",
)
"""The program without what only the tests' packages bring along, and nats-py, redis-py and secrets would load."""
_MICROSECONDS = 1e6


def workflow(is_quick: bool) -> Iterator[Row]:
    """Chunks by raw nats-py and by the service, in turn in the same run; then an instance at rest, and a gateway."""
    rounds, count = (3, 4_000) if is_quick else (9, 10_000)
    with servers() as both, asyncio.Runner() as runner:
        for pods in (1, 2, 10):
            pairs = [runner.run(_throughput(both, pods, count)) for _ in range(rounds)]
            ratios = [pair.ours / pair.floor for pair in pairs]
            name = f"chunks a second to {'a pod' if pods == 1 else f'{pods} pods'} / json.dumps and nats-py"
            yield at_least(name, ratios, 0.75, told=f", {statistics.median(pair.ours for pair in pairs):,.0f}/s")
        ways = [runner.run(_latency(both, count // 10)) for _ in range(rounds)]
        yield told("floor: a chunk's way by nats-py, p50", [way.floor * 1e3 for way in ways], " ms")
        yield at_most("... by the service, added, p50", [(way.ours - way.floor) * 1e3 for way in ways], 0.3, " ms")
        first = runner.run(_first_chunks(both, 20 if is_quick else 100))
        yield at_most("from a model's first token to its chunk, median", [first * 1e3], 5.0, " ms")
        yield at_most("an instance at rest, RSS", [_at_rest(both)], 80.0, " MB")
    yield from gateway(is_quick)


class _Pair(NamedTuple):
    floor: float
    ours: float


@asynccontextmanager
async def _service(both: tuple[NatsServer, RedisServer], pods: int) -> AsyncIterator[tuple[Broker, SessionRegistry]]:
    """Broker and registry as `workflow serve` makes them, and a chat with so many pods."""
    environ = {"NATS_URL": both[0].url, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(both[1].port)}
    with temporary_folder() as folder:
        workspace = find_workspace(str(folder), None, None, environ)
    broker, registry = make_broker(workspace, "benchmark"), make_registry(workspace)
    await asyncio.gather(broker.open(), registry.open())
    import redis.asyncio

    redis_client = redis.asyncio.Redis(host="127.0.0.1", port=both[1].port)
    await redis_client.delete("session:connections:sess_1")
    await redis_client.sadd("session:connections:sess_1", *(f"pod-{number}:conn" for number in range(pods)))
    await redis_client.aclose()
    try:
        yield broker, registry
    finally:
        await broker.close()
        await registry.close()


async def _throughput(both: tuple[NatsServer, RedisServer], pods: int, count: int) -> _Pair:
    floor = await _raw_rate(both[0], pods, count)
    async with _service(both, pods) as (broker, registry):
        stream = AnswerStream(Route(broker, registry, time.time), request_from(_REQUEST))
        await stream.say(_TEXT)
        started = time.perf_counter()
        for _ in range(count):
            await stream.say(_TEXT)
        assert await broker.confirm(30)
        return _Pair(floor, count / (time.perf_counter() - started))


async def _raw_rate(server: NatsServer, pods: int, count: int) -> float:
    """As spec 002 writes it down: each chunk as JSON, to each pod."""
    connection = await nats.connect(server.url)
    subjects = [pod_subject(f"pod-{number}") for number in range(pods)]
    started = time.perf_counter()
    for number in range(count):
        chunk = {
            "session_id": "sess_1", "message_id": "msg_1", "chunk_id": number, "chunk": _TEXT,
            "chunk_type": "content", "is_final": False, "timestamp": "2025-11-18T20:30:05Z", "correlation_id": "c",
        }  # fmt: skip
        data = json.dumps(chunk).encode()
        for subject in subjects:
            await connection.publish(subject, data)
    await connection.flush(30)
    rate = count / (time.perf_counter() - started)
    await connection.close()
    return rate


async def _latency(both: tuple[NatsServer, RedisServer], count: int) -> _Pair:
    """The median way of one chunk of a paced stream, from its text to a pod's callback."""
    async with _service(both, 1) as (broker, registry):
        connection = await nats.connect(both[0].url)
        stream = AnswerStream(Route(broker, registry, time.time), request_from(_REQUEST))
        data = json.dumps({"chunk": _TEXT}).encode()
        raw = await _way(both[0], count, lambda: connection.publish(pod_subject("pod-0"), data))
        ours = await _way(both[0], count, lambda: stream.say(_TEXT))
        await connection.close()
        return _Pair(raw, ours)


async def _way(server: NatsServer, count: int, publish: Callable[[], Awaitable[None]]) -> float:
    heard: asyncio.Queue[float] = asyncio.Queue()

    async def hear(message: Msg) -> None:
        heard.put_nowait(time.perf_counter())

    pod = await nats.connect(server.url)
    await pod.subscribe(pod_subject("pod-0"), cb=hear)
    await pod.flush()
    ways = []
    for _ in range(count):
        started = time.perf_counter()
        await publish()
        ways.append(await heard.get() - started)
        await asyncio.sleep(_PACE_SECONDS)
    await pod.close()
    return statistics.median(ways)


class _Model:
    """Says one word at a time that is known."""

    label = "benchmark"

    def __init__(self) -> None:
        self.said_at = 0.0

    def check(self, request: ChatRequest) -> None: ...

    async def answer(self, request: ChatRequest, history: Sequence[ChatTurn]) -> AsyncGenerator[AnswerPiece, None]:
        self.said_at = time.perf_counter()
        yield "word"
        yield AnswerEnd("benchmark", tokens=1)

    async def close(self) -> None: ...


class _NoChats:
    """Keeps nothing of a chat: the database has rows of its own."""

    async def chat_turns(self, session_id: str, most: int) -> Sequence[ChatTurn]:
        return ()

    async def chat_answer(self, session_id: str, message_id: str) -> ChatAnswer | None:
        return None

    async def keep_chat(
        self, session_id: str, message_id: str, question: str, answer: ChatAnswer, most: int
    ) -> None: ...


async def _first_chunks(both: tuple[NatsServer, RedisServer], count: int) -> float:
    """The median time from a model's first token to a pod that hears it; the registry is asked for each chat."""
    async with _service(both, 1) as (broker, registry):
        model = _Model()
        bus = SignalBus("benchmark", time.time, lambda signals: None, SignalRegistry())
        answers = Answers(model, Route(broker, registry, time.time), Conversations(_NoChats(), 0, 0), bus, seconds=60.0)
        heard: asyncio.Queue[float] = asyncio.Queue()

        async def hear(message: Msg) -> None:
            if json.loads(message.data)["chunk"]:
                heard.put_nowait(time.perf_counter())

        pod = await nats.connect(both[0].url)
        await pod.subscribe("chat.session.*.broadcast", cb=hear)
        await pod.flush()
        times = []
        for number in range(count):
            request = request_from({**_REQUEST, "session_id": f"first-{number}"})
            await answers.handle(request, 1)
            times.append(await heard.get() - model.said_at)
        await pod.close()
        return statistics.median(times)


def _at_rest(both: tuple[NatsServer, RedisServer]) -> float:
    """Megabytes of an instance that has nothing to do."""
    with temporary_folder() as folder, Serving(folder, both[0].url, both[1].port, program=_LEAN) as instance:
        instance.wait_until(lambda: instance.told("workflow.serving"))
        time.sleep(_REST_SECONDS)
        return resident_kib(instance.process.pid) / 1024
