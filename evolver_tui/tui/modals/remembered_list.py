"""The list of remembered answers, the latest first, and under it the one under the cursor with what it decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.style import Style
from textual import events
from textual.message import Message

from evolver_tui.core.answer_rule import Breadth
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.core.times import age, utc_text
from evolver_tui.tui.drawing.movable import Movable
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Fragment, Line, fill, fit

if TYPE_CHECKING:
    from evolver_tui.core.answer_rule import AnswerRule, AnswerRuleRecord, RuleDecision

HEAD_ROWS: Final = 1
DETAIL_ROWS: Final = 5
"""The rule and four rows about the one under the cursor."""
_LEAST_ROWS: Final = 4
_LONGEST: Final = 500


class RememberedList(Pane, Movable):
    """Draws the rows in sight; the cursor stays on its rule while others come."""

    DEFAULT_CSS = """
    RememberedList {
        height: 1fr;
        background: $surface;
        color: $foreground;
    }
    """

    pane_name = "remembered"
    can_focus = True

    class Moved(Message):
        """The cursor stands elsewhere, or among others."""

    def __init__(
        self, rows: Sequence[AnswerRuleRecord], session_id: str, now: Callable[[], float], *, plain: bool = False
    ) -> None:
        """Args:
        rows: those that are shown at first.
        session_id: the session that is looked from.
        now: seconds since 1970.
        plain: whether to draw with ASCII alone.
        """
        super().__init__(plain=plain, id="remembered")
        self._session_id = session_id
        self._now = now
        self._rows = rows
        self._decisions: Mapping[int, Sequence[RuleDecision]] = {}
        self._cursor = self._top = 0

    # --- what is shown

    @property
    def selected(self) -> AnswerRuleRecord | None:
        """The one under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    @property
    def position(self) -> tuple[int, int]:
        """Which row the cursor is on, from 1, and of how many; twice 0 where there are none."""
        return (self._cursor + 1, len(self._rows)) if self._rows else (0, 0)

    def show(self, rows: Sequence[AnswerRuleRecord]) -> None:
        """Show these; the cursor stays on its rule."""
        before = self.selected
        self._rows = rows
        if before is not None:
            places = {each.rule.id: place for place, each in enumerate(rows)}
            self._cursor = places.get(before.rule.id, self._cursor)
        self._settle()

    def show_decisions(self, rule: int, decisions: Sequence[RuleDecision]) -> None:
        """Show what one decided, once the cursor is on it."""
        self._decisions = {**self._decisions, rule: decisions}
        self.refresh()

    # --- moving

    @property
    def page_height(self) -> int:
        """Rows of the list."""
        return self._list_height

    def move_by(self, rows: int) -> None:
        """Some rows down, or up below 0."""
        self._go(self._cursor + rows)

    def move_top(self) -> None:
        """To the latest."""
        self._go(0)

    def move_bottom(self) -> None:
        """To the oldest."""
        self._go(len(self._rows) - 1)

    def _go(self, index: int) -> None:
        self._cursor = index
        self._settle()

    def _settle(self) -> None:
        count, height = len(self._rows), max(1, self._list_height)
        self._cursor = max(0, min(self._cursor, count - 1))
        self._top = max(min(self._top, self._cursor), self._cursor - height + 1)
        self._top = max(0, min(self._top, count - height))
        self.refresh()
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        """Keep the cursor in view."""
        self._settle()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row under the pointer."""
        offset = event.get_content_offset(self)
        if offset is not None and 1 <= offset.y <= self._list_height:
            self._go(self._top + offset.y - 1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self._go(self._cursor + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self._go(self._cursor - 3)

    # --- drawing

    @property
    def _list_height(self) -> int:
        has_detail = self.size.height >= HEAD_ROWS + _LEAST_ROWS + DETAIL_ROWS
        return max(0, self.size.height - HEAD_ROWS - (DETAIL_ROWS if has_detail else 0))

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The heads of the columns, a row, or something about the one under the cursor."""
        if not self._rows:
            return [self._empty_words(y)], None
        columns = Columns.of(width)
        if y == 0:
            return columns.heads(), None
        if y > self._list_height:
            return self._detail_line(y - self._list_height - 1, width), None
        index = self._top + y - 1
        if index >= len(self._rows):
            return [], None
        is_selected = index == self._cursor
        row = columns.row(self._rows[index], self._ends(self._rows[index].rule), is_selected, self._is_in_force(index))
        return row, self.theme_styles["selected"] if is_selected else None

    def _is_in_force(self, index: int) -> bool:
        rule = self._rows[index].rule
        return rule.is_in_force(self._now()) and rule.scope.is_heard_in(self._session_id)

    def _empty_words(self, y: int) -> Fragment:
        if y > 1:
            return "", "dim"
        if y == 0:
            return "No answer is remembered.", "strong"
        return "Once you gave the same answer three times, it is offered.", "dim"

    def _ends(self, rule: AnswerRule) -> str:
        """When it ends, in a word or two."""
        if rule.revoked_at is not None:
            return "revoked"
        if rule.expires_at is not None and rule.expires_at <= self._now():
            return "expired"
        if rule.scope.breadth is Breadth.SESSION:
            return "this session" if rule.scope.session_id == self._session_id else "other session"
        return "never" if rule.expires_at is None else f"in {age(rule.expires_at - self._now())}"

    def _detail_line(self, y: int, width: int) -> Line:
        record = self.selected
        if y == 0 or record is None:
            return [(self.symbols.rule * width, "rule")]
        dot = f" {self.symbols.dot} "
        rule = record.rule
        content = dot.join(f"{safe_text(name, 40)}: {safe_text(str(value), 200)}" for name, value in _content(rule))
        made = f"made by {safe_text(rule.by, 60)} at {utc_text(rule.at, 'seconds')}"
        revoked = f"{dot}revoked by {safe_text(rule.revoked_by, 60)}" if rule.revoked_at is not None else ""
        back = f"{dot}{record.taken_back:,} taken back" if record.taken_back else ""
        lines = (
            (_message(rule), "strong"),
            (content or "accepted, without a field", "text"),
            (f"{safe_text(rule.scope.text, 100)}{dot}{made}{revoked}{back}", "dim"),
            (self._decided_words(rule.id, record.decided), "dim"),
        )
        text, style = lines[y - 1] if y <= len(lines) else ("", "dim")
        return [(fit(text, width), style)]

    def _decided_words(self, rule: int, decided: int) -> str:
        if not decided:
            return "It has decided nothing."
        latest = [each for each in self._decisions.get(rule, ()) if not each.was_taken_back]
        names = ", ".join(f"{safe_text(each.task_id, 40)} (job {each.job})" for each in latest)
        return f"decided, the latest first: {names}" if names else ""


