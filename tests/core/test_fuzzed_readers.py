"""Whatever is read that somebody else wrote is a right value, or an error of ours in words, and in a time that grows
with its length alone: a hub's messages, a model's answers, bundles."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.bundle import Bundle
from evolver_tui.core.errors import AnswerUnusable, BundleError
from evolver_tui.core.node import check_node_id
from evolver_tui.core.router_answer import COMPLEXITIES, parse
from evolver_tui.core.safe_text import safe_block
from evolver_tui.core.task import LONGEST_ID, PRIORITIES, Task
from evolver_tui.core.task_fields import FIELDS
from evolver_tui.core.task_message import Received, read_message
from tests.support.fuzzing import TEXTS, fuzzed, json_values, spoiled

# --- a hub's messages

SPELLINGS = [spelled for name in FIELDS for spelled in (name, name.upper(), f"{name[0].upper()}{name[1:]}")]
MEMBERS = [*SPELLINGS, "from", "to", "$id", "$ref", "$values", "$type", "$value", "0", "1"]


def assert_received(received: Received) -> None:
    """Every task can be kept, every problem and remark told."""
    for task in received.tasks:
        assert 0 < len(task.id) <= LONGEST_ID
        assert task.priority in PRIORITIES
        for text in (task.id, task.name, task.type, task.status, task.routine):
            assert "\0" not in text
            text.encode()
        kept = Task.from_json(task.to_json())
        assert (kept.id, kept.name, kept.languages) == (task.id, task.name, task.languages)
    for said in (*received.problems, *(remark for _, remark in received.remarks)):
        assert safe_block(said)
        assert len(said) < 2_000


@given(st.lists(json_values(MEMBERS), max_size=2))
@fuzzed(400)
def test_any_message_is_tasks_or_problems_in_words(arguments: list[Any]) -> None:
    received = read_message(*arguments)
    assert_received(received)
    assert received.tasks or received.problems or any(isinstance(each, list | dict | str) for each in arguments)


TASK = {"id": "t", "taskName": "n", "llmTaskType": "generate"}
TASK_TEXT = json.dumps({**TASK, "translationLanguages": [{"from": "a", "to": "b"}]})
SPOILERS = ['"', "\\", "{", "[", "1e999", "NaN", "\ud800", "\0"]


@given(spoiled(st.just(f'{{"tasks": [{TASK_TEXT}, {TASK_TEXT}]}}'), SPOILERS))
@fuzzed(200)
def test_a_spoiled_message_is_tasks_or_problems_in_words(text: str) -> None:
    assert_received(read_message(text))


def several(number: int, item: Callable[[int], object]) -> list[object]:
    return [item(index) for index in range(number)]


LARGE: dict[str, Callable[[], object]] = {
    "fields": lambda: {**TASK, **dict.fromkeys(("id", "taskName", "llmTaskType", "priority", "routine"), "x" * 10**7)},
    "digits": lambda: {**TASK, "id": "9" * 10**6, "priority": "-" * 10**6, "status": "0." * 10**6},
    "zeros": lambda: {**TASK, "id": "{" + "0" * 10**6 + "-" * 10**6},
    "tasks": lambda: {"tasks": several(10_000, lambda index: {**TASK, "id": f"t-{index}"})},
    "one id": lambda: {"tasks": [TASK] * 10_000},
    "texts": lambda: json.dumps([json.dumps(json.dumps(TASK))] * 10_000),
    "members": lambda: {**{f"k{index}": index for index in range(200_000)}, **TASK},
    "spellings": lambda: {**TASK, **{"i" + "_" * index + "d": "x" for index in range(2_000)}},
    "languages": lambda: {**TASK, "translationLanguages": [{"from": "a", "to": 1}] * 100_000},
    "envelopes": lambda: {f"k{index}": {"a": {"b": [{"x": 1}]}} for index in range(30_000)},
    "brackets": lambda: "[" * 10**7,
    "references": lambda: several(20_000, lambda index: {"$id": str(index), "$ref": str(index + 1), **TASK}),
    "marks": lambda: "\ufeff" * 10**6 + "\0" * 10**6,
    "surrogates": lambda: {**TASK, "id": "\ud800" * 10**6, "taskName": "\udfff\0" * 10**6},
}
"""Sizes at which anything quadratic takes many minutes."""


@pytest.mark.parametrize("name", LARGE)
def test_a_large_message_comes_to_an_end(name: str) -> None:
    received = read_message(LARGE[name]())
    assert all(len(task.id) <= LONGEST_ID for task in received.tasks)
    assert all(len(problem) < 2_000 for problem in received.problems)
    if name in ("tasks", "one id", "texts"):
        assert len(received.tasks) == 10_000


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\0b", "..", "C:\\con", "\ud800", "x" * 10_000])
def test_an_id_that_would_escape_or_collide_is_a_text_like_any_other(name: str) -> None:
    """What lies on disk is called by numbers and by nodes' ids."""
    ids = {name, f"{name} ", f"{name}x", f"{name}X", name.replace("\0", "\ufffd"), name.replace("\ud800", "?")}
    tasks = read_message([{"id": each, "taskName": "n"} for each in ids]).tasks
    assert len({task.id for task in tasks}) == len(tasks) == len(ids)


