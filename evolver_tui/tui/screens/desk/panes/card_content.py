"""What lies on the card: one job's facts as titled pages, made without touching the screen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from evolver_tui.core.errors import EvolverError, QuestionError
from evolver_tui.core.job import JobDetail, JobState, Outcome
from evolver_tui.core.node import CheckReport, Finding, FindingLevel, NodeDraft, NodeVersion, Risk
from evolver_tui.core.question import OpenQuestion, QuestionKind, read_form
from evolver_tui.core.safe_text import LIMIT, safe_block, safe_text
from evolver_tui.core.times import age
from evolver_tui.engine.author.review import ReviewSubject
from evolver_tui.engine.durable.routine import RESULT
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.formatting import count, duration
from evolver_tui.tui.drawing.page import CardContent, Page, TextPage
from evolver_tui.tui.drawing.styles import Line, Marks, Piece
from evolver_tui.tui.screens.desk.job_monitor import Retry

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
    subject: ReviewSubject | None = None
    """What a review is about as of now; None takes it as it was when it was asked for."""
    retry: Retry | None = None
    """That the model is being asked again."""
    knows_routine: bool = True
    """Whether a worker of this console can go on with it."""

    @property
    def worker(self) -> str:
        """Who works on the job."""
        routine = self.detail.routine
        return f"the routine {safe_text(routine, 100)}" if routine else "the author"


def content_of(facts: CardFacts, now: float, marks: Marks) -> CardContent:
    """The card of a job, whatever its state."""
    question = facts.question
    if question is not None and question.question.kind is QuestionKind.REVIEW:
        try:
            review = Review(question, facts.subject or ReviewSubject.of(question))
        except (KeyError, TypeError, ValueError, EvolverError) as error:
            return _plain(facts, marks, [(f"This review cannot be shown: {safe_text(error, 200)}.", "error")], now)
        return _review_card(facts, review, marks)
    if question is not None:
        return _question_card(facts, question, now, marks)
    return _plain(facts, marks, list(_state_paragraphs(facts, now)), now)


def with_ages(content: CardContent, facts: CardFacts, now: float, marks: Marks) -> CardContent:
    """`content`, made of these facts, as it reads by now; itself where nothing reads differently."""
    asked = facts.question
    if asked is not None and asked.question.kind is QuestionKind.REVIEW:
        return content
    paragraphs = (
        _question_paragraphs(asked, facts.worker, now, marks) if asked is not None else _state_paragraphs(facts, now)
    )
    current = TextPage(tuple(paragraphs))
    pages = tuple(page._replace(content=current) if page.title in _WITH_AGES else page for page in content.pages)
    return content if pages == content.pages else content._replace(pages=pages)


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
    if review.subject.replaces is not None:
        parts.append(f"replaces v{review.subject.replaces.version}")
    return CardContent(
        identity=("review", review.question_id, draft.sha256, review.subject.replaced_sha256),
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


# --- a question


_WITH_AGES = ("Question", "State")
"""The pages on which something is said to be so and so old."""


def _question_paragraphs(asked: OpenQuestion, worker: str, now: float, marks: Marks) -> Iterator[tuple[str, str]]:
    for line in safe_block(asked.question.message).split("\n"):
        yield line, "strong"
    yield "", "text"
    try:
        for form_field in read_form(asked.question.requested_schema):
            needed = " (needed)" if form_field.required else ""
            yield f"{marks.dot} {safe_text(form_field.title, 200)}{needed}", "text"
            yield from ((f"    {safe_text(choice.title, 200)}", "dim") for choice in form_field.choices[:20])
    except QuestionError as error:
        yield safe_text(error), "error"
    yield "", "text"
    yield f"T{worker[1:]} has waited for {age(now - asked.asked_at)}.", "dim"


def _question_card(facts: CardFacts, asked: OpenQuestion, now: float, marks: Marks) -> CardContent:
    paragraphs = _question_paragraphs(asked, facts.worker, now, marks)
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
            yield f"It goes on as soon as {facts.worker} is free.", "text"
            yield from _unknown_routine(facts)
        case JobState.PENDING:
            yield f"Waits for {facts.worker}.", "text"
            yield from _unknown_routine(facts)
            yield f"{row.priority} priority, here since {ago}.", "dim"
        case JobState.RUNNING:
            yield f"T{facts.worker[1:]} is at work on it.", "text"
            yield from ((f"It has run on {host} for {ago}.", "dim") for host in _hosts(detail.owner))
            if facts.retry is not None:
                yield from _retry_paragraphs(facts.retry, now)
        case JobState.PAUSED:
            yield "Waits for a person.", "text"
        case JobState.FAILED:
            yield from ((text, "error") for text in safe_block(detail.error or "It failed.").split("\n"))
            yield "", "text"
            yield f"Failed {ago} ago, in run {detail.attempt}. It can be retried: see the keys below.", "dim"
        case JobState.COMPLETED if row.outcome is Outcome.APPROVED:
            if (saved := NodeVersion.read(row.node)) is None:
                yield f"Approved {ago} ago and saved as {safe_text(row.node, 100)}.", "text"
            else:
                yield f"Approved {ago} ago and saved as version {saved.version}.", "text"
                yield f"{safe_text(facts.nodes_folder)}{saved.node_id}/main.py", "strong"
                yield f"evolver-tui run {saved.node_id} < input.json", "dim"
        case JobState.COMPLETED if row.outcome is Outcome.REJECTED:
            yield f"Rejected {ago} ago; nothing was saved.", "text"
        case JobState.COMPLETED if row.outcome is Outcome.SKIPPED:
            yield "The hub says that this task was completed already. It is kept and not worked on.", "text"
        case JobState.COMPLETED if row.outcome is Outcome.DONE:
            yield f"Its routine came to its end {ago} ago.", "text"
            if (result := facts.journal.get(RESULT)) is not None:
                yield "", "text"
                yield from ((line, "text") for line in safe_block(_shown(result)).split("\n"))
        case JobState.CANCELLED:
            yield f"Cancelled {ago} ago; nothing more is done for it.", "text"
        case JobState.EXPORTED:
            yield f"Left for another machine {ago} ago, and goes on where it is imported.", "text"
            yield f"bundle {safe_text(detail.bundle, 100)}", "dim"
        case JobState.COMPLETED:
            yield "Progress only, as the config asks.", "text"


def _unknown_routine(facts: CardFacts) -> Iterator[tuple[str, str]]:
    if not facts.knows_routine:
        yield (
            "This console does not know that routine: it goes on where one does. See [routines] in the config.",
            "warn",
        )


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _retry_paragraphs(retry: Retry, now: float) -> Iterator[tuple[str, str]]:
    """That the model failed, why, and when it is asked again."""
    following = retry.failed + 1
    yield "", "text"
    yield f"Attempt {retry.failed} failed: {retry.error}", "warn"
    if retry.is_under_way:
        yield f"Attempt {following} is under way.", "text"
    else:
        yield f"Attempt {following} comes in {age(ceil(retry.due_at - now))}.", "text"


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
