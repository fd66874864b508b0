"""The list of what needs a person, oldest first, and under it the whole of what the selected one wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from evolver_tui.core.question_kinds import kind_of
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.core.times import age
from evolver_tui.tui.drawing.detailed_list import DetailedList
from evolver_tui.tui.drawing.formatting import moment
from evolver_tui.tui.drawing.styles import Fragment, Line, Symbols, fill, fit, wrap_words
from evolver_tui.tui.question_kinds import view_of

if TYPE_CHECKING:
    from evolver_tui.core.question import OpenQuestion

STEP = 200
"""Rows are read in multiples of this."""

_GAP = 2
_LONGEST = 500
"""Characters of a stranger's text that are looked at for one cell of the table."""


class InboxRow(NamedTuple):
    """One row: something that waits for a person."""

    id: int
    """The question's number."""
    job: int
    kind: str
    task_id: str
    task_name: str
    task_type: str
    node: str
    """The node that a review is about, and its version; empty for a question."""
    risk: str
    """What the checks call its risk."""
    message: str
    reason: str
    """Why its job waits, in a word for a person."""
    asked_at: float
    estimate: str = ""
    """How likely its draft is to be approved; empty where nobody asked for that, or nothing is told."""

    @classmethod
    def of(cls, asked: OpenQuestion) -> InboxRow:
        """What the list keeps of a question: not its form, nor the draft that it is about."""
        question = asked.question
        return cls(
            asked.id, asked.job, question.kind, asked.task_id, asked.task_name, asked.task_type,
            *view_of(question.kind).about(asked), question.message, _reason(asked), asked.asked_at,
        )  # fmt: skip


def _came(row: InboxRow) -> tuple[float, int]:
    """By which rows stand in the order in which they came."""
    return row.asked_at, row.job


def _reason(asked: OpenQuestion) -> str:
    """Why its job waits: the name of its kind, or what the routine said."""
    kind = kind_of(asked.question.kind)
    return kind.name if asked.reason == kind.reason else asked.reason


