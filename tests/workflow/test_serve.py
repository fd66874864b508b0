"""`evolver-tui workflow serve` on real servers: chats are answered, called off, refused, and outlive what they meet."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.nats_server import NatsServer
from tests.support.processes import run_command
from tests.support.redis_server import RedisServer
from tests.support.workflow_process import Pods, Serving, pods, servers, text_of

pytestmark = pytest.mark.anyio

ANSWER = (
    "I received your message: 'Hello, how are you?' This is a demo response from the LangGraph workflow service."
    " In a real implementation, this would integrate with AI models like GPT-4, Claude, etc. The response is being"
    " streamed token by token to demonstrate the chunk buffering system."
)
DURABLE = ("--durable",)
LONG = "word " * 200
"""A message whose answer takes seven seconds."""
SOON = "[workflow]\nack_seconds = 1\n"
"""JetStream hands out again what it has not heard of for a second."""


@pytest.fixture(scope="module")
def plain() -> Iterator[tuple[NatsServer, RedisServer]]:
    """Servers that the tests of this module share; none stops them."""
    with servers() as both:
        yield both


@pytest.fixture
def durable() -> Iterator[tuple[NatsServer, RedisServer]]:
    """Servers of a test's own, with JetStream."""
    with servers(jetstream=True) as both:
        yield both


async def serving(home: Path, both: tuple[NatsServer, RedisServer], *more: str, config: str | None = None) -> Serving:
    """An instance that takes requests."""
    instance = Serving(home, both[0].url, both[1].port, *more, config=config)
    await instance.until("workflow.serving")
    return instance


async def test_every_pod_of_a_chat_hears_the_specs_answer(
    tmp_path: Path, plain: tuple[NatsServer, RedisServer]
) -> None:
    with await serving(tmp_path, plain) as instance:
        async with pods(*plain, "pod-1", "pod-2", "pod-3") as chat:
            await chat.connect("sess", "pod-1", "pod-2")
            await chat.ask("sess", "m")
            chunks = await chat.answer("m", "pod-2")
            assert await chat.answer("m", "pod-1") == chunks
            assert not chat.heard["pod-3"]
            assert not chat.broadcast
        assert text_of(chunks) == ANSWER
        assert [len(chunk["chunk"].split()) for chunk in chunks[:-1]] == [3] * 15
        assert all(chunk["chunk"].endswith(" ") for chunk in chunks[:-1])
        for chunk in chunks:
            assert chunk["session_id"] == "sess"
            assert chunk["correlation_id"] == "corr_m"
            assert chunk["chunk_type"] == "content"
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", chunk["timestamp"])
            assert "attempt" not in chunk
        assert [chunk["is_final"] for chunk in chunks] == [False] * 15 + [True]
        assert chunks[-1]["metadata"] == {
            "model": "demo-gpt", "tokens_used": len(ANSWER.split()), "finish_reason": "stop", "offline": True,
        }  # fmt: skip
        ended = await instance.until("workflow.completed")
        assert (ended["session"], ended["finish_reason"], ended["chunks"]) == ("sess", "stop", 16)


async def test_chat_without_a_pod_is_broadcast(tmp_path: Path, plain: tuple[NatsServer, RedisServer]) -> None:
    with await serving(tmp_path, plain):
        async with pods(*plain) as chat:
            await chat.ask("lonely", "alone")
            assert text_of(await chat.answer("alone", "")) == ANSWER
            assert not chat.heard["pod-1"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "not_json"),
        (b'{"session_id": "sess", "user_id": "u", "message": "m"}', "invalid_request"),
        (b'{"session_id": "other", "message_id": "bad", "user_id": "u", "message": "m"}', "invalid_request"),
        (b" " * 600_000, "too_large"),
    ],
    ids=["not_json", "missing", "foreign", "huge"],
)
async def test_bad_request_is_told_to_its_chat(
    data: bytes, code: str, tmp_path: Path, plain: tuple[NatsServer, RedisServer]
) -> None:
    with await serving(tmp_path, plain) as instance:
        async with pods(*plain) as chat:
            await chat.connect("sess")
            await chat.send("chat.workflow.execute.sess", data)
            await chat.until(lambda: chat.heard["pod-1"])
            (chunk,) = chat.heard["pod-1"]
        assert (chunk["chunk_type"], chunk["is_final"], chunk["error"]["code"]) == ("error", True, code)
        assert chunk["metadata"]["finish_reason"] == "error"
        assert (await instance.until("workflow.refused"))["code"] == code


