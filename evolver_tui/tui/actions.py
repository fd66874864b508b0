"""What an action is: one record from which keys, key line, command palette, help and dispatch all come."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar, cast

from textual.keys import format_key

C_contra = TypeVar("C_contra", contravariant=True)

Work = Coroutine[Any, Any, None]


def always_possible(context: Any) -> str:
    """The reason of an action that can be done at any time."""
    return ""


class Action(NamedTuple, Generic[C_contra]):
    """One thing a person can do, given the context of the view that it is done in."""

    id: str
    """Names it in the config's `[keys]`, e.g. `review.approve`, and nowhere else."""
    key: str
    """Its keys in Textual's names, separated by commas; the first one is shown. Empty for the palette alone."""
    title: str
    """One or two words, for the key line."""
    help: str
    """One sentence, for help and palette."""
    section: str
    """The heading that it stands under in the help."""
    run: Callable[[C_contra], Work | None]
    """Does it. What comes back takes a while and is run beside the keys; the errors it raises become notices."""
    reason: Callable[[C_contra], str] = always_possible
    """Why it cannot be done now, as a sentence; empty when it can."""
    subject: Callable[[C_contra], object] = always_possible
    """What its key is about: equal as long as that lies there. A key that waits to be alone is dropped otherwise."""
    panes: tuple[str, ...] = ()
    """The panes that have to be in focus for it; none means everywhere in the view."""
    footer: int | None = None
    """Its place in the key line, smallest first; None keeps it out of there."""
    local: Callable[[Any], None] | None = None
    """What the pane in focus does by itself (moving about), wherever such a pane is shown; None where the view acts."""
    is_occasional: bool = False
    """Whether the key line shows it only while it can be done."""
    is_always_shown: bool = False
    """Whether the key line shows it whatever pane is in focus, at its end."""
    is_alone: bool = False
    """Whether its key counts only when it is pressed alone (see `decision_keys`): what it does stays."""
    is_decision: bool = False
    """Whether it decides about what is on the card; its key is then answered from every pane, if only by a reason."""
    is_way_out: bool = False
    """Whether its key works while text is typed."""
    is_on: Callable[[C_contra], bool] | None = None
    """Whether what it switches is on."""
    view_label: str = ""
    """The name of the view that it shows, for the status line; empty for everything else."""
    title_when_on: str = ""
    """What the key line says then instead of `title`; it stands there before all others."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Its keys, one by one."""
        return tuple(self.key.split(",")) if self.key else ()

    @property
    def shown_key(self) -> str:
        """Its first key as a person reads it, e.g. `?`, `^p`, `esc`."""
        return shown_key(self.keys[0]) if self.keys else ""


AnyAction = Action[Any]


def shown_key(key: str) -> str:
    """A key in Textual's name as a person reads it."""
    *modifiers, last = key.split("+")
    shown = {"enter": "enter", "tab": "tab"}.get(last) or format_key(last)
    return "".join("^" if name == "ctrl" else f"{name}+" for name in modifiers) + shown


def with_own_keys(
    actions: Sequence[AnyAction],
    overrides: Mapping[str, str],
    views: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> Sequence[AnyAction]:
    """The actions with a person's own keys.

    Args:
        overrides: action id to keys (`"ctrl+a"`, `"a,enter"`, `"?"`), as in the config's `[keys]`.
        views: action id to the views that have it; one that is not there is in all.

    Raises:
        ConfigError: an id or key is unknown, or two actions would share a key; both are named.
    """
    if not overrides:
        return actions
    from evolver_tui.settings.keymap import check_keymap

    keys = check_keymap(key_bindings(actions, views), overrides)
    return tuple(action._replace(key=keys.get(action.id, action.key)) for action in actions)


def key_bindings(
    actions: Iterable[AnyAction], views: Mapping[str, tuple[str, ...]] = MappingProxyType({})
) -> dict[str, Any]:
    """The actions as the config's check of keys wants them, by id. The arguments are those of `with_own_keys`."""
    from evolver_tui.settings.keymap import KeyBinding

    return {
        action.id: KeyBinding(action.key, action.panes, action.help, views.get(action.id, ())) for action in actions
    }


class Keymap:
    """Which action a key means, given the pane in focus: the pane's own actions come before the view's."""

    def __init__(self, actions: Iterable[AnyAction]) -> None:
        """Args:
        actions: with the keys that are bound to them.
        """
        self.actions = tuple(actions)
        self._by_id = {action.id: action for action in self.actions}
        self._here = {place: action for action in self.actions for place in _places(action)}
        self._decisions = {key: action for action in self.actions if action.is_decision for key in action.keys}

    def bound(self, action: Action[C_contra]) -> Action[C_contra]:
        """An action with its keys here."""
        found: Action[Any] = self._by_id.get(action.id, action)
        return cast("Action[C_contra]", found)

    def shown_key(self, action: AnyAction) -> str:
        """An action's first key here, as a person reads it."""
        return self.bound(action).shown_key

    def means(self, key: str, action: AnyAction) -> bool:
        """Whether a key is one of an action's here."""
        return key in self.bound(action).keys

    def find(self, pane: str, key: str) -> AnyAction | None:
        """The action, or None. A decision is found from every pane, so that the view can say what it needs."""
        return self._here.get((pane, key)) or self._here.get(("", key)) or self._decisions.get(key)


def _places(action: AnyAction) -> Iterator[tuple[str, str]]:
    """Pane and key wherever one of its keys means this action; no pane means any."""
    for key in action.keys:
        for pane in action.panes or ("",):
            yield pane, key
