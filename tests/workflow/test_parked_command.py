"""`evolver-tui workflow parked`, on requests that strangers wrote, at a real nats-server."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolver_tui.adapters.nats.parked import park
from evolver_tui.adapters.nats.queue import DurableQueue
from tests.support.hostile import assert_harmless, bundles
from tests.support.nats_broker import Heard, broker_at
from tests.support.nats_server import NatsServer
from tests.support.processes import environment, run_command
from tests.support.servers import free_port
from tests.support.terminal import Terminal

REQUEST = {
    "message_id": "m1", "session_id": "s1", "user_id": "u1", "message": "What is it?", "context": {},
    "timestamp": "2026-01-01T00:00:00Z", "correlation_id": "c1",
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[NatsServer]:
    with NatsServer(jetstream=True) as server:
        yield server


@pytest.fixture
def server(running: NatsServer) -> NatsServer:
    """A server at which nothing is kept."""
    asyncio.run(forget(running))
    return running


async def forget(server: NatsServer) -> None:
    async with broker_at(server.url) as broker:
        streams = broker.connection().jetstream()
        for info in await streams.streams_info():
            assert info.config.name is not None
            await streams.delete_stream(info.config.name)


async def put_aside(server: NatsServer, *requests: tuple[str, bytes], reason: str = "It was too much.") -> None:
    async with broker_at(server.url) as broker:
        for subject, data in requests:
            await park(broker.connection(), subject, data, reason=reason, attempts=5)


def request(session: str, message: str = "What is it?") -> tuple[str, bytes]:
    return f"chat.workflow.execute.{session}", json.dumps(
        {**REQUEST, "session_id": session, "message": message}
    ).encode()


def parked(home: Path, server: NatsServer, *arguments: str) -> tuple[int, str, str]:
    done = run_command("workflow", "parked", *arguments, home=home, NATS_URL=server.url)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def listed(home: Path, server: NatsServer) -> list[dict[str, object]]:
    code, out, _ = parked(home, server, "list", "--json")
    assert code == 0
    found: list[dict[str, object]] = json.loads(out)["parked"]
    return found


def test_nothing_was_ever_put_aside(server: NatsServer, tmp_path: Path) -> None:
    assert parked(tmp_path, server, "list") == (0, "", "No request was put aside.\n")
    assert listed(tmp_path, server) == []
    assert parked(tmp_path, server, "retry", "--all")[2] == "0 requests are to be answered again.\n"


def test_requests_are_listed_for_people_and_for_scripts(server: NatsServer, tmp_path: Path) -> None:
    asyncio.run(put_aside(server, request("s1"), ("chat.workflow.execute.s2", b"no request")))
    first, second = listed(tmp_path, server)
    assert first["parked_at"]
    assert {**first, "parked_at": ""} == {
        "number": 1, "parked_at": "", "attempts": 5, "session_id": "s1", "message_id": "m1", "message": "What is it?",
        "reason": "It was too much.",
    }  # fmt: skip
    assert (second["number"], second["session_id"], second["message"]) == (2, "s2", "no request")
    _, out, _ = parked(tmp_path, server, "list")
    head, row, _ = out.splitlines()
    assert head.split() == ["N", "PARKED", "TRIES", "SESSION", "MESSAGE", "WHY"]
    assert row.split()[0] == "1"
    assert row.split()[2:] == ["5", "s1", "What", "is", "it?", "It", "was", "too", "much."]


def test_a_dropped_one_is_gone_for_good(server: NatsServer, tmp_path: Path) -> None:
    asyncio.run(put_aside(server, *(request(f"s{number}") for number in range(4))))
    assert parked(tmp_path, server, "drop", "2") == (0, "", "1 request is forgotten.\n")
    assert [each["number"] for each in listed(tmp_path, server)] == [1, 3, 4]
    code, _, said = parked(tmp_path, server, "drop", "2")
    assert (code, said.partition("\n")[0]) == (
        1,
        "evolver-tui: There is no parked request 2. See `evolver-tui workflow parked list`.",
    )
    assert parked(tmp_path, server, "drop", "--all")[2] == "3 requests are forgotten.\n"
    assert listed(tmp_path, server) == []


def test_a_retried_one_is_handed_out_as_if_it_were_new(server: NatsServer, tmp_path: Path) -> None:
    asyncio.run(put_aside(server, request("s1"), request("s2")))
    code, _, said = parked(tmp_path, server, "retry", "1")
    assert code == 1
    assert "Nobody listens at chat.workflow.execute.s1. Start `evolver-tui workflow serve`." in said
    assert len(listed(tmp_path, server)) == 2

    async def take_both() -> list[tuple[bytes, int]]:
        async with broker_at(server.url) as broker:
            queue = DurableQueue(broker, 30)
            await queue.open()
            said = await asyncio.to_thread(parked, tmp_path, server, "retry", "--all")
            assert said == (0, "", "2 requests are to be answered again.\n")
            taken = [delivery for _ in range(2) for delivery in await queue.take(1)]
            assert [delivery.tries for delivery in taken] == [1, 1]
            return [(delivery.data, delivery.attempt) for delivery in taken]

    # Readers heard of five attempts, and of a sixth that told them that it was parked.
    assert asyncio.run(take_both()) == [(request("s1")[1], 7), (request("s2")[1], 7)]
    assert listed(tmp_path, server) == []


def test_one_that_nobody_says_to_take_stays(server: NatsServer, tmp_path: Path) -> None:
    asyncio.run(put_aside(server, request("s1")))

    async def listen_in_silence() -> None:
        async with broker_at(server.url) as broker:
            await broker.subscribe("chat.workflow.execute.*", Heard())
            code, _, said = await asyncio.to_thread(parked, tmp_path, server, "retry", "1")
            assert code == 1
            assert "Nobody said that request 1 is taken; it stays parked." in said

    asyncio.run(listen_in_silence())
    assert len(listed(tmp_path, server)) == 1


def test_what_strangers_wrote_steers_no_terminal_and_is_cut(server: NatsServer, tmp_path: Path) -> None:
    packs = bundles(2_000)
    asyncio.run(put_aside(server, *(request("s1", pack.replace("\x00", "") or "x") for pack in packs), reason=packs[0]))
    asyncio.run(put_aside(server, ("chat.workflow.execute.s1", packs[0].encode("utf-8", "replace") * 20)))
    for form in ((), ("--json",)):
        command = [sys.executable, "-m", "evolver_tui", "workflow", "parked", "list", *form]
        with Terminal(command, tmp_path, environment(tmp_path, NATS_URL=server.url), (400, 48)) as terminal:
            assert terminal.wait() == 0
        assert_harmless(terminal.raw.decode(), allowed="\r\n")
    assert all(len(str(each["message"])) <= 201 for each in listed(tmp_path, server))
    _, out, _ = parked(tmp_path, server, "list")
    assert max(map(len, out.splitlines())) < 250


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("retry",), "Which one to retry is not said. Name its number, or all of them by --all."),
        (("drop", "3", "--all"), "Which one to drop is not said."),
        (("drop", "none"), "'none' is no number from 1 on"),
        ((), "the following arguments are required: VERB"),
    ],
)
def test_what_is_not_said_is_asked_for(
    server: NatsServer, tmp_path: Path, arguments: tuple[str, ...], why: str
) -> None:
    code, out, said = parked(tmp_path, server, *arguments)
    assert (code, out) == (2, "")
    assert why in said


def test_a_server_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    port = free_port()
    done = run_command("workflow", "parked", "list", home=tmp_path, NATS_URL=f"nats://127.0.0.1:{port}")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"NATS at 127.0.0.1:{port} cannot be reached: Connection refused." in done.stderr
    wrong = run_command("workflow", "parked", "list", home=tmp_path, NATS_URL="http://127.0.0.1:1")
    assert wrong.returncode == 2
    assert "NATS_URL has to be an address that starts with nats:// or tls:// or ws:// or wss://." in wrong.stderr


def test_a_server_without_streams_is_told_of(tmp_path: Path) -> None:
    with NatsServer() as server:
        code, _, said = parked(tmp_path, server, "list")
        assert code == 1
        assert "JetStream is not on there. Start nats-server with -js" in said
