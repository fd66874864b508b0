"""An estimate learns what a reviewer approves, is as sure as it is right, and claims nothing where there is nothing."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest

from evolver_tui.core.estimate.estimator import MOST_REASONS, ApprovalEstimator
from evolver_tui.core.estimate.features import FEATURES, LARGEST_VALUE, features_of
from tests.support.drafts import NODE
from tests.support.reviewed_code import Traits, auc, careful, draft, indifferent, reviewed

HOSTILE = (
    "", "\0", "x" * 1_000_000, "(" * 5_000, "-" * 50_000 + "1", "\ud800", "\x1b[2J\u202e", "def f(:\n", "\r\r\n",
    "a" + ".b" * 50_000, "f()" + ".a" * 3_000, "x = " + "[" * 90 + "]" * 90, "if 1:\n" + " " * 50_000 + "pass",
    "lambda: " * 2_000 + "0", "from . import x\nfrom .. import *\nimport a.b.c as d\n",
)  # fmt: skip


@pytest.fixture(scope="module")
def learned() -> ApprovalEstimator:
    """From a hundred decisions of a careful reviewer."""
    estimator = ApprovalEstimator()
    for each in reviewed(100, 1, careful):
        estimator.learn(each.code, each.approved)
    return estimator


def test_a_hundred_decisions_tell_what_a_reviewer_approves(learned: ApprovalEstimator) -> None:
    later = reviewed(300, 99, careful)
    estimates = [learned.estimate(each.code).probability for each in later]
    assert auc(estimates, [each.approved for each in later]) > 0.78
    assert learned.record.brier < learned.record.base_brier * 0.85
    assert learned.record.is_better_than_the_share


def test_estimates_are_as_sure_as_they_are_right() -> None:
    told: list[tuple[float, bool]] = []
    for seed in range(5):
        estimator = ApprovalEstimator()
        for each in reviewed(60, seed, careful):
            estimator.learn(each.code, each.approved)
        later = reviewed(100, seed + 50, careful)
        told += [(estimator.estimate(each.code).probability, each.approved) for each in later]
    off = 0.0
    for lowest in (0.0, 0.25, 0.5, 0.75):
        within = [(chance, approved) for chance, approved in told if lowest <= chance < lowest + 0.25]
        off += abs(sum(chance for chance, _ in within) - sum(approved for _, approved in within))
    assert off / len(told) < 0.12


def test_thirty_decisions_are_better_than_their_share() -> None:
    estimator = ApprovalEstimator()
    for each in reviewed(30, 3, careful):
        estimator.learn(each.code, each.approved)
    assert estimator.record.is_shown
    assert estimator.record.brier < estimator.record.base_brier


def test_where_decisions_follow_nothing_no_skill_is_claimed() -> None:
    estimator = ApprovalEstimator()
    for each in reviewed(150, 8, indifferent):
        estimator.learn(each.code, each.approved)
    share = estimator.record.approved / estimator.record.decisions
    estimates = [estimator.estimate(each.code).probability for each in reviewed(50, 9, careful)]
    assert all(abs(each - share) < 0.15 for each in estimates)
    assert not estimator.record.is_better_than_the_share


def test_before_the_first_decision_nothing_is_known() -> None:
    estimator = ApprovalEstimator()
    estimate = estimator.estimate(NODE)
    assert estimate.probability == pytest.approx(0.5)
    assert estimate.reasons == ()
    assert not estimator.record.is_shown


def test_what_is_always_approved_becomes_likely() -> None:
    estimator = ApprovalEstimator()
    for each in reviewed(40, 2, careful):
        estimator.learn(each.code, True)
    assert estimator.estimate(NODE).probability > 0.9
    assert estimator.record.approved == estimator.record.decisions == 40


def test_reasons_are_what_weighs_most(learned: ApprovalEstimator) -> None:
    made = Traits(False, False, False, False, True, False, True, True, 0, 0, False)
    estimate = learned.estimate(draft(random.Random(4), made))
    words = [reason.words for reason in estimate.reasons]
    assert estimate.probability < 0.3
    assert len(words) <= MOST_REASONS
    assert "starts processes" in words
    weights = [abs(reason.weight) for reason in estimate.reasons]
    assert weights == sorted(weights, reverse=True)


def test_each_feature_is_found_in_code_that_has_it() -> None:
    names = [feature.name for feature in FEATURES]

    def value(name: str, code: str) -> float:
        return features_of(code)[names.index(name)]

    assert value("files", "from pathlib import Path\nPath('a').read_text()\n") > 0
    assert value("files", "with open('a') as file: pass\n") > 0
    assert value("network", "from urllib import request as r\nr.urlopen('http://a')\n") > 0
    assert value("network", "import urllib.parse\nurllib.parse.quote('a')\n") == 0
    assert value("processes", "import os as o\no.system('a')\n") > 0
    assert value("processes", "import os\nos.path.join('a', 'b')\n") == 0
    assert value("eval", "eval('1')\n") > 0
    assert value("environment", "from os import environ\nenviron['A']\n") > 0
    assert value("broad_handlers", "try:\n    f()\nexcept:\n    pass\n") == value(
        "handlers", "try: f()\nexcept A: g()\n"
    )
    assert value("documented", '"""A."""\n') == 1
    assert value("longest_text", '"""' + "a" * 500 + '"""\n') == 0
    assert value("longest_text", "a = '" + "a" * 500 + "'\n") > 7
    assert value("tools", NODE) > 0
    assert value("imports", NODE) == 0


@pytest.mark.parametrize("code", HOSTILE)
def test_any_text_has_features_within_bounds(code: str) -> None:
    found = features_of(code)
    assert len(found) == len(FEATURES)
    assert all(math.isfinite(each) and 0 <= each <= LARGEST_VALUE for each in found)


def test_any_text_can_be_learned_from() -> None:
    estimator = ApprovalEstimator()
    for round_ in range(20):
        for code in (HOSTILE[0], HOSTILE[1], HOSTILE[7]):
            estimator.learn(code, round_ % 2 == 0)
    assert 0 < estimator.estimate("").probability < 1


def test_it_is_kept_whole(learned: ApprovalEstimator) -> None:
    kept = json.dumps(learned.to_json_value(), allow_nan=False)
    again = ApprovalEstimator.from_json_value(json.loads(kept))
    assert again.record == learned.record
    assert all(again.estimate(each.code) == learned.estimate(each.code) for each in reviewed(10, 4, careful))
    again.learn(NODE, True)
    assert again.record.decisions == learned.record.decisions + 1
    assert len(kept) < 20_000


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99}, {"features": ["size"]}, {"weights": []}, {"weights": "abc"}, {"means": [math.nan] * 21},
        {"doubt": [[1e308]]}, {"doubt": None}, {"decisions": -1}, {"decisions": True}, {"decisions": 1e300},
        {"approved": 1000}, {"evidence": "high"}, {"squares": [None] * 21}, {"squared_errors": math.inf},
    ],
)  # fmt: skip
def test_what_another_program_kept_is_begun_anew(learned: ApprovalEstimator, change: dict[str, Any]) -> None:
    value = {**learned.to_json_value(), **change}
    assert ApprovalEstimator.from_json_value(value).record.decisions == 0


@pytest.mark.parametrize("value", [None, [], "x", 3, {}, {"format": 1}])
def test_what_is_no_estimator_is_begun_anew(value: object) -> None:
    assert ApprovalEstimator.from_json_value(value).record.decisions == 0
