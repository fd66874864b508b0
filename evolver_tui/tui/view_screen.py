"""What every view is: a screen whose keys do the actions of its keymap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from textual import events
from textual.screen import Screen

from evolver_tui.tui.actions import Action, AnyAction
from evolver_tui.tui.context import ViewContext
from evolver_tui.tui.decision_keys import SECONDS_ALONE, Role
from evolver_tui.tui.drawing.pane import Pane
from evolver_tui.tui.key_watch import key_app

if TYPE_CHECKING:
    from evolver_tui.engine.session import Session

C = TypeVar("C", bound=ViewContext)


class ViewScreen(Screen[None], Generic[C]):
    """Finds the action of a key, says why it cannot be done, or does it in the view's context."""

    context: C
    """What the view's actions see of it; made by the view."""

    def attach(self, session: Session) -> None:
        """Show a session that is open."""

    async def detach(self) -> None:
        """Let go of what the view opened for itself: the session is about to end. Takes a second at most."""

    @property
    def pane_in_focus(self) -> str:
        """The name of the pane that has the focus, also while a dialog lies over the view."""
        return self.context.pane_in_focus

    # --- keys

    @property
    def _is_typing(self) -> bool:
        return self.focused is not None and not isinstance(self.focused, Pane)

    def role_of(self, event: events.Key) -> Role:
        """What a key does here. While text is typed only the way out means anything else."""
        if self._is_typing:
            return Role.TYPES
        action = self.context.keymap.find(self.pane_in_focus, event.key)
        if action is None:
            return Role.NOTHING
        return Role.DECIDES if action.is_alone else Role.MOVES

    def take_key(self, event: events.Key) -> bool:
        """Do what a key means, at once, so that the next one finds things as it left them; False for text."""
        action = self.context.keymap.find(self.pane_in_focus, event.key)
        if action is None or (self._is_typing and not action.is_way_out):
            return False
        if action.is_alone:
            self._press_alone(action, event.key)
        else:
            self.perform(action)
        return True

    def tell(self, text: str) -> None:
        """Say why a key did nothing."""
        self.context.say(text, "warning")

    def _press_alone(self, action: AnyAction, key: str) -> None:
        """Do an action once its key was alone, if by then it is still about what it was pressed for."""
        reason = self._reason_by_key(action)
        if reason:
            self.tell(reason)
            return
        about = action.subject(self.context)

        def do() -> None:
            if action.subject(self.context) == about:
                self._do(action)
            else:
                self.tell("What you pressed a key for has changed meanwhile: nothing was done.")

        key_app(self.app).hold(key, SECONDS_ALONE, do)

    # --- actions

    def perform(self, action: Action[C]) -> None:
        """Do an action as its key would; what cannot be done now says why."""
        reason = self._reason_by_key(action)
        if reason:
            self.tell(reason)
        else:
            self._do(action)

    def reason_against(self, action: Action[C]) -> str:
        """Why an action cannot be done now, as a sentence; empty when it can."""
        if action.local is not None:
            return ""
        if action.panes and self.pane_in_focus not in action.panes:
            return self.reason_of_focus(action)
        return action.reason(self.context)

    def is_on(self, action: Action[C]) -> bool:
        """Whether what an action switches is on."""
        return action.is_on is not None and action.is_on(self.context)

    def reason_of_focus(self, action: AnyAction) -> str:
        """What an action needs that wants another pane in focus, as a sentence."""
        return f"It needs the {' or '.join(action.panes)} in focus."

    def press_decision(self, reason: str) -> str:
        """Take notice of a key that decides; returns why it cannot, or nothing.

        Args:
            reason: why it cannot whenever it comes; empty when it can.
        """
        return reason

    def _reason_by_key(self, action: Action[C]) -> str:
        reason = self.reason_against(action)
        return self.press_decision(reason) if action.is_decision else reason

    def _do(self, action: Action[C]) -> None:
        work = action.run(self.context)
        if work is not None:
            self.context.start(work, action.id)
