"""What the draft on the card is held against and what it is like, found beside everything else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from evolver_tui.core.code_diff import compare
from evolver_tui.core.errors import EvolverError
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.engine.comparisons import Comparison, comparisons_of, like_comparisons
from evolver_tui.tui.screens.desk.panes.diff_page import Compared

if TYPE_CHECKING:
    from evolver_tui.core.likeness import LikeProgram
    from evolver_tui.core.question import OpenQuestion
    from evolver_tui.engine.session import Session
    from evolver_tui.tui.screens.desk.context import DeskContext


class Comparing:
    """Finds it for one draft after the other, and has the card read again where it is another than the card has."""

    def __init__(self, desk: DeskContext, session: Session) -> None:
        self._desk = desk
        self._session = session
        self._compared: tuple[object, Sequence[Compared]] = (None, ())
        """What a draft was held against last, and with what that was found."""
        self._like: tuple[str, tuple[LikeProgram, ...]] = ("", ())
        """What a draft was found to be like last, with its digest."""
        self._like_key: object = None
        """With what that was looked for."""
        self._finding: asyncio.Task[None] | None = None
        self._is_stale = False

    def with_like(self, question: OpenQuestion | None) -> OpenQuestion | None:
        """A review with what its draft is like by now, as far as that was found; what is missing is looked for."""
        subject = question.subject if question is not None else None
        if question is None or not isinstance(subject, ReviewSubject) or self._desk.settings.player is not None:
            return question
        self._look(question.job, question.id, subject)
        digest, like = self._like
        return replace(question, subject=replace(subject, like=like)) if digest == subject.draft.sha256 else question

    async def compared(self, question: OpenQuestion | None) -> Sequence[Compared]:
        """What a draft is held against, as far as that can be read. It is found anew where it may be another."""
        subject = question.subject if question is not None else None
        if question is None or not isinstance(subject, ReviewSubject):
            return ()
        key = (question.id, subject.draft.sha256, subject.replaces, subject.like)
        if self._compared[0] != key:
            with contextlib.suppress(EvolverError):
                library = self._session.library if self._desk.settings.player is None else None
                found = [*await comparisons_of(question, self._session.store, library)]
                if library is not None:
                    found += await like_comparisons(subject, self._session.store, library)
                self._compared = key, await asyncio.to_thread(_compare, found, subject.draft.code)
        return self._compared[1] if self._compared[0] == key else ()

    def jobs_changed(self) -> None:
        """Other drafts may wait by now."""
        self._is_stale = True

    def look_again(self, question: OpenQuestion | None) -> None:
        """Look what the draft on the card is like, if jobs changed since that was done; once a second is enough."""
        subject = question.subject if question is not None else None
        if self._is_stale and question is not None and isinstance(subject, ReviewSubject):
            self._is_stale = False
            if self._desk.settings.player is None:
                self._look(question.job, question.id, subject)

    def _look(self, job: int, question: int, subject: ReviewSubject) -> None:
        if self._finding is None or self._finding.done():
            self._finding = asyncio.create_task(self._find(job, question, subject))

    async def _find(self, job: int, question: int, subject: ReviewSubject) -> None:
        """Find what it is like, if the library or the queue changed; the card is read again if that is another."""
        session = self._session
        with contextlib.suppress(EvolverError):
            mark, counts = await asyncio.to_thread(session.library.mark), await session.store.counts()
            key = (question, subject.draft.sha256, mark, counts.needs_you)
            if key == self._like_key:
                return
            like = tuple(await session.duplicates.of(job, subject.draft))
            self._like_key = key
            digest, before = self._like
            shown = before if digest == subject.draft.sha256 else subject.like
            self._like = subject.draft.sha256, like
            if like != shown:
                self._desk.refresh_card()


def _compare(comparisons: Sequence[Comparison], code: str) -> Sequence[Compared]:
    return [Compared(each, compare(each.code, code)) for each in comparisons]
