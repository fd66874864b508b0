"""The text of a program while it is edited: drawn by stand-ins, kept character by character."""

from __future__ import annotations

from typing import Final

from textual.document._document import Document, EditResult, Location, Newline

from evolver_tui.core.safe_text import stand_ins
from evolver_tui.tui.drawing.code_view import PLAIN, InString, highlight_line
from evolver_tui.tui.drawing.styles import Fragment

MOST_BYTES: Final = 1_000_000
"""What is larger is not edited here."""
LONGEST_LINE: Final = 10_000
"""Characters of a line: each key in a longer one takes too long."""
_MOST_COLOURED: Final = 200_000
"""Characters of code that has colours."""


def reason_against_editing(code: str) -> str:
    """Why code cannot be edited here, as a sentence; empty where it can."""
    if len(code) > MOST_BYTES or len(code.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        return f"The code is larger than {MOST_BYTES:,} bytes."
    longest = max(map(len, code.split("\n")))
    return f"A line of it has {longest:,} characters, more than {LONGEST_LINE:,}." if longest > LONGEST_LINE else ""


def reason_against_handing_in(code: str) -> str:
    """Why code cannot be kept as it is, as a sentence; empty where it can."""
    try:
        size = len(code.encode())
    except UnicodeEncodeError as error:
        return f"Line {code.count(chr(10), 0, error.start) + 1} holds half a character (a lone surrogate)."
    if not code.strip():
        return "Nothing is left of the code."
    return f"The code is larger than {MOST_BYTES:,} bytes." if size > MOST_BYTES else ""


class CodeText(Document):
    """A document whose lines are what is drawn, and whose text is what was written.

    In the lines each character that cannot be drawn has one stand-in, so that a place in them is the same place in the
    text. Lines end where Python's do on this system: at CR LF if all of them do, else at LF; any other CR is a
    character like the rest, and has its sign.
    """

    def __init__(self, code: str) -> None:
        has_returns = 0 < code.count("\n") == code.count("\r\n")
        self._newline: Newline = "\r\n" if has_returns else "\n"
        self._written = code.split(self._newline)
        self._lines = [stand_ins(line) for line in self._written]
        self._text: str | None = code
        self._states: list[InString] = [PLAIN]
        """In what each line begins, as far as that is known."""

    @property
    def text(self) -> str:
        """All of it, as it was written."""
        if self._text is None:
            self._text = self._newline.join(self._written)
        return self._text

    def get_text_range(self, start: Location, end: Location) -> str:
        """What was written between two places."""
        (top, left), (bottom, right) = sorted((start, end))
        rows = self._written[top : bottom + 1]
        if not rows:
            return ""
        if bottom < len(self._written):
            rows[-1] = rows[-1][:right]
        rows[0] = rows[0][left:]
        return self._newline.join(rows)

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        """Write something in the place of what stands between two places."""
        (top, left), (bottom, right) = sorted((start, end))
        replaced = self.get_text_range(start, end)
        if self._newline == "\r\n":
            text = text.replace("\r\n", "\n")
        rows = text.split("\n")
        before = self._written[top][:left] if top < len(self._written) else ""
        after = self._written[bottom][right:] if bottom < len(self._written) else ""
        rows[0] = before + rows[0]
        column = len(rows[-1])
        rows[-1] += after
        self._written[top : bottom + 1] = rows
        self._lines[top : bottom + 1] = map(stand_ins, rows)
        self._text = None
        del self._states[top + 1 :]
        return EditResult((top + len(rows) - 1, column), replaced)

    def fragments(self, row: int) -> list[Fragment]:
        """A line with its styles; in very long code without them."""
        if len(self.text) > _MOST_COLOURED:
            return [(self._lines[row], "code.name")]
        while len(self._states) <= row:
            known = len(self._states) - 1
            self._states.append(highlight_line(self._lines[known], self._states[known])[1])
        return highlight_line(self._lines[row], self._states[row])[0]
