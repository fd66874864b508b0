"""An author with no model behind it: the same task always gives the same node, and everything it says is labelled so.

The prompt's user text is one JSON object:

    {"task": {...},               the hub's task object; id, taskName, llmTaskType, translationLanguages are read
     "answers": {...},            optional: what a person said when asked. "llmTaskType": summarize, generate or
                                  translate, in place of the task's; "languages": "de->en, fr->es", or a list of
                                  such texts or of {"from", "to"}, in place of the task's; "note": read as a wish
     "feedback": ["...", ...],    optional: why drafts were sent back, oldest first
     "failed_run": "...",         optional: what came of running the draft before
     "previous_code": "..."}      optional, and not read: the node is written again from the task and all feedback

It answers as a model is asked to: one JSON object with workflow_code, workflow_name, suggested_node_id, tools_used,
estimated_complexity and sample_inputs, and addressed where it understood the last feedback, in pieces of 12 to 20
characters.

A task whose field `offlineFirstDraft` is `crashes` gets a first draft that fails on an empty input, and says so in a
comment: so one can see how a draft is mended before a person is asked.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any

from evolver_tui.adapters.llm.offline_templates import NodePlan, addressed, write_node
from evolver_tui.core.errors import BackendError
from evolver_tui.core.node import slug
from evolver_tui.core.safe_text import without_hidden
from evolver_tui.core.task import TASK_TYPES, LanguagePair, Task
from evolver_tui.engine.author.backend import BackendInfo, Prompt, Usage
from evolver_tui.engine.clock import Clock

_PIECE_SIZES = (12, 17, 14, 20, 15, 13, 19, 16, 18)
_LONGEST_COMMENT = 100
_MOST_FEEDBACK = 10
_MOST_LANGUAGES = 20
_MOST_SAMPLE_LANGUAGES = 2
_LONGEST_SUBJECT = 36
"""Characters of the task's name that go into a node's id; what follows them must fit as well."""

_NOISE = {
    "a", "ai", "an", "and", "at", "by", "content", "for", "from", "in", "into", "llm", "of", "on", "our", "please",
    "some", "task", "text", "that", "the", "this", "to", "using", "with",
}  # fmt: skip
_OWN_WORDS = {
    "summarize": ("summar",),
    "generate": ("generat", "creat", "writ", "draft"),
    "translate": ("translat",),
}
"""How the words for what a task type does begin: the id says it once, with its verb."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,2}")
_BETWEEN_LANGUAGES = re.compile(r"\s*(?:->|→|=>|>|\bto\b|:)\s*")


class OfflineBackend:
    """A `Backend` that writes nodes from templates.

    Args:
        pace: seconds between two pieces, so that a person can watch; 0 writes at once.
    """

    def __init__(self, pace: float, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock

    @property
    def info(self) -> BackendInfo:
        """Labelled as offline."""
        return BackendInfo("offline", "templates", is_offline=True)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage, None]:
        """The answer in pieces, then a Usage that says nobody counted.

        Raises:
            BackendError: the prompt holds no task, or one of a type that there is no template for.
        """
        for piece in _pieces(json.dumps(_answer(_request(prompt.user)), ensure_ascii=False)):
            await self._clock.sleep(self._pace)
            yield piece
        yield Usage(None, None)

    async def close(self) -> None:
        """Nothing is held."""


def offline_tool_reply(tool_name: str, prompt: str) -> str:
    """What a tool says where there is no model: deterministic, and labelled as nothing that a model said."""
    return _tool_reply("offline", tool_name, prompt)


def dry_tool_reply(tool_name: str, prompt: str) -> str:
    """What a tool says in a dry run: the same, labelled as that."""
    return _tool_reply("dry", tool_name, prompt)


def _tool_reply(word: str, tool_name: str, prompt: str) -> str:
    label, text = f"[{word} {tool_name}]", prompt
    asked = re.match(r"Translate from (\S{1,20}) to (\S{1,20}): ", prompt)
    if tool_name == "quick_translator" and asked:
        label, text = f"[{word} {tool_name} {asked[1]} to {asked[2]}]", prompt[asked.end() :]
    elif tool_name == "nmt_translator":
        try:
            request = json.loads(prompt)
            languages = f"{request['source_language']} to {request['target_language']}"
            label, text = f"[{word} {tool_name} {languages}]", str(request["text"])
        except (ValueError, TypeError, KeyError, RecursionError):
            pass  # A prompt of another shape is echoed as it is.
    elif tool_name == "content_generator":
        text = f"A draft for: {prompt}"
    words = text.split(None, 12)
    return " ".join([label, *words[:12]]) + ("…" if len(words) > 12 else "")


