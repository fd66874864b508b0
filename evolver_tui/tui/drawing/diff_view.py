"""A diff as styled rows, one side under the other or beside it, in the colours of code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from evolver_tui.core.code_diff import CodeDiff, DiffLine, Fold, Pair, Span
from evolver_tui.tui.drawing.code_view import CodeDocument, highlight_line
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.row_source import RowSource
from evolver_tui.tui.drawing.styles import Fragment, Line, line_width, marked, wrap
from evolver_tui.tui.drawing.text_page import TextPage

LEAST_WIDTH_BESIDE: Final = 84
"""Cells of a page in which two sides stand beside each other; with fewer, they stand one under the other."""
_SIGN_STYLES: Final = {"+": "ok", "-": "error", " ": "dim"}
_MARKED: Final = ("+", "-")


class _Row(NamedTuple):
    """One row of the page."""

    line: Line
    source: RowSource
    shown: tuple[int, ...] = ()
    """Numbers of lines of the new side that it, and the rows before it that belong to it, show as a whole."""
    is_code: bool = True
    fold: Fold | None = None


class DiffDocument:
    """A page of two programs' difference under a few sentences about it.

    Args:
        head: paragraphs above it, e.g. the reason that it answers.
        diff: what is shown.
        old: the whole of one side, for its colours.
        new: and of the other.
        old_sha256: the digest of the other side.
        is_known: whether all of the other side was read and approved.
        ellipsis: what a fold begins with.
    """

    def __init__(
        self, head: TextPage, diff: CodeDiff, old: CodeDocument, new: CodeDocument, *, old_sha256: str = "",
        is_known: bool = False, ellipsis: str = "…",
    ) -> None:  # fmt: skip
        self.head = head
        self.diff = diff
        self.is_beside = False
        """Whether both sides stand beside each other, where there is room for that."""
        self._colours = _Colours(old, new)
        self.old_sha256 = old_sha256
        self.old_line_count = old.line_count
        self.is_known = is_known
        self._ellipsis = ellipsis
        self._layout = (0, False)
        self._rows: list[_Row] = []
        self._lines = [*head.lines]
        self._digits = max((len(str(max(line.old, line.new))) for line in self._each_line()), default=1)
        self._digits = max(2, self._digits)

    def _each_line(self) -> Iterator[DiffLine]:
        return (row for row in self.diff.rows if isinstance(row, DiffLine))

    def is_beside_at(self, width: int) -> bool:
        """Whether both sides stand beside each other at a width."""
        return self.is_beside and width >= LEAST_WIDTH_BESIDE

    def rows(self, width: int) -> Sequence[Line]:
        """Everything at a width."""
        return [row.line for row in self._laid_out(width)]

    def row(self, index: int, width: int) -> Line:
        """One row at a width."""
        return self._laid_out(width)[index].line

    def row_count(self, width: int) -> int:
        """Rows at a width."""
        return len(self._laid_out(width))

    def is_code(self, index: int, width: int) -> bool:
        """Whether a row is one of the diff, rather than of what is said above it."""
        return self._laid_out(width)[index].is_code

    def code_row_count(self, width: int) -> int:
        """Rows of the diff itself."""
        return sum(row.is_code for row in self._laid_out(width))

    def lines_shown(self, index: int, width: int) -> tuple[int, ...]:
        """Numbers of the draft's lines whose last row this is."""
        return self._laid_out(width)[index].shown

    def fold_at(self, index: int, width: int) -> Fold | None:
        """What a row stands for, where it stands for lines that are the same on both sides."""
        return self._laid_out(width)[index].fold

    # --- for a selection

    @property
    def lines(self) -> Sequence[str]:
        """The text as it is read, unwrapped."""
        self._laid_out(self._layout[0] or LEAST_WIDTH_BESIDE)
        return self._lines

    @property
    def source_lines(self) -> Sequence[str]:
        """The same: what was written is on the page of the code."""
        return self.lines

    def source_of(self, index: int, width: int) -> RowSource:
        """Where a row at a width comes from."""
        return self._laid_out(width)[index].source

    # --- laying out

    def _laid_out(self, width: int) -> list[_Row]:
        layout = (width, self.is_beside_at(width))
        if layout != self._layout:
            self._layout = layout
            self._lines = [*self.head.lines]
            head = self.head.rows(width)
            self._rows = [
                _Row(line, self.head.source_of(index, width), is_code=False) for index, line in enumerate(head)
            ]
            self._rows += self._beside(width) if layout[1] else self._unified(width)
        return self._rows

    def _unified(self, width: int) -> Iterator[_Row]:
        for each in self.diff.rows:
            if isinstance(each, Fold):
                yield self._fold_row(each)
                continue
            number = f"{each.new or '':>{self._digits}} "
            room = max(1, width - len(number) - 2)
            rows = _wrapped(self._colours.of(each), room, each.sign)
            place = self._next_line(f"{each.sign} {each.text}")
            start = 0
            for index, fragments in enumerate(rows):
                lead: list[Fragment] = [(number if not index else " " * len(number), "dim")]
                lead.append((f"{each.sign if not index else ' '} ", _SIGN_STYLES[each.sign]))
                source = RowSource(place, start + (2 if index else 0), len(number) + (2 if index else 0))
                start += sum(len(part) for part, _ in fragments)
                is_last = index == len(rows) - 1
                yield _Row([*lead, *fragments], source, (each.new,) if is_last and each.new else ())

    def _beside(self, width: int) -> Iterator[_Row]:
        half = (width - 3) // 2
        for pair in self.diff.pairs:
            if isinstance(pair, Fold):
                yield self._fold_row(pair)
                continue
            old, new = self._half(pair.old, half, is_new=False), self._half(pair.new, half, is_new=True)
            place = self._next_line(_pair_text(pair))
            height = max(len(old), len(new))
            for index in range(height):
                left = old[index] if index < len(old) else [(" " * half, "text")]
                right = new[index] if index < len(new) else []
                is_last = index == height - 1
                shown = (pair.new.new,) if is_last and pair.new is not None else ()
                yield _Row([*left, (" │ ", "rule"), *right], RowSource(place, 0), shown)

    def _half(self, line: DiffLine | None, width: int, *, is_new: bool) -> list[list[Fragment]]:
        if line is None:
            return []
        number = f"{line.new if is_new else line.old:>{self._digits}} "
        rows = _wrapped(self._colours.of(line), max(1, width - len(number) - 2), line.sign)
        lead: list[Fragment] = [(number, "dim"), (f"{line.sign} ", _SIGN_STYLES[line.sign])]
        blank: list[Fragment] = [(" " * (len(number) + 2), "text")]
        return [[*(blank if index else lead), *fragments] for index, fragments in enumerate(rows)]

    def _fold_row(self, fold: Fold) -> _Row:
        words = f"{self._ellipsis} {count(fold.lines, 'line')} the same"
        place = self._next_line(words)
        indent = " " * (self._digits + 1)
        return _Row([(indent, "dim"), (words, "dim")], RowSource(place, 0, len(indent)), fold=fold)

    def _next_line(self, text: str) -> int:
        self._lines.append(text)
        return len(self._lines) - 1


