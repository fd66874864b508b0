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
from evolver_tui.core.question import OpenQuestion, Question, QuestionKind
from evolver_tui.core.signal import Signal
from evolver_tui.tui.actions import ACTIONS
from evolver_tui.tui.modals import (
    ConfirmModal,
    ConnectModal,
    HelpModal,
    InboxModal,
    Modal,
    QuestionModal,
    ReasonModal,
    SignalModal,
)
from evolver_tui.tui.modals.inbox_list import Waiting
from evolver_tui.tui.palette import open_palette
from tests.support.modal_host import Host, show, stay

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

Make = Callable[[Host], Modal[Any]]


@pytest.fixture(autouse=True)
def _greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def inbox(host: Host) -> InboxModal:
    return InboxModal(ACTIONS, lambda row: None, lambda: None, 2, now=host.clock, wall_now=lambda: 260.0)


DIALOGS: dict[str, Make | None] = {
    "question": lambda host: QuestionModal(ASKED, 1, 3, now=host.clock, wall_time=125.0),
    "reason": lambda host: ReasonModal("Why is summarize sent back?", now=host.clock),
    "confirm": lambda host: ConfirmModal("Cancel task-9?", "Translate\n\nThe task ends.", "cancel it", now=host.clock),
    "connect": lambda host: ConnectModal([Address("http://localhost:5000/taskhub")], now=host.clock),
    "help": lambda host: HelpModal(ACTIONS, now=host.clock),
    "signal": lambda host: SignalModal(ACTIONS, SIGNAL, stay, now=host.clock),
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
        if isinstance(modal, InboxModal):
            modal.show([Waiting.of(ASKED), Waiting.of(REVIEW)], 2)
            await pilot.pause()

    return steps


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("make", DIALOGS.values(), ids=DIALOGS)
def test_dialog_in_every_theme(snap_compare: Any, make: Make | None, theme: str) -> None:
    host = Host(theme)
    assert snap_compare(host, terminal_size=SIZE, run_before=opening(host, make))
