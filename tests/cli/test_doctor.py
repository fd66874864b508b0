"""`evolver-tui doctor`: what it says of a machine, that it changes nothing there, and that nothing holds it up."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evolver_tui.cli.doctor import diagnosis, machine, workspace
from evolver_tui.cli.doctor.diagnosis import Diagnosis, Examination, State, examine
from evolver_tui.cli.main import main
from evolver_tui.core.address import Address
from evolver_tui.core.stand_ins import cells
from evolver_tui.engine.sandbox import BoxStanding
from evolver_tui.wiring import NO_WORK
from tests.support.boxes import SteadySandbox
from tests.support.databases import opened
from tests.support.hostile import assert_harmless
from tests.support.hubs import RawHub, http_response, negotiated
from tests.support.processes import REPOSITORY, Model, environment, run_command
from tests.support.servers import PostgreSQLServer
from tests.support.sessions import running, send, workspace_in
from tests.support.terminal import SMALL, Terminal

Line = dict[str, str]


def contents(folder: Path) -> dict[str, Any]:
    """Every file and folder with when it was changed and what is in it."""
    return {
        str(path): (path.lstat().st_mtime_ns, path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
    }


class Doctor:
    """What the doctor says of a home in which nothing is set."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys
        monkeypatch.chdir(home)
        monkeypatch.setattr(workspace, "_BUSY_SECONDS", 0.05)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setattr("evolver_tui.settings.secrets.find_spec", lambda name: None)
        monkeypatch.setattr("evolver_tui.wiring.make_sandbox", SteadySandbox)
        for name in ("EVOLVER_HOME", "EVOLVER_HUB_TOKEN", "OPENAI_API_KEY", "PGPASSWORD", "PGPASSFILE"):
            monkeypatch.delenv(name, raising=False)

    def configure(self, text: str) -> None:
        (self.home / "config").mkdir(exist_ok=True)
        (self.home / "config" / "config.toml").write_text(text)

    def text(self, *arguments: str) -> tuple[int, str]:
        code = main(["doctor", "--home", str(self.home), *arguments])
        return code, self._capsys.readouterr().out

    def lines(self, *arguments: str) -> tuple[int, list[Line]]:
        code, out = self.text("--json", *arguments)
        value = json.loads(out)
        assert value["healthy"] == (code == 0) == all(line["state"] != "broken" for line in value["lines"])
        return code, value["lines"]

    def of(self, name: str, *arguments: str) -> Line:
        """The one line of this name."""
        (line,) = [line for line in self.lines(*arguments)[1] if line["name"] == name]
        return line


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    home = tmp_path / "home"
    home.mkdir()
    return Doctor(home, monkeypatch, capsys)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Something that takes connections and never says a word, as a frozen process does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


# --- the lines ---


def test_a_fresh_home_is_healthy_and_stays_as_it_is(doctor: Doctor) -> None:
    code, out = doctor.text()
    assert (code, out.splitlines()[-1]) == (0, "Everything that is needed works.")
    assert list(doctor.home.iterdir()) == []
    names = [line[8:19].strip() for line in out.splitlines() if line[:1].strip()]
    assert names[:2] == ["program", "python"]
    assert {"terminal", "colours", "locale", "config", "secrets", "database", "library", "hub", "model"} <= set(names)


def test_its_rows_fit_into_eighty_columns_but_for_what_has_no_space(doctor: Doctor) -> None:
    for row in doctor.text()[1].splitlines():
        assert cells(row) <= 80 or len(row[21:].split()) == 1, row


def test_json_and_text_say_the_same(doctor: Doctor) -> None:
    doctor.configure("[desk]\nthme = 1\n")
    code, lines = doctor.lines()
    text_code, text = doctor.text()
    assert code == text_code == 1
    squeezed = " ".join(text.split())
    for line in lines:
        assert " ".join(line["message"].split()) in squeezed
        assert set(line) == {"name", "state", "message", "way_out"}
    assert text.splitlines()[-1] == "1 line is broken."


