"""What libraries log: lines on standard error, for as long as nobody sends them elsewhere."""

from __future__ import annotations

import logging

from evolver_tui.core.safe_text import safe_block


class _SafeLines(logging.Formatter):
    """Quotes strangers, as libraries do that log what they received, without letting them steer the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's text, safe to draw."""
        return safe_block(super().format(record))


def make_log_lines_safe() -> None:
    """Let nothing steer the terminal that Python writes of a log on its own account."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_SafeLines())
