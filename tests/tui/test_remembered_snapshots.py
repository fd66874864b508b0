"""How it looks to have an answer remembered, and the list of what is."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from evolver_tui.core.answer_rule import AnswerRule, AnswerRuleRecord, AnswerScope, Breadth, RuleDecision
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion, Question
from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.all_actions import ACTIONS
from evolver_tui.tui.modals import Modal, RememberedModal, RememberModal
from tests.support.modal_host import SMALL, WIDE, Host, show

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or os.environ.get("NO_COLOR") is not None,
    reason="pictures are drawn on Python 3.11 with colours, so that they differ for no other reason",
)

NOW = 1_763_737_200.0
DAY = 86_400.0
MESSAGE = "The task does not say which languages to translate between."
FORM = {"properties": {"languages": {"type": "string"}, "tone": {"type": "string"}}}
ANSWER = Answer(AnswerAction.ACCEPT, {"languages": "de to en", "tone": "formal"})
ASKED = OpenQuestion(9, 9, "task-9", "Release Notes", "translate", Question("details", MESSAGE, FORM), NOW)


def record(number: int, breadth: Breadth, decided: int = 0, **more: Any) -> AnswerRuleRecord:
    scope = AnswerScope(breadth, "a", "f", "", "translate", more.pop("session", "here"), MESSAGE)
    return AnswerRuleRecord(AnswerRule(number, scope, ANSWER, "ada", NOW - 9 * DAY, **more), decided, number % 2)


RECORDS = (
    record(12, Breadth.TASK_TYPE, 41, expires_at=NOW + 21.5 * DAY),
    record(11, Breadth.SESSION, 3, expires_at=NOW + DAY),
    record(7, Breadth.SESSION, 2, session="there"),
    record(4, Breadth.FIELD, 1_204),
    record(2, Breadth.ALWAYS, 9, expires_at=NOW - DAY),
    record(1, Breadth.ALWAYS, revoked_at=NOW - DAY, revoked_by="bob"),
)
DECISIONS = [RuleDecision(number, f"task-{number}", NOW, False) for number in (77, 76, 61)]
WAITING = {Breadth.SESSION: 4, Breadth.TASK_TYPE: 3, Breadth.ALWAYS: 4, Breadth.FIELD: 12}


def nothing(record: AnswerRuleRecord) -> None:
    """Nobody listens."""


def remember(host: Host) -> RememberModal:
    return RememberModal(ASKED, ANSWER, "", WAITING, Breadth.TASK_TYPE, now=host.clock)


def listing(host: Host) -> RememberedModal:
    return RememberedModal(
        Keymap(ACTIONS), nothing, nothing, nothing, RECORDS, "here", now=host.clock, wall_now=lambda: NOW
    )


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["120x40", "80x24"])
@pytest.mark.parametrize("make", [remember, listing], ids=["remember", "list"])
def test_remembered_answers(snap_compare: Any, make: Callable[[Host], Modal[Any]], size: tuple[int, int]) -> None:
    host = Host()

    async def steps(pilot: Pilot[None]) -> None:
        modal = make(host)
        await show(pilot, host, modal)
        if isinstance(modal, RememberedModal):
            modal.show_decisions(12, DECISIONS)
        await pilot.pause()

    opened: Callable[[Pilot[None]], Awaitable[None]] = steps
    assert snap_compare(host, terminal_size=size, run_before=opened)
