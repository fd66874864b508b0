"""What a graph asks with `interrupt()`, as a question of ours, and the answer as the graph expects it. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evolver_tui.core.errors import QuestionError, RoutineError
from evolver_tui.core.form import check_form
from evolver_tui.core.question import Answer, AnswerAction

LONGEST_MESSAGE = 8000
"""Characters of a question's message; a graph may interrupt with its whole state."""

DECISIONS: Mapping[str, str] = {
    "approve": "Approve",
    "edit": "Edit: the text holds the arguments as JSON",
    "reject": "Reject: the text says why",
    "respond": "Respond: the text is the result",
}
"""LangChain's decisions about an action, and how each is offered."""


class UnfitAnswer(Exception):
    """The answer cannot be handed to the graph; the person is asked again with this sentence."""


@dataclass(frozen=True, slots=True)
class Form:
    """One interrupt as a question: what is asked, with which inputs, and what the graph gets for an answer."""

    message: str
    schema: Mapping[str, Any]
    accept: Callable[[Mapping[str, Any]], Any]
    """Content to resume value. Raises UnfitAnswer."""
    decline: Callable[[], Any] | None = None
    """The resume value of a decline, where the kind of question has one of its own. Raises UnfitAnswer."""

    def resume(self, answer: Answer, declined: Any) -> Any:
        """What `interrupt()` is to return. Raises UnfitAnswer."""
        if answer.action is AnswerAction.ACCEPT:
            return self.accept(answer.content)
        return self.decline() if self.decline is not None else declined


def form_of(value: Any, response_schema: Mapping[str, Any] | None = None) -> Form:
    """The form for what a graph interrupted with.

    Args:
        value: what the graph gave to `interrupt()`.
        response_schema: JSON Schema of what it wants back, where it said so.

    Raises:
        RoutineError: it asks for something in MCP's or LangChain's form, and that form is broken.
    """
    if _is_review(value):
        return _review(value)
    if isinstance(value, Mapping) and isinstance(value.get("requestedSchema"), Mapping):
        return _elicitation(value)
    message = value if isinstance(value, str) else _as_json(value)
    if response_schema is not None:
        return _typed(message, response_schema)
    return _form(message, {"answer": {"type": "string", "title": "Answer"}}, ["answer"], _only_value)


def _form(
    message: str,
    properties: Mapping[str, Any],
    required: Sequence[str],
    accept: Callable[[Mapping[str, Any]], Any],
    decline: Callable[[], Any] | None = None,
) -> Form:
    schema = {"type": "object", "properties": dict(properties), "required": list(required)}
    return Form(_cut(message), schema if properties else {}, accept, decline)


def _cut(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"


def _only_value(content: Mapping[str, Any]) -> Any:
    return next(iter(content.values()), None)


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)


# --- MCP's elicitation, and typed interrupts -----------------------------------------------------------------------


def _elicitation(value: Mapping[str, Any]) -> Form:
    schema = value["requestedSchema"]
    try:
        count = len(check_form(schema))
    except QuestionError as error:
        raise RoutineError(
            f"The graph interrupts with a form that cannot be shown: {error}",
            "Give requestedSchema flat properties: texts, numbers, booleans, choices.",
        ) from None
    accept: Callable[[Mapping[str, Any]], Any] = dict
    if count < 2:
        accept = _only_value if count else lambda content: True
    message = str(value.get("message") or "The graph asks.")
    return Form(_cut(message), dict(schema) if count else {}, accept)


def _typed(message: str, schema: Mapping[str, Any]) -> Form:
    """A form for a JSON Schema; where it is not flat, the answer is typed in as JSON."""
    if schema.get("properties") and _can_be_shown(schema):
        return Form(_cut(message), schema, dict)
    definitions = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    wrapped = {"type": "object", "properties": {"answer": schema}, "required": ["answer"], **definitions}
    if _can_be_shown(wrapped):
        return Form(_cut(message), wrapped, _only_value)
    described = f"{message}\n\nThe answer has to fit this JSON Schema:\n{_as_json(schema)}"
    return _form(described, {"answer": {"type": "string", "title": "Answer, as JSON"}}, ["answer"], _parsed)


def _can_be_shown(schema: Mapping[str, Any]) -> bool:
    try:
        check_form(schema)
    except QuestionError:
        return False
    return True


