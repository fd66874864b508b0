"""Notices of listeners in a real terminal: by the console, between its frames."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.processes import environment
from tests.support.terminal import console, modes_left

CONFIG = """
[listeners.note]
kind = "notice"
how = "{how}"
signals = "sandbox.standing"
"""


@pytest.mark.parametrize(
    ("how", "tmux", "sequence"),
    [
        ("osc9", "", b"\x1b]9;evolver: sandbox.standing"),
        ("osc777", "", b"\x1b]777;notify;evolver;sandbox.standing"),
        ("osc9", "/tmp/tmux-0/default,1,0", b"\x1bPtmux;\x1b\x1b]9;evolver: sandbox.standing"),
        ("bell", "", b"\x07"),
    ],
)
def test_the_console_shows_a_notice(tmp_path: Path, how: str, tmux: str, sequence: bytes) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text(CONFIG.format(how=how))
    with console(tmp_path, "--no-worker", environ=environment(tmp_path, TMUX=tmux)) as terminal:
        terminal.wait_until(lambda _: sequence in terminal.raw, "the notice")
        terminal.signal(signal.SIGTERM)
        terminal.wait()
        assert modes_left(terminal.raw) == []
