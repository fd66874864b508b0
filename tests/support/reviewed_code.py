"""Drafts made by rules, and reviewers who decide about them, for what learns from decisions."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import NamedTuple

_TOPICS = ("report", "invoice", "letter", "summary", "ticket", "product", "review", "contract", "note", "message")
_TOOLS = ("summarizer", "content_generator", "quick_translator", "nmt_translator")


class Traits(NamedTuple):
    """What a draft was made with."""

    has_docstring: bool
    has_types: bool
    handles_errors: bool
    swallows_errors: bool
    opens_files: bool
    reaches_network: bool
    runs_programs: bool
    evaluates: bool
    loops: int
    helpers: int
    long_text: bool


class ReviewedDraft(NamedTuple):
    """A draft and what became of it."""

    code: str
    approved: bool
    chance: float
    """That this reviewer approves such a draft."""


def traits(dice: random.Random) -> Traits:
    """What some draft is made with."""

    def often(chance: float) -> bool:
        return dice.random() < chance

    return Traits(
        often(0.6), often(0.4), often(0.4), often(0.25), often(0.3), often(0.2), often(0.12), often(0.1),
        dice.randrange(4), dice.randrange(4), often(0.2),
    )  # fmt: skip


def draft(dice: random.Random, made: Traits) -> str:
    """A node with these traits; what they leave open differs from one to the next."""
    topic, tool = dice.choice(_TOPICS), dice.choice(_TOOLS)
    hint, result = (": dict[str, str]", " -> str") if made.has_types else ("", "")
    lines = [f'"""Works on one {topic}."""', ""] if made.has_docstring else []
    lines += ["import json", "import sys"]
    lines += ["import os"] if made.opens_files else []
    lines += ["import urllib.request"] if made.reaches_network else []
    lines += ["import subprocess"] if made.runs_programs else []
    lines += ["", "from node_runtime import call_tool", ""]
    for number in range(made.helpers):
        lines += [f"def part_{number}(task{hint}){result}:", f'    return str(task.get("{topic}_{number}", ""))', ""]
    lines += [f"def {topic}_text(task{hint}){result}:", f'    text = task.get("{topic}", "")']
    for number in range(made.loops):
        lines += [f"    for each_{number} in range({dice.randrange(2, 9)}):", f"        if each_{number} in text:",
                  f'            text += "{dice.choice(_TOPICS)}"']  # fmt: skip
    if made.long_text:
        lines += [f'    text += "{" ".join(dice.choices(_TOPICS, k=60))}"']
    lines += _reaching(dice, made, topic)
    call = f'call_tool("{tool}", text)'
    if made.swallows_errors or made.handles_errors:
        kind = "Exception" if made.swallows_errors else "ValueError"
        lines += ["    try:", f"        return {call}", f"    except {kind}:", '        return ""', ""]
    else:
        lines += [f"    return {call}", ""]
    lines += ["task = json.load(sys.stdin)", f'print(json.dumps({{"result": {topic}_text(task)}}))', ""]
    return "\n".join(lines)


def _reaching(dice: random.Random, made: Traits, topic: str) -> list[str]:
    lines: list[str] = []
    if made.opens_files:
        lines += [f'    with open(os.path.join("data", "{topic}.txt")) as file:', "        text += file.read()"]
    if made.reaches_network:
        lines += [f'    text += urllib.request.urlopen("https://{topic}.example/{dice.randrange(99)}").read().decode()']
    if made.runs_programs:
        lines += [f'    text += subprocess.run(["{topic}"], capture_output=True, text=True).stdout']
    if made.evaluates:
        lines += ["    text = str(eval(text))"]
    return lines


def careful(made: Traits) -> float:
    """The chance that a reviewer who minds reach and likes care approves it."""
    score = 0.8 + 1.2 * made.has_docstring + 0.8 * made.handles_errors - 1.0 * made.swallows_errors
    score -= 1.5 * made.opens_files + 2.0 * made.reaches_network + 2.5 * made.runs_programs + 2.5 * made.evaluates
    score -= 0.3 * made.loops
    return 1 / (1 + math.exp(-1.5 * score))


def indifferent(made: Traits) -> float:
    """The chance of one who tosses a coin, and a lenient one."""
    return 0.7


def reviewed(count: int, seed: int, reviewer: Callable[[Traits], float]) -> list[ReviewedDraft]:
    """So many drafts and a reviewer's decisions about them."""
    dice = random.Random(seed)
    drafts = []
    for _ in range(count):
        made = traits(dice)
        chance = reviewer(made)
        drafts.append(ReviewedDraft(draft(dice, made), dice.random() < chance, chance))
    return drafts


def auc(estimates: list[float], outcomes: list[bool]) -> float:
    """How often what was approved has the higher estimate, of all pairs of the two kinds."""
    ordered = sorted(zip(estimates, outcomes, strict=True))
    below, wins, negatives = 0.0, 0.0, 0
    for _, outcome in ordered:
        if outcome:
            wins += negatives
        else:
            negatives += 1
    below = negatives * (len(ordered) - negatives)
    return wins / below if below else 0.5
