"""Run files as they are watched."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from evolver_tui.adapters.training_files.places import FilePlace
from evolver_tui.adapters.training_files.source import FileSource
from evolver_tui.core.training.record import CUT_OFF, RUNNING, SILENT, Point, Record, RunEnd, RunHeader, to_line
from evolver_tui.track.following import is_followed
from tests.support.training_sources import opened, until

pytestmark = pytest.mark.anyio

SECONDS = 0.01


def header(run_id: str, **more: object) -> RunHeader:
    return RunHeader(run_id, started_at=100.0, total_steps=100, **more)  # type: ignore[arg-type]


def points(count: int, first: int = 0) -> list[Record]:
    return [Point(step, 100.0 + step, {"loss": 2.0 - step / 100}) for step in range(first, first + count)]


def write(path: Path, *records: Record) -> None:
    with path.open("ab") as file:
        file.write(b"".join(map(to_line, records)))


def source_of(folder: Path, is_gone: bool = False, now: float = 0.0) -> FileSource:
    def told(process: Mapping[str, object]) -> bool:
        return is_gone

    return FileSource(str(folder), FilePlace(folder, may_be_empty=True), told, seconds=SECONDS, now=lambda: now)


async def test_runs_of_a_folder_appear_and_grow(tmp_path: Path) -> None:
    folder = tmp_path / "training"
    async with opened(source_of(folder)) as source:
        await until(lambda: source.standing.is_up)
        folder.mkdir()
        write(folder / "a.jsonl", header("a"), *points(3))
        await until(lambda: "a" in source.runs and source.runs["a"].points == 3)
        run = source.runs["a"]
        write(folder / "a.jsonl", *points(2, 3))
        write(folder / "b.jsonl", header("b"), *points(1), RunEnd(200.0))
        await until(lambda: run.points == 5 and "b" in source.runs)
        assert run.step == 4
        assert source.runs["b"].is_over
        assert source.runs["a"] is run


async def test_of_a_run_that_nobody_follows_the_latest_is_known_and_all_of_one_that_is(tmp_path: Path) -> None:
    for name in "bcdef":
        write(tmp_path / f"{name}.jsonl", header(name), *points(1))
    write(tmp_path / "a.jsonl", header("a"), *points(5_000))
    async with opened(source_of(tmp_path)) as source:
        await until(lambda: len(source.runs) == 6)
        run = source.runs["a"]
        assert (run.step, run.points) == (4_999, 5_000)
        assert len(run.series[0, "loss"]) < 1_000
        source.follow("a")
        await until(lambda: len(run.series[0, "loss"]) == 5_000)
        assert run.points == 5_000


async def test_a_torn_line_waits_for_its_end_and_one_that_is_none_is_told(tmp_path: Path) -> None:
    whole = to_line(Point(1, 101.0, {"loss": 1.0}))
    file = tmp_path / "a.jsonl"
    write(file, header("a"), *points(1))
    with file.open("ab") as out:
        out.write(b"\x1b]0;x\x07\n" + whole[:20])
    async with opened(source_of(tmp_path)) as source:
        await until(lambda: "a" in source.runs)
        assert source.runs["a"].points == 1
        assert "1 of its lines" in source.standing.reason
        with file.open("ab") as out:
            out.write(whole[20:])
        await until(lambda: source.runs["a"].points == 2)


async def test_a_file_that_is_replaced_or_cut_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    write(file, header("a"), *points(50))
    async with opened(source_of(tmp_path)) as source:
        await until(lambda: "a" in source.runs)
        run = source.runs["a"]
        file.write_bytes(b"")
        write(file, header("a"), *points(2))
        await until(lambda: run.points == 2)
        other = tmp_path / "other"
        write(other, header("a"), *points(80))
        other.rename(file)
        await until(lambda: run.points == 80)
        file.unlink()
        await until(lambda: not source.runs)
        write(file, header("a"), *points(3))
        await until(lambda: source.runs.get("a") is run and run.points == 3)
        source.follow("a")
        file.unlink()
        await until(lambda: "it is gone" in source.standing.reason)
        assert source.runs["a"].points == 3


async def test_two_files_that_tell_the_same_id_are_two_runs(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", header("same"), *points(1))
    write(tmp_path / "b.jsonl", header("same"), *points(2))
    async with opened(source_of(tmp_path)) as source:
        await until(lambda: len(source.runs) == 2)
        assert {key: run.run_id for key, run in source.runs.items()} == {key: key for key in source.runs}


async def test_a_run_whose_process_is_gone_is_cut_off_until_it_is_taken_up_again(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", header("a", process={"pid": 1}), *points(5))
    source = source_of(tmp_path, is_gone=True)
    async with opened(source):
        await until(lambda: "a" in source.runs and source.runs["a"].status == CUT_OFF)
        assert source.runs["a"].is_over
        source._is_gone = lambda process: False
        write(tmp_path / "a.jsonl", header("a", process={"pid": 2}))
        await until(lambda: source.runs["a"].status == RUNNING)


async def test_a_run_of_which_nobody_heard_for_long_is_silent(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", header("a"), *points(5))
    async with opened(source_of(tmp_path, now=4e9)) as source:
        await until(lambda: "a" in source.runs and source.runs["a"].status == SILENT)
        assert not source.runs["a"].is_over


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a run is always written often")
async def test_whoever_writes_a_run_knows_that_it_is_followed_and_when_no_longer(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", header("a"), *points(1))
    write(tmp_path / "b.jsonl", header("b"), *points(1))
    with (tmp_path / "a.jsonl").open("ab") as a, (tmp_path / "b.jsonl").open("ab") as b:
        async with opened(source_of(tmp_path)) as source:
            await until(lambda: len(source.runs) == 2)
            source.follow("a")
            source.follow("b")
            await until(lambda: is_followed(a.fileno()) and is_followed(b.fileno()))
            write(tmp_path / "a.jsonl", RunEnd(200.0))
            await until(lambda: not is_followed(a.fileno()))
            assert is_followed(b.fileno())
        assert not is_followed(b.fileno())