def _pair_text(pair: Pair) -> str:
    """Both sides as they are copied."""
    if pair.new is not None and pair.new.sign == " ":
        return f"  {pair.new.text}"
    return "\n".join(f"{line.sign} {line.text}" for line in pair if line is not None)


class _Colours:
    """The fragments of lines, as code has them."""

    def __init__(self, old: CodeDocument, new: CodeDocument) -> None:
        self._old = old
        self._new = new

    def of(self, line: DiffLine) -> list[Fragment]:
        """One line's, over what lies behind it."""
        document, number = (self._old, line.old) if line.sign == "-" else (self._new, line.new)
        fragments = document.fragments_of(number)
        if "".join(text for text, _ in fragments) != line.text:  # what ends a line is seen here
            fragments, _ = highlight_line(line.text)
        ended = fragments if line.has_end else [*fragments, ("  (no line end)", "dim")]
        return _over(ended, line)


def _over(fragments: Sequence[Fragment], line: DiffLine) -> list[Fragment]:
    """Fragments of a line that came or went over what lies behind it, and behind what changed in it."""
    if line.sign not in _MARKED:
        return list(fragments)
    found: list[Fragment] = []
    position = 0
    for text, style in fragments:
        for start, end, is_word in _cut(position, position + len(text), line.spans):
            mark = f"{line.sign}word" if is_word else line.sign
            found.append((text[start - position : end - position], marked(style, mark)))
        position += len(text)
    return found


def _cut(start: int, end: int, spans: Sequence[Span]) -> Iterator[tuple[int, int, bool]]:
    """A stretch cut at the ends of spans, each part with whether it lies in one."""
    for first, last in spans:
        if last <= start or first >= end:
            continue
        if first > start:
            yield start, first, False
        yield max(start, first), min(end, last), True
        start = min(end, last)
    if start < end:
        yield start, end, False


def _wrapped(fragments: Sequence[Fragment], width: int, sign: str) -> list[list[Fragment]]:
    """A line in rows of a width; of a marked one each as wide as that, so that its colour is."""
    rows = wrap(fragments, width) or [[]]
    style = marked("text", sign) if sign in _MARKED else "text"
    return [[*row, (" " * (width - line_width(row)), style)] for row in rows]
