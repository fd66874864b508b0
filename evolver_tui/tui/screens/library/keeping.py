"""What changes nodes, or runs them: try, roll back, retire and restore, remove, run examples; the latter of many."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from evolver_tui.core.errors import EvolverError, NodeError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.tui.actions import Action
from evolver_tui.tui.screens.library.actions import BOTH, SECTION, choose_version, reason_against_diff
from evolver_tui.tui.screens.library.names import EXAMPLES, RUNS

if TYPE_CHECKING:
    from evolver_tui.engine.node_runs import LiveTerms
    from evolver_tui.tui.modals import TryChoice
    from evolver_tui.tui.screens.library.context import LibraryContext
    from evolver_tui.tui.screens.library.panes.node_table import NodeRow
    from evolver_tui.tui.screens.library.reading import NodeFacts

_MOST_NAMED: Final = 12
"""Nodes that a question names one by one."""


def _without_chosen(view: LibraryContext) -> str:
    return view.reason_against_use() or ("" if view.table.chosen else "There is no node here.")


def _chosen(view: LibraryContext) -> object:
    return tuple(row.key for row in view.table.chosen)


def _names(rows: Sequence[NodeRow]) -> str:
    named = [f"{row.node.node_id} v{row.node.version}" for row in rows[:_MOST_NAMED]]
    left = len(rows) - len(named)
    return "\n".join([*named, *([f"and {left:,} more"] if left else [])])


def _about(rows: Sequence[NodeRow]) -> str:
    return rows[0].node.node_id if len(rows) == 1 else f"{len(rows):,} nodes"


# --- trying


def _against_try(view: LibraryContext) -> str:
    reason = view.reason_without_card()
    if reason or view.facts is None:
        return reason
    if view.session.node_trials.is_running(view.facts.record.node_id):
        return "It is being run at this moment; the page of runs shows what comes of it."
    return safe_text(view.facts.problem, 300)


async def _try(view: LibraryContext) -> None:
    """Ask for an input, and run the node on it beside everything else."""
    facts = view.facts
    assert facts is not None
    terms = view.session.runs.live_terms(facts.record.tools)
    choice = await _choose(view, facts, terms)
    if choice is None or (choice.is_live and not await _agrees(view, facts, terms)):
        return
    node_id, trials = facts.record.node_id, view.session.node_trials
    task = asyncio.ensure_future(trials.run(node_id, choice.input, is_live=choice.is_live))
    await asyncio.sleep(0)  # from here on it runs
    view.card.turn_to(RUNS)
    view.layout.show_card()
    try:
        run = await task
    finally:
        view.layout.show_card()
    if view.facts is None or view.facts.record.node_id != node_id:
        view.say(f"{node_id} {'ran' if run.succeeded else 'failed'} by hand.")


async def _choose(view: LibraryContext, facts: NodeFacts, terms: LiveTerms) -> TryChoice | None:
    from evolver_tui.core.node_input import LARGEST_INPUT
    from evolver_tui.tui.drawing.json_lines import json_lines
    from evolver_tui.tui.modals import TryModal

    editor = view.settings.editor

    async def edit(text: str) -> str:
        assert editor is not None
        return await view.edit(editor(), text, "input.json")

    inputs = [run.input for run in view.session.node_trials.of(facts.record.node_id)]
    inputs += [example.input for example in facts.examples.examples]
    text = "\n".join(json_lines(inputs[0] if inputs else {}, LARGEST_INPUT))
    modal = TryModal(
        facts.record.node_id, text, live=_live_words(terms), reason_against_live=terms.problem,
        edit=edit if editor is not None else None, now=view.settings.monotonic,
    )  # fmt: skip
    return await view.ask(modal)


def _live_words(terms: LiveTerms) -> str:
    tools, model = safe_text(", ".join(terms.tools), 500), safe_text(terms.model, 200)
    cost = f" {model} writes up to {terms.tokens:,} tokens each time, which cost money." if model else ""
    return f"Its tools are called in earnest, at most {terms.calls:,} times: {tools}.{cost}"


async def _agrees(view: LibraryContext, facts: NodeFacts, terms: LiveTerms) -> bool:
    """Whether tools may be called in earnest, which is asked once."""
    if not view.has_agreed_to_live_runs:
        from evolver_tui.tui.modals import ConfirmModal

        body = f"{_live_words(terms)}\n\nThis is asked once; the next live run begins without it."
        modal = ConfirmModal("run", f"{facts.record.node_id} live", body, now=view.settings.monotonic)
        view.has_agreed_to_live_runs = await view.ask(modal) is True
    return view.has_agreed_to_live_runs


async def _run_examples(view: LibraryContext) -> None:
    """Run the examples of what is chosen, one node after another."""
    from evolver_tui.engine.example_runs import run_node_examples

    session, rows = view.session, view.table.chosen
    states: list[str] = []
    if len(rows) == 1:
        view.card.turn_to(EXAMPLES)
    else:
        view.say(f"The examples of {len(rows):,} nodes are being run.")
    for row in rows:
        tested = await run_node_examples(session.nodes.files, session.runs, row.node.node_id)
        view.tested[row.node.node_id] = tested
        states += [each.state for each in tested.examples]
        view.layout.show_card()
    told = ", ".join(f"{states.count(state):,} {state}" for state in ("ok", "differs", "failed") if state in states)
    view.say(f"Examples of {_about(rows)}: {told or 'none'}.")


# --- changing


async def _roll_back(view: LibraryContext) -> None:
    """Make an older version's code current again, once a person agreed."""
    from evolver_tui.tui.modals import ConfirmModal

    facts = view.facts
    assert facts is not None
    record = facts.record
    version = await choose_version(view, f"Roll {record.node_id} back to")
    if version is None:
        return
    body = (
        f"{record.node_id} v{record.version} is current. The code of v{version} becomes current again, byte for byte,"
        f" as a further version, approved by you. v{record.version} stays in the library."
    )
    modal = ConfirmModal("roll back", f"{record.node_id} to v{version}", body, now=view.settings.monotonic)
    if await view.ask(modal):
        made = await view.session.nodes.roll_back(record.node_id, version)
        view.layout.look_again([record.node_id])
        view.say(f"{made.node_version} is current, with the code of v{version}.")


