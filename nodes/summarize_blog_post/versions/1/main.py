"""Summarize a text.

Reads one JSON object with content (or text) and id from standard input, and
writes one with result, task_id and task_type to standard output.

Written from a template by the offline author: no language model took part.
When a draft is sent back, that author understands three wishes and nothing
else: handling of empty input, docstrings, type hints.
"""

# Task task-1: LLM Summarization for Blog Post

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
