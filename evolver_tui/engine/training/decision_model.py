"""The estimate of decisions as a model that is trained by batches: a logistic regression on a draft's features.

The last fifth of the decisions is held out, so that its result can say how it does on drafts that came later. Models
of one training differ in how much they are held to small weights.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

from evolver_tui.core.errors import TrainingError
from evolver_tui.core.estimate.estimate import FEWEST_DECISIONS
from evolver_tui.core.estimate.features import FEATURES, features_of
from evolver_tui.engine.training.trainable import BadExamples, Example, StepPlan, TrainableKind

_PENALTIES: Final = (0.1, 0.3, 0.03, 0.01, 1.0)
"""How much a model is held to small weights, by its number."""
_HELD_OUT: Final = 5
"""One of so many decisions, the latest, is not trained on."""
_FIRST_MOMENT: Final = 0.9
_SECOND_MOMENT: Final = 0.999
_FARTHEST: Final = 5.0
_COUNT: Final = len(FEATURES) + 1


class _Decisions:
    """Features of all drafts, as distances from the average draft, and 1 for the bias."""

    def __init__(self, examples: Sequence[Example]) -> None:
        usable = [example for example in examples if example.approved is not None]
        held_out = len(usable) // _HELD_OUT
        found = [features_of(example.text) for example in usable]
        trained = found[: len(found) - held_out]
        self.means = [sum(column) / len(trained) for column in zip(*trained, strict=True)]
        self.spreads = [
            max(0.1, math.sqrt(sum((value - mean) ** 2 for value in column) / len(trained)))
            for column, mean in zip(zip(*trained, strict=True), self.means, strict=True)
        ]
        rows = [
            [
                max(-_FARTHEST, min(_FARTHEST, (value - mean) / spread))
                for value, mean, spread in zip(row, self.means, self.spreads, strict=True)
            ]
            + [1.0]
            for row in found
        ]
        outcomes = [1.0 if example.approved else 0.0 for example in usable]
        self.rows, self.later = rows[: len(trained)], rows[len(trained) :]
        self.outcomes, self.later_outcomes = outcomes[: len(trained)], outcomes[len(trained) :]


class DecisionModel:
    """One estimate, in pure Python.

    Args:
        penalty: how much it is held to small weights.
    """

    device = "CPU"

    def __init__(self, decisions: _Decisions, penalty: float, seed: str) -> None:
        self._decisions = decisions
        self._penalty = penalty
        dice = random.Random(seed)
        self._weights = [dice.gauss(0, 0.01) for _ in range(_COUNT)]
        self._first = [0.0] * _COUNT
        self._second = [0.0] * _COUNT
        self._steps = 0

    @property
    def parameters(self) -> int:
        """Weights and the bias."""
        return _COUNT

    @property
    def items(self) -> int:
        """Decisions that it is trained on."""
        return len(self._decisions.rows)

    def step(self, batch: Sequence[int], plan: StepPlan) -> float:
        rows, outcomes, weights = self._decisions.rows, self._decisions.outcomes, self._weights
        bad = [item for item in batch if not all(map(math.isfinite, rows[item]))]
        if bad:
            raise BadExamples(bad, "a feature is no number")
        gradient = [0.0] * _COUNT
        loss = 0.0
        for item in batch:
            row, outcome = rows[item], outcomes[item]
            score = sum(map(float.__mul__, weights, row))
            probability = 1 / (1 + math.exp(-max(-500.0, min(500.0, score))))
            loss -= math.log(max(1e-12, probability if outcome else 1 - probability))
            error = (probability - outcome) / len(batch)
            gradient = [each + error * value for each, value in zip(gradient, row, strict=True)]
        for index in range(_COUNT - 1):
            gradient[index] += self._penalty * weights[index]
        self._move(gradient, plan)
        return loss / len(batch)

    def _move(self, gradient: list[float], plan: StepPlan) -> None:
        """A step of Adam."""
        length = math.sqrt(sum(each * each for each in gradient))
        if plan.clip is not None and length > plan.clip:
            gradient = [each * plan.clip / length for each in gradient]
        self._steps += 1
        first_scale = 1 - _FIRST_MOMENT**self._steps
        second_scale = 1 - _SECOND_MOMENT**self._steps
        for index, slope in enumerate(gradient):
            self._first[index] += (1 - _FIRST_MOMENT) * (slope - self._first[index])
            self._second[index] += (1 - _SECOND_MOMENT) * (slope * slope - self._second[index])
            size = math.sqrt(self._second[index] / second_scale) + 1e-8
            self._weights[index] -= plan.rate * (self._first[index] / first_scale) / size

    def save_memory(self) -> bool:
        return False

    def state(self) -> bytes:
        return json.dumps(
            {"weights": self._weights, "first": self._first, "second": self._second, "steps": self._steps}
        ).encode()

    def restore(self, state: bytes) -> None:
        value = json.loads(state)
        columns = [value[name] for name in ("weights", "first", "second")] if isinstance(value, dict) else []
        if not columns or any(len(column) != _COUNT for column in columns):
            raise ValueError("it is of other features")
        self._weights, self._first, self._second = columns
        self._steps = int(value["steps"])

    def result(self) -> bytes:
        return json.dumps({**self._learned(), "held_out": dict(self.held_out())}, indent=2).encode() + b"\n"

    def sha256(self) -> str:
        return hashlib.sha256(json.dumps(self._learned()).encode()).hexdigest()

    def _learned(self) -> dict[str, Any]:
        decisions = self._decisions
        features = {
            feature.name: {"weight": weight, "mean": mean, "spread": spread}
            for feature, weight, mean, spread in zip(
                FEATURES, self._weights, decisions.means, decisions.spreads, strict=False
            )
        }
        return {"kind": "decisions", "penalty": self._penalty, "bias": self._weights[-1], "features": features}

    def held_out(self) -> Mapping[str, float]:
        """The Brier score on the decisions held out, and that of somebody who tells the share of approvals."""
        later, outcomes = self._decisions.later, self._decisions.later_outcomes
        if not later:
            return {}
        share = sum(self._decisions.outcomes) / len(self._decisions.outcomes)
        squares = 0.0
        for row, outcome in zip(later, outcomes, strict=True):
            score = sum(map(float.__mul__, self._weights, row))
            squares += (1 / (1 + math.exp(-max(-500.0, min(500.0, score)))) - outcome) ** 2
        base = sum((share - outcome) ** 2 for outcome in outcomes)
        return {"brier": round(squares / len(later), 4), "base_brier": round(base / len(later), 4)}


def decision_kind(examples: Sequence[Example], seed: int) -> TrainableKind:
    """Estimates of these decisions, in the order in which they were made.

    Raises:
        TrainingError: there are too few, or all are alike.
    """
    outcomes = [example.approved for example in examples if example.approved is not None]
    if len(outcomes) < FEWEST_DECISIONS:
        raise TrainingError(
            f"There are {len(outcomes)} decisions about drafts; an estimate is trained on {FEWEST_DECISIONS} or more.",
            "Review more drafts, or train a language model on approved nodes: evolver-tui train --model nodes.",
        )
    if len(set(outcomes)) < 2:
        word = "an approval" if outcomes[0] else "no approval"
        raise TrainingError(
            f"Each of the {len(outcomes)} decisions is {word}: there is nothing to tell apart.",
            "Train when both kinds were decided.",
        )
    decisions = _Decisions(examples)

    def make(number: int) -> DecisionModel:
        return DecisionModel(decisions, _PENALTIES[number % len(_PENALTIES)], f"{seed} {number}")

    return TrainableKind("decisions", ".json", make)
