"""How the console looks: the desk in every theme and in both sizes, each dialog, the empty desk, and one in trouble."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from evolver_tui.adapters import process_identity
from evolver_tui.core.errors import StoreError
from evolver_tui.core.estimate.estimate import Estimate, EstimateRecord, Reason
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.engine.author.writer import LiveDraft
from evolver_tui.engine.estimates import Told
from evolver_tui.engine.sandbox import Sandbox
from evolver_tui.engine.session import Session
from evolver_tui.tui.app import EvolverApp
from evolver_tui.tui.desk_settings import DeskSettings
from evolver_tui.tui.modals.inbox_list import InboxList
from evolver_tui.tui.screens.desk.card import LiveIdentity
from evolver_tui.wiring import make_runner, make_session
from tests.benchmarks.workplace import silent_provider
from tests.support.boxes import SteadySandbox, no_box
from tests.support.desk_fixtures import SteadyRuns
from tests.support.drafts import NODE
from tests.support.routine_process import install
from tests.support.sessions import GENERATE, SUMMARIZE, TRANSLATE, workspace_in
from tests.support.tried_drafts import CHANGED, FAILED, FINE, showing, task_for, tried

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or os.environ.get("NO_COLOR") is not None,
    reason="pictures are drawn on Python 3.11 with colours, so that they differ for no other reason",
)

WIDE, NARROW = (120, 40), (80, 24)
THEMES = ("evolver-dark", "evolver-light", "hearth", "high-contrast", "paper", "sixteen")
NOON = 1_767_268_800.0
"""Before any job was asked about, so that every age is nothing."""
TASKS = [SUMMARIZE, GENERATE, {**TRANSLATE, "status": "completed"}, {"id": "task-4", "taskName": "Sort Incoming Forms"}]

HIGH_RISK = f"""\
{NODE}

def tell() -> None:
    import socket
    import subprocess

    subprocess.run(["true"])
    subprocess.run(["id"])
    open("told", "w").write(str(socket.gethostname()))
"""

Steps = Callable[[Pilot[int]], Awaitable[None]]


class StandingClock:
    """It is always noon, and no wait takes long."""

    def now(self) -> float:
        return NOON

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds if seconds > 1 else 0)


@pytest.fixture(autouse=True)
def _greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(autouse=True)
def _workstation(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose name is the same wherever pictures are drawn."""
    monkeypatch.setattr("platform.node", lambda: "workstation")
    identity_of_this_process_anew()
    yield
    monkeypatch.undo()
    identity_of_this_process_anew()


def identity_of_this_process_anew() -> None:
    process_identity._place.cache_clear()
    process_identity._identity.cache_clear()


def hurried() -> float:
    """The time that a card has to be seen passes ten times as fast."""
    return 10 * time.monotonic()