async def test_chat_is_called_off_alone(tmp_path: Path, plain: tuple[NatsServer, RedisServer]) -> None:
    with await serving(tmp_path, plain) as instance:
        async with pods(*plain) as chat:
            await chat.connect("mine")
            await chat.connect("theirs")
            await chat.ask("mine", "off")
            await chat.ask("theirs", "on")
            await chat.until(lambda: chat.chunks("off") and chat.chunks("on"))
            await chat.send("chat.workflow.cancel.mine")
            last = (await chat.answer("off"))[-1]
            assert (last["chunk_type"], last["error"]["code"]) == ("error", "cancelled")
            assert text_of(await chat.answer("on")) == ANSWER
            await chat.ask("mine", "again")
            assert text_of(await chat.answer("again")) == ANSWER
        assert (await instance.until("workflow.cancelled"))["message_id"] == "off"


async def test_no_more_answers_are_written_at_once_than_may_be(
    tmp_path: Path, plain: tuple[NatsServer, RedisServer]
) -> None:
    with await serving(tmp_path, plain, "--concurrency", "2") as instance:
        async with pods(*plain) as chat:
            await chat.connect("many")
            for number in range(5):
                await chat.ask("many", f"bound-{number}")
            for number in range(5):
                assert text_of(await chat.answer(f"bound-{number}")) == ANSWER
        names = [json.loads(line)["name"] for line in instance.lines]
        held = most = 0
        for name in names:
            held += (name == "workflow.started") - (name == "workflow.completed")
            most = max(most, held)
        assert most == 2


async def test_instances_share_what_comes(tmp_path: Path, plain: tuple[NatsServer, RedisServer]) -> None:
    with await serving(tmp_path / "a", plain) as first, await serving(tmp_path / "b", plain) as second:
        async with pods(*plain) as chat:
            await chat.connect("shared")
            wanted = [f"shared-{number}" for number in range(16)]
            for message_id in wanted:
                await chat.ask("shared", message_id)
            for message_id in wanted:
                await chat.answer(message_id)
            assert len(chat.heard["pod-1"]) == 16 * len(wanted)
        by = [[told["message_id"] for told in each.told("workflow.started")] for each in (first, second)]
        assert sorted(by[0] + by[1]) == sorted(wanted)
        assert all(by)


async def test_what_is_held_comes_to_its_end_at_ctrl_c(tmp_path: Path, plain: tuple[NatsServer, RedisServer]) -> None:
    with await serving(tmp_path, plain) as instance:
        async with pods(*plain) as chat:
            await chat.connect("held")
            await chat.ask("held", "last")
            await chat.until(lambda: chat.chunks("last"))
            assert await instance.ended(signal.SIGINT) == 0
            assert text_of(await chat.answer("last")) == ANSWER


async def test_chat_is_told_where_nobody_goes_on(tmp_path: Path, plain: tuple[NatsServer, RedisServer]) -> None:
    with await serving(tmp_path, plain) as instance:
        async with pods(*plain) as chat:
            await chat.connect("cut")
            await chat.ask("cut", "cut", LONG)
            await chat.until(lambda: chat.chunks("cut"))
            assert await instance.ended() == 130
            last = (await chat.answer("cut"))[-1]
            assert (last["chunk_type"], last["error"]["code"], last["attempt"]) == ("error", "shutting_down", 2)


