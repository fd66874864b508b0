"""The card of a draft to decide about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from evolver_tui.core.code_folds import Fold, folds_of
from evolver_tui.core.likeness import duplicate_forms
from evolver_tui.core.node import CheckReport, Finding, FindingLevel, Risk
from evolver_tui.core.review_evidence import Beside, EvidenceLevel, evidence_of, waited
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.checks import harmless_names
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.folded_code import FoldedCode
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.styles import Symbols
from evolver_tui.tui.screens.desk.card import DIFF_PAGE, WAIT_PART, CardContent, EdgePart, Review, ReviewIdentity
from evolver_tui.tui.screens.desk.panes.card_facts import CardFacts, mark_sentences, task_page
from evolver_tui.tui.screens.desk.panes.checks_page import LEVEL_STYLES, RISK_STYLES, checks_page, in_order
from evolver_tui.tui.screens.desk.panes.diff_page import Compared, diff_documents, opens_with_diff
from evolver_tui.tui.screens.desk.panes.evidence_phrases import evidence_phrases
from evolver_tui.tui.screens.desk.panes.hint_words import hint_words
from evolver_tui.tui.screens.desk.panes.run_page import run_page


def draft_content(facts: CardFacts, review: Review, now: float, symbols: Symbols) -> CardContent:
    """The code, what came of running it, the task and what the checks say."""
    draft, hints = review.draft, facts.hints
    diffs = diff_documents(facts.compared, review, symbols, facts.compare_key)
    pages = (
        code_page(facts, review, symbols),
        *((Page(DIFF_PAGE, diffs[0]),) if diffs else ()),
        run_page(facts, review, symbols),
        Page("Task", task_page(facts)),
        checks_page(review, symbols, hints),
    )
    past = hint_words(hints, symbols)
    duplicate = duplicate_forms(review.subject.like, draft.sha256, facts.reuse_key)
    beside = Beside(review.question.asked_at, mark_sentences(facts.detail), duplicate, past)
    evidence = evidence_of(review.subject, now, beside)
    edge = tuple(_edge(review, facts.compared, past, now))
    return CardContent(
        identity=ReviewIdentity(
            review.question_id, draft.sha256, review.subject.replaced_sha256, review.subject.edited_sha256
        ),
        title=f"{safe_text(draft.node_id, 64)}  v{review.subject.version}",
        subtitle=f" {symbols.dot} ".join(part.says for part in edge),
        pages=pages,
        summary=evidence_phrases(evidence, symbols),
        weighty=sum(piece.level in (EvidenceLevel.AGAINST, EvidenceLevel.LOOK) for piece in evidence),
        job=facts.detail.row.job,
        review=review,
        edge=edge,
        diffs=diffs,
        front=int(opens_with_diff(facts.compared)),
    )


def code_page(facts: CardFacts, review: Review, symbols: Symbols) -> Page:
    """The draft, whole and with what can be passed over folded."""
    code = CodeDocument(review.draft.code)
    unlike = facts.hints.unlike if facts.hints else frozenset[int]()
    folds = _folds(review.draft.code, review.report, unlike)
    folded = FoldedCode(code, folds, symbols.gap) if folds else None
    return Page("Code", code, notes=_line_notes(in_order(review.report)), unlike=unlike, folded=folded)


@lru_cache(maxsize=16)  # asked for again whenever the card is read
def _folds(code: str, report: CheckReport, unlike: frozenset[int]) -> tuple[Fold, ...]:
    return folds_of(code, report, harmless_names.MODULES, unlike)


def with_wait(content: CardContent, now: float) -> CardContent:
    """The card as its edge reads by now: for how long a person was waited for."""
    if content.review is None:
        return content
    parts = [part for part in content.edge if part.name != WAIT_PART]
    return content._replace(edge=(*parts, *_wait(content.review, now)))


def _edge(review: Review, compared: Sequence[Compared], past: Sequence[str], now: float) -> Iterator[EdgePart]:
    """What has to be in sight whatever page is in front."""
    report, subject = review.report, review.subject
    # A low risk is no news: it has the border's own colour.
    yield EdgePart("risk", f"risk {report.risk.value}", 9, "" if report.risk is Risk.LOW else RISK_STYLES[report.risk])
    if subject.attempt > 1:
        yield EdgePart("attempt", f"draft {subject.attempt}", 6)
    if compared:
        yield EdgePart("change", compared[0].figures, 7)
    if review.draft.author.startswith("edited by"):
        yield EdgePart("author", safe_text(review.draft.author, 40), 5)
    for weight, words in zip((3, 2), past, strict=False):
        yield EdgePart("past", words, weight)
    yield from _wait(review, now)


def _wait(review: Review, now: float) -> Iterator[EdgePart]:
    if words := waited(review.question.asked_at, now):
        yield EdgePart(WAIT_PART, words, 4)


def _line_notes(findings: Sequence[Finding]) -> dict[int, str]:
    notes: dict[int, str] = {}
    for finding in findings:
        if finding.line and finding.level is not FindingLevel.PASS:
            notes.setdefault(finding.line, LEVEL_STYLES[finding.level])
    return notes
