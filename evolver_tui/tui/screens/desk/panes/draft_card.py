"""The card of a draft to decide about."""

from __future__ import annotations

from collections.abc import Sequence

from evolver_tui.core.node import Finding, FindingLevel, Risk
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.formatting import count, duration
from evolver_tui.tui.drawing.page import CardContent, Page, ReviewIdentity, TextPage
from evolver_tui.tui.drawing.review import Review
from evolver_tui.tui.drawing.styles import Line, Marks, Piece
from evolver_tui.tui.screens.desk.panes.card_facts import CardFacts, task_page

_LEVELS = (FindingLevel.FAIL, FindingLevel.NOTE, FindingLevel.PASS)
"""The order of findings on every card: what forbids, what is worth a look, what is fine."""


def draft_content(facts: CardFacts, review: Review, marks: Marks) -> CardContent:
    """The code, the task and what the checks say."""
    draft, report = review.draft, review.report
    code = CodeDocument(draft.code)
    findings = sorted(report.findings, key=lambda finding: (_LEVELS.index(finding.level), finding.line))
    pages = (
        Page("Code", code, notes=_line_notes(findings)),
        Page("Task", task_page(facts)),
        Page("Checks", _checks_page(review, findings, marks), tally=_tally(findings, marks)),
    )
    parts = [f"risk {report.risk.value}", count(code.line_count, "line")]
    if draft.seconds >= 0.05:
        parts.append(f"written in {duration(draft.seconds)}")
    if draft.tokens is not None:
        parts.append(count(draft.tokens, "token"))
    if review.subject.attempt > 1:
        parts.append(f"draft {review.subject.attempt}")
    if draft.author.startswith("edited by"):
        parts.append(safe_text(draft.author, 60))
    if review.subject.replaces is not None:
        parts.append(f"replaces v{review.subject.replaces.version}")
    return CardContent(
        identity=ReviewIdentity(review.question_id, draft.sha256, review.subject.replaced_sha256),
        title=f"{safe_text(draft.node_id, 64)}  v{review.subject.version}",
        subtitle=f" {marks.dot} ".join(parts),
        pages=pages,
        summary=tuple(_finding_phrase(finding, marks) for finding in findings),
        job=facts.detail.row.job,
        review=review,
    )


def _line_notes(findings: Sequence[Finding]) -> dict[int, str]:
    notes: dict[int, str] = {}
    for finding in findings:
        if finding.line and finding.level is not FindingLevel.PASS:
            notes.setdefault(finding.line, _INK[finding.level])
    return notes


_INK = {FindingLevel.PASS: "ok", FindingLevel.NOTE: "warn", FindingLevel.FAIL: "error"}


def _level_mark(level: FindingLevel, marks: Marks) -> str:
    if level is FindingLevel.PASS:
        return marks.approved
    return marks.failed if level is FindingLevel.NOTE else marks.rejected


def _tally(findings: Sequence[Finding], marks: Marks) -> Line:
    pieces: list[Piece] = []
    for level in reversed(_LEVELS):
        number = sum(finding.level is level for finding in findings)
        if number:
            pieces.append((f" {_level_mark(level, marks)}{number}", _INK[level]))
    return pieces


def _finding_phrase(finding: Finding, marks: Marks) -> Line:
    place = f"line {finding.line}: " if finding.line else ""
    text = f"{place}{safe_text(finding.message, 200)}"
    return [(f"{_level_mark(finding.level, marks)} ", _INK[finding.level]), (text, "text")]


def _checks_page(review: Review, findings: Sequence[Finding], marks: Marks) -> TextPage:
    report, draft = review.report, review.draft
    paragraphs: list[tuple[str, str]] = []
    for finding in findings:
        mark, place = _level_mark(finding.level, marks), f"line {finding.line}: " if finding.line else ""
        ink = "text" if finding.level is FindingLevel.PASS else _INK[finding.level]
        paragraphs.append((f"{mark} {place}{safe_text(finding.message, 500)}", ink))
    risk_ink = {Risk.LOW: "ok", Risk.MEDIUM: "warn", Risk.HIGH: "error"}[report.risk]
    paragraphs += [
        ("", "text"),
        (f"risk       {report.risk.value}", risk_ink),
        (f"can reach  {safe_text(', '.join(report.capabilities) or 'nothing that the reading found')}", "text"),
        (f"calls      {safe_text(', '.join(report.tools) or 'no tools')}", "text"),
        (f"says       {safe_text(', '.join(draft.tools_used) or 'no tools')}", "dim"),
        (f"written by {safe_text(draft.author, 100)}", "text"),
        (f"sha256     {draft.sha256}", "dim"),
    ]
    replaces = review.subject.replaces
    if replaces is not None:
        made_for, by = safe_text(replaces.task_id, 100), safe_text(replaces.decided_by, 100)
        decided = f"approved by {by}" if replaces.was_read else "saved unreviewed"
        paragraphs.append((f"replaces   v{replaces.version}, made for {made_for}, {decided}", "warn"))
    return TextPage(tuple(paragraphs))
