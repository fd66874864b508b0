"""Running the draft on the card on an input that a person gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.reasons import in_session

if TYPE_CHECKING:
    from evolver_tui.core.node_run import NodeRun
    from evolver_tui.engine.node_runs import LiveTerms
    from evolver_tui.tui.modals import TryChoice
    from evolver_tui.tui.screens.desk.card import Review
    from evolver_tui.tui.screens.desk.context import DeskContext

_TYPED = "input"
"""Under which name of a form the input is kept that was left for later."""


def _reason(desk: DeskContext) -> str:
    review = desk.content.review
    if review is None:
        return "There is no draft to run on the card."
    if desk.session.manual_runs.is_running(review.question_id):
        return "This draft is being run at this moment; the Run tab shows what comes of it."
    return review.reason_against_running


async def _try(desk: DeskContext) -> None:
    """Ask for an input, and run the draft on it beside everything else."""
    review = desk.content.review
    if review is None:
        return
    terms = desk.session.runs.live_terms(review.report.tools)
    choice = await _choose(desk, review, terms)
    if choice is not None and (not choice.is_live or await _agrees(desk, review, terms)):
        await _run(desk, review, choice)


async def _choose(desk: DeskContext, review: Review, terms: LiveTerms) -> TryChoice | None:
    from evolver_tui.tui.modals import TryModal

    question = review.question
    editor = desk.settings.editor

    async def edit(text: str) -> str:
        assert editor is not None
        return await desk.edit(editor(), text, "input.json")

    typed = desk.questions.typed.get(question.id, {}).get(_TYPED)
    modal = TryModal(
        review.draft.node_id, typed if typed is not None else _first_input(desk, review), live=_words(terms),
        reason_against_live=terms.problem, edit=edit if editor is not None else None, now=desk.settings.monotonic,
    )  # fmt: skip
    choice = await desk.questions.show_about(question, modal)
    desk.questions.keep_typed(question.id, {_TYPED: modal.typed})
    return choice


def _first_input(desk: DeskContext, review: Review) -> str:
    """The input that a person most likely wants to look at: one that failed, else the first one."""
    from evolver_tui.core.node_input import LARGEST_INPUT
    from evolver_tui.tui.drawing.json_lines import json_lines

    tryout = review.subject.tryout
    runs: tuple[NodeRun, ...] = (*tryout.failed, *tryout.runs) if tryout is not None else ()
    inputs = [run.input for run in runs] or list(review.draft.sample_inputs) or [{}]
    return "\n".join(json_lines(inputs[0], LARGEST_INPUT))


def _words(terms: LiveTerms) -> str:
    """What a live run does, and what it may cost."""
    tools, model = safe_text(", ".join(terms.tools), 500), safe_text(terms.model, 200)
    cost = (
        ""
        if not model
        else (
            f" {model} writes up to {terms.tokens:,} tokens each time; tokens cost money, how much is not known to this"
            " program."
        )
    )
    return f"Its tools are called in earnest, at most {terms.calls:,} times: {tools}.{cost}"


async def _agrees(desk: DeskContext, review: Review, terms: LiveTerms) -> bool:
    """Whether tools may be called in earnest, which is asked once in a session."""
    if not desk.has_agreed_to_live_runs:
        from evolver_tui.tui.modals import ConfirmModal

        body = f"{_words(terms)}\n\nThis is asked once; the next live run begins without it."
        modal = ConfirmModal("run", f"{review.draft.node_id} live", body, now=desk.settings.monotonic)
        desk.has_agreed_to_live_runs = await desk.questions.show_about(review.question, modal) is True
    return desk.has_agreed_to_live_runs


async def _run(desk: DeskContext, review: Review, choice: TryChoice) -> None:
    question, runs = review.question, desk.session.manual_runs
    with desk.receipts.under_way(question.job, question.task_id, "runs by hand"):
        desk.show_receipts()
        desk.refresh_card()  # which reads that it runs, once this waits
        try:
            run = await runs.run(question, choice.input, is_live=choice.is_live)
        finally:
            desk.refresh_card()
    if not desk.questions.is_settled(question.id):
        words = "ran by hand" if run.succeeded else "failed by hand"
        desk.acknowledge(question.job, question.task_id, words, is_final=True)
        desk.card.show_runs(question.id)


TRY = Action(
    "review.try", "t", "try", "Try the draft on an input of yours, dry or live.", "Review", _try, in_session(_reason),
    panes=("card",), footer=14,
)  # fmt: skip
