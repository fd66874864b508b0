"""The beginning and the end of a session, and its deletion."""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete, insert, select, update

from evolver_tui.adapters.database import encoding
from evolver_tui.adapters.database.models import sessions
from evolver_tui.adapters.database.transaction import Transaction
from evolver_tui.core.address import Address
from evolver_tui.core.errors import StoreError


def start_session(transaction: Transaction, session_id: str, hub_url: Address, host: str) -> None:
    """Write that a session began. Raises StoreError for an id that was used before."""
    known = select(sessions.c.id).where(sessions.c.id == session_id)
    if transaction.connection.execute(known).first() is not None:
        raise StoreError(f"There is a session {session_id} already.", "Start again.")
    transaction.connection.execute(
        insert(sessions).values(
            id=session_id, started_at=transaction.now, hub_url=encoding.plain(str(hub_url)), host=encoding.plain(host)
        )
    )


def end_session(transaction: Transaction, session_id: str) -> None:
    """Write that a session ended in order."""
    transaction.connection.execute(update(sessions).where(sessions.c.id == session_id).values(ended_at=transaction.now))


PIECE: Final = 2_000
"""Signals that are deleted in one transaction, which holds the lock for some 20 milliseconds."""
_DELETE_PIECE: Final = (
    "DELETE FROM signal WHERE seq IN (SELECT seq FROM signal WHERE session_id = ? ORDER BY seq LIMIT ?)"
)


def delete_piece(transaction: Transaction, session_id: str) -> int:
    """Delete the oldest signals of a session, as many as make a piece; with the last of them the session itself."""
    deleted = int(transaction.execute(_DELETE_PIECE, (session_id, PIECE)).rowcount)
    if deleted < PIECE:
        transaction.connection.execute(delete(sessions).where(sessions.c.id == session_id))
    return deleted
