"""The help modal: every key as it is really bound."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.widgets import Input, Static

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import AnyAction, shown_key
from evolver_tui.tui.decision_keys import Role
from evolver_tui.tui.modals.inputs import TextInput
from evolver_tui.tui.modals.modal import Clock
from evolver_tui.tui.modals.scrolled_modal import ScrolledModal

_KEY_WIDTH, _TITLE_WIDTH = 15, 17
_INDENT = 2 + _KEY_WIDTH + _TITLE_WIDTH

_DIALOG_KEYS = (
    ("enter", "take", "Answer, send or connect."),
    ("esc", "out", "Leave a dialog; nothing is decided."),
    ("tab shift+tab", "fields", "Go through the fields of a form."),
    ("1-9 up down", "choose", "Choose from a list; space switches, backspace clears."),
    ("y n", "yes or no", "Answer where both are offered."),
)
"""Keys, title and help of what works in every dialog and cannot be bound otherwise."""


class HelpModal(ScrolledModal):
    """Lists actions by section; what is typed filters them."""

    DEFAULT_CSS = """
    HelpModal > #window {
        width: 96;
        height: 90%;
    }
    HelpModal #list {
        height: 1fr;
        margin: 1 0 0 0;
        scrollbar-gutter: stable;
    }
    """

    def __init__(self, actions: Sequence[AnyAction], *, now: Clock = time.monotonic) -> None:
        """Args:
        actions: what can be done, with the keys that are bound to it.
        now: counts the time until keys are taken.
        """
        super().__init__("Keys", now=now)
        self._rows = _rows(actions)
        self._text = Static(markup=False)

    def compose_body(self) -> ComposeResult:
        """The filter and the list."""
        yield TextInput(placeholder="type to filter")
        with VerticalScroll(id="list", can_focus=False):
            yield self._text

    @on(Input.Changed)
    def _filter(self) -> None:
        self._show()
        self.query_one("#list", VerticalScroll).scroll_home(animate=False)

    def on_resize(self) -> None:
        """Wrap to the width there is."""
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        width = self.query_one("#list", VerticalScroll).scrollable_content_region.width
        self._text.update(_listing(self._rows, self.query_one(TextInput).value, width))

    def role_of(self, event: Key) -> Role:
        """Nothing is decided here: enter closes."""
        return Role.MOVES if event.key == "enter" else super().role_of(event)


_Row = tuple[str, str, str, str]
"""Section, keys, title and help."""


def _rows(actions: Sequence[AnyAction]) -> list[_Row]:
    rows = [
        (action.section, " ".join(shown_key(key) for key in action.keys), action.title, action.help)
        for action in actions
    ]
    rows += [("In dialogs", *row) for row in _DIALOG_KEYS]
    return [(safe_text(group), safe_text(keys), safe_text(title), safe_text(text)) for group, keys, title, text in rows]


def _listing(rows: Sequence[_Row], wanted: str, width: int) -> Content:
    words = wanted.lower().split()
    shown = [row for row in rows if all(word in " ".join(row).lower() for word in words)]
    if not shown:
        return Content.styled(f'No key does anything like "{safe_text(wanted, 40)}".', "$dim")
    groups = dict.fromkeys(group for group, *_ in shown)
    return Content("\n\n").join(
        Content("\n").join(
            [Content.styled(group, "bold $primary"), *(_line(row, width) for row in shown if row[0] == group)]
        )
        for group in groups
    )


def _line(row: _Row, width: int) -> Content:
    _, keys, title, text = row
    wrapped = textwrap.wrap(text, max(20, width - _INDENT)) or [""]
    return Content.assemble(
        (f"  {keys:<{_KEY_WIDTH - 1}} ", "$key"),
        (f"{title:<{_TITLE_WIDTH - 1}} ", "bold"),
        (("\n" + " " * _INDENT).join(wrapped), "$dim"),
    )
