"""An input that a person writes is one JSON object, and what else it may be is said in a sentence."""

from __future__ import annotations

import pytest

from evolver_tui.core.node_input import LARGEST_INPUT, read_input


def test_one_object_is_read_as_it_is() -> None:
    assert read_input(' {"a": [1, 2.5, null, "é\\u0000"]}\n') == ({"a": [1, 2.5, None, "é\0"]}, "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "One JSON object is needed"),
        ('{"a": 1,\n "b" 2}', "Line 2, column 6: Expecting ':' delimiter."),
        ('{"a": 1} {}', "Line 1, column 10: Extra data."),
        ("[1]", "no object"),
        ('{"a": NaN}', "It holds NaN, which is no JSON value."),
        ('{"a": 1e999}', "It holds the number 1e999, which is too large."),
        ('{"a": 1, "a": 1}', "It has the key 'a' twice in one object."),
        ('{"a": "\\ud800"}', "half a character"),
        ('{"a": ' * 100_000, "nested too deeply"),
        ('{"a": ' + "9" * 5_000 + "}", "no JSON"),
        ('{"a": "' + "x" * LARGEST_INPUT + '"}', "at most 1,000,000 characters"),
        ('{"\x1b]0;x\x07": 1}', "Line 1, column 3"),
    ],
)
def test_anything_else_is_named(text: str, said: str) -> None:
    value, problem = read_input(text)
    assert value is None
    assert said in problem
    assert problem.isprintable()
