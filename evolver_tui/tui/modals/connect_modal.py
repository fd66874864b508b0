"""The connect modal: which hub to listen to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import DescendantFocus
from textual.widgets import Input, Static

from evolver_tui.settings.values import HUB_SCHEMES, address
from evolver_tui.tui.modals.inputs import ChoiceList, Chooser, TextInput
from evolver_tui.tui.modals.modal import Clock, Modal

_SAMPLE = "Sample hub (in this process, offline tasks)"
_EXAMPLE = "http://localhost:5000/taskhub"
_check_address = address(*HUB_SCHEMES)


@dataclass(frozen=True, slots=True)
class ConnectChoice:
    """Which hub to connect to."""

    url: str
    """Empty for the sample hub."""
    is_sample: bool


class ConnectModal(Modal[ConnectChoice | None]):
    """Ends with a hub to connect to, or None to stay disconnected."""

    DEFAULT_CSS = """
    ConnectModal TextInput {
        margin: 0 0 1 7;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("up", "back_to_choices", show=False)]

    def __init__(self, remembered_url: str, *, now: Clock = time.monotonic) -> None:
        """Args:
        remembered_url: the hub of the last time, or an empty text.
        now: counts the time until keys are taken.
        """
        super().__init__("Choose a hub", now=now)
        self._remembered_url = remembered_url
        labels = [_SAMPLE, *([remembered_url] if remembered_url else []), "another hub, by its URL:"]
        self._other = len(labels) - 1
        self._choices = ChoiceList(labels, (0,))
        self._input = TextInput(placeholder=_EXAMPLE)
        self._problem = Static(classes="problem", markup=False)

    def compose_body(self) -> ComposeResult:
        """The choices, a line for a URL, and where a token comes from."""
        yield self._choices
        yield self._input
        yield Static(
            Content("A hub that wants a token gets it from the environment (EVOLVER_HUB_TOKEN); none is typed here."),
            classes="dim",
        )
        yield self._problem

    def key_line(self) -> str:
        """Connect or not."""
        return "enter connect · esc stay disconnected"

    def action_submit(self) -> None:
        """Connect to what is chosen, if that can be a hub."""
        if not self.is_armed:
            return
        if self._choices.chosen == (0,):
            self.finish(ConnectChoice("", is_sample=True))
            return
        is_typed = self._choices.chosen == (self._other,)
        url = self._input.value.strip() if is_typed else self._remembered_url
        problem = url_problem(url)
        if not problem:
            self.finish(ConnectChoice(url, is_sample=False))
            return
        self._problem.update(Content(f"! {problem}"))
        self._problem.add_class("-shown")
        if is_typed:
            self._input.focus()

    def action_back_to_choices(self) -> None:
        """Up, from the line to the choice above it."""
        if self._input.has_focus:
            self._choices.focus()
            self._choices.press("up", None)

    @on(Chooser.Changed)
    def _chosen(self) -> None:
        self._problem.remove_class("-shown")
        if self._choices.chosen == (self._other,) and self._choices.has_focus:
            self._input.focus()

    @on(Input.Changed)
    def _typed(self) -> None:
        self._problem.remove_class("-shown")

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Whoever goes to the line means to type a URL; who goes back starts over."""
        if event.widget is self._input:
            self._choices.cursor = self._other
            self._choices.choose((self._other,))


def url_problem(url: str) -> str:
    """Why `url` cannot be a hub's address, as a sentence; empty when it can."""
    expected = _check_address(url) if url else "a URL"
    return f"A hub is reached by {expected}, such as {_EXAMPLE}." if expected else ""
