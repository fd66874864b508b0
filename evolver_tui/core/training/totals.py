"""How much there is to do, as a config under its usual names says it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from evolver_tui.core.training.record import MOST_MODELS, RunHeader


def as_config(values: Mapping[str, Any]) -> dict[str, int]:
    """What a config under its usual names says of how much there is to do; what it does not say is left out."""
    found: dict[str, int] = {}
    for field, names in _CONFIG_NAMES.items():
        for name in names:
            value = values.get(name)
            most = MOST_MODELS if field == "total_models" else 2**53 - 1
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most:
                found[field] = value
                break
    return found


def with_config(header: RunHeader, values: Mapping[str, Any]) -> RunHeader:
    """The header, with what a config under its usual names says of how much there is to do."""
    found = as_config(values)
    return header._replace(
        total_steps=found.get("total_steps", header.total_steps),
        total_models=found.get("total_models", header.total_models),
        model_params=found.get("model_params", header.model_params),
    )


_CONFIG_NAMES: Final = {
    "total_steps": ("total_steps", "totalSteps", "max_steps", "num_training_steps"),
    "total_models": ("total_models", "totalModels", "model_count"),
    "model_params": ("model_params", "modelParams", "num_parameters"),
}

CONFIG_NAMES: Final = frozenset(name for names in _CONFIG_NAMES.values() for name in names)
"""Under which a config says how much there is to do."""
