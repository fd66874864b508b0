"""One deed has one word: in the key line, in the palette, in help and in whatever is asked and said."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import evolver_tui
from evolver_tui.tui.actions import AnyAction
from evolver_tui.tui.all_actions import ACTIONS

PACKAGE = Path(evolver_tui.__file__).parent
OTHER_WORDS = (
    "refuse to answer", "reject for good", "leave the console", "press q to leave", "goes back to the author",
    "count as a reject", "esc cancel", "just now", "y confirm",
)  # fmt: skip
"""What deeds were called beside the words that they have."""


@pytest.mark.parametrize("action", [each for each in ACTIONS if each.is_alone], ids=lambda each: each.id)
def test_the_help_says_the_deed_by_its_word(action: AnyAction) -> None:
    assert action.help.lower().startswith(action.title)


def test_no_text_calls_a_deed_otherwise() -> None:
    rooms = [PACKAGE / "tui", PACKAGE / "cli" / "jobs"]
    found = [
        (file.name, text)
        for room in rooms
        for file in room.rglob("*.py")
        for text in texts_of(file)
        for words in OTHER_WORDS
        if words in text.lower()
    ]
    assert found == []


def texts_of(file: Path) -> Iterator[str]:
    """The texts in a module, docstrings aside."""
    tree = ast.parse(file.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
