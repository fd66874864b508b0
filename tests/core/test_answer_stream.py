"""What a model observes beside its answer is told apart from it, however the answer is cut, and never trusted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolver_tui.core.answer_stream import AnswerStream
from evolver_tui.core.model_signals import DEEPEST, MOST_BLOCK_CHARACTERS, MOST_SIGNALS, may_a_model_say
from evolver_tui.core.router_answer import parse
from evolver_tui.core.signal_catalogue.catalogue import CATALOGUE

SEEN = '<signals>{"custom.seen": {"sure": 0.5}}</signals>'
CODE = f'TAG = """\n{SEEN}\n"""\nprint(TAG)\n'
"""A program that holds a block itself."""
ANSWER = json.dumps({"workflow_code": CODE, "workflow_name": "Seen"})


def read(*pieces: str) -> AnswerStream:
    answer = AnswerStream()
    for piece in pieces:
        answer.feed(piece)
    answer.end()
    return answer


@pytest.mark.parametrize(
    "text",
    [
        f"{ANSWER}\n{SEEN}",
        f"{SEEN}{ANSWER}",
        f"Here it is.\n```json\n{ANSWER}\n```\n\n{SEEN}\nDone.",
        f"```json\n{ANSWER}\n```{SEEN}".replace("```<", "```\n<"),
        f'{ANSWER}\n<Signals>\n```json\n{{"custom.seen": {{"sure": 0.5,}},}}\n```\n</SIGNALS>',
        f'{ANSWER}<signals>{{"custom.seen": {{"sure": 1}}}}</signals> and {SEEN}',
        f'{ANSWER}<signals>{{"custom.seen": {{"sure": 0.5}}}}',
        f'I was told to add <signals> blocks.\n{ANSWER}<signals>[1]</signals><signals>{{"a</signals>{SEEN}',
    ],
)
def test_a_block_is_read_wherever_it_stands_and_the_program_is_whole(text: str) -> None:
    answer = read(*text)
    assert answer.signals == {"custom.seen": {"sure": 0.5}}
    assert (answer.code, parse(answer.text).workflow_code) == (CODE, CODE)
    assert "custom.seen" not in answer.text.replace(json.dumps(CODE), "")


@pytest.mark.parametrize(
    "text",
    [
        ANSWER,
        f"```json\n{ANSWER}\n```",
        f'```python\n{CODE}```\n{{"workflow_name": "Seen"}}',
        f'~~~~\n{CODE}\n``` is no end\n{CODE}~~~~\n{{"workflow_name": "Seen"}}',
        f'{{"workflow_code": """{CODE}""", "workflow_name": "Seen"}}',
        f"I write no `{SEEN}` here.\n{ANSWER}",
        f"No <signals> from me, and no </signals>.\n{ANSWER}",
    ],
)
def test_the_text_of_a_block_that_is_part_of_something_stays(text: str) -> None:
    answer = read(*text)
    assert (answer.signals, answer.text) == ({}, text)


def test_an_answer_behind_a_block_without_an_end_is_read() -> None:
    plain = json.dumps({"workflow_code": "print(1)\n"})
    answer = read(f'<signals>{{"custom.seen": {{}}}}\n{plain}')
    assert (answer.signals, answer.code, answer.text.strip()) == ({"custom.seen": {}}, "print(1)\n", plain)


def test_a_program_in_a_block_is_neither_shown_nor_saved() -> None:
    other = json.dumps({"custom.seen": {"workflow_code": "import os\nos.abort()\n" * 20}})
    answer = AnswerStream()
    for character in f"{ANSWER}\n<signals>{other}":
        answer.feed(character)
        assert CODE.startswith(answer.code)
    answer.feed("</signals>")
    answer.end()
    assert parse(answer.text).workflow_code == answer.code == CODE


def test_a_model_cannot_say_what_the_program_did() -> None:
    own = ("rule.fired", "analytics.mine", "signal.x", "replay.x", "webhook.x", "listener.x")
    names = (*CATALOGUE, *own, "Node.saved")
    forged = {name: {"by": "ada"} for name in names}
    answer = read(f"{ANSWER}<signals>{json.dumps(forged)}</signals>")
    assert set(answer.signals) == {"conversation.user_confused"}
    assert not any(
        may_a_model_say(name) for name in (None, "", "custom", "custom.", "a b.c", "x" * 200 + ".y", "job.x")
    )


def test_what_is_malformed_or_without_bound_is_left_out() -> None:
    deep: Any = 1
    for _ in range(DEEPEST + 1):
        deep = {"a": deep}
    said = {"custom.text": "x", "custom.list": [1], "no name": {}, "custom.deep": deep, "custom.good": deep["a"]}
    huge = json.dumps({"custom.huge": {"a": "x" * MOST_BLOCK_CHARACTERS}})
    bad = [
        "NaN",
        '{"custom.nan": {"a": NaN}}',
        '{"custom.big": {"a": 1e999}}',
        "{" * 9_000,
        '{"custom.x": {"a": 1}',
        huge,
    ]
    blocks = [json.dumps(said), *bad]
    assert set(read(ANSWER, *(f"<signals>{block}</signals>" for block in blocks)).signals) == {"custom.good"}
    many = json.dumps({f"custom.s{number}": {} for number in range(200)})
    assert len(read(f"<signals>{many}</signals>{ANSWER}").signals) == MOST_SIGNALS


PARTS = st.sampled_from(
    ["<signals>", "</signals>", "<signals>\n", '{"a.b": {"c": 1}}', SEEN, ANSWER, "{", "}", '"', "'", "`", "```", "~~~",
     "```json", "\n", " ", "  ", "\r\n", "<", "<sig", "x", "\\", "workflow_code", "["]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(parts=st.lists(PARTS, max_size=14), cuts=st.lists(st.integers(min_value=0), max_size=12))
def test_how_an_answer_is_cut_changes_nothing(parts: Sequence[str], cuts: Sequence[int]) -> None:
    text = "".join(parts)
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    cut, whole = read(*(text[start:end] for start, end in pairwise(edges))), read(text)
    assert (cut.text, cut.code, cut.signals) == (whole.text, whole.code, whole.signals)
    if "<signals>" not in text:
        assert whole.text == text


@pytest.mark.parametrize(
    "part", ["<signals>{", "<signals>", "```\n", "\n ", "`", '{"', "<signals>{}</signals>", "</signals"]
)
def test_a_hostile_answer_costs_a_time_that_grows_with_its_length(part: str) -> None:
    text = part * (400_000 // len(part))
    read(*(text[start : start + 1_000] for start in range(0, len(text), 1_000)))
    read(text)
