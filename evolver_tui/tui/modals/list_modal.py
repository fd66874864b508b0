"""The list modal: one of several names."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual.app import ComposeResult

from evolver_tui.tui.modals.inputs import ChoiceList
from evolver_tui.tui.modals.modal import Clock, Modal


class ListModal(Modal[int]):
    """Ends with the index of the chosen one, or with None when the person thought better of it."""

    def __init__(self, title: str, names: Sequence[str], chosen: int = 0, *, now: Clock = time.monotonic) -> None:
        """Args:
        title: what is chosen, one line.
        chosen: the index of the one that is on at first.
        now: counts the time until keys are taken.
        """
        super().__init__(title, now=now)
        self._choices = ChoiceList(names, (chosen,))

    def compose_body(self) -> ComposeResult:
        """The list."""
        yield self._choices

    def key_line(self) -> str:
        """Take it or not."""
        return "enter choose · esc go back"

    def action_submit(self) -> None:
        """Take the chosen one."""
        if self._choices.chosen and self.is_armed:
            self.finish_now(self._choices.chosen[0])
