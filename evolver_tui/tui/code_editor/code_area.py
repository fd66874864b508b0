"""The area in which code is edited."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.document._document import Location, Selection
from textual.document._document_navigator import DocumentNavigator
from textual.document._edit import Edit
from textual.document._wrapped_document import WrappedDocument
from textual.events import Key, Paste
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from evolver_tui.tui.code_editor.code_text import CodeText, reason_against_editing
from evolver_tui.tui.drawing.pane import styles_in
from evolver_tui.tui.key_watch import key_app
from evolver_tui.tui.text_keys import act_in_turn

INDENT = " " * 4
_MOST_FOR_BRACKETS = 50_000
"""Characters of code in which a bracket's partner is looked for."""
_ROWS_ABOVE = 2
"""Rows before the first line that a person is to look at."""
_CHANGES_TO_UNDO = 1_000


class _WrappedCode(WrappedDocument):
    """The same, without counting all its rows for each that is drawn."""

    @property
    def height(self) -> int:
        return len(self._offset_to_line_info)


class _CodeTheme(TextAreaTheme):
    """The style sheet's colours, of which the cursor's line takes the background alone: its code keeps its own."""

    def apply_css(self, text_area: TextArea) -> None:
        super().apply_css(text_area)
        if self.cursor_line_style is not None:
            self.cursor_line_style = Style(bgcolor=self.cursor_line_style.bgcolor)


