"""The file of rules: what can be said, and how what is wrong is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evolver_tui.adapters.rules.expression import compile_expression
from evolver_tui.core.rule import RuleSet
from evolver_tui.settings.rule_file import MOST_RULES, SIZE_LIMIT, read_rules

GOOD = '[[rule]]\nname = "good"\nwhen = "task.failed"\nthen = "oncall"\n'


def read(tmp_path: Path, text: str, listeners: tuple[str, ...] | None = None) -> RuleSet:
    """What a file of this text holds."""
    file = tmp_path / "rules.toml"
    file.write_text(text, encoding="utf-8")
    return read_rules(file, compile_expression, listeners)


def test_everything_that_a_rule_can_say(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        [[rule]]
        name = "all of it"
        when = ["question.asked", "review.*"]
        if = 'payload.message.startsWith("a") && level != "error"'
        for = "1.5h"
        until = "question.answered"
        cooldown = "5m"
        [rule.then]
        notify = "Look."
        send = ["oncall", "desk"]
        intake = "pause"
        tag = ["slow", "ask:again"]
        priority = "low"
        review = true
        set_aside = true
        """,
    )
    assert not found.problems
    (rule,) = found.rules
    assert (rule.name, rule.when, rule.until) == ("all of it", ("question.asked", "review.*"), ("question.answered",))
    assert (rule.holds_for, rule.cooldown, rule.line) == (5400.0, 300.0, 2)
    assert [str(action) for action in rule.actions] == [
        "notify: Look.", "send to oncall", "send to desk", "pause intake", "tag slow", "tag ask:again",
        "priority low", "mark for review", "set node aside",
    ]  # fmt: skip


def test_the_shape_of_the_specification(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '[[rule]]\nname = "limits"\nwhen = "analytics.turn_metrics_updated"\n'
        'if = { end_reason = "limit_exceeded" }\nthen = "email_admin"\n',
        ("email_admin",),
    )
    (rule,) = found.rules
    assert str(rule.actions[0]) == "send to email_admin"
    assert rule.cooldown == 10.0


WRONG = {
    'nam = "x"': ("line 6", "no key nam", "'name'"),
    'name = "x"\nwhen = "taskfailed"\nthen = "a"': ("line 7", "is no name of a signal", ""),
    'name = "x"\nwhen = "task.faild"\nthen = "a"': ("line 7", "no signal task.faild", "'task.failed'"),
    'name = "x"\nwhen = "taks.failed"\nthen = "a"': ("line 7", "no signal taks.failed", "'task.failed'"),
    'name = "x"\nwhen = "tas*"\nthen = "a"': ("line 7", "is no name of a signal", ""),
    'name = "x"\nwhen = "rule.fired"\nthen = "a"': ("line 7", "what a rule did", ""),
    'name = "x"\nwhen = 3\nthen = "a"': ("line 7", "has to be the name of a signal", ""),
    'name = "x"\nthen = "a"': ("line 5", "has to be the name of a signal", ""),
    'name = "x"\nwhen = "task.failed"': ("line 5", "something to do", ""),
    'name = "x"\nwhen = "task.failed"\nthen = { notfy = "a" }': ("line 8", "no key notfy", "'notify'"),
    'name = "x"\nwhen = "task.failed"\nthen = { approve = true }': ("line 8", "never decides", "person"),
    'name = "x"\nwhen = "task.failed"\nthen = { intake = "pose" }': ("line 8", "one of pause, resume", "'pause'"),
    'name = "x"\nwhen = "task.failed"\nthen = { tag = "a b" }': ("line 8", "a word", ""),
    'name = "x"\nwhen = "task.failed"\nthen = { review = 1 }': ("line 8", "has to be true", ""),
    'name = "x"\nwhen = "task.failed"\nthen = "onkall"': ("line 8", "no listener onkall", "'oncall'"),
    'name = "x"\nwhen = "task.failed"\nthen = "oncall"\nfor = "5 weeks"': ("line 9", "has to be a time", "2h"),
    'name = "x"\nwhen = "task.failed"\nthen = "oncall"\nuntil = "task.queued"': ("line 9", "needs a for", ""),
    'name = "x"\nwhen = "task.failed"\nthen = { tag = "a" }\ncooldown = 3': ("line 9", "has none of them", ""),
    'name = "x"\nwhen = "task.failed"\nthen = "oncall"\nif = "paylod.x"': ("line 9", "cannot be used", "'payload'"),
    'name = "x"\nwhen = "task.failed"\nthen = "oncall"\nif = "name + 1 == 2"': ("line 9", "no matching overload", ""),
    'name = "x"\nwhen = "task.failed"\nthen = "oncall"\nif = "name"': ("line 9", "true or false", ""),
    'name = "x"\nwhen = "task.failed"\nthen = "oncall"\nif = 4': ("line 9", "has to be a table", ""),
    'name = "good"\nwhen = "task.failed"\nthen = "oncall"': ("line 6", "taken by line 1", ""),
    'name = "a\\nb"\nwhen = "task.failed"\nthen = "oncall"': ("line 6", "needs a name", ""),
}


