"""What a screen says, read as a person reads it: from its text alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

_TITLE = re.compile(r"╭─ ([^╭╮]+?) ─+╮")
_DRAFT = re.compile(r"(\w+)  v\d+")
_ATTEMPT = re.compile(r"╰─.* draft (\d+)\b.*╯")
_ASKS = re.compile(r"(\S+) asks")
_DIALOG = re.compile(r".+\?|\S+ asks · .+")
_LINES = re.compile(r"(\d+)-(\d+) of (\d+) lines")
_NEEDS_YOU = re.compile(r"needs you (\d+)")
_SAME_AS = re.compile(r"(?:\d+ % same as|does the same as) (\w+)")
_RISK = re.compile(r"risk (low|medium|high)")
_UNLIKE = re.compile(r"≠ (\d+) lines? ")
_MARKED = re.compile(r"│ [≠!] +(\d+)  ")
_ALIKE = re.compile(r"(\d+) other questions? asks? the same(\.| and gets? this answer)")


@dataclass(frozen=True, slots=True)
class Sight:
    """What stands on the screen."""

    dialog: str = ""
    """The title of the dialog in front; empty for none."""
    node: str = ""
    """The node whose draft is on the card; empty for none."""
    attempt: int = 1
    asks: str = ""
    """The task whose question is on the card; empty for none."""
    lines: tuple[int, int, int] = (0, 0, 0)
    """The first and the last line of the draft in sight, and how many there are."""
    risk: str = ""
    unlike: int = 0
    """How many lines are unlike what was approved before."""
    marked: frozenset[int] = frozenset()
    """The lines in sight that are marked."""
    can_decide: bool = False
    """Whether the card takes decisions, by the key line."""
    can_answer: bool = False
    """Whether the card opens its question, by the key line."""
    is_at_queue: bool = False
    """Whether keys go to the queue, so that nothing comes onto the card by itself."""
    needs_you: int = 0
    same_as: str = ""
    """The node that the card says the draft is nearly the same as; empty where it says nothing of it."""
    alike: int = 0
    """How many other questions the dialog says ask the same."""
    are_answered_too: bool = False
    """Whether those get the answer as well."""
    notice: str = ""
    """What the console says of the latest key."""
    is_new: bool = False
    """Whether keys decide only after a while, since nobody asked for this draft."""

    @property
    def is_read(self) -> bool:
        """Whether the end of the draft is in sight."""
        return self.lines[1] == self.lines[2]

    def is_like(self, other: Sight) -> bool:
        """Whether nothing else changed than what comes and goes by itself."""
        return replace(self, needs_you=0, notice="") == replace(other, needs_you=0, notice="")


def read(screen: str) -> Sight:
    """What this screen says."""
    rows = screen.split("\n")
    titles = [match[1] for row in rows for match in _TITLE.finditer(row)]
    dialog = next((title for title in titles if _DIALOG.fullmatch(title)), "")
    drafts = [match for title in titles if (match := _DRAFT.match(title)) is not None and title != dialog]
    asking = [match for title in titles if (match := _ASKS.fullmatch(title)) is not None]
    attempt, lines = _ATTEMPT.search(screen), _LINES.search(screen)
    needs_you = _NEEDS_YOU.search(screen)
    same_as, alike = _SAME_AS.search(screen), _ALIKE.search(screen)
    risk, unlike = _RISK.search(screen), _UNLIKE.search(screen)
    footer = _footer(rows)
    return Sight(
        dialog=dialog,
        node=drafts[0][1] if drafts else "",
        attempt=int(attempt[1]) if attempt else 1,
        asks=asking[0][1] if asking else "",
        lines=(int(lines[1]), int(lines[2]), int(lines[3])) if lines else (0, 0, 0),
        risk=risk[1] if risk else "",
        unlike=int(unlike[1]) if unlike else 0,
        marked=frozenset(int(match[1]) for match in _MARKED.finditer(screen)),
        can_decide="a approve" in footer,
        can_answer="enter answer" in footer,
        is_at_queue="enter read" in footer,
        needs_you=int(needs_you[1]) if needs_you else 0,
        same_as=same_as[1] if same_as else "",
        alike=int(alike[1]) if alike else 0,
        are_answered_too=alike is not None and alike[2] != ".",
        notice=rows[-2].strip() if len(rows) > 1 and rows[-2].startswith(" ") else "",
        is_new="another draft than" in screen or "keys after 3 s" in screen,
    )


def _footer(rows: Sequence[str]) -> str:
    return next((row for row in reversed(rows) if row.strip()), "")