class CodeArea(TextArea):
    """Python code with line numbers, colours and what an engineer expects of tab, enter and undo."""

    DEFAULT_CSS = """
    CodeArea {
        height: 1fr;
        padding: 0;
        background: $surface;
        color: $foreground;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        scrollbar-background: $surface;
        scrollbar-background-hover: $surface;
        scrollbar-background-active: $surface;
        &:focus, &:ansi, &:ansi:focus {
            background: $surface;
            color: $foreground;
        }
        & .text-area--gutter {
            color: $dim;
        }
        & .text-area--cursor-gutter {
            color: $key;
            background: $surface;
            text-style: bold;
        }
        & .text-area--cursor-line {
            background: $panel;
        }
        & .text-area--matching-bracket {
            background: $panel;
            text-style: bold underline;
        }
    }
    CodeArea:nocolor {
        & .text-area--cursor, & .text-area--selection {
            text-style: reverse;
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+underscore,ctrl+slash,alt+u", "undo", show=False),
        Binding("ctrl+y,alt+e", "redo", show=False),
        Binding("ctrl+home", "go_to_start", show=False),
        Binding("ctrl+end", "go_to_end", show=False),
    ]
    """ctrl+z suspends the console wherever it is pressed."""

    holds_text = True
    """Printable keys and what is pasted go into it."""

    def __init__(self, code: str, line: int = 0) -> None:
        """Args:
        line: where the cursor stands first, counted from 1; 0 is the first one.
        """
        super().__init__(
            tab_behavior="indent", soft_wrap=True, show_line_numbers=True, compact=True,
            max_checkpoints=_CHANGES_TO_UNDO,
        )  # fmt: skip
        self.cursor_blink = False
        self.register_theme(_CodeTheme("code"))
        self.theme = "code"
        self.code = CodeText(code)
        self.document = self.code
        self.wrapped_document = _WrappedCode(self.code, tab_width=self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self._failed_rows: frozenset[int] = frozenset()
        self._first_row = max(0, min(line - 1, self.code.line_count - 1))

    def on_mount(self) -> None:
        """Go to where a person is to look first, once the rows are known."""
        self.move_cursor((self._first_row, 0))
        self.call_after_refresh(self._show_first_row)

    def _show_first_row(self) -> None:
        top = self.wrapped_document.location_to_offset((self._first_row, 0)).y - _ROWS_ABOVE
        self.scroll_to(y=max(0, top), animate=False, force=True, immediate=True)

    def mark_failed(self, lines: Collection[int]) -> None:
        """Mark lines, counted from 1, in which something stands that forbids to approve the code."""
        rows = frozenset(line - 1 for line in lines)
        if rows != self._failed_rows:
            self._failed_rows = rows
            self.notify_style_update()
            self.refresh()

    def go_to_line(self, line: int) -> None:
        """Put the cursor on a line, counted from 1."""
        row = max(0, min(line - 1, self.code.line_count - 1))
        self.move_cursor((row, len(self.code[row]) - len(self.code[row].lstrip())))

    def get_line(self, line_index: int) -> Text:
        """A line with its colours; one in which something fails is underlined."""
        styles = styles_in(self.app)
        line = Text(end="", no_wrap=True)
        for text, style in self.code.fragments(line_index):
            line.append(text, styles[style])
        if line_index in self._failed_rows:
            start = len(line.plain) - len(line.plain.lstrip())
            line.stylize("underline", start)
            line.stylize(styles["error"], start)
        return line

    def find_matching_bracket(self, bracket: str, search_from: Location) -> Location | None:
        """A bracket's partner, where the code is short enough to look for it with every key."""
        if len(self.code.text) > _MOST_FOR_BRACKETS:
            return None
        return super().find_matching_bracket(bracket, search_from)

    # --- keys

    async def _on_key(self, event: Key) -> None:
        await act_in_turn(self, event)
        act = {"enter": self._begin_line, "tab": self._indent}.get(event.key)
        if act is not None:
            event.stop()
            event.prevent_default()
            act()

    def _begin_line(self) -> None:
        """Begin another line as far to the right as this one, or further after a colon."""
        start, end = sorted(self.selection)
        before = self.code.get_text_range((start[0], 0), start)
        indent = before[: len(before) - len(before.lstrip(" \t"))]
        deeper = INDENT if before.rstrip().endswith(":") else ""
        self._write(f"\n{indent}{deeper}", start, end)

    def _indent(self) -> None:
        """Blanks to the next stop; where several lines are selected, each of them goes four to the right."""
        start, end = sorted(self.selection)
        if start[0] == end[0]:
            self._write(" " * self._find_columns_to_next_tab_stop(), start, end)
        else:
            self._move_lines(lambda line: INDENT + line if line.strip() else line)

    def dedent(self) -> None:
        """The line, or each that is selected, four blanks to the left, as far as it has them."""
        self._move_lines(_less_indented)

    def _move_lines(self, moved: Callable[[str], str]) -> None:
        start, end = sorted(self.selection)
        last = end[0] - (end[0] > start[0] and end[1] == 0)
        rows = [self.code.get_text_range((row, 0), (row, len(self.code[row]))) for row in range(start[0], last + 1)]
        shifted = [moved(row) for row in rows]
        if shifted == rows:
            return
        was_empty, column = start == end, max(0, end[1] + len(shifted[-1]) - len(rows[-1]))
        self._write("\n".join(shifted), (start[0], 0), (last, len(rows[-1])))
        self.selection = (
            Selection.cursor((start[0], column)) if was_empty else Selection((start[0], 0), (last, len(shifted[-1])))
        )

    def _write(self, text: str, start: Location, end: Location) -> None:
        self.edit(Edit(text, start, end, maintain_selection_offset=False))

    async def _on_paste(self, event: Paste) -> None:
        event.prevent_default()  # Textual's keeps carriage returns, which is how terminals paste lines' ends
        event.stop()
        self._take(event.text)

    def action_paste(self) -> None:
        """What was cut or copied here last."""
        self._take(self.app.clipboard)

    def _take(self, text: str) -> None:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        reason = reason_against_editing(text) or self._reason_against_length(text)
        if reason:
            key_app(self.app).say(f"Nothing was pasted. {reason} Your own editor takes it.", "warning")
            return
        self._write(text, *sorted(self.selection))

    def _reason_against_length(self, text: str) -> str:
        return reason_against_editing(self.code.text + text).replace("The code is", "The code would be")

    def action_go_to_start(self) -> None:
        """To the first line."""
        self.move_cursor((0, 0))

    def action_go_to_end(self) -> None:
        """To the end of the last line."""
        self.move_cursor(self.code.end)


def _less_indented(line: str) -> str:
    if line.startswith("\t"):
        return line[1:]
    blanks = len(line) - len(line.lstrip(" "))
    return line[min(blanks, len(INDENT)) :]
