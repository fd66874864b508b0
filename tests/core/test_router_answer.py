"""Whatever a model writes around its one object, the node is read out of it or refused in words."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolver_tui.core.errors import AnswerUnusable
from evolver_tui.core.node import check_node_id
from evolver_tui.core.router_answer import MOST_CODE_BYTES, PartialCode, RouterAnswer, parse

CODE = 'import json\nprint(json.dumps({"a": [1, 2,]}))\n'
ANSWER: dict[str, Any] = {
    "workflow_code": CODE,
    "workflow_name": "Summarize a blog post",
    "suggested_node_id": "summarize_blog_post",
    "tools_used": ["summarizer"],
    "estimated_complexity": "simple",
}
WHOLE = RouterAnswer(CODE, "Summarize a blog post", "summarize_blog_post", ("summarizer",), "simple")


def answer(**changes: Any) -> str:
    return json.dumps({**ANSWER, **changes})


@pytest.mark.parametrize(
    "text",
    [
        answer(),
        json.dumps(ANSWER, indent=2),
        f"```json\n{answer()}\n```",
        f"```\n{answer()}\n```\nI hope that {{this}} helps.",
        f"Certainly! Here is the `{{name}}` node, with {{'a': 1}}:\n\n{answer()}",
        f'<think>First {{"workflow_code": "a draft"}}, no {{...}}, better:</think>\n{answer()}',
        f'I begin with {{"workflow_code": "unfinished, then\n\n{answer()}',
        f'{{"answer": {answer()}}}',
        f"[{answer()}]",
        answer()[:-1] + ",\n}",
        answer().replace('["summarizer"]', '["summarizer", ]'),
        answer().replace("\\n", "\n"),
        answer(workflow_code=f"```python\n{CODE}```"),
        answer(workflow_code=CODE.replace("\n", "\r\n")),
        answer(confidence=float("nan"), seed=10**50, notes={"deep": [[[]]]}),
        answer()[:-1] + ', "digits": ' + "9" * 10_000 + "}",
        "\ufeff" + answer(),
    ],
    ids=range(17),
)
def test_what_models_put_around_an_answer_is_read_past(text: str) -> None:
    assert parse(text) == WHOLE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("I cannot do that, {sorry}.", "holds no JSON object"),
        ('{"workflow_name": "x"}', "has no workflow_code"),
        (answer()[:-30], "broken or unfinished"),
        (answer(workflow_code=""), "empty program"),
        (answer(workflow_code="```python\n```"), "empty program"),
        (answer(workflow_code=["import json"]), "not text"),
        (answer(workflow_code=None), "not text"),
        (answer(workflow_code="#" * (MOST_CODE_BYTES + 1)), "at most 200,000"),
        (answer(workflow_code="print('\ud800')"), "no source file can hold"),
        (answer(workflow_code="print('\0')"), "no source file can hold"),
        (answer()[:-1] + ', "workflow_code": "import os"}', "two fields of the same name"),
        ('{"a":' * 100_000, "no workflow_code"),
        ('{"workflow_code":' * 100_000, "broken or unfinished"),
        ('{"workflow_code": "x", "deep": ' + "[" * 200_000, "broken or unfinished"),
    ],
    ids=range(16),
)
def test_what_cannot_be_a_node_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(AnswerUnusable) as caught:
        parse(text)
    assert words in caught.value.message
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("changes", "node_id"),
    [
        ({"suggested_node_id": "../../etc/passwd"}, "etc_passwd"),
        ({"suggested_node_id": "Summarize Blog-Post!"}, "summarize_blog_post"),
        ({"suggested_node_id": "con"}, "con_node"),
        ({"suggested_node_id": "json"}, "json_node"),
        ({"suggested_node_id": "7"}, "task_7"),
        ({"suggested_node_id": "x" * 5000}, "x" * 64),
        ({"suggested_node_id": "摘要"}, "summarize_a_blog_post"),
        ({"suggested_node_id": None}, "summarize_a_blog_post"),
        ({"suggested_node_id": "", "workflow_name": "\u202e \x1b"}, "task_task_17"),
    ],
)
def test_the_node_id_is_always_valid(changes: dict[str, Any], node_id: str) -> None:
    found = parse(answer(**changes), task_id="task-17").suggested_node_id
    assert found == node_id
    assert check_node_id(found) == node_id


def test_fields_of_other_types_and_sizes_do_no_harm() -> None:
    read = parse(
        answer(
            workflow_name="A\nname \x1b[31m\u202e" + "x" * 10_000,
            tools_used=["summarizer", 7, None, "summarizer", "quick_translator"],
            estimated_complexity=" Simple ",
        )
    )
    assert read.workflow_name.startswith("A name [31m")
    assert len(read.workflow_name) == 120
    assert read.tools_used == ("summarizer", "quick_translator")
    assert read.complexity == "simple"
    read = parse(answer(workflow_name=7, tools_used="summarizer, nmt_translator", estimated_complexity="trivial"))
    assert read.workflow_name == "Generated Workflow"
    assert read.tools_used == ("summarizer", "nmt_translator")
    assert read.complexity == "moderate"


HOSTILE = {
    "escaped quotes": '{"workflow_code": "' + '\\"' * 200_000,
    "unfinished objects": '{"a": "' * 100_000,
    "braces": "{" * 500_000,
    "nested objects": '{"a": {}, ' * 50_000,
    "fences": "```" * 200_000 + " " * 200_000,
    "spaces in a fence": answer(workflow_code="```\n" + " " * 190_000 + "x"),
    "commas": '{"a": ' + "," * 300_000 + " " * 300_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_answer_comes_to_an_end(text: str) -> None:
    """Sizes at which anything quadratic takes many minutes."""
    try:
        parse(text)
    except AnswerUnusable:
        pass
    partial = PartialCode()
    for start in range(0, len(text), 4096):
        partial.feed(text[start : start + 4096])


# --- while it is being written -------------------------------------------------------------------------------------


def fed(text: str, cuts: list[int]) -> tuple[PartialCode, str]:
    partial, returned = PartialCode(), ""
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for start, end in pairwise(edges):
        returned += partial.feed(text[start:end])
    return partial, returned


any_text = st.text(st.characters(categories=("L", "N", "P", "S", "Z", "C", "Cs")) | st.sampled_from('"\\\n{}[]`u'))
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text | st.just("workflow_code"), inner, max_size=3),
    max_leaves=8,
)
around = st.sampled_from(["", "```json\n", "Here {it} is: {'a': 1} ", '<think>{...} {"a": b}</think>', "[", '{"x": '])


@settings(max_examples=400, deadline=None)
@given(
    before=st.dictionaries(any_text.filter(lambda key: key != "workflow_code"), any_json, max_size=3),
    code=any_text,
    after=st.dictionaries(any_text.filter(lambda key: key != "workflow_code"), any_json, max_size=3),
    prose=around,
    indent=st.sampled_from([None, 2]),
    plain=st.booleans(),
    cuts=st.lists(st.integers(min_value=0), max_size=12),
)
def test_the_preview_is_what_the_whole_answer_says(
    before: dict[str, Any],
    code: str,
    after: dict[str, Any],
    prose: str,
    indent: int | None,
    plain: bool,
    cuts: list[int],
) -> None:
    after = {key: value for key, value in after.items() if key not in before}
    document = json.dumps({**before, "workflow_code": code, **after}, indent=indent, ensure_ascii=not plain)
    partial, _ = fed(prose + document + "\n```\n", cuts)
    assert partial.text == json.loads(document)["workflow_code"]


@pytest.mark.parametrize("code", ['a "quote" \\ \n\t\x01', "\U0001f600\ud83d\ud83d\ude00\ude00x\ud83d", "", "ü€😀"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_every_cut_gives_the_same_text(code: str, ascii_only: bool) -> None:
    document = json.dumps({"a": [1, {"b": None}], "workflow_code": code, "z": -1.5e3}, ensure_ascii=ascii_only)
    assert fed(document, list(range(len(document))))[1] == json.loads(document)["workflow_code"]
    for cut in range(len(document)):
        partial, returned = fed(document, [cut])
        assert returned == partial.text == json.loads(document)["workflow_code"]


def test_the_preview_grows_with_each_piece() -> None:
    partial = PartialCode()
    assert partial.feed('```json\n{"workflow_code": "import js') == "import js"
    assert partial.feed("on\\") == "on"
    assert partial.feed("nx = '\\u00") == "\nx = '"
    assert partial.feed("e4'") == "ä'"
    assert partial.text == "import json\nx = 'ä'"
    assert partial.feed('", "workflow_name": "not code"}') == ""


def test_a_second_object_starts_the_preview_over() -> None:
    partial, _ = fed('<think>{"workflow_code": "draft"}</think> {"workflow_code": "final"}', [])
    assert partial.text == "final"


def test_broken_escapes_do_not_swallow_the_rest() -> None:
    partial, _ = fed('{"workflow_code": "a\\qb\\u12"} {"workflow_code": "c"}', [])
    assert partial.text == "c"
