"""Requests shared among instances at a real nats-server, by a queue group and by JetStream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from nats.js.api import ConsumerConfig, RetentionPolicy, StreamConfig

from evolver_tui.adapters.nats.connection import NatsBroker
from evolver_tui.adapters.nats.parked import NatsParkedRequests
from evolver_tui.adapters.nats.queue import DurableQueue, PlainQueue
from evolver_tui.adapters.nats.streams import covers
from evolver_tui.core.errors import BrokerError
from evolver_tui.core.workflow.subjects import QUEUE_GROUP, REQUEST_STREAM
from evolver_tui.engine.workflow.broker import Delivery, RequestQueue
from tests.support.nats_broker import HASTY, Heard, Standings, broker_at
from tests.support.nats_server import NatsServer

pytestmark = pytest.mark.anyio

ACK_SECONDS = 1.5
ANSWER_SECONDS = 30


@pytest.fixture
def server() -> Iterator[NatsServer]:
    with NatsServer(jetstream=True) as running:
        yield running


@contextlib.asynccontextmanager
async def instance(server: NatsServer, *, ack_seconds: float = ACK_SECONDS) -> AsyncIterator[DurableQueue]:
    """A durable queue with a connection of its own."""
    async with broker_at(server.url) as broker:
        queue = DurableQueue(broker, ack_seconds)
        await queue.open()
        yield queue
        for delivery in await queue.close():
            await delivery.give_back()


async def ask(broker: NatsBroker, session: str) -> None:
    assert await broker.ask(f"chat.workflow.execute.{session}", session.encode(), ANSWER_SECONDS)


async def take_one(queue: RequestQueue) -> Delivery:
    async with asyncio.timeout(ANSWER_SECONDS):
        (delivery,) = await queue.take(1)
    return delivery


async def take_all(queue: RequestQueue, count: int) -> Sequence[Delivery]:
    taken: list[Delivery] = []
    async with asyncio.timeout(ANSWER_SECONDS):
        while len(taken) < count:
            taken += await queue.take(count - len(taken))
    return taken


# --- without JetStream


async def test_two_instances_share_what_comes_and_whoever_asks_knows_that_it_is_taken() -> None:
    with NatsServer() as server:
        async with broker_at(server.url) as asking, broker_at(server.url) as one, broker_at(server.url) as two:
            queues = [PlainQueue(one), PlainQueue(two)]
            for queue in queues:
                await queue.open()
            sessions = [f"s{number}" for number in range(60)]
            for session in sessions:
                await ask(asking, session)
            taken = [delivery for queue in queues for delivery in await queue.take(100)]
            assert sorted(delivery.data.decode() for delivery in taken) == sorted(sessions)
            assert {delivery.subject for delivery in taken} == {f"chat.workflow.execute.{each}" for each in sessions}
            for queue in queues:
                await queue.close()
            with pytest.raises(BrokerError, match="Nobody listens"):
                await ask(asking, "late")


async def test_what_a_plain_instance_gives_back_or_had_no_time_for_goes_to_another() -> None:
    with NatsServer() as server:
        async with broker_at(server.url) as asking, broker_at(server.url) as one, broker_at(server.url) as two:
            first, second = PlainQueue(one), PlainQueue(two)
            await first.open()
            await ask(asking, "a")
            await ask(asking, "b")
            taken = await take_one(first)
            await second.open()
            for delivery in (*await first.close(), taken):
                assert await delivery.give_back()
            deliveries = await take_all(second, 2)
            assert {(each.data, each.attempt) for each in deliveries} == {(b"a", 2), (b"b", 2)}
            await second.close()


async def test_what_is_too_much_for_a_plain_instance_is_refused_aloud() -> None:
    with NatsServer() as server:
        async with broker_at(server.url) as asking, broker_at(server.url) as one:
            queue, told = PlainQueue(one, most=2), Heard()
            queue.on_overload = lambda data, subject: told(subject, data)
            await queue.open()
            await ask(asking, "a")
            await ask(asking, "b")
            with pytest.raises(BrokerError, match="too much to do"):
                await ask(asking, "c")
            assert told.messages == [("chat.workflow.execute.c", b"c")]
            assert [each.data for each in await queue.take(5)] == [b"a", b"b"]
            await ask(asking, "d")
            await queue.close()


async def test_a_plain_instance_takes_part_again_after_an_outage() -> None:
    with NatsServer() as server:
        async with broker_at(server.url) as asking, broker_at(server.url) as one:
            queue = PlainQueue(one)
            await queue.open()
            back = [Standings(), Standings()]
            for broker, standings in zip((asking, one), back, strict=True):
                broker.watch(standings)
            await asyncio.to_thread(server.kill)
            for standings in back:
                await standings.until_away()
            await asyncio.to_thread(server.start)
            for standings in back:
                await standings.until_up()
            await ask(asking, "a")
            assert (await take_one(queue)).data == b"a"
            await queue.close()


# --- with JetStream


async def until_nothing_waits(broker: NatsBroker) -> None:
    """Wait until the stream is empty: the server takes what was said of requests after it has heard it."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while (await broker.connection().jetstream().stream_info(REQUEST_STREAM)).state.messages:
            await broker.confirm(0.1)


