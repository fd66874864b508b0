"""The config's section on the file of signals."""

from __future__ import annotations

from dataclasses import dataclass

from evolver_tui.settings.setting import setting
from evolver_tui.settings.values import between, one_line


@dataclass(frozen=True, slots=True)
class SignalFileConfig:
    """A file of signals for other programs, one JSON object a line."""

    path: str = setting("", "The file; ~ is the home folder. Empty: none is written.", one_line)
    signals: str = setting(
        "", "Which: words as in the feed's filter, e.g. 'llm.* level:warning'. Empty: all of them.", one_line
    )
    max_mb: float = setting(10.0, "A file that grows larger becomes NAME.1, in MB.", between(0.001, 100_000))
    keep: int = setting(5, "How many older files stay.", between(0, 1000))
