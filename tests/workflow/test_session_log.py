"""Whoever comes back with the id of the last event it had is told everything behind it, and nothing twice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.workflow.chunk import Chunk
from evolver_tui.core.workflow.reorder_buffer import GivenUp, ReorderBuffer
from evolver_tui.core.workflow.session_log import MOST_MESSAGES, SessionLog, StreamEvent
from evolver_tui.core.workflow.stream_position import OVER, Progress, mark_of, read_position, write_position


def chunk(message: str, number: int, last: int, attempt: int = 1) -> Chunk:
    return Chunk("s", message, number, f"{message}{attempt}.{number} ", "", is_final=number == last, attempt=attempt)


class Told:
    """What one gateway has told of a session, with the position after each event."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self.log = SessionLog()
        self.events: list[tuple[StreamEvent, str]] = []
        buffer = ReorderBuffer()
        for each in chunks:
            positions = self.log.head
            for event in self.log.add(each.message_id, each.attempt, buffer.take(each, 0.0)):
                positions[event.mark] = event.progress
                self.events.append((event, write_position(positions)))
        self.log.has_readers()


def by_message(events: Sequence[StreamEvent]) -> dict[str, list[tuple[str, bytes]]]:
    """The events of each message, in order; without what a restart made void."""
    told: dict[str, list[tuple[str, bytes]]] = {}
    for event in events:
        if event.name == "message_restarted":
            told[event.mark] = []
        else:
            told.setdefault(event.mark, []).append((event.name, event.data))
    return told


MESSAGES = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3)), min_size=1, max_size=4)


@given(MESSAGES, st.data())
def test_a_reader_goes_on_where_it_was_at_any_gateway(messages: list[tuple[int, int]], data: st.DataObject) -> None:
    chunks = [
        chunk(f"m{number}", each, last, attempt)
        for number, (last, attempts) in enumerate(messages)
        for attempt in range(1, attempts + 1)
        for each in range(last + 1)
    ]
    here = Told(data.draw(st.permutations(chunks)))
    there = Told(data.draw(st.permutations(chunks)))
    read = data.draw(st.integers(1, len(here.events)))
    had = [event for event, _ in here.events[:read]]
    position = read_position(here.events[read - 1][1])
    whole = by_message([event for event, _ in here.events])
    assert by_message([*had, *here.log.after(position)]) == whole
    assert by_message([*had, *there.log.after(position)]) == whole


def test_a_first_reader_is_told_what_is_not_over_or_was_never_told() -> None:
    log = SessionLog()
    buffer = ReorderBuffer()
    for each in (chunk("over", 0, 0), chunk("asks", 0, 5)):
        log.add(each.message_id, 1, buffer.take(each, 0.0))
    log.has_readers()
    log.add("new", 1, buffer.take(chunk("new", 0, 0), 0.0))
    assert list(by_message(log.after(None))) == [mark_of("asks"), mark_of("new")]
    log.has_readers()
    assert list(by_message(log.after(None))) == [mark_of("asks")]


def test_what_another_gateway_is_handed_is_whole_answers() -> None:
    told = Told([chunk("a", 0, 1), chunk("b", 0, 2), chunk("a", 1, 1), chunk("b", 1, 2)])
    position = read_position(told.events[-2][1])
    assert [event.data for event in told.log.after(position)] == [chunk("b", 1, 2).to_bytes()]
    assert told.log.chunks_after(position) == [chunk("b", 0, 2).to_bytes(), chunk("b", 1, 2).to_bytes()]


def test_an_answer_whose_beginning_is_not_kept_is_not_passed_off_as_whole() -> None:
    log, buffer = SessionLog(most_bytes=1_000), ReorderBuffer()
    for number in range(50):
        log.add("m", 1, buffer.take(chunk("m", number, 99), 0.0))
    assert log.size <= 1_000
    (event,) = log.after({})
    assert (event.name, event.progress) == ("message_failed", Progress(1, OVER))
    assert b'"not_kept"' in event.data
    assert [event.data for event in log.after({mark_of("m"): Progress(1, 49)})] == [chunk("m", 49, 99).to_bytes()]


def test_bounds_hold_and_what_was_let_go_is_not_told_again() -> None:
    told = Told([chunk(f"m{number}", 0, 0) for number in range(3 * MOST_MESSAGES)])
    assert len(told.log.message_ids) == MOST_MESSAGES
    assert len(told.log.head) == 2 * MOST_MESSAGES
    position = told.events[-1][1]
    assert len(position) < 1_000
    assert list(told.log.after(read_position(position))) == []


def test_many_missing_numbers_are_told_in_a_few_words() -> None:
    event = SessionLog().give_up(GivenUp("s", "m", 1, 3, list(range(3, 5_000))))
    assert b"Chunks 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 4,987 more of this answer never came." in event.data
    assert len(event.data) < 8_000


@given(st.dictionaries(st.text(min_size=1), st.tuples(st.integers(1, 99), st.integers(0, 10**6)), min_size=1))
def test_a_position_is_read_as_it_was_written(messages: dict[str, tuple[int, int]]) -> None:
    positions = {mark_of(message): Progress(*progress) for message, progress in messages.items()}
    latest = dict(list(positions.items())[-32:])
    assert read_position(write_position(positions)) == latest


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "x",
            "17",
            ",",
            "abcdefgh.1",
            "abcdefgh.0.1",
            "abcdefgh.1.-1",
            "abcdefgh.1.1,",
            "abcdefgh.1.1\n",
            "é" * 8,
        ),
        *("abcdefgh.1.9999999999", "abcdefgh.1.1,".join([""] * 200), "0" * 100_000, "abcdefgh.١.1"),
    ],
)
def test_what_is_no_position_is_none(text: str) -> None:
    assert read_position(text) is None
