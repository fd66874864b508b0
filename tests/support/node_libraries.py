"""Libraries of nodes with versions, examples and runs, for what looks them over."""

from __future__ import annotations

from pathlib import Path

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.core.node import NodeDraft, NodeRecord
from evolver_tui.core.node_use import UsedBy
from evolver_tui.core.times import utc_text
from evolver_tui.engine.author.library import Approval
from evolver_tui.engine.checks.checks import check_draft
from tests.support.runs import a_run

NOW = 1_795_000_000.0
"""The clock of these libraries stands here, unless a test turns it."""


def node_code(number: int, *, version: int = 1, reaches: str = "") -> str:
    """A node that runs, of which no other number's node has many lines."""
    lines = [f"    total_{number} += len(str(data.get('field_{each * number}')))" for each in range(12)]
    head = [f'"""Node {number}, as it was written {version} times."""', "", "import json", "import sys"]
    body = [f"def work_{number}(data):", f"    total_{number} = {version}", *lines, f"    return total_{number}"]
    end = f"print(json.dumps({{'result': work_{number}(json.load(sys.stdin))}}))"
    return "\n".join([*head, *filter(None, (reaches,)), "", *body, "", end, ""])


class Libraries:
    """A library that a test fills, with a clock of its own."""

    def __init__(self, root: Path) -> None:
        self.now = NOW
        self.files = NodeFiles(root, lambda: self.now)

    def approve(
        self, node_id: str, code: str, *, hours_ago: float = 24.0, title: str = "", by: str = "ada"
    ) -> NodeRecord:
        """Put a further version into it, with two examples."""
        draft = NodeDraft(
            node_id, title or node_id.replace("_", " ").capitalize(), code, (), "simple", "offline author"
        )
        task = f"task-{node_id}-{len(self.files.versions(node_id)) + 1}"
        approval = Approval(by, utc_text(NOW - 3_600 * hours_ago), task, node_id.split("_")[0])
        runs = [a_run("sample 1", {"result": 3}, input={"field_0": "x"}), a_run("sample 2", {"result": 5})]
        return self.files.save(draft, check_draft(code, ()), approval, runs)

    def use(self, record: NodeRecord, *hours_ago: float) -> None:
        """Let it have run in earnest."""
        for hours in hours_ago:
            self.now = NOW - 3_600 * hours
            self.files.uses.note(record, UsedBy.CHAT)
        self.now = NOW

    def fill(self) -> None:
        """Six nodes of all kinds."""
        self.approve("summarize_blog_post", node_code(1), hours_ago=90)
        self.approve("summarize_blog_post", node_code(1, version=2), hours_ago=50)
        self.use(self.approve("summarize_blog_post", node_code(1, version=3), hours_ago=30), 26, 3, 2)
        self.use(self.approve("translate_product_page", node_code(2, reaches="import os"), hours_ago=70), 40)
        self.approve("extract_invoice_totals", node_code(3, reaches="import subprocess"), hours_ago=20, by="grace")
        self.approve("shorten", node_code(4), hours_ago=60)
        self.approve("shorten_again", node_code(4) + "# the same once more\n", hours_ago=10)
        self.approve("digest_meeting_minutes", node_code(5), hours_ago=80)
