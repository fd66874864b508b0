"""Spans made of signals: a task from its arrival to its end, and within it what the model, a try and a person took."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_name import SignalName

MOST_OPEN_TASKS: Final = 1_000
"""Tasks whose spans are open at once; the one that was heard of first ends early where there are more."""
UNFINISHED: Final = "evolver.unfinished"
"""The attribute that says why a span ended that was not over."""
_MOST_CHARACTERS: Final = 500

Attributes = Mapping[str, object]


class Measures(Protocol):
    """What is told of spans that ended as they should."""

    def generated(self, seconds: float, attributes: Mapping[str, AttributeValue]) -> None:
        """A model was asked, and answered or failed."""

    def waited(self, seconds: float, kind: str) -> None:
        """A person was waited for: "review" or "question"."""


@dataclass(slots=True)
class _OpenTask:
    span: Span
    inner: dict[str, _Inner] = field(default_factory=dict)
    """By what it is: "generation", "try", "review", or a question's name."""
    checked_at: float | None = None


@dataclass(frozen=True, slots=True)
class _Inner:
    span: Span
    began: float
    attributes: Mapping[str, AttributeValue]


class SpanKeeper:
    """Begins and ends spans as signals tell. To be used in one thread.

    Args:
        tracer: makes them.
        measures: told of what ended.
        scrub: takes known secrets out of a text.
    """

    def __init__(self, tracer: Tracer, measures: Measures, scrub: Callable[[str], str]) -> None:
        self._tracer = tracer
        self._measures = measures
        self._scrub = scrub
        self._tasks: OrderedDict[str, _OpenTask] = OrderedDict()

    def hear(self, signal: Signal) -> None:
        """Take notice of a signal; most say nothing about spans."""
        act = _ACTS.get(signal.name)
        key = str(signal.context.get("task_id") or signal.context.get("job") or "")
        if act is not None and key:
            act(self, key, signal)

    def close(self, now: float) -> None:
        """End what is open.

        Args:
            now: seconds since 1970.
        """
        while self._tasks:
            self._end_early(next(iter(self._tasks)), now, "the session ended")

    # --- a task

    def _task(self, key: str, signal: Signal) -> _OpenTask:
        """The open task, which begins here where nothing of it was heard before."""
        task = self._tasks.get(key)
        if task is None:
            if len(self._tasks) == MOST_OPEN_TASKS:
                self._end_early(next(iter(self._tasks)), signal.timestamp, "too many tasks are open")
            attributes = {
                "evolver.task.id": signal.context.get("task_id"),
                "evolver.job": signal.context.get("job"),
                "session.id": signal.context.get("session_id"),
            }
            span = self._tracer.start_span(
                "task", start_time=_nanoseconds(signal.timestamp), attributes=self._fit(attributes)
            )
            task = self._tasks[key] = _OpenTask(span)
        return task

    def _begin_task(self, key: str, signal: Signal) -> None:
        self._task(key, signal)

    def _complete_task(self, key: str, signal: Signal) -> None:
        task = self._task(key, signal)
        told = {"evolver.outcome": signal.payload.get("outcome"), "evolver.node": signal.payload.get("node")}
        task.span.set_attributes(self._fit(told))
        task.span.set_status(Status(StatusCode.OK))
        self._end_task(key, signal.timestamp)

    def _fail_task(self, key: str, signal: Signal) -> None:
        self._task(key, signal).span.set_status(self._failure(signal))
        self._end_task(key, signal.timestamp)

    def _leave_task(self, key: str, signal: Signal) -> None:
        """It was cancelled, or went to another machine: neither well nor ill."""
        self._task(key, signal).span.set_attribute("evolver.outcome", signal.name)
        self._end_task(key, signal.timestamp)

    def _end_task(self, key: str, now: float, reason: str = "the task ended") -> None:
        task = self._tasks.pop(key)
        for inner in task.inner.values():
            inner.span.set_attribute(UNFINISHED, reason)
            inner.span.end(_nanoseconds(now))
        task.span.end(_nanoseconds(now))

    def _end_early(self, key: str, now: float, reason: str) -> None:
        self._tasks[key].span.set_attribute(UNFINISHED, reason)
        self._end_task(key, now, reason)

    # --- what a task consists of

    def _begin(
        self, key: str, what: str, name: str, signal: Signal, attributes: Attributes, kind: SpanKind = SpanKind.INTERNAL
    ) -> None:
        task = self._task(key, signal)
        self._end_inner(task, what, signal.timestamp, {UNFINISHED: "the next one began"})
        fit = self._fit(attributes)
        span = self._tracer.start_span(
            self._text(name), set_span_in_context(task.span), kind, fit, start_time=_nanoseconds(signal.timestamp)
        )
        task.inner[what] = _Inner(span, signal.timestamp, fit)

    def _end_inner(
        self, task: _OpenTask, what: str, now: float, attributes: Attributes, status: Status | None = None
    ) -> _Inner | None:
        inner = task.inner.pop(what, None)
        if inner is None:
            return None
        inner.span.set_attributes(self._fit(attributes))
        if status is not None:
            inner.span.set_status(status)
        inner.span.end(_nanoseconds(now))
        return inner

    def _ask_model(self, key: str, signal: Signal) -> None:
        model = str(signal.payload.get("model") or "")
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider_of(signal),
            "gen_ai.request.model": model or None,
        }
        self._begin(key, "generation", f"chat {model}".rstrip(), signal, attributes, SpanKind.CLIENT)

    def _hear_model(self, key: str, signal: Signal) -> None:
        told = signal.payload
        attributes = {
            "gen_ai.usage.input_tokens": told.get("prompt_tokens"),
            "gen_ai.usage.output_tokens": told.get("tokens_generated"),
            "evolver.tokens_counted_by": told.get("tokens_counted_by"),
            "evolver.cost": told.get("cost"),
            "evolver.currency": told.get("currency"),
        }
        inner = self._end_inner(self._task(key, signal), "generation", signal.timestamp, attributes)
        if inner is not None:
            self._measures.generated(signal.timestamp - inner.began, inner.attributes)

    def _miss_model(self, key: str, signal: Signal) -> None:
        attributes = {"error.type": "_OTHER"}
        task = self._task(key, signal)
        inner = self._end_inner(task, "generation", signal.timestamp, attributes, self._failure(signal))
        if inner is not None:
            self._measures.generated(signal.timestamp - inner.began, {**inner.attributes, **self._fit(attributes)})

    def _check_node(self, key: str, signal: Signal) -> None:
        """From here on its try is going on, where there is one."""
        self._task(key, signal).checked_at = signal.timestamp

    def _try_node(self, key: str, signal: Signal) -> None:
        task, told = self._task(key, signal), signal.payload
        began = task.checked_at if task.checked_at is not None and "by" not in told else signal.timestamp
        task.checked_at = None
        attributes = {
            "evolver.node.id": told.get("node_id"),
            "evolver.inputs": told.get("inputs"),
            "evolver.succeeded": told.get("succeeded"),
            "evolver.box": told.get("box"),
        }
        span = self._tracer.start_span(
            self._text(f"try {told.get('node_id', '')}"), set_span_in_context(task.span),
            attributes=self._fit(attributes), start_time=_nanoseconds(began),
        )  # fmt: skip
        for call in told.get("tool_calls") or ():
            began = self._call_tool(span, call, began)
        if told.get("error"):
            span.set_status(self._failure(signal))
        span.end(_nanoseconds(signal.timestamp))

    def _call_tool(self, parent: Span, call: Mapping[str, object], began: float) -> float:
        """One call of a try: how long it took is known, and when it was only about, one after the other."""
        seconds, tool = call.get("seconds"), str(call.get("tool", ""))
        ended = began + (seconds if isinstance(seconds, int | float) else 0.0)
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}
        span = self._tracer.start_span(
            self._text(f"execute_tool {tool}"), set_span_in_context(parent), attributes=self._fit(attributes),
            start_time=_nanoseconds(began),
        )  # fmt: skip
        if call.get("error"):
            span.set_attribute("error.type", "_OTHER")
            span.set_status(Status(StatusCode.ERROR, self._text(str(call["error"]))))
        span.end(_nanoseconds(ended))
        return ended

    def _ask_person(self, key: str, signal: Signal) -> None:
        is_review = signal.name == SignalName.REVIEW_REQUESTED
        kind, question = "review" if is_review else "question", signal.payload.get("question")
        what = kind if is_review else f"question {question}"
        self._begin(key, what, f"wait {kind}", signal, {"evolver.wait": kind, "evolver.question": question})

    def _hear_review(self, key: str, signal: Signal) -> None:
        self._hear_person(key, signal, "review", "review", {"evolver.decision": signal.payload.get("kind")})

    def _hear_answer(self, key: str, signal: Signal) -> None:
        what = f"question {signal.payload.get('question')}"
        self._hear_person(key, signal, what, "question", {"evolver.decision": signal.payload.get("action")})

    def _hear_person(self, key: str, signal: Signal, what: str, kind: str, attributes: Attributes) -> None:
        inner = self._end_inner(self._task(key, signal), what, signal.timestamp, attributes)
        if inner is not None:
            self._measures.waited(signal.timestamp - inner.began, kind)

    # --- values

    def _failure(self, signal: Signal) -> Status:
        return Status(StatusCode.ERROR, self._text(str(signal.payload.get("error", ""))))

    def _text(self, text: str) -> str:
        return self._scrub(text[: 2 * _MOST_CHARACTERS])[:_MOST_CHARACTERS]

    def _fit(self, attributes: Attributes) -> dict[str, AttributeValue]:
        """Those that are known, without secrets."""
        fit: dict[str, AttributeValue] = {}
        for name, value in attributes.items():
            if isinstance(value, bool | int | float):
                fit[name] = value
            elif value is not None:
                fit[name] = self._text(str(value))
        return fit


