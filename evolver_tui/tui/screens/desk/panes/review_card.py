"""The card: the selected job, page by page. A draft is shown in full and drawn before anything can be decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from rich.style import Style
from textual import events

from evolver_tui.tui.drawing.diff_view import LEAST_WIDTH_BESIDE, DiffDocument
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.movable import Movable
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.selectable import SelectablePane
from evolver_tui.tui.drawing.selected_text import Document
from evolver_tui.tui.drawing.styles import Fragment, Line, fit, line_width, spread
from evolver_tui.tui.drawing.text_page import TextPage
from evolver_tui.tui.screens.desk.card import (
    DIFF_PAGE,
    RUN_PAGE,
    CardContent,
    QuestionIdentity,
    ReviewIdentity,
    message_content,
)
from evolver_tui.tui.screens.desk.draft_guard import DraftGuard
from evolver_tui.tui.screens.desk.panes.card_edges import edge_line, summary_rows
from evolver_tui.tui.screens.desk.reading import DrawnPieces, Reading, Readings, line_count
from evolver_tui.tui.screens.desk.receipts import fit_receipt

if TYPE_CHECKING:
    from evolver_tui.core.code_diff import Fold
    from evolver_tui.tui.drawing.code_view import CodeDocument
    from evolver_tui.tui.drawing.folded_code import FoldedCode
    from evolver_tui.tui.screens.desk.card import Review

_BANNER = "another draft than before: keys decide once you scroll, or after 3 s"
_SHORT_BANNER = "keys after 3 s"
"""The same beside the tabs, where a row is short."""

_ROWS_TO_BREATHE = 28
"""With more rows than these, one of them stays empty under the tabs."""

_CELLS_BESIDE_SUBTITLE = 4
"""A corner and a blank at each end of it."""

_LEAST_ROWS_ABOVE_SUMMARY = 7
"""A card that is not higher has no rows on what speaks for and against a draft."""

_ROWS_FOR_A_RULE = 20
"""A card that is as high has a rule over them."""


class ReviewCard(SelectablePane, Movable):
    """Tabs, a page that scrolls, and under it what the checks say."""

    pane_name = "card"
    can_focus = True

    def __init__(
        self, monotonic: Callable[[], float], selection_keys: str = "", *, is_replay: bool = False, plain: bool = False
    ) -> None:
        """Args:
        monotonic: seconds that only count up.
        selection_keys: what is said beside the tabs while something is selected: which keys copy it and end it.
        is_replay: whether what lies here was decided long ago.
        plain: whether to draw with ASCII alone.
        """
        super().__init__(selection_keys, plain=plain, id="card")
        self._monotonic = monotonic
        self._content = message_content("Card", [])
        self._tab = 0
        self._tops: dict[int, int] = {}
        self._follows = False
        self.guard = DraftGuard(monotonic, is_replay=is_replay)
        self._is_to_be_told = False
        """Whether the edge says less than was read."""
        self.readings = Readings()
        """Which lines of drafts were on the screen."""
        self._reading: Reading | None = None
        self.is_touched = False
        """Whether a person scrolled, turned or selected here since this was last set to False."""
        self._marks_unlike = True
        self._compared = 0
        """Which of the things that the draft is held against is on the page of that."""
        self._is_beside = False
        """Whether both sides of a diff stand beside each other there."""
        self._folds = True
        """Whether what can be passed over is folded where the whole draft has no room."""
        self._pieces_drawn = DrawnPieces()
        self._note: Fragment = ("", "dim")
        self._banner_shown = ""
        self.set_title("Card")

    # --- what is shown

    @property
    def content(self) -> CardContent:
        """What lies here."""
        return self._content

    @property
    def page(self) -> Page:
        """The page in front."""
        page = self._content.pages[self._tab]
        document = self._diff if page.title == DIFF_PAGE else None
        return page if document is None else page._replace(content=document)

    @property
    def _diff(self) -> DiffDocument | None:
        """What is shown of what differs, as it is wanted."""
        diffs = self._content.diffs
        if not diffs:
            return None
        document = diffs[self._compared % len(diffs)]
        document.is_beside = self._is_beside
        return document

    def show(self, content: CardContent, *, follow: bool = False) -> None:
        """Lay something on the card; the reader's place is kept where it is the same thing in a later state.

        Args:
            follow: keep the end in view, for code that is being written, until the reader scrolls.
        """
        if content.identity != self._content.identity:
            self._tab, self._tops, self._follows = content.front, {}, follow
            self._compared = 0
            self._folds, self._pieces_drawn = True, DrawnPieces()
            self.end_selection()
            draft = content.review.draft if content.review is not None else None
            self.guard.lay(content.job, draft.sha256 if draft is not None else "")
            self._reading = None if draft is None else self.readings.of(draft.sha256, line_count(draft.code))
        if isinstance(content.identity, QuestionIdentity | ReviewIdentity):
            self.guard.has_come(content.job)
        line = self._line_at_top if self._folds_otherwise(content) else 0
        if content.identity == self._content.identity:
            self._keep_page(content)
        self._content = content
        self._tab = min(self._tab, len(content.pages) - 1)
        self._put_at_top(line)
        self.set_title(content.title)
        self._fit_subtitle()
        self.refresh()

    def _keep_page(self, content: CardContent) -> None:
        """Stay on the page in front, and where each page is, where others come before it."""
        before, titles = [page.title for page in self._content.pages], [page.title for page in content.pages]
        if before != titles:
            places = {tab: titles.index(title) for tab, title in enumerate(before) if title in titles}
            self._tops = {places[tab]: top for tab, top in self._tops.items() if tab in places}
            self._tab = places.get(self._tab, 0)

    def _fit_subtitle(self) -> None:
        """Show as much of the subtitle as the border has room for."""
        content, dot = self._content, f" {self.symbols.dot} "
        room = self.outer_size.width - _CELLS_BESIDE_SUBTITLE
        self.set_subtitle(edge_line(content.edge, self.reading, dot, room) if content.edge else content.subtitle)

    def on_resize(self, event: events.Resize) -> None:
        """Another width has room for another form of the subtitle."""
        self._fit_subtitle()

    def look_anew(self) -> None:
        """Whatever was seen of it before, it has to be on the screen for a while from here on."""
        self.guard.look_anew()
        self.refresh()

    def _touch(self) -> None:
        self.is_touched = True
        if self.guard.touch():
            self.refresh()

    def review_to_decide(self) -> tuple[Review | None, str]:
        """The draft that a decision would be about, or why there can be none now."""
        reason = self.guard.reason
        return None if reason else self._content.review, reason

    # --- what was read

    @property
    def reading(self) -> Reading | None:
        """Which lines of the draft on the card were on the screen; None without a draft."""
        return self._reading

    def mark_read(self, lines: Iterable[int]) -> None:
        """These lines of the draft on the card, counted from 1, were on the screen as a whole, on whatever page."""
        reading = self.reading
        if reading is not None and reading.add(lines) and not self._is_to_be_told:
            self._is_to_be_told = True
            self.call_later(self._tell_read)  # once for all rows that are drawn now, and not meanwhile

    def _tell_read(self) -> None:
        self._is_to_be_told = False
        self._fit_subtitle()

    # --- what is said beside it

    def set_note(self, note: Fragment) -> None:
        """What became of the latest decision, in the row of the tabs."""
        if note != self._note:
            self._note = note
            self.refresh()

    @property
    def _banner(self) -> str:
        """What is said of a draft that nobody asked for, as long as no key decides about it."""
        return _BANNER if self.guard.is_new else ""

    def tick(self) -> None:
        """Draw the banner again where it reads differently."""
        if self._banner != self._banner_shown:
            self._banner_shown = self._banner
            self.refresh()

    # --- moving

    def next_tab(self) -> None:
        """The page to the right."""
        self._turn_to((self._tab + 1) % len(self._content.pages))

    def previous_tab(self) -> None:
        """The page to the left."""
        self._turn_to((self._tab - 1) % len(self._content.pages))

    def show_runs(self, question_id: int) -> None:
        """Turn to what came of running a draft, at its top, if that draft lies here and nobody selects anything."""
        identity, titles = self._content.identity, [page.title for page in self._content.pages]
        is_here = isinstance(identity, ReviewIdentity) and identity.question == question_id
        if is_here and RUN_PAGE in titles and self.text_selection is None:
            self._tab = titles.index(RUN_PAGE)
            self._tops[self._tab] = 0
            self.refresh()

    @property
    def has_folds(self) -> bool:
        """Whether anything of the page in front can be folded, and the whole of it has no room."""
        page = self.page
        return page.folded is not None and page.content.row_count(self._body_width) > self._body_height

    @property
    def is_folded(self) -> bool:
        """Whether something is folded."""
        return self._in_front is self.page.folded

    def toggle_folds(self) -> None:
        """Fold what can be passed over, or unfold it; the line at the top stays there."""
        if not self.has_folds:
            return
        self._touch()
        self.end_selection()
        line = self._line_at_top
        self._folds = not self._folds
        self._put_at_top(line)
        self.refresh()

    def go_to_line(self, number: int) -> None:
        """Bring a line of the page's code to the top, as far as there is enough below it."""
        self._touch()
        self._put_at_top(number)
        self.refresh()

    def go_to_unread(self, sha256: str) -> None:
        """Bring the first line that was not on the screen to the top, if that draft lies here still."""
        reading, review = self.reading, self._content.review
        if reading is not None and review is not None and review.draft.sha256 == sha256 and reading.unread:
            self._turn_to(0)
            self.go_to_line(reading.unread[0])

    def _folds_otherwise(self, content: CardContent) -> bool:
        """Whether this is the same as what lies here, with other lines folded than before, away from its top."""
        is_same = content.identity == self._content.identity and len(content.pages) > self._tab
        if not is_same or not self._tops.get(self._tab) or not self.is_attached:
            return False
        before, after = self.page.folded, content.pages[self._tab].folded
        return (before.folds if before else ()) != (after.folds if after else ())

    @property
    def _line_at_top(self) -> int:
        """The number of the first line in sight; 0 for a page of text."""
        content = self._in_front
        return 0 if isinstance(content, TextPage | DiffDocument) else content.lines_at(self._top, self._body_width)[0]

    def _put_at_top(self, number: int) -> None:
        content, width = self._in_front, self._body_width
        if number and not isinstance(content, TextPage | DiffDocument):
            rows = range(content.row_count(width))
            self._tops[self._tab] = next((row for row in rows if content.lines_at(row, width)[1] >= number), 0)

    def cycle_diff(self) -> None:
        """From the code to what differs, to both sides of that beside each other where there is room, and back."""
        titles = [page.title for page in self._content.pages]
        if DIFF_PAGE not in titles:
            return
        is_beside = self.page.title == DIFF_PAGE and not self._is_beside and self._body_width >= LEAST_WIDTH_BESIDE
        is_shown = self.page.title != DIFF_PAGE or is_beside
        self._is_beside = is_beside
        self._turn_to(titles.index(DIFF_PAGE) if is_shown else 0)

    def compare_with_next(self) -> None:
        """Hold the draft against the next of the things that it can be held against."""
        titles = [page.title for page in self._content.pages]
        if DIFF_PAGE in titles:
            self._compared = (self._compared + 1) % max(1, len(self._content.diffs))
            self._tops.pop(titles.index(DIFF_PAGE), None)
            self._turn_to(titles.index(DIFF_PAGE))

    def toggle_unlike(self) -> None:
        """Mark lines that are unlike approved code, or do not."""
        self._marks_unlike = not self._marks_unlike
        self.refresh()

    def _turn_to(self, tab: int) -> None:
        self._touch()
        self.end_selection()
        self._tab = tab
        self.refresh()

    @property
    def page_height(self) -> int:
        """Rows of the page that are in sight."""
        return self._body_height

    def move_by(self, rows: int) -> None:
        """Some rows down, or up below 0; the end of a selection goes along."""
        row = self.extend_selection(rows)
        self._go(self._top + rows if row is None else min(max(self._top, row - self._body_height + 1), row))

    def move_top(self) -> None:
        """To the first row."""
        self.extend_selection(-self._row_count)
        self._go(0)

    def move_bottom(self) -> None:
        """To the last row; code that is being written is followed from there."""
        self.extend_selection(self._row_count)
        self._go(self._row_count)

    # --- selecting

    def begin_selection(self) -> None:
        """Select the first line in sight."""
        self._touch()
        super().begin_selection()

    @property
    def document(self) -> Document:
        """The page in front."""
        return self._in_front

    @property
    def document_width(self) -> int:
        """The cells of a row of the page."""
        return self._body_width

    @property
    def first_row_in_sight(self) -> int:
        """The row of the page that stands at its top."""
        return self._top

    def row_at(self, y: int) -> tuple[int, int] | None:
        """The row of the page on a line of the card, and the cell from which on it stands there."""
        start, content = self._body_start, self.page.content
        row = y - start + self._top
        if not start <= y < start + self._body_height or row >= self._row_count:
            return None
        return row, 1 if isinstance(content, TextPage | DiffDocument) else self._digits(content) + 4

    def _go(self, top: int) -> None:
        self._touch()
        furthest = max(0, self._row_count - self._body_height)
        self._follows = top >= furthest
        self._tops[self._tab] = max(0, min(top, furthest))
        self.refresh()

    @property
    def _top(self) -> int:
        furthest = max(0, self._row_count - self._body_height)
        if self._follows and self._content.review is None:
            return furthest
        return min(self._tops.get(self._tab, 0), furthest)

    # --- geometry

    @property
    def _has_summary(self) -> bool:
        is_in_page = self.page.title in ("Checks", RUN_PAGE)
        return bool(self._content.summary) and not is_in_page and self.size.height > _LEAST_ROWS_ABOVE_SUMMARY

    @property
    def _body_start(self) -> int:
        has_tabs = len(self._content.pages) > 1
        return (1 + (self.size.height > _ROWS_TO_BREATHE)) if has_tabs else 0

    @property
    def _body_height(self) -> int:
        return max(1, self._room - (len(self._summary_rows) if self._has_summary else 0))

    @property
    def _room(self) -> int:
        """Rows for the page and the summary."""
        return self.size.height - self._body_start - self._has_rule

    @property
    def _has_rule(self) -> bool:
        return self._has_summary and self.size.height >= _ROWS_FOR_A_RULE

    @property
    def _summary_rows(self) -> Sequence[Line]:
        first, size = self._content.pages[0], self.size
        code = first.content if first.folded is None or not self._folds else first.folded
        return summary_rows(self._content, size.width, size.height, self._room - code.row_count(self._width_of(first)))

    @property
    def _in_front(self) -> CodeDocument | FoldedCode | TextPage | DiffDocument:
        """The page as it is shown: folded where that is wanted and the whole of it has no room."""
        page = self.page
        if page.folded is None or not self._folds:
            return page.content
        has_room = page.content.row_count(self._body_width) <= self._body_height
        return page.content if has_room else page.folded

    @property
    def _body_width(self) -> int:
        return self._width_of(self.page)

    def _width_of(self, page: Page) -> int:
        content = page.content
        gutter = 2 if isinstance(content, TextPage | DiffDocument) else self._digits(content) + 4
        return max(1, self.size.width - gutter)

    def _digits(self, content: CodeDocument | FoldedCode) -> int:
        return max(2, len(str(content.line_count)))

    @property
    def _row_count(self) -> int:
        return self._in_front.row_count(self._body_width)

    # --- drawing

    def on_click(self, event: events.Click) -> None:
        """Turn to the page whose tab is under the pointer."""
        self._touch()
        offset = event.get_content_offset(self)
        if offset is None or offset.y != 0 or len(self._content.pages) < 2:
            return
        start = 0
        for index, page in enumerate(self._content.pages):
            start += len(page.title) + line_width(page.tally) + 2
            if offset.x < start:
                self._turn_to(index)
                return

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Three rows down."""
        event.stop()
        self._go(self._top + 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Three rows up."""
        event.stop()
        self._go(self._top - 3)

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """Tabs, a row of the page, or a row of the summary."""
        start = self._body_start
        if y < start:
            return (self._tab_line(width) if y == 0 else []), None
        end = start + self._body_height
        if y < end:
            return self._body_line(y - start, width), None
        if self._has_rule and y == end:
            return self._rule_line(width), None
        index = y - end - self._has_rule
        return (self._summary_rows[index] if index < len(self._summary_rows) else []), None

    def _tab_line(self, width: int) -> Line:
        left: list[Fragment] = []
        for index, page in enumerate(self._content.pages):
            left += [(" ", "text"), (page.title, "tab" if index == self._tab else "dim"), *page.tally, ("  ", "text")]
        words = self._note if self._note[0] else ("", "dim")
        if self.selection_words:
            words = (self.selection_words, "key")
        has_place = self._row_count > self._body_height and not self.selection_words  # which needs the room
        place = f"{self._place_words()} " if has_place else ""
        room = width - line_width(left) - len(place) - 2
        if not self._has_rule and self._banner:
            words = (self._banner if room >= len(self._banner) else _SHORT_BANNER, "warn")
        if words[0]:
            left = [*left, (fit_receipt(words[0], max(0, room)), words[1])]
        return spread(left, [(place, "dim")], width) if place else left

    def _rule_line(self, width: int) -> Line:
        """The rule over the summary, which carries the banner."""
        banner = f" {fit(self._banner, width - 6)} " if self._banner else ""
        start: list[Fragment] = [(self.symbols.rule * 2, "rule"), (banner, "warn")] if banner else []
        return [*start, (self.symbols.rule * max(0, width - line_width(start)), "rule")]

    def _place_words(self) -> str:
        """What of the page is in view: lines of code as they are numbered, or rows of text."""
        content, first, width = self._in_front, self._top, self._body_width
        rows = self._row_count
        after = min(first + self._body_height, rows)
        if isinstance(content, TextPage | DiffDocument):
            return f"{first + 1}-{after} of {rows} rows"
        of = f"of {count(content.line_count, 'line')}"
        start, end = content.lines_at(first, width)[0], content.lines_at(after - 1, width)[1]
        if after < rows and content.lines_at(after, width)[0] == end:
            end -= 1  # the rest of it is further down
        return f"{start}-{end} {of}" if start <= end else f"part of line {start} {of}"

    def _body_line(self, y: int, width: int) -> Line:
        index = y + self._top
        content = self._in_front
        if isinstance(content, TextPage):
            rows = content.rows(self._body_width)
            return [(" ", "text"), *rows[index]] if index < len(rows) else []
        if index >= content.row_count(self._body_width):
            return []
        if isinstance(content, DiffDocument):
            self._note_compared(content, index)
            return [(" ", "text"), *content.row(index, self._body_width)]
        if self._content.review is not None:
            self.guard.note_drawn(index, self._row_count)
            self.mark_read(self._pieces_drawn.note(content, index, self._body_width))
        row = content.row(index, self._body_width)
        note = (self.page.notes or {}).get(row.number) if row.number else None
        mark: Fragment = (self.symbols.failed, note) if note else (" ", "dim")
        if not note and self._marks_unlike and row.number in self.page.unlike:
            mark = (self.symbols.unlike, "strong")
        number = f"{row.number or self.symbols.wrapped:>{self._digits(content)}}"
        return [mark, (f" {number}  ", "dim"), *row.fragments]

    def _note_compared(self, document: DiffDocument, row: int) -> None:
        """A row of what differs was drawn: what it shows of the draft was read, as is what was before it."""
        width = self._body_width
        if not document.is_code(row, width):
            return
        self.guard.note_drawn(row, document.code_row_count(width))
        self.mark_read(document.lines_shown(row, width))
        fold = document.fold_at(row, width)
        if fold is not None:
            self._note_fold(document, fold)

    def _note_fold(self, document: DiffDocument, fold: Fold) -> None:
        """Lines that are the same on both sides and are not shown: read, as far as those of the other side were."""
        before = None if document.is_known else self.readings.of(document.old_sha256, document.old_line_count)
        passed = range(fold.lines)
        self.mark_read(fold.new + each for each in passed if before is None or before.has(fold.old + each))
