"""What watches chats hears all of a real NATS, takes no part in answering, and can call off, ask again and put back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.aio.msg import Msg

from evolver_tui.cli.console import monitor_maker
from evolver_tui.core.errors import BrokerError, EvolverError, UsageError
from evolver_tui.core.workflow.chunk import Chunk
from evolver_tui.core.workflow.standing import ChatKey, ChatMessage
from evolver_tui.engine.workflow.monitor import WorkflowMonitor
from evolver_tui.wiring.workflow import make_monitor
from tests.support.nats_server import NatsServer
from tests.support.redis_server import RedisServer
from tests.support.sessions import workspace_in
from tests.support.workflow_process import PATIENCE_SECONDS, Pods, Serving, pods, servers

pytestmark = pytest.mark.anyio

MOST_LOOKS = 6_000
"""Only a hang takes so many."""


@asynccontextmanager
async def monitoring(folder: Path, nats_url: str, **environ: str) -> AsyncIterator[WorkflowMonitor]:
    monitor = make_monitor(workspace_in(folder, environ={"NATS_URL": nats_url, "REDIS_PORT": "1", **environ}))
    await monitor.open()
    try:
        yield monitor
    finally:
        await monitor.close()


async def until(is_so: Callable[[], object]) -> None:
    for _ in range(MOST_LOOKS):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come true")


def is_over(chat: ChatMessage) -> bool:
    return chat.is_over


async def until_seen(
    monitor: WorkflowMonitor,
    session: str,
    message: str,
    is_so: Callable[[ChatMessage], object] = lambda chat: chat.is_over,
) -> ChatMessage:
    """Wait until a message is seen of which this is so, by default that it is over."""
    await until(lambda: (chat := monitor.chats.find(ChatKey(session, message))) is not None and is_so(chat))
    return found(monitor, session, message)


def found(monitor: WorkflowMonitor, session: str, message: str) -> ChatMessage:
    chat = monitor.chats.find(ChatKey(session, message))
    assert chat is not None, [each.key for each in monitor.chats.messages]
    return chat


async def test_it_sees_what_an_instance_answers_to_two_pods(tmp_path: Path) -> None:
    with servers() as (nats_server, redis_server):
        async with (
            pods(nats_server, redis_server, "pod-1", "pod-2") as chat,
            monitoring(tmp_path, nats_server.url, REDIS_HOST="127.0.0.1", REDIS_PORT=str(redis_server.port)) as monitor,
        ):
            with Serving(tmp_path / "instance", nats_server.url, redis_server.port) as serving:
                await serving_is_ready(serving, chat)
                await chat.connect("s1")
                await chat.ask("s1", "m1", "Hello there")
                answer = await chat.answer("m1")
                seen = await until_seen(monitor, "s1", "m1")
                assert seen.text.read() == "".join(each["chunk"] for each in answer)
                assert seen.chunks == len(answer)
                assert sorted(seen.pods) == ["pod-1", "pod-2"]
                assert (seen.question, seen.user_id) == ("Hello there", "user1")
                assert (seen.finish, seen.is_offline) == ("stop", True)
                assert seen.first_seconds is not None
                assert [each.is_up for each in monitor.services] == [True, True]
                assert found(monitor, "probe", "probe").is_broadcast

                await chat.ask("s1", "m2", "a " * 2_000)
                await until_seen(monitor, "s1", "m2", lambda chat: chat.chunks > 2)
                await monitor.cancel("s1")
                error = (await until_seen(monitor, "s1", "m2")).error
                assert error is not None
                assert error.code == "cancelled"

                message_id, _ = await monitor.retry(seen)
                again = await until_seen(monitor, "s1", message_id)
                assert (again.question, again.text.read()) == (seen.question, seen.text.read())
                assert again.correlation_id not in ("", seen.correlation_id)


async def serving_is_ready(serving: Serving, chat: Pods) -> None:
    """Wait until an instance answers."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not chat.is_whole("probe", ""):
            await chat.ask("probe", "probe")
            await asyncio.sleep(0.2)


async def test_it_takes_no_request_away_from_those_that_answer(tmp_path: Path) -> None:
    with NatsServer() as server:
        connection = await nats.connect(server.url)
        taken: asyncio.Queue[bytes] = asyncio.Queue()

        async def take(message: Msg) -> None:
            taken.put_nowait(message.data)

        await connection.subscribe("chat.workflow.execute.*", "workflow-workers", cb=take)
        async with monitoring(tmp_path, server.url) as monitor:
            for number in range(50):
                await connection.publish("chat.workflow.execute.s", request("s", f"m{number}"))
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert [json.loads(await taken.get())["message_id"] for _ in range(50)] == [f"m{n}" for n in range(50)]
            await until(lambda: len(monitor.chats.messages) == 50)
        await connection.close()


def request(session: str, message: str) -> bytes:
    return json.dumps(
        {"session_id": session, "message_id": message, "user_id": "ada", "message": "Hello?", "correlation_id": "c"}
    ).encode()


async def test_it_goes_on_after_the_broker_was_away(tmp_path: Path) -> None:
    with NatsServer() as server:
        async with monitoring(tmp_path, server.url) as monitor:
            server.stop()
            await until(lambda: not monitor.services[0].is_up)
            assert monitor.services[0].reason
            server.start()
            await until(lambda: monitor.services[0].is_up)
            connection = await nats.connect(server.url)
            for number in range(3):
                chunk = Chunk("s", "m", number, f"{number} ", "2026-01-01T12:00:00Z", is_final=number == 2)
                await connection.publish("chat.pod.p.response", chunk.to_bytes())
            await connection.close()
            assert (await until_seen(monitor, "s", "m")).text.read() == "0 1 2 "


