"""Routines that are plug-ins: found by config and entry point, imported late, and harmless when they are broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from evolver_tui.adapters.routines.plugins import find_routines
from evolver_tui.core.job import JobState
from evolver_tui.core.journal import RESULT
from evolver_tui.core.question import Answer, AnswerAction
from evolver_tui.core.task import Task
from evolver_tui.engine.durable.routine import Run, source_hash
from evolver_tui.engine.session import Session
from evolver_tui.settings.config import check_config
from tests.support.processes import environment
from tests.support.routine_process import install
from tests.support.sessions import Watch, open_question, row_of, running, send, workspace_in

pytestmark = pytest.mark.anyio

WORKS = "async def work(run, task):\n    return task.raw.get('text')\n"
WITHOUT_LANGGRAPH = "raise ModuleNotFoundError('No module named langgraph', name='langgraph')\n"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A place whose routine `mine` is `mine_module:work`; modules that a test imports are forgotten after it."""
    install(tmp_path, '[routines]\nmine = "mine_module:work"\n')
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(home: Path, source: str, module: str = "mine_module") -> Path:
    file = home / "config" / "routines" / f"{module}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
    return file


def a_task(task_id: str = "t", routine: str = "mine", **fields: object) -> dict[str, Any]:
    return {"id": task_id, "taskName": "A task", "routine": routine, **fields}


@asynccontextmanager
async def at_work(home: Path, *tasks: dict[str, Any]) -> AsyncIterator[tuple[Session, Watch]]:
    async with running(workspace_in(home)) as (session, watch):
        if tasks:
            await send(session, {"tasks": list(tasks)})
        yield session, watch


async def result_of(session: Session, task_id: str = "t") -> Any:
    return (await session.store.journal((await row_of(session, task_id)).job))[RESULT]


async def failure(watch: Watch, count: int = 1) -> str:
    return str((await watch.until("task.failed", count)).payload["error"])


# --- found and run


async def test_module_is_imported_when_its_first_job_is_taken_up_and_not_before(home: Path) -> None:
    write(home, WORKS)
    async with at_work(home) as (session, watch):
        assert "mine_module" not in sys.modules
        await send(session, {"tasks": [a_task(text="hello")]})
        await watch.until("task.completed")
        assert "mine_module" in sys.modules
        assert await result_of(session) == "hello"
    assert str(home / "config" / "routines") not in sys.path


@pytest.mark.parametrize(
    ("target", "source"),
    [
        (
            "mine_module:work",
            "class Work:\n    async def __call__(self, run, task):\n        return 1\n\n\nwork = Work()\n",
        ),
        ("mine_module:Work.work", "class Work:\n    @staticmethod\n    async def work(run, task):\n        return 1\n"),
        (
            "mine_module:work",
            "import functools\n\nasync def add(number, run, task):\n    return number\n\n\n"
            "work = functools.partial(add, 1)\n",
        ),
        ("mine_module:work", "from beside import work\n"),
    ],
    ids=["object", "dotted", "partial", "neighbour"],
)
async def test_routine_may_be_anything_that_is_called_like_an_async_function(
    home: Path, target: str, source: str
) -> None:
    (home / "config" / "config.toml").write_text(f'[routines]\nmine = "{target}"\n')
    write(home, "async def work(run, task):\n    return 1\n", "beside")
    write(home, source)
    async with at_work(home, a_task()) as (session, watch):
        await watch.until("task.completed")
        assert await result_of(session) == 1


async def test_job_of_an_unknown_routine_is_left_to_others(home: Path) -> None:
    write(home, WORKS)
    async with at_work(home, a_task("other", "theirs"), a_task()) as (session, watch):
        await watch.until("task.completed")
        await session.workers.drained()
        assert (await row_of(session, "other")).state is JobState.PENDING


