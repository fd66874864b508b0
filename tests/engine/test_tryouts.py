"""Every draft is run in a box before a person judges it, and one that fails goes back to its author first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.llm.offline import dry_tool_reply, offline_tool_reply
from evolver_tui.adapters.nodes.runner import NodeRunner
from evolver_tui.adapters.sandbox.box import LocalSandbox
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.node_run import Tryout, inputs_to_try, sample_inputs_in
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.engine.session import Session
from evolver_tui.wiring import make_library
from tests.support.processes import HARMLESS, Model, whole_answer
from tests.support.sessions import SUMMARIZE, Watch, approval, review_of, running, send, workspace_in

pytestmark = pytest.mark.anyio

CRASHING = {**SUMMARIZE, "offlineFirstDraft": "crashes"}
CONFIG = "[author]\nmax_repairs = {repairs}\ntry_seconds = {seconds}\n"


async def first_review(folder: Path, model: Model, *, repairs: int = 2, seconds: float = 20.0) -> ReviewSubject:
    """What a person sees of the first draft that this model writes."""
    place = workspace_in(folder, model.config + CONFIG.format(repairs=repairs, seconds=seconds))
    async with running(place) as (session, watch):
        await send(session, SUMMARIZE)
        subject = (await review_of(session, watch, "task-1"))[1]
        assert not tried(subject).problem
        return subject


def writing(*codes: str) -> Callable[[str], Iterator[bytes]]:
    """A model that writes these programs in turn, and the last one again and again."""
    left = list(codes)

    def play(task_id: str) -> Iterator[bytes]:
        return whole_answer(task_id, left.pop(0) if len(left) > 1 else left[0])

    return play


def tried(subject: ReviewSubject) -> Tryout:
    assert subject.tryout is not None
    return subject.tryout


READS = "import json, sys\ninput_data = json.load(sys.stdin)\n"
FAULTS = {
    "a crash": (f"{READS}print(json.dumps(dict(result=input_data['content'])))\n", "KeyError: 'content'"),
    "two objects": (
        f"{READS}print(json.dumps(dict()))\nprint(json.dumps(dict()))\n",
        "more to stdout than one JSON object",
    ),
    "no JSON": (f"{READS}json.dumps(input_data)\nprint(input_data)\n", "no JSON"),
    "nothing": (f"{READS}if input_data is None:\n    print(json.dumps(input_data))\n", "wrote nothing to stdout"),
    "text beside it": (f"{READS}print('done')\nprint(json.dumps(input_data))\n", "no JSON"),
    "a tower": (
        f"{READS}json.dumps(input_data)\nprint(json.dumps(dict(a=1)).replace('1', '[' * 150 + ']' * 150))\n",
        "nested too deeply",
    ),
    "a hang": (f"{READS}while True:\n    pass\nprint(json.dumps(input_data))\n", "ran longer than 3 seconds"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_fails_goes_back_in_its_own_words_and_is_mended_unseen(tmp_path: Path, fault: str) -> None:
    code, words = FAULTS[fault]
    with Model(writing(code, HARMLESS)) as model:
        subject = await first_review(tmp_path, model, seconds=3.0 if fault == "a hang" else 20.0)
        failed_run = model.requests[1]["failed_run"]
    assert words in failed_run
    assert (subject.attempt, tried(subject).repairs, tried(subject).failed) == (1, 1, ())
    assert subject.draft.code == HARMLESS.format(task_id="task-1")


async def test_a_draft_that_fails_again_and_again_is_shown_with_what_failed(tmp_path: Path) -> None:
    with Model(writing(FAULTS["a crash"][0])) as model:
        subject = await first_review(tmp_path, model, repairs=2)
        assert len(model.asked) == 3
    tryout = tried(subject)
    assert tryout.repairs == 2
    assert {run.name: "KeyError" in run.error for run in tryout.failed} == {"fields missing": True, "empty": True}
    assert [run.name for run in tryout.runs] == ["sample 1", "fields missing", "empty"]


async def test_the_offline_author_mends_a_first_draft_that_its_task_wants_to_crash(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, CRASHING)
        subject = (await review_of(session, watch, "task-1"))[1]
        first, second = (signal for signal in watch.heard if signal.name == "node.tried")
    assert (first.level, first.payload["succeeded"], first.payload["inputs"]) == ("warning", 2, 3)
    assert "KeyError: 'id'" in str(first.payload["error"])
    assert (second.level, second.payload["succeeded"]) == ("info", 3)
    assert "Written again: the draft before failed when it was run." in subject.draft.code


async def test_a_try_asks_no_model_and_keeps_what_went_over_the_wire(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        subject = (await review_of(session, watch, "task-1"))[1]
    (call,) = tried(subject).runs[0].tool_calls
    assert (call.tool, call.answer.startswith("[dry summarizer] "), call.error) == ("summarizer", True, "")
    assert call.prompt == subject.draft.sample_inputs[0]["content"]


async def test_where_nothing_holds_a_program_the_draft_is_reviewed_untried(tmp_path: Path) -> None:
    place = workspace_in(tmp_path)
    sandbox = LocalSandbox(tiers=())
    runs = NodeRunner(make_library(place), {}, None, offline_tool_reply, sandbox, dry_reply=dry_tool_reply)
    async with running(place, runs=runs) as (session, watch):
        await send(session, SUMMARIZE)
        subject = (await review_of(session, watch, "task-1"))[1]
    assert tried(subject).runs == ()
    assert "nothing would hold it" in tried(subject).problem


async def test_what_a_person_edited_is_tried_and_never_rewritten(tmp_path: Path) -> None:
    async with running(workspace_in(tmp_path)) as (session, watch):
        await send(session, SUMMARIZE)
        question = (await review_of(session, watch, "task-1"))[0]
        edited = FAULTS["a crash"][0]
        await session.inbox.decide(question.id, Decision(DecisionKind.EDIT, code=edited))
        subject = (await review_of(session, watch, "task-1", 2))[1]
        assert (subject.draft.code, len(tried(subject).failed)) == (edited, 2)


async def test_no_rule_approves_a_draft_that_failed_its_try(tmp_path: Path) -> None:
    with Model(writing(FAULTS["a crash"][0])) as model:
        place = workspace_in(tmp_path, model.config + CONFIG.format(repairs=0, seconds=20))
        async with running(place, auto_review=lambda report: True) as (session, watch):
            await send(session, SUMMARIZE)
            await watch.until("review.requested")


async def test_a_draft_that_was_decided_about_untried_is_not_tried_afterwards(tmp_path: Path) -> None:
    """A review may have been asked before there were tries."""
    place = workspace_in(tmp_path)
    async with running(place) as (session, watch):
        assert session.author is not None
        session.author._runs = None
        await send(session, SUMMARIZE)
        question, subject = await review_of(session, watch, "task-1")
        session.workers.stop()
        await session.inbox.decide(question.id, approval(subject))
    async with running(place) as (session, watch):
        await watch.until("task.completed")
        assert "node.tried" not in watch.names()


async def test_whatever_a_node_writes_can_be_kept(tmp_path: Path, url: str) -> None:
    """Characters that a database or UTF-8 does not have, in every place of a run."""
    code = (
        f"{READS}from node_runtime import call_tool\n"
        "odd = 'a' + chr(0) + chr(0xD800)\ncall_tool('summarizer', odd, more=odd)\n"
        "sys.stderr.buffer.write(bytes([0, 255, 27]))\nprint(json.dumps(dict(odd=odd)))\n"
    )
    with Model(writing(code)) as model:
        place = workspace_in(tmp_path, model.config, database=url)
        async with running(place) as (session, watch):
            await send(session, SUMMARIZE)
            subject = (await review_of(session, watch, "task-1"))[1]
    run = tried(subject).runs[0]
    assert (run.error, run.output) == ("", {"odd": "a\0\ud800"})
    assert (run.tool_calls[0].prompt, run.stderr) == ("a\0\ud800", "\0\ufffd\x1b")


# --- the version before ----------------------------------------------------------------------------------------------

NEXT = {**SUMMARIZE, "id": "task-2"}


async def approved(session: Session, watch: Watch) -> None:
    """The first task's draft, in the library."""
    await send(session, SUMMARIZE)
    question, subject = await review_of(session, watch, "task-1")
    await session.inbox.decide(question.id, approval(subject))
    await watch.until("task.completed")


