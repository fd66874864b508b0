"""Decisions as rows: written in the transaction of what they decide, and taken back in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from evolver_tui.adapters.database import decision_rows, encoding
from evolver_tui.adapters.database.decision_rows import LEFT
from evolver_tui.adapters.database.dialect import asking
from evolver_tui.adapters.database.restore import Ended, back_at, back_from_cancelled, question_of, reopen
from evolver_tui.adapters.database.transaction import Transaction, standing
from evolver_tui.core.errors import NotWaiting
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.made_decision import DecidedKind
from evolver_tui.core.signal import Signal
from evolver_tui.core.times import utc_text

_UNCHANGED: Final = "Nothing was changed."
_APPROVING: Final = (DecidedKind.APPROVE.value, DecidedKind.REUSE.value)
"""After which a job ends with a node."""
_ENDINGS: Final = (DecidedKind.REJECT, DecidedKind.SEND_BACK, DecidedKind.DECLINE, DecidedKind.ANSWER)
_INSERT: Final = (
    'INSERT INTO decision (job, question, kind, "by", host, session_id, at, before_json)'
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_READ: Final = (
    "SELECT j.task_id, d.question, d.kind, d.before_json, d.undone_at, d.undone_by FROM decision AS d"
    " JOIN job AS j ON d.job = j.seq WHERE d.id = ?"
)
_LATEST: Final = "SELECT id FROM decision WHERE job = ? AND undone_at IS NULL ORDER BY id DESC LIMIT 1"
_CANNOT_BE_FORGOTTEN: Final = (
    "SELECT name FROM journal WHERE job = ? AND (fence > ? OR (fence = ? AND at > ?))"
    " AND (substr(name, 1, 5) = 'kept ' OR substr(name, 1, 8) = '(began) ') ORDER BY fence, at LIMIT 1"
)
_WRITTEN: Final = "SELECT fence, at FROM journal WHERE job = ? AND name = ?"


def record(
    transaction: Transaction,
    job: int,
    kind: DecidedKind,
    by: str,
    host: str,
    session_id: str,
    question: int | None = None,
    before: Mapping[str, Any] | None = None,
) -> None:
    """Write that something was decided, with what has to be known to take it back."""
    before_json = encoding.to_json(before, "What was before") if before else ""
    values = (encoding.plain(by), encoding.plain(host), encoding.plain(session_id), transaction.now, before_json)
    transaction.execute(_INSERT, (job, question, kind.value, *values))


def undo(transaction: Transaction, decision: int, by: str, session_id: str, signals: Sequence[Signal]) -> None:
    """Take back the decision that was made last about its job, which is then where it was before it.

    The fence grows, so that whoever works on the job is refused. What an approval may have put into a library is left
    to do, and stands with the decision until it is done.

    Raises:
        NotWaiting: it was taken back, something was decided since, it was moved away, or what was done with it cannot
            be forgotten. Nothing was changed.
    """
    found = transaction.rows("SELECT job FROM decision WHERE id = ?", (decision,))
    if not found:
        raise NotWaiting(f"There is no decision {decision}.", _UNCHANGED)
    ((job,),) = found
    ended = Ended.of(transaction, job)
    ((task_id, question, kind, before_json, undone_at, undone_by),) = transaction.rows(_READ, (decision,))
    if undone_at is not None:
        raise NotWaiting(f"{undone_by} took that back at {utc_text(undone_at, 'seconds')}.", _UNCHANGED)
    if transaction.rows(_LATEST, (job,)) != [(decision,)]:
        raise NotWaiting(f"Something was decided about job {job} since.", "Take that back first.")
    if ended.state == JobState.EXPORTED.value:
        raise NotWaiting(f"Job {job} was moved away since.", "Take it back where the job is now.")
    before = decision_rows.before_of(before_json)
    if kind == DecidedKind.CANCEL.value:
        target = back_from_cancelled(transaction, job, ended)
        left = None
    else:
        ask = asking(transaction.connection, transaction.dialect)
        is_approval = kind == DecidedKind.APPROVE.value
        left = decision_rows.approved_draft(ask, job, task_id, question) if is_approval else None
        target = _back_at_its_question(transaction, job, ended, question, kind, before)
    transaction.update("job", target, "seq = ?", (job,))
    transaction.moved((ended.state, ended.outcome or ""), standing(target["state"]))
    kept = {**before, LEFT: left.to_json_value()} if left is not None else before
    mark_undone(transaction, decision, by, kept)
    transaction.log(session_id, signals)


def _back_at_its_question(
    transaction: Transaction, job: int, ended: Ended, question: int | None, kind: str, before: Mapping[str, Any]
) -> dict[str, Any]:
    asked = None if question is None else question_of(transaction, job, question)
    if asked is None:
        why = "the job was moved, or began anew with another content"
        raise NotWaiting(f"What was answered about job {job} is not here any more: {why}.", _UNCHANGED)
    if ended.outcome == Outcome.APPROVED.value and kind not in _APPROVING:
        node = ended.node.partition(" ")[0]
        raise NotWaiting(
            f"{ended.node} was saved since, by a rule.", f"Remove it first: evolver-tui nodes remove {node}."
        )
    if ended.outcome != Outcome.REJECTED.value:
        _check_forgettable(transaction, job, asked.name)
    reopened = reopen(transaction, job, asked)
    target = back_at(transaction, ended, reopened.question, str(before.get("reason", "")))
    if "shared" in before:
        target["shared_json"] = str(before["shared"])
    if reopened.was_taken_up:
        target["deferred_json"] = ""
    return target


def _check_forgettable(transaction: Transaction, job: int, name: str) -> None:
    """Raises NotWaiting where something was done with an answer of which there is no way back."""
    for fence, at in transaction.rows(_WRITTEN, (job, name)):
        for (done,) in transaction.rows(_CANNOT_BE_FORGOTTEN, (job, fence, fence, at)):
            step = done.partition(" ")[2]
            words = "replaced what it had kept as" if done.startswith("kept ") else "began the unrepeatable step"
            raise NotWaiting(
                f"Job {job} went on with that: it {words} {step[:100]!a}.", "What was done cannot be taken back."
            )


def mark_undone(transaction: Transaction, decision: int, by: str, before: Mapping[str, Any]) -> None:
    """Write that a decision counts no longer."""
    before_json = encoding.to_json(before, "What was before") if before else ""
    undone = {"undone_at": transaction.now, "undone_by": encoding.plain(by), "before_json": before_json}
    transaction.update("decision", undone, "id = ?", (decision,))


def settle_withdrawal(transaction: Transaction, decision: int) -> None:
    """Write that nothing of an approval that was taken back is left in a library."""
    for (before_json,) in transaction.rows("SELECT before_json FROM decision WHERE id = ?", (decision,)):
        before = decision_rows.before_of(before_json)
        before.pop(LEFT, None)
        rest = encoding.to_json(before, "What was before") if before else ""
        transaction.update("decision", {"before_json": rest}, "id = ?", (decision,))


def _restored(transaction: Transaction, job: int, by: str, kinds: Sequence[DecidedKind]) -> None:
    """A job was restored: the decision that ended it, if it is one of these, counts no longer."""
    latest = f"SELECT id, kind, before_json FROM decision WHERE id = ({_LATEST})"
    for decision, kind, before_json in transaction.rows(latest, (job,)):
        if kind in kinds:
            mark_undone(transaction, decision, by, decision_rows.before_of(before_json))


def restore(transaction: Transaction, job: int, by: str, session_id: str, signals: Sequence[Signal]) -> None:
    """Put a rejected or cancelled job back: to the question or review at which it ended, else into the queue.

    What was journaled after the decision that ended it goes with that decision, which counts no longer.

    Raises:
        NotWaiting: it is neither rejected nor cancelled, nobody's answer rejected it, or there is none.
    """
    ended = Ended.of(transaction, job)
    before = (ended.state, ended.outcome or "")
    if before == standing(JobState.CANCELLED):
        target = back_from_cancelled(transaction, job, ended)
        _restored(transaction, job, by, (DecidedKind.CANCEL,))
    elif before == standing(JobState.COMPLETED, Outcome.REJECTED):
        asked = question_of(transaction, job)
        if asked is None:
            raise NotWaiting(f"Job {job} was rejected by its routine, not by a person.", _UNCHANGED)
        target = back_at(transaction, ended, reopen(transaction, job, asked).question)
        _restored(transaction, job, by, _ENDINGS)
    else:
        raise NotWaiting(
            f"Job {job} is neither rejected nor cancelled: it is {ended.outcome or ended.state}.", _UNCHANGED
        )
    transaction.update("job", target, "seq = ?", (job,))
    transaction.moved(before, standing(target["state"]))
    transaction.log(session_id, signals)
