"""`evolver-tui jobs` on one database, in this process or in one of its own, and the jobs that it works on."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.cli.main import main
from evolver_tui.engine.store import Store
from tests.support.processes import run_command

T = TypeVar("T")


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """The JSON value on its standard output."""
        return json.loads(self.out)


@dataclass
class Jobs:
    """The command on a home of its own.

    Args:
        url: the database; empty for the one in the home.
        environ: for processes of their own.
    """

    home: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    url: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> list[str]:
        """The options that say where."""
        return ["--home", str(self.home), *(["--database", self.url] if self.url else [])]

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Done:
        """Run it here."""
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self.capsys.readouterr()
        try:
            code = main(["jobs", *arguments, *self.place])
        except SystemExit as leaving:  # argparse's way out
            code = int(str(leaving.code))
        return Done(code, *self.capsys.readouterr())

    def process(self, *arguments: str, stdin: bytes = b"") -> Done:
        """Run it in a process of its own."""
        self.home.mkdir(exist_ok=True)
        done = run_command("jobs", *arguments, *self.place, home=self.home, stdin=stdin, cwd=None, **self.environ)
        return Done(done.returncode, done.stdout, done.stderr)

    def store(self, work: Callable[[Store], Awaitable[T]]) -> T:
        """Do something with the database itself."""

        async def do() -> T:
            database = Database(self.url or self.home / "data" / "evolver.db")
            await database.open()
            try:
                return await work(database)
            finally:
                await database.close()

        return asyncio.run(do())

    def shown(self, name: str) -> Any:
        """What `show` says, as JSON."""
        done = self("show", name, "--json")
        assert done.code == 0, done.err
        return done.value
