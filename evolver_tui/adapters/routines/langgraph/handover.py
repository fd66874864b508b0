"""The moment at which a graph gets an answer: `interrupt()` returns it only to what was asked.

LangGraph runs an interrupted node again from its top and hands out the answers by their order. A graph that was changed
meanwhile may ask something else at the same place. So each call of `interrupt()` is looked at when it is made; where
its answer belongs to another question, the answers from there on are taken back, and the graph asks again.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from itertools import count
from types import FunctionType
from typing import Any, cast

from langgraph._internal._constants import CONFIG_KEY_CHECKPOINT_NS, CONFIG_KEY_SCRATCHPAD, CONFIG_KEY_SEND, RESUME
from langgraph.config import get_config
from langgraph.types import _interrupt_id, interrupt
from pydantic import TypeAdapter

Judge = Callable[[str, Any, Any], bool]
"""Whether the answer to the interrupt with this id may go to one with this value and response schema."""


class Handover:
    """Looks at each `interrupt()` of one run of a graph.

    Args:
        is_meant: is called from the nodes' threads, one at a time.
    """

    def __init__(self, is_meant: Judge) -> None:
        self.seen: set[str] = set()
        """The interrupts that had an answer, whether the graph got it or not."""
        self.taken_back: list[str] = []
        """The interrupts whose answers it did not get, in the order in which it would have got them."""
        self._is_meant = is_meant
        self._counters: dict[Any, Iterator[int]] = {}
        self._lock = threading.RLock()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look at what is interrupted with in this context."""
        token = _WATCHING.set(self)
        try:
            yield
        finally:
            _WATCHING.reset(token)

    def interrupt(self, value: Any, response_schema: Any) -> Any:
        """`interrupt()`, which asks again instead of returning an answer that was meant for something else."""
        with self._lock:
            self._look(value, response_schema)
            return _UNWATCHED(value, response_schema=response_schema)

    def _look(self, value: Any, response_schema: Any) -> None:
        given = get_config()["configurable"]
        scratchpad, namespace = given[CONFIG_KEY_SCRATCHPAD], given[CONFIG_KEY_CHECKPOINT_NS]
        # LangGraph gives a node that it tries again a counter that begins anew.
        place = next(self._counters.setdefault(scratchpad.interrupt_counter, count()))
        answers: list[Any] = scratchpad.resume
        if place >= len(answers):
            return
        name = _interrupt_id(namespace, place)
        schema = response_schema
        if schema is not None and not isinstance(schema, dict):
            schema = TypeAdapter(schema).json_schema()
        self.seen.add(name)
        if self._is_meant(name, value, schema):
            return
        names = [_interrupt_id(namespace, each) for each in range(place, len(answers))]
        self.seen.update(names)
        self.taken_back += names
        del answers[place:]
        given[CONFIG_KEY_SEND]([(RESUME, list(answers))])  # or the checkpoint would keep them


_WATCHING: ContextVar[Handover | None] = ContextVar("watching", default=None)
_original = cast(FunctionType, interrupt)
_UNWATCHED = FunctionType(_original.__code__, _original.__globals__, "interrupt")
_UNWATCHED.__kwdefaults__ = _original.__kwdefaults__


def call_interrupt(value: Any, response_schema: Any) -> Any:
    """What every `interrupt()` of this process does."""
    watching = _WATCHING.get()
    if watching is None:
        return _UNWATCHED(value, response_schema=response_schema)
    return watching.interrupt(value, response_schema)


def _watched(value: Any, *, response_schema: Any = None) -> Any:
    from evolver_tui.adapters.routines.langgraph.handover import call_interrupt

    return call_interrupt(value, response_schema)


# Modules of graphs hold the function by `from langgraph.types import interrupt`, so the function itself has to change.
_original.__code__ = _watched.__code__
