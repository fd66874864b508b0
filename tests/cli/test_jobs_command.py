"""`evolver-tui jobs`: what waits, one job in full, answers and decisions, for people and for scripts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.core.address import Address
from evolver_tui.core.job import JobState, Outcome
from evolver_tui.core.node import sha256_of
from evolver_tui.core.node_run import Tryout
from evolver_tui.core.question import Question
from evolver_tui.engine.store import Store
from evolver_tui.settings.workspace import find_workspace
from tests.support.bundles import CODE, LANGUAGE, RAW, asking, claimed, reviewed
from tests.support.databases import add, opened, sql, task
from tests.support.hostile import assert_harmless, bundles
from tests.support.job_desk import Done, Jobs
from tests.support.processes import environment
from tests.support.runs import a_run
from tests.support.sessions import GENERATE, running, send

FORBIDDEN = "def broken(:\n"
HIGH_RISK = f"import subprocess\n{CODE}"
EVERY_KIND = {
    "type": "object",
    "properties": {
        "text": {"type": "string", "maxLength": 5},
        "date": {"type": "string", "format": "date"},
        "number": {"type": "number", "maximum": 1.5},
        "integer": {"type": "integer", "minimum": 2},
        "boolean": {"type": "boolean"},
        "one": {"type": "string", "oneOf": [{"const": "a", "title": "First"}, {"const": "b", "title": "Second"}]},
        "many": {"type": "array", "items": {"type": "string", "enum": ["x", "y", "with,comma"]}, "minItems": 1},
    },
    "required": ["text"],
}


@pytest.fixture
def jobs(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The command on an empty home, used by ada."""
    monkeypatch.setenv("USER", "ada")
    for name in ("LOGNAME", "EVOLVER_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Jobs(tmp_path / "home", capsys, monkeypatch)


# --- list ---


async def _one_of_each(store: Store) -> None:
    for state, outcome in ((JobState.COMPLETED, Outcome.APPROVED), (JobState.FAILED, None)):
        claim = await claimed(store, {"id": f"is-{state.value}"})
        await store.finish(claim.job, claim.fence, state, "s", outcome=outcome, node="a v1", error="The model said no.")
    await asking(store, {**RAW, "id": "asks"})
    await reviewed(store, {**RAW, "id": "reviewed"})
    await claimed(store, {"id": "is-running"})
    await add(store, task("waits"), task("waits-more"))


def test_jobs_are_listed_in_the_order_of_the_queue(jobs: Jobs) -> None:
    jobs.store(_one_of_each)
    done = jobs("list")
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0].split() == ["JOB", "STATE", "AGE", "TASK", "NAME"]
    assert [line.split()[0] for line in lines[1:]] == ["3", "4", "5", "6", "7", "2", "1"]
    assert "paused (question)" in lines[1]
    assert "completed (approved)" in lines[-1]
    value = jobs("list", "--json").value
    assert [job["task_id"] for job in value["jobs"]] == [
        "asks", "reviewed", "is-running", "waits", "waits-more", "is-failed", "is-completed"
    ]  # fmt: skip
    assert value["total"] == 7
    assert value["jobs"][-1]["node"] == "a v1"


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--state", "paused"], ["asks", "reviewed"]),
        (["--state", "failed,completed"], ["is-failed", "is-completed"]),
        (["--state", "cancelled"], []),
        (["--limit", "2"], ["asks", "reviewed"]),
        (["--state", "pending", "--limit", "1"], ["waits"]),
        (["--needs-you"], ["asks", "reviewed"]),
        (["--needs-you", "--limit", "1"], ["asks"]),
    ],
)
def test_a_list_may_be_shorter_and_says_so(jobs: Jobs, options: list[str], found: list[str]) -> None:
    jobs.store(_one_of_each)
    done = jobs("list", *options, "--json")
    assert (done.code, [job["task_id"] for job in done.value["jobs"]]) == (0, found)
    assert ("are shown; --limit shows more" in done.err) is ("--limit" in options)
    assert (done.err == "There is no cancelled job.\n") is (found == [])


