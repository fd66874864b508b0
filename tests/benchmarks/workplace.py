"""What a measurement stands on: a home of its own, a filled database, hubs and providers as processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from evolver_tui.adapters.sample_hub.tasks import BUILT_IN_TASKS
from evolver_tui.core.task import Task
from tests.benchmarks.terminal import Terminal

REPOSITORY = Path(__file__).parents[2]
CONSOLE = ("-m", "evolver_tui")
"""The console, for Python."""
SESSION = ("-m", "tests.benchmarks.headless")
"""The console's session without a console, for Python; a hub's URL follows, which may be empty."""
_KEY = "EVOLVER_BENCHMARK_KEY"
_A_COMMIT = 20_000


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="evolver-benchmark-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def silent_provider() -> Iterator[str]:
    """The URL of a model provider that takes a request and never answers: a worker that writes is busy with it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:  # the system accepts, and nobody reads
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


class Home:
    """The folder of one instance of the product, and how its commands are started in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "data" / "evolver.db"
        self.environ: Mapping[str, str] = {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "",  # an installed program is compiled; one that may not keep it compiles anew
            "EVOLVER_HOME": str(folder),
            "PYTHONPATH": str(REPOSITORY),
            _KEY: "key",
        }
        folder.mkdir(parents=True, exist_ok=True)

    def write_with(self, provider_url: str) -> None:
        """Have this provider's model write, however long it takes."""
        config = self.folder / "config" / "config.toml"
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(
            f'[backend]\nkind = "openai"\nbase_url = "{provider_url}"\nmodel = "benchmark"\napi_key_env = "{_KEY}"\n'
            "read_timeout = 3600\ntotal_timeout = 86400\n"
        )

    def add_signal_file(self) -> None:
        """Have every signal written to a file as well."""
        with (self.folder / "config" / "config.toml").open("a") as config:
            config.write(f'[listeners.log]\nkind = "file"\npath = "{self.folder / "signals.jsonl"}"\nmax_mb = 1000\n')

    def fill(self, count: int) -> None:
        """Queue tasks q0000001, q0000002, ... of medium priority, by the store itself."""
        self.database.parent.mkdir(parents=True, exist_ok=True)
        asyncio.run(_fill(self.database, count))

    def add_routine(self, name: str, file: Path) -> None:
        """Put a file of routines where a person would, and a task for the one of this name before all others."""
        folder = self.folder / "config" / "routines"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder)
        with (self.folder / "config" / "config.toml").open("a") as config:
            config.write(f'[routines]\n{name} = "{file.stem}:{name}"\n')
        task = {"id": name, "taskName": name, "routine": name, "folder": str(self.folder), "priority": "high"}
        asyncio.run(_add(self.database, [Task.from_raw(task)]))

    def tells(self, signal: str) -> bool:
        """Whether a signal of this name is in the log."""
        with contextlib.closing(self.jobs()) as jobs:
            return jobs.execute("SELECT 1 FROM signal WHERE name = ? LIMIT 1", (signal,)).fetchone() is not None

    def terminal(self, *arguments: str) -> Terminal:
        """Python with these arguments, in a terminal."""
        return Terminal([sys.executable, *arguments], self.environ, self.folder)

    @contextlib.contextmanager
    def process(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Python with these arguments, killed afterwards."""
        with subprocess.Popen([sys.executable, *arguments], env=self.environ, cwd=self.folder) as process:
            try:
                yield process
            finally:
                process.kill()

    def jobs(self) -> sqlite3.Connection:
        """A connection that only reads."""
        return sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True, isolation_level=None)


def wait_for(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing of it was seen in {seconds:g} s")
        time.sleep(0.05)


async def _fill(database: Path, count: int) -> None:
    for start in range(1, count + 1, _A_COMMIT):
        numbers = range(start, min(start + _A_COMMIT, count + 1))
        await _add(database, [Task.from_raw(_task(f"q{number:07}")) for number in numbers])


async def _add(database: Path, tasks: Sequence[Task]) -> None:
    from evolver_tui.adapters.database.database import Database

    store = Database(database)
    await store.open()
    await store.add_tasks(tasks, "filled", generate=True, signals_of=lambda added: ())
    await store.close()


def _task(task_id: str) -> Mapping[str, object]:
    return {
        "id": task_id,
        "taskName": f"LLM Summarization for Blog Post {task_id}",
        "llmTaskType": "summarize",
        "priority": "medium",
        "dueDate": "2026-12-01T12:00:00Z",
        "status": "pending",
    }


@contextlib.contextmanager
def sample_hub(*, rate: float, count: int) -> Iterator[str]:
    """A hub in a process of its own that sends the built-in tasks round and round, one in a message; its URL."""
    options: Sequence[str] = ("--port", "0", "--rate", str(rate), "--batch", "1", "--count", str(count))
    command = [sys.executable, "-m", "evolver_tui", "hub", *options]
    with temporary_folder() as folder:
        tasks = folder / "tasks.json"  # a file's tasks count as somebody's own: the console asks nothing about them
        numbered = [{"id": f"task-{number}", **task} for number, task in enumerate(BUILT_IN_TASKS, 1)]
        tasks.write_text(json.dumps({"tasks": numbered}))
        with _serving([*command, "--tasks", str(tasks)]) as url:
            yield url


@contextlib.contextmanager
def _serving(command: Sequence[str]) -> Iterator[str]:
    """A hub's process; its URL."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        try:
            yield str(json.loads(process.stdout.readline())["hub_url"])
        finally:
            process.kill()
