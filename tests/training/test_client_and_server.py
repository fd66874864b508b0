"""The client with the program's own server: every session is seen, and nothing is lacking or told twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.adapters.progress_client import socket as socket_ways
from evolver_tui.adapters.progress_client.source import ProgressSource, Timing
from evolver_tui.core.address import Address
from evolver_tui.core.training.record import (
    COMPLETED,
    FAILED,
    MODEL_COMPLETED,
    RECOVERY,
    RUNNING,
    TRAINING_RESUMED,
    Event,
    Point,
    Record,
    RunEnd,
    RunHeader,
)
from evolver_tui.core.training.training_run import TrainingRun
from tests.support.progress_servers import AT, progress
from tests.support.training_sources import opened, until
from tests.support.watch_process import watching

pytestmark = pytest.mark.anyio

QUICK = Timing(websocket=20.0, polling=20.0, answer=20.0, ask=0.02, list=0.05)
HEADER = RunHeader("s1", "cognate", started_at=AT, total_steps=100, total_models=2, config={"batch_size": 8})


def source_of(url: str, followed: str = "", token: str = "") -> ProgressSource:
    return ProgressSource(Address(url), lambda: token or None, session_id=followed, timing=QUICK)


def points(first: int, count: int, model: int = 0) -> list[Record]:
    return [
        Point(step, AT + step, {"loss": 2.0 - step / 1000, "lr": 0.1}, model) for step in range(first, first + count)
    ]


def steps(run: TrainingRun, model: int = 0) -> list[int]:
    return list(run.series[model, "loss"].steps) if (model, "loss") in run.series else []


@pytest.mark.parametrize("way", ["websocket", "http"])
async def test_all_sessions_are_seen_and_the_one_that_is_followed_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "http":
        monkeypatch.setattr(socket_ways, "is_installed", lambda: False)
    async with progress(tmp_path) as server:
        await server.post("s1", HEADER, *points(0, 300))
        await server.post("s2", HEADER._replace(run_id="s2", name="other"), *points(0, 5), RunEnd(AT + 9, FAILED))
        async with opened(source_of(server.url)) as source:
            await until(lambda: set(source.runs) == {"s1", "s2"} and source.standing.is_up)
            run = source.runs["s1"]
            await until(lambda: run.step == 299)
            assert (source.standing.way, run.total_models, run.name) == (way, 2, "cognate")
            assert source.runs["s2"].status == "failed"
            source.follow("s1")
            await until(lambda: steps(run) == [*range(300)])
            await server.post("s1", *points(300, 250), first=301)  # faster than anybody is told of
            await until(lambda: steps(run) == [*range(550)])
            recovery = Event(RECOVERY, AT + 601, 549, 0, {"strategy": "memory"})
            end = RunEnd(AT + 700, COMPLETED)
            await server.post("s1", Event(MODEL_COMPLETED, AT + 600, 549), recovery, *points(0, 3, 1), end, first=551)
            await until(lambda: run.is_over)
            await until(lambda: steps(run, 1) == [0, 1, 2])
            assert (run.status, run.points, run.recoveries, run.completed) == ("completed", 553, 1, {0, 1})
            assert run.header.config == {"batch_size": 8}


async def test_a_training_that_goes_back_is_forgotten_from_there(tmp_path: Path) -> None:
    async with progress(tmp_path) as server:
        await server.post("s1", HEADER, *points(0, 50))
        async with opened(source_of(server.url, "s1")) as source:
            run = source.runs["s1"]
            await until(lambda: steps(run) == [*range(50)])
            await server.post("s1", Event(TRAINING_RESUMED, AT + 60, 19, 0), *points(20, 2), first=51)
            await until(lambda: steps(run) == [*range(22)])


async def test_a_server_that_restarts_leaves_no_gap(tmp_path: Path) -> None:
    async with progress(tmp_path) as server:
        port = server.port
        await server.post("s1", HEADER, *points(0, 10))
        source = source_of(server.url, "s1")
        await source.open()
        run = source.runs["s1"]
        await until(lambda: steps(run) == [*range(10)])
    try:
        await until(lambda: not source.standing.is_up)
        async with progress(tmp_path, port=port) as server:
            await server.post("s1", *points(10, 40), first=11)
            await until(lambda: steps(run) == [*range(50)])
            assert run.points == 50
    finally:
        await source.close()


async def test_events_are_told_once_through_a_restart_and_a_run_that_failed_goes_on(tmp_path: Path) -> None:
    seen: list[Record] = [Event("seen", AT + 1, 0, 0, {"number": number}) for number in range(300)]
    async with progress(tmp_path) as server:
        port = server.port
        await server.post("s1", HEADER, *points(0, 1), *seen, RunEnd(AT + 2, FAILED))
        source = source_of(server.url, "s1")
        await source.open()
        run = source.runs["s1"]
        await until(lambda: run.status == FAILED and len(run.events) == 300)
    try:
        await until(lambda: not source.standing.is_up)
        async with progress(tmp_path, port=port) as server:
            await server.post("s1", HEADER, *points(1, 1), first=303)
            await until(lambda: steps(run) == [0, 1])
            await until(lambda: run.status == RUNNING)
            assert len(run.events) == 300
    finally:
        await source.close()


async def test_a_token_lets_in(tmp_path: Path) -> None:
    async with progress(tmp_path, token="a-token-of-some-length") as server:
        async with opened(source_of(server.url, token="wrong")) as source:
            await until(lambda: "token" in source.standing.reason.lower())
        async with opened(source_of(server.url, token="a-token-of-some-length")) as source:
            await until(lambda: source.standing.is_up)


async def test_the_command_takes_the_only_session(tmp_path: Path) -> None:
    async with progress(tmp_path) as server:
        await server.post("s1", HEADER, *points(0, 10))
        async with watching(tmp_path / "home", server.url, "--every", "0") as watch:
            assert (await watch.line()).startswith("model 1/2  step 9/100  loss 1.9910")
            await server.post("s1", *points(10, 1), RunEnd(AT + 90, FAILED), first=11)
            code, out, _ = await watch.end()
            assert code == 1
            assert out.rstrip().endswith("failed")
