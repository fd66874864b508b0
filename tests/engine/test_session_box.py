"""How a session finds out how nodes are held where it runs, and tells of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evolver_tui.adapters.sandbox.box import LocalSandbox
from evolver_tui.engine.sandbox import BoxStanding
from evolver_tui.wiring import NO_WORK
from tests.support.boxes import no_box
from tests.support.sessions import running, workspace_in

pytestmark = pytest.mark.anyio


class SlowSandbox(LocalSandbox):
    """One whose canary never comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.was_asked = asyncio.Event()

    async def standing(self) -> BoxStanding:
        """Never."""
        self.was_asked.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")


async def test_a_session_with_an_author_tells_how_nodes_are_held(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        signal = await watch.until("sandbox.standing")
        assert (dict(signal.payload), signal.level) == ({"tier": "full"}, "info")
        assert session.box == BoxStanding("full")


async def test_where_nothing_holds_them_it_is_a_warning_with_a_way_out(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path), sandbox=no_box()) as (session, watch):
        signal = await watch.until("sandbox.standing", tier="none")
        assert signal.level == "warning"
        assert "Landlock" in signal.payload["way_out"]
        session.sandbox.allow_unheld()
        assert dict((await watch.until("sandbox.unheld")).payload) == {"by": "ada"}
        assert session.box is not None
        assert session.box.runs_unheld


async def test_a_session_opens_and_ends_whatever_the_canary_does(tmp_path: Path) -> None:
    sandbox = SlowSandbox()
    async with running(workspace_in(tmp_path), sandbox=sandbox) as (session, _):
        await sandbox.was_asked.wait()
        assert session.box is None


async def test_without_an_author_nobody_looks(tmp_path: Path) -> None:
    sandbox = SlowSandbox()
    async with running(workspace_in(tmp_path), sandbox=sandbox, work=NO_WORK):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert not sandbox.was_asked.is_set()
