"""What a person notices who looks elsewhere: the window's title, and one bell while the terminal has no focus."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from evolver_tui.tui.terminal_notice import notice_sequence

if TYPE_CHECKING:
    from textual.app import App
    from textual.dom import DOMNode

    from evolver_tui.engine.session import Session
    from evolver_tui.tui.desk_settings import DeskSettings

_WITHOUT_TITLE = ("", "dumb", "linux", "unknown")
"""Terminals (`TERM`) that have no title, or print what would set it."""

_KEEP_TITLE, _GIVE_TITLE_BACK = "\x1b[22;2t", "\x1b[23;2t"


class Attention:
    """Says how many jobs need a person.

    Whether the terminal has the focus is known where it reports that (inside tmux: with `focus-events on`). Where it
    does not, it counts as looked at, and the bell is silent.

    Args:
        write: sends a sequence to the terminal.
        ring: rings its bell.
        term: the terminal's kind, as in the environment's `TERM`.
        plain: whether the title is ASCII alone.
    """

    def __init__(self, write: Callable[[str], None], ring: Callable[[], None], term: str, *, plain: bool) -> None:
        self._write = write
        self._ring = ring
        self._has_title = term not in _WITHOUT_TITLE
        self._dot = "-" if plain else "·"
        self._needs_you: int | None = None
        self._has_rung = False
        self._title = ""
        """What was written; empty while the title is not ours."""
        self._is_lent = False

    def update(self, needs_you: int, is_looked_at: bool) -> None:
        """Take notice of how many jobs need a person, and whether one looks at the terminal.

        The bell rings once until somebody looks or nothing is left to do: a busy night is one bell, not a thousand.
        """
        before, self._needs_you = self._needs_you, needs_you
        if is_looked_at or not needs_you:
            self._has_rung = False
        elif before is not None and needs_you > before and not self._has_rung and not self._is_lent:
            self._has_rung = True
            self._ring()
        self._show_title()

    def show_notice(self, sequence: str) -> None:
        """Have the terminal show a notice (`terminal_notice.py`), unless another program has it."""
        if not self._is_lent:
            self._write(sequence)

    def lend(self) -> None:
        """Let another program have the terminal, with the title that it had."""
        if self._title:
            # Terminals that keep no titles fall back on none, and the next program sets its own.
            self._write(f"\x1b]2;\x1b\\{_GIVE_TITLE_BACK}")
        self._title = ""
        self._is_lent = True

    def take_back(self) -> None:
        """Go on where `lend` stopped."""
        self._is_lent = False
        self._show_title()

    def give_up(self) -> None:
        """Write nothing more: the terminal is gone."""
        self._title = ""
        self._is_lent = True

    def _show_title(self) -> None:
        if self._is_lent or not self._has_title or self._needs_you is None:
            return
        title = title_of(self._needs_you, self._dot)
        if title != self._title:
            keep = "" if self._title else _KEEP_TITLE
            self._title = title
            # Ended by ST: a terminal that does not know titles would ring at BEL.
            self._write(f"{keep}\x1b]2;{title}\x1b\\")


def title_of(needs_you: int, dot: str = "·") -> str:
    """`evolver`, `evolver · 1 needs you`, `evolver · 3 need you`."""
    if not needs_you:
        return "evolver"
    return f"evolver {dot} {needs_you:,} {'needs' if needs_you == 1 else 'need'} you"


def attend(app: App[Any], owner: DOMNode, settings: DeskSettings) -> Attention:
    """Show in the window's title how many jobs need a person, and lend that title away with the terminal."""

    def write(sequence: str) -> None:
        driver = app._driver  # Textual has no other way to send what is not drawn
        if driver is not None:
            driver.write(sequence)

    term = os.environ.get("TERM", "") if settings.has_title else ""
    ring = app.bell if settings.has_bell else _be_silent
    attention = Attention(write, ring, term, plain=settings.plain)
    app.app_suspend_signal.subscribe(owner, lambda _: attention.lend(), immediate=True)
    app.app_resume_signal.subscribe(owner, lambda _: attention.take_back(), immediate=True)
    return attention


def show_notices(session: Session, attention: Attention) -> None:
    """Have the terminal show what the session's listeners bring to a person's notice."""
    loop = asyncio.get_running_loop()

    def show(how: str, text: str) -> None:
        with contextlib.suppress(RuntimeError):  # the console has ended
            loop.call_soon_threadsafe(attention.show_notice, notice_sequence(how, text, os.environ))

    session.show_notices(show)


def _be_silent() -> None:
    """In the bell's place where the config wants none."""