async def test_a_broker_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    with NatsServer() as server:
        server.stop()
        async with monitoring(tmp_path, server.url) as monitor:
            assert not monitor.services[0].is_up
            with pytest.raises(EvolverError):
                await monitor.retry(asked(monitor))
            server.start()
            await until(lambda: monitor.services[0].is_up)
            message_id, is_taken = await monitor.retry(asked(monitor))
            assert not is_taken
            await until_seen(monitor, "s", message_id, lambda chat: chat.question == "Hello?")


def asked(monitor: WorkflowMonitor) -> ChatMessage:
    monitor.chats.hear_request("chat.workflow.execute.s", request("s", "m"), 0.0)
    return found(monitor, "s", "m")


async def test_a_broker_that_refuses_whoever_watches_says_so_and_leaves_nothing_open(tmp_path: Path) -> None:
    with NatsServer(user="ada", password="secret") as server:
        before = len(asyncio.all_tasks())
        monitor = make_monitor(workspace_in(tmp_path, environ={"NATS_URL": server.url}))
        with pytest.raises(BrokerError):
            await monitor.open()
        await until(lambda: len(asyncio.all_tasks()) <= before)


async def test_parked_requests_are_seen_asked_again_and_dropped(tmp_path: Path) -> None:
    with servers(jetstream=True) as (nats_server, redis_server):
        config = "[workflow]\ndurable = true\nmax_attempts = 1\nack_seconds = 1.0\n"
        async with (
            pods(nats_server, redis_server) as chat,
            monitoring(tmp_path, nats_server.url) as monitor,
        ):
            for message in ("m1", "m2"):
                await park(nats_server.url, "s1", message)
            monitor.look_again()
            await until(lambda: len(monitor.parked) == 2)
            first, second = monitor.parked
            assert (json.loads(first.data)["message_id"], first.reason) == ("m1", "No instance answered it.")
            await monitor.drop_parked(second.number)
            await until(lambda: len(monitor.parked) == 1)
            with Serving(tmp_path / "instance", nats_server.url, redis_server.port, config=config):
                await chat.connect("s1")
                async with asyncio.timeout(PATIENCE_SECONDS):
                    while monitor.parked:
                        try:
                            await monitor.retry_parked(first.number)
                        except BrokerError:
                            await asyncio.sleep(0.2)
                        await asyncio.sleep(0.1)
                await chat.answer("m1")
                await until_seen(monitor, "s1", "m1")
        with pytest.raises(BrokerError):
            await monitor.retry_parked(first.number)


async def park(url: str, session: str, message: str) -> None:
    """Put a request aside as an instance does."""
    from evolver_tui.adapters.nats.parked import park as put_aside

    connection = await nats.connect(url)
    subject = f"chat.workflow.execute.{session}"
    await put_aside(connection, subject, request(session, message), reason="No instance answered it.", attempts=5)
    await connection.close()


async def test_what_was_not_heard_cannot_be_asked_again(tmp_path: Path) -> None:
    with NatsServer() as server:
        async with monitoring(tmp_path, server.url) as monitor:
            monitor.chats.hear_chunk("chat.pod.p.response", Chunk("s", "m", 0, "x", "").to_bytes(), 0.0)
            with pytest.raises(UsageError, match="was not heard here"):
                await monitor.retry(found(monitor, "s", "m"))


async def test_redis_is_told_of_once_it_was_there_or_was_named(tmp_path: Path) -> None:
    with NatsServer() as server, RedisServer() as redis_server:
        port = str(redis_server.port)
        redis_server.stop()
        async with monitoring(tmp_path, server.url, REDIS_PORT=port) as unnamed:
            assert [each.service for each in unnamed.services] == ["nats"]
            async with monitoring(tmp_path, server.url, REDIS_PORT=port, REDIS_HOST="127.0.0.1") as named:
                assert [each.service for each in named.services] == ["nats", "redis"]
            redis_server.start()
            await until(lambda: len(unnamed.services) == 2)
            redis_server.stop()
            await until(lambda: not unnamed.services[-1].is_up)
            assert unnamed.services[-1].service == "redis"


async def test_the_demo_listens_to_its_line_alone(tmp_path: Path) -> None:
    config = '[workflow]\nnats_url = "nats://real.example:4222"\n'
    place = workspace_in(tmp_path, config, {"NATS_URL": "nats://ada:secret@named.example"})
    assert make_monitor(place).place == "nats://real.example:4222"
    assert make_monitor(place._replace(is_demo=True)).place.endswith("@named.example")
    assert "secret" not in make_monitor(place._replace(is_demo=True)).place
    assert monitor_maker(place) is not None
    assert monitor_maker(place._replace(is_demo=True)) is not None
    assert monitor_maker(place._replace(is_demo=True, environ={})) is None


async def test_a_redis_that_hangs_keeps_nobody_from_watching(tmp_path: Path) -> None:
    with NatsServer() as server, RedisServer() as redis_server:
        redis_server.freeze()
        named = {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis_server.port)}
        async with monitoring(tmp_path, server.url, **named) as monitor:
            connection = await nats.connect(server.url)
            await connection.publish("chat.workflow.execute.s", request("s", "m"))
            await connection.close()
            await until_seen(monitor, "s", "m", lambda chat: chat.question)
            assert [each.is_up for each in monitor.services] == [True, False]
            redis_server.thaw()
            await until(lambda: monitor.services[-1].is_up)
