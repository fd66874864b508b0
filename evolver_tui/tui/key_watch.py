"""An app that sees every key before it does anything, and holds actions back until their keys were alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, runtime_checkable

from textual import _time, events
from textual.app import App, ReturnType
from textual.driver import Driver
from textual.notifications import Notification
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.decision_keys import NOT_ALONE, DecisionKeys, Role
from evolver_tui.tui.drawing.notice_line import NoticeLine

if TYPE_CHECKING:
    from evolver_tui.core.job import QueueRow

_SECONDS_BETWEEN_LOOKS = 0.02
_PRIORITY_KEYS = ("ctrl+c", "ctrl+q", "ctrl+z", "ctrl+backslash")
"""Leave, or suspend, in any case; no text holds one."""
NOTICES_KEPT = 100
"""For looking back."""
SECONDS_TO_READ_AN_ERROR = 10.0
"""How long a notice of an error stands; other ones stand half as long."""

Severity = Literal["information", "warning", "error"]

PASTED = "What was pasted did nothing: there is no line to write it into."


@runtime_checkable
class KeyScreen(Protocol):
    """A screen that says what keys do on it."""

    def role_of(self, event: events.Key) -> Role:
        """What a key does here at this moment."""

    def take_key(self, event: events.Key) -> bool:
        """Do what a key means, at once; False where it is for a widget to take."""

    def tell(self, text: str) -> None:
        """Say why a key did nothing."""


def takes_text(widget: Widget | None) -> bool:
    """Whether printable keys and what is pasted go into a widget: a line, or what says that it `holds_text`."""
    return isinstance(widget, Input) or getattr(widget, "holds_text", False)


class KeyApp(App[ReturnType], Generic[ReturnType]):
    """Hands each key to the screen in front, in the order in which they were pressed."""

    def __init__(self, now: Callable[[], float], driver: type[Driver] | None = None) -> None:
        """Args:
        now: seconds that only count up.
        driver: what the terminal is driven by; Textual's own where none is given.
        """
        super().__init__(driver_class=driver)
        self.decision_keys = DecisionKeys(now)
        self._looking: Timer | None = None
        self._hears_since = 0.0
        """By the clock of Textual's events."""
        self._saying: set[str] = set()
        """Notices that are on their way to the screen."""
        self._said: deque[Notification] = deque(maxlen=NOTICES_KEPT)

    def say(self, text: str, severity: Severity = "information") -> None:
        """Show a notice, unless it stands there already."""
        text = safe_text(text, 1_000)
        standing = {notice.message for notice in self._notifications}  # Textual has no other list of them
        if text not in standing | self._saying:
            timeout = SECONDS_TO_READ_AN_ERROR if severity == "error" else None
            self.notify(text, severity=severity, timeout=timeout, markup=False)
            self._saying.add(text)
            self.call_later(lambda: self._saying.discard(text))  # behind the notice in the same queue

    def say_path(self, words: str, folder: str, name: str) -> None:
        """Show a notice that ends in a file's path; of that, the folder gives way where the row is short."""
        self.notify("\n".join((words, safe_text(folder, 500), safe_text(name, 200))), markup=False)

    @property
    def latest_notices(self) -> Iterable[Notification]:
        """The latest notices, oldest first, whether they stand still or not."""
        return tuple(self._said)

    def _refresh_notifications(self) -> None:
        """Have the screen in front say what was said; Textual would lay it over the screen's lower part."""
        for notice in self._notifications:
            if notice not in self._said:
                self._said.append(notice)
        for screen in self.screen_stack:
            for line in screen.query(NoticeLine):
                line.show(tuple(self._notifications) if screen is self.screen else ())

    def show_task(self, row: QueueRow) -> None:
        """Put a task in front, whatever view is."""

    def action_suspend_console(self) -> None:
        """Go back to the shell, until that goes on with the console."""

    def forget_keys(self) -> None:
        """Let nothing that was typed until now act: it was meant for somebody else, as the shell is after ctrl+z."""
        self._hears_since = _time.get_time()

    async def on_event(self, event: events.Event) -> None:
        """Look at a key or a paste before anything else does."""
        if isinstance(event, (events.Key, events.Paste)) and event.time < self._hears_since:
            return
        if isinstance(event, events.Key) and not event.is_forwarded and self._is_taken(event):
            return
        if isinstance(event, events.Paste) and not event.is_forwarded and not takes_text(self.focused):
            self.decision_keys.paste(self.screen)
            if isinstance(self.screen, KeyScreen):
                self.screen.tell(PASTED)
            return
        await super().on_event(event)

    def _is_taken(self, event: events.Key) -> bool:
        self.app_focus = True  # a terminal that sends keys has the focus, whatever it said before
        screen = self.screen
        is_typed = event.is_printable or event.key in ("enter", "tab")
        if event.key in _PRIORITY_KEYS:
            self.decision_keys.press(event.key, Role.MOVES, screen, is_typed=False)
            return False
        if not isinstance(screen, KeyScreen):  # the palette: its text decides nothing, and its actions are looked at
            self.decision_keys.press(event.key, Role.TYPES, screen, is_typed=is_typed)
            return False
        reason = self.decision_keys.press(event.key, screen.role_of(event), screen, is_typed=is_typed)
        if reason:
            screen.tell(reason)
            return True
        return screen.take_key(event)

    def hold(self, key: str, seconds: float, action: Callable[[], None]) -> None:
        """Do something once its key was alone for some seconds; where it is not, that is said."""
        if not self.decision_keys.hold(key, seconds, action):
            if isinstance(self.screen, KeyScreen):
                self.screen.tell(NOT_ALONE)
            return
        if self._looking is None:
            self._looking = self.set_interval(_SECONDS_BETWEEN_LOOKS, self._look)
        else:
            self._looking.resume()

    def _look(self) -> None:
        if self.decision_keys.is_holding:
            self.call_later(self._do_what_is_due)  # behind every key that came while this process was busy
        elif self._looking is not None:
            self._looking.pause()

    def _do_what_is_due(self) -> None:
        action = self.decision_keys.take_due()
        if action is not None:
            action()


def key_app(app: App[Any]) -> KeyApp[Any]:
    """The app as what it is: every screen of the console lies on one."""
    assert isinstance(app, KeyApp)
    return app
