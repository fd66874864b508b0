"""What goes to an OpenTelemetry collector: spans and metrics, by OTLP over HTTP, from threads of the SDK's own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.util.types import AttributeValue

from evolver_tui.adapters.listeners.otel_spans import SpanKeeper, provider_of
from evolver_tui.core.address import Address
from evolver_tui.core.signal import Signal
from evolver_tui.core.signal_catalogue.catalogue import CATALOGUE
from evolver_tui.core.signal_name import SignalName
from evolver_tui.settings.library_logs import keep_off_terminal
from evolver_tui.settings.proxies import proxy_for

TIMEOUT_SECONDS: Final = 10.0
"""Of one delivery with all its attempts."""
_SCOPE: Final = "evolver_tui"
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
"""The steps of histograms, as the GenAI conventions advise."""
_WAITS: Final = (1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400)

for _logger in ("opentelemetry", "urllib3"):
    keep_off_terminal(_logger)


@dataclass(frozen=True, slots=True)
class Collector:
    """Where to deliver."""

    endpoint: Address
    headers: Mapping[str, str]
    service: str
    seconds: float
    """From one delivery to the next."""


class Telemetry:
    """Makes spans and metrics of signals, and delivers them. To be used in one thread; `end` in another.

    Args:
        delivered: told of each delivery, whether it came; in a thread of the SDK's.
        scrub: takes known secrets out of a text.
    """

    def __init__(self, collector: Collector, delivered: Callable[[bool], None], scrub: Callable[[str], str]) -> None:
        resource = Resource.create({"service.name": collector.service})
        milliseconds = collector.seconds * 1000
        spans = _Spans(delivered, **_way_to(collector, "v1/traces"))
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracers.add_span_processor(BatchSpanProcessor(spans, schedule_delay_millis=milliseconds))
        metrics = _Metrics(delivered, **_way_to(collector, "v1/metrics"))
        reader = PeriodicExportingMetricReader(metrics, export_interval_millis=milliseconds)
        self._meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._instruments = _Instruments(self._meters)
        self._keeper = SpanKeeper(self._tracers.get_tracer(_SCOPE), self._instruments, scrub)

    def hear(self, signal: Signal) -> None:
        """Take notice of a signal."""
        self._instruments.hear(signal)
        self._keeper.hear(signal)

    def end(self, now: float, seconds: float) -> None:
        """End what is open and deliver it, within some seconds. Nothing is heard afterwards."""
        self._keeper.close(now)
        ends = [threading.Thread(target=each.shutdown, daemon=True) for each in (self._tracers, self._meters)]
        for thread in ends:
            thread.start()
        for thread in ends:
            thread.join(seconds / len(ends))


class _Instruments:
    """The metrics. Implements `Measures` of the spans."""

    def __init__(self, meters: MeterProvider) -> None:
        meter = meters.get_meter(_SCOPE)
        self._signals = meter.create_counter("evolver.signals", "{signal}", "Signals by their names.")
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens that a model read or wrote.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )  # fmt: skip
        self._generations = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "How long a model took.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )  # fmt: skip
        self._waits = meter.create_histogram(
            "evolver.wait.duration", "s", "How long a person was waited for.",
            explicit_bucket_boundaries_advisory=_WAITS,
        )  # fmt: skip
        self._models: dict[str, AttributeValue] = {}

    def hear(self, signal: Signal) -> None:
        """Count a signal, and the tokens that it tells of."""
        # A stranger may name signals as it likes, and each name would be a series of its own.
        known = signal.name if signal.name in CATALOGUE else "other"
        self._signals.add(1, {"evolver.signal": known})
        if signal.name == SignalName.LLM_GENERATION_START:
            self._models[provider_of(signal)] = str(signal.payload.get("model") or "")[:100]
        if signal.name == SignalName.LLM_GENERATION_COMPLETE:
            provider = provider_of(signal)
            attributes: dict[str, AttributeValue] = {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": provider,
                "gen_ai.request.model": self._models.get(provider, ""),
            }
            for field, kind in (("prompt_tokens", "input"), ("tokens_generated", "output")):
                count = signal.payload.get(field)
                if isinstance(count, int) and count >= 0:
                    self._tokens.record(count, {**attributes, "gen_ai.token.type": kind})

    def generated(self, seconds: float, attributes: Mapping[str, AttributeValue]) -> None:
        """See `Measures`."""
        self._generations.record(max(seconds, 0.0), attributes)

    def waited(self, seconds: float, kind: str) -> None:
        """See `Measures`."""
        self._waits.record(max(seconds, 0.0), {"evolver.wait": kind})


class _Spans(OTLPSpanExporter):
    """Says what came of each delivery."""

    def __init__(self, delivered: Callable[[bool], None], **way: Any) -> None:
        super().__init__(**way)
        self._delivered = delivered

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver spans."""
        result = super().export(spans)
        self._delivered(result is SpanExportResult.SUCCESS)
        return result


class _Metrics(OTLPMetricExporter):
    """Says what came of each delivery."""

    def __init__(self, delivered: Callable[[bool], None], **way: Any) -> None:
        super().__init__(**way)
        self._delivered = delivered

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **more: Any
    ) -> MetricExportResult:
        """Deliver metrics."""
        result = super().export(metrics_data, timeout_millis, **more)
        self._delivered(result is MetricExportResult.SUCCESS)
        return result


def _way_to(collector: Collector, path: str) -> dict[str, Any]:
    url = f"{collector.endpoint.for_connecting().strip().rstrip('/')}/{path}"
    session = requests.Session()
    session.trust_env, session.max_redirects = False, 0
    proxy = proxy_for(url)
    if proxy is not None:
        session.proxies = dict.fromkeys(("http", "https"), proxy.for_connecting())
    return {"endpoint": url, "headers": dict(collector.headers), "timeout": TIMEOUT_SECONDS, "session": session}
