"""An app to open modals on, and the hands and eyes of a test there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.events import Key
from textual.keys import key_to_character
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from evolver_tui.core.signal import Signal
from evolver_tui.tui.actions import AnyAction
from evolver_tui.tui.all_actions import ACTIONS
from evolver_tui.tui.decision_keys import SECONDS_TO_CONFIRM
from evolver_tui.tui.key_watch import KeyApp
from evolver_tui.tui.modals import Modal
from evolver_tui.tui.screens.desk.actions.review import APPROVE
from evolver_tui.tui.themes import DEFAULT_THEME, choose_theme, register_themes, variable_defaults

NOTHING_YET = object()
WIDE, SMALL = (120, 40), (80, 24)


class HandClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Host(KeyApp[None]):
    """Something to open modals on."""

    CSS = "Screen { background: $background; }"

    def __init__(self, theme: str = DEFAULT_THEME) -> None:
        self.clock = HandClock()
        super().__init__(self.clock)
        self.notices = [*register_themes(self, None), *choose_theme(self, theme)]
        self.actions: Sequence[AnyAction] = ACTIONS
        self.result: object = NOTHING_YET
        self.ran: list[str] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variable_defaults()

    def compose(self) -> ComposeResult:
        yield Static("the desk behind", markup=False)

    def take(self, result: object) -> None:
        self.result = result

    def reason_against(self, action: AnyAction) -> str:
        return "No draft is on the card." if action == APPROVE else ""

    def wear_theme(self, name: str) -> None:
        choose_theme(self, name)

    def perform(self, action: AnyAction) -> None:
        self.ran.append(action.id)


@asynccontextmanager
async def opened(modal: Modal[Any], host: Host, size: tuple[int, int] = WIDE) -> AsyncIterator[Pilot[None]]:
    """The modal on the screen, seen long enough for its keys to count."""
    async with host.run_test(size=size) as pilot:
        await show(pilot, host, modal)
        yield pilot


async def show(pilot: Pilot[None], host: Host, modal: Modal[Any]) -> None:
    """Open a modal and let it be seen."""
    host.result = NOTHING_YET
    host.push_screen(modal, host.take)
    await pilot.pause()
    host.clock.seconds += 1


def rows(screen: Screen[Any]) -> list[list[Segment]]:
    """What the terminal would be sent, row by row."""
    return [list(strip) for strip in screen._compositor.render_strips()]


def shown(app: App[Any]) -> str:
    """The text on the screen."""
    return "\n".join("".join(segment.text for segment in row) for row in rows(app.screen))


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Keys in one burst, as a fast typist or a script sends them."""
    app = pilot.app
    assert app._driver is not None
    for key in keys:
        event = Key(key, key_to_character(key))
        event.set_sender(app)
        app._driver.send_message(event)
    await pilot.pause()
    await let_it_be_alone(pilot)


async def let_it_be_alone(pilot: Pilot[None]) -> None:
    """No other key is pressed until what a key decided is done."""
    app = pilot.app
    assert isinstance(app, Host)
    while app.decision_keys.is_holding:
        app.clock.seconds += SECONDS_TO_CONFIRM
        await pilot.pause(0.03)
    await pilot.pause()


def stay(signal: Signal, step: int) -> Signal:
    """There is only one signal."""
    return signal
