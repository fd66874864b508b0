"""What a shell, a signal, a full disk and a plain terminal do to the console: it gives the terminal back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolver_tui.wiring import NO_WORK
from tests.support.hubs import free_port
from tests.support.processes import PATIENCE_SECONDS, Model, environment, half_answer
from tests.support.sessions import running, send, workspace_in
from tests.support.terminal import CTRL_C, SMALL, Terminal, look, modes_left
from tests.support.terminal_steps import leave, started

CTRL_Z, CTRL_BACKSLASH = "\x1a", "\x1c"
TASKS = [{"id": f"task-{n}", "taskName": f"Täsk {n} 日本", "llmTaskType": "summarize"} for n in (1, 2)]
SECONDS_OF_A_SERVICE_MANAGER = 10.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in whose queue two tasks wait."""
    home = tmp_path / "home"
    home.mkdir()

    async def fill() -> None:
        async with running(workspace_in(home), work=NO_WORK) as (session, _):
            await send(session, {"tasks": TASKS})

    asyncio.run(fill())
    return home


def arguments(home: Path) -> list[str]:
    return ["--home", str(home), "--hub", f"http://127.0.0.1:{free_port()}/taskhub", "--no-worker"]


@contextlib.contextmanager
def in_a_shell(home: Path, command: str = "") -> Iterator[tuple[Terminal, int]]:
    """The console as a job of an interactive shell, and its process number."""
    words = " ".join([sys.executable, "-m", "evolver_tui", *arguments(home)])
    (home / "console.sh").write_text(f"#!/bin/sh\necho $$ > pid\n{command or 'exec'} {words}\n")
    (home / "console.sh").chmod(0o700)
    (home / "inputrc").write_text("set enable-bracketed-paste off\n")  # that is the shell's own mode
    environ = environment(home, PS1="shell> ", INPUTRC=str(home / "inputrc"))
    with Terminal(["bash", "--norc", "--noprofile", "-i"], home, environ, SMALL) as terminal:
        terminal.wait_for("shell>")
        terminal.send("./console.sh\r")
        terminal.wait_for("Queue", "task-1", "no author here")
        with terminal._changed:  # a process that is just being started for the box holds a stop up
            is_at_rest = b"sandbox.standing"
            assert terminal._changed.wait_for(lambda: is_at_rest in terminal.raw, PATIENCE_SECONDS), terminal.text
        yield terminal, int((home / "pid").read_text())
        terminal.send("exit\r")
        terminal.wait()
    assert b"Traceback" not in terminal.raw


def wait_for_shell(terminal: Terminal, since: int) -> bytes:
    """Wait until the shell has the terminal; returns what was written from there on."""
    with terminal._changed:
        assert terminal._changed.wait_for(lambda: b"shell> " in terminal.raw[since:], PATIENCE_SECONDS), terminal.text
    return terminal.raw[since:]


def ask_for_modes(terminal: Terminal) -> None:
    """Where the shell has the terminal, it is one for lines."""
    assert modes_left(terminal.raw) == []
    since = len(terminal.raw)
    terminal.send("stty -a | grep -o '.icanon'; echo asked\r")
    with terminal._changed:
        asked = re.compile(rb"\r\n icanon\r\nasked\r\n")
        assert terminal._changed.wait_for(lambda: asked.search(terminal.raw, since), PATIENCE_SECONDS), terminal.text


def quit_to_the_shell(terminal: Terminal) -> None:
    """`q`; the shell has the terminal as it was."""
    since = len(terminal.raw)
    look()
    terminal.send("q")
    wait_for_shell(terminal, since)
    ask_for_modes(terminal)


def come_back(terminal: Terminal, keys: str = "fg\r") -> None:
    """`fg`; the desk stands there again and hears keys."""
    since = len(terminal.raw)
    terminal.send(keys)
    with terminal._changed:
        assert terminal._changed.wait_for(
            lambda: b"Queue" in terminal.raw[since:].rpartition(b"\x1b[?1049h")[2], PATIENCE_SECONDS
        ), terminal.text
    look_into_help(terminal)


def look_into_help(terminal: Terminal) -> None:
    """Keys are heard: the help opens and closes."""
    look()
    terminal.send("?")
    terminal.wait_for("type to filter")
    look()
    terminal.send("\x1b")
    terminal.wait_without("type to filter")


# --- a shell that stops and continues ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["exec", "", "sh -c 'exec \"$@\"; true' x"], ids=["itself", "script", "nested"])
def test_ctrl_z_suspends_and_fg_restores(home: Path, command: str) -> None:
    with in_a_shell(home, command or "env") as (terminal, _):
        for _ in range(2):
            since = len(terminal.raw)
            terminal.send(CTRL_Z)
            assert b"Stopped" in wait_for_shell(terminal, since)
            ask_for_modes(terminal)
            come_back(terminal)
        quit_to_the_shell(terminal)


