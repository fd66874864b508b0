"""Names in a job's journal that are the runtime's own."""

from __future__ import annotations

from typing import Final

VALUE: Final = "kept "
"""Before the journal's names of values that may be replaced: no steps."""

BEGAN: Final = "(began) "
"""Before the journal's name of a step that is not to be repeated, from its beginning on."""

UNSURE: Final = "(unsure) "
"""Before the names of questions about such steps, where no result of one that began is known."""

RESULT: Final = "(result)"
"""The journal's name of what a routine returned."""


def is_own_name(name: str) -> bool:
    """Whether an entry of the journal is the runtime's own: neither a step nor a question of the routine."""
    return name == RESULT or name.startswith((VALUE, BEGAN, UNSURE))
