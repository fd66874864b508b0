"""The card of a draft to decide about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evolver_tui.core.node import CheckReport, Finding, FindingLevel, Risk
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.formatting import count, duration
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.styles import Line, Symbols
from evolver_tui.tui.screens.desk.card import CardContent, Review, ReviewIdentity
from evolver_tui.tui.screens.desk.panes.card_facts import CardFacts, mark_sentences, task_page
from evolver_tui.tui.screens.desk.panes.checks_page import (
    LEVEL_STYLES,
    RISK_STYLES,
    checks_page,
    in_order,
    level_symbol,
)
from evolver_tui.tui.screens.desk.panes.run_page import run_page, tryout_phrase


def draft_content(facts: CardFacts, review: Review, symbols: Symbols) -> CardContent:
    """The code, what came of running it, the task and what the checks say."""
    draft = review.draft
    code = CodeDocument(draft.code)
    findings = in_order(review.report)
    pages = (
        Page("Code", code, notes=_line_notes(findings)),
        run_page(facts, review, symbols),
        Page("Task", task_page(facts)),
        checks_page(review, symbols),
    )
    subtitles = tuple(_subtitles(review, code.line_count, symbols))
    return CardContent(
        identity=ReviewIdentity(
            review.question_id, draft.sha256, review.subject.replaced_sha256, review.subject.edited_sha256
        ),
        title=f"{safe_text(draft.node_id, 64)}  v{review.subject.version}",
        subtitle="".join(text for text, _ in subtitles[0]),
        pages=pages,
        summary=(
            tryout_phrase(review, symbols),
            *_edited_phrase(review, symbols),
            *(_finding_phrase(finding, symbols) for finding in findings if finding.level is not FindingLevel.PASS),
            *_mark_phrases(facts, symbols),
            *(_finding_phrase(finding, symbols) for finding in findings if finding.level is FindingLevel.PASS),
        ),
        job=facts.detail.row.job,
        review=review,
        subtitle_forms=subtitles,
    )


def _subtitles(review: Review, lines: int, symbols: Symbols) -> Iterator[Line]:
    """The card's edge, from all that it may say to what has to be there: the last reason of the risk goes last."""
    draft, subject, report = review.draft, review.subject, review.report
    size, cost, history = [count(lines, "line")], list[str](), list[str]()
    if draft.seconds >= 0.05:
        cost.append(f"written in {duration(draft.seconds)}")
    if draft.tokens is not None:
        cost.append(count(draft.tokens, "token"))
    if subject.attempt > 1:
        history.append(f"draft {subject.attempt}")
    if draft.author.startswith("edited by"):
        history.append(safe_text(draft.author, 60))
    if subject.replaces is not None:
        edited = ", changed by hand" if subject.edited_sha256 else ""
        history.append(f"replaces v{subject.replaces.version}{edited}")

    # A low risk is no news: it has the border's own colour.
    style = "" if report.risk is Risk.LOW else RISK_STYLES[report.risk]

    def edge(reasons: int, *parts: str) -> Line:
        dot = f" {symbols.dot} "
        return [(_risk_words(report, reasons), style), (dot + dot.join(parts), "")]

    every = len(report.risk_reasons)
    yield edge(every, *size, *cost, *history)
    yield edge(every, *size, *history)
    for reasons in range(every, 0, -1):
        yield edge(reasons, *history or size)


def _risk_words(report: CheckReport, shown: int) -> str:
    """The risk with its first reasons, and how many more there are."""
    reasons = [safe_text(reason, 60) for reason in report.risk_reasons]
    if not reasons:
        return f"risk {report.risk.value}"
    more = f" +{len(reasons) - shown}" if shown < len(reasons) else ""
    return f"risk {report.risk.value}: {', '.join(reasons[:shown])}{more}"


def _line_notes(findings: Sequence[Finding]) -> dict[int, str]:
    notes: dict[int, str] = {}
    for finding in findings:
        if finding.line and finding.level is not FindingLevel.PASS:
            notes.setdefault(finding.line, LEVEL_STYLES[finding.level])
    return notes


def _finding_phrase(finding: Finding, symbols: Symbols) -> Line:
    place = f"line {finding.line}: " if finding.line else ""
    text = f"{place}{safe_text(finding.message, 200)}"
    return [(f"{level_symbol(finding.level, symbols)} ", LEVEL_STYLES[finding.level]), (text, "text")]


def _mark_phrases(facts: CardFacts, symbols: Symbols) -> Iterator[Line]:
    """What rules put on its job, the latest first."""
    for sentence in reversed(mark_sentences(facts.detail)):
        yield [(f"{symbols.failed} ", "warn"), (sentence, "warn")]


def _edited_phrase(review: Review, symbols: Symbols) -> Sequence[Line]:
    """That somebody mended by hand what this draft would replace."""
    if not review.subject.edited_sha256:
        return ()
    words = "the main.py that it replaces was changed by hand; that copy is kept"
    return ([(f"{symbols.failed} ", "warn"), (words, "warn")],)
