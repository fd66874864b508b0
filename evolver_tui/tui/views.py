"""The views of the console. A further one is a folder under `screens/` and an entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from evolver_tui.tui.actions import Action, AnyAction, Keymap, with_own_keys
from evolver_tui.tui.app_actions import APP_ACTIONS
from evolver_tui.tui.context import ViewContext
from evolver_tui.tui.screens.desk.action_list import DESK_ACTIONS, LOOKING

if TYPE_CHECKING:
    from evolver_tui.tui.desk_settings import DeskSettings
    from evolver_tui.tui.view_screen import ViewScreen


class View(NamedTuple):
    """One way to look at the console's work."""

    id: str
    """The name of its mode, and of its action: `view.<id>`."""
    key: str
    """The key that shows it."""
    label: str
    list_actions: Callable[[], Sequence[AnyAction]]
    """What can be done in it; loaded when it is asked for, which for most views is not before the first frame."""
    make: Callable[[DeskSettings, Keymap], ViewScreen[Any]]
    """Makes its screen when it is first shown."""

    @property
    def actions(self) -> Sequence[AnyAction]:
        """What can be done in it."""
        return self.list_actions()

    @property
    def action(self) -> Action[ViewContext]:
        """The action that shows it."""
        name = self.label.lower()
        return Action(
            f"view.{self.id}", self.key, name, f"Show the {name}.", "Desk", lambda view: view.switch_view(self.id),
            view_label=self.label,
        )  # fmt: skip


def _desk(settings: DeskSettings, keymap: Keymap) -> ViewScreen[Any]:
    from evolver_tui.tui.screens.desk.screen import Desk

    return Desk(settings, keymap)


def _history_actions() -> Sequence[AnyAction]:
    from evolver_tui.tui.screens.history.action_list import HISTORY_ACTIONS

    return HISTORY_ACTIONS


def _history(settings: DeskSettings, keymap: Keymap) -> ViewScreen[Any]:
    from evolver_tui.tui.screens.history.screen import History

    return History(settings, keymap)


def _workflows_actions() -> Sequence[AnyAction]:
    from evolver_tui.tui.screens.workflows.action_list import WORKFLOW_ACTIONS

    return WORKFLOW_ACTIONS


def _workflows(settings: DeskSettings, keymap: Keymap) -> ViewScreen[Any]:
    from evolver_tui.tui.screens.workflows.screen import Workflows

    return Workflows(settings, keymap)


def _training_actions() -> Sequence[AnyAction]:
    from evolver_tui.tui.screens.training.action_list import TRAINING_ACTIONS

    return TRAINING_ACTIONS


def _training(settings: DeskSettings, keymap: Keymap) -> ViewScreen[Any]:
    from evolver_tui.tui.screens.training.screen import Training

    return Training(settings, keymap)


def _library_actions() -> Sequence[AnyAction]:
    from evolver_tui.tui.screens.library.action_list import LIBRARY_ACTIONS

    return LIBRARY_ACTIONS


def _library(settings: DeskSettings, keymap: Keymap) -> ViewScreen[Any]:
    from evolver_tui.tui.screens.library.screen import LibraryView

    return LibraryView(settings, keymap)


def _statistics_actions() -> Sequence[AnyAction]:
    from evolver_tui.tui.screens.statistics.action_list import STATISTICS_ACTIONS

    return STATISTICS_ACTIONS


def _statistics(settings: DeskSettings, keymap: Keymap) -> ViewScreen[Any]:
    from evolver_tui.tui.screens.statistics.screen import StatisticsView

    return StatisticsView(settings, keymap)


VIEWS = (
    View("desk", "1", "Desk", lambda: DESK_ACTIONS, _desk),
    View("history", "2", "History", _history_actions, _history),
    View("workflows", "3", "Workflows", _workflows_actions, _workflows),
    View("training", "4", "Training", _training_actions, _training),
    View("library", "5", "Library", _library_actions, _library),
    View("statistics", "6", "Stats", _statistics_actions, _statistics),
)
"""The first one is in front at the start."""


def replay_views() -> Sequence[View]:
    """The desk of a session that is shown again: what would change something is left out."""
    from evolver_tui.tui.screens.desk.actions.replaying import REPLAY_ACTIONS

    return (View("desk", "1", "Replay", lambda: (*REPLAY_ACTIONS, *LOOKING), _desk),)


def actions_of(views: Sequence[View]) -> Sequence[AnyAction]:
    """Everything that can be done in some view, once each, in the order of the help."""
    return _once([*(action for view in views for action in view.actions), *_everywhere(views)])


def _everywhere(views: Sequence[View]) -> Sequence[AnyAction]:
    return [*(view.action for view in views), *APP_ACTIONS]


def _once(actions: Sequence[AnyAction]) -> Sequence[AnyAction]:
    return tuple({action.id: action for action in actions}.values())


def views_of(views: Sequence[View]) -> Mapping[str, tuple[str, ...]]:
    """Each action that only some views have, by its id, to the names of those."""
    ids = {action.id for view in views for action in view.actions}
    return {id: tuple(view.id for view in views if any(action.id == id for action in view.actions)) for id in ids}


def keymap_of(view: View, views: Sequence[View], own_keys: Mapping[str, str]) -> Keymap:
    """What keys do in a view.

    Args:
        own_keys: the overrides of `with_own_keys`. Without them the first view does not load what others can do.

    Raises:
        ConfigError: as `with_own_keys`.
    """
    mine = _once([*view.actions, *_everywhere(views)])
    if view is views[0] and not own_keys:
        return Keymap(mine)
    ids = {action.id for action in mine}
    bound = with_own_keys(actions_of(views), own_keys, views_of(views))
    return Keymap(action for action in bound if action.id in ids)
