"""What an estimate costs a reviewer's desk, and what checkpoints cost a training."""

from __future__ import annotations

import ast
import hashlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from evolver_tui.adapters.checkpoint_files import CheckpointFiles
from evolver_tui.core.estimate.estimator import ApprovalEstimator
from evolver_tui.core.estimate.unlike_lines import ApprovedCode
from evolver_tui.engine.training.checkpoint import Checkpoint, TrainingState
from tests.benchmarks.figures import Row, at_most, told
from tests.benchmarks.workplace import temporary_folder
from tests.support.reviewed_code import careful, reviewed
from tests.support.trainings import a_training

_MODEL_BYTES = 10_000_000
"""A checkpoint of the language model in its usual size."""


def trainer(is_quick: bool) -> Iterator[Row]:
    """Estimates against the parser alone, unlike lines, and checkpoints against the writing of their bytes."""
    rounds = 3 if is_quick else 9
    yield from _estimates(rounds)
    yield from _unlike_lines(rounds)
    with temporary_folder() as folder:
        yield from _checkpoints(Path(folder), rounds)
        yield from _share(Path(folder), rounds)


def _estimates(rounds: int) -> Iterator[Row]:
    drafts = [each.code for each in reviewed(100, 1, careful)]
    estimator = ApprovalEstimator()
    for each in reviewed(100, 2, careful):
        estimator.learn(each.code, each.approved)
    floors = [_seconds(lambda: [ast.parse(code) for code in drafts]) / len(drafts) for _ in range(rounds)]
    ours = [_seconds(lambda: [estimator.estimate(code) for code in drafts]) / len(drafts) for _ in range(rounds)]
    learned = [_seconds(lambda: _learn(estimator, drafts)) / len(drafts) for _ in range(rounds)]
    yield at_most("an estimate of a draft / ast.parse of it", _ratios(ours, floors), 8.0)
    yield told("... an estimate", [each * 1e3 for each in ours], " ms")
    yield told("... a decision learned from", [each * 1e3 for each in learned], " ms")


def _learn(estimator: ApprovalEstimator, drafts: list[str]) -> None:
    for code in drafts:
        estimator.learn(code, True)


def _unlike_lines(rounds: int) -> Iterator[Row]:
    approved = [each.code for each in reviewed(200, 1, careful)]
    drafts = [each.code for each in reviewed(50, 2, careful)]
    lines = sum(code.count("\n") for code in drafts)
    known = ApprovedCode(approved)
    first = [_seconds(lambda: ApprovedCode(approved).ordinary) * 1e3 for _ in range(rounds)]
    known.unlike_lines("")
    each_line = [_seconds(lambda: [known.unlike_lines(code) for code in drafts]) / lines * 1e3 for _ in range(rounds)]
    yield at_most("lines unlike 200 approved programs, a line", each_line, 0.2, " ms")
    yield told("... what that takes once, before the first draft", first, " ms")


def _checkpoints(folder: Path, rounds: int) -> Iterator[Row]:
    checkpoint = Checkpoint(TrainingState(), os.urandom(_MODEL_BYTES))
    files = CheckpointFiles(folder / "checkpoints").open()
    pairs = [
        (
            _seconds(lambda: _write(folder / "floor", checkpoint.model)),
            _seconds(lambda: files.save(checkpoint, is_packed=False)),
        )
        for _ in range(rounds)
    ]
    files.close()
    ratios = [ours / floor for floor, ours in pairs]
    yield at_most("a checkpoint of 10 MB / its bytes hashed, written and synced", ratios, 2.0)


def _share(folder: Path, rounds: int) -> Iterator[Row]:
    """Of a training's time, as it is by default: a checkpoint in a hundred steps."""
    shares = []
    for number in range(rounds):
        times = []
        for name, interval in (("with", 100), ("without", 1_000_000)):
            training = a_training(
                folder / f"{name}-{number}", batch_size=32, epochs=500, checkpoint_interval=interval, learning_rate=0.01
            )
            times.append(_seconds(training.run))
        shares.append(max(0.0, 1 - times[1] / times[0]) * 100)
    yield told("checkpoints of an estimate, of its training's time", shares, " %")


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(hashlib.sha256(content).digest())
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _ratios(ours: list[float], floors: list[float]) -> list[float]:
    floor = statistics.median(floors)
    return [each / floor for each in ours]


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
