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


SAID: Final = "(said) "
"""Before the journal's name of a step: what was said within it to whoever asked for the job."""

ANSWER: Final = "(answer)"
"""The journal's name of how far whoever asked for the job was told."""

SAVING: Final = "(saving)"
"""The journal's name of the library in which a draft is about to be saved."""

ASIDE: Final = (VALUE, BEGAN, SAID, ANSWER, SAVING)
"""How entries begin that tell where a job is on its way, and are neither steps nor answers nor results."""


def is_own_name(name: str) -> bool:
    """Whether an entry of the journal is the runtime's own: neither a step nor a question of the routine."""
    return name == RESULT or name.startswith((*ASIDE, UNSURE))
