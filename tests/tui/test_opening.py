"""A session that could not be opened: the card says what is waited for, and it is tried again by itself and by `C`."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from evolver_tui.core.errors import ConfigError, EvolverError, StoreBroken, StoreError
from evolver_tui.engine.session import Session
from evolver_tui.engine.signals import get_signal_registry
from evolver_tui.tui.modals import ConnectModal
from evolver_tui.wiring import make_session
from tests.support.boxes import SteadySandbox
from tests.support.desk_fixtures import SMALL, Console, console
from tests.support.sessions import SUMMARIZE, workspace_in

pytestmark = pytest.mark.anyio

LOCKED = "The database evolver.db is locked by another program."


def words_of(desk: Console) -> str:
    return " ".join(desk.text().replace("│", " ").split())


def failing(folder: Path, *errors: EvolverError) -> Callable[[], Session]:
    """Makes a session after so many failures."""
    left: Iterator[EvolverError] = iter(errors)
    place = workspace_in(folder)

    def make() -> Session:
        error = next(left, None)
        if error is not None:
            raise error
        return make_session(place, pace=0.0, sandbox=SteadySandbox())

    return make


async def until_usual(desk: Console) -> None:
    """The desk as after any start: the dialog, and behind it tasks that come in."""
    await desk.until(lambda: desk.app.session is not None, "the session")
    await desk.until_open(ConnectModal)
    await desk.press("escape")
    await desk.receive(SUMMARIZE)
    await desk.until(lambda: "needs you 1" in desk.text())
    assert "could not be opened" not in desk.text()
    assert "cannot open" not in desk.text()


async def test_it_is_tried_again_by_the_key_and_says_meanwhile_what_it_waits_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = (2 * 3_600.0, 4 * 3_600.0)  # nothing is tried by itself meanwhile
    monkeypatch.setattr("evolver_tui.tui.session_opening.SECONDS_BETWEEN_TRIES", hours)
    errors = [StoreError(LOCKED, "Close that program or wait, then try again.")] * 2
    async with console(tmp_path, size=SMALL, make=failing(tmp_path, *errors)) as desk:
        await desk.until(lambda: "The session could not be opened" in desk.text())
        assert f"{LOCKED} Close that program or wait, then try again." in words_of(desk)
        said = "The console waits for the database, for 0s so far. It is tried again in 2h; C tries at once."
        assert said in words_of(desk)
        assert "✗ cannot open" in desk.text()
        assert "C connect now" in desk.text()
        await desk.press("x")
        await desk.until(lambda: "There is no session yet: the card says why." in desk.notices)
        await desk.decide("C")
        await desk.until(lambda: "It is tried again in 4h" in words_of(desk), "the second failure")
        await desk.decide("C")
        await until_usual(desk)


async def test_it_is_tried_again_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evolver_tui.tui.session_opening.SECONDS_BETWEEN_TRIES", (0.01,))
    heard = get_signal_registry().get_listener_count()
    async with console(tmp_path, make=failing(tmp_path, *[StoreError(LOCKED)] * 3)) as desk:
        await until_usual(desk)
        assert get_signal_registry().get_listener_count() == heard + 2  # its bus and its rules


@pytest.mark.parametrize("error", [StoreBroken("The database is damaged."), ConfigError("No such routine.")])
async def test_what_cannot_mend_itself_waits_for_the_key(tmp_path: Path, error: EvolverError) -> None:
    async with console(tmp_path, make=failing(tmp_path, error)) as desk:
        await desk.until(lambda: "Mend it, then press C to try again." in words_of(desk))
        await desk.decide("C")
        await until_usual(desk)


async def test_a_database_that_another_program_holds(tmp_path: Path) -> None:
    place = workspace_in(tmp_path)
    file = place.database_file
    assert file is not None
    file.parent.mkdir(parents=True)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        async with console(tmp_path, make=lambda: make_session(place, pace=0.0, sandbox=SteadySandbox())) as desk:
            await desk.until(lambda: "is locked by another program" in words_of(desk), "that it is locked")
            other.execute("ROLLBACK")
            await desk.decide("C")
            await until_usual(desk)
