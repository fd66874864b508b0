"""What the actions of the library's view may do and ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from evolver_tui.tui.context import ViewContext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.screen import Screen

    from evolver_tui.engine.example_runs import TestedNode
    from evolver_tui.engine.session import Session
    from evolver_tui.tui.actions import Keymap
    from evolver_tui.tui.desk_settings import DeskSettings
    from evolver_tui.tui.screens.library.panes.node_card import NodeCard
    from evolver_tui.tui.screens.library.panes.node_table import NodeRow, NodeTable
    from evolver_tui.tui.screens.library.reading import NodeFacts


class LibraryLayout(Protocol):
    """Which panes are shown, and what is read."""

    @property
    def shows_card_alone(self) -> bool:
        """Whether the card has the whole view."""

    def show_card_alone(self, alone: bool) -> None:
        """Give the whole view to the card, or take that back."""

    def cycle(self, step: int) -> None:
        """Go to the next pane, or with -1 to the one before."""

    def go_back(self) -> None:
        """Out of the innermost thing: the selection, the filter, the duplicates, the marks, the card."""

    def look_again(self, node_ids: Sequence[str] = ()) -> None:
        """Read the library again, and these nodes with it."""

    def show_card(self) -> None:
        """Bring the card up to date with what is known."""

    def show_difference(self, old: int, new: int) -> None:
        """Read what differs between two versions of the node on the card, and turn to that."""

    def find_duplicates(self) -> None:
        """Look for nodes that are nearly the same, beside everything else."""

    @property
    def is_comparing(self) -> bool:
        """Whether that is being done."""


class LibraryContext(ViewContext):
    """The node under the cursor, those that are marked, and the session in which this is looked at."""

    def __init__(
        self, screen: Screen[None], settings: DeskSettings, keymap: Keymap, table: NodeTable, card: NodeCard,
        layout: LibraryLayout,
    ) -> None:  # fmt: skip
        super().__init__(screen, settings, keymap)
        self.table = table
        self.card = card
        self.layout = layout
        self.open_session: Session | None = None
        """None until it is open."""
        self.facts: NodeFacts | None = None
        """What was read of the node on the card; None while it is read."""
        self.tested: dict[str, TestedNode] = {}
        """What came of running the examples of nodes in this session."""
        self.has_agreed_to_live_runs = False
        """Whether a person said in this view that tools may be called in earnest."""

    @property
    def session(self) -> Session:
        """The open session; asked for only by what can be done in one."""
        assert self.open_session is not None
        return self.open_session

    @property
    def selected(self) -> NodeRow | None:
        """The node under the cursor."""
        return self.table.selected

    def reason_against_use(self) -> str:
        """Why nothing can be done here at present; empty when it can."""
        return "The session is still being opened." if self.open_session is None else ""

    def reason_without_node(self) -> str:
        """Why nothing can be done with a node; empty when it can."""
        return self.reason_against_use() or ("" if self.selected is not None else "There is no node here.")

    def reason_without_card(self) -> str:
        """Why nothing can be done with the node on the card; empty when it can."""
        reason = self.reason_without_node()
        if reason:
            return reason
        facts, row = self.facts, self.selected
        is_shown = facts is not None and row is not None and facts.record.node_id == row.node.node_id
        return "" if is_shown else "The node is still being read."