def test_what_needs_a_person_comes_with_its_question(jobs: Jobs) -> None:
    jobs.store(_one_of_each)
    first = jobs("list", "--needs-you", "--json").value["jobs"][0]
    assert (first["job"], first["asks"], first["reason"]) == (3, "question", "user_input")
    assert (first["question"], first["message"]) == ("language", "Into which language?")
    assert "Into which language?" in jobs("list", "--needs-you").out


def test_an_empty_queue_is_no_error(jobs: Jobs) -> None:
    assert jobs("list") == Done(0, "", "There is no job.\n")
    assert jobs("list", "--needs-you") == Done(0, "", "Nothing needs you.\n")
    assert jobs("list", "--json").value == {"jobs": [], "total": 0}


# --- show ---


def test_one_job_is_shown_with_everything_that_is_known_of_it(jobs: Jobs) -> None:
    jobs.store(reviewed)
    value = jobs.shown("task-1")
    assert (value["job"], value["state"], value["pause_reason"]) == (1, "paused", "review")
    assert (value["steps"], value["deferred_events"], value["task"]) == (["route"], 1, RAW)
    assert (value["shared_data"]["n"], value["shared_log"][0]["action"]) == (3, "paused")
    (answer,) = value["answers"]
    assert (answer["question"], answer["answered_by"]) == ("language", "grace")
    assert answer["answer"]["content"] == {"language": "de"}
    assert (value["question"]["name"], value["question"]["sha256"]) == ("review 1", sha256_of(CODE))
    text = jobs("show", "1").out
    for part in (
        "job 1   task-1", "paused (review) since 20", "steps done: route", "answered: language by grace at 20",
        "shared data: storage_key = k", '"reason": "user_input"', "deferred events: 1", "echo_back v1",
        f"sha256 {sha256_of(CODE)}", "data = json.load(sys.stdin)", "approve|reject|respond|edit 1",
    ):  # fmt: skip
        assert part in text, part


def test_a_draft_is_shown_with_what_its_try_gave_and_which_outputs_changed(jobs: Jobs) -> None:
    runs = (a_run(), a_run("v1 example 1", {"a": "\x1b[2J", "b": 1}, expected={"a": "before", "b": 1}))
    jobs.store(lambda store: reviewed(store, tryout=Tryout(runs)))
    text = jobs("show", "1").out
    assert "\n✓ ran 2 of 2 inputs · 0.1 s · 31 MB · box full\n" in text
    assert '\n! 1 of 1 example output changed: a: "before" → "\\u001b[2J"\n' in text
    assert '\n  v1 example 1: a: "before" → "\\u001b[2J"\n' in text


def test_a_form_is_shown_with_what_each_field_has_to_be(jobs: Jobs) -> None:
    jobs.store(lambda store: asking(store, form=EVERY_KIND))
    text = jobs("show", "1").out
    for part in (
        "text (text, at most 5 characters, needed)", "date (text, a date such as 2026-01-31)",
        "number (a number, at most 1.5)",
        "integer (a whole number, at least 2)", "boolean (yes or no)", "one (one of)", "a  First",
        "many (some of, with commas between, at least 1 choice)", "jobs answer 1 text=...",
    ):  # fmt: skip
        assert part in text, part


def test_the_answers_form_is_shown_in_scripts_words(jobs: Jobs) -> None:
    jobs.store(asking)
    assert jobs.shown("1")["question"]["requestedSchema"] == LANGUAGE


# --- which job ---


def test_a_job_is_found_by_number_and_by_task_id(jobs: Jobs) -> None:
    jobs.store(lambda store: add(store, task("a"), task("b"), task("3"), task("1000"), task("task:x"), task("ä%_")))
    for name, job in (
        ("2", 2), ("b", 2), ("job:2", 2), ("task:b", 2), ("3", 3), ("1000", 4), ("task:task:x", 5), ("ä%_", 6)
    ):  # fmt: skip
        assert jobs.shown(name)["job"] == job


