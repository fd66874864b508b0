"""Which keys decide: those pressed alone. A key that is part of something else, a word or a paste, is no decision.

No part of this knows Textual, and time is an argument. Every key that reaches the console is told here before it does
anything. A key that decides is held back for a moment after it, and dropped when another key follows.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final, NamedTuple

SECONDS_ALONE: Final = 0.35
"""How long no other key may come before and after one that decides. Slow typists take up to 0.3 s a key."""

SECONDS_AFTER_A_MOVE: Final = 0.2
"""The same after an arrow, tab, enter or any other key that is no part of a word."""

SECONDS_AFTER_A_WORD: Final = 1.0
"""How long it has to be quiet after keys that were typed in one go, or a key that means nothing."""

SECONDS_TO_CONFIRM: Final = 0.5
"""How long no other key may come after one that confirms the most harmful actions."""

SECONDS_TO_ANSWER: Final = 0.1
"""How long no other key may come after the enter that sends a dialog: pasted lines come faster."""

SECONDS_HELD: Final = 0.8
"""How long a key has to be let go before it decides again: terminals begin to repeat one after up to 0.7 s."""

NOT_ALONE: Final = "Nothing was decided: a decision is one key pressed alone, not one among others."


class Role(Enum):
    """What a key does where it is pressed."""

    MOVES = auto()
    """Goes about or opens something; nothing is changed by it."""
    DECIDES = auto()
    """Changes something that cannot be unseen: it counts only alone."""
    ANSWERS = auto()
    """Ends a dialog with what stands in it."""
    TYPES = auto()
    """Goes into a line of text."""
    NOTHING = auto()
    """Means nothing here."""


class _Held(NamedTuple):
    """An action that waits for its key to have been alone."""

    key: str
    seconds: float
    action: Callable[[], None]


class DecisionKeys:
    """Sees every key, and says whether it may do what it means.

    Keys that follow each other too quickly make one burst, which belongs to the place where it began. A burst is taken
    for a word once a key in it means nothing, or one that decides was not alone.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        """Args:
        now: seconds that only count up.
        """
        self._now = now
        self._key = ""
        self._at = -SECONDS_AFTER_A_WORD
        self._quiet = 0.0
        """How long it has to be quiet after the latest key for the next one to begin another burst."""
        self._place: object = None
        self._is_word = False
        self._is_typed = False
        """Whether the burst has a key that could be part of a text."""
        self._held: _Held | None = None
        self._decided = ("", -SECONDS_HELD)
        """The key that decided last, and when it was last down."""

    def press(self, key: str, role: Role, place: object, *, is_typed: bool) -> str:
        """Take notice of a key; returns why it must not do what it means, or nothing where it may.

        Args:
            place: where it was pressed; a burst stays where it began.
            is_typed: whether it could be part of a text: a printable character, enter, tab.
        """
        now = self._now()
        gap = now - self._at
        # Whoever goes about after a word is not typing it any more.
        goes_on = gap < (min(self._quiet, SECONDS_ALONE) if role is Role.MOVES else self._quiet)
        if not goes_on:
            self._place, self._is_word, self._is_typed = place, False, False
        is_again = goes_on and key == self._key and not self._is_word
        has_dropped = self._held is not None and self._held.key != key
        if has_dropped:
            self._held = None
        match role:
            case Role.DECIDES:
                is_refused = (goes_on and not is_again) or self._is_held_down(key, now)
            case Role.ANSWERS:
                is_refused = goes_on and (self._is_word or self._place is not place)
            case _:
                is_refused = role is not Role.TYPES and is_typed and self._is_word and gap < SECONDS_ALONE
        is_part = has_dropped or (is_refused and role is Role.DECIDES)
        self._is_word |= role is Role.NOTHING or (is_part and is_typed and self._is_typed)
        self._quiet = max(self._quiet if self._is_word and goes_on else 0.0, self._quiet_after(key, is_typed))
        self._key, self._at = key, now
        self._is_typed |= is_typed
        return NOT_ALONE if is_refused or (has_dropped and role is not Role.TYPES) else ""

    def _is_held_down(self, key: str, now: float) -> bool:
        """Whether this key decided a moment ago and was not let go since."""
        before, at = self._decided
        if key != before:
            return False
        self._decided = (key, now)
        return now - at < SECONDS_HELD

    def _quiet_after(self, key: str, is_typed: bool) -> float:
        if self._is_word:
            return SECONDS_AFTER_A_WORD
        return SECONDS_ALONE if is_typed and key not in ("enter", "tab") else SECONDS_AFTER_A_MOVE

    def paste(self, place: object) -> None:
        """Take notice of a text that was pasted where none can be written: whatever follows at once belongs to it."""
        self._held = None
        self._key, self._at, self._quiet = "", self._now(), SECONDS_AFTER_A_WORD
        self._place, self._is_word = place, True

    def hold(self, key: str, seconds: float, action: Callable[[], None]) -> bool:
        """Hold an action back until its key, the latest one, was alone for some seconds; False where it was not."""
        if key != self._key or self._is_word:
            return False
        self._held = _Held(key, seconds, action)
        return True

    @property
    def is_holding(self) -> bool:
        """Whether an action is held back."""
        return self._held is not None

    def take_due(self) -> Callable[[], None] | None:
        """The action whose key was alone for long enough, once."""
        held = self._held
        if held is None or self._now() - self._at < held.seconds:
            return None
        self._held = None
        self._decided = (held.key, self._now())
        return held.action

    def goes_on_from(self, place: object) -> bool:
        """Whether the keys that came a moment ago, whatever took them, are one burst that began at this place."""
        return self._place is place and self._now() - self._at < SECONDS_AFTER_A_WORD
