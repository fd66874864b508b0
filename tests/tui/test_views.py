"""A view comes to the console by one entry, and its key shows it from every other view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.app import ComposeResult

from evolver_tui.settings.keymap import clashes
from evolver_tui.tui.actions import Action, Keymap, key_bindings
from evolver_tui.tui.app import EvolverApp
from evolver_tui.tui.context import ViewContext
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.drawing.styles import Line
from evolver_tui.tui.modals import ConnectModal, HelpModal
from evolver_tui.tui.view_screen import ViewScreen
from evolver_tui.tui.views import VIEWS, View, keymap_of
from evolver_tui.wiring import make_session
from tests.support.desk_fixtures import Console, HandClock
from tests.support.sessions import workspace_in

pytestmark = pytest.mark.anyio


class Words(Pane):
    """A pane that says something."""

    pane_name = "words"
    can_focus = True

    def line(self, y: int, width: int) -> tuple[Line, None]:
        return [("another view" if y == 0 else "", "text")], None


class Probe(ViewScreen[ViewContext]):
    """Another view."""

    AUTO_FOCUS = "Words"

    def __init__(self, settings: DeskSettings, keymap: Keymap) -> None:
        super().__init__()
        self.context = ViewContext(self, settings, keymap)
        self.attached: list[object] = []

    def compose(self) -> ComposeResult:
        yield Words()

    def attach(self, session: Any) -> None:
        self.attached.append(session)


SHOUT: Action[ViewContext] = Action("probe.shout", "a", "shout", "Say it.", "Probe", lambda view: view.say("Hey!"))
VIEW = View("probe", "9", "Probe", lambda: (SHOUT,), Probe)


async def test_keys_go_from_view_to_view_and_mean_what_they_mean_there(tmp_path: Path) -> None:
    place, clock = workspace_in(tmp_path), HandClock()
    app = EvolverApp(
        lambda: make_session(place, pace=0.0), lambda: ([], None), DeskSettings(monotonic=clock), (*VIEWS, VIEW)
    )
    async with app.run_test(size=(120, 40)) as pilot:
        desk = Console(app, pilot, clock, place)
        await desk.until_open(ConnectModal)
        await desk.press("escape")
        await desk.until(lambda: app.screen is app.desk, "the desk")
        await desk.press("1")
        assert app.screen is app.desk
        await desk.press("9")
        await desk.until(lambda: "another view" in desk.text(), "the other view")
        assert isinstance(app.screen, Probe)
        assert app.screen.attached == [app.session]
        await desk.press("a")
        assert desk.notices[-1] == "Hey!"
        await desk.press("question_mark")
        await desk.until_open(HelpModal)
        assert "Say it." in desk.text()
        assert "Approve the draft" not in desk.text()
        await desk.press("escape")
        await desk.press("1")
        await desk.until(lambda: app.screen is app.desk, "the desk")
        await desk.press("9")
        await desk.until(lambda: isinstance(app.screen, Probe), "the other view again")
        assert app.session is not None
        await app.session.close(finish_current=False)


def test_no_two_actions_of_a_view_have_one_key_in_one_place() -> None:
    for view in VIEWS:
        keymap = keymap_of(view, VIEWS, {})
        assert list(clashes(key_bindings(keymap.actions), {})) == []


async def test_the_status_line_names_each_view_with_its_key(tmp_path: Path) -> None:
    settings = DeskSettings(now=lambda: 0.0, monotonic=HandClock(), key_overrides={"view.probe": "f6"})
    workspace = workspace_in(tmp_path)
    app = EvolverApp(lambda: make_session(workspace), lambda: ([], None), settings, (*VIEWS, VIEW))
    async with app.run_test(size=(120, 40)):
        row = "".join(segment.text for segment in app.desk.status.render_line(0))
        assert row.rstrip().endswith("1 Desk 2 History 3 Workflows 4 Training 5 Library 6 Stats f6 Probe")