def test_installed_package_offers_a_routine_and_the_config_wins(tmp_path: Path) -> None:
    site, home = tmp_path / "site", tmp_path / "home"
    metadata = site / "offers-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: offers\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[evolver_tui.routines]\ntheirs = offers:work\nmine = offers:work\nNot-a-name = offers:work\n"
    )
    (site / "offers.py").write_text("async def work(run, task):\n    return 'offered'\n")
    install(home, '[routines]\nmine = "mine_module:work"\n')
    write(home, WORKS)
    environ = environment(home)
    environ["PYTHONPATH"] += f":{site}"
    tasks = [a_task("1", "theirs"), a_task("2", "mine", text="own")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.routine_process", str(home), json.dumps(tasks)],
        env=environ, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [name for name, _ in told].count("task.completed") == 2
    notices = sorted(payload["notice"] for name, payload in told if name == "config.notice")
    assert notices == [
        "The package offers offers a routine 'Not-a-name' that cannot be used; it is left out.",
        "The routine 'mine' is taken from the config; the one of offers is left out.",
    ]


def test_of_two_packages_one_wins_and_a_notice_says_so(tmp_path: Path) -> None:
    points = [EntryPoint("mine", f"{module}:work", "evolver_tui.routines") for module in ("first", "second")]
    found = find_routines({}, tmp_path, tracing=False, installed=points)
    assert repr(found.routines["mine"]) == "<routine mine at first:work>"
    assert "another package" in found.notices[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('Mine = "a:b"', ["[routines] Mine", "a to z"]),
        (f'{"m" * 65} = "a:b"', ["at most 64"]),
        ('mine = "a.b"', ["[routines] mine", "module:function", "a.b"]),
        ('mine = "a b:c"', ["module:function"]),
        ("mine = 3", ["a text in quotes", "3"]),
    ],
)
def test_config_says_what_a_routine_has_to_be(home: Path, line: str, words: list[str]) -> None:
    config = home / "config" / "config.toml"
    config.write_text(f"[routines]\n{line}\n")
    (problem,) = check_config(config)
    assert all(word in problem for word in words), problem


# --- broken


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, ["there is no module 'mine_module'", "mine_module.py"]),
        ("work = 3\n", ["is no function but a int", "async function"]),
        ("class work:\n    pass\n", ["is a class"]),
        ("def work(run, task):\n    return 1\n", ["is not async"]),
        ("async def worf(run, task):\n    return 1\n", ["has no 'work'", "Did you mean 'worf'?"]),
        ("async def work(run, task:\n", ["is no Python", "line 1"]),
        ("import json\njson.loads('')\n", ["fails in line 2", "JSONDecodeError"]),
        ("import sys\nsys.exit(3)\n", ["fails in line 2", "SystemExit: 3"]),
        ("import not_installed_at_all\n", ["needs 'not_installed_at_all'", "Install it"]),
        (
            WITHOUT_LANGGRAPH,
            ["evolver-tui[langgraph]"],
        ),
        ("async def work(run, task):\n    raise SystemExit(3)\n", ["called sys.exit()"]),
        ("async def work(run, task):\n    return 1 / 0\n", ["ZeroDivisionError"]),
    ],
)
async def test_broken_module_fails_its_job_with_a_sentence_until_it_is_mended(
    home: Path, source: str | None, words: list[str]
) -> None:
    if source is not None:
        write(home, source)
    async with at_work(home, a_task()) as (session, watch):
        error = await failure(watch)
        assert all(word in error for word in words), error
        write(home, WORKS + "# mended\n")
        await session.inbox.retry((await row_of(session, "t")).job)
        await watch.until("task.completed")


async def test_file_that_an_installed_module_hides_is_named(home: Path) -> None:
    (home / "config" / "config.toml").write_text('[routines]\nmine = "textwrap:work"\n')
    file = write(home, WORKS, "textwrap")
    async with at_work(home, a_task()) as (_, watch):
        error = await failure(watch)
        assert f"hides {file}" in error
        assert "Rename the file." in error


async def test_working_folder_is_not_searched(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(tmp_path))])
    (tmp_path / "mine_module.py").write_text(WORKS)
    async with at_work(home, a_task()) as (_, watch):
        assert "there is no module" in await failure(watch)


# --- changed


async def test_changed_file_is_imported_again_without_a_restart(home: Path) -> None:
    write(home, "async def work(run, task):\n    return 1 / 0\n")
    async with at_work(home, a_task()) as (session, watch):
        await failure(watch)
        write(home, "async def work(run, task):\n    return 'mended now'\n")
        await session.inbox.retry((await row_of(session, "t")).job)
        await watch.until("task.completed")
        assert await result_of(session) == "mended now"
        assert watch.names().count("routine.reloaded") == 1


