"""The beginning and the end of a session."""

from __future__ import annotations

from sqlalchemy import insert, select, update

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