async def test_another_instance_goes_on_with_what_one_gives_back(
    tmp_path: Path, plain: tuple[NatsServer, RedisServer]
) -> None:
    with await serving(tmp_path / "a", plain) as first:
        async with pods(*plain) as chat:
            await chat.connect("moved")
            await chat.ask("moved", "moved", LONG)
            await chat.until(lambda: chat.chunks("moved"))
            first.freeze()  # or its answer might be over before the other one is there
            with await serving(tmp_path / "b", plain) as second:
                first.thaw()
                assert await first.ended() == 130
                assert first.told("workflow.given_back")
                chunks = await chat.answer("moved")
                assert {chunk["attempt"] for chunk in chunks} == {2}
                assert chunks[-1]["metadata"]["finish_reason"] == "stop"
                await second.until("workflow.completed", attempt=2)


async def test_killed_instances_requests_are_answered_by_another(
    tmp_path: Path, durable: tuple[NatsServer, RedisServer]
) -> None:
    with (
        await serving(tmp_path / "a", durable, *DURABLE, config=SOON) as first,
        await serving(tmp_path / "b", durable, *DURABLE, config=SOON),
    ):
        async with pods(*durable, "pod-1", "pod-2", "pod-3") as chat:
            await chat.connect("killed")
            wanted = [f"killed-{number}" for number in range(10)]
            for message_id in wanted:
                await chat.ask("killed", message_id)
            await first.until("workflow.started")
            held = [told["message_id"] for told in first.told("workflow.started")]
            await chat.until(lambda: all(map(chat.chunks, held)))
            first.kill()
            for message_id in wanted:
                for pod in chat.names:
                    assert text_of(await chat.answer(message_id, pod)) == ANSWER
            unfinished = {told["message_id"] for told in first.told("workflow.started")}
            unfinished -= {told["message_id"] for told in first.told("workflow.completed")}
            attempts = {message: chat.chunks(message)[0].get("attempt", 1) for message in wanted}
            assert unfinished <= {message for message, attempt in attempts.items() if attempt > 1}
            assert unfinished


async def test_request_that_instances_die_over_is_parked(
    tmp_path: Path, durable: tuple[NatsServer, RedisServer]
) -> None:
    config = f"{SOON}max_attempts = 1\n"
    async with pods(*durable) as chat:
        await chat.connect("poison")
        with await serving(tmp_path / "a", durable, *DURABLE, config=config) as first:
            await chat.ask("poison", "poison")
            await first.until("workflow.started")
            first.kill()
        with await serving(tmp_path / "b", durable, *DURABLE, config=config) as second:
            parked = await second.until("workflow.parked")
            assert (parked["session"], parked["message_id"]) == ("poison", "poison")
            last = (await chat.answer("poison"))[-1]
            assert last["error"]["code"] == "parked"
            assert last["attempt"] > 1
            await chat.ask("poison", "healthy")
            assert text_of(await chat.answer("healthy")) == ANSWER
            again = await asyncio.to_thread(
                run_command, "workflow", "parked", "retry", "--all", home=tmp_path, NATS_URL=durable[0].url
            )
            assert again.returncode == 0, again.stderr
            await chat.until(lambda: text_of(chat.chunks("poison")) == ANSWER)
            assert chat.chunks("poison")[0]["attempt"] > last["attempt"], "readers take it for what follows"


async def test_nothing_is_lost_while_instances_are_replaced(
    tmp_path: Path, durable: tuple[NatsServer, RedisServer]
) -> None:
    async with pods(*durable) as chat:
        await chat.connect("rolling")
        asked: list[str] = []

        async def keep_asking() -> None:
            while True:
                await chat.ask("rolling", f"rolling-{len(asked)}")
                asked.append(f"rolling-{len(asked)}")
                await chat.until(lambda: len(chat.chunks(asked[-1])) > 1)

        instances = [await serving(tmp_path / f"{number}", durable, *DURABLE, config=SOON) for number in range(2)]
        asking = asyncio.create_task(keep_asking())
        for number in range(2, 5):
            await chat.until(lambda: chat.chunks(asked[-1] if asked else ""))
            assert await instances.pop(0).ended() in (0, 130)
            instances.append(await serving(tmp_path / f"{number}", durable, *DURABLE, config=SOON))
        asking.cancel()
        for message_id in asked:
            assert text_of(await chat.answer(message_id)) == ANSWER
        assert len(asked) >= 3
        for instance in instances:
            instance.kill()


