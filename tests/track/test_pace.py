"""How often a run is written: often while somebody follows it, seldom while nobody does; nothing is lost by that."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

import evolver_tui.track as track
from evolver_tui.adapters.run_folder import RunFolders
from evolver_tui.adapters.training_files.run_files import RunFile
from evolver_tui.core.training.record import COMPLETED
from evolver_tui.track import recording
from evolver_tui.track.following import follow, is_followed
from evolver_tui.track.run import Run
from evolver_tui.track.run_file import RunFile as WrittenFile
from tests.support.tracked import end_of, events_of, headers_of, only_run, points_of, until, value_of

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


class HungDisk:
    """A disk that takes nothing while this is entered."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.holds, self._may_go, self._is_hung = threading.Event(), threading.Event(), False
        append = WrittenFile.append

        def slowly(file: WrittenFile, data: bytes) -> bytes:
            if self._is_hung:
                self.holds.set()
                self._may_go.wait()
            return append(file, data)

        monkeypatch.setattr(WrittenFile, "append", slowly)

    def __enter__(self) -> None:
        self._is_hung = True

    def __exit__(self, *_: object) -> None:
        self._is_hung = False
        self._may_go.set()


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> HungDisk:
    """Hangs when it is entered."""
    return HungDisk(monkeypatch)


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
    monkeypatch.setattr(importlib.import_module("evolver_tui.track.run"), "_MOST_WAITING", 10)
    run = begun(runs)
    for step in range(1, 1001):
        run.log({"loss": float(step)}, step=step)
        run._keep_sample()
    assert len(run._waiting) <= 10
    run.event("late")
    run.finish()
    records = only_run(runs)
    assert value_of(records, "loss") == 1000.0
    assert len(events_of(records, "late")) == 1


@pytest.mark.usefixtures("never")
def test_numbers_that_stay_as_they_are_leave_room_for_what_happens(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("evolver_tui.track.run"), "_MOST_WAITING", 1000)
    run = begun(runs)
    run.log({f"metric {number}": 1.0 for number in range(900)}, step=1)
    for number in range(900):
        run._keep_sample()
        run.event("seen", number=number)
    run.finish()
    records = only_run(runs)
    assert [event.payload["number"] for event in events_of(records, "seen")] == list(range(900))
    assert not events_of(records, "records_left_out")
    assert len({name for point in points_of(records) for name in point.values}) == 901


@pytest.mark.usefixtures("never")
def test_names_that_never_come_again_are_bounded_and_the_latest_stay(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("evolver_tui.track.run")
    monkeypatch.setattr(module, "_MOST_WAITING", 10)
    monkeypatch.setattr(module, "_MOST_NAMES", 10)
    run = begun(runs)
    for step in range(1000):
        run.log({"loss": float(step), f"loss {step}": 1.0}, step=step)
        run._keep_sample()
        assert len(run._slots) <= 21
    run.finish()
    assert value_of(only_run(runs), "loss") == 999.0
    assert value_of(only_run(runs), "loss 999") == 1.0


def test_a_disk_that_hangs_under_a_reader_costs_no_points(
    runs: Path, monkeypatch: pytest.MonkeyPatch, hung: HungDisk
) -> None:
    monkeypatch.setattr(importlib.import_module("evolver_tui.track.run"), "_LATE_SECONDS", 0.0)
    run = begun(runs)
    reader = RunFile(runs / "r.jsonl")
    reader.follow(True)
    log_until(run, lambda: len(points_of(only_run(runs))) >= 5)
    with hung:
        log_until(run, hung.holds.is_set)
        before = len(points_of(only_run(runs)))
        log_until(run, lambda: len(run._waiting) >= 10)
    run.finish()
    assert len(points_of(only_run(runs))) >= before + 10
    reader.follow(False)


def test_an_end_that_comes_while_the_writer_falls_asleep_is_written(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = track.init(id="r", interval=0.01)
    is_asleep, goes_on = threading.Event(), threading.Event()
    falls_asleep = run._falls_asleep

    def fall_asleep_slowly() -> bool:
        found = falls_asleep()
        if found:
            is_asleep.set()
            goes_on.wait()
        return found

    monkeypatch.setattr(run, "_falls_asleep", fall_asleep_slowly)
    monkeypatch.setattr("evolver_tui.track.writer._PAUSE_SECONDS", 0.01)
    run.log({"loss": 1.0}, step=1)
    is_asleep.wait()
    run.log({"loss": 2.0}, step=2)
    finishing = threading.Thread(target=run.finish)
    finishing.start()
    until(lambda: recording._open == [])
    goes_on.set()
    finishing.join()
    assert value_of(only_run(runs), "loss") == 2.0
    assert end_of(only_run(runs)) == COMPLETED


@pytest.mark.usefixtures("never")
def test_an_event_does_not_wait_for_a_long_interval(runs: Path) -> None:
    run = track.init(id="r", interval=3600)
    run.log({"loss": 1.0}, step=0)
    until(lambda: points_of(only_run(runs)))
    run.event("checkpoint")
    until(lambda: events_of(only_run(runs), "checkpoint"))


def test_a_name_that_is_given_while_the_config_is_read_is_told(runs: Path) -> None:
    class Naming:
        def __str__(self) -> str:
            naming = threading.Thread(target=setattr, args=(run, "name", "later"))
            naming.start()
            naming.join()
            return "naming"

    run = track.init(id="r", name="first")
    run.config["odd"] = Naming()
    run.finish()
    assert headers_of(only_run(runs))[-1].name == "later"


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
