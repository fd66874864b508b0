"""Rows of TRL's dataset types, in their conversational form, made of decisions.

`sft` is what was approved, as `messages`. `dpo` is what was approved (`chosen`) beside each earlier draft of the same
task (`rejected`), under the `prompt` for which that one was written. `kto` is each draft (`completion`) with whether it
was approved (`label`). What stands in JSON is cleaned before it becomes JSON: afterwards its quotes are escapes, and
one that was taken away would leave a text that is none.

The prompt is the author's own, made anew of the task, what a person said of it, and why earlier drafts were sent back;
its system message and tools are those of today. The completion is the JSON object that the author asks for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from evolver_tui.core.decision import DecisionKind
from evolver_tui.core.errors import BackendError
from evolver_tui.core.model_data import answer_data, model_data
from evolver_tui.core.router_answer import CODE_KEY
from evolver_tui.core.task import Task
from evolver_tui.core.times import utc_text
from evolver_tui.core.tool import ToolDefinition
from evolver_tui.core.training_data.reviewed_draft import Asked, ReviewedDraft
from evolver_tui.engine.author.author import ROUTER
from evolver_tui.engine.author.prompt import author_prompt

Message = Mapping[str, str]


class LeftOut(Exception):
    """No row is made of a decision; the words say why, in the plural."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file."""

    record: Mapping[str, Any]
    """What TRL reads."""
    codes: tuple[str, ...]
    """The programs in it; by the first it is compared with other rows of its kind."""
    kind: str = ""


class Writer:
    """Makes rows of one type.

    Args:
        format: one of FORMATS.
        tools: all that the author may know, its own among them.
        clean: gives a JSON value without what nobody should learn.
    """

    def __init__(
        self, format: str, tools: Collection[ToolDefinition], clean: Callable[[Any], Any] = lambda value: value
    ) -> None:
        self._make = _MAKERS[format]
        self._clean = clean
        self.needs_chain = format == "dpo"
        """Whether it is given all decisions about a task."""
        self._router = next(tool for tool in tools if tool.name == ROUTER)
        self._system: str = clean(self._router.system_prompt)
        self._tools = [replace(tool, description=clean(tool.description)) for tool in tools if tool is not self._router]

    def rows(self, draft: ReviewedDraft, chain: Sequence[ReviewedDraft]) -> Sequence[Row]:
        """The rows of one decision. Raises LeftOut where it gives none."""
        return self._make(self, draft, chain)

    def prompt(self, draft: ReviewedDraft) -> list[Message]:
        """What its author was asked. Raises LeftOut."""
        asked = draft.asked or Asked({})
        try:
            prompt = author_prompt(
                self._router, self._tools, Task.from_raw(draft.task), asked.answers, asked.feedback,
                asked.previous_code, asked.failed_run,
            )  # fmt: skip
        except BackendError:
            raise LeftOut("about tasks that are too long for a model") from None
        request = {
            name: value if name == "tools" else self._clean(value) for name, value in json.loads(prompt.user).items()
        }
        return [{"role": "system", "content": self._system}, {"role": "user", "content": model_data(request)}]

    def completion(self, draft: ReviewedDraft, code: str) -> list[Message]:
        """A draft's answer, with this code in it."""
        answer: dict[str, Any] = {CODE_KEY: code, "workflow_name": draft.title}
        if draft.draft is not None:
            answer["suggested_node_id"] = draft.draft.node_id
            answer["tools_used"] = list(draft.draft.tools_used)
            answer["estimated_complexity"] = draft.draft.complexity
            if draft.draft.sample_inputs:
                answer["sample_inputs"] = list(draft.draft.sample_inputs)
        return [{"role": "assistant", "content": answer_data(self._clean(answer))}]

    def provenance(self, draft: ReviewedDraft, **more: Any) -> Any:
        """Where a row comes from."""
        return self._clean({**_provenance(draft), **more})


def _sft(writer: Writer, draft: ReviewedDraft, chain: Sequence[ReviewedDraft]) -> Sequence[Row]:
    if draft.kind is not DecisionKind.APPROVE:
        raise LeftOut("that approved nothing")
    messages = [*writer.prompt(draft), *writer.completion(draft, draft.code)]
    return [Row({"messages": messages, "provenance": writer.provenance(draft)}, (draft.code,))]


def _kto(writer: Writer, draft: ReviewedDraft, chain: Sequence[ReviewedDraft]) -> Sequence[Row]:
    if draft.kind is DecisionKind.RESPOND:
        raise LeftOut("that answered in words and judged nothing")
    label = draft.is_approved
    columns = {"prompt": writer.prompt(draft), "completion": writer.completion(draft, draft.code), "label": label}
    return [Row({**columns, "provenance": writer.provenance(draft)}, (draft.code,), str(label))]


def _dpo(writer: Writer, draft: ReviewedDraft, chain: Sequence[ReviewedDraft]) -> Sequence[Row]:
    last = chain[-1]
    if draft.key != last.key:
        raise LeftOut("that later ones about their tasks overtook; they are in the pairs of these")
    if not (chosen := draft.edited_code or (draft.code if draft.is_approved else "")):
        raise LeftOut("with which their tasks ended, and nothing approved")
    refused = {each.code: each for each in chain if not each.is_approved and each.code != chosen}
    if not refused:
        raise LeftOut("that approved a first draft, with nothing to set it against")
    rows = []
    for code, each in refused.items():
        columns = {
            "prompt": writer.prompt(each),
            "chosen": writer.completion(draft, chosen),
            "rejected": writer.completion(each, code),
            "provenance": writer.provenance(
                draft, rejected_draft=each.number, rejected_by=each.decided_by, rejected_at=utc_text(each.decided_at),
                rejected_model=each.model, prompt=_prompt_word(each),
            ),
        }  # fmt: skip
        rows.append(Row(columns, (code, chosen)))
    return rows


_MAKERS: Final[Mapping[str, Callable[[Writer, ReviewedDraft, Sequence[ReviewedDraft]], Sequence[Row]]]] = {
    "sft": _sft,
    "dpo": _dpo,
    "kto": _kto,
}
FORMATS: Final = tuple(_MAKERS)
"""The names of TRL's trainers."""


def _provenance(draft: ReviewedDraft) -> Mapping[str, Any]:
    """Where a row comes from."""
    return {
        "task_id": draft.task_id,
        "task_type": task_type(draft),
        "job": draft.job,
        "session": draft.session_id,
        "model": draft.model,
        "reviewer": draft.decided_by,
        "decision": draft.kind.value,
        "decided_at": utc_text(draft.decided_at),
        "node": draft.draft.node_id if draft.draft else "",
        "draft": draft.number,
        "prompt": _prompt_word(draft),
    }


def _prompt_word(draft: ReviewedDraft) -> str:
    return "as sent" if draft.asked else "made of the task"


def task_type(draft: ReviewedDraft) -> str:
    """The kind of task, as a person said or as its sender did."""
    said = draft.asked.answers.get("llmTaskType") if draft.asked else None
    return said if isinstance(said, str) and said else Task.from_raw(draft.task).type
