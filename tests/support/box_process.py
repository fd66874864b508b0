"""A process that runs all hostile and benign nodes in boxes of one tier, as whoever started it.

`python box_process.py TIER NODES [NAME ...]`, where NODES is the folder of the example nodes; prints one JSON object:
`standing`, `reached` (names of hostile nodes that got what they wanted), `failed` (benign nodes with their errors),
`limits` (name to the limit that was met), `left` (what remained of runs).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from evolver_tui.adapters.nodes.runner import RunResult, run_code
from evolver_tui.adapters.nodes.tool_calls import ToolServer
from evolver_tui.adapters.sandbox.box import LocalSandbox
from evolver_tui.engine.sandbox import RunLimits, Tier
from evolver_tui.tools.definitions import BUILT_IN_TOOLS
from tests.support.hostile_nodes import BENIGN, EPILOGUE, HOSTILE, PREAMBLE

TOOLS = {tool.name: tool for tool in BUILT_IN_TOOLS}
NOBODY = 65534
HOSTILE_LIMITS = RunLimits(seconds=90, cpu_seconds=2, memory_mb=512, disk_mb=200, files=300, output_bytes=100_000)
ENDED_BY_THE_CLOCK = ("sleeps for ever", "asks and never listens")
EXAMPLE_INPUT = {"id": "task-1", "content": "text", "prompt": "x", "translationLanguages": [{"from": "en", "to": "fr"}]}


class Outside:
    """What hostile nodes would like to reach, within reach of whom they run as."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="evolver-outside-"))
        self.secret = self.folder / "secret"
        self.sockets = []
        user = NOBODY if os.geteuid() == 0 else None
        for family, kind, address in (
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            (socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "socket")),
            (socket.AF_UNIX, socket.SOCK_DGRAM, str(self.folder / "socket.d")),
            (socket.AF_UNIX, socket.SOCK_STREAM, f"\0evolver-{os.getpid()}"),
        ):
            each = socket.socket(family, kind)
            each.bind(address)
            each.setblocking(False)
            if kind == socket.SOCK_STREAM:
                each.listen(100)
            self.sockets.append(each)
        self.secret.write_text("secret")
        if user is not None:
            self.folder.chmod(0o777)  # whoever a node runs as, the box alone has to hold it
            for path in self.folder.iterdir():
                path.chmod(0o666)
        self.victim = subprocess.Popen(["/bin/sleep", "600"], user=user, start_new_session=True)
        self.before = self._looks()

    def names(self) -> dict[str, object]:
        """What the names in capitals stand for."""
        return {
            "OUT": str(self.folder),
            "PID": self.victim.pid,
            "TCP": self.sockets[0].getsockname()[1],
            "UDP": self.sockets[1].getsockname()[1],
            "UNIX": str(self.folder / "socket"),
            "ABSTRACT": f"\0evolver-{os.getpid()}",
        }

    def was_touched(self) -> str:
        """What is another than it was, as seen from outside; empty if nothing is."""
        if self.victim.poll() is not None:
            return "the process outside has ended"
        for each in self.sockets:
            try:
                each.accept() if each.type == socket.SOCK_STREAM else each.recv(10)
            except BlockingIOError:
                continue
            return "somebody came by a socket"
        return "" if self._looks() == self.before else "the folder outside has changed"

    def _looks(self) -> list[object]:
        kept = self.secret.stat()
        names = sorted(os.listdir(self.folder))
        return [names, self.secret.read_text(), kept.st_mode, kept.st_uid, kept.st_mtime, os.listxattr(self.secret)]


async def run(code: str, sandbox: LocalSandbox, stdin: bytes, limits: RunLimits) -> RunResult:
    tools = ToolServer(TOOLS, [name for name in TOOLS if name != "quick_translator"], None, lambda tool, prompt: prompt)
    return await run_code("example", code, stdin, tools, sandbox, limits)


async def try_hostile(name: str, outside: Outside, sandbox: LocalSandbox) -> tuple[bool, RunResult]:
    body = "\n".join(f"    {line}" for line in HOSTILE[name].splitlines())
    names = "".join(f"{key} = {value!r}\n" for key, value in outside.names().items())
    code = f"{PREAMBLE}{names}def goal():\n{body}\n{EPILOGUE}"
    # Where something else is to end it, the clock is not to be faster on a busy machine.
    limits = replace(HOSTILE_LIMITS, seconds=3) if name in ENDED_BY_THE_CLOCK else HOSTILE_LIMITS
    result = await run(code, sandbox, b"{}", limits)
    most = max(len(result.stdout), len(result.stderr))
    reached = bool(result.output and result.output["reached"]) or most > HOSTILE_LIMITS.output_bytes
    return reached or len(result.tool_calls) > 50, result


async def main(tier: Tier, examples: dict[str, str], only: list[str]) -> dict[str, Any]:
    sandbox, outside = LocalSandbox(tiers=(tier,)), Outside()
    standing = await sandbox.standing()
    told: dict[str, Any] = {"standing": [standing.tier, standing.reason], "reached": [], "failed": {}, "limits": {}}
    if standing.tier == "none":
        return told
    try:
        for name in only or HOSTILE:
            reached, result = await try_hostile(name, outside, sandbox)
            if reached or outside.was_touched():
                told["reached"].append(f"{name} ({outside.was_touched()})")
            told["limits"][name] = result.limit
        for name, code in {**BENIGN, **examples}.items() if not only else ():
            code = code.replace("quick_translator", "summarizer")
            result = await run(code, sandbox, json.dumps(EXAMPLE_INPUT).encode(), RunLimits())
            if not result.succeeded:
                told["failed"][name] = f"{result.error} {result.stderr.decode('utf-8', 'replace')[-500:]}"
    finally:
        outside.victim.kill()
        shutil.rmtree(outside.folder, ignore_errors=True)
    told["left"] = [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("evolver-node-")]
    return told


if __name__ == "__main__":
    nodes = {path.parent.name: path.read_text("utf-8") for path in Path(sys.argv[2]).glob("*/main.py")}
    print(json.dumps(asyncio.run(main(sys.argv[1], nodes, sys.argv[3:]))))  # type: ignore[arg-type]
