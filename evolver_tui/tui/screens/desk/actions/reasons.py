"""What several actions of the desk need before they can be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from evolver_tui.tui.actions import always_possible

if TYPE_CHECKING:
    from evolver_tui.tui.screens.desk.context import DeskContext

Reason = Callable[["DeskContext"], str]


def in_session(reason: Reason = always_possible) -> Reason:
    """The reason of an action that needs an open session, and then has one of its own."""
    return lambda desk: desk.reason_against_use(writes=False) or reason(desk)


def in_database(reason: Reason = always_possible) -> Reason:
    """The same, of an action that writes to the database as well, or reads what may change there."""
    return lambda desk: desk.reason_against_use() or reason(desk)
