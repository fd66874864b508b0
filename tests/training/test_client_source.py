"""A progress server is watched by the best way that works, without a gap, whatever lies between."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.progress_client import socket as socket_ways
from evolver_tui.adapters.progress_client.source import ProgressSource, Timing
from evolver_tui.core.address import Address
from evolver_tui.core.errors import ConfigError, UsageError
from evolver_tui.core.training.training_run import TrainingRun
from evolver_tui.wiring.training import make_source
from tests.support.original_progress_server import (
    BREAK,
    PASS,
    SWALLOW,
    OriginalServer,
    hung_server,
    nginx_before,
    original_server,
)
from tests.support.sessions import workspace_in
from tests.support.training_sources import opened, until

pytestmark = pytest.mark.anyio

QUICK = Timing(websocket=20.0, polling=20.0, answer=20.0, ask=0.02, list=0.05)
IMPATIENT = QUICK._replace(websocket=0.3, polling=0.3)


def source_of(
    server: OriginalServer, timing: Timing = QUICK, clock: Callable[[], float] | None = None
) -> ProgressSource:
    clocks = {} if clock is None else {"clock": clock}
    return ProgressSource(
        Address(server.url), lambda: server.token or None, session_id="s1", timing=timing, now=lambda: 5.0, **clocks
    )


def steps(run: TrainingRun, name: str = "loss") -> list[int]:
    return list(run.series[0, name].steps) if (0, name) in run.series else []


async def test_updates_come_over_a_websocket_with_what_was_told_before(monkeypatch: pytest.MonkeyPatch) -> None:
    async with original_server() as server:
        await server.tell("s1", 10, 1.5)
        async with opened(source_of(server)) as source:
            run = source.runs["s1"]
            await until(lambda: steps(run) == [10] and source.standing.is_up)
            assert (source.standing.way, source.standing.is_up, source.standing.reason) == ("websocket", True, "")
            await until(server.subscribed.is_set)
            await server.tell("s1", 20, 1.25, learning_rate=0.1)
            await until(lambda: steps(run) == [10, 20])
            assert run.latest == {"loss": 1.25, "learning_rate": 0.1}
            assert (run.header.total_steps, run.overall, run.status) == (1000, 2.0, "running")
            await server.complete("s1")
            await until(lambda: run.is_over)
            assert (run.status, run.overall, steps(run)) == ("completed", 100.0, [10, 20])


@pytest.mark.parametrize("becomes", [SWALLOW, 400, 426, 502])
async def test_where_an_upgrade_is_swallowed_or_refused_long_polls_do(becomes: str | int) -> None:
    async with original_server() as server:
        server.sockets = becomes
        timing = QUICK._replace(websocket=0.3) if becomes == SWALLOW else QUICK
        async with opened(source_of(server, timing)) as source:
            await until(lambda: source.standing.is_up)
            assert source.standing.way == "polling"
            assert ("0.3 seconds" if becomes == SWALLOW else str(becomes)) in source.standing.reason
            await until(server.subscribed.is_set)
            await server.tell("s1", 1, 2.0)
            await until(lambda: steps(source.runs["s1"]) == [1])


@pytest.mark.parametrize("becomes", [SWALLOW, 502])
async def test_where_long_polls_do_not_work_either_the_endpoints_are_asked(becomes: str | int) -> None:
    async with original_server() as server:
        server.sockets = server.polls = becomes
        await server.tell("s1", 1, 2.0)
        async with opened(source_of(server, IMPATIENT)) as source:
            run = source.runs["s1"]
            await until(lambda: steps(run) == [1] and source.standing.is_up)
            assert source.standing.way == "http"
            await server.tell("s1", 2, 1.5)
            await until(lambda: steps(run) == [1, 2])
            await server.complete("s1")
            await until(lambda: run.is_over)
            assert run.points == 2


async def test_where_the_endpoints_do_not_work_the_connection_tells_what_was_before() -> None:
    async with original_server() as server:
        server.endpoints = 502
        await server.tell("s1", 1, 2.0)
        async with opened(source_of(server)) as source:
            run = source.runs["s1"]
            await until(lambda: steps(run) == [1])
            assert "cannot be fetched" in source.standing.reason
            await server.tell("s1", 2, 1.5)
            await until(lambda: steps(run) == [1, 2])
            assert run.points == 2


async def test_where_a_connection_is_swallowed_the_first_picture_does_not_wait_for_it() -> None:
    async with original_server() as server:
        server.sockets = server.polls = SWALLOW
        await server.tell("s1", 1, 2.0)
        source = source_of(server, QUICK._replace(websocket=1e6))
        async with opened(source):
            await source.settled()
            assert steps(source.runs["s1"]) == [1]
            assert not source.standing.is_up


async def test_where_long_polls_are_broken_off_the_endpoints_are_asked() -> None:
    async with original_server() as server:
        server.sockets, server.polls = 502, BREAK
        await server.tell("s1", 1, 2.0)
        async with opened(source_of(server, QUICK._replace(polling=0.5))) as source:
            await until(lambda: steps(source.runs["s1"]) == [1] and source.standing.is_up)
            assert source.standing.way == "http"
            assert "502" in source.standing.reason


@pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx")
async def test_through_an_nginx_that_knows_no_upgrades_long_polls_are_used(tmp_path: Path) -> None:
    async with original_server() as server, nginx_before(server, tmp_path) as url:
        await server.tell("s1", 1, 2.0)
        source = ProgressSource(Address(url), lambda: None, session_id="s1", timing=QUICK)
        async with opened(source):
            await until(lambda: source.standing.is_up)
            assert source.standing.way == "polling"
            await until(lambda: steps(source.runs["s1"]) == [1] and server.subscribed.is_set())
            await server.tell("s1", 2, 1.5)
            await until(lambda: steps(source.runs["s1"]) == [1, 2])


async def test_without_the_extra_the_endpoints_are_asked_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_ways, "is_installed", lambda: False)
    async with original_server() as server:
        await server.tell("s1", 1, 2.0)
        async with opened(source_of(server)) as source:
            await until(lambda: steps(source.runs["s1"]) == [1] and source.standing.is_up)
            assert source.standing.way == "http"
            assert "pip install 'evolver-tui[watch]'" in source.standing.reason
            assert "websocket" not in server.seen


async def test_a_server_that_dies_and_comes_back_leaves_no_gap_and_tells_nothing_twice() -> None:
    async with original_server() as server:
        now = [0.0]
        for step in range(5):
            await server.tell("s1", step, 2.0)
        async with opened(source_of(server, clock=lambda: now[0])) as source:
            run = source.runs["s1"]
            await until(lambda: steps(run) == [*range(5)] and server.subscribed.is_set())
            now[0] = 100.0
            await server.stop()
            await until(lambda: not source.standing.is_up)
            assert source.standing.reason
            for step in range(5, 9):  # told while nobody hears
                await server.tell("s1", step, 1.0, is_heard=False)
            await server.start()
            await until(lambda: steps(run) == [*range(9)])
            assert source.standing.way == "websocket"
            assert run.points == 9
            assert run.step == 8


async def test_a_server_that_was_not_there_is_found_when_it_is() -> None:
    async with original_server() as server:
        await server.stop()
        async with opened(source_of(server)) as source:
            await until(lambda: "no connection" in source.standing.reason)
            await server.start()
            await until(lambda: source.standing.is_up)
            assert source.standing.way == "websocket"


async def test_a_server_that_hangs_is_told_and_does_not_hold_up_the_end() -> None:
    async with hung_server() as url:
        source = ProgressSource(Address(url), lambda: None, timing=Timing(0.1, 0.1, 0.1, 0.02, 0.05))
        async with opened(source):
            await source.settled()
            await until(lambda: source.standing.way == "http")
            assert not source.standing.is_up
            assert "did not answer" in source.standing.reason


async def test_when_a_better_way_works_again_it_is_changed_over_to_without_a_gap() -> None:
    now = [0.0]
    async with original_server() as server:
        server.sockets = 502
        await server.tell("s1", 1, 2.0)
        async with opened(source_of(server, clock=lambda: now[0])) as source:
            run = source.runs["s1"]
            await until(lambda: source.standing.way == "polling" and source.standing.is_up and steps(run) == [1])
            server.sockets = PASS
            now[0] = 1_000.0
            source.follow("s1")  # whatever has it look
            await server.tell("s1", 2, 1.5)
            await until(lambda: source.standing == (server.url, "websocket", True, ""))
            await server.tell("s1", 3, 1.25)
            await until(lambda: steps(run) == [1, 2, 3])
            assert run.points == 3


async def test_a_token_is_shown_and_a_wrong_one_is_told() -> None:
    async with original_server() as server:
        server.token = "right"
        await server.tell("s1", 1, 2.0)
        async with opened(source_of(server)) as source:
            await until(lambda: source.standing.is_up and steps(source.runs["s1"]) == [1])
        wrong = ProgressSource(Address(server.url), lambda: "wrong", session_id="s1", timing=QUICK)
        async with opened(wrong):
            await until(lambda: "token" in wrong.standing.reason)
            assert not wrong.standing.is_up


async def test_where_the_token_cannot_be_looked_up_that_is_told() -> None:
    def find() -> str | None:
        raise ConfigError("secrets.toml cannot be read.", "Mend it.")

    source = ProgressSource(Address("http://127.0.0.1:1"), find, timing=QUICK)
    async with opened(source):
        await source.settled()
        assert source.standing.reason == "secrets.toml cannot be read. Mend it."


async def test_hostile_updates_are_counted_and_stop_nothing() -> None:
    async with original_server() as server:
        await server.tell("s1", 1, 2.0)
        async with opened(source_of(server)) as source:
            run = source.runs["s1"]
            await until(lambda: steps(run) == [1] and server.subscribed.is_set())
            told: list[Any] = [
                None, [], "x", {"metrics": None}, {"metrics": {"sessionId": "s1", "step": -1, "loss": 1.0}},
                {"metrics": {"sessionId": "s1", "step": "\x1b[2J", "loss": 1.0}},
                {"metrics": {"sessionId": "other", "step": 1, "loss": 1.0}},
                {"metrics": {"sessionId": "s1", "step": 3, "loss": "NaN", "\x1b]0;x": 5}, "status": 7},
                {"metrics": {"sessionId": "s1", "modelIndex": 10**9, "step": 3, "loss": 1.0}},
            ]  # fmt: skip
            for data in told:
                await server.emit("progress_update", data, "s1")
            await server.emit("session_status", {"session_id": "s1", "total_models": 10**12}, "s1")
            await server.emit("model_completed", {"sessionId": "s1", "modelIndex": "x"}, "s1")
            await server.tell("s1", 7, 1.0)
            await until(lambda: run.step == 7)
            assert run.total_models < 10_001
            assert source.standing.is_up


async def test_a_session_that_the_server_does_not_know_is_told_and_waited_for() -> None:
    async with original_server() as server, opened(source_of(server)) as source:
        await until(lambda: "no session s1" in source.standing.reason)
        await server.tell("s1", 1, 2.0)
        await until(lambda: steps(source.runs["s1"]) == [1] and not source.standing.reason)


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://user:secret@host:99999999"])
def test_what_is_no_address_is_refused_without_its_secrets(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError) as refused:
        make_source(workspace_in(tmp_path), url)
    assert "secret" not in str(refused.value)
