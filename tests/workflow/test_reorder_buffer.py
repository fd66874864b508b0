"""Whatever way chunks come, a reader gets each once and in order, or is told which never came."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.chunks import Chunk, Dropped, GivenUp, Release, ReorderBuffer


def chunk(number: int, text: str = "", *, final: bool = False, attempt: int = 1, message: str = "m") -> Chunk:
    return Chunk("s", message, number, text or f"{number} ", "2026-11-29T12:00:00Z", is_final=final, attempt=attempt)


def numbers(release: Release) -> list[int]:
    return [each.chunk_id for each in release.chunks]


class Reader:
    """Reads as people do: what was released of an earlier attempt is void."""

    def __init__(self, **bounds: Any) -> None:
        self.buffer = ReorderBuffer(**bounds)
        self.text = ""
        self.restarts = 0
        self.ends = 0

    def read(self, chunks: Iterable[Chunk | dict[str, Any] | bytes]) -> None:
        for each in chunks:
            release = self.buffer.take(each, 0.0)
            if release.is_restart:
                self.restarts += 1
                self.text, self.ends = "", 0
            self.text += "".join(one.chunk for one in release.chunks)
            self.ends += release.is_complete


def test_the_vector_of_the_original() -> None:
    buffer = ReorderBuffer()
    arrivals = [chunk(number, final=number == 5) for number in (3, 1, 4, 0, 5, 2)]
    released = [numbers(buffer.take(each, 0.0)) for each in arrivals[:5]]
    assert released == [[], [], [], [0, 1], []]
    state = buffer.state("m")
    assert state is not None
    assert state.to_dict() == {
        "total_expected": 6,
        "total_received": 5,
        "total_sent": 2,
        "missing_chunks": [2],
        "is_complete": False,
    }
    last = buffer.take(arrivals[5], 0.0)
    assert (numbers(last), last.is_complete) == ([2, 3, 4, 5], True)
    state = buffer.state("m", "s")
    assert state is not None
    assert (state.total_sent, state.missing_chunks, state.is_complete) == (6, [], True)


TEXTS = st.lists(st.text(max_size=5), min_size=1, max_size=12)


@given(st.lists(TEXTS, min_size=1, max_size=3), st.data())
def test_any_order_with_any_duplicates_and_attempts_gives_exactly_the_text(
    attempts: Sequence[Sequence[str]], data: st.DataObject
) -> None:
    chunks = [
        Chunk("s", "m", number, text, "", is_final=number == len(texts) - 1, attempt=attempt)
        for attempt, texts in enumerate(attempts, 1)
        for number, text in enumerate(texts)
    ]
    again = data.draw(st.lists(st.sampled_from(chunks), max_size=20))
    forms = {0: lambda each: each, 1: Chunk.to_dict, 2: Chunk.to_bytes}
    form = forms[data.draw(st.integers(0, 2))]
    reader = Reader()
    reader.read(form(each) for each in data.draw(st.permutations([*chunks, *again])))
    assert reader.text == "".join(attempts[-1])
    assert reader.ends == 1
    assert reader.restarts < len(attempts)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(1, 3), st.booleans(), st.text(max_size=2)), max_size=60))
def test_whatever_comes_each_number_is_released_once_and_in_order(came: Sequence[tuple[int, int, bool, str]]) -> None:
    buffer = ReorderBuffer(most_chunks=5)
    attempt, released, is_over = 1, 0, False
    for number, of_attempt, is_final, text in came:
        release = buffer.take(Chunk("s", "m", number, text, "", is_final=is_final, attempt=of_attempt), 0.0)
        if release.chunks and release.chunks[0].attempt != attempt:
            assert release.is_restart or not released
            attempt, released, is_over = release.chunks[0].attempt, 0, False
        elif release.is_restart:
            attempt, released, is_over = of_attempt, 0, False
        assert numbers(release) == list(range(released, released + len(release.chunks)))
        assert not (is_over and release.chunks)
        finals = [each.is_final for each in release.chunks]
        assert finals.count(True) == release.is_complete
        released += len(release.chunks)
        is_over = is_over or release.is_complete


def test_the_first_copy_wins() -> None:
    reader = Reader()
    reader.read([chunk(1, "b"), chunk(1, "other"), chunk(0, "a"), chunk(0, "other"), chunk(2, "c", final=True)])
    assert reader.text == "abc"
    assert reader.buffer.take(chunk(1), 0.0).dropped is Dropped.DUPLICATE


def test_a_later_attempt_takes_the_place_of_earlier_ones() -> None:
    buffer = ReorderBuffer()
    buffer.take(chunk(0), 0.0)
    buffer.take(chunk(2), 0.0)
    begun = buffer.take(chunk(1, attempt=2), 0.0)
    assert (begun.is_restart, numbers(begun)) == (True, [])
    assert buffer.take(chunk(1), 0.0).dropped is Dropped.EARLIER_ATTEMPT
    release = buffer.take(chunk(0, attempt=2), 0.0)
    assert (release.is_restart, numbers(release)) == (False, [0, 1])
    assert buffer.take(chunk(0, attempt=4), 0.0).is_restart
    assert not buffer.take(chunk(0, message="other", attempt=3), 0.0).is_restart


def test_nothing_comes_after_the_last_one() -> None:
    buffer = ReorderBuffer()
    buffer.take(chunk(3), 0.0)
    buffer.take(chunk(1, final=True), 0.0)
    assert buffer.take(chunk(2), 0.0).dropped is Dropped.AFTER_FINAL
    release = buffer.take(chunk(0, final=True), 0.0)
    assert [each.is_final for each in release.chunks] == [False, True]
    assert release.is_complete
    assert buffer.take(chunk(3), 0.0).dropped is Dropped.AFTER_FINAL


def test_a_message_with_a_gap_is_given_up_and_its_missing_numbers_are_named() -> None:
    buffer = ReorderBuffer()
    buffer.take(chunk(0), 0.0)
    buffer.take(chunk(2), 10.0)
    buffer.take(chunk(5, final=True), 35.0)
    assert buffer.sweep(39.9) == []
    assert buffer.sweep(40.0) == [GivenUp("s", "m", 1, 1, [1, 3, 4])]
    assert buffer.sweep(80.0) == []
    assert buffer.take(chunk(1), 80.0).dropped is Dropped.GIVEN_UP
    again = buffer.take(chunk(0, attempt=2, final=True), 90.0)
    assert (again.is_restart, again.is_complete) == (True, True)


def test_what_comes_in_time_ends_the_wait_and_a_further_gap_has_time_of_its_own() -> None:
    buffer = ReorderBuffer()
    buffer.take(chunk(1), 0.0)
    buffer.take(chunk(3), 0.0)
    buffer.take(chunk(0), 29.0)
    assert buffer.sweep(58.0) == []
    buffer.take(chunk(2), 58.0)
    assert buffer.sweep(1_000.0) == []


def test_what_is_over_is_forgotten_and_what_waits_for_a_person_is_not() -> None:
    buffer = ReorderBuffer()
    buffer.take(chunk(0, final=True, message="over"), 0.0)
    buffer.take(chunk(0, message="asks"), 0.0)
    buffer.sweep(299.0)
    assert buffer.state("over") is not None
    assert buffer.unfinished == 1
    buffer.sweep(300.0)
    assert buffer.state("over") is None
    buffer.sweep(100_000.0)
    assert numbers(buffer.take(chunk(1, message="asks"), 100_000.0)) == [1]


def test_bounds_hold() -> None:
    buffer = ReorderBuffer(most_messages=3, most_chunks=10, most_characters=20)
    buffer.take(chunk(0, final=True, message="over"), 0.0)
    for number in range(3):
        buffer.take(chunk(0, message=f"m{number}"), 0.0)
    assert len(buffer) == 3
    assert buffer.state("over") is None, "what is over goes first"
    assert buffer.take(chunk(11, message="m1"), 0.0).dropped is Dropped.OUT_OF_BOUNDS
    assert buffer.take(chunk(2, "x" * 21, message="m1"), 0.0).dropped is Dropped.OUT_OF_BOUNDS
    assert buffer.take(chunk(2, "x" * 20, message="m1"), 0.0).dropped is None
    assert buffer.take(chunk(2, "x", message="m2"), 0.0).dropped is Dropped.OUT_OF_BOUNDS
    assert numbers(buffer.take(chunk(1, "x" * 50, message="m1"), 0.0)) == [1, 2], "what can go on does not wait"
    assert buffer.take(chunk(2, "x" * 20, message="m2"), 0.0).dropped is None, "there is room again"
    buffer.take(chunk(0, message="m3"), 0.0)
    assert buffer.state("m0") is None, "then what was touched longest ago"


def test_long_answers_that_come_in_order_have_no_bound() -> None:
    buffer = ReorderBuffer(most_chunks=10)
    for number in range(25_000):
        assert numbers(buffer.take(chunk(number), 0.0)) == [number]


@pytest.mark.parametrize(
    "hostile",
    [
        b"no JSON",
        b"[" * 200_000,
        {},
        {"session_id": "s", "message_id": "m", "chunk_id": True, "chunk": ""},
        {"session_id": "s", "message_id": "m", "chunk_id": -1, "chunk": ""},
        {"session_id": "s", "message_id": "m", "chunk_id": 0.0, "chunk": ""},
        {"session_id": "s", "message_id": "m", "chunk_id": 0, "chunk": None},
        {"session_id": "s", "message_id": "m", "chunk_id": 0, "chunk": "", "attempt": True},
        {"session_id": "s", "message_id": "m", "chunk_id": 0, "chunk": "", "attempt": 0},
        chunk(-1),
        chunk(True),
        chunk(0, attempt=False),
    ],
)
def test_what_is_no_chunk_changes_nothing(hostile: Any) -> None:
    buffer = ReorderBuffer()
    assert buffer.take(hostile, 0.0) == Release(dropped=Dropped.NOT_A_CHUNK)
    assert len(buffer) == 0


def test_a_huge_number_is_refused_and_costs_nothing() -> None:
    buffer = ReorderBuffer()
    huge = json.dumps({**chunk(0).to_dict(), "chunk_id": 10**300}).encode()
    assert buffer.take(huge, 0.0).dropped is Dropped.OUT_OF_BOUNDS
    assert buffer.take(chunk(10_000, final=True), 0.0).dropped is Dropped.OUT_OF_BOUNDS
    assert len(buffer) == 0


def test_sessions_do_not_meet_in_a_message_id() -> None:
    buffer = ReorderBuffer()
    buffer.take(chunk(0), 0.0)
    other = Chunk("other", "m", 0, "theirs", "", is_final=True)
    assert [each.chunk for each in buffer.take(other, 0.0).chunks] == ["theirs"]
    assert numbers(buffer.take(chunk(1), 0.0)) == [1]
    state = buffer.state("m", "other")
    assert state is not None
    assert state.is_complete


def test_a_reader_that_has_the_beginning_from_elsewhere_goes_on() -> None:
    buffer = ReorderBuffer()
    buffer.take(chunk(2), 0.0)
    buffer.take(chunk(4, final=True), 0.0)
    assert numbers(buffer.start_at("s", "m", 1, 2, 1.0)) == [2]
    assert numbers(buffer.start_at("s", "m", 1, 1, 1.0)) == []
    assert buffer.take(chunk(1), 1.0).dropped is Dropped.DUPLICATE
    release = buffer.take(chunk(3), 1.0)
    assert (numbers(release), release.is_complete) == ([3, 4], True)


def test_a_message_that_is_not_read_any_more_is_let_go() -> None:
    buffer = ReorderBuffer()
    buffer.take(chunk(1), 0.0)
    buffer.forget("s", "m")
    assert len(buffer) == 0
    assert buffer.sweep(100.0) == []
