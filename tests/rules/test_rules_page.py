"""docs/rules.md is true: its rules can be used, and its commands say what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evolver_tui.adapters.rules.expression import compile_expression
from evolver_tui.core.rule import ActionKind
from evolver_tui.settings.rule_file import read_rules
from tests.support.processes import REPOSITORY, run_command

PAGE = (REPOSITORY / "docs" / "rules.md").read_text("utf-8")


def printed(mark: str) -> str:
    """The block that follows this mark on the page."""
    (block,) = re.findall(rf"<!-- {re.escape(mark)} -->\n```\w+\n(.*?)```\n", PAGE, re.DOTALL)
    return str(block)


@pytest.mark.parametrize(("mark", "count"), [("rules.toml", 3), ("expressions", 4), ("a listener", 1)])
def test_every_rule_on_the_page_can_be_used(tmp_path: Path, mark: str, count: int) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(printed(mark))
    found = read_rules(file, compile_expression, ["email_admin"])
    assert not found.problems
    assert len(found.rules) == count


def test_the_transcript_is_what_happens(tmp_path: Path) -> None:
    for mark in ("rules.toml", "session.jsonl"):
        (tmp_path / mark).write_text(printed(mark))
    said = ""
    for line in printed("transcript").splitlines():
        if not line.startswith("$ evolver-tui "):
            continue
        command, _, given = line.removeprefix("$ evolver-tui ").partition(" < ")
        stdin = (tmp_path / given).read_bytes() if given else b""
        done = run_command(*command.split(), home=tmp_path, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, "")
        said += f"{line}\n{done.stdout}"
    assert said == printed("transcript")


def test_every_action_and_key_stands_on_the_page() -> None:
    for kind in set(ActionKind) - {ActionKind.ANSWER}:
        assert re.search(rf"^\| `{kind} = ", PAGE, re.MULTILINE), kind
    for key in ("name", "when", "if", "then", "cooldown", "for", "until"):
        assert f"\n| `{key}` |" in PAGE
