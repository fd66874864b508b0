"""Keys, screens and mistakes of a reviewer over a scripted hour, in terminals of two sizes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import groupby

from tests.benchmarks.figures import Row, at_most, told
from tests.benchmarks.workplace import temporary_folder
from tests.support.hour.course import Outcome, run_hour
from tests.support.hour.person import Care, Tally
from tests.support.hour.script import hour as whole_hour
from tests.support.hour.script import short_hour
from tests.support.terminal import SMALL, WIDE

MOST_KEYS_A_DECISION, MOST_KEYS_AN_ANSWER = 1.3, 3.0
MOST_SCREENS = {WIDE: 1.2, SMALL: 2.0}

SHOW_KEYS = "EVOLVER_BENCHMARK_KEYS"
"""An environment variable that has every key told with what it was pressed for."""

READ_ALL = "EVOLVER_BENCHMARK_READ_ALL"
"""One that has every draft read to its last line, whatever its risk."""


def hour(is_quick: bool) -> Iterator[Row]:
    """The hour at both sizes; a short one has a dozen tasks."""
    care = Care.EVERY_LINE if os.environ.get(READ_ALL) else Care.WHAT_MATTERS
    script = short_hour() if is_quick else whole_hour()
    for size in (WIDE, SMALL):
        with temporary_folder() as folder:
            outcome = run_hour(folder, script, size, care)
        yield from _rows(outcome, f"{size[0]}x{size[1]}", MOST_SCREENS[size])


def _rows(outcome: Outcome, size: str, most_screens: float) -> Iterator[Row]:
    decisions, answers = outcome.tally.decisions, outcome.tally.answers
    lines = f" and {decisions.texts} lines typed in {decisions.done}"
    yield at_most(f"keys a decision, {size}", [outcome.keys_a_decision], MOST_KEYS_A_DECISION, "", lines)
    lines = f" and {answers.texts} lines typed in {answers.done}"
    yield at_most(f"... an answer, {size}", [outcome.keys_an_answer], MOST_KEYS_AN_ANSWER, "", lines)
    most = f", at most {max(decisions.screens)}"
    yield at_most(f"... screens a decision, {size}", [outcome.screens_a_decision], most_screens, "", most)
    for name, found in (
        ("duplicates unseen", outcome.unseen),
        ("drafts said to be what they are not", outcome.false_alarms),
        ("decisions that nobody meant", outcome.unintended),
        ("decisions and tasks lost", [*outcome.missing, *outcome.lost]),
        ("decisions that could not be taken back", outcome.not_undone),
    ):
        yield at_most(f"... {name}, {size}", [len(found)], 0, "", f": {_short(found)}" if found else "")
    words = "as before" if outcome.is_library_as_before else "not as before"
    yield Row(f"... the library, all taken back, {size}", words, "as before", outcome.is_library_as_before)
    yield told(f"... from the hub to the card, p50, {size}", [outcome.seconds_to_seen], " s")
    if os.environ.get(SHOW_KEYS):
        yield from _keys(outcome.tally)


def _short(found: Sequence[object]) -> str:
    """The first few of what was found."""
    return ", ".join(map(str, found[:4])) + (", ..." if len(found) > 4 else "")


def _keys(tally: Tally) -> Iterator[Row]:
    ordered = sorted(tally.keys.items(), key=lambda item: item[0][1])
    for purpose, pressed in groupby(ordered, key=lambda item: item[0][1]):
        shown = [f"{key} {count}{_vain(tally, key, purpose)}" for (key, _), count in pressed]
        yield Row(f"... to {purpose}", ", ".join(shown))


def _vain(tally: Tally, key: str, purpose: str) -> str:
    vain = tally.in_vain[key, purpose]
    return f" ({vain} in vain)" if vain else ""
