"""What can be trained, as the trainer sees it, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol


class Example(NamedTuple):
    """Something to learn from."""

    text: str
    """The code of a draft or a node."""
    approved: bool | None = None
    """What was decided about it; None where that is no matter."""


class BadExamples(ValueError):
    """Some of a batch cannot be learned from; nothing was learned from the others either.

    Args:
        items: their positions, as `step` was given them.
        what: what is wrong with them.
    """

    def __init__(self, items: Sequence[int], what: str) -> None:
        super().__init__(what)
        self.items = tuple(items)
        self.what = what


class StepPlan(NamedTuple):
    """How a step is done."""

    rate: float
    """How far it goes."""
    at_once: int
    """Examples of the batch that are held in memory at once; the step is the same whatever it is."""
    clip: float | None = None
    """How long the gradient may be; None for any length."""


class TrainableModel(Protocol):
    """One model. Everything of it happens in one thread."""

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""

    @property
    def items(self) -> int:
        """How many items an epoch has; batches name them from 0 on."""

    @property
    def device(self) -> str:
        """Where it is trained, in words."""

    def step(self, batch: Sequence[int], plan: StepPlan) -> float:
        """Learn from a batch of items; returns the loss before that, which may be no number.

        Raises:
            MemoryError: the memory does not do, a device's either; nothing was learned.
            BadExamples: some cannot be learned from.
        """

    def save_memory(self) -> bool:
        """Need less memory from here on at the cost of time; False where it cannot."""

    def state(self) -> bytes:
        """All that the next step depends on."""

    def restore(self, state: bytes) -> None:
        """Have a state that `state` gave. Raises ValueError for anything else."""

    def result(self) -> bytes:
        """What it came to, as a file."""

    def sha256(self) -> str:
        """The digest of what it came to, whatever the form of its file."""

    def held_out(self) -> Mapping[str, float]:
        """How it does on examples that it was never trained on, by the name of the measure; may be empty."""


class TrainableKind(NamedTuple):
    """A sort of model."""

    name: str
    suffix: str
    """Of its result's file, e.g. `.json`."""
    make: Callable[[int], TrainableModel]
    """Makes one that has learned nothing, by its number from 0; the same number gives the same model."""
