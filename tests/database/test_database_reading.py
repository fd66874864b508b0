"""The store: sessions and their log, windows on the queue, the file."""

from __future__ import annotations

import asyncio
import stat
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolver_tui.adapters.database import sessions
from evolver_tui.adapters.database.database import Database
from evolver_tui.core.address import Address
from evolver_tui.core.errors import StoreError, UsageError
from evolver_tui.core.job import JobState, Outcome, QueueKey, QueueRow
from evolver_tui.core.question import Question
from evolver_tui.core.session_figures import SessionFigures
from evolver_tui.core.signal import Signal
from tests.support.databases import add, claim, ids, is_sqlite, names, opened, task, tasks


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "evolver.db"


# --- sessions and signals ---


@pytest.mark.anyio
async def test_sessions_are_remembered_with_their_end(url: str) -> None:
    async with opened(url) as database:
        await database.start_session("killed", Address("http://one"), "here")
        async with opened(url, clock_shift=5) as later:
            await later.start_session("ended", Address("http://two"), "there")
            await later.end_session("ended")
        killed, ended = await database.sessions()
        assert (killed.id, killed.ended_at, killed.hub_url, killed.host) == ("killed", None, "http://one", "here")
        assert ended.ended_at is not None
        assert ended.started_at <= ended.ended_at
        with pytest.raises(StoreError, match="a session killed already"):
            await database.start_session("killed", Address(), "")


@pytest.mark.anyio
async def test_signals_are_written_in_the_order_of_calls(url: str) -> None:
    async with opened(url) as database:
        database.log([Signal("first", {"n": 1}, {"timestamp": 5.5, "level": "error"})], "s")
        adding = database.add_tasks(tasks("a"), "s", generate=True, signals_of=lambda added: [Signal("second")])
        writing = asyncio.ensure_future(adding)
        await asyncio.sleep(0)
        database.log([Signal("third"), Signal("fourth")], "s")
        database.log([Signal("elsewhere")], "another session")
        await writing
        await add(database)
        stored = await database.signals("s")
        assert [line.signal.name for line in stored] == ["first", "second", "third", "fourth"]
        assert stored[0].signal == Signal("first", {"n": 1}, {"timestamp": 5.5, "level": "error"})
        assert [line.seq for line in stored] == sorted({line.seq for line in stored})
        assert await database.signals("s", after=stored[1].seq, limit=1) == stored[2:3]


