"""The try modal: an input on which a draft is run, and whether its tools answer in earnest."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Key
from textual.widgets import Static, TextArea

from evolver_tui.core.errors import EvolverError
from evolver_tui.core.node_input import read_input
from evolver_tui.core.safe_text import safe_json, safe_text
from evolver_tui.tui.decision_keys import Role
from evolver_tui.tui.modals.inputs import ChoiceRow, Chooser
from evolver_tui.tui.modals.modal import Clock, Modal
from evolver_tui.tui.modals.question_modal import SEND_KEY
from evolver_tui.tui.modals.text_block import TextBlock

_DRY, _LIVE = 0, 1
_IF_DRY = "Its tools answer at once with what was asked, labelled dry; nothing leaves this machine."

EditText = Callable[[str], Awaitable[str]]
"""Lets a person edit a text elsewhere; raises EvolverError."""


@dataclass(frozen=True, slots=True)
class TryChoice:
    """On what a draft is run, and how."""

    input: Mapping[str, Any]
    is_live: bool


class TryModal(Modal[TryChoice | None]):
    """Ends with an input that can be read, or None when the person thought better of it."""

    DEFAULT_CSS = """
    TryModal #window {
        width: 90;
    }
    TryModal TextBlock {
        max-height: 60vh;
    }
    TryModal #how, TryModal #means {
        margin: 1 0 0 0;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(SEND_KEY, "send", show=False),
        Binding("ctrl+e", "edit", show=False, priority=True),
    ]

    def __init__(
        self, node_id: str, text: str, *, live: str = "", reason_against_live: str = "", edit: EditText | None = None,
        now: Clock = time.monotonic,
    ) -> None:  # fmt: skip
        """Args:
        node_id: what is run.
        text: the input to begin with.
        live: what a live run does, in a sentence.
        reason_against_live: why it can only be run dry; empty where it can be run live.
        edit: opens the input in the person's editor; None where there is none.
        now: counts the time until keys are taken.
        """
        super().__init__(f"Run {node_id} on an input", now=now)
        self._live, self._reason_against_live, self._edit = safe_text(live), safe_text(reason_against_live), edit
        self._block = TextBlock(_shown(text))
        self._row = ChoiceRow((("d", "dry"), ("l", "live")), _DRY, clearable=False, id="how")
        self._problem, self._means = (
            Static(classes="problem", markup=False),
            Static(id="means", classes="dim", markup=False),
        )

    def compose_body(self) -> ComposeResult:
        """The input, what is wrong with it, and how it is run."""
        yield self._block
        yield self._problem
        if not self._reason_against_live:
            yield self._row
        yield self._means

    def on_mount(self) -> None:
        """Say what is so at first."""
        super().on_mount()
        self._say_problem()
        self._say_meaning()

    @property
    def typed(self) -> str:
        """The input as it stands there."""
        return self._block.text

    def key_line(self) -> str:
        """Run, edit, not."""
        run = f"{'^s' if isinstance(self.focused, TextBlock) else 'enter'} run"
        edit = " · ^e editor" if self._edit is not None else ""
        return f"{run}{edit}{'' if self._reason_against_live else ' · tab dry or live'} · esc go back"

    def role_of(self, event: Key) -> Role:
        """In the input enter begins another line, and another key runs."""
        if event.key == SEND_KEY:
            return Role.ANSWERS
        if event.key == "enter" and isinstance(self.focused, TextBlock):
            return Role.TYPES
        return super().role_of(event)

    def on_descendant_focus(self) -> None:
        """Keys mean something else in the input."""
        self.show_keys(self.key_line())

    @on(TextArea.Changed)
    def _say_problem(self) -> None:
        _, problem = read_input(self.typed)
        self._problem.update(Content(f"! {problem}"))
        self._problem.set_class(bool(problem), "-shown")

    @on(Chooser.Changed)
    def _say_meaning(self) -> None:
        words = self._live if self._is_live else _IF_DRY
        if self._reason_against_live:
            words = f"Dry only. {self._reason_against_live} {_IF_DRY}"
        self._means.update(Content(words))

    @property
    def _is_live(self) -> bool:
        return self._row.chosen == (_LIVE,)

    def action_submit(self) -> None:
        """Run it, from elsewhere than the input."""
        self._send("enter")

    def action_send(self) -> None:
        """Run it."""
        self._send(SEND_KEY)

    def _send(self, key: str) -> None:
        value, problem = read_input(self.typed)
        if value is None:
            self.tell(problem)
        else:
            self.finish(TryChoice(value, self._is_live), key)

    def action_edit(self) -> None:
        """Open the input in the person's editor, and take what they leave."""
        if self._edit is not None and self.is_armed:
            self.run_worker(self._take_from(self._edit), name="edit", exclusive=True)

    async def _take_from(self, edit: EditText) -> None:
        try:
            text = await edit(self.typed)
        except EvolverError as error:
            self.tell(str(error))
            return
        self._block.replace(_shown(text.rstrip("\n")), (0, 0), self._block.document.end)


def _shown(text: str) -> str:
    """A text that says the same and can be drawn; one that is no input is made safe as whatever is typed is."""
    return safe_json(text) if read_input(text)[0] is not None else text
