"""The card: the selected job, page by page. A draft is shown in full and drawn before anything can be decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.style import Style
from textual import events

from evolver_tui.tui.drawing.formatting import count
from evolver_tui.tui.drawing.movable import Movable
from evolver_tui.tui.drawing.page import Page, TextPage
from evolver_tui.tui.drawing.selectable import SelectablePane
from evolver_tui.tui.drawing.selected_text import Document
from evolver_tui.tui.drawing.styles import Fragment, Line, fit, line_width, set_out, spread
from evolver_tui.tui.screens.desk.card import RUN_PAGE, CardContent, ReviewIdentity, message_content
from evolver_tui.tui.screens.desk.receipts import fit_receipt

if TYPE_CHECKING:
    from evolver_tui.tui.drawing.code_view import CodeDocument
    from evolver_tui.tui.screens.desk.card import Review

SECONDS_BEFORE_DECIDING = 0.3
"""A draft has to have been on the screen for so long, and no decision key pressed, before one can decide about it."""

SECONDS_UNASKED = 3.0
"""The same for a draft that took the place of what was on the card without anybody asking for it, until it is touched:
a key that repeats, or one that was meant for what lay there before, decides nothing about it."""

LEAST_ROWS = 5
"""Rows of a draft, or all of a shorter one, that have to have been drawn before one can decide about it."""

_JUST_APPEARED = "The draft has only just appeared: look at it, then decide."
_UNASKED = "This is another draft than before: read it. Keys decide once it is scrolled, or after 3 s."
_TOO_LITTLE = "Too little of the draft is in sight: give the card more room, or scroll."

_ROWS_TO_BREATHE = 14
"""With more rows than these, one of them stays empty under the tabs."""

_CELLS_BESIDE_SUBTITLE = 4
"""A corner and a blank at each end of it."""

_SUMMARY_ROWS = 3
"""The rule and two rows of findings."""


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
        self._is_replay = is_replay
        self._content = message_content("Card", [])
        self._tab = 0
        self._tops: dict[int, int] = {}
        self._follows = False
        self._drawn: tuple[str, float] | None = None
        """Which draft was drawn, and since when enough of it."""
        self._rows_drawn: set[int] = set()
        self._quiet_since = -SECONDS_BEFORE_DECIDING
        """When a decision key was last pressed in vain."""
        self._asked_for = 0
        """The job that a person went to and that is not on the card yet; 0 for none."""
        self._is_unasked = False
        """Whether the draft took another thing's place by itself, and was not touched since."""
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
        return self._content.pages[self._tab]

    def show(self, content: CardContent, *, follow: bool = False) -> None:
        """Lay something on the card; the reader's place is kept where it is the same thing in a later state.

        Args:
            follow: keep the end in view, for code that is being written, until the reader scrolls.
        """
        if content.identity != self._content.identity:
            self._tab, self._tops, self._follows = 0, {}, follow
            self.end_selection()
            self._forget_drawn()
            is_asked_for = self._is_replay or content.job == self._asked_for
            self._is_unasked = content.review is not None and not is_asked_for
            if content.job == self._asked_for:
                self._asked_for = 0
        self._content = content
        self._tab = min(self._tab, len(content.pages) - 1)
        self.set_title(content.title)
        self._fit_subtitle()
        self.refresh()

    def _fit_subtitle(self) -> None:
        """Show the longest form of the subtitle that the border has room for."""
        forms = self._content.subtitle_forms or ([(self._content.subtitle, "")],)
        room = self.outer_size.width - _CELLS_BESIDE_SUBTITLE
        self.set_subtitle(next((form for form in forms if line_width(form) <= room), forms[-1]))

    def on_resize(self, event: events.Resize) -> None:
        """Another width has room for another form of the subtitle."""
        self._fit_subtitle()

    def ask_for(self, job: int) -> None:
        """A person goes to this job: what is shown of it next was asked for."""
        if self._content.job == job:
            self._is_unasked = False
        else:
            self._asked_for = job

    def look_anew(self) -> None:
        """Whatever was seen of it before, it has to be on the screen for a while from here on."""
        self._forget_drawn()
        self.refresh()

    def _forget_drawn(self) -> None:
        self._drawn, self._rows_drawn = None, set()

    def _touch(self) -> None:
        """The draft was scrolled, turned or clicked. It counts once it was seen: before, what lay there was meant."""
        if self._is_unasked and self._seconds_drawn >= SECONDS_BEFORE_DECIDING:
            self._is_unasked = False
            self.refresh()

    @property
    def _seconds_drawn(self) -> float:
        """How long enough of the draft has been on the screen; below 0 while it is not."""
        review = self._content.review
        if review is None or self._drawn is None or self._drawn[0] != review.draft.sha256:
            return -1.0
        return self._monotonic() - self._drawn[1]

    def review_to_decide(self) -> tuple[Review | None, str]:
        """The draft that a decision would be about, or why there can be none now."""
        review = self._content.review
        if review is None:
            return None, "There is no draft to decide about on the card."
        seconds = self._seconds_drawn
        if seconds < 0:
            return None, _TOO_LITTLE if self._rows_drawn else "The draft is not on the screen yet."
        if seconds < SECONDS_BEFORE_DECIDING:
            return None, _JUST_APPEARED
        if self._is_unasked and seconds < SECONDS_UNASKED:
            return None, _UNASKED
        return review, ""

    def press_decision(self, reason: str) -> str:
        """Take notice of a decision key, wherever it was pressed; returns why it cannot decide, or nothing.

        A key that comes too early puts the moment off from which one can decide: while one is repeated, nothing is.

        Args:
            reason: why it cannot decide whenever it comes; empty when it can.
        """
        now = self._monotonic()
        is_quiet = now - self._quiet_since >= SECONDS_BEFORE_DECIDING
        if not reason and is_quiet:
            return ""
        self._quiet_since = now
        if self._is_unasked and self._drawn is not None:
            self._drawn = (self._drawn[0], now)
        return reason or _JUST_APPEARED

    # --- what is said beside it

    def set_note(self, note: Fragment) -> None:
        """What became of the latest decision, in the row of the tabs."""
        if note != self._note:
            self._note = note
            self.refresh()

    @property
    def _banner(self) -> str:
        """What is said of a draft that nobody asked for, as long as no key decides about it."""
        is_new = self._is_unasked and self._seconds_drawn < SECONDS_UNASKED
        return "another draft than before: keys decide once you scroll, or after 3 s" if is_new else ""

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

    @property
    def document(self) -> Document:
        """The page in front."""
        return self.page.content

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
        return row, 1 if isinstance(content, TextPage) else self._digits(content) + 4

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
        return bool(self._content.summary) and not is_in_page and self.size.height > 4 + _SUMMARY_ROWS

    @property
    def _body_start(self) -> int:
        has_tabs = len(self._content.pages) > 1
        return (1 + (self.size.height > _ROWS_TO_BREATHE)) if has_tabs else 0

    @property
    def _body_height(self) -> int:
        return max(1, self.size.height - self._body_start - (_SUMMARY_ROWS if self._has_summary else 0))

    @property
    def _body_width(self) -> int:
        content = self.page.content
        gutter = 2 if isinstance(content, TextPage) else self._digits(content) + 4
        return max(1, self.size.width - gutter)

    def _digits(self, content: CodeDocument) -> int:
        return max(2, len(str(content.line_count)))

    @property
    def _row_count(self) -> int:
        content = self.page.content
        width = self._body_width
        return len(content.rows(width)) if isinstance(content, TextPage) else content.row_count(width)

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
        if y == end:
            return self._rule_line(width), None
        rows = set_out(self._content.summary, width)
        return (rows[y - end - 1] if y - end - 1 < len(rows) else []), None

    def _tab_line(self, width: int) -> Line:
        left: list[Fragment] = []
        for index, page in enumerate(self._content.pages):
            left += [(" ", "text"), (page.title, "tab" if index == self._tab else "dim"), *page.tally, ("  ", "text")]
        words = self._note if self._note[0] else ("", "dim")
        if self.selection_words:
            words = (self.selection_words, "key")
        if not self._has_summary and self._banner:
            words = (self._banner, "warn")
        has_place = self._row_count > self._body_height and not self.selection_words  # which needs the room
        place = f"{self._place_words()} " if has_place else ""
        room = width - line_width(left) - len(place) - 2
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
        content, first = self.page.content, self._top
        rows = self._row_count
        after = min(first + self._body_height, rows)
        if isinstance(content, TextPage):
            return f"{first + 1}-{after} of {rows} rows"
        of = f"of {count(content.line_count, 'line')}"
        start, end = content.line_at(first, self._body_width), content.line_at(after - 1, self._body_width)
        if after < rows and content.line_at(after, self._body_width) == end:
            end -= 1  # the rest of it is further down
        return f"{start}-{end} {of}" if start <= end else f"part of line {start} {of}"

    def _body_line(self, y: int, width: int) -> Line:
        index = y + self._top
        content = self.page.content
        if isinstance(content, TextPage):
            rows = content.rows(self._body_width)
            return [(" ", "text"), *rows[index]] if index < len(rows) else []
        if index >= content.row_count(self._body_width):
            return []
        self._note_drawn(index)
        row = content.row(index, self._body_width)
        note = (self.page.notes or {}).get(row.number) if row.number else None
        mark: Fragment = (f"{self.symbols.failed if note else ' '}", note or "dim")
        number = f"{row.number or self.symbols.wrapped:>{self._digits(content)}}"
        return [mark, (f" {number}  ", "dim"), *row.fragments]

    def _note_drawn(self, row: int) -> None:
        review = self._content.review
        if review is None or self._drawn is not None:
            return
        self._rows_drawn.add(row)
        if len(self._rows_drawn) >= min(LEAST_ROWS, self._row_count):
            self._drawn = (review.draft.sha256, self._monotonic())
