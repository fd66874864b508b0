"""A text of several lines, to be put into a modal."""

from __future__ import annotations

from typing import Final

from textual.document._document import EditResult
from textual.document._edit import Edit
from textual.events import Key
from textual.widgets import TextArea

from evolver_tui.core.safe_text import safe_block
from evolver_tui.tui.text_keys import act_in_turn

LONGEST_SHOWN: Final = 1_000_000
"""Characters of a text that is drawn; a default that is longer stays whole as long as nobody touches it."""


def safe_lines(text: str) -> str:
    """`safe_block` with tabs, which a text area draws; carriage returns are line ends, as terminals paste them."""
    lines = text[:LONGEST_SHOWN].replace("\r\n", "\n").replace("\r", "\n")
    return "\t".join(safe_block(part, LONGEST_SHOWN) for part in lines.split("\t"))


class TextBlock(TextArea):
    """Several lines of text, in which enter begins another. What is typed and pasted is made safe to draw."""

    DEFAULT_CSS = """
    TextBlock {
        background: $panel;
        color: $foreground;
        padding: 0 1;
        height: auto;
        min-height: 3;
        max-height: 8;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        &:focus, &:ansi, &:ansi:focus {
            background: $panel;
            color: $foreground;
        }
    }
    TextBlock:nocolor {
        text-style: underline;
    }
    """

    holds_text = True
    """Printable keys and what is pasted go into it."""

    def __init__(self, text: str = "") -> None:
        super().__init__(
            safe_lines(text), compact=True, tab_behavior="focus", soft_wrap=True, highlight_cursor_line=False
        )
        self.cursor_blink = False
        self.move_cursor(self.document.end)

    async def _on_key(self, event: Key) -> None:
        await act_in_turn(self, event)

    def edit(self, edit: Edit) -> EditResult:
        """Change the text; what comes in is made safe."""
        edit.text = safe_lines(edit.text)
        return super().edit(edit)
