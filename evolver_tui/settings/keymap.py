"""Keys of a person's own: every mistake is named at the start, since the screen would take it in silence."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from evolver_tui.core.errors import ConfigError
from evolver_tui.core.suggest import did_you_mean, nearest
from evolver_tui.settings.values import quoted

_MODIFIERS = ("alt", "ctrl", "hyper", "meta", "shift", "super")
"""In the order in which they stand in front of a key."""
_RENAMED = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+left_square_bracket": "escape", "return": "enter"}
"""Terminals send the same for both."""


def _name_of(character: str) -> str:
    """A printable character's key name: itself for letters and digits, else its Unicode name."""
    if character.isalnum():
        return character
    name = unicodedata.name(character, character).lower().replace("-", "_").replace(" ", "_")
    return _RENAMED.get(name, name)


_MOVING = ("up", "down", "left", "right", "home", "end", "pageup", "pagedown")
_EDITING = ("insert", "delete", "backspace", "enter", "return", "escape", "tab", "space")
_SPECIAL = {*_MOVING, *_EDITING, *(f"f{number}" for number in range(1, 25))}
_PUNCTUATION = set(map(_name_of, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"))
_NAMED = sorted(_SPECIAL | _PUNCTUATION)


@dataclass(frozen=True, slots=True)
class KeyBinding:
    """What its keys are, of something that a key can do."""

    key: str
    """Its key, or several with commas between; empty where it has none."""
    places: tuple[str, ...] = ()
    """The panes in which the key does it; none means everywhere."""
    help: str = ""
    """What it does, in a sentence."""
    views: tuple[str, ...] = ()
    """The views that have it; none means all."""


def check_keymap(
    actions: Mapping[str, KeyBinding], overrides: Mapping[str, str], source: str = "config.toml"
) -> dict[str, str]:
    """Hold a person's keys against the actions that there are.

    Args:
        actions: action id to its key and places.
        overrides: action id to the key it shall have, from the config's [keys].
        source: the config file's name, for messages.

    Returns:
        The overrides with each key spelled as the screen wants it ("/" becomes "slash").

    Raises:
        ConfigError: an unknown action or key, or one key for two actions that work in the same place.
    """
    keymap, problems = read_keymap(actions, overrides, source)
    if problems:
        raise problems[0]
    return keymap


def read_keymap(
    actions: Mapping[str, KeyBinding], overrides: Mapping[str, str], source: str = "config.toml"
) -> tuple[dict[str, str], list[ConfigError]]:
    """As `check_keymap`, but tells all that is wrong; such keys are left out."""
    keymap: dict[str, str] = {}
    problems: list[ConfigError] = []
    where = f"{source}: [keys]"
    for action, text in overrides.items():
        if action not in actions:
            problems.append(ConfigError(f"{where} there is no action {quoted(action)}.", _meant(action, actions)))
            continue
        try:
            keymap[action] = ",".join(split_keys(text))
        except ConfigError as problem:
            problems.append(ConfigError(f"{where} {quoted(action)}: {problem.message}", problem.way_out))
    for first, second, key in clashes(actions, keymap) if keymap else ():
        if first in keymap or second in keymap:
            problems.append(
                ConfigError(f"{where} {key!r} would do both {first!r} and {second!r}.", "Give one of them another key.")
            )
    return keymap, problems


def _meant(action: str, actions: Iterable[str]) -> str:
    """The way out for an unknown action: one filed elsewhere (job.retry for review.retry), else the nearest."""
    verb = action.rpartition(".")[2]
    namesakes = [known for known in actions if known.rpartition(".")[2] == verb]
    if 0 < len(namesakes) < 6:
        return f"Did you mean {' or '.join(map(repr, namesakes))}?"
    if nearest(action, actions) is None:
        return "evolver-tui config show lists every action."
    return did_you_mean(action, actions, "actions")


def clashes(actions: Mapping[str, KeyBinding], overrides: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Pairs of actions that one key would do in one place, with the key."""
    bound = {name: overrides.get(name, action.key) for name, action in actions.items()}
    keys = {name: set(split_keys(text)) for name, text in bound.items() if text}
    for first, second in combinations(keys, 2):
        one, other = actions[first], actions[second]
        if _meet(one.places, other.places) and _meet(one.views, other.views):
            yield from ((first, second, key) for key in sorted(keys[first] & keys[second]))


def _meet(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    return not first or not second or not set(first).isdisjoint(second)


def split_keys(text: str) -> list[str]:
    """The keys named in a text with commas between, each as the screen spells it. A lone comma is the comma key.

    Raises:
        ConfigError: one of them is no key.
    """
    return [_key(part.strip()) for part in ([text] if text.strip() == "," else text.split(","))]


def _key(text: str) -> str:
    """One key, as the screen spells it."""
    if not text:
        raise ConfigError("a key's name is missing.", 'Example: "a", "ctrl+p", "slash".')
    *modifiers, name = ["plus"] if text == "+" else text.replace("++", "+plus").split("+")
    if len(name) == 1 and name.isprintable():
        name = _name_of(name)
    is_letter = len(name) == 1 and name.isalnum() and not (modifiers and name.isupper())
    is_known = is_letter or name in _SPECIAL or name in _PUNCTUATION
    if not is_known or not set(modifiers) <= set(_MODIFIERS) or len(set(modifiers)) != len(modifiers):
        raise ConfigError(f"there is no key {quoted(text)}.", _suggestion(modifiers, name))
    if modifiers == ["shift"] and is_letter:
        raise ConfigError(f"there is no key {quoted(text)}.", f"Did you mean {name.upper()!r}?")
    key = "+".join((*sorted(modifiers), name))
    return _SAME.get(key, key)


def _suggestion(modifiers: list[str], name: str) -> str:
    parts = [modifier if modifier in _MODIFIERS else nearest(modifier, _MODIFIERS) for modifier in modifiers]
    parts.append(name.lower() if len(name) == 1 else nearest(name, _NAMED))
    if None in parts:
        return "Letters and digits are their own names; others are called for example space, enter, f1, slash, ctrl+p."
    return f"Did you mean {'+'.join(dict.fromkeys(map(str, parts)))!r}?"
