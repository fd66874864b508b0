"""Every message that a hub may send is read, and nothing beside a bad part is lost."""

from __future__ import annotations

import json

import pytest

from evolver_tui.core.task import LanguagePair, Task
from evolver_tui.core.task_message import read_message

TASK = {
    "id": "task-2",
    "taskName": "AI Generated Email Content",
    "llmTaskType": "generate",
    "translationLanguages": [{"from": "en", "to": "fr"}, {"from": "en", "to": "es"}],
    "priority": "high",
    "status": "in progress",
}


def wrapped_as_text(value: object, times: int) -> str:
    """JSON text of JSON text of the value."""
    text = json.dumps(value)
    return wrapped_as_text(text, times - 1) if times > 1 else text


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
        ('[{"id": "a", "taskName": "x", "id": "b"}]', "sent JSON text that has the key 'id' twice in one object."),
        ('"\\"twice\\""', "a JSON string inside"),
        ({"hello": "world"}, "not a task"),
        ({}, "not a task"),
        ([[[[[TASK]]]]], "nested lists"),
        ("[" * 100_000, "JSON that is nested too deeply"),
        ('{"id": ' + "9" * 5_000 + "}", "a number that is too long"),
        (wrapped_as_text(TASK, 6), "JSON in JSON strings within each other, more than 4 times"),
        ({"a": {"b": {"c": {"d": {"e": TASK}}}}}, "wrapped more than 4 times"),
        ({"Tasks": None, "Count": 0}, "a batch without tasks: tasks is null"),
        ({"tasks": {"$ref": "99"}}, 'a reference ($ref "99") to nothing that it sent'),
        ([{"$values": None}], "it holds $values"),
    ],
    ids=range(16),
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


# --- as other languages and serializers write it --------------------------------------------------------------------

PASCAL = {
    "Id": "task-2",
    "TaskName": TASK["taskName"],
    "LlmTaskType": "Generate",
    "TranslationLanguages": [{"From": "en", "To": "fr"}, {"From": "en", "To": "es"}],
    "Priority": "High",
    "Status": "InProgress",
}
SNAKE = {
    "id": "task-2",
    "task_name": TASK["taskName"],
    "llm_task_type": "GENERATE",
    "translation_languages": TASK["translationLanguages"],
    "priority": "HIGH",
    "status": "in_progress",
}
PAIRS = {"$id": "9", "$values": [{"$id": "7", "From": "en", "To": "fr"}, {"$id": "8", "From": "en", "To": "es"}]}
PRESERVED = {"$id": "3", "$type": "Jobs.Task, Jobs", **PASCAL, "TranslationLanguages": PAIRS}


@pytest.mark.parametrize(
    "message",
    [
        PASCAL,
        SNAKE,
        {key.replace("_", "-").upper(): value for key, value in SNAKE.items()},
        {key.lower(): value for key, value in TASK.items()},
        {"Tasks": [PASCAL]},
        PRESERVED,
        {"$id": "1", "Tasks": {"$id": "2", "$values": [PRESERVED]}},
        {"$id": "1", "$values": [PRESERVED]},
        *(wrapped_as_text([TASK], times) for times in (2, 3, 5)),
        json.dumps(TASK) + "\0\0",
        "\ufeff" + json.dumps(TASK),
        json.dumps("\ufeff " + json.dumps(TASK)),
        [json.dumps(PASCAL)],
        {"tasks": [json.dumps(TASK)]},
        {"TASKS": json.dumps([TASK])},
        {"type": "TaskCreated", "payload": TASK},
        {"specversion": "1.0", "id": "event-1", "source": "/hub", "data": json.dumps(TASK)},
        {"result": {"items": [SNAKE], "count": 1}},
        {"data": [TASK], "errors": [], "metadata": {"page": 1}},
        {"_embedded": {"tasks": [TASK]}, "_links": {"self": {"href": "/tasks"}}},
        {"Result": {"Value": [PASCAL], "Formatters": []}, "Id": 7, "Status": 5, "IsFaulted": False},
        {"Item1": 1, "Item2": [PASCAL], "Item3": {"sentBy": "ada"}},
        {"tasks": [], "Tasks": [PASCAL]},
        {"Tasks": {"0": PASCAL}},
        [{"Key": "task-2", "Value": PASCAL}],
        {**TASK, "translationLanguages": json.dumps(TASK["translationLanguages"])},
        {**TASK, "tasks": [{"id": "subtask", "taskName": "A part of it"}]},
        {**PASCAL, "id": None, "priority": None},
        {**PASCAL, "Id": {"$type": "System.Guid, mscorlib", "$value": "task-2"}},
    ],
    ids=range(31),
)
def test_a_task_is_read_however_it_is_spelled_and_wrapped(message: object) -> None:
    received = read_message(message)
    assert (received.problems, received.remarks) == ((), ())
    (task,) = received.tasks
    assert (task.id, task.name, task.type, task.priority, task.status) == (
        "task-2", TASK["taskName"], "generate", "high", "in progress"
    )  # fmt: skip
    assert task.languages == (LanguagePair("en", "fr"), LanguagePair("en", "es"))
    assert Task.from_json(task.to_json()) == task


