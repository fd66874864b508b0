"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.support.database_process import Companion
    from tests.support.servers import PostgreSQLServer


settings.register_profile("the same each time", derandomize=True, deadline=None)
settings.load_profile("the same each time")


def pytest_configure() -> None:
    """A shell has what it starts in the background ignore the keyboard's signals, and that is inherited."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGQUIT, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: most of what tests take is waiting for other processes."""
    return 1 + (os.cpu_count() or 1)


@pytest.fixture
def anyio_backend() -> str:
    """Coroutine tests (marked `anyio`) run on asyncio, as the product does."""
    return "asyncio"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQLServer]:
    """A server that all tests share; none may stop it."""
    from tests.support.servers import PostgreSQLServer

    server = PostgreSQLServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def _shared_database(postgresql: PostgreSQLServer) -> str:
    import asyncio

    from evolver_tui.adapters.database.database import Database

    async def lay_out(url: str) -> None:
        database = Database(url)
        await database.open()
        await database.close()

    url = postgresql.new_database()
    asyncio.run(lay_out(url))
    return url


@pytest.fixture
def postgresql_url(postgresql: PostgreSQLServer, _shared_database: str) -> str:
    """An empty PostgreSQL database with the layout of today."""
    postgresql.empty(_shared_database)
    return _shared_database


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes an empty database of each kind that the store knows, whenever it is asked; the one before is over then."""
    if request.param == "sqlite":
        numbers = count(1)
        return lambda: f"sqlite:///{tmp_path}/{next(numbers)}/data/evolver.db"
    server: PostgreSQLServer = request.getfixturevalue("postgresql")
    database: str = request.getfixturevalue("_shared_database")

    def emptied() -> str:
        server.empty(database)
        return database

    return emptied


@pytest.fixture
def url(empty: Callable[[], str]) -> str:
    """An empty database of each kind that the store knows."""
    return empty()


@pytest.fixture(scope="module")
def companions() -> Iterator[tuple[Companion, Companion]]:
    """Two other processes that use the store."""
    from tests.support.database_process import two_companions

    with two_companions() as both:
        yield both


@pytest.fixture
def companion(companions: tuple[Companion, Companion]) -> Companion:
    """One other process that uses the store."""
    return companions[0]
