"""The page about the checks: what they found and what that means, the risk with its reasons, the capabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from evolver_tui.core.check_codes import MEANINGS, phrase_of
from evolver_tui.core.node import CheckReport, Finding, FindingLevel, Risk
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.styles import Fragment, Line, Symbols, fill, width_of
from evolver_tui.tui.drawing.text_page import Entry, TextPage
from evolver_tui.tui.screens.desk.card import Review
from evolver_tui.tui.screens.desk.panes.card_facts import ReviewHints
from evolver_tui.tui.screens.desk.panes.hint_words import estimate_sentences, unlike_sentence

LEVEL_STYLES = {FindingLevel.PASS: "ok", FindingLevel.NOTE: "warn", FindingLevel.FAIL: "error"}
RISK_STYLES = {Risk.LOW: "ok", Risk.MEDIUM: "warn", Risk.HIGH: "error"}

_LEVELS = (FindingLevel.FAIL, FindingLevel.NOTE, FindingLevel.PASS)
_LONGEST_CODE = 16
_FACT_WIDTH = 10

_Paragraph = tuple[str, str] | Entry


def in_order(report: CheckReport) -> Sequence[Finding]:
    """The findings as every card has them: what forbids, what is worth a look, what is fine; each by line."""
    return sorted(report.findings, key=lambda finding: (_LEVELS.index(finding.level), finding.line))


def level_symbol(level: FindingLevel, symbols: Symbols) -> str:
    """What stands before a finding of this level."""
    if level is FindingLevel.PASS:
        return symbols.approved
    return symbols.failed if level is FindingLevel.NOTE else symbols.rejected


def checks_page(review: Review, symbols: Symbols, hints: ReviewHints | None = None) -> Page:
    """The page, with how many findings there are of each level beside its title; hints stand at its end."""
    findings = in_order(review.report)
    paragraphs = (*_finding_paragraphs(findings, symbols), *_fact_paragraphs(review), *_hint_paragraphs(hints, symbols))
    return Page("Checks", TextPage(paragraphs), tally=_tally(findings, symbols))


def _tally(findings: Sequence[Finding], symbols: Symbols) -> Line:
    fragments: list[Fragment] = []
    for level in reversed(_LEVELS):
        number = sum(finding.level is level for finding in findings)
        if number:
            fragments.append((f" {level_symbol(level, symbols)}{number}", LEVEL_STYLES[level]))
    return fragments


def _finding_paragraphs(findings: Sequence[Finding], symbols: Symbols) -> Iterator[_Paragraph]:
    """Level by level; within one, what has the same reason code stands together, with its meaning once."""
    places = max((width_of(_place(finding)) for finding in findings), default=0)
    codes = max((width_of(_code(finding)) for finding in findings), default=0)
    for level, of_level in groupby(findings, key=lambda finding: finding.level):
        by_code: dict[str, list[Finding]] = {}
        for finding in of_level:
            by_code.setdefault(finding.check, []).append(finding)
        style = LEVEL_STYLES[level]
        is_fine = level is FindingLevel.PASS
        for code, of_code in by_code.items():
            for finding in of_code:
                columns = (
                    (f"{level_symbol(level, symbols)} ", style),
                    (f"{fill(_place(finding), places)}{'  ' if places else ''}", "text"),
                    (f"{fill(_code(finding), codes)}  ", "dim" if is_fine else style),
                )
                yield Entry(columns, safe_text(finding.message, 500), "dim" if is_fine else "text")
            if not is_fine and code in MEANINGS:
                blank = " " * sum(width_of(text) for text, _ in columns)
                yield Entry(((blank, "text"),), MEANINGS[code], "dim")
        yield "", "text"


def _place(finding: Finding) -> str:
    return f"line {finding.line}" if finding.line else ""


def _code(finding: Finding) -> str:
    return safe_text(finding.check, _LONGEST_CODE)


def _fact_paragraphs(review: Review) -> Iterator[_Paragraph]:
    report, draft, replaces = review.report, review.draft, review.subject.replaces
    reasons = safe_text(", ".join(report.risk_reasons), 500)
    yield _fact("risk", f"{report.risk.value}{': ' if reasons else ''}{reasons}", RISK_STYLES[report.risk])
    if review.subject.is_approved_by_name:
        yield _fact("", "Only a person approves it, by typing the node's name.", "dim")
    yield from _reach(report)
    yield _fact("calls", safe_text(", ".join(report.tools) or "no tools"))
    yield _fact("says", safe_text(", ".join(draft.tools_used) or "no tools"), "dim")
    yield _fact("author", safe_text(draft.author, 100))
    yield _fact("sha256", draft.sha256, "dim")
    if replaces is not None:
        made_for, by = safe_text(replaces.task_id, 100), safe_text(replaces.decided_by, 100)
        decided = f"approved by {by}" if replaces.was_read else "saved unreviewed"
        yield _fact("replaces", f"v{replaces.version}, made for {made_for}, {decided}", "warn")
        if replaces.edited_sha256:
            words = "its main.py was changed by hand since it was saved; an approval keeps that copy in versions/"
            yield _fact("", words, "warn")


def _reach(report: CheckReport) -> Iterator[Entry]:
    """The capability list, each with what it means that a node has it."""
    if not report.capabilities:
        yield _fact("can reach", "nothing that the reading found")
        return
    ids = [safe_text(each, _LONGEST_CODE) for each in report.capabilities]
    width = max(map(width_of, ids))
    for index, (capability, shown) in enumerate(zip(report.capabilities, ids, strict=True)):
        style = RISK_STYLES[report.risk] if capability in report.risky else "text"
        columns = ((fill("can reach" if index == 0 else "", _FACT_WIDTH), "dim"), (f"{fill(shown, width)}  ", style))
        yield Entry(columns, safe_text(phrase_of(capability), 200), "text")


def _hint_paragraphs(hints: ReviewHints | None, symbols: Symbols) -> Iterator[Entry]:
    if hints is not None and hints.told is not None:
        for index, sentence in enumerate(estimate_sentences(hints.told)):
            yield _fact("" if index else "estimate", sentence, "dim" if index else "text")
    if hints is not None and hints.unlike:
        yield _fact(f"unlike {symbols.unlike}", unlike_sentence(hints.unlike), "dim")


def _fact(label: str, text: str, style: str = "text") -> Entry:
    return Entry(((fill(label, _FACT_WIDTH), "dim"),), text, style)