# --- a model's answers

PROGRAM = "import json, sys\ndata = json.load(sys.stdin)\nprint(json.dumps({'result': data}))\n"
ANSWERS = st.sampled_from(
    [
        json.dumps({"workflow_code": PROGRAM, "workflow_name": "n", "tools_used": ["a"], "estimated_complexity": "x"}),
        f"<think>hm {{</think>```json\n{json.dumps({'workflow_name': 'n', 'workflow_code': PROGRAM}, indent=1)}\n```",
        f"{{'workflow_name': 'n', 'workflow_code': '''{PROGRAM}'''}}",
        f'{{"suggested_node_id": "n"}}\n```python\n{PROGRAM}```\n',
        json.dumps({"answer": json.dumps({"workflow_code": PROGRAM})}),
    ]
)
PIECES = [
    '"', "'", "\\", "{", "}", "[", "]", ",", ":", "```", '"""', "<think>", "</think>", "\\u", "\\ud800", "\ud800", "\0",
    "//", "/*", "NaN", "1e999", "\u2028", '"workflow_code": ', '{"workflow_code": "x = 1"}', "\x1b[2J", "`", "“",
    "#", "\n",
]  # fmt: skip


def assert_answer(text: str) -> None:
    """It is a node that can be saved, or refused in words that can be shown."""
    refused: AnswerUnusable | None = None
    try:
        answer = parse(text, "task-1")
    except AnswerUnusable as error:
        refused = error
    if refused is not None:
        assert 0 < len(str(refused)) < 1_000
        return
    assert check_node_id(answer.suggested_node_id) == answer.suggested_node_id
    assert answer.workflow_code.strip()
    assert "\0" not in answer.workflow_code
    answer.workflow_code.encode()
    assert answer.workflow_name
    assert answer.workflow_name.isprintable()
    assert answer.complexity in COMPLEXITIES


@given(spoiled(ANSWERS, PIECES))
@fuzzed(500)
def test_any_spoiled_answer_is_a_node_or_refused_in_words(text: str) -> None:
    assert_answer(text)


NAMES = [
    "workflow_code",
    "Workflow Code",
    "workflowName",
    "suggested_node_id",
    "tools_used",
    "complexity",
    "code",
]


@given(json_values(NAMES), st.booleans(), TEXTS)
@fuzzed(300)
def test_any_object_is_a_node_or_refused_in_words(value: Any, is_ascii: bool, before: str) -> None:
    assert_answer(f"{before}{json.dumps({'workflow_code': value}, ensure_ascii=is_ascii)}")
    assert_answer(f"{before}{json.dumps(value, ensure_ascii=is_ascii)}")


@given(st.text("{}[]\"'\\`,:w\n \u201c/*#<>", max_size=60))
@fuzzed(300)
def test_any_punctuation_is_refused_in_words(text: str) -> None:
    assert_answer(text)
    assert_answer(f'{text}{{"workflow_code": {text}')


# --- bundles

EMPTY: dict[str, Any] = {"format": "evolver-tui job", "version": 1, "id": "b-1", "flow": {}, "job_state": {}}


@given(
    spoiled(
        st.sampled_from([json.dumps(EMPTY), json.dumps({**EMPTY, "checksum": "sha256:0"})]),
        ['"', "{", "[" * 500, "NaN", "-Infinity", "1e999", "9" * 5_000, "\ud800", "\0", '"format": 1, ', "\\ud800"],
    )
)
@fuzzed(300)
def test_any_spoiled_bundle_is_refused_in_words(text: str) -> None:
    for content in (text, text.encode("utf-8", "surrogatepass"), text.encode("utf-16", "surrogatepass")):
        with pytest.raises(BundleError):
            Bundle.from_json(content)


@given(json_values(["format", "version", "id", "checksum", "job_state", "flow", "journal", "task"]))
@fuzzed(300)
def test_any_value_is_no_bundle(value: Any) -> None:
    for body in (value, {**EMPTY, "job_state": value}, {**EMPTY, "version": value}, {**EMPTY, "checksum": value}):
        with pytest.raises(BundleError):
            Bundle.from_json_value(body)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000_000, '{"a":' * 2_000_000, "9" * 10_000_000, '"' + "x" * 10_000_000,
        json.dumps({**EMPTY, "job_state": {"journal": [{"name": f"n{number}"} for number in range(200_000)]}}),
        json.dumps({**EMPTY, "id": "x" * 10_000_000}), json.dumps({f"k{number}": 1 for number in range(200_000)}),
    ],
    ids=["brackets", "objects", "digits", "unfinished", "journal", "id", "members"],
)  # fmt: skip
def test_a_large_bundle_is_refused_in_the_end(text: str) -> None:
    with pytest.raises(BundleError) as refused:
        Bundle.from_json(text)
    assert len(str(refused.value)) < 500
