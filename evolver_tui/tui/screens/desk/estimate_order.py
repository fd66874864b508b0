"""What waits in the order in which it is likely to be approved, for whoever wants that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.tui.modals.inbox_list import InboxRow
from evolver_tui.tui.screens.desk.panes.hint_words import percent

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueRow
    from evolver_tui.core.question import OpenQuestion
    from evolver_tui.engine.estimates import Told
    from evolver_tui.tui.screens.desk.context import DeskContext


class EstimateOrder:
    """Estimates of what waits; each draft is looked at once, until more decisions are known."""

    def __init__(self, desk: DeskContext) -> None:
        self._desk = desk
        self._told: dict[tuple[int, int], Told | None] = {}
        self._chances: dict[tuple[int, float], float] = {}
        """Of a job that waits since then, as first estimated: rows that were seen do not change places."""

    async def of(self, waiting: Sequence[OpenQuestion]) -> Sequence[InboxRow]:
        """Drafts first, the likeliest at the top; then what is no draft, as it came."""
        found = [(InboxRow.of(asked), await self._estimate(asked)) for asked in waiting]
        found.sort(key=lambda each: -each[1].estimate.probability if each[1] is not None else 1.0)
        return [
            row._replace(estimate=percent(told.estimate.probability)) if told is not None else row
            for row, told in found
        ]

    async def rows(self, waiting: Sequence[QueueRow]) -> Sequence[QueueRow]:
        """Rows of the queue in the same order. Raises StoreError."""
        known = {(row.job, row.since): self._chances.get((row.job, row.since)) for row in waiting}
        for (job, since), chance in known.items():
            if chance is None:
                asked = await self._desk.session.store.open_question_of(job)
                told = await self._estimate(asked) if asked is not None else None
                known[job, since] = told.estimate.probability if told is not None else -1.0
        self._chances = {key: chance for key, chance in known.items() if chance is not None}
        return sorted(waiting, key=lambda row: -self._chances[row.job, row.since])

    async def _estimate(self, asked: OpenQuestion) -> Told | None:
        if not isinstance(asked.subject, ReviewSubject):
            return None
        estimates = self._desk.session.estimates
        key = (asked.id, estimates.decisions)
        if key not in self._told:
            self._told[key] = await estimates.of(asked.subject.draft.code)
        return self._told[key]
