"""Whatever stands in the file of rules, and whatever signals hold: rules, or problems in words that name the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.adapters.rules.expression import compile_expression
from evolver_tui.core.errors import ConfigError
from evolver_tui.core.rule import Firing, Trouble, rehearse
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.signal import Signal
from evolver_tui.settings.rule_file import read_rules
from evolver_tui.settings.values import toml
from tests.support.fuzzing import fuzzed, json_values, spoiled
from tests.support.hostile import HOSTILE
from tests.support.processes import REPOSITORY

PAGE = (REPOSITORY / "docs" / "rules.md").read_text("utf-8")
EXAMPLES = [block for block in PAGE.split("```") if block.startswith("toml\n")]
PIECES = [
    "[[rule]]\n", "[rule.then]\n", "[[rule.then]]\n", "then = 3\n", "when = []\n", 'when = ["a.b", 3]\n', "for = nan\n",
    "for = -1\n", 'for = "9999999999d"\n', "cooldown = inf\n", "if = {a = {b = [1]}}\n", "if = 1979-05-27\n",
    '"""', "'", "\x00",
    'then = {tag = ["a", ["b"]]}\n', "then = {send = []}\n", "rule = 3\n", "\r\n", "name = '''a\nb'''\n",
    *(f"name = {toml(text)}\n" for text in HOSTILE.values() if len(text) < 200),
    *(f"if = {toml(text)}\n" for text in HOSTILE.values() if len(text) < 200),
]  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for a file."""
    return tmp_path_factory.mktemp("rules") / "rules.toml"


@fuzzed(400)
@given(spoiled(st.sampled_from([block.removeprefix("toml\n") for block in EXAMPLES]), PIECES))
def test_whatever_stands_in_the_file_is_rules_or_problems(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    found = read_rules(file, compile_expression, ["email_admin"])
    for rule in found.rules:
        assert rule.name == safe_text(rule.name)
        assert rule.actions
        assert all(safe_text(str(action)) == str(action) for action in rule.actions)
    for problem in found.problems:
        assert isinstance(problem, ConfigError)
        assert str(file) in problem.message
        assert str(problem) == safe_text(problem)


RULES = """
[[rule]]
name = "equal"
when = "*"
if = { a = 1, b = { c = ["x"] } }
then = { tag = "equal" }
[[rule]]
name = "expression"
when = "custom.*"
if = 'payload.a == payload.b || payload.a > 3 || payload.b in payload.a || context.job == payload.a'
then = { notify = "x" }
for = 5
until = "custom.end"
"""
NAMES = ["a", "b", "c", "job", "task_id", "timestamp", "rule"]
SIGNALS = st.builds(
    Signal,
    st.sampled_from(["custom.a", "custom.end", "task.queued", "rule.fired"]),
    st.dictionaries(st.sampled_from(NAMES), json_values(NAMES), max_size=4),
    st.dictionaries(st.sampled_from(NAMES), json_values(NAMES), max_size=4),
)


@fuzzed(300)
@given(st.lists(SIGNALS, max_size=8))
def test_whatever_signals_hold_rules_fire_or_say_why_not(file: Path, log: list[Signal]) -> None:
    file.write_text(RULES)
    rules = read_rules(file, compile_expression).rules
    assert len(rules) == 2
    for each in rehearse(rules, enumerate(log)):
        assert isinstance(each, Firing | Trouble)
        if isinstance(each, Trouble):
            assert str(each.error) == safe_text(each.error)
        else:
            assert not _is_of_a_rule(each.signal.context)


def _is_of_a_rule(context: Mapping[str, Any]) -> bool:
    return "rule" in context
