"""A database that breaks under the console: it is said where it stays, keys say why they do nothing, and `q` leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.away_database import console_on
from tests.support.desk_fixtures import Console, console
from tests.support.servers import PostgreSQLServer
from tests.support.sessions import SUMMARIZE
from tests.support.waiting_fixtures import until_needs

pytestmark = pytest.mark.anyio

SMALL = (80, 24)
WIDE = (120, 40)


def replace(path: Path) -> None:
    backup = path.with_name("backup.db")
    backup.write_bytes(path.read_bytes())
    backup.replace(path)


def database_in(folder: Path) -> Path:
    return folder / "data" / "evolver.db"


def words_of(desk: Console) -> str:
    return " ".join(desk.text().replace("│", " ").split())


async def assert_said_and_left(desk: Console, sentence: str) -> None:
    """The sentence stands on the card when every notice is gone; a deed is refused with it; `q` ends the console."""
    await desk.until(lambda: desk.session.broken is not None, "the end of the database")
    await desk.until(lambda: desk.app.desk.card.content.title == "The database cannot be used any longer")
    desk.app.clear_notifications()
    await desk.pilot.pause()
    assert sentence in words_of(desk)
    assert "cannot save" in desk.text()
    await desk.press("down", "up")
    await desk.press("o")
    assert any(sentence in notice for notice in desk.notices)
    assert sentence in words_of(desk), "another row under the cursor does not take it away"
    await desk.decide("q")
    await desk.until(lambda: desk.app.return_value is not None, "the end")
    assert desk.app.return_value == 1


@pytest.mark.parametrize("size", [WIDE, SMALL])
@pytest.mark.parametrize(("harm", "sentence"), [
    (replace, "was replaced or restored while it was open. Nothing more is written."),
    (Path.unlink, "was moved or deleted while it was open. Nothing more is written."),
])  # fmt: skip
async def test_file_that_is_replaced_or_deleted_under_an_idle_console(
    tmp_path: Path, size: tuple[int, int], harm: Callable[[Path], None], sentence: str
) -> None:
    async with console(tmp_path, size=size) as desk:
        await desk.receive(SUMMARIZE)
        await until_needs(desk, 1)
        harm(database_in(tmp_path))
        await assert_said_and_left(desk, sentence)


async def test_dropped_database_on_the_server(tmp_path: Path, postgresql: PostgreSQLServer) -> None:
    async with console_on(tmp_path, postgresql) as desk:
        await desk.receive(SUMMARIZE)
        await until_needs(desk, 1)
        ((name,),) = postgresql.execute("SELECT datname FROM pg_database ORDER BY oid DESC LIMIT 1")
        postgresql.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await assert_said_and_left(desk, "does not exist. Check its name.")
