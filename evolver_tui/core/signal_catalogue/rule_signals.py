"""Signals of rules: what one did, could not do, and which there are. No rule acts on any of them."""

from collections.abc import Mapping
from typing import Any, Final, NotRequired, TypedDict

from evolver_tui.core.signal import SignalType


class RulesLoaded(TypedDict):
    """How many are in force, and how many cannot be used."""

    rules: int
    problems: int


class RuleFired(TypedDict):
    """Its name, which signal brought it about, what it did, what it says, and how often a cooldown held that back."""

    rule: str
    signal: str
    actions: list[str]
    notice: NotRequired[str]
    node_id: NotRequired[str]
    held_back: NotRequired[int]


class AnswerRemembered(TypedDict):
    """Its number, whose it is, which questions it is for, its answer, and until when in seconds since 1970."""

    rule: int
    by: str
    scope: str
    message: str
    content: Mapping[str, Any]
    expires_at: NotRequired[float]


class AnswerRevoked(TypedDict):
    """Its number, who revoked it, and whose it was."""

    rule: int
    by: str
    made_by: str


class RuleFailed(TypedDict):
    """Its name, what it was to do, why it could not, and how often that failed so far."""

    rule: str
    action: str
    error: str
    failures: int


RULE_LOADED: Final = SignalType("rule.loaded", RulesLoaded, "rules", "The file of rules was read, or read again.")
RULE_FIRED: Final = SignalType("rule.fired", RuleFired, "rules", "A rule did something.", "info")
RULE_FAILED: Final = SignalType(
    "rule.failed", RuleFailed, "rules",
    "A rule could not do something, or could not tell whether it is to; told of the first time, the tenth and so on.",
    "warning",
)  # fmt: skip
ANSWER_REMEMBERED: Final = SignalType(
    "answer.remembered",
    AnswerRemembered,
    "inbox",
    "A person had an answer remembered: it is given again by itself.",
    "info",
)
ANSWER_REVOKED: Final = SignalType(
    "answer.revoked", AnswerRevoked, "inbox", "A remembered answer was revoked: it is given no more.", "info"
)
