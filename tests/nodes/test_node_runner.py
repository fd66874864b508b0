"""Nodes as real processes: what they get, what they may take, and what counts as a good end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.adapters.nodes.runner import NodeRunner, RunResult, run_code
from evolver_tui.adapters.nodes.tool_calls import ToolServer
from evolver_tui.adapters.sandbox.box import LocalSandbox
from evolver_tui.cli.nodes.operations import run_node
from evolver_tui.core.errors import NodeChanged, NodeError
from evolver_tui.core.node import NodeDraft
from evolver_tui.core.tool import ToolDefinition
from evolver_tui.engine.author.library import Approval
from evolver_tui.engine.checks.checks import check_draft
from evolver_tui.engine.sandbox import RunLimits
from evolver_tui.tools.definitions import BUILT_IN_TOOLS
from tests.support.boxes import SANDBOX
from tests.support.sessions import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio

TOOLS = {tool.name: tool for tool in BUILT_IN_TOOLS}


def echo(tool: str, prompt: str) -> str:
    return f"{tool}: {prompt}"


async def run(code: str, stdin: bytes = b"{}", **limits: float) -> RunResult:
    tools = ToolServer(TOOLS, ("summarizer",), None, echo)
    return await run_code("example", code, stdin, tools, SANDBOX, RunLimits(**limits))  # type: ignore[arg-type]


async def value_of(expression: str, setup: str = "") -> object:
    """What an expression is inside a node."""
    result = await run(f"import json, os, sys\n{setup}\nprint(json.dumps({{'value': {expression}}}))\n")
    assert result.output is not None, (result.error, result.stderr)
    return result.output["value"]


# --- a good end and bad ones ---------------------------------------------------------------------------------------


async def test_a_node_gets_its_input_and_its_output_is_read() -> None:
    code = "import json, sys\ndata = json.load(sys.stdin)\nprint(json.dumps({'twice': data['n'] * 2}))\n"
    result = await run(code, b'{"n": 21}')
    assert (result.exit_code, result.error, result.output) == (0, "", {"twice": 42})
    assert result.succeeded
    assert result.cpu_seconds > 0
    assert 1 < result.memory_mb < 200


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("pass", "It wrote nothing to stdout"),
        ("print('hello')", "What it wrote to stdout is no JSON"),
        ("print('[1]')", "What it wrote to stdout is JSON, but no object"),
        ("print('{}')\nprint('{}')", "It wrote more to stdout than one JSON object"),
        ("print('{} and more')", "It wrote more to stdout than one JSON object"),
        ("print('{\"n\": NaN}')", "What it wrote to stdout holds NaN, which is no JSON value."),
        ("print('{\"n\": [-1e999]}')", "What it wrote to stdout holds the number -1e999, which is too large."),
        ('print(\'[{"a": 1, "a": 1}]\')', "What it wrote to stdout has the key 'a' twice in one object."),
        ("print('{\"a\":' * 100000)", "What it wrote to stdout is nested too deeply"),
        ("print('{\"a\":' * 500 + '1' + '}' * 500)", "What it wrote to stdout is nested too deeply"),
        ("import sys\nsys.stdout.buffer.write(b'\\xff{}')", "What it wrote to stdout is no JSON"),
        ("print('{}')\nraise SystemExit(3)", "It ended with exit code 3"),
        ("print('{}')\n1 / 0", "It ended with exit code 1: ZeroDivisionError: division by zero"),
        ("x = (", "It ended with exit code 1: SyntaxError"),
        ("import os\nos.abort()", "It was ended by SIGABRT"),
        ("import sys\nprint('\\x1b[2J', file=sys.stderr)\nraise SystemExit(1)", "It ended with exit code 1: ␛[2J"),
    ],
)
async def test_anything_but_one_json_object_is_a_failure_in_words(code: str, error: str) -> None:
    result = await run(code)
    assert result.error.startswith(error)
    assert not result.succeeded


async def test_a_traceback_names_the_node_s_own_lines() -> None:
    result = await run("def main():\n    raise ValueError('x')\n\n\nmain()\n")
    assert b'/nodes/example/main.py", line 2, in main' in result.stderr


# --- what it has ---------------------------------------------------------------------------------------------------


async def test_a_secret_in_the_program_s_environment_is_not_in_the_node_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    environment = await value_of("dict(os.environ)")
    assert isinstance(environment, dict)
    assert set(environment) == {"LANG", "PYTHONIOENCODING", "HOME", "TMPDIR", "EVOLVER_TOOL_FD"}
    assert "sk-secret" not in json.dumps(environment)


async def test_the_node_has_no_descriptor_but_its_streams_and_the_tools(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as file, socket.socket() as other:
        for descriptor in (file.fileno(), other.fileno()):
            os.set_inheritable(descriptor, True)
        setup = "def is_open(n):\n    try: return bool(os.fstat(n))\n    except OSError: return False"
        descriptors = await value_of("[n for n in range(200) if is_open(n)]", setup)
    assert descriptors == [0, 1, 2, 3]


async def test_the_node_works_in_a_folder_of_its_own_that_is_gone_afterwards() -> None:
    setup = "open('note.txt', 'w').write('x')\nopen(os.path.join(os.environ['TMPDIR'], 'y'), 'w').close()"
    found = "[os.getcwd(), sorted(os.listdir('.')), os.path.samefile(os.environ['HOME'], '.')]"
    listed = await value_of(found, setup)
    assert isinstance(listed, list)
    folder, *rest = listed
    assert rest == [["note.txt", "y"], True]
    assert not Path(folder).parent.exists()


async def test_the_node_sees_the_standard_library_and_node_runtime_alone() -> None:
    setup = (
        "import importlib.util as u\nimport node_runtime\nfrom pathlib import Path\n"
        "names = ('evolver_tui', 'textual', 'pytest')"
    )
    value = await value_of(
        "[[n for n in names if u.find_spec(n)], str(Path(__file__).parent.parent.parent) in sys.path, __name__]", setup
    )
    assert value == [[], True, "__main__"]


async def test_the_node_leads_a_session_of_its_own() -> None:
    own, session = os.getpid(), os.getsid(0)
    # 0 is a session outside of what it sees; in a container, ours may be one as well.
    assert await value_of(f"os.getsid(0) in (0, os.getpid()) and os.getsid(0) not in ({own}, {session or own})")


async def test_text_passes_both_ways_as_utf_8() -> None:
    result = await run(
        "import json, sys\nprint(json.dumps(json.load(sys.stdin), ensure_ascii=False))", '{"é": "世界"}'.encode()
    )
    assert result.output == {"é": "世界"}


# --- what it may take ----------------------------------------------------------------------------------------------


async def test_a_node_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    result = await run("import time\ntime.sleep(600)\n", seconds=0.5)
    assert (result.error, result.limit) == ("It ran longer than 0.5 seconds and was ended.", "seconds")
    await ended_all(tmp_path)


async def test_a_node_starts_no_process() -> None:
    result = await run("import os\nos.fork()\n")
    assert result.error == "It ended with exit code 1: PermissionError: [Errno 1] Operation not permitted"


async def ended_all(folder: Path) -> None:
    """Wait until no process of a run is left: a killed one is gone a moment later. Each names its folder."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if not runs_in(folder):
                return
            await asyncio.sleep(0.01)


