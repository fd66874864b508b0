"""Sessions and their log."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select, update

from evolver_tui.adapters.database import encoding
from evolver_tui.adapters.database.models import sessions, signals
from evolver_tui.adapters.database.transaction import Transaction
from evolver_tui.core.address import Address
from evolver_tui.core.errors import StoreError
from evolver_tui.core.signal import Signal
from evolver_tui.engine.signal_log import SessionRecord, StoredSignal


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


def all_sessions(connection: Connection) -> Sequence[SessionRecord]:
    """Every session, oldest first."""
    columns = (sessions.c.id, sessions.c.started_at, sessions.c.ended_at, sessions.c.hub_url, sessions.c.host)
    rows = connection.execute(select(*columns).order_by(sessions.c.started_at, sessions.c.id))
    return [SessionRecord(*row) for row in rows]


def signals_after(connection: Connection, session_id: str, after: int, limit: int) -> Sequence[StoredSignal]:
    """A session's signals that follow one, in the order in which they were committed."""
    rows = connection.execute(
        select(signals.c.seq, signals.c.name, signals.c.payload_json, signals.c.context_json)
        .where(signals.c.session_id == session_id, signals.c.seq > after)
        .order_by(signals.c.seq)
        .limit(limit)
    )
    return [
        StoredSignal(seq, session_id, Signal(name, encoding.from_json(payload), encoding.from_json(context)))
        for seq, name, payload, context in rows
    ]
