"""`evolver-tui rules` and `nodes reinstate`, as processes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from evolver_tui.engine.author.approval_rules import APPROVALS
from tests.support.processes import run_command
from tests.support.sessions import SUMMARIZE, running, send, workspace_in

RULES = """
[[rule]]
name = "two wait"
when = "task.queued"
if = "payload.queue_size >= 2"
then = { intake = "pause", tag = "late" }
cooldown = "1m"

[[rule]]
name = "slow answer"
when = "question.asked"
for = "10m"
until = "question.answered"
then = { notify = "Slow." }
"""
BAD = '[[rule]]\nname = "bad\u202e"\nwhen = "task.faild"\nthen = { tag = "x" }\n'


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with these rules."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "rules.toml").write_text(RULES)
    return tmp_path


def rules(home: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return run_command("rules", *arguments, "--home", str(home), home=home, stdin=stdin.encode())


def line(name: str, at: float, task: str, **payload: object) -> str:
    """A signal as a file of signals has it."""
    context = {"timestamp": at, "task_id": task}
    return json.dumps({"type": "SIGNAL_EMITTED", "name": name, "payload": payload, "context": context}) + "\n"


def test_check_and_list(home: Path) -> None:
    done = rules(home, "check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{home}/config/rules.toml can be used: 2 rules.\n"
    listed = rules(home, "list").stdout.splitlines()
    assert listed[0].split() == ["RULE", "WHEN", "IF", "THEN", "FOR", "COOLDOWN"]
    assert "payload.queue_size >= 2" in listed[1]
    assert "10m until question.answered" in listed[2]

    other = home / "other.toml"
    other.write_text(RULES + BAD, encoding="utf-8")
    done = rules(home, "check", str(other))
    assert done.returncode == 2
    assert (
        done.stdout == f"{other}, line 16: a rule needs a name, on one line of at most 60 characters. "
        'Write name = "...".\n'
    )
    value = json.loads(rules(home, "list", str(other), "--json").stdout)
    assert [each["name"] for each in value["rules"]] == ["two wait", "slow answer"]
    assert value["rules"][1]["for"] == 600
    assert len(value["problems"]) == 1


def test_what_would_have_fired_and_when(home: Path) -> None:
    log = line("task.queued", 1000, "a", queue_size=1) + line("task.queued", 1010, "b", queue_size=2)
    log += line("task.queued", 1020, "c", queue_size=3) + line("question.asked", 1030, "a", question="x", message="y")
    log += line("question.asked", 1040, "b") + line("question.answered", 1050, "b") + line("session.ended", 9000, "")
    done = rules(home, "test", str(home / "config" / "rules.toml"), stdin=log)
    assert (done.returncode, done.stderr) == (0, "")
    assert [row.split()[:2] for row in done.stdout.splitlines()[1:]] == [
        ["1970-01-01T00:16:50.000Z", "2"], ["1970-01-01T00:17:00.000Z", "3"], ["1970-01-01T00:27:10.000Z", "4"],
    ]  # fmt: skip
    value = json.loads(rules(home, "test", "--json", stdin=log).stdout)
    actions = [each["actions"] for each in value["fired"]]
    assert actions == [["pause intake", "tag late"], ["tag late"], ["notify: Slow."]]
    assert value["signals"] == 7


@pytest.mark.parametrize(
    "text", ["{}", "no JSON", '{"type": "signal", "name": "x"}', "[" * 100_000], ids=["other", "text", "bare", "deep"]
)
def test_what_is_no_log_is_said_with_its_line(home: Path, text: str) -> None:
    done = rules(home, "test", stdin=line("custom.a", 1, "a") + text + "\n")
    assert done.returncode == 2
    assert "Line 2 of standard input is no signal." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.anyio
async def test_a_session_is_rehearsed_from_its_export_and_from_the_database(home: Path) -> None:
    async with running(workspace_in(home), auto_review=APPROVALS["all"]) as (session, watch):
        await send(session, SUMMARIZE)
        saved = await watch.until("node.saved")
    file = home / "saved.toml"
    file.write_text('[[rule]]\nname = "aside"\nwhen = "node.saved"\nthen = { set_aside = true }\n')
    export = run_command("export", "--home", str(home), home=home)
    by_export = rules(home, "test", str(file), stdin=export.stdout)
    by_database = rules(home, "test", str(file), "--session", session.id)
    assert by_export.stdout == by_database.stdout
    assert len(by_export.stdout.splitlines()) == 2
    assert rules(home, "test", str(file), "--session", "nothing").returncode == 2

    node_id = saved.payload["node_id"]
    library = session.library
    assert library.set_aside(node_id, "rule aside")
    place = ["--home", str(home), "--nodes", str(home / "nodes")]
    listed = run_command("nodes", "list", *place, home=home).stdout
    assert "unreviewed, set aside by rule aside" in listed
    refused = run_command("run", node_id, *place, home=home, stdin=b"{}")
    assert refused.returncode == 1
    assert f"reinstate it: evolver-tui nodes reinstate {node_id}" in refused.stderr
    back = run_command("nodes", "reinstate", node_id, *place, home=home)
    assert (back.returncode, back.stdout) == (0, f"{node_id} can be run again; it was set aside by rule aside.\n")
    assert "set aside" not in run_command("nodes", "list", *place, home=home).stdout
    assert run_command("nodes", "reinstate", node_id, *place, home=home).returncode == 1


def test_a_terminal_without_signals_is_told_what_to_do(home: Path) -> None:
    done = rules(home, "test", str(home / "none.toml"))
    assert done.returncode == 2
    assert "There is no file" in done.stderr


def test_the_doctor_says_how_the_rules_stand(home: Path) -> None:
    def lines() -> list[tuple[str, str]]:
        told = json.loads(run_command("doctor", "--json", "--home", str(home), home=home).stdout)
        return [(line["state"], line["message"]) for line in told["lines"] if line["name"] == "rules"]

    file = home / "config" / "rules.toml"
    assert lines() == [("ok", f"2 rules in {file}.")]
    file.write_text(BAD.replace("\u202e", ""), encoding="utf-8")
    assert lines() == [("note", f"{file}, line 3: there is no signal task.faild.")]
    file.unlink()
    assert lines() == [("off", f"There is none; {file} would be read.")]
