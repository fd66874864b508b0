"""How a whole session stands, folded from its log signal by signal: jobs, link, box, outages."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, cast, get_args

from evolver_tui.core import ranks
from evolver_tui.core.address import Address
from evolver_tui.core.job import JobState, Outcome, QueueCounts, QueueRow
from evolver_tui.core.link_state import LinkPhase, LinkState
from evolver_tui.core.outage import Outage
from evolver_tui.core.replay.job_standing import (
    CHANGES,
    JobStanding,
    as_new,
    at_its_question,
    given_back,
    priority_of,
    text_of,
)
from evolver_tui.core.replay.recorded_job import RecordedJob
from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_catalogue import hub_signals as hub
from evolver_tui.core.signal_catalogue import session_signals as session
from evolver_tui.core.signal_catalogue.task_signals import JOB_IMPORTED
from evolver_tui.core.task import Task
from evolver_tui.engine.sandbox import BoxStanding, Tier

_PHASES: Final[Mapping[str, LinkPhase]] = {
    hub.HUB_IDLE.name: "idle",
    hub.HUB_CONNECTING.name: "connecting",
    hub.HUB_CONNECTED.name: "connected",
    hub.HUB_RETRY_SCHEDULED.name: "waiting",
    hub.HUB_ENDED.name: "ended",
    hub.HUB_DISCONNECTED.name: "closed",
}
_COUNTED: Final[Mapping[tuple[JobState, Outcome | None], str]] = {
    (JobState.PENDING, None): "waiting",
    (JobState.RUNNING, None): "running",
    (JobState.PAUSED, None): "needs_you",
    **{(JobState.COMPLETED, outcome): outcome.value for outcome in Outcome},
    **{(state, None): state.value for state in (JobState.FAILED, JobState.CANCELLED, JobState.EXPORTED)},
}


class SessionState:
    """What a log says up to some signal. The same signals in the same order always make the same of it.

    Args:
        recorded: what the log keeps of each job beside its signals, by number.
        started_at: seconds since 1970; what waited for a person then stands here from the beginning.
    """

    def __init__(self, recorded: Mapping[int, RecordedJob], started_at: float) -> None:
        self._recorded = dict(recorded)
        self._by_task = {each.task.id: job for job, each in recorded.items()}
        self._by_bundle = {each.bundle: job for job, each in recorded.items() if each.bundle}
        self.jobs: dict[int, JobStanding] = {}
        self.order: list[tuple[int, int]] = []
        """Rank and number of each job, in the queue's order."""
        self._tally: Counter[tuple[JobState, Outcome | None]] = Counter()
        self._latest_over: int | None = None
        self.link: LinkState | None = None
        self.is_intake_paused = False
        self.intake_paused_by = ""
        """The rule that did; empty for a person."""
        self.box: BoxStanding | None = None
        self.author = ""
        """Who writes, as shown beside everything that it wrote."""
        self.outages: Mapping[str, Outage] = {}
        """What does not work, by what it is."""
        self.now = started_at
        """The time of the latest signal, in seconds since 1970; it never goes back."""
        for job, each in recorded.items():
            standing = at_its_question(each, started_at) if each.received_at < started_at else None
            if standing is not None:
                self._set(job, standing)

    def apply(self, signal: Signal) -> None:
        """Take the next signal in."""
        at = signal.timestamp
        self.now = max(self.now, at)
        change = CHANGES.get(signal.name)
        if change is not None:
            recorded = self._job_of(signal)
            if recorded is not None:
                before = self.jobs.get(recorded.job) or at_its_question(recorded, at) or as_new(recorded, at)
                self._set(recorded.job, change(before, signal.payload, at, recorded))
            return
        phase = _PHASES.get(signal.name)
        if phase is not None:
            self._link_changed(phase, signal.payload, at)
            return
        react = _OTHERS.get(signal.name)
        if react is not None:
            react(self, signal.payload, at)

    # --- jobs

    def recorded(self, job: int) -> RecordedJob:
        """What the log keeps of a job that stands here."""
        return self._recorded[job]

    def job_of_task(self, task_id: str) -> int | None:
        """The number of the job that works on a task, if it stands here."""
        job = self._by_task.get(task_id)
        return job if job in self.jobs else None

    def _job_of(self, signal: Signal) -> RecordedJob | None:
        """The job that a signal is about; one that the log does not keep is made of what the signal says."""
        task_id, job = signal.context.get("task_id"), signal.context.get("job")
        if signal.name == JOB_IMPORTED.name:
            job = self._by_bundle.get(text_of(signal.payload, "bundle"))
        elif not isinstance(job, int) and isinstance(task_id, str):
            job = self._by_task.get(task_id)
        if isinstance(job, int) and job in self._recorded:
            return self._recorded[job]
        if not isinstance(task_id, str):
            return None
        if not isinstance(job, int) or not 0 < job < 1 << 31:
            job = max(self._recorded, default=0) + 1
        raw = {"id": task_id, "priority": text_of(signal.payload, "priority")}
        made = RecordedJob(job, replace(Task.from_raw(raw), id=task_id), signal.timestamp)
        self._recorded[job], self._by_task[task_id] = made, job
        return made

    def _set(self, job: int, standing: JobStanding) -> None:
        before = self.jobs.get(job)
        if before is not None:
            self._tally[before.tally] -= 1
        if standing.state.is_over and (before is None or before.tally != standing.tally):
            if self._latest_over is not None:  # two may end within one tick of the rank's clock
                rank = max(min(standing.rank, self._latest_over - 1), ranks.Section.OVER.first)
                standing = replace(standing, rank=rank)
            self._latest_over = standing.rank
        self._tally[standing.tally] += 1
        self.jobs[job] = standing
        if before is not None:
            del self.order[bisect_left(self.order, (before.rank, job))]
        insort(self.order, (standing.rank, job))

    def row(self, job: int) -> QueueRow | None:
        """A job's line of the queue."""
        standing = self.jobs.get(job)
        if standing is None:
            return None
        recorded = self._recorded[job]
        task, priority = recorded.task, priority_of(standing, recorded)
        asks = standing.asks if standing.state is JobState.PAUSED else None
        return QueueRow(
            job, standing.rank, task.id, task.name, task.type, priority, standing.state, standing.outcome, asks,
            standing.since, standing.node,
        )  # fmt: skip

    @property
    def counts(self) -> QueueCounts:
        """How many jobs stand where."""
        return QueueCounts(**{_COUNTED[tally]: jobs for tally, jobs in self._tally.items() if tally in _COUNTED})

    # --- everything else

    def _link_changed(self, phase: LinkPhase, payload: Mapping[str, Any], at: float) -> None:
        retries, retry_in = payload.get("retries"), payload.get("retry_in")
        self.link = LinkState(
            phase, Address(text_of(payload, "hub_url")), at,
            retries=retries if isinstance(retries, int) else 0,
            reason=text_of(payload, "reason"),
            retry_at=at + retry_in if isinstance(retry_in, int | float) else None,
            transport=text_of(payload, "transport"),
        )  # fmt: skip

    def _began(self, payload: Mapping[str, Any], at: float) -> None:
        backend = text_of(payload, "backend")
        self.author = {"offline": "offline author", "none": "no author here"}.get(backend, backend)

    def _intake_paused(self, payload: Mapping[str, Any], at: float) -> None:
        self.is_intake_paused = True
        self.intake_paused_by = text_of(payload, "rule")

    def _intake_resumed(self, payload: Mapping[str, Any], at: float) -> None:
        self.is_intake_paused = False
        self.intake_paused_by = ""

    def _box_found(self, payload: Mapping[str, Any], at: float) -> None:
        tier = text_of(payload, "tier")
        if tier in get_args(Tier):
            self.box = BoxStanding(cast(Tier, tier), text_of(payload, "reason"), text_of(payload, "way_out"))

    def _unheld(self, payload: Mapping[str, Any], at: float) -> None:
        self.box = replace(self.box or BoxStanding("none"), runs_unheld=True)

    def _outage(self, payload: Mapping[str, Any], at: float) -> None:
        shared, wait, tries = text_of(payload, "shared"), payload.get("retry_in"), payload.get("tries")
        if not isinstance(wait, int | float):
            return
        error, before = text_of(payload, "error"), self.outages.get(shared)
        outage = Outage(
            shared, error, text_of(payload, "brief") or error, before.since if before is not None else at, at + wait,
            wait, tries if isinstance(tries, int) else 1,
        )  # fmt: skip
        self.outages = {**self.outages, shared: outage}

    def _works_again(self, payload: Mapping[str, Any], at: float) -> None:
        gone = payload.get("shared")
        self.outages = {shared: outage for shared, outage in self.outages.items() if shared != gone}

    def _ended(self, payload: Mapping[str, Any], at: float) -> None:
        for job, standing in tuple(self.jobs.items()):
            if standing.state is JobState.RUNNING:
                self._set(job, given_back(standing, at))


_OTHERS: Final = {
    hub.INTAKE_PAUSED.name: SessionState._intake_paused,
    hub.INTAKE_RESUMED.name: SessionState._intake_resumed,
    session.SESSION_STARTED.name: SessionState._began,
    session.SANDBOX_STANDING.name: SessionState._box_found,
    session.SANDBOX_UNHELD.name: SessionState._unheld,
    session.WORKER_PAUSED.name: SessionState._outage,
    session.WORKER_RESUMED.name: SessionState._works_again,
    session.SESSION_ENDED.name: SessionState._ended,
}
"""What further signals make of a session."""
