"""What lies on the card: one job's facts as titled pages, made without touching the screen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evolver_tui.core.errors import EvolverError, QuestionError
from evolver_tui.core.job import JobDetail, JobState, Outcome
from evolver_tui.core.node import CheckReport, Finding, FindingLevel, NodeDraft, Risk
from evolver_tui.core.question import OpenQuestion, QuestionKind, read_form
from evolver_tui.core.safe_text import LIMIT, safe_block, safe_text
from evolver_tui.core.times import age
from evolver_tui.engine.session import ReviewSubject
from evolver_tui.tui.panes.code_view import CodeDocument
from evolver_tui.tui.panes.ink import Line, Marks, Piece
from evolver_tui.tui.panes.page import CardContent, Page, TextPage
from evolver_tui.tui.panes.words import count, duration

_LEVELS = (FindingLevel.FAIL, FindingLevel.NOTE, FindingLevel.PASS)
"""The order of findings on every card: what forbids, what is worth a look, what is fine."""


@dataclass(frozen=True, slots=True)
class Review:
    """A draft that waits for a decision, and the question whose answer that is."""

    question: OpenQuestion
    subject: ReviewSubject

    @property
    def question_id(self) -> int:
        """The question's number."""
        return self.question.id

    @property
    def draft(self) -> NodeDraft:
        """The draft."""
        return self.subject.draft

    @property
    def report(self) -> CheckReport:
        """What the checks say about it."""
        return self.subject.report

    @property
    def reason_against_approval(self) -> str:
        """Why it cannot be approved; empty when it can."""
        if not self.report.can_be_approved:
            return "A check forbids to approve this draft. Edit it, or reject it with a reason."
        if any(len(line) > LIMIT for line in self.draft.code.split("\n")):
            return "A line of this draft is longer than the card shows. Reject it, or edit it."
        return ""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What was read about the selected job."""

    detail: JobDetail
    question: OpenQuestion | None
    journal: Mapping[str, Any]
    nodes_folder: str = ""


def content_of(facts: CardFacts, now: float, marks: Marks) -> CardContent:
    """The card of a job, whatever its state."""
    question = facts.question
    if question is not None and question.question.kind is QuestionKind.REVIEW:
        try:
            review = Review(question, ReviewSubject.of(question))
        except (KeyError, TypeError, ValueError, EvolverError) as error:
            return _plain(facts, marks, [(f"This review cannot be shown: {safe_text(error, 200)}.", "error")], now)
        return _review_card(facts, review, marks)
    if question is not None:
        return _question_card(facts, question, now, marks)
    return _plain(facts, marks, list(_state_paragraphs(facts, now)), now)


# --- a draft to decide about


def _review_card(facts: CardFacts, review: Review, marks: Marks) -> CardContent:
    draft, report = review.draft, review.report
    code = CodeDocument(draft.code)
    findings = sorted(report.findings, key=lambda finding: (_LEVELS.index(finding.level), finding.line))
    pages = (
        Page("Code", code, notes=_line_notes(findings)),
        Page("Task", _task_page(facts)),
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
    return CardContent(
        identity=("review", review.question_id, draft.sha256),
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
        (f"can reach  {safe_text(', '.join(report.capabilities) or 'nothing beyond its input')}", "text"),
        (f"calls      {safe_text(', '.join(report.tools) or 'no tools')}", "text"),
        (f"says       {safe_text(', '.join(draft.tools_used) or 'no tools')}", "dim"),
        (f"written by {safe_text(draft.author, 100)}", "text"),
        (f"sha256     {draft.sha256}", "dim"),
    ]
    return TextPage(tuple(paragraphs))


# --- a question


def _question_card(facts: CardFacts, asked: OpenQuestion, now: float, marks: Marks) -> CardContent:
    question = asked.question
    paragraphs = [(line, "strong") for line in safe_block(question.message).split("\n")]
    paragraphs.append(("", "text"))
    try:
        for form_field in read_form(question.requested_schema):
            needed = " (needed)" if form_field.required else ""
            paragraphs.append((f"{marks.dot} {safe_text(form_field.title, 200)}{needed}", "text"))
            paragraphs += [(f"    {safe_text(choice.title, 200)}", "dim") for choice in form_field.choices[:20]]
    except QuestionError as error:
        paragraphs.append((safe_text(error), "error"))
    paragraphs += [("", "text"), (f"The author has waited for {duration(now - asked.asked_at)}.", "dim")]
    return CardContent(
        identity=("question", asked.id),
        title=f"{safe_text(asked.task_id, 64)} asks",
        subtitle="enter answers",
        pages=(Page("Question", TextPage(tuple(paragraphs))), Page("Task", _task_page(facts))),
        job=facts.detail.row.job,
    )


# --- everything else


def _plain(facts: CardFacts, marks: Marks, paragraphs: Sequence[tuple[str, str]], now: float) -> CardContent:
    row = facts.detail.row
    draft = _latest_draft(facts.journal)
    state = Page("State", TextPage(tuple(paragraphs)))
    pages = [state, Page("Task", _task_page(facts))]
    subtitle = row.outcome.value if row.outcome else row.state.value
    if draft is not None and row.state.is_over:
        code = Page("Code", CodeDocument(draft.code))
        pages = [code, *pages] if row.outcome is Outcome.APPROVED else [*pages, code]
        subtitle += f" {marks.dot} {count(len(draft.code.splitlines()), 'line')}"
    return CardContent(
        identity=("job", row.job, row.state, facts.detail.attempt),
        title=f"{safe_text(row.task_id, 64)}  {safe_text(row.task_name, 200)}",
        subtitle=subtitle,
        pages=tuple(pages),
        job=row.job,
        is_failed=row.state is JobState.FAILED,
    )


def _state_paragraphs(facts: CardFacts, now: float) -> Iterator[tuple[str, str]]:
    detail, row = facts.detail, facts.detail.row
    ago = age(now - row.since)
    match row.state:
        case JobState.PENDING if facts.journal:
            yield "It goes on as soon as the author is free.", "text"
        case JobState.PENDING:
            yield "Waits for the author.", "text"
            yield f"{row.priority} priority, here since {ago}.", "dim"
        case JobState.RUNNING:
            yield "The author is at work on it.", "text"
            yield from ((f"It runs on {host}.", "dim") for host in _hosts(detail.owner))
        case JobState.PAUSED:
            yield "Waits for a person.", "text"
        case JobState.FAILED:
            yield from ((text, "error") for text in safe_block(detail.error or "It failed.").split("\n"))
            yield "", "text"
            yield f"Failed {ago} ago, in run {detail.attempt}. It can be retried: see the keys below.", "dim"
        case JobState.COMPLETED if row.outcome is Outcome.APPROVED:
            node_id, _, version = safe_text(row.node, 100).rpartition(" v")
            yield f"Approved {ago} ago and saved as version {version}.", "text"
            yield f"{safe_text(facts.nodes_folder)}{node_id}/main.py", "strong"
            yield f"evolver-tui run {node_id} < input.json", "dim"
        case JobState.COMPLETED if row.outcome is Outcome.REJECTED:
            yield f"Rejected {ago} ago; nothing was saved.", "text"
        case JobState.COMPLETED if row.outcome is Outcome.SKIPPED:
            yield "The hub says that this task was completed already. It is kept and not worked on.", "text"
        case JobState.COMPLETED if row.outcome is Outcome.DONE:
            yield f"Its routine came to its end {ago} ago.", "text"
        case JobState.CANCELLED:
            yield f"Cancelled {ago} ago; nothing more is done for it.", "text"
        case JobState.EXPORTED:
            yield f"Left for another machine {ago} ago, and goes on where it is imported.", "text"
            yield f"bundle {safe_text(detail.bundle, 100)}", "dim"
        case JobState.COMPLETED:
            yield "Kept only, as the config asks.", "text"


def _latest_draft(journal: Mapping[str, Any]) -> NodeDraft | None:
    """The last draft that a journal holds, whichever routine wrote it."""
    for value in reversed(list(journal.values())):
        if isinstance(value, Mapping) and "code" in value and "node_id" in value:
            try:
                return NodeDraft.from_json_value(value)
            except (KeyError, TypeError, ValueError):
                continue
    return None


def _task_page(facts: CardFacts) -> TextPage:
    task = facts.detail.task
    width = min(24, max((len(str(key)) for key in task.raw), default=0))
    paragraphs: list[tuple[str, str]] = []
    for key, value in task.raw.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        first, *rest = safe_block(text).split("\n")
        paragraphs.append((f"{safe_text(key, 100):<{width}}  {first}", "text"))
        paragraphs += [(f"{'':<{width}}  {line}", "text") for line in rest]
    paragraphs.append(("", "text"))
    paragraphs += [(f"{name:<{width}}  {text}", "dim") for name, text in _job_facts(facts.detail)]
    return TextPage(tuple(paragraphs))


def _job_facts(detail: JobDetail) -> Iterator[tuple[str, str]]:
    """What the queue knows about a task beyond what the hub sent."""
    yield "job", f"{detail.row.job}, run {detail.attempt}"
    if detail.pause_reason:
        yield "waits for", safe_text(detail.pause_reason, 200)
    for host in _hosts(detail.owner):
        yield "running on", host
    if detail.routine:
        yield "routine", safe_text(detail.routine, 200)
    if detail.bundle:
        yield "bundle", safe_text(detail.bundle, 100)


def _hosts(owner: str) -> Iterator[str]:
    """The host in `host@namespace:pid:start`; none where nobody works."""
    host = owner.partition(":")[0].partition("@")[0]
    if host:
        yield safe_text(host, 100)