def test_what_is_typed_after_ctrl_z_in_one_burst_does_nothing_after_fg(home: Path) -> None:
    with in_a_shell(home) as (terminal, _):
        since = len(terminal.raw)
        terminal.send(f"{CTRL_Z}+?")
        wait_for_shell(terminal, since)
        since = len(terminal.raw)
        terminal.send("\x15")  # whatever of it the shell has
        come_back(terminal)
        assert "─ Keys" not in terminal.text
        assert "Signals" in terminal.text, "the zoom"
        quit_to_the_shell(terminal)


def test_a_stop_from_outside_and_one_in_the_background_are_survived(home: Path) -> None:
    with in_a_shell(home) as (terminal, pid):
        since = len(terminal.raw)
        os.kill(pid, signal.SIGTSTP)
        wait_for_shell(terminal, since)
        ask_for_modes(terminal)
        since = len(terminal.raw)
        stopped = f"grep -q '^State:.T' /proc/{pid}/status"
        terminal.send(f"bg; until {stopped}; do sleep 0.1; done; echo it stopped ''again\r")
        with terminal._changed:  # the shell is told of that when it asks
            has_stopped = b"it stopped again"
            assert terminal._changed.wait_for(lambda: has_stopped in terminal.raw[since:], PATIENCE_SECONDS)
        wait_for_shell(terminal, len(terminal.raw.rpartition(b"it stopped again")[0]))
        come_back(terminal)
        since = len(terminal.raw)
        os.kill(pid, signal.SIGSTOP)  # which nobody can prepare for
        wait_for_shell(terminal, since)
        terminal.send("stty sane\r")
        come_back(terminal)
        quit_to_the_shell(terminal)


@pytest.mark.parametrize("stopped_by", ["ctrl+z", "SIGSTOP"])
def test_kill_of_a_stopped_job_ends_it_and_leaves_the_terminal_to_the_shell(home: Path, stopped_by: str) -> None:
    with in_a_shell(home) as (terminal, pid):
        terminal.wait_for("hub.retry_scheduled")  # the session is open
        since = len(terminal.raw)
        if stopped_by == "ctrl+z":
            terminal.send(CTRL_Z)
        else:
            os.kill(pid, signal.SIGSTOP)
        wait_for_shell(terminal, since)
        since = len(terminal.raw)
        terminal.send(f"kill %1; while kill -0 {pid} 2> /dev/null; do sleep 0.1; done; echo it is ''over\r")
        with terminal._changed:
            is_over = b"it is over"
            assert terminal._changed.wait_for(lambda: is_over in terminal.raw[since:], PATIENCE_SECONDS), terminal.text
        assert b"\x1b[" not in terminal.raw[since:]
    with contextlib.closing(sqlite3.connect(home / "data" / "evolver.db")) as database:
        ended_sessions = "select count(*) from signal where name = 'session.ended'"
        assert database.execute(ended_sessions).fetchone() == (2,)  # and the one that filled the queue


def test_a_continuation_without_a_stop_changes_nothing(home: Path) -> None:
    with started(home, *arguments(home)[2:], size=SMALL) as terminal:
        terminal.wait_for("task-1", "no author here")
        for _ in range(30):
            terminal.signal(signal.SIGCONT)
            time.sleep(0.02)  # signals of one number that come at once are one
        before = time.monotonic()
        assert leave(terminal) == 0
        assert time.monotonic() - before < 5.0
    assert modes_left(terminal.raw) == []


def test_without_a_shell_ctrl_z_says_so_and_nothing_freezes(home: Path) -> None:
    with started(home, *arguments(home)[2:], size=SMALL) as terminal:
        terminal.wait_for("task-1", "no author here")
        terminal.send(CTRL_Z)
        terminal.wait_for("There is no shell to return to")
        terminal.signal(signal.SIGTSTP)
        look_into_help(terminal)
        assert leave(terminal) == 0


# --- how it is ended -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def writing(home: Path) -> Iterator[Terminal]:
    """The console while a model is at work for it."""
    is_writing, may_end = threading.Event(), threading.Event()

    def play(task_id: str) -> Iterator[bytes]:
        yield half_answer(task_id)
        is_writing.set()
        may_end.wait(PATIENCE_SECONDS)

    with Model(play) as model:
        model.configure(home)
        with started(home, *arguments(home)[2:-1], size=SMALL) as terminal:
            terminal.wait_for("▸ task-1")
            assert is_writing.wait(PATIENCE_SECONDS)
            look()
            yield terminal
        may_end.set()


