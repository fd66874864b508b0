"""A collector for tests: OTLP over HTTP on a real socket, read by OpenTelemetry's own protocol definitions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.http_server import QuietServer

PATIENCE_SECONDS = 20.0
"""Only a hang takes so long."""


@dataclass(frozen=True)
class Told:
    """A span as it came."""

    name: str
    parent: str | None
    """The parent's name."""
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    status: int
    """0 unset, 1 well, 2 an error."""
    why: str
    began: float
    ended: float
    kind: int


class OtlpCollector:
    """Takes spans and metrics.

    Args:
        answer: the status of each answer.
    """

    def __init__(self, answer: Callable[[OtlpCollector], int] = lambda collector: 200) -> None:
        self.headers: list[Mapping[str, str]] = []
        self.is_closing = threading.Event()
        self._answer = answer
        self._spans: list[tuple[Span, Mapping[str, Any]]] = []
        self._metrics: dict[str, list[Any]] = {}
        self._news = threading.Condition()
        self._server = QuietServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def spans(self) -> list[Told]:
        """What came, in the order in which it ended."""
        with self._news:
            names = {span.span_id: span.name for span, _ in self._spans}
            return [
                Told(
                    span.name, names.get(span.parent_span_id) if span.parent_span_id else None,
                    values(span.attributes), resource, span.status.code, span.status.message,
                    span.start_time_unix_nano / 1e9, span.end_time_unix_nano / 1e9, span.kind,
                )
                for span, resource in self._spans
            ]  # fmt: skip

    def named(self, name: str) -> list[Told]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]

    @property
    def trace_count(self) -> int:
        """How many traces there are."""
        return len({span.trace_id for span, _ in self._spans})

    def points(self, metric: str) -> list[tuple[Mapping[str, Any], Any]]:
        """The latest points of a metric: attributes, and a sum or a histogram's sum and count."""
        with self._news:
            return [
                (values(point.attributes), point.as_int if hasattr(point, "as_int") else (point.sum, point.count))
                for point in self._metrics.get(metric, ())
            ]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.is_closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _take(self, path: str, body: bytes) -> bytes:
        with self._news:
            if path == "/v1/traces":
                traces = ExportTraceServiceRequest.FromString(body)
                for group in traces.resource_spans:
                    for scope in group.scope_spans:
                        self._spans += [(span, values(group.resource.attributes)) for span in scope.spans]
                return bytes(ExportTraceServiceResponse().SerializeToString())
            assert path == "/v1/metrics"
            metrics = ExportMetricsServiceRequest.FromString(body)
            for each in metrics.resource_metrics:
                for scope_metrics in each.scope_metrics:
                    for metric in scope_metrics.metrics:
                        kind = metric.WhichOneof("data")
                        assert kind is not None
                        self._metrics[metric.name] = list(getattr(metric, kind).data_points)
            return bytes(ExportMetricsServiceResponse().SerializeToString())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                assert self.headers["content-type"] == "application/x-protobuf"
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.headers.append({name.lower(): value for name, value in self.headers.items()})
                status = collector._answer(collector)
                answer = collector._take(self.path, body) if status == 200 else b""
                self.send_response(status)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing."""

        return Handler


def values(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes as plain values."""
    found = {}
    for each in attributes:
        kind = each.value.WhichOneof("value")
        found[each.key] = getattr(each.value, kind) if kind else None
    return found
