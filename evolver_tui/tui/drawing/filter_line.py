"""The line a search is typed into."""

from __future__ import annotations

from collections.abc import Callable

from textual.events import Key
from textual.widgets import Input

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.text_keys import act_in_turn


class FilterLine(Input):
    """Tells of every change; enter goes back to the list and keeps the search."""

    DEFAULT_CSS = """
    FilterLine {
        dock: bottom; height: 1; border: none; padding: 0 1;
        background: $panel; color: $foreground;
        &:focus { border: none; background: $panel; }
    }
    """

    def __init__(
        self, text: str, placeholder: str, on_text: Callable[[str], None], on_leave: Callable[[], None]
    ) -> None:
        super().__init__(text, placeholder=placeholder, compact=True, select_on_focus=False)
        self._tell_text = on_text
        self._tell_leave = on_leave

    async def _on_key(self, event: Key) -> None:
        await act_in_turn(self, event)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search for what stands here."""
        event.stop()
        safe = safe_text(event.value)
        if safe != event.value:
            self.value = safe  # comes back here
        else:
            self._tell_text(safe)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Back to the list."""
        event.stop()
        self._tell_leave()
