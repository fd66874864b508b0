"""Every draft that was decided about, read out of the database in the order of the decisions, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.node import NodeDraft
from evolver_tui.core.node_run import Tryout
from evolver_tui.core.question import Answer, AnswerAction
from evolver_tui.core.question_kinds.review import UNREVIEWED
from evolver_tui.core.training_data.decided_review import DecidedReview, DecisionKey
from evolver_tui.core.training_data.reviewed_draft import Asked, ReviewedDraft
from evolver_tui.engine.author.tryouts import complaint
from evolver_tui.engine.readers import DecisionReader

PAGE: Final = 100
"""Decisions that are read at a time: each brings its draft along."""
_MOST_JOURNALS: Final = 32
"""Jobs whose drafts are remembered: decisions about one task stand near each other."""
_UNREADABLE: Final = (KeyError, TypeError, ValueError, AttributeError)


@dataclass(slots=True)
class Passed:
    """What was passed by while reading."""

    unreadable: int = 0
    """Decisions of which nothing can be made here."""
    reused: int = 0
    """Decisions for a node that was there before, which judge nothing."""

    @property
    def decisions(self) -> int:
        """All of them."""
        return self.unreadable + self.reused


@dataclass(frozen=True, slots=True)
class _Written:
    """One draft of a job, what it was asked for by, and what wrote it before a person changed it."""

    draft: NodeDraft
    asked: Asked
    author: str


@dataclass(slots=True)
class _Journals:
    """The drafts of the jobs that were read last."""

    store: DecisionReader
    kept: OrderedDict[int, Mapping[int, _Written]] = field(default_factory=OrderedDict)

    async def drafts_of(self, job: int, until: str) -> Mapping[int, _Written]:
        """A job's drafts by number, with the one of this review."""
        known = self.kept.get(job)
        if known is None or review_number(until) not in known:
            self.kept[job] = known = drafts_in(await self.store.journal(job))
        self.kept.move_to_end(job)
        if len(self.kept) > _MOST_JOURNALS:
            self.kept.popitem(last=False)
        return known


async def reviewed_drafts(
    store: DecisionReader,
    *,
    after: DecisionKey | None = None,
    session_id: str = "",
    job: int = 0,
    unreviewed: bool = False,
    passed: Passed | None = None,
) -> AsyncGenerator[ReviewedDraft]:
    """Every decision about a draft in the order in which they were made.

    Args:
        after: only those that follow this one.
        session_id: only those about tasks that came in with this session; empty for all.
        job: only those about this job's drafts; 0 for all.
        unreviewed: with what rules approved and no person looked at.
        passed: told of what is passed by.

    Raises:
        StoreError: the database cannot be read.
    """
    journals = _Journals(store)
    while page := await store.decided_reviews(after, PAGE, session_id, job=job, unreviewed=unreviewed):
        for review in page:
            after = review.key
            drafts = {} if review.routine else await journals.drafts_of(review.key.job, review.key.review)
            try:
                reviewed = _reviewed(review, drafts)
            except _UNREADABLE:
                if passed is not None:
                    passed.unreadable += 1
                continue
            if reviewed.kind is not DecisionKind.REUSE:
                yield reviewed
            elif passed is not None:
                passed.reused += 1


def _reviewed(review: DecidedReview, drafts: Mapping[int, _Written]) -> ReviewedDraft:
    """One decision. Raises KeyError, TypeError, ValueError, AttributeError."""
    key, decision = review.key, Decision.from_json_value(review.decision)
    if review.subject is None and decision.by != UNREVIEWED:
        raise ValueError("nothing tells what was decided about")
    number = review_number(key.review)
    written = drafts.get(number)
    draft = written.draft if review.subject is None and written else NodeDraft.from_json_value(review.subject["draft"])
    if not all(isinstance(each, str) for each in (draft.code, draft.title, draft.author, draft.node_id)):
        raise TypeError("a plug-in may ask about anything")
    if written is not None and written.draft.code != draft.code:
        written = None
    return ReviewedDraft(
        job=key.job,
        task_id=review.task_id,
        task=dict(review.task),
        number=number or int(review.subject["attempt"]),
        code=draft.code,
        kind=decision.kind,
        decided_by=decision.by or review.decided_by,
        decided_at=key.decided_at,
        session_id=review.session_id,
        model=written.author if written else "" if draft.author.startswith(_EDITED) else draft.author,
        reason=decision.reason,
        edited_code=decision.code if decision.kind is DecisionKind.EDIT else "",
        title=draft.title,
        draft=draft,
        asked=written.asked if written else None,
        review=key.review,
    )


def review_number(review: str) -> int:
    """The number of a draft of the author's, by its review's name; 0 where it has none."""
    name, _, number = review.rpartition(" ")
    return int(number) if name == "review" and number.isdecimal() and len(number) < 10 else 0


_EDITED: Final = "edited by "


def drafts_in(journal: Mapping[str, Any]) -> Mapping[int, _Written]:
    """The author's drafts in a job's journal by number, as far as it can be read: what it did, once more."""
    answers: dict[str, Any] = {}
    drafts: dict[int, _Written] = {}
    feedback: tuple[str, ...] = ()
    asked, author = Asked(answers), ""
    draft: NodeDraft | None = None
    try:
        for name in ("details", "languages"):
            if name in journal and (said := Answer.from_json_value(journal[name])).action is AnswerAction.ACCEPT:
                answers |= said.content
        for number in range(1, len(journal) + 1):
            if f"write {number}" in journal:
                draft = NodeDraft.from_json_value(journal[f"write {number}"])
                author = draft.author
            if draft is None:
                break
            drafts[number] = _Written(draft, asked, author)
            decided = journal.get(f"review {number}")
            if decided is None:
                if f"write {number + 1}" not in journal:
                    break
                failure = complaint(Tryout.from_json_value(journal[f"try {number}"]))
                asked = Asked(answers, feedback, draft.code, failure)
                continue
            decision = Decision.from_json_value(decided)
            if decision.kind is DecisionKind.EDIT:
                editor = f"{_EDITED}{decision.by}"
                draft = replace(draft, code=decision.code, author=editor, tokens=None, addressed=(), spent=None)
            elif decision.kind in (DecisionKind.REJECT, DecisionKind.RESPOND):
                feedback += (decision.reason,)
                asked = Asked(answers, feedback, draft.code)
    except _UNREADABLE:
        pass
    return drafts
