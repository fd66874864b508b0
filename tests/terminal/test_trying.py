"""A draft in a real terminal: mended before it is seen, tried, read and approved by keys."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.support.hubs import hub_process
from tests.support.terminal import ENTER, look
from tests.support.terminal_steps import leave, saved_nodes, started

CTRL_S = "\x13"
TASK = {"id": "task-1", "taskName": "Support Tickets", "llmTaskType": "summarize", "offlineFirstDraft": "crashes"}


def test_a_draft_is_mended_unseen_then_tried_read_and_approved(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with hub_process("sample", tasks=[TASK]) as hub, started(home, "--hub", hub.url) as terminal:
        terminal.wait_until(lambda screen: re.search("◆ task-1 .* review", screen), "the review of task-1")
        terminal.send("n")
        terminal.wait_until(
            lambda screen: re.search(r"ran 3 of 3 inputs · mended after 1 failed try .* s", screen), "the try"
        )
        assert re.search("box (full|guard)", terminal.rows[0])
        terminal.send(ENTER)
        terminal.wait_for("t try")
        terminal.send("t")
        terminal.wait_for("Run summarize_support_tickets on an input", "Dry only.")
        look()
        terminal.send(CTRL_S)
        terminal.wait_until(lambda screen: re.search(r"✓ by hand 1  .* exit 0 · box (full|guard) · dry", screen))
        terminal.wait_for("[dry summarizer]")
        look()
        terminal.send("a")
        terminal.wait_until(lambda screen: re.search("task-1 saved as .* v1", screen), "the approved task-1")
        assert leave(terminal) == 0
    assert saved_nodes(home) == ["summarize_support_tickets"]
    examples = sorted((home / "nodes" / "summarize_support_tickets" / "examples").iterdir())
    assert [path.name for path in examples] == ["1-sample-1.json", "2-fields-missing.json", "3-empty.json"]
    assert json.loads(examples[2].read_text())["output"]["task_id"] == "unknown"