async def _retire(view: LibraryContext) -> None:
    """Take what is chosen out of use, once a person agreed; or put it into use again where all of it is retired."""
    from evolver_tui.tui.modals import ConfirmModal

    rows = view.table.chosen
    if _are_retired(rows):
        await _do(view, rows, "restore", "restored")
        return
    rows = [row for row in rows if row.node.retirement is None]
    body = (
        "It leaves the list, and nobody runs it: no command, no chat, no other node. Every version stays in the"
        f" library, and {view.keymap.shown_key(RETIRE)} restores it.\n\n{_names(rows)}"
    )
    if await view.ask(ConfirmModal("retire", _about(rows), body, now=view.settings.monotonic)):
        await _do(view, rows, "retire", "retired")


def _are_retired(rows: Sequence[NodeRow]) -> bool:
    return bool(rows) and all(row.node.retirement is not None for row in rows)


async def _remove(view: LibraryContext) -> None:
    """Take what is chosen out of the library, once a person agreed."""
    from evolver_tui.tui.modals import ConfirmModal

    rows = view.table.chosen
    body = (
        "It leaves the library with all its versions, which are kept beside it until they are purged."
        f" To get one back: evolver-tui nodes restore ID.\n\n{_names(rows)}"
    )
    if await view.ask(ConfirmModal("remove", _about(rows), body, now=view.settings.monotonic)):
        await _do(view, rows, "remove", "removed")


async def _do(view: LibraryContext, rows: Sequence[NodeRow], deed: str, done: str) -> None:
    """Do it with each; what cannot be done with one is told, and does not keep the others from it."""
    keeper = view.session.nodes
    work = {"retire": keeper.retire, "restore": keeper.restore, "remove": keeper.remove}[deed]
    good, problems = 0, []
    for row in rows:
        try:
            await work(row.node.node_id)
            good += 1
        except NodeError as error:
            problems.append(error)
    view.table.unmark()
    view.layout.look_again([row.node.node_id for row in rows])
    if good:
        view.say(f"{_about(rows) if not problems else f'{good:,} nodes'} {'is' if len(rows) == 1 else 'are'} {done}.")
    if problems:
        more = f" And {len(problems) - 1:,} more." if len(problems) > 1 else ""
        raise EvolverError(f"{problems[0]}{more}")


TRY: Action[LibraryContext] = Action(
    "library.try", "t", "try", "Try the node on an input of yours, dry or live.", SECTION, _try, _against_try,
    panes=BOTH, footer=5,
)  # fmt: skip
RUN_EXAMPLES: Action[LibraryContext] = Action(
    "library.examples", "T", "run examples", "Run the examples of the node, or of all that are marked, again.", SECTION,
    _run_examples, _without_chosen, panes=BOTH, footer=13,
)  # fmt: skip
ROLL_BACK: Action[LibraryContext] = Action(
    "library.roll_back", "R", "roll back", "Roll back to an older version's code; it asks first.", SECTION,
    _roll_back, reason_against_diff, _chosen, panes=BOTH, footer=7, is_alone=True,
)  # fmt: skip
RETIRE: Action[LibraryContext] = Action(
    "library.retire", "X", "retire",
    "Retire the node, or all that are marked, so that nobody runs it, or restore what is; it asks first.", SECTION,
    _retire, _without_chosen, _chosen, panes=BOTH, footer=8, is_alone=True,
    is_on=lambda view: _are_retired(view.table.chosen), title_when_on="restore",
)  # fmt: skip
REMOVE: Action[LibraryContext] = Action(
    "library.remove", "D", "remove", "Remove the node, or all that are marked, from the library; it asks first.",
    SECTION, _remove, _without_chosen, _chosen, panes=BOTH, footer=14, is_alone=True,
)  # fmt: skip
