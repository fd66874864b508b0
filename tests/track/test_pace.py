"""How often a run is written: often while somebody follows it, seldom while nobody does; nothing is lost by that."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

import evolver_tui.track as track
from evolver_tui.adapters.run_folder import RunFolders
from evolver_tui.adapters.training_files.run_files import RunFile
from evolver_tui.track.following import follow, is_followed
from evolver_tui.track.run import Run
from tests.support.tracked import events_of, only_run, points_of, until, value_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a run is always written often")


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written seldom is written when the run is over."""
    monkeypatch.setattr("evolver_tui.track.writer._PAUSE_SECONDS", 3600.0)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    """An open file, as who writes it has it."""
    descriptor = os.open(tmp_path / "r.jsonl", os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    yield descriptor
    os.close(descriptor)


def begun(runs: Path) -> Run:
    """A run whose first number is written."""
    run = track.init(id="r", interval=0.01)
    run.log({"loss": 0.0}, step=0)
    until(lambda: points_of(only_run(runs)))
    return run


def log_until(run: Run, is_enough: Callable[[], bool]) -> int:
    """Tell step after step until this is true; returns the last one."""
    steps = count(1)
    latest = 0

    def log() -> bool:
        nonlocal latest
        latest = next(steps)
        run.log({"loss": 1.0}, step=latest)
        return is_enough()

    until(log)
    return latest


@pytest.mark.usefixtures("never")
def test_what_nobody_follows_keeps_the_points_of_its_curve_until_it_is_written(runs: Path) -> None:
    run = begun(runs)
    steps = log_until(run, lambda: len(run._waiting) >= 5)
    assert len(points_of(only_run(runs))) == 1
    run.finish()
    found = [point.step for point in points_of(only_run(runs))]
    assert found[-1] == steps
    assert len(found) >= 6
    assert found == sorted(set(found))


@pytest.mark.usefixtures("never")
def test_what_somebody_follows_is_written_as_it_comes(runs: Path) -> None:
    run = track.init(id="r", interval=0.01)
    reader = RunFile(runs / "r.jsonl")
    reader.follow(True)
    log_until(run, lambda: len(points_of(only_run(runs))) >= 5)
    reader.follow(False)


@pytest.mark.usefixtures("never")
def test_an_event_does_not_wait_for_numbers_that_may(runs: Path) -> None:
    run = begun(runs)
    run.log({"loss": 0.5}, step=1)
    run.event("checkpoint", path="c1")
    until(lambda: events_of(only_run(runs), "checkpoint"))
    assert value_of(only_run(runs), "loss") == 0.5


@pytest.mark.usefixtures("never")
def test_what_waits_for_a_file_is_bounded_and_ends_with_the_last(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("evolver_tui.track.run"), "_MOST_SAMPLED", 10)
    run = begun(runs)
    for step in range(1, 1001):
        run.log({"loss": float(step)}, step=step)
        run._keep_sample()
    assert len(run._waiting) <= 10
    run.event("last")
    run.finish()
    assert value_of(only_run(runs), "loss") == 1000.0
    assert events_of(only_run(runs), "last")


def test_a_reader_is_known_until_it_closes_the_file(file: int, tmp_path: Path) -> None:
    assert not is_followed(file)
    with (tmp_path / "r.jsonl").open("rb") as one, (tmp_path / "r.jsonl").open("rb") as other:
        follow(one.fileno())
        follow(other.fileno())
        one.close()
        assert is_followed(file)
    assert not is_followed(file)


def test_a_reader_that_is_killed_follows_no_longer(file: int, tmp_path: Path) -> None:
    code = "import time; from evolver_tui.track.following import follow; follow(0); print(flush=True); time.sleep(600)"
    with (tmp_path / "r.jsonl").open("rb") as source:
        process = subprocess.Popen([sys.executable, "-c", code], stdin=source, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    assert is_followed(file)
    process.kill()
    process.communicate()
    assert not is_followed(file)


def test_a_reader_follows_the_file_that_takes_the_place_of_one(tmp_path: Path, file: int) -> None:
    path = tmp_path / "r.jsonl"
    os.write(file, b'{"type":"run","run":"r"}\n')
    reader = RunFile(path)
    reader.read(1000)
    reader.follow(True)
    assert is_followed(file)
    (tmp_path / "other").write_bytes(b'{"type":"run","run":"r2"}\n')
    (tmp_path / "other").replace(path)
    reader.read(1000)
    reader.follow(True)
    with path.open("ab") as other:
        assert is_followed(other.fileno())
    assert not is_followed(file)
    reader.follow(False)


def test_a_server_follows_the_files_that_grow_until_it_ends(tmp_path: Path, file: int) -> None:
    path = tmp_path / "r.jsonl"
    os.write(file, b'{"type":"run","run":"r"}\n')
    folders = RunFolders([tmp_path])
    assert [news.session_id for news in folders.look()] == ["r"]
    assert is_followed(file)
    (tmp_path / "other").write_bytes(b'{"type":"run","run":"r2"}\n')
    (tmp_path / "other").replace(path)
    assert [news.session_id for news in folders.look()] == ["r2"]
    assert not is_followed(file)
    with path.open("ab") as other:
        assert is_followed(other.fileno())
        folders.close()
        assert not is_followed(other.fileno())


def test_a_server_does_not_follow_a_file_for_good(tmp_path: Path, file: int, monkeypatch: pytest.MonkeyPatch) -> None:
    os.write(file, b'{"type":"run","run":"r"}\n')
    folders = RunFolders([tmp_path])
    folders.look()
    later = time.monotonic() + 61
    monkeypatch.setattr("evolver_tui.adapters.run_folder.time.monotonic", lambda: later)
    folders.look()
    assert not is_followed(file)
