"""What somebody probably meant: the nearest known name to an unknown one."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 80
"""Characters of the unknown name that are compared; the comparison's time grows with their square."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like `name` in letters, whatever their case; None when none is near."""
    from difflib import get_close_matches

    by_letters: dict[str, str] = {}
    for candidate in known:
        by_letters.setdefault(candidate.casefold(), candidate)
    found = get_close_matches(name[:_LONGEST].casefold(), by_letters, n=1, cutoff=0.6)
    return by_letters[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], kind: str) -> str:
    """A way out for an unknown name, in one sentence.

    Args:
        name: what was given.
        known: what would have been understood.
        kind: what the names are called, in the plural: "keys", "actions".

    Returns:
        The nearest name as a question, or the whole list when none is near.
    """
    candidates = list(known)
    match = nearest(name, candidates)
    if match is not None:
        return f"Did you mean {match!r}?"
    return f"Known {kind}: {', '.join(candidates)}." if candidates else f"There are no {kind} here."
