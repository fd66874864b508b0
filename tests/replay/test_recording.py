"""A log is read as far as it can be read, whoever wrote it."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest

from evolver_tui.core.errors import UsageError
from evolver_tui.engine.replay.player import Player
from evolver_tui.engine.replay.recording import read_recording
from evolver_tui.engine.replay.replay_store import ReplayStore
from tests.replay.recorded import eventful_session, recording_of
from tests.support.links import ManualClock

pytestmark = pytest.mark.anyio

SIGNAL = {
    "type": "signal",
    "seq": 1,
    "name": "task.queued",
    "payload": {},
    "context": {"task_id": "t", "timestamp": 5.0},
}


def log_of(*lines: object) -> io.BytesIO:
    """A log of these lines, objects as JSON."""
    written = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    return io.BytesIO("\n".join(written).encode("utf-8", "surrogatepass") + b"\n")


BAD_LINES = {
    "no JSON": "not json",
    "a list": "[]",
    "null": "null",
    "a job without a number": '{"type": "job", "job": "one"}',
    "another type": '{"type": "riddle"}',
    "a key twice": '{"type": 1, "type": 2}',
    "nested too deeply": "[" * 100_000,
    "a number without end": '{"type": "job", "job": 1e400}',
    "a job without a task": '{"type": "job", "job": 5, "task": []}',
    "a NUL": "\x00",
}


@pytest.mark.parametrize("what", BAD_LINES)
def test_a_line_that_is_none_of_a_log_is_counted_and_left_out(what: str) -> None:
    recording = read_recording(log_of({"type": "session", "id": "s", "host": "h"}, BAD_LINES[what], SIGNAL))
    assert (recording.session_id, recording.unreadable, recording.first_unreadable) == ("s", 1, 2)
    assert [signal.name for signal in recording.signals(0, 10) if signal] == ["task.queued"]


async def test_a_log_that_was_cut_off_in_a_line_is_replayed_up_to_there() -> None:
    text = log_of(SIGNAL, SIGNAL).getvalue()
    recording = read_recording(io.BytesIO(text[:-20]))
    player = Player(recording, ManualClock())
    await player.go_to(2)
    assert (player.position, player.state.counts.waiting) == (2, 1)


@pytest.mark.parametrize("timestamp", [1e308, -5, "noon", None, [], float("inf"), True])
async def test_a_time_that_is_none_holds_nothing_up(timestamp: object) -> None:
    odd = {**SIGNAL, "name": "custom.odd", "context": {"timestamp": timestamp}}
    player = Player(read_recording(log_of(SIGNAL, odd, SIGNAL)), ManualClock())
    await player.go_to(3)
    assert player.is_over
    assert player.now < 1e10


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe", b'{"type": "session"}\n'])
def test_what_holds_no_signal_is_refused(content: bytes) -> None:
    with pytest.raises(UsageError, match="No signal could be read"):
        read_recording(io.BytesIO(content))


def test_an_export_of_the_other_format_says_which_to_take() -> None:
    with pytest.raises(UsageError, match="jsonl"):
        read_recording(io.BytesIO(b'{"session": {"id": "s"}, "signals": [\n]}'))


def test_a_routine_may_have_told_by_a_name_without_a_domain() -> None:
    recording = read_recording(log_of({**SIGNAL, "name": "user_approved"}))
    assert [signal.name for signal in recording.signals(0, 1) if signal] == ["user_approved"]


def test_what_a_listener_wrote_to_a_file_can_be_replayed_as_well() -> None:
    event = {
        "type": "SIGNAL_EMITTED",
        "name": "task.queued",
        "payload": {},
        "context": {"session_id": "s", "timestamp": 7.0},
    }
    recording = read_recording(log_of(event))
    assert (recording.session_id, recording.started_at, len(recording)) == ("s", 7.0, 1)


async def test_going_back_shows_what_going_there_showed(tmp_path: Path) -> None:
    _, path = await eventful_session(tmp_path)
    player = Player(read_recording(path.open("rb")), ManualClock())
    last = len(player.recording)
    forward = []
    for position in range(last + 1):
        await player.go_to(position)
        forward.append((dict(player.state.jobs), player.state.counts, player.state.link))
    for position in range(last, -1, -3):
        await player.go_to(position)
        assert (dict(player.state.jobs), player.state.counts, player.state.link) == forward[position]


async def test_it_plays_at_its_own_pace_and_at_another(tmp_path: Path) -> None:
    late = {**SIGNAL, "context": {"task_id": "u", "timestamp": 25.0}}
    clock = ManualClock()
    player = Player(
        read_recording(log_of({"type": "session", "started_at": "1970-01-01T00:00:05Z"}, SIGNAL, late)), clock
    )
    playing = asyncio.create_task(player.run())
    assert await clock.wake() == 20.0
    player.pause(True)
    await player.go_to(0)
    player.change_speed(1)
    player.pause(False)
    assert await clock.wake() == 10.0
    playing.cancel()


async def test_its_log_is_read_back_from_the_moment_that_is_shown(tmp_path: Path) -> None:
    _, path = await eventful_session(tmp_path)
    player = Player(recording_of(path), ManualClock())
    store = ReplayStore(player)
    await player.go_to(30)
    told = await store.signals("s")
    assert len(told) == 30
    assert await store.signals_before("s") == told
    assert await store.signals_before("s", 21, 5) == told[15:20]
    assert await store.signals_before("s", 1) == []
    assert [await store.seq_of("s", each.signal) for each in told] == [each.seq for each in told]
    queued = await store.signals_named("s", ("task.queued",))
    assert (await store.figures("s")).tasks == len(queued) > 0
