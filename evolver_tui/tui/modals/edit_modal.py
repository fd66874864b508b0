"""The edit modal: a draft's code, to be mended in the console, with the checks running behind the keys."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.events import Key
from textual.widgets import Static, TextArea

from evolver_tui.core.edit_verdict import EditVerdict
from evolver_tui.core.node import Risk
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.code_editor.code_area import CodeArea
from evolver_tui.tui.code_editor.code_text import reason_against_handing_in
from evolver_tui.tui.decision_keys import Role
from evolver_tui.tui.drawing.styles import ASCII_SYMBOLS, Symbols, css_style
from evolver_tui.tui.modals.leave_modal import LeaveModal, Leaving
from evolver_tui.tui.modals.modal import Clock, Modal
from evolver_tui.tui.modals.question_modal import SEND_KEY

SECONDS_UNTIL_CHECKED = 0.3
"""After the latest key, until the checks read what was written."""

CheckCode = Callable[[str], Awaitable[EditVerdict]]
"""What the checks say of code; it takes as long as they do."""

_RISK_STYLES = {Risk.LOW: "ok", Risk.MEDIUM: "warn", Risk.HIGH: "error"}
_AGAIN = "The same draft opens with it."
_OVER = "The draft was decided about meanwhile, so it comes back only where that is undone; ^o copies it."


class EditModal(Modal[str]):
    """Ends with the code that is handed in, or None. What was left and kept stands in `kept` then."""

    DEFAULT_CSS = """
    EditModal > #window {
        width: 120;
        height: 100%;
        padding: 0 1;
    }
    EditModal #verdict {
        height: auto;
    }
    EditModal .verdict {
        height: 1;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    # They take their turn behind what was typed before them: a burst ends where it would have ended key by key.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+tab", "dedent", show=False),
        Binding(SEND_KEY, "send", show=False),
        Binding("ctrl+g", "go_to_finding", show=False),
        Binding("ctrl+o", "copy_code", show=False),
    ]

    def __init__(
        self, node_id: str, code: str, begun: str = "", *, check: CheckCode, copy: Callable[[str], Awaitable[None]],
        keep: Callable[[str], Awaitable[None]] | None = None, line: int = 0, now: Clock = time.monotonic,
    ) -> None:  # fmt: skip
        """Args:
        node_id: the draft's.
        code: the draft's.
        begun: what was written before, where that was kept; empty where nothing was.
        check: tells what the checks say.
        copy: copies a text to where a person finds it, and says where that is.
        keep: keeps what was written so far, in case the console ends.
        line: where the cursor stands first, counted from 1; 0 is the first one.
        now: counts the time until keys are taken.
        """
        super().__init__(f"Edit {node_id}", now=now)
        self._node_id, self._before = node_id, code
        self._check, self._copy, self._keep = check, copy, keep
        self._area = CodeArea(begun or code, line)
        self._checks, self._risk = Static(classes="verdict", markup=False), Static(classes="verdict", markup=False)
        self.verdict: EditVerdict | None = None
        """What the checks said last; None before they said anything."""
        self._typed = asyncio.Event()
        """Set with each change, until the checks begin to read it."""
        self._typed.set()
        self._is_decided = False
        """Whether the draft was decided about while something else stood here."""
        self.kept = ""
        """What was left here to go on with; empty for nothing."""

    def compose_body(self) -> ComposeResult:
        """The code, and what the checks say of it."""
        yield self._area
        with Vertical(id="verdict"):
            yield self._checks
            yield self._risk

    def on_mount(self) -> None:
        """Begin to read along."""
        super().on_mount()
        self._area.focus()
        self.run_worker(self._read_along(), name="check")

    @property
    def code(self) -> str:
        """The code as it stands there."""
        return self._area.text

    @property
    def is_changed(self) -> bool:
        """Whether it is another one than the draft's."""
        return self.code != self._before

    def key_line(self) -> str:
        """Hand in, take back, find, copy, leave."""
        if self._is_decided:
            return "^o copy · esc leave"
        return "^s hand in · ^_ undo · ^y redo · ^g finding · ^o copy · esc leave"

    def role_of(self, event: Key) -> Role:
        """Enter and tab are typed here, and another key hands in."""
        if event.key == SEND_KEY:
            return Role.ANSWERS
        return Role.TYPES if event.key in ("enter", "tab") else super().role_of(event)

    # --- the checks

    @on(TextArea.Changed)
    def _changed(self) -> None:
        self._typed.set()
        self._show_verdict()

    async def _read_along(self) -> None:
        """Have the checks read what stands here, once nothing was typed for a moment; one reading at a time."""
        while True:
            await self._typed.wait()
            while self._typed.is_set():
                self._typed.clear()
                await asyncio.sleep(SECONDS_UNTIL_CHECKED if self.verdict is not None else 0)
            code = self.code
            if self._keep is not None and not self._is_saving:
                await self._keep(code if code != self._before else "")
            verdict = await self._check(code)
            if not self._typed.is_set():
                self.verdict = verdict
                self._area.mark_failed(verdict.failed_lines)
            self._show_verdict()

    def _show_verdict(self) -> None:
        """What the checks say; while they have not read the latest keys, what they said before, as such."""
        verdict = self.verdict
        if verdict is None:
            self._checks.update(Content.styled("the checks read it", css_style("dim")))
            return
        symbols = ASCII_SYMBOLS if self.is_plain else Symbols()
        sign, style = (symbols.approved, "ok") if verdict.can_be_approved else (symbols.rejected, "error")
        risk = _RISK_STYLES[verdict.risk]
        if self._typed.is_set():
            sign, style, risk = symbols.waiting, "dim", "dim"
        self._checks.update(Content.assemble((f"{sign} ", css_style(style)), verdict.checks))
        self._risk.update(Content.assemble("  ", (verdict.risk_words, css_style(risk))))

    # --- keys

    def action_dedent(self) -> None:
        """To the left; to the right is a key that the code takes itself."""
        self._area.dedent()

    def action_go_to_finding(self) -> None:
        """To the next line about which the checks have something to say, from the top again after the last one."""
        lines = self.verdict.lines if self.verdict is not None else ()
        if not lines:
            self.tell("The checks have nothing to say about any line.")
            return
        here = self._area.cursor_location[0] + 1
        self._area.go_to_line(next((line for line in lines if line > here), lines[0]))

    async def action_copy_code(self) -> None:
        """Copy all of it."""
        await self._copy(self.code)

    def action_send(self) -> None:
        """Hand it in, unless that is impossible or there is nothing to hand in."""
        reason = reason_against_handing_in(self.code)
        if self._is_decided:
            self.tell("The draft was decided about meanwhile: this cannot be handed in any more.")
        elif not self.is_changed:
            self.tell("Nothing was changed.")
        elif reason:
            self.tell(f"{reason} It cannot be handed in like this.")
        else:
            self.finish(self.code, SEND_KEY)

    def action_cancel(self) -> None:
        """Leave, once all that was typed before stands there: escape does not wait for its turn by itself."""
        self._area.call_later(self._leave_or_ask)

    def _leave_or_ask(self) -> None:
        """Leave at once, or ask what becomes of what was changed."""
        if not self.is_changed:
            self.finish(None)
        elif self.is_armed and not self._is_saving:
            modal = LeaveModal(self._node_id, _OVER if self._is_decided else _AGAIN, now=self._now)
            self.app.push_screen(modal, self._leave)

    def _leave(self, leaving: Leaving | None) -> None:
        if leaving is not None:
            self.kept = self.code if leaving is Leaving.KEEP else ""
            self.finish_now(None)

    def withdraw(self) -> None:
        """Close, unless something was written here: then that stays until the person leaves it."""
        if not self.is_changed:
            super().withdraw()
            return
        self._is_decided = True
        if not self._is_saving:
            self.show_keys(self.key_line())

    def tell(self, text: str) -> None:
        """Say why a key did nothing."""
        super().tell(safe_text(text, 300))
