"""Training sessions that are served, and their history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evolver_tui.adapters.database.queries import Ask
from evolver_tui.adapters.database.transaction import Transaction
from evolver_tui.engine.training_store import KeptMoment, KeptTraining

_SESSIONS: Final = "SELECT id, state_json, next_line, updated_at, ended_at FROM training_session ORDER BY updated_at"
_MOMENTS: Final = "SELECT number, model, step, metrics_json FROM training_point WHERE session = ? ORDER BY number"
_KEEP: Final = (
    "INSERT INTO training_session (id, state_json, next_line, updated_at, ended_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET state_json = excluded.state_json, next_line = excluded.next_line,"
    " updated_at = excluded.updated_at, ended_at = excluded.ended_at"
)
_ADD: Final = (
    "INSERT INTO training_point (session, number, model, step, metrics_json) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (session, number) DO NOTHING"
)
_AT_ONCE: Final = 100
_REMOVE: Final = f"DELETE FROM training_point WHERE session = ? AND number IN ({', '.join('?' * _AT_ONCE)})"
_FORGET_POINTS: Final = "DELETE FROM training_point WHERE session = ?"
_FORGET: Final = "DELETE FROM training_session WHERE id = ?"


def sessions(ask: Ask) -> Sequence[KeptTraining]:
    """Every session."""
    return [KeptTraining(*row) for row in ask.rows(_SESSIONS, ())]


def moments(ask: Ask, session_id: str) -> Sequence[KeptMoment]:
    """The history of one."""
    return [KeptMoment(*row) for row in ask.rows(_MOMENTS, (session_id,))]


def keep(transaction: Transaction, session: KeptTraining, added: Sequence[KeptMoment], removed: Sequence[int]) -> None:
    """Keep a session, with what came to its history and without what left it."""
    transaction.execute(_KEEP, tuple(session))
    transaction.execute_many(_ADD, [(session.session_id, *moment) for moment in added])
    for first in range(0, len(removed), _AT_ONCE):
        numbers = [*removed[first : first + _AT_ONCE]]
        numbers += numbers[-1:] * (_AT_ONCE - len(numbers))
        transaction.execute(_REMOVE, (session.session_id, *numbers))


def forget(transaction: Transaction, session_ids: Sequence[str]) -> None:
    """Forget sessions and their history."""
    for session_id in session_ids:
        transaction.execute(_FORGET_POINTS, (session_id,))
        transaction.execute(_FORGET, (session_id,))
