"""How the summary of several drafts looks, at the smallest size, with and without colours."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from evolver_tui.core.batch import approvable
from evolver_tui.core.question import OpenQuestion, Question, QuestionKind
from evolver_tui.core.question_kinds.review import Replaced, ReviewSubject
from evolver_tui.tui.drawing.symbols import ASCII_SYMBOLS, Symbols
from evolver_tui.tui.modals import BatchModal
from evolver_tui.tui.screens.desk.batch_words import batch_lines
from tests.support.modal_host import Host
from tests.support.tried_drafts import CHANGED, FAILED, FINE, SUMMARIZES, tried

pytestmark = pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or os.environ.get("NO_COLOR") is not None,
    reason="pictures are drawn on Python 3.11 with colours, so that they differ for no other reason",
)

HOSTILE = "\x1b]52;c;ZXZpbA==\x07[@click=app.quit]x[/]\u202egnp"
NETWORK = SUMMARIZES.replace("import sys\n", "import sys\nimport socket\n")


def asked(number: int, task: str, subject: ReviewSubject, node: str) -> OpenQuestion:
    question = Question("review 1", "Well?", kind=QuestionKind.REVIEW)
    own = dataclasses.replace(subject, draft=dataclasses.replace(subject.draft, node_id=node))
    return OpenQuestion(number, number, task, task, "summarize", question, float(number), subject=own)


REPLACES = dataclasses.replace(tried(CHANGED), replaces=Replaced(1, "a" * 64, "t", "ada"), version=2)
REVIEWS = [
    asked(1, "task-1", tried(FINE), "summarize_blog_post"),
    asked(2, "task-2", tried(FINE, code=SUMMARIZES.replace("0.2", "0.9")), "summarize_support_tickets"),
    asked(3, "task-3", REPLACES, "news"),
    asked(4, HOSTILE, tried(FINE, code=SUMMARIZES.replace('"summary"', '"[@click=app.quit]x[/]"')), "odd"),
    asked(5, "task-5", tried(FINE, code=NETWORK), "fetch_prices"),
    asked(6, "task-6", tried(FAILED), "broken"),
]


def lines(symbols: Symbols) -> Any:
    batch = approvable(
        REVIEWS, lambda subject: "" if subject.draft.node_id in ("summarize_blog_post", "news") else "no"
    )
    return batch_lines(batch, symbols), len(batch.items)


def opening(host: Host, *, plain: bool = False) -> Callable[[Pilot[None]], Awaitable[None]]:
    async def steps(pilot: Pilot[None]) -> None:
        found, number = lines(ASCII_SYMBOLS if plain else Symbols())
        host.screen.set_class(plain, "-plain")
        host.push_screen(BatchModal("approve", f"{number} drafts", found, now=host.clock))
        await pilot.pause()
        host.clock.seconds += 1

    return steps


@pytest.mark.parametrize("plain", [False, True], ids=["signs", "ascii"])
def test_the_summary_at_the_smallest_size(snap_compare: Any, *, plain: bool) -> None:
    host = Host()
    assert snap_compare(host, terminal_size=(80, 24), run_before=opening(host, plain=plain))


def test_the_summary_with_room_on_a_light_ground(snap_compare: Any) -> None:
    host = Host("evolver-light")
    assert snap_compare(host, terminal_size=(120, 40), run_before=opening(host))


def test_nothing_of_a_stranger_steers_what_draws_it() -> None:
    found, number = lines(Symbols())
    text = "".join(fragment for line in found for fragment, _ in line)
    assert number == 4
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "[@click=app.quit]" in text
