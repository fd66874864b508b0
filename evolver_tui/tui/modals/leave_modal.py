"""The leave modal: what becomes of code that was changed and not handed in."""

from __future__ import annotations

import time
from enum import Enum
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Key
from textual.widgets import Static

from evolver_tui.tui.decision_keys import SECONDS_TO_CONFIRM, Role
from evolver_tui.tui.modals.inputs import ChoiceRow, Chooser
from evolver_tui.tui.modals.modal import Clock, Modal


class Leaving(Enum):
    """What a person wants with what they wrote."""

    KEEP = "keep"
    """Leave, and find it here again."""
    DROP = "drop"
    """Leave, without it."""


_LETTERS: Final = "kld"
_CHOICES: Final = (None, Leaving.KEEP, Leaving.DROP)
_LABELS: Final = ("keep editing", "leave and keep it", "drop it")


class LeaveModal(Modal[Leaving]):
    """Ends with what becomes of the text, or None where the person goes on editing. Enter takes what is chosen."""

    DEFAULT_CSS = """
    LeaveModal ChoiceRow {
        margin: 1 0 0 0;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(letter, f"answer({index})", show=False, priority=True) for index, letter in enumerate(_LETTERS)
    ]

    def __init__(self, name: str, meaning: str, *, now: Clock = time.monotonic) -> None:
        """Args:
        name: the node's.
        meaning: what becomes of text that is kept, as a sentence.
        now: counts the time until keys are taken.
        """
        super().__init__(f"Leave the editor of {name}?", now=now)
        self._meaning = meaning
        self._row = ChoiceRow(tuple(zip(_LETTERS, _LABELS, strict=True)), 0, clearable=False)

    def compose_body(self) -> ComposeResult:
        """What was changed, and the three ways."""
        yield Static(Content(f"What you changed is not handed in. {self._meaning}"))
        yield self._row

    def key_line(self) -> str:
        """The keys and the way back."""
        return "k or esc keep editing · l leave and keep it · d drop it"

    def role_of(self, event: Key) -> Role:
        """To drop it is a decision; the rest is none."""
        return Role.DECIDES if event.key == _LETTERS[-1] else super().role_of(event)

    def means(self, key: str, character: str | None) -> bool:
        """The other letters decide nothing."""
        return key in _LETTERS or super().means(key, character)

    def action_answer(self, index: int) -> None:
        """One of the three, by its letter."""
        self._answer(index, _LETTERS[index])

    def action_submit(self) -> None:
        """Take what is chosen."""
        self._answer(self._row.chosen[0], "enter")

    def _answer(self, index: int, key: str) -> None:
        if _CHOICES[index] is Leaving.DROP:
            self.finish(Leaving.DROP, key, SECONDS_TO_CONFIRM)
        elif self.is_armed:
            self.finish_now(_CHOICES[index])

    @on(Chooser.Changed)
    def _chosen(self) -> None:
        """Say what enter would do."""
        self.show_keys(f"enter {_LABELS[self._row.chosen[0]]} · esc keep editing")
