"""Trainings in a folder, with faults that a test puts between the trainer and its model or disk."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evolver_tui.adapters.checkpoint_files import CheckpointFiles
from evolver_tui.core.signal import Observation
from evolver_tui.core.training.record import CHECKPOINT, Event, Record, RunHeader
from evolver_tui.core.training.training_run import TrainingRun
from evolver_tui.engine.training.checkpoint import Checkpoint
from evolver_tui.engine.training.decision_model import decision_kind
from evolver_tui.engine.training.trainable import Example, StepPlan, TrainableKind, TrainableModel
from evolver_tui.engine.training.trainer import Outcome, Trainer
from evolver_tui.engine.training.training_news import TrainingNews
from evolver_tui.settings.trainer_config import TrainerConfig
from tests.support.reviewed_code import careful, reviewed

Fault = Callable[[Sequence[int], StepPlan], float | None]
"""Called in a step's place: raises, returns a loss, or None for the step itself."""


def decisions(count: int = 60) -> list[Example]:
    """A careful reviewer's."""
    return [Example(each.code, each.approved) for each in reviewed(count, 1, careful)]


def small_config(**values: Any) -> TrainerConfig:
    """A training of seconds."""
    usual = {"model_count": 1, "batch_size": 8, "epochs": 10, "checkpoint_interval": 10, "learning_rate": 0.05}
    return TrainerConfig(**{**usual, "fallback_batch_size": 2, "fallback_epochs": 2, **values})


class FaultyModel:
    """A model whose steps go wrong as a test wants it; all else is the model's own."""

    def __init__(self, model: TrainableModel, faults: Mapping[int, Fault], count: Callable[[], int]) -> None:
        self._model = model
        self._faults = faults
        self._count = count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def step(self, batch: Sequence[int], plan: StepPlan) -> float:
        fault = self._faults.get(self._count())
        told = fault(batch, plan) if fault is not None else None
        return self._model.step(batch, plan) if told is None else told


@dataclass
class Training:
    """One run, in as many tries as a test wants."""

    folder: Path
    config: TrainerConfig
    kind: TrainableKind
    faults: Mapping[int, Fault] = field(default_factory=dict)
    """By the number of the call of `step`, from 0 on, over all models."""
    records: list[Record] = field(default_factory=list)
    told: list[Observation] = field(default_factory=list)
    plans: list[StepPlan] = field(default_factory=list)
    """How each step was done."""
    batches: list[tuple[int, ...]] = field(default_factory=list)

    def run(self, files: CheckpointFiles | None = None) -> Outcome:
        """Train, or go on where the folder has a checkpoint. Raises TrainingError."""
        if files is not None:
            return self.trainer(files).run()
        with closing(CheckpointFiles(self.folder).open()) as own:
            return self.trainer(own).run()

    def trainer(self, files: CheckpointFiles) -> Trainer:
        """What trains in these files."""
        calls = itertools.count()

        def make(number: int) -> TrainableModel:
            return FaultyModel(Watched(self.kind.make(number), self), self.faults, lambda: next(calls))

        clock = itertools.count(1_764_000_000)
        header = RunHeader("r1", "r1", total_models=self.config.model_count)
        news = TrainingNews(
            header, self.records.append, self.told.append, lambda: float(next(clock)), kind=self.kind.name,
            folder=str(self.folder),
        )  # fmt: skip
        return Trainer(self.config, self.kind._replace(make=make), files, news)

    def seen(self) -> TrainingRun:
        """The run as its readers see it."""
        run = TrainingRun("r1")
        run.add_all(self.records)
        return run

    def names(self) -> list[str]:
        """Of the signals, without progress and checkpoints."""
        dull = ("training.progress", "training.checkpoint_saved")
        return [each.name for each in self.told if each.name not in dull]

    def recoveries(self) -> list[tuple[str, str]]:
        """Strategy and what was done."""
        return [(each.payload["strategy"], each.payload["mended"]) for each in self.told
                if each.name == "training.recovered"]  # fmt: skip

    def sizes(self) -> list[int]:
        """Bytes of each checkpoint."""
        return [each.payload["bytes"] for each in self.records if isinstance(each, Event) and each.name == CHECKPOINT]

    def losses(self) -> list[tuple[int, int, float]]:
        """Model, step and loss of each point that stands."""
        run = self.seen()
        return [(model, step, value) for (model, name), series in sorted(run.series.items()) if name == "loss"
                for step, _, value in series]  # fmt: skip


class Watched:
    """A model that notes how its steps are done."""

    def __init__(self, model: TrainableModel, training: Training) -> None:
        self._model = model
        self._training = training

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def step(self, batch: Sequence[int], plan: StepPlan) -> float:
        loss = self._model.step(batch, plan)
        self._training.plans.append(plan)
        self._training.batches.append(tuple(batch))
        return loss


class FaultyFiles(CheckpointFiles):
    """A disk that refuses as a test wants it."""

    def __init__(self, folder: Path, refuses: Callable[[int, bool], OSError | None]) -> None:
        super().__init__(folder)
        self._refuses = refuses
        self._saves = itertools.count()

    def save(self, checkpoint: Checkpoint, *, is_packed: bool) -> int:
        error = self._refuses(next(self._saves), is_packed)
        if error is not None:
            raise error
        return super().save(checkpoint, is_packed=is_packed)


def a_training(folder: Path, faults: Mapping[int, Fault] | None = None, **config: Any) -> Training:
    """One on decisions."""
    chosen = small_config(**config)
    return Training(folder, chosen, decision_kind(decisions(), chosen.seed), faults or {})