def test_a_name_that_means_two_jobs_is_refused_until_it_is_said_which(jobs: Jobs) -> None:
    jobs.store(lambda store: add(store, task("2"), task("b")))
    done = jobs("show", "2")
    assert (done.code, done.out) == (2, "")
    assert "2 is the number of job 2 and the task id of job 1. Write job:2 or task:2." in done.err
    assert (jobs.shown("job:2")["task_id"], jobs.shown("task:2")["task_id"]) == ("b", "2")


def test_among_many_that_are_alike_the_right_one_is_found(jobs: Jobs) -> None:
    jobs.store(lambda store: add(store, *(task(f"x-{number}-9") for number in range(2_500)), task("x-9")))
    assert jobs.shown("x-9")["job"] == 2_501


@pytest.mark.parametrize("name", ["7", "job:x", "task:", "", "9" * 30, "a\0b", "\x1b]0;x\x07", "\udcff", "x" * 5_000])
@pytest.mark.parametrize("verb", ["show", "answer", "approve", "reject", "cancel", "retry"])
def test_a_job_that_is_not_there_is_said(jobs: Jobs, verb: str, name: str) -> None:
    jobs.store(lambda store: add(store, task("a")))
    done = jobs(verb, name)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("evolver-tui: There is no job ")
    assert_harmless(done.err)


# --- answer ---


@pytest.mark.parametrize(
    ("arguments", "stdin", "content"),
    [
        (["language=de"], b"", {"language": "de"}),
        (["words=12", "--json", "language=fr"], b"", {"language": "fr", "words": 12}),
        (["--json-content", '{"words": 3, "language": "de"}'], b"", {"language": "de", "words": 3}),
        (["-"], b'{"language": "de", "words": "4"}', {"language": "de", "words": 4}),
    ],
)
def test_an_answer_is_kept_in_the_types_of_the_form(
    jobs: Jobs, arguments: list[str], stdin: bytes, content: dict[str, Any]
) -> None:
    jobs.store(asking)
    done = jobs("answer", "task-1", *arguments, stdin=stdin)
    assert (done.code, done.err) == (0, "The answer is kept: Job 1 (task-1) goes on as soon as a worker takes it up.\n")
    kept = jobs.store(lambda store: store.journal(1))
    assert kept["language"] == {"action": "accept", "content": content}
    (answer,) = jobs.shown("1")["answers"]
    assert answer["answered_by"] == "ada"


def test_an_answer_is_given_to_all_that_ask_the_same(jobs: Jobs) -> None:
    async def ask(store: Store) -> None:
        for number in range(3):
            await asking(store, {**RAW, "id": f"same-{number}"})

    jobs.store(ask)
    done = jobs("answer", "2", "language=de", "--alike", "--json")
    assert (done.value["alike"], done.value["left_out"]) == ([1, 3], [])
    assert "2 that asked the same got it as well." in done.err
    for job in (1, 2, 3):
        assert jobs.shown(str(job))["answers"][0]["answer"]["content"] == {"language": "de"}


def test_every_kind_of_field_can_be_typed(jobs: Jobs) -> None:
    jobs.store(lambda store: asking(store, form=EVERY_KIND))
    pairs = ["text=a=b", "date=2026-01-31", "number=-1.5", "integer=7", "boolean=yes", "one=b", "many=x,y"]
    assert jobs("answer", "1", *pairs, "many=with,comma").code == 0
    assert jobs.store(lambda store: store.journal(1))["language"]["content"] == {
        "text": "a=b", "date": "2026-01-31", "number": -1.5, "integer": 7, "boolean": True, "one": "b",
        "many": ["x", "y", "with,comma"],
    }  # fmt: skip


