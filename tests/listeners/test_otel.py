"""What an OpenTelemetry collector is told of a session, over a real socket."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

from evolver_tui.adapters.listeners import otel_spans
from evolver_tui.adapters.listeners.deliveries import Deliveries
from evolver_tui.adapters.listeners.otel_listener import OtelTelling
from evolver_tui.core.address import Address
from evolver_tui.core.signal import Observation, Signal
from evolver_tui.core.signal_name import SignalName
from evolver_tui.settings.listener_config import OtelListener
from tests.support.otlp_collector import OtlpCollector
from tests.support.sessions import SUMMARIZE, approval, review_of, running, send, workspace_in


@pytest.fixture
def collector() -> Iterator[OtlpCollector]:
    with OtlpCollector() as running_one:
        yield running_one


class Story:
    """Signals of one task, told to a listener, a second after the other."""

    def __init__(self, url: str, environ: dict[str, str] | None = None, **config: Any) -> None:
        self.told: list[Observation] = []
        settings = OtelListener(endpoint=Address(url), seconds=3600, **config)
        find, secrets = (environ or {}).get, lambda: ["hunter2"]
        self.listener = OtelTelling(settings, Deliveries("traces", self.told.append), find, secrets, lambda: self.now)
        self.now = 1000.0

    def tell(self, name: str, task: str = "task-1", **payload: Any) -> None:
        """Tell of something that happened a second later."""
        self.now += 1
        context = {"timestamp": self.now, "session_id": "s1", "task_id": task, "job": 1}
        self.listener(Signal(name, payload, context))

    def end(self) -> None:
        """End the listener, ten seconds later."""
        self.now += 10
        self.listener.close(20.0)


@pytest.mark.anyio
async def test_a_session_is_told_of_as_a_trace_for_each_task(tmp_path: Path, collector: OtlpCollector) -> None:
    config = f'[listeners.traces]\nkind = "otel"\nendpoint = "{collector.url}"\nservice = "desk-7"\n'
    async with running(workspace_in(tmp_path, config)) as (session, watch):
        await send(session, SUMMARIZE)
        question, subject = await review_of(session, watch, "task-1")
        await session.inbox.decide(question.id, approval(subject))
        await watch.until("task.completed")
    (task,) = collector.named("task")
    assert task.parent is None
    assert task.resource["service.name"] == "desk-7"
    assert task.attributes["evolver.task.id"] == "task-1"
    assert task.attributes["session.id"] == session.id
    assert task.attributes["evolver.node"] == "summarize_blog_post v1"
    assert task.status == 1
    inner = {span.name: span for span in collector.spans if span.name != "task"}
    assert {"wait review", "try summarize_blog_post"} <= set(inner)
    (chat,) = [span for span in inner.values() if span.name.startswith("chat")]
    assert chat.attributes["gen_ai.operation.name"] == "chat"
    assert chat.attributes["gen_ai.usage.output_tokens"] > 0
    assert chat.kind == 3  # a client's
    assert {span.parent for span in inner.values()} <= {"task", "try summarize_blog_post"}
    for span in inner.values():
        assert task.began <= span.began <= span.ended <= task.ended
    assert inner["wait review"].attributes["evolver.decision"] == "approve"
    counted = {attributes["evolver.signal"]: count for attributes, count in collector.points("evolver.signals")}
    assert counted["task.completed"] == counted["session.ended"] == 1
    ((wait, (seconds, count)),) = collector.points("evolver.wait.duration")
    assert wait == {"evolver.wait": "review"}
    assert count == 1
    assert seconds == pytest.approx(inner["wait review"].ended - inner["wait review"].began, abs=1e-3)
    usage = {about["gen_ai.token.type"]: sums for about, sums in collector.points("gen_ai.client.token.usage")}
    assert usage["output"] == (chat.attributes["gen_ai.usage.output_tokens"], 1)
    assert len(collector.points("gen_ai.client.operation.duration")) == 1


def test_what_a_model_a_tool_and_a_person_took(collector: OtlpCollector) -> None:
    story = Story(collector.url)
    story.tell("task.queued")
    story.tell("task.started")
    story.tell("llm.generation_start", model="coder", backend="openai/coder")
    story.tell("llm.generation_error", backend="openai/coder", error="It said hunter2.", retry_in=1.0)
    story.tell("llm.generation_start", model="coder", backend="openai/coder")
    story.tell("llm.generation_complete", backend="openai/coder", prompt_tokens=7, tokens_generated=11)
    story.tell("node.checked", node_id="n")
    calls = [{"tool": "router", "seconds": 0.25}, {"tool": "judge", "seconds": 0.5, "error": "No hunter2."}]
    story.tell("node.tried", node_id="n", inputs=2, succeeded=1, box="guard", error="One failed.", tool_calls=calls)
    story.tell("question.asked", question="q1", message="Which?")
    story.tell("question.answered", question="q1", action="accept", by="ada", content={"a": "hunter2"})
    story.tell("task.failed", error="The disk is full.")
    story.end()
    told = {(span.name, span.began - 1000, span.ended - 1000): span for span in collector.spans}
    assert list(told) == [
        ("chat coder", 3, 4), ("chat coder", 5, 6),
        ("execute_tool router", 7, 7.25), ("execute_tool judge", 7.25, 7.75), ("try n", 7, 8),
        ("wait question", 9, 10), ("task", 1, 11),
    ]  # fmt: skip
    failed, answered, router, judge, tried, wait, task = told.values()
    assert collector.trace_count == 1
    assert (failed.status, failed.why, failed.attributes["error.type"]) == (2, "It said •••.", "_OTHER")
    assert answered.attributes == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "coder",
        "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 11,
    }  # fmt: skip
    assert answered.status == 0
    assert (router.parent, router.attributes["gen_ai.tool.name"], router.status) == ("try n", "router", 0)
    assert (judge.status, judge.why) == (2, "No •••.")
    assert tried.status == 2
    assert wait.attributes["evolver.decision"] == "accept"
    assert (task.status, task.why) == (2, "The disk is full.")
    assert "ada" not in str([(span.name, span.attributes, span.why) for span in told.values()])
    durations = collector.points("gen_ai.client.operation.duration")
    assert sorted((attributes.get("error.type", ""), sums) for attributes, sums in durations) == [
        ("", (1.0, 1)), ("_OTHER", (1.0, 1)),
    ]  # fmt: skip


def test_what_never_ends_ends_with_the_session_and_says_so(collector: OtlpCollector) -> None:
    story = Story(collector.url)
    story.tell("task.queued")
    story.tell("review.requested", question="r", message="?")
    story.tell("task.queued", task="task-2")
    story.tell("job.cancelled", task="task-2", by="ada")
    story.tell("llm.generation_start", task="task-3", model="m", backend="b/m")
    story.tell("task.completed", task="task-3", outcome="done")
    story.tell("question.answered", task="task-4", question="never heard")
    story.end()
    told = [(span.name, span.attributes.get("evolver.unfinished"), span.status) for span in collector.spans]
    assert told == [
        ("task", None, 0), ("chat m", "the task ended", 0), ("task", None, 1),
        ("wait review", "the session ended", 0), ("task", "the session ended", 0), ("task", "the session ended", 0),
    ]  # fmt: skip
    assert collector.spans[0].attributes["evolver.outcome"] == "job.cancelled"


def test_open_spans_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoMeasures:
        def generated(self, seconds: float, attributes: object) -> None: ...

        def waited(self, seconds: float, kind: str) -> None: ...

    monkeypatch.setattr(otel_spans, "MOST_OPEN_TASKS", 3)
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    keeper = otel_spans.SpanKeeper(provider.get_tracer("test"), NoMeasures(), str)
    for number in range(5):
        keeper.hear(Signal("task.queued", {}, {"timestamp": 1.0 * number, "task_id": f"t{number}"}))
    ended = exporter.get_finished_spans()
    assert [span.attributes["evolver.task.id"] for span in ended if span.attributes] == ["t0", "t1"]
    assert {span.attributes["evolver.unfinished"] for span in ended if span.attributes} == {"too many tasks are open"}


def test_names_are_those_of_the_conventions() -> None:
    source = Path(otel_spans.__file__).read_text() + Path(otel_spans.__file__).with_name("otel_export.py").read_text()
    known = {value for value in vars(gen_ai_attributes).values() if isinstance(value, str)}
    known |= {value for value in vars(gen_ai_metrics).values() if isinstance(value, str)}
    used = set(re.findall(r'"(gen_ai\.[a-z_.]+)"', source))
    assert len(used) >= 9
    assert used <= known


def test_strangers_names_make_no_series_of_their_own(collector: OtlpCollector) -> None:
    story = Story(collector.url)
    for number in range(500):
        story.tell(f"custom.n{number}")
    story.end()
    assert collector.points("evolver.signals") == [({"evolver.signal": "other"}, 500)]


def test_headers_are_sent_and_a_wrong_key_is_told_of(collector: OtlpCollector) -> None:
    story = Story(collector.url, {"KEYS": "api-key=hunter2, X-Team = a b"}, headers_env="KEYS")
    story.tell("task.queued")
    story.end()
    assert {(each["api-key"], each["x-team"]) for each in collector.headers} == {("hunter2", "a b")}
    assert set(OtelListener(headers_env="KEYS").secrets({"KEYS": "a=hunter2,b=x"}.get)) == {"hunter2", "x"}


@pytest.mark.parametrize(
    ("environ", "reason"), [({}, "There is no secret KEYS."), ({"KEYS": "hunter2\x01=x,=y"}, "KEYS holds no headers.")]
)
def test_headers_that_cannot_be_meant_stop_it(environ: dict[str, str], reason: str, collector: OtlpCollector) -> None:
    story = Story(collector.url, environ, headers_env="KEYS")
    story.tell("task.queued")
    story.tell("task.queued")
    (stopped,) = story.told
    assert stopped.name == SignalName.LISTENER_STOPPED
    assert str(stopped.payload["reason"]).startswith(reason)
    story.end()


def test_without_the_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evolver_tui.adapters.listeners.otel_export", None)
    story = Story("http://127.0.0.1:1")
    story.tell("task.queued")
    (stopped,) = story.told
    assert "pip install 'evolver-tui[otel]'" in stopped.payload["reason"]
    story.end()


def test_a_collector_that_refuses_is_told_of_and_not_on_the_terminal(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with OtlpCollector(lambda collector: 400) as collector:
        story = Story(collector.url)
        story.tell("task.queued")
        telemetry = story.listener._telemetry
        assert telemetry is not None
        story.tell("task.completed")
        telemetry._tracers.force_flush()
        (told,) = story.told
        assert told.name == SignalName.LISTENER_UNDELIVERED
        assert told.payload["reason"] == f"{collector.url} does not take it"
        assert told.payload["lost"] == 1
        story.end()
    assert capfd.readouterr() == ("", "")


@pytest.mark.anyio
async def test_a_collector_that_hangs_holds_no_end_up(tmp_path: Path) -> None:
    def hangs(collector: OtlpCollector) -> int:
        collector.is_closing.wait()
        return 200

    with OtlpCollector(hangs) as hanging:
        config = f'[listeners.traces]\nkind = "otel"\nendpoint = "{hanging.url}"\n'
        async with running(workspace_in(tmp_path, config)) as (session, watch):
            await send(session, SUMMARIZE)
            await watch.until("review.requested")
        assert not hanging.is_closing.is_set(), "the session ended first"
