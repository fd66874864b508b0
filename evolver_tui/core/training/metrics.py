"""The metrics of a training run under the names that pages and clients of training streams know.

Progress is in per cent, times are in seconds. `step` of a model counts from 0 up to `total_steps`, models count from 0
(`modelIndex`) or from 1 (`currentModel`).
"""

from __future__ import annotations

import math
from typing import Any

DEFAULT_MODEL_PARAMS = 25_000_000
"""What a stream says where nobody said how many parameters a model has."""
MOST_EXPONENT = 10.0
"""A loss above counts as this one for the perplexity."""
_LOSS_AT_THE_START = 2.0


def perplexity(loss: float) -> float:
    """e to the loss, with a bound."""
    return math.exp(min(loss, MOST_EXPONENT))


def grok_progress(loss: float) -> float:
    """How far the loss came down from 2 to 0, in per cent from 0 to 100."""
    return max(0.0, min(100.0, (_LOSS_AT_THE_START - loss) / _LOSS_AT_THE_START * 100))


def overall_progress(step: int, total_steps: int, model_index: int, total_models: int) -> float:
    """All models together, in per cent from 0 to 100; 0 where nobody said how much there is to do."""
    if total_steps <= 0 or total_models <= 0:
        return 0.0
    within = max(0.0, min(1.0, step / total_steps)) * 100
    return max(0.0, min(100.0, (model_index * 100 + within) / total_models))


def estimated_time_remaining(elapsed: float, overall: float) -> float:
    """Seconds to the end at the pace so far; 0 where there is none yet."""
    return elapsed * (100 / overall) - elapsed if overall > 0 else 0.0


def training_metrics(
    *, session_id: str, loss: float | None, step: int, total_steps: int, model_index: int, total_models: int,
    model_params: int, elapsed: float, at: float,
) -> dict[str, Any]:  # fmt: skip
    """The metrics of one moment.

    Args:
        loss: None where none is known, and then nothing that follows from it stands in the result.
        elapsed: seconds since the training began.
        at: seconds since 1970.
    """
    overall = overall_progress(step, total_steps, model_index, total_models)
    metrics: dict[str, Any] = {
        "sessionId": session_id,
        "modelIndex": model_index,
        "totalModels": total_models,
        "step": step,
        "totalSteps": total_steps,
        "modelParams": model_params,
        "currentStep": step,
        "currentModel": model_index + 1,
        "overallProgress": round(overall, 1),
        "trainingTime": elapsed,
        "estimatedTimeRemaining": estimated_time_remaining(elapsed, overall),
        "timestamp": at,
    }
    if loss is not None and math.isfinite(loss):
        metrics |= {
            "loss": round(loss, 4),
            "perplexity": round(perplexity(loss), 2),
            "grokProgress": round(grok_progress(loss), 1),
        }
    return metrics
