"""A long run that is over is opened from columns beside it the second time, and only where they are its own."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from evolver_tui.adapters.training_files import run_columns
from evolver_tui.adapters.training_files.places import FilePlace
from evolver_tui.adapters.training_files.run_files import RunFile
from evolver_tui.adapters.training_files.source import FileSource
from evolver_tui.core.training.record import Point, Record, RunEnd, RunHeader, to_line
from tests.support.training_sources import opened, until

pytestmark = pytest.mark.anyio

POINTS = 1_000


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_columns, "FROM_POINTS", POINTS)


def write(path: Path, *records: Record) -> None:
    with path.open("ab") as file:
        file.write(b"".join(map(to_line, records)))


def long_run(path: Path, points: int = POINTS, *, is_over: bool = True, run_id: str = "a") -> Path:
    write(path, RunHeader(run_id, started_at=1.0), *(Point(step, 2.0 + step, {"loss": 1.0}) for step in range(points)))
    if is_over:
        write(path, RunEnd(9e3))
    return path


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def source_of(path: Path) -> FileSource:
    return FileSource(str(path), FilePlace(path), lambda process: False, seconds=0.01, now=lambda: 0.0)


async def open_all(path: Path) -> int:
    """How many points of the run are seen by whoever follows it."""
    async with opened(source_of(path)) as source:
        await until(lambda: "a" in source.runs)
        source.follow("a")
        run = source.runs["a"]
        await until(lambda: len(run.series[0, "loss"]) == run.points)
        return run.points


async def test_columns_are_kept_of_a_run_that_was_read_whole_and_are_read_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = long_run(tmp_path / "a.jsonl")
    assert await open_all(path) == POINTS
    columns = tmp_path / "a.columns"
    assert stat.S_IMODE(columns.stat().st_mode) == 0o600
    assert names_in(tmp_path) == ["a.columns", "a.jsonl"]
    monkeypatch.setattr("evolver_tui.adapters.training_files.run_files.read_lines", _nothing_is_read)
    assert await open_all(path) == POINTS


def _nothing_is_read(lines: list[bytes]) -> tuple[list[Record], int]:
    assert lines == []
    return [], 0


async def test_a_folder_of_such_runs_shows_them_and_lists_no_columns(tmp_path: Path) -> None:
    long_run(tmp_path / "a.jsonl")
    await open_all(tmp_path / "a.jsonl")
    for name in "bcde":  # of a few runs all is kept
        write(tmp_path / f"{name}.jsonl", RunHeader(name))
    async with opened(source_of(tmp_path)) as source:
        await until(lambda: len(source.runs) == 5)
        assert set(source.runs) == {*"abcde"}
        assert (source.runs["a"].points, len(source.runs["a"].series[0, "loss"])) == (POINTS, 200)


async def test_a_run_that_nobody_looks_at_is_ready_to_be_opened(tmp_path: Path) -> None:
    for name in "abcdefgh":
        long_run(tmp_path / f"{name}.jsonl", run_id=name)
    async with opened(source_of(tmp_path)) as source:
        await until(lambda: len(source.runs) == 8 and len(list(tmp_path.glob("*.columns"))) == 8)
        assert {len(run.series[0, "loss"]) for run in source.runs.values()} == {200}
        source.follow("c")
        await until(lambda: len(source.runs["c"].series[0, "loss"]) == POINTS)


async def test_a_run_that_went_on_is_read_from_its_records(tmp_path: Path) -> None:
    path = long_run(tmp_path / "a.jsonl")
    await open_all(path)
    write(path, RunHeader("a", started_at=1.0), Point(POINTS, 9e4, {"loss": 1.0}))
    assert await open_all(path) == POINTS + 1


async def test_a_run_that_goes_on_after_its_columns_were_read_is_followed(tmp_path: Path) -> None:
    path = long_run(tmp_path / "a.jsonl")
    await open_all(path)
    async with opened(source_of(path)) as source:
        await until(lambda: "a" in source.runs)
        source.follow("a")
        run = source.runs["a"]
        await until(lambda: len(run.series[0, "loss"]) == POINTS)
        write(path, RunHeader("a", started_at=1.0), Point(POINTS, 9e4, {"loss": 1.0}))
        await until(lambda: run.points == POINTS + 1 and not run.is_over)


@pytest.mark.parametrize("damage", [b"", b"evolver-tui columns 1 5 00000000\n{}{}{", b"\0" * 5000])
async def test_columns_that_are_none_are_passed_over_and_made_anew(damage: bytes, tmp_path: Path) -> None:
    path = long_run(tmp_path / "a.jsonl")
    (tmp_path / "a.columns").write_bytes(damage)
    assert await open_all(path) == POINTS
    assert run_columns.load(path, run_columns.state_of(path)) is not None


async def test_no_columns_are_kept_of_what_is_short_goes_on_or_has_bad_lines(tmp_path: Path) -> None:
    (short, going, bad) = (tmp_path / name for name in ("short.jsonl", "going.jsonl", "bad.jsonl"))
    long_run(short, POINTS - 1)
    long_run(going, is_over=False)
    write(bad, RunHeader("a"))
    with bad.open("ab") as file:
        file.write(b"not a record\n")
    long_run(bad)
    for path in (short, going, bad):
        await open_all(path)
    assert names_in(tmp_path) == ["bad.jsonl", "going.jsonl", "short.jsonl"]


async def test_a_folder_that_cannot_be_written_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = long_run(tmp_path / "a.jsonl")
    monkeypatch.setattr(os, "replace", full)
    assert await open_all(path) == POINTS
    assert names_in(tmp_path) == ["a.jsonl"]


async def test_a_pipe_in_the_place_of_columns_holds_nothing_up(tmp_path: Path) -> None:
    path = long_run(tmp_path / "a.jsonl")
    os.mkfifo(tmp_path / "a.columns")
    assert await open_all(path) == POINTS
    assert RunFile(path).whole() is not None  # a file took its place
