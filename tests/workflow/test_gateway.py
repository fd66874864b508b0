"""The gateway on real servers and sockets: no chunk is lost or told twice, whatever breaks on the way."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis.asyncio
from nats.aio.client import Client

from evolver_tui.core.workflow.chunk import Chunk
from evolver_tui.core.workflow.subjects import pod_subject
from evolver_tui.engine.workflow.chat_sessions import SessionLimits
from evolver_tui.engine.workflow.gateway import GatewayLimits
from tests.support.gateways import GatewayProcess, Reader, Servers, gateway, get, post, say, writers
from tests.support.processes import run_command
from tests.support.workflow_process import Serving, servers

pytestmark = pytest.mark.anyio

QUESTION = {"session_id": "sess", "user_id": "ada", "message": "Hello, how are you?"}


@pytest.fixture(scope="module")
def both() -> Iterator[Servers]:
    """Servers that the tests of this module share; none stops them."""
    with servers() as started:
        yield started


# --- as spec 002 writes it down


async def test_the_specs_end_to_end_test_runs_as_written(tmp_path: Path, both: Servers) -> None:
    with Serving(tmp_path / "serve", both[0].url, both[1].port) as service:
        await service.until("workflow.serving")
        with GatewayProcess(tmp_path / "gateway", both, "--pod-id", "pod-1") as process:
            assert json.loads(process.first_line) == {"gateway_url": process.url, "pod_id": "pod-1"}
            reader = await Reader("test", "user1").open(process.url)
            asked = {"session_id": "test", "user_id": "user1", "message": "Hello, how are you?"}
            reply = await post(process.url, body=asked)
            accepted = reply.json()
            assert reply.status_code == 202
            assert set(accepted) == {"message_id", "session_id", "status", "timestamp", "correlation_id"}
            assert (accepted["session_id"], accepted["status"]) == ("test", "accepted")
            text = await reader.answer(accepted["message_id"])
            assert text.startswith("I received your message: 'Hello, how are you?' This is a demo response")
            names = [event.name for event in reader.events]
            assert names == ["connected", *["chunk"] * (len(names) - 2), "message_complete"]
            assert set(reader.events[0].value) == {"connection_id", "session_id"}
            first = reader.told("chunk")[0]
            assert (first["chunk"], first["is_final"], first["chunk_id"]) == ("I received your ", False, 0)
            assert first["correlation_id"] == accepted["correlation_id"]
            assert reader.told("message_complete")[0]["token_count"] > 40
            assert await process.ended() == 0
            await reader.until(lambda: reader.is_over)
            assert reader.told("closing")[0]["code"] == "gateway_ends"
            left = redis.asyncio.Redis(port=both[1].port)
            assert await left.keys("*test") == [b"session:meta:test"]
            assert await left.keys("*pod-1*") == []
            await left.aclose()


async def test_the_stream_is_written_as_the_spec_shows_it(both: Servers) -> None:
    async with gateway(both) as running, writers(both) as answering:
        reading, writing = await asyncio.open_connection("127.0.0.1", int(running.url.rsplit(":", 1)[1]))
        writing.write(b"GET /api/sse?session_id=sess&user_id=ada HTTP/1.0\r\nHost: localhost\r\n\r\n")
        head = await reading.readuntil(b"\r\n\r\n")
        assert b"200 OK" in head
        assert b"content-type: text/event-stream" in head
        first = await reading.readuntil(b"\n\n")
        assert first.startswith(b'event: connected\ndata: {"connection_id":"conn_')
        assert first.endswith(b'","session_id":"sess"}\nid: none\n\n')
        await say(answering.answer(), "Hello", end=True)
        assert await reading.readuntil(b"\n\n") == b"retry: 1000\n\n"
        event = await reading.readuntil(b"\n\n")
        assert event.startswith(
            b'event: chunk\ndata: {"session_id":"sess","message_id":"m","chunk_id":0,"chunk":"Hello ",'
        )
        assert b'"is_final":true' in await reading.readuntil(b"\n\n")
        last = await reading.readuntil(b"\n\n")
        assert last.startswith(b'event: message_complete\ndata: {"message_id":"m","token_count":7}\nid: ')
        writing.close()


async def test_pings_come_to_every_connection(both: Servers) -> None:
    async with gateway(both, limits=GatewayLimits(ping_seconds=0.2)) as running:
        readers = [await Reader(f"sess-{number}").open(running.url) for number in range(3)]
        for reader in readers:
            await reader.until(partial(has_pings, reader))
            assert set(reader.told("ping")[0]) == {"timestamp"}
            await reader.cut()


async def test_a_gateway_at_rest_asks_nats_nothing(both: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    send_ping = Client._send_ping

    async def counted(client: Client, *more: Any) -> None:
        nonlocal asked
        asked += 1
        await send_ping(client, *more)

    async with gateway(both, limits=GatewayLimits(ping_seconds=0.2)) as running:
        reader = await Reader().open(running.url)
        monkeypatch.setattr(Client, "_send_ping", counted)
        await reader.until(partial(has_pings, reader))
        assert asked < 10


def has_pings(reader: Reader) -> bool:
    return len(reader.told("ping")) > 1


def has_chunk(reader: Reader, number: int) -> bool:
    return number in reader.numbers("m")


# --- requests


async def test_what_is_asked_reaches_whoever_answers(both: Servers) -> None:
    async with gateway(both) as running, writers(both) as answering:
        await answering.take_requests()
        asked = {**QUESTION, "ai_provider": "openai", "model": "gpt-4", "context": {"temperature": 0.5}}
        accepted = (await post(running.url, body=asked)).json()
        request = await answering.requests.get()
        assert request.message_id == accepted["message_id"]
        assert request.correlation_id == accepted["correlation_id"]
        assert (request.context.ai_provider, request.context.model) == ("openai", "gpt-4")
        assert request.context.temperature == 0.5
        metrics = (await get(running.url, "/metrics")).text
        assert 'evolver_gateway_requests_total{outcome="accepted"} 1' in metrics


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"user_id": "ada", "message": "x"}, 400, "session_id is missing"),
        ({"session_id": "sess", "message": "x"}, 400, "user_id is missing"),
        ({"session_id": "sess", "user_id": "ada"}, 400, "message is missing"),
        ({**QUESTION, "message": "  "}, 400, "message is empty"),
        ({**QUESTION, "message": 17}, 400, "message has to be a text"),
        ({**QUESTION, "message": "x" * 200_001}, 413, "more than 200,000 characters"),
        ({**QUESTION, "message": "x" * 600_000}, 413, "more than 524,288 bytes"),
        ({**QUESTION, "context": []}, 400, "context has to be an object"),
        ({**QUESTION, "context": {"temperature": 99}}, 400, "temperature"),
        *(({**QUESTION, "session_id": hostile}, 400, "session_id") for hostile in ("a.b", "*", ">", "a b", "", "ü", 7)),
        ({**QUESTION, "session_id": "x" * 129}, 400, "session_id"),
        (b"no JSON", 400, "not JSON"),
        (b"[]", 400, "no JSON object"),
        (b'{"a": NaN}', 400, "not JSON"),
        (b"[" * 100_000, 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
    ],
    ids=count(),
)
async def test_what_cannot_be_asked_is_refused_with_a_sentence(
    both: Servers, body: Any, status: int, words: str
) -> None:
    async with gateway(both) as running:
        reply = await post(running.url, body=body)
        assert reply.status_code == status
        assert words in reply.json()["error"]


async def test_that_nobody_answers_is_said_at_once(both: Servers) -> None:
    async with gateway(both) as running:
        reply = await post(running.url, body=QUESTION)
        assert reply.status_code == 503
        assert "workflow serve" in reply.json()["error"]


async def test_a_slow_service_still_has_the_request(both: Servers) -> None:
    async with gateway(both, limits=GatewayLimits(ask_seconds=0.1)) as running, writers(both) as answering:
        silent: asyncio.Queue[bytes] = asyncio.Queue()
        await answering.broker.subscribe("chat.workflow.execute.*", lambda _, data: silent.put_nowait(data))
        reply = await post(running.url, body=QUESTION)
        assert (reply.status_code, reply.json()["status"]) == (202, "unconfirmed"), "it may be a watcher alone"
        assert json.loads(await silent.get())["message_id"] == reply.json()["message_id"]


async def test_an_answer_is_called_off(both: Servers) -> None:
    async with gateway(both) as running, writers(both) as answering:
        heard: asyncio.Queue[str] = asyncio.Queue()
        await answering.broker.subscribe("chat.workflow.cancel.*", lambda subject, _: heard.put_nowait(subject))
        assert (await post(running.url, "/api/cancel", {"session_id": "sess"})).status_code == 202
        assert await heard.get() == "chat.workflow.cancel.sess"
        for hostile in ("*", ">", "a.b", None, 7):
            assert (await post(running.url, "/api/cancel", {"session_id": hostile})).status_code == 400


# --- answers


async def test_chunks_are_told_in_order_and_once_however_they_come(both: Servers) -> None:
    async with gateway(both) as running, writers(both) as answering:
        first, second = [await Reader().open(running.url) for _ in range(2)]
        chunks = [Chunk("sess", "m", number, f"{number} ", "", is_final=number == 5) for number in range(6)]
        for number in (3, 1, 3, 4, 0, 5, 1, 2):
            await answering.broker.publish(pod_subject("pod-1"), chunks[number].to_bytes())
        assert await first.answer("m") == await second.answer("m") == "0 1 2 3 4 5 "
        assert 'chunks_dropped_total{reason="duplicate"} 2' in (await get(running.url, "/metrics")).text


async def test_a_later_attempt_takes_the_place_of_an_earlier_one(both: Servers) -> None:
    async with gateway(both) as running, writers(both) as answering:
        reader = await Reader().open(running.url)
        await say(answering.answer(), "One", "two")
        await reader.until(lambda: reader.numbers("m") == [0, 1])
        await say(answering.answer(attempt=2), "Three", end=True)
        await reader.until(lambda: reader.told("message_complete"))
        restart = [event.name for event in reader.events].index("message_restarted")
        assert reader.events[restart].value == {"message_id": "m", "attempt": 2}
        assert [event.value.get("chunk") for event in reader.events[restart + 1 :]] == ["Three ", "", None]


async def test_that_a_chunk_never_came_is_told(both: Servers) -> None:
    limits = GatewayLimits(SessionLimits(missing_seconds=0.2))
    async with gateway(both, limits=limits) as running, writers(both) as answering:
        reader = await Reader().open(running.url)
        await say(answering.answer(next_chunk=0), "One")
        await say(answering.answer(next_chunk=3), "four", end=True)
        (told,) = await reader.until(lambda: reader.told("message_failed"))
        assert told["missing_chunks"] == [1, 2]
        assert told["message"] == "Chunks 1, 2 of this answer never came."


async def test_an_answer_that_came_before_anybody_was_connected_is_told(both: Servers) -> None:
    async with gateway(both) as running, writers(both) as answering:
        await answering.take_requests()
        accepted = (await post(running.url, body={**QUESTION, "session_id": "early"})).json()
        await say(answering.answer("early", accepted["message_id"]), "Hello", end=True)
        await answering.broker.confirm(5)
        reader = await Reader("early").open(running.url)
        assert await reader.answer(accepted["message_id"]) == "Hello "
        later = await Reader("early").open(running.url)
        assert not later.told("chunk"), "it was told by then"


async def test_sessions_do_not_hear_each_other(both: Servers) -> None:
    async with gateway(both) as running, writers(both) as answering:
        mine, theirs = await Reader("mine").open(running.url), await Reader("theirs").open(running.url)
        await say(answering.answer("mine", "m"), "for me", end=True)
        await say(answering.answer("theirs", "m"), "for them", end=True)
        assert await mine.answer("m") == "for me "
        assert await theirs.answer("m") == "for them "
        stray = Chunk("mine", "x", 0, "stray", "", is_final=True)
        await answering.broker.publish("chat.session.theirs.broadcast", stray.to_bytes())
        await answering.broker.publish(pod_subject("pod-1"), b"no chunk")
        await say(answering.answer("mine", "last"), "end", end=True)
        await mine.answer("last")
        assert not mine.told("chunk", "x")


# --- coming back


async def test_a_reader_that_comes_back_in_mid_answer_misses_nothing(both: Servers) -> None:
    async with gateway(both) as running, writers(both) as answering:
        reader = await Reader().open(running.url)
        one, two = answering.answer(message="one"), answering.answer(message="two")
        await say(one, "a", "b")
        await say(two, "x")
        await reader.until(lambda: reader.numbers("one") == [0, 1] and reader.numbers("two") == [0])
        await reader.cut()
        await say(one, "c", end=True)
        await say(two, "y")
        await answering.broker.confirm(5)
        await reader.open(running.url)
        await say(two, "z", end=True)
        assert await reader.answer("one") == "a b c "
        assert await reader.answer("two") == "x y z "
        assert "resumed_total 1" in (await get(running.url, "/metrics")).text


@pytest.mark.parametrize("hostile", ["x" * 3_000, "abcdefgh.1.1", "../../etc", "17"], ids=count())
async def test_an_id_of_nowhere_is_no_reason_to_refuse(both: Servers, hostile: str) -> None:
    async with gateway(both) as running, writers(both) as answering:
        reader = await Reader(**{"Last-Event-ID": hostile}).open(running.url)
        await say(answering.answer(), "Hello", end=True)
        assert await reader.answer("m") == "Hello "


async def test_two_gateways_share_a_session(both: Servers) -> None:
    async with gateway(both, "pod-1") as one, gateway(both, "pod-2") as two, writers(both) as answering:
        readers = [await Reader().open(running.url) for running in (one, two)]
        await say(answering.answer(), "a", "b", end=True)
        assert [await reader.answer("m") for reader in readers] == ["a b ", "a b "]


async def test_a_reader_goes_on_at_another_gateway(both: Servers) -> None:
    async with gateway(both, "pod-1") as one, gateway(both, "pod-2") as two, writers(both) as answering:
        reader = await Reader().open(one.url)
        answer = answering.answer()
        await say(answer, "a", "b")
        await reader.until(lambda: reader.numbers("m") == [0, 1])
        await reader.cut()
        await say(answer, "c")
        await answering.broker.confirm(5)
        await reader.open(two.url)
        await say(answer, "d", end=True)  # the service still remembers the first gateway alone
        assert await reader.answer("m") == "a b c d "


async def test_a_second_reader_at_another_gateway_sees_the_whole_of_an_answer_that_is_being_written(
    both: Servers,
) -> None:
    async with gateway(both, "pod-1") as one, gateway(both, "pod-2") as two, writers(both) as answering:
        first = await Reader().open(one.url)
        old, answer = answering.answer(message="old"), answering.answer()
        await say(old, "before", end=True)
        await say(answer, "a", "b")
        await first.until(lambda: first.numbers("m") == [0, 1])
        second = await Reader().open(two.url)
        await say(answer, "c", end=True)
        assert await second.answer("m") == await first.answer("m") == "a b c "
        assert not second.told("chunk", "old")


async def test_a_gateway_that_ends_hands_its_answers_over(both: Servers) -> None:
    async with gateway(both, "pod-1") as one, gateway(both, "pod-2") as two, writers(both) as answering:
        reader = await Reader().open(one.url)
        answer = answering.answer()
        await say(answer, "a", "b")
        await reader.until(lambda: reader.numbers("m") == [0, 1])
        ending = asyncio.create_task(one.close())
        await reader.until(lambda: reader.is_over)
        await say(answer, "c")
        await answering.broker.confirm(5)
        await reader.open(two.url)
        await say(answer, "d")
        await reader.until(lambda: reader.numbers("m") == [0, 1, 2, 3])
        await ending
        await say(answer, "e", end=True)
        assert await reader.answer("m") == "a b c d e "


async def test_a_gateway_that_was_killed_leaves_its_readers_to_another(tmp_path: Path, both: Servers) -> None:
    with GatewayProcess(tmp_path, both, "--pod-id", "pod-1") as one:
        async with gateway(both, "pod-2") as two, writers(both) as answering:
            reader = await Reader().open(one.url)
            answer = answering.answer()
            await say(answer, "a", "b")
            await reader.until(lambda: reader.numbers("m") == [0, 1])
            one.kill()
            await reader.open(two.url)
            registry = redis.asyncio.Redis(port=both[1].port)
            assert len(await registry.smembers("session:connections:sess")) == 2
            await registry.aclose()
            answering.registry._known.clear()  # the service remembers pods for a second
            await say(answer, "c", end=True)
            assert await reader.answer("m") == "a b c "


async def test_what_is_kept_of_a_session_goes_when_nobody_comes_back(both: Servers) -> None:
    limits = GatewayLimits(SessionLimits(keep_seconds=0.0))
    async with gateway(both, limits=limits) as running:
        reader = await Reader("gone").open(running.url)
        registry = redis.asyncio.Redis(port=both[1].port)
        assert await registry.smembers("session:connections:gone")
        await reader.cut()
        async with asyncio.timeout(60):
            while await registry.exists("session:connections:gone"):  # noqa: ASYNC110 - Redis tells nobody
                await asyncio.sleep(0.02)
        assert (await get(running.url)).json()["active_sessions"] == 0
        await registry.aclose()


# --- servers and clients that are away, slow, or hostile


async def test_an_answer_goes_on_after_nats_was_away() -> None:
    with servers() as both:
        async with gateway(both) as running, writers(both) as answering:
            reader = await Reader().open(running.url)
            answer = answering.answer()
            await say(answer, "a")
            await reader.until(lambda: reader.numbers("m") == [0])
            await asyncio.to_thread(both[0].stop)
            async with asyncio.timeout(60):
                while (await get(running.url)).status_code != 503:  # noqa: ASYNC110 - it is asked from outside
                    await asyncio.sleep(0.02)
            reply = await post(running.url, body=QUESTION)
            assert reply.status_code == 503
            assert "NATS" in reply.json()["error"]
            assert (await post(running.url, "/api/cancel", {"session_id": "sess"})).status_code == 503
            await asyncio.to_thread(both[0].start)
            async with asyncio.timeout(60):
                while (await get(running.url)).status_code != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            await say(answer, "b", end=True)
            assert await reader.answer("m") == "a b "


async def test_without_redis_answers_come_by_broadcast_and_the_registry_is_told_later() -> None:
    with servers() as both:
        both[1].stop()
        async with gateway(both, limits=GatewayLimits(renew_seconds=0.2)) as running, writers(both) as answering:
            reader = await Reader().open(running.url)
            health = (await get(running.url)).json()
            assert (health["status"], health["redis_connected"]) == ("degraded", False)
            await say(answering.answer(message="one"), "Hello", end=True)
            assert await reader.answer("one") == "Hello "
            await asyncio.to_thread(both[1].start)
            registry = redis.asyncio.Redis(port=both[1].port)
            async with asyncio.timeout(60):
                while not await registry.smembers("session:connections:sess"):  # noqa: ASYNC110 - Redis tells nobody
                    await asyncio.sleep(0.02)
            await registry.aclose()
            await say(answering.answer(message="two"), "again", end=True)
            assert await reader.answer("two") == "again "


async def test_it_starts_without_servers_and_says_so(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, None) as process:
        async with asyncio.timeout(60):
            while process.errors.read_text().count("workflow.service_away") < 2:  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.02)
        reply = await get(process.url)
        assert reply.status_code == 503
        assert reply.json()["nats_connected"] is False
        assert await process.ended(signal.SIGINT) == 130
        assert "Traceback" not in process.errors.read_text()


async def test_a_client_that_does_not_read_is_cut_off_and_holds_nobody_up(both: Servers) -> None:
    async with gateway(both) as running, writers(both) as answering:
        port = int(running.url.rsplit(":", 1)[1])
        slow = socket.socket()
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.connect(("127.0.0.1", port))
        slow.sendall(b"GET /api/sse?session_id=sess&user_id=slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reader = await Reader().open(running.url)
        answer = answering.answer()
        for number in range(40):
            await say(answer, "x" * 100_000)
            await reader.until(partial(has_chunk, reader, number))
        await say(answer, end=True)
        assert len(await reader.answer("m")) == 40 * 100_001
        assert 'cut_total{reason="too_slow"} 1' in (await get(running.url, "/metrics")).text
        slow.settimeout(60)
        said = await asyncio.to_thread(lambda: b"".join(iter(lambda: _read(slow), b"")))
        assert b'event: closing\ndata: {"code":"too_slow"' in said
        slow.close()


def _read(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except ConnectionError:
        return b""


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("session_id=sess", 400),
        ("user_id=ada", 400),
        ("session_id=&user_id=ada", 400),
        *(
            (f"session_id={hostile}&user_id=ada", 400)
            for hostile in ("a.b", "%2A", "%3E", "a%20b", "%0D%0A", "x" * 129)
        ),
        (f"session_id=sess&user_id={'x' * 257}", 400),
    ],
    ids=count(),
)
async def test_a_connection_that_cannot_be_is_refused(both: Servers, query: str, status: int) -> None:
    async with gateway(both) as running:
        reply = await get(running.url, f"/api/sse?{query}")
        assert reply.status_code == status
        assert reply.json()["error"]


async def test_bounds_on_connections_and_sessions_hold(both: Servers) -> None:
    limits = GatewayLimits(SessionLimits(most=2), connections=3)
    async with gateway(both, limits=limits) as running:
        readers = [await Reader(f"sess-{number % 2}").open(running.url) for number in range(2)]
        full = await get(running.url, "/api/sse?session_id=other&user_id=ada")
        assert (full.status_code, full.json()["code"]) == (503, "full")
        readers.append(await Reader("sess-0").open(running.url))
        full = await get(running.url, "/api/sse?session_id=sess-0&user_id=ada")
        assert full.status_code == 503
        assert (await get(running.url)).json()["active_connections"] == 3


async def test_what_is_no_http_ends_the_connection(both: Servers) -> None:
    async with gateway(both) as running:
        port = int(running.url.rsplit(":", 1)[1])
        endless = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000
        for hostile in (b"\x00\x01\x02\r\n\r\n", endless):
            reading, writing = await asyncio.open_connection("127.0.0.1", port)
            writing.write(hostile)
            assert b"400" in (await reading.read())
            writing.close()
        assert (await get(running.url)).status_code == 200


# --- who may


SECRET = "a token that nobody guesses"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]:80"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Host": "localhost:8080", "Origin": "http://localhost:8080"}, 200),
        ({"Origin": "https://chat.example"}, 200),
    ],
)
async def test_pages_of_strangers_are_not_served(both: Servers, headers: dict[str, str], status: int) -> None:
    async with gateway(both, origins=("https://chat.example",)) as running:
        for path in ("/health", "/metrics", "/"):
            assert (await get(running.url, path, **headers)).status_code == status


async def test_a_page_that_is_allowed_may_read_replies(both: Servers) -> None:
    async with gateway(both, origins=("https://chat.example",), token=SECRET) as running:
        async with httpx.AsyncClient(trust_env=False) as client:
            asked = {"Origin": "https://chat.example", "Access-Control-Request-Method": "POST"}
            reply = await client.options(f"{running.url}/api/chat", headers=asked)
        assert reply.status_code == 204
        assert reply.headers["access-control-allow-origin"] == "https://chat.example"
        assert "authorization" in reply.headers["access-control-allow-headers"]
        reply = await post(running.url, body={}, Origin="https://chat.example", Authorization=f"Bearer {SECRET}")
        assert reply.status_code == 400
        assert reply.headers["access-control-allow-origin"] == "https://chat.example"


async def test_a_token_is_asked_for(both: Servers) -> None:
    async with gateway(both, token=SECRET) as running:
        good = {"Authorization": f"Bearer {SECRET}"}
        for path in ("/metrics", "/api/sse?session_id=sess&user_id=ada", "/nowhere"):
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {SECRET}"}):
                reply = await get(running.url, path, **headers)
                assert reply.status_code == 401
                assert SECRET not in reply.text
        assert (await get(running.url, f"/metrics?access_token={SECRET}")).status_code == 401
        assert (await get(running.url, "/metrics", **good)).status_code == 200
        assert (await get(running.url, "/health")).status_code == 200
        assert (await get(running.url, "/", Host="any.example")).status_code == 200
        assert (await post(running.url, body=QUESTION)).status_code == 401
        assert (await post(running.url, body={}, **good)).status_code == 400
        reader = await Reader(**good).open(running.url)
        await reader.cut()
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream("GET", f"{running.url}/api/sse?session_id=s&user_id=u&access_token={SECRET}") as reply,
        ):
            assert reply.status_code == 200


@pytest.mark.parametrize(
    ("more", "config", "words"),
    [
        (("--host", "0.0.0.0"), "", "open to everybody"),
        (("--host", "::"), "", "open to everybody"),
        ((), '[workflow]\ngateway_host = "0.0.0.0"\n', "EVOLVER_GATEWAY_TOKEN"),
        ((), '[workflow]\ngateway_origins = ["chat.example"]\n', "no origin"),
        (("--pod-id", "a.b"), "", "no name for a pod"),
        (("--port", "x"), "", "no number"),
        (("--host", "no such host"), "", "open to everybody"),
    ],
)
def test_what_would_not_do_is_refused_at_the_start(
    tmp_path: Path, more: tuple[str, ...], config: str, words: str
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text(config)
    done = run_command("workflow", "gateway", "--home", str(tmp_path), *more, home=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run_command("workflow", "gateway", "--home", str(tmp_path), "--port", port, home=tmp_path)
    assert done.returncode == 2
    assert f"port {port}: Address already in use" in done.stderr


async def test_no_token_and_no_message_is_written_anywhere(tmp_path: Path, both: Servers) -> None:
    with GatewayProcess(tmp_path, both, EVOLVER_GATEWAY_TOKEN=SECRET) as process:
        url = f"{process.url}/api/sse?session_id=sess&user_id=ada&access_token={SECRET.replace(' ', '%20')}"
        async with httpx.AsyncClient(trust_env=False) as client, client.stream("GET", url) as reply:
            assert reply.status_code == 200
        await post(process.url, body=QUESTION, Authorization=f"Bearer {SECRET}")
        assert await process.ended() == 0
        written = process.errors.read_text()
        assert "Hello" not in written
        assert SECRET not in written
        assert "access_token" not in written
