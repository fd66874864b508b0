"""What a draft is beside the library as it is at this moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from evolver_tui.core.node import CheckReport, Risk
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.question_kinds.review import Replaced, ReviewSubject
from evolver_tui.engine.author.library import Library
from evolver_tui.engine.checks.checks import check_draft

_RISKS = [*Risk]
"""In their order, the lowest first."""


async def subject_in(library: Library, subject: ReviewSubject, task_id: str) -> ReviewSubject:
    """The subject of a draft that would be saved in this library as it is now. Raises NodeError.

    Bytes that lie there already, made for the same task, stay the version that they are and replace nothing.
    """
    replaces = await asyncio.to_thread(_replaced_in, library, subject.draft.node_id)
    version = replaces.version + 1 if replaces else 1
    if replaces and (replaces.sha256, replaces.task_id) == (subject.draft.sha256, task_id):
        version, replaces = replaces.version, None
    return replace(subject, version=version, replaces=replaces, library=library.place)


def _replaced_in(library: Library, node_id: str) -> Replaced | None:
    replaces = Replaced.of(library.latest(node_id))
    return replaces and replace(replaces, edited_sha256=library.edited_sha256(node_id))


async def review_as_of_now(asked: OpenQuestion, library: Library) -> OpenQuestion:
    """The same review: where it would be saved in this library beside what lies there now, else as it is read here.

    Raises NodeError.
    """
    subject = asked.subject
    if not isinstance(subject, ReviewSubject):
        return asked
    if subject.library == library.place:
        return replace(asked, subject=await subject_in(library, subject, asked.task_id))
    return replace(asked, subject=replace(subject, report=await asyncio.to_thread(_read_here, subject)))


def _read_here(subject: ReviewSubject) -> CheckReport:
    """What was found elsewhere, of no lower risk than is found here: whoever sends a job may say anything of it."""
    report, found = subject.report, check_draft(subject.draft.code, subject.report.tools)
    is_worse = _RISKS.index(found.risk) > _RISKS.index(report.risk)
    return replace(report, risk=found.risk, capabilities=found.capabilities) if is_worse else report
