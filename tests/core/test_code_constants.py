"""What two programs of one pattern differ in."""

from __future__ import annotations

import pytest

from evolver_tui.core.code_constants import ConstantChange, changed_constants

NODE = '''\
"""{what}"""

def main(text, most={most}):
    return call_tool("{tool}", f"Write {{text}} in {language}.")[:most]
'''


def node(what: str = "Writes.", most: str = "10", tool: str = "writer", language: str = "French") -> str:
    return NODE.format(what=what, most=most, tool=tool, language=language)


def test_what_differs_is_told_with_its_line() -> None:
    changes = changed_constants(node(), node(most="20", tool="shell", language="Dutch"))
    assert changes == (
        ConstantChange(3, "10", "20"),
        ConstantChange(4, "'writer'", "'shell'"),
        ConstantChange(4, "' in French.'", "' in Dutch.'"),
    )


def test_docstrings_differ_without_a_word() -> None:
    assert changed_constants(node(), node(what="Writes something else.")) == ()


def test_of_a_long_text_only_what_differs_is_told() -> None:
    long = "a" * 500
    (change,) = changed_constants(f"x = '{long}one{long}'", f"x = '{long}other{long}'") or ()
    assert "one" in change.before
    assert "other" in change.after
    assert change.length < 80
    assert change.before.startswith("…a")
    assert change.after.endswith("a…")


def test_one_that_holds_the_other_is_told_as_such() -> None:
    (change,) = changed_constants("x = 'rm'", "x = 'rm -rf'") or ()
    assert (change.before, change.after) == ("'rm'", "'rm -rf'")


@pytest.mark.parametrize("other", ["x = (", "x = 1, 2", "x = '\x00'"])
def test_what_cannot_be_held_against_it_is_no_equal(other: str) -> None:
    assert changed_constants("x = 1", other) is None
