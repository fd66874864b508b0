"""The name modal: a draft of high risk is approved by typing its node's name."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.tui.modals.inputs import TextInput
from evolver_tui.tui.modals.modal import Clock, Modal


class NameModal(Modal[str | None]):
    """Ends with the name, once it was typed exactly; or None when the person thought better of it."""

    DEFAULT_CSS = """
    NameModal #reasons {
        max-height: 40vh;
        margin: 1 0;
    }
    NameModal #unread {
        margin: 1 0 0 0;
    }
    NameModal TextInput {
        margin: 1 0;
    }
    """

    def __init__(
        self, name: str, reasons: Sequence[tuple[str, str]], unread: str = "", *, now: Clock = time.monotonic
    ) -> None:
        """Args:
        name: the node's.
        reasons: what makes its risk high, each with the lines where that stands.
        unread: what of it was not on the screen; empty where all of it was.
        now: counts the time until keys are taken.
        """
        super().__init__(f"Approve {name}?", now=now)
        self._name = name
        self._reasons = reasons
        self._unread = safe_block(unread)
        self._input = TextInput(placeholder="the node's name")
        self._problem = Static(classes="problem", markup=False)

    def compose_body(self) -> ComposeResult:
        """Why it is not one key, and the line."""
        yield Static(Content.assemble(("Its risk is high.", "bold $mark-error"), " Approved, it"))
        with VerticalScroll(id="reasons", can_focus=False):
            yield Static(Content("\n").join(self._rows()))
            if self._unread:
                yield Static(Content(self._unread), id="unread")
        yield Static(Content.assemble("Type ", (safe_text(self._name, 100), "bold"), " to approve it."))
        yield self._input
        yield self._problem

    def _rows(self) -> Sequence[Content]:
        sign = "!" if self.is_plain else "•"
        mark = (f"  {sign} ", "$mark-error")
        return [
            Content.assemble(mark, safe_text(reason, 100), (f"  {safe_text(lines, 60)}", "$dim"))
            for reason, lines in self._reasons
        ]

    def key_line(self) -> str:
        """What ends it."""
        return "enter approve · esc go back"

    def action_submit(self) -> None:
        """Take the name, and nothing else."""
        typed = self._input.value
        if typed == self._name:
            self.finish(typed)
        elif self.is_armed:
            said = f"{safe_text(typed, 40)!r} is not its name" if typed else "Nothing was typed"
            self._problem.update(Content(f"{said}: nothing was approved."))
            self._problem.add_class("-shown")

    @on(Input.Changed)
    def _typed(self) -> None:
        self._problem.remove_class("-shown")