def runs_in(folder: Path) -> bool:
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if f"{folder}/evolver-node-".encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                    return True
    return False


async def test_cancelling_the_run_ends_the_process(tmp_path: Path) -> None:
    called = asyncio.Event()

    def answer(tool: str, prompt: str) -> str:
        called.set()
        return ""

    tools = ToolServer(TOOLS, ("summarizer",), None, answer)
    code = "import time\nfrom node_runtime import call_tool\ncall_tool('summarizer', 'x')\ntime.sleep(600)"
    task = asyncio.create_task(run_code("example", code, b"{}", tools, SANDBOX))
    await called.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ended_all(tmp_path)


async def test_processor_time_memory_and_files_have_limits() -> None:
    busy, greedy, writing = await asyncio.gather(
        run("while True: pass", cpu_seconds=1),
        run("x = bytearray(2_000_000_000)", memory_mb=200),
        run("open('big', 'wb').write(bytes(3_000_000))", file_mb=1),
    )
    assert busy.error == "It used more than 1 seconds of processor time and was ended."
    assert greedy.error == "It ended with exit code 1: MemoryError"
    assert "File too large" in writing.error
    assert (busy.limit, greedy.limit, writing.limit) == ("cpu_seconds", "memory_mb", "file_mb")


async def test_limits_are_lowered_for_the_process_itself() -> None:
    kinds = ("CORE", "NOFILE", "NPROC")
    value = await value_of(
        f"[resource.getrlimit(getattr(resource, 'RLIMIT_' + k)) for k in {kinds}]", "import resource"
    )
    assert isinstance(value, list)
    assert value[:2] == [[0, 0], [64, 64]]
    assert 64 <= value[2][0] < 100_000


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_a_flood_is_kept_to_a_limit_and_the_node_is_not_blocked(stream: str) -> None:
    code = f"import sys\nfor _ in range(300): sys.{stream}.write('x' * 10_000)\nsys.{stream}.flush()\nsys.exit(0)"
    result = await run(code, output_bytes=100_000)
    assert (result.exit_code, len(getattr(result, stream))) == (0, 100_000)
    if stream == "stdout":
        assert result.error == "It wrote more than 100,000 bytes to stdout."