def test_choices_are_typed_as_they_are_shown(jobs: Jobs) -> None:
    properties = {
        "either": {"enum": [1, "1", None]},
        "share": {"enum": [0.5, 1.0]},
        "many": {"type": "array", "items": {"enum": ["a", "b c", 2.0]}},
        "kept": {"type": "integer", "default": 5},
    }
    jobs.store(lambda store: asking(store, form={"properties": properties, "required": [*properties]}))
    shown = jobs("show", "1").out
    for part in ("      1\n", '      "1"\n', "      null  (none)\n", "jobs answer 1 either=... share=... many=...\n"):
        assert part in shown
    assert jobs("answer", "1", 'either="1"', "share=1", "many=b c, a , 2").code == 0
    content = jobs.store(lambda store: store.journal(1))["language"]["content"]
    assert repr(content) == repr({"either": "1", "share": 1.0, "many": ["b c", "a", 2.0], "kept": 5})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], ["text is needed"]),
        (["text=toolong"], ["text length has to be at most 5"]),
        (
            ["text=a", "txt=b", "number=x"],
            [
                "txt is no field of the form (did you mean text?), which has text, date, number, ",
                "number has to be a nu",
            ],
        ),
        (["text=a", "integer=1", "boolean=perhaps"], ["integer has to be at least 2", "boolean has to be yes or no"]),
        (["text=a", "one=First"], ["one is not one of the choices"]),
        (["text=a", "many=x,z"], ["many is not among the choices"]),
        (["text=a", "text=b"], ["text has to be one plain value"]),
        (["--json-content", '{"text": {"a": 1}}'], ["text has to be one plain value"]),
        (["--json-content", '{"text": "a", "one": [], "many": [[1]]}'], ["one has", "many has"]),
        (["--json-content", '{"text": "a", "integer": 1e400, "number": NaN}'], ["integer has", "number has"]),
        (["--json-content", '{"text": null, "": 1}'], ["text is needed", " is no field of the form"]),
    ],
)
def test_what_does_not_fit_is_said_field_by_field_with_the_form(
    jobs: Jobs, arguments: list[str], said: list[str]
) -> None:
    jobs.store(lambda store: asking(store, form=EVERY_KIND))
    done = jobs("answer", "1", *arguments)
    assert (done.code, done.out) == (2, "")
    for part in (*said, "Its form:", "text (text, at most 5 characters, needed): text"):
        assert part in done.err, part
    assert jobs.shown("1")["state"] == "paused"


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["word"], b"", "'word' is no key=value"),
        (["a=b", "-"], b"{}", "'-' is no key=value"),
        (["-"], b"not json", "one JSON object"),
        (["-"], b"\xff", "no UTF-8 text"),
        (["-"], b" " * 2_000_000, "longer than"),
        (["--json-content", "[]"], b"", "one JSON object"),
        (["--json-content", "[" * 100_000], b"", "one JSON object"),
        (["--json-content", '{"a": {"b": 1, "b": 2}}'], b"", "The answer has the key 'b' twice in one object."),
        (["--json-content", "{}", "a=b"], b"", "given twice"),
        (["--decline", "a=b"], b"", "To decline is to give no answer"),
    ],
)
def test_an_answer_that_cannot_be_read_is_wrong_usage(
    jobs: Jobs, arguments: list[str], stdin: bytes, said: str
) -> None:
    jobs.store(asking)
    done = jobs("answer", "1", *arguments, stdin=stdin)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_to_decline_is_an_answer_as_well(jobs: Jobs) -> None:
    jobs.store(asking)
    assert jobs("answer", "1", "--decline", "--json").value["action"] == "decline"
    assert jobs.store(lambda store: store.journal(1))["language"] == {"action": "decline", "content": {}}