def _content(rule: AnswerRule) -> Sequence[tuple[str, object]]:
    return [*rule.answer.content.items()]


def _message(rule: AnswerRule) -> str:
    return " ".join(safe_block(rule.scope.message, _LONGEST).split()) or "It asks without a word."


class Columns(NamedTuple):
    """How many cells each column of the table takes; 0 leaves it out. What decided and its gap take 10, the mark 5."""

    question: int
    scope: int
    by: int
    ends: int = 13

    @classmethod
    def of(cls, width: int) -> Columns:
        """The columns that fit."""
        by, scope = (14, 26) if width >= 90 else (0, 18)
        return cls(max(8, width - 5 - scope - 2 - by - 13 - 10), scope, by)

    def heads(self) -> Line:
        """The names of the columns."""
        by = fill("by", self.by) if self.by else ""
        words = f"  #  {fill('question', self.question)}{fill('for', self.scope)}  {by}{fill('ends', self.ends)}"
        return [(f"{words}{'decided':>9} ", "dim")]

    def row(self, record: AnswerRuleRecord, ends: str, is_selected: bool, is_in_force: bool) -> Line:
        """One row."""
        rule = record.rule
        style = "strong" if is_selected else "text" if is_in_force else "dim"
        by = fill(safe_text(rule.by, 40), self.by) if self.by else ""
        scope = fill(safe_text(rule.scope.text, 60), self.scope)
        words = f"{rule.id:>3}  {fill(_message(rule), self.question - 1)} {scope}  {by}{fill(ends, self.ends)}"
        return [(words, style), (f"{record.decided:>9,} ", style)]
