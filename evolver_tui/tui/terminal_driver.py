"""Textual's driver for a terminal, for keyboards of any encoding and for a terminal that others had meanwhile."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import signal
import sys
import termios
import tty
from functools import partial
from typing import Any

from textual import events
from textual.drivers import linux_driver
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

_IS_DECODED = "utf-8"
"""What Textual asks a decoder for, whatever the terminal sends."""


def keyboard_encoding(encoding: str | None) -> str:
    """The encoding of what a terminal sends, by the one that Python found: beyond ASCII it is UTF-8 then."""
    try:
        name = codecs.lookup(encoding or "").name
    except LookupError:
        name = "ascii"
    return _IS_DECODED if name == "ascii" else name


def _make_decoder(encoding: str) -> Any:
    """A decoder that never refuses: a byte that is no character here is no reason for the console to end."""
    del encoding
    found = keyboard_encoding(sys.__stdin__.encoding if sys.__stdin__ is not None else None)
    return partial(codecs.getincrementaldecoder(found), errors="replace")


setattr(linux_driver, "getincrementaldecoder", _make_decoder)  # noqa: B010 - Textual has no other way in


class TerminalDriver(LinuxDriver):
    """The terminal while it is the console's."""

    @property
    def is_lent(self) -> bool:
        """Whether another program, e.g. an editor, has the terminal."""
        return not self._auto_restart

    @property
    def is_in_front(self) -> bool:
        """Whether this process may use the terminal; one in the background is stopped when it tries to."""
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:  # there is none any longer
            return True

    def start_application_mode(self) -> None:
        """Take the terminal, and hear of its size."""
        super().start_application_mode()  # type: ignore[no-untyped-call]
        loop = asyncio.get_running_loop()
        # Textual measures in the signal's handler, which the next signal interrupts: the older size may come last then.
        signal.signal(signal.SIGWINCH, lambda *_: loop.call_soon_threadsafe(self._tell_size))

    def _tell_size(self) -> None:
        if not self._in_band_window_resize:
            size = Size(*self._get_terminal_size())
            self._app.post_message(events.Resize(size, size))

    def reclaim(self) -> None:
        """Take the terminal as it was taken at the start, after somebody else had it unasked; draws nothing yet."""
        with contextlib.suppress(termios.error):
            attributes = termios.tcgetattr(self.fileno)
            attributes[tty.LFLAG] = self._patch_lflag(attributes[tty.LFLAG])
            attributes[tty.IFLAG] = self._patch_iflag(attributes[tty.IFLAG])
            attributes[tty.CC][termios.VMIN] = 1
            termios.tcsetattr(self.fileno, termios.TCSANOW, attributes)
        self.write("\x1b[?1049h\x1b[?25l\x1b[?1004h")
        self._enable_mouse_support()
        self._enable_bracketed_paste()
        self._disable_line_wrap()
        self.flush()
        os.kill(os.getpid(), signal.SIGWINCH)  # it may have another size, and everything is drawn anew
