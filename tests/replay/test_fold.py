"""How a session stands is a pure function of its log, wherever that is cut and however jobs' events are mixed."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from evolver_tui.core.job import JobState
from evolver_tui.core.replay.recorded_job import RecordedJob
from evolver_tui.core.signal import Signal
from evolver_tui.core.task import Task
from evolver_tui.engine.replay.session_state import SessionState

_JOBS = 12
_FLOW: dict[JobState | None, Sequence[tuple[str, JobState]]] = {
    None: [("task.queued", JobState.PENDING), ("task.skipped", JobState.COMPLETED)],
    JobState.PENDING: [("task.started", JobState.RUNNING), ("job.cancelled", JobState.CANCELLED)],
    JobState.RUNNING: [
        ("job.paused", JobState.PAUSED), ("task.completed", JobState.COMPLETED), ("task.failed", JobState.FAILED),
        ("job.waiting", JobState.PENDING), ("job.cancelled", JobState.CANCELLED),
    ],
    JobState.PAUSED: [("review.decided", JobState.PENDING), ("job.cancelled", JobState.CANCELLED)],
    JobState.FAILED: [("task.retried", JobState.PENDING)],
    JobState.CANCELLED: [("job.restored", JobState.PENDING)],
    JobState.COMPLETED: [],
}  # fmt: skip
_PAYLOADS: Mapping[str, Mapping[str, Any]] = {
    "task.started": {"queue_size": 1, "attempt": 1},
    "job.paused": {"reason": "review", "question": "review 1"},
    "task.completed": {"outcome": "approved", "node": "n v1"},
    "task.failed": {"error": "It failed."},
    "job.waiting": {"reason": "model"},
}


def recorded() -> dict[int, RecordedJob]:
    """Jobs without anything beside their tasks."""
    return {
        job: RecordedJob(job, Task.from_raw({"id": f"t{job}", "taskName": f"T {job}"}), 5.0) for job in range(1, _JOBS)
    }


def history_of(job: int, chance: random.Random) -> list[Signal]:
    """What may happen to a job, in an order in which it can."""
    state, told = None, []
    for _ in range(chance.randint(1, 14)):
        if not _FLOW[state]:
            break
        name, state = chance.choice(_FLOW[state])
        told.append(Signal(name, _PAYLOADS.get(name, {}), {"job": job, "task_id": f"t{job}"}))
        if name == "job.restored" and any(signal.name == "job.paused" for signal in told):
            break  # back to its question or into the queue, as its history says
    return told


def log_of(chance: random.Random) -> list[Signal]:
    """Several jobs' histories, mixed, with a time that goes on."""
    histories = {job: history_of(job, chance) for job in range(1, _JOBS)}
    log: list[Signal] = []
    while histories:
        job = chance.choice(sorted(histories))
        signal = histories[job].pop(0)
        if not histories[job]:
            del histories[job]
        log.append(replace(signal, context={**signal.context, "timestamp": 10.0 + len(log)}))
    return log


def folded(log: Sequence[Signal], state: SessionState | None = None) -> SessionState:
    """How it stands after these."""
    state = state or SessionState(recorded(), 10.0)
    for signal in log:
        state.apply(signal)
    return state


def shown(state: SessionState) -> object:
    """All that a desk reads of it."""
    return [state.row(job) for _, job in state.order], state.counts, state.jobs


@pytest.mark.parametrize("seed", range(60))
def test_a_log_that_is_cut_anywhere_and_gone_on_with_gives_the_same(seed: int) -> None:
    chance = random.Random(seed)
    log = log_of(chance)
    whole = shown(folded(log))
    cut = chance.randint(0, len(log))
    assert shown(folded(log[cut:], folded(log[:cut]))) == whole
    assert shown(folded(log)) == whole


@pytest.mark.parametrize("seed", range(60))
def test_counts_and_order_are_those_of_the_rows_at_every_moment(seed: int) -> None:
    state = SessionState(recorded(), 10.0)
    for signal in log_of(random.Random(seed)):
        state.apply(signal)
        rows = [state.row(job) for _, job in state.order]
        assert [(row.rank, row.job) for row in rows if row] == sorted(
            (each.rank, job) for job, each in state.jobs.items()
        )
        states = Counter(each.state for each in state.jobs.values())
        assert (state.counts.waiting, state.counts.running) == (states[JobState.PENDING], states[JobState.RUNNING])
        assert (state.counts.needs_you, state.counts.total) == (states[JobState.PAUSED], len(state.jobs))


@pytest.mark.parametrize("seed", range(60))
def test_where_a_job_stands_does_not_depend_on_what_happened_to_others(seed: int) -> None:
    chance = random.Random(seed)
    log = log_of(chance)
    by_job = defaultdict(list)
    for signal in log:
        by_job[signal.context["job"]].append(signal)
    one_after_the_other = [signal for job in chance.sample(sorted(by_job), len(by_job)) for signal in by_job[job]]
    mixed, apart = folded(log), folded(one_after_the_other)
    for job, standing in mixed.jobs.items():  # among those that are over the rank keeps apart who ended in one tick
        assert replace(apart.jobs[job], rank=0) == replace(standing, rank=0)


@pytest.mark.parametrize(
    "signal",
    [
        Signal("task.completed", {"outcome": ["x"], "node": 7}, {"job": 1, "task_id": "t1"}),
        Signal("task.started", {"attempt": -1}, {"job": True, "task_id": "t1"}),
        Signal("job.paused", {"question": None}, {"job": 1 << 70, "task_id": "t1"}),
        Signal("worker.paused", {"shared": {}, "retry_in": "soon"}, {}),
        Signal("hub.connected", {"hub_url": 5, "retries": "x", "retry_in": []}, {"timestamp": "late"}),
        Signal("sandbox.standing", {"tier": "bunker"}, {}),
        Signal("job.imported", {"bundle": []}, {}),
        Signal("review.decided", {}, {"task_id": ["t1"]}),
    ],
)
def test_a_signal_of_whatever_content_breaks_nothing(signal: Signal) -> None:
    state = folded([Signal("task.queued", {}, {"task_id": "t1", "timestamp": 11.0}), signal])
    assert state.counts.total == len(state.jobs)
