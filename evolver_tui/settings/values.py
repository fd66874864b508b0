"""What a setting may be, and how a value is written in TOML."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from evolver_tui.core.address import MASK, Address

HUB_SCHEMES = ("http", "https", "ws", "wss")

Check = Callable[[Any], str | None]
"""Says what a value has to be when it is not; None when it fits."""


def between(low: float, high: float) -> Check:
    """A number within bounds, both included."""
    return lambda value: None if low <= value <= high else f"a number from {_shown(low)} to {_shown(high)}"


def _shown(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def above(low: float, high: float) -> Check:
    """A number above the first bound, the second included."""
    return lambda value: None if low < value <= high else f"a number above {_shown(low)}, at most {_shown(high)}"


def one_of(*names: str) -> Check:
    """One of a few words."""
    words = ", ".join(repr(name) for name in names)
    return lambda value: None if value in names else f"one of {words}"


def a_name(value: str) -> str | None:
    """A word or a few, on one line."""
    return None if value.strip() and value.isprintable() else "a name"


def one_line(value: str) -> str | None:
    """Text without line ends and control characters; may be empty."""
    return None if value.isprintable() else "a text on one line"


def a_path_name(value: str) -> str | None:
    """What can name a file or folder anywhere; may be empty."""
    fits = not value or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", value)
    return (
        None if fits else "a name of letters, digits, ., _ and -, at most 100 long, that begins with a letter or digit"
    )


def a_variable(value: str) -> str | None:
    """The name of an environment variable; may be empty. A key that was put there by mistake is refused."""
    from evolver_tui.settings.secrets import scrub_patterns

    fits = not value or (re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value) and scrub_patterns(value) == value)
    return None if fits else "the name of an environment variable, not the secret itself"


def a_header(value: str) -> str | None:
    """The name of an HTTP header that a key may travel in; may be empty. A key put there by mistake is refused."""
    from evolver_tui.settings.secrets import scrub_patterns

    is_ours = value.lower() in ("accept", "content-type", "content-length", "host", "user-agent", "transfer-encoding")
    fits = not value or (re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,63}", value) and scrub_patterns(value) == value)
    return None if fits and not is_ours else "the name of a header, such as Authorization, not the secret itself"


def address(*schemes: str) -> Check:
    """A URL without a secret in it; may be empty."""

    def check(value: str) -> str | None:
        problem = address_problem(value, schemes) if value else None
        if problem is None and Address(value).holds_secret:
            return "an address without a secret in it (secrets belong in the environment)"
        return problem

    return check


def address_problem(value: str, schemes: tuple[str, ...]) -> str | None:
    """What an address has to be when `value` is none: a URL of one of `schemes` with a host; None when it is one."""
    expected = f"an address that starts with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    if not value.isprintable():
        return expected
    if " " in value:
        return "an address without spaces"
    if MASK in value:
        return f"the whole address ({MASK} stands for what is not shown of it)"
    if Address(value).is_ambiguous:
        return "an address in which every @ but the one before the host is written as %40"
    try:
        parts = urlsplit(value)
        fits = parts.scheme in schemes and bool(parts.hostname)
    except ValueError:  # a bracket without its pair
        fits = False
    if not fits:
        return expected
    try:
        has_port = parts.port != 0
    except ValueError:  # no number, or too large
        has_port = False
    return None if has_port else "an address whose port is a number from 1 to 65535"


def host_names(values: tuple[str, ...]) -> str | None:
    """Hosts, each as `name` or `name:port`."""
    fits = all(re.fullmatch(r"[\w.-]+(?::\d{1,5})?|[0-9A-Fa-f:]{2,}", value) for value in values)
    return None if fits else "a list of hosts, each a name or name:port, without scheme or path"


def a_routine(value: str) -> str | None:
    """The name by which a task asks for a routine."""
    fits = re.fullmatch(r"[a-z][a-z0-9_-]{0,63}", value)
    return None if fits else "a name of a to z, 0 to 9, _ and -, starting with a letter, at most 64 long"


def a_target(value: str) -> str | None:
    """Where an object of a Python module is."""
    fits = re.fullmatch(r"([^\W\d]\w*)(\.[^\W\d]\w*)*:([^\W\d]\w*)(\.[^\W\d]\w*)*", value)
    return None if fits else 'of the form "module:function"'


def toml(value: object) -> str:
    """A text, number, flag, address or tuple of these in TOML; what cannot be seen on a terminal is escaped."""
    match value:
        case bool():
            return str(value).lower()
        case Address():
            return toml(str(value))
        case str():
            return '"' + "".join(map(_character, value)) + '"'
        case tuple():
            return f"[{', '.join(map(toml, value))}]"
    return repr(value)


def _character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def quoted(text: str, limit: int = 60) -> str:
    """Text of the file, fit for a terminal and not too long for a sentence."""
    shown = toml(text if len(text) <= limit else f"{text[:limit]}…")
    return shown[1:-1]
