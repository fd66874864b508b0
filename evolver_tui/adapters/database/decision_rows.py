"""What is read of decisions that can be taken back: plain SQL, as in `queries`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from evolver_tui.adapters.database import encoding
from evolver_tui.adapters.database.queries import Ask
from evolver_tui.core.journal import SAVING
from evolver_tui.core.made_decision import ApprovedDraft, DecidedKind, MadeDecision, PendingWithdrawal

_MADE: Final = (
    'SELECT d.id, d.job, j.task_id, d.kind, d."by", d.host, d.session_id, d.at, d.before_json, j.state, j.outcome,'
    " j.node, d.question FROM decision AS d JOIN job AS j ON d.job = j.seq WHERE d.undone_at IS NULL"
)
_ANSWERED: Final = "SELECT name, subject_json, answer_json FROM question WHERE id = ?"
_SAVED: Final = (
    "SELECT value_json FROM journal WHERE job = ? AND (name IN ('save', ?) OR substr(name, 1, 5) = 'save ')"
    " ORDER BY at DESC"
)
_LEFT: Final = (
    "SELECT id, undone_by, before_json FROM decision WHERE kind = ? AND undone_at IS NOT NULL AND before_json LIKE ?"
    " ORDER BY id"
)
LEFT: Final = "left"
"""The key of what is left to do in a library once an approval was taken back."""


def latest_decision(ask: Ask, job: int) -> MadeDecision | None:
    """What was decided last about a job and counts still."""
    return _made(ask, ask.first(f"{_MADE} AND d.job = ? ORDER BY d.id DESC LIMIT 1", (job,)))


def latest_decision_by(ask: Ask, by: str) -> MadeDecision | None:
    """What somebody decided last, about any job, and counts still."""
    latest = f'{_MADE} AND d."by" = ? ORDER BY d.at DESC, d.id DESC LIMIT 1'
    return _made(ask, ask.first(latest, (encoding.plain(by),)))


def pending_withdrawals(ask: Ask) -> Sequence[PendingWithdrawal]:
    """Approvals that were taken back and may lie in a library still, the first one first."""
    found = []
    for decision, by, before_json in ask.rows(_LEFT, (DecidedKind.APPROVE.value, f'%"{LEFT}":%')):
        left = before_of(before_json).get(LEFT)
        if isinstance(left, Mapping):
            try:
                found.append(PendingWithdrawal(decision, by or "", ApprovedDraft.from_json_value(left)))
            except (KeyError, TypeError):
                continue
    return found


def before_of(text: str | None) -> dict[str, Any]:
    """What was kept with a decision; empty where that is nothing that can be read."""
    try:
        value = encoding.from_json(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def approved_draft(ask: Ask, job: int, task_id: str, question: int | None) -> ApprovedDraft | None:
    """The draft that an approval was about, once it is about to be saved somewhere; else None."""
    found = ask.first(_ANSWERED, (question or 0,))
    if found is None:
        return None
    subject, answer = before_of(found[1]), before_of(found[2])
    saved = [before_of(value).get("library") for (value,) in ask.rows(_SAVED, (job, SAVING))]
    draft = subject.get("draft")
    if not saved or not isinstance(draft, Mapping):
        return None
    library = next((str(place) for place in saved if place), str(subject.get("library") or ""))
    texts = draft.get("node_id", ""), answer.get("sha256", ""), answer.get("id", "")
    node_id, sha256, approval = map(str, texts)
    return ApprovedDraft(node_id, sha256, task_id, approval, library)


def _made(ask: Ask, found: Sequence[Any] | None) -> MadeDecision | None:
    if found is None:
        return None
    number, job, task_id, kind, by, host, session_id, at, before_json, state, outcome, node, question = found
    before = before_of(before_json)
    is_approval = kind == DecidedKind.APPROVE.value
    return MadeDecision(
        number, job, task_id, kind, by, host, session_id, at, str(before.get("question", "")),
        str(before.get("reason", "")), state, outcome or "", node,
        approved_draft(ask, job, task_id, question) if is_approval else None,
    )  # fmt: skip