async def replacing(folder: Path, *codes: str) -> tuple[ReviewSubject, list[Any]]:
    """What a person sees of the draft that would replace the first one, and what the author was told."""
    left = list(codes)
    with Model(lambda _: whole_answer("task-1", left.pop(0))) as model:
        async with running(workspace_in(folder, model.config)) as (session, watch):
            await approved(session, watch)
            await send(session, NEXT)
            return (await review_of(session, watch, "task-2"))[1], model.requests


async def test_a_draft_that_would_replace_one_is_tried_on_what_that_one_was_seen_to_do(tmp_path: Path) -> None:
    subject, _ = await replacing(tmp_path, HARMLESS, f"{HARMLESS}# the same\n")
    runs = tried(subject).runs
    assert [run.name for run in runs] == [
        "sample 1", "fields missing", "v1 example 1", "v1 example 2", "v1 example 3",
    ]  # fmt: skip
    assert (runs[2].input["id"], runs[2].expected, runs[4].input) == ("task-1", {"task": "task-1"}, {})
    assert (tried(subject).changed, tried(subject).failed) == ((), ())


async def test_outputs_that_are_others_than_before_are_told_and_no_failure(tmp_path: Path) -> None:
    other = f"{READS}print(json.dumps(dict(task=input_data.get('id'))))\n"
    subject, requests = await replacing(tmp_path, HARMLESS, other)
    (changed,) = tried(subject).changed
    assert (changed.name, changed.input, changed.output) == ("v1 example 3", {}, {"task": None})
    assert (tried(subject).failed, tried(subject).repairs, len(requests)) == ((), 0, 2)


