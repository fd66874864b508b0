"""The course of the hour: what comes, when the hub is cut, when the host changes, and what came of it all."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.hour.ledger import Ledger
from tests.support.hour.person import Care, Meant, Reviewer, Tally
from tests.support.hour.place import BurstHub, Place, ScriptedModel
from tests.support.hour.script import Script
from tests.support.terminal import Terminal

_LEFT_BEFORE_THE_NEXT = (0, 2)
"""How many tasks are not decided yet when the next burst comes, in turn: an empty desk, or not quite."""


@dataclass(frozen=True)
class Outcome:
    """What the hour came to."""

    tally: Tally
    unintended: list[Meant]
    """What was decided that nobody meant."""
    missing: list[Meant]
    """What was meant and not kept."""
    lost: list[str]
    """Tasks that were sent and are not there."""
    unseen: list[str]
    """Near-duplicates of which the screen said nothing before they were decided."""
    false_alarms: list[str]
    """Tasks whose draft was said to be the same as another that it is not."""
    seconds_to_seen: float
    """From the hub's send to the card, median."""
    not_undone: list[str]
    """What was decided and could not be taken back at the end."""
    is_library_as_before: bool
    """Whether every current node is byte for byte what it was before the hour, once all was taken back."""

    @property
    def keys_a_decision(self) -> float:
        """Presses, typed lines aside."""
        return self.tally.decisions.keys / self.tally.decisions.done

    @property
    def keys_an_answer(self) -> float:
        """Presses, typed lines aside."""
        return self.tally.answers.keys / self.tally.answers.done

    @property
    def screens_a_decision(self) -> float:
        """Parts of a draft that were looked at."""
        return statistics.mean(self.tally.decisions.screens)


def run_hour(folder: Path, script: Script, size: tuple[int, int], care: Care = Care.WHAT_MATTERS) -> Outcome:
    """The whole hour, in a terminal of this size; then everything is taken back.

    Raises:
        Lost: the reviewer did not know what to do.
    """
    tally = Tally()
    with BurstHub() as hub, ScriptedModel(script) as model:
        place = Place(folder, script, hub.url, model)
        reviewer = Reviewer(script, tally, size, care)
        ledger = Ledger(place.database, place.nodes)
        library = ledger.library_digest()
        with contextlib.ExitStack() as consoles:
            _spend(script, reviewer, place, hub, size, consoles)
            meant, likes = tuple(tally.meant), {one.id: one.like for one in script.tasks if one.like}
            unintended, missing = ledger.unintended(meant), ledger.missing(meant)
            reviewer.take_all_back()
        return Outcome(
            tally,
            unintended,
            missing,
            sorted({one.id for one in script.tasks} - set(ledger.task_ids)),
            sorted(task_id for task_id in likes if task_id not in tally.told),
            sorted(task_id for task_id in tally.told if task_id not in likes),
            statistics.median(tally.seen_at[task_id] - at for task_id, at in hub.sent_at.items()),
            ledger.standing(),
            ledger.library_digest() == library,
        )


def _spend(
    script: Script,
    reviewer: Reviewer,
    place: Place,
    hub: BurstHub,
    size: tuple[int, int],
    consoles: contextlib.ExitStack,
) -> None:
    first = consoles.enter_context(_opened(place, "here", size, hub))
    reviewer.sit_down(first)
    for number, burst in enumerate(script.bursts):
        reviewer.expect(burst)
        hub.send([one.task for one in burst], is_cut=number in script.drops)
        if number == script.moves_after:
            reviewer.work_down_to(len(burst) - 1)
            first.kill()
            reviewer.sit_down(consoles.enter_context(_opened(place, "there", size, hub)))
        is_last = number == len(script.bursts) - 1
        reviewer.work_down_to(0 if is_last else _LEFT_BEFORE_THE_NEXT[number % 2])


@contextlib.contextmanager
def _opened(place: Place, host: str, size: tuple[int, int], hub: BurstHub) -> Iterator[Terminal]:
    before = hub.connections
    with place.console(host, size) as terminal:
        hub.wait_for_connections(before + 1)
        yield terminal
