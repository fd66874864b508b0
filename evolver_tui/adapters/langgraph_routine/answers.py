"""The interrupts of a graph, asked one after another, and what people answered over all times the job was taken up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langgraph.types import Interrupt

from evolver_tui.adapters.langgraph_routine.interrupts import Form, UnfitAnswer, form_of
from evolver_tui.core.question import Answer, Question
from evolver_tui.engine.routine import Run

_KEPT = "graph answers"


class Answers:
    """Each interrupt becomes a question that is named by the interrupt's id.

    Args:
        declined: what the graph is given where the person declines.
    """

    def __init__(self, run: Run, declined: Any) -> None:
        kept = run.kept(_KEPT) or {"read": [], "refused": {}}
        self._run = run
        self._declined = declined
        self._names_read: list[str] = list(kept["read"])
        self._refused: dict[str, str] = dict(kept["refused"])
        """Name of a question to why its answer did not fit."""
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

    def refuse(self, interrupts: Iterable[Interrupt[Any]], problem: str) -> None:
        """The graph could not use the answers to these: they are asked again."""
        for each in interrupts:
            self._refused[self._name(each)[0]] = problem

    async def _value(self, interrupt: Interrupt[Any]) -> Any:
        schema = interrupt.response_schema
        form = form_of(interrupt.value, schema if isinstance(schema, Mapping) else None)
        while True:
            name, problem = self._name(interrupt)
            if name not in self._read:
                self._read[name] = await self._ask(name, form, problem)
            try:
                return form.resume(self._read[name], self._declined)
            except UnfitAnswer as error:
                self._refused[name] = str(error)

    async def _ask(self, name: str, form: Form, problem: str) -> Answer:
        message = form.message
        if problem:
            await self._keep()
            message = f"{message}\n\nThe answer before did not fit. {problem}"
        return await self._run.ask(Question(name, message, form.schema))

    def _name(self, interrupt: Interrupt[Any]) -> tuple[str, str]:
        """The name of the interrupt's latest question, and why the answer to the one before did not fit."""
        name, problem, number = f"interrupt {interrupt.id}", "", 1
        while name in self._refused:
            number += 1
            name, problem = f"interrupt {interrupt.id} #{number}", self._refused[name]
        return name, problem

    async def _keep(self) -> None:
        value = {"read": list(self._read), "refused": dict(self._refused)}
        if value != self._run.kept(_KEPT):
            await self._run.keep(_KEPT, value)
