"""How fast a box starts there: against a bare interpreter, and against nodes that run without one."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from evolver_tui.adapters.nodes.runner import run_code
from evolver_tui.adapters.nodes.tool_calls import ToolServer
from evolver_tui.adapters.sandbox.box import LocalSandbox
from evolver_tui.engine.sandbox import BoxedProgram, RunLimits, Tier
from evolver_tui.tools.definitions import BUILT_IN_TOOLS
from tests.benchmarks.figures import Row, at_most, told
from tests.benchmarks.workplace import REPOSITORY, temporary_folder

TIERS: Sequence[Tier] = ("guard", "full")
NODE_ID = "summarize_blog_post"
INPUTS = (b'{"id": "task-1", "content": "A text to summarize."}', b"{}", b'{"id": "task-2"}')
"""As the author tries its drafts: what the task has, an empty object, one with missing fields."""
_NOTHING = BoxedProgram({"main.py": b"pass\n"}, "main.py")
_TOOLS = {tool.name: tool for tool in BUILT_IN_TOOLS}
_STAND_IN = "def call_tool(tool, prompt): return prompt\n"
"""For node_runtime, where there is no box."""


def box(is_quick: bool) -> Iterator[Row]:
    """A program of one line in a box of each tier, and three inputs of one node, one after the other."""
    with asyncio.Runner() as runner:
        boxes = {tier: LocalSandbox(tiers=(tier,)) for tier in TIERS}
        for tier in TIERS:
            standing = runner.run(boxes[tier].standing())
            if standing.tier == "none":
                del boxes[tier]
                yield Row(f"box {tier}", f"not on this machine: {standing.reason}")
        code = (REPOSITORY / "nodes" / NODE_ID / "main.py").read_text("utf-8")
        yield from runner.run(_measured(boxes, code, 10 if is_quick else 50))


async def _measured(boxes: dict[Tier, LocalSandbox], code: str, rounds: int) -> list[Row]:
    floors: list[float] = []
    ratios: dict[Tier, list[float]] = {tier: [] for tier in boxes}
    beyond: dict[Tier, list[float]] = {tier: [] for tier in boxes}
    with temporary_folder() as folder:
        main = folder / "nodes" / NODE_ID / "main.py"
        main.parent.mkdir(parents=True)
        main.write_text(code)
        (folder / "node_runtime.py").write_text(_STAND_IN)
        for _ in range(rounds):
            floors.append(_seconds_without_box("-c", "pass"))
            own = sum(_seconds_without_box(str(main), stdin=each) for each in INPUTS)
            for tier, sandbox in boxes.items():
                ratios[tier].append(await _seconds_of_nothing(sandbox) / floors[-1])
                beyond[tier].append(await _seconds_of_node(sandbox, code) - own)
    rows = [told("floor: python -I -c pass", [1000 * each for each in floors], " ms")]
    rows += [at_most(f"box {tier}, a program of one line / python -I", ratios[tier], 1.9) for tier in boxes]
    rows += [at_most(f"box {tier}, three inputs, beyond the node's time", beyond[tier], 0.5, " s") for tier in boxes]
    return rows


def _seconds_without_box(*arguments: str, stdin: bytes = b"") -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-I", *arguments], input=stdin, capture_output=True, check=True)
    return time.monotonic() - started


async def _nobody(channel: socket.socket) -> None:
    """Talks to no program."""


async def _seconds_of_nothing(sandbox: LocalSandbox) -> float:
    started = time.monotonic()
    end = await sandbox.run(_NOTHING, b"", RunLimits(), _nobody)
    if end.exit_code != 0:
        raise RuntimeError(f"A program of one line ended with {end}")
    return time.monotonic() - started


async def _seconds_of_node(sandbox: LocalSandbox, code: str) -> float:
    started = time.monotonic()
    for each in INPUTS:
        tools = ToolServer(_TOOLS, ["summarizer"], None, lambda tool, prompt: prompt)
        result = await run_code(NODE_ID, code, each, tools, sandbox)
        if not result.succeeded:
            raise RuntimeError(f"{NODE_ID} of {json.loads(each)}: {result.error}")
    return time.monotonic() - started
