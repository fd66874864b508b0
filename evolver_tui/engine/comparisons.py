"""What a draft on review is held against: what it was before, and what lies in the library in its place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import NodeError
from evolver_tui.core.node import NodeDraft, NodeVersion
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.engine.author.library import Library
from evolver_tui.engine.readers import JobReader
from evolver_tui.engine.reviewed_drafts import drafts_in, review_number


class Base(StrEnum):
    """What is on the other side."""

    EDITED_DRAFT = "edited draft"
    """What the model wrote and a person edited into this."""
    SENT_BACK = "draft sent back"
    """The draft that a person sent back, with a reason; this one answers it."""
    CHANGED_BY_HAND = "main.py, changed by hand"
    """The main.py in the library that somebody changed since it was saved; this one would take its place."""
    REPLACED = "version replaced"
    """The library's current version, whose place this one would take."""
    LIKE_IT = "node like it"
    """A node of the library, or another draft on review, that is the same or nearly so."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing that a draft is held against."""

    base: Base
    name: str
    """E.g. `draft 1` or `summarize_blog_post v3`. What stands in it may be a stranger's."""
    code: str
    by: str = ""
    """Who sent it back, edited it, or approved it."""
    reason: str = ""
    """Why it was sent back, or how much it is like this one."""
    addressed: Sequence[str] = ()
    """What this draft's author says that it did for that."""
    was_read: bool = False
    """Whether a person approved that code, so that what is the same in this draft was read once."""


async def comparisons_of(asked: OpenQuestion, jobs: JobReader, library: Library | None) -> Sequence[Comparison]:
    """What the draft of a review is held against, what was done last first; empty where there is nothing.

    Args:
        library: where it would be saved; None for none, or for one that is not here.

    Raises:
        StoreError: the database cannot be read.
    """
    subject = asked.subject
    if not isinstance(subject, ReviewSubject):
        return ()
    number = review_number(asked.question.name)
    found = [*earlier_drafts(await jobs.journal(asked.job), number, subject.draft)] if number > 1 else []
    if library is not None and subject.library == library.place:
        found += await asyncio.to_thread(lambda: [*_replaced(subject, library)])
    return [each for each in found if each.code != subject.draft.code]


def earlier_drafts(journal: Mapping[str, Any], number: int, draft: NodeDraft) -> Iterator[Comparison]:
    """What a job's journal has of a draft's past: what a person edited into it, and what was sent back before that.

    Args:
        number: of the review of this draft, from 1.
    """
    drafts = drafts_in(journal)
    edited: Comparison | None = None
    for before in range(number - 1, 0, -1):
        decision = _decision(journal.get(f"review {before}"))
        written = drafts.get(before)
        if decision is None or written is None:
            continue  # it failed when it was run, and nobody was asked
        code = written.draft.code
        if decision.kind is DecisionKind.EDIT:
            edited = Comparison(Base.EDITED_DRAFT, f"draft {before}", code, decision.by)
        elif decision.kind in (DecisionKind.REJECT, DecisionKind.RESPOND):
            if edited is not None:
                yield edited
            name = f"draft {before}"
            yield Comparison(Base.SENT_BACK, name, code, decision.by, decision.reason, draft.addressed)
            return
    if edited is not None:
        yield edited


def _decision(value: object) -> Decision | None:
    if not isinstance(value, Mapping):
        return None
    try:
        return Decision.from_json_value(value)
    except (KeyError, TypeError, ValueError):
        return None


def _replaced(subject: ReviewSubject, library: Library) -> Iterator[Comparison]:
    replaced = subject.replaces
    if replaced is None:
        return
    node_id = subject.draft.node_id
    with contextlib.suppress(NodeError):
        if replaced.edited_sha256 and (code := library.edited_code(node_id)) is not None:
            yield Comparison(Base.CHANGED_BY_HAND, f"{node_id}/main.py", code)
    with contextlib.suppress(NodeError):
        code = library.code(node_id, replaced.version)
        name = str(NodeVersion(node_id, replaced.version))
        yield Comparison(Base.REPLACED, name, code, replaced.decided_by, was_read=replaced.was_read)


async def like_comparisons(subject: ReviewSubject, jobs: JobReader, library: Library) -> Sequence[Comparison]:
    """The programs that a draft is like, to be held against it; what it would replace is among the others.

    Raises:
        StoreError: the database cannot be read.
    """
    found = []
    replaced = subject.replaces.version if subject.replaces else 0
    for like in subject.like:
        words = like.words(subject.draft.sha256)
        if like.node is None:
            job = await jobs.job_of_task(like.task_id)
            asked = await jobs.open_question_of(job) if job is not None else None
            if asked is not None and isinstance(asked.subject, ReviewSubject):
                found.append(Comparison(Base.LIKE_IT, like.name, asked.subject.draft.code, reason=words))
        elif (like.node_id, like.version) != (subject.draft.node_id, replaced):
            with contextlib.suppress(NodeError):
                code = await asyncio.to_thread(library.code, like.node_id, like.version)
                found.append(Comparison(Base.LIKE_IT, like.name, code, reason=words))
    return [each for each in found if each.code != subject.draft.code]
