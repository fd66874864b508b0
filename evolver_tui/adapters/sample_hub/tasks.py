"""The sample hub's tasks: a dozen of its own, or a file's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evolver_tui.core.errors import UsageError
from evolver_tui.core.json_text import Equivocal, strict_json

_KEYS = ("id", "taskName", "llmTaskType")
_EXAMPLE = 'It should look like {"tasks": [{"id": "task-1", "taskName": "…", "llmTaskType": "summarize"}]}.'


def _task(
    name: str,
    kind: str | None,
    *languages: tuple[str, str],
    priority: str = "medium",
    status: str = "pending",
    due: str | None = None,
    model: str | None = None,
    offline_first_draft: str | None = None,
) -> dict[str, Any]:
    task: dict[str, Any] = {"taskName": name}
    if kind is not None:
        task["llmTaskType"] = kind
    if model is not None:
        task["lLMId"] = model
    task["translationLanguages"] = [{"from": source, "to": target} for source, target in languages]
    task["priority"] = priority
    if due is not None:
        task["dueDate"] = due
    task["status"] = status
    if offline_first_draft is not None:
        task["offlineFirstDraft"] = offline_first_draft
    return task


BUILT_IN_TASKS: tuple[Mapping[str, Any], ...] = (
    _task("LLM Summarization for Blog Post", "summarize", due="2024-07-27T14:30:00.000Z", model="LLM-123"),
    _task("AI Generated Email Content", "generate", ("en", "fr"), ("en", "es"), priority="high", status="in progress"),
    _task(
        "Translation of Product Description",
        "translate",
        ("de", "en"),
        ("fr", "es"),
        priority="low",
        status="completed",
    ),
    _task(
        "Summarize Support Tickets of the Week",
        "summarize",
        priority="high",
        due="2026-11-27T17:00:00.000Z",
        offline_first_draft="crashes",
    ),
    _task("Translate Release Notes", "translate"),
    _task("Generate Product Announcement", "generate", ("en", "de"), due="2026-12-01T09:00:00.000Z"),
    _task("Sort Incoming Feedback", None, priority="low"),
    _task("Translate Onboarding Guide", "translate", ("en", "ja"), ("en", "pt"), priority="high"),
    _task("Summarize Incident Report", "summarize", priority="high", model="LLM-207"),
    _task("Generate Weekly Newsletter", "generate", priority="low", due="2026-11-30T08:00:00.000Z"),
    _task("Translate Privacy Notice", "translate", ("en", "it"), status="in progress"),
    _task("Summarize Meeting Minutes", "summarize", priority="low"),
)
"""Without ids: the hub numbers them. The fourth asks the offline author for a first draft that has to be mended; the
fifth names no languages and the seventh no type, so both need a question."""


def load_tasks(path: Path) -> Sequence[Mapping[str, Any]]:
    """The task objects of a JSON file that holds `{"tasks": [...]}`, as they stand there.

    Raises:
        UsageError: the file cannot be read or is not such a file; the message names the place.
    """
    try:
        content = strict_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"The tasks file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"The tasks file {path} is not UTF-8 text.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UsageError(f"The tasks file {path} is not JSON: {error.msg} at {where}.") from None
    except Equivocal as error:
        raise UsageError(f"The tasks file {path} {error}.") from None
    except ValueError:
        raise UsageError(f"The tasks file {path} holds a number that is too long to be read.") from None
    except RecursionError:
        raise UsageError(f"The tasks file {path} is nested too deeply.") from None
    tasks = content.get("tasks") if isinstance(content, dict) else None
    if not isinstance(tasks, list):
        raise UsageError(f"The tasks file {path} holds no list of tasks.", _EXAMPLE)
    if not tasks:
        raise UsageError(f"The tasks file {path} holds an empty list of tasks.", _EXAMPLE)
    for number, task in enumerate(tasks, start=1):
        if not isinstance(task, dict):
            raise UsageError(f"Task {number} in {path} is not a JSON object.", _EXAMPLE)
        if not task.keys() & set(_KEYS):
            raise UsageError(f"Task {number} in {path} has none of {', '.join(_KEYS)}.", _EXAMPLE)
    return tasks