def test_a_form_that_cannot_be_shown_can_only_be_declined(jobs: Jobs) -> None:
    jobs.store(lambda store: asking(store, form={"type": "object", "properties": {"x": {"type": "null"}}}))
    done = jobs("answer", "1", "x=1")
    assert (done.code, "--decline" in done.err) == (1, True)
    assert "cannot be shown" in jobs("show", "1").out
    assert jobs("answer", "1", "--decline").code == 0


# --- decide ---


def test_approving_prints_what_was_approved(jobs: Jobs) -> None:
    jobs.store(lambda store: reviewed(store, version=3))
    done = jobs("approve", "task-1", "--sha256", sha256_of(CODE).upper())
    assert (done.code, done.out) == (0, f"echo_back v3 {sha256_of(CODE)}\n")
    assert done.err == "Job 1 (task-1) is approved; it is saved as soon as a worker takes it up.\n"
    kept = jobs.store(lambda store: store.journal(1))["review 1"]
    assert kept.pop("id"), "by which it can be taken back"
    assert kept == {"kind": "approve", "sha256": sha256_of(CODE), "by": "ada", "replaces": ""}


def test_approving_says_the_same_to_scripts(jobs: Jobs) -> None:
    jobs.store(reviewed)
    assert jobs("approve", "1", "--json").value == {
        "job": 1, "task_id": "task-1", "decision": "approve", "node_id": "echo_back", "version": 1,
        "sha256": sha256_of(CODE),
    }  # fmt: skip


def test_a_draft_of_high_risk_is_approved_by_its_name(jobs: Jobs) -> None:
    jobs.store(lambda store: reviewed(store, code=HIGH_RISK))
    assert "it is approved by its name, with --name NODE" in jobs("show", "1").out
    before = jobs.shown("1")
    for given, said in (
        ([], "The risk of echo_back is high: it controls processes. Read it with `evolver-tui jobs show 1`"),
        (["--name", "echo_bakc"], "The draft on review is echo_back, not 'echo_bakc'."),
        (["--name", ""], "approve it with --name echo_back."),
    ):
        refused = jobs("approve", "1", *given)
        assert (refused.code, refused.out) == (ExitCode.WRONG_USAGE, "")
        assert said in refused.err
    assert jobs.shown("1") == before
    assert jobs("approve", "1", "--name", "echo_back").code == 0
    assert jobs.store(lambda store: store.journal(1))["review 1"]["typed_name"] == "echo_back"


def test_what_is_said_elsewhere_of_a_draft_makes_its_risk_no_lower(jobs: Jobs) -> None:
    """Whoever sends a job, or writes a routine, may say anything of it."""
    jobs.store(lambda store: reviewed(store, code=HIGH_RISK, report_of=CODE))
    refused = jobs("approve", "1")
    assert "The risk of echo_back is high: it controls processes." in refused.err
    assert jobs("approve", "1", "--name", "echo_back").code == 0


@pytest.mark.parametrize(
    ("make", "arguments", "said"),
    [
        (reviewed, ["approve", "1", "--sha256", "0" * 64], f"another draft: its sha256 is {sha256_of(CODE)}"),
        (lambda store: reviewed(store, code=FORBIDDEN), ["approve", "1"], "A check forbids to approve this draft."),
        (reviewed, ["answer", "1", "language=de"], "waits for a review, not for an answer"),
        (reviewed, ["edit", "1", "-"], "The edited code is empty."),
        (asking, ["approve", "1"], "asks a question and waits for no review. Use `evolver-tui jobs answer 1`."),
        (asking, ["reject", "1"], "asks a question"),
        (asking, ["retry", "1"], "Job 1 has not failed."),
    ],
)
def test_what_cannot_be_decided_changes_nothing(
    jobs: Jobs, make: Callable[[Store], Any], arguments: list[str], said: str
) -> None:
    jobs.store(make)
    before = jobs.shown("1")
    done = jobs(*arguments)
    assert (done.code, done.out) == (1, "")
    assert said in done.err
    assert jobs.shown("1") == before


