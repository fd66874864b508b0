"""The views of the console. A further one is a folder under `screens/` and an entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from evolver_tui.tui.actions import Action, AnyAction, Keymap
from evolver_tui.tui.app_actions import APP_ACTIONS
from evolver_tui.tui.context import ViewContext
from evolver_tui.tui.screens.desk.action_list import DESK_ACTIONS, LOOKING
from evolver_tui.tui.screens.history.action_list import HISTORY_ACTIONS
from evolver_tui.tui.screens.library.action_list import LIBRARY_ACTIONS
from evolver_tui.tui.screens.statistics.action_list import STATISTICS_ACTIONS
from evolver_tui.tui.screens.training.action_list import TRAINING_ACTIONS
from evolver_tui.tui.screens.workflows.action_list import WORKFLOW_ACTIONS

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
    actions: Sequence[AnyAction]
    """What can be done in it."""
    make: Callable[[DeskSettings, Keymap], ViewScreen[Any]]
    """Makes its screen when it is first shown."""

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


def _history(settings: DeskSettings, keymap: Keymap) -> ViewScreen[Any]:
    from evolver_tui.tui.screens.history.screen import History

    return History(settings, keymap)


def _workflows(settings: DeskSettings, keymap: Keymap) -> ViewScreen[Any]:
    from evolver_tui.tui.screens.workflows.screen import Workflows

    return Workflows(settings, keymap)


def _training(settings: DeskSettings, keymap: Keymap) -> ViewScreen[Any]:
    from evolver_tui.tui.screens.training.screen import Training

    return Training(settings, keymap)


def _library(settings: DeskSettings, keymap: Keymap) -> ViewScreen[Any]:
    from evolver_tui.tui.screens.library.screen import LibraryView

    return LibraryView(settings, keymap)


def _statistics(settings: DeskSettings, keymap: Keymap) -> ViewScreen[Any]:
    from evolver_tui.tui.screens.statistics.screen import StatisticsView

    return StatisticsView(settings, keymap)


VIEWS = (
    View("desk", "1", "Desk", DESK_ACTIONS, _desk),
    View("history", "2", "History", HISTORY_ACTIONS, _history),
    View("workflows", "3", "Workflows", WORKFLOW_ACTIONS, _workflows),
    View("training", "4", "Training", TRAINING_ACTIONS, _training),
    View("library", "5", "Library", LIBRARY_ACTIONS, _library),
    View("statistics", "6", "Stats", STATISTICS_ACTIONS, _statistics),
)
"""The first one is in front at the start."""


def replay_views() -> Sequence[View]:
    """The desk of a session that is shown again: what would change something is left out."""
    from evolver_tui.tui.screens.desk.actions.replaying import REPLAY_ACTIONS

    return (View("desk", "1", "Replay", (*REPLAY_ACTIONS, *LOOKING), _desk),)


def actions_of(views: Sequence[View]) -> Sequence[AnyAction]:
    """Everything that can be done in some view, once each, in the order of the help."""
    everywhere = [*(view.action for view in views), *APP_ACTIONS]
    actions = [*(action for view in views for action in view.actions), *everywhere]
    return tuple({action.id: action for action in actions}.values())


def views_of(views: Sequence[View]) -> Mapping[str, tuple[str, ...]]:
    """Each action that only some views have, by its id, to the names of those."""
    ids = {action.id for view in views for action in view.actions}
    return {id: tuple(view.id for view in views if any(action.id == id for action in view.actions)) for id in ids}


def keymap_of(view: View, views: Sequence[View], bound: Sequence[AnyAction]) -> Keymap:
    """What keys do in a view.

    Args:
        bound: all actions with the keys that are bound to them.
    """
    ids = {action.id for action in actions_of(views)} - {a.id for other in views for a in other.actions}
    ids |= {action.id for action in view.actions}
    return Keymap(action for action in bound if action.id in ids)


ACTIONS = actions_of(VIEWS)
