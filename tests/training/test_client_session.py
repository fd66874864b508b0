"""Whatever a server tells of a session, its run stays one that can be shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from evolver_tui.adapters.progress_client.session import WatchedSession
from evolver_tui.cli.progress.run_lines import event_line, state_line, state_value
from tests.support.fuzzing import fuzzed, json_values

NAMES = [
    *("metrics", "status", "config", "history", "sessionId", "session_id", "modelIndex", "currentModel", "totalModels"),
    *("step", "totalSteps", "loss", "timestamp", "start_time", "models_completed", "total_models", "event", "values"),
    *("payload", "sequence", "modelCompleted", "last_update", "trainingTime", "name", "project", "modelParams"),
]
WORDS = some.sampled_from(["completed", "failed", "training_completed", "training_resumed", "nan", 10**400, 3])
TOLD = some.dictionaries(some.sampled_from(NAMES), WORDS | json_values(NAMES), max_size=8)
EVENTS = some.sampled_from(
    [
        "progress_update",
        "session_status",
        "session_history",
        "training_started",
        "model_completed",
        "training_completed",
    ]
)


@given(told=some.lists(some.tuples(EVENTS, TOLD), max_size=4))
@fuzzed(60)
def test_nothing_that_is_told_breaks_it(told: list[tuple[str, dict[str, Any]]]) -> None:
    session = WatchedSession("s1", lambda: 5.0)
    for event, data in told:
        session.take_event(event, data)
        session.take_metrics(data)
        session.take_status(data)
        session.take_history([data])
    run = session.run
    assert run.run_id == "s1"
    assert run.total_models <= 10_000
    assert 0 <= run.overall <= 100
    assert state_line(run)
    for each in run.events:
        assert event_line(each)
    assert json.dumps(state_value(run), allow_nan=True)


def metrics(step: int, loss: float, **more: Any) -> dict[str, Any]:
    return {"sessionId": "s1", "modelIndex": 0, "totalModels": 1, "step": step, "loss": loss, "timestamp": 9.0, **more}


def test_what_was_lacking_comes_to_its_place_and_what_is_latest_stays() -> None:
    session = WatchedSession("s1", lambda: 5.0)
    session.take_history([metrics(1, 3.0, sequence=1)])
    session.take_metrics(metrics(4, 1.0, sequence=4))
    assert session.lacks_some
    assert session.numbered == 1
    session.take_history([metrics(step, 2.0, sequence=step) for step in (2, 3)] + [metrics(4, 1.0, sequence=4)])
    assert not session.lacks_some
    assert list(session.run.series[0, "loss"].steps) == [1, 2, 3, 4]
    assert (session.run.step, session.run.latest["loss"], session.run.points) == (4, 1.0, 4)


@pytest.mark.parametrize(("told", "known"), [(25_000_000, 0), (1_234, 1_234)], ids=["nobody said", "said"])
def test_a_number_of_parameters_that_every_stream_has_is_not_taken_for_the_model_s(told: int, known: int) -> None:
    session = WatchedSession("s1", lambda: 5.0)
    session.take_metrics(metrics(1, 3.0, modelParams=told))
    assert session.run.header.model_params == known


def test_a_server_that_counts_anew_is_asked_for_all_of_it() -> None:
    session = WatchedSession("s1", lambda: 5.0)
    session.take_history([metrics(step, 3.0, sequence=step) for step in range(1, 9)])
    session.take_metrics(metrics(1, 3.0, sequence=1))
    assert (session.numbered, session.known_until, session.lacks_some) == (0, None, True)


def test_the_latest_point_that_is_told_to_begin_with_is_no_other_history() -> None:
    session = WatchedSession("s1", lambda: 5.0)
    events = [
        {"event": "seen", "step": 1, "timestamp": 5.0, "payload": {"n": n}, "sequence": 2 + n} for n in range(400)
    ]
    session.take_history([metrics(1, 3.0, sequence=1), *events])
    session.take_metrics(metrics(1, 3.0, sequence=1))
    assert (session.numbered, session.lacks_some) == (401, False)


def test_events_that_come_again_count_once_and_others_of_the_same_moment_each() -> None:
    session = WatchedSession("s1", lambda: 5.0)
    events = [
        {"event": "seen", "step": 1, "timestamp": 5.0, "payload": {"n": n}, "sequence": 1 + n} for n in range(400)
    ]
    for _ in range(2):
        session.take_history(events)
    assert [event.payload["n"] for event in session.run.events] == list(range(400))


def test_a_run_that_was_over_goes_on_unless_that_was_told_late() -> None:
    session = WatchedSession("s1", lambda: 5.0)
    session.take_status({"status": "running", "last_update": 10.0})
    session.take_status({"status": "failed", "last_update": 20.0})
    session.take_status({"status": "running", "last_update": 10.0})
    assert session.run.status == "failed"
    session.take_status({"status": "running", "last_update": 30.0})
    assert session.run.status == "running"


@pytest.mark.parametrize("loss", ["nan", float("nan")])
def test_a_loss_that_is_no_number_is_told_once(loss: Any) -> None:
    session = WatchedSession("s1", lambda: 5.0)
    session.take_metrics({"sessionId": "s1", "step": 1, "timestamp": 9.0, "values": {"loss": loss}})
    session.take_metrics({"sessionId": "s1", "step": 1, "timestamp": 9.0, "values": {"loss": loss}})
    assert session.run.points <= 1
