"""The lanes of a worker: which jobs it holds at once, and what it has room for besides.

What may ask a model goes one at a time. What was answered waits for no model: the built-in author's jobs go in a lane
of their own, one at a time, so that what was decided first is saved first; each takes a moment, since one that comes
to need the model is handed on. Other people's routines may take long, so that some of them go side by side.
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
    AUTHOR = "resumed jobs of the built-in author"
    PLUG_INS = "resumed jobs of other routines"


MOST: Final[Mapping[Lane, int]] = MappingProxyType({Lane.GENERATING: 1, Lane.AUTHOR: 1, Lane.PLUG_INS: 4})
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
    """

    def __init__(self, routines: Collection[str], concurrency: int = 1) -> None:
        self._routines = routines
        plug_ins = max(MOST[Lane.PLUG_INS], concurrency)
        self._most = {**MOST, Lane.GENERATING: concurrency, Lane.PLUG_INS: plug_ins}
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
        if not (resumed or self.can_generate):
            return None
        return Room(resumed, self.can_generate, tuple(held.claim.job for held in self._held))

    def enter(self, claim: Claim) -> Held:
        """Put a job into its lane."""
        held = Held(claim, _lane_of(claim.routine) if claim.is_resumed else Lane.GENERATING)
        self._held.append(held)
        return held

    def move_to_generating(self, held: Held) -> bool:
        """Let a job that came to need the model go on in its lane; False where that is taken."""
        is_free = self._is_free(Lane.GENERATING)
        if is_free:
            held.lane = Lane.GENERATING
        return is_free

    def leave(self, held: Held) -> None:
        """Take it out again."""
        self._held.remove(held)

    def _is_free(self, lane: Lane) -> bool:
        return sum(held.lane is lane for held in self._held) < self._most[lane]


def _lane_of(routine: str) -> Lane:
    return Lane.AUTHOR if is_built_in(routine) else Lane.PLUG_INS
