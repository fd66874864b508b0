"""Chats that a routine or a graph answers: asked, answered by anybody, gone on with elsewhere, killed, called off."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolver_tui.adapters.database.database import Database
from evolver_tui.core.job import JobState, QueueRow
from evolver_tui.core.workflow.chat_request import request_from
from evolver_tui.core.workflow.chat_task import chat_task
from evolver_tui.core.workflow.subjects import REQUEST_STREAM
from tests.support.chat_process import ShortLived
from tests.support.databases import opened
from tests.support.nats_server import NatsServer
from tests.support.processes import run_command
from tests.support.redis_server import RedisServer
from tests.support.routine_process import PLUGINS
from tests.support.sessions import running, workspace_in
from tests.support.workflow_process import Chunk, Pods, Serving, pods, servers, text_of

pytestmark = pytest.mark.anyio

Servers = tuple[NatsServer, RedisServer]
COLOURS = ["red", "blue"]


@pytest.fixture(scope="module")
def both() -> Iterator[Servers]:
    with servers() as found:
        yield found


@pytest.fixture(params=["plain", "jetstream"])
def of_each_kind(request: pytest.FixtureRequest) -> Iterator[tuple[Servers, tuple[str, ...]]]:
    """Servers of its own, and how instances are told which kind they are."""
    is_durable = request.param == "jetstream"
    with servers(jetstream=is_durable) as found:
        yield found, ("--durable",) if is_durable else ()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the graphs and routines, in which instances stand."""
    place = tmp_path / "home"
    place.mkdir()
    for name in ("chat_graphs.py", "chat_routines.py"):
        shutil.copy(PLUGINS / name, place)
    return place


def serving(home: Path, both: Servers, place: str, *more: str) -> Serving:
    return Serving(home, both[0].url, both[1].port, "--graph", place, *more)


def event_of(chunk: Chunk) -> str:
    return str((chunk.get("metadata") or {}).get("event", ""))


def events(chunks: list[Chunk]) -> list[str]:
    return [event_of(chunk) for chunk in chunks if chunk["chunk_type"] == "system"]


async def hear_all(listening: Pods) -> None:
    """Hear as `all` what goes to any pod, and to none: a registry that is slow is not waited for."""
    heard: list[Chunk] = []
    listening.heard["all"] = heard
    for subject in ("chat.pod.*.response", "chat.session.*.broadcast"):
        await listening.nats.subscribe(subject, cb=listening._hearing(heard))
    await listening.nats.flush()


async def asked(listening: Pods, message_id: str, pod: str = "") -> Chunk:
    """The chunk that tells the question."""

    def found() -> list[Chunk]:
        return [chunk for chunk in listening.chunks(message_id, pod) if event_of(chunk) == "question"]

    return (await listening.until(found))[0]


