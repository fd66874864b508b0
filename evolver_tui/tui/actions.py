"""The one list of everything a key can do: it feeds the keys, the key line, the command palette and the help."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from textual.keys import format_key

PaneName = Literal["queue", "card", "feed", "hub", "inbox"]


class Action(NamedTuple):
    """One thing a person can do."""

    id: str
    """Names it in the config's `[keys]`, e.g. `review.approve`."""
    key: str
    """Its keys in Textual's names, separated by commas; the first one is shown."""
    title: str
    """One or two words, for the key line."""
    help: str
    """One sentence, for help and palette."""
    group: str
    footer: int | None = None
    """Its place in the key line, smallest first; None keeps it out of there."""
    panes: tuple[PaneName, ...] = ()
    """The panes that have to be in focus for it; none means everywhere on the desk."""
    is_local: bool = False
    """Whether the pane itself does it (moving about), and not the desk."""
    is_occasional: bool = False
    """Whether the key line shows it only while it can be done."""
    is_alone: bool = False
    """Whether its key counts only when it is pressed alone (see `decision_keys`): what it does stays."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Its keys, one by one."""
        return tuple(self.key.split(","))

    @property
    def shown_key(self) -> str:
        """Its first key as a person reads it, e.g. `?`, `^p`, `esc`."""
        return shown_key(self.keys[0])

    @property
    def method(self) -> str:
        """The name under which panes implement a local action."""
        return self.id.replace(".", "_")


_LISTS: tuple[PaneName, ...] = ("queue", "card", "feed", "inbox")


def _move(name: str, key: str, title: str, help_text: str) -> Action:
    return Action(f"move.{name}", key, title, help_text, "Moving", None, _LISTS, is_local=True)


ACTIONS: tuple[Action, ...] = (
    Action("review.approve", "a", "approve", "Approve the draft that is on the card.", "Review", 10, ("card",),
           is_alone=True),
    Action("review.reject", "r", "reject", "Send the draft back to the author with a reason.", "Review", 11, ("card",),
           is_alone=True),
    Action("review.reject_plain", "R", "refuse", "Reject the draft without a reason; it asks first, and the task ends.",
           "Review", 12, ("card",), is_alone=True),
    Action("review.edit", "e", "edit", "Change the draft in your editor; checks run again.", "Review", 13, ("card",),
           is_alone=True),
    Action("review.respond", "w", "respond", "Send the author a few words; they do not count as a reject.", "Review",
           34, ("card",), is_alone=True),
    Action("job.retry", "y", "retry", "Queue the failed task again.", "Review", 0, is_occasional=True, is_alone=True),
    Action("job.restore", "U", "restore", "Put a rejected or cancelled task back where it was.", "Review", 0,
           is_occasional=True, is_alone=True),
    Action("card.next_tab", "l,right,right_square_bracket", "next tab", "Show the card's next tab.", "Review",
           35, ("card",), is_local=True),
    Action("card.previous_tab", "h,left,left_square_bracket", "previous tab", "Show the card's previous tab.", "Review",
           None, ("card",), is_local=True),
    Action("card.answer", "enter", "answer this", "Answer the question that is on the card.", "Review", 1, ("card",),
           is_occasional=True),
    Action("question.decline", "f8", "decline", "Refuse to answer the question; it asks first and says what is lost.",
           "Review", 70, ("card",), is_occasional=True, is_alone=True),
    Action("queue.open", "enter", "read", "Go to the card of the selected task.", "Queue", 1, ("queue",)),
    Action("attention.inbox", "i", "inbox", "List everything that needs you, oldest first.", "Queue", 32),
    Action("attention.next", "n", "next", "Select the next task that needs you.", "Queue", 30),
    Action("attention.answer", "o", "answer", "Open the oldest question or review.", "Queue", 31),
    Action("pane.filter", "slash", "filter", "Show only what contains some text: in the feed signals, elsewhere tasks.",
           "Queue", 33),
    Action("job.cancel", "D", "cancel", "End the selected task, whether it waits or runs; it asks first.", "Queue", 61,
           is_alone=True),
    Action("signal.open", "enter", "read", "Read the lowest signal in sight in full.", "Session", 1, ("feed",)),
    Action("intake.pause", "p", "pause", "Pause or resume taking tasks from the hub.", "Session", 40, is_alone=True),
    Action("session.export", "x", "export", "Write this session's log to a file.", "Session", 41, is_alone=True),
    Action("hub.connect", "c", "connect", "Choose a hub.", "Session", 42, is_alone=True),
    Action("hub.retry", "C", "connect now", "Connect now instead of waiting.", "Session", 2, is_occasional=True,
           is_alone=True),
    _move("down", "j,down", "down", "One line down."),
    _move("up", "k,up", "up", "One line up."),
    _move("page_down", "pagedown,ctrl+f,space", "page down", "One page down."),
    _move("page_up", "pageup,ctrl+b,shift+space,b", "page up", "One page up."),
    _move("half_down", "ctrl+d", "half page down", "Half a page down."),
    _move("half_up", "ctrl+u", "half page up", "Half a page up."),
    _move("top", "g,home", "top", "To the first line."),
    _move("bottom", "G,end", "bottom", "To the last line; signals follow from there."),
    Action("pane.next", "tab", "next pane", "Go to the next pane.", "Desk"),
    Action("pane.previous", "shift+tab", "previous pane", "Go to the previous pane.", "Desk"),
    Action("pane.back", "escape", "back", "Leave the filter, the zoom or the card.", "Desk"),
    Action("pane.zoom", "plus", "zoom", "Give this pane the whole desk, or take it back.", "Desk", 50),
    Action("view.desk", "1", "desk", "Show the desk.", "Desk"),
    Action("app.help", "question_mark", "help", "Show every key.", "Desk", 90),
    Action("app.palette", "ctrl+p,colon", "palette", "Find a command by its name.", "Desk", 91),
    Action("app.quit", "q,ctrl+q,ctrl+c", "quit", "Finish what is being written and leave.", "Desk", 60, is_alone=True),
)  # fmt: skip


