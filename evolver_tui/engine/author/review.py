"""What a person decides about: a draft, what the checks say of it, and what it would take the place of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from evolver_tui.core.node import CheckReport, NodeDraft, NodeRecord
from evolver_tui.core.question import OpenQuestion
from evolver_tui.engine.author.library import Library

UNREVIEWED = "unreviewed"
"""Who decided, and the tag, where a rule approved and no person looked."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """The current version of a node, as far as somebody who replaces it has to know it."""

    version: int
    sha256: str
    task_id: str
    decided_by: str

    @classmethod
    def of(cls, record: NodeRecord | None) -> Replaced | None:
        """What is replaced where this record is current; None for nothing."""
        if record is None:
            return None
        return cls(record.version, record.sha256, record.task_id, record.decided_by)

    @property
    def was_read(self) -> bool:
        """Whether a person approved it."""
        return self.decided_by != UNREVIEWED

    def to_json_value(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_json_value(cls, value: Mapping[str, Any]) -> Replaced:
        """The inverse of `to_json_value`. Raises KeyError, TypeError, ValueError."""
        return cls(int(value["version"]), str(value["sha256"]), str(value["task_id"]), str(value["decided_by"]))


@dataclass(frozen=True, slots=True)
class ReviewSubject:
    """What lies on the review card."""

    draft: NodeDraft
    report: CheckReport
    version: int
    """The version it would become."""
    attempt: int
    """1 for the first draft, one more for each time it was sent back."""
    replaces: Replaced | None = None
    """The version that it would take the place of; None where it would be the first."""
    library: str = ""
    """Where it would be saved, as `Library.place` says; empty where the routine does not tell."""
    rejects_left: int | None = None
    """How often it may be sent back still; None where the routine does not tell."""

    @classmethod
    def of(cls, question: OpenQuestion) -> ReviewSubject:
        """Read a review question's subject. Raises KeyError, TypeError, ValueError, NodeError."""
        subject = question.question.subject
        replaces, left = subject.get("replaces"), subject.get("rejects_left")
        return cls(
            NodeDraft.from_json_value(subject["draft"]),
            CheckReport.from_json_value(subject["report"]),
            int(subject["version"]),
            int(subject["attempt"]),
            Replaced.from_json_value(replaces) if replaces else None,
            str(subject.get("library", "")),
            int(left) if left is not None else None,
        )

    def to_json_value(self) -> dict[str, Any]:
        """The subject of the question that asks for a review."""
        return {
            "draft": self.draft.to_json_value(),
            "report": self.report.to_json_value(),
            "version": self.version,
            "attempt": self.attempt,
            "replaces": self.replaces.to_json_value() if self.replaces else None,
            "library": self.library,
            "rejects_left": self.rejects_left,
        }

    @property
    def replaced_sha256(self) -> str:
        """The digest of what it would take the place of; empty for nothing."""
        return self.replaces.sha256 if self.replaces else ""

    async def as_of_now(self, library: Library | None, task_id: str) -> ReviewSubject:
        """The same beside what lies in the library at this moment, where that is the one it would be saved in."""
        if library is None or library.place != self.library:
            return self
        return await subject_in(library, self, task_id)


async def subject_in(library: Library, subject: ReviewSubject, task_id: str) -> ReviewSubject:
    """The subject of a draft that would be saved in this library as it is now. Raises NodeError.

    Bytes that lie there already, made for the same task, stay the version that they are and replace nothing.
    """
    replaces = Replaced.of(await asyncio.to_thread(library.latest, subject.draft.node_id))
    version = replaces.version + 1 if replaces else 1
    if replaces and (replaces.sha256, replaces.task_id) == (subject.draft.sha256, task_id):
        version, replaces = replaces.version, None
    return replace(subject, version=version, replaces=replaces, library=library.place)
