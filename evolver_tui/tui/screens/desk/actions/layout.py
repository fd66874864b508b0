"""Going about on the desk: panes, card, search, zoom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evolver_tui.tui.actions import Action

if TYPE_CHECKING:
    from evolver_tui.tui.screens.desk.context import DeskContext


def _in_card(name: str, key: str, title: str, help: str, local: Any, footer: int | None) -> Action[DeskContext]:
    panes = ("card",)

    def run(desk: DeskContext) -> None:
        desk.in_pane(panes, local)

    return Action(f"card.{name}", key, title, help, "Review", run, panes=panes, footer=footer, local=local)


NEXT_TAB = _in_card(
    "next_tab", "l,right,right_square_bracket", "tabs", "Show the card's next tab.",
    lambda card: card.next_tab(), 14,
)  # fmt: skip
PREVIOUS_TAB = _in_card(
    "previous_tab", "h,left,left_square_bracket", "previous tab", "Show the card's previous tab.",
    lambda card: card.previous_tab(), None,
)  # fmt: skip
UNLIKE = _in_card(
    "unlike", "L", "unlike lines",
    "Mark lines that are unlike the code you approved, or do not: that says nothing of their safety.",
    lambda card: card.toggle_unlike(), None,
)  # fmt: skip
FOLD: Action[DeskContext] = Action(
    "card.fold", "z", "fold", "Fold what can be passed over of a draft (docstring, imports, frame), or unfold all.",
    "Review", lambda desk: desk.card.toggle_folds(),
    lambda desk: "" if desk.card.has_folds else "There is nothing to fold on the card: all of it is in sight.",
    panes=("card",),
)  # fmt: skip
OPEN_CARD: Action[DeskContext] = Action(
    "queue.open", "enter", "read", "Go to the card of the selected task.", "Queue", lambda desk: desk.open_card(),
    panes=("queue",), footer=1,
)  # fmt: skip
FILTER: Action[DeskContext] = Action(
    "pane.filter", "slash", "filter", "Show only what contains some text: in the feed signals, elsewhere tasks.",
    "Queue", lambda desk: desk.open_filter(), footer=33,
)  # fmt: skip
NEXT_PANE: Action[DeskContext] = Action(
    "pane.next", "tab", "next pane", "Go to the next pane.", "Desk", lambda desk: desk.layout.cycle(1)
)
PREVIOUS_PANE: Action[DeskContext] = Action(
    "pane.previous", "shift+tab", "previous pane", "Go to the previous pane.", "Desk",
    lambda desk: desk.layout.cycle(-1),
)  # fmt: skip
BACK: Action[DeskContext] = Action(
    "pane.back", "escape", "back", "Leave the filter, the selection, the zoom or the card.", "Desk",
    lambda desk: desk.layout.go_back(), is_way_out=True,
)  # fmt: skip
ZOOM: Action[DeskContext] = Action(
    "pane.zoom", "plus", "zoom", "Give this pane the whole desk, or take it back.", "Desk",
    lambda desk: desk.layout.toggle_zoom(), footer=15, is_on=lambda desk: desk.layout.is_zoomed, title_when_on="unzoom",
)  # fmt: skip
