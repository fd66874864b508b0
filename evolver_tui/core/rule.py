"""Rules: what somebody wants done when a signal tells of something, and when that is due, as a pure function.

What has happened becomes what is due by `fold` alone, from the rules, their states, one signal and a time. A session
folds what it hears, and `evolver-tui rules test` what a log holds: so both come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import inf, isfinite
from typing import Any, Final, NamedTuple, Protocol

from evolver_tui.core.errors import ConditionError, ConfigError
from evolver_tui.core.signal import Signal

MOST_OPEN: Final = 1_000
"""Of so many things at once it is watched whether they hold for as long as one rule asks; further ones are left."""
OWN_DOMAIN: Final = "rule."
RULE: Final = "rule"
"""What the context of a signal calls the rule that brought it about."""


class ActionKind(StrEnum):
    """What a rule may do. None of it approves anything, and only a remembered answer answers."""

    NOTIFY = "notify"
    """Say something on the console."""
    SEND = "send"
    """Hand the signal to a listener of the config, such as a webhook."""
    INTAKE = "intake"
    """Hold the hub's messages back, or let them come again."""
    TAG = "tag"
    """Put a word on the job."""
    PRIORITY = "priority"
    """Give the job another place in the queue."""
    REVIEW = "review"
    """Let a person review the job's draft, whatever else would approve it."""
    SET_ASIDE = "set_aside"
    """Have nobody run the node until a person reinstates it."""
    ANSWER = "answer"
    """Give the answer that a person had remembered. No rule of a file does."""


_LOUD: Final = frozenset((ActionKind.NOTIFY, ActionKind.SEND, ActionKind.INTAKE))
PAUSE: Final = "pause"
RESUME: Final = "resume"


@dataclass(frozen=True, slots=True)
class RuleAction:
    """One thing that a rule does, with what its kind needs: a text, a listener, pause or resume, a tag, a priority."""

    kind: ActionKind
    value: str = ""

    @property
    def is_loud(self) -> bool:
        """Whether a cooldown holds it back: it reaches somebody, and does not change the signal's own job or node."""
        return self.kind in _LOUD

    def __str__(self) -> str:
        """What it does, in a few words."""
        match self.kind:
            case ActionKind.NOTIFY:
                return f"notify: {self.value}"
            case ActionKind.SEND:
                return f"send to {self.value}"
            case ActionKind.INTAKE:
                return f"{self.value} intake"
            case ActionKind.TAG:
                return f"tag {self.value}"
            case ActionKind.PRIORITY:
                return f"priority {self.value}"
            case ActionKind.REVIEW:
                return "mark for review"
            case ActionKind.SET_ASIDE:
                return "set node aside"
            case ActionKind.ANSWER:
                return "answer"


class Condition(Protocol):
    """What has to be so of a signal."""

    @property
    def text(self) -> str:
        """As somebody wrote it."""

    def holds(self, signal: Signal) -> bool:
        """Whether it is so. Raises ConditionError where that cannot be told."""


@dataclass(frozen=True, slots=True)
class PayloadEquals:
    """Every key of a table has this value in the payload; what else the payload has does not matter."""

    wanted: Mapping[str, Any]
    text: str = ""

    def holds(self, signal: Signal) -> bool:
        """Whether it is so."""
        return _fits(self.wanted, signal.payload)