async def test_job_that_goes_on_under_a_changed_file_says_so(home: Path) -> None:
    asks = (
        "from evolver_tui.routines import Question\n\n\n"
        "async def work(run, task):\n    return (await run.ask(Question('q', 'Well?'))).action\n"
    )
    write(home, asks)
    async with at_work(home, a_task()) as (_, watch):
        await watch.until("job.paused")
    write(home, asks + "# another line\n")
    async with at_work(home) as (session, watch):
        await session.inbox.answer((await open_question(session, "t")).id, Answer(AnswerAction.ACCEPT))
        changed = await watch.until("routine.source_changed")
        assert changed.payload["routine"] == "mine"
        await watch.until("task.completed")


def test_source_hash_imports_nothing_not_even_the_package(home: Path) -> None:
    package = home / "config" / "routines" / "mine_package"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (package / "inside.py").write_text(WORKS)
    found = find_routines({"mine": "mine_package.inside:work"}, package.parent, tracing=False, installed=())
    first = source_hash(found.routines["mine"])
    (package / "inside.py").write_text(WORKS + "\n")
    assert len(first) == 16
    assert source_hash(found.routines["mine"]) != first
    assert "mine_package" not in sys.modules


# --- mistakes that must not stop the others


async def test_routine_that_cancels_itself_fails_and_the_next_one_runs(home: Path) -> None:
    write(home, "import asyncio\n\nasync def work(run, task):\n    raise asyncio.CancelledError\n")
    async with at_work(home, a_task()) as (_, watch):
        assert await failure(watch) == "The routine cancelled itself."
        assert watch.names().count("task.started") == 1


@pytest.mark.parametrize(
    "call",
    ["run.emit(5)", "run.emit('')", "run.emit('x', 'text')", "run.emit('x', {}, 'loud')", "run.defer(None, {})"],
)
async def test_what_is_no_signal_fails_its_job_and_the_log_goes_on(home: Path, call: str) -> None:
    write(home, f"async def work(run, task):\n    if task.id == 't':\n        {call}\n    return 1\n")
    async with at_work(home, a_task(), a_task("next")) as (_, watch):
        assert "which is no signal" in await failure(watch)
        await watch.until("task.completed", task_id="next")


# --- one file, many routines


TWO = "async def a(run, task):\n    return {0!r}\n\n\nasync def b(run, task):\n    return {0!r}\n"
CONFIG_OF_TWO = '[routines]\na = "pair:a"\nb = "pair:b"\nagain = "pair:b"\n'


async def run_one(session: Session, watch: Watch, task_id: str, routine: str) -> Any:
    await send(session, {"tasks": [a_task(task_id, routine)]})
    await watch.until("task.completed", task_id=task_id)
    return await result_of(session, task_id)


@pytest.mark.parametrize("first_after", ["a", "b", "again"])
async def test_edited_file_is_edited_for_each_of_its_routines_whichever_comes_first(
    home: Path, first_after: str
) -> None:
    (home / "config" / "config.toml").write_text(CONFIG_OF_TWO)
    file = write(home, TWO.format("old"), "pair")
    times = file.stat()
    async with at_work(home) as (session, watch):
        assert await run_one(session, watch, "1", "a") == "old"
        file.write_text(TWO.format("new"))
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))  # as large and as old as before
        order = [first_after, *({"a", "b", "again"} - {first_after})]
        assert [await run_one(session, watch, f"then {name}", name) for name in order] == ["new"] * 3


async def test_source_of_a_job_is_the_one_that_was_hashed_when_it_was_taken(home: Path) -> None:
    file = write(home, TWO.format("old"), "pair")
    found = find_routines({"a": "pair:a", "b": "pair:b"}, file.parent, tracing=False, installed=())
    asked = source_hash(found.routines["a"])
    file.write_text(TWO.format("new"))
    later = source_hash(found.routines["b"])

    async def result(name: str, taken_with: str) -> Any:
        run = SimpleNamespace(source_hash=taken_with, tell=lambda _: None)
        return await found.routines[name](cast(Run, run), Task.from_raw(a_task()))

    assert await result("a", asked) == "old"
    assert await result("b", later) == "new"
    assert await result("b", asked) == "old"
    assert await result("a", later) == "new"


