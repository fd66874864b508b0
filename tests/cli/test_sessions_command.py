"""`evolver-tui sessions`: what past sessions came to, and deleting those that are over."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from evolver_tui.adapters.process_identity import this_process
from evolver_tui.cli.main import main
from evolver_tui.core.address import Address
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.signal import Signal
from evolver_tui.engine.store import Store
from tests.support.databases import opened, sql
from tests.support.hostile import HOSTILE, assert_harmless
from tests.support.job_desk import Done
from tests.support.processes import environment
from tests.support.sessions import GENERATE, SUMMARIZE, approval, review_of, running, send, workspace_in

GONE = "elsewhere@0123456789abcdef:1:1"


class Sessions:
    """The command on a home."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys
        self.place = ["--home", str(home)]

    def __call__(self, *arguments: str) -> Done:
        self._capsys.readouterr()
        code = main(["sessions", *arguments, *self.place])
        return Done(code, *self._capsys.readouterr())

    def store(self, work: Callable[[Store], Any], url: str = "") -> Any:
        async def do() -> Any:
            async with opened(url or f"sqlite:///{self.home}/data/evolver.db") as database:
                return await work(database)

        return anyio.run(do)


@pytest.fixture
def sessions(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Sessions:
    monkeypatch.setenv("USER", "ada")
    monkeypatch.delenv("EVOLVER_HOME", raising=False)
    return Sessions(tmp_path, capsys)


async def _work(home: Path) -> str:
    """A session in which one draft is approved and one rejected; returns its id."""
    async with running(workspace_in(home)) as (session, watch):
        await send(session, [SUMMARIZE, GENERATE])
        question, subject = await review_of(session, watch, "task-1")
        await session.inbox.decide(question.id, approval(subject))
        question, _ = await review_of(session, watch, "task-2")
        await session.inbox.decide(question.id, Decision(DecisionKind.REJECT))
        await watch.until("task.completed", 2)
        await session.export("jsonl")
    return session.id


async def _begin(store: Store, session_id: str, process: str, *signals: Signal, host: str = "host") -> None:
    """A session that has no end."""
    await store.start_session(session_id, Address(), host)
    told = {"timestamp": 1e9, "session_id": session_id, **({"process": process} if process else {})}
    store.log([Signal("session.started", {"backend": "b", "host": "host"}, told), *signals], session_id)
    await store.flush_log()


def test_there_is_no_session_yet(sessions: Sessions) -> None:
    assert sessions("list") == Done(0, "", "There is no session yet.\n")
    assert sessions("list", "--json").value == {"sessions": [], "total": 0}
    done = sessions("show")
    assert (done.code, done.out) == (2, "")
    assert "There is no session yet." in done.err
    assert sessions("delete", "s", "--yes").code == 2
    assert not (sessions.home / "data" / "evolver.db").exists()


def test_a_session_is_listed_with_its_figures_and_shown_in_full(sessions: Sessions) -> None:
    session_id = anyio.run(_work, sessions.home)
    done = sessions("list")
    assert (done.code, done.err) == (0, "")
    head, row = (" ".join(line.split()) for line in done.out.splitlines())
    assert head == "SESSION BEGAN LENGTH END HOST TASKS APPROVED REJECTED RATE WAITED TOKENS COST"
    assert row.split()[0] == session_id
    assert "ended" in row
    (value,) = sessions("list", "--json").value["sessions"]
    wanted = {"tasks": 2, "approved": 1, "rejected": 1, "approve_rate": 0.5, "turns": 2, "answers": 2, "cost": None}
    assert {key: value[key] for key in wanted} == wanted
    assert value["standing"] == "ended"
    assert value["estimated_tokens"] == value["tokens"] > 0
    assert f"~{value['tokens']:,}" in row
    assert row.endswith("unknown")
    shown = sessions("show", "--json").value
    assert {key: shown[key] for key in value} == value
    assert sorted(job["task_id"] for job in shown["jobs"]) == ["task-1", "task-2"]
    assert shown["exports"] == [str(sessions.home / "data" / "exports" / f"{session_id}.jsonl")]
    text = sessions("show", session_id).out
    for words in ("approved 1, rejected 1, rate 50%", "worked on: ", "(task-1)", "exported to ", "cost: unknown"):
        assert words in text


def test_figures_of_a_session_without_an_end_are_summed_from_what_it_told(sessions: Sessions) -> None:
    session_id = anyio.run(_work, sessions.home)
    (ended,) = sessions("list", "--json").value["sessions"]
    url = f"sqlite:///{sessions.home}/data/evolver.db"
    sql(url, "UPDATE session SET ended_at = NULL")
    sql(url, "DELETE FROM signal WHERE name LIKE 'analytics.%' OR name = 'session.ended'")
    value = sessions("show", session_id, "--json").value
    for key in ("tasks", "approved", "rejected", "turns", "answers", "waited_seconds", "tokens", "estimated_tokens"):
        assert value[key] == pytest.approx(ended[key], abs=0.01), key
    assert (value["ended_at"], value["standing"]) == (None, "open")  # it is this process


def test_prices_give_a_cost(sessions: Sessions) -> None:
    async def begin(store: Store) -> None:
        for number, counted_by in enumerate(("provider", "estimate")):
            told = {
                "tokens_generated": 100, "prompt_tokens": 900, "tokens_counted_by": counted_by, "backend": "b",
                "seconds": 1.0, "cost": 0.125, "currency": "EUR",
            }  # fmt: skip
            await _begin(store, f"s{number}", "", *[Signal("llm.generation_complete", told)] * 2)

    sessions.store(begin)
    newest, oldest = sessions("list", "--json").value["sessions"]
    assert (newest["cost"], newest["currency"], newest["is_cost_estimated"]) == (0.25, "EUR", True)
    assert (oldest["tokens"], oldest["estimated_tokens"], oldest["is_cost_estimated"]) == (2000, 0, False)
    rows = sessions("list").out.splitlines()
    assert rows[1].endswith("~2,000  ~0.2500 EUR")
    assert rows[2].endswith(" 2,000   0.2500 EUR") or rows[2].endswith("2,000   0.2500 EUR")


def test_a_list_may_be_shorter_and_says_so(sessions: Sessions) -> None:
    async def begin(store: Store) -> None:
        for number in range(3):
            await _begin(store, f"s{number}", "")

    sessions.store(begin)
    done = sessions("list", "--limit", "2", "--json")
    assert [each["id"] for each in done.value["sessions"]] == ["s2", "s1"]
    assert done.value["total"] == 3
    assert "2 of 3 are shown; --limit shows more." in done.err


def test_what_strangers_wrote_into_a_session_steers_nothing(sessions: Sessions) -> None:
    async def begin(store: Store) -> None:
        for number, text in enumerate(HOSTILE.values()):
            told = {"outcome": text, "prompt_tokens": text, "cost": text, "currency": text, "duration_ms": text}
            names = ("task.completed", "llm.generation_complete", "conversation.turn_complete", "session.exported")
            signals = [Signal(name, {**told, "path": text}, {"job": number, "task_id": text}) for name in names]
            signals.append(Signal("task.started", {}, {"job": number, "task_id": text}))
            await _begin(store, f"s{number}", text, *signals, host=text)

    sessions.store(begin)
    for arguments in (["list"], ["list", "--json"]):
        done = sessions(*arguments)
        assert done.code == 0
        assert_harmless(done.out)
    for each in sessions("list", "--json").value["sessions"][:5]:
        assert_harmless(sessions("show", each["id"]).out)
    json.loads(sessions("list", "--json").out)


# --- delete ---


def test_a_session_is_deleted_with_its_signals_and_its_jobs_stay(sessions: Sessions) -> None:
    first, second = anyio.run(_work, sessions.home), anyio.run(_nothing, sessions.home)
    url = f"sqlite:///{sessions.home}/data/evolver.db"
    jobs = sql(url, "SELECT * FROM job")
    done = sessions("delete", first, "--yes", "--json")
    assert done.code == 0
    (deleted,) = done.value["deleted"]
    assert deleted["id"] == first
    assert deleted["signals"] > 20
    assert "1 session is deleted, with" in done.err
    assert sql(url, f"SELECT count(*) FROM signal WHERE session_id = '{first}'") == [(0,)]
    assert [each["id"] for each in sessions("list", "--json").value["sessions"]] == [second]
    assert sql(url, "SELECT * FROM job") == jobs
    ((told,),) = sql(url, "SELECT payload_json FROM signal WHERE name = 'session.deleted'")
    assert json.loads(told) == {"session": first, "signals": deleted["signals"], "by": "ada"}
    assert sessions("delete", first, "--yes").code == 2


async def _nothing(home: Path) -> str:
    async with running(workspace_in(home)) as (session, _):
        pass
    return session.id


def test_nothing_is_deleted_without_a_word(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = anyio.run(_nothing, sessions.home)
    asked: list[str] = []
    answers = iter(["", "n", "y"])

    def ask(question: str) -> str:
        asked.append(question)
        return next(answers)

    monkeypatch.setattr("evolver_tui.cli.inputs.ask_at_terminal", ask)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"y\n")))
    for _ in range(2):
        done = sessions("delete", session_id)
        assert (done.code, done.err) == (
            2,
            "evolver-tui: Nothing was deleted. Answer y at the terminal, or add --yes.\n",
        )
    assert session_id in asked[0]
    assert sessions("delete", session_id).code == 0
    assert sessions("list", "--json").value["total"] == 0


