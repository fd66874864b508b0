"""The file of rules: reading it with every mistake named, by file and line. A bad rule leaves the others.

[[rule]]
name = "rest while the model is down"
when = "worker.paused"
if = { shared = "model" }
then = { intake = "pause", notify = "The model is down." }
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from evolver_tui.core.errors import ConfigError, SignalNameError, UsageError
from evolver_tui.core.model_signals import may_a_model_say
from evolver_tui.core.rule import (
    OWN_DOMAIN,
    PAUSE,
    RESUME,
    ActionKind,
    Condition,
    PayloadEquals,
    Rule,
    RuleAction,
    RuleSet,
)
from evolver_tui.core.signal import check_pattern
from evolver_tui.core.signal_catalogue.catalogue import CATALOGUE
from evolver_tui.core.suggest import did_you_mean, nearest
from evolver_tui.core.task_fields import PRIORITIES
from evolver_tui.settings.regular_file import open_regular
from evolver_tui.settings.values import quoted

SIZE_LIMIT: Final = 256 * 1024
"""Bytes of the file."""
MOST_RULES: Final = 100
MOST_NAMES: Final = 10
"""Of anything that one rule lists."""
LOUD_COOLDOWN: Final = 10.0
"""Seconds for which a rule that tells somebody rests where it does not say."""
MOST_SECONDS: Final = 30 * 86_400.0
LONGEST_NAME: Final = 60
LONGEST_NOTICE: Final = 300

_AS_BEFORE: Final = "A session that runs keeps the rules that it had."
_KEYS: Final = ("name", "when", "if", "then", "cooldown", "for", "until")
_THEN: Final = tuple(kind.value for kind in ActionKind if kind is not ActionKind.ANSWER)
_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s?([smhd])")
_UNITS: Final[Mapping[str, float]] = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_TAG: Final = re.compile(r"[^\W_][\w.:-]{0,39}")
_NO_CODE: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"""' r"|'''.*?'''" r'|"(?:\\.|[^"\\\n])*"' r"|'[^'\n]*'" r"|#[^\n]*", re.DOTALL
)
_HEAD: Final = re.compile(r"^[ \t]*\[\[[ \t]*rule[ \t]*\]\]", re.MULTILINE)

Compile = Callable[[str], Condition]
"""Makes a condition of an expression. Raises UsageError."""


class _Wrong(Exception):
    """What is wrong with one rule, at which of its keys."""

    def __init__(self, key: str, message: str, way_out: str) -> None:
        super().__init__(message)
        self.key, self.message, self.way_out = key, message, way_out


def read_rules(path: Path, compile_expression: Compile, listeners: Collection[str] | None = None) -> RuleSet:
    """The rules of a file that can be used, and what is wrong with the others; a missing file has none.

    Args:
        compile_expression: makes a condition of an `if` that is a text.
        listeners: the names that `send` may use; None leaves them unchecked.
    """
    try:
        text = _text(path)
        tables = _tables(path, text)
    except FileNotFoundError:
        return RuleSet()
    except ConfigError as problem:
        return RuleSet(problems=(problem,), is_readable=False)
    places = _Places(text, len(tables))
    rules: dict[str, Rule] = {}
    problems: list[ConfigError] = []
    for number, table in enumerate(tables):
        line = places.line_of(number)
        try:
            if number >= MOST_RULES:
                raise _Wrong("", f"there are more than {MOST_RULES} rules.", "This one and those below are left out.")
            rule = _rule(table, line, compile_expression, listeners)
            if rule.name in rules:
                first = rules[rule.name].line
                raise _Wrong("name", f"the name {quoted(rule.name)} is taken by line {first}.", "Rename one of them.")
            rules[rule.name] = rule
        except _Wrong as wrong:
            place = places.line_of(number, wrong.key)
            problems.append(ConfigError(f"{path}{f', line {place}' if place else ''}: {wrong.message}", wrong.way_out))
            if number >= MOST_RULES:
                break
    return RuleSet(tuple(rules.values()), tuple(problems))


def _text(path: Path) -> str:
    """Raises FileNotFoundError, ConfigError."""
    try:
        with open_regular(path) as file:
            content = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.", "Mend or remove it.") from None
    if len(content) > SIZE_LIMIT:
        raise ConfigError(f"{path} is larger than {SIZE_LIMIT // 1024} KiB.", f"Shorten it. {_AS_BEFORE}")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: this is not UTF-8.", "Save the file as UTF-8.") from None


def _tables(path: Path, text: str) -> Sequence[object]:
    """Raises ConfigError."""
    import tomllib

    try:
        found = tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"{path} is nested too deeply.", "Mend or remove it.") from None
    except ValueError as error:
        told = re.sub(r" \(at line (\d+), column \d+\)$", "", str(error))
        line = re.search(r"at line (\d+)", str(error))
        place = f"{path}, line {line[1]}" if line else f"{path}"
        raise ConfigError(f"{place}: this is not TOML: {quoted(told, 200)}.", _AS_BEFORE) from None
    unknown = next((key for key in found if key != "rule"), None)
    rules = found.get("rule", [])
    if unknown is not None or not isinstance(rules, list):
        what = f"{quoted(unknown)} is no rule" if unknown is not None else "rule has to be a list"
        raise ConfigError(f"{path}: {what}.", f"Each rule begins with [[rule]]. {_AS_BEFORE}")
    return rules


class _Places:
    """Where in the file's text the rules and their keys stand, as far as that can be told without a parser."""

    def __init__(self, text: str, rules: int) -> None:
        bare = _NO_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
        starts = [match.start() for match in _HEAD.finditer(bare)]
        self._bare = bare
        self._spans = list(zip(starts, [*starts[1:], len(bare)], strict=True)) if len(starts) == rules else []

    def line_of(self, number: int, key: str = "") -> int:
        """The line of a rule's key, or of its beginning; 0 where it is not known."""
        if number >= len(self._spans):
            return 0
        start, end = self._spans[number]
        found = re.compile(rf"^[ \t]*{re.escape(key)}[ \t]*[=.]", re.MULTILINE).search(self._bare, start, end)
        at = found.start() if key and found else start
        return self._bare.count("\n", 0, at) + 1


def _rule(table: object, line: int, compile_expression: Compile, listeners: Collection[str] | None) -> Rule:
    """Raises _Wrong."""
    if not isinstance(table, dict):
        raise _Wrong("", "a rule has to be a table.", "Begin it with [[rule]].")
    for key in table:
        if key not in _KEYS:
            raise _Wrong(key, f"a rule has no key {quoted(key)}.", did_you_mean(key, _KEYS, "keys"))
    name = table.get("name")
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise _Wrong(
            "name", f"a rule needs a name, on one line of at most {LONGEST_NAME} characters.", 'Write name = "...".'
        )
    when = _names("when", table.get("when"))
    condition = _condition(table.get("if", {}), compile_expression)
    actions = tuple(_actions(table.get("then"), listeners))
    until = _names("until", table["until"]) if "until" in table else ()
    holds_for = _seconds("for", table["for"]) if "for" in table else 0.0
    if until and not holds_for:
        raise _Wrong("until", "until needs a for: it says what ends what has to hold that long.", "Add one.")
    is_loud = any(action.is_loud for action in actions)
    if "cooldown" in table and not is_loud:
        raise _Wrong(
            "cooldown",
            "a cooldown holds back notify, send and intake, and this rule has none of them.",
            "Remove it: what a rule does to a job or a node is done once for each anyway.",
        )
    cooldown = _seconds("cooldown", table["cooldown"]) if "cooldown" in table else LOUD_COOLDOWN if is_loud else 0.0
    return Rule(
        name=name.strip(),
        when=when,
        condition=condition,
        actions=actions,
        cooldown=cooldown,
        holds_for=holds_for,
        until=until,
        line=line,
        source=repr(sorted(table.items())),
    )


# --- when, until


def _names(key: str, found: object) -> tuple[str, ...]:
    """Names of signals, or patterns. Raises _Wrong."""
    given = found if isinstance(found, list) else [found]
    names = [name for name in given if isinstance(name, str)]
    if not names or len(given) > MOST_NAMES or len(names) < len(given):
        raise _Wrong(
            key,
            f"{key} has to be the name of a signal, a pattern, or a list of at most {MOST_NAMES}.",
            'Example: when = "task.failed", or "llm.*".',
        )
    for name in names:
        _check_name(key, name)
    return tuple(names)


def _check_name(key: str, name: str) -> None:
    """Raises _Wrong for what no signal is called, or only what a rule did."""
    try:
        check_pattern(name)
    except SignalNameError as error:
        raise _Wrong(
            key, error.message, did_you_mean(name, CATALOGUE, "signals") if "." in name else error.way_out
        ) from None
    if name.startswith(OWN_DOMAIN):
        raise _Wrong(key, "no rule acts on what a rule did.", "Name what came before that.")
    domain, _, rest = name.partition(".")
    is_ours = any(each.startswith(f"{domain}.") for each in CATALOGUE)
    is_known = name in CATALOGUE or may_a_model_say(name) or (name.endswith("*") and rest == "*") or name == "*"
    if is_ours and not is_known and not any(name.endswith("*") and each.startswith(name[:-1]) for each in CATALOGUE):
        raise _Wrong(key, f"there is no signal {quoted(name)}.", did_you_mean(name, CATALOGUE, "signals"))
    meant = f"{nearest(domain, [each.partition('.')[0] for each in CATALOGUE])}.{rest}"
    if not is_ours and meant in CATALOGUE:  # a slip of a finger in a domain of the program's
        way_out = f"Did you mean {meant!r}? A plug-in's signals of that domain are {domain}.*"
        raise _Wrong(key, f"there is no signal {quoted(name)}.", f"{way_out}.")


# --- if


def _condition(found: object, compile_expression: Compile) -> Condition:
    """Raises _Wrong."""
    if isinstance(found, dict):
        return PayloadEquals(found, ", ".join(f"{key} = {_shown(value)}" for key, value in found.items()))
    if not isinstance(found, str):
        raise _Wrong(
            "if", "if has to be a table of values that the payload has, or an expression.",
            'Example: if = { end_reason = "interrupted" }, or "payload.tries > 3".',
        )  # fmt: skip
    try:
        return compile_expression(found)
    except UsageError as error:
        raise _Wrong("if", f"{error.message[:1].lower()}{error.message[1:]}", error.way_out) from None


def _shown(value: object) -> str:
    return f'"{quoted(value)}"' if isinstance(value, str) else quoted(repr(value))


# --- for, cooldown


def _seconds(key: str, found: object) -> float:
    """Raises _Wrong."""
    seconds = None
    if isinstance(found, str) and (match := _DURATION.fullmatch(found.strip())):
        seconds = float(match[1]) * _UNITS[match[2]]
    elif isinstance(found, int | float) and not isinstance(found, bool):
        seconds = float(found)
    if seconds is None or not (0 <= seconds <= MOST_SECONDS) or (key == "for" and not seconds):
        raise _Wrong(
            key, f"{key} has to be a time of at most 30 days.", f'Example: {key} = 30 for seconds, or "5m", "2h".'
        )
    return seconds


# --- then


def _actions(found: object, listeners: Collection[str] | None) -> Iterator[RuleAction]:
    """Raises _Wrong."""
    if isinstance(found, str):
        found = {"send": found}
    if not isinstance(found, dict) or not found:
        raise _Wrong("then", "a rule needs something to do in then.", 'Example: then = { notify = "The hub is gone." }')
    for key, value in found.items():
        if key in ("approve", "decide", "answer", "reject"):
            raise _Wrong("then", f"a rule never decides: there is no {key}.", "A person does.")
        if key not in _THEN:
            raise _Wrong("then", f"then has no key {quoted(key)}.", did_you_mean(key, _THEN, "keys"))
        yield from _action(ActionKind(key), value, listeners)


def _action(kind: ActionKind, value: object, listeners: Collection[str] | None) -> Iterator[RuleAction]:
    """Raises _Wrong."""
    if kind in (ActionKind.REVIEW, ActionKind.SET_ASIDE):
        if value is not True:
            raise _Wrong("then", f"{kind} has to be true.", "Leave it out where it is not wanted.")
        yield RuleAction(kind)
        return
    values = value if isinstance(value, list) and kind in (ActionKind.SEND, ActionKind.TAG) else [value]
    if len(values) > MOST_NAMES:
        raise _Wrong("then", f"{kind} lists more than {MOST_NAMES}.", "List fewer.")
    for each in values:
        text = each if isinstance(each, str) else ""
        expected = _misfit(kind, text)
        if expected:
            raise _Wrong("then", f"{kind} has to be {expected}.", did_you_mean(text, *_CHOICES[kind])
                         if text and kind in _CHOICES else "")  # fmt: skip
        if kind is ActionKind.SEND and listeners is not None and text not in listeners:
            raise _Wrong("then", f"there is no listener {quoted(text)}.", did_you_mean(text, listeners, "listeners"))
        yield RuleAction(kind, text)


_CHOICES: Final[Mapping[ActionKind, tuple[Sequence[str], str]]] = {
    ActionKind.INTAKE: ((PAUSE, RESUME), "words"),
    ActionKind.PRIORITY: (PRIORITIES, "priorities"),
}


def _misfit(kind: ActionKind, text: str) -> str:
    """What the value of an action has to be when it is not; empty when it is."""
    if kind in _CHOICES:
        words = _CHOICES[kind][0]
        return "" if text in words else f"one of {', '.join(words)}"
    if kind is ActionKind.NOTIFY:
        fits = text.strip() and text.isprintable() and len(text) <= LONGEST_NOTICE
        return "" if fits else f"a text on one line of at most {LONGEST_NOTICE} characters"
    if kind is ActionKind.TAG:
        return "" if _TAG.fullmatch(text) else "a word of letters, digits and . : _ -, at most 40 long"
    return "" if text.strip() and text.isprintable() else "the name of a listener"
