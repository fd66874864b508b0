"""A listener of somebody else: reacts to tasks, and says so."""

from __future__ import annotations

from evolver_tui.signals import Signal, SignalName, SignalRegistry, emit_signal


def listen(registry: SignalRegistry) -> None:
    """What the entry point names."""
    registry.register(SignalName.TASK_QUEUED, tell_crm, apart=True)


def tell_crm(signal: Signal) -> None:
    """React to one task."""
    emit_signal("custom.crm_told", {"task_id": signal.context["task_id"]}, {"source": "crm-export"})