@pytest.mark.parametrize(
    ("arguments", "stdin", "kept"),
    [
        (["reject", "1"], b"", {"kind": "reject"}),
        (["reject", "1", "--reason", "Too long."], b"", {"kind": "reject", "reason": "Too long."}),
        (["reject", "1", "--reason", "-"], b"Too\nlong.\n", {"kind": "reject", "reason": "Too\nlong."}),
        (["respond", "1", "Use French."], b"", {"kind": "respond", "reason": "Use French."}),
        (["edit", "1", "-"], b"x = 1\n", {"kind": "edit", "code": "x = 1\n"}),
    ],
)
def test_every_other_decision_is_kept_as_well(
    jobs: Jobs, arguments: list[str], stdin: bytes, kept: dict[str, str]
) -> None:
    jobs.store(reviewed)
    done = jobs(*arguments, "--json", stdin=stdin)
    assert (done.code, done.value["decision"]) == (0, kept["kind"])
    assert done.err.startswith("Job 1 (task-1) ")
    assert jobs.store(lambda store: store.journal(1))["review 1"] == {**kept, "by": "ada"}


def test_code_is_read_from_a_file(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "better.py").write_bytes("\ufeffx = 'ü'\n".encode())
    jobs.store(reviewed)
    assert jobs("edit", "1", str(tmp_path / "better.py")).code == 0
    assert jobs.store(lambda store: store.journal(1))["review 1"]["code"] == "x = 'ü'\n"


@pytest.mark.parametrize("arguments", [["answer", "1", "language=fr"], ["answer", "1", "--decline"]])
def test_whoever_comes_second_is_told_who_was_first_and_when(jobs: Jobs, arguments: list[str]) -> None:
    jobs.store(asking)
    assert jobs("answer", "1", "language=de").code == 0
    answered_at = jobs.shown("1")["answers"][0]["answered_at"]
    done = jobs(*arguments)
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "evolver-tui: Job 1 (task-1) asks nothing: it is pending. "
        f"'language' was answered by ada at {answered_at}. Nothing was changed.\n"
    )


def test_a_job_is_cancelled_and_a_failed_one_is_queued_again(jobs: Jobs) -> None:
    jobs.store(_one_of_each)
    assert jobs("cancel", "is-running", "--json").value == {"job": 5, "task_id": "is-running", "state": "cancelled"}
    assert jobs.shown("5")["state"] == "cancelled"
    assert jobs("cancel", "5").err == "evolver-tui: Job 5 is over: cancelled. Nothing was changed.\n"
    assert jobs("retry", "is-failed").err == "Job 2 (is-failed) is retried: it is queued again.\n"
    assert (jobs.shown("2")["state"], jobs.shown("2")["attempt"]) == ("pending", 2)


async def _some_failed(store: Store) -> None:
    for name, error in (("a", "Quota exceeded (429)."), ("b", "It broke off."), ("c", "The QUOTA is used up.")):
        claim = await claimed(store, {"id": name})
        await store.finish(claim.job, claim.fence, JobState.FAILED, "s", error=error)
    await add(store, task("waits"))


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], [1, 2, 3]),
        (["--failed-with", "quota"], [1, 3]),
        (["--failed-with", "(429)."], [1]),
        (["--failed-with", "%"], []),
    ],
)
def test_all_failed_jobs_are_queued_again_or_those_with_a_text(
    jobs: Jobs, options: list[str], found: list[int]
) -> None:
    jobs.store(_some_failed)
    done = jobs("retry", "--all", *options, "--json")
    assert (done.code, done.value) == (0, {"retried": len(found), "jobs": found})
    listed = jobs("list", "--json").value["jobs"]
    assert [job["job"] for job in listed] == [*found, 4, *(job for job in (3, 2, 1) if job not in found)]
    assert {jobs.shown(str(job))["attempt"] for job in found} <= {2}


