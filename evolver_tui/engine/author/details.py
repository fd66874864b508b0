"""What a task has to say before anything can be written for it, and the form that asks for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evolver_tui.core.question import Question
from evolver_tui.core.task import TASK_TYPES, Task


def missing_fields(task: Task, answers: Mapping[str, Any]) -> tuple[str, ...]:
    """What is not known before anything can be written: the task's type, and for a translation its languages."""
    missing = []
    task_type = answers.get("llmTaskType") or task.type
    if task_type not in TASK_TYPES:
        missing.append("llmTaskType")
    if task_type == "translate" and not (task.languages or answers.get("languages")):
        missing.append("languages")
    return tuple(missing)


def details_question(name: str, missing: Sequence[str]) -> Question:
    """The form that asks a person for what is missing."""
    properties: dict[str, Any] = {}
    if "llmTaskType" in missing:
        titles = {"summarize": "Summarize a text", "generate": "Generate a text", "translate": "Translate a text"}
        choices = [{"const": value, "title": titles[value]} for value in TASK_TYPES]
        properties["llmTaskType"] = {"type": "string", "title": "Kind of task", "oneOf": choices}
    properties["languages"] = {
        "type": "string",
        "title": "Languages",
        **({} if "languages" in missing else {"description": "For a translation only."}),
        "maxLength": 200,
        "format": "language-pairs",
    }
    properties["note"] = {"type": "string", "title": "Note for the author", "maxLength": 999}
    wanted = "what kind of task this is" if "llmTaskType" in missing else "which languages to translate between"
    schema = {"type": "object", "properties": properties, "required": list(missing)}
    return Question(name, f"The task does not say {wanted}.", schema)
