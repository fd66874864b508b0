"""The card: the selected job, page by page. A draft is shown in full and drawn before anything can be decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from rich.style import Style
from textual import events

from evolver_tui.tui.drawing.diff_view import LEAST_WIDTH_BESIDE, DiffDocument
from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.page import Page
from evolver_tui.tui.drawing.styles import Fragment, Line, fit, line_width, spread
from evolver_tui.tui.drawing.tabbed_pane import TabbedPane
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
from evolver_tui.tui.screens.desk.drawn_draft import DrawnDraft
from evolver_tui.tui.screens.desk.panes.card_edges import edge_line, summary_rows
from evolver_tui.tui.screens.desk.receipts import fit_receipt

if TYPE_CHECKING:
    from evolver_tui.tui.drawing.code_view import CodeDocument
    from evolver_tui.tui.drawing.folded_code import FoldedCode
    from evolver_tui.tui.screens.desk.card import Review
    from evolver_tui.tui.screens.desk.reading import Reading, Readings

_BANNER = "another draft than before: keys decide once you scroll, or after 3 s"
_SHORT_BANNER = "keys after 3 s"
"""The same beside the tabs, where a row is short."""

_CELLS_BESIDE_SUBTITLE = 4
"""A corner and a blank at each end of it."""

_LEAST_ROWS_ABOVE_SUMMARY = 7
"""A card that is not higher has no rows on what speaks for and against a draft."""

_ROWS_FOR_A_RULE = 20
"""A card that is as high has a rule over them; one that is not leaves their place to what is further down a page."""


class ReviewCard(TabbedPane):
    """Tabs, a page that scrolls, and under it what the checks say."""

    DEFAULT_CLASSES = "framed"
    pane_name = "card"
    rows_to_breathe = 28
    blanks_before_number = 1

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
        self._follows = False
        self.guard = DraftGuard(monotonic, is_replay=is_replay)
        self._is_to_be_told = False
        """Whether the edge says less than was read."""
        self._drawn = DrawnDraft(self.guard, self._has_read_more)
        self.is_touched = False
        """Whether a person scrolled, turned or selected here since this was last set to False."""
        self._marks_unlike = True
        self._compared = 0
        """Which of the things that the draft is held against is on the page of that."""
        self._is_beside = False
        """Whether both sides of a diff stand beside each other there."""
        self._folds = True
        """Whether what can be passed over is folded where the whole draft has no room."""
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
        page = super().page
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

    @property
    def document(self) -> CodeDocument | FoldedCode | TextPage | DiffDocument:
        """The page as it is shown: folded where that is wanted and the whole of it has no room."""
        page = self.page
        return page.folded if page.folded is not None and self._folds and self.has_folds else page.content

    def show(self, content: CardContent, *, follow: bool = False) -> None:
        """Lay something on the card; the reader's place is kept where it is the same thing in a later state.

        Args:
            follow: keep the end in view, for code that is being written, until the reader scrolls.
        """
        is_same = content.identity == self._content.identity
        line = self._line_at_top if is_same and self._folds_otherwise(content) else 0
        if not is_same:
            self.forget_places()
            self._follows, self._compared, self._folds = follow, 0, True
            self._drawn.lay(content.job, content.review.draft if content.review is not None else None)
        if isinstance(content.identity, QuestionIdentity | ReviewIdentity):
            self.guard.has_come(content.job)
        self.lay_pages(content.pages)
        self._content = content
        if not is_same:
            self._tab = content.front
        self._put_at_top(line)
        self.set_title(content.title)
        self._fit_subtitle()

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
    def readings(self) -> Readings:
        """Which lines of drafts were on the screen."""
        return self._drawn.readings

    @property
    def reading(self) -> Reading | None:
        """Which lines of the draft on the card were on the screen; None without a draft."""
        return self._drawn.reading

    def mark_read(self, lines: Iterable[int]) -> None:
        """These lines of the draft on the card, counted from 1, were on the screen as a whole, on whatever page."""
        self._drawn.mark_read(lines)

    def _has_read_more(self) -> None:
        if not self._is_to_be_told:
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

    def show_runs(self, question_id: int) -> None:
        """Turn to what came of running a draft, at its top, if that draft lies here and nobody selects anything."""
        identity = self._content.identity
        is_here = isinstance(identity, ReviewIdentity) and identity.question == question_id
        tab = self._tab_of(RUN_PAGE)
        if is_here and tab is not None and self.text_selection is None:
            self._tab = tab
            self._places[RUN_PAGE] = 0
            self.refresh()

    @property
    def has_folds(self) -> bool:
        """Whether anything of the page in front can be folded, and the whole of it has no room."""
        page = self.page
        return page.folded is not None and page.content.row_count(self.document_width) > self.page_height

    @property
    def is_folded(self) -> bool:
        """Whether something is folded."""
        return self.document is self.page.folded

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
            self._turn(0)
            self.go_to_line(reading.unread[0])

    def _folds_otherwise(self, content: CardContent) -> bool:
        """Whether other lines of the page in front are folded than before, away from its top."""
        page = self.page
        if not self._places.get(page.title) or not self.is_attached:
            return False
        after = next((each.folded for each in content.pages if each.title == page.title), None)
        return (page.folded.folds if page.folded else ()) != (after.folds if after else ())

    @property
    def _line_at_top(self) -> int:
        """The number of the first line in sight; 0 for a page of text."""
        content = self.document
        if isinstance(content, TextPage | DiffDocument):
            return 0
        return content.lines_at(self.first_row_in_sight, self.document_width)[0]

    def _put_at_top(self, number: int) -> None:
        content, width = self.document, self.document_width
        if number and not isinstance(content, TextPage | DiffDocument):
            rows = range(content.row_count(width))
            self._places[self.page.title] = next((row for row in rows if content.lines_at(row, width)[1] >= number), 0)

    def cycle_diff(self) -> None:
        """From the code to what differs, to both sides of that beside each other where there is room, and back."""
        tab = self._tab_of(DIFF_PAGE)
        if tab is None:
            return
        is_beside = self.page.title == DIFF_PAGE and not self._is_beside and self.document_width >= LEAST_WIDTH_BESIDE
        is_shown = self.page.title != DIFF_PAGE or is_beside
        self._is_beside = is_beside
        self._turn(tab if is_shown else 0)

    def compare_with_next(self) -> None:
        """Hold the draft against the next of the things that it can be held against."""
        tab = self._tab_of(DIFF_PAGE)
        if tab is not None:
            self._compared = (self._compared + 1) % max(1, len(self._content.diffs))
            self._places.pop(DIFF_PAGE, None)
            self._turn(tab)

    def toggle_unlike(self) -> None:
        """Mark lines that are unlike approved code, or do not."""
        self._marks_unlike = not self._marks_unlike
        self.refresh()

    def _turn(self, tab: int) -> None:
        self._touch()
        super()._turn(tab)

    def on_click(self, event: events.Click) -> None:
        """A click is a touch, wherever it is; a tab under it is turned to as well."""
        self._touch()

    def go_to_row(self, row: int) -> None:
        """Bring a row to the top; code that is being written is followed from its end."""
        self._touch()
        self._follows = row >= self.furthest_row
        if row <= 0 or self.size.height >= _ROWS_FOR_A_RULE:
            super().go_to_row(row)
            return
        places, title = self._places, self.page.title
        places[title] = row  # below the top there is another furthest row
        super().go_to_row(row)
        places[title] = max(1, places[title])  # all of it may be in sight from there

    @property
    def first_row_in_sight(self) -> int:
        """The row of the page that stands at its top."""
        is_followed = self._follows and self._content.review is None
        return self.furthest_row if is_followed else super().first_row_in_sight

    def begin_selection(self) -> None:
        """Select the first line in sight."""
        self._touch()
        super().begin_selection()

    # --- geometry

    @property
    def _has_summary(self) -> bool:
        title, height = self.page.title, self.size.height
        is_in_page = title in ("Checks", RUN_PAGE)
        gives_way = height < _ROWS_FOR_A_RULE and self._places.get(title, 0) > 0
        return bool(self._content.summary) and not is_in_page and not gives_way and height > _LEAST_ROWS_ABOVE_SUMMARY

    @property
    def page_height(self) -> int:
        """Rows of the page that are in sight."""
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

    # --- drawing

    def line(self, y: int, width: int) -> tuple[Line, Style | None]:
        """The tabs, a row of the page, or of what stands under it."""
        under = y - self._body_start - self.page_height
        if under < 0:
            return super().line(y, width)
        if self._has_rule and not under:
            return self._rule_line(width), None
        index, rows = under - self._has_rule, self._summary_rows
        return (rows[index] if index < len(rows) else []), None

    def tab_line(self, width: int) -> Line:
        """The tabs, beside them what there is to say, and which part of the page is in sight."""
        left = self.tabs()
        words = self._note if self._note[0] else ("", "dim")
        if self.selection_words:
            words = (self.selection_words, "key")
        has_place = self.row_count > self.page_height and not self.selection_words  # which needs the room
        place = f"{self.place_words()} " if has_place else ""
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

    def place_words(self) -> str:
        """What of the page is in sight: lines of code as they are numbered, or rows of text."""
        content, first, width = self.document, self.first_row_in_sight, self.document_width
        rows = self.row_count
        after = min(first + self.page_height, rows)
        if isinstance(content, TextPage | DiffDocument):
            return f"{first + 1}-{after} of {rows} rows"
        of = f"of {count(content.line_count, 'line')}"
        start, end = content.lines_at(first, width)[0], content.lines_at(after - 1, width)[1]
        if after < rows and content.lines_at(after, width)[0] == end:
            end -= 1  # the rest of it is further down
        return f"{start}-{end} {of}" if start <= end else f"part of line {start} {of}"

    def row_line(self, row: int) -> Line:
        """A row of the page; that it was drawn counts for a draft."""
        content, width = self.document, self.document_width
        if isinstance(content, DiffDocument):
            self._drawn.note_diff(content, row, width)
        elif not isinstance(content, TextPage) and self._content.review is not None:
            self._drawn.note_code(content, row, width)
        return super().row_line(row)

    def mark_of(self, number: int) -> Fragment:
        """A line that the checks say something of has one, or else one that is unlike approved code."""
        note = (self.page.notes or {}).get(number)
        if note:
            return self.symbols.failed, note
        is_marked = self._marks_unlike and number in self.page.unlike
        return (self.symbols.unlike, "strong") if is_marked else (" ", "dim")
