"""The catalogue of signals: nothing is named twice, nothing is emitted around it, and its page tells the truth."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import evolver_tui
from evolver_tui.core import signal_catalogue
from evolver_tui.core.signal import LEVELS, Observation, Signal, SignalType
from evolver_tui.core.signal_catalogue import (
    CATALOGUE,
    LLM_GENERATION_ERROR,
    TASK_FAILED,
    TASK_STARTED,
)
from evolver_tui.engine.signals import SignalBus, SignalRegistry

PACKAGE = Path(evolver_tui.__file__).parent
PAGE = PACKAGE.parent / "docs" / "signals.md"


def test_each_name_stands_there_once() -> None:
    constants = [value for value in vars(signal_catalogue).values() if isinstance(value, SignalType)]
    assert len(constants) == len(CATALOGUE) > 40
    for each in constants:
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", each.name)
        assert each.tells.endswith(".")
        assert each.level in (None, *LEVELS)


def test_no_other_module_writes_a_name_out() -> None:
    """A name that stands in a text is one that no type checker looks at."""
    written = [
        f"{file.relative_to(PACKAGE)}:{node.lineno} {node.value}"
        for file in PACKAGE.rglob("*.py")
        if file != Path(signal_catalogue.__file__)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in CATALOGUE
    ]
    assert written == []


def test_nothing_is_observed_under_a_name_that_is_written_out() -> None:
    written = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in ("Observation", "emit")
        and any(isinstance(argument, ast.Constant | ast.JoinedStr) for argument in node.args[:1])
    ]
    assert written == []


def test_a_wrong_field_or_constant_is_a_type_error() -> None:
    """Each line below is one; `mypy --strict` says so by its silence about comments that nothing needs."""
    TASK_STARTED({"queue_size": 1, "attemp": 1})  # type: ignore[typeddict-unknown-key, typeddict-item]
    TASK_STARTED({"queue_size": "1", "attempt": 1})  # type: ignore[typeddict-item]
    TASK_STARTED({"queue_size": 1})  # type: ignore[typeddict-item]
    LLM_GENERATION_ERROR({"error": "", "backend": ""}, level="worse")  # type: ignore[arg-type]
    bus = SignalBus("s", lambda: 0.0, lambda signals: None, SignalRegistry())
    bus.emit(TASK_STARTED({"queue_size": 1, "attempt": 1}), taskid="t")  # type: ignore[call-arg]
    assert not hasattr(signal_catalogue, "TASK_STRATED")


def test_an_observation_becomes_a_signal() -> None:
    heard: list[Signal] = []
    bus = SignalBus("s", lambda: 5.0, heard.extend, SignalRegistry())
    bus.emit(TASK_FAILED({"error": "No."}), task_id="t", job=3)
    bus.emit(TASK_STARTED({"queue_size": 2, "attempt": 1}), task_id="t", job=3, session_id="other")
    bus.emit(LLM_GENERATION_ERROR({"error": "No.", "backend": "b"}, level="error"))
    bus.emit(Observation("mine.own", {"any": 1}))
    assert [(signal.name, signal.payload, signal.context) for signal in heard] == [
        ("task.failed", {"error": "No."},
         {"timestamp": 5.0, "session_id": "s", "level": "error", "task_id": "t", "job": 3}),
        ("task.started", {"queue_size": 2, "attempt": 1},
         {"timestamp": 5.0, "session_id": "other", "task_id": "t", "job": 3}),
        ("llm.generation_error", {"error": "No.", "backend": "b"},
         {"timestamp": 5.0, "session_id": "s", "level": "error"}),
        ("mine.own", {"any": 1}, {"timestamp": 5.0, "session_id": "s"}),
    ]  # fmt: skip
    assert TASK_FAILED.payload_of(heard[0]) == {"error": "No."}
    assert TASK_FAILED.payload_of(heard[1]) is None


def test_the_page_lists_them_all() -> None:
    told = PAGE.read_text(encoding="utf-8").partition("<!-- catalogue -->\n")[2].partition("<!-- end -->")[0]
    table = "\n".join(_table()) + "\n"
    assert told == table, f"What {PAGE.name} has to hold between its two comments:\n\n{table}"


def _table() -> Iterator[str]:
    yield "| Signal | Level | When | Payload |"
    yield "| --- | --- | --- | --- |"
    for each in CATALOGUE.values():
        yield f"| `{each.name}` | {each.level or 'info'} | {each.tells} | {_payload(each.payload)} |"


def _payload(kind: type[Any]) -> str:
    """Each field and what JSON it is, then what it means."""
    fields = [
        f"`{name}{'' if name in kind.__required_keys__ else '?'}` {_in_words(each)}"
        for name, each in get_type_hints(kind).items()
    ]
    return f"{', '.join(fields)}. {inspect.getdoc(kind)}" if fields else ""


def _in_words(kind: Any) -> str:
    if get_origin(kind) is UnionType:
        return " or ".join(map(_in_words, get_args(kind)))
    if get_origin(kind) is list:
        return f"list of {_in_words(get_args(kind)[0])}s"
    if get_origin(kind) is Mapping:
        return "object"
    return {str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null"}[kind]
