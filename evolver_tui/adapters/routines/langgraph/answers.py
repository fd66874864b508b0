"""The interrupts of a graph, asked one after another, and what people answered over all times the job was taken up."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langgraph.types import Interrupt

from evolver_tui.adapters.routines.langgraph.interrupts import Form, UnfitAnswer, form_of
from evolver_tui.core.errors import EvolverError
from evolver_tui.core.question import Answer, AnswerAction, Question
from evolver_tui.engine.durable.routine import Run

_KEPT = "graph answers"
_LONGEST_QUOTE = 300
"""Characters of an earlier question or answer in a later question."""


class Answers:
    """Each interrupt becomes a question that is named by the interrupt's id: its node, and its place among the node's.

    An answer goes to what was asked and to nothing else. Where the graph asks other words at that place, the person is
    asked again. Only words that were asked again already, and differ once more though the source is the same, count as
    words that change by themselves, and get the answer.

    Args:
        declined: what the graph is given where the person declines.
    """

    def __init__(self, run: Run, declined: Any) -> None:
        kept = {"read": [], "refused": {}, "asked": {}, "changed": {}, "aside": {}, **(run.value(_KEPT) or {})}
        self._run = run
        self._declined = declined
        self._names_read: list[str] = list(kept["read"])
        self._refused: dict[str, str] = dict(kept["refused"])
        """Name of a question to why its answer did not fit."""
        self._asked: dict[str, list[str]] = dict(kept["asked"])
        """Name of a question whose answer was given to the graph to what tells it from others, and its message."""
        self._changed: dict[str, str] = dict(kept["changed"])
        """Name of a question in whose place another was asked to the source hash of that time."""
        self._aside: dict[str, str] = dict(kept["aside"])
        """What tells a question from others to an answer that was given to it and not used."""
        self._read: dict[str, Answer] = {}

    async def read_again(self) -> None:
        """Read the answers that the graph has gone past: whatever follows is done for the first time."""
        for name in self._names_read:
            self._read[name] = await self._run.ask(Question(name, ""))

    async def to(self, interrupts: Sequence[Interrupt[Any]]) -> dict[str, Any]:
        """Interrupt id to what `interrupt()` is to return; suspends at the first one that nobody answered yet."""
        values = {each.id: await self._value(each) for each in interrupts}
        await self._keep()
        return values

    def is_meant(self, interrupt_id: str, value: Any, response_schema: Any) -> bool:
        """Whether the answer to the latest question about this interrupt was given to what is asked now."""
        name, _ = self._name(interrupt_id)
        if name not in self._read:
            return False
        try:
            return self._is_for(name, _digest(_form(value, response_schema)))
        except EvolverError:
            return False  # the graph interrupts, and then it is said what is wrong

    def refuse(self, interrupts: Iterable[Interrupt[Any]], problem: str) -> None:
        """The graph could not use the answers to these: they are asked again."""
        for each in interrupts:
            self._refused[self._name(each.id)[0]] = f"The answer before did not fit. {problem}"

    def lay_aside(self, interrupt_ids: Iterable[str]) -> list[str]:
        """Remember answers that the graph did not use, for when it asks the same again; returns them in words."""
        sentences = []
        for interrupt_id in interrupt_ids:
            name, _ = self._name(interrupt_id)
            if name in self._asked and name in self._read:
                self._aside[self._asked[name][0]] = _in_words(self._read[name])
                sentences.append(self._in_sentence(name))
        return sentences

    def _is_for(self, name: str, digest: str) -> bool:
        if name not in self._asked or self._asked[name][0] == digest:
            return True  # what was asked is not known of jobs that an earlier release began
        is_known = any(digest == each for each, _ in self._asked.values())
        before = _name_before(name)
        return not is_known and before in self._changed and self._changed[before] == self._run.source_hash

    async def _value(self, interrupt: Interrupt[Any]) -> Any:
        form = _form(interrupt.value, interrupt.response_schema)
        digest = _digest(form)
        while True:
            name, problem = self._name(interrupt.id)
            if name not in self._read:
                self._read[name] = await self._ask(name, form, digest, problem)
            elif not self._is_for(name, digest):
                self._replace(name)
                continue
            try:
                value = form.resume(self._read[name], self._declined)
            except UnfitAnswer as error:
                self._refused[name] = f"The answer before did not fit. {error}"
            else:
                self._asked.setdefault(name, [digest, _cut(form.message)])
                return value

    def _replace(self, name: str) -> None:
        """Something else is asked in the place of this question."""
        sentence = self._in_sentence(name)
        self._refused[name] = (
            f"What the graph asks has changed while this waited: {sentence} would have gone to this question instead,"
            " and was not used. Please answer this one."
        )
        self._changed[name] = self._run.source_hash

    async def _ask(self, name: str, form: Form, digest: str, problem: str) -> Answer:
        notes = [problem] if problem else []
        if digest in self._aside:
            notes.append(f"Your answer to this question was {self._aside[digest]}, and was not used.")
        if notes:
            await self._keep()
        return await self._run.ask(Question(name, "\n\n".join([form.message, *notes]), form.schema))

    def _name(self, interrupt_id: str) -> tuple[str, str]:
        """The name of the interrupt's latest question, and why the answer to the one before did not fit."""
        name, problem, number = f"interrupt {interrupt_id}", "", 1
        while name in self._refused:
            number += 1
            name, problem = f"interrupt {interrupt_id} #{number}", self._refused[name]
        return name, problem

    async def _keep(self) -> None:
        value = {
            "read": list(self._read), "refused": dict(self._refused), "asked": dict(self._asked),
            "changed": dict(self._changed), "aside": dict(self._aside),
        }  # fmt: skip
        if value != self._run.value(_KEPT):
            await self._run.set_value(_KEPT, value)

    def _in_sentence(self, name: str) -> str:
        return f"the answer {_in_words(self._read[name])} to {_quoted(self._asked[name][1])}"


def _form(value: Any, response_schema: Any) -> Form:
    return form_of(value, response_schema if isinstance(response_schema, Mapping) else None)


def _digest(form: Form) -> str:
    """What two questions that read the same have in common: 16 hexadecimal digits."""
    text = json.dumps([form.message, form.schema], sort_keys=True, default=str)
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


def _name_before(name: str) -> str:
    head, _, number = name.partition(" #")
    return f"{head} #{int(number) - 1}" if number and number != "2" else head


def _in_words(answer: Answer) -> str:
    if answer.action is not AnswerAction.ACCEPT:
        return "that declined"
    values = list(answer.content.values())
    if len(values) == 1 and isinstance(values[0], str):
        return _quoted(values[0])
    return _cut(json.dumps(dict(answer.content), ensure_ascii=False, default=str))


def _quoted(text: str) -> str:
    return f"'{_cut(text)}'"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
