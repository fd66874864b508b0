"""What the doctor says of NATS and Redis, where chats are set up."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.nats.parked import park
from evolver_tui.adapters.nats.queue import DurableQueue
from tests.support.nats_broker import broker_at
from tests.support.nats_server import NatsServer
from tests.support.processes import run_command
from tests.support.redis_server import RedisServer
from tests.support.servers import free_port

Line = dict[str, Any]


def lines(home: Path, config: str = "", **environ: Any) -> list[Line]:
    """What it says of both, and of their secrets."""
    (home / ".config" / "evolver-tui").mkdir(parents=True, exist_ok=True)
    (home / ".config" / "evolver-tui" / "config.toml").write_text(config)
    done = run_command("doctor", "--json", home=home, **environ)
    assert "Traceback" not in done.stderr
    said: list[Line] = json.loads(done.stdout)["lines"]
    return [line for line in said if line["name"] in ("nats", "redis") or "passwor" in line["message"]]


def test_it_says_nothing_where_nobody_set_chats_up(tmp_path: Path) -> None:
    assert lines(tmp_path) == []


def test_both_are_well(tmp_path: Path) -> None:
    with NatsServer(jetstream=True) as nats, RedisServer() as redis:
        named = {"NATS_URL": nats.url, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port)}
        first, second = lines(tmp_path, **named)
        assert (first["state"], second["state"]) == ("ok", "ok")
        assert first["message"].endswith(f" at 127.0.0.1:{nats.port}; JetStream is on.")
        assert second["message"] == f"Redis at 127.0.0.1:{redis.port} answers."


def test_neither_is_there(tmp_path: Path) -> None:
    ports = free_port(), free_port()
    config = (
        f'[workflow]\nnats_url = "nats://127.0.0.1:{ports[0]}"\nredis_host = "127.0.0.1"\nredis_port = {ports[1]}\n'
    )
    first, second = lines(tmp_path, config)
    assert (first["state"], second["state"]) == ("broken", "broken")
    assert first["message"] == f"NATS at 127.0.0.1:{ports[0]} cannot be reached: Connection refused."
    assert first["way_out"] == "Start it, or name it with nats_url under [workflow] or NATS_URL."
    assert second["message"] == f"Redis at 127.0.0.1:{ports[1]} cannot be reached: Connection refused."
    assert second["way_out"] == "Start it, or name it with redis_host under [workflow] or REDIS_HOST."


def test_both_hang(tmp_path: Path) -> None:
    with NatsServer() as nats, RedisServer() as redis:
        nats.freeze()
        redis.freeze()
        named = {"NATS_URL": nats.url, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port)}
        said = [line["message"] for line in lines(tmp_path, **named)]
        assert said == [
            f"NATS at 127.0.0.1:{nats.port} does not answer.",
            f"Redis at 127.0.0.1:{redis.port} does not answer.",
        ]


def test_both_refuse_who_asks(tmp_path: Path) -> None:
    with NatsServer(user="ada", password="s3cret-word") as nats, RedisServer(password="s3cret-word") as redis:
        config = f'[workflow]\nnats_url = "{nats.url}"\nnats_user = "ada"\n'
        config += f'redis_port = {redis.port}\nredis_user = "default"\n'
        environ = {"REDIS_HOST": "127.0.0.1", "NATS_PASSWORD": "an0ther-word"}
        said = lines(tmp_path, config, **environ)
        states = {line["message"].partition(" (")[0]: line["state"] for line in said}
        assert f"NATS at 127.0.0.1:{nats.port} refuses who asks." in states
        assert any("Redis gets no password: REDIS_PASSWORD is neither in" in message for message in states)
        assert any(f"Redis at 127.0.0.1:{redis.port} refuses who asks" in message for message in states)
        assert "an0ther-word" not in json.dumps(said)


def test_what_lies_in_the_streams_is_told(tmp_path: Path) -> None:
    async def fill(nats: NatsServer) -> None:
        async with broker_at(nats.url) as broker:
            await DurableQueue(broker, 30).open()
            for session in ("a", "b"):
                await broker.ask(f"chat.workflow.execute.{session}", b"{}", 30)
            await park(broker.connection(), "chat.workflow.execute.c", b"{}", reason="", attempts=5)

    with NatsServer(jetstream=True) as nats, RedisServer() as redis:
        asyncio.run(fill(nats))
        named = {"NATS_URL": nats.url, "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port)}
        notes = [(line["message"], line["way_out"]) for line in lines(tmp_path, **named) if line["state"] == "note"]
        assert notes == [
            (
                "2 requests are in WORKFLOW_REQUESTS, which instances without `durable` do not take.",
                "Set `durable = true`, or delete the stream.",
            ),
            ("1 request is put aside, since no instance could answer.", "evolver-tui workflow parked list"),
        ]
        assert len(lines(tmp_path, "[workflow]\ndurable = true\n", **named)) == 3


def test_durable_needs_streams(tmp_path: Path) -> None:
    with NatsServer() as nats:
        (line, _) = lines(tmp_path, "[workflow]\ndurable = true\n", NATS_URL=nats.url)
        assert (line["state"], line["way_out"]) == ("broken", "Start nats-server with -js, since `durable` needs it.")


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("NATS_URL", "http://x", "NATS_URL has to be an address"),
        ("REDIS_PORT", "70000", "REDIS_PORT has to be a number"),
    ],
)
def test_an_environment_that_cannot_be_meant_so(tmp_path: Path, variable: str, value: str, why: str) -> None:
    said = lines(tmp_path, **{"REDIS_HOST": "127.0.0.1", "NATS_URL": "nats://127.0.0.1:1", variable: value})
    assert any(line["message"].startswith(why) for line in said)
