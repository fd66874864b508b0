"""`evolver-tui run`: what it tells of a run, and what it does where nothing holds a node."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from evolver_tui.cli.main import main
from evolver_tui.core.node import NodeDraft
from evolver_tui.engine.author.library import Approval
from evolver_tui.engine.checks.checks import check_draft
from evolver_tui.wiring import make_library
from tests.support.boxes import SteadySandbox, no_box
from tests.support.processes import environment
from tests.support.sessions import workspace_in
from tests.support.terminal import ENTER, Terminal

ECHO = "import json, sys\nprint(json.dumps(json.load(sys.stdin)))\n"
WITHOUT_A_BOX = """
import sys
from evolver_tui import wiring
from evolver_tui.adapters.sandbox.box import LocalSandbox
from evolver_tui.cli.main import main
wiring.make_sandbox = lambda: LocalSandbox(tiers=())
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose library has a node that gives back what it gets, and one that sleeps."""
    (tmp_path / "nodes").mkdir()
    library = make_library(workspace_in(tmp_path, "[sandbox]\nseconds = 0.5\n"))
    for node_id, code in (("echo_back", ECHO), ("sleeper", "import time\ntime.sleep(600)\n")):
        report = check_draft(code, ())
        draft = NodeDraft(node_id, node_id, code, (), "simple", "ada")
        library.save(draft, report, Approval("ada", "2026-11-20T15:45:00Z", node_id, "summarize"))
    return tmp_path


class Runs:
    """Runs nodes of a home in this process."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._home, self._monkeypatch, self._capsys = home, monkeypatch, capsys
        monkeypatch.setattr("evolver_tui.wiring.make_sandbox", SteadySandbox)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 1}')))
        code = main(["run", *arguments, "--home", str(self._home), "--nodes", str(self._home / "nodes")])
        return code, *self._capsys.readouterr()


@pytest.fixture
def runs(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Runs:
    return Runs(home, monkeypatch, capsys)


def test_the_output_alone_is_told_of_a_run_that_went_well(runs: Runs) -> None:
    assert runs.run("echo_back") == (0, '{"a": 1}\n', "")


def test_a_limit_that_was_met_is_told_by_name(runs: Runs) -> None:
    code, out, err = runs.run("sleeper")
    assert (code, out) == (1, "")
    assert "sleeper failed. It ran longer than 0.5 seconds and was ended. It met the limit seconds" in err


def test_json_tells_of_the_run_with_tier_limit_and_limits(runs: Runs) -> None:
    code, out, err = runs.run("echo_back", "--json")
    told = json.loads(out)
    assert (code, err, told["output"], told["tier"], told["limit"]) == (0, "", {"a": 1}, "full", None)
    assert (told["limits"]["seconds"], told["limits"]["memory_mb"], told["limits"]["tool_calls"]) == (0.5, 1024, 50)
    code, out, _ = runs.run("sleeper", "--json")
    assert (code, json.loads(out)["limit"], json.loads(out)["output"]) == (1, "seconds", None)


def test_without_a_box_and_without_a_terminal_nothing_is_run(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evolver_tui.wiring.make_sandbox", no_box)
    code, out, err = runs.run("echo_back")
    assert (code, out) == (1, "")
    assert "nothing would hold it" in err
    assert "Landlock" in err


@pytest.mark.parametrize(("typed", "code"), [("unboxed", 0), ("yes", 1), ("", 1)])
def test_at_a_terminal_a_person_may_type_a_word_for_this_run(home: Path, typed: str, code: int) -> None:
    script = "printf '{\"a\": 1}' | " + f"{sys.executable} {home / 'without.py'} run echo_back --home {home}"
    (home / "without.py").write_text(WITHOUT_A_BOX)
    with Terminal(["sh", "-c", f"{script} --nodes {home / 'nodes'}"], home, environment(home)) as terminal:
        terminal.wait_for("Type unboxed to run it all the same, this once:")
        assert "change and delete your files" in " ".join(terminal.text.split())
        terminal.send(f"{typed}{ENTER}")
        assert terminal.wait() == code
        assert ('{"a": 1}' in terminal.text) == (code == 0)
        assert ("It ran without a box." in terminal.text) == (code == 0)
        assert ("nothing would hold it" in terminal.text.rpartition("this once:")[2]) == (code == 1)
