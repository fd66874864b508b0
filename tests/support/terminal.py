"""A process in a real pseudo terminal, and the screen that a person in front of it would see.

What the process writes is kept as raw bytes and drawn by a terminal emulator; tests send keys, wait until something
stands on the screen, change the size, and look at the bytes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

PATIENCE_SECONDS = 30.0
"""Only a hang takes so long."""

_MOST_PRESSES, _SECONDS_FOR_A_KEY = 5, 5.0

WIDE, SMALL = (120, 40), (80, 24)
"""Columns and rows."""

SECONDS_TO_LOOK = 0.45
"""A draft or dialog has to have been on the screen for 0.3 s before a key decides anything, and no other key may have
come for 0.35 s."""

ESCAPE, ENTER, PAGE_DOWN, CTRL_C, F8 = "\x1b", "\r", "\x1b[6~", "\x03", "\x1b[19~"

_KNOWS_FRAMES = b"\x1b[?2026;2$y"
_ASKS_FOR_FRAMES = b"\x1b[?2026$p"
_FRAME_END = b"\x1b[?2026l"
_POINTER_SHAPE = re.compile(rb"\x1b\]22;[a-z-]*\x07")
"""Taken for a window's title by the emulator."""


class Terminal:
    """Runs a command in a terminal. The screen is only ever looked at between two frames."""

    def __init__(
        self, command: Sequence[str], folder: Path, environ: Mapping[str, str], size: tuple[int, int] = WIDE
    ) -> None:
        self._primary, secondary = os.openpty()
        self._waker: int | None
        self._woken, self._waker = os.pipe()
        self.raw = b""
        """Every byte that the process wrote."""
        self._drawn = 0
        self._is_over = False
        self._changed = threading.Condition()
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._set_size(size)
        self._process = subprocess.Popen(
            command, cwd=folder, env={"TERM": "xterm-256color", **environ}, preexec_fn=lambda: os.login_tty(secondary)
        )
        os.close(secondary)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.kill()
        self.close_window()

    # --- what the process writes

    def _read(self) -> None:
        while chunk := self._chunk():
            if _ASKS_FOR_FRAMES in chunk:
                os.write(self._primary, _KNOWS_FRAMES)
            with self._changed:
                self.raw += chunk
                self._draw(self._last_frame_end())
                self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._draw(len(self.raw))
            self._changed.notify_all()

    def _chunk(self) -> bytes:
        ready, _, _ = select.select([self._primary, self._woken], [], [])
        try:
            return os.read(self._primary, 65536) if self._woken not in ready else b""
        except OSError:  # what Linux says once nobody holds the other end
            return b""

    def _last_frame_end(self) -> int:
        """Where the last whole frame is over. Before the first one everything counts: errors come without frames."""
        found = self.raw.rfind(_FRAME_END)
        return found + len(_FRAME_END) if found >= 0 else len(self.raw)

    def _draw(self, end: int) -> None:
        if end > self._drawn:
            self._stream.feed(_POINTER_SHAPE.sub(b"", self.raw[self._drawn : end]))
            self._drawn = end

    # --- what stands on the screen

    @property
    def rows(self) -> list[str]:
        """The screen's rows, without the blanks at their ends."""
        with self._changed:
            return [row.rstrip() for row in self._display()]

    def _display(self) -> list[str]:
        """The screen's rows. A wide character's second cell is empty, also where only that is left of it, which the
        emulator's own rows cannot be read with.
        """
        columns = range(self._screen.columns)
        rows = (self._screen.buffer[y] for y in range(self._screen.lines))
        return ["".join(row[x].data for x in columns) for row in rows]

    @property
    def text(self) -> str:
        """The whole screen."""
        return "\n".join(self.rows)

    def looks(self, text: str) -> set[tuple[bool, bool, bool]]:
        """How the cells of the row are drawn in which `text` stands: bold, reversed, underlined."""
        with self._changed:
            (y,) = [y for y, row in enumerate(self._display()) if text in row]
            start = self._display()[y].index(text)
            cells = [self._screen.buffer[y][x] for x in range(start, start + len(text))]
            return {(cell.bold, cell.reverse, cell.underscore) for cell in cells}

    @property
    def title(self) -> str:
        """The window's title and icon name, where a program set them."""
        with self._changed:
            return f"{self._screen.title}{self._screen.icon_name}"

    def wait_until(self, is_true: Callable[[str], object], what: str = "") -> str:
        """Wait until this is true of the screen's text; returns that text.

        Raises:
            AssertionError: it does not come true, or the process ends first; tells what stands there.
        """
        with self._changed:
            self._changed.wait_for(lambda: is_true(self.text) or self._is_over, PATIENCE_SECONDS)
            text = self.text
            assert is_true(text), f"{what or 'what was waited for'} did not appear:\n{text}"
            return text

    def wait_for(self, *texts: str) -> str:
        """Wait until all of these stand on the screen at once; returns the screen's text."""
        return self.wait_until(lambda screen: all(text in screen for text in texts), " and ".join(map(repr, texts)))

    def wait_without(self, *texts: str) -> str:
        """Wait until none of these stands on the screen; returns the screen's text."""
        return self.wait_until(lambda screen: not any(text in screen for text in texts), f"a screen without {texts}")

    # --- what a person does

    def send(self, keys: str) -> None:
        """Send keys, all in one write."""
        os.write(self._primary, keys.encode())

    def press_until(self, keys: str, is_true: Callable[[str], object], what: str = "") -> str:
        """Press keys that decide, and again where nothing came of it: what a busy machine drew late takes none yet.

        Raises:
            AssertionError: as `wait_until`.
        """
        for _ in range(_MOST_PRESSES):
            look()
            self.send(keys)
            with self._changed:
                self._changed.wait_for(lambda: is_true(self.text) or self._is_over, _SECONDS_FOR_A_KEY)
                if is_true(self.text) or self._is_over:
                    break
        return self.wait_until(is_true, what)

    def resize(self, size: tuple[int, int]) -> None:
        """Pull at the window's corner."""
        columns, lines = size
        with self._changed:
            self._screen.resize(lines, columns)
        self._set_size(size)

    def _set_size(self, size: tuple[int, int]) -> None:
        columns, lines = size
        # The kernel sends SIGWINCH when the size becomes another one.
        fcntl.ioctl(self._primary, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def close_window(self) -> None:
        """Close the terminal itself; the process is told, and nothing that it writes from here on is read."""
        if self._waker is not None:
            os.close(self._waker)
            self._waker = None
            self._reader.join(PATIENCE_SECONDS)
            os.close(self._primary)
            os.close(self._woken)

    # --- its end

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9, with everything that it started in this terminal; nothing happens when it is over."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(PATIENCE_SECONDS)
        self._reader.join(PATIENCE_SECONDS)

    @property
    def is_over(self) -> bool:
        """Whether nobody writes to this terminal any more."""
        return self._is_over

    def wait(self) -> int:
        """Wait for the process to end by itself; returns its exit code, once everything that it wrote was read."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over, PATIENCE_SECONDS)
        try:
            return self._process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"The process did not end:\n{self.text}") from None


_MODES = {
    "alternate screen": (b"\x1b[?1049h", b"\x1b[?1049l"),
    "hidden cursor": (b"\x1b[?25l", b"\x1b[?25h"),
    "mouse clicks": (b"\x1b[?1000h", b"\x1b[?1000l"),
    "mouse motion": (b"\x1b[?1003h", b"\x1b[?1003l"),
    "mouse coordinates": (b"\x1b[?1006h", b"\x1b[?1006l"),
    "focus reports": (b"\x1b[?1004h", b"\x1b[?1004l"),
    "bracketed paste": (b"\x1b[?2004h", b"\x1b[?2004l"),
    "no line wrap": (b"\x1b[?7l", b"\x1b[?7h"),
    "held frame": (b"\x1b[?2026h", b"\x1b[?2026l"),
}


def modes_left(raw: bytes) -> list[str]:
    """What these bytes switch on in a terminal and leave on."""
    left = [name for name, (on, off) in _MODES.items() if raw.rfind(on) > raw.rfind(off)]
    if raw.count(b"\x1b[>") > raw.count(b"\x1b[<u"):
        left.append("key reports")
    return left


def console(
    home: Path, *arguments: str, environ: Mapping[str, str], size: tuple[int, int] = WIDE, folder: Path | None = None
) -> Terminal:
    """`evolver-tui --home HOME ARGUMENTS` in a terminal."""
    command = [sys.executable, "-m", "evolver_tui", "--home", str(home), *arguments]
    return Terminal(command, folder or home, environ, size)


def look() -> None:
    """What a person does before deciding."""
    time.sleep(SECONDS_TO_LOOK)