async def test_requests_wait_for_the_first_instance_and_are_shared_by_all(server: NatsServer) -> None:
    async with broker_at(server.url) as asking:
        async with instance(server):
            pass  # which makes the stream
        sessions = [f"s{number}" for number in range(40)]
        for session in sessions:
            await ask(asking, session)
        async with instance(server) as one, instance(server) as two:
            taken = [*await take_all(one, 20), *await take_all(two, 20)]
            assert sorted(delivery.data.decode() for delivery in taken) == sorted(sessions)
            assert {delivery.attempt for delivery in taken} == {1}
            for delivery in taken:
                await delivery.done()
        await until_nothing_waits(asking)


async def test_an_instance_is_handed_no_more_than_it_asks_for(server: NatsServer) -> None:
    async with broker_at(server.url) as asking, instance(server) as queue:
        waiting = asyncio.create_task(take_one(queue))
        for number in range(10):
            await ask(asking, f"s{number}")
        await waiting
        streams = asking.connection().jetstream()
        info = await streams.consumer_info(REQUEST_STREAM, QUEUE_GROUP)
        assert (info.num_ack_pending, info.num_pending) == (1, 9)


async def test_what_an_instance_does_not_answer_is_handed_out_again_with_its_number(server: NatsServer) -> None:
    async with broker_at(server.url) as asking, instance(server) as other:
        async with broker_at(server.url) as broker:
            queue = DurableQueue(broker, ACK_SECONDS)
            await queue.open()
            await ask(asking, "a")
            assert (await take_one(queue)).attempt == 1
        again = await take_one(other)  # after its end, and the broker's patience
        assert (again.data, again.attempt) == (b"a", 2)
        await again.give_back()
        third = await take_one(other)
        assert (third.data, third.attempt) == (b"a", 3)
        await third.done()


async def test_what_is_worked_on_is_handed_to_nobody_else(server: NatsServer) -> None:
    async with broker_at(server.url) as asking, instance(server) as one, instance(server) as two:
        await ask(asking, "a")
        held = await take_one(one)
        other = asyncio.create_task(two.take(1))
        loop = asyncio.get_running_loop()
        end = loop.time() + 2 * ACK_SECONDS
        while loop.time() < end:
            await held.working()
            await asyncio.wait([other], timeout=ACK_SECONDS / 5)
            assert not other.done()
        await held.done()
        await ask(asking, "b")
        (delivery,) = await other
        assert (delivery.data, delivery.attempt) == (b"b", 1)


async def test_an_instance_that_ends_in_order_gives_back_what_it_had_no_time_for(server: NatsServer) -> None:
    async with broker_at(server.url) as asking, instance(server, ack_seconds=3600) as other:
        async with instance(server, ack_seconds=3600) as queue:
            taking = asyncio.create_task(queue.take(3))
            await ask(asking, "a")
            (held,) = await taking
            await ask(asking, "b")  # the stream hands this out: two more were asked for
            await until_handed_out(asking, 2)
            await held.give_back()
        assert {delivery.data for delivery in await take_all(other, 2)} == {b"a", b"b"}