async def test_a_node_that_reads_nothing_of_a_large_input_ends_well() -> None:
    result = await run("print('{}')", b'{"a": "' + b"x" * 5_000_000 + b'"}')
    assert result.output == {}


async def test_the_processor_time_is_the_node_s_own_in_every_tier() -> None:
    busy = "import time, json\nwhile time.process_time() < 0.3:\n    pass\nprint(json.dumps({}))\n"
    for tier in ("full", "guard"):
        if (await LocalSandbox(tiers=(tier,)).standing()).tier == tier:
            tools = ToolServer(TOOLS, (), None, echo)
            result = await run_code("example", busy, b"{}", tools, LocalSandbox(tiers=(tier,)))
            assert (result.tier, result.cpu_seconds >= 0.3) == (tier, True)
            killed = await run_code(
                "example", "while True:\n    pass\n", b"{}", tools, LocalSandbox(tiers=(tier,)), RunLimits(seconds=1.0)
            )
            assert (killed.limit, killed.cpu_seconds > 0.1) == ("seconds", True)


# --- tools ---------------------------------------------------------------------------------------------------------

PREAMBLE = "import json, sys\nfrom node_runtime import ToolChain, call_tool, call_tools_parallel\n"


async def test_a_tool_call_goes_through_the_program_and_back() -> None:
    result = await run(PREAMBLE + "print(json.dumps({'said': call_tool('summarizer', 'hé\\n', temperature=0.1)}))")
    assert result.output == {"said": "summarizer: hé\n"}
    (call,) = result.tool_calls
    assert (call.tool, call.prompt, call.answer, call.error) == ("summarizer", "hé\n", "summarizer: hé\n", "")


async def test_calls_from_several_threads_get_each_its_own_answer() -> None:
    code = PREAMBLE + (
        "calls = [('summarizer', str(n)) for n in range(39)] + [{'tool': 'summarizer', 'prompt': 'z'}]\n"
        "said = call_tools_parallel(calls)\n"
        "print(json.dumps({'said': said}))"
    )
    result = await run(code)
    assert result.output == {"said": [*(f"summarizer: {n}" for n in range(39)), "summarizer: z"]}


async def test_a_chain_of_tools_hands_answers_on() -> None:
    code = PREAMBLE + (
        "said = ToolChain().call('summarizer', 'a').then('summarizer', '<{result}>').get()\n"
        "print(json.dumps({'said': said}))"
    )
    assert (await run(code)).output == {"said": "summarizer: <summarizer: a>"}


