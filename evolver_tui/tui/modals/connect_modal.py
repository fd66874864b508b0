"""The connect modal: how the link to the hub stands, and which hub to listen to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus, Paste
from textual.widgets import Input, Static

from evolver_tui.core.address import MASK, Address
from evolver_tui.core.safe_text import safe_text
from evolver_tui.settings.values import HUB_SCHEMES, address
from evolver_tui.tui.drawing.styles import ASCII_SYMBOLS, Symbols
from evolver_tui.tui.modals.inputs import ChoiceList, Chooser, TextInput
from evolver_tui.tui.modals.modal import Clock, Modal
from evolver_tui.tui.screens.desk.panes.hub_pane import LONGEST_REASON, link_symbol, link_words

if TYPE_CHECKING:
    from evolver_tui.core.link_state import LinkState

_SAMPLE = "Sample hub (in this process, made-up tasks)"
_KEPT = "Its sample tasks come into the database of your real tasks, so it asks first; evolver-tui --demo has its own."
_TOKEN = "A hub that wants a token gets it from the environment (EVOLVER_HUB_TOKEN); none is typed here."
_NOT_WHOLE = f"What stood at {MASK} was not kept: write it again, or leave it out and set EVOLVER_HUB_TOKEN."
_EXAMPLE = "http://localhost:5000/taskhub"
_STYLES = {"ok": "$mark-ok", "warn": "$mark-warn", "error": "$mark-error", "dim": "$dim"}
_MOST_LINES_PASTED = 1_000
_check_address = address(*HUB_SCHEMES)


@dataclass(frozen=True, slots=True)
class ConnectChoice:
    """Which hub to connect to."""

    url: Address
    """Empty for the sample hub."""
    is_sample: bool


class ConnectModal(Modal[ConnectChoice | None]):
    """Ends with a hub to connect to, or None to leave the link as it is."""

    DEFAULT_CSS = """
    ConnectModal #link {
        max-height: 35vh;
        margin: 0 0 1 0;
    }
    ConnectModal UrlInput {
        margin: 0 0 1 7;
    }
    ConnectModal #kept {
        display: none;
        color: $dim;
        &.-shown { display: block; }
        &.-warns { color: $mark-warn; }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "back_to_choices", show=False),
        Binding("pageup", "scroll_reason(-1)", show=False, priority=True),
        Binding("pagedown", "scroll_reason(1)", show=False, priority=True),
    ]

    def __init__(
        self,
        hubs: Sequence[Address] = (),
        link: LinkState | None = None,
        *,
        link_now: Callable[[], LinkState | None] = lambda: None,
        prefers_sample: bool = False,
        keeps_sample_tasks: bool = True,
        now: Clock = time.monotonic,
        wall_now: Callable[[], float] = time.time,
    ) -> None:
        """Args:
        hubs: the addresses of hubs that are known, the one to offer first at its head.
        link: how the link stands; None where there was none yet.
        link_now: the same, whenever it is asked for.
        prefers_sample: whether the sample hub is offered before them, as it is where none is known.
        keeps_sample_tasks: whether sample tasks would come into the database of real ones.
        now: counts the time until keys are taken.
        wall_now: seconds since 1970.
        """
        super().__init__("Choose a hub", now=now)
        self._link, self._link_now, self._wall_now = link, link_now, wall_now
        self._link_words = Static(markup=False)
        self._offered = [Address(), *hubs] if prefers_sample or not hubs else [*hubs, Address()]
        """The address behind each choice but the last; empty for the sample hub."""
        labels = [safe_text(url, 300) if url else _SAMPLE for url in self._offered]
        self._choices = ChoiceList([*labels, "another hub, by its URL:"], (0,))
        self._other = len(labels)
        self._input = UrlInput(_EXAMPLE, self._pasted)
        self._remark = ""
        self._problem = Static(classes="problem", markup=False)
        note = Content(f"! {_KEPT}" if hubs else _KEPT)
        self._sample_note = Static(note, id="kept", classes="-warns" if hubs else "", markup=False)
        self._keeps_sample_tasks = keeps_sample_tasks

    def compose_body(self) -> ComposeResult:
        """How the link stands, the choices, a line for a URL, and where a token comes from."""
        if self._link is not None:
            self._show_link()
            with VerticalScroll(id="link", can_focus=False):
                yield self._link_words
        yield self._choices
        yield self._input
        yield self._sample_note
        yield Static(Content(_TOKEN), classes="dim")
        yield self._problem

    def on_mount(self) -> None:
        """Say what comes with the first choice."""
        super().on_mount()
        self._show_kept()
        if self._link is not None:
            self.set_interval(1.0, self._show_link)

    def _show_link(self) -> None:
        """Let its times move as they do on the desk."""
        self._link = self._link_now() or self._link
        if self._link is not None:
            self._link_words.update(self._link_content(self._link))

    def _link_content(self, link: LinkState) -> Content:
        symbols = ASCII_SYMBOLS if self.is_plain else Symbols()
        mark, style = link_symbol(link, symbols)
        words = link_words(link, self._wall_now(), symbols.dot)
        url = Content.styled(safe_text(link.url, 400), "bold")
        state = Content.assemble((f"{mark} ", _STYLES[style]), (words, ""))
        if not link.reason or link.phase == "connected":
            return Content("\n").join([url, state])
        return Content("\n").join([url, state, Content(safe_text(link.reason, LONGEST_REASON))])

    def key_line(self) -> str:
        """Connect or not."""
        has_link = self._link is not None and self._link.phase in ("connecting", "connected", "waiting")
        return f"enter connect · esc {'leave it so' if has_link else 'stay disconnected'}"

    def action_submit(self) -> None:
        """Connect to what is chosen, if that can be a hub."""
        if not self.is_armed:
            return
        chosen = self._choices.chosen[0] if self._choices.chosen else None
        if chosen is not None and chosen != self._other:
            address = self._offered[chosen]
            if address.is_whole:
                self.finish(ConnectChoice(address, is_sample=not address))
            else:
                self._refuse(address, _NOT_WHOLE)
            return
        address = Address(self._input.value.strip() if chosen == self._other else "")
        problem = url_problem(address)
        if not problem:
            self.finish(ConnectChoice(address, is_sample=False))
        elif chosen == self._other:
            self._refuse(address, problem)
        else:
            self._say(problem)

    def _refuse(self, address: Address, problem: str) -> None:
        """Let an address be mended in the line; a secret in it stands there no longer."""
        self._say(problem)
        self._input.focus()
        if MASK in str(address) and self._input.value != str(address):
            self._remark = problem
            self._input.value = str(address)

    def action_back_to_choices(self) -> None:
        """Up, from the line to the choice above it."""
        if self._input.has_focus:
            self._choices.focus()
            self._choices.press("up", None)

    def action_scroll_reason(self, direction: int) -> None:
        """Read on in a long reason."""
        for block in self.query("#link").results(VerticalScroll):
            block.scroll_relative(y=direction * max(1, block.size.height - 1), animate=False, immediate=True)

    @on(Chooser.Changed)
    def _chosen(self) -> None:
        if self._choices.has_focus:  # else the line was chosen for a person who is to mend what stands there
            self._problem.remove_class("-shown")
        self._show_kept()
        if self._choices.chosen == (self._other,) and self._choices.has_focus:
            self._input.focus()

    def _show_kept(self) -> None:
        is_sample = self._choices.chosen == (self._offered.index(Address()),)
        self._sample_note.set_class(is_sample and self._keeps_sample_tasks, "-shown")

    @on(Input.Changed)
    def _typed(self) -> None:
        self._problem.remove_class("-shown")
        if self._remark:
            self._say(self._remark)
            self._remark = ""

    def _pasted(self, remark: str) -> None:
        self._remark = remark

    def _say(self, problem: str) -> None:
        self._problem.update(Content(f"! {problem}"))
        self._problem.add_class("-shown")

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Whoever goes to the line means to type a URL; who goes back starts over."""
        if event.widget is self._input:
            self._choices.cursor = self._other
            self._choices.choose((self._other,))


class UrlInput(TextInput):
    """A line for a URL. Of several pasted lines it takes the first one that is an address, and tells."""

    def __init__(self, placeholder: str, tell: Callable[[str], None]) -> None:
        super().__init__(placeholder=placeholder)
        self._tell = tell

    def _on_paste(self, event: Paste) -> None:
        event.prevent_default()  # the plain line would take the first line in silence
        event.stop()
        line, remark = url_of_paste(event.text)
        if line:
            self._tell(remark)
            self.replace(line, *self.selection)


def url_of_paste(text: str) -> tuple[str, str]:
    """The line of a pasted text that is meant, and what to say about the others; both may be empty."""
    lines = [line.strip() for line in text.splitlines()[:_MOST_LINES_PASTED] if line.strip()]
    if len(lines) < 2:
        return "".join(lines), ""
    fitting = next((line for line in lines if not url_problem(Address(line))), "")
    what = "address" if fitting else "line"
    return fitting or lines[0], f"Of the {len(lines)} lines that were pasted, the first {what} was taken."


def url_problem(address: Address) -> str:
    """Why an address cannot be a hub's, as a sentence; empty when it can."""
    expected = _check_address(address.for_connecting()) if address else "a URL"
    return f"A hub is reached by {expected}, such as {_EXAMPLE}." if expected else ""
