"""`evolver-tui nodes test`: a node's examples run again, and what differs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evolver_tui import wiring
from evolver_tui.adapters.sandbox.box import LocalSandbox
from evolver_tui.cli.main import main
from evolver_tui.core.node import NodeDraft
from evolver_tui.core.node_run import NodeRun
from evolver_tui.engine.author.library import Approval
from evolver_tui.engine.checks.checks import check_draft
from evolver_tui.wiring import make_library
from tests.support.processes import run_command
from tests.support.runs import a_call, a_run
from tests.support.sessions import workspace_in

CODE = """import json, sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from node_runtime import call_tool
data = json.load(sys.stdin)
result = call_tool("summarizer", data["text"]) if data["text"] else None
print(json.dumps({"result": result, "seen": [data]}))
"""


def gave(result: str | None, **given: str) -> NodeRun:
    """What the node gave when it was approved."""
    return a_run("sample 1", {"result": result, "seen": [given]}, input=given)


def said(result: str, **given: str) -> NodeRun:
    """The same, where its tool answered with the result."""
    call = a_call(result, given["text"])
    return a_run("sample 1", {"result": result, "seen": [given]}, input=given, tool_calls=(call,), tool_call_count=1)


def approve(home: Path, *runs: NodeRun, node_id: str = "summarize_it") -> None:
    draft = NodeDraft(node_id, "Summarize it", CODE, (), "simple", "test")
    report = check_draft(CODE, {"summarizer"})
    approval = Approval("ada", "2026-11-20T15:45:00Z", node_id, "summarize")
    make_library(workspace_in(home)).save(draft, report, approval, runs)


def run(home: Path, *arguments: str) -> tuple[int, str]:
    done = run_command("nodes", "test", *arguments, "--home", str(home), "--nodes", str(home / "nodes"), home=home)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def result_of(home: Path, *arguments: str) -> Mapping[str, Any]:
    value: Mapping[str, Any] = json.loads(run(home, *arguments, "--json")[1])
    return value


def test_where_all_is_as_it_was_the_exit_code_says_so(tmp_path: Path) -> None:
    approve(tmp_path, said("live words", text="a text"), gave(None, text=""))
    assert run(tmp_path, "summarize_it") == (
        0, "summarize_it v1\n  ok       1-sample-1\n  ok       2-sample-1\n2 examples: 2 ok.\n",
    )  # fmt: skip


def test_what_differs_and_what_fails_is_said_with_the_exit_code(tmp_path: Path) -> None:
    approve(tmp_path, gave("another", text=""), a_run("empty", {"result": None}, input={}), gave(None, text=""))
    code, text = run(tmp_path)
    assert code == 1
    assert text == (
        "summarize_it v1\n"
        "  differs  1-sample-1\n"
        '           result: "another" → null\n'
        "  failed   2-empty: It ended with exit code 1: KeyError: 'text'\n"
        "  ok       3-sample-1\n"
        "3 examples: 1 ok, 1 differs, 1 failed.\n"
    )
    (node,) = result_of(tmp_path)["nodes"]
    assert [(example["name"], example["state"]) for example in node["examples"]] == [
        ("1-sample-1", "differs"), ("2-empty", "failed"), ("3-sample-1", "ok"),
    ]  # fmt: skip
    assert node["examples"][0]["differences"] == [{"path": "result", "expected": '"another"', "output": "null"}]


def test_all_nodes_are_run_and_one_without_examples_is_named(tmp_path: Path) -> None:
    approve(tmp_path, gave(None, text=""))
    approve(tmp_path, node_id="another_one")
    code, text = run(tmp_path)
    assert (code, "another_one v1: no example\n" in text, "1 example: 1 ok." in text) == (0, True, True)


def test_without_any_example_there_is_a_sentence_and_no_failure(tmp_path: Path) -> None:
    approve(tmp_path)
    assert run(tmp_path, "summarize_it")[1].endswith("summarize_it has no example: a node's first ones are kept when "
                                                     "a draft that was tried is approved.\n")  # fmt: skip
    assert run(tmp_path)[0] == 0


def test_a_node_that_is_not_there_or_was_changed_fails(tmp_path: Path) -> None:
    approve(tmp_path, gave(None, text=""))
    code, text = run(tmp_path, "another_one")
    assert (code, "There is no node named another_one" in text) == (1, True)
    (tmp_path / "nodes" / "summarize_it" / "main.py").write_text("print({})\n")
    code, text = run(tmp_path)
    assert (code, "main.py was changed after version 1 was approved" in text) == (1, True)


def test_files_that_are_no_examples_are_told_beside_the_rest(tmp_path: Path) -> None:
    approve(tmp_path, gave(None, text=""))
    (tmp_path / "nodes" / "summarize_it" / "examples" / "notes.txt").write_text("x")
    code, text = run(tmp_path)
    assert (code, "left out  'notes.txt' lies among the examples and is none" in text) == (0, True)


def test_where_nothing_holds_a_node_nothing_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    approve(tmp_path, gave(None, text=""), gave(None, text="", more="x"))
    monkeypatch.setattr(wiring, "make_sandbox", lambda: LocalSandbox(tiers=()))
    assert main(["nodes", "test", "--home", str(tmp_path), "--nodes", str(tmp_path / "nodes")]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n"), "nothing would hold it" in captured.err) == ("", 1, True)
