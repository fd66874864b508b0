"""The notice line: what was said last, in a row of its own, so that it covers nothing and nothing moves for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from rich.style import Style

from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Line, fit, line_width, spread, width_of

CLASS_OVER = "-over"
"""On a line that lies over a dialog's last row, and only while it says something."""


class Said(Protocol):
    """A notice that stands on the screen for a while."""

    @property
    def message(self) -> str:
        """What it says. Lines after the first are a path: its folder, and the name in it."""

    @property
    def severity(self) -> str:
        """`information`, `warning` or `error`."""

    @property
    def time_left(self) -> float:
        """Seconds that it stands still."""


class _Shown(NamedTuple):
    message: str = ""
    severity: str = "information"
    others: int = 0


class NoticeLine(Pane):
    """One row: the latest notice, and how many others stand behind it."""

    DEFAULT_CSS = """
    NoticeLine {
        height: 1;
        background: $background;
        color: $foreground;
        &.-over {
            layer: _toastrack;
            dock: bottom;
            background: $panel;
            display: none;
        }
        &.-over.-says {
            display: block;
        }
    }
    """

    def __init__(self, key: str, *, plain: bool = False, classes: str = "") -> None:
        """Args:
        key: what shows every notice in full, as a person reads it; empty where no key does.
        """
        super().__init__(plain=plain, classes=classes)
        self._key = key
        self._notices: Sequence[Said] = ()
        self._shown = _Shown()

    def show(self, notices: Sequence[Said]) -> None:
        """Say the last of these until its time is over, then the one before, as long as that stands."""
        self._notices = notices
        standing = [notice for notice in notices if notice.time_left > 0]
        shown = _Shown(standing[-1].message, standing[-1].severity, len(standing) - 1) if standing else _Shown()
        if standing:
            self.set_timer(max(0.02, min(notice.time_left for notice in standing)), self._look_again)
        if shown != self._shown:
            self._shown = shown
            self.set_class(bool(shown.message), "-says")
            self.refresh()

    def _look_again(self) -> None:
        self.show(self._notices)

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The row."""
        message, severity, others = self._shown
        if not message:
            return [], None
        symbols = self.symbols
        mark, style = {"error": (symbols.rejected, "error"), "warning": (symbols.failed, "warn")}.get(
            severity, (symbols.on, "run")
        )
        start: Line = [(f" {mark} ", style)]
        more = f" +{others}" if others else ""
        room = width - line_width(start) - width_of(more) - 2
        words = next((each for each in _forms(message) if width_of(each) <= room), "")
        if not words and self._key:
            more += f" {self._key} reads it"
            room = width - line_width(start) - width_of(more) - 2
        text = words or fit(_forms(message)[-1], room)
        return spread(
            [*start, (text, "text" if severity == "information" else style)], [(f"{more} ", "dim")], width
        ), None


def whole_words(message: str) -> str:
    """A notice as one line of text."""
    words, *path = message.split("\n")
    return f"{words} {''.join(path)}" if path else words


def _forms(message: str) -> Sequence[str]:
    """A notice in full and, where it ends in a path, without the folder."""
    words, *path = message.split("\n")
    return (whole_words(message), f"{words} …/{path[-1]}") if path else (words,)