async def until_handed_out(broker: NatsBroker, count: int) -> None:
    """Wait until the stream has so many in the hands of instances."""
    async with asyncio.timeout(ANSWER_SECONDS):
        info = await broker.connection().jetstream().consumer_info(REQUEST_STREAM, QUEUE_GROUP)
        while info.num_ack_pending != count:
            info = await broker.connection().jetstream().consumer_info(REQUEST_STREAM, QUEUE_GROUP)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_taking_goes_on_after_a_restart_and_nothing_is_lost(server: NatsServer, how: str) -> None:
    async with broker_at(server.url) as asking, instance(server, ack_seconds=30) as queue:
        back = Standings()
        asking.watch(back)
        await ask(asking, "a")
        held = await take_one(queue)
        taking = asyncio.create_task(take_one(queue))
        await asyncio.to_thread(getattr(server, how))
        await back.until_away()
        await held.done()  # said while nobody hears it
        await asyncio.to_thread(server.start)
        await back.until_up()
        await ask(asking, "b")
        again = await taking
        assert again.data == b"b"
        await again.done()
        await until_nothing_waits(asking)


async def test_taking_goes_on_after_a_server_hung(server: NatsServer) -> None:
    async with broker_at(server.url, timing=HASTY) as broker, broker_at(server.url, timing=HASTY) as asking:
        queue, standings, back = DurableQueue(broker, 30), Standings(), Standings()
        await queue.open()
        await ask(asking, "a")
        held = await take_one(queue)
        taking = asyncio.create_task(take_one(queue))
        broker.watch(standings)
        asking.watch(back)
        server.freeze()
        await standings.until_away()
        await back.until_away()
        await held.done()
        server.thaw()
        await standings.until_up()
        await back.until_up()
        await ask(asking, "b")
        delivery = await taking
        assert (delivery.data, delivery.attempt) == (b"b", 1)
        await delivery.done()
        await queue.close()


async def test_taking_goes_on_after_the_stream_or_its_consumer_was_deleted(server: NatsServer) -> None:
    async with broker_at(server.url) as asking, instance(server) as queue:
        streams = asking.connection().jetstream()
        for number in range(2):
            taking = asyncio.create_task(take_one(queue))
            await asyncio.wait([taking], timeout=0.2)
            if number:
                await streams.delete_stream(REQUEST_STREAM)
            else:
                await streams.delete_consumer(REQUEST_STREAM, QUEUE_GROUP)
            await until_made_again(asking)
            await ask(asking, f"s{number}")
            delivery = await taking
            assert delivery.data == f"s{number}".encode()
            await delivery.done()


async def until_made_again(broker: NatsBroker) -> None:
    from nats.js.errors import NotFoundError

    async with asyncio.timeout(ANSWER_SECONDS):
        while True:
            try:
                await broker.connection().jetstream().consumer_info(REQUEST_STREAM, QUEUE_GROUP)
            except NotFoundError:
                await broker.confirm(1)
            else:
                return


async def test_what_nobody_can_answer_is_parked_once_with_all_that_is_known_of_it(server: NatsServer) -> None:
    async with broker_at(server.url) as asking, instance(server) as queue:
        await ask(asking, "a")
        await (await take_one(queue)).give_back()
        delivery = await take_one(queue)
        await delivery.park("It was handed out once,\r\nand no instance answered it.")
        await delivery.park("Said once more, after an end that came in between.")
        (parked,) = await NatsParkedRequests(asking).list()
        assert (parked.subject, parked.data, parked.attempts) == ("chat.workflow.execute.a", b"a", 1)
        assert parked.reason == "It was handed out once,␤and no instance answered it."
        await until_nothing_waits(asking)


async def test_a_stream_that_fits_is_used_as_it_is(server: NatsServer) -> None:
    async with broker_at(server.url) as asking:
        streams = asking.connection().jetstream()
        await streams.add_stream(
            StreamConfig(
                name=REQUEST_STREAM, subjects=["chat.workflow.>"], retention=RetentionPolicy.LIMITS, max_msgs=7
            )
        )
        async with instance(server) as queue:
            await ask(asking, "a")
            await (await take_one(queue)).done()
        found = (await streams.stream_info(REQUEST_STREAM)).config
        assert (found.subjects, found.max_msgs) == (["chat.workflow.>"], 7)


