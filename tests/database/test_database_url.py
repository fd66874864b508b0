"""Which database URLs are taken, and what is said to the others before anything is connected to."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.errors import UsageError
from evolver_tui.settings.database_url import a_database, check_database_url
from tests.support.servers import PostgreSQLServer

NO_URL, NO_FILE = "cannot be read. Write it as sqlite:////path", "has to be a file"

REFUSED = [
    ("evolver", NO_URL),
    ("postgresql://a@b/c\nd", NO_URL),
    ("mysql://a:hunter22@b/c", "'mysql' databases are not supported. Use sqlite:////path"),
    ("postgresql+asyncpg://a:hunter22@b/c", "'asyncpg' is not supported. Begin the database URL with postgresql+psy"),
    ("postgres+psycopg2://a@b/c", "'psycopg2' is not supported. Begin the database URL with postgresql+psycopg://"),
    ("sqlite+aiosqlite:////x.db", "'aiosqlite' is not supported. Begin the database URL with sqlite://"),
]


@pytest.mark.parametrize(("url", "said"), REFUSED)
def test_a_url_that_cannot_be_used_is_wrong_usage_and_not_quoted(url: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_database_url(url)
    assert said in str(caught.value)
    assert "hunter22" not in str(caught.value)
    assert "/" not in url or a_database(url) is not None


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("url", "said"),
    [*REFUSED, ("postgresql://a@b:port/c", NO_URL), ("sqlite://", NO_FILE), ("sqlite:///:memory:", NO_FILE)],
)
async def test_nothing_is_opened_by_it(url: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        await Database(url).open()
    assert said in str(caught.value)


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["postgres", "POSTGRES", "postgresql", "postgres+psycopg", "postgresql+psycopg"])
async def test_postgresql_has_two_names(postgresql: PostgreSQLServer, scheme: str) -> None:
    rest = postgresql.new_database().partition("://")[2]
    assert a_database(f"{scheme}://{rest}") is None
    database = Database(f"{scheme}://{rest}")
    await database.open()
    assert (await database.counts()).total == 0
    await database.close()


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+pysqlite"])
async def test_sqlite_may_name_its_driver(tmp_path: Path, scheme: str) -> None:
    database = Database(f"{scheme}:///{tmp_path}/x.db")
    await database.open()
    await database.close()
    assert (tmp_path / "x.db").exists()