def _pieces(text: str) -> Iterator[str]:
    start = turn = 0
    while start < len(text):
        size = _PIECE_SIZES[turn % len(_PIECE_SIZES)]
        yield text[start : start + size]
        start, turn = start + size, turn + 1


def _request(user: str) -> Mapping[str, Any]:
    try:
        request = json.loads(user)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, Mapping) or not isinstance(request.get("task"), Mapping):
        raise BackendError('What the offline author was asked is no JSON object with a "task".', "Send the task again.")
    return request


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    task = Task.from_raw(request["task"])
    answers = request.get("answers")
    answers = answers if isinstance(answers, Mapping) else {}
    task_type = str(answers.get("llmTaskType") or task.type).strip().lower()
    if task_type not in TASK_TYPES:
        raise BackendError(
            f"The offline author has templates for {', '.join(TASK_TYPES)}, and none for {_one_line(task_type, 40)!r}.",
            "Say which of them the task is, or configure a model.",
        )
    answered = tuple(_languages(answers.get("languages")))[:_MOST_LANGUAGES]
    translates = task_type == "translate" or (task_type == "generate" and bool(answered or task.languages))
    wishes = [_one_line(answers.get("note"))] + [_one_line(reason) for reason in _feedback(request)]
    plan = NodePlan(
        task_type=task_type,
        languages=answered,
        translates=translates,
        about=f"Task {_one_line(task.given_id, 40)}: {_one_line(task.name, 60)}",
        note=wishes[0],
        sent_back=tuple(wish for wish in wishes[1:] if wish),
        crashes=request["task"].get("offlineFirstDraft") == "crashes" and "previous_code" not in request,
        is_mended=bool(request.get("failed_run")),
    )
    subject = _subject(task.name, task_type)
    suffix = "with translations" if task_type == "generate" and translates else ""
    words = " ".join(filter(None, (task_type, *subject, suffix)))
    return {
        "workflow_code": write_node(plan),
        "workflow_name": words.capitalize(),
        "suggested_node_id": slug(words),
        "tools_used": list(plan.tools),
        "estimated_complexity": "moderate" if suffix else "simple",
        "sample_inputs": [_sample(plan, task)],
        **({"addressed": met} if (met := [*addressed(plan)]) else {}),
    }


def _sample(plan: NodePlan, task: Task) -> Mapping[str, Any]:
    field, text = {
        "summarize": ("content", "The build was red for two days. A test relied on the clock. It is mended."),
        "generate": ("prompt", "A short note to customers: the service is back."),
        "translate": ("text", "The service is back."),
    }[plan.task_type]
    pairs = plan.languages or tuple(task.languages) if plan.translates else ()
    languages = [{"from": pair.source, "to": pair.target} for pair in pairs[:_MOST_SAMPLE_LANGUAGES]]
    return {"id": "sample-1", field: text, **({"translationLanguages": languages} if languages else {})}


def _feedback(request: Mapping[str, Any]) -> Sequence[object]:
    reasons = request.get("feedback")
    return reasons[-_MOST_FEEDBACK:] if isinstance(reasons, list) else ()


def _subject(name: str, task_type: str) -> list[str]:
    """What the task is about: the words of its name that are neither noise nor the type's own verb."""
    plain = unicodedata.normalize("NFKD", name[:500]).encode("ascii", "ignore").decode().lower()
    words = [
        word
        for word in re.findall(r"[a-z0-9]+", plain)
        if word not in _NOISE and not word.startswith(_OWN_WORDS[task_type])
    ]
    while words and len("_".join(words)) > _LONGEST_SUBJECT:
        words.pop()
    return words or ["text"]


def _languages(value: object) -> Iterator[LanguagePair]:
    """Language pairs as a person writes them; what cannot be one is left out. A target alone is from English."""
    items = re.split(r"[,;\n]+", value) if isinstance(value, str) else value
    for item in items if isinstance(items, list) else ():
        if isinstance(item, Mapping):
            ends = [str(item.get("from", "en")), str(item.get("to", ""))]
        else:
            ends = _BETWEEN_LANGUAGES.split(str(item).strip())
        source, target = ends if len(ends) == 2 else ("en", ends[0])
        if len(ends) <= 2 and _LANGUAGE.fullmatch(source) and _LANGUAGE.fullmatch(target):
            yield LanguagePair(source, target)


def _one_line(value: object, limit: int = _LONGEST_COMMENT) -> str:
    """A stranger's text as the rest of a comment: one line, nothing hidden, not long."""
    text = value[: 10 * limit] if isinstance(value, str) else ""
    line = " ".join(without_hidden(" ".join(text.split())).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
