"""How any message a hub may send becomes tasks.

A hub may send one task, a list, a batch, any of these as JSON text or within an envelope, and with the metadata by
which .NET keeps references. Where it is wrapped is decided by rule; nothing is taken for a task that does not have a
task's fields, and no number for a word.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from evolver_tui.core.json_text import (
    MOST_TEXTS,
    Equivocal,
    json_content,
    looks_like_json,
    parsed,
    strict_json,
    unframed,
)
from evolver_tui.core.references import resolved
from evolver_tui.core.task import Task, bare_value, language_pairs, task_id
from evolver_tui.core.task_fields import WORDS, batches_of, clashing_names, fields_of, listed

_DEEPEST: Final = 4
"""Lists and envelopes within each other."""
_KINDS: Final = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "text",
    list: "nested lists",
    dict: "nested objects",
}
_WORD_ITEMS: Final = tuple(WORDS.items())
_MEANT: Final = {
    "priority": "high, medium or low",
    "status": "pending, in progress or completed",
    "llmTaskType": "summarize, generate or translate",
}
_COUNTED_AS: Final = {"priority": "medium", "status": "pending"}
_TASK_NAMES: Final = ("id", "taskName", "llmTaskType")


@dataclass(frozen=True, slots=True)
class Received:
    """What one hub message held: its tasks, and a sentence for each part of it that is not a task."""

    tasks: tuple[Task, ...]
    problems: tuple[str, ...] = ()
    remarks: tuple[tuple[Task, str], ...] = ()
    """Tasks of which something could not be read as it was meant, each with a sentence that says what."""


def read_message(*arguments: object) -> Received:
    """Read a hub message's arguments.

    Never raises: a part that holds no task becomes a problem, and the tasks beside it are kept. An argument beside them
    that is no more than a word, a number or nothing is no problem, and one with an id alone is no task.
    """
    if len(arguments) == 1 and (tasks := _plain_tasks(arguments[0])):
        return Received(tasks)
    reading = _Reading()
    for argument in arguments:
        reading.argument(argument)
    if not arguments:
        reading.problems.append("The hub sent nothing where a task was expected: its call has no arguments.")
    return reading.received()


def _plain_tasks(argument: object) -> tuple[Task, ...]:
    """The tasks of a message as the contract has it, which nearly all are; empty where one needs a closer look."""
    if type(argument) is not dict:
        return ()
    is_batch = len(argument) == 1 and type(argument.get("tasks")) is list
    tasks = []
    for raw in argument["tasks"] if is_batch else (argument,):
        if type(raw) is not dict or "tasks" in raw or "$id" in raw or "$ref" in raw:
            return ()
        fields = fields_of(raw)
        if type(fields.get("taskName")) is not str:
            return ()
        try:
            task = Task.from_raw(raw, fields)
        except RecursionError:
            return ()
        if not _is_plain(raw, fields, task):
            return ()
        tasks.append(task)
    return tuple(tasks)


class _Refers(Exception):
    """There may be references in what is read."""


class _Reading:
    """One message while it is read."""

    __slots__ = ("_is_resolved", "asides", "bystanders", "problems", "remarks", "tasks")

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.problems: list[str] = []
        self.remarks: list[tuple[Task, str]] = []
        self.asides: list[str] = []
        self.bystanders: list[Mapping[str, Any]] = []
        """Arguments that would be tasks by their id alone."""
        self._is_resolved = False

    def received(self) -> Received:
        """What was read."""
        is_beside_tasks = bool(self.tasks)
        for raw in self.bystanders:
            if is_beside_tasks:
                self.problems.append(f"The hub sent an object that is no task beside some: {_missing(raw)}")
            else:
                self._task(raw, fields_of(raw))
        if not self.tasks:
            self.problems += self.asides
        return Received(tuple(self.tasks), tuple(self.problems), tuple(self.remarks))

    def argument(self, argument: object) -> None:
        """Read one argument."""
        value = argument if type(argument) is dict else parsed(argument)
        if isinstance(value, dict | list) or (isinstance(value, str) and looks_like_json(value)):
            self._document(value, 0)
        else:
            self.asides.append(_not_a_task(argument, value))

    def _document(self, value: object, depth: int) -> None:
        """Read an argument or a text within one: each has references of its own."""
        was_resolved, self._is_resolved = self._is_resolved, False
        before = len(self.tasks), len(self.problems), len(self.remarks), len(self.bystanders)
        try:
            self._collect(value, depth)
        except _Refers:  # then it is read again with what they stand for
            tasks, problems, remarks, bystanders = before
            del self.tasks[tasks:], self.problems[problems:], self.remarks[remarks:], self.bystanders[bystanders:]
            self._is_resolved = True
            self._collect(self._written_out(value), depth)
        except RecursionError:
            self.problems.append("The hub sent something that is nested too deeply to be read.")
        self._is_resolved = was_resolved

    def _written_out(self, value: object) -> object:
        try:
            return resolved(value)
        except RecursionError:
            self.problems.append("The hub sent references ($ref) within what is nested too deeply to look for them.")
            return value

    def _collect(self, value: object, depth: int) -> None:
        if isinstance(value, dict):
            self._object(value, depth)
        elif isinstance(value, list) and depth < _DEEPEST:
            for item in value:
                self._collect(item, depth + 1)
        elif isinstance(value, str) and not isinstance(said := parsed(value), str):
            self._document(said, depth)
        else:
            self.problems.append(_not_a_task(value, value))

    def _object(self, value: dict[str, Any], depth: int) -> None:
        if ("$id" in value or "$ref" in value) and not self._is_resolved:
            raise _Refers
        fields = fields_of(value)
        if ("id" in fields) + ("taskName" in fields) + ("llmTaskType" in fields) > 1:
            self._task(value, fields)
        elif (items := listed(value)) is not None:
            self._collect(items, depth)
        elif inner := _within(value, fields):
            self._contents(inner, depth)
        elif "taskName" in fields or "llmTaskType" in fields or ("id" in fields and (depth or "routine" in fields)):
            self._task(value, fields)
        elif "id" in fields:
            self.bystanders.append(value)
        elif "$ref" in value:
            self.problems.append(f"The hub sent a reference ($ref {_quoted(value['$ref'])}) to nothing that it sent.")
        elif "tasks" in fields:
            self.problems.append(f"The hub sent a batch without tasks: tasks is {_quoted(fields['tasks'])}.")
        else:
            self.problems.append(f"The hub sent an object that is not a task: {_missing(value)}")

    def _contents(self, inner: Iterable[object], depth: int) -> None:
        if depth == _DEEPEST:
            self.problems.append(f"The hub sent what is wrapped more than {_DEEPEST} times.")
            return
        for content in inner:
            self._collect(content, depth + 1)

    def _task(self, raw: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
        try:
            task = Task.from_raw(raw, fields)
        except RecursionError:
            self.problems.append("The hub sent a task that is nested too deeply to be kept.")
            return
        if _is_plain(raw, fields, task):
            self.tasks.append(task)
            return
        problem = _problem(raw, fields)
        if problem:
            self.problems.append(f"The hub sent a task ({_short(task.given_id)}) that is refused: {problem}.")
            return
        self.tasks.append(task)
        remark = "; ".join(_remarks(raw, fields, task))
        if remark:
            self.remarks.append((task, f"{remark}."))


def _is_plain(raw: Mapping[str, Any], fields: Mapping[str, Any], task: Task) -> bool:
    """Whether a first look finds nothing to say about a task: all was read, and no name is spelled twice."""
    for name, words in _WORD_ITEMS:
        value = fields.get(name)
        if value is not None and (type(value) is not str or not words[value]):
            return False
    if type(fields.get("taskName")) is not str or type(fields.get("routine", "")) is not str:
        return False
    languages = fields.get("translationLanguages", ())
    if type(languages) is not list and languages:
        return False
    for pair in languages or ():
        if type(pair) is not dict or type(pair.get("from")) is not str or type(pair.get("to")) is not str:
            return False
    return (fields is raw or fields.keys() <= raw.keys()) and not task.id.startswith("unknown-")


def _problem(raw: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    """Why a task cannot be taken for what it says; empty where it can."""
    unread = [(name, fields[name]) for name in WORDS if fields.get(name) is not None and _is_no_word(fields[name])]
    if unread:
        said = " and ".join(f"{name} is {_quoted(value)}" for name, value in unread)
        meant = "; ".join(f"{name}: {_MEANT[name]}" for name, _ in unread)
        return f"{said}, which is no word. Let the hub send words ({meant}), in .NET by JsonStringEnumConverter"
    routine = fields.get("routine")
    if not isinstance(routine, str | None):
        return f"routine is {_quoted(routine)}, which is no name of one"
    clash = len(fields) < len(raw) and clashing_names(raw)
    if clash:
        return f"{_short(clash[0])} and {_short(clash[1])} are one field and differ. Let the hub send one of them"
    return ""


def _is_no_word(value: object) -> bool:
    return not isinstance(value, str) or value.strip().lstrip("+-").replace(".", "", 1).isdigit()


def _remarks(raw: Mapping[str, Any], fields: Mapping[str, Any], task: Task) -> Iterator[str]:
    """What of a task could not be read as it was meant."""
    for name, counted_as in _COUNTED_AS.items():
        value = fields.get(name)
        if isinstance(value, str) and not WORDS[name][value] and value.strip():
            yield f"Its {name} {_quoted(value)} is not known, so it counts as {counted_as} ({_MEANT[name]})"
    given = fields.get("id")
    if task.id.startswith("unknown-") and task.given_id == "unknown":
        why = "It has no id" if given in (None, "") else f"Its id is {_quoted(given)}, which names no task"
        yield f"{why}, so it is known by its content as {task.id}; {_holds(raw)}"
    elif fields.keys().isdisjoint(("taskName", "llmTaskType", "routine")):
        yield f"It has an id alone: taskName and llmTaskType are missing; {_holds(raw)}"
    title = fields.get("taskName")
    if title is not None and not isinstance(bare_value(title), str):
        yield f"Its taskName is {_quoted(title)}, which is no text"
    languages = fields.get("translationLanguages")
    if languages and not _are_languages(languages):
        said = f"{_quoted(languages)} (a list of from and to, as texts)"
        yield f"Not all of its translationLanguages could be read: {said}"


def _are_languages(value: object) -> bool:
    """Whether every language pair of a field is read."""
    value = json_content(value)
    pairs = listed(value)
    return len(list(language_pairs(value))) == (1 if pairs is None else len(pairs))


def _within(value: Mapping[str, Any], fields: Mapping[str, Any]) -> list[Any]:
    """What an envelope or a batch carries, in the order of its names; nothing where it is neither.

    Its `tasks`; or else the one value in it that may hold tasks, whatever it is called; or of several the one that
    does, or all where they are a dictionary of tasks by number or id.
    """
    if "tasks" in fields and (batches := [batch for batch in batches_of(value) if json_content(batch) is not None]):
        return batches
    contents = {name: item for name, item in value.items() if json_content(item) is not None}
    holding = [name for name, item in contents.items() if _holds_task(item)]
    if len(contents) > 1 or not fields.keys().isdisjoint(_TASK_NAMES):
        contents = {name: contents[name] for name in holding}
    if len(contents) > 1 and not all(name.isdecimal() or _has_id(item, name) for name, item in contents.items()):
        return []
    return list(contents.values())


def _holds_task(value: object, depth: int = 0) -> bool:
    """Whether it is a task that says more than its id, or holds or begins with one."""
    value = json_content(value)
    if (items := listed(value)) is not None:
        value = json_content(items[0]) if items else None
    if not isinstance(value, dict):
        return False
    if not fields_of(value).keys().isdisjoint(("taskName", "llmTaskType", "tasks")):
        return True
    return depth < _DEEPEST and any(_holds_task(item, depth + 1) for item in value.values())


def _has_id(value: object, given: str) -> bool:
    value = json_content(value)
    return isinstance(value, dict) and task_id(fields_of(value).get("id")).lower() == given.lower()


def _not_a_task(sent: object, value: object) -> str:
    if not isinstance(sent, str):
        return f"The hub sent {_KINDS.get(type(value), 'a value')} where a task was expected."
    inside = "" if value == sent else " a JSON string inside a JSON string, which is"
    try:
        within = strict_json(unframed(value), any_number=True) if isinstance(value, str) else value
    except RecursionError:
        return f"The hub sent{inside} JSON that is nested too deeply to be read."
    except json.JSONDecodeError as error:
        return f"The hub sent{inside} text that is not JSON: {error}."
    except Equivocal as error:
        return f"The hub sent{inside} JSON text that {error}."
    except ValueError:
        return f"The hub sent{inside} JSON with a number that is too long to be read."
    if isinstance(within, str):
        return f"The hub sent JSON in JSON strings within each other, more than {MOST_TEXTS} times."
    return f"The hub sent {_KINDS.get(type(within), 'a value')} where a task was expected."


def _missing(raw: Mapping[str, Any]) -> str:
    """What an object lacks to be a task, and what it has instead, as the end of a sentence."""
    *most, last = (name for name in _TASK_NAMES if name not in fields_of(raw))
    return f"{', '.join(most)} and {last} are missing; {_holds(raw)}."


def _holds(raw: Mapping[str, Any]) -> str:
    names = [_short(name) for name in raw if not name.startswith("$")] or [_short(name) for name in raw]
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"it holds {', '.join(names[:8])}{more}" if names else "it holds nothing"


def _quoted(value: object) -> str:
    """The beginning of a value as JSON."""
    try:
        return _short(json.dumps(value))
    except RecursionError:
        return "nested too deeply"


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
