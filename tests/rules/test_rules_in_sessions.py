"""Rules beside real sessions: what they do, what they leave, and how their file is followed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evolver_tui import wiring
from evolver_tui.adapters.rules.expression import compile_expression
from evolver_tui.core.address import Address
from evolver_tui.core.errors import StoreError, UsageError
from evolver_tui.core.rule import Firing, rehearse
from evolver_tui.core.signal import Signal
from evolver_tui.engine.author.approval_rules import APPROVALS
from evolver_tui.engine.session import Session
from evolver_tui.settings.rule_file import read_rules
from evolver_tui.settings.workspace import Workspace
from evolver_tui.signals import emit_signal
from evolver_tui.wiring import NO_WORK
from tests.support.connect_runs import a_hub
from tests.support.links import ManualClock
from tests.support.sessions import SUMMARIZE, TRANSLATE, Watch, approval, review_of, row_of, running, send, workspace_in

pytestmark = pytest.mark.anyio


def place_with(folder: Path, rules: str, database: str | None = None) -> Workspace:
    """A place with this file of rules."""
    place = workspace_in(folder, database=database)
    place.paths.rules_file.parent.mkdir(parents=True, exist_ok=True)
    place.paths.rules_file.write_text(rules)
    return place


def rule(name: str, when: str, then: str, more: str = "") -> str:
    """One rule of a file."""
    return f'[[rule]]\nname = "{name}"\nwhen = "{when}"\nthen = {then}\n{more}\n'


def of(watch: Watch, name: str) -> list[Signal]:
    """What was heard by this name."""
    return [signal for signal in watch.heard if signal.name == name]


# --- the intake


async def test_a_rule_pauses_the_intake_on_a_hub_stream_and_nothing_is_lost(tmp_path: Path) -> None:
    tasks = [{"id": f"t{number}", "taskName": f"Task {number}", "llmTaskType": "summarize"} for number in range(200)]
    rules = rule("enough", "task.queued", '{ intake = "pause" }', 'if = "payload.queue_size >= 20"\ncooldown = "1h"')
    place = place_with(tmp_path, rules)
    hub = a_hub(*tasks)
    await hub.start()
    try:
        async with running(place, work=NO_WORK) as (session, watch):
            await session.connect(Address(hub.url))
            fired = await watch.until("rule.fired")
            assert fired.payload == {"rule": "enough", "signal": "task.queued", "actions": ["pause intake"]}
            assert fired.context["rule"] == "enough"
            (paused,) = of(watch, "intake.paused")
            assert paused.context["rule"] == "enough"
            assert (session.hub.is_paused, session.hub.paused_by) == (True, "enough")
            session.hub.pause(False)
            assert session.hub.paused_by == ""
            async with asyncio.timeout(20):
                while len(of(watch, "task.queued")) < len(tasks):
                    await watch.until("task.queued", len(of(watch, "task.queued")) + 1)
            assert sorted(signal.context["task_id"] for signal in of(watch, "task.queued")) == sorted(
                task["id"] for task in tasks
            )
            assert (await session.store.counts()).waiting == len(tasks)
            assert not of(watch, "task.duplicate")
    finally:
        await hub.close()


async def test_a_rule_lets_come_again_what_a_rule_paused_and_never_what_a_person_did(tmp_path: Path) -> None:
    rules = rule("stop", "custom.stop", '{ intake = "pause" }', "cooldown = 0") + rule(
        "go", "custom.go", '{ intake = "resume" }', "cooldown = 0"
    )
    async with running(place_with(tmp_path, rules), work=NO_WORK) as (session, watch):
        emit_signal("custom.go")
        emit_signal("custom.stop")
        await watch.until("rule.fired", rule="stop")
        emit_signal("custom.stop")  # it is paused already: nothing is done, and nothing told
        emit_signal("custom.go")
        await watch.until("rule.fired", rule="go")
        assert len(of(watch, "rule.fired")) == 2
        assert not session.hub.is_paused
        session.hub.pause(True)
        emit_signal("custom.go")
        failed = await watch.until("rule.failed", rule="go")
        assert "A person holds" in failed.payload["error"]
        assert session.hub.is_paused


# --- who is told


async def test_a_listener_is_handed_the_signal_and_a_bad_one_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "known_rules", lambda at: read_rules(at.paths.rules_file, compile_expression))
    handed: list[tuple[str, Signal]] = []

    def deliver(name: str, signal: Signal) -> None:
        if name == "broken":
            raise ZeroDivisionError(name)
        if name != "oncall":
            raise UsageError(f"There is no listener {name}.")
        handed.append((name, signal))

    rules = rule("call", "custom.*", '{ send = ["oncall", "broken", "other"], notify = "Look at it." }', "cooldown = 0")
    place = place_with(tmp_path, rules)
    async with running(place, work=NO_WORK) as (session, watch):
        session.rules.actions.send = deliver
        emit_signal("custom.ready", {"n": 1})
        fired = await watch.until("rule.fired")
        assert fired.payload["actions"] == ["send to oncall", "notify: Look at it."]
        assert (fired.payload["notice"], fired.level) == ("Look at it.", "warning")
        ((name, signal),) = handed
        assert (name, signal.name, signal.payload, signal.context["rule"]) == (
            "oncall", "custom.ready", {"n": 1}, "call",
        )  # fmt: skip
        errors = [failed.payload["error"] for failed in of(watch, "rule.failed")]
        assert errors == ["ZeroDivisionError('broken')", "There is no listener other."]
        for _ in range(20):
            emit_signal("custom.ready")
        await watch.until("rule.fired", 21)
        assert [each.payload["failures"] for each in of(watch, "rule.failed")] == [1, 1, 10, 10]


async def test_no_rule_hears_what_a_rule_did(tmp_path: Path) -> None:
    rules = rule("first", "custom.a", '{ intake = "pause" }', "cooldown = 0")
    rules += rule("all", "*", '{ notify = "again" }', "cooldown = 0")
    rules += rule("paused", "intake.*", '{ notify = "loop" }', "cooldown = 0")
    async with running(place_with(tmp_path, rules), work=NO_WORK) as (session, watch):
        emit_signal("custom.a")
        await watch.until("rule.fired", rule="first")
        emit_signal("custom.b")
        await watch.until("rule.fired", rule="all", signal="custom.b")
        await session.rules.settled()
        told = [(each.payload["rule"], each.payload["signal"]) for each in of(watch, "rule.fired")]
    assert told == [("all", "session.started"), ("first", "custom.a"), ("all", "custom.a"), ("all", "custom.b")]


# --- jobs and nodes


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    """A database of each kind; None for the file in its usual place."""
    if request.param == "sqlite":
        return None
    return str(request.getfixturevalue("postgresql").new_database())


async def test_a_job_is_tagged_and_gets_its_place_and_it_is_told_once(tmp_path: Path, database: str | None) -> None:
    rules = rule(
        "first of all", "task.queued", '{ tag = ["urgent", "seen"], priority = "high" }',
        "if = \"context.task_id == 'task-3'\"",
    )  # fmt: skip
    async with running(place_with(tmp_path, rules, database), work=NO_WORK) as (session, watch):
        await send(session, SUMMARIZE)
        await send(session, TRANSLATE)
        fired = await watch.until("rule.fired")
        assert fired.payload["actions"] == ["tag urgent", "tag seen", "priority high"]
        row = await row_of(session, "task-3")
        assert (fired.context["job"], fired.context["task_id"]) == (row.job, "task-3")
        assert [each.task_id for each in await session.store.rows_after(None, 10)] == ["task-3", "task-1"]
        detail = await session.store.job(row.job)
        assert detail is not None
        assert (detail.row.priority, detail.marks.tags) == ("high", ("urgent", "seen"))
        assert detail.marks.notes == ("Rule first of all: tag urgent, tag seen, priority high.",)
        (marked,) = of(watch, "job.marked")
        assert marked.payload == {
            "by": "rule first of all",
            "note": detail.marks.notes[0],
            "tags": ["urgent", "seen"],
            "priority": "high",
        }
        session.bus.emit(replace_of(fired), task_id="task-3")  # as another console might hear it
        await session.rules.settled()
        assert len(of(watch, "rule.fired")) == 1
        await session.inbox.cancel(row.job)
        await session.inbox.restore(row.job)
        assert [each.task_id for each in await session.store.rows_after(None, 10)] == ["task-3", "task-1"]
        bundle = await session.inbox.export_job(row.job)
        assert bundle.job_state["marks"]["tags"] == ["urgent", "seen"]
        assert await session.inbox.import_job(bundle) == row.job
        again = await session.store.job(row.job)
        assert again is not None
        assert (again.marks, again.row.priority) == (detail.marks, "high")


def replace_of(fired: Signal) -> Any:
    """The same observation that the rule heard."""
    from evolver_tui.core.signal_catalogue.task_signals import TASK_QUEUED

    return TASK_QUEUED({"queue_size": 1, "priority": "low"})


async def test_what_is_marked_for_review_is_approved_by_no_rule_of_approval(tmp_path: Path) -> None:
    rules = rule("look at it", "node.tried", "{ review = true }", "if = \"context.task_id == 'task-1'\"")
    async with running(place_with(tmp_path, rules), auto_review=APPROVALS["all"]) as (session, watch):
        await send(session, SUMMARIZE)
        await send(session, TRANSLATE)
        question, subject = await review_of(session, watch, "task-1")
        await watch.until("node.saved", task_id="task-3")
        detail = await session.store.job(question.job)
        assert detail is not None
        assert detail.marks.needs_review
        assert not [each for each in of(watch, "node.saved") if each.context["task_id"] == "task-1"]
        await session.inbox.decide(question.id, approval(subject))
        saved = await watch.until("node.saved", task_id="task-1")
        assert saved.payload["node_id"] == subject.draft.node_id


async def test_a_mark_for_review_that_cannot_be_written_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*arguments: object) -> bool:
        raise StoreError("The database is away.")

    rules = rule("look at it", "node.tried", "{ review = true }")
    async with running(place_with(tmp_path, rules), auto_review=APPROVALS["all"]) as (session, watch):
        monkeypatch.setattr(session.store, "mark", away)
        await send(session, SUMMARIZE)
        await review_of(session, watch, "task-1")
        assert "The database is away." in of(watch, "rule.failed")[0].payload["error"]
        assert not of(watch, "node.saved")


async def test_what_no_rule_could_look_at_is_reviewed_where_one_asks_for_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = rule("look at it", "custom.*", "{ review = true }", 'if = "payload.n == 1"')
    async with running(place_with(tmp_path, rules), auto_review=APPROVALS["all"]) as (session, watch):
        emit_signal("custom.large", {"text": "x" * 100_000}, {"task_id": "task-1"})
        await send(session, SUMMARIZE)
        await review_of(session, watch, "task-1")
        await send(session, TRANSLATE)
        await watch.until("node.saved", task_id="task-3")
        monkeypatch.setattr("evolver_tui.engine.rules.CAPACITY", 0)
        emit_signal("custom.any", {"n": 0})
        monkeypatch.undo()
        emit_signal("custom.any", {"n": 0})
        await watch.until("rule.failed", action="")
        await send(session, {**SUMMARIZE, "id": "task-9"})
        await review_of(session, watch, "task-9")


async def test_a_node_is_set_aside_until_a_person_takes_it_back(tmp_path: Path) -> None:
    rules = rule("not yet", "node.saved", "{ set_aside = true }") + rule("no node", "custom.x", "{ set_aside = true }")
    place = place_with(tmp_path, rules)
    async with running(place, auto_review=APPROVALS["all"]) as (session, watch):
        await send(session, SUMMARIZE)
        fired = await watch.until("rule.fired")
        emit_signal("custom.x", {"node_id": "nothing_there"})
        failed = await watch.until("rule.failed")
        emit_signal("custom.x")
        await session.rules.settled()
    node_id = fired.payload["node_id"]
    assert "no node named nothing_there" in failed.payload["error"]
    assert of(watch, "node.set_aside")[0].payload == {"node_id": node_id, "by": "rule not yet"}
    assert session.library.set_aside_by(node_id) == "rule not yet"  # type: ignore[attr-defined]


# --- time


async def test_what_holds_for_a_while_fires_by_the_clock(tmp_path: Path) -> None:
    rules = rule("waits", "custom.asked", '{ notify = "Still waiting." }', 'for = "10m"\nuntil = "custom.answered"')
    clock = ManualClock()
    async with running(place_with(tmp_path, rules), work=NO_WORK, clock=clock) as (session, watch):
        emit_signal("custom.asked", {}, {"task_id": "a"})
        emit_signal("custom.asked", {}, {"task_id": "b"})
        emit_signal("custom.answered", {}, {"task_id": "b"})
        await session.rules.settled()
        assert not of(watch, "rule.fired")
        assert await clock.wake() == 600
        fired = await watch.until("rule.fired")
        assert fired.context["task_id"] == "a"


# --- the file


async def test_the_file_is_followed_and_a_bad_rule_leaves_the_others(tmp_path: Path) -> None:
    place = workspace_in(tmp_path)
    file = place.paths.rules_file
    file.parent.mkdir(parents=True)
    async with running(place, work=NO_WORK) as (session, watch):
        assert not of(watch, "rule.loaded")
        bad = '[[rule]]\nname = "bad"\nwhen = "task.faild"\nthen = { tag = "x" }\n'
        file.write_text(bad + rule("good", "custom.a", '{ notify = "one" }', "cooldown = 0"))
        await watch.until("rule.loaded", rules=1, problems=1)
        (notice,) = of(watch, "config.notice")
        assert f"{file}, line 3: there is no signal task.faild. Did you mean 'task.failed'?" == notice.payload["notice"]
        emit_signal("custom.a")
        await watch.until("rule.fired", notice="one")
        file.write_text(bad + rule("good", "custom.a", '{ notify = "two" }', "cooldown = 0"))
        await watch.until("rule.loaded", 2)
        emit_signal("custom.a")
        await watch.until("rule.fired", notice="two")
        file.write_text("[[rule]]\nname = ")  # an editor that is at work
        await watch.until("rule.loaded", rules=1, problems=1, count=3)
        emit_signal("custom.a")
        await watch.until("rule.fired", 2, notice="two")
        file.unlink()
        await watch.until("rule.loaded", rules=0, problems=0)
        emit_signal("custom.a")
        await session.rules.settled()
        assert len(of(watch, "rule.fired")) == 3
        assert len(of(watch, "config.notice")) == 2


async def test_an_expression_that_cannot_tell_is_told_of_once(tmp_path: Path) -> None:
    rules = rule("unclear", "custom.*", '{ notify = "x" }', 'if = "payload.n > 1"\ncooldown = 0')
    async with running(place_with(tmp_path, rules), work=NO_WORK) as (_, watch):
        for payload in ({}, {"n": None}, {"n": "text"}, {"n": 1}, {"n": 2}):
            emit_signal("custom.said", payload)
        await watch.until("rule.fired")
        (failed,) = of(watch, "rule.failed")
        assert failed.payload["action"] == "if"
        assert "has(payload.x)" in failed.payload["error"]


async def test_a_flood_is_bounded_and_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evolver_tui.engine.rules.CAPACITY", 100)
    rules = rule("each", "custom.*", '{ notify = "x" }')
    async with running(place_with(tmp_path, rules), work=NO_WORK) as (session, watch):
        for number in range(1_000):
            emit_signal("custom.said", {"n": number})
        failed = await watch.until("rule.failed")
        assert "900 signals came too fast" in failed.payload["error"]
        await session.rules.settled()
        assert len(of(watch, "rule.fired")) == 1  # what else it would tell, its cooldown holds back


def known(session: Session) -> Sequence[str]:
    """The rules in force."""
    return [each.name for each in session.rules.found.rules]


async def test_two_sessions_on_one_database_do_each_thing_once(tmp_path: Path) -> None:
    rules = rule("tag", "task.*", '{ tag = "seen" }')
    place = place_with(tmp_path, rules)
    async with running(place, work=NO_WORK) as (one, watch), running(place, work=NO_WORK) as (other, others):
        assert known(one) == known(other) == ["tag"]
        await send(one, SUMMARIZE)
        await watch.until("rule.fired")
        await send(other, SUMMARIZE)
        await others.until("task.duplicate")
        await other.rules.settled()
        assert not of(others, "rule.fired")
        assert len(of(watch, "rule.fired")) == 1


async def test_a_rehearsal_of_its_log_says_what_a_session_did(tmp_path: Path) -> None:
    rules = rule("tagged", "*", '{ tag = "seen" }', 'if = "has(context.job)"')
    rules += rule("first", "task.queued", '{ priority = "low" }') + rule("told", "node.*", '{ notify = "x" }')
    async with running(place_with(tmp_path, rules), auto_review=APPROVALS["all"]) as (session, watch):
        await send(session, SUMMARIZE)
        await watch.until("task.completed")
        await session.rules.settled()
        log = [(each.seq, each.signal) for each in await session.store.signals(session.id)]
        done = [(each.payload["rule"], each.payload["signal"]) for each in of(watch, "rule.fired")]
    fired = [each for each in rehearse(session.rules.found.rules, log) if isinstance(each, Firing)]
    told = [(each.rule.name, each.signal.name) for each in fired if each.rule.name != "tagged"]
    assert sorted(told) == sorted(entry for entry in done if entry[0] != "tagged")
    assert [entry for entry in done if entry[0] == "tagged"] == [("tagged", "task.started")]  # the tag is there then
    assert len([each for each in fired if each.rule.name == "tagged"]) > 5