@pytest.mark.parametrize("is_hung", [False, True], ids=["down", "hung"])
async def test_answers_outlive_a_registry_that_is_away(is_hung: bool, tmp_path: Path) -> None:
    with servers() as (nats_server, redis_server), await serving(tmp_path, (nats_server, redis_server)) as instance:
        async with pods(nats_server, redis_server) as chat:
            await chat.connect("known")
            await chat.ask("known", "before")
            await chat.until(lambda: chat.chunks("before"))
            redis_server.freeze() if is_hung else redis_server.stop()
            assert text_of(await chat.answer("before")) == ANSWER
            await chat.ask("known", "meanwhile")
            assert text_of(await chat.answer("meanwhile")) == ANSWER
            await instance.until("workflow.service_away", service="redis")
            redis_server.thaw() if is_hung else redis_server.start()
            await instance.until("workflow.service_up", 2, service="redis")
            await chat.connect("known")
            await chat.ask("known", "after")
            assert text_of(await chat.answer("after")) == ANSWER


@pytest.mark.parametrize("is_hung", [False, True], ids=["down", "hung"])
@pytest.mark.parametrize("more", [(), DURABLE], ids=["plain", "durable"])
async def test_answers_outlive_a_broker_that_is_away(more: tuple[str, ...], is_hung: bool, tmp_path: Path) -> None:
    with servers(jetstream=True) as both, await serving(tmp_path, both, *more) as instance:
        async with pods(*both) as chat:
            await chat.connect("away")
            await chat.ask("away", "away", LONG)
            await chat.until(lambda: len(chat.chunks("away")) > 2)
            both[0].freeze() if is_hung else both[0].kill()
            await instance.until("workflow.service_away", service="nats")
            both[0].thaw() if is_hung else both[0].start()
            await instance.until("workflow.service_up", 2, service="nats")
            await until_told(chat, instance, "away")
            await chat.ask("away", "after")
            assert text_of(await chat.answer("after")) == ANSWER


async def until_told(chat: Pods, instance: Serving, message_id: str) -> None:
    """The instance published everything: what a pod missed, since it was away itself, is the reader's to ask for."""
    assert (await instance.until("workflow.completed", message_id=message_id))["finish_reason"] == "stop"
    await chat.until(lambda: any(chunk["is_final"] for chunk in chat.chunks(message_id)))


async def test_a_thousand_requests_come_back_once_each(tmp_path: Path, durable: tuple[NatsServer, RedisServer]) -> None:
    with (
        await serving(tmp_path / "a", durable, *DURABLE, "--concurrency", "300"),
        await serving(tmp_path / "b", durable, *DURABLE, "--concurrency", "300"),
    ):
        async with pods(*durable) as chat:
            for number in range(500):
                await chat.connect(f"crowd-{number}")
            for number in range(1_000):
                await chat.ask(f"crowd-{number % 500}", f"crowd-{number}", "Hi")
            await chat.until(lambda: sum(chunk["is_final"] for chunk in chat.heard["pod-1"]) >= 1_000)
            wanted = {f"crowd-{number}" for number in range(1_000)}
            heard: dict[str, list[int]] = {}
            for chunk in chat.heard["pod-1"]:
                heard.setdefault(chunk["message_id"], []).append(chunk["chunk_id"])
            assert heard.keys() == wanted
            assert all(numbers == list(range(len(numbers))) for numbers in heard.values())
