"""LangGraph graphs as routines: killed, asked, moved, broken, and quiet towards the network."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import ormsgpack
import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.adapters.routines.langgraph import be_strict
from evolver_tui.adapters.sample_hub.hub import FeedSettings, SampleHub, SampleHubSettings
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.journal import RESULT
from evolver_tui.core.question import Answer, AnswerAction, OpenQuestion
from evolver_tui.engine.session import Session
from tests.support.http_server import QuietServer
from tests.support.hubs import free_port
from tests.support.processes import OFTEN_KILLED, PATIENCE_SECONDS, environment, in_thread
from tests.support.routine_process import PLUGINS, Working, end_leases, install
from tests.support.sessions import SUMMARIZE, Watch, open_question, row_of, running, send, workspace_in
from tests.support.terminal import console

pytestmark = pytest.mark.anyio

GRAPHS = PLUGINS / "graphs.py"
ROUTINES = """\
two_steps asks_once asks_twice asks_both asks_review asks_order asks_even takes_no function loops from_thread nested
spreads fails never_ends keeps_foreign asks_foreign names_its_types names_no_types names_types_aside stops_at_nodes
traced with_input errand
""".split()  # noqa: SIM905


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place with the graphs, each routine called as its graph; the working folder is in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    routines = "".join(f'{name} = "graphs:{name}"\n' for name in ROUTINES)
    install(tmp_path, f"{OFTEN_KILLED}[routines]\n{routines}", GRAPHS)
    sys.modules.pop("graphs", None)
    yield tmp_path
    sys.modules.pop("graphs", None)


def effects(home: Path) -> list[str]:
    file = home / "effects"
    return file.read_text().splitlines() if file.exists() else []


def a_task(routine: str, **fields: object) -> dict[str, Any]:
    return {"id": "t", "taskName": "A task", "routine": routine, **fields}


class Work:
    """One task of a graph on its way."""

    def __init__(self, session: Session, watch: Watch) -> None:
        self.session = session
        self.watch = watch
        self._asked = 0

    async def asked(self) -> OpenQuestion:
        """The next question."""
        self._asked += 1
        await self.watch.until("question.asked", self._asked)
        return await open_question(self.session, "t")

    async def answer(self, question: OpenQuestion, **content: Any) -> None:
        await self.session.inbox.answer(question.id, Answer(AnswerAction.ACCEPT, content))

    async def decline(self, question: OpenQuestion) -> None:
        await self.session.inbox.answer(question.id, Answer(AnswerAction.DECLINE))

    async def result(self) -> Any:
        """What the graph came to."""
        done = await self.watch.until("task.completed")
        assert done.payload["outcome"] == Outcome.DONE
        return (await self.session.store.journal((await row_of(self.session, "t")).job))[RESULT]

    async def error(self, count: int = 1) -> str:
        return str((await self.watch.until("task.failed", count)).payload["error"])

    def nodes(self) -> list[Any]:
        return [told.payload["node"] for told in self.watch.heard if told.name == "graph.node"]


@asynccontextmanager
async def at_work(
    home: Path, routine: str = "", *, database: str | None = None, **fields: object
) -> AsyncIterator[Work]:
    async with running(workspace_in(home, database=database)) as (session, watch):
        if routine:
            await send(session, {"tasks": [a_task(routine, **fields)]})
        yield Work(session, watch)


# --- killed, and taken up elsewhere


@pytest.mark.parametrize("host", ["", "another-host"])
async def test_kill_in_the_second_node_and_no_node_before_it_runs_again(home: Path, host: str) -> None:
    with Working(home, [a_task("two_steps")]) as killed:
        killed.until("in the second node")
    (home / "go").touch()
    if host:
        end_leases(home)
    with Working(home, host=host) as taken_up:
        taken_up.until("task.completed")
    assert effects(home) == ["first", "second begins", "second begins", "second ends"]
    assert [event["node"] for event in taken_up.told("graph.node")] == ["second"]
    assert [event["step"] for event in taken_up.told("step.may_have_begun")] == ["second"]
    async with at_work(home) as work:
        assert (await work.session.store.journal(1))[RESULT]["told"] == ["first", "second"]


async def test_kill_after_every_write_and_each_node_runs_once(home: Path, url: str) -> None:
    tasks: list[dict[str, Any]] = [a_task("errand")]
    kills = 0
    while kills < 40:
        with Working(home, tasks, KILL_AFTER_WRITE="yes", DATABASE=url) as process:
            assert process.wait() == -signal.SIGKILL
        kills, tasks = kills + 1, []
        store = Database(url)
        await store.open()
        for question in await store.open_questions():
            await store.answer(question.id, {"action": "accept", "content": {"answer": "ten"}}, "ada", "s")
        row = await store.row(1)
        result = (await store.journal(1)).get(RESULT)
        await store.close()
        assert row is not None
        if row.state is JobState.COMPLETED:
            break
    assert 8 < kills < 40
    assert effects(home) == ["first", "well"]
    assert result is not None
    assert result["told"] == ["first", "ten", "well"]


async def test_interrupt_is_answered_by_another_process_after_the_first_was_killed(home: Path, url: str) -> None:
    with Working(home, [a_task("nested")], DATABASE=url) as killed:
        killed.until("job.paused")
    async with at_work(home, database=url) as work:
        question = await open_question(work.session, "t")
        assert question.question.message == "How deep?"
        await work.answer(question, answer="two feet")
        assert (await work.result())["told"] == ["first", "first", 1, "two feet"]
        assert work.nodes() == ["part/inner_question", "part"]
    assert effects(home) == ["first", "inner"]


async def test_bundle_carries_a_graph_to_another_database(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    install(elsewhere, (home / "config" / "config.toml").read_text(), GRAPHS)
    async with at_work(home, "nested") as work:
        job = (await work.asked()).job
        bundle = await work.session.inbox.export_job(job)
    async with at_work(elsewhere) as work:
        await work.session.inbox.import_job(bundle)
        await work.answer(await open_question(work.session, "t"), answer="three")
        assert (await work.result())["told"] == ["first", "first", 1, "three"]
    assert effects(home) == ["first", "inner"]


# --- questions


async def test_text_is_a_question_with_one_field(home: Path) -> None:
    async with at_work(home, "asks_once") as work:
        question = await work.asked()
        assert question.question.message == "Which colour?"
        assert list(question.question.requested_schema["properties"]) == ["answer"]
        assert "question" not in work.nodes()
        await work.answer(question, answer="green")
        assert (await work.result())["told"] == ["green"]
        assert work.nodes() == ["question"]


@pytest.mark.parametrize(("routine", "value"), [("asks_once", None), ("takes_no", "nobody knows")])
async def test_declined_question_gives_the_documented_value(home: Path, routine: str, value: object) -> None:
    async with at_work(home, routine) as work:
        await work.decline(await work.asked())
        assert (await work.result())["told"] == [value]


async def test_two_interrupts_at_once_are_asked_one_after_another(home: Path) -> None:
    async with at_work(home, "asks_both") as work:
        colour = await work.asked()
        assert colour.question.message == "Which colour?"
        await work.answer(colour, answer="red")
        size = await work.asked()
        assert json.loads(size.question.message) == {"size": ["S", "M"]}
        assert effects(home) == ["size"]
        await work.answer(size, answer="M")
        assert sorted((await work.result())["told"]) == ["colour red", "size M"]


async def test_two_interrupts_in_one_node_have_names_of_their_own(home: Path) -> None:
    async with at_work(home, "asks_twice") as work:
        names = []
        for answer in ("red", "M"):
            question = await work.asked()
            names.append(question.question.name)
            await work.answer(question, answer=answer)
        assert (await work.result())["told"] == [["red", "M"]]
        assert work.nodes() == ["twice"]
    assert len(set(names)) == 2


async def test_one_of_eight_tasks_at_once_asks_and_the_others_run_once(home: Path) -> None:
    async with at_work(home, "spreads") as work:
        await work.answer(await work.asked(), answer="yes")
        assert (await work.result())["told"] == [0, 1, 2, 3, 4, 5, 6, "yes"]
    assert sorted(effects(home)) == [f"one {number}" for number in (0, 1, 2, 3, 4, 5, 6, 7, 7)]


@pytest.mark.parametrize(
    ("content", "decision"),
    [
        ({"decision": "approve"}, {"type": "approve"}),
        ({"decision": "reject", "text": "not him"}, {"type": "reject", "message": "not him"}),
        (
            {"decision": "edit", "text": '{"to": "eve"}'},
            {"type": "edit", "edited_action": {"name": "send_mail", "args": {"to": "eve"}}},
        ),
    ],
)
async def test_review_request_takes_a_decision(
    home: Path, content: Mapping[str, str], decision: Mapping[str, Any]
) -> None:
    async with at_work(home, "asks_review") as work:
        question = await work.asked()
        choices = question.question.requested_schema["properties"]["decision"]["oneOf"]
        assert [choice["const"] for choice in choices] == ["approve", "edit", "reject"]
        await work.answer(question, **content)
        assert (await work.result())["told"] == [{"decisions": [decision]}]


async def test_arguments_that_are_no_json_are_asked_for_again(home: Path) -> None:
    async with at_work(home, "asks_review") as work:
        await work.answer(await work.asked(), decision="edit", text="to eve")
        again = await work.asked()
        assert "no JSON" in again.question.message
        await work.decline(again)
        assert (await work.result())["told"] == [{"decisions": [{"type": "reject"}]}]


async def test_typed_interrupt_is_a_form_of_its_fields(home: Path) -> None:
    async with at_work(home, "asks_order") as work:
        question = await work.asked()
        assert list(question.question.requested_schema["properties"]) == ["colour", "count"]
        await work.answer(question, colour="blue", count=3)
        assert (await work.result())["told"] == [{"colour": "blue", "count": 3}]


async def test_answer_that_the_graph_refuses_is_asked_for_again_even_by_another_process(home: Path) -> None:
    async with at_work(home, "asks_even") as work:
        await work.answer(await work.asked(), count=3)
        again = await work.asked()
        assert "only even numbers" in again.question.message
    async with at_work(home) as work:
        await work.answer(await open_question(work.session, "t"), count=4)
        assert (await work.result())["told"] == [4]


async def test_functional_graph_pauses_and_returns(home: Path) -> None:
    async with at_work(home, "function") as work:
        await work.answer(await work.asked(), answer="ada")
        assert await work.result() == {"name": "A task", "answer": "ada"}


async def test_input_is_what_the_routine_makes_of_the_task(home: Path) -> None:
    async with at_work(home, "with_input", text="hello") as work:
        assert (await work.result())["told"] == ["hello", "well"]


async def test_hub_fills_in_nothing_but_the_task(home: Path) -> None:
    async with at_work(home, "asks_once", told=["approved"], task_id="x") as work:
        await work.answer(await work.asked(), answer="red")
        result = await work.result()
        assert (result["told"], result["task_id"]) == (["red"], "t")
        assert result["task"]["told"] == ["approved"]


# --- subgraphs


async def test_loop_over_a_subgraph_keeps_one_namespace_of_it(home: Path) -> None:
    async with at_work(home, "loops") as work:
        assert len((await work.result())["told"]) == 10
        journal = await work.session.store.journal(1)
    assert len(effects(home)) == 10
    assert {name for name in journal if name.startswith("kept graph") and "writes" not in name} == {
        "kept graph 0", "kept graph 1",
    }  # fmt: skip


async def test_subgraph_may_be_run_from_a_node_in_a_thread(home: Path) -> None:
    async with at_work(home, "from_thread") as work:
        assert (await work.result())["told"] == [0]


# --- what goes wrong


async def test_failed_node_is_named_and_a_retry_goes_on_from_there(home: Path) -> None:
    async with at_work(home, "fails") as work:
        assert "Node 'badly' of the graph failed: ValueError: no paper." in await work.error()
        (home / "mended").touch()
        await work.session.inbox.retry((await row_of(work.session, "t")).job)
        assert (await work.result())["told"] == ["well", "badly"]
    assert effects(home) == ["well"]


@pytest.mark.parametrize(
    ("routine", "sentence"),
    [
        ("never_ends", "as many steps as it may"),
        ("keeps_foreign", "The graph's state cannot be kept: a value of type Foreign is no JSON. Keep JSON values"),
        ("asks_foreign", "What the graph interrupts with cannot be kept: a value of type Foreign is no JSON. Call in"),
        ("stops_at_nodes", "Call interrupt()"),
    ],
)
async def test_graph_that_cannot_go_on_fails_its_job_with_a_sentence(home: Path, routine: str, sentence: str) -> None:
    async with at_work(home, routine) as work:
        assert sentence in await work.error()
        assert (await row_of(work.session, "t")).state is JobState.FAILED


@pytest.mark.parametrize("routine", ["names_its_types", "names_types_aside"])
async def test_classes_that_the_state_names_are_read_back(home: Path, routine: str) -> None:
    with Working(home, [a_task(routine)]) as killed:
        killed.until("job.paused")
    async with at_work(home) as work:
        question = await open_question(work.session, "t")
        await work.session.store.answer(question.id, {"action": "accept", "content": {}}, "ada", "s")
    with Working(home) as taken_up:
        taken_up.until("task.completed")
    async with at_work(home) as work:
        assert (await work.session.store.journal(1))[RESULT]["note"] == ["Note", "milk"]


def test_checkpoint_that_a_stranger_wrote_calls_nothing(tmp_path: Path) -> None:
    be_strict()
    from evolver_tui.adapters.routines.langgraph.checkpoints import StrictSerializer

    called = tmp_path / "called"
    calls = ormsgpack.packb(ormsgpack.Ext(0, ormsgpack.packb(("os", "mkdir", str(called)))))
    assert StrictSerializer().loads_typed(("msgpack", calls)) == str(called)
    with pytest.raises(NotImplementedError):
        StrictSerializer().loads_typed(("pickle", pickle.dumps(print)))
    assert not called.exists()


def test_class_that_nothing_names_is_not_kept(home: Path) -> None:
    with Working(home, [a_task("names_no_types")]) as process:
        failed = process.until("task.failed")
    assert "graphs.Note" in failed["error"]
    assert "GraphRoutine(types=...)" in failed["error"]


# --- imported only then, and silent


def test_session_without_a_graph_loads_no_langgraph(home: Path) -> None:
    with Working(home, [{"id": "t", "llmTaskType": "summarize", "taskName": "Blog"}]) as process:
        assert process.until("job.paused")["vendors"] == []
    with Working(home, [a_task("asks_once", id="u")]) as process:
        assert "langgraph" in process.until("job.paused", task_id="u")["vendors"]


def test_console_leaves_langgraph_to_the_process_of_its_jobs(home: Path) -> None:
    with Working(home, [a_task("asks_once")], KILL_AFTER_WRITE="yes") as process:
        process.wait()
    environ = environment(home, PYTHONPROFILEIMPORTTIME="1")
    with console(home, "--hub", f"http://127.0.0.1:{free_port()}/taskhub", environ=environ) as terminal:
        terminal.wait_until(lambda text: "question.asked" in text)
        assert b"evolver_tui.engine.session" in terminal.raw, "imports are told of"
        assert b"langgraph.pregel" not in terminal.raw


@pytest.mark.parametrize("is_needed", [False, True])
def test_connect_leaves_langgraph_to_the_process_of_its_jobs(home: Path, is_needed: bool) -> None:
    task = a_task("asks_once") if is_needed else SUMMARIZE
    with in_thread(SampleHub(SampleHubSettings(FeedSettings([task], rate=0)))) as hub:
        process = subprocess.Popen(
            [sys.executable, "-m", "evolver_tui", "connect", "--approve", "all", "--home", str(home)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=home,
            env=environment(home, PYTHONPROFILEIMPORTTIME="1"),
        )  # fmt: skip
        alarm = threading.Timer(PATIENCE_SECONDS, process.kill)
        alarm.start()
        with process:
            assert process.stdin is not None
            assert process.stderr is not None
            process.stdin.write(json.dumps({"hub_url": hub.url}))
            process.stdin.close()
            lines = []
            for line in process.stderr:
                lines.append(line)
                if '"event": "task_waiting"' in line or '"event": "task_completed"' in line:
                    process.kill()
        alarm.cancel()
    assert any(("task_waiting" if is_needed else "task_completed") in line for line in lines)
    assert any("evolver_tui.engine.session" in line for line in lines), "imports are told of"
    assert not any("langgraph.pregel" in line for line in lines)


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server where LangSmith would be, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_PATCH = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = QuietServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("tracing", [False, True])
def test_langsmith_is_called_only_where_the_config_says_so(
    home: Path, listener: tuple[str, list[str]], tracing: bool
) -> None:
    url, asked = listener
    with (home / "config" / "config.toml").open("a") as file:
        file.write(f"\n[langgraph]\ntracing = {str(tracing).lower()}\n")
    shell = {
        "LANGSMITH_TRACING": "true", "LANGCHAIN_TRACING_V2": "true", "LANGSMITH_ENDPOINT": url,
        "LANGSMITH_API_KEY": "key", "LANGCHAIN_CALLBACKS_BACKGROUND": "false",
    }  # fmt: skip
    with Working(home, [a_task("traced")], **shell) as process:
        process.until("traces are sent")
    assert bool(asked) is tracing