def test_what_is_kept_is_what_came() -> None:
    for sent in (PASCAL, SNAKE, PRESERVED, {**TASK, "dueDate": "/Date(1763737200000+0100)/", "Note": "2025-01-15"}):
        (task,) = read_message(sent).tasks
        assert task.raw == sent


def test_a_reference_stands_for_what_it_names() -> None:
    second = {"$id": "5", "Id": "task-3", "LlmTaskType": "translate", "TranslationLanguages": {"$ref": "9"}}
    circle = {"$id": "6", "Id": "task-4", "Parent": {"$ref": "6"}, "LlmTaskType": "generate", "Other": {"$ref": "77"}}
    received = read_message({"$id": "1", "$values": [PRESERVED, second, {"$ref": "3"}, circle]})
    assert received.problems == ()
    assert [task.id for task in received.tasks] == ["task-2", "task-3", "task-2", "task-4"]
    assert received.tasks[1].languages == received.tasks[0].languages != ()
    assert received.tasks[3].raw == circle


def test_a_dictionary_of_tasks_by_number_or_id_is_its_tasks() -> None:
    other = {**PASCAL, "Id": "TASK-3"}
    for message in ({"Tasks": {"0": TASK, "1": other}}, {"task-2": TASK, "task-3": json.dumps(other)}):
        received = read_message(message)
        assert ([task.id for task in received.tasks], received.problems) == (["task-2", "TASK-3"], ())


def test_references_are_those_of_the_text_they_stand_in() -> None:
    def document(task_id: str) -> dict[str, object]:
        return {"$id": "1", "$values": [{"$id": "2", "Id": task_id, "TaskName": "x"}, {"$ref": "2"}]}

    for message in (
        {"$id": "1", "tasks": [json.dumps(document("one")), json.dumps(document("two"))]},
        [document("one"), document("two")],
        [{"$id": 1, "items": [json.dumps(document("one"))]}, {"data": json.dumps(document("two"))}],
    ):
        received = read_message(message)
        assert ([task.id for task in received.tasks], received.problems) == (["one", "one", "two", "two"], ())
    numbered = {"$id": 1, "$values": [{"$id": 2, "Id": "one", "TaskName": "x"}, {"$ref": 2}]}
    assert [task.id for task in read_message(numbered).tasks] == ["one", "one"]


def test_a_large_message_has_all_its_references() -> None:
    languages = {"$id": "0", "$values": PASCAL["TranslationLanguages"]}
    tasks = [{"$id": f"{n}", "Id": f"{n}", "TaskName": "x", "Languages": {"$ref": "0"}} for n in range(1, 40_000)]
    last = {**PASCAL, "$id": "last", "TranslationLanguages": {"$ref": "0"}}
    assert read_message({"$id": "x", "Shared": languages, "Tasks": [*tasks, last]}).tasks[-1].languages != ()


def test_references_within_what_is_nested_too_deeply_cost_no_neighbour() -> None:
    deep: object = {}
    for _ in range(5_000):
        deep = {"x": deep}
    received = read_message([{"$id": "1", "x": deep}, TASK])
    assert [task.id for task in received.tasks] == ["task-2"]
    assert "nested too deeply" in received.problems[0]


def test_references_that_grow_without_end_come_to_one() -> None:
    growing = [
        {"$id": "0"},
        *({"$id": f"{n}", "a": {"$ref": f"{n - 1}"}, "b": {"$ref": f"{n - 1}"}} for n in range(1, 60)),
    ]
    assert [task.id for task in read_message([*growing, TASK]).tasks] == ["task-2"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"priority": 2}, "priority is 2, which is no word. Let the hub send words (priority: high, medium or low)"),
        ({"status": 0, "llmTaskType": 1}, "status is 0 and llmTaskType is 1, which is no word"),
        ({"priority": "2"}, 'priority is "2"'),
        ({"status": True}, "status is true"),
        ({"priority": 1.0}, "priority is 1.0"),
        ({"llmTaskType": ["summarize"]}, 'llmTaskType is ["summarize"]'),
        ({"routine": 7, "priority": 1}, "priority is 1"),
    ],
)
def test_a_number_in_a_word_s_place_is_refused_by_name(changes: dict[str, object], words: str) -> None:
    received = read_message([{**TASK, **changes}, {**TASK, "id": "task-3"}])
    assert [task.id for task in received.tasks] == ["task-3"]
    (problem,) = received.problems
    assert words in problem
    assert "(task-2)" in problem
    assert "JsonStringEnumConverter" in problem


