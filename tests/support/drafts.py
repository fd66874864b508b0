"""Drafts for tests of the checks."""

from __future__ import annotations

from evolver_tui.core.node import CheckReport
from evolver_tui.engine.checks.checks import check_draft

TOOLS = ("summarizer", "content_generator", "quick_translator", "nmt_translator", "llm")


NODE = """\
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from node_runtime import call_tool


def main():
    input_data = json.load(sys.stdin)
    translations = {}
    content = call_tool('content_generator', input_data.get('prompt', ''))
    for pair in input_data.get('translationLanguages', []):
        prompt = f"Translate from {pair['from']} to {pair['to']}: {content}"
        translations[pair['to']] = call_tool('quick_translator', prompt)
    print(json.dumps({'result': content.replace('a', 'b'), 'translations': translations}))


if __name__ == '__main__':
    main()
"""


def check(code: str) -> CheckReport:
    return check_draft(code, TOOLS)


def with_lines(*lines: str) -> CheckReport:
    """A node of the usual kind with further lines at its end."""
    return check(NODE + "\n".join(lines) + "\n")
