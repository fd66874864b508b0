"""A training as it can be gone on with, and the promise to keep it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple, Protocol, Self


@dataclass(slots=True)
class TrainingState:
    """Where a training is, beside what its model holds."""

    model: int = 0
    """From 0."""
    step: int = 0
    """Steps of this model that are done."""
    epochs: int = 0
    rate: float = 0.0
    at_once: int = 0
    clip: float | None = None
    saves_memory: bool = False
    bad: list[int] = field(default_factory=list)
    """Items that cannot be learned from."""
    mean: float = 0.0
    """Of the loss, running."""
    spread: float = 0.0
    """The running mean of its distance from that."""
    losses: int = 0
    """That the two were taken of."""
    attempts: int = 0
    """Faults that were mended since a checkpoint lay behind the last one."""
    fault_at: int = -1
    """The step that the last fault came at."""
    diverged_at: int = -1
    results: list[dict[str, Any]] = field(default_factory=list)
    """Of the models that are done."""

    def to_json_value(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> Self:
        """The inverse of `to_json_value`. Raises TypeError, ValueError for anything else."""
        state = cls(**value)
        counts = (state.model, state.step, state.epochs, state.at_once, state.losses, state.attempts)
        places = (state.fault_at, state.diverged_at, *state.bad)
        numbers = (state.rate, state.mean, state.spread, 0.0 if state.clip is None else state.clip)
        if not all(type(each) is int for each in (*counts, *places)) or min(counts) < 0:
            raise ValueError("a count is none")
        if not all(isinstance(each, int | float) and math.isfinite(each) for each in numbers):
            raise ValueError("a number is none")
        if not all(isinstance(each, dict) for each in state.results):
            raise ValueError("a result is none")
        return state

    def copy(self) -> TrainingState:
        """One of its own."""
        return replace(self, bad=list(self.bad), results=list(self.results))


class Checkpoint(NamedTuple):
    """A moment of a training."""

    state: TrainingState
    model: bytes


class CheckpointStore(Protocol):
    """Keeps the checkpoints of one run, and what its models come to."""

    def save(self, checkpoint: Checkpoint, *, is_packed: bool) -> int:
        """Keep one, whole or not at all; returns its bytes. Raises OSError."""

    def latest(self, damaged: Callable[[str], None], takes: Callable[[TrainingState], bool]) -> Checkpoint | None:
        """The last one that is whole and is taken.

        Args:
            damaged: told of each later one that is not whole, by its name; it is not looked at again.
            takes: whether it is one of those that are wanted.
        """

    def clean_up(self) -> int:
        """Let go of all but the last one that is whole, and of what was left unfinished; returns how many."""

    def keep(self, name: str, content: bytes) -> None:
        """Keep a file beside them, whole or not at all. Raises OSError."""

    def keep_result(self, result: Mapping[str, Any]) -> None:
        """Keep what all models came to, as something that is not said yet. Raises OSError."""

    def finish(self) -> None:
        """Say what was kept last; the run is over then, and needs no checkpoints. Raises OSError."""
