"""Reviews on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from evolver_tui.cli.jobs.question_kinds.kind_text import COMMAND, KindText, unread_lines
from evolver_tui.core.likeness import duplicate_forms
from evolver_tui.core.node_example import differences
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.review_evidence import Beside, EvidenceLevel, evidence_of
from evolver_tui.core.safe_text import safe_block, safe_text

_SIGNS: Final = {EvidenceLevel.AGAINST: "✗", EvidenceLevel.LOOK: "!", EvidenceLevel.FOR: "✓", EvidenceLevel.FACT: "·"}


class ReviewText(KindText):
    """A draft to decide about."""

    waits = "waits for a review, not for an answer."
    way_out = f"Use `{COMMAND} approve`, `reject`, `respond`, `edit` or `reuse`."

    def lines(self, asked: OpenQuestion, now: float) -> Iterator[str]:
        """The draft, what the checks say of it, and the commands that decide."""
        if not isinstance(asked.subject, ReviewSubject):
            yield from unread_lines(asked)
            return
        yield from _draft_lines(asked.subject, asked.asked_at, now)
        yield f"Decide with: {COMMAND} approve|reject|respond|edit {asked.job}"
        if any(each.node is not None for each in asked.subject.like):
            yield f"Use the node that it is like instead with: {COMMAND} reuse {asked.job}"
        if asked.subject.is_approved_by_name:
            yield "Its risk is high: it is approved by its name, with --name NODE."

    def sha256(self, asked: OpenQuestion) -> str | None:
        """The draft's."""
        return asked.subject.draft.sha256 if isinstance(asked.subject, ReviewSubject) else None


def _draft_lines(subject: ReviewSubject, asked_at: float, now: float) -> Iterator[str]:
    draft, report = subject.draft, subject.report
    yield f"{safe_text(draft.node_id, 100)} v{subject.version}   {safe_text(draft.title, 200)}"
    yield f"sha256 {draft.sha256}"
    yield f"draft {subject.attempt}, written by {safe_text(draft.author, 100)}"
    for piece in evidence_of(subject, now, Beside(asked_at, duplicate=duplicate_forms(subject.like, draft.sha256))):
        yield f"{_SIGNS[piece.level]} {piece.line}"
    for run in subject.tryout.changed if subject.tryout is not None else ():
        for difference in differences(run.expected, run.output, most=3):
            yield f"  {safe_text(run.name, 100)}: {difference}"
    for finding in report.findings:
        place = f"line {finding.line}: " if finding.line else ""
        yield f"  {finding.level.value}: {place}{safe_text(finding.message, 300)}"
    yield from ("", *safe_block(draft.code.rstrip("\n"), 300_000).split("\n"), "")