def test_strangers_words_do_not_steer_the_terminal(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TERM", "LANG", "EDITOR"):
        monkeypatch.setenv(name, "x\x1b]52;c;aGk=\x07\u202e")
    odd = doctor.home / "odd\x1b[31m"
    assert_harmless(doctor.text("--nodes", str(odd), "--database", str(odd / "x.db"))[1])


def test_in_a_terminal_it_says_its_size_and_draws_nothing_but_words(tmp_path: Path) -> None:
    environ = {**environment(tmp_path), "NO_COLOR": ""}
    with Terminal([sys.executable, "-m", "evolver_tui", "doctor"], tmp_path, environ, SMALL) as terminal:
        assert terminal.wait() == 0
        said = terminal.raw.decode()
    assert "xterm-256color, 80x24." in said
    assert "None, as NO_COLOR asks." in said
    assert "\x1b" not in said


# --- Python and the terminal ---


@pytest.mark.parametrize(
    "term", ["", "dumb", "unknown", "linux", "xterm", "xterm-16color", "xterm-256color", "xterm-kitty"]
)
@pytest.mark.parametrize("colorterm", ["", "truecolor", "24bit", " TrueColor ", "yes"])
def test_colours_are_counted_as_the_console_s_library_does(term: str, colorterm: str) -> None:
    environ = {"TERM": term, "COLORTERM": colorterm}
    console = Console(force_terminal=True, _environ=environ)
    counts = {None: 0, "standard": 16, "256": 256, "truecolor": 16_777_216}
    assert machine.color_count(environ) == counts[console.color_system]


def test_every_extra_of_the_package_has_a_line_with_what_it_brings() -> None:
    extras = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    brought = {
        extra: tuple(re.match(r"[\w-]+", package).group() for package in packages)  # type: ignore[union-attr]
        for extra, packages in extras.items()
        if not extra.startswith("test")
    }
    assert {extra: names for extra, (_, names) in machine.EXTRAS.items()} == brought


def test_a_package_that_is_missing_or_of_another_version_is_said() -> None:
    found = {"textual==8.2.8": "9.0", "rich>=14.2": "", "httpx[socks]<1,>=0.28": "0.28.1"}
    missing, other = machine._needed(found)
    assert (missing.state, missing.message, missing.way_out) == (State.BROKEN, "Missing: rich.", "pip install rich")
    assert (other.state, other.way_out) == (State.NOTE, "pip install 'textual==8.2.8'")


@pytest.mark.parametrize(
    ("size", "environ", "words"),
    [
        (None, {"TERM": "xterm"}, "the console needs one"),
        (SMALL, {}, "TERM is not set: "),
        (SMALL, {"TERM": "dumb", "SSH_CONNECTION": "a b"}, "TERM is dumb over ssh: "),
        ((79, 24), {"TERM": "xterm", "TMUX": "/tmp/x"}, "xterm in tmux, 79x24: "),
    ],
)
def test_a_terminal_that_the_console_does_not_fit_is_said(
    size: tuple[int, int] | None, environ: Mapping[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_size", lambda: size)
    (line,) = machine.terminal(environ)
    assert (line.state, words in line.message, bool(line.way_out)) == (State.NOTE, True, True)


def test_a_terminal_that_does_not_say_its_size_is_no_reason_for_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_size", lambda: (0, 0))
    (line,) = machine.terminal({"TERM": "xterm"})
    assert line.state is State.OK


@pytest.mark.parametrize(("encoding", "state"), [("utf-8", State.OK), ("ascii", State.NOTE), ("latin-1", State.NOTE)])
def test_a_locale_without_the_console_s_signs_is_said(encoding: str, state: State) -> None:
    (line,) = machine.locale({"LANG": "C"}, encoding)
    assert line.state is state
    assert line.message.startswith(f"{encoding} (LANG=C)")


def test_without_any_of_its_packages_it_still_says_what_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-m", "evolver_tui", "doctor"]
    done = subprocess.run(command, env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "BROKEN  folders      This needs platformdirs, which cannot be loaded." in done.stdout


# --- the box ---


@pytest.mark.parametrize(
    ("standing", "state", "message"),
    [
        (BoxStanding("full"), "ok", "Nodes run in tier full."),
        (
            BoxStanding("guard", "Tier full: no bubblewrap.", "Install it."),
            "note",
            "Nodes run in tier guard. Tier full: no bubblewrap.",
        ),
        (BoxStanding("none", "Tier guard: no Landlock.", "Use Linux."), "broken", "Nodes are not run, "),
    ],
)
def test_the_box_is_told_by_its_tier_and_what_would_raise_it(
    standing: BoxStanding, state: str, message: str, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find(sandbox: SteadySandbox) -> BoxStanding:
        return standing

    monkeypatch.setattr(SteadySandbox, "standing", find)
    line = doctor.of("box")
    assert (line["state"], line["way_out"]) == (state, standing.way_out)
    assert line["message"].startswith(message)
    assert standing.reason in line["message"]


# --- config and folders ---


def test_a_broken_config_is_told_as_by_config_check_and_the_rest_is_looked_at(doctor: Doctor) -> None:
    doctor.configure('[hub]\nping = 3\n[desk]\ntheme = "none such"\n[keys]\n"no.action" = "x"\n')
    checked = run_command("config", "check", "--home", str(doctor.home), home=doctor.home).stdout.splitlines()
    code, lines = doctor.lines()
    said = [f"{line['message']} {line['way_out']}".strip() for line in lines if line["name"] == "config"]
    assert code == 1
    assert said[:-1] == checked
    assert {line["name"] for line in lines} >= {"database", "library", "secrets", "hub", "model"}


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[[[", b"a = " + b"[" * 5000])
def test_a_file_that_is_no_config_is_no_reason_to_stop(doctor: Doctor, content: bytes) -> None:
    doctor.configure("")
    (doctor.home / "config" / "config.toml").write_bytes(content)
    code, lines = doctor.lines()
    assert code == 1
    assert [line["state"] for line in lines if line["name"] == "config"] == ["broken", "note"]


def test_without_a_home_folder_it_says_how_to_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    for name in ("HOME", "EVOLVER_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)  # what a container with a made-up user id looks like
    assert main(["doctor", "--json"]) == 1
    said = capsys.readouterr()
    lines = {line["name"]: line for line in json.loads(said.out)["lines"]}
    assert said.err == ""
    assert (lines["folders"]["state"], "--home DIR" in lines["folders"]["way_out"]) == ("broken", True)
    assert lines["python"]["state"] == "ok"


def test_a_working_folder_that_is_gone_is_told_where_it_matters(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    line = doctor.of("library")
    assert (line["state"], line["way_out"]) == ("broken", "Write the whole path.")
    assert doctor.of("database")["state"] == "ok"


def test_a_home_that_cannot_be_written_is_broken(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and allowed(path, mode))
    code, lines = doctor.lines()
    states = {line["name"]: line["state"] for line in lines}
    assert code == 1
    assert (states["folders"], states["database"], states["library"]) == ("broken", "broken", "broken")


# --- secrets ---

SECRET = "sk-verysecret0123456789"


@pytest.mark.parametrize("place", ["the environment", "secrets.toml"])
def test_a_secret_is_found_where_it_is_and_never_shown(
    doctor: Doctor, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    doctor.configure("")
    if place == "the environment":
        monkeypatch.setenv("EVOLVER_HUB_TOKEN", SECRET)
    else:
        (doctor.home / "config" / "secrets.toml").write_text(f'EVOLVER_HUB_TOKEN = "{SECRET}"\n')
        (doctor.home / "config" / "secrets.toml").chmod(0o600)
    code, out = doctor.text()
    assert code == 0
    assert SECRET not in out
    line = doctor.of("secrets")
    assert (line["state"], line["message"].startswith("EVOLVER_HUB_TOKEN is in "), place in line["message"]) == (
        "ok", True, True,
    )  # fmt: skip


def test_a_key_that_is_needed_and_nowhere_is_broken_and_one_that_others_may_read_as_well(doctor: Doctor) -> None:
    doctor.configure('[backend]\nkind = "openai"\nmodel = "m"\n')
    states = [line["state"] for line in doctor.lines()[1] if line["name"] == "secrets"]
    assert states == ["off", "broken"]
    file = doctor.home / "config" / "secrets.toml"
    file.write_text(f'OPENAI_API_KEY = "{SECRET}"\n')
    file.chmod(0o644)
    code, lines = doctor.lines()
    refused = [line for line in lines if line["name"] == "secrets"][-1]
    assert (code, refused["state"]) == (1, "broken")
    assert "chmod 600" in refused["way_out"]
    assert SECRET not in json.dumps(lines)


def test_where_postgresql_s_password_comes_from_is_said(tmp_path: Path) -> None:
    file = tmp_path / "pgpass"
    file.touch(mode=0o600)
    url, environ = Address("postgresql://ada@db.example/x"), {"PGPASSFILE": str(file)}

    def state(url: Address, environ: Mapping[str, str]) -> tuple[State, str]:
        (line,) = workspace._passwords(url, environ)
        assert SECRET not in repr(line)
        return line.state, line.message

    assert state(url, environ) == (State.OK, f"PostgreSQL's passwords are in {file}.")
    assert state(url, {**environ, "PGPASSWORD": SECRET}) == (State.OK, "PGPASSWORD is in the environment.")
    assert state(Address(f"postgresql://ada:{SECRET}@db.example/x"), {})[1] == "PostgreSQL's password is in the URL."
    file.chmod(0o644)
    assert state(url, environ)[0] is State.NOTE
    file.unlink()
    assert state(url, environ)[0] is State.OFF


# --- the SQLite file ---


async def a_database(home: Path) -> Path:
    async with running(workspace_in(home), work=NO_WORK) as (session, _):
        await send(session, {"tasks": [{"id": "one", "taskName": "Summarize", "llmTaskType": "summarize"}]})
    return home / "data" / "evolver.db"


WRONG: Mapping[str, str] = {
    "a folder": "is a folder", "notes": "is not a database", "other.db": "belongs to another program",
    "newer.db": "was written by a newer version", "nowhere.db": "cannot be opened", "torn.db": "is damaged",
}  # fmt: skip


@pytest.mark.anyio
async def test_a_database_that_cannot_be_used_is_told_in_the_console_s_words(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "notes").write_text("Milk, bread.\n" * 500)
    (tmp_path / "nowhere.db").symlink_to(tmp_path / "gone" / "x.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE job (seq, title)")
    for name in ("newer.db", "torn.db"):
        async with opened(tmp_path / name):
            pass
    with closing(sqlite3.connect(tmp_path / "newer.db", isolation_level=None)) as newer:
        newer.execute("INSERT INTO migration VALUES (99, 'later', 0)")
        newer.execute("PRAGMA journal_mode = DELETE")
    with (tmp_path / "torn.db").open("r+b") as torn:
        torn.truncate(torn.seek(0, 2) // 2)
    before = contents(tmp_path)
    for name, words in WRONG.items():
        line = doctor.of("database", "--database", str(tmp_path / name))
        assert (name, line["state"], words in line["message"]) == (name, "broken", True), line
        assert line["way_out"]
    assert contents(tmp_path) == before


@pytest.mark.anyio
async def test_a_database_is_read_with_its_log_and_left_as_it_is(doctor: Doctor) -> None:
    file = await a_database(doctor.home)
    assert "It holds 1 job, 0 of which need you" in doctor.of("database")["message"]
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    writer.execute("UPDATE tally SET jobs = 7")
    before = contents(doctor.home)
    assert str(file.with_name("evolver.db-wal")) in before, "its log is not copied yet"
    beside = run_command("doctor", "--json", "--home", str(doctor.home), home=doctor.home)
    assert "It holds 7 jobs" in beside.stdout
    assert contents(doctor.home) == before
    writer.close()


def test_a_log_that_a_killed_process_left_is_read_and_left_as_it_is(doctor: Doctor, tmp_path: Path) -> None:
    code = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from tests.support.databases import add, task\n"
        "from evolver_tui.adapters.database.database import Database\n"
        "async def run():\n"
        "    database = Database(Path(sys.argv[1]))\n"
        "    await database.open()\n"
        "    await add(database, task('one'), task('two'))\n"
        "    os._exit(0)\n"
        "asyncio.run(run())\n"
    )
    file = tmp_path / "killed" / "evolver.db"
    subprocess.run([sys.executable, "-c", code, str(file)], env=environment(tmp_path), check=True)
    before = contents(file.parent)
    assert len(before) == 3
    assert "It holds 2 jobs" in doctor.of("database", "--database", str(file))["message"]
    assert contents(file.parent) == before
    file.with_name("evolver.db-shm").unlink()
    before = contents(file.parent)
    assert "Its log is read at the next start." in doctor.of("database", "--database", str(file))["message"]
    assert contents(file.parent) == before


@pytest.mark.anyio
async def test_a_writer_that_does_not_come_to_an_end_is_named(doctor: Doctor) -> None:
    file = await a_database(doctor.home)
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        done = run_command("doctor", "--json", "--home", str(doctor.home), home=doctor.home)
    (line,) = [line for line in json.loads(done.stdout)["lines"] if line["name"] == "database"]
    assert (done.returncode, line["state"]) == (1, "broken")
    assert "is locked by another program" in line["message"]
    assert f"Process {os.getpid()} holds it." in line["way_out"]


# --- PostgreSQL ---


def test_a_server_s_database_is_looked_at_and_left_as_it_is(
    doctor: Doctor, postgresql: PostgreSQLServer, postgresql_url: str
) -> None:
    line = doctor.of("database", "--database", postgresql_url)
    assert (line["state"], "It holds 0 jobs" in line["message"]) == ("ok", True)
    empty = postgresql.new_database()
    assert "It has no tables yet" in doctor.of("database", "--database", empty)["message"]
    tables = postgresql.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", empty.rpartition("/")[2])
    assert tables == [(0,)]


def test_what_a_server_refuses_is_told_in_the_console_s_words_and_shows_no_password(
    doctor: Doctor, postgresql: PostgreSQLServer, postgresql_url: str
) -> None:
    name = postgresql_url.rpartition("/")[2]
    postgresql.execute(
        "CREATE ROLE looker LOGIN; CREATE ROLE reader LOGIN; ALTER ROLE reader SET default_transaction_read_only = on"
    )
    at = f"127.0.0.1:{postgresql.port}"
    for url, words in (
        (f"postgresql://looker:{SECRET}@{at}/{name}", "does not allow this user"),
        (f"postgresql://reader:{SECRET}@{at}/{name}", "the server is read-only"),
        (f"postgresql://evolver:{SECRET}@{at}/none_such", "does not exist"),
        (f"postgresql://evolver:{SECRET}@127.0.0.1:1/{name}", "cannot be reached"),
        (postgresql.new_database("ENCODING 'LATIN1' LOCALE 'C'"), "is kept in LATIN1"),
    ):
        code, lines = doctor.lines("--database", url)
        (line,) = [line for line in lines if line["name"] == "database"]
        assert (code, line["state"], words in line["message"]) == (1, "broken", True), line
        assert SECRET not in json.dumps(lines)


def test_a_frozen_server_is_left_in_bounded_time(doctor: Doctor, silent_port: int) -> None:
    line = doctor.of("database", "--database", f"postgresql://ada@127.0.0.1:{silent_port}/x?connect_timeout=2")
    assert (line["state"], "cannot be reached" in line["message"]) == ("broken", True)


# --- library ---


def test_a_library_with_a_folder_that_cannot_be_read_says_which(doctor: Doctor) -> None:
    nodes = doctor.home / "data" / "nodes"
    (nodes / "broken_one" / "versions" / "1").mkdir(parents=True)
    before = contents(doctor.home)
    code, lines = doctor.lines()
    said = [line["state"] for line in lines if line["name"] == "library"]
    assert (code, said) == (0, ["ok", "note"])
    assert contents(doctor.home) == before


# --- hub and model ---


def test_nothing_is_asked_over_the_network_unless_it_is_wanted(doctor: Doctor) -> None:
    with RawHub(lambda peer: None) as hub, Model() as model:
        doctor.configure(f'{model.config}[hub]\nurl = "{hub.url}"\n')
        assert doctor.of("hub")["state"] == doctor.of("model")["state"] == "off"
        assert (hub.heads, model.asked) == ([], [])


def test_online_the_hub_is_asked_and_sends_no_task_and_the_model_for_one_word(doctor: Doctor) -> None:
    with RawHub(lambda peer: None) as hub, Model(lambda task_id: iter(())) as model:
        doctor.configure(f'{model.config}[hub]\nurl = "{hub.url}"\n')
        code, lines = doctor.lines("--online")
        assert [head.split()[0] for head in hub.heads] == ["POST"], "a connection would be sent tasks"
    said = {line["name"]: line for line in lines}
    assert (said["hub"]["state"], said["hub"]["message"]) == (
        "ok", f"The hub at 127.0.0.1:{hub.port} answers, and offers WebSockets.",
    )  # fmt: skip
    assert (code, said["model"]["state"]) == (1, "broken")
    assert model.asked


def test_a_model_that_answers_is_told_as_by_config_check(doctor: Doctor) -> None:
    with Model() as model:
        model.configure(doctor.home)
        assert re.match(r"openai/m answered in \d+\.\d s\.", doctor.of("model", "--online")["message"])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http_response("401 Unauthorized"), "did not accept the token (401)"),
        (http_response("404 Not Found"), "There is no hub at this path"),
        (http_response("200 OK", "<html><title>Sign in</title>"), "is not a SignalR hub"),
        (negotiated(error=f"go away {SECRET}"), "refuses the connection"),
    ],
)
def test_what_a_hub_refuses_is_told_without_the_token(
    doctor: Doctor, answer: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLVER_HUB_TOKEN", SECRET)
    with RawHub(lambda peer: None, answer=lambda head: answer) as hub:
        doctor.configure(f'[hub]\nurl = "{hub.url}"\n')
        code, lines = doctor.lines("--online")
    (line,) = [line for line in lines if line["name"] == "hub"]
    assert (code, line["state"], words in line["message"]) == (1, "broken", True), line
    assert SECRET not in json.dumps(lines)


def test_a_frozen_hub_is_left_in_bounded_time(
    doctor: Doctor, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "HUB_ANSWER_SECONDS", 0.1)
    doctor.configure(f'[hub]\nurl = "http://127.0.0.1:{silent_port}/taskhub"\n')
    line = doctor.of("hub", "--online")
    assert (line["state"], "does not answer" in line["message"]) == ("broken", True)


# --- what hangs or breaks ---


def test_what_hangs_holds_up_neither_the_other_lines_nor_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []
    monkeypatch.setattr(diagnosis, "_end_without_them", lambda: ended.append(True))
    hangs = threading.Event()

    def hang() -> Iterator[Diagnosis]:
        hangs.wait()
        yield from ()

    def fail() -> Iterator[Diagnosis]:
        raise ValueError(SECRET)
        yield

    fine = Diagnosis("fine", State.OK, "Fine.")
    late, broken, last = examine(
        [Examination("slow", hang, 0.05, "Wait."), Examination("odd", fail), Examination("fine", lambda: [fine])]
    )
    assert (late.state, late.way_out, last, ended) == (State.BROKEN, "Wait.", fine, [True])
    assert (broken.state, broken.message) == (State.BROKEN, "This could not be found out: ValueError.")
    hangs.set()


def test_a_process_with_something_that_hangs_ends_with_its_lines(tmp_path: Path) -> None:
    """Threads that a vendor started in an executor would be waited for by Python itself."""
    code = (
        "import sys, threading\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from evolver_tui.cli.doctor import workspace\n"
        "from evolver_tui.cli.doctor.diagnosis import Examination\n"
        "from evolver_tui.cli.main import main\n"
        "def hang():\n"
        "    ThreadPoolExecutor().submit(threading.Event().wait).result()\n"
        "workspace.all_of = lambda place, online: [Examination('model', hang, 0.05)]\n"
        "sys.exit(main(['doctor']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    assert "BROKEN  model        No answer came within 0.05 s." in done.stdout
    assert done.stdout.endswith("1 line is broken.\n")


# --- listeners ---


def test_listeners_are_told_of_with_what_they_lack_and_what_they_left(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = doctor.home / "config" / "config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(
        '[listeners.log]\nkind = "file"\npath = "x"\n[listeners.traces]\nkind = "otel"\n'
        '[listeners.ops]\nkind = "webhook"\nurl = "https://ops.example/"\nsecret_env = "OPS_SECRET"\n'
    )
    (doctor.home / "data" / "undelivered").mkdir(parents=True)
    (doctor.home / "data" / "undelivered" / "ops.jsonl").write_text("{}\n")
    monkeypatch.setattr(workspace, "lacks_extra", lambda extra: True)
    code, text = doctor.text()
    squeezed = " ".join(text.replace("> ", "").split())
    assert code == 1
    assert "log (file)." in squeezed
    assert "traces (otel) needs a package that is not there. pip install 'evolver-tui[otel]'" in squeezed
    assert "ops (webhook) could not deliver everything: 3 bytes lie in" in squeezed
    assert "evolver-tui signals redeliver ops" in squeezed
    assert "The listener ops cannot work: OPS_SECRET is neither in the environment" in squeezed