def test_an_unknown_one_among_them_deletes_none(sessions: Sessions) -> None:
    session_id = anyio.run(_nothing, sessions.home)
    assert sessions("delete", session_id, "nobody", "--yes").code == 2
    assert sessions("delete", "latest", "--yes").code == 2
    assert sessions("list", "--json").value["total"] == 1


def test_an_open_session_is_not_deleted_and_one_that_cannot_be_seen_only_on_a_persons_word(
    sessions: Sessions,
) -> None:
    async def begin(store: Store) -> None:
        await _begin(store, "open", this_process())
        await _begin(store, "unseen", GONE)
        await _begin(store, "old", "")

    sessions.store(begin)
    standings = {each["id"]: each["standing"] for each in sessions("list", "--json").value["sessions"]}
    assert standings == {"open": "open", "unseen": "not ended", "old": "not ended"}
    for options in (["--yes"], ["--yes", "--ended"]):
        done = sessions("delete", "open", *options)
        assert (done.code, done.err) == (
            1, "evolver-tui: The session open is open. End it first; nothing was deleted.\n",
        )  # fmt: skip
    done = sessions("delete", "unseen", "--yes")
    assert done.code == 1
    assert "its process on host cannot be seen from here" in done.err
    assert sessions("delete", "unseen", "old", "--yes", "--ended").code == 0
    assert [each["id"] for each in sessions("list", "--json").value["sessions"]] == ["open"]


