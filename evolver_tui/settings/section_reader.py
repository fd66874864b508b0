"""Reading one section of the config file with every mistake in it named."""

from __future__ import annotations

from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from evolver_tui.core.address import Address
from evolver_tui.core.errors import ConfigError
from evolver_tui.core.suggest import did_you_mean
from evolver_tui.settings.values import Check, quoted, toml

EXPECTED = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    Address: "a text in quotes",
    tuple: "a list of texts in quotes",
}
"""What a value of each type is called."""


class SectionReader:
    """Turns tables into sections and collects what is wrong on the way.

    Args:
        path: the file that the tables come from, to be named in each problem.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problems: list[ConfigError] = []
        self._unfit: set[tuple[str, str]] = set()

    def wrong(self, message: str, way_out: str) -> None:
        """Something is."""
        self.problems.append(ConfigError(f"{self._path}: {message}", way_out))

    def is_unfit(self, section: str, *keys: str) -> bool:
        """Whether one of these keys was told of already, and has its default."""
        return any((section, key) in self._unfit for key in keys)

    def table(self, name: str, found: object) -> dict[str, Any]:
        """What stands in a table; nothing where it is none."""
        if isinstance(found, dict):
            return found
        self.wrong(f"{name} has to be a section, and is {kind_of(found)}.", f"Write [{name}] on a line of its own.")
        return {}

    def section(self, name: str, kind: type[Any], found: object) -> Any:
        """The section as one of `kind`, with defaults in place of what is wrong; one without a name is the file."""
        place = f"[{name}] " if name else ""
        known = fields_of(kind)
        values = {}
        for key, value in self.table(name, found).items():
            if key not in known:
                self.wrong(f"{place or 'it '}has no key {quoted(key)}.", did_you_mean(key, known, "keys"))
                continue
            expected = _unfit(known[key], value)
            if expected is None:
                values[key] = _as_type(known[key], value)
                continue
            self._unfit.add((name, key))
            # What stands in place of a variable's name or in an address may be the secret itself.
            hidden = isinstance(value, str) and key.endswith(("_env", "_header", "url"))
            told = "something else" if hidden else kind_of(value)
            self.wrong(
                f"{place}{key} has to be {expected}, and is {told}.", f"The default is {toml(known[key].default)}."
            )
        return kind(**values)


def fields_of(kind: type[Any]) -> dict[str, Field[Any]]:
    """The keys of a section."""
    return {each.name: each for each in fields(kind)}


def shown_section(section: Any) -> list[str]:
    """The lines of a section's keys: what each is for, its value, and whether that is the default."""
    lines = []
    for known in fields(section):
        value = getattr(section, known.name)
        mark = "  # default" if value == known.default else ""
        lines += [f"# {known.metadata['doc']}", f"{known.name} = {toml(value)}{mark}"]
    return lines


def _unfit(known: Field[Any], value: object) -> str | None:
    """What the value has to be; None when it fits."""
    kind = type(known.default)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {
        bool: isinstance(value, bool),
        int: is_number and isinstance(value, int),
        float: is_number,
        str: isinstance(value, str),
        Address: isinstance(value, str),
        tuple: isinstance(value, list) and all(isinstance(item, str) for item in value),
    }[kind]
    if not fits:
        return EXPECTED[kind]
    check: Check | None = known.metadata["check"]
    return check(tuple(value) if isinstance(value, list) else value) if check else None


def _as_type(known: Field[Any], value: Any) -> Any:
    kind = type(known.default)
    return kind(value) if kind in (float, tuple, Address) else value


def kind_of(value: object) -> str:
    """What was found in place of something else."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {quoted(value)}"
        case int() if abs(value) >= 10**20:
            return "a huge number"
        case int() | float():
            return str(value)
        case list():
            return "a list"
        case dict():
            return "a section"
    return "a date or time"
