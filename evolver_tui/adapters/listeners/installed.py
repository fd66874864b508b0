"""Listeners of installed packages: an entry point names a function that takes the registry."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from evolver_tui.core.address import show_addresses
from evolver_tui.core.safe_text import safe_text
from evolver_tui.engine.signals import SignalRegistry

GROUP = "evolver_tui.listeners"
"""The entry point group."""

_MOST_ERROR_CHARACTERS = 200
_attached: set[tuple[str, str]] = set()
"""Name and value of those that listen in this process: a session that is made again attaches none twice."""


def attach_installed(registry: SignalRegistry, installed: Sequence[EntryPoint] | None = None) -> tuple[str, ...]:
    """Let listeners of installed packages register themselves; returns what went wrong, a sentence each.

    Args:
        installed: None looks among the installed packages.
    """
    notices = []
    for point in sorted(entry_points(group=GROUP) if installed is None else installed, key=lambda each: each.name):
        if (point.name, point.value) in _attached:
            continue
        _attached.add((point.name, point.value))
        try:
            point.load()(registry)
        except Exception as error:  # noqa: BLE001 - whatever a package does, the session begins
            why = safe_text(show_addresses(f"{type(error).__name__}: {error}"), _MOST_ERROR_CHARACTERS)
            package = safe_text(point.dist.name if point.dist is not None else point.value, 60)
            notices.append(f"The listener {safe_text(point.name, 60)} of the package {package} cannot be used: {why}.")
    return tuple(notices)