def test_how_many_are_queued_again_is_said(jobs: Jobs) -> None:
    jobs.store(_some_failed)
    assert jobs("retry", "--all", "--failed-with", "broke") == Done(0, "", "1 failed job is queued again.\n")
    assert jobs("retry", "--all") == Done(0, "", "2 failed jobs are queued again.\n")
    assert jobs("retry", "--all") == Done(0, "", "No job has failed.\n")
    none = jobs("retry", "--all", "--failed-with", "\x1b]0;x\x07")
    assert (none.code, none.err.startswith("No job has failed with ")) == (0, True)
    assert_harmless(none.err)


@pytest.mark.parametrize("arguments", [[], ["1", "--all"], ["1", "--failed-with", "x"], ["--failed-with", "x"]])
def test_which_jobs_are_to_be_retried_has_to_be_said(jobs: Jobs, arguments: list[str]) -> None:
    jobs.store(_some_failed)
    done = jobs("retry", *arguments)
    assert (done.code, done.out) == (2, "")
    assert jobs.shown("1")["state"] == "failed"


def test_what_was_done_stands_in_the_log_of_the_jobs_own_session(jobs: Jobs) -> None:
    jobs.store(asking)
    jobs("answer", "1", "language=de")
    jobs("cancel", "1")

    async def read(store: Store) -> tuple[list[str], Any]:
        detail = await store.job(1)
        assert detail is not None
        told = [stored.signal for stored in await store.signals(detail.session_id)]
        assert {signal.context["session_id"] for signal in told[-2:]} == {detail.session_id}
        return [signal.name for signal in told][-2:], await store.sessions()

    assert jobs.store(read) == (["question.answered", "job.cancelled"], [])


# --- hostile words, wrong usage ---


