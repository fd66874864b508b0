"""Answers that are given again by themselves: offering it, having one remembered, and the list of them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from evolver_tui.core.errors import EvolverError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.desk.actions.reasons import in_database

if TYPE_CHECKING:
    from evolver_tui.core.answer_rule import AnswerRuleRecord
    from evolver_tui.core.question import OpenQuestion
    from evolver_tui.engine.answer_rules import MadeRule, Offer
    from evolver_tui.tui.modals import RememberedModal
    from evolver_tui.tui.modals.remember_modal import RememberChoice
    from evolver_tui.tui.screens.desk.context import DeskContext

_LATEST = 10
"""Jobs of a rule that the list names."""


async def offer(desk: DeskContext, question: OpenQuestion, said: str = "") -> None:
    """After an answer: say that it may be remembered, if it was given often enough; once for each question's words.

    Args:
        said: what was said of the answer and is to be read as well.
    """
    from evolver_tui.core.answer_rule import digest_of

    found = await desk.session.answer_rules.offer(question)
    if found is None:
        return
    desk.offer = found
    asked = digest_of(found.breadth, found.question.question.message, found.answer.content)
    if asked not in desk.offers_told:
        desk.offers_told.add(asked)
        key = desk.keymap.bound(REMEMBER)
        way = f"{key.shown_key} remembers it" if key.key else "the palette can remember it"
        desk.say(f"{said} You gave this answer {found.times:,} times: {way}.".lstrip())


async def _remember(desk: DeskContext) -> None:
    """Have the answer remembered that was offered last; where none is, list what is remembered."""
    found, desk.offer = desk.offer, None
    if found is None:
        await _list(desk)
    else:
        await _ask(desk, found)


async def _ask(desk: DeskContext, found: Offer) -> None:
    from evolver_tui.tui.modals import RememberModal

    rules = desk.session.answer_rules
    detail = await desk.session.store.job(found.question.job)
    modal = RememberModal(
        found.question, found.answer, detail.routine if detail is not None else "", await rules.waiting(found.question),
        found.breadth, now=desk.settings.monotonic,
    )  # fmt: skip
    made: list[MadeRule] = []

    async def save(choice: RememberChoice) -> None:
        asked = await desk.session.store.open_question_of(desk.content.job)  # that a rule answers it now is no news
        with desk.questions.settling(asked.id) if asked is not None else contextlib.nullcontext():
            made.append(await rules.make(found.question, found.answer, choice.breadth, choice.days))

    modal.save = save
    await desk.ask(modal)
    if not made:
        return
    for asked in made[0].answered:
        desk.acknowledge(asked.job, asked.task_id, "answered, going on")
    desk.refresh_queue()
    desk.refresh_card()
    _tell(desk, made[0])


def _tell(desk: DeskContext, made: MadeRule) -> None:
    words = f"It is {made.rule.name}. {made.what_waited}".rstrip()
    desk.say(words, "warning" if made.problem else "information")


# --- the list


async def _list(desk: DeskContext) -> None:
    """Show what is remembered, until a person leaves it."""
    from evolver_tui.tui.modals import RememberedModal

    settings = desk.settings
    records = await desk.session.answer_rules.records()
    modal = RememberedModal(
        desk.keymap,
        lambda record: desk.start(_revoke(desk, modal, record), "remembered.revoke"),
        lambda record: desk.start(_undo(desk, modal, record), "remembered.undo"),
        lambda record: desk.start(_look(desk, modal, record), "remembered.look"),
        records, desk.session.id, plain=settings.plain, now=settings.monotonic, wall_now=settings.now,
    )  # fmt: skip
    desk.show(modal)


async def _refill(desk: DeskContext, modal: RememberedModal) -> None:
    records = await desk.session.answer_rules.records()
    if modal.is_mounted:
        modal.show(records)


async def _look(desk: DeskContext, modal: RememberedModal, record: AnswerRuleRecord) -> None:
    if record.decided:
        decisions = await desk.session.answer_rules.decisions(record.rule, _LATEST)
        modal.show_decisions(record.rule.id, decisions)


async def _revoke(desk: DeskContext, modal: RememberedModal, record: AnswerRuleRecord) -> None:
    """Let one answer nothing more, after a confirmation."""
    from evolver_tui.tui.modals import ConfirmModal

    rule = record.rule
    if rule.revoked_at is not None:
        desk.say(f"It was revoked by {safe_text(rule.revoked_by, 60)}.")
        return
    body = "It answers nothing more. What it answered stays, and can be taken back one by one."
    if await desk.ask(ConfirmModal("revoke", rule.name, body, now=desk.settings.monotonic)):
        await desk.session.answer_rules.revoke(rule.id)
        desk.say(f"{rule.name[:1].upper()}{rule.name[1:]} is revoked.")
        await _refill(desk, modal)


async def _undo(desk: DeskContext, modal: RememberedModal, record: AnswerRuleRecord) -> None:
    """Take back what one answered last: its question waits for a person, and no rule answers it again."""
    from evolver_tui.engine.undo import words_of

    made = await desk.session.answer_rules.last_decision(record.rule)
    if made is None:
        desk.say("There is nothing that it answered and that could be taken back.")
        return
    undone = await desk.session.inbox.undo(made)
    desk.refresh_queue()
    desk.refresh_card()
    desk.say(words_of(undone))
    with contextlib.suppress(EvolverError):
        await _refill(desk, modal)


REMEMBER = Action(
    "question.remember", "B", "remember",
    "Remember the answer that you gave three times, or list what is remembered.", "Review", _remember, in_database(),
)  # fmt: skip
REMEMBERED = Action(
    "question.remembered", "", "remembered answers",
    "Remembered answers: what each decided; one can be revoked.", "Review", _list, in_database(),
)  # fmt: skip
