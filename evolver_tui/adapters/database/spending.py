"""What generations took."""

from __future__ import annotations

import hashlib
from typing import Final

from evolver_tui.adapters.database import encoding
from evolver_tui.adapters.database.transaction import Transaction
from evolver_tui.core.spending import Spent

_RECORD: Final = (
    "INSERT INTO spending (id, job, session_id, at, model, prompt_tokens, completion_tokens, is_estimated, cost,"
    " currency) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"
)


def record(transaction: Transaction, job: int, fence: int, nth: int, session_id: str, model: str, spent: Spent) -> None:
    """Keep one generation of a claim. Whoever does not know whether that was committed does it again."""
    transaction.execute(
        _RECORD,
        (
            _number_of(session_id, job, fence, nth),
            job,
            encoding.plain(session_id),
            transaction.now,
            encoding.plain(model),
            spent.prompt_tokens,
            spent.completion_tokens,
            spent.is_estimated,
            spent.cost,
            encoding.plain(spent.currency),
        ),
    )


def _number_of(session_id: str, job: int, fence: int, nth: int) -> int:
    """The same for the same generation, and for no other: 62 bits."""
    named = f"{session_id} {job} {fence} {nth}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(named).digest()[:8]) >> 2
