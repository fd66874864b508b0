"""Decisions become rows as TRL documents them: each with its prompt and where it comes from, no secret, none twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import StoreError, UsageError
from evolver_tui.core.training_data.task_groups import is_held_back
from evolver_tui.engine.decision_export.export import NothingToExport, Shape, export_decisions
from evolver_tui.engine.decision_export.wanted import Outcome, Wanted
from evolver_tui.settings.workspace import Workspace
from evolver_tui.tools.definitions import BUILT_IN_TOOLS, TASK_TO_WORKFLOW_ROUTER
from evolver_tui.wiring import make_reader
from tests.support.databases import sql
from tests.support.decisions import decide, deciding, edit, program, reject, send_and_decide, sent_to_model, task
from tests.support.sessions import review_of, send, workspace_in

pytestmark = pytest.mark.anyio

SECRET = "hub-4d8f2a91c7"
KEY = "sk-abcdefghijklmnop1234"

EVERYTHING = Wanted()

Row = dict[str, Any]


async def exported(
    place: Workspace, format: str, folder: Path, wanted: Wanted = EVERYTHING, **shape: Any
) -> tuple[list[Row], Outcome]:
    """The rows of one export, and what came of it."""
    path = folder / "rows.jsonl"
    outcome = await export_decisions(make_reader(place), Shape(format, **shape), wanted, BUILT_IN_TOOLS, [SECRET], path)
    return rows_in(path), outcome


def rows_in(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def written(folder: Path) -> list[Path]:
    return list(folder.glob("*.jsonl"))


def unfinished(folder: Path) -> list[Path]:
    return list(folder.rglob("*unfinished*"))


def code_of(messages: Sequence[Row]) -> str:
    """The program in an answer."""
    (message,) = messages
    assert message["role"] == "assistant"
    code = json.loads(message["content"])["workflow_code"]
    assert isinstance(code, str)
    return code


FIRST, SECOND, THIRD, MINE, OTHER = map(program, ("first", "second", "third", "mine", "other"))


async def chain(folder: Path, url: str) -> list[Any]:
    """Task 1 is sent back, edited and approved, task 2 is refused; returns what the model was asked."""
    async with deciding(folder, url, [FIRST, SECOND, THIRD]) as (session, watch, server):
        await send_and_decide(session, watch, task(1), reject("Shorter."), edit(MINE), "approve")
        await send_and_decide(session, watch, task(2, note=f"{SECRET} {KEY}"), reject())
        return [
            [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
            for prompt in map(sent_to_model, server.requests)
        ]


async def test_each_format_holds_the_decisions_with_the_prompts_that_were_sent(tmp_path: Path, url: str) -> None:
    first, again, _ = await chain(tmp_path, url)
    place = workspace_in(tmp_path, database=url)

    (row,), outcome = await exported(place, "sft", tmp_path)
    assert row.keys() == {"messages", "provenance"}
    assert row["messages"][:-1] == again
    assert code_of(row["messages"][-1:]) == MINE
    assert json.loads(row["messages"][-1]["content"])["suggested_node_id"]
    told = row["provenance"]
    assert (told["task_id"], told["model"], told["reviewer"], told["draft"]) == ("task-1", "openai/tiny", "ada", 3)
    assert (told["decision"], told["prompt"], told["task_type"]) == ("approve", "as sent", "summarize")
    assert outcome.sentences() == "4 decisions read, 1 row written.\nDecisions left out: 3 that approved nothing."

    pairs, outcome = await exported(place, "dpo", tmp_path)
    assert [row["prompt"] for row in pairs] == [first, again]
    assert [(code_of(row["chosen"]), code_of(row["rejected"])) for row in pairs] == [(MINE, FIRST), (MINE, SECOND)]
    assert [row["provenance"]["rejected_draft"] for row in pairs] == [1, 2]
    assert outcome.left_out.total() == 3

    judged, _ = await exported(place, "kto", tmp_path)
    assert [(code_of(row["completion"]), row["label"]) for row in judged] == [
        (FIRST, False), (SECOND, False), (MINE, True), (THIRD, False),
    ]  # fmt: skip
    assert [row["prompt"] for row in judged[:3]] == [first, again, again]
    assert judged[0]["prompt"][0]["content"] == TASK_TO_WORKFLOW_ROUTER.system_prompt
    assert judged[0]["prompt"][1]["content"] != judged[1]["prompt"][1]["content"]


async def test_no_secret_is_in_any_row(tmp_path: Path, url: str) -> None:
    leaking = f"{program('leaks')}# Authorization: Bearer abcdef0123456789\nkey = '{KEY}'\n"
    async with deciding(tmp_path, url, [leaking]) as (session, watch, _):
        sent = task(1, note=f"use {SECRET}", password="hunter2hunter2")
        await send_and_decide(session, watch, sent, edit(leaking + f"a = '{SECRET}'\n"), "approve")
    for format in ("sft", "dpo", "kto"):
        await exported(workspace_in(tmp_path, database=url), format, tmp_path)
        text = (tmp_path / "rows.jsonl").read_text()
        assert text.isascii()
        assert not [each for each in (SECRET, KEY, "hunter2hunter2", "abcdef0123456789") if each in text]


async def test_what_is_masked_leaves_json_that_reads_as_the_rest_of_the_program(tmp_path: Path) -> None:
    leaking = f"{program('leaks')}password = \"don't-walrus\"\nold_password = 'say \"x\" or\\'walrus'\nrest = 1\n"
    waiting = f"{program('waits')}# the password: 'tis kept elsewhere\n"
    async with deciding(tmp_path, None, [leaking, waiting]) as (session, watch, _):
        sent = task(1, note="password = \"it's 'walrus'\"", password=["walrus", 87654321])
        await send_and_decide(session, watch, sent, reject("No password = 'don\\'walrus'"), "approve")
    for format, answers in (("sft", ["messages"]), ("dpo", ["chosen", "rejected"]), ("kto", ["completion"])):
        rows, _ = await exported(workspace_in(tmp_path), format, tmp_path)
        for row in rows:
            programs = [code_of(row[name][-1:]) for name in answers]
            asked = json.loads((row["messages"] if format == "sft" else row["prompt"])[1]["content"])
            assert asked["task"]["password"] == ["•••", "•••"]
            assert all(code.endswith(("rest = 1\n", "•••\n")) for code in programs)
        text = (tmp_path / "rows.jsonl").read_text()
        assert not [each for each in ("walrus", "87654321") if each in text]


async def test_what_is_answered_in_words_is_no_judgement_but_the_draft_that_came_of_it_is_preferred(
    tmp_path: Path,
) -> None:
    async with deciding(tmp_path, None, [FIRST, SECOND]) as (session, watch, _):
        words = Decision(DecisionKind.RESPOND, reason="What for?")
        await send_and_decide(session, watch, task(1), words, "approve")
    place = workspace_in(tmp_path)
    (row,), outcome = await exported(place, "kto", tmp_path)
    assert (code_of(row["completion"]), row["label"]) == (SECOND, True)
    assert outcome.left_out == {"that answered in words and judged nothing": 1}
    (row,), _ = await exported(place, "dpo", tmp_path)
    assert (code_of(row["chosen"]), code_of(row["rejected"])) == (SECOND, FIRST)


async def test_an_edit_that_waits_for_its_approval_is_preferred_already_and_one_that_was_refused_is_not(
    tmp_path: Path,
) -> None:
    async with deciding(tmp_path, None, [FIRST, SECOND]) as (session, watch, _):
        await send_and_decide(session, watch, task(1), edit(MINE), reject())
        await send(session, task(2))
        await decide(session, watch, "task-2", edit(OTHER))
        await review_of(session, watch, "task-2", 2)
    (row,), outcome = await exported(workspace_in(tmp_path), "dpo", tmp_path)
    assert (code_of(row["chosen"]), code_of(row["rejected"])) == (OTHER, SECOND)
    assert "1 with which their tasks ended, and nothing approved" in outcome.sentences()


async def test_only_what_was_asked_for_is_written(tmp_path: Path) -> None:
    kinds = ("summarize", "generate")
    async with deciding(tmp_path, None, [FIRST, SECOND]) as (session, watch, _):
        for number, kind in enumerate(kinds):
            await send_and_decide(session, watch, task(number, llmTaskType=kind), "approve")
        first = session.id
    async with deciding(tmp_path, None, [THIRD]) as (session, watch, _):
        await send_and_decide(session, watch, task(2), "approve")
    place = workspace_in(tmp_path)
    database = f"sqlite:///{place.database_file}"
    sql(database, "UPDATE question SET answered_at = 86400.0 * id, answered_by = answered_by")

    async def taken(wanted: Wanted) -> list[str]:
        rows, _ = await exported(place, "sft", tmp_path, wanted)
        return [row["provenance"]["task_id"] for row in rows]

    assert await taken(Wanted()) == ["task-0", "task-1", "task-2"]
    assert await taken(Wanted(types=("Generate",))) == ["task-1"]
    assert await taken(Wanted(types=kinds)) == ["task-0", "task-1", "task-2"]
    assert await taken(Wanted(models=("tiny",))) == await taken(Wanted(models=("openai/tiny",)))
    for nobody in (Wanted(models=("openai",)), Wanted(reviewers=("bob",)), Wanted(types=("translate",))):
        with pytest.raises(NothingToExport, match="3 that were not asked for"):
            await taken(nobody)
    assert await taken(Wanted(reviewers=("bob", "ada"), session_id=first)) == ["task-0", "task-1"]
    assert await taken(Wanted(session_id="latest")) == ["task-2"]
    assert await taken(Wanted(since=86400.0 * 2)) == ["task-1", "task-2"]
    assert await taken(Wanted(since=86400.0 * 2, until=86400.0 * 3)) == ["task-1"]
    with pytest.raises(UsageError, match="no session 'nobody'"):
        await taken(Wanted(session_id="nobody"))


async def test_of_rows_that_are_nearly_the_same_the_first_is_kept(tmp_path: Path) -> None:
    nearly = FIRST.replace("import sys\n", "import sys  # as ever\n")
    async with deciding(tmp_path, None, [FIRST, nearly, SECOND, nearly]) as (session, watch, _):
        for number in range(3):
            await send_and_decide(session, watch, task(number), "approve")
        await send_and_decide(session, watch, task(3), reject())
    place = workspace_in(tmp_path)
    rows, outcome = await exported(place, "sft", tmp_path)
    assert [row["provenance"]["task_id"] for row in rows] == ["task-0", "task-2"]
    assert "Rows left out: 1 nearly the same as one before (--keep-duplicates)." in outcome.sentences()
    rows, outcome = await exported(place, "sft", tmp_path, keeps_duplicates=True)
    assert (len(rows), outcome.duplicates) == (3, 0)
    rows, _ = await exported(place, "kto", tmp_path)
    assert [(row["provenance"]["task_id"], row["label"]) for row in rows] == [
        ("task-0", True), ("task-2", True), ("task-3", False),
    ]  # fmt: skip


async def test_a_split_puts_what_belongs_together_on_one_side(tmp_path: Path) -> None:
    codes, tasks = [], []
    for number in range(8):
        codes += [program(f"word{number}a"), program(f"word{number}b")]
        tasks.append(task(number))
    again = {**tasks[0], "id": "task-again", "dueDate": "2026-02-01T09:00:00Z", "status": "pending"}
    codes += [program("asked_again"), codes[2].replace("import", "import ")]
    async with deciding(tmp_path, None, codes) as (session, watch, _):
        for each in tasks:
            await send_and_decide(session, watch, each, reject("Better."), "approve")
        await send_and_decide(session, watch, again, "approve")
        await send_and_decide(session, watch, task("alike"), "approve")
    place, folder = workspace_in(tmp_path), tmp_path / "split"
    folder.mkdir()
    outcome = await export_decisions(
        make_reader(place), Shape("kto", True, validation=0.4), Wanted(), BUILT_IN_TOOLS, [], folder
    )
    sides = {
        side: [row["provenance"]["task_id"] for row in rows_in(folder / f"{side}.jsonl")]
        for side in ("train", "validation")
    }
    assert not set(sides["train"]) & set(sides["validation"])
    for name in ("task-again", "task-alike"):
        like = "task-0" if name == "task-again" else "task-1"
        assert [side for side in sides if name in sides[side]] == [side for side in sides if like in sides[side]]
    assert set(sides["validation"]) >= {each["id"] for each in tasks if is_held_back(each["id"], 0.4)}
    assert (outcome.rows, outcome.held_back) == (18, len(sides["validation"]))
    assert 0 < len(sides["validation"]) < 18
    files = [tmp_path / f"decisions.{side}.jsonl" for side in sides]
    await export_decisions(
        make_reader(place), Shape("kto", True, validation=0.4), Wanted(), BUILT_IN_TOOLS, [],
        tmp_path / "decisions.jsonl",
    )  # fmt: skip
    assert [path.read_text() for path in files] == [(folder / f"{side}.jsonl").read_text() for side in sides]
    assert not unfinished(tmp_path)


async def test_tasks_that_belong_together_are_not_torn_apart_to_have_a_row_on_each_side(tmp_path: Path) -> None:
    async with deciding(tmp_path, None, [FIRST, SECOND]) as (session, watch, _):
        await send_and_decide(session, watch, task(1), "approve")
        await send_and_decide(session, watch, {**task(1), "id": "again"}, "approve")
    with pytest.raises(NothingToExport, match="all are about one task") as refused:
        await exported(workspace_in(tmp_path), "sft", tmp_path, validation=0.5)
    assert "Leave --validation out" in refused.value.way_out
    assert not written(tmp_path)


async def test_what_cannot_be_exported_is_said(tmp_path: Path) -> None:
    place = workspace_in(tmp_path)
    with pytest.raises(NothingToExport, match="no row of dpo to write"):
        await exported(place, "dpo", tmp_path)
    assert not (tmp_path / "rows.jsonl").exists()
    with pytest.raises(UsageError, match="two files"):
        await export_decisions(make_reader(place), Shape("sft", validation=0.1), Wanted(), BUILT_IN_TOOLS, [], None)
    with pytest.raises(UsageError, match="does not exist"):
        await exported(place, "sft", tmp_path / "nowhere")


async def test_a_full_disk_leaves_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with deciding(tmp_path, None, [FIRST]) as (session, watch, _):
        await send_and_decide(session, watch, task(1), "approve")
    (tmp_path / "rows.jsonl").write_text("before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match=r"rows.jsonl cannot be written: No space left"):
        await exported(workspace_in(tmp_path), "sft", tmp_path)
    assert (tmp_path / "rows.jsonl").read_text() == "before"
    assert not unfinished(tmp_path)


async def test_half_a_character_that_a_plug_in_or_a_bundle_brought_spoils_no_file(tmp_path: Path) -> None:
    async with deciding(tmp_path, None, [FIRST]) as (session, watch, _):
        await send_and_decide(session, watch, task(1, note="\N{GRINNING FACE}"), "approve")
    place = workspace_in(tmp_path)
    database = f"sqlite:///{place.database_file}"
    sql(database, """UPDATE question SET subject_json = replace(subject_json, '"node_one"', '"node\\ud800"')""")
    (row,), _ = await exported(place, "sft", tmp_path)
    assert row["provenance"]["node"] == "node?"
    assert json.loads(row["messages"][1]["content"])["task"]["note"] == "\N{GRINNING FACE}"
    json.dumps(row, ensure_ascii=False).encode()


async def test_a_routine_s_reviews_are_rows_with_a_prompt_made_of_the_task(tmp_path: Path) -> None:
    async with deciding(tmp_path, None, [FIRST]) as (session, watch, _):
        await send_and_decide(session, watch, task(1), "approve")
    place = workspace_in(tmp_path)
    sql(f"sqlite:///{place.database_file}", "UPDATE job SET routine = 'graph'")
    (row,), _ = await exported(place, "sft", tmp_path)
    assert row["provenance"]["prompt"] == "made of the task"
    assert json.loads(row["messages"][1]["content"])["task"] == task(1)
