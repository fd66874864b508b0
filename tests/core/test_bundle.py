"""A bundle holds all of a job, and whatever is wrong with one is said and changes nothing."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolver_tui.cli.jobs.reading import show_job
from evolver_tui.cli.output import json_text
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.errors import BundleError, EvolverError
from evolver_tui.core.job import JobState
from evolver_tui.engine.store import Store
from tests.support.bundles import DEFERRED, RAW, SHARED, asking, departed, reviewed, with_checksum
from tests.support.databases import add, check_whole, opened, task
from tests.support.hostile import assert_harmless

Body = dict[str, Any]


async def bundle_of(url: str, make: Callable[[Store], Any] = reviewed) -> Bundle:
    """A bundle of a job that was made in this database."""
    async with opened(url) as database:
        return await departed(database, await make(database))


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Body:
    """The object of a whole bundle."""
    path = tmp_path_factory.mktemp("bundle") / "evolver.db"
    return asyncio.run(bundle_of(f"sqlite:///{path}")).to_json_value()


# --- whole ---


@pytest.mark.anyio
async def test_everything_that_a_job_is_comes_in_elsewhere(url: str, tmp_path: Path) -> None:
    bundle = await bundle_of(f"sqlite:///{tmp_path}/elsewhere/evolver.db")
    async with opened(url) as database:
        await add(database, task("before"))
        job = await database.import_job(Bundle.from_json(bundle.to_json()), "s")
        detail, question = await database.job(job), await database.open_question_of(job)
        assert detail is not None
        assert question is not None
        assert (detail.row.state, detail.pause_reason, detail.task.raw) == (JobState.PAUSED, "review", RAW)
        assert (detail.bundle, detail.deferred_events) == ("b-1", len(DEFERRED))
        assert await database.shared_of(job) == SHARED
        assert (await database.journal(job))["route"] == {"to": ["a", 1]}
        (answered, waiting) = await database.pauses_of(job)
        assert (answered.question, answered.answered_by, waiting.question) == ("language", "grace", "review 1")
        assert question.question.subject["draft"]["node_id"] == "echo_back"
    check_whole(url)


def test_it_is_one_line_of_ascii_and_its_parts_carry_the_names_of_the_specification(body: Body) -> None:
    text = Bundle.from_json_value(body).to_json()
    assert text.isascii()
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    assert json.loads(text) == body
    assert list(json.loads(text))[-1] == "checksum"
    assert {"flow", "job_state"} <= set(body)
    assert {"status", "pause_points", "deferred_events", "shared_data", "shared_log"} <= set(body["job_state"])


@pytest.mark.anyio
async def test_numbers_that_json_does_not_know_stay_in_the_task_as_the_hub_sent_them(tmp_path: Path) -> None:
    bundle = await bundle_of(
        f"sqlite:///{tmp_path}/a.db", lambda store: asking(store, {"id": "odd", "n": float("nan"), "m": float("inf")})
    )
    came = Bundle.from_json(bundle.to_json().encode())
    assert json.dumps(came.job_state["task"]) == '{"id": "odd", "n": NaN, "m": Infinity}'
    async with opened(f"sqlite:///{tmp_path}/b.db") as database:
        detail = await database.job(await database.import_job(came, "s"))
        assert detail is not None
        assert json.dumps(detail.task.raw) == '{"id": "odd", "n": NaN, "m": Infinity}'


@pytest.mark.anyio
async def test_a_form_keeps_the_order_of_its_fields(tmp_path: Path) -> None:
    names = ["second", "third", "first"]
    form = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    bundle = await bundle_of(f"sqlite:///{tmp_path}/a.db", lambda store: asking(store, form=form))
    came = Bundle.from_json(bundle.to_json())
    assert list(came.job_state["pause_points"][0]["requested_schema"]["properties"]) == names


# --- torn, changed, newer ---


def test_wherever_it_is_torn_it_is_refused(body: Body) -> None:
    text = Bundle.from_json_value(body).to_json()
    for end in (*range(0, len(text) - 2, 97), len(text) - 2):
        with pytest.raises(BundleError, match="torn"):
            Bundle.from_json(text[:end])


@pytest.mark.parametrize(
    ("old", "new"),
    [("grace", "mary"), ('"attempt":1', '"attempt":2'), ('"b-1"', '"b-2"'), ('"checksum":"sha256:', '"checksum":"x')],
)
def test_what_was_changed_on_the_way_is_refused(body: Body, old: str, new: str) -> None:
    text = Bundle.from_json_value(body).to_json()
    assert old in text
    with pytest.raises(BundleError, match="was changed"):
        Bundle.from_json(text.replace(old, new))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"format": "evolver-tui job", "version": 2, "new": []}', "newer version .format 2, known here: 1.. Update"),
        (f'{{"format": "evolver-tui job", "version": 9{"0" * 4000}}}', "newer version"),
        ('{"format": "evolver-tui job", "version": true}', "which version"),
        ('{"format": "evolver-tui job", "version": 0}', "which version"),
        ('{"format": "evolver-tui job"}', "which version"),
        ('{"format": "evolver-tui job", "version": 1}', "torn or was changed"),
        ('{"format": "evolver-tui job", "version": 1, "checksum": []}', "torn or was changed"),
        ("[" * 100_000, "nested too deeply"),
        ('{"format": "evolver-tui job", "version": 1, "x": ' + "[" * 300 + "]" * 300 + "}", "nested too deeply"),
        ("9" * 10_000, "torn"),
        ("", "torn"),
        ('{"format": "evolver-tui job", "version": 9, "version": 1}', "has the key 'version' twice in one object"),
        (b"\xff\xfe{}", "torn"),
        ("null", "not a job"),
        ("[]", "not a job"),
        ('{"format": "tar"}', "not a job"),
    ],
)
def test_what_is_no_bundle_of_this_version_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(BundleError, match=said):
        Bundle.from_json(text)


# --- from somebody who means no good ---


def _set(path: str, value: Any) -> Callable[[Body], None]:
    def change(body: Body) -> None:
        *way, last = path.split(".")
        at: Any = body
        for part in way:
            at = at[int(part) if part.isdigit() else part]
        if value is ...:
            del at[last]
        else:
            at[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "../../etc/passwd"), ("id", 5), ("id", ""), ("exported_at", 10**400), ("exported_at", "now"),
        ("exported_at", float("nan")), ("flow.flow_id", "\ud800"), ("flow", []), ("job_state.fence", 2**70),
        ("job_state.fence", 1.5), ("job_state.attempt", 0), ("job_state.status", "running"), ("job_state.status", []),
        ("job_state.status", "pending\0"), ("job_state.created_at", 1e300), ("job_state.created_at", -1),
        ("job_state.task", "x"), ("job_state.task", ...), ("job_state.journal.0.name", "route\0"),
        ("job_state.journal.0.at", None), ("job_state.journal.0.value", float("inf")),
        ("job_state.journal.1.name", "route"), ("job_state.pause_points.1.name", "language"),
        ("job_state.pause_points.1.kind", "order"), ("job_state.pause_points.1.asked_at", 1e18),
        ("job_state.pause_points.1.subject", {}), ("job_state.pause_points.1.subject.draft.code", 7),
        ("job_state.pause_points.1.subject.draft.more", "x"), ("job_state.pause_points.1.subject.report.risk", "none"),
        ("job_state.pause_points.1.subject.report.findings.0.line", -1), ("job_state.pause_points.1.answer", {}),
        ("job_state.pause_points.0.answered_at", None), ("job_state.pause_points.0.answer", "yes"),
        ("job_state.pause_points", []), ("job_state.pause_points", {}), ("job_state.deferred_events.0.data", []),
        ("job_state.deferred_events.0.timestamp", "x"), ("job_state.shared_data", []), ("job_state.shared_log", [1]),
    ],
)  # fmt: skip
def test_a_part_that_cannot_be_used_is_named(body: Body, path: str, value: Any) -> None:
    changed = copy.deepcopy(body)
    _set(path, value)(changed)
    with pytest.raises(BundleError) as caught:
        Bundle.from_json_value(with_checksum(changed))
    assert "cannot be used: its " in caught.value.message
    named = caught.value.message.partition("its ")[2].partition(" is ")[0].replace("[", ".").replace("]", "")
    assert path.startswith(named) or named.startswith(path.rpartition(".")[0].partition(".")[0])


HOSTILE: list[Any] = [
    None, True, False, 0, -1, 2**31, 2**63, 10**400, 0.5, 1e308, float("nan"), float("-inf"), "", "\0", "\ud800", "x",
    "\x1b]0;title\x07", "\u202eabc", "a" * 5_000, "../../x", "paused", "pending", "review", "question", [], {}, [[]],
    [None], {"": None}, {"a": {"b": [1, {"c": "\0"}]}}, [["x"] * 50] * 20, json.loads("[" * 150 + "]" * 150),
]  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield from _places(value[key], (*path, key))


def _mutated(body: Body, changes: list[tuple[int, int, str]], number: int) -> Body:
    """The body with some places changed, removed or doubled; its names are its own, where they were left alone."""
    body = copy.deepcopy(body)
    body["id"], body["job_state"]["task"]["id"] = f"b-{number}", f"task-{number}"
    for at, what, how in changes:
        paths = [path for path in _places(body) if path and path[0] not in ("format", "version", "checksum")]
        *way, last = paths[at % len(paths)]
        holder: Any = body
        for part in way:
            holder = holder[part]
        if how == "remove":
            del holder[last]
        elif how == "double" and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
        else:
            holder[last] = copy.deepcopy(HOSTILE[what % len(HOSTILE)])
    return with_checksum(body)


_CHANGE = st.tuples(
    st.integers(0, 10_000), st.integers(0, len(HOSTILE) - 1), st.sampled_from(("set", "remove", "double"))
)


def test_any_bundle_is_refused_in_a_sentence_or_can_be_lived_with(body: Body, tmp_path: Path) -> None:
    """Whatever passes comes in, is shown to people and scripts, taken up by a worker, and leaves again."""
    url = f"sqlite:///{tmp_path}/evolver.db"
    refused: list[int] = []
    came: list[int] = []

    async def try_one(store: Store, mutant: Body) -> None:
        number = len(refused) + len(came)
        try:
            bundle = Bundle.from_json(json.dumps(mutant))
            job = await store.import_job(bundle, "s")
        except EvolverError as error:
            refused.append(number)
            assert_harmless(str(error))
            return
        came.append(job)
        result = await show_job(store, f"job:{job}", 1_800_000_000.0)
        assert_harmless(result.text)
        assert json.loads(json_text(result.value))["job"] == job
        question = await store.open_question_of(job)
        if question is not None:
            await store.answer(question.id, {"kind": "reject"}, "ada", "s")
        claim = await store.claim("host-x:1:1", 60)
        while claim is not None and claim.job != job:  # another routine's jobs wait for a worker that knows it
            claim = await store.claim("host-x:1:1", 60)
        if claim is not None:
            await store.release(claim.job, claim.fence)
        again = await store.export_job(job, "ada", "host-b", f"again-{number}", "s")
        assert Bundle.from_json(again.to_json()).id == f"again-{number}"

    with asyncio.Runner() as runner:
        context = opened(url)
        store = runner.run(context.__aenter__())

        @settings(max_examples=250, deadline=None, derandomize=True, database=None,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(st.lists(_CHANGE, max_size=3))
        def check(changes: list[tuple[int, int, str]]) -> None:
            runner.run(try_one(store, _mutated(body, changes, len(refused) + len(came))))

        check()
        runner.run(context.__aexit__(None, None, None))
    assert len(came) > 20
    assert len(refused) > 50
    check_whole(url)


@pytest.mark.anyio
async def test_a_large_one_comes_in(tmp_path: Path, body: Body) -> None:
    large = copy.deepcopy(body)
    large["job_state"]["shared_data"] = {"text": "ü\0\ud800" * 400_000}
    async with opened(f"sqlite:///{tmp_path}/evolver.db") as database:
        job = await database.import_job(Bundle.from_json(json.dumps(with_checksum(large))), "s")
        assert (await database.shared_of(job)).data == large["job_state"]["shared_data"]


@pytest.mark.anyio
async def test_what_was_done_stays_in_its_order_where_clocks_differ(url: str, body: Body) -> None:
    journal = [*body["job_state"]["journal"]]
    journal += [
        {"name": name, "value": 1, "at": at} for name, at in (("c", 30.0), ("d", 10.0), ("a", 10.0), ("b", 20.0))
    ]
    came = copy.deepcopy(body)
    came["job_state"]["journal"] = journal
    async with opened(url) as database:
        job = await database.import_job(Bundle.from_json(json.dumps(with_checksum(came))), "s")
        again = await departed(database, job, "b-2")
        back = await database.import_job(again, "s")
        assert (await departed(database, back, "b-3")).job_state["journal"] == journal
