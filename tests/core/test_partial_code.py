"""A program is read out of an answer while it is being written, however the answer is cut into pieces."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolver_tui.core.partial_code import PartialCode
from evolver_tui.core.router_answer import MOST_CODE_BYTES


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


@pytest.mark.parametrize(
    "text",
    [
        '{"workflow_code": """import json\n\ndef f():\n    """Docs, "so"."""\n""" , "workflow_name": "x"}',
        "{'workflow_code': '''import json\n\ndef f():\n    \"\"\"Docs, \"so\".\"\"\"\n'''}",
        '{`workflowCode`: `import json\n\ndef f():\n    """Docs, "so"."""\n`, "workflow_name": "x"}',
    ],
    ids=range(3),
)
def test_other_quotes_show_their_program_too(text: str) -> None:
    code = 'import json\n\ndef f():\n    """Docs, "so"."""\n'
    assert fed(text, [])[0].text == code
    assert fed(text, list(range(len(text))))[1] == code


def test_an_endless_program_is_cut_where_no_node_is_longer() -> None:
    partial = PartialCode()
    partial.feed('{"workflow_code": "')
    for _ in range(400):
        partial.feed("x" * 1000)
    assert len(partial.text) == MOST_CODE_BYTES
    assert partial.feed('", "workflow_code": "x') == "x"
    assert partial.text == "x"
