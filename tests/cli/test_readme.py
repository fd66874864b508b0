"""README's tables and the program say the same: commands, options, exit codes, keys."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

import pytest

from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.parser import make_parser
from evolver_tui.settings.keymap import split_keys
from evolver_tui.tui.all_actions import ACTIONS
from tests.support.processes import REPOSITORY

KEYS_OF_ACTIONS = {action.id: action.keys for action in ACTIONS if action.keys}

Command = tuple[str, ...]


def section(heading: str) -> str:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def first_cells(heading: str) -> list[str]:
    """The first cell of each row of a section's first table, without its head."""
    rows = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [re.split(r"(?<!\\)\|", row)[1].strip() for row in rows[2:]]


def commands_of(parser: argparse.ArgumentParser, path: Command = ()) -> Iterator[tuple[Command, list[frozenset[str]]]]:
    """Each command with its options, of which one may have several spellings."""
    options = [frozenset(action.option_strings) for action in parser._actions if action.option_strings]
    ways = [action for action in parser._actions if action.choices is not None and not action.option_strings]
    if not path or not ways:
        yield path, options
    for action in ways:
        for name in action.choices or ():
            if isinstance(action, argparse._SubParsersAction):
                yield from commands_of(action.choices[name], (*path, name))
            else:
                yield (*path, name), options


def commands_in_readme() -> dict[Command, set[str]]:
    """Each command with the options beside it in the table. A row names several of one group with | between."""
    found: dict[Command, set[str]] = {}
    for cell in first_cells("Commands"):
        group: Command = ()
        for number, text in enumerate(re.split(r" \\\| ", cell.strip("`").removeprefix("evolver-tui"))):
            words = re.findall(r"(?:^|(?<= ))[a-z]+(?= |$)", re.sub(r"\[.*?\]", "", text).partition("<")[0])
            assert words or not number, cell
            group = tuple(words[:-1]) if not number else group
            command = (*group, words[-1]) if words else ()
            assert command not in found, f"{command} stands twice in README"
            found[command] = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", text))
    return found


PROGRAM, README = dict(commands_of(make_parser())), commands_in_readme()
SAID_ONCE = set(re.findall(r"--[a-z]+", section("Commands").rpartition("|\n")[2]))
"""Options that README explains below the table, for every command that takes them."""


def test_readme_lists_every_command_and_no_other() -> None:
    assert set(README) == set(PROGRAM)


@pytest.mark.parametrize("command", PROGRAM, ids=" ".join)
def test_readme_lists_every_option_of_a_command_and_no_other(command: Command) -> None:
    options = PROGRAM[command]
    assert README[command] <= frozenset().union(*options)
    assert [option for option in options if not option & (README[command] | SAID_ONCE)] == []


def test_what_readme_says_below_its_commands_are_options() -> None:
    assert frozenset().union(*(option for options in PROGRAM.values() for option in options)) >= SAID_ONCE


def test_readme_says_every_exit_code() -> None:
    said = ", ".join(f"{code:d} {code.meaning}" for code in ExitCode)
    assert f"Exit codes: {said}." in " ".join(section("Commands").split())


def keys_in_readme() -> set[str]:
    shown = re.findall(r"`([^`]+)`", " ".join(first_cells("Keys")))
    return {split_keys("escape" if key == "esc" else key)[0] for key in shown}


@pytest.mark.parametrize("action", KEYS_OF_ACTIONS)
def test_readme_lists_the_key_of_an_action(action: str) -> None:
    assert KEYS_OF_ACTIONS[action][0] in keys_in_readme()


def test_every_key_in_readme_does_something() -> None:
    assert keys_in_readme() <= {key for keys in KEYS_OF_ACTIONS.values() for key in keys}
