"""The progress server by HTTP, as its contract has it: what is read, what is posted, and what is refused."""

from __future__ import annotations

import asyncio
import json
import math
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.core.errors import StoreError
from evolver_tui.core.training.record import Record, to_line
from evolver_tui.engine.training.progress_hub import ProgressLimits
from tests.support.progress_servers import (
    AT,
    Clocks,
    RunningProgress,
    end,
    event,
    events,
    get,
    header,
    point,
    post,
    progress,
)

pytestmark = pytest.mark.anyio

STATUS_FIELDS = {
    "session_id", "config", "start_time", "status", "models_completed", "current_model", "total_models", "last_update",
}  # fmt: skip
METRICS = {
    "sessionId", "modelIndex", "totalModels", "step", "totalSteps", "loss", "perplexity", "grokProgress",
    "modelParams", "currentStep", "currentModel", "overallProgress", "trainingTime", "estimatedTimeRemaining",
    "timestamp",
}  # fmt: skip


# --- what is read


async def test_status_metrics_and_history_are_as_the_contract_has_them(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        reply = await running.post("r1", header(config={"epochs": 100}), point(50, 1.23456, model=1))
        assert (reply.status_code, reply.json()) == (200, {"success": True, "data": {"next": 2}})
        status = await running.data("status/r1")
        assert set(status) == STATUS_FIELDS
        assert (status["session_id"], status["config"], status["status"]) == ("r1", {"epochs": 100}, "running")
        assert (status["start_time"], status["models_completed"]) == (AT, 0)
        assert (status["current_model"], status["total_models"]) == (2, 3)
        metrics = await running.data("metrics/r1")
        assert set(metrics) == METRICS | {"sequence", "values"}
        assert (metrics["loss"], metrics["perplexity"], metrics["grokProgress"]) == (1.2346, 3.44, 38.3)
        assert (metrics["modelIndex"], metrics["currentModel"], metrics["modelParams"]) == (1, 2, 25_000_000)
        assert (metrics["step"], metrics["currentStep"], metrics["totalSteps"]) == (50, 50, 100)
        assert (metrics["overallProgress"], metrics["trainingTime"]) == (50.0, 50)
        assert metrics["estimatedTimeRemaining"] == 50
        (told,) = await running.data("history/r1")
        assert told == metrics | {"sequence": 1}


async def test_what_is_not_there_is_told_as_the_contract_has_it(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        for path, status, value in (
            ("status/x", 404, {"success": False, "error": "Session not found"}),
            ("metrics/x", 404, {"success": False, "error": "No metrics found"}),
            ("history/x", 200, {"success": True, "data": []}),
        ):
            reply = await get(running.url, f"/api/training/{path}")
            assert (reply.status_code, reply.json()) == (status, value)
        assert (await get(running.url, "/api/training/nothing/x")).status_code == 404
        assert (await post(running.url, "/api/training/status/x", {})).status_code == 405


async def test_history_honours_limit_since_and_after(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        records: list[Record] = [point(step, model=model) for model in (0, 1) for step in range(1, 101)]
        await running.post("r1", header(), *records)

        async def steps(query: str) -> list[tuple[int, int]]:
            return [(each["modelIndex"], each["step"]) for each in await running.data(f"history/r1{query}")]

        assert await steps("") == [(1, step) for step in range(1, 101)]
        assert await steps("?limit=2") == [(1, 99), (1, 100)]
        assert await steps("?limit=0") == []
        assert len(await steps("?limit=999999")) == 200
        assert await steps("?since=98&model=1") == [(1, 99), (1, 100)]
        assert await steps("?since=99") == [(0, 100), *((1, step) for step in range(1, 101))], "rather too much"
        assert await steps("?after=199") == [(1, 100)]
        assert (await get(running.url, "/api/training/history/r1?limit=-1")).status_code == 400
        assert (await get(running.url, "/api/training/history/r1?since=x")).status_code == 400


async def test_all_of_a_long_run_stays_in_sight_and_its_end_is_whole(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        lines: list[Record] = [header(), *(point(step) for step in range(5_000))]
        for first in range(0, len(lines), 1_000):
            await running.post("r1", *lines[first : first + 1_000], first=first)
        kept = [each["step"] for each in await running.data("history/r1?limit=1000")]
        assert 750 <= len(kept) <= 1_000
        assert kept[0] == 0
        assert kept[-500:] == list(range(4_500, 5_000))
        assert kept == sorted(kept)
        reply = await get(running.url, "/api/training/history/r1?limit=1000", **{"Accept-Encoding": "gzip"})
        assert reply.headers["content-encoding"] == "gzip"
        assert int(reply.headers["content-length"]) < len(reply.content) / 5
        again = await running.hub._store.training_moments("r1")
        assert [each.step for each in again] == kept


async def test_events_are_no_points(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        await running.post(
            "r1", header(), event("training_started"), point(100), event("model_completed", 100), event("error", 100)
        )
        started, measured, completed, failed = await running.data("history/r1")
        assert measured["loss"] == 1.5
        for told in (started, completed, failed):
            assert not {"loss", "perplexity", "grokProgress"} & set(told)
        assert (started["event"], completed["event"], completed["modelCompleted"]) == (
            "training_started", "model_completed", True,
        )  # fmt: skip
        assert (await running.data("status/r1"))["models_completed"] == 1
        told = await running.data("history/r1?compatible=1")
        assert [each.get("loss") for each in told] == [None, 1.5, None, None]
        assert told[2]["event"] == "model_completed"


async def test_the_compatible_form_is_wrapped_and_counted(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        await running.post("r1", header(), point(1, 99.0))
        for _ in range(2):
            value = (await get(running.url, "/api/training/metrics/r1?compatible=1")).json()
        assert set(value) == {"success", "data", "meta"}
        assert set(value["data"]) == {"sessionId", "metrics", "timestamp", "status"}
        assert value["meta"]["version"] == "1.0"
        assert value["data"]["metrics"]["loss"] == 10
        statistics = await running.data("statistics")
        assert statistics == {
            "sessions_created": 1, "total_metrics_processed": 2, "transformations_successful": 2,
            "websocket_messages_sent": 0, "errors_encountered": 0,
        }  # fmt: skip


async def test_sessions_are_listed_those_that_train_first(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        for name in ("a", "b", "c"):
            await running.post(name, header(name), point(1))
        await running.post("c", end(), first=2)
        listed = (await get(running.url, "/api/training/sessions")).json()
        assert [each["session_id"] for each in listed["data"]] == ["b", "a", "c"]
        assert listed["total"] == 3
        assert set(listed["data"][0]) > STATUS_FIELDS
        assert len(await running.data("sessions?limit=1")) == 1


async def test_a_session_stands_as_its_training_does(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        made = (await post(running.url, "/api/training/sessions", {"model_count": 2, "session_id": "s1"})).json()
        assert made == {"success": True, "data": {"session_id": "s1"}}
        status = await running.data("status/s1")
        assert (status["status"], status["total_models"], status["current_model"]) == ("starting", 2, 0)
        assert (await post(running.url, "/api/training/sessions", {"session_id": "s1"})).status_code == 409
        await running.post("s1", header("s1"))
        assert (await running.data("status/s1"))["status"] == "running"
        await running.post("s1", end("failed"), first=1)
        assert (await running.data("status/s1"))["status"] == "failed"
        await running.post("s1", header("s1"), end(), first=2)
        assert (await running.data("status/s1"))["status"] == "completed"
        assert [each["outcome"] for each in running.told("progress.ended")] == ["failed", "completed"]


# --- what is posted


async def test_lines_are_taken_once_whatever_is_sent_again(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        records: list[Record] = [header(), *(point(step) for step in range(9))]
        assert (await running.post("r1", *records[:6])).json()["data"] == {"next": 6}
        assert (await running.post("r1", *records[:6])).json()["data"] == {"next": 6}
        assert (await running.post("r1", *records[3:8], first=3)).json()["data"] == {"next": 8}
        reply = await running.post("r1", *records[9:], first=9)
        assert (reply.status_code, reply.json()["data"]) == (409, {"next": 8})
        await running.post("r1", *records[8:], first=8)
        assert [each["step"] for each in await running.data("history/r1")] == list(range(9))
        assert await running.data("records/r1") == {"next": 10}
        assert await running.data("records/unknown") == {"next": 0}


async def test_posts_that_meet_are_taken_one_after_the_other(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        records: list[Record] = [header(), *(point(step) for step in range(999))]
        replies = await asyncio.gather(*(running.post("r1", *records[: 100 * part]) for part in range(1, 11)))
        assert {reply.status_code for reply in replies} == {200}
        assert len(await running.data("history/r1?limit=1000")) == 999


async def test_bad_lines_count_as_lines_and_are_told_once(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        good = to_line(point(1))
        deep = b'{"type":"event","event":"x","payload":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001
        bad = [b"no JSON", b"[]", b"\xff", b'{"type":"point","step":"x"}', b'{"type":"point","step":-1}', deep, b""]
        bad += [b'{"type":"point","step":1,"model":1e15,"values":{}}', b'{"type":"run","run":"r","total_models":1e12}']
        body = to_line(header()) + b"".join(line + b"\n" for line in bad) + good
        reply = await post(running.url, "/api/training/records/r1?from=0", body)
        assert reply.json()["data"] == {"next": len(bad) + 2}
        assert len(await running.data("history/r1")) == 1
        (told,) = running.told("progress.bad_records")
        assert (told["session"], told["line"], told["error"]) == ("r1", 1, "it is not JSON")
        assert (await running.data("statistics"))["errors_encountered"] == len(bad)


async def test_numbers_that_are_none_and_steps_in_any_order_are_told_as_they_are(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        lines = [to_line(header()), to_line(point(3, math.nan, rate=math.inf))]
        lines += [b'{"type":"point","step":1,"at":1e308,"values":{"loss":1e999}}\n']
        lines += [b'{"type":"event","event":"x","at":-1e308,"payload":{"a":NaN,"b":[1e999]}}\n', to_line(point(2))]
        reply = await post(running.url, "/api/training/records/r1", b"".join(lines))
        assert reply.json()["data"] == {"next": 5}

        def refuse(name: str) -> None:
            raise AssertionError(name)

        text = (await get(running.url, "/api/training/history/r1")).text
        first, second, told, last = json.loads(text, parse_constant=refuse)["data"]
        assert "loss" not in first
        assert first["values"] == {"loss": "nan", "rate": "inf"}
        assert second["values"] == {"loss": "inf"}
        assert str(told["payload"]).lower() == "{'a': 'nan', 'b': ['inf']}"
        assert last["loss"] == 1.5
        json.loads((await get(running.url, "/api/training/metrics/r1")).text, parse_constant=refuse)


async def test_anybodys_trainer_can_post_what_its_callback_is_given(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        data = {
            "sessionId": "other", "modelIndex": 1, "totalModels": 3, "step": 20, "totalSteps": 100, "loss": 1.25,
            "perplexity": 3.49, "grokProgress": 37.5, "modelParams": 1_000, "currentStep": 20, "currentModel": 2,
            "overallProgress": 40.0, "trainingTime": 10.0, "estimatedTimeRemaining": 15.0, "timestamp": AT,
            "accuracy": 0.5, "note": "text",
        }  # fmt: skip
        assert (await post(running.url, "/api/training/progress/p1", data)).json() == {
            "success": True, "data": {"next": 2},
        }  # fmt: skip
        metrics = await running.data("metrics/p1")
        assert metrics["sessionId"] == "p1"
        assert metrics["values"] == {"loss": 1.25, "accuracy": 0.5}
        assert {name: metrics[name] for name in METRICS - {"sessionId"}} == {
            name: data[name] for name in METRICS - {"sessionId"}
        }
        event_only = {"modelIndex": 1, "event": "training_completed", "timestamp": AT + 1}
        assert (await post(running.url, "/api/training/progress/p1", event_only)).status_code == 200
        assert (await running.data("status/p1"))["status"] == "completed"
        assert "loss" not in (await running.data("history/p1"))[-1]
        completed = {"modelIndex": 0, "modelCompleted": True, "step": 100, "loss": 1.0}
        await post(running.url, "/api/training/progress/p2", completed)
        measured, told = await running.data("history/p2")
        assert (measured["loss"], told["event"]) == (1.0, "model_completed")


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("progress/p", b"no JSON", 400, "not JSON"),
        ("progress/p", b"[]", 400, "no JSON object"),
        ("progress/p", b"[" * 100_000, 400, "not JSON"),
        ("progress/p", b"{}", 400, "neither a step"),
        ("progress/p", b'{"step":"x","loss":1}', 400, "step is no whole number"),
        ("progress/p", b'{"step":1,"loss":1,"modelIndex":1e12}', 400, "model is more than"),
        ("progress/p", b'{"step":1,"loss":1,"totalModels":1e12}', 400, "total_models is more than"),
        ("progress/p", b'{"event":["x"]}', 400, "event is no text"),
        ("progress/p", b"x" * 1_000_001, 413, "more than 1,000,000 bytes"),
        ("records/p", b"x" * 1_000_001, 413, "more than 1,000,000 bytes"),
        ("records/p?from=-1", b"x", 400, "from has to be"),
        ("records/p?from=1", b"x", 409, "Line 0 is expected"),
        ("sessions", b'{"session_id":7}', 400, "no JSON object"),
        *((f"records/{hostile}", b"{}", 400, "A session's id has") for hostile in (
            "%2e%2e", "a%20b", "a%1b%5b2J", "x" * 129, "x" * 10_000, "-a", ".hidden", "%E2%80%AE", "a%00", "a%0a",
        )),
        ("records/..%2f..%2fetc", b"{}", 404, ""),
    ],
    ids=count(),
)  # fmt: skip
async def test_what_cannot_be_taken_is_refused_with_a_sentence(
    tmp_path: Path, path: str, body: bytes, status: int, words: str
) -> None:
    async with progress(tmp_path) as running:
        reply = await post(running.url, f"/api/training/{path}", body)
        assert reply.status_code == status, reply.text
        assert words in reply.json()["error"]
        assert running.hub.sessions() == [] or "from" in path


async def test_nothing_is_acknowledged_that_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with progress(tmp_path) as running:
        await running.post("r1", header(), point(1))

        async def fail(*_: Any) -> None:
            raise StoreError("The disk is full.")

        with monkeypatch.context() as patched:
            patched.setattr(running.hub._store, "keep_training", fail)
            reply = await running.post("r1", point(2), first=2)
            assert (reply.status_code, reply.json()["error"]) == (503, "The disk is full.")
            assert await running.data("records/r1") == {"next": 2}
            assert running.told("progress.not_kept") == [{"session": "r1", "error": "The disk is full."}]
        reply = await running.post("r1", point(2), first=2)
        assert reply.json()["data"] == {"next": 3}
        assert [each.step for each in await running.hub._store.training_moments("r1")] == [1, 2]


# --- a restart, and time


async def test_a_restart_changes_nothing(tmp_path: Path) -> None:
    paths = ("status/r1", "metrics/r1", "history/r1", "records/r1", "status/r2", "sessions")

    async def read(running: RunningProgress) -> list[Any]:
        return [await running.data(path) for path in paths]

    async with progress(tmp_path) as running:
        await running.post("r1", header(config={"a": 1}), point(1), event("model_completed", 1), point(2, math.nan, 1))
        await running.post("r2", header("r2"), point(1), end())
        before = await read(running)
    async with progress(tmp_path) as running:
        assert await read(running) == before
        await running.post("r1", point(3, model=1), first=4)
        assert [each["step"] for each in await running.data("history/r1")] == [1, 1, 2, 3]


async def test_sessions_expire_as_the_contract_has_it(tmp_path: Path) -> None:
    clocks = Clocks()
    async with progress(tmp_path, clocks=clocks) as running:
        await running.post("idle", header("idle"), point(1))
        await running.post("done", header("done"), point(1), end())

        async def after(seconds: float) -> list[str]:
            clocks.passed += seconds
            await running.hub.sweep()
            return sorted(each["session_id"] for each in await running.data("sessions"))

        assert await after(3_590) == ["done", "idle"]
        async with events(running.url, "done") as reading:
            assert await after(20) == ["idle"]
            assert (await reading.until("session_cleanup"))[0] == {"sessionId": "done"}
        assert (await get(running.url, "/api/training/status/done")).status_code == 404
        assert (await running.data("metrics/done"))["loss"] == 1.5
        assert await after(3 * 3_600) == []
        assert len(await running.data("history/idle")) == 1
        await running.post("idle", point(2), first=2)
        assert await after(1) == ["idle"]
        await after(24 * 3_600)
        assert (await get(running.url, "/api/training/metrics/done")).status_code == 404
        assert await running.data("history/done") == []
        assert [each["session"] for each in running.told("progress.expired")] == ["done", "idle", "idle"]
    async with progress(tmp_path, clocks=clocks) as running:
        assert await running.hub._store.training_sessions() == []


async def test_a_clock_that_is_set_wrong_ends_no_session(tmp_path: Path) -> None:
    clocks = Clocks()
    async with progress(tmp_path, clocks=clocks) as running:
        await running.post("r1", header(), point(1))
        clocks.wall = lambda: AT + 365 * 86_400  # type: ignore[method-assign]
        await running.hub.sweep()
        assert len(await running.data("sessions")) == 1


async def test_there_are_no_more_sessions_than_there_may_be_and_the_oldest_ended_go_first(tmp_path: Path) -> None:
    clocks = Clocks()
    async with progress(tmp_path, limits=ProgressLimits(sessions=20), clocks=clocks) as running:
        for number in range(22):
            clocks.passed += 1
            await running.post(f"s{number}", header(), *([end()] if 5 <= number < 8 else []))
        left = {each["session_id"] for each in await running.data("sessions")}
        assert left == {f"s{number}" for number in range(22)} - {"s5", "s6"}
        assert len(await running.hub._store.training_sessions()) == 20


async def test_sessions_that_are_told_of_at_once_make_room_and_none_is_left_behind(tmp_path: Path) -> None:
    limits = ProgressLimits(sessions=5, moments_in_memory=30)
    async with progress(tmp_path, limits=limits) as running:

        async def tell(number: int) -> int:
            told = {"step": number, "loss": 1.0}
            reply = await post(running.url, f"/api/training/progress/s{number % 12}", told)
            await running.data(f"history/s{(number + 5) % 12}")
            return reply.status_code

        for _ in range(3):
            assert set(await asyncio.gather(*map(tell, range(48)))) == {200}
        await running.post("last", header(), *(point(step) for step in range(40)))
        served = {each["session_id"] for each in await running.data("sessions")}
        assert "last" in served
        assert len(served) <= 5
        assert {each.session_id for each in await running.hub._store.training_sessions()} == served


async def test_history_beyond_what_memory_holds_is_read_where_it_is_kept(tmp_path: Path) -> None:
    async with progress(tmp_path, limits=ProgressLimits(moments_in_memory=50)) as running:
        for number in range(10):
            await running.post(f"s{number}", header(), *(point(step) for step in range(20)))
        held = [len(each.history) for each in running.hub.sessions() if each.history is not None]
        assert sum(held) <= 60
        for number in range(10):
            assert len(await running.data(f"history/s{number}")) == 20
        await running.post("s0", point(20), first=21)
        assert [each["step"] for each in await running.data("history/s0?limit=2")] == [19, 20]
        assert [each["sequence"] for each in await running.data("history/s0?limit=2")] == [20, 21]


async def test_a_training_that_went_back_forgets_what_came_after(tmp_path: Path) -> None:
    async with progress(tmp_path) as running:
        await running.post("r1", header(), *(point(step) for step in range(10)))
        await running.post("r1", header(), event("training_resumed", 5), point(6), first=11)
        told = await running.data("history/r1")
        assert [each["step"] for each in told] == [0, 1, 2, 3, 4, 5, 5, 6]
        assert told[-2]["event"] == "training_resumed"
        assert (await running.data("status/r1"))["status"] == "running"