def provider_of(signal: Signal) -> str:
    """Who is asked, e.g. `openai`, `anthropic` or `offline`."""
    return str(signal.payload.get("backend", "")).partition("/")[0] or "unknown"


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


_ACTS: Final[Mapping[str, Callable[[SpanKeeper, str, Signal], None]]] = {
    SignalName.TASK_QUEUED: SpanKeeper._begin_task,
    SignalName.TASK_STARTED: SpanKeeper._begin_task,
    SignalName.TASK_RETRIED: SpanKeeper._begin_task,
    SignalName.JOB_RESUMED: SpanKeeper._begin_task,
    SignalName.JOB_RESTORED: SpanKeeper._begin_task,
    SignalName.DECISION_UNDONE: SpanKeeper._begin_task,
    SignalName.JOB_IMPORTED: SpanKeeper._begin_task,
    SignalName.TASK_COMPLETED: SpanKeeper._complete_task,
    SignalName.TASK_FAILED: SpanKeeper._fail_task,
    SignalName.JOB_CANCELLED: SpanKeeper._leave_task,
    SignalName.JOB_EXPORTED: SpanKeeper._leave_task,
    SignalName.LLM_GENERATION_START: SpanKeeper._ask_model,
    SignalName.LLM_GENERATION_COMPLETE: SpanKeeper._hear_model,
    SignalName.LLM_GENERATION_ERROR: SpanKeeper._miss_model,
    SignalName.NODE_CHECKED: SpanKeeper._check_node,
    SignalName.NODE_TRIED: SpanKeeper._try_node,
    SignalName.REVIEW_REQUESTED: SpanKeeper._ask_person,
    SignalName.QUESTION_ASKED: SpanKeeper._ask_person,
    SignalName.REVIEW_DECIDED: SpanKeeper._hear_review,
    SignalName.QUESTION_ANSWERED: SpanKeeper._hear_answer,
}
