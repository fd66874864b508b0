"""A disk that is really full: what is not needed goes, what is kept is packed, and the training comes to its end."""

from __future__ import annotations

import os
import resource
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from evolver_tui.adapters.checkpoint_files import CheckpointFiles
from evolver_tui.engine.training.trainable import StepPlan
from evolver_tui.engine.training.trainer import Ending
from tests.support.trainings import a_training


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 32 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_file_system_is_cleaned_up(small_disk: Path, tmp_path: Path) -> None:
    untroubled = a_training(tmp_path / "other", checkpoint_interval=2)
    expected = untroubled.run()
    room = os.statvfs(small_disk)
    pages = room.f_bavail - 3  # a page for each file: the lock takes none
    (small_disk / "somebody's").write_bytes(b"x" * (pages * room.f_bsize))
    training = a_training(small_disk / "run", checkpoint_interval=2)
    outcome = training.run()
    assert outcome.results[0]["sha256"] == expected.results[0]["sha256"]
    assert training.recoveries()
    assert {strategy for strategy, _ in training.recoveries()} == {"disk"}
    assert training.seen().status == "completed"


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond that."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_is_too_large_for_the_disk_is_packed(tmp_path: Path) -> None:
    untroubled = a_training(tmp_path / "other")
    untroubled.run()
    plain = untroubled.sizes()[1]
    training = a_training(tmp_path / "run")
    files = CheckpointFiles(training.folder).open()
    trainer = training.trainer(files)

    def stop(batch: Sequence[int], plan: StepPlan) -> None:
        trainer.stop()

    training.faults = {45: stop}  # its result would not go below the limit
    trainer = training.trainer(files)
    with largest_file(plain - 100):
        outcome = trainer.run()
    assert outcome.ending is Ending.INTERRUPTED
    assert [strategy for strategy, _ in training.recoveries()] == ["disk"]
    (last,) = training.folder.glob("checkpoint-*")
    assert b'"is_packed": true' in last.read_bytes()
    training.faults = {}
    assert training.run(files).results[0]["sha256"] == untroubled.run().results[0]["sha256"]
