"""Remembered answers as rows: made, revoked, and given within the transaction that makes sure of all they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from evolver_tui.adapters.database import answers, encoding, marks
from evolver_tui.adapters.database.answer_rule_queries import REMEMBERED
from evolver_tui.adapters.database.decision_rows import before_of
from evolver_tui.adapters.database.transaction import Transaction
from evolver_tui.core.answer_rule import MOST_ON_ONE_JOB
from evolver_tui.core.errors import NotWaiting, QuestionError
from evolver_tui.core.job import QuestionKind
from evolver_tui.core.job_marks import MarkChange
from evolver_tui.core.signal import Signal
from evolver_tui.core.times import utc_text

_UNCHANGED: Final = "Nothing was changed."
_INSERT: Final = (
    'INSERT INTO answer_rule (scope_json, answer_json, "by", at, expires_at) VALUES (?, ?, ?, ?, ?) RETURNING id'
)


def make(
    transaction: Transaction,
    scope_json: str,
    answer_json: str,
    by: str,
    seconds: float | None,
    session_id: str,
    signals_of: Callable[[int, float | None], Sequence[Signal]],
) -> int:
    """Have an answer remembered; returns the rule's number.

    Args:
        seconds: for how long; None for until it is revoked.
    """
    expires_at = None if seconds is None else transaction.now + seconds
    values = (scope_json, answer_json, encoding.plain(by), transaction.now, expires_at)
    ((number,),) = transaction.rows(_INSERT, values)
    transaction.log(session_id, signals_of(number, expires_at))
    return int(number)


def revoke(transaction: Transaction, rule: int, by: str, session_id: str, signals: Sequence[Signal]) -> None:
    """Let it answer nothing more. Raises NotWaiting where it was revoked, or there is none."""
    revoked = {"revoked_at": transaction.now, "revoked_by": encoding.plain(by)}
    if not transaction.update("answer_rule", revoked, "id = ? AND revoked_at IS NULL", (rule,)):
        raise _refusal(transaction, rule)
    transaction.log(session_id, signals)


def give(
    transaction: Transaction, rule: int, given: answers.EncodedAnswer, by: str, change: MarkChange,
    marked: Sequence[Signal], host: str,
) -> None:  # fmt: skip
    """Answer a question by a rule, and say so on its job.

    Raises:
        NotWaiting: the rule is revoked or too old; the question is no form, or a person took an answer to it back; or
            its job waits for nothing.
        AlreadyAnswered: somebody was faster.
        QuestionError: the rule answered too many questions of this job.
    """
    if not transaction.rows(
        "SELECT 1 FROM answer_rule WHERE id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)",
        (rule, transaction.now),
    ):
        raise _refusal(transaction, rule)
    asked = transaction.rows("SELECT job, name, kind FROM question WHERE id = ?", (given.question_id,))
    if not asked or asked[0][2] != QuestionKind.QUESTION.value:
        raise NotWaiting(f"Question {given.question_id} is none that a rule answers.", _UNCHANGED)
    ((job, name, _),) = asked
    before = transaction.rows("SELECT before_json, undone_at FROM decision WHERE job = ?", (job,))
    if any(undone_at is not None and before_of(text).get("question") == name for text, undone_at in before):
        raise NotWaiting(f"An answer to {name!a} of job {job} was taken back.", "A person answers it.")
    if sum(before_of(text).get(REMEMBERED) == rule for text, _ in before) >= MOST_ON_ONE_JOB:
        raise QuestionError(f"It answered {MOST_ON_ONE_JOB} questions of job {job}.", "A person answers the next one.")
    answers.answer(
        transaction, given.question_id, given.value_json, by, given.session_id, given.signals, host, rule=rule
    )
    marks.mark(transaction, job, change, given.session_id, marked)


def _refusal(transaction: Transaction, rule: int) -> NotWaiting:
    found = transaction.rows("SELECT revoked_at, revoked_by FROM answer_rule WHERE id = ?", (rule,))
    if not found:
        return NotWaiting(f"There is no remembered answer {rule}.", "See `evolver-tui jobs remembered`.")
    ((at, by),) = found
    if at is None:
        return NotWaiting(f"Remembered answer {rule} is expired.", _UNCHANGED)
    return NotWaiting(f"{by} revoked remembered answer {rule} at {utc_text(at, 'seconds')}.", _UNCHANGED)
