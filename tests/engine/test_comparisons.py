"""What a draft on review is held against: the draft before, the model's own, what lies in the library."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.node import NodeDraft
from evolver_tui.core.question import OpenQuestion
from evolver_tui.core.router_answer import parse
from evolver_tui.engine.author.library import Approval
from evolver_tui.engine.comparisons import Base, Comparison, comparisons_of, earlier_drafts
from evolver_tui.engine.session import Session
from evolver_tui.wiring import make_library
from tests.support.drafts import check
from tests.support.processes import node_answer
from tests.support.sessions import SUMMARIZE, Watch, review_of, running, send, workspace_in

pytestmark = pytest.mark.anyio

HAND_MADE = "import json\nprint(json.dumps({'by': 'hand'}))\n"


async def compared(session: Session, asked: OpenQuestion) -> list[Comparison]:
    asked = await session.inbox.as_of_now(asked)
    return [*await comparisons_of(asked, session.store, session.library)]


async def decide(session: Session, watch: Watch, decision: Decision, count: int) -> OpenQuestion:
    """Decide about the draft that waits, and wait for the review after that."""
    asked, _ = await review_of(session, watch, "task-1", count - 1)
    await session.inbox.decide(asked.id, decision)
    return (await review_of(session, watch, "task-1", count))[0]


async def test_a_first_draft_of_a_node_that_is_not_there_is_held_against_nothing(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        asked, _ = await review_of(session, watch, "task-1")
        assert await compared(session, asked) == []


async def test_a_second_draft_is_held_against_the_first_with_its_reason_and_what_its_author_says_of_that(
    tmp_path: Path,
) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        first = (await review_of(session, watch, "task-1"))[1].draft
        reason = "an empty text crashes; write docstrings"
        asked = await decide(session, watch, Decision(DecisionKind.REJECT, reason=reason), 2)
        (found,) = await compared(session, asked)
        assert (found.base, found.name, found.code) == (Base.SENT_BACK, "draft 1", first.code)
        assert (found.by, found.reason) == ("ada", reason)
        assert found.addressed == (
            "An empty input gives an empty result, with an error beside it.",
            "Each function has a docstring.",
        )


async def test_after_an_edit_it_is_held_against_what_the_model_wrote_and_what_was_sent_back_before_that(
    tmp_path: Path,
) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        await decide(session, watch, Decision(DecisionKind.RESPOND, reason="type hints, please"), 2)
        second = (await review_of(session, watch, "task-1", 2))[1].draft
        await decide(session, watch, Decision(DecisionKind.EDIT, code=second.code + "# one\n"), 3)
        asked = await decide(session, watch, Decision(DecisionKind.EDIT, code=second.code + "# two\n"), 4)
        edited, sent_back = await compared(session, asked)
        assert (edited.base, edited.code, edited.by) == (Base.EDITED_DRAFT, second.code, "ada")
        assert (sent_back.base, sent_back.reason) == (Base.SENT_BACK, "type hints, please")
        assert sent_back.addressed == (), "a person wrote it"


async def test_what_it_would_replace_is_there_as_it_was_saved_and_as_somebody_changed_it_by_hand(
    tmp_path: Path,
) -> None:
    place = workspace_in(tmp_path)
    library = make_library(place)
    async with running(place) as (session, watch):
        await send(session, SUMMARIZE)
        asked, subject = await review_of(session, watch, "task-1")
        node_id = subject.draft.node_id
        draft = NodeDraft(node_id, "Node", HAND_MADE, (), "simple", "offline")
        library.save(draft, check(HAND_MADE), Approval("bob", "2026-01-01T00:00:00.000Z", "before", "summarize"))
        (found,) = await compared(session, asked)
        assert (found.base, found.name, found.code) == (Base.REPLACED, f"{node_id} v1", HAND_MADE)
        assert (found.by, found.was_read) == ("bob", True)
        changed = HAND_MADE.replace("hand", "another hand")
        (library.root / node_id / "main.py").write_text(changed)
        by_hand, saved = await compared(session, asked)
        assert (by_hand.base, by_hand.code, by_hand.was_read) == (Base.CHANGED_BY_HAND, changed, False)
        assert saved.code == HAND_MADE


@pytest.mark.parametrize(
    "journal",
    [
        {},
        {"review 1": 3, "write 1": []},
        {"review 1": {"kind": "nothing"}},
        {"review 1": {"kind": "reject", "reason": "no"}},
        {"write 1": {"code": "x"}, "review 1": {"kind": "reject"}},
    ],
)
def test_a_journal_that_cannot_be_read_has_no_earlier_drafts(journal: dict[str, object]) -> None:
    assert [*earlier_drafts(journal, 2, NodeDraft("a", "A", "x", (), "simple", "m"))] == []


@pytest.mark.parametrize(
    ("said", "met"),
    [
        (["It is met.", "  And\nthis "], ("It is met.", "And this")),
        ("One sentence.", ("One sentence.",)),
        (None, ()),
        ([1, {}, "", "\u202e", ["x"]], ()),
        (["x" * 1_000] * 50, ("x" * 299 + "…",) * 10),
    ],
)
def test_what_an_author_says_of_the_reason_is_read_where_it_says_something(said: object, met: tuple[str, ...]) -> None:
    import json

    answer = {**json.loads(node_answer("one")), "addressed": said}
    assert parse(json.dumps(answer)).addressed == met
    if said is None:
        del answer["addressed"]
        assert parse(json.dumps(answer)).addressed == ()
