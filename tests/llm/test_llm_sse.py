"""Events and refusals out of bytes, whatever they are and however they are cut."""

from __future__ import annotations

import json
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from evolver_tui.adapters.llm.problem import Problem, read_problem
from evolver_tui.adapters.llm.sse import Event, SseDecoder


def decoded(content: bytes, cuts: list[int]) -> list[Event]:
    decoder = SseDecoder()
    edges = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    events = [event for start, end in pairwise(edges) for event in decoder.feed(content[start:end])]
    return events + decoder.end()


@settings(max_examples=200, deadline=None)
@given(
    events=st.lists(
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1), max_size=5
    ),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    noise=st.sampled_from(["", ": comment", "event: x", "data", "x", "id: 1"]),
    cuts=st.lists(st.integers(min_value=0), max_size=20),
)
def test_events_are_the_same_however_they_are_cut(
    events: list[str], line_end: str, noise: str, cuts: list[int]
) -> None:
    lines = [line for data in events for line in (noise if noise != "data" else "", f"data: {data}", "")]
    content = "".join(line + line_end for line in lines).encode()
    assert [event.data for event in decoded(content, cuts) if not event.is_stray] == events


@given(st.binary(max_size=200), st.lists(st.integers(min_value=0), max_size=20))
def test_garbage_is_the_same_however_it_is_cut(content: bytes, cuts: list[int]) -> None:
    assert decoded(content, cuts) == decoded(content, [])


def test_data_in_several_lines_is_one_event() -> None:
    assert decoded(b"data: a\ndata:b\ndata\ndata:  c\n\ndata: d", []) == [Event("a\nb\n\n c"), Event("d")]


def test_events_without_a_blank_line_between_them_are_told_apart() -> None:
    content = b'data: {"a": 1}\ndata: {"b":\ndata: 2}\n\nevent: x\ndata: []\nevent: y\ndata: {}\ndata: [DONE]\n'
    assert decoded(content, []) == [
        Event('{"a": 1}'),
        Event('{"b":\n2}'),
        Event("[]", "x"),
        Event("{}", "y"),
        Event("[DONE]"),
    ]


def test_an_error_in_place_of_a_field_is_an_event_of_that_name() -> None:
    content = b'data: a\nerror: {"code": 500}\n\ndata: {}\nevent: error\n\n'
    assert decoded(content, []) == [Event("a"), Event('{"code": 500}', "error"), Event("{}", "error")]


def test_an_event_has_its_own_name_and_lines_without_a_field_stand_alone() -> None:
    content = b'event: error\ndata: a\n\ndata: b\n{"error":"c"}\n<html>\n\ndata: {\n  "d": 1\n}\n\n'
    assert decoded(content, []) == [
        Event("a", "error"),
        Event("b"),
        Event('{"error":"c"}', is_stray=True),
        Event("<html>", is_stray=True),
        Event('{\n  "d": 1\n}'),
    ]


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "message", "detail", "type", "code", "loc", "msg", "param"]),
                inner,
                max_size=4,
            )
        ),
    )
)
def test_no_shape_of_a_refusal_breaks_its_reader(value: object) -> None:
    problem = read_problem(400, {}, json.dumps(value).encode(), 0.0)
    assert isinstance(problem.message, str)
    if isinstance(value, dict):
        assert 400 <= Problem.from_event(value).status < 600