def test_a_strangers_words_steer_no_terminal(jobs: Jobs) -> None:
    words = "".join(bundles(40))
    form = {"type": "object", "properties": {words: {"type": "string", "title": words, "description": words}}}
    raw = {"id": "t" + words, "taskName": words, "llmTaskType": words}

    async def make(store: Store) -> None:
        job = await asking(store, raw, form)
        assert job == 1
        claim = await claimed(store, {"id": "second", "taskName": words})
        await store.pause(claim.job, claim.fence, Question(words[:500], words), "s", reason=words)
        claim = await claimed(store, {"id": "third"})
        await store.finish(claim.job, claim.fence, JobState.FAILED, "s", error=words)

    jobs.store(make)
    for arguments in (
        ["list"], ["list", "--needs-you"], ["show", "1"], ["show", "2"], ["show", "3"], ["answer", "1", "x=1"],
        ["approve", "1"], ["answer", "1", f"{words.replace('=', '')}=x".replace("\0", "")], ["cancel", "2"],
    ):  # fmt: skip
        done = jobs(*arguments)
        assert done.out + done.err
        assert_harmless(done.out + done.err)
        assert jobs(*arguments, "--json").out.isascii()


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["approve"], ["show"], ["show", "1", "2"], ["list", "1"], ["list", "--state", "asleep"], ["respond", "1"],
        ["list", "--limit", "0"], ["list", "--limit", "-1"], ["list", "--limit", "many"], ["edit", "1"],
        ["export", "1"],
        ["list", "--state", "paused", "--needs-you"], ["export", "1", "-o", "x", "--to", "y"], ["import"],
        ["import", "x", "--from", "y"], ["edit", "1", "/nowhere"], ["edit", "1", "/"], ["edit", "1", "/dev/zero"],
        ["reject", "1", "--reason", " "], ["respond", "1", ""], ["list", "--database", "mysql://x"],
    ],
)  # fmt: skip
def test_wrong_usage_ends_in_two_and_one_sentence(jobs: Jobs, arguments: list[str]) -> None:
    done = jobs(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("evolver-tui")
    assert not (jobs.home / "data").exists()


# --- beside a console ---


@pytest.mark.anyio
async def test_a_running_session_takes_an_answered_job_up_at_once(jobs: Jobs, url: str) -> None:
    jobs.url = url
    jobs.home.mkdir()
    place = find_workspace(str(jobs.home), str(jobs.home / "nodes"), Address(url), {"USER": "ada"})
    async with running(place) as (session, watch):
        await send(session, GENERATE, {"id": "unclear", "taskName": "What?"})
        await watch.until("question.asked", task_id="unclear")
        await watch.until("review.requested", task_id="task-2")
        done = await anyio.to_thread.run_sync(
            lambda: jobs.process("answer", "unclear", "llmTaskType=summarize", "--json")
        )
        assert (done.code, done.value["task_id"]) == (0, "unclear")
        await watch.until("review.requested", task_id="unclear")
        approved = await anyio.to_thread.run_sync(lambda: jobs.process("approve", "task-2"))
        await watch.until("node.saved", node_id="generate_email_with_translations")
        assert approved.out.startswith("generate_email_with_translations v1 ")
    assert sql(url, "SELECT count(*) FROM question WHERE answered_by = 'ada'") == [(2,)]


@pytest.mark.anyio
async def test_of_several_at_once_one_is_heard_and_the_others_are_told(jobs: Jobs, url: str) -> None:
    jobs.url = url
    async with opened(url) as database:
        await asking(database)
    done: list[Done] = []

    async def answer(language: str) -> None:
        done.append(await anyio.to_thread.run_sync(lambda: jobs.process("answer", "1", f"language={language}")))

    async with anyio.create_task_group() as together:
        for language in ("de", "fr", "de", "fr"):
            together.start_soon(answer, language)
    assert sorted(result.code for result in done) == [0, 1, 1, 1]
    assert all("answered by ada at 20" in result.err for result in done if result.code)
    assert sql(url, "SELECT count(*) FROM question WHERE answered_by = 'ada'") == [(1,)]


def loaded_by(jobs: Jobs, *arguments: str) -> set[str]:
    """The modules that a command has loaded at its end."""
    code = (
        "import sys, json; from evolver_tui.cli.main import main; main(sys.argv[1:]); "
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *arguments, *jobs.place]
    done = subprocess.run(command, env=environment(jobs.home.parent), capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


VENDORS = {"textual", "rich", "httpx", "signalrcore", "fsspec", "s3fs", "boto3", "psycopg", "langgraph"}


@pytest.mark.parametrize(
    "arguments", [["jobs", "list"], ["jobs", "list", "--needs-you"], ["jobs", "show", "1"], ["export", "s"]]
)
def test_what_reads_a_file_loads_no_more_than_it_needs(jobs: Jobs, arguments: list[str]) -> None:
    async def make(store: Store) -> None:
        await store.start_session("s", Address(), "here")
        await asking(store)

    jobs.store(make)
    loaded = loaded_by(jobs, *arguments)
    assert "evolver_tui.adapters.database.file_reader" in loaded
    assert not loaded & {"sqlmodel", "sqlalchemy", "pydantic", *VENDORS}
    others = {"evolver_tui.cli.hub", "evolver_tui.cli.worker", "evolver_tui.cli.nodes"}
    assert not loaded & {*others, "evolver_tui.engine.durable.worker", "evolver_tui.engine.inbox"}


def test_what_changes_a_job_loads_no_more_than_it_needs(jobs: Jobs) -> None:
    jobs.store(asking)
    loaded = loaded_by(jobs, "jobs", "cancel", "1")
    assert "sqlmodel" in loaded
    assert not loaded & VENDORS


def test_an_imported_job_may_be_the_first_one(jobs: Jobs, tmp_path: Path) -> None:
    jobs.store(asking)
    assert jobs("export", "1", "-o", str(tmp_path / "job.json")).code == 0
    jobs.url = f"sqlite:///{tmp_path}/elsewhere.db"
    assert jobs("import", str(tmp_path / "job.json")).code == 0
    assert (tmp_path / "elsewhere.db").exists()