@pytest.mark.parametrize("body", WRONG)
def test_a_bad_rule_names_file_line_and_the_nearest_name_and_leaves_the_others(tmp_path: Path, body: str) -> None:
    last = '[[rule]]\nname = "last"\nwhen = "custom.x"\nthen = { tag = "x" }\n'
    found = read(tmp_path, f"{GOOD}[[rule]]\n{body}\n{last}", ("oncall",))
    assert [rule.name for rule in found.rules] == ["good", "last"]
    (problem,) = map(str, found.problems)
    line, words, nearest = WRONG[body]
    assert problem.startswith(f"{tmp_path / 'rules.toml'}, {line}: ")
    assert words in problem
    assert nearest in problem


def test_a_table_in_a_text_is_no_rule(tmp_path: Path) -> None:
    text = GOOD.replace('"oncall"', '{ notify = "[[rule]]" } # [[rule]]')
    found = read(tmp_path, f"# [[rule]]\n{text}\n[[rule]]\nname = '''b\n[[rule]]'''\n")
    assert [rule.line for rule in found.rules] == [2]
    assert "line 8" in str(found.problems[0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[rule]\n", "line 1"),
        ("\n[rules]\n", "rules is no rule"),
        ("rule = 3\n", "has to be a list"),
        ("rule = [3]\n", "has to be a table"),
        ("a" + ".a" * 5000 + " = 1", ""),
        ("#" * (SIZE_LIMIT + 1), "larger than"),
    ],
)
def test_what_is_no_file_of_rules(tmp_path: Path, text: str, words: str) -> None:
    found = read(tmp_path, text)
    assert not found.rules
    assert words in str(found.problems[0])
    assert "rules.toml" in str(found.problems[0])


def test_no_file_no_rules_and_what_cannot_be_read(tmp_path: Path) -> None:
    assert read_rules(tmp_path / "none.toml", compile_expression) == RuleSet()
    os.mkfifo(tmp_path / "pipe")
    assert "regular file" in str(read_rules(tmp_path / "pipe", compile_expression).problems[0])
    (tmp_path / "latin").write_bytes(b"# \xe9")
    assert "line 1: this is not UTF-8" in str(read_rules(tmp_path / "latin", compile_expression).problems[0])


def test_there_is_an_end_to_rules(tmp_path: Path) -> None:
    text = "".join(GOOD.replace("good", f"r{number}") for number in range(MOST_RULES + 20))
    found = read(tmp_path, text)
    assert len(found.rules) == MOST_RULES
    assert len(found.problems) == 1


def test_names_of_other_domains_and_those_of_models_are_known(tmp_path: Path) -> None:
    names = (
        "custom.anything",
        "acme.ready",
        "acme.failed",
        "intake.user_data_collected",
        "task.*",
        "*",
        "llm.generation_*",
    )
    text = "".join(f'[[rule]]\nname = "{name}"\nwhen = "{name}"\nthen = "x"\n' for name in names)
    assert len(read(tmp_path, text).rules) == len(names) - 1  # a pattern ends in .*
