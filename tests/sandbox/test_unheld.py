"""Programs that nothing holds: only when a person said so, and then with limits all the same, on any system."""

from __future__ import annotations

import os

import pytest

from evolver_tui.adapters.nodes.runner import RunResult, run_code
from evolver_tui.adapters.nodes.tool_calls import ToolServer
from evolver_tui.adapters.sandbox.box import LocalSandbox
from evolver_tui.core.errors import NothingHolds, SandboxError
from evolver_tui.engine.sandbox import BoxStanding, RunLimits
from evolver_tui.tools.definitions import BUILT_IN_TOOLS
from tests.support.boxes import SteadySandbox, no_box

pytestmark = pytest.mark.anyio


async def run(sandbox: LocalSandbox, code: str, limits: RunLimits = RunLimits()) -> RunResult:
    tools = ToolServer({tool.name: tool for tool in BUILT_IN_TOOLS}, ("summarizer",), None, lambda tool, text: text)
    return await run_code("example", code, b"{}", tools, sandbox, limits)


@pytest.fixture(params=["Linux of today", "a system without descriptors of processes"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "Linux of today":
        monkeypatch.delattr(os, "pidfd_open")
        monkeypatch.delattr(os, "waitid")


@pytest.fixture
async def unheld() -> LocalSandbox:
    sandbox = no_box()
    await sandbox.standing()
    sandbox.allow_unheld()
    return sandbox


async def test_nothing_runs_until_a_person_said_so() -> None:
    sandbox, heard = no_box(), list[BoxStanding]()
    sandbox.watch(heard.append)
    with pytest.raises(NothingHolds):
        await run(sandbox, "print('{}')")
    sandbox.allow_unheld()
    result = await run(sandbox, "print('{}')")
    assert (result.output, result.tier) == ({}, "none")
    assert [(standing.tier, standing.runs_unheld) for standing in heard] == [("none", False), ("none", True)]


async def test_where_a_box_is_nothing_runs_without() -> None:
    sandbox = SteadySandbox()
    for _ in range(2):
        with pytest.raises(SandboxError, match="only where nothing holds them"):
            sandbox.allow_unheld()
        await sandbox.standing()


async def test_what_one_session_is_allowed_no_other_is(unheld: LocalSandbox) -> None:
    assert (await unheld.standing()).runs_unheld
    assert not (await no_box().standing()).runs_unheld


@pytest.mark.usefixtures("system")
async def test_a_program_without_a_box_has_its_tools_and_a_clean_environment(
    unheld: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    code = (
        "import json, os\nfrom node_runtime import call_tool\n"
        "print(json.dumps({'told': call_tool('summarizer', 'hi'), 'names': sorted(os.environ)}))"
    )
    result = await run(unheld, code)
    names = ["EVOLVER_TOOL_FD", "HOME", "LANG", "PYTHONIOENCODING", "TMPDIR"]
    assert result.output == {"told": "hi", "names": names}, result.error
    assert result.memory_mb > 1


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize(
    ("code", "limits"),
    [
        ("import time\ntime.sleep(600)", {"seconds": 0.5}),
        ("while True: pass", {"cpu_seconds": 1}),
        ("x = 'x' * 10**10", {"memory_mb": 256}),
        ("print('x' * 10_000)", {"output_bytes": 5_000}),
        ("import time\nfor n in range(99): open(str(n), 'w')\ntime.sleep(600)", {"files": 20}),
    ],
)
async def test_its_limits_are_told_by_name(unheld: LocalSandbox, code: str, limits: dict[str, float]) -> None:
    result = await run(unheld, code, RunLimits(**limits))  # type: ignore[arg-type]
    assert result.limit == next(iter(limits))
    assert not result.succeeded


@pytest.mark.usefixtures("system")
async def test_what_it_left_running_ends_with_it(unheld: LocalSandbox) -> None:
    code = (
        "import json, os, subprocess, sys\n"
        "left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], stdout=subprocess.DEVNULL)\n"
        "print(json.dumps({'pid': left.pid}))"
    )
    result = await run(unheld, code)
    assert result.output is not None, result.error
    assert is_gone(result.output["pid"])


def is_gone(pid: int) -> bool:
    """Whether a process has ended, be it reaped by now or not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True
