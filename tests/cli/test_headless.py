"""`evolver-tui connect` as a process: spec 000's events in order, its result object, and every way in which it ends."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.sample_hub.hub import FeedSettings, SampleHub, SampleHubSettings
from evolver_tui.core.address import Address
from evolver_tui.engine.headless import Headless
from evolver_tui.settings.connect_config import ConnectConfig
from evolver_tui.wiring import make_session
from tests.support.boxes import no_box
from tests.support.connect_runs import a_hub, says
from tests.support.hubs import Peer, RawHub, free_port, http_response
from tests.support.processes import (
    FLAGGED,
    HARMLESS,
    PATIENCE_SECONDS,
    THREADED,
    Connect,
    Event,
    Model,
    environment,
    half_answer,
    in_thread,
    node_of,
    run_command,
    whole_answer,
)
from tests.support.provider_server import ProviderServer, status
from tests.support.reaching_drafts import JSON_CODECS, RE_BUILTINS
from tests.support.request_hub import HANDSHAKE, Reply, RequestHub, task_record
from tests.support.sessions import GENERATE, SUMMARIZE, TRANSLATE, workspace_in

FIELDS = {
    "connected": {"hub_url", "status", "library", "attempt"},
    "disconnected": {"hub_url", "total_messages"},
    "message_received": {"message_number", "data"},
    "task_queued": {"task_id", "queue_size"},
    "processing_task": {"task_id", "queue_size"},
    "workflow_generated": {"task_id", "workflow_name", "node_id"},
    "workflow_saved": {"node_id", "task_id"},
    "workflow_processing_failed": {"task", "error"},
    "task_waiting": {"task_id", "waits_for", "message"},
    "task_completed": {"task_id", "remaining_queue"},
    "task_skipped": {"task_id", "status"},
    "task_stored": {"task_id", "status"},
    "task_duplicate": {"task_id"},
    "task_unclear": {"task_id", "notice"},
    "callback_error": {"error", "message"},
    "message_handler_error": {"error"},
    "connection_failed": {"attempt", "error", "retry_in"},
    "worker_paused": {"shared", "error", "brief", "retry_in", "tries"},
    "worker_resumed": {"shared", "seconds"},
    "connection_failed_permanently": {"total_attempts", "error"},
    "queue_processor_error": {"error"},
    "error": {"error"},
    "log_error": {"error"},
    "no_box": {"error", "way_out"},
    "shutdown_requested": set[str](),
}
"""What each event carries beside event, ts and seq."""

RESULT = {"success", "hub_url", "hub_name", "total_messages", "tasks_received", "errors", "tasks"}


def tasks_named(*names: str) -> list[dict[str, Any]]:
    return [{"id": name, "taskName": f"The task {name}", "llmTaskType": "summarize"} for name in names]


def check_form(events: Sequence[Event]) -> None:
    """Every event has its fields and no others, the time, and the next number."""
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    for event in events:
        assert event.keys() - {"warning"} == {"event", "ts", "seq"} | FIELDS[event["event"]], event
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["ts"])


# --- the contract --------------------------------------------------------------------------------------------------


def test_each_task_is_told_of_in_order_and_the_result_holds_what_came(tmp_path: Path) -> None:
    sent: list[dict[str, Any]] = [SUMMARIZE, GENERATE, {**TRANSLATE, "status": "completed"}]
    output = tmp_path / "received.json"
    with in_thread(a_hub(*sent)) as hub, Connect(tmp_path, {"hub_url": hub.url, "output_file": str(output)}) as process:
        process.until("task_completed", 2)
        code, result = process.finish()
        url = hub.url

    check_form(process.events)
    assert process.names()[0] == "connected"
    assert process.told("connected", hub_url=url, status="listening", library="signalrcore", attempt=1)
    for task, node_id, title in (
        (SUMMARIZE, "summarize_blog_post", "Summarize blog post"),
        (GENERATE, "generate_email_with_translations", "Generate email with translations"),
    ):
        assert {"tasks": [task]} in [event["data"] for event in process.told("message_received")]
        mine = [event for event in process.events if event.get("task_id") == task["id"]]
        assert [event["event"] for event in mine] == [
            "task_queued", "processing_task", "workflow_generated", "workflow_saved", "task_completed",
        ]  # fmt: skip
        generated, saved = mine[2], mine[3]
        assert (generated["node_id"], generated["workflow_name"], saved["node_id"]) == (node_id, title, node_id)
        received = next(event for event in process.told("message_received") if event["data"]["tasks"] == [task])
        assert received["seq"] < mine[0]["seq"]
    not_worked_on = [event for event in process.events if event.get("task_id") == TRANSLATE["id"]]
    assert [event["event"] for event in not_worked_on] == ["task_skipped"]
    assert process.told("task_completed")[-1]["remaining_queue"] == 0
    assert process.told("disconnected", hub_url=url, total_messages=3)

    assert code == 0
    assert result == {
        "success": True, "hub_url": url, "hub_name": "TaskHub", "total_messages": 3, "tasks_received": 3,
        "errors": [], "tasks": sent,
    }  # fmt: skip
    assert output.read_text() == json.dumps([{"tasks": [task]} for task in sent], indent=2)
    assert (tmp_path / "nodes" / "summarize_blog_post" / "main.py").is_file()


def test_every_shape_of_message_is_taken_and_what_is_none_is_said(tmp_path: Path) -> None:
    one, two, three, four, five = tasks_named("one", "two", "three", "four", "five")
    nameless = {"taskName": "Without an id", "llmTaskType": "summarize"}
    messages: list[list[object]] = [
        [{"tasks": [one, two]}], [three], [[four]], [json.dumps({"tasks": [five]})], ["gibberish"], [17], [],
        [nameless], [one],
    ]  # fmt: skip
    with says(*messages) as hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
        process.until("task_completed", 6)
        code, result = process.finish()
    check_form(process.events)
    assert [event["task_id"] for event in process.told("task_queued")] == [
        "one", "two", "three", "four", "five", "unknown",
    ]  # fmt: skip
    numbered = [(event["message_number"], event["data"]) for event in process.told("message_received")]
    assert numbered == [(number, (some or [[]])[0]) for number, some in enumerate(messages, 1)]
    assert [event["message"] for event in process.told("callback_error")] == ['["gibberish"]', "[17]", "[]"]
    assert (code, result["total_messages"], len(result["errors"])) == (0, 9, 3)
    assert result["tasks"] == [one, two, three, four, five, nameless, one]
    assert "not JSON" in result["errors"][0]


def test_what_is_not_signalr_is_said_and_the_next_task_comes(tmp_path: Path) -> None:
    def talk(peer: Peer) -> None:
        peer.shake_hands()
        peer.send("{no json")
        peer.send_task("one")
        peer.read_to_end()

    with RawHub(talk) as hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
        process.until("task_queued", task_id="one")
        process.finish()
    check_form(process.events)
    assert process.told("message_handler_error")


def test_without_generation_tasks_are_received_and_stored_only(tmp_path: Path) -> None:
    output = tmp_path / "received.json"
    config = {"auto_generate_workflows": False, "output_file": str(output)}
    with in_thread(a_hub(SUMMARIZE)) as hub, Connect(tmp_path, {"hub_url": hub.url, **config}) as process:
        process.until("task_stored")
        code, result = process.finish()
    check_form(process.events)
    assert process.names() == ["connected", "message_received", "task_stored", "shutdown_requested", "disconnected"]
    assert (code, result["tasks"]) == (0, [SUMMARIZE])
    assert json.loads(output.read_text()) == [{"tasks": [SUMMARIZE]}]
    # A later run that does generate does not begin with it: it was kept only.
    with says() as silent, Connect(tmp_path, {"hub_url": silent.url}) as process:
        process.until("connected")
        process.finish()
    assert "processing_task" not in process.names()


def test_another_method_can_be_subscribed_to_and_no_file_is_written_when_nothing_came(tmp_path: Path) -> None:
    output = tmp_path / "received.json"
    config = {"hub_name": "Other", "output_file": str(output)}
    with says([SUMMARIZE]) as hub, Connect(tmp_path, {"hub_url": hub.url, **config}) as process:
        process.until("connected")
        code, result = process.finish()
    assert (code, result["hub_name"], result["total_messages"]) == (0, "Other", 0)
    assert not output.exists()


def test_a_duration_ends_it_by_itself(tmp_path: Path) -> None:
    with (
        in_thread(a_hub(SUMMARIZE)) as hub,
        Connect(tmp_path, {"hub_url": hub.url, "duration_seconds": 0.5}) as process,
    ):
        code, result = process.result()
    assert "shutdown_requested" not in process.names()
    assert process.names().count("disconnected") == 1
    assert result.keys() >= RESULT
    assert code == (0 if result["success"] else 1)


def test_an_output_file_whose_folder_goes_away_is_no_success(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    config = {"output_file": str(folder / "received.json")}
    with says([SUMMARIZE]) as hub, Connect(tmp_path, {"hub_url": hub.url, **config}) as process:
        process.until("message_received")
        shutil.rmtree(folder)
        code, result = process.finish()
    check_form(process.events)
    assert result.keys() == RESULT | {"error"}
    assert (code, result["success"], result["errors"]) == (1, False, [result["error"]])
    assert "here/received.json cannot be written" in result["error"]
    assert (result["tasks"], process.told("error", error=result["error"]) != []) == ([SUMMARIZE], True)


@pytest.mark.parametrize(
    ("stdin", "error", "code"),
    [
        (b'{"hub_name": "TaskHub"}', "hub_url is required", 0),
        (b'{"hub_url": ""}', "hub_url is required", 0),
        (b"", "There is no config on stdin", 2),
        (b"{hub_url", "not JSON", 2),
        (b"[1]", "has to be a JSON object", 2),
        (b'{"hub_url": "ftp://h/x"}', "http://", 2),
        (b'{"hub_url": "http://h:99999/x"}', "port is a number from 1 to 65535", 2),
        (b'{"hub_url": "http://h h/x"}', "without spaces", 2),
        (b'{"hub_url": "http://h/x", "duration_seconds": "soon"}', "duration_seconds has to be a number", 2),
        (b'{"hub_url": "http://h/x", "duration_seconds": -1}', "duration_seconds has to be a number from 0 up", 2),
        (b"\xff\xfe", "not UTF-8", 2),
    ],
)
def test_a_config_that_cannot_be_used_gets_the_error_object_with_an_example(
    tmp_path: Path, stdin: bytes, error: str, code: int
) -> None:
    done = run_command("connect", home=tmp_path, stdin=stdin)
    result = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (code, "")
    assert result.keys() == {"error", "success", "example"}
    assert (error in result["error"], result["success"], "hub_url" in result["example"]) == (True, False, True)


# --- a hub that is not there ---------------------------------------------------------------------------------------


def test_a_hub_that_is_not_there_is_tried_again_and_ctrl_c_ends_the_waiting(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/taskhub"
    with Connect(tmp_path, {"hub_url": url}) as process:
        failed = process.until("connection_failed")
        code, result = process.finish()
    check_form(process.events)
    assert (failed["attempt"], failed["retry_in"]) == (1, 2.0)
    assert (code, result["success"], bool(result["error"])) == (1, False, True)
    assert result.keys() == RESULT | {"error"}


def test_a_hub_that_was_never_ready_is_the_reason_in_the_result(tmp_path: Path) -> None:
    hub = RawHub(lambda peer: None, answer=lambda head: http_response("503 Service Unavailable"))
    with hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
        failed = process.until("connection_failed", 2)
        code, result = process.finish()
    check_form(process.events)
    assert ("503" in failed["error"], result["errors"]) == (True, [failed["error"]])
    assert (code, result["error"]) == (1, f"The hub was never reached. {failed['error']}")


def test_a_hub_that_has_not_answered_yet_is_the_reason_in_the_result(tmp_path: Path) -> None:
    def never(peer: Peer) -> None:
        peer.read_to_end()

    with RawHub(never) as hub, Connect(tmp_path, {"hub_url": hub.url, "duration_seconds": 0.2}) as process:
        code, result = process.result()
    assert (code, result["success"], result["errors"]) == (1, False, [result["error"]])
    assert result["error"] == "The hub was never reached. It had not answered when this run ended."


@pytest.mark.parametrize(("answer", "reason"), [("404 Not Found", "404"), ("401 Unauthorized", "401")])
def test_a_hub_that_says_no_for_good_ends_it(tmp_path: Path, answer: str, reason: str) -> None:
    hub = RawHub(lambda peer: None, answer=lambda head: http_response(answer))
    with hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
        code, result = process.result()
    check_form(process.events)
    ended = process.until("connection_failed_permanently")
    assert (reason in ended["error"], ended["total_attempts"]) == (True, 1)
    assert (code, result["success"], result["error"]) == (1, False, ended["error"])
    assert result["errors"] == [ended["error"]]


# --- how it ends ---------------------------------------------------------------------------------------------------


def test_ctrl_c_stops_intake_and_what_was_promised_is_finished(tmp_path: Path) -> None:
    may_answer = threading.Event()

    def play(task_id: str) -> Iterator[bytes]:
        yield half_answer(task_id)[:50]
        assert may_answer.wait(PATIENCE_SECONDS)
        yield whole_rest(task_id)

    def whole_rest(task_id: str) -> bytes:
        return b"".join(whole_answer(task_id))[50:]

    names = [f"task-{n}" for n in range(5)]
    with Model(play) as model, in_thread(a_hub(*tasks_named(*names))) as hub:
        model.configure(tmp_path)
        with Connect(tmp_path, {"hub_url": hub.url}) as process:
            process.until("task_queued", 5)
            process.until("processing_task")
            process.interrupt()
            process.until("disconnected")
            assert "task_completed" not in process.names()
            may_answer.set()
            code, result = process.result()
    check_form(process.events)
    assert [event["task_id"] for event in process.told("task_completed")] == names
    assert [event["node_id"] for event in process.told("workflow_saved")] == [node_of(name) for name in names]
    names_after = process.names()[process.names().index("disconnected") :]
    assert "message_received" not in names_after
    assert process.names().count("shutdown_requested") == 1
    assert (code, result["success"], result["tasks_received"]) == (0, True, 5)


def test_a_second_ctrl_c_leaves_the_rest_and_the_next_start_goes_on_with_exactly_that(tmp_path: Path) -> None:
    may_answer, is_writing = threading.Event(), threading.Event()

    def play(task_id: str) -> Iterator[bytes]:
        if task_id != "task-0" and not may_answer.is_set():
            yield half_answer(task_id)
            is_writing.set()
            may_answer.wait(PATIENCE_SECONDS)
            return
        yield from whole_answer(task_id)

    names = [f"task-{n}" for n in range(5)]
    with Model(play) as model, in_thread(a_hub(*tasks_named(*names))) as hub:
        model.configure(tmp_path)
        with Connect(tmp_path, {"hub_url": hub.url}) as process:
            process.until("task_queued", 5)
            assert is_writing.wait(PATIENCE_SECONDS)
            process.interrupt()
            process.until("disconnected")
            process.interrupt()
            code, result = process.result()
        assert (code, result["success"], result["tasks_received"]) == (130, True, 5)
        assert [event["task_id"] for event in process.told("task_completed")] == ["task-0"]
        may_answer.set()
        with Connect(tmp_path, {"hub_url": hub.url}) as process:
            process.until("task_completed", 4)
            code, result = process.finish()
    check_form(process.events)
    assert (code, process.told("task_queued")) == (0, [])
    assert [event["task_id"] for event in process.told("task_completed")] == names[1:]
    assert model.asked == ["task-0", "task-1", "task-1", "task-2", "task-3", "task-4"]


def test_a_reader_of_the_events_that_goes_away_does_not_stop_the_work(tmp_path: Path) -> None:
    with in_thread(a_hub(SUMMARIZE)) as hub:
        process = subprocess.Popen(
            [sys.executable, "-m", "evolver_tui", "connect", "--home", str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path,
            env=environment(tmp_path),
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(json.dumps({"hub_url": hub.url}).encode())
        process.stdin.close()
        process.stdin = None
        for line in process.stderr:
            if json.loads(line)["event"] == "message_received":
                break
        process.stderr.close()
        process.stderr = None
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, json.loads(stdout)["success"]) == (0, True)


@pytest.mark.anyio
async def test_two_signals_before_anything_is_open_are_no_mistake(tmp_path: Path) -> None:
    events: list[Mapping[str, Any]] = []
    with in_thread(a_hub(SUMMARIZE)) as hub:
        session = make_session(workspace_in(tmp_path), pace=0.0)
        headless = Headless(session, ConnectConfig(Address(hub.url)), events.append)
        headless.shut_down()
        headless.shut_down()
        result = await headless.run()
    assert result.was_interrupted
    assert [event["event"] for event in events].count("shutdown_requested") == 1


@pytest.mark.anyio
async def test_where_nothing_holds_a_node_it_is_told(tmp_path: Path) -> None:
    events: list[Mapping[str, Any]] = []
    session = make_session(workspace_in(tmp_path), pace=0.0, sandbox=no_box())

    def take(event: Mapping[str, Any]) -> None:
        events.append(event)
        if event["event"] == "no_box":
            asyncio.get_running_loop().call_soon(headless.shut_down)

    with in_thread(a_hub(SUMMARIZE)) as hub:
        headless = Headless(session, ConnectConfig(Address(hub.url)), take)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await headless.run()
    (told,) = [event for event in events if event["event"] == "no_box"]
    assert "Landlock" in told["way_out"]


# --- who decides ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "code", "is_saved"), [
    ("all", FLAGGED, False), ("all", THREADED, True), ("all", HARMLESS, True), ("low", THREADED, False),
    ("low", HARMLESS, True), ("none", HARMLESS, False),
])  # fmt: skip
def test_what_may_be_saved_without_a_person(tmp_path: Path, rule: str, code: str, is_saved: bool) -> None:
    def play(task_id: str) -> Iterator[bytes]:
        return whole_answer(task_id, code)

    with Model(play) as model, in_thread(a_hub(*tasks_named("task-1"))) as hub:
        model.configure(tmp_path)
        with Connect(tmp_path, {"hub_url": hub.url}, "--approve", rule) as process:
            process.until("task_completed" if is_saved else "task_waiting", task_id="task-1")
            exit_code, _ = process.finish()
    check_form(process.events)
    record = tmp_path / "nodes" / "node_task_1" / "node.json"
    assert (exit_code, record.is_file()) == (0, is_saved)
    if is_saved:
        saved = json.loads(record.read_text())
        assert (saved["decided_by"], "unreviewed" in saved["tags"]) == ("unreviewed", True)
    else:
        waiting = process.told("task_waiting")[0]
        assert (waiting["waits_for"], "task_completed" in process.names()) == ("review", False)


@pytest.mark.parametrize("code", [JSON_CODECS, RE_BUILTINS], ids=["json.codecs.open", "re.enum.bltns.eval"])
def test_a_module_reached_through_another_waits_for_a_review(tmp_path: Path, code: str) -> None:
    def play(task_id: str) -> Iterator[bytes]:
        return whole_answer(task_id, code.replace("{", "{{").replace("}", "}}"))

    with Model(play) as model, in_thread(a_hub(*tasks_named("task-1"))) as hub:
        model.configure(tmp_path)
        with Connect(tmp_path, {"hub_url": hub.url}, "--approve", "low") as process:
            process.until("task_waiting", task_id="task-1", waits_for="review")
            process.finish()
    check_form(process.events)
    assert not process.told("workflow_saved")
    assert not (tmp_path / "nodes" / "node_task_1").exists()


@pytest.mark.parametrize(
    ("rule", "says"),
    [("low", "a box holds it only"), ("all", "those of high risk wait for a person"), ("none", "")],
)
def test_what_a_rule_does_not_protect_from_is_told_with_the_connection(tmp_path: Path, rule: str, says: str) -> None:
    hub_with_one = in_thread(a_hub(*tasks_named("task-1")))
    with hub_with_one as hub, Connect(tmp_path, {"hub_url": hub.url}, "--approve", rule) as process:
        process.until("connected")
        process.finish()
    check_form(process.events)
    (connected,) = process.told("connected")
    assert ("warning" in connected) == bool(says)
    assert not says or all(words in connected["warning"] for words in (says, "--approve none"))


def test_a_task_that_lacks_something_waits_for_an_answer_and_the_next_is_taken(tmp_path: Path) -> None:
    hub_that_asks = in_thread(a_hub({"id": "task-0", "taskName": "What is it?"}, SUMMARIZE))
    with hub_that_asks as hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
        process.until("task_completed", task_id="task-1")
        code, _ = process.finish()
    assert process.told("task_waiting", task_id="task-0", waits_for="answer")
    assert code == 0


# --- a model that fails --------------------------------------------------------------------------------------------


def test_a_model_that_refuses_fails_the_task_with_the_reason_and_the_next_is_taken(tmp_path: Path) -> None:
    refusal = [status(413, {}, {"error": {"message": "That is too long."}})]
    with in_thread(ProviderServer(refusal, list(whole_answer("task-2")))) as server:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "config.toml").write_text(
            f'[backend]\nkind = "openai"\nmodel = "m"\nbase_url = "{server.url}/v1"\n'
        )
        task, other = tasks_named("task-1", "task-2")
        with in_thread(a_hub(task, other)) as hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
            process.until("task_completed", 2)
            code, result = process.finish()
    check_form(process.events)
    ids = [(event.get("task_id") or event.get("task", {}).get("id"), event["event"]) for event in process.events]
    mine = [name for task_id, name in ids if task_id == "task-1"]
    assert mine == ["task_queued", "processing_task", "workflow_processing_failed", "task_completed"]
    failed = process.told("workflow_processing_failed")[0]
    assert (failed["task"], "413" in failed["error"]) == (task, True)
    assert result["errors"] == [failed["error"]]
    assert process.told("workflow_saved", task_id="task-2")
    assert (code, result["success"]) == (0, True)


def test_a_provider_that_refuses_all_leaves_the_queue_and_is_no_success(tmp_path: Path) -> None:
    def refuse(task_id: str) -> Iterator[bytes]:
        yield status(401, {}, {"error": {"message": "Who are you?"}})

    with Model(refuse) as model:
        model.configure(tmp_path)
        with in_thread(a_hub(*tasks_named(*"abcde"))) as hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
            process.until("task_queued", 5)
            paused = process.until("worker_paused")
            code, result = process.finish()  # works off what it can, and that is nothing
    check_form(process.events)
    assert (paused["shared"], paused["retry_in"], paused["tries"]) == ("model", 2.0, 1)
    assert (code, result["success"]) == (1, False)
    assert result["error"] == f"5 tasks stay in the queue for the next start: {paused['error']}"
    assert result["errors"] == [paused["error"]]
    assert not process.told("workflow_processing_failed")
    assert len(model.asked) <= 2


def test_a_provider_that_is_mended_meanwhile_is_a_success(tmp_path: Path) -> None:
    asked: list[str] = []

    def play(task_id: str) -> Iterator[bytes]:
        asked.append(task_id)
        yield from [status(401)] if len(asked) == 1 else whole_answer(task_id)

    with Model(play) as model:
        model.configure(tmp_path)
        with in_thread(a_hub(*tasks_named(*"abc"))) as hub, Connect(tmp_path, {"hub_url": hub.url}) as process:
            resumed = process.until("worker_resumed")
            process.until("task_completed", 3)
            code, result = process.finish()
    assert (resumed["shared"], code, result["success"]) == ("model", 0, True)
    assert asked == ["a", "a", "b", "c"]


# --- a database that is damaged meanwhile, or away ---


def test_run_that_is_asked_to_end_does_not_wait_for_ever_for_a_locked_database(tmp_path: Path) -> None:
    feed = SampleHubSettings(feed=FeedSettings(rate=50.0))
    with (
        in_thread(SampleHub(feed)) as hub,
        Connect(tmp_path, {"hub_url": hub.url, "duration_seconds": 600, "auto_generate_workflows": True}) as process,
    ):
        process.until("task_queued", 3)
        database = tmp_path / "data" / "evolver.db"
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            process.interrupt()  # one signal
            process.wait_until(lambda: any("is locked" in str(event) for event in process.events))
            process.wait()
            code, result = process.result()
    check_form(process.events)
    assert (code, result["success"]) == (1, False)
    assert "is locked by another program" in result["error"]


def test_damaged_database_ends_the_run_with_its_result(tmp_path: Path) -> None:
    feed = SampleHubSettings(feed=FeedSettings(rate=50.0))
    with (
        in_thread(SampleHub(feed)) as hub,
        Connect(tmp_path, {"hub_url": hub.url, "duration_seconds": 600, "auto_generate_workflows": True}) as process,
    ):
        process.until("task_queued", 3)
        database = tmp_path / "data" / "evolver.db"
        replacement = database.with_name("backup.db")
        replacement.write_bytes(database.read_bytes())
        replacement.replace(database)
        code, result = process.result()  # by itself
    assert code == 1
    assert result["success"] is False
    assert "was replaced or restored while it was open" in result["error"]
    assert any("was replaced or restored" in error for error in result["errors"])


def test_what_the_hub_calls_and_nobody_listens_to_is_told_once_for_each_name(tmp_path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.shake_hands()
        for name in ("ReceiveTask", "Ping\x1b[2J", "ReceiveTask", "ReceiveTask"):
            peer.send({"type": 1, "target": name, "arguments": [{"id": "task-1"}]})
        for number in range(100):
            peer.send({"type": 1, "target": f"Method{number}", "arguments": []})
        peer.send_task("last")
        peer.read_to_end()

    with RawHub(script) as hub, Connect(tmp_path, {"hub_url": hub.url}) as run:
        run.until("message_received")
        _, result = run.finish()
    told = run.told("method_unheard")
    assert [event["method"] for event in told] == ["ReceiveTask", "Ping␛[2J", *(f"Method{n}" for n in range(18))]
    assert told[0]["notice"].startswith("The hub calls ReceiveTask; this session listens to TaskHub. ")
    (error,) = (error for error in result["errors"] if "listens to TaskHub" in error)
    assert error.startswith("The hub calls ReceiveTask (3 times), Ping␛[2J (1 time), Method0 (1 time), ")
    assert "transport" not in run.told("connected")[0]


def test_the_transport_is_told_where_it_is_no_websocket(tmp_path: Path) -> None:
    with RequestHub("WebSockets", "LongPolling") as hub, Connect(tmp_path, {"hub_url": hub.url}) as run:
        hub.polls.put(Reply(body=(HANDSHAKE + task_record("task-1")).encode()))
        run.until("message_received")
        run.finish()
    (connected,) = run.told("connected")
    assert connected["transport"] == "long polling"
    assert "answered 400 when WebSockets should have been opened" in connected["reason"]