@pytest.mark.parametrize("how", [CTRL_BACKSLASH, signal.SIGQUIT, signal.SIGHUP, CTRL_C])
def test_an_end_in_a_hurry_gives_the_job_and_the_terminal_back(home: Path, how: str | signal.Signals) -> None:
    with writing(home) as terminal:
        if how == CTRL_C:
            terminal.send(CTRL_C)
            terminal.wait_for("Quit the console?")
        if isinstance(how, signal.Signals):
            terminal.signal(how)
        else:
            terminal.send(how)
        assert terminal.wait() == 130
    assert modes_left(terminal.raw) == []
    with contextlib.closing(sqlite3.connect(home / "data" / "evolver.db")) as database:
        assert set(database.execute("select state, lease_owner from job")) <= {("pending", ""), ("pending", None)}
        ended = "select count(*) from signal where name = 'session.ended'"
        assert database.execute(ended).fetchone() == (2,)  # and the one that filled the queue


@pytest.mark.parametrize("how", [CTRL_C, signal.SIGINT, signal.SIGTERM])
def test_who_asks_again_and_again_cuts_no_end_off(home: Path, how: str | signal.Signals) -> None:
    with started(home, *arguments(home)[2:], size=SMALL) as terminal:
        terminal.wait_for("task-1", "hub.retry_scheduled")
        look()
        if how == CTRL_C:
            terminal.send(CTRL_C * 5)
        while isinstance(how, signal.Signals) and terminal._process.poll() is None:
            terminal.signal(how)
            time.sleep(0.005)
        assert terminal.wait() == 130
    assert modes_left(terminal.raw) == []
    assert b"Warning" not in terminal.raw


def test_a_locked_database_holds_no_end_up(home: Path) -> None:
    locking = contextlib.closing(sqlite3.connect(home / "data" / "evolver.db", isolation_level=None))
    with writing(home) as terminal, locking as other:
        other.execute("BEGIN IMMEDIATE")
        before = time.monotonic()
        terminal.signal(signal.SIGTERM)
        assert terminal.wait() in (1, 130)
        assert time.monotonic() - before < SECONDS_OF_A_SERVICE_MANAGER
    assert modes_left(terminal.raw) == []


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
@pytest.mark.parametrize("source", [["--demo"], ["--hub", "http://127.0.0.1:9/taskhub"]], ids=["tasks come", "idle"])
def test_a_full_disk_is_told_of_after_one_q(tmp_path: Path, source: list[str]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        with started(disk, *source, size=SMALL) as terminal:
            terminal.wait_for("offline author", *(["task-1"] if "--demo" in source else ["waiting"]))
            with open(disk / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
                while True:
                    filler.write(b"x" * 4096)
            terminal.wait_for("cannot")
            assert leave(terminal) == 1
        said = terminal.raw.rpartition(b"\x1b[?1049l")[2].decode()
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert "the disk is full" in " ".join(said.split())
    assert modes_left(terminal.raw) == []


# --- plain terminals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environ",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["asked for", "locale"],
)
def test_a_terminal_without_the_signs_gets_plain_ones_and_is_told_so(home: Path, environ: dict[str, str]) -> None:
    with started(home, *arguments(home)[2:], size=SMALL, **environ) as terminal:
        terminal.wait_for("+- Queue ---", "task-1 T?sk 1 ????", "LC_ALL=C.UTF-8 has others.")
        look()
        terminal.send("?")
        terminal.wait_for("+- Keys ---")
        (top,) = [row for row in terminal.rows if "+- Keys ---" in row]
        assert len(top) == SMALL[0]
        terminal.press_until("\x1b", lambda screen: "+- Keys ---" not in screen, "the desk")
        assert leave(terminal) == 0
    assert terminal.raw.isascii()
    assert b"\\u" not in terminal.raw


@pytest.mark.parametrize("encoding", ["utf-16", "utf-7", "cp037"])
def test_an_encoding_that_no_terminal_speaks_is_refused(home: Path, encoding: str) -> None:
    with started(home, *arguments(home)[2:], size=SMALL, PYTHONIOENCODING=encoding) as terminal:
        assert terminal.wait() == 2
    assert b"\x1b[?1049h" not in terminal.raw
    assert f"cannot be drawn in the encoding {encoding}" in terminal.raw.decode("ascii")


def test_latin_1_is_written_and_read(home: Path) -> None:
    with started(home, *arguments(home)[2:], size=SMALL, PYTHONIOENCODING="latin-1") as terminal:
        terminal.wait_for("+- Queue ---", "task-1 T", "sk 1 ????")
        look()
        terminal.send("/")
        look()
        os.write(terminal._primary, "ä".encode("latin-1"))
        terminal.wait_for("2 match")
        look()
        terminal.send("\x1b")
        assert leave(terminal) == 0
    assert "Täsk".encode("latin-1") in terminal.raw


def test_bytes_that_are_no_text_end_nothing(home: Path) -> None:
    with started(home, *arguments(home)[2:], size=SMALL) as terminal:
        terminal.wait_for("task-1", "no author here")
        os.write(terminal._primary, b"\xe9\xff\xc3\n")
        time.sleep(1.1)  # a word may have been typed
        look_into_help(terminal)
        assert leave(terminal) == 0