class Stage:
    """An app whose session is real and whose clock stands; no hub is chosen."""

    def __init__(
        self, folder: Path, theme: str = "evolver-dark", sandbox: Sandbox | None = None,
        drafts: Mapping[str, ReviewSubject] | None = None, **settings: Any,
    ) -> None:  # fmt: skip
        """Args:
        drafts: what the author shows in place of its own work, by task id.
        """
        place, sandbox = workspace_in(folder), sandbox or SteadySandbox()
        runs = SteadyRuns(make_runner(place, sandbox))
        session = make_session(place, pace=0.0, clock=StandingClock(), sandbox=sandbox, runs=runs)
        self.session: Session = session if drafts is None else showing(session, drafts)
        told = DeskSettings(theme=theme, nodes_folder="nodes", now=lambda: NOON, monotonic=hurried, **settings)
        self.app = EvolverApp(lambda: self.session, lambda: ([], None), told)

    async def opened(self, pilot: Pilot[int]) -> None:
        """Wait until the session is open, and leave the connect dialog."""
        await self._until(pilot, lambda: getattr(self.app.screen, "is_armed", False))
        await pilot.press("escape")
        await self._until(pilot, lambda: len(self.app.screen_stack) == 1)

    async def busy(self, pilot: Pilot[int]) -> None:
        """Wait until the sample tasks are on the desk and nothing more can be done without a person."""
        await self.opened(pilot)
        await asyncio.to_thread(self.session.hub.message, [{"tasks": TASKS}])
        await self.session.workers.drained()
        await self._until(pilot, self._shows_all)
        await pilot.press("g")
        await self.can_be_decided(pilot)
        await pilot.pause(0.1)

    async def can_be_decided(self, pilot: Pilot[int]) -> None:
        """Wait until a draft on the card was looked at for long enough."""
        card = self.app.desk.card
        await self._until(pilot, lambda: card.content.review is None or card.review_to_decide()[0] is not None)

    async def inbox(self, pilot: Pilot[int]) -> None:
        """Open the inbox and wait until it was read."""
        await pilot.press("i")
        await self._until(pilot, lambda: any(found._total is not None for found in self.app.screen.query(InboxList)))

    def _shows_all(self) -> bool:
        counts = self.app.desk.queue.counts
        return counts is not None and counts.needs_you == 3

    async def _until(self, pilot: Pilot[int], condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await pilot.pause(0.02)


def keys(stage: Stage, *pressed: str) -> Steps:
    """The busy desk, and then these keys."""

    async def steps(pilot: Pilot[int]) -> None:
        await stage.busy(pilot)
        await press_each(pilot, *pressed)

    return steps


async def press_each(pilot: Pilot[int], *pressed: str) -> None:
    """One key after the other."""
    for key in pressed:
        await pilot.press(key)
        await pilot.pause(0.1)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("theme", THEMES)
def test_desk(snap_compare: Any, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    stage = Stage(tmp_path, theme)
    assert snap_compare(stage.app, terminal_size=size, run_before=keys(stage, "enter"))


@pytest.mark.parametrize(
    "pressed",
    [
        ("j", "j", "enter", "enter"),
        ("enter", "r"),
        ("enter", "w"),
        ("enter", "R"),
        ("D",),
        ("c",),
        ("question_mark",),
        ("ctrl+p",),
    ],
    ids=["question", "reason", "respond", "confirm", "cancel", "connect", "help", "palette"],
)
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_dialog(snap_compare: Any, tmp_path: Path, pressed: tuple[str, ...], size: tuple[int, int]) -> None:
    stage = Stage(tmp_path)
    assert snap_compare(stage.app, terminal_size=size, run_before=keys(stage, *pressed))


def with_ages(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """What waits has waited for two hours, four minutes and a moment."""
    store = stage.session.store
    read = store.open_questions

    async def aged(limit: int = 200) -> Sequence[OpenQuestion]:
        asked = [NOON - seconds for seconds in (7_500, 260, 41)]
        return [dataclasses.replace(each, asked_at=at) for each, at in zip(await read(limit), asked, strict=False)]

    monkeypatch.setattr(store, "open_questions", aged)
    return stage


@pytest.mark.parametrize(
    ("theme", "size"),
    [("evolver-dark", WIDE), ("evolver-dark", NARROW), ("evolver-light", WIDE)],
    ids=["wide", "narrow", "light"],
)
def test_inbox(
    snap_compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theme: str, size: tuple[int, int]
) -> None:
    stage = with_ages(Stage(tmp_path, theme), monkeypatch)

    async def steps(pilot: Pilot[int]) -> None:
        await stage.busy(pilot)
        await stage.inbox(pilot)
        await pilot.press("G")
        await pilot.pause(0.1)

    assert snap_compare(stage.app, terminal_size=size, run_before=steps)


def test_empty_inbox(snap_compare: Any, tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    async def steps(pilot: Pilot[int]) -> None:
        await stage.opened(pilot)
        await stage.inbox(pilot)
        await pilot.pause(0.1)

    assert snap_compare(stage.app, terminal_size=NARROW, run_before=steps)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("pressed", [("h",), ("h", "G"), ("a",)], ids=["checks", "risk", "approve"])
def test_card_of_high_risk(snap_compare: Any, tmp_path: Path, pressed: tuple[str, ...], size: tuple[int, int]) -> None:
    edited = tmp_path / "edited.py"
    edited.write_text(HIGH_RISK)
    stage = Stage(tmp_path, editor=lambda: ["cp", str(edited)])

    async def steps(pilot: Pilot[int]) -> None:
        await keys(stage, "enter", "e")(pilot)
        await stage._until(pilot, lambda: "risk high" in stage.app.desk.card.content.subtitle)
        await stage.can_be_decided(pilot)
        await stage._until(pilot, lambda: not stage.app.desk.context.receipts.latest)  # which goes by itself
        await press_each(pilot, *(["plus"] if size == WIDE else []), *pressed)

    assert snap_compare(stage.app, terminal_size=size, run_before=steps)


@pytest.mark.parametrize(
    ("pressed", "size", "plain"),
    # What is read is so to its end, since the rows of the estimate come over lines that a frame before may have shown.
    [(("G", "g"), WIDE, False), (("l", "l", "l", "G"), NARROW, False), (("G", "g"), WIDE, True)],
    ids=["card", "checks", "plain"],
)
def test_card_with_an_estimate_and_lines_unlike_approved_code(
    snap_compare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pressed: tuple[str, ...], size: tuple[int, int],
    plain: bool,
) -> None:  # fmt: skip
    stage = Stage(tmp_path, plain=plain)
    reasons = (Reason("opens no files", 0.4), Reason("has long lines", -0.2))
    told = Told(Estimate(0.82, reasons), EstimateRecord(54, 37, 0.14, 0.21))

    async def estimate(code: str) -> Told:
        return told

    async def unlike(code: str) -> frozenset[int]:
        return frozenset((12, 15))

    monkeypatch.setattr(stage.session.estimates, "of", estimate)
    monkeypatch.setattr(stage.session.approved_nodes, "unlike_lines", unlike)

    async def steps(pilot: Pilot[int]) -> None:
        await keys(stage, "enter")(pilot)
        await stage._until(pilot, lambda: "estimate" in stage.app.desk.card.content.subtitle)
        await press_each(pilot, *pressed)

    assert snap_compare(stage.app, terminal_size=size, run_before=steps)


@pytest.mark.parametrize("tab", ["Run", "Task", "Checks"])
def test_card_tab(snap_compare: Any, tmp_path: Path, tab: str) -> None:
    stage = Stage(tmp_path)
    turns = ["Code", "Run", "Task", "Checks"].index(tab)
    assert snap_compare(stage.app, terminal_size=WIDE, run_before=keys(stage, "enter", *["l"] * turns))


@pytest.mark.parametrize(
    ("theme", "size"),
    [("evolver-dark", WIDE), ("evolver-dark", NARROW), ("evolver-light", WIDE)],
    ids=["wide", "narrow", "light"],
)
def test_runs_that_failed_and_changed(snap_compare: Any, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    stage = Stage(tmp_path, theme, drafts={"task-1": tried(FINE, CHANGED, FAILED, repairs=1)})

    async def steps(pilot: Pilot[int]) -> None:
        await stage.opened(pilot)
        await asyncio.to_thread(stage.session.hub.message, [task_for("task-1")])
        await stage._until(pilot, lambda: stage.app.desk.card.content.review is not None)
        await pilot.press("enter", "l", *(["plus"] if size == WIDE else []))
        await pilot.pause(0.3)

    assert snap_compare(stage.app, terminal_size=size, run_before=steps)


@pytest.mark.parametrize("state", ["live", "failed"])
def test_card_of_a_job_that_is(snap_compare: Any, tmp_path: Path, state: str) -> None:
    install(tmp_path, '[routines]\nslow = "slow_routine:work"\n')
    module = tmp_path / "config" / "routines" / "slow_routine.py"
    module.write_text("import asyncio\n\nasync def work(run, task):\n    await asyncio.Event().wait()\n")
    stage = Stage(tmp_path)

    async def steps(pilot: Pilot[int]) -> None:
        await stage.opened(pilot)
        name = "x" * 1_000_000 if state == "failed" else "Sort Incoming Forms"
        task = {"id": "task-1", "taskName": name, **({} if state == "failed" else {"routine": "slow"})}
        await asyncio.to_thread(stage.session.hub.message, [{"tasks": [{**task, "llmTaskType": "summarize"}]}])
        card, author = stage.app.desk.card, stage.session.author
        await stage._until(pilot, lambda: card.content.job > 0 and state_of(stage) in ("running", "failed"))
        if state == "live":
            assert author is not None
            code = '"""Sorts forms."""\n\nimport json\n\n\ndef main() -> None:\n    data = json.l'
            author.live[card.content.job] = LiveDraft(card.content.job, "task-1", code, 1, NOON)
            await stage._until(pilot, lambda: isinstance(card.content.identity, LiveIdentity))
        await pilot.press("enter", "plus")  # alone: the signals beside it tell the worker's own time
        await pilot.pause(0.3)

    assert snap_compare(stage.app, terminal_size=WIDE, run_before=steps)


def test_card_of_a_job_that_runs(snap_compare: Any, tmp_path: Path) -> None:
    with silent_provider() as url:
        config = f'[backend]\nkind = "openai"\nbase_url = "{url}"\nmodel = "silent"\napi_key_env = "PATH"\n'
        workspace_in(tmp_path, config)
        stage = Stage(tmp_path)

        async def steps(pilot: Pilot[int]) -> None:
            await stage.opened(pilot)
            await asyncio.to_thread(stage.session.hub.message, [SUMMARIZE])
            await stage._until(pilot, lambda: "first word" in stage.app.desk.card.content.subtitle)
            await pilot.press("enter", "plus")  # alone: the signals beside it tell the worker's own time
            await pilot.pause(0.3)

        assert snap_compare(stage.app, terminal_size=WIDE, run_before=steps)


def state_of(stage: Stage) -> str:
    """How the selected job stands."""
    selected = stage.app.desk.queue.selected
    return selected.state.value if selected is not None else ""


def test_plain_borders(snap_compare: Any, tmp_path: Path) -> None:
    stage = Stage(tmp_path, plain=True)
    assert snap_compare(stage.app, terminal_size=WIDE, run_before=keys(stage, "enter"))


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_empty_desk(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    stage = Stage(tmp_path)
    assert snap_compare(stage.app, terminal_size=size, run_before=stage.opened)


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_desk_without_a_box(snap_compare: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    stage = Stage(tmp_path, sandbox=no_box())
    assert snap_compare(stage.app, terminal_size=size, run_before=keys(stage))


def test_desk_that_could_not_be_opened(snap_compare: Any) -> None:
    def refuse() -> Session:
        raise StoreError("The database evolver.db is not a database.", "Move it away, and start again.")

    app = EvolverApp(refuse, lambda: ([], None), DeskSettings(now=lambda: NOON))

    async def steps(pilot: Pilot[int]) -> None:
        await pilot.pause(0.4)

    assert snap_compare(app, terminal_size=WIDE, run_before=steps)
