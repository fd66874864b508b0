"""Who has a connection of which chat, in a real redis-server that goes through everything."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from evolver_tui.adapters.redis.registry import RedisRegistry, RedisSettings
from evolver_tui.core.errors import RegistryError
from evolver_tui.engine.workflow.registry import Connection
from tests.support.nats_broker import Standings, secret
from tests.support.redis_server import RedisServer
from tests.support.server_process import PATIENCE_SECONDS
from tests.support.servers import free_port
from tests.support.tls import make_certificate

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@contextlib.asynccontextmanager
async def registry_at(port: int, **settings: Any) -> AsyncIterator[RedisRegistry]:
    registry = RedisRegistry(RedisSettings("127.0.0.1", port, probe_seconds=0.2, **settings))
    try:
        await registry.open()
        yield registry
    finally:
        await registry.close()


def person(server: RedisServer) -> Redis:
    """Somebody else at the same server."""
    return Redis("127.0.0.1", server.port, decode_responses=True)


async def until_pods(registry: RedisRegistry, session: str, pods: tuple[str, ...]) -> None:
    """Wait until these are found: an answer serves for a second."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await registry.pods(session) != pods:  # noqa: ASYNC110 - nobody tells of the registry's answers
            await asyncio.sleep(0.02)


async def test_the_keys_are_the_ones_that_other_pods_read_and_write(server: RedisServer) -> None:
    async with registry_at(server.port) as registry:
        await registry.register(Connection("s1", "pod-1", "c1"), "ada", "openai", "gpt-4")
        other = person(server)
        assert other.smembers("session:connections:s1") == {"pod-1:c1"}
        assert other.hgetall("pod:connections:pod-1") == {"c1": "s1"}
        assert float(str(other.get("heartbeat:pod-1:c1"))) > 1_700_000_000
        assert other.hgetall("session:meta:s1") == {"user_id": "ada", "ai_provider": "openai", "model_name": "gpt-4"}
        lives = {key: other.ttl(key) for key in other.scan_iter()}
        assert {
            key: (seconds <= most) and seconds > most - 5
            for (key, seconds), most in zip(sorted(lives.items()), (30, 300, 300, 3600), strict=True)
        } == dict.fromkeys(lives, True)
        await registry.unregister(Connection("s1", "pod-1", "c1"))
        assert other.keys() == ["session:meta:s1"]


async def test_pods_of_a_session_are_found_each_once(server: RedisServer) -> None:
    async with registry_at(server.port) as registry, registry_at(server.port) as reader:
        for pod, connection in (("pod-2", "a"), ("pod-1", "b"), ("pod-1", "c"), ("host:8080", "d")):
            await registry.register(Connection("s1", pod, connection), "ada")
        assert await reader.pods("s1") == ("host:8080", "pod-1", "pod-2")
        assert await reader.pods("nobody's") == ()
        await registry.unregister(Connection("s1", "pod-2", "a"))
        await until_pods(reader, "s1", ("host:8080", "pod-1"))


async def test_what_others_write_cannot_lead_out_of_a_subject(server: RedisServer) -> None:
    other = person(server)
    hostile = ("*:c", ">:c", "a.b:c", "a b:c", ":c", "nocolon", "pöd:c", "\x1b[2J:c", "$JS:c", "x" * 200 + ":c", "")
    other.sadd("session:connections:s1", *hostile, b"\xff\xfe:c", "good:c", "a:b:c")
    other.set("session:connections:s2", "no set")
    async with registry_at(server.port) as registry:
        assert await registry.pods("s1") == ("a:b", "good")
        assert await registry.pods("s2") == ()
        assert registry.standing.is_up


async def test_a_connection_is_left_out_once_its_heartbeat_is_gone(server: RedisServer) -> None:
    """Not all pods write heartbeats: one that never had one stays."""
    async with registry_at(server.port) as registry:
        other = person(server)
        other.sadd("session:connections:s1", "silent:c1")
        await registry.register(Connection("s1", "pod-1", "c1"), "ada")
        assert await registry.pods("s1") == ("pod-1", "silent")
        other.delete("heartbeat:pod-1:c1")
        await until_pods(registry, "s1", ("silent",))
        await registry.renew([Connection("s1", "pod-1", "c1")])
        await until_pods(registry, "s1", ("pod-1", "silent"))


async def test_many_are_renewed_at_once_also_after_redis_forgot_them(server: RedisServer) -> None:
    connections = [Connection(f"s{number % 300}", "pod-1", f"c{number}") for number in range(1_200)]
    async with registry_at(server.port) as registry:
        person(server).flushall()
        await registry.renew(connections)
        assert person(server).hlen("pod:connections:pod-1") == 1_200
        found = await asyncio.gather(*(registry.pods(f"s{number}") for number in range(300)))
        assert set(found) == {("pod-1",)}


async def test_one_question_answers_all_who_ask_for_the_same(server: RedisServer) -> None:
    async with registry_at(server.port) as registry:
        await registry.register(Connection("s1", "pod-1", "c1"), "ada")
        before = commands(server)
        found = await asyncio.gather(*(registry.pods("s1") for _ in range(1_000)))
        assert set(found) == {("pod-1",)}
        assert commands(server) - before == 1


