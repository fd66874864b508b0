"""A long run that is opened for the first time is seen at once, by some of its points, and whole once all was read."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest

from evolver_tui.adapters.training_files import run_overview
from evolver_tui.adapters.training_files.places import FilePlace
from evolver_tui.adapters.training_files.reading import Reading
from evolver_tui.adapters.training_files.run_files import RunFile
from evolver_tui.adapters.training_files.source import FileSource
from evolver_tui.core.training.record import COMPLETED, Event, Point, RunEnd, RunHeader, to_line
from tests.support.training_sources import opened, until

pytestmark = pytest.mark.anyio

POINTS = 20_000


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run file that counts as long."""
    monkeypatch.setattr(run_overview, "FROM_BYTES", 1_000_000)
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(to_line(RunHeader("a", name="long", started_at=1.0, total_steps=POINTS)))
        for step in range(POINTS):
            file.write(to_line(Point(step, 2.0 + step, {"loss": 1.0 / (1 + step)})))
            if step == POINTS // 2:
                file.write(to_line(Event("checkpoint", 2.0 + step, step)))
        file.write(to_line(RunEnd(9e5)))
    return path


def test_overview_has_the_beginning_the_end_and_points_in_between(path: Path) -> None:
    run = RunFile(path).overview()
    assert run is not None
    assert (run.name, run.step, run.status, run.is_overview) == ("long", POINTS - 1, COMPLETED, True)
    steps = list(run.series[0, "loss"].steps)
    assert steps[0] == 0
    assert steps[-1] == POINTS - 1
    assert len(steps) < POINTS / 2
    assert max(later - earlier for earlier, later in itertools.pairwise(steps)) < POINTS / 100


def test_short_run_has_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_overview, "FROM_BYTES", 100_000_000)
    assert RunFile(path).overview() is None


def test_what_is_torn_or_strange_is_passed_over(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 4 : len(data) // 2] = b"\x00\xff\x1b]0;x\x07" * (len(data) // 4 // 8)
    path.write_bytes(bytes(data))
    run = RunFile(path).overview()
    assert run is not None
    assert (run.series[0, "loss"].steps[0], run.step) == (0, POINTS - 1)


async def test_run_is_seen_while_it_is_read_and_becomes_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_read = threading.Event()
    read = RunFile.read

    def read_later(self: RunFile, most_bytes: int) -> Reading:
        return read(self, most_bytes) if may_read.is_set() else Reading(is_behind=True)

    monkeypatch.setattr(RunFile, "read", read_later)
    source = FileSource(str(path), FilePlace(path), lambda process: False, seconds=0.01, now=lambda: 0.0)
    async with opened(source):
        await until(lambda: "a" in source.runs)
        run = source.runs["a"]
        assert run.is_overview
        assert run.step == POINTS - 1
        may_read.set()
        await until(lambda: not run.is_overview)
        assert (len(run.series[0, "loss"]), run.points, len(run.events)) == (POINTS, POINTS, 1)