async def test_a_draft_that_fails_where_the_one_before_did_not_goes_back_to_its_author(tmp_path: Path) -> None:
    crash = f"{READS}if input_data.get('id') == 'task-1':\n    raise KeyError('old')\nprint(json.dumps(input_data))\n"
    subject, requests = await replacing(tmp_path, HARMLESS, crash, HARMLESS)
    assert "KeyError: 'old'" in requests[2]["failed_run"]
    assert '"id": "task-1"' in requests[2]["failed_run"]
    assert (tried(subject).repairs, tried(subject).failed) == (1, ())


async def test_tools_answer_as_they_did_and_dry_where_they_are_asked_something_else(tmp_path: Path) -> None:
    place = workspace_in(tmp_path)
    answer = {"tool": "summarizer", "prompt": "a text", "arguments": {}, "answer": "kept"}
    example = {"input": {"id": "x", "content": "a text"}, "output": {}, "tools": [answer]}
    async with running(place) as (session, watch):
        await approved(session, watch)
        beside = place.nodes / "summarize_blog_post" / "examples"
        for name, value in (("8-same.json", example), ("9-other.json", {**example, "input": {"content": "other"}})):
            (beside / name).write_text(json.dumps(value))
        await send(session, NEXT)
        subject = (await review_of(session, watch, "task-2"))[1]
    same, other = tried(subject).changed
    assert (same.name, same.output and same.output["result"]) == ("v1 example 4", "kept")
    assert (other.name, other.output and other.output["result"]) == ("v1 example 5", "[dry summarizer] other")


async def test_a_draft_is_tried_on_no_more_than_five_examples(tmp_path: Path) -> None:
    place = workspace_in(tmp_path)
    async with running(place) as (session, watch):
        await approved(session, watch)
        beside = place.nodes / "summarize_blog_post" / "examples"
        for number in range(4, 10):
            (beside / f"{number}.json").write_text((beside / "1-sample-1.json").read_text())
        await send(session, NEXT)
        subject = (await review_of(session, watch, "task-2"))[1]
    assert tried(subject).runs[-1].name == "v1 example 5"


# --- inputs ----------------------------------------------------------------------------------------------------------


def test_a_model_proposes_at_most_three_inputs_and_each_is_an_object() -> None:
    proposed = [1, {"a": 1}, {}, {"b": "x" * 30_000}, {"c": 2}, {"d": float("nan")}, {"e": 3}, {"f": 4}]
    assert sample_inputs_in(proposed) == ({"a": 1}, {"c": 2}, {"e": 3})
    assert sample_inputs_in({"a": 1}) == ()


def test_without_a_proposal_the_task_is_the_input() -> None:
    inputs = dict(inputs_to_try((), SUMMARIZE))
    assert inputs["sample 1"]["text"] == inputs["sample 1"]["prompt"] == SUMMARIZE["taskName"]
    assert inputs["sample 1"]["id"] == "task-1"
    assert list(inputs) == ["sample 1", "fields missing", "empty"]


def test_the_field_that_says_most_is_left_out_once() -> None:
    samples = ({"id": "x", "content": "much text"},)
    assert inputs_to_try(samples, {}) == [
        ("sample 1", samples[0]), ("fields missing", {"id": "x"}), ("empty", {}),
    ]  # fmt: skip
    assert [name for name, _ in inputs_to_try(({"content": "x"},), {})] == ["sample 1", "empty"]