def test_a_session_of_a_process_that_was_killed_is_cut_off_and_can_be_deleted(sessions: Sessions) -> None:
    command = [sys.executable, "-m", "evolver_tui", "worker", *sessions.place]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment(sessions.home)) as process:
        try:
            assert process.stderr is not None
            assert "session.started" in process.stderr.readline()
            url = f"sqlite:///{sessions.home}/data/evolver.db"
            while not sql(url, "SELECT 1 FROM signal WHERE name = 'session.started'"):
                pass  # it is told before it is written
            (value,) = sessions("list", "--json").value["sessions"]
            assert value["standing"] == "open"
            assert sessions("delete", value["id"], "--yes").code == 1
        finally:
            process.send_signal(signal.SIGKILL)
    (value,) = sessions("list", "--json").value["sessions"]
    assert (value["standing"], value["ended_at"]) == ("cut off", None)
    assert sessions("delete", value["id"], "--yes").code == 0


def test_the_same_on_a_server(sessions: Sessions, postgresql_url: str) -> None:
    async def begin(store: Store) -> None:
        await _begin(
            store, "ended", "", *[Signal("task.queued")] * 3, Signal("task.completed", {"outcome": "approved"})
        )
        await store.end_session("ended")

    sessions.store(begin, postgresql_url)
    sessions.place = ["--home", str(sessions.home), "--database", postgresql_url]
    (value,) = sessions("list", "--json").value["sessions"]
    assert (value["standing"], value["tasks"], value["approved"]) == ("ended", 3, 1)
    assert sessions("show", "ended").code == 0
    assert sessions("delete", "ended", "--yes", "--json").value == {"deleted": [{"id": "ended", "signals": 5}]}
    assert sessions("list", "--json").value["total"] == 0
