"""Learns from each decision how likely the next draft is to be approved.

A logistic regression that keeps, beside each weight, how sure it is of it, and of each pair of them how much one may
stand for the other: with few decisions it stays near to the share of approvals, and a feature that was seldom seen
moves much when it is. What it told before each decision is held against the decision and against that share; how much
of its own opinion it tells follows from that record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from evolver_tui.core.estimate.estimate import Estimate, EstimateRecord, Reason
from evolver_tui.core.estimate.features import FEATURES, LARGEST_VALUE, features_of

FORMAT: Final = 1
MOST_REASONS: Final = 5
_LEAST_REASON: Final = 0.1
"""In log odds."""
_FARTHEST: Final = 3.0
"""Standard deviations from the average that a feature counts as at most."""
_USUAL_COUNTS_AS: Final = 10.0
"""Drafts that what is usual stands for, until others were seen."""
_WEIGHT_VARIANCE: Final = 0.12
_BIAS_VARIANCE: Final = 2.0
"""How far weights are expected from 0: this is what holds them there (L2)."""
_MOST_EVIDENCE: Final = 6.0
"""In log odds, for or against its own opinion: it can be lost again within some decisions."""
_LARGEST: Final = 1e9
_COUNT: Final = len(FEATURES)


class ApprovalEstimator:
    """What was learned so far. The same decisions in the same order give the same numbers."""

    def __init__(self) -> None:
        self._means = [feature.usual for feature in FEATURES]
        self._squares = [_USUAL_COUNTS_AS * feature.spread**2 for feature in FEATURES]
        """Sums of squared distances from the mean."""
        self._weights = [0.0] * (_COUNT + 1)
        """The last one is the bias."""
        variances = [_WEIGHT_VARIANCE] * _COUNT + [_BIAS_VARIANCE]
        self._doubt = [[value if row == column else 0.0 for column in range(_COUNT + 1)]
                       for row, value in enumerate(variances)]  # fmt: skip
        """The covariance of the weights."""
        self._evidence = 0.0
        """The log odds that its own opinion tells more than the share of approvals does."""
        self._decisions = self._approved = 0
        self._squared_errors = self._base_squared_errors = 0.0

    @property
    def record(self) -> EstimateRecord:
        """How good the estimates were that it gave before each decision that it learned from."""
        count = max(1, self._decisions)
        return EstimateRecord(
            self._decisions, self._approved, self._squared_errors / count, self._base_squared_errors / count
        )

    def estimate(self, code: str) -> Estimate:
        """What to expect of a draft. Takes any text, about a millisecond for an ordinary node."""
        values = self._standardised(features_of(code))
        trust = _sigmoid(self._evidence)
        contributions = (
            Reason(feature.more if value > 0 else feature.less, round(trust * weight * value, 3))
            for feature, weight, value in zip(FEATURES, self._weights, values, strict=False)
        )
        reasons = sorted(contributions, key=lambda reason: -abs(reason.weight))[:MOST_REASONS]
        told = tuple(reason for reason in reasons if abs(reason.weight) >= _LEAST_REASON)
        return Estimate(self._told(self._opinion(values)), told)

    def learn(self, code: str, approved: bool) -> None:
        """Learn from a decision: whether the draft was approved as it was."""
        features = features_of(code)
        values = self._standardised(features)
        opinion, share = self._opinion(values), self._share
        self._keep_record(self._told(opinion), opinion, share, approved)
        self._see(features)
        self._move(self._standardised(features), approved)
        self._decisions += 1
        self._approved += approved

    # --- what it knows

    @property
    def _share(self) -> float:
        """Of approvals, with one of each kind before the first."""
        return (self._approved + 1) / (self._decisions + 2)

    def _standardised(self, features: Sequence[float]) -> list[float]:
        """Features as standard deviations from the average draft, and 1 for the bias."""
        seen = self._decisions + _USUAL_COUNTS_AS
        values = [
            max(-_FARTHEST, min(_FARTHEST, (value - mean) / math.sqrt(squares / seen + 1e-4)))
            for value, mean, squares in zip(features, self._means, self._squares, strict=True)
        ]
        return [*values, 1.0]

    def _opinion(self, values: Sequence[float]) -> float:
        """Its own probability; the less sure it is of its weights, the nearer to one half."""
        score = _dot(self._weights, values)
        doubt = max(0.0, _dot(values, [_dot(row, values) for row in self._doubt]))
        return _sigmoid(score / math.sqrt(1 + math.pi / 8 * doubt))

    def _told(self, opinion: float) -> float:
        trust = _sigmoid(self._evidence)
        return trust * opinion + (1 - trust) * self._share

    # --- how it learns

    def _keep_record(self, told: float, opinion: float, share: float, approved: bool) -> None:
        outcome = 1.0 if approved else 0.0
        self._squared_errors += (told - outcome) ** 2
        self._base_squared_errors += (share - outcome) ** 2
        gained = math.log(_of(opinion, approved) / _of(share, approved))
        self._evidence = max(-_MOST_EVIDENCE, min(_MOST_EVIDENCE, self._evidence + gained))

    def _see(self, features: Sequence[float]) -> None:
        """Move the average draft."""
        seen = self._decisions + _USUAL_COUNTS_AS + 1
        for index, value in enumerate(features):
            before = value - self._means[index]
            self._means[index] += before / seen
            self._squares[index] += before * (value - self._means[index])

    def _move(self, values: Sequence[float], approved: bool) -> None:
        """One step of Newton's method with all that is known of the weights before it (an extended Kalman filter)."""
        probability = _sigmoid(_dot(self._weights, values))
        moved = [_dot(row, values) for row in self._doubt]
        curvature = probability * (1 - probability)
        scale = 1 + curvature * max(0.0, _dot(values, moved))
        error = ((1.0 if approved else 0.0) - probability) / scale
        shrink = curvature / scale
        for index, move in enumerate(moved):
            self._weights[index] += move * error
            row = self._doubt[index]
            for column, other in enumerate(moved):
                row[column] -= shrink * move * other
            row[index] = max(row[index], 1e-6)

    # --- as it is kept

    def to_json_value(self) -> dict[str, Any]:
        """All of it as JSON, some kilobytes."""
        return {
            "format": FORMAT,
            "features": [feature.name for feature in FEATURES],
            "means": list(self._means), "squares": list(self._squares), "weights": list(self._weights),
            "doubt": [list(row) for row in self._doubt],
            "evidence": self._evidence, "decisions": self._decisions, "approved": self._approved,
            "squared_errors": self._squared_errors, "base_squared_errors": self._base_squared_errors,
        }  # fmt: skip

    @classmethod
    def from_json_value(cls, value: object) -> Self:
        """The inverse of `to_json_value`. What is none, or is of other features, gives one that knows nothing yet."""
        estimator = cls()
        if isinstance(value, Mapping) and value.get("format") == FORMAT:
            names = [feature.name for feature in FEATURES]
            if value.get("features") == names:
                estimator._take(value)
        return estimator

    def _take(self, value: Mapping[str, Any]) -> None:
        means = _numbers(value.get("means"), _COUNT, 0, LARGEST_VALUE)
        squares = _numbers(value.get("squares"), _COUNT, 0, _LARGEST)
        weights = _numbers(value.get("weights"), _COUNT + 1, -100, 100)
        rows = value.get("doubt")
        if not isinstance(rows, list) or len(rows) != _COUNT + 1:
            return
        doubt = [_numbers(row, _COUNT + 1, -10, 10) for row in rows]
        evidence = _numbers([value.get("evidence")], 1, -_MOST_EVIDENCE, _MOST_EVIDENCE)
        names = ("decisions", "approved", "squared_errors", "base_squared_errors")
        sums = _numbers([value.get(name) for name in names], len(names), 0, _LARGEST)
        if means is None or squares is None or weights is None or evidence is None or sums is None:
            return
        whole = [row for row in doubt if row is not None]
        decisions = sums[0]
        if len(whole) <= _COUNT or any(each > decisions for each in sums) or not decisions.is_integer():
            return
        self._means, self._squares, self._weights, self._doubt = means, squares, weights, whole
        self._evidence = evidence[0]
        self._decisions, self._approved = int(decisions), int(sums[1])
        self._squared_errors, self._base_squared_errors = sums[2], sums[3]


def _numbers(value: object, count: int, lowest: float, highest: float) -> list[float] | None:
    """A list of that many numbers within these bounds; None for anything else."""
    if not isinstance(value, list) or len(value) != count:
        return None
    for each in value:
        if isinstance(each, bool) or not isinstance(each, int | float) or not lowest <= each <= highest:
            return None
    return [float(each) for each in value]


def _of(probability: float, approved: bool) -> float:
    return max(1e-6, probability if approved else 1 - probability)


def _sigmoid(score: float) -> float:
    if score >= 0:
        return 1 / (1 + math.exp(-min(score, 700)))
    grown = math.exp(max(score, -700))
    return grown / (1 + grown)


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(map(float.__mul__, left, right))
