"""A JSON value as a tree that folds. Only what is open is laid out, so that any size and depth opens at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

from rich.style import Style
from textual import events

from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.movable import Movable
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.signal_text import scalar
from evolver_tui.tui.drawing.styles import Fragment, Line, width_of, wrap_words

Path = tuple[int, ...]
"""Which part of which part, from the top."""

CHUNK: Final = 1_000
"""Parts of a value, or rows of a text, that are laid out before somebody asks for more."""
_OPEN_ROWS, _OPEN_DEPTH, _OPEN_PARTS = 400, 6, 100
"""What is open at first: rows in all, levels, parts of one value."""
_DEEPEST: Final = 200
_LONGEST_TEXT: Final = 20_000
_SHORT_TEXT: Final = 30
_LONGEST_NAME: Final = 200
_LEAST_ROOM: Final = 24
"""Cells that are left for a name and its value, however deep they stand."""


class Section(NamedTuple):
    """A named value at the top of the tree."""

    name: str
    """Safe to draw."""
    value: Any
    style: str = "text"
    is_apart: bool = False
    """Whether a blank line stands above it."""


class _Row(NamedTuple):
    path: Path
    lead: str
    """What stands before the text: indentation and sign."""
    name: str
    text: str
    style: str
    is_foldable: bool = False
    is_first: bool = True
    """Whether the value begins here; else it is a further row of its text."""


class ValueTree(Pane, Movable):
    """Draws the rows in sight, with a cursor on one of them."""

    can_focus = False

    def __init__(self, *, plain: bool = False, **arguments: Any) -> None:
        super().__init__(plain=plain, **arguments)
        self._sections: Sequence[Section] = ()
        self._open: dict[Path, int] = {}
        """What is open, and how many of its parts are laid out."""
        self._rows: list[_Row] = []
        self._width = 0
        self._cursor = self._top = 0

    # --- what is shown

    def show(self, sections: Sequence[Section]) -> None:
        """Show other values, each as far open as there is room for."""
        self._sections = sections
        self._open = self._open_at_first()
        self._cursor = self._top = 0
        self._lay_out()

    @property
    def selected(self) -> tuple[int, Any]:
        """The number of the section under the cursor, and the value there."""
        row = self._rows[self._cursor]
        path = row.path[:-1] if row.path[-1] < 0 else row.path
        return path[0], self._value_at(path)

    def _value_at(self, path: Path) -> Any:
        value = self._sections[path[0]].value
        for number in path[1:]:
            _, value = next(islice(_parts(value), number, None))
        return value

    def _open_at_first(self) -> dict[Path, int]:
        """The upper levels first, as long as they do not fill pages."""
        opened: dict[Path, int] = {}
        left = _OPEN_ROWS
        waiting: deque[tuple[Path, Any]] = deque(
            ((number,), section.value) for number, section in enumerate(self._sections)
        )
        while waiting and left > 0:
            path, value = waiting.popleft()
            size = _size(value)
            is_top = len(path) == 1
            if not size or len(path) > _OPEN_DEPTH or not (is_top or size <= min(left, _OPEN_PARTS)):
                continue
            opened[path] = CHUNK
            left -= size
            if not isinstance(value, str):
                parts = islice(_parts(value), _OPEN_PARTS)
                waiting.extend(((*path, number), item) for number, (_, item) in enumerate(parts))
        return opened

    def _lay_out(self) -> None:
        """Make the rows anew; the cursor stays on its value."""
        here = self._rows[self._cursor].path if self._rows else ()
        self._width = max(_LEAST_ROOM, self.size.width)
        self._rows = list(self._all_rows())
        self._cursor = next((index for index, row in enumerate(self._rows) if here and row.path == here), 0)
        self._keep_in_view()
        self.refresh()

    def _all_rows(self) -> Iterator[_Row]:
        for number, section in enumerate(self._sections):
            if section.is_apart:
                yield _Row((), "", "", "", "text")
            yield from self._rows_of((number,), section.name, section.value, section.style)

    def _rows_of(self, path: Path, name: str, value: Any, style: str = "text") -> Iterator[_Row]:
        depth = len(path) - 1
        indent = " " * min(2 * depth, max(0, self._width - _LEAST_ROOM))
        is_open = path in self._open
        sign = self._sign(is_open)
        if isinstance(value, str):
            yield from self._rows_of_text(path, indent, name, value, style, self._open.get(path, 0))
        elif not isinstance(value, Mapping | list | tuple):
            yield _Row(path, f"{indent}  ", name, safe_text(scalar(value), _LONGEST_NAME), style)
        elif not value:
            yield _Row(path, f"{indent}  ", name, "{}" if isinstance(value, Mapping) else "[]", style)
        elif depth >= _DEEPEST:
            yield _Row(path, f"{indent}  ", name, "…", "dim")
        else:
            words = count(len(value), "field") if isinstance(value, Mapping) else count(len(value), "item")
            yield _Row(path, f"{indent}{sign} ", name, "" if is_open else words, "dim", is_foldable=True)
            if is_open:
                shown = self._open[path]
                for number, (key, item) in enumerate(islice(_parts(value), shown)):
                    yield from self._rows_of((*path, number), safe_text(key, _LONGEST_NAME), item)
                yield from self._more(path, indent, len(value) - shown)

    def _rows_of_text(self, path: Path, indent: str, name: str, value: str, style: str, shown: int) -> Iterator[_Row]:
        """A text in its row, or, where that is too short for it, in as many as it needs below each other."""
        block = safe_block(value, _LONGEST_TEXT)
        room = self._width - len(indent) - 2 - width_of(name) - 2
        if "\n" not in block and width_of(block) <= room:
            yield _Row(path, f"{indent}  ", name, block, style)
            return
        lead = f"{indent}{self._sign(bool(shown))} "
        if not shown:
            yield _Row(path, lead, name, safe_text(block, max(1, self._width)), style, is_foldable=True)
            return
        # Beside its name where there is room, else below it.
        column = len(indent) + 4 if room < _LEAST_ROOM else self._width - room
        first, *others = ["", *wrap_words(block, max(_LEAST_ROOM // 2, self._width - column))][room >= _LEAST_ROOM :]
        yield _Row(path, lead, name, first, style, is_foldable=True)
        for row in others[:shown]:
            yield _Row(path, " " * column, "", row, style, is_first=False)
        yield from self._more(path, indent, len(others) - shown)

    def _more(self, path: Path, indent: str, left: int) -> Iterator[_Row]:
        if left > 0:
            yield _Row((*path, -1), f"{indent}  ", "", f"… {left:,} more", "dim", is_foldable=True)

    def _sign(self, is_open: bool) -> str:
        return self.symbols.unfolded if is_open else self.symbols.folded

    # --- folding

    def fold_or_unfold(self) -> None:
        """Open what is under the cursor, or close it."""
        row = self._rows[self._cursor]
        if row.path in self._open:
            self._close(row.path)
        else:
            self._unfold(row)

    def unfold(self) -> None:
        """Open what is under the cursor; what is open already is gone into."""
        row = self._rows[self._cursor]
        if row.path in self._open:
            self.move_by(1)
        else:
            self._unfold(row)

    def fold(self) -> None:
        """Close what is under the cursor, or go to what it is a part of."""
        path = self._rows[self._cursor].path
        if path in self._open:
            self._close(path)
        elif len(path) > 1:
            parent = path[:-1]
            self._move_to(next(index for index, row in enumerate(self._rows) if row.path == parent))

    def _unfold(self, row: _Row) -> None:
        if not row.is_foldable:
            return
        if row.path[-1] < 0:
            self._open[row.path[:-1]] += CHUNK
            cursor, top = self._cursor, self._top
            self._lay_out()
            self._top = top
            self._move_to(cursor)
        else:
            self._open[row.path] = CHUNK
            self._lay_out()

    def _close(self, path: Path) -> None:
        del self._open[path]
        self._lay_out()

    # --- moving

    @property
    def page_height(self) -> int:
        """Rows in sight."""
        return self.size.height

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than are in sight."""
        return len(self._rows) > self.size.height

    def move_by(self, rows: int) -> None:
        """Some rows down, or up below 0."""
        self._move_to(self._cursor + rows, rows)

    def move_top(self) -> None:
        """To the first row."""
        self._move_to(0)

    def move_bottom(self) -> None:
        """To the last row."""
        self._move_to(len(self._rows) - 1)

    def _move_to(self, index: int, heading: int = 1) -> None:
        last = len(self._rows) - 1
        index = max(0, min(index, last))
        if self._rows and not self._rows[index].path:  # a blank line
            index += 1 if heading > 0 else -1
        self._cursor = max(0, min(index, last))
        self._keep_in_view()
        self.refresh()

    def _keep_in_view(self) -> None:
        height = max(1, self.size.height)
        self._top = max(min(self._top, self._cursor), self._cursor - height + 1)
        self._top = max(0, min(self._top, len(self._rows) - height))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self.move_by(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self.move_by(3)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a row, or fold the one that it is on."""
        offset = event.get_content_offset(self)
        index = offset.y + self._top if offset is not None else -1
        if not 0 <= index < len(self._rows):
            return
        if index == self._cursor:
            self.fold_or_unfold()
        else:
            self._move_to(index)

    def on_resize(self) -> None:
        """Texts are wrapped to another width."""
        if self._sections and max(_LEAST_ROOM, self.size.width) != self._width:
            self._lay_out()
        self._keep_in_view()

    # --- drawing

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """One row, or nothing."""
        index = y + self._top
        if index >= len(self._rows):
            return [], None
        row, is_selected = self._rows[index], index == self._cursor
        dim = "text" if is_selected else "dim"
        fragments: list[Fragment] = [(row.lead, dim)]
        if row.name:
            fragments.append((f"{row.name}{':' if row.is_first else ''} ", dim))
        fragments.append((row.text, dim if row.style == "dim" else row.style))
        return fragments, self.theme_styles["selected"] if is_selected else None


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value consists of, each under its name or number."""
    if isinstance(value, Mapping):
        return ((str(key), item) for key, item in value.items())
    return ((str(number), item) for number, item in enumerate(value))


def _size(value: Any) -> int:
    """About how many rows a value takes when it is open; 0 for what does not fold."""
    if isinstance(value, str):
        return value.count("\n", 0, _LONGEST_TEXT) + min(len(value), _LONGEST_TEXT) // _SHORT_TEXT
    return len(value) if isinstance(value, Mapping | list | tuple) else 0