@pytest.mark.parametrize(
    ("name", "subject", "why"),
    [
        (REQUEST_STREAM, "other.>", "keeps other.> and not chat.workflow.execute"),
        ("SOMEBODYS", "chat.>", "Another stream at NATS keeps what WORKFLOW_REQUESTS is for"),
    ],
)
async def test_a_stream_that_does_not_fit_is_told_of(server: NatsServer, name: str, subject: str, why: str) -> None:
    async with broker_at(server.url) as broker:
        await broker.connection().jetstream().add_stream(StreamConfig(name=name, subjects=[subject]))
        with pytest.raises(BrokerError, match=why):
            await DurableQueue(broker, ACK_SECONDS).open()


async def test_what_does_not_fit_is_told_of_also_after_an_outage_and_until_it_is_mended(server: NatsServer) -> None:
    async with broker_at(server.url) as broker, broker_at(server.url) as person:
        await person.connection().jetstream().add_stream(StreamConfig(name="SOMEBODYS", subjects=["chat.>"]))
        standings, back = Standings(), Standings()
        broker.watch(standings)
        person.watch(back)
        await asyncio.to_thread(server.stop)
        await standings.until_away()
        queue = DurableQueue(broker, ACK_SECONDS)
        await queue.open()
        taking = asyncio.create_task(take_one(queue))
        await asyncio.to_thread(server.start)
        await standings.until(lambda: "Another stream at NATS keeps" in standings.all[-1].reason)
        await back.until_up()
        await person.connection().jetstream().delete_stream("SOMEBODYS")
        await standings.until_up()
        await until_made_again(person)
        await ask(person, "a")
        assert (await taking).data == b"a"


async def test_a_consumer_that_pushes_is_told_of(server: NatsServer) -> None:
    async with broker_at(server.url) as broker:
        async with instance(server):
            pass
        streams = broker.connection().jetstream()
        await streams.delete_consumer(REQUEST_STREAM, QUEUE_GROUP)
        pushes = ConsumerConfig(durable_name=QUEUE_GROUP, deliver_subject="somewhere")
        await streams.add_consumer(REQUEST_STREAM, pushes)
        with pytest.raises(BrokerError, match="is not one that instances can share"):
            await DurableQueue(broker, ACK_SECONDS).open()


async def test_the_patience_of_the_config_is_the_consumers(server: NatsServer) -> None:
    async with broker_at(server.url) as broker:
        for seconds in (30.0, 12.5):
            async with instance(server, ack_seconds=seconds):
                found = await broker.connection().jetstream().consumer_info(REQUEST_STREAM, QUEUE_GROUP)
                assert found.config.ack_wait == seconds


async def test_a_server_without_jetstream_is_told_of() -> None:
    with NatsServer() as server:
        async with broker_at(server.url) as broker:
            with pytest.raises(BrokerError, match="JetStream is not on there"):
                await DurableQueue(broker, ACK_SECONDS).open()
            with pytest.raises(BrokerError, match="JetStream is not on there"):
                await NatsParkedRequests(broker).list()


@pytest.mark.parametrize(
    ("pattern", "subject", "is_covered"),
    [
        ("chat.workflow.execute.*", "chat.workflow.execute.*", True),
        ("chat.>", "chat.workflow.execute.*", True),
        (">", "chat.workflow.execute.*", True),
        ("*.*.*.*", "chat.workflow.execute.*", True),
        ("chat.workflow.execute", "chat.workflow.execute.*", False),
        ("chat.workflow.execute.one", "chat.workflow.execute.*", False),
        ("chat.workflow.execute.*.>", "chat.workflow.execute.*", False),
        ("chat.workflow.execute.*", "chat.workflow.execute.>", False),
    ],
)
def test_what_a_subject_with_wildcards_takes_in(pattern: str, subject: str, is_covered: bool) -> None:
    assert covers([pattern], subject) is is_covered
