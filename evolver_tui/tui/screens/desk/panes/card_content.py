"""What lies on the card: one job's facts as titled pages, made without touching the screen."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

from evolver_tui.core.decision import is_reuse
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.journal import RESULT
from evolver_tui.core.node import NodeDraft, NodeVersion
from evolver_tui.core.question import Unreadable
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.core.times import age
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.styles import Symbols
from evolver_tui.tui.drawing.text_page import TextPage
from evolver_tui.tui.question_kinds import view_of
from evolver_tui.tui.screens.desk.card import CardContent, JobIdentity
from evolver_tui.tui.screens.desk.job_monitor import ModelRetry
from evolver_tui.tui.screens.desk.panes.card_facts import CardFacts, mark_sentences, task_page

if TYPE_CHECKING:
    from evolver_tui.engine.author.writer import LiveDraft


_SILENCE_SECONDS = 10.0
"""A model that sent nothing for so long is called silent."""


def content_of(facts: CardFacts, now: float, symbols: Symbols) -> CardContent:
    """The card of a job, whatever its state."""
    question = facts.question
    if question is None:
        return _plain(facts, symbols, list(_state_paragraphs(facts, now)), now)
    if isinstance(question.subject, Unreadable):
        return _plain(facts, symbols, [(safe_text(question.subject.problem), "error")], now)
    return view_of(question.question.kind).card(facts, question, now, symbols)


def with_ages(content: CardContent, facts: CardFacts, now: float, symbols: Symbols) -> CardContent:
    """`content`, made of these facts, as it reads by now; itself where nothing reads differently."""
    asked = facts.question
    if asked is None:
        state = Page("State", TextPage(tuple(_state_paragraphs(facts, now))))
        pages = tuple(state if page.title == state.title else page for page in content.pages)
        is_running = facts.detail.row.state is JobState.RUNNING
        aged = content._replace(
            pages=pages, subtitle=_running_words(facts, now, symbols) if is_running else content.subtitle
        )
    elif isinstance(asked.subject, Unreadable):
        return content
    else:
        aged = view_of(asked.question.kind).with_age(content, facts, asked, now, symbols)
    is_same = (aged.pages, aged.subtitle, aged.edge) == (content.pages, content.subtitle, content.edge)
    return content if is_same else aged


def live_words(live: LiveDraft, since: float, now: float, failed: int, lines: int, symbols: Symbols) -> str:
    """How far a model's answer has come: a line under the card's title.

    Args:
        since: when the job began to run, in seconds since 1970.
        failed: how often the model failed at it.
        lines: of code.
    """
    parts = [f"attempt {failed + 1}"] if failed else []
    if lines:
        parts.append(count(lines, "line"))
    elif live.heard_at is None and not live.pieces:
        parts.append("waiting for the first word")
    elif live.pieces:
        parts.append("answering")
    else:
        parts += ["thinking", count(live.thinking, "character")]
    parts.append(age(now - since))
    if live.heard_at is not None and now - live.heard_at >= _SILENCE_SECONDS:
        parts.append(f"silent for {age(now - live.heard_at)}")
    return f" {symbols.dot} ".join(parts)


def _running_words(facts: CardFacts, now: float, symbols: Symbols) -> str:
    if facts.live is None:
        return facts.detail.row.state.value
    failed = facts.retry.failed if facts.retry is not None else 0
    return live_words(facts.live, facts.detail.row.since, now, failed, 0, symbols)


def _plain(facts: CardFacts, symbols: Symbols, paragraphs: Sequence[tuple[str, str]], now: float) -> CardContent:
    row = facts.detail.row
    draft = _latest_draft(facts.journal)
    state = Page("State", TextPage(tuple(paragraphs)))
    pages = [state, Page("Task", task_page(facts))]
    subtitle = row.outcome.value if row.outcome else row.state.value
    if row.state is JobState.RUNNING:
        subtitle = _running_words(facts, now, symbols)
    if draft is not None and row.state.is_over:
        code = Page("Code", CodeDocument(draft.code))
        pages = [code, *pages] if row.outcome is Outcome.APPROVED else [*pages, code]
        subtitle += f" {symbols.dot} {count(len(draft.code.splitlines()), 'line')}"
    return CardContent(
        identity=JobIdentity(row.job, row.state, facts.detail.attempt),
        title=f"{safe_text(row.task_id, 64)}  {safe_text(row.task_name, 200)}",
        subtitle=subtitle,
        pages=tuple(pages),
        job=row.job,
        is_failed=row.state is JobState.FAILED,
    )


def _state_paragraphs(facts: CardFacts, now: float) -> Iterator[tuple[str, str]]:
    """Where it stands, and what rules put on it."""
    yield from _standing_paragraphs(facts, now)
    sentences = mark_sentences(facts.detail)
    if sentences:
        yield "", "text"
        yield from ((sentence, "warn") for sentence in sentences)


def _standing_paragraphs(facts: CardFacts, now: float) -> Iterator[tuple[str, str]]:
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
            if detail.owner.host:
                yield f"It has run on {safe_text(detail.owner.host, 100)} for {ago}.", "dim"
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
                if is_reuse(facts.journal):
                    yield f"{saved} is used for it since {ago}; its own draft was not saved.", "text"
                else:
                    yield f"Approved {ago} ago and saved as version {saved.version}.", "text"
                yield safe_text(os.path.join(facts.nodes_folder, saved.node_id, "main.py")), "strong"
                yield f"evolver-tui run {saved.node_id}{safe_text(facts.run_options)} < input.json", "dim"
            for copy in facts.kept:
                yield "", "text"
                yield f"The main.py of version {copy.version} had been changed by hand. That copy is kept:", "warn"
                yield safe_text(copy.path, 1_000), "strong"
                yield safe_text(copy.way_back, 2_000), "dim"
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


def _retry_paragraphs(retry: ModelRetry, now: float) -> Iterator[tuple[str, str]]:
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
