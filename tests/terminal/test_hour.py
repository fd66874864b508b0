"""A short scripted hour by keys alone: nothing is lost, nothing is decided that nobody meant, and few keys are enough.

The hub's connection is cut, the console is killed in the middle, and another host goes on and takes all of it back.
"""

from __future__ import annotations

from pathlib import Path

from tests.support.hour.course import run_hour
from tests.support.hour.script import Wish, short_hour
from tests.support.terminal import SMALL


def test_a_short_hour_is_worked_off_by_few_keys_and_taken_back_as_a_whole(tmp_path: Path) -> None:
    script = short_hour()
    approved = [one for one in script.tasks if one.wish in (Wish.APPROVE, Wish.SEND_BACK)]

    outcome = run_hour(tmp_path, script, SMALL)

    tally = outcome.tally
    assert (outcome.lost, outcome.missing, outcome.unintended) == ([], [], [])
    assert (outcome.false_alarms, outcome.not_undone, outcome.is_library_as_before) == ([], [], True)
    assert tally.decisions.done == len(script.tasks) + 1  # one was sent back
    assert tally.answers.done == 2
    used = tally.keys["N", "reuse"]
    assert tally.keys["a", "approve"] + used == len(approved), "one key approves, or uses another node"
    assert tally.keys["o", "go on"] <= 2, "one leads to what waits, on each host; from there on it comes by itself"
    assert outcome.keys_an_answer <= 3
    assert outcome.screens_a_decision <= 2