def _parsed(content: Mapping[str, Any]) -> Any:
    try:
        return json.loads(str(content.get("answer", "")))
    except (ValueError, RecursionError) as error:
        raise UnfitAnswer(f"That was no JSON: {error}.") from None


# --- LangChain's review requests -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Action:
    """One action that an agent wants to take."""

    name: str
    arguments_key: str
    arguments: Mapping[str, Any]
    description: str
    allowed: tuple[str, ...]

    @property
    def shown(self) -> str:
        """What the person reads."""
        parts = (self.description, f"{self.name} {_as_json(self.arguments)}")
        return "\n".join(part for part in parts if part)


def _is_review(value: Any) -> bool:
    requests = value.get("action_requests") if isinstance(value, Mapping) else None
    return isinstance(requests, list) and bool(requests) and all(isinstance(each, Mapping) for each in requests)


def _review(value: Mapping[str, Any]) -> Form:
    configs = {
        config.get("action_name"): config for config in value.get("review_configs") or () if isinstance(config, Mapping)
    }
    actions = [_action(request, configs) for request in value["action_requests"]]
    is_one = len(actions) == 1
    numbers = [""] if is_one else [f"_{number}" for number in range(1, len(actions) + 1)]
    properties: dict[str, Any] = {}
    for action, number in zip(actions, numbers, strict=True):
        mark = number.replace("_", " ")
        choices = [{"const": kind, "title": DECISIONS[kind]} for kind in action.allowed]
        properties[f"decision{number}"] = {"type": "string", "title": f"Decision{mark}", "oneOf": choices}
        if set(action.allowed) != {"approve"}:
            properties[f"text{number}"] = {"type": "string", "title": f"Text{mark}"}

    def accept(content: Mapping[str, Any]) -> Any:
        pairs = zip(actions, numbers, strict=True)
        return {"decisions": [_decision(action, content, number) for action, number in pairs]}

    def decline() -> Any:
        if not all("reject" in action.allowed for action in actions):
            raise UnfitAnswer("This cannot be declined: rejecting is not among the decisions.")
        return {"decisions": [{"type": "reject"} for _ in actions]}

    heads = [""] if is_one else [f"{number[1:]}. " for number in numbers]
    message = "\n\n".join(head + action.shown for head, action in zip(heads, actions, strict=True))
    required = [f"decision{number}" for number in numbers]
    return _form(message, properties, required, accept, decline)


def _action(request: Mapping[str, Any], configs: Mapping[Any, Mapping[str, Any]]) -> _Action:
    name = str(request.get("name", ""))
    config = configs.get(name, {})
    wanted = config.get("allowed_decisions") or ("approve", "edit", "reject")
    allowed = tuple(kind for kind in DECISIONS if kind in wanted)
    if not allowed:
        raise RoutineError(
            f"The graph wants a decision about {name!a} that is none of {', '.join(DECISIONS)}.",
            "Mend allowed_decisions in its review_configs.",
        )
    # LangChain 1.0 said `args`; its first drafts said `arguments`.
    key = "arguments" if "arguments" in request else "args"
    arguments = request.get(key)
    description = str(request.get("description") or config.get("description") or "")
    return _Action(name, key, dict(arguments) if isinstance(arguments, Mapping) else {}, description, allowed)


def _decision(action: _Action, content: Mapping[str, Any], number: str) -> dict[str, Any]:
    kind = content.get(f"decision{number}")
    text = str(content.get(f"text{number}") or "").strip()
    if kind == "edit":
        return {"type": "edit", "edited_action": {"name": action.name, action.arguments_key: _arguments(action, text)}}
    if kind == "reject":
        return {"type": "reject", **({"message": text} if text else {})}
    if kind == "respond":
        if not text:
            raise UnfitAnswer(f"A response to {action.name} needs a text.")
        return {"type": "respond", "message": text}
    return {"type": "approve"}


def _arguments(action: _Action, text: str) -> Mapping[str, Any]:
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnfitAnswer(f"The arguments of {action.name} are no JSON: {error}.") from None
    if not isinstance(arguments, dict):
        raise UnfitAnswer(f"The arguments of {action.name} have to be a JSON object.")
    return arguments
