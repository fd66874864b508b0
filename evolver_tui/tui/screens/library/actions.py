"""Looking about in the library: what is shown, in which order, and beside what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import Action, Work
from evolver_tui.tui.screens.library.names import VERSIONS, Order

if TYPE_CHECKING:
    from evolver_tui.tui.screens.library.context import LibraryContext

NODES, NODE = ("nodes",), ("node",)
BOTH = (*NODES, *NODE)
SECTION = "Library"


def _open(view: LibraryContext) -> Work | None:
    """Give the card the whole view; on its page of versions, compare one."""
    if view.pane_in_focus in NODE and view.card.page.title == VERSIONS and not reason_against_diff(view):
        return _compare(view)
    view.layout.show_card_alone(not view.layout.shows_card_alone)
    return None


def reason_against_diff(view: LibraryContext) -> str:
    """Why no two versions can be held against each other."""
    reason = view.reason_without_card()
    if reason or view.facts is None:
        return reason
    return "" if len(view.facts.versions) > 1 else "It has one version alone."


async def choose_version(view: LibraryContext, title: str) -> int | None:
    """Have a person choose one of the versions that are not current; without asking where there is one."""
    facts = view.facts
    assert facts is not None
    others = [record for record in reversed(facts.versions) if record.version != facts.record.version]
    if len(others) == 1:
        return others[0].version
    from evolver_tui.tui.modals.list_modal import ListModal

    names = [
        f"v{each.version}, {safe_text(each.decided_at, 40)[:10]}, by {safe_text(each.decided_by, 40)}"
        for each in others
    ]
    chosen = await view.ask(ListModal(title, names, now=view.settings.monotonic))
    return None if chosen is None else others[chosen].version


async def _compare(view: LibraryContext) -> None:
    facts = view.facts
    assert facts is not None
    old = await choose_version(view, f"Compare with v{facts.record.version}")
    if old is not None:
        view.layout.show_difference(old, facts.record.version)


def _order(view: LibraryContext) -> None:
    orders = list(Order)
    view.table.reorder(orders[(orders.index(view.table.order) + 1) % len(orders)])


def _show_retired(view: LibraryContext) -> None:
    view.table.shows_retired = not view.table.shows_retired
    view.table.choose_rows()
    view.table.search_changed()


def _duplicates(view: LibraryContext) -> None:
    if view.table.shows_groups:
        view.table.show_groups(None)
    else:
        view.layout.find_duplicates()


async def _go_to_task(view: LibraryContext) -> None:
    """To the task on the desk that the node was made for."""
    facts = view.facts
    assert facts is not None
    task_id = facts.record.task_id
    job = await view.session.store.job_of_task(task_id) if task_id else None
    row = await view.session.store.row(job) if job is not None else None
    if row is None:
        view.say(
            f"{facts.record.node_version} was made for task {safe_text(task_id, 100)}, which is not in this queue."
        )
    else:
        view.go_to_task(row)


def _copy(view: LibraryContext) -> Work:
    from evolver_tui.tui.drawing.selected_text import SelectedText

    if view.pane_in_focus in NODE:
        return view.copy(view.card.take_text())
    assert view.selected is not None
    return view.copy(SelectedText(view.selected.node.node_id, 1, False))


OPEN: Action[LibraryContext] = Action(
    "library.open", "enter", "large card",
    "Give the node's card the whole view, or take that back; on its page of versions, compare one.", SECTION, _open,
    lambda view: view.reason_without_node(), panes=BOTH, footer=1,
    is_on=lambda view: view.layout.shows_card_alone, title_when_on="all panes",
)  # fmt: skip
DIFF: Action[LibraryContext] = Action(
    "library.diff", "d", "diff", "Compare a version with the current one.", SECTION, _compare, reason_against_diff,
    panes=BOTH, footer=4,
)  # fmt: skip
ORDER: Action[LibraryContext] = Action(
    "library.order", "o", "order", "Order nodes by their last run, by name, or by their approval.", SECTION, _order,
    lambda view: view.reason_against_use(), panes=NODES, footer=9,
)  # fmt: skip
RETIRED: Action[LibraryContext] = Action(
    "library.retired", "w", "with retired", "Show retired nodes as well, or no more.", SECTION, _show_retired,
    lambda view: view.reason_against_use(), panes=NODES, footer=11, is_on=lambda view: view.table.shows_retired,
    title_when_on="without retired",
)  # fmt: skip
DUPLICATES: Action[LibraryContext] = Action(
    "library.duplicates", "f", "duplicates", "Find nodes whose code is nearly the same, or show all again.", SECTION,
    _duplicates,
    lambda view: view.reason_against_use() or ("It is being looked for." if view.layout.is_comparing else ""),
    panes=NODES, footer=10, is_on=lambda view: view.table.shows_groups, title_when_on="all nodes",
)  # fmt: skip
NEXT_GROUP: Action[LibraryContext] = Action(
    "library.next_group", "n", "next group", "Go to the next group of duplicates.", SECTION,
    lambda view: view.table.next_group(1),
    lambda view: "" if view.table.shows_groups else "No duplicates are shown.", panes=NODES, footer=0,
    is_occasional=True,
)  # fmt: skip
PREVIOUS_GROUP: Action[LibraryContext] = Action(
    "library.previous_group", "N", "previous group", "Go to the previous group of duplicates.", SECTION,
    lambda view: view.table.next_group(-1),
    lambda view: "" if view.table.shows_groups else "No duplicates are shown.", panes=NODES,
)  # fmt: skip
TASK: Action[LibraryContext] = Action(
    "library.task", "s", "its task", "Go to the task on the desk that the node was made for.", SECTION, _go_to_task,
    lambda view: view.reason_without_card(), panes=BOTH, footer=12,
)  # fmt: skip
MARK: Action[LibraryContext] = Action(
    "library.mark", "space", "mark", "Mark the node, or no more: what is done next is done with all that are marked.",
    SECTION, lambda view: view.table.toggle_mark(), lambda view: view.reason_without_node(), panes=NODES, footer=6,
)  # fmt: skip
RANGE: Action[LibraryContext] = Action(
    "library.range", "v", "mark range", "Mark everything from the latest mark to the cursor.", SECTION,
    lambda view: view.table.mark_range(), lambda view: view.reason_without_node(), panes=NODES,
)  # fmt: skip
NEXT_TAB: Action[LibraryContext] = Action(
    "library.next_tab", "l,right,right_square_bracket", "tabs", "Show the card's next page.", SECTION,
    lambda view: view.card.next_tab(), panes=BOTH, footer=3,
)  # fmt: skip
PREVIOUS_TAB: Action[LibraryContext] = Action(
    "library.previous_tab", "h,left,left_square_bracket", "previous tab", "Show the card's previous page.", SECTION,
    lambda view: view.card.previous_tab(), panes=BOTH,
)  # fmt: skip
SELECT: Action[LibraryContext] = Action(
    "library.select", "v", "select", "Select lines of the card; moving extends it, escape ends it.", SECTION,
    lambda view: view.card.begin_selection(), panes=NODE,
)  # fmt: skip
COPY: Action[LibraryContext] = Action(
    "library.copy", "Y", "copy", "Copy the node's id; of the card what is selected, or else the whole page.", SECTION,
    _copy, lambda view: view.reason_without_node(), panes=BOTH, footer=34,
)  # fmt: skip
FILTER: Action[LibraryContext] = Action(
    "library.filter", "slash", "search", "Find nodes by id, title, type or tag, and then by what stands in their code.",
    SECTION, lambda view: view.table.open_filter(),
    lambda view: "Show all panes first." if view.layout.shows_card_alone else view.reason_against_use(),
    panes=BOTH, footer=2,
)  # fmt: skip
NEXT_PANE: Action[LibraryContext] = Action(
    "library.next_pane", "tab", "next pane", "Go to the next pane.", SECTION, lambda view: view.layout.cycle(1),
    panes=BOTH,
)  # fmt: skip
PREVIOUS_PANE: Action[LibraryContext] = Action(
    "library.previous_pane", "shift+tab", "previous pane", "Go to the previous pane.", SECTION,
    lambda view: view.layout.cycle(-1), panes=BOTH,
)  # fmt: skip
BACK: Action[LibraryContext] = Action(
    "library.back", "escape", "back", "Leave the selection, the search, the duplicates, the marks, the large card.",
    SECTION, lambda view: view.layout.go_back(), panes=BOTH, is_way_out=True,
)  # fmt: skip
