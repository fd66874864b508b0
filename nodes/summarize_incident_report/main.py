"""Summarize a text.

In: content (or text), id. Out: result, task_id, task_type.
By the offline author, from a template: no language model took part.
Sent back, it understands: empty input, docstrings, type hints.
"""

# Task task-9: Summarize Incident Report

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from node_runtime import call_tool


def main():
    task = json.load(sys.stdin)
    task_id = task.get("id", "unknown")
    content = task.get("content", task.get("text", ""))

    summary = call_tool("summarizer", content)

    print(json.dumps({"result": summary, "task_id": task_id, "task_type": "summarize"}))


if __name__ == "__main__":
    main()
