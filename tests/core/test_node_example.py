"""What is kept of a run, and what differs from it later."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evolver_tui.core.errors import NodeError
from evolver_tui.core.node_example import KeptAnswer, NodeExample, differences, examples_of
from evolver_tui.core.node_run import MOST_EXCHANGED, cut
from tests.support.runs import a_call, a_run

ANSWERED = NodeExample("1-sample-1", {"id": "x"}, {"a": 1}, (KeptAnswer("summarizer", "a text", {"n": 1}, "short"),))


def test_a_run_that_gave_an_output_is_an_example_with_its_tools_answers() -> None:
    runs = [
        a_run("sample 1", {"a": 1}, tool_calls=(a_call("short", arguments='{"n": 1}'),), tool_call_count=1),
        a_run("fields missing", error="It wrote nothing to stdout; one JSON object is expected."),
        a_run("v2 example 1", {"b": 2}),
    ]
    assert [*examples_of(runs)] == [ANSWERED, NodeExample("3-v2-example-1", {"id": "x"}, {"b": 2})]


LONG = cut("x" * (MOST_EXCHANGED + 1), MOST_EXCHANGED)


@pytest.mark.parametrize(
    "call",
    [a_call(LONG), a_call("short", prompt=LONG), a_call("short", arguments=LONG), a_call("", error="It failed.")],
    ids=["answer cut", "prompt cut", "arguments cut", "failed"],
)
def test_what_a_tool_did_not_quite_answer_is_never_kept(call: Any) -> None:
    """Where tools answered dry they do so again; where they were live, nobody could give that answer again."""
    whole = a_call("short")
    dry = a_run(tool_calls=(call, whole), tool_call_count=2)
    live = a_run(tool_calls=(call, whole), tool_call_count=2, is_live=True)
    assert [example.answers for example in examples_of([dry, live])] == [
        (KeptAnswer("summarizer", "a text", {}, "short"),)
    ]


def test_a_live_run_is_an_example_where_all_its_answers_are_known() -> None:
    known = a_run(tool_calls=(a_call("short"),), tool_call_count=1, is_live=True)
    more = a_run(tool_calls=(a_call("short"),), tool_call_count=30, is_live=True)
    assert len([*examples_of([known, more])]) == 1


def test_an_example_comes_back_from_its_file() -> None:
    content = json.dumps(ANSWERED.to_json_value()).encode()
    assert NodeExample.from_file("1-sample-1.json", content) == ANSWERED


BAD = {
    "empty": b"",
    "no UTF-8": b"\xff",
    "cut": b'{"input": {',
    "a list": b"[]",
    "no output": b'{"input": {}, "tools": []}',
    "an output that is none": b'{"input": {}, "output": 1, "tools": []}',
    "an answer that is none": b'{"input": {}, "output": {}, "tools": [{"tool": "a"}]}',
    "more in an answer": b'{"input": {}, "output": {}, "tools": '
    b'[{"tool": "a", "prompt": "", "arguments": {}, "answer": "", "more": 1}]}',
    "a key twice": b'{"input": {}, "output": {}, "output": {}, "tools": []}',
    "not a number": b'{"input": {"a": NaN}, "output": {}, "tools": []}',
    "beyond all numbers": b'{"input": {"a": 1e999}, "output": {}, "tools": []}',
    "a long number": b'{"input": {"a": %b}, "output": {}, "tools": []}' % (b"9" * 5_000),
    "nested": b'{"input": {"a": %b%b}, "output": {}, "tools": []}' % (b"[" * 300, b"]" * 300),
    "nested without end": b"[" * 100_000,
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_what_is_no_example_is_said_in_a_sentence(content: bytes) -> None:
    with pytest.raises(NodeError, match=r"'1-x\.json' (is|has|holds) .*\. Mend or remove it\."):
        NodeExample.from_file("1-x.json", content)


DIFFERENCES: dict[str, tuple[object, object]] = {
    "": ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}),
    "a: 1 → true": ({"a": 1}, {"a": True}),
    "a.b[1]: 2 → nothing": ({"a": {"b": [1, 2]}}, {"a": {"b": [1]}}),
    '["two words"]: nothing → "x"': ({}, {"two words": "x"}),
    'a: {} → []; b: "é" → "e"': ({"a": {}, "b": "é"}, {"b": "e", "a": []}),
    "a: " + '"�[2J" → null': ({"a": "\x9b[2J"}, {"a": None}),
}


@pytest.mark.parametrize("told", DIFFERENCES)
def test_what_differs_is_told_by_its_place(told: str) -> None:
    assert "; ".join(map(str, differences(*DIFFERENCES[told]))) == told


def test_much_that_differs_is_told_in_part_and_shortly() -> None:
    found = differences({"a": ["x" * 1_000_000] * 1_000}, {"a": [1] * 1_000})
    assert len(found) == 10
    assert max(len(str(each)) for each in found) < 120
