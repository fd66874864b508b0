"""The text of an answer, put together from numbered pieces that come twice, late or not at all; bounded."""

from __future__ import annotations

from typing import Final

MOST_HELD: Final = 1_000
"""Pieces that wait for one before them; with more than these, what is missing is given up."""
GAP: Final = "[…]"
"""Stands where something is missing, and at the front where the beginning is."""


class AnswerText:
    """What was said so far, in order. Costs a fraction of a microsecond for a piece that comes in its turn.

    Whoever begins to listen in mid-answer hears a later piece first: the text begins there.
    """

    __slots__ = ("_cut", "_held", "_held_size", "_most", "_next", "_parts", "_size", "_start")

    def __init__(self, most: int) -> None:
        """Args:
        most: characters that are kept, of the end.
        """
        self._most = most
        self._parts: list[str] = []
        self._start = self._next = -1
        """The numbers of the first piece in `_parts`, and of the one after the last."""
        self._size = self._cut = 0
        self._held: dict[int, str] = {}
        """Pieces that are not next to those."""
        self._held_size = 0

    def add(self, number: int, piece: str) -> bool:
        """Take a piece; False for one that came before."""
        if number == self._next:
            self._append(piece)
            self._close_ranks()
        elif self._start < 0:
            self._start = self._next = number
            self._append(piece)
        elif self._start <= number < self._next or number in self._held:
            return False
        elif number == self._start - 1:
            self._prepend(piece)
            self._close_ranks()
        else:
            self._held[number] = piece
            self._held_size += len(piece)
            while len(self._held) > MOST_HELD or self._held_size > self._most:
                self._give_up()
        return True

    @property
    def length(self) -> int:
        """Characters that were said in a row so far, kept or not."""
        return self._cut + self._size

    @property
    def kept(self) -> int:
        """Characters that are kept."""
        return self._size + self._held_size

    @property
    def cut(self) -> int:
        """Characters of the beginning that are not kept any more."""
        return self._cut

    def read(self) -> str:
        """The text so far; `cut` characters are missing at its front."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        text = self._parts[0] if self._parts else ""
        if self._start > 0 and not self._cut:
            text = GAP + text
        if not self._held:
            return text
        before = "".join(self._held[number] for number in sorted(self._held) if number < self._start)
        after = "".join(self._held[number] for number in sorted(self._held) if number > self._start)
        return f"{before}{text}{GAP if after else ''}{after}"

    @property
    def marks_front(self) -> int:
        """Characters of `read` in front of the first piece in a row."""
        gap = len(GAP) if self._start > 0 and not self._cut else 0
        return gap + sum(len(piece) for number, piece in self._held.items() if number < self._start)

    def _append(self, piece: str) -> None:
        self._next += 1
        self._parts.append(piece)
        self._size += len(piece)
        if self._size > self._most + self._most // 8:
            self._shorten()

    def _prepend(self, piece: str) -> None:
        self._start -= 1
        if self._cut:
            self._cut += len(piece)
            return
        self._parts.insert(0, piece)
        self._size += len(piece)

    def _close_ranks(self) -> None:
        while self._held and self._next in self._held:
            self._append(self._take(self._next))
        while self._held and self._start - 1 in self._held:
            self._prepend(self._take(self._start - 1))

    def _take(self, number: int) -> str:
        piece = self._held.pop(number)
        self._held_size -= len(piece)
        return piece

    def _give_up(self) -> None:
        """Go on without what is missing before the next piece that is here."""
        later = [number for number in self._held if number >= self._next]
        if not later:
            self._take(min(self._held))
            return
        self._next = min(later)
        self._parts.append(GAP)
        self._size += len(GAP)
        self._close_ranks()

    def _shorten(self) -> None:
        text = "".join(self._parts)
        dropped = len(text) - self._most
        self._parts = [text[dropped:]]
        self._cut += dropped
        self._size -= dropped
