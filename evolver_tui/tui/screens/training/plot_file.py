"""Where an exported plot is written."""

from __future__ import annotations

from pathlib import Path

from evolver_tui.tui.new_file import plain_name, write_new


def write_plot(folder: Path, run: str, metric: str, text: str) -> Path:
    """Write a plot to a file of its own; returns its path. Raises UsageError."""
    name = "-".join(filter(None, (plain_name(run), plain_name(metric)))) or "plot"
    return write_new(folder, name, ".svg", text, "The plot")
