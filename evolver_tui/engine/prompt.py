"""The prompt for the author: instructions from us, the task as data.

Everything that a stranger wrote stands inside one JSON object and without characters that a reader cannot see. Nothing
of the config, the environment or another task is ever in it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from evolver_tui.core.errors import BackendError
from evolver_tui.core.safe_text import without_hidden
from evolver_tui.core.task import Task
from evolver_tui.core.tool import ToolDefinition
from evolver_tui.engine.ports import Prompt

MOST_CHARACTERS = 200_000


def author_prompt(
    router: ToolDefinition,
    tools: Collection[ToolDefinition],
    task: Task,
    answers: Mapping[str, Any],
    feedback: Sequence[str],
    previous_code: str,
) -> Prompt:
    """What the author is asked for one draft.

    Args:
        router: the tool whose system prompt says what a node is and how to answer.
        tools: what a node may call; their names and descriptions go into the prompt.
        answers: what a person said when asked, by field.
        feedback: the reasons for which earlier drafts were sent back, oldest first.
        previous_code: the draft that was sent back last, or empty.

    Raises:
        BackendError: the task is too long to be given to a model.
    """
    request: dict[str, Any] = {
        "task": task.raw,
        "tools": {tool.name: tool.description for tool in tools},
    }
    if answers:
        request["answers"] = answers
    if feedback:
        request["feedback"] = list(feedback)
        request["previous_code"] = previous_code
    user = json.dumps(_visible(request), ensure_ascii=False)
    if len(user) > MOST_CHARACTERS:
        raise BackendError(
            f"The task has {len(user):,} characters; a model is given at most {MOST_CHARACTERS:,}.",
            "Split the task at its source.",
        )
    return Prompt(router.system_prompt, user, router.temperature, router.max_tokens)


def _visible(value: Any) -> Any:
    match value:
        case str():
            return without_hidden(value)
        case Mapping():
            return {without_hidden(str(key)): _visible(item) for key, item in value.items()}
        case list() | tuple():
            return [_visible(item) for item in value]
        case _:
            return value
