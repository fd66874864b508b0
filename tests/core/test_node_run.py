"""What a reviewer is told of runs."""

from __future__ import annotations

import pytest

from evolver_tui.core.node_run import Tryout, tryout_line
from tests.support.runs import a_run

CRASH = "It ended with exit code 1: KeyError: 'id'"
LINES = {
    "ran 3 of 3 inputs · 2 tool calls · 0.2 s · 31 MB · box full": Tryout(
        (a_run(tool_call_count=1), a_run(memory_mb=12.0), a_run("empty", tool_call_count=1))
    ),
    "ran 1 of 1 input · 1 tool call · 0.1 s · 31 MB · no box": Tryout((a_run(tool_call_count=1, tier="none"),)),
    "ran 1 of 2 inputs: KeyError: 'id' on empty · after 2 failed tries · 0.1 s · 31 MB · box guard": Tryout(
        (a_run(tier="guard"), a_run("empty", error=CRASH, exit_code=1)), repairs=2
    ),
    "ran 3 of 3 inputs · 2 outputs changed · mended after 1 failed try · 0.2 s · 31 MB · box full": Tryout(
        (a_run(), a_run("v1 example 1", {"a": True}, expected={"a": 1}), a_run("v1 example 2", expected={"b": 1})),
        repairs=1,
    ),
    "not run: Nothing here would hold it.": Tryout((), "Nothing here would hold it."),
    "ran 0 of 1 input: It wrote ␛[2J on empty · 0.1 s · 31 MB · box full": Tryout(
        (a_run("empty", error="It wrote \x1b[2J"),)
    ),
}


@pytest.mark.parametrize("line", LINES)
def test_a_try_is_told_in_a_line(line: str) -> None:
    assert tryout_line(LINES[line]) == line


def test_an_output_changed_where_any_value_in_it_did_and_a_run_that_failed_has_none() -> None:
    assert not a_run(output={"a": 1, "b": [2]}, expected={"b": [2], "a": 1}).is_changed
    assert a_run(output={"a": 1}, expected={"a": 1.5}).is_changed
    assert not a_run(output={"a": 1}).is_changed
    assert not a_run(error=CRASH, expected={"a": 1}).is_changed
