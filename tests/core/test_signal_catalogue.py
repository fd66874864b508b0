"""The catalogue of signals: nothing is named twice, nothing is emitted around it, and its page tells the truth."""

from __future__ import annotations

import ast
import pkgutil
import re
import runpy
from importlib import import_module
from pathlib import Path

import evolver_tui
from evolver_tui.core import signal_catalogue
from evolver_tui.core.signal import LEVELS, Observation, Signal, SignalType
from evolver_tui.core.signal_catalogue import task_signals
from evolver_tui.core.signal_catalogue.author_signals import LLM_GENERATION_ERROR
from evolver_tui.core.signal_catalogue.catalogue import CATALOGUE
from evolver_tui.core.signal_catalogue.task_signals import TASK_FAILED, TASK_STARTED
from evolver_tui.core.signal_name import SignalName
from evolver_tui.engine.signals import SignalBus, SignalRegistry

PACKAGE = Path(evolver_tui.__file__).parent
PREFIX = f"{signal_catalogue.__name__}."
PAGE = PACKAGE.parent / "docs" / "signals.md"


def test_each_name_stands_there_once() -> None:
    modules = [import_module(found.name) for found in pkgutil.iter_modules(signal_catalogue.__path__, PREFIX)]
    constants = [each for module in modules for each in vars(module).values() if isinstance(each, SignalType)]
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
        if file.parent != Path(signal_catalogue.__file__).parent and file.name != "signal_name.py"
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
    assert not hasattr(task_signals, "TASK_STRATED")


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


def test_the_page_is_made_of_it() -> None:
    make_page = runpy.run_path(str(PAGE.with_name("make_signals_page.py")))["page"]
    told = PAGE.read_text(encoding="utf-8")
    assert make_page(told) == told, "python docs/make_signals_page.py brings the page up to date"
    assert all(f"`{name}`" in told for name in CATALOGUE)


def test_each_name_has_its_constant_for_listeners() -> None:
    assert {str(name) for name in SignalName} == set(CATALOGUE)
