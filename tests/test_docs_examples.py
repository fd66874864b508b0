"""docs/routines.md is true: what it prints are the files, and doing what it says gives what it says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from tests.processes import REPOSITORY, run_command
from tests.routine_process import Working, install

PAGE = (REPOSITORY / "docs" / "routines.md").read_text()
EXAMPLES = sorted((REPOSITORY / "docs" / "examples").glob("*.py"))


def printed(mark: str) -> str:
    """The block that follows this mark on the page."""
    (block,) = re.findall(rf"<!-- {re.escape(mark)} -->\n```\w+\n(.*?)```\n", PAGE, re.DOTALL)
    return str(block)


def test_page_prints_every_example_as_it_is() -> None:
    assert len(EXAMPLES) == 2
    for file in EXAMPLES:
        assert printed(f"docs/examples/{file.name}") == file.read_text()


def test_page_can_be_followed(tmp_path: Path) -> None:
    install(tmp_path, printed("config"), *EXAMPLES)
    with Working(tmp_path, json.loads(printed("tasks"))) as process:
        process.until("job.paused", task_id="news-1")
        process.until("job.paused", task_id="letter-1")
        for line in printed("answers").splitlines():
            program, *arguments = shlex.split(line.removeprefix("$ "))
            assert program == "evolver-tui"
            done = run_command("--home", str(tmp_path), *arguments, home=tmp_path)
            assert done.returncode == 0, done.stderr
        process.until("task.completed", task_id="news-1", outcome="done")
        process.until("task.completed", task_id="letter-1", outcome="done")
    assert (tmp_path / "outbox" / "news-1-customers.txt").read_text() == "We have news: the new release.\n"
    assert (tmp_path / "sent" / "letter-1.txt").read_text() == "Thank you for your letter: Where is my parcel?\n"
    assert process.told("announce.published", audience="customers")
    assert [event["node"] for event in process.told("graph.node")] == ["draft", "review", "send"]
