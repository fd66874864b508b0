"""A graph's final state as JSON, which is what a job's journal and its readers take."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from pydantic import BaseModel


def to_json_value(value: Any) -> Any:
    """What is JSON stays; messages, models, dataclasses and enums become what they hold; the rest becomes text."""
    match value:
        case Enum():
            return to_json_value(value.value)
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case BaseModel():
            return value.model_dump(mode="json")
        case Mapping():
            return {str(key): to_json_value(each) for key, each in value.items()}
        case bytes() | bytearray():
            return bytes(value).hex()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_json_value(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Iterable) and not isinstance(value, type):
        return [to_json_value(each) for each in value]
    return str(value)
