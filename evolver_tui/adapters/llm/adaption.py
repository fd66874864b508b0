"""What a server turns out not to take, read from the words of its refusal, so that it can be asked without."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, Literal, NamedTuple, TypeAlias

from evolver_tui.adapters.llm.problem import Problem

Feature: TypeAlias = Literal[
    "stream_options", "max_tokens", "max_completion_tokens", "temperature", "system", "stream", "key_header", "tools"
]
"""Something that a request may do without."""

LEARNED: Final[dict[Feature, str]] = {
    "stream_options": "It takes no stream_options: tokens are counted where it does that unasked.",
    "max_tokens": "It takes max_completion_tokens in place of max_tokens.",
    "max_completion_tokens": "It takes no limit of tokens: max_tokens has no effect.",
    "temperature": "It takes no temperature: the setting has no effect.",
    "system": "It takes no system message: instructions stand before the request.",
    "stream": "It does not stream: an answer comes when it is whole.",
    "key_header": "It wants the key in the header that is not the usual one.",
    "tools": "It takes no tools: chats are answered without any.",
}
"""What each of them means to a person."""

_REFUSES: Final = (
    r"n[o'’]t (?:yet |be |currently )?(?:support|allow|permit|accept|recogni|implement|available|enabled|take|exist"
    r"|expected|understand|understood|a valid|one of)|not (?:yet )?(?:set|specified)|unsupported|unrecogni|unknown"
    r"|unexpected|unavailable|extra|forbidden|deprecated|disabled|no such|no longer|additional propert"
    r"|(?:can ?not|can't|may not|must not) (?:be )?(?:set|use|specif|include|present)|remove|omit|only the default"
)
"""Words that tell a field which a server does not take from one whose value it does not like."""
_ONE: Final = (
    r"(?:\bbe|(?<!or )\bequals?|\bonly|\bset|\bfixed|\bexpected|temperature ?=?)\W*"
    r"(?:(?:set|fixed|equal|exactly|the|value|to|at|of)\W+)*"
    r"1(?:\.0+)?(?!\.?\d)(?! ?(?:or|and|to|-|–))"
)
"""A temperature that has to be 1 is not to be set."""
_BARE: Final = (
    r"invalid (?:param\w*|argument|field)s?\W+temperature(?!\W+(?:must|should|has|needs|is|value|expected|range|\d))"
    r"|temperature\W+(?:is )?invalid for|cannot both|not both"
)
"""A temperature that is named as invalid without a word on its value, or beside top_p, which gateways add."""
_SYSTEM: Final = (
    r"only user and assistant|first message\W+(?:role\W+)?(?:must|should) be|\Wsystem\W{1,2}is not one of|"
    r"(?:system|developer)\W{0,3}(?:role|message|prompt|instruction|content|field|param)"
    r"|roles?\W{1,4}(?:\w+\W{1,4}){0,4}?system|messages\W{0,3}0\W{1,3}(?:\w+\W{1,3})?role|roles? must alternate"
    r"|^system\b|^ system:"
)

_TOOLS: Final = r"\btools?\b|\btool[_ -](?:use|calls?|calling|choice)\b|\bfunction[_ -]call(?:s|ing)?\b"
_STREAM: Final = r"(?<!while )\bstream(?:ing|ed)?\b(?! (?:models?|error|failed|response|completion)\b)"
_ALTERNATIVES: Final = re.compile(
    r"\b(?<!not )(?<!n't )(?:allowed|supported|accepted|permitted|valid)\b[^:]{0,40}(?::|\bare\b)|\buse\b|\binstead\b",
    re.IGNORECASE,
)
"""What a refusal goes on with, and then names fields that it would take."""
_CLAUSE_END: Final = re.compile(r"[;\n]|(?<=[.!])\s")


class _Rule(NamedTuple):
    """A feature, what names it, and what says that it is refused."""

    feature: Feature
    names: str
    refuses: str

    def refuses_in(self, words: str) -> bool:
        """Whether these words name the feature and refuse it."""
        return bool(re.search(self.names, words, re.IGNORECASE) and re.search(self.refuses, words, re.IGNORECASE))

    def refuses_at(self, place: str, message: str) -> bool:
        """Whether a message about this field of the request does."""
        is_meant = re.search(self.names, place, re.IGNORECASE) is not None
        return is_meant and (place == self.feature == "stream" or re.search(self.refuses, message, re.I) is not None)


_RULES: Final = (
    _Rule("stream_options", r"stream[_ ]?options|include_?usage", ""),
    _Rule("max_tokens", r"\bmax_?tokens\b", rf"{_REFUSES}|use\W+max_completion_tokens"),
    _Rule("max_completion_tokens", r"\bmax_?completion_?tokens\b", _REFUSES),
    _Rule("temperature", r"\btemperature\b", f"{_REFUSES}|{_ONE}|{_BARE}"),
    _Rule("system", _SYSTEM, f"{_REFUSES}|alternate|invalid|only|(?:must|should) be"),
    _Rule("tools", _TOOLS, rf"{_REFUSES}|requires?\b|no endpoints|to be set"),
    _Rule("stream", _STREAM, rf"{_REFUSES}|may not|verified|\bnon-?stream|\bfalse\b"),
)
"""In this order: whoever refuses max_tokens names its successor beside it, and options of a stream are no stream."""

_MOST_WORDS: Final = 2000
"""Characters of a refusal that are looked at."""
_MOST_PLACES: Final = 20

_FOR_ITS_OWN_REASON: Final = (401, 402, 407, 408, 413, 429, 503, 504, 529)
"""Whatever else is said with these, leaving out a field does not help."""


def refused_features(problem: Problem, usable: Collection[Feature]) -> tuple[Feature, ...]:
    """What of `usable` a server says it does not take: all that it names so, none where it says something else."""
    if problem.status in _FOR_ITS_OWN_REASON:
        return ()
    message = problem.message[:_MOST_WORDS]
    clauses = [_ALTERNATIVES.split(clause)[0] for clause in _CLAUSE_END.split(message)]
    places = problem.parameter.split()[:_MOST_PLACES]
    rules = [rule for rule in _RULES if rule.feature in usable]
    found = [
        rule.feature
        for rule in rules
        if any(rule.refuses_in(clause) for clause in clauses)
        or any(rule.refuses_at(place, message) for place in places)
    ]
    if not found:
        # The field and what is wrong with it may stand apart; then the first that is named is the one.
        said = " ".join((problem.parameter, message, *sorted(problem.codes)))[: 2 * _MOST_WORDS]
        found = [rule.feature for rule in rules if rule.refuses_in(said)][:1]
    return tuple(found)
