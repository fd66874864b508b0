"""What was learned of decisions."""

from __future__ import annotations

from typing import Final

from evolver_tui.adapters.database.transaction import Transaction

_KEEP: Final = (
    "INSERT INTO learned (name, value_json, at) VALUES (?, ?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value_json = excluded.value_json, at = excluded.at"
)


def keep(transaction: Transaction, name: str, value_json: str) -> None:
    """Keep it in the place of what was there under this name."""
    transaction.execute(_KEEP, (name, value_json, transaction.now))
