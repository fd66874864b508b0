"""What a draft is the same as, or nearly: nodes of a real library, and drafts that wait beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import NodeError
from evolver_tui.core.job import Outcome
from evolver_tui.core.likeness import LikeProgram, node_of
from evolver_tui.core.node import NodeDraft
from evolver_tui.engine.author.library import Approval
from evolver_tui.engine.duplicates import AlikeNodes
from evolver_tui.wiring import make_library
from tests.support.drafts import NODE, check
from tests.support.sessions import SUMMARIZE, review_of, row_of, running, send, workspace_in

pytestmark = pytest.mark.anyio


def draft_of(code: str, node_id: str = "translate_it") -> NodeDraft:
    return NodeDraft(node_id, "Node", code, (), "simple", "offline")


def save(library: NodeFiles, code: str, node_id: str = "translate_it", task_id: str = "before") -> None:
    approval = Approval("ada", "2026-01-01T00:00:00.000Z", task_id, "translate")
    library.save(draft_of(code, node_id), check(code), approval)


def library_in(folder: Path) -> NodeFiles:
    return make_library(workspace_in(folder))


OTHER = "import json\nimport sys\nprint(json.dumps({'words': len(json.load(sys.stdin)['text'].split())}))\n"
RENAMED = NODE.replace("input_data", "given").replace("import sys\n", "import sys  # as it comes\n")
NEAR = NODE.replace("'quick_translator'", "'nmt_translator'")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (NODE, "the very code of translate_it v1"),
        (RENAMED, "does the same as translate_it v1"),
        (NEAR, "% same as translate_it v1"),
    ],
)
async def test_a_draft_that_is_like_a_node_is_known_to_be(tmp_path: Path, code: str, words: str) -> None:
    library = library_in(tmp_path)
    save(library, NODE)
    save(library, OTHER, "count_words")
    (found,) = await AlikeNodes(library).like(draft_of(code, "another"))
    assert found.words(draft_of(code).sha256).endswith(words)
    assert (found.node_id, found.version, found.task_id) == ("translate_it", 1, "before")


async def test_a_draft_that_is_like_nothing_is_told_of_nothing(tmp_path: Path) -> None:
    library = library_in(tmp_path)
    nodes = AlikeNodes(library)
    assert await nodes.like(draft_of(NODE)) == [], "there is no library yet"
    save(library, OTHER, "count_words")
    assert await nodes.like(draft_of(NODE)) == []


async def test_what_came_into_the_library_changed_or_left_is_known_at_the_next_draft(tmp_path: Path) -> None:
    library = library_in(tmp_path)
    nodes = AlikeNodes(library)
    save(library, NODE)
    assert [each.name for each in await nodes.like(draft_of(RENAMED))] == ["translate_it v1"]
    save(library, OTHER, task_id="another")
    assert await nodes.like(draft_of(RENAMED)) == [], "the node does something else now"
    library.rollback("translate_it", 1, "ada")
    assert [each.name for each in await nodes.like(draft_of(RENAMED))] == ["translate_it v3"]
    (library.root / "translate_it").rename(library.root / "elsewhere.d")
    assert await nodes.like(draft_of(RENAMED)) == []


async def test_another_process_that_saves_is_seen_and_what_was_read_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = library_in(tmp_path)
    for number in range(5):
        save(library, f"{OTHER}print({number})\n", f"node_{number}")
    nodes = AlikeNodes(library)
    read: list[str] = []
    code = library.code

    def counted(node_id: str, version: int | None = None) -> str:
        read.append(node_id)
        return code(node_id, version)

    monkeypatch.setattr(library, "code", counted)
    await nodes.like(draft_of(NODE))
    assert sorted(read) == [f"node_{number}" for number in range(5)]
    save(library_in(tmp_path), NODE)
    assert [each.name for each in await nodes.like(draft_of(NODE))] == ["translate_it v1"]
    assert read[5:] == ["translate_it"]


async def test_hostile_nodes_and_a_main_py_that_was_changed_by_hand_do_not_stand_in_the_way(tmp_path: Path) -> None:
    library = library_in(tmp_path)
    save(library, NODE)
    save(library, "(" * 5_000 + "\n", "deep")
    save(library, "x = '\udcff'\n" * 10, "half")
    (library.root / "translate_it" / "main.py").write_text("print(1)\n")
    (library.root / "deep" / "versions" / "1" / "main.py").write_text("print(2)\n")
    (library.root / "index.json").write_text('{"nodes": [\nno\n]}\n')
    assert [each.name for each in await AlikeNodes(library).like(draft_of(RENAMED))] == ["translate_it v1"]


async def test_a_review_tells_of_the_node_and_of_the_draft_beside_it_that_it_is_like(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        asked, subject = await review_of(session, watch, "task-1")
        assert subject.like == ()
        await send(session, {**SUMMARIZE, "id": "task-2"})
        _, second = await review_of(session, watch, "task-2")
        assert [each.words(second.draft.sha256) for each in second.like] == ["does the same as the draft of task-1"]
        await session.inbox.decide(asked.id, Decision(DecisionKind.APPROVE, sha256=subject.draft.sha256))
        await watch.until("task.completed", task_id="task-1")
        await send(session, {**SUMMARIZE, "id": "task-3"})
        _, third = await review_of(session, watch, "task-3")
        assert [each.name for each in third.like] == [f"{subject.draft.node_id} v1", "the draft of task-2"]


async def test_a_node_that_is_there_is_used_instead_and_nothing_is_saved(tmp_path: Path) -> None:
    place = workspace_in(tmp_path)
    async with running(place) as (session, watch):
        await send(session, SUMMARIZE)
        asked, subject = await review_of(session, watch, "task-1")
        await session.inbox.decide(asked.id, Decision(DecisionKind.APPROVE, sha256=subject.draft.sha256))
        await watch.until("task.completed", task_id="task-1")
        await send(session, {**SUMMARIZE, "id": "task-2"})
        asked, subject = await review_of(session, watch, "task-2")
        found = node_of(subject.like)
        assert found is not None
        node, sha256 = found
        await session.inbox.decide(asked.id, Decision(DecisionKind.REUSE, node=str(node), sha256=sha256))
        await watch.until("task.completed", task_id="task-2")
        row = await row_of(session, "task-2")
        assert (row.outcome, row.node) == (Outcome.APPROVED, str(node))
        told = await watch.until("node.reused", task_id="task-2")
        assert (told.payload["node_id"], told.payload["version"]) == (node.node_id, node.version)
        decided = await watch.until("review.decided", task_id="task-2")
        assert (decided.payload["kind"], decided.payload["node"]) == ("reuse", str(node))
        last = await session.inbox.last_decision()
        assert last is not None
        assert last.kind == "reuse"
        await session.inbox.undo(last)
        again, _ = await review_of(session, watch, "task-2")
        assert again.question.name == "review 1", "it waits for a decision again"
        assert (await row_of(session, "task-2")).node == ""
    assert [record.version for record in make_library(place).versions(node.node_id)] == [1]


async def test_a_node_that_became_another_meanwhile_is_not_used_and_the_draft_is_reviewed_again(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        asked, _ = await review_of(session, watch, "task-1")
        for node in ("gone_node v4", "not a node"):
            decision = Decision(DecisionKind.REUSE, node=node, sha256="0" * 64)
            if node == "not a node":
                with pytest.raises(NodeError, match="which node"):
                    await session.inbox.decide(asked.id, decision)
            else:
                await session.inbox.decide(asked.id, decision)
                asked, _ = await review_of(session, watch, "task-1", 2)
        assert asked.question.name == "review 2"


def test_what_is_kept_of_likeness_is_read_again_and_a_review_from_before_has_none() -> None:
    like = LikeProgram("a", 3, "task", "0" * 64, 0.921, False)
    assert LikeProgram.from_json_value(like.to_json_value()) == like
    assert like.words("1" * 64) == "92 % same as a v3"
    assert LikeProgram("a", 3, "task", "0" * 64, 0.999, False).words("") == "99 % same as a v3"
