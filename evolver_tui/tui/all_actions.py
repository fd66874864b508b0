"""Everything that can be done in some view of the console, with the actions of each loaded."""

from __future__ import annotations

from evolver_tui.tui.views import VIEWS, actions_of

ACTIONS = actions_of(VIEWS)
