"""Expressions, held against whatever a stranger sends."""

from __future__ import annotations

import contextlib
import gc
import sys
from typing import Any

import pytest

from evolver_tui.adapters.rules.expression import compile_expression
from evolver_tui.core.errors import ConditionError, UsageError
from evolver_tui.core.signal import Signal


def holds(expression: str, level: str = "info", /, **payload: Any) -> bool:
    """Whether an expression is true of a signal with this payload."""
    return compile_expression(expression).holds(Signal("custom.said", payload, {"level": level, "task_id": "t"}))


@pytest.mark.parametrize(
    "text",
    [
        "payload.n > 2 && payload.n < 3.5",
        'name == "custom.said" && level == "warning" && context.task_id == "t"',
        'payload.text.matches("^an? err") || payload.missing',
        '!(payload.text in ["a", "b"]) && size(payload.list) == 3',
        "payload.list.exists(each, each == 2)",
        "payload.none == null",
        "!has(payload.missing)",
        "payload.huge > 5 && payload.tiny < -5 && payload.vast > 5",
        "payload.deep.a.b == [1]",
        'payload.text.contains("err") ? true : false',
    ],
)
def test_comparisons_and_their_connections(text: str) -> None:
    payload: dict[str, Any] = {"n": 3, "text": "an error", "list": [1, 2, 3], "none": None, "deep": {"a": {"b": [1]}}}
    payload |= {"huge": 2**70, "tiny": -(2**70), "vast": 10**400}
    assert holds(text, "warning", **payload)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("payload.missing > 1", "Key not found: 'missing'"),
        ("payload.none > 1", "No matching overload"),
        ('payload.n > "1"', "No matching overload"),
        ("payload.n / 0 == 1", "divide by zero"),
        ("payload.n", "neither true nor false"),
        ('payload.text.matches("(")', "regular expression"),
        ("payload.list[5] == 1", "index"),
    ],
)
def test_what_cannot_be_told_is_said_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(ConditionError) as caught:
        holds(text, n=1, none=None, text="x", list=[])
    assert words.lower() in caught.value.message.lower()
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message


NASTY: dict[str, Any] = {
    "lone surrogate": "\ud800 x", "control": "\0\x1b[2J", "nan": float("nan"), "object": object(), "bytes": b"x",
    "set": {1}, "keys": {1: 2, None: 3, "\udfff": 4}, "tuple": (1, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
def test_nasty_values_are_no_errors(name: str) -> None:
    assert holds("has(payload.value) && payload.n == 1", value=NASTY[name], n=1)


@pytest.mark.parametrize(
    "value",
    ["x" * 200_000, list(range(20_000)), {str(n): n for n in range(20_000)}, ["y" * 30_000, "z" * 30_000]],
    ids=["long", "list", "object", "together"],
)
def test_what_is_too_large_is_not_looked_at(value: object) -> None:
    with pytest.raises(ConditionError, match="too l"):
        holds("true", value=value)


def test_what_is_too_deep_is_not_looked_at() -> None:
    value: dict[str, Any] = {}
    for _ in range(sys.getrecursionlimit() * 3):
        value = {"a": value}
    with pytest.raises(ConditionError, match="deep"):
        holds("has(payload.a)", **value)


def test_no_expression_takes_long() -> None:
    rounds = list(range(300))
    with pytest.raises(ConditionError, match="too many values"):
        holds("payload.l.all(a, payload.l.all(b, payload.l.all(c, a >= c || b >= 0)))", l=rounds)
    assert not holds('payload.text.matches("(a|aa)+(a|aa)+$")', text="a" * 45_000 + "b")
    slow = 'payload.l.all(i, !payload.text.matches("a.*a.*a.*a.*a.*x"))'
    with pytest.raises(ConditionError) as caught:
        holds(slow, l=list(range(9_000)), text="ab" * 24_000)
    assert caught.value.is_final


@pytest.mark.parametrize(
    "text", ["payload.l.all(i, payload.text + payload.text != i)", 'size(payload.l . map (i, payload.t + "x")) > 1']
)
def test_no_expression_fills_the_memory(text: str) -> None:
    with pytest.raises(UsageError, match="goes through a list"):
        compile_expression(text)
    assert holds('payload.l.exists(i, i == "+") && payload.text == "a" || "a+b".matches("a\\\\+b")', l=["+"], text="a")


@pytest.mark.parametrize("text", ["(" * 5_000 + "1" + ")" * 5_000, "true" + " || true" * 400, "!" * 1_999 + "true"])
def test_an_expression_that_is_no_expression_is_refused_or_works(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert isinstance(compile_expression(text).holds(Signal("a.b")), bool)


def test_no_value_is_given_away_uncounted() -> None:
    """The library's own None is: before a thousand more of them the process would end."""
    condition = compile_expression("payload.none")
    signal = Signal("a.b", {"none": None, "list": [None]})
    gc.collect()  # what other tests left may hold as many
    before = sys.getrefcount(None)
    for _ in range(5_000):
        with pytest.raises(ConditionError, match="neither true nor false"):
            condition.holds(signal)
    assert sys.getrefcount(None) > before - 2_000


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    with pytest.raises(UsageError, match=r"evolver-tui\[rules\]"):
        compile_expression("true")
