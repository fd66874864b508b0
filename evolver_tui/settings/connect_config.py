"""The JSON object that `evolver-tui connect` reads on stdin."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evolver_tui.core.address import Address
from evolver_tui.core.json_text import Equivocal, strict_json
from evolver_tui.settings.values import HUB_SCHEMES, address_problem

EXAMPLE: Mapping[str, Any] = {
    "hub_url": "http://localhost:5000/taskhub",
    "hub_name": "TaskHub",
    "duration_seconds": 60,
    "auto_generate_workflows": True,
    "output_file": "received_tasks.json",
}


HUB_URL_MISSING = "hub_url is required"
"""The one thing wrong with a config that counts as asking how it is done; everything else is wrong usage."""


@dataclass(frozen=True, slots=True)
class ConnectConfig:
    """What a headless run does."""

    hub_url: Address
    hub_name: str = "TaskHub"
    """The client method that the hub calls with tasks."""
    duration_seconds: float | None = None
    """How long to listen; None: until interrupted."""
    auto_generate_workflows: bool = True
    """False: tasks are received and kept, not worked on."""
    output_file: str | None = None
    """Where the received messages are written at the end."""


class _Refused(Exception):
    """The config cannot be used; the text says why."""


def read_connect_config(content: bytes | str) -> ConnectConfig | dict[str, Any]:
    """Read the config. Unknown keys are ignored, and null counts as not given.

    Returns:
        The config, or the object that belongs on stdout instead: `error` (a sentence), `success` (False) and an
        `example` of a config that works.
    """
    try:
        given = _object(content)
        return ConnectConfig(
            hub_url=_hub_url(given),
            hub_name=_text(given, "hub_name") or "TaskHub",
            duration_seconds=_duration(given),
            auto_generate_workflows=_flag(given),
            output_file=_text(given, "output_file"),
        )
    except _Refused as refusal:
        return {"error": str(refusal), "success": False, "example": dict(EXAMPLE)}


def _object(content: bytes | str) -> Mapping[str, Any]:
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content.removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise _Refused("The config on stdin is not UTF-8.") from None
    if not text.strip():
        raise _Refused("There is no config on stdin: one JSON object is expected.")
    try:
        given = strict_json(text, any_number=True)
    except Equivocal as error:
        raise _Refused(f"The config on stdin {error}.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise _Refused(f"The config on stdin is not JSON ({place}: {error.msg}).") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
        raise _Refused("The config on stdin is not JSON that can be read.") from None
    if not isinstance(given, dict):
        raise _Refused(f"The config on stdin has to be a JSON object, and is {_kind(given)}.")
    return given


def _text(given: Mapping[str, Any], key: str) -> str | None:
    value = given.get(key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise _Refused(f"{key} has to be a text, and is {_kind(value)}.")
    if not value.isprintable():
        raise _Refused(f"{key} holds characters that cannot be used there.")
    return value


def _hub_url(given: Mapping[str, Any]) -> Address:
    url = (_text(given, "hub_url") or "").strip()
    if not url:
        raise _Refused(HUB_URL_MISSING)
    problem = address_problem(url, HUB_SCHEMES)
    if problem:
        raise _Refused(f"hub_url has to be {problem}.")
    return Address(url)


def _duration(given: Mapping[str, Any]) -> float | None:
    value = given.get("duration_seconds")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Refused(f"duration_seconds has to be a number or null, and is {_kind(value)}.")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds) or seconds < 0:
        raise _Refused("duration_seconds has to be a number from 0 up, or null to run until interrupted.")
    return seconds


def _flag(given: Mapping[str, Any]) -> bool:
    value = given.get("auto_generate_workflows")
    if value is None:
        return True
    if not isinstance(value, bool):
        raise _Refused(f"auto_generate_workflows has to be true or false, and is {_kind(value)}.")
    return value


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "an object"