async def test_a_node_asks_the_configured_model_by_the_tool_llm() -> None:
    code = "import json\nfrom node_runtime import call_llm\nprint(json.dumps({'said': call_llm('any', 'hi')}))"
    tools = ToolServer(TOOLS, ("llm",), None, echo)
    result = await run_code("example", code, b"{}", tools, SANDBOX)
    assert result.output == {"said": "llm: hi"}
    assert "not among those this node was approved with" in (await run(code)).error


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("call_tool('nope', 'x')", "ValueError: Tool 'nope' not found"),
        (
            "call_tool('quick_translator', 'x')",
            "RuntimeError: Tool 'quick_translator' is not among those this node was approved with.",
        ),
        ("call_tool('summarizer', 'x' * 200_001)", "RuntimeError: A prompt has at most 200,000 bytes."),
        ("[call_tool('summarizer', 'x') for _ in range(51)]", "RuntimeError: A run may make at most 50 tool calls."),
        (
            "import os; os.write(3, b'not json\\n'); call_tool('summarizer', 'x')",
            "RuntimeError: A request is one JSON object on one line, with each key once.",
        ),
    ],
)
async def test_a_call_that_is_refused_says_why(call: str, error: str) -> None:
    result = await run(PREAMBLE + call)
    assert result.error == f"It ended with exit code 1: {error}"


async def test_garbage_on_the_socket_does_not_stop_the_program() -> None:
    code = "import os\nfor _ in range(60):\n    os.write(3, b'x' * 100_000 + b'\\n[]\\n')\nprint('{}')"
    result = await run(code)
    assert result.exit_code in (0, 1)


# --- a library's nodes ---------------------------------------------------------------------------------------------

NODE = (
    PREAMBLE + "data = json.load(sys.stdin)\nprint(json.dumps({'result': call_tool('summarizer', data['content'])}))\n"
)


@pytest.fixture
def library(tmp_path: Path) -> NodeFiles:
    return NodeFiles(tmp_path / "nodes", lambda: 0.0)


@pytest.fixture
def approve(library: NodeFiles) -> Callable[[str, str], None]:
    def save(node_id: str, code: str) -> None:
        draft = NodeDraft(node_id, node_id, code, (), "simple", "test")
        report = check_draft(code, {*TOOLS, "shorten"})
        library.save(draft, report, Approval("ada", "2026-11-20T15:45:00Z", node_id, "summarize"))

    return save


@pytest.fixture
def runner(library: NodeFiles) -> NodeRunner:
    shorten = ToolDefinition("shorten", "node", "Shortens.", target="shortener")
    return NodeRunner(library, {**TOOLS, "shorten": shorten}, None, echo, SANDBOX, dry_reply=echo)


async def test_an_approved_node_runs_from_the_command_line(
    runner: NodeRunner, approve: Callable[[str, str], None]
) -> None:
    approve("summarize_it", NODE)
    code, stdout, stderr = await run_node("summarize_it", runner, b'{"content": "text"}')
    assert (code, json.loads(stdout), stderr) == (0, {"result": "summarizer: text"}, "")


async def test_a_failing_node_leaves_stdout_empty_and_says_why(
    runner: NodeRunner, approve: Callable[[str, str], None]
) -> None:
    approve("summarize_it", NODE)
    code, stdout, stderr = await run_node("summarize_it", runner, b"{}")
    assert (code, stdout) == (1, b"")
    assert stderr.endswith("\nevolver-tui: summarize_it failed. It ended with exit code 1: KeyError: 'content'\n")


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("import json\ndef main():\n    json.loads('')\nmain()\n", ["main.py", "main.py", "__init__.py"]),
        ("x = = 1\n", ["main.py"]),
        ("try:\n    1 / 0\nexcept ArithmeticError:\n    raise KeyError('x')\n", ["main.py", "main.py"]),
        ("def again():\n    again()\nagain()\n", ["main.py"] * 4),
    ],
)
async def test_a_traceback_begins_where_the_node_does(code: str, files: list[str]) -> None:
    said = (await run(code)).stderr.decode()
    assert "bootstrap" not in said
    assert [Path(name).name for name in re.findall('File "(.*?)"', said)][: len(files)] == files


@pytest.mark.parametrize("stdin", [b"", b"[]", b"{} {}", b"\xff", b"[" * 100_000])
async def test_input_that_is_no_json_object_is_wrong_usage(runner: NodeRunner, stdin: bytes) -> None:
    code, stdout, stderr = await run_node("summarize_it", runner, stdin)
    assert (code, stdout) == (2, b"")
    assert stderr.startswith("evolver-tui: Standard input has to hold one JSON object.")