async def test_module_that_another_routine_imported_runs_as_its_file_is_now(home: Path) -> None:
    (home / "config" / "config.toml").write_text('[routines]\nuser = "user_of_pair:work"\nb = "pair:b"\n')
    file = write(home, TWO.format("old"), "pair")
    write(home, "from pair import b as work\n", "user_of_pair")
    async with at_work(home) as (session, watch):
        assert await run_one(session, watch, "1", "user") == "old"
        file.write_text(TWO.format("new"))
        assert await run_one(session, watch, "2", "b") == "new"
        assert await run_one(session, watch, "3", "user") == "old"  # a helper is read once


async def test_module_within_a_package_is_read_again(home: Path) -> None:
    (home / "config" / "config.toml").write_text('[routines]\na = "bundle.pair:a"\nb = "bundle.pair:b"\n')
    folder = home / "config" / "routines" / "bundle"
    folder.mkdir()
    (folder / "__init__.py").write_text("from bundle.pair import a\n")
    (folder / "words.py").write_text("WORD = 'word'\n")
    (folder / "pair.py").write_text("from .words import WORD\n" + TWO.format("old"))
    async with at_work(home) as (session, watch):
        assert await run_one(session, watch, "1", "a") == "old"
        (folder / "pair.py").write_text("from .words import WORD\n" + TWO.format("new"))
        assert await run_one(session, watch, "2", "b") == "new"
        assert await run_one(session, watch, "3", "a") == "new"


async def test_file_that_is_broken_or_gone_fails_all_its_routines_until_it_is_mended(home: Path) -> None:
    (home / "config" / "config.toml").write_text(CONFIG_OF_TWO)
    file = write(home, TWO.format("old"), "pair")
    async with at_work(home) as (session, watch):
        assert await run_one(session, watch, "1", "a") == "old"
        file.write_text("async def a(run, task:\n")
        await send(session, {"tasks": [a_task("2", "b"), a_task("3", "a")]})
        for count in (1, 2):
            assert "is no Python" in await failure(watch, count)
        file.unlink()
        await send(session, {"tasks": [a_task("4", "b")]})
        assert "there is no module 'pair'" in await failure(watch, 3)
        file.write_text(TWO.format("new"))
        for task_id in ("2", "3", "4"):
            await session.inbox.retry((await row_of(session, task_id)).job)
            await watch.until("task.completed", task_id=task_id)
            assert await result_of(session, task_id) == "new"


async def test_edit_while_a_job_runs_leaves_that_job_as_it_is(home: Path) -> None:
    (home / "config" / "config.toml").write_text(CONFIG_OF_TWO)
    file = write(home, "", "pair")
    edits = f"    from pathlib import Path\n    Path({str(file)!r}).write_text({TWO.format('new')!r})\n"
    file.write_text(TWO.format("old").replace("    return", f"{edits}    return", 1))
    async with at_work(home) as (session, watch):
        await send(session, {"tasks": [a_task("1", "a"), a_task("2", "b"), a_task("3", "a")]})
        await watch.until("task.completed", 3)
        assert [await result_of(session, task_id) for task_id in "123"] == ["old", "new", "new"]


async def test_config_and_package_share_a_module(home: Path) -> None:
    file = write(home, TWO.format("old"), "pair")
    points = [EntryPoint("theirs", "pair:b", "evolver_tui.routines")]
    found = find_routines({"mine": "pair:a"}, file.parent, tracing=False, installed=points)
    assert source_hash(found.routines["mine"]) == source_hash(found.routines["theirs"])
    results = []
    for name, text in (("mine", "old"), ("theirs", "new")):
        file.write_text(TWO.format(text))
        run = SimpleNamespace(source_hash=source_hash(found.routines[name]), tell=lambda _: None)
        results.append(await found.routines[name](cast(Run, run), Task.from_raw(a_task())))
    assert results == ["old", "new"]
