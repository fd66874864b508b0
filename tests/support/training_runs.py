"""Run files as whoever trains writes them, with numbers that are the same every time."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from evolver_tui.core.errors import UsageError
from evolver_tui.core.training.record import (
    CHECKPOINT,
    ERROR,
    MODEL_COMPLETED,
    RECOVERY,
    TRAINING_COMPLETED,
    TRAINING_STARTED,
    Event,
    Point,
    Record,
    RunEnd,
    RunHeader,
    to_line,
)
from evolver_tui.core.training.training_run import TrainingRun
from evolver_tui.engine.training.monitor import TrainingMonitor
from evolver_tui.engine.training.source import SourceStanding

BEGAN = 1_767_261_600.0
"""When the oldest run began: 1 January 2026, 10:00 in Greenwich."""
NOW = BEGAN + 3_690.0
"""The moment at which the runs are looked at."""


def write_run(folder: Path, name: str, records: Iterable[Record]) -> Path:
    """A run file; what is there already is gone on with."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.jsonl"
    with path.open("ab") as file:
        file.writelines(map(to_line, records))
    return path


def points(
    steps: Iterable[int], total: int, began: float, *, model: int = 0, seconds: float = 0.5, seed: int = 1,
    floor: float = 0.4,
) -> Iterator[Point]:  # fmt: skip
    """Losses that come down, and a learning rate."""
    source = random.Random(seed)
    for step in steps:
        loss = floor + 3.2 * math.exp(-6 * step / total) + source.gauss(0, 0.05)
        rate = 1e-3 * min(1.0, 10 * (step + 1) / total) * (1 - 0.9 * step / total)
        yield Point(step, began + seconds * step, {"loss": round(loss, 4), "learning_rate": rate}, model)


def cognate(*, until: int = 620, began: float = NOW - 1_312.0) -> Iterator[Record]:
    """Three models one after the other: the second one met an error, recovered, and trains."""
    yield RunHeader("cognate-7f3a", "cognate-pretrain", "agent-forge", {"batch_size": 32}, began, 1_000, 3, 25_000_000)
    yield Event(TRAINING_STARTED, began, 0, 0, {"model_count": 3, "batch_size": 32})
    yield from points(range(0, 1_001, 4), 1_000, began, seconds=0.8, floor=0.35)
    second = began + 802.0
    yield Event(MODEL_COMPLETED, second, 1_000, 0, {"loss": 0.4121})
    for record in points(range(0, until + 1, 4), 1_000, second, model=1, seconds=0.82, seed=2, floor=0.9):
        if record.step == 300:
            yield Event(ERROR, record.at, 300, 1, {"error": "CUDA out of memory", "kind": "memory"})
            yield Event(RECOVERY, record.at, 300, 1, {"strategy": "memory", "batch_size": 16, "checkpointing": True})
        if record.step == 400:
            yield Event(CHECKPOINT, record.at, 400, 1, {"path": "checkpoints/model-2-400.ckpt"})
        yield record._replace(values={**record.values, "loss": math.nan}) if record.step in (304, 308) else record


def finished(name: str, began: float, *, floor: float = 0.5, seed: int = 3, status: str = "completed") -> list[Record]:
    """A run of one model that is over."""
    header = RunHeader(f"{name}-01", name, "agent-forge", {}, began, 2_000, 1, 849_000)
    told: list[Record] = [header, Event(TRAINING_STARTED, began, 0)]
    last = 2_000 if status == "completed" else 640
    told += points(range(0, last + 1, 5), 2_000, began, seconds=0.3, seed=seed, floor=floor)
    end = began + 0.3 * last + 1
    if status == "completed":
        told.append(Event(TRAINING_COMPLETED, end, last))
    else:
        told.append(Event(ERROR, end, last, payload={"error": "loss is not finite for 20 steps", "kind": "divergence"}))
    return [*told, RunEnd(end, status)]


class HeldSource:
    """Runs that a test feeds."""

    def __init__(self, place: str = "/home/ada/runs", way: str = "folder") -> None:
        self.standing = SourceStanding(place, way, True)
        self.runs: dict[str, TrainingRun] = {}
        self.followed: list[str] = []
        self.is_open = False

    @property
    def changes(self) -> int:
        """Counts all that was told."""
        return sum(run.changes for run in self.runs.values())

    async def open(self) -> None:
        """There is nothing to begin with."""
        self.is_open = True

    async def close(self) -> None:
        """Nor to end."""
        self.is_open = False

    def follow(self, run_id: str) -> None:
        """This run is looked at."""
        self.followed.append(run_id)

    def tell(self, run_id: str, *records: Record) -> TrainingRun:
        """What is told of a run."""
        run = self.runs.setdefault(run_id, TrainingRun(run_id))
        run.add_all(records)
        return run


class Trainings:
    """A console's monitor over sources that a test feeds; a place whose name has `bad` in it is refused."""

    def __init__(self) -> None:
        self.source = HeldSource()
        self.others: list[HeldSource] = []
        self.refusal = ""
        """Why there can be no monitor, while it is not empty."""
        self.now = NOW

    def make(self) -> TrainingMonitor:
        """The monitor."""
        if self.refusal:
            raise UsageError(self.refusal, "Change that.")
        return TrainingMonitor([self.source], self._make_source)

    def _make_source(self, place: str) -> HeldSource:
        if "bad" in place:
            raise UsageError(f"{place} is no place.", "Name another one.")
        self.others.append(HeldSource(place, "server"))
        return self.others[-1]

    def morning(self) -> None:
        """Runs of each standing."""
        self.source.tell("cognate-7f3a", *cognate())
        self.source.tell("baseline-01", *finished("baseline", BEGAN))
        self.source.tell("wide-rope-01", *finished("wide-rope", BEGAN + 900, floor=0.7, seed=5))
        self.source.tell("diverging-01", *finished("diverging-lr-3e-2", BEGAN + 1_800, seed=6, status="failed"))