async def answer(home: Path, task: str, *values: str, database: str = "") -> None:
    """Answer as a person does, in a process of its own."""
    more = ("--database", database) if database else ()
    done = await asyncio.to_thread(
        run_command, "jobs", "answer", f"task:{task}", *values, "--home", str(home), *more, home=home
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


async def said(listening: Pods, message_id: str, text: str) -> None:
    """Wait until so much of an answer was heard."""
    await listening.until(lambda: text in text_of(listening.chunks(message_id, "")))


def effects(home: Path) -> list[str]:
    file = home / "effects"
    return file.read_text().splitlines() if file.exists() else []


async def row_of(home: Path, task: str) -> QueueRow:
    """How a job stands."""
    async with opened(home / "data" / "evolver.db") as store:
        job = await store.job_of_task(task)
        assert job is not None
        row = await store.row(job)
        assert row is not None
        return row


# --- a question, and whoever answers it


async def test_question_outlives_its_instance_and_another_goes_on(home: Path, both: Servers, url: str) -> None:
    place = ("chat_graphs:asks", "--database", url)
    session, message = f"s-{url[:4]}", f"m-{url[:4]}"
    async with pods(*both, "pod-1", "pod-2") as listening:
        await hear_all(listening)
        await listening.connect(session, "pod-1")
        with serving(home, both, *place) as first:
            await first.until("workflow.serving")
            await listening.ask(session, message)
            question = await asked(listening, message, "all")
            assert question["chunk"] == "Which colour?"
            assert question["metadata"]["form"]["properties"]["colour"]["enum"] == COLOURS
            assert (await first.until("workflow.question_asked"))["session"] == session
        await answer(home, f"chat.{session}.{message}", "colour=red", database=url)
        await listening.connect(session, "pod-2")
        with serving(home, both, *place) as second:
            await second.until("workflow.serving")
            chunks = await listening.answer(message, "all")
            await second.until("task.completed")
    assert text_of(chunks) == "Let me see. \n\nIt is red. \n\nSo be it. "
    assert events(chunks) == ["question", "question_answered"]
    told = next(chunk for chunk in chunks if event_of(chunk) == "question_answered")
    assert "ada" not in told["metadata"].values(), "who answered is no business of whoever chats"
    assert {chunk.get("attempt", 1) for chunk in listening.heard["all"]} == {1}
    assert chunks[-1]["metadata"] == {"model": "writer-1", "tokens_used": 77, "finish_reason": "stop"}
    assert {chunk["session_id"] for chunk in listening.heard["pod-2"]} == {session}
    assert min(chunk["chunk_id"] for chunk in listening.heard["pod-2"]) >= question["chunk_id"]
    assert effects(home) == ["Let me see.", "So be it."]


async def test_declined_question_lets_the_chat_go_on(home: Path, both: Servers) -> None:
    (home / "go").touch()
    async with pods(*both) as listening:
        with serving(home, both, "chat_routines:talks") as instance:
            await instance.until("workflow.serving")
            await listening.ask("declined", "m-declined", "people say.")
            await listening.until(lambda: any(event_of(chunk) == "question" for chunk in listening.broadcast))
            await answer(home, "chat.declined.m-declined", "--decline")
            chunks = await listening.answer("m-declined", "")
    assert text_of(chunks) == "I look. I have seen. It is none, as people say. Done."
    assert [chunk["metadata"]["action"] for chunk in chunks if event_of(chunk) == "question_answered"] == ["decline"]


async def test_node_that_spoke_before_it_asked_is_heard_once(home: Path, both: Servers) -> None:
    async with pods(*both) as listening:
        with serving(home, both, "chat_graphs:asks_aloud") as instance:
            await instance.until("workflow.serving")
            await listening.ask("aloud", "m-aloud")
            await asked(listening, "m-aloud")
            await answer(home, "chat.aloud.m-aloud", "colour=blue")
            chunks = await listening.answer("m-aloud", "")
    assert text_of(chunks) == "Let me see. \n\nHm ... \n\nIt is blue. "
    assert {chunk["attempt"] for chunk in chunks} == {2}
    assert effects(home) == ["Let me see."]


async def test_request_that_comes_again_is_told_its_question_again(home: Path, both: Servers) -> None:
    async with pods(*both) as listening:
        with serving(home, both, "chat_graphs:asks") as first:
            await first.until("workflow.serving")
            await listening.ask("twice", "m-twice")
            number = (await asked(listening, "m-twice"))["chunk_id"]
        with serving(home, both, "chat_graphs:asks") as second:
            await second.until("workflow.serving")
            await listening.ask("twice", "m-twice")
            await listening.until(lambda: sum(event_of(chunk) == "question" for chunk in listening.broadcast) == 2)
    assert [chunk["chunk_id"] for chunk in listening.broadcast if event_of(chunk) == "question"] == [number] * 2
    assert effects(home) == ["Let me see."]


async def test_chat_that_waits_for_a_person_is_rows_and_no_request(home: Path) -> None:
    with servers(jetstream=True) as both:
        async with pods(*both) as listening:
            with serving(home, both, "chat_graphs:asks", "--durable") as first:
                await first.until("workflow.serving")
                await listening.ask("rows", "m-rows")
                await asked(listening, "m-rows")
                streams = listening.nats.jetstream()
                while (await streams.stream_info(REQUEST_STREAM)).state.messages:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            await answer(home, "chat.rows.m-rows", "colour=blue")
            with serving(home, both, "chat_graphs:asks", "--durable"):
                chunks = await listening.answer("m-rows", "")
    assert text_of(chunks) == "Let me see. \n\nIt is blue. \n\nSo be it. "


# --- killed


async def test_kill_in_mid_stream_and_the_later_attempt_is_whole(
    home: Path, of_each_kind: tuple[Servers, tuple[str, ...]]
) -> None:
    both, more = of_each_kind
    async with pods(*both) as listening:
        message = "m-killed"
        with serving(home, both, "chat_graphs:waits", *more) as first:
            await first.until("workflow.serving")
            with serving(home, both, "chat_graphs:waits", *more) as second:
                await second.until("workflow.serving")
                await listening.ask("killed", message)
                await said(listening, message, "Four")
                busy, idle = (first, second) if first.told("workflow.started") else (second, first)
                busy.kill()
                (home / "go").touch()
                chunks = await listening.answer(message, "")
                await idle.until("task.completed")
    assert text_of(chunks) == "One two three. \n\nFour five. \n\nSix. "
    assert {chunk["attempt"] for chunk in chunks} == {2}
    assert effects(home) == ["One two three.", "Four <wait> five.", "Four <wait> five.", "Six."]


@pytest.mark.parametrize(("place", "whole", "stride"), [
    ("chat_graphs:asks", "Let me see. \n\nIt is red. \n\nSo be it. ", 6),
    ("chat_graphs:asks_aloud", "Let me see. \n\nHm ... \n\nIt is red. ", 6),
    ("chat_routines:talks", "I look. I have seen. It is red, as often. Done.", 2),
])  # fmt: skip
async def test_kill_after_any_write_and_the_latest_attempt_is_whole(
    home: Path, both: Servers, place: str, whole: str, stride: int
) -> None:
    (home / "go").touch()
    servers_at = both[0].url, both[1].port
    deaths, has_died = 0, True
    async with pods(*both) as listening, opened(home / "data" / "evolver.db") as store:
        for writes in range(1, 40, stride):
            message = f"m{writes}-{place[-5:]}"
            with ShortLived(home, place, writes, *servers_at) as dying:
                await asyncio.to_thread(dying.until, "workflow.serving")
                await listening.ask("often", message, "often.")
                has_died = not await comes_to_its_end(dying, store, message)
            deaths += has_died
            with ShortLived(home, place, 0, *servers_at) as living:
                await asyncio.to_thread(living.until, "workflow.serving")
                await comes_to_its_end(living, store, message)
                assert text_of(await listening.answer(message, "")) == whole, writes
            if not has_died:
                break
    assert deaths > 2
    assert has_died is False


async def comes_to_its_end(process: ShortLived, store: Database, message: str) -> bool:
    """Answer what a chat asks until its job is over; False where the process ends before."""

    def stops() -> int:
        return len(process.told("task.completed") + process.told("job.paused"))

    while True:
        before = stops()
        job = await store.job_of_task(f"chat.often.{message}")
        row = await store.row(job) if job is not None else None
        if row is not None and row.state is JobState.COMPLETED:
            return True
        if row is not None and row.state is JobState.PAUSED:
            (question,) = await store.open_questions()
            await store.answer(question.id, {"action": "accept", "content": {"colour": "red"}}, "ada", "s")
        try:
            await asyncio.to_thread(process.wait_until, lambda count=before: stops() > count)
        except AssertionError:
            return False


# --- called off


async def test_cancel_ends_what_runs_and_what_waits(home: Path, both: Servers) -> None:
    async with pods(*both) as listening:
        with serving(home, both, "chat_routines:waits") as instance:
            await instance.until("workflow.serving")
            await listening.ask("off", "m-off")
            await said(listening, "m-off", "Wait ")
            await listening.send("chat.workflow.cancel.off")
            chunks = await listening.answer("m-off", "")
            await instance.until("workflow.cancelled")
        assert (chunks[-1]["error"]["code"], text_of(chunks)) == ("cancelled", "Wait ")
        assert (await row_of(home, "chat.off.m-off")).state is JobState.CANCELLED
        with serving(home, both, "chat_graphs:asks") as first:
            await first.until("workflow.serving")
            await listening.ask("off", "m-off2")
            question = await asked(listening, "m-off2")
        with serving(home, both, "chat_graphs:asks") as second:
            await second.until("workflow.serving")
            await listening.send("chat.workflow.cancel.off")
            chunks = await listening.answer("m-off2", "")
    assert (chunks[-1]["error"]["code"], chunks[-1]["chunk_id"]) == ("cancelled", question["chunk_id"] + 1)
    assert text_of(chunks) == "Let me see. "


async def test_cancel_reaches_the_instance_that_writes_and_keeps_what_was_said(home: Path, both: Servers) -> None:
    async with pods(*both) as listening:
        with (
            serving(home, both, "chat_routines:waits") as first,
            serving(home, both, "chat_routines:waits") as second,
        ):
            await first.until("workflow.serving")
            await second.until("workflow.serving")
            await listening.ask("fleet", "m-fleet")
            await said(listening, "m-fleet", "Wait ")
            await listening.send("chat.workflow.cancel.fleet")
            chunks = await listening.answer("m-fleet", "")
    assert (chunks[-1]["error"]["code"], text_of(chunks)) == ("cancelled", "Wait ")


async def test_answer_that_ended_while_nats_was_away_is_said_by_whoever_comes_after(home: Path) -> None:
    with servers() as both:
        async with pods(*both) as listening:
            with serving(home, both, "chat_routines:waits") as first:
                await first.until("workflow.serving")
                await listening.ask("away", "m-away")
                await said(listening, "m-away", "Wait ")
                both[0].stop()
                await first.until("workflow.service_away")
                (home / "go").touch()
                async with opened(home / "data" / "evolver.db") as store:
                    while not await store.chat_answer("away", "m-away"):  # noqa: ASYNC110
                        await asyncio.sleep(0.02)
            both[0].start()
            await listening.nats.flush()
            with serving(home, both, "chat_routines:waits"):
                chunks = await listening.answer("m-away", "")
    assert text_of(chunks) == "Wait "
    assert chunks[-1]["metadata"]["finish_reason"] == "stop"


async def test_job_that_a_person_cancels_ends_the_chat(home: Path, both: Servers) -> None:
    async with pods(*both) as listening:
        with serving(home, both, "chat_graphs:asks") as instance:
            await instance.until("workflow.serving")
            await listening.ask("person", "m-person")
            await asked(listening, "m-person")
            done = await asyncio.to_thread(
                run_command, "jobs", "cancel", "task:chat.person.m-person", "--home", str(home), home=home
            )
            assert done.returncode == 0, done.stderr
            chunks = await listening.answer("m-person", "")
    assert chunks[-1]["error"]["code"] == "cancelled"


async def test_instance_that_ends_gives_its_chat_to_the_next(home: Path, both: Servers) -> None:
    async with pods(*both) as listening:
        with serving(home, both, "chat_graphs:waits") as first:
            await first.until("workflow.serving")
            await listening.ask("rolling", "m-rolling")
            await said(listening, "m-rolling", "Four")
            assert await first.ended(signal.SIGTERM) != 0
        (home / "go").touch()
        with serving(home, both, "chat_graphs:waits") as second:
            chunks = await listening.answer("m-rolling", "")
            await second.until("task.completed")
    assert text_of(chunks) == "One two three. \n\nFour five. \n\nSix. "


# --- what is said


@pytest.mark.parametrize(("place", "text", "attempt"), [
    ("chat_graphs:again", "Well. \n\nThis is it. ", 2),
    ("chat_graphs:quiet", "It is fine.\n\nAs a whole.", 1),
    ("chat_graphs:plain", "You said: Hello", 1),
    ("chat_routines:stumbles", "Before. Once. ", 2),
    ("chat_routines:returns", "You said Hello", 1),
])  # fmt: skip
async def test_answer_is_what_was_said_once(home: Path, both: Servers, place: str, text: str, attempt: int) -> None:
    message = f"m-{place[-7:]}"
    async with pods(*both) as listening:
        with serving(home, both, place) as instance:
            await instance.until("workflow.serving")
            await listening.ask("said", message, "Hello")
            chunks = await listening.answer(message, "")
    assert text_of(chunks) == text
    assert {chunk.get("attempt", 1) for chunk in chunks} == {attempt}
    assert chunks[-1]["metadata"]["model"] == place


async def test_graph_is_given_what_was_said_before(home: Path, both: Servers) -> None:
    async with pods(*both) as listening:
        with serving(home, both, "chat_graphs:remembers") as instance:
            await instance.until("workflow.serving")
            await listening.ask("history", "m-1", "One.")
            assert text_of(await listening.answer("m-1", "")) == "human: One. "
            await listening.ask("history", "m-2", "Two.", system_prompt="Be brief.")
            chunks = await listening.answer("m-2", "")
            assert text_of(chunks) == "system: Be brief. / human: One. / ai: human: One.  / human: Two. "
            told = [{"role": "user", "content": "Nought."}]
            await listening.ask("history", "m-3", "Three.", conversation_history=told)
            assert text_of(await listening.answer("m-3", "")) == "human: Nought. / human: Three. "


async def test_failure_is_told_and_a_retry_is_the_next_attempt(home: Path, both: Servers) -> None:
    async with pods(*both) as listening:
        with serving(home, both, "chat_routines:fails") as instance:
            await instance.until("workflow.serving")
            await listening.ask("failed", "m-failed")
            chunks = await listening.answer("m-failed", "")
            assert chunks[-1]["error"] == {"code": "failed", "message": "The shelf is empty. Fill it."}
            assert chunks[-1]["metadata"]["finish_reason"] == "error"
            source = (home / "chat_routines.py").read_text()
            mended = source.replace('raise EvolverError("The shelf is empty.", "Fill it.")', 'await run.say("Found.")')
            (home / "chat_routines.py").write_text(mended)
            done = await asyncio.to_thread(
                run_command, "jobs", "retry", "task:chat.failed.m-failed", "--home", str(home), home=home
            )
            assert done.returncode == 0, done.stderr
            await said(listening, "m-failed", "Found.")
            chunks = await listening.answer("m-failed", "")
    assert text_of(chunks) == "So far. Found."
    assert chunks[0]["attempt"] == 2


# --- beside consoles


async def test_console_on_the_same_database_leaves_chats_alone_and_shows_them(home: Path) -> None:
    config = '[routines]\ntalks = "chat_routines:talks"\n'
    raw = {"message_id": "m", "session_id": "s", "user_id": "u", "message": "Hello\n\tthere, " + "how are you? " * 20}
    async with running(workspace_in(home, config)) as (session, _):
        task = chat_task(request_from(raw), (), "talks")
        await session.store.add_tasks((task,), session.id, generate=True, signals_of=lambda added: ())
        await session.workers.drained()
        (row,) = await session.store.rows_after(None, 10)
        assert session.workers.knows("talks")
    assert row.state is JobState.PENDING
    assert row.task_name.startswith("Hello there, how are you?")
    assert len(row.task_name) == 80


@pytest.mark.parametrize(("option", "value", "words"), [
    ("--graph", "chat_graphs:nothing", "has no 'nothing'"),
    ("--graph", "nowhere:graph", "no module 'nowhere'"),
    ("--graph", "chat_graphs", "no module:attribute"),
    ("--routine", "nothing", "no routine 'nothing'"),
])  # fmt: skip
def test_routine_that_is_not_there_is_a_sentence(home: Path, option: str, value: str, words: str) -> None:
    done = run_command("workflow", "serve", option, value, "--home", str(home), home=home)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


async def test_routine_of_the_config_answers_by_its_name(home: Path, both: Servers) -> None:
    (home / "config" / "routines").mkdir(parents=True)
    shutil.copy(PLUGINS / "chat_routines.py", home / "config" / "routines" / "spoken.py")
    async with pods(*both) as listening:
        config = '[routines]\nparrot = "spoken:returns"\n'
        with Serving(home, both[0].url, both[1].port, "--routine", "parrot", config=config) as instance:
            await instance.until("workflow.serving", answered_by="parrot")
            await listening.ask("named", "m-named", "Polly")
            chunks = await listening.answer("m-named", "")
    assert text_of(chunks) == "You said Polly"
    assert json.loads(json.dumps(chunks[-1]["metadata"]))["model"] == "parrot"
