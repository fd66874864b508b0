"""Where commands look and where they write: the demo's database, the config's, a library, a result's file."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evolver_tui.settings.workspace import find_workspace
from tests.support.connect_runs import says
from tests.support.databases import add, opened, task
from tests.support.processes import Connect, environment, run_command
from tests.support.sessions import SUMMARIZE, running, send
from tests.support.terminal import Terminal

REFUSED_BY_KEYS = [
    ('"review.approve" = "r"', ["'review.approve'", "'review.reject'"]),
    ('"review.aprove" = "a"', ["review.aprove", "'review.approve'"]),
    ('"review.retry" = "Y"', ["review.retry", "'job.retry'"]),
    ('"review.approve" = "bogus+key"', ["review.approve", "bogus+key"]),
    ('"review.approve" = ""', ["review.approve", "missing"]),
]


def configure(home: Path, text: str) -> Path:
    """Write the config file under `home`."""
    file = home / "config" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def after_a_demo(tmp_path: Path) -> Path:
    """A home in which nothing but the demo was looked at."""

    async def look_around() -> None:
        place = find_workspace(str(tmp_path), str(tmp_path / "nodes"), None, {"USER": "ada"}, is_demo=True)
        async with running(place) as (session, watch):
            await send(session, SUMMARIZE)
            await watch.until("review.requested")

    asyncio.run(look_around())
    return tmp_path


# --- the demo ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code"), [(["jobs", "list"], 0), (["jobs", "show", "task-1"], 1), (["export"], 2)]
)
def test_who_finds_nothing_is_told_of_the_demo_and_finds_it_there(
    after_a_demo: Path, arguments: list[str], code: int
) -> None:
    home = after_a_demo
    nothing = run_command("--home", str(home), *arguments, home=home)
    assert (nothing.returncode, nothing.stdout) == (code, "")
    assert "There is no" in nothing.stderr
    assert nothing.stderr.endswith("The demo's own database holds a job: add --demo.\n")
    for with_demo in ([*arguments, "--demo"], ["--demo", *arguments]):
        found = run_command("--home", str(home), *with_demo, home=home)
        assert (found.returncode, found.stderr, "task-1" in found.stdout) == (0, "", True)


def test_a_queue_with_jobs_of_its_own_says_nothing_of_the_demo(after_a_demo: Path) -> None:
    home = after_a_demo
    (home / "data" / "demo.db").rename(home / "data" / "evolver.db")
    assert "demo" not in run_command("jobs", "show", "nobody", "--home", str(home), home=home).stderr


def test_only_what_reads_the_demo_takes_its_option(tmp_path: Path) -> None:
    done = run_command("--demo", "connect", home=tmp_path, stdin=b"{}")
    assert (done.returncode, done.stdout, "--demo" in done.stderr) == (2, "", True)


@pytest.mark.parametrize("command", [[], ["jobs", "list"], ["worker"], ["export"]])
def test_the_demo_takes_no_database_but_its_own(tmp_path: Path, command: list[str]) -> None:
    done = run_command("--demo", *command, "--database", str(tmp_path / "other.db"), home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--demo has a database of its own" in done.stderr
    assert not (tmp_path / "other.db").exists()


# --- the config's database -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}"])
def test_the_config_may_name_the_database_and_neither_option_nor_demo_takes_it(tmp_path: Path, form: str) -> None:
    named, other = tmp_path / "named.db", tmp_path / "other.db"
    configure(tmp_path, f'[database]\nurl = "{form.format(named)}"\n')

    async def fill(place: Path, task_id: str) -> None:
        async with opened(place) as store:
            await add(store, task(task_id))

    for place in (named, other):
        asyncio.run(fill(place, f"in-{place.stem}"))
    for options, seen in (([], {"in-named"}), (["--database", str(other)], {"in-other"}), (["--demo"], set())):
        done = run_command("jobs", "list", "--home", str(tmp_path), *options, home=tmp_path)
        assert done.returncode == 0
        assert {name for name in ("in-named", "in-other") if name in done.stdout} == seen, options
    assert not (tmp_path / "data" / "evolver.db").exists()


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("postgresql+psycopg://ada:hunter22@db/x", ["PGPASSWORD", "~/.pgpass"]),
        ("postgresql://db/x?password=hunter22", ["PGPASSWORD", "~/.pgpass"]),
        ("postgresql://db:99999/x", ["postgresql+psycopg://user@host/name"]),
        ("mysql://db/x", ["sqlite:////path/evolver.db", "postgresql+psycopg://user@host/name"]),
        ("queue.db", ["a whole path"]),
        ("sqlite:///queue.db", ["a whole path"]),
    ],
)
def test_a_database_that_cannot_be_meant_is_refused_and_no_password_is_repeated(
    tmp_path: Path, url: str, parts: list[str]
) -> None:
    file = configure(tmp_path, f'[database]\nurl = "{url}"\n')
    done = run_command("jobs", "list", "--home", str(tmp_path), home=tmp_path)
    assert done.returncode == 2
    for part in (str(file), "[database] url", *parts):
        assert part in done.stderr
    assert "hunter22" not in done.stderr


# --- the config itself ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "parts"), REFUSED_BY_KEYS)
def test_check_refuses_keys_that_the_console_refuses_in_the_same_words(
    tmp_path: Path, line: str, parts: list[str]
) -> None:
    file = configure(tmp_path, f"[keys]\n{line}\n")
    checked = run_command("config", "check", "--home", str(tmp_path), home=tmp_path)
    assert checked.returncode == 2
    for part in (str(file), "[keys]", *parts):
        assert part in checked.stdout
    command = [sys.executable, "-m", "evolver_tui", "--home", str(tmp_path)]
    with Terminal(command, tmp_path, environment(tmp_path)) as terminal:
        assert terminal.wait() == 2
        assert terminal.raw.decode() == f"evolver-tui: {checked.stdout.rstrip()}\r\n"


def test_check_tells_of_every_key_and_of_an_unknown_theme(tmp_path: Path) -> None:
    lines = "\n".join(line for line, _ in REFUSED_BY_KEYS[:3])
    configure(tmp_path, f'[desk]\ntheme = "evolver-drak"\n[keys]\n{lines}\n')
    checked = run_command("config", "check", "--home", str(tmp_path), home=tmp_path)
    assert (checked.returncode, len(checked.stdout.splitlines())) == (2, 4)
    assert "'evolver-dark'" in checked.stdout
    (tmp_path / "config" / "themes").mkdir()
    shipped = Path(__file__).parents[2] / "themes" / "paper.toml"
    own = shipped.read_text().replace('name = "paper"', 'name = "evolver-drak"')
    (tmp_path / "config" / "themes" / "own.toml").write_text(own)
    checked = run_command("config", "check", "--home", str(tmp_path), home=tmp_path)
    assert "theme" not in checked.stdout


def test_show_lists_what_every_key_does_in_the_config_s_own_words(tmp_path: Path) -> None:
    from evolver_tui.tui.all_actions import ACTIONS

    file = configure(tmp_path, '[keys]\n"review.approve" = "A"\n')
    shown = run_command("config", "show", "--home", str(tmp_path), home=tmp_path).stdout
    assert '"review.approve" = "A"  # ' in shown.splitlines()[shown.splitlines().index("[keys]") + 1]
    for action in ACTIONS[1:]:
        assert f'# "{action.id}" = "{action.key}"  # {action.help}\n' in shown
    file.write_text(shown.replace('# "review.reject" = "r"', '"review.reject" = "X"'))
    assert run_command("config", "check", "--home", str(tmp_path), home=tmp_path).returncode == 0


@pytest.mark.parametrize("arguments", [["nodes", "list"], ["config", "check"], ["jobs", "list"]])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_folder_in_the_config_s_place_is_said_and_holds_nothing_up(
    tmp_path: Path, arguments: list[str], make: object
) -> None:
    (tmp_path / "config").mkdir()
    assert callable(make)
    make(tmp_path / "config" / "config.toml")
    done = run_command(*arguments, "--home", str(tmp_path), home=tmp_path)
    assert (done.returncode, "it is no regular file" in done.stdout + done.stderr) == (2, True)


def test_a_pipe_in_the_place_of_secrets_is_said(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    os.mkfifo(tmp_path / "config" / "secrets.toml", 0o600)
    with says() as hub, Connect(tmp_path, {"hub_url": hub.url, "duration_seconds": 20}) as process:
        code, result = process.result()
    assert (code, "secrets.toml cannot be read" in result["error"]) == (1, True)


# --- the library ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["nodes", "list"], ["nodes", "show", "x"], ["run", "x"]])
def test_a_library_that_is_not_there_is_not_taken_for_an_empty_one(tmp_path: Path, arguments: list[str]) -> None:
    done = run_command(*arguments, "--nodes", "typo", home=tmp_path, stdin=b"{}")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"There is no folder {tmp_path}/typo." in done.stderr
    assert run_command("nodes", "list", home=tmp_path).stdout == "There is no node yet.\n"


# --- a result's file -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing/out", "missing does not exist"), (".", "it is a folder"), ("pipe", "it is no regular file"),
     ("n" * 300, "File name too long")],
)  # fmt: skip
def test_a_result_s_file_that_could_not_be_written_is_refused_before_anything_is_done(
    tmp_path: Path, name: str, reason: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    exported = run_command("export", "-o", name, home=tmp_path)
    assert (exported.returncode, reason in exported.stderr) == (2, True)
    config = {"hub_url": "http://127.0.0.1:9/x", "output_file": name}
    connected = run_command("connect", home=tmp_path, stdin=json.dumps(config).encode())
    result = json.loads(connected.stdout)
    assert (connected.returncode, connected.stderr, result.keys()) == (2, "", {"error", "success"})
    assert (result["success"], reason in result["error"]) == (False, True)
    assert [path.name for path in tmp_path.iterdir() if path.name[0] != "."] == ["pipe"]


@pytest.mark.parametrize(
    ("redirect", "stream"),
    [("< same.json > out", "input"), ("< config.json > same.json", "output"), ("< config.json 2> same.json", "error")],
)
def test_a_result_s_file_that_a_standard_stream_already_is_is_refused(
    tmp_path: Path, redirect: str, stream: str
) -> None:
    config = json.dumps({"hub_url": "http://127.0.0.1:9/x", "output_file": "same.json"})
    (tmp_path / "config.json").write_text(config)
    (tmp_path / "same.json").write_text(config)
    shell = ["sh", "-c", f'"$0" -m evolver_tui connect --home h {redirect}', sys.executable]
    done = subprocess.run(shell, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False)
    said = (
        done.stdout + "".join(path.read_text() for path in tmp_path.glob("out")) + (tmp_path / "same.json").read_text()
    )
    assert (done.returncode, f"same.json cannot be written: standard {stream} is that file." in said) == (2, True)


def test_a_link_is_followed_to_the_file_that_it_names(after_a_demo: Path) -> None:
    home = after_a_demo
    (home / "elsewhere").mkdir()
    (home / "out.jsonl").symlink_to(home / "elsewhere" / "log.jsonl")
    done = run_command("export", "--demo", "--home", str(home), "-o", "out.jsonl", home=home)
    assert (done.returncode, (home / "out.jsonl").is_symlink()) == (0, True)
    assert "task-1" in (home / "elsewhere" / "log.jsonl").read_text()


# --- the terminal --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("redirect", ["2>errors.log", "2>&-", "2</dev/null"])
def test_the_console_is_drawn_wherever_errors_go(tmp_path: Path, redirect: str) -> None:
    shell = ["sh", "-c", f'exec "$0" -m evolver_tui --home h --demo {redirect}', sys.executable]
    with Terminal(shell, tmp_path, environment(tmp_path)) as terminal:
        terminal.wait_for("Queue", "task-1")
    log = tmp_path / "errors.log"
    assert not log.exists() or log.read_text() == ""


@pytest.mark.parametrize("redirect", [">out.log", ">&-", "</dev/null", "<&-"])
def test_without_a_terminal_to_read_or_draw_on_there_is_a_sentence(tmp_path: Path, redirect: str) -> None:
    shell = ["sh", "-c", f'exec "$0" -m evolver_tui --home h {redirect}', sys.executable]
    with Terminal(shell, tmp_path, environment(tmp_path)) as terminal:
        assert terminal.wait() == 2
        assert terminal.text.startswith("evolver-tui: The console needs a terminal on standard input and output.")
