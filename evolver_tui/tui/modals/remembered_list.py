"""The list of remembered answers, the latest first, and under it the one under the cursor with what it decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from evolver_tui.core.answer_rule import Breadth
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.core.times import age, utc_text
from evolver_tui.tui.drawing.detailed_list import DetailedList
from evolver_tui.tui.drawing.styles import Fragment, Line, fill, fit

if TYPE_CHECKING:
    from evolver_tui.core.answer_rule import AnswerRule, AnswerRuleRecord, RuleDecision

_LONGEST: Final = 500


class RememberedList(DetailedList):
    """The cursor stays on its rule while others come."""

    pane_name = "remembered"
    DETAIL_ROWS = 5
    LEAST_ROWS = 4

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

    # --- drawing

    @property
    def row_count(self) -> int:
        """How many there are."""
        return len(self._rows)

    def heads(self, width: int) -> Line:
        """The names of the columns."""
        return Columns.of(width).heads()

    def row(self, index: int, width: int, is_selected: bool) -> Line:
        """One of them."""
        record = self._rows[index]
        return Columns.of(width).row(record, self._ends(record.rule), is_selected, self._is_in_force(index))

    def _is_in_force(self, index: int) -> bool:
        rule = self._rows[index].rule
        return rule.is_in_force(self._now()) and rule.scope.is_heard_in(self._session_id)

    def empty_words(self, y: int) -> Fragment:
        """That there is none, and how one comes about."""
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

    def detail(self, y: int, width: int) -> Line:
        """What was asked, what is answered, how far and by whom, and what that decided."""
        record = self.selected
        if record is None:
            return []
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
        text, style = lines[y] if y < len(lines) else ("", "dim")
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