@pytest.mark.parametrize(
    ("changes", "remark"),
    [
        ({"priority": "URGENT"}, 'Its priority "URGENT" is not known, so it counts as medium'),
        ({"status": "Done"}, 'Its status "Done" is not known, so it counts as pending'),
        ({"id": ""}, "It has no id"),
        ({"id": " "}, 'Its id is " ", which names no task'),
        ({"id": None}, "It has no id"),
        ({"id": 1.5}, "Its id is 1.5, which names no task"),
        ({"id": {"$oid": "65f"}}, 'Its id is {"$oid": "65f"}, which names no task'),
        ({"id": "00000000-0000-0000-0000-000000000000"}, 'Its id is "00000000-0000-0000-0000-000000000000"'),
        ({"id": "{00000000-0000-0000-0000-000000000000}"}, "which names no task"),
        ({"id": "0" * 32}, "which names no task"),
        ({"taskName": 5}, "Its taskName is 5, which is no text"),
        ({"translationLanguages": [{"from": "en", "to": "fr"}, {"Key": "en"}]}, "Not all of its translationLanguages"),
        ({"translationLanguages": {"en": "fr"}}, 'could be read: {"en": "fr"} (a list of from and to, as texts)'),
        ({"translationLanguages": 3}, "could be read: 3"),
    ],
)
def test_what_is_not_said_or_not_known_is_told_and_the_task_kept(changes: dict[str, object], remark: str) -> None:
    received = read_message({**TASK, **changes})
    ((task, told),) = received.remarks
    assert received.tasks == (task,)
    assert (received.problems, remark in told) == ((), True)


def test_what_is_missing_or_empty_has_its_default_and_is_no_remark() -> None:
    for more in ({}, {"priority": None, "status": None}, {"priority": "", "status": " "}):
        received = read_message({"id": "x", "taskName": "y", **more})
        (task,) = received.tasks
        assert (task.priority, task.type, received.problems, received.remarks) == ("medium", "unknown", (), ())


@pytest.mark.parametrize(("given", "kept"), [(7.0, "7"), (0, "0"), ("{3F25-A}", "{3F25-A}"), (10**30, str(10**30))])
def test_ids_may_be_numbers_or_guids(given: object, kept: str) -> None:
    assert [task.id for task in read_message({**TASK, "id": given}).tasks] == [kept]


def test_the_contract_s_own_name_comes_first_and_others_have_to_agree() -> None:
    assert [task.id for task in read_message({"_id": "65f", "taskName": "x", "id": "one"}).tasks] == ["one"]
    assert [task.id for task in read_message({"Id": "one", "ID": "one", "taskName": "x"}).tasks] == ["one"]
    (problem,) = read_message({"Id": "one", "ID": "two", "taskName": "x"}).problems
    assert "Id and ID are one field and differ" in problem


def test_what_was_missing_is_said_with_what_it_holds() -> None:
    (problem,) = read_message({"$type": "X", "Identifier": 7, "Title": "A text"}).problems
    assert problem.endswith("not a task: id, taskName and llmTaskType are missing; it holds Identifier, Title.")
    ((_, told),) = read_message({"TaskId": "x", "TaskName": "y"}).remarks
    assert told.endswith("it holds TaskId, TaskName.")
    ((_, told),) = read_message({"Id": 7, "Title": "A text", "Type": "translate"}).remarks
    assert told == "It has an id alone: taskName and llmTaskType are missing; it holds Id, Title, Type."
    (problem,) = read_message({**TASK, "routine": 7}).problems
    assert "routine is 7, which is no name" in problem
    (problem,) = read_message({"one": TASK, "two": TASK}).problems
    assert problem.endswith("it holds one, two.")
    assert len(read_message({f"{'name' * 100}{n}": n for n in range(1000)}).problems[0]) < 600


def test_an_object_with_an_id_beside_tasks_is_told_and_not_queued() -> None:
    for arguments in (({"id": 1, "name": "ada"}, TASK), ([TASK], {"id": 1, "name": "ada"})):
        received = read_message(*arguments)
        assert [task.id for task in received.tasks] == ["task-2"]
        (problem,) = received.problems
        assert problem.endswith("taskName and llmTaskType are missing; it holds id, name.")


def test_ids_that_differ_in_what_no_database_takes_stay_different() -> None:
    ids = {task.id for task in read_message([{**TASK, "id": f"a{odd}"} for odd in "\0\ufffd?\ud800\ud801"]).tasks}
    assert len(ids) == 5
    assert all("\0" not in task_id and task_id.encode() for task_id in ids)


@pytest.mark.parametrize("names", [("id", "taskName"), ("id", "llmTaskType"), ("taskName", "llmTaskType")])
def test_what_says_two_things_of_a_task_is_one_whatever_it_holds(names: tuple[str, str]) -> None:
    said: dict[str, object] = {name: TASK[name] for name in names}
    sent = {**said, "input": {**TASK, "id": "inner"}, "tasks": [{"id": "part"}]}
    (task,) = read_message(sent).tasks
    assert task.raw == sent


def test_a_call_without_arguments_is_said() -> None:
    assert "its call has no arguments" in read_message().problems[0]


def test_words_and_numbers_beside_a_task_are_no_problem_and_alone_they_are() -> None:
    for arguments in (("ada", TASK), (TASK, None), ("created", json.dumps(TASK), 7)):
        received = read_message(*arguments)
        assert ([task.id for task in received.tasks], received.problems) == (["task-2"], ())
    assert len(read_message("created", 7).problems) == 2
    assert "not JSON" in read_message(TASK, '{"id": ').problems[0]
