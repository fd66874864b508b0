"""How each dialog looks in every theme."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList

from evolver_tui.core.address import Address
from evolver_tui.core.edit_verdict import EditVerdict, edit_verdict
from evolver_tui.core.question import OpenQuestion, Question, QuestionKind
from evolver_tui.core.signal import Signal
from evolver_tui.engine.checks.checks import check_draft
from evolver_tui.engine.sandbox import CONSENT, WHAT_UNHELD_MEANS
from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.all_actions import ACTIONS
from evolver_tui.tui.modals import (
    ConfirmModal,
    ConnectModal,
    EditModal,
    HelpModal,
    InboxModal,
    LeaveModal,
    Modal,
    NameModal,
    QuestionModal,
    ReasonModal,
    SignalModal,
    TryModal,
    WordModal,
)
from evolver_tui.tui.modals.inbox_list import InboxRow
from evolver_tui.tui.palette import open_palette
from evolver_tui.tui.screens.desk.actions.questions import ANSWER_OLDEST, DECLINE, INBOX, NEXT
from tests.support.modal_host import SMALL, WIDE, Host, show, stay

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or os.environ.get("NO_COLOR") is not None,
    reason="pictures are drawn on Python 3.11 with colours, so that they differ for no other reason",
)

SIZE = (90, 30)
THEMES = ("evolver-dark", "evolver-light", "hearth", "high-contrast", "paper", "sixteen")

FORM = {
    "type": "object",
    "properties": {
        "languages": {"type": "string", "title": "Languages", "description": "From and to, as de->en."},
        "tone": {"type": "string", "enum": ["formal", "friendly"], "default": "formal"},
        "keep": {"type": "array", "items": {"enum": ["names", "numbers"]}, "default": ["names"]},
        "sure": {"type": "boolean", "title": "Translate headings"},
    },
    "required": ["languages"],
}
ASKED = OpenQuestion(
    1,
    1,
    "task-9",
    "Translate Release Notes",
    "translate",
    Question("details", "Which languages?", FORM),
    0.0,
    "unclear",
)
REVIEW = OpenQuestion(
    2, 2, "task-1", "Summarize", "summarize", Question("review 1", "Well?", kind=QuestionKind.REVIEW), 0.0, ""
)
SIGNAL = Signal(
    "llm.generation_error", {"error": "The model is busy.", "retry_in": 8.0, "usage": {"in": 12}}, {"level": "error"}
)

LIVE = "Its tools are called in earnest, at most 50 times: summarizer (llm)."
INPUT = '{\n  "content": "A long text.",\n  "languages": [1, 2}\n}'

CODE = (
    '"""Fetch a page."""\n\nimport json\nimport socket\nimport sys\n\n\ndef main():  # \u202e \x1b[31m\n'
    "    print(json.dumps(json.load(sys.stdin)))\n\tsocket = None\n\n\nmain(\n"
)

Make = Callable[[Host], Modal[Any]]


@pytest.fixture(autouse=True)
def _greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def leave_as_it_is(text: str) -> str:
    return text


async def check(code: str) -> EditVerdict:
    return edit_verdict(check_draft(code, ()), check_draft("", ()))


async def look_away(text: str) -> None:
    return


def inbox(host: Host) -> InboxModal:
    return InboxModal(
        Keymap(ACTIONS),
        (NEXT, ANSWER_OLDEST, INBOX),
        lambda row: None,
        lambda: None,
        2,
        now=host.clock,
        wall_now=lambda: 260.0,
    )


DIALOGS: dict[str, Make | None] = {
    "question": lambda host: QuestionModal(ASKED, 1, 3, decline=DECLINE, now=host.clock, wall_now=lambda: 125.0),
    "reason": lambda host: ReasonModal("Why is summarize sent back?", now=host.clock),
    "try": lambda host: TryModal("summarize", INPUT, live=LIVE, edit=leave_as_it_is, now=host.clock),
    "confirm": lambda host: ConfirmModal("cancel", "task-9", "Translate\n\nThe task ends.", now=host.clock),
    "word": lambda host: WordModal(
        "Run nodes without a box?", f"None is run.\n\n{WHAT_UNHELD_MEANS}", CONSENT, "run without", now=host.clock
    ),
    "name": lambda host: NameModal(
        "fetch_prices",
        [("writes files", "line 35"), ("reaches the network", "lines 1, 12, 14, 20, 21 +3")],
        now=host.clock,
    ),
    "edit": lambda host: EditModal(
        "main", CODE, check=check, copy=look_away, line=len(CODE.splitlines()), now=host.clock
    ),
    "leave": lambda host: LeaveModal("main", "The same draft opens with it.", now=host.clock),
    "connect": lambda host: ConnectModal([Address("http://localhost:5000/taskhub")], now=host.clock),
    "help": lambda host: HelpModal(ACTIONS, now=host.clock),
    "signal": lambda host: SignalModal(Keymap(ACTIONS), SIGNAL, stay, now=host.clock),
    "inbox": inbox,
    "palette": None,
}


def opening(host: Host, make: Make | None) -> Callable[[Pilot[None]], Awaitable[None]]:
    """Open a dialog and let it be seen."""

    async def steps(pilot: Pilot[None]) -> None:
        if make is None:
            open_palette(host)
            while not any(found.option_count for found in host.screen.query(OptionList)):
                await pilot.pause(0.02)
            return
        modal = make(host)
        await show(pilot, host, modal)
        while isinstance(modal, EditModal) and modal.verdict is None:
            await pilot.pause(0.02)
        if isinstance(modal, InboxModal):
            modal.show([InboxRow.of(ASKED), InboxRow.of(REVIEW)], 2)
            await pilot.pause()

    return steps


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("make", DIALOGS.values(), ids=DIALOGS)
def test_dialog_in_every_theme(snap_compare: Any, make: Make | None, theme: str) -> None:
    host = Host(theme)
    assert snap_compare(host, terminal_size=SIZE, run_before=opening(host, make))


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "narrow"])
def test_the_editor_in_both_sizes(snap_compare: Any, size: tuple[int, int]) -> None:
    host = Host()
    assert snap_compare(host, terminal_size=size, run_before=opening(host, DIALOGS["edit"]))
