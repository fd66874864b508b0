"""The library's view: a table of nodes, and a card of the one under the cursor."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from evolver_tui.core.errors import EvolverError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import Keymap
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.drawing.code_view import CodeDocument
from evolver_tui.tui.drawing.head_row import views_line
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.pane import pane_of
from evolver_tui.tui.drawing.place_line import PlaceLine
from evolver_tui.tui.drawing.rows_pane import RowsMoved
from evolver_tui.tui.drawing.text_page import TextPage
from evolver_tui.tui.framed_view import FramedView
from evolver_tui.tui.screens.library.actions import BACK, COPY, DIFF
from evolver_tui.tui.screens.library.context import LibraryContext
from evolver_tui.tui.screens.library.keeping import TRY
from evolver_tui.tui.screens.library.names import DIFF as DIFF_PAGE
from evolver_tui.tui.screens.library.panes.node_card import NodeCard
from evolver_tui.tui.screens.library.panes.node_pages import (
    code_page,
    diff_page,
    examples_page,
    runs_page,
    standing_words,
    versions_page,
    without_diff,
)
from evolver_tui.tui.screens.library.panes.node_table import NodeTable, SightChanged
from evolver_tui.tui.screens.library.reading import read_details, read_facts, read_library
from evolver_tui.tui.screens.library.searching import find_duplicates, find_in_code

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evolver_tui.core.node_listing import CodeMatch
    from evolver_tui.engine.session import Session

SECONDS_BETWEEN_LOOKS: Final = 3.0
_SHARE: Final = 20
"""The library is read again after so many times the seconds that reading it took."""
SECONDS_BEFORE_CODE: Final = 0.3
"""Without typing, until code is searched."""


class LibraryView(FramedView[LibraryContext]):
    """Read when it is first shown, and kept up to date while it is in front."""

    AUTO_FOCUS = "#nodes"

    def __init__(self, settings: DeskSettings, keymap: Keymap) -> None:
        super().__init__(settings, keymap)
        plain, views = settings.plain, views_line(keymap.actions)
        self.head = PlaceLine(views, "library", plain=plain)
        self.table = NodeTable(settings.now, plain=plain)
        self.card = NodeCard(f"{keymap.shown_key(COPY)} copies, {keymap.shown_key(BACK)} ends it", plain=plain)
        self.panes = (self.head, self.table, self.card)
        self.context = LibraryContext(self, settings, keymap, self.table, self.card, self)
        self._wanted = asyncio.Event()
        self._card_wanted = asyncio.Event()
        self._is_stale = True
        self._rest_until = 0.0
        self._problem = ""
        self._told: frozenset[str] = frozenset()
        """What was said of folders that cannot be read."""
        self._document = CodeDocument()
        self._difference: tuple[str, int, int, Page] | None = None
        self._is_comparing = False
        self._line_shown: CodeMatch | None = None

    # --- the session

    def attach(self, session: Session) -> None:
        """Read its library from here on."""
        self.context.open_session = session
        self.head.update("library", safe_text(session.library.place, 200))
        self._wanted.set()

    async def detach(self) -> None:
        """Read no more."""
        self.context.open_session = None
        for group in ("read", "card", "search", "compare"):
            self.workers.cancel_group(self, group)

    def on_mount(self) -> None:
        """Read whenever something is wanted, and look again and again while it is in front."""
        self.run_worker(self._read(), name="library", group="read", exit_on_error=False)
        self.run_worker(self._read_cards(), name="node", group="card", exit_on_error=False)
        self.set_interval(SECONDS_BETWEEN_LOOKS, self._look)
        self._wanted.set()
        self.show_card()

    def on_screen_resume(self) -> None:
        """It is in front again: what changed meanwhile is read."""
        self.look_again()

    def _look(self) -> None:
        if self.app.screen_stack[:1] == [self]:
            self.table.tick()
            if self.context.settings.monotonic() >= self._rest_until:
                self._is_stale = True
                self._wanted.set()

    # --- reading

    def look_again(self, node_ids: Sequence[str] = ()) -> None:
        """Read the library again, and these nodes with it."""
        if node_ids:
            self.table.forget(node_ids)
        self._is_stale = True
        self._wanted.set()
        self._read_card()

    async def _read(self) -> None:
        """Read what is wanted as long as the view lives: the index, and then the rows in sight."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            session = self.context.open_session
            if session is None:
                continue
            files = session.nodes.files
            try:
                if self._is_stale:
                    self._is_stale = False
                    await self._read_rows(session)
                missing = self.table.missing()
                if missing:
                    for row, details in await asyncio.to_thread(read_details, files, missing):
                        self.table.know(row, details)
                    self.table.tick()
                    self.show_card()
                self._problem = ""
            except EvolverError as error:
                if str(error) != self._problem:
                    self._problem = str(error)
                    self.context.say(self._problem, "error")

    async def _read_rows(self, session: Session) -> None:
        began = self.context.settings.monotonic()
        found = await asyncio.to_thread(read_library, session.nodes.files, self.table.order)
        ended = self.context.settings.monotonic()
        self._rest_until = ended + _SHARE * (ended - began)
        changed = {row.key for row in found.rows} != {row.key for row in self.table.all_rows}
        self.table.show_nodes(found.rows, found.uses)
        if changed:
            self._read_card()
        for problem in found.problems:
            if problem not in self._told and len(self._told) < 10:
                self._told |= {problem}
                self.context.say(problem, "warning")

    def _read_card(self) -> None:
        self._card_wanted.set()

    async def _read_cards(self) -> None:
        """Read the node under the cursor whenever that is wanted, as long as the view lives."""
        while True:
            await self._card_wanted.wait()
            self._card_wanted.clear()
            session, row = self.context.open_session, self.table.selected
            if session is None:
                continue
            if row is None:
                self.context.facts = None
                self.show_card()
                continue
            try:
                self.context.facts = await asyncio.to_thread(read_facts, session.nodes.files, row.node.node_id)
            except EvolverError as error:
                self.context.facts = None
                self.card.show(row.key, row.node.node_id, "", (_words(str(error), "error"),))
                self.show_keys()
                continue
            self.show_card()
            if row.match is not None and self._line_shown != row.match:
                self._line_shown = row.match
                self.card.go_to_line(row.match.line)

    # --- the card

    def show_card(self) -> None:
        """Bring the card up to date with what is known."""
        row, facts = self.table.selected, self.context.facts
        if row is None:
            words = "There is no node to show." if self.table.has_read else ""
            self.card.show(None, "Node", "", (_words(words, "dim"),))
        elif facts is None or facts.record.node_id != row.node.node_id:
            self.card.show(row.key, row.node.node_id, "", (_words("Reading the node…", "dim"),))
        else:
            node_id = row.node.node_id
            self._document.update(facts.code)
            now, keymap = self.context.settings.now(), self.context.keymap
            trials = self.context.session.node_trials
            self.card.show(
                row.key, f"{node_id} v{facts.record.version}", standing_words(self.table.details_of(row)),
                (
                    code_page(self._document, row.match),
                    versions_page(facts, now, f"{keymap.shown_key(DIFF)} compares one of them with the current one."),
                    self._diff_page(node_id),
                    examples_page(facts, self.context.tested.get(node_id)),
                    runs_page(
                        facts, trials.of(node_id), now, self.card.symbols, is_running=trials.is_running(node_id),
                        keys=f"{keymap.shown_key(TRY)} tries it on an input of yours.",
                    ),
                ),
            )  # fmt: skip
        self.show_keys()

    def _diff_page(self, node_id: str) -> Page:
        facts = self.context.facts
        assert facts is not None
        if self._difference is not None and self._difference[0] == node_id:
            return self._difference[3]
        if len(facts.versions) < 2:
            return without_diff()
        key = self.context.keymap.shown_key(DIFF)
        return Page(DIFF_PAGE, TextPage(((f"{key} compares a version with the current one.", "dim"),)))

    def show_difference(self, old: int, new: int) -> None:
        """Read what differs between two versions of the node on the card, and turn to that."""
        row = self.table.selected
        if row is not None:
            work = self._compare(row.node.node_id, old, new)
            self.run_worker(work, name="difference", group="actions", exit_on_error=False)

    async def _compare(self, node_id: str, old: int, new: int) -> None:
        files = self.context.session.nodes.files
        before = await asyncio.to_thread(files.code, node_id, old)
        after = await asyncio.to_thread(files.code, node_id, new)
        page = await asyncio.to_thread(diff_page, f"v{old}", f"v{new}", before, after, self.card.symbols)
        self._difference = node_id, old, new, page
        self.show_card()
        self.card.turn_to(DIFF_PAGE)

    # --- searching

    def on_sight_changed(self, event: SightChanged) -> None:
        """Read the rows that came into sight, and look through code once nobody types."""
        event.stop()
        self._wanted.set()
        if self.table.search != self._searched:
            self._searched = self.table.search
            self.workers.cancel_group(self, "search")
            if self._searched:
                self.run_worker(
                    self._search_code(self._searched), name="search", group="search", exclusive=True,
                    exit_on_error=False,
                )  # fmt: skip

    _searched = ""

    async def _search_code(self, text: str) -> None:
        await asyncio.sleep(SECONDS_BEFORE_CODE)
        if self.context.open_session is not None:
            files, nodes = self.context.session.nodes.files, self.table.without_name
            async for matches, words in find_in_code(files, nodes, text):
                self.table.show_matches(matches, words)
                self._wanted.set()

    @property
    def is_comparing(self) -> bool:
        """Whether duplicates are being looked for."""
        return self._is_comparing

    def find_duplicates(self) -> None:
        """Look for nodes that are nearly the same, beside everything else."""
        self.run_worker(
            self._find_duplicates(), name="duplicates", group="compare", exclusive=True, exit_on_error=False
        )

    async def _find_duplicates(self) -> None:
        files, nodes = self.context.session.nodes.files, self.table.in_use
        self._is_comparing = True
        try:
            async for groups, words in find_duplicates(files, nodes):
                self.table.search_words = words
                if groups is None:
                    self.table.tick()
                else:
                    self.table.show_groups(groups)
        finally:
            self._is_comparing = False
            self.table.search_words = ""
            self.table.tick()
            self.show_keys()

    # --- what the panes tell

    def on_rows_moved(self, event: RowsMoved) -> None:
        """Show what is under the cursor now."""
        event.stop()
        self.show_card()
        self._read_card()

    # --- layout

    @property
    def shows_card_alone(self) -> bool:
        """Whether the card has the whole view."""
        return self.has_class("-card")

    def show_card_alone(self, alone: bool) -> None:
        """Give the whole view to the card, or take that back."""
        self.set_class(alone, "-card")
        self.set_focus(self.card if alone else self.table)  # at once: the next key is meant for it
        self.show_keys()

    def cycle(self, step: int) -> None:
        """Go to the other pane."""
        if not self.shows_card_alone:
            self.set_focus(self.table if pane_of(self) is self.card else self.card)

    def go_back(self) -> None:
        """Out of the innermost thing."""
        if self.card.end_selection():
            return
        if self.shows_card_alone:
            self.show_card_alone(False)
        elif pane_of(self) is self.card:
            self.set_focus(self.table)
        elif self.table.close_filter():
            return
        elif self.table.shows_groups:
            self.table.show_groups(None)
        else:
            self.table.unmark()


def _words(text: str, style: str) -> Page:
    return Page("", TextPage(((safe_text(text, 1_000), style),)))
