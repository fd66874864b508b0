"""Which of the drafts that wait are made by one pattern: they differ in their texts and numbers alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from evolver_tui.core.program_shape import frame_digest
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.engine.readers import JobReader

MOST_LOOKED_AT: Final = 500
"""Of what waits, the oldest, is looked at."""


class _Known(NamedTuple):
    job: int
    frame: str


class AlikeDrafts:
    """The frames of the drafts that wait; each is looked at once."""

    def __init__(self, store: JobReader) -> None:
        self._store = store
        self._known: dict[int, _Known] = {}
        """By the number of the question."""

    async def jobs_like(self, code: str) -> Sequence[int]:
        """The jobs whose drafts wait and are of this program's frame, oldest first; none for what is no program.

        Raises:
            StoreError: the database cannot be read.
        """
        waiting = await self._store.open_questions(MOST_LOOKED_AT)
        drafts = [(each, each.subject) for each in waiting if isinstance(each.subject, ReviewSubject)]
        fresh = {each.id: (each.job, subject.draft.code) for each, subject in drafts if each.id not in self._known}
        found = await asyncio.to_thread(_frames, fresh, code)
        self._known = {each.id: self._known.get(each.id) or found[each.id] for each, _ in drafts}
        frame = found[0].frame
        return [known.job for known in self._known.values() if frame and known.frame == frame]


def _frames(drafts: dict[int, tuple[int, str]], code: str) -> dict[int, _Known]:
    """The frames of these drafts, and under 0 that of a program."""
    known = {number: _Known(job, frame_digest(draft)) for number, (job, draft) in drafts.items()}
    return {**known, 0: _Known(0, frame_digest(code))}
