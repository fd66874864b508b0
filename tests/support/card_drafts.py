"""Drafts for tests of their card: of each risk, longer than a screen, and with what came of trying them."""

from __future__ import annotations

from tests.support.tried_drafts import CHANGED, FAILED, FINE, tried

HEAD = '''\
"""Count words.

In: content. Out: words.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from node_runtime import call_tool


'''
STEPS = "".join(f"    step_{number} = data.get('step_{number}', {number})\n" for number in range(30))
LOW = f"""\
{HEAD}def main():
    data = json.load(sys.stdin)
{STEPS}    call_tool("summarizer", data["content"])
    print(json.dumps({{"words": step_1}}))


if __name__ == "__main__":
    main()
"""
MEDIUM = LOW.replace("    call_tool(", "    open(data['path']).read()\n    call_tool(")
HIGH = LOW.replace("    call_tool(", "    open(data['path'], 'w').write('x')\n    call_tool(")
STEPS_ON_A_SCREEN = "".join(STEPS.splitlines(keepends=True)[:12])
CLOSE = LOW.replace(STEPS, STEPS_ON_A_SCREEN)
"""Has just the rows of a small card that has nothing under its code."""
DRAFTS = {
    "low": tried(FINE, code=LOW), "medium": tried(FINE, code=MEDIUM), "high": tried(FINE, code=HIGH),
    "short": tried(FINE), "close": tried(FINE, code=CLOSE),
    "changed": tried(FINE, CHANGED, FAILED),
}  # fmt: skip
