"""The lanes of a worker: which jobs it holds at once, and what it has room for besides.

What may ask a model goes one at a time. What was answered does not wait for that: the built-in author's jobs go in a
lane of their own, one at a time, so that what was decided first is saved first. Each takes a moment there: one that
comes to need the model asks it beside the new one, or is handed on where such a one does already, and one that checks
or tries a draft steps aside. Other people's routines may take long, so that some of them go side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from evolver_tui.core.claim import Claim, Room
from evolver_tui.core.job import is_built_in
from evolver_tui.engine.durable.endings import goes_alone
from evolver_tui.engine.durable.routine import Result


class Lane(Enum):
    """What goes side by side with what."""

    GENERATING = "new jobs, and those that wait for their turn at the model"
    ANSWERED = "jobs of the built-in author that were answered or sent back and ask the model beside those"
    AUTHOR = "resumed jobs of the built-in author"
    ASIDE = "resumed jobs of the built-in author that check or try a draft"
    PLUG_INS = "resumed jobs of other routines"


MOST: Final[Mapping[Lane, int]] = MappingProxyType(
    {Lane.GENERATING: 1, Lane.ANSWERED: 1, Lane.AUTHOR: 1, Lane.ASIDE: 4, Lane.PLUG_INS: 4}
)
"""How many jobs a lane holds at once, unless more was asked for."""


@dataclass(eq=False, slots=True)
class Held:
    """A job in its lane."""

    claim: Claim
    lane: Lane
    routine: asyncio.Task[Result] | None = None
    """Its routine, while that runs."""
    needs: set[str] = field(default_factory=set)
    """What it came to use of that which jobs share."""


class Lanes:
    """The jobs that a worker holds.

    Args:
        routines: the names of what it can run.
        concurrency: how many jobs may be generated at once.
        answered: how many that somebody answered may ask the model beside those.
    """

    def __init__(self, routines: Collection[str], concurrency: int = 1, answered: int = MOST[Lane.ANSWERED]) -> None:
        self._routines = routines
        plug_ins = max(MOST[Lane.PLUG_INS], concurrency)
        self._most = {
            **MOST, Lane.GENERATING: concurrency, Lane.ANSWERED: answered, Lane.PLUG_INS: plug_ins,
        }  # fmt: skip
        self._held: list[Held] = []

    def __bool__(self) -> bool:
        return bool(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(tuple(self._held))

    @property
    def can_generate(self) -> bool:
        """Whether a new job can be taken: not before it is known whether one that was answered needs the model."""
        return self._is_free(Lane.GENERATING) and self._is_free(Lane.AUTHOR)

    @property
    def room(self) -> Room | None:
        """What can be taken besides; None where nothing can."""
        if any(goes_alone(held.claim.routine, held.claim.takeovers) for held in self._held):
            return None
        resumed = tuple(name for name in self._routines if self._is_free(_lane_of(name)))
        turns = self._is_free(Lane.ANSWERED) and any(is_built_in(name) for name in self._routines)
        if not (resumed or turns or self.can_generate):
            return None
        return Room(resumed, self.can_generate, tuple(held.claim.job for held in self._held), turns=turns)

    def enter(self, claim: Claim) -> Held:
        """Put a job into its lane."""
        generating = Lane.GENERATING if self._is_free(Lane.GENERATING) else Lane.ANSWERED
        held = Held(claim, _lane_of(claim.routine) if claim.is_resumed else generating)
        self._held.append(held)
        return held

    def move_to_generating(self, held: Held) -> bool:
        """Let a job that came to need the model go on in a lane for that; False where each is taken."""
        lanes = (Lane.GENERATING, Lane.ANSWERED) if is_built_in(held.claim.routine) else (Lane.GENERATING,)
        free = next((lane for lane in lanes if self._is_free(lane)), None)
        if free is not None:
            held.lane = free
        return free is not None

    def step_aside(self, held: Held) -> bool:
        """Let the author's next job go on beside one that takes a while; False where it keeps its lane."""
        is_moved = held.lane is Lane.AUTHOR and self._is_free(Lane.ASIDE)
        if is_moved:
            held.lane = Lane.ASIDE
        return is_moved

    def leave(self, held: Held) -> None:
        """Take it out again."""
        self._held.remove(held)

    def _is_free(self, lane: Lane) -> bool:
        return sum(held.lane is lane for held in self._held) < self._most[lane]


def _lane_of(routine: str) -> Lane:
    return Lane.AUTHOR if is_built_in(routine) else Lane.PLUG_INS
