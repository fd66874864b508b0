"""The table of nodes. What the library's index has is known of all of them; details are read for the rows in sight."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from textual.message import Message

from evolver_tui.core.node_use import NodeUse
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.times import age, day_or_time
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.rows_pane import Column, RowsPane
from evolver_tui.tui.drawing.styles import Fragment, fit_middle
from evolver_tui.tui.screens.library.names import Order

if TYPE_CHECKING:
    from evolver_tui.core.duplicate_groups import Alike
    from evolver_tui.core.node_listing import CodeMatch, ListedNode, NodeDetails

AHEAD: Final = 10
"""Rows beyond those in sight whose details are read as well."""
_RISKS: Final = {"low": "ok", "medium": "warn", "high": "error"}
_ALL: Final = (
    Column("NODE"), Column("VER", 5, is_number=True), Column("RISK", 7), Column("TAGS", 26, 88),
    Column("EX", 4, 50, is_number=True), Column("RUNS", 6, is_number=True), Column("LAST", 5, is_number=True),
)  # fmt: skip
_FOUND: Final = (Column("NODE", 26), Column("VER", 5, is_number=True), Column("FOUND"))
_ALIKE: Final = (
    Column("NODE"), Column("VER", 5, is_number=True), Column("RISK", 7), Column("ALIKE", 6, is_number=True),
    Column("RUNS", 6, is_number=True), Column("LAST", 5, is_number=True),
)  # fmt: skip


class NodeRow(NamedTuple):
    """A node in the table."""

    node: ListedNode
    words: str
    """What a search in names looks at."""
    match: CodeMatch | None = None
    """Where its code has what is searched for; None where its names have it."""
    group: int = -1
    """Which group of duplicates it is in."""

    @property
    def key(self) -> tuple[str, int, str]:
        """What it is known by: another version is another one."""
        return self.node.node_id, self.node.version, self.node.sha256


class SightChanged(Message):
    """Other rows are in sight, or another search."""


def in_order(rows: Sequence[NodeRow], uses: Mapping[str, NodeUse], order: Order) -> list[NodeRow]:
    """The rows in an order: the latest first, or by name."""
    if order is Order.NAME:
        return sorted(rows, key=lambda row: row.node.node_id)
    never = NodeUse("")
    if order is Order.APPROVED:
        return sorted(rows, key=lambda row: (row.node.decided_at, row.node.node_id), reverse=True)

    def latest(row: NodeRow) -> tuple[str, str, str]:
        return uses.get(row.node.node_id, never).last_at, row.node.decided_at, row.node.node_id

    return sorted(rows, key=latest, reverse=True)


class NodeTable(RowsPane[NodeRow]):
    """A row for each node, those that a search finds, or groups of duplicates."""

    pane_name = "nodes"
    filter_words = "name, title, tag, or code"
    columns: Sequence[Column] = _ALL

    def __init__(self, now: Callable[[], float], *, plain: bool = False) -> None:
        super().__init__(id="nodes", plain=plain)
        self._now = now
        self._all: Sequence[NodeRow] = ()
        self._uses: Mapping[str, NodeUse] = {}
        self._details: dict[tuple[str, int, str], NodeDetails] = {}
        self._matches: Sequence[CodeMatch] = ()
        self._groups: Sequence[Alike] | None = None
        self.order = Order.LAST_RUN
        self.shows_retired = False
        self.marked: set[str] = set()
        """The ids of nodes that something will be done with together."""
        self._range_from: int | None = None
        self.search_words = ""
        """What is said of the search in code."""
        self.has_read = False
        self.empty_words = "reading the library…"
        self.set_title("Library")

    def key_of(self, row: NodeRow) -> Hashable:
        """Its id."""
        return row.node.node_id

    # --- what is shown

    def show_nodes(self, rows: Sequence[NodeRow], uses: Mapping[str, NodeUse]) -> None:
        """Show these, which are in order."""
        self.has_read = True
        self._all, self._uses = rows, uses
        known = {row.key for row in rows}
        self._details = {key: each for key, each in self._details.items() if key in known}
        self.marked &= {row.node.node_id for row in rows}
        self.choose_rows()

    def show_matches(self, matches: Sequence[CodeMatch], words: str) -> None:
        """Show what the code of other nodes was found to have, under those whose names have it."""
        self.search_words = words
        self._matches = matches
        self.choose_rows()

    def show_groups(self, groups: Sequence[Alike] | None) -> None:
        """Show groups of duplicates alone; None leaves them."""
        self._groups = groups
        self.choose_rows()
        self.move_top()

    @property
    def shows_groups(self) -> bool:
        """Whether duplicates are shown."""
        return self._groups is not None

    def search_changed(self) -> None:
        """Show what has it in its names; the code is looked through then."""
        self._matches, self.search_words = (), ""
        self.choose_rows()
        self.post_message(SightChanged())

    @property
    def all_rows(self) -> Sequence[NodeRow]:
        """Every node, shown or not."""
        return self._all

    @property
    def in_use(self) -> Sequence[ListedNode]:
        """The nodes that are not retired."""
        return [row.node for row in self._all if row.node.retirement is None]

    @property
    def without_name(self) -> Sequence[ListedNode]:
        """The nodes that are shown and whose names have not what is searched for, in order."""
        words = self.search.casefold()
        return [row.node for row in self._all if self._is_shown(row) and words not in row.words]

    def reorder(self, order: Order) -> None:
        """Order them another way."""
        self.order = order
        self._all = in_order(self._all, self._uses, order)
        self.choose_rows()

    def choose_rows(self) -> None:
        """Show what matches now."""
        words = self.search.casefold()
        if self._groups is not None:
            self.columns = _ALIKE
            by_id = {row.node.node_id: row for row in self._all}
            rows = [
                by_id[node_id]._replace(group=number)
                for number, group in enumerate(self._groups)
                for node_id in group.names
                if node_id in by_id
            ]
        elif words:
            self.columns = _FOUND
            rows = [row for row in self._all if words in row.words and self._is_shown(row)]
            by_id = {row.node.node_id: row for row in self._all} if self._matches else {}
            rows += [by_id[each.node_id]._replace(match=each) for each in self._matches if each.node_id in by_id]
        else:
            self.columns = _ALL
            rows = [row for row in self._all if self._is_shown(row)]
        self.empty_words = self._empty_words()
        self.show_rows(rows)
        self.tick()

    def _is_shown(self, row: NodeRow) -> bool:
        return self.shows_retired or row.node.retirement is None

    def _empty_words(self) -> str:
        if not self.has_read:
            return "reading the library…"
        if self.search:
            return f"nothing contains “{safe_text(self.search, 60)}”"
        if self._groups is not None:
            return "no two nodes are nearly the same"
        return "no node was approved yet"

    # --- details

    def missing(self) -> Sequence[NodeRow]:
        """The rows in sight of which nothing is known beyond the index."""
        sight = self.rows[max(0, self._top - AHEAD) : self._top + self.page_height + AHEAD]
        return [row for row in sight if row.key not in self._details]

    def know(self, row: NodeRow, details: NodeDetails) -> None:
        """Take what was read of a node."""
        self._details[row.key] = details

    def forget(self, node_ids: Collection[str] = ()) -> None:
        """Have what is known of nodes read again, or of all."""
        self._details = {} if not node_ids else {k: v for k, v in self._details.items() if k[0] not in node_ids}

    def details_of(self, row: NodeRow) -> NodeDetails | None:
        """What is known of a node; None while it is read."""
        return self._details.get(row.key)

    def use_of(self, node_id: str) -> NodeUse:
        """How often it ran."""
        return self._uses.get(node_id, NodeUse(node_id))

    # --- marks

    def toggle_mark(self) -> None:
        """Mark the node under the cursor, or no more, and go on to the next one."""
        if self.selected is not None:
            self.marked ^= {self.selected.node.node_id}
            self._range_from = self._cursor
            self.move_by(1)

    def mark_range(self) -> None:
        """Mark everything from the latest mark to the cursor."""
        start = self._cursor if self._range_from is None else min(self._range_from, len(self.rows) - 1)
        first, last = sorted((start, self._cursor))
        self.marked |= {row.node.node_id for row in self.rows[first : last + 1]}
        self._range_from = self._cursor
        self.tick()

    def unmark(self) -> bool:
        """Mark nothing; False where nothing was marked."""
        had, self.marked, self._range_from = bool(self.marked), set(), None
        self.tick()
        return had

    @property
    def chosen(self) -> Sequence[NodeRow]:
        """What is marked, in order, or else what is under the cursor."""
        if self.marked:
            return [row for row in self._all if row.node.node_id in self.marked]
        return [] if self.selected is None else [self.selected]

    # --- moving

    def _go(self, index: int) -> None:
        super()._go(index)
        self.post_message(SightChanged())

    def on_resize(self) -> None:
        """Other rows come into sight."""
        super().on_resize()
        self.post_message(SightChanged())

    def next_group(self, step: int) -> None:
        """To the first node of the next group of duplicates, or the one before."""
        here = self.selected.group if self.selected is not None else 0
        target = here + step
        index = next((index for index, row in enumerate(self.rows) if row.group == target), None)
        if index is not None:
            self._go(index)

    # --- drawing

    def tick(self) -> None:
        """Draw again what reads differently."""
        parts = [f"{len(self.rows):,}{' found' if self.search else ''}"] if self.has_read else []
        if self._groups is not None:
            parts = [count(len(self._groups), "group")]
        parts += [self.search_words] if self.search_words else []
        parts += [f"{len(self.marked):,} marked"] if self.marked else []
        if not self.search and self._groups is None:
            parts.append(f"by {self.order.value}")
        self.set_subtitle(" · ".join(parts))
        super().tick()

    def sign(self, row: NodeRow) -> Fragment:
        """Whether it is marked, or how it stands."""
        if row.node.node_id in self.marked:
            return self.symbols.on, "key"
        if row.node.retirement is not None:
            return self.symbols.cancelled, "dim"
        details = self.details_of(row)
        if details is not None and (details.is_edited or details.set_aside_by):
            return self.symbols.failed, "warn"
        return " ", "text"

    def cells(self, row: NodeRow, widths: dict[str, int]) -> dict[str, Fragment]:
        """What is known of a node."""
        node, details, use = row.node, self.details_of(row), self.use_of(row.node.node_id)
        is_retired = node.retirement is not None
        risk = details.record.risk.value if details is not None else "…"
        group = self._groups[row.group] if self._groups is not None and row.group >= 0 else None
        is_first = group is not None and group.names[0] == node.node_id
        return {
            "NODE": (fit_middle(node.node_id, widths["NODE"] - 1), "dim" if is_retired else "text"),
            "VER": (f"v{node.version}", "dim"),
            "RISK": (risk, _RISKS.get(risk, "dim")),
            "TAGS": (safe_text(" ".join(node.tags), 200), "dim"),
            "EX": (f"{details.examples}" if details is not None else "…", "dim"),
            "RUNS": (f"{use.count:,}" if use.count else "-", "text" if use.count else "dim"),
            "LAST": (ago(use.last_at, self._now()), "dim"),
            "ALIKE": (f"{100 * group.least:.0f} %" if group is not None and is_first else "", "strong"),
            "FOUND": (self._found(row), "text" if row.match is not None else "dim"),
        }

    @staticmethod
    def _found(row: NodeRow) -> str:
        if row.match is None:
            return safe_text(row.node.title, 200)
        return f"{row.match.line}: {safe_text(row.match.text.strip(), 200)}"


def ago(at: str, now: float) -> str:
    """How long ago a time was that stands in a file; `-` for none."""
    if not at:
        return "-"
    try:
        return age(now - day_or_time(at))
    except (ValueError, OverflowError):
        return "?"