def _fits(wanted: object, found: object) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(key in found and _fits(wanted[key], found[key]) for key in wanted)
    if isinstance(wanted, list):
        if not isinstance(found, list | tuple) or len(found) != len(wanted):
            return False
        return all(_fits(one, other) for one, other in zip(wanted, found, strict=True))
    return isinstance(wanted, bool) is isinstance(found, bool) and wanted == found


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a file.

    It fires with each signal that is named in `when` and fits the condition. With `holds_for` it fires once that has
    been so for that long: such a signal begins it, one of `until` ends it; without `until`, one of `when` that does not
    fit. That is kept apart for each task; a signal without one begins and ends it for the session as a whole, and
    ends it for all tasks.
    """

    name: str
    when: tuple[str, ...]
    """Names of signals, or patterns as `llm.*`."""
    condition: Condition
    actions: tuple[RuleAction, ...]
    cooldown: float = 0.0
    """Seconds for which it tells nobody again, nor touches the intake; what it does to a job or node is never held."""
    holds_for: float = 0.0
    """Seconds; 0 fires at once."""
    until: tuple[str, ...] = ()
    line: int = 0
    """Where it begins in its file; 0 where that is not known."""
    source: str = ""
    """All that it says: rules of the same source are the same."""

    def hears(self, name: str) -> bool:
        """Whether a signal of this name concerns it."""
        return matches(self.when, name) or (bool(self.until) and matches(self.until, name))


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of a file, and what is wrong with those that are left out."""

    rules: tuple[Rule, ...] = ()
    problems: tuple[ConfigError, ...] = ()
    is_readable: bool = True
    """Whether the file as a whole could be read: one that cannot, as while it is written, takes no rule away."""


def matches(patterns: Sequence[str], name: str) -> bool:
    """Whether one of some names or patterns is that of a signal."""
    return any(name.startswith(each[:-1]) if each.endswith("*") else name == each for each in patterns)


def is_of_a_rule(signal: Signal) -> bool:
    """Whether a rule brought it about: no rule acts on that."""
    return signal.name.startswith(OWN_DOMAIN) or RULE in signal.context


def subject_of(signal: Signal) -> str:
    """What a signal is about, as far as rules tell things apart: a task, a job, or the session as a whole."""
    task_id, job = signal.context.get("task_id"), signal.context.get("job")
    return f"task {task_id}" if task_id else f"job {job}" if job is not None else ""


# --- what is due


class Held(NamedTuple):
    """What holds and was not yet told, or was: since when, and by which signal."""

    since: float
    signal: Signal
    number: int
    has_fired: bool = False


@dataclass(frozen=True, slots=True)
class RuleState:
    """What one rule remembers."""

    loud_at: float | None = None
    """When it last did what a cooldown holds back, in seconds since 1970."""
    held_back: int = 0
    """How often that was held back since."""
    held: Mapping[str, Held] = field(default_factory=dict)
    """Subject to what holds."""


States = Mapping[str, RuleState]
"""A rule's name to its state; one that has none yet is not there."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule fires."""

    rule: Rule
    at: float
    """Seconds since 1970."""
    signal: Signal
    """Which signal brought it about; with `holds_for` the one that began it."""
    actions: tuple[RuleAction, ...]
    """What is to be done; fewer than the rule's where a cooldown holds some back."""
    held_back: int = 0
    """How often it held back what it tells, before this time."""
    number: int = 0
    """The signal's place in its log; 0 where nobody counts."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A rule cannot tell whether a signal is one of its own: it counts as none."""

    rule: Rule
    signal: Signal
    error: ConditionError


class Step(NamedTuple):
    """What comes of one signal, or of time alone."""

    states: States
    firings: Sequence[Firing]
    troubles: Sequence[Trouble]


def fold(rules: Sequence[Rule], states: States, signal: Signal | None, now: float, number: int = 0) -> Step:
    """What is due by now, and then what a signal brings about.

    Args:
        signal: what was told at this time; None for a look at the time alone.
        now: seconds since 1970.
        number: the signal's place in its log, for whoever wants to find it there again.
    """
    heard = None if signal is None or is_of_a_rule(signal) else signal
    changed: dict[str, RuleState] = {}
    firings: list[Firing] = []
    troubles: list[Trouble] = []
    for rule in rules:
        before = state = states.get(rule.name, _FRESH)
        if state.held:
            state = _due(rule, state, now, firings)
        if heard is not None and rule.hears(heard.name):
            try:
                state = _heard(rule, state, Held(now, heard, number), firings)
            except ConditionError as error:
                troubles.append(Trouble(rule, heard, error))
        if state is not before:
            changed[rule.name] = state
    return Step({**states, **changed} if changed else states, firings, troubles)


