"""The queue and the jobs of a replay, as whoever reads a database reads them. Nothing is ever written."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NoReturn

from evolver_tui.core.address import Address
from evolver_tui.core.answer_rule import AnswerRule, AnswerRuleRecord, RuleDecision, SameAnswers
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.errors import NotWaiting, StoreBroken, StoreError
from evolver_tui.core.job import JobDetail, JobState, QueueCounts, QueueKey, QueueRow
from evolver_tui.core.job_marks import MarkChange
from evolver_tui.core.made_decision import MadeDecision, PendingWithdrawal
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.question_kinds import kind_of
from evolver_tui.core.replay.job_standing import JobStanding
from evolver_tui.core.replay.recorded_job import RecordedJob
from evolver_tui.core.routine_state import AskedQuestion, Pause, SharedState
from evolver_tui.core.session_figures import FIGURE_NAMES, SessionFigures, SessionTally
from evolver_tui.core.signal import Signal
from evolver_tui.core.spending import Total
from evolver_tui.core.statistics import DecidedQuestion
from evolver_tui.core.worker_identity import NOBODY, WorkerIdentity
from evolver_tui.engine.inbox_store import GivenAnswer
from evolver_tui.engine.readers import DecidedPlace, SpendingGroup
from evolver_tui.engine.replay.player import Player
from evolver_tui.engine.replay.session_state import SessionState
from evolver_tui.engine.signal_log import SessionRecord, StoredSignal


def _refuse() -> NoReturn:
    raise NotWaiting("This is a replay: what happened stands.", "Nothing was changed.")


class ReplayStore:
    """What a replay shows at this moment."""

    def __init__(self, player: Player) -> None:
        self._player = player

    @property
    def _state(self) -> SessionState:
        return self._player.state

    async def open(self) -> None:
        """Nothing is to be opened."""

    async def close(self) -> None:
        """Let go of the log."""
        self._player.recording.file.close()

    # --- the queue

    def _rows(self, places: Iterable[tuple[int, int]], limit: int, search: str) -> list[QueueRow]:
        text = search.casefold()
        rows = (row for _, job in places if (row := self._state.row(job)) is not None)
        found = (row for row in rows if not text or text in row.task_id.casefold() or text in row.task_name.casefold())
        return list(islice(found, limit))

    async def rows_after(self, key: QueueKey | None, limit: int, search: str = "") -> Sequence[QueueRow]:
        """As `QueueReader` has it, like all of these."""
        order = self._state.order
        start = bisect_right(order, (key.rank, key.job)) if key is not None else 0
        return self._rows((order[place] for place in range(start, len(order))), limit, search)

    async def rows_before(self, key: QueueKey | None, limit: int, search: str = "") -> Sequence[QueueRow]:
        """As `QueueReader` has it."""
        order = self._state.order
        end = bisect_left(order, (key.rank, key.job)) if key is not None else len(order)
        return self._rows((order[place] for place in range(end - 1, -1, -1)), limit, search)[::-1]

    async def rank_of(self, key: QueueKey, search: str = "") -> int:
        """As `QueueReader` has it."""
        end = bisect_left(self._state.order, (key.rank, key.job))
        return len(self._rows(self._state.order[:end], end, search)) if search else end

    async def row(self, job: int) -> QueueRow | None:
        """As `QueueReader` has it."""
        return self._state.row(job)

    async def counts(self) -> QueueCounts:
        """As `QueueReader` has it."""
        return self._state.counts

    # --- single jobs

    def _known(self, job: int) -> tuple[RecordedJob, JobStanding] | None:
        standing = self._state.jobs.get(job)
        return (self._state.recorded(job), standing) if standing is not None else None

    async def job(self, job: int) -> JobDetail | None:
        """As `JobReader` has it, like those that follow."""
        known, row = self._known(job), self._state.row(job)
        if known is None or row is None:
            return None
        recorded, standing = known
        is_running, is_paused = standing.state is JobState.RUNNING, standing.state is JobState.PAUSED
        return JobDetail(
            row, recorded.task, recorded.received_at, standing.error, standing.attempt, recorded.routine,
            pause_reason=standing.reason if is_paused else "",
            owner=WorkerIdentity(self._player.recording.host) if is_running else NOBODY,
            bundle=standing.bundle, session_id=self._player.recording.session_id, marks=standing.marks,
        )  # fmt: skip

    async def job_of_task(self, task_id: str) -> int | None:
        """As `JobReader` has it."""
        return self._state.job_of_task(task_id)

    async def journal(self, job: int) -> Mapping[str, Any]:
        """As `JobReader` has it: what was done by the moment that is shown."""
        known = self._known(job)
        return known[0].journal_at(self._state.now) if known is not None else {}

    async def journal_times(self, job: int) -> Mapping[str, float]:
        """As `JobReader` has it."""
        known = self._known(job)
        return known[0].done_at if known is not None else {}

    async def shared_of(self, job: int) -> SharedState:
        """As `JobReader` has it: a log does not keep it."""
        return SharedState()

    async def pauses_of(self, job: int) -> Sequence[Pause]:
        """As `JobReader` has it: who answered what is told by signals."""
        return ()

    async def asked_by(self, job: int) -> Sequence[AskedQuestion]:
        """As `JobReader` has it."""
        known = self._known(job)
        return known[0].questions if known is not None else ()

    async def open_questions(self, limit: int = 200) -> Sequence[OpenQuestion]:
        """As `JobReader` has it."""
        asked = (self._open_question(job) for _, job in self._state.order)
        return list(islice((question for question in asked if question is not None), limit))

    async def question(self, question_id: int) -> OpenQuestion | None:
        """As `JobReader` has it."""
        return next((each for each in await self.open_questions(1 << 31) if each.id == question_id), None)

    async def open_question_of(self, job: int) -> OpenQuestion | None:
        """As `JobReader` has it."""
        return self._open_question(job)

    async def alike(self, question_id: int) -> Sequence[OpenQuestion]:
        """As `JobReader` has it: nothing is answered here."""
        return ()

    async def latest_answer(self, question_id: int) -> Mapping[str, Any] | None:
        """As above."""
        return None

    def _open_question(self, job: int) -> OpenQuestion | None:
        known = self._known(job)
        if known is None or known[1].state is not JobState.PAUSED:
            return None
        recorded, standing = known
        asked = recorded.asked(standing.question)
        if asked is None:
            return None
        task, question = recorded.task, asked.question
        subject = kind_of(question.kind).read_subject(question.subject)
        return OpenQuestion(
            asked.id, job, task.id, task.name, task.type, question, asked.asked_at, standing.reason, subject
        )

    # --- sessions

    async def sessions(self) -> Sequence[SessionRecord]:
        """As `LogReader` has it: the one that is replayed."""
        recording = self._player.recording
        return (SessionRecord(recording.session_id, recording.started_at, None, "", recording.host),)

    async def signals(self, session_id: str, after: int = 0, limit: int = 1000) -> Sequence[StoredSignal]:
        """As `LogReader` has it: what was told so far."""
        count = max(0, min(limit, self._player.position - after))
        found = enumerate(self._player.recording.signals(after, count), start=after + 1)
        return [StoredSignal(number, session_id, signal) for number, signal in found if signal is not None]

    async def signals_before(
        self, session_id: str, seq: int | None = None, limit: int = 1000
    ) -> Sequence[StoredSignal]:
        """As `LogReader` has it: of what was told so far."""
        end = self._player.position if seq is None else min(seq - 1, self._player.position)
        start = max(0, end - limit)
        return await self.signals(session_id, start, end - start)

    async def seq_of(self, session_id: str, signal: Signal) -> int:
        """As `LogReader` has it: of what was told so far."""
        end: int | None = None
        latest = 0
        while page := await self.signals_before(session_id, end):
            for stored in reversed(page):
                if stored.signal == signal:
                    return stored.seq
                if not latest and stored.signal.timestamp <= signal.timestamp:
                    latest = stored.seq
            end = page[0].seq
        return latest

    async def signals_named(self, session_id: str, names: Sequence[str], limit: int = 1000) -> Sequence[StoredSignal]:
        """As `LogReader` has it: of what was told so far."""
        told = await self.signals(session_id, 0, self._player.position)
        return [stored for stored in told if stored.signal.name in names][:limit]

    async def figures(self, session_id: str) -> SessionFigures:
        """As `LogReader` has it: of what was told so far."""
        tally = SessionTally()
        for stored in await self.signals_named(session_id, FIGURE_NAMES, self._player.position):
            tally.hear(stored.signal)
        return tally.figures

    async def jobs_received(self, session_id: str, after: int = 0, limit: int = 1000) -> Sequence[int]:
        """As `LogReader` has it."""
        return sorted(job for job in self._state.jobs if job > after)[:limit]

    # --- what a session asks of its database

    def watch(self, listener: Callable[[bool], None]) -> None:
        """Nobody else changes anything."""

    def watch_broken(self, listener: Callable[[StoreBroken], None]) -> None:
        """It cannot break."""

    def watch_log(self, listener: Callable[[StoreError], None]) -> None:
        """Nothing is logged."""

    def log(self, signals: Sequence[Signal], session_id: str) -> None:
        """Keep nothing: the log is what is replayed."""

    async def flush_log(self) -> None:
        """Nothing waits."""

    @property
    def log_trouble(self) -> str:
        """There is none."""
        return ""

    async def decided_questions(
        self, after: DecidedPlace, limit: int, *, since: float, until: float
    ) -> tuple[Sequence[DecidedQuestion], DecidedPlace]:
        """Statistics are made of a database."""
        return (), after

    async def spending(
        self,
        by: SpendingGroup = "",
        *,
        since: float = 0.0,
        until: float = math.inf,
        session_id: str = "",
        job: int = 0,
        limit: int = 1000,
    ) -> Sequence[tuple[str, Total]]:
        """A log keeps it in its signals alone."""
        return ()

    async def start_session(self, session_id: str, hub_url: Address, host: str) -> None:
        """It began long ago."""

    async def end_session(self, session_id: str) -> None:
        """It ends as it ended."""

    async def delete_session(self, session_id: str) -> int:
        """Refused. Raises NotWaiting."""
        _refuse()

    # --- what a person would do

    async def answer(
        self,
        question_id: int,
        value: Mapping[str, Any],
        by: str,
        session_id: str,
        signals: Sequence[Signal] = (),
        *,
        host: str = "",
    ) -> None:
        """Refused, like all of these. Raises NotWaiting."""
        _refuse()

    async def seen(self, question_id: int) -> None:
        """It was seen when it was."""

    async def answer_all(self, given: Sequence[GivenAnswer], by: str, *, host: str = "") -> None:
        """Refused."""
        _refuse()

    async def retry(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Refused. Raises NotWaiting."""
        _refuse()

    async def failed_jobs(self, holding: str = "") -> Sequence[int]:
        """None that could be retried."""
        return ()

    async def cancel(
        self, job: int, session_id: str, signals: Sequence[Signal] = (), *, by: str = "", host: str = ""
    ) -> None:
        """Refused. Raises NotWaiting."""
        _refuse()

    async def restore(self, job: int, session_id: str, signals: Sequence[Signal] = (), *, by: str = "") -> None:
        """Refused. Raises NotWaiting."""
        _refuse()

    async def latest_decision(self, job: int) -> MadeDecision | None:
        """None that could be taken back."""
        return None

    async def latest_decision_by(self, by: str) -> MadeDecision | None:
        """None that could be taken back."""
        return None

    async def undo(self, decision: int, by: str, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Refused. Raises NotWaiting."""
        _refuse()

    async def take_resent(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Refused. Raises NotWaiting."""
        _refuse()

    async def drop_resent(self, job: int, session_id: str, signals: Sequence[Signal] = ()) -> None:
        """Refused. Raises NotWaiting."""
        _refuse()

    async def pending_withdrawals(self) -> Sequence[PendingWithdrawal]:
        """Nothing is left to do."""
        return ()

    async def settle_withdrawal(self, decision: int) -> None:
        """Refused. Raises NotWaiting."""
        _refuse()

    async def answer_rule(self, number: int) -> AnswerRule | None:
        """None that would answer."""
        return None

    async def answer_rules(self) -> Sequence[AnswerRule]:
        """None that would answer."""
        return ()

    async def answer_rule_records(self) -> Sequence[AnswerRuleRecord]:
        """None that would answer."""
        return ()

    async def rule_decisions(self, giver: str, limit: int = 100) -> Sequence[RuleDecision]:
        """None that could be looked at."""
        return ()

    async def same_answers(self, question_id: int, by: str) -> SameAnswers | None:
        """Nothing is offered."""
        return None

    async def open_asked_by(
        self, routine: str, after: int = 0, limit: int = 1000
    ) -> tuple[Sequence[OpenQuestion], int]:
        """None that could be answered."""
        return (), 0

    async def answer_by_rule(
        self, rule: int, given: GivenAnswer, by: str, change: MarkChange, marked: Sequence[Signal], *, host: str = ""
    ) -> None:
        """Refused. Raises NotWaiting."""
        _refuse()

    async def mark(self, job: int, change: MarkChange, session_id: str, signals: Sequence[Signal] = ()) -> bool:
        """Refused, as all that follow. Raises NotWaiting."""
        _refuse()

    async def export_job(
        self, job: int, by: str, host: str, bundle_id: str, session_id: str, signals: Sequence[Signal] = ()
    ) -> Bundle:
        """Refused. Raises NotWaiting."""
        _refuse()

    async def import_job(self, bundle: Bundle, session_id: str, signals: Sequence[Signal] = ()) -> int:
        """Refused. Raises NotWaiting."""
        _refuse()
