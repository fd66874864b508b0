"""What past decisions let one expect of a draft, kept up with the decisions as they are made.

What was learned is kept beside the decisions, with the last of them and how many there were up to it. It is always what
these decisions make in their order, so it does not matter which of several sessions writes it. Where their number is
another by now (one was taken back, or came late from elsewhere), all are learned of anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from evolver_tui.core.errors import StoreError
from evolver_tui.core.training_data.decided_review import DecisionKey
from evolver_tui.core.training_data.reviewed_draft import ReviewedDraft
from evolver_tui.engine.learning_store import LearningStore
from evolver_tui.engine.reviewed_drafts import Passed, reviewed_drafts

if TYPE_CHECKING:
    from evolver_tui.core.estimate.estimate import Estimate, EstimateRecord
    from evolver_tui.core.estimate.estimator import ApprovalEstimator

NAME: Final = "estimate"
"""Under which it is kept."""
_LARGEST_JOB: Final = 2**63 - 1
_BATCH: Final = 50
"""Decisions that are learned of between two looks at the event loop."""


class Told(NamedTuple):
    """An estimate, and what it is worth."""

    estimate: Estimate
    record: EstimateRecord


@dataclass(frozen=True, slots=True)
class _Learned:
    """Where the learning stands. The estimator is never changed: a later one takes its place."""

    estimator: ApprovalEstimator
    last: DecisionKey | None = None
    """The last decision that it knows of."""
    count: int = 0
    """Decisions up to that one, with those that were passed by."""

    def to_json_value(self) -> dict[str, Any]:
        """As it is kept."""
        return {"estimator": self.estimator.to_json_value(), "last": self.last, "count": self.count}

    @classmethod
    def from_json_value(cls, value: object) -> _Learned:
        """The inverse of `to_json_value`. What is none of it gives one that knows nothing."""
        from evolver_tui.core.estimate.estimator import ApprovalEstimator

        try:
            assert isinstance(value, Mapping)
            at, job, review = value["last"]
            last, count = DecisionKey(float(at), int(job), str(review)), int(value["count"])
            found = cls(ApprovalEstimator.from_json_value(value["estimator"]), last, count)
        except (AssertionError, KeyError, TypeError, ValueError, OverflowError):
            return cls(ApprovalEstimator())
        is_whole = _can_be_asked_for(last) and 0 < found.estimator.record.decisions <= count
        return found if is_whole else cls(ApprovalEstimator())


def _can_be_asked_for(key: DecisionKey) -> bool:
    """Whether a database takes it."""
    is_text = "\0" not in key.review and not any("\ud800" <= each <= "\udfff" for each in key.review)
    return is_text and math.isfinite(key.decided_at) and 0 <= key.job <= _LARGEST_JOB


class Estimates:
    """Estimates of drafts. They order and explain what a person reads, and decide nothing.

    Nothing is read before the first one is asked for.
    """

    def __init__(self, store: LearningStore) -> None:
        self._store = store
        self._learned: _Learned | None = None
        self._is_stale = True
        self._learning: asyncio.Task[None] | None = None

    @property
    def decisions(self) -> int:
        """How many are known by now; 0 before somebody asked."""
        return 0 if self._learned is None else self._learned.count

    async def of(self, code: str) -> Told | None:
        """What to expect of a draft; None while there are too few decisions, or where they cannot be read."""
        if self._learned is None:
            await self.catch_up()
        elif self._is_stale:
            self._begin()
        learned = self._learned
        if learned is None or not learned.estimator.record.is_shown:
            return None
        estimate = await asyncio.to_thread(learned.estimator.estimate, code)
        return Told(estimate, learned.estimator.record)

    def may_be_stale(self) -> None:
        """Somebody else may have decided: look when the next estimate is asked for."""
        self._is_stale = True

    def decisions_changed(self) -> None:
        """Learn of new decisions, beside everything else, where somebody asked for estimates before."""
        self._is_stale = True
        if self._learned is not None:
            self._begin()

    async def catch_up(self) -> None:
        """Learn of every decision that was made so far."""
        await asyncio.shield(self._begin())

    def _begin(self) -> asyncio.Task[None]:
        if self._learning is None or self._learning.done():
            self._learning = asyncio.create_task(self._learn())
        return self._learning

    async def close(self) -> None:
        """Learn no more."""
        if self._learning is not None:
            self._learning.cancel()
            await asyncio.wait([self._learning])

    async def _learn(self) -> None:
        """Until nothing is new. A database that is away is asked again with the next decision."""
        with contextlib.suppress(StoreError):
            while self._is_stale:
                self._is_stale = False
                try:
                    self._learned = await self._continued(await self._standing())
                except StoreError:
                    self._is_stale = True
                    raise

    async def _standing(self) -> _Learned:
        """What is known, as far as it still follows from the decisions."""
        learned = self._learned or _Learned.from_json_value(await self._store.learned(NAME))
        if learned.last is not None and await self._store.count_decided(learned.last) != learned.count:
            return _Learned.from_json_value(None)
        return learned

    async def _continued(self, learned: _Learned) -> _Learned:
        """With all decisions that follow; kept where there were some."""
        before, passed, batch, count = learned, Passed(), list[ReviewedDraft](), learned.count
        async with contextlib.aclosing(reviewed_drafts(self._store, after=learned.last, passed=passed)) as drafts:
            async for draft in drafts:
                batch.append(draft)
                count += 1
                if len(batch) == _BATCH:
                    learned = await asyncio.to_thread(_with, learned, batch, count + passed.decisions)
                    batch = []
                before_last = passed.decisions
        if batch:
            learned = await asyncio.to_thread(_with, learned, batch, count + before_last)
        if learned is not before:
            with contextlib.suppress(StoreError):  # it can be learned again
                await self._store.keep_learned(NAME, learned.to_json_value())
        return learned


def _with(learned: _Learned, drafts: Sequence[ReviewedDraft], count: int) -> _Learned:
    """What is known after these decisions as well, `count` with all before them. Takes a millisecond each."""
    from evolver_tui.core.estimate.estimator import ApprovalEstimator

    estimator = ApprovalEstimator.from_json_value(learned.estimator.to_json_value())
    for draft in drafts:
        estimator.learn(draft.code, draft.is_approved)
    return _Learned(estimator, drafts[-1].key, count)
