"""A trainer that is killed goes on from its checkpoint, and gives the very numbers of one that was not."""

from __future__ import annotations

import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from evolver_tui.core.training.record import read_line
from evolver_tui.core.training.training_run import TrainingRun
from tests.support.processes import REPOSITORY, environment

KINDS = [
    "decisions",
    pytest.param("nodes", marks=pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")),
]


def train(folder: Path, kind: str, kill_at: int | None = None) -> subprocess.CompletedProcess[str]:
    """In a process of its own."""
    words = [sys.executable, "-m", "tests.support.trainer_process", str(folder), kind]
    words += [] if kill_at is None else [str(kill_at)]
    return subprocess.run(words, env=environment(folder), cwd=REPOSITORY, capture_output=True, text=True, check=False)


def losses(folder: Path) -> list[tuple[int, int, float]]:
    """Of each model and step, as a reader of the run file sees them."""
    run = TrainingRun("r1")
    run.add_all(read_line(line) for line in Path(f"{folder}.jsonl").read_bytes().splitlines())
    assert run.status == "completed"
    return [(model, step, value) for (model, name), series in sorted(run.series.items()) if name == "loss"
            for step, _, value in series]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_killed_and_resumed_it_gives_the_same_numbers(tmp_path: Path, kind: str) -> None:
    whole = train(tmp_path / "whole", kind)
    assert whole.returncode == 0, whole.stderr
    steps = len(losses(tmp_path / "whole"))
    for kill_at in (3, steps // 2 + 2) if kind == "decisions" else (steps // 2,):
        assert train(tmp_path / "cut", kind, kill_at).returncode == -signal.SIGKILL
    resumed = train(tmp_path / "cut", kind)
    assert resumed.stdout == whole.stdout, resumed.stderr
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
