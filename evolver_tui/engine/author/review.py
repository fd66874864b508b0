"""What a draft is beside the library as it is at this moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.question_kinds.review import Replaced, ReviewSubject
from evolver_tui.engine.author.library import Library


async def subject_in(library: Library, subject: ReviewSubject, task_id: str) -> ReviewSubject:
    """The subject of a draft that would be saved in this library as it is now. Raises NodeError.

    Bytes that lie there already, made for the same task, stay the version that they are and replace nothing.
    """
    replaces = Replaced.of(await asyncio.to_thread(library.latest, subject.draft.node_id))
    version = replaces.version + 1 if replaces else 1
    if replaces and (replaces.sha256, replaces.task_id) == (subject.draft.sha256, task_id):
        version, replaces = replaces.version, None
    return replace(subject, version=version, replaces=replaces, library=library.place)


async def review_as_of_now(asked: OpenQuestion, library: Library) -> OpenQuestion:
    """The same review, where it would be saved in this library beside what lies there now. Raises NodeError."""
    subject = asked.subject
    if not isinstance(subject, ReviewSubject) or subject.library != library.place:
        return asked
    return replace(asked, subject=await subject_in(library, subject, asked.task_id))
