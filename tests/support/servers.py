"""Servers that tests start for themselves, from the binaries that are installed, in a temporary folder."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from glob import glob
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

import psycopg
import pytest

PATIENCE_SECONDS: Final = 60.0
"""Only a hang takes so long."""

TABLES: Final = (
    "decision",
    "spending",
    "journal",
    "question",
    "job",
    "session",
    "signal",
    "tally",
    "chat_turn",
    "resent_task",
    "answer_rule",
    "learned",
    "training_session",
    "training_point",
    "resent_task",
    "answer_rule",
    "learned",
)
"""All that hold data, those first that refer to others."""

_PLACES: Final = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
_ACCESS: Final = "host all guarded 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\nlocal all all trust\n"
"""One role needs a password, the others none."""


def postgresql_binaries() -> Path:
    """The folder of the server's programs, the youngest version of several; skips the test where there is none."""
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    for place in _PLACES:
        found += map(Path, sorted(glob(place), key=_version, reverse=True))
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    pytest.skip("PostgreSQL's server is not installed: initdb was not found")


def _version(path: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path)]


def _somebody() -> Mapping[str, Any]:
    """As whom the server runs: it refuses to be root's."""
    if os.geteuid():
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.skip("PostgreSQL's server does not run as root, and there is neither a user postgres nor nobody")


def _children(process: int) -> list[int]:
    try:
        listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    except OSError:  # a system that does not tell
        return []
    return [int(child) for child in listed.split()]


class PostgreSQLServer:
    """A PostgreSQL server of its own, with the settings that it comes with; `evolver` is its superuser."""

    def __init__(self) -> None:
        self._programs = postgresql_binaries()
        self._somebody = _somebody()
        self.folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        self.own_folder(self.folder)
        self._log = (self.folder / "log").open("ab")
        # Held as long as the server lives, so that nobody else is given the port while it is down for a moment.
        self._held_port = socket.socket()
        self._held_port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held_port.bind(("127.0.0.1", 0))
        self.port: int = self._held_port.getsockname()[1]
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        data = ("-D", str(self.folder / "data"))
        initialise = ("initdb", *data, "-U", "evolver", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        subprocess.run(self._command(*initialise), **self._surroundings(), check=True)
        (self.folder / "data" / "pg_hba.conf").write_text(_ACCESS)
        self.start()

    def own_folder(self, path: Path) -> Path:
        """Give the server a folder, made where it is missing; returns it."""
        path.mkdir(mode=0o700, exist_ok=True)
        if self._somebody:
            os.chown(path, self._somebody["user"], self._somebody["group"])
        return path

    def _command(self, program: str, *arguments: str) -> list[str]:
        return [str(self._programs / program), *arguments]

    def _surroundings(self) -> dict[str, Any]:
        output = {"stdin": subprocess.DEVNULL, "stdout": self._log, "stderr": self._log}
        return {"cwd": self.folder, **output, **self._somebody}

    def start(self) -> None:
        """Start, and wait until it answers. After a kill it may first have to wait for its own remains."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._is_answering():
            if self._process is None or self._process.poll() is not None:
                self._process = self._launch()
            if time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}")
            time.sleep(0.02)

    def _launch(self) -> subprocess.Popen[bytes]:
        options = ("-p", str(self.port), "-k", str(self.folder), "-c", "listen_addresses=127.0.0.1")
        command = self._command("postgres", "-D", str(self.folder / "data"), *options)
        if shutil.which("setpriv"):  # not to outlive a test run that is killed
            command = ["setpriv", "--pdeathsig", "INT", *command]
        return subprocess.Popen(command, **self._surroundings(), start_new_session=True)

    def _is_answering(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """End in order; whoever is connected is hung up on."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a power cut would, but for the disk's cache."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            children = _children(self._process.pid)
            self._process.send_signal(number)
            self._process.wait(PATIENCE_SECONDS)
            self._process = None
            if number is signal.SIGKILL:
                for child in children:
                    with suppress(ProcessLookupError):
                        os.kill(child, number)
            self._wait_until_refused()

    def _wait_until_refused(self) -> None:
        """A child that has just been forked holds the port for a moment longer than the server does."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except ConnectionError:
                return
            if time.monotonic() > deadline:
                pytest.fail("PostgreSQL has ended and its port takes connections all the same")
            time.sleep(0.02)

    def close(self) -> None:
        """End it at once and leave nothing behind."""
        self._end(signal.SIGQUIT)
        self._held_port.close()
        self._log.close()
        shutil.rmtree(self.folder)

    # --- databases

    def url(self, database: str, user: str = "evolver") -> str:
        """The URL of a database here."""
        return f"postgresql+psycopg://{user}@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements as the superuser; returns the rows of the last one."""
        where = self.url(database).replace("+psycopg", "")
        with psycopg.connect(where, connect_timeout=10, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self, more: str = "") -> str:
        """Make an empty database; returns its URL."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 {more}")
        return self.url(name)

    def empty(self, url: str) -> None:
        """Delete all rows of all tables and begin to count at 1: a tenth of the time of a database made anew."""
        name = url.rpartition("/")[2]
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{name}' AND pid <> pg_backend_pid()"
        )
        deletes = [f"DELETE FROM {table}" for table in TABLES]
        numbers = [f"ALTER SEQUENCE {table}_{column}_seq RESTART" for table, column in _NUMBERED.items()]
        self.execute("; ".join(["BEGIN", *deletes, *numbers, "COMMIT"]), name)


_NUMBERED: Final = {"job": "seq", "question": "id", "signal": "seq", "decision": "id", "answer_rule": "id"}


class Cutter:
    """Stands between a client and a server on this host, and cuts a connection on demand. Use it as a context."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._phrase = b""
        self._lets_pass = False
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def cut_at(self, phrase: bytes, *, lets_pass: bool) -> None:
        """Cut, once, when a client says this: after the server's answer, which is kept, or before it hears of it."""
        self._phrase, self._lets_pass = phrase, lets_pass

    @property
    def has_cut(self) -> bool:
        """Whether nothing is left to be cut."""
        return not self._phrase

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        connection = asyncio.ensure_future(self._serve(client, to_client))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        answering = asyncio.ensure_future(_pass_on(server, to_client))
        try:
            while data := await client.read(65_536):
                if self._phrase and self._phrase in data:
                    self._phrase = b""
                    answering.cancel()
                    await asyncio.wait({answering})
                    if self._lets_pass:
                        to_server.write(data)
                        await server.read(65_536)
                    break
                to_server.write(data)
        finally:
            answering.cancel()
            to_client.close()
            to_server.close()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        target.write(data)
    target.close()


def free_port() -> int:
    """A port of this host at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
