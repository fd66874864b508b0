"""What a listener to signals needs. Importing this loads neither the console nor a database nor any library.

    from evolver_tui.signals import Signal, SignalName, get_signal_registry

    def on_saved(signal: Signal) -> None:
        print(signal.payload["node_id"])

    get_signal_registry().register(SignalName.NODE_SAVED, on_saved)

docs/signals.md has the whole of it.
"""

from __future__ import annotations

from evolver_tui.core.errors import SignalNameError
from evolver_tui.core.signal import Signal, SignalEmittedEvent
from evolver_tui.core.signal_name import SignalName
from evolver_tui.engine.signals import Listener, SignalRegistry, emit_signal, get_signal_registry

__all__ = (
    "Listener",
    "Signal",
    "SignalEmittedEvent",
    "SignalName",
    "SignalNameError",
    "SignalRegistry",
    "emit_signal",
    "get_signal_registry",
)