def bindings_for(overrides: Mapping[str, str], actions: Sequence[Action] = ACTIONS) -> tuple[Action, ...]:
    """The actions with a person's own keys.

    Args:
        overrides: action id to keys (`"ctrl+a"`, `"a,enter"`, `"?"`), as in the config's `[keys]`.

    Raises:
        ConfigError: an id or key is unknown, or two actions would share a key; both are named.
    """
    if not overrides:
        return tuple(actions)
    from evolver_tui.settings.keymap import KeyBinding, check_keymap

    keys = check_keymap({action.id: KeyBinding(action.key, action.panes) for action in actions}, overrides)
    return tuple(action._replace(key=keys.get(action.id, action.key)) for action in actions)


def shown_key(key: str) -> str:
    """A key in Textual's name as a person reads it."""
    *modifiers, last = key.split("+")
    shown = {"enter": "enter", "tab": "tab"}.get(last) or format_key(last)
    return "".join("^" if name == "ctrl" else f"{name}+" for name in modifiers) + shown


class KeyTable:
    """Which action a key means, given the pane in focus: the pane's own actions come before the desk's."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._here = {place: action for action in actions for place in _places(action)}
        decisions = [action for action in actions if action.group == "Review" and not action.is_local]
        self._elsewhere = {key: action for action in decisions if not action.is_occasional for key in action.keys}

    def find(self, pane: str, key: str) -> Action | None:
        """The action, or None. A decision is found from every pane, so that the desk can say that it needs the card."""
        return self._here.get((pane, key)) or self._here.get(("", key)) or self._elsewhere.get(key)


def _places(action: Action) -> Iterator[tuple[str, str]]:
    """Pane and key wherever one of its keys means this action; no pane means any."""
    for key in action.keys:
        for pane in action.panes or ("",):
            yield pane, key
