"""Every message that a hub may send is read, and nothing beside a bad part is lost."""

from __future__ import annotations

import json

import pytest

from evolver_tui.core.task import LanguagePair, Task, read_message

TASK = {
    "id": "task-2",
    "taskName": "AI Generated Email Content",
    "llmTaskType": "generate",
    "translationLanguages": [{"from": "en", "to": "fr"}, {"from": "en", "to": "es"}],
    "priority": "high",
    "status": "in progress",
}


@pytest.mark.parametrize(
    "message",
    [TASK, [TASK], {"tasks": [TASK]}, [{"tasks": [TASK]}], json.dumps(TASK), json.dumps({"tasks": [TASK]})],
    ids=["task", "list", "batch", "list of batches", "JSON task", "JSON batch"],
)
def test_a_task_is_found_in_every_form_a_hub_may_use(message: object) -> None:
    received = read_message(message)
    assert received.problems == ()
    (task,) = received.tasks
    assert (task.id, task.name, task.type, task.priority) == ("task-2", TASK["taskName"], "generate", "high")
    assert task.languages == (LanguagePair("en", "fr"), LanguagePair("en", "es"))
    assert task.raw == TASK


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (None, "null"),
        (17, "a number"),
        (True, "a boolean"),
        ("not json", "not JSON"),
        ('"\\"twice\\""', "a JSON string inside"),
        ({"hello": "world"}, "not a task"),
        ({}, "not a task"),
        ([[[[[TASK]]]]], "nested lists"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_task_is_said_in_words(message: object, said: str) -> None:
    received = read_message(message)
    assert received.tasks == ()
    assert said in received.problems[0]


def test_good_tasks_beside_a_bad_one_are_kept() -> None:
    received = read_message({"tasks": [TASK, 5, {**TASK, "id": "task-3"}]})
    assert [task.id for task in received.tasks] == ["task-2", "task-3"]
    assert len(received.problems) == 1


def test_a_task_nested_beyond_reading_is_said_and_its_neighbour_kept() -> None:
    deep: object = {}
    for _ in range(5_000):
        deep = {"x": deep}
    received = read_message([{"taskName": "deep", "x": deep}, TASK])
    assert [task.id for task in received.tasks] == ["task-2"]
    assert "nested too deeply" in received.problems[0]


def test_an_empty_batch_is_no_problem() -> None:
    assert read_message({"tasks": []}) == read_message([])


def test_a_task_without_an_id_is_recognised_when_it_comes_again() -> None:
    first, second = (Task.from_raw({"taskName": "Nameless", "llmTaskType": "generate"}) for _ in range(2))
    other = Task.from_raw({"taskName": "Another"})
    assert first.id == second.id != other.id
    assert first.given_id == "unknown"


def test_a_number_can_be_an_id_and_strange_values_do_no_harm() -> None:
    task = Task.from_raw(
        {"id": 7, "taskName": 3, "llmTaskType": None, "priority": "URGENT", "translationLanguages": "x"}
    )
    assert (task.id, task.name, task.type, task.priority, task.languages) == (
        "7", "Unnamed Task", "unknown", "medium", ()
    )  # fmt: skip


def test_any_string_survives_as_it_came() -> None:
    raw = {"id": "a\0b\ud800c", "taskName": "\x1b]52;c;eA==\x07\u202e"}
    task = Task.from_raw(raw)
    assert Task.from_json(task.to_json()).raw == raw
    task.id.encode("utf-8")
    assert "\0" not in task.id