class InboxList(DetailedList):
    """The cursor stays on its question while others come and go."""

    pane_name = "inbox"
    DETAIL_ROWS = 4
    LEAST_ROWS = 6

    def __init__(self, now: Callable[[], float], want: Callable[[], None], *, plain: bool = False) -> None:
        """Args:
        now: seconds since 1970.
        want: called when `rows_wanted` grew beyond what is here.
        plain: whether to draw with ASCII alone.
        """
        super().__init__(plain=plain, id="inbox")
        self._now = now
        self._want = want
        self._rows: Sequence[InboxRow] = ()
        self._total: int | None = None
        self._goes_to_end = False

    def on_mount(self) -> None:
        """Ages grow."""
        self.set_interval(1.0, self.refresh)

    # --- what is shown

    @property
    def selected(self) -> InboxRow | None:
        """The row under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    @property
    def oldest(self) -> InboxRow | None:
        """The one that has waited longest."""
        return min(self._rows, key=_came, default=None)

    @property
    def position(self) -> tuple[int, int]:
        """Which row the cursor is on, from 1, and of how many; twice 0 where there are none."""
        return (self._cursor + 1, self._total or 0) if self._rows else (0, 0)

    @property
    def rows_wanted(self) -> int:
        """How many of the oldest are needed for the cursor to go a page further."""
        needed = (self._total or 0) if self._goes_to_end else self._cursor + 2 * self.page_height
        return max(STEP, -(-needed // STEP) * STEP)

    def show(self, rows: Sequence[InboxRow], total: int) -> None:
        """Show the oldest rows of `total`; the cursor stays on its question, or goes to the one that follows."""
        before, line = self.selected, self._cursor - self._top
        self._rows, self._total = rows, total
        if self._goes_to_end:
            self._goes_to_end = False
            self._cursor = len(rows) - 1
        elif before is not None:
            self._cursor = self._place_of(before)
            self._top = self._cursor - line
        self._settle()

    def _place_of(self, row: InboxRow) -> int:
        for index, other in enumerate(self._rows):
            if other.id == row.id:
                return index
        if any(each.estimate for each in self._rows):  # in another order than they came
            return self._cursor
        later = (index for index, other in enumerate(self._rows) if _came(other) > _came(row))
        return next(later, len(self._rows) - 1)

    # --- moving

    def move_next(self) -> None:
        """One row down, and from the last one to the oldest."""
        self._go(0 if self._cursor + 1 == self._total else self._cursor + 1)

    def move_bottom(self) -> None:
        """To the latest, once it was read."""
        self._go(len(self._rows) - 1)
        if self._has_more:
            self._goes_to_end = True
            self._want()

    def _go(self, index: int) -> None:
        self._goes_to_end = False
        super()._go(index)
        if self._has_more and self.rows_wanted > len(self._rows):
            self._want()

    @property
    def _has_more(self) -> bool:
        return len(self._rows) < (self._total or 0)

    # --- drawing

    @property
    def row_count(self) -> int:
        """How many were read."""
        return len(self._rows)

    def heads(self, width: int) -> Line:
        """The names of the columns."""
        return Columns.of(width).heads()

    def row(self, index: int, width: int, is_selected: bool) -> Line:
        """One of them."""
        return Columns.of(width).row(self._rows[index], is_selected, self._now(), self.symbols)

    def empty_words(self, y: int) -> Fragment:
        """That nothing waits, or that it is looked for."""
        if y > 1:
            return "", "text"
        if self._total is None:
            return ("looking…" if y == 0 else ""), "dim"
        if y == 0:
            return "Nothing needs you.", "strong"
        return "What the author asks and what it has drafted will wait for you here.", "dim"

    def detail(self, y: int, width: int) -> Line:
        """What it wants, and whose it is."""
        row = self.selected
        return _detail(row, width, self.symbols)[y] if row is not None else []


def _detail(row: InboxRow, width: int, symbols: Symbols) -> Sequence[Line]:
    """What it wants in two rows, then whose it is."""
    message = " ".join(safe_block(row.message, 4 * _LONGEST).split()) or "It asks without a word."
    first, *rest = wrap_words(message, width)
    second = (rest or [""])[0] + ("…" if len(rest) > 1 else "")
    risk = f"risk {row.risk}" if row.risk else ""
    estimate = f"estimate {row.estimate}" if row.estimate else ""
    about = (estimate, risk, f"asked at {moment(row.asked_at)}", f"job {row.job}", row.task_type, row.task_name)
    words = f" {symbols.dot} ".join(safe_text(part, _LONGEST) for part in about if part)
    return [[(first, "strong")], [(fit(second, width), "text")], [(fit(words, width), "dim")]]


class Columns(NamedTuple):
    """How many cells each column of the table takes; 0 leaves it out."""

    task: int
    name: int
    wants: int
    why: int

    @classmethod
    def of(cls, width: int) -> Columns:
        """The columns that fit: mark and age have 3 and 6 cells, and each of the others a gap to its right."""
        is_wide = width >= 90
        task, why = (16, 12) if is_wide else (12, 10) if width >= 50 else (8, 0)
        rest = width - 3 - (task + _GAP) - _GAP - why - 6
        name = (rest - _GAP) * 2 // 5 if is_wide else 0
        return cls(task, name, max(0, rest - (name + _GAP if name else 0)), why)

    def heads(self) -> Line:
        """The names of the columns."""
        cells = (("task", self.task), ("name", self.name), ("wants", self.wants))
        words = "".join(fill(word, width) + " " * _GAP for word, width in cells if width)
        return [(f"   {words}{fill('why', self.why)}{'age':>5} ", "dim")]

    def row(self, row: InboxRow, is_selected: bool, now: float, symbols: Symbols) -> Line:
        """One row."""
        text = "strong" if is_selected else "text"
        mark = view_of(row.kind).symbol(symbols)
        wants = row.node or row.message
        task, name, wants, why = (safe_text(part, _LONGEST) for part in (row.task_id, row.task_name, wants, row.reason))
        cells = ((task, self.task, text), (name, self.name, "text"), (wants, self.wants, text))
        fragments: list[Fragment] = [(f" {mark} ", "needs")]
        fragments += [(fill(words, width) + " " * _GAP, style) for words, width, style in cells if width]
        fragments.append((fill(why, self.why), "dim"))
        fragments.append((f"{age(now - row.asked_at):>5} ", "needs" if is_selected else "dim"))
        return fragments