def commands(server: RedisServer) -> int:
    """How often a set was read."""
    statistics: Any = person(server).info("commandstats")
    return int(statistics.get("cmdstat_smembers", {}).get("calls", 0))


async def test_a_server_that_hangs_leaves_the_last_answer_and_comes_back(server: RedisServer) -> None:
    async with registry_at(server.port) as registry:
        standings = Standings()
        registry.watch(standings)
        await registry.register(Connection("s1", "pod-1", "c1"), "ada")
        assert await registry.pods("s1") == ("pod-1",)
        server.freeze()
        assert await standings.until_away() == f"Redis at 127.0.0.1:{server.port} does not answer."
        async with asyncio.timeout(PATIENCE_SECONDS):  # nobody waits for a server that is known to hang
            assert await registry.pods("s1") == ("pod-1",)
            assert await registry.pods("s2") == ()
            with pytest.raises(RegistryError, match="does not answer"):
                await registry.renew([Connection("s1", "pod-1", "c1")])
        server.thaw()
        await standings.until_up()
        assert await registry.pods("s1") == ("pod-1",)


async def test_a_restart_is_survived(server: RedisServer) -> None:
    async with registry_at(server.port) as registry:
        standings = Standings()
        registry.watch(standings)
        await registry.register(Connection("s1", "pod-1", "c1"), "ada")
        assert await registry.pods("s1") == ("pod-1",)
        await asyncio.to_thread(server.kill)
        reason = await standings.until_away()
        assert reason.startswith(f"Redis at 127.0.0.1:{server.port} cannot be reached: ")
        assert await registry.pods("s1") == ("pod-1",)
        await asyncio.to_thread(server.start)
        await standings.until_up()
        await registry.renew([Connection("s1", "pod-1", "c1")])
        await until_pods(registry, "s1", ("pod-1",))


async def test_it_waits_for_a_server_that_is_not_there_yet() -> None:
    server = RedisServer()
    try:
        async with registry_at(server.port) as registry:
            assert not registry.standing.is_up
            assert await registry.pods("s1") == ()
            standings = Standings()
            registry.watch(standings)
            await asyncio.to_thread(server.start)
            await standings.until_up()
    finally:
        server.close()


async def test_nobody_at_that_port_is_told_of_in_words() -> None:
    port = free_port()
    async with registry_at(port) as registry:
        assert registry.standing.reason == f"Redis at 127.0.0.1:{port} cannot be reached: Connection refused."


# --- who asks


async def refused(port: int, why: str, **settings: Any) -> None:
    registry = RedisRegistry(RedisSettings("127.0.0.1", port, **settings))
    with pytest.raises(RegistryError, match=why) as raised:
        await registry.open()
    await registry.close()
    assert not any(word in str(raised.value) + registry.standing.reason for word in ("s3cret-word", "an0ther-word"))


async def test_a_password_lets_in_and_another_one_does_not() -> None:
    with RedisServer(password="s3cret-word") as server:
        async with registry_at(server.port, password=secret("s3cret-word")) as registry:
            await registry.register(Connection("s1", "pod-1", "c1"), "ada")
        await refused(server.port, "refuses who asks")
        await refused(server.port, "refuses who asks", password=secret("an0ther-word"))


async def test_a_user_of_an_access_list_gets_in() -> None:
    with RedisServer(user="ada", user_password="s3cret-word") as server:
        async with registry_at(server.port, user="ada", password=secret("s3cret-word")) as registry:
            await registry.register(Connection("s1", "pod-1", "c1"), "ada")
            assert await registry.pods("s1") == ("pod-1",)
        await refused(server.port, "refuses who asks", password=secret("s3cret-word"))
        await refused(server.port, "refuses who asks", user="bob", password=secret("s3cret-word"))


async def test_a_user_who_may_not_look_is_told_of() -> None:
    with RedisServer(user="ada", user_password="s3cret-word", rights="~other:* +@all") as server:
        why = "refuses who asks: this user has no permissions to access"
        await refused(server.port, why, user="ada", password=secret("s3cret-word"))


async def test_a_database_that_is_not_there_is_told_of(server: RedisServer) -> None:
    await refused(server.port, "DB index is out of range", database=99)
    async with registry_at(server.port, database=3) as registry:
        await registry.register(Connection("s1", "pod-1", "c1"), "ada")
    assert Redis("127.0.0.1", server.port, db=3).keys() != []
    assert person(server).keys() == []


async def test_tls_is_spoken_with_whom_the_named_certificates_vouch_for(tmp_path: Path) -> None:
    tls = make_certificate(tmp_path)
    with RedisServer(tls=tls, password="s3cret-word") as server:
        word = secret("s3cret-word")
        async with registry_at(server.port, tls=True, ca=str(tls[0]), password=word) as registry:
            await registry.register(Connection("s1", "pod-1", "c1"), "ada")
        await refused(server.port, "no TLS with Redis at .*: self-signed", tls=True, password=word)
        await refused(
            server.port, "missing.pem cannot be used", tls=True, ca=str(tmp_path / "missing.pem"), password=word
        )
