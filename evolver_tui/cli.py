"""The front door: arguments, wiring, exit codes."""

from __future__ import annotations


def main() -> int:
    """Run `evolver-tui` with the process's arguments; returns the exit code."""
    return 0