async def test_input_that_can_be_read_in_two_ways_is_wrong_usage(runner: NodeRunner) -> None:
    code, stdout, stderr = await run_node("summarize_it", runner, b'{"in": {"\\u001b]": 1, "\\u001B]": 2}}')
    assert (code, stdout) == (2, b"")
    assert stderr == "evolver-tui: Standard input has the key '␛]' twice in one object.\n"


async def test_a_node_that_was_edited_by_hand_does_not_run(
    library: NodeFiles, runner: NodeRunner, approve: Callable[[str, str], None], tmp_path: Path
) -> None:
    approve("summarize_it", NODE)
    (library.root / "summarize_it" / "main.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(NodeChanged):
        await runner.run("summarize_it", b"{}")
    code, _, stderr = await run_node("summarize_it", runner, b"{}")
    assert code == 1
    assert "rollback" in stderr
    assert not (tmp_path / "ran").exists()


async def test_an_unknown_node_is_said(runner: NodeRunner) -> None:
    with pytest.raises(NodeError, match="no node named"):
        await runner.run("nothing_here", b"{}")


async def test_a_tool_that_is_a_node_runs_that_node(runner: NodeRunner, approve: Callable[[str, str], None]) -> None:
    approve("shortener", NODE.replace("data['content']", "data['prompt'][:3]"))
    approve("outer", NODE.replace("'summarizer'", "'shorten'"))
    result = await runner.run("outer", b'{"content": "abcdef"}')
    assert result.output == {"result": '{"result": "summarizer: abc"}'}


async def test_nodes_that_call_themselves_come_to_an_end(
    runner: NodeRunner, approve: Callable[[str, str], None]
) -> None:
    approve("shortener", NODE.replace("'summarizer', data['content']", "'shorten', data['prompt']"))
    result = await runner.run("shortener", b'{"prompt": "x"}')
    assert "at most 3 deep" in result.error


async def test_a_python_that_cannot_be_started_is_said(library: NodeFiles, approve: Callable[[str, str], None]) -> None:
    approve("summarize_it", NODE)
    runner = NodeRunner(library, TOOLS, None, echo, LocalSandbox(python="/nowhere/python"), dry_reply=echo)
    with pytest.raises(NodeError, match="cannot be started"):
        await runner.run("summarize_it", b"{}")


# --- by hand -------------------------------------------------------------------------------------------------------


async def by_hand(main: Path, *flags: str) -> tuple[int | None, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, *flags, str(main),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if key != "EVOLVER_TOOL_FD"}, cwd=main.parent,
    )  # fmt: skip
    stdout, stderr = await process.communicate(b'{"content": "text"}')
    return process.returncode, stdout, stderr


async def test_a_node_runs_by_hand_where_the_package_is_installed(
    library: NodeFiles, approve: Callable[[str, str], None]
) -> None:
    approve("summarize_it", NODE)
    code, stdout, stderr = await by_hand(library.root / "summarize_it" / "main.py")
    assert code == 0, stderr
    assert "text" in json.loads(stdout)["result"]
    assert "offline" in json.loads(stdout)["result"]


async def test_by_hand_without_the_package_a_tool_call_says_the_way_out(
    library: NodeFiles, approve: Callable[[str, str], None]
) -> None:
    approve("summarize_it", NODE.replace("from node_runtime", "sys.path.insert(0, '../..')\nfrom node_runtime"))
    runtime = Path(__file__).parents[2] / "node_runtime.py"
    (library.root.parent / "node_runtime.py").write_bytes(runtime.read_bytes())
    (library.root.parent / "nodes" / "summarize_it" / "main.py").chmod(0o644)
    code, _, stderr = await by_hand(library.root / "summarize_it" / "main.py", "-I", "-S")
    assert code == 1
    assert b"evolver-tui run NODE" in stderr


@pytest.fixture(autouse=True)
def no_folder_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every run cleans up after itself."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield
    assert list(tmp_path.glob("evolver-node-*")) == []