_FRESH: Final = RuleState()


def next_due(rules: Sequence[Rule], states: States) -> float | None:
    """When a look at the time alone is worth it next, in seconds since 1970; None for not before another signal."""
    found = min(
        (
            each.since + rule.holds_for
            for rule in rules
            if rule.holds_for
            for each in states.get(rule.name, _FRESH).held.values()
            if not each.has_fired
        ),
        default=inf,
    )
    return None if found == inf else found


def rehearse(rules: Sequence[Rule], log: Iterable[tuple[int, Signal]]) -> Iterator[Firing | Trouble]:
    """What rules would have done with signals of the past, each with its place in their log; a trouble is told once.

    Time is that of the signals. What still has to hold when the log ends does not fire.
    """
    states: States = {}
    now = 0.0
    told: set[str] = set()
    for number, signal in log:
        now = max(now, signal.timestamp if isfinite(signal.timestamp) else now)
        states, firings, troubles = fold(rules, states, signal, now, number)
        yield from firings
        yield from (trouble for trouble in troubles if trouble.rule.name not in told)
        told |= {trouble.rule.name for trouble in troubles}
        final = {trouble.rule.name for trouble in troubles if trouble.error.is_final}
        rules = [rule for rule in rules if rule.name not in final] if final else rules


def kept_states(before: Sequence[Rule], after: Sequence[Rule], states: States) -> States:
    """The states of rules that say what they said before."""
    same = {rule.name: rule.source for rule in before}
    return {
        rule.name: states[rule.name] for rule in after if rule.name in states and same.get(rule.name) == rule.source
    }


def _heard(rule: Rule, state: RuleState, heard: Held, firings: list[Firing]) -> RuleState:
    """Raises ConditionError."""
    signal = heard.signal
    ends = matches(rule.until, signal.name)
    fits = matches(rule.when, signal.name) and rule.condition.holds(signal)
    if not rule.holds_for:
        return _fire(rule, state, heard, heard.since, firings) if fits else state
    subject = subject_of(signal)
    if fits:
        if subject in state.held:
            return state
        return replace(state, held={**_with_room(state.held), subject: heard})
    if not state.held or not (ends or not rule.until):
        return state
    left = {key: each for key, each in state.held.items() if subject and key != subject}
    return state if len(left) == len(state.held) else replace(state, held=left)


def _with_room(held: Mapping[str, Held]) -> Mapping[str, Held]:
    """The same, without the oldest that was told of where there are too many. Raises ConditionError."""
    if len(held) < MOST_OPEN:
        return held
    told = next((subject for subject, each in held.items() if each.has_fired), None)
    if told is None:
        raise ConditionError(f"It watches {MOST_OPEN:,} things at once, and passes over what is beyond.")
    return {subject: each for subject, each in held.items() if subject != told}


def _due(rule: Rule, state: RuleState, now: float, firings: list[Firing]) -> RuleState:
    due = sorted(
        ((each.since, subject) for subject, each in state.held.items()
         if not each.has_fired and each.since + rule.holds_for <= now),
    )  # fmt: skip
    for since, subject in due:
        told = state.held[subject]._replace(has_fired=True)
        state = replace(state, held={**state.held, subject: told})
        state = _fire(rule, state, told, since + rule.holds_for, firings)
    return state


def _fire(rule: Rule, state: RuleState, cause: Held, at: float, firings: list[Firing]) -> RuleState:
    rests = state.loud_at is not None and 0 <= at - state.loud_at < rule.cooldown
    actions = tuple(action for action in rule.actions if not (rests and action.is_loud))
    if actions:
        held_back = 0 if rests else state.held_back
        firings.append(Firing(rule, at, cause.signal, actions, held_back, cause.number))
    if rests:
        return replace(state, held_back=state.held_back + 1)
    is_loud = any(action.is_loud for action in actions)
    return replace(state, loud_at=at, held_back=0) if is_loud else state
