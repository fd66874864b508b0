"""Signals of the dialogue between agent and person."""

from typing import Final, TypedDict

from evolver_tui.core.signal import SignalType


class PersonConfused(TypedDict):
    """How sure that is, from 0 to 1, where somebody measured it, and by what it shows."""

    confidence: float | None
    indicators: list[str]


USER_CONFUSED: Final = SignalType(
    "conversation.user_confused", PersonConfused, "model", "A model takes the person for confused."
)
