"""README's five minutes are true: the demo by its keys, and then every command as it is printed there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.support.processes import PATIENCE_SECONDS, REPOSITORY, environment
from tests.support.terminal import look
from tests.support.terminal_steps import approve_task_1, leave, started

README = (REPOSITORY / "README.md").read_text()


def commands_of_the_tour() -> list[str]:
    """What the section prints in blocks, a command a line."""
    section = README.partition("## Five minutes with it\n")[2].partition("\n## ")[0]
    return "".join(re.findall(r"```\n(.*?)```", section, re.DOTALL)).splitlines()


def as_printed(command: str, folder: Path) -> str:
    """Run a command in a shell that knows `evolver-tui`; returns what it wrote to standard output."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    program = programs / "evolver-tui"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m evolver_tui "$@"\n')
    program.chmod(0o755)
    environ = environment(folder, EVOLVER_HOME=str(folder / "home"))
    environ["PATH"] = f"{programs}:{environ['PATH']}"
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), (command, done.stderr)
    return done.stdout


def test_what_was_approved_in_the_demo_is_found_by_the_commands_that_follow(tmp_path: Path) -> None:
    (tmp_path / "nodes").mkdir()  # as in a clone: the library is the working folder's
    with started(tmp_path / "home", "--demo", "--nodes", str(tmp_path / "nodes")) as terminal:
        terminal.wait_for("sample hub", "task-1")
        approve_task_1(terminal)
        assert leave(terminal) == 0

    *commands, replay = commands_of_the_tour()
    nodes, ran, jobs, log = (as_printed(command, tmp_path) for command in commands)
    assert re.search("summarize_blog_post +v1 +approved", nodes)
    assert json.loads(ran)["task_id"] == "task-1"
    assert re.search("completed.* task-1 ", jobs)
    assert "### task-1: approved" in log
    assert not {"None", "None,"} & set(log.split())
    with started(tmp_path / "home", *replay.split()[1:]) as terminal:
        terminal.wait_for("replay 1x")
        look()
        terminal.send("e")
        terminal.wait_for("replay end", "1 approved")
        assert leave(terminal) == 0
    assert not (tmp_path / "home" / "data" / "evolver.db").exists()
