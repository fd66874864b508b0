"""All the signals that the program emits, by name.

docs/signals.md is made from it. What a routine of somebody else tells by `run.emit`, a plug-in by `emit_signal`, has a
name of its own and does not stand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from evolver_tui.core.signal import SignalType
from evolver_tui.core.signal_catalogue import (
    author_signals,
    conversation_signals,
    hub_signals,
    inbox_signals,
    listener_signals,
    progress_signals,
    routine_signals,
    rule_signals,
    session_signals,
    task_signals,
    training_signals,
    workflow_signals,
)

_MODULES: Final = (
    session_signals,
    hub_signals,
    task_signals,
    inbox_signals,
    routine_signals,
    author_signals,
    conversation_signals,
    listener_signals,
    rule_signals,
    workflow_signals,
    training_signals,
    progress_signals,
)

CATALOGUE: Final[Mapping[str, SignalType[Any]]] = {
    each.name: each for module in _MODULES for each in vars(module).values() if isinstance(each, SignalType)
}
