"""What the progress server is made of: how often it tells, what pages are given, and what the databases keep."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from evolver_tui.core.training.compatibility import BOUNDS, CompatibleMetrics, as_message, as_reply, compatible
from evolver_tui.core.training.plain_value import plain_mapping
from evolver_tui.core.training.session_id import is_session_id
from evolver_tui.core.training.throttle import Throttle
from evolver_tui.engine.training.history import History
from evolver_tui.engine.training_store import KeptMoment, KeptTraining
from tests.support.databases import opened

# --- how often


def test_a_throttle_lets_the_first_and_the_last_through() -> None:
    throttle: Throttle[int] = Throttle(0.1)
    assert throttle.offer(1, 0.0) == 1
    assert throttle.due_at is None
    assert [throttle.offer(number, 0.01 * number) for number in range(2, 6)] == [None] * 4
    assert throttle.due_at == 0.1
    assert throttle.take(0.1) == 5
    assert throttle.due_at is None
    assert throttle.take(0.11) is None
    assert throttle.offer(6, 0.15) is None
    assert throttle.offer(7, 0.2) == 7, "and what was held is older than it"
    assert throttle.due_at is None


@given(some.lists(some.floats(0, 10), max_size=200).map(sorted))
def test_no_throttle_tells_more_than_it_may_nor_leaves_the_last_one_out(times: list[float]) -> None:
    throttle, told = Throttle[int](0.1), list[tuple[float, int]]()
    for number, now in enumerate(times):
        if throttle.due_at is not None and throttle.due_at <= now:
            at = throttle.due_at
            told += [(at, held) for held in [throttle.take(at)] if held is not None]
        told += [(now, each) for each in [throttle.offer(number, now)] if each is not None]
    if throttle.due_at is not None:
        at = throttle.due_at
        told += [(at, held) for held in [throttle.take(at)] if held is not None]
    assert [number for _, number in told] == sorted({number for _, number in told})
    assert not times or told[-1][1] == len(times) - 1
    assert all(later - earlier > 0.0999 for (earlier, _), (later, _) in pairwise(told))


# --- the form that pages take


def test_every_number_is_within_its_bounds_and_has_its_default() -> None:
    assert compatible({}) == {
        "loss": 2.5, "perplexity": 12.18, "grokProgress": 0, "modelParams": 25_000_000, "currentStep": 0,
        "totalSteps": 1_000, "currentModel": 1, "totalModels": 3, "overallProgress": 0, "trainingTime": 0,
        "estimatedTimeRemaining": 0,
    }  # fmt: skip
    for name, bounds in BOUNDS.items():
        for given_, expected in ((1e300, bounds.highest), (-1e300, bounds.lowest), (math.inf, bounds.highest)):
            assert compatible({name: given_})[name] == expected
        strange: tuple[object, ...] = ("x", None, True, [], {})
        for nothing in strange:
            assert compatible({name: nothing}).get(name) in (bounds.default, None)


def test_rounded_as_the_contract_has_it() -> None:
    made = compatible({"loss": 1.234567, "perplexity": 3.4399, "grokProgress": 38.271, "overallProgress": 12.345})
    assert (made["loss"], made["perplexity"], made["grokProgress"], made["overallProgress"]) == (
        1.2346,
        3.44,
        38.3,
        12.3,
    )


@pytest.mark.parametrize(
    "told", [{"event": "model_completed"}, {"modelCompleted": True}, {"loss": math.nan}, {"loss": "x"}]
)
def test_no_loss_is_made_up_and_events_get_through(told: dict[str, Any]) -> None:
    made = compatible({"sessionId": "s", "currentStep": 7, **told})
    assert "loss" not in made
    assert {name: made.get(name) for name in ("event", "modelCompleted")} == {
        name: told.get(name) for name in ("event", "modelCompleted")
    }
    assert (made["sessionId"], made["currentStep"]) == ("s", 7)


def test_results_are_remembered_within_bounds() -> None:
    made = CompatibleMetrics(most=10)
    first = made.of(("s", 1), {"loss": 1.0})
    assert made.of(("s", 1), {"loss": 1.0}) is first
    for number in range(100):
        made.of(("t", number), {"loss": 1.0})
    assert made.of(("s", 1), {"loss": 1.0}) is not first
    made.forget("s")
    assert made.successful == 103


def test_both_wrapped_forms() -> None:
    assert set(as_message("progress_update", {}, "running", 1.0)) == {"event", "metrics", "status", "timestamp"}
    reply = as_reply("s", {"loss": 1.0}, "running", 1.0)
    assert reply["success"] is True
    assert set(reply["data"]) == {"sessionId", "metrics", "timestamp", "status"}
    assert reply["meta"]["version"] == "1.0"


# --- bounds


def test_what_strangers_put_into_a_config_is_made_small_shallow_and_finite() -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    made = plain_mapping({"a": math.nan, "deep": deep, "list": [math.inf], "large": "x" * 20_000, "after": 1})
    assert made["a"] == "nan"
    assert made["list"] == ["inf"]
    assert "large" not in made
    assert len(json.dumps(made, allow_nan=False)) < 500


@pytest.mark.parametrize("text", ["a", "r1", "session-0f", "a.b:c_d-e", "_", "x" * 128])
def test_what_a_session_may_be_called(text: str) -> None:
    assert is_session_id(text)


@pytest.mark.parametrize("text", ["", "..", ".", "-a", "a/b", "a b", "a\n", "a\x1b", "é", "x" * 129, 7, None, ["a"]])
def test_what_a_session_may_not_be_called(text: object) -> None:
    assert not is_session_id(text)


@given(some.integers(8, 60), some.lists(some.integers(1, 40), max_size=20))
def test_a_history_and_its_store_stay_the_same(most: int, batches: list[int]) -> None:
    history, stored, number = History((), most), dict[int, KeptMoment](), 0
    for batch in batches:
        for _ in range(batch):
            number += 1
            history.add(KeptMoment(number, 0, number, "{}"))
        added, removed = history.changes()
        stored |= {each.number: each for each in added}
        for each in removed:
            stored.pop(each, None)
        history.kept(added, removed)
        assert history.is_kept
        assert list(stored.values()) == history.moments
        assert len(history) <= most
        assert history.moments[0].number == 1
        half = most // 2
        assert [each.number for each in history.moments[-half:]] == list(range(max(1, number - half + 1), number + 1))


# --- both databases


@pytest.mark.anyio
async def test_training_is_kept_in_both_databases(url: str) -> None:
    moments = [KeptMoment(number, number % 2, number * 10, f'{{"n":{number}}}') for number in range(1, 251)]
    kept = KeptTraining("s", '{"a":"\\u00e9"}', 7, 1_764_000_000.5)
    async with opened(url) as database:
        await database.keep_training(kept, moments, [])
        await database.keep_training(kept, moments[:3], [])
        await database.keep_training(KeptTraining("t", "{}", 0, 1.0, 2.0), moments[:1], [])
    async with opened(url) as database:
        assert sorted(await database.training_sessions()) == [kept, KeptTraining("t", "{}", 0, 1.0, 2.0)]
        assert await database.training_moments("s") == moments
        changed = kept._replace(next_line=2**52, ended_at=3.0)
        await database.keep_training(changed, [], [each.number for each in moments[1:240]])
        assert await database.training_moments("s") == [moments[0], *moments[240:]]
        assert max(await database.training_sessions()) == KeptTraining("t", "{}", 0, 1.0, 2.0)
        assert changed in await database.training_sessions()
        await database.forget_training(["s", "nobody"])
        assert [each.session_id for each in await database.training_sessions()] == ["t"]
        assert await database.training_moments("s") == []
        await database.forget_training(["t"])
