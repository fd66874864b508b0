"""The card of a question with a form."""

from __future__ import annotations

from collections.abc import Iterator

from evolver_tui.core.errors import QuestionError
from evolver_tui.core.form import read_form
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.core.times import age
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.styles import Symbols
from evolver_tui.tui.drawing.text_page import TextPage
from evolver_tui.tui.screens.desk.card import CardContent, QuestionIdentity
from evolver_tui.tui.screens.desk.panes.card_facts import CardFacts, mark_sentences, task_page


def question_page(facts: CardFacts, asked: OpenQuestion, now: float, symbols: Symbols) -> Page:
    """What is asked, in full, and for how long its job has waited by now."""
    return Page("Question", TextPage(tuple(_paragraphs(facts, asked, now, symbols))))


def _paragraphs(facts: CardFacts, asked: OpenQuestion, now: float, symbols: Symbols) -> Iterator[tuple[str, str]]:
    for line in safe_block(asked.question.message).split("\n"):
        yield line, "strong"
    yield "", "text"
    try:
        for form_field in read_form(asked.question.requested_schema):
            needed = " (needed)" if form_field.required else ""
            yield f"{symbols.dot} {safe_text(form_field.title, 200)}{needed}", "text"
            yield from ((f"    {safe_text(choice.title, 200)}", "dim") for choice in form_field.choices[:20])
    except QuestionError as error:
        yield safe_text(error), "error"
    yield "", "text"
    yield f"T{facts.worker[1:]} has waited for {age(now - asked.asked_at)}.", "dim"
    yield from ((sentence, "warn") for sentence in mark_sentences(facts.detail))


def question_content(facts: CardFacts, asked: OpenQuestion, now: float, symbols: Symbols) -> CardContent:
    """The question and the task."""
    return CardContent(
        identity=QuestionIdentity(asked.id),
        title=f"{safe_text(asked.task_id, 64)} asks",
        subtitle="enter answers",
        pages=(question_page(facts, asked, now, symbols), Page("Task", task_page(facts))),
        job=facts.detail.row.job,
    )