@pytest.mark.anyio
async def test_the_log_is_read_backwards_from_anywhere(url: str) -> None:
    async with opened(url) as database:
        told = [Signal("n", {"n": number}, {"timestamp": float(number // 2)}) for number in range(10)]
        database.log(told, "s")
        database.log([Signal("n", {}, {"timestamp": 3.0})], "another")
        await database.flush_log()
        stored = await database.signals("s")
        assert await database.signals_before("s") == stored
        assert await database.signals_before("s", limit=3) == stored[-3:]
        assert await database.signals_before("s", stored[7].seq, 2) == stored[5:7]
        assert await database.signals_before("s", stored[0].seq) == []
        assert await database.signals_before("nobody") == []


@pytest.mark.anyio
async def test_a_signal_is_found_in_the_log(url: str) -> None:
    async with opened(url) as database:
        told = [Signal(f"n.{number}", {}, {"timestamp": 1e9 + number / 7}) for number in range(10)]
        database.log(told, "s")
        await database.flush_log()
        stored = await database.signals("s")
        for signal, line in zip(told, stored, strict=True):
            assert await database.seq_of("s", signal) == line.seq
        between = Signal("lost", {}, {"timestamp": 1e9 + 0.5})
        assert await database.seq_of("s", between) == stored[3].seq
        assert await database.seq_of("s", Signal("early", {}, {"timestamp": 1.0})) == 0
        assert await database.seq_of("s", Signal("\0", {}, {"timestamp": 10**400})) == 0


@pytest.mark.anyio
async def test_signals_are_found_by_their_names_and_summed(url: str) -> None:
    generated = {"prompt_tokens": 5, "tokens_generated": 2, "tokens_counted_by": "provider", "cost": 0.5}
    told = [
        *[Signal("task.queued", {"queue_size": 1})] * 3,
        Signal("task.completed", {"outcome": "approved"}),
        Signal("llm.generation_complete", {**generated, "currency": "EUR"}),
        Signal("conversation.turn_complete", {"duration_ms": 1500.0}),
        Signal("conversation.turn_complete", {"duration_ms": None}),
        Signal("task.completed", {"outcome": 5}),
        Signal("other.name", {}),
    ]
    async with opened(url) as database:
        await database.start_session("s", Address(), "")
        database.log(told, "s")
        database.log([Signal("task.queued")], "another")
        await database.flush_log()
        named = await database.signals_named("s", ("task.completed", "other.name"))
        assert [line.signal.payload for line in named] == [{"outcome": "approved"}, {"outcome": 5}, {}]
        assert [line.signal.name for line in await database.signals_named("s", ("task.queued",), 2)] == [
            "task.queued"
        ] * 2
        summed = SessionFigures(3, 1, 0, 2, 1, 1.5, 7, 0, 0.5, "EUR")
        assert await database.figures("s") == summed
        summary = {
            "tasks": 30, "approved": 2, "rejected": 1, "total_turns": 3, "answers": 3, "waited_sec": 2.5, "tokens": 9,
            "estimated_tokens": 9,
        }  # fmt: skip
        database.log([Signal("analytics.session_summary", summary)], "s")
        assert await database.figures("s") == summed  # it goes on
        await database.end_session("s")
        assert await database.figures("s") == SessionFigures(30, 2, 1, 3, 3, 2.5, 9, 9, None, "")
        del summary["answers"]
        database.log([Signal("analytics.session_summary", summary)], "s")
        await database.flush_log()
        assert await database.figures("s") == summed  # an older program's had not all of them


@pytest.mark.anyio
async def test_a_session_is_deleted_piece_by_piece_while_others_write(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "PIECE", 10)
    async with opened(url) as database, opened(url) as other:
        for session_id in ("s", "kept"):
            await database.start_session(session_id, Address(), "")
            database.log([Signal("n")] * 95, session_id)
        await add(database, task("a"))
        deleting = asyncio.ensure_future(database.delete_session("s"))
        await add(other, task("b"))
        assert await deleting == 95
        assert await database.signals("s") == []
        assert len(await database.signals("kept")) == 95
        assert [record.id for record in await database.sessions()] == ["kept"]
        assert await ids(database) == ["a", "b"]
        assert await database.delete_session("s") == 0
        await add(other, task("c"))  # what was deleted is no sign to it that its file was exchanged


@pytest.mark.anyio
async def test_signal_that_is_not_json_is_written_all_the_same(url: str) -> None:
    loop: list[Any] = []
    loop.append(loop)
    odd: dict[Any, Any] = {"nan": float("nan"), "set": {1}, "loop": loop, "path": Path("x"), 5: "five"}
    async with opened(url) as database:
        database.log([Signal("\ud800", odd, {"timestamp": 10**400}), Signal("n", {}, {"timestamp": float("inf")})], "s")
        await add(database)
        first, _ = await database.signals("s")
        payload = first.signal.payload
        assert (payload["nan"], payload["set"], payload["path"], payload["5"]) == (None, [1], "x", "five")


@pytest.mark.anyio
async def test_burst_beyond_the_limit_waits_and_nothing_is_lost(url: str) -> None:
    problems: list[StoreError] = []
    async with opened(url, log_limit=10, on_problem=problems.append) as database:

        def burst(name: str) -> None:
            for _ in range(500):
                database.log([Signal(name)], "s")

        threads = [threading.Thread(target=burst, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
    async with opened(url) as database:
        assert sorted(line.signal.name for line in await database.signals("s", limit=2000)) == ["a"] * 500 + ["b"] * 500
    assert not problems


@pytest.mark.anyio
async def test_what_was_accepted_before_close_is_written(url: str) -> None:
    database = Database(url)
    await database.open()
    adding = asyncio.ensure_future(add(database, task("a")))
    await asyncio.sleep(0)
    database.log([Signal("last")], "s")
    await database.close()
    assert (await adding).waiting == 1
    database.log([Signal("after the end")], "s")
    with pytest.raises(StoreError, match="closed"):
        await add(database, task("b"))
    with pytest.raises(StoreError, match="closed"):
        await database.counts()
    async with opened(url) as again:
        assert (await ids(again), await names(again)) == (["a"], ["last"])


# --- reading ---

STATES = ("pending", "running", "question", "answered", "approved", "failed", "retried", "skipped")


async def bring_to(database: Database, jobs: list[tuple[str, str]]) -> None:
    """Add a task for each (state, priority) and bring it to that state."""
    afterwards: list[Coroutine[Any, Any, None]] = []
    for number, (state, priority) in enumerate(jobs):
        if state == "pending":
            continue
        await add(database, task(f"t-{number}-É%", priority, "completed" if state == "skipped" else "pending"))
        if state == "skipped":
            continue
        held = await claim(database)
        if state in ("question", "answered"):
            question = await database.pause(held.job, held.fence, Question("q", "?"), "s")
            if state == "answered":
                afterwards.append(database.answer(question, {}, "me", "s"))
        elif state == "approved":
            await database.finish(held.job, held.fence, JobState.COMPLETED, "s", outcome=Outcome.APPROVED)
        elif state != "running":
            await database.finish(held.job, held.fence, JobState.FAILED, "s")
            if state == "retried":
                afterwards.append(database.retry(held.job, "s"))
    for change in afterwards:
        await change
    await add(database, *(task(f"t-{n}", priority) for n, (state, priority) in enumerate(jobs) if state == "pending"))


async def check_windows(database: Database, search: str, limit: int) -> None:
    everything = [row for row in await database.rows_after(None, 1000) if search.lower() in row.task_id.lower()]
    forward: list[QueueRow] = []
    while window := await database.rows_after(forward[-1].key if forward else None, limit, search):
        assert len(window) <= limit
        forward.extend(window)
    backward: list[QueueRow] = []
    while window := await database.rows_before(backward[0].key if backward else None, limit, search):
        backward[:0] = window
    assert forward == backward == everything
    assert [await database.rank_of(row.key, search) for row in everything] == list(range(len(everything)))
    for edge, expected in ((QueueKey(-(2**63), 0), 0), (QueueKey(2**63 - 1, 0), len(everything))):
        assert await database.rank_of(edge, search) == expected


def test_windows_agree_with_the_whole_queue(empty: Callable[[], str]) -> None:
    @settings(max_examples=25 if is_sqlite(empty()) else 8, deadline=None)
    @given(
        st.lists(st.tuples(st.sampled_from(STATES), st.sampled_from(["high", "medium", "low"])), max_size=12),
        st.integers(1, 5),
        st.sampled_from(["", "T-1", "%", "zzz", "é"]),
    )
    def agree(jobs: list[tuple[str, str]], limit: int, search: str) -> None:
        asyncio.run(check(jobs, limit, search))

    async def check(jobs: list[tuple[str, str]], limit: int, search: str) -> None:
        async with opened(empty()) as database:
            await bring_to(database, jobs)
            await check_windows(database, search, limit)
            counts = await database.counts()
            assert (counts.total, counts.live) == (len(jobs), sum(state in LIVE for state, _ in jobs))

    agree()


LIVE = {"pending", "running", "question", "answered", "retried"}


@pytest.mark.anyio
async def test_search_is_for_a_part_of_id_or_name_in_any_case(url: str) -> None:
    async with opened(url) as database:
        await add(database, task("a", taskName="100% Done"), task("B_1", taskName="Été"), task("c", taskName="\\back"))
        for search, expected in {
            "DONE": ["a"], "%": ["a"], "0%": ["a"], "_": ["B_1"], "b_": ["B_1"], "éTÉ": [], "ÉTÉ": [], "été": [],
            "Été": ["B_1"], "\\B": ["c"], "'": [], "x" * 100_000: [], "\ud800": [], "/": [],
        }.items():  # fmt: skip
            found = await ids(database, search)
            if search in ("éTÉ", "ÉTÉ", "été"):
                assert found in ([], ["B_1"])
            else:
                assert found == expected, search


@pytest.mark.anyio
async def test_search_that_is_given_up_disturbs_nobody(url: str) -> None:
    async with opened(url) as database:
        await add(database, *tasks(*(f"t-{n}" for n in range(2_000))))
        for _ in range(20):
            given_up = asyncio.ensure_future(database.rows_after(None, 10, "no such"))
            wanted = asyncio.ensure_future(database.rows_after(None, 10, "t-1999"))
            await asyncio.sleep(0)
            given_up.cancel()
            assert len(await wanted) == 1


# --- the file ---


@pytest.mark.anyio
async def test_file_and_folder_are_for_their_owner_alone(path: Path) -> None:
    async with opened(path) as database:
        await add(database, task("a"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (path.parent, *path.parent.iterdir())}
        assert modes == {"data": 0o700, "evolver.db": 0o600, "evolver.db-wal": 0o600, "evolver.db-shm": 0o600}


@pytest.mark.anyio
async def test_url_names_the_file(tmp_path: Path) -> None:
    strange = tmp_path / "a folder? with #100% ünusual" / "e.db"
    async with opened(strange) as database:
        await add(database, task("a"))
    assert strange.exists()
    database = Database(f"sqlite:///{tmp_path}/by-url.db")
    await database.open()
    await database.close()
    assert (tmp_path / "by-url.db").exists()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "url",
    ["mysql://user:hunter2@host/base", "nonsense", "sqlite://", "sqlite:///:memory:", "nosuch://x:hunter2@y"],
)
async def test_url_that_names_no_file_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(UsageError, match="sqlite:////path") as caught:
        await Database(url).open()
    assert "hunter2" not in str(caught.value)
