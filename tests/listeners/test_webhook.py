"""Webhooks against real servers: signed, tried again, put aside; whatever the server does."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.listeners.dead_letters import DeadLetters
from evolver_tui.adapters.listeners.deliveries import Deliveries
from evolver_tui.adapters.listeners.webhook import MOST_WAITING, Webhook
from evolver_tui.adapters.listeners.webhook_endpoint import Endpoint
from evolver_tui.adapters.listeners.webhook_message import Message
from evolver_tui.core.address import Address
from evolver_tui.core.signal import Observation, Signal
from evolver_tui.settings.listener_config import WebhookListener
from tests.support.tls import make_certificate, tls_in_front_of
from tests.support.webhook_receiver import PATIENCE_SECONDS, SECRET, Receiver, Reply

READY = Signal("custom.ready", {"n": 1}, {"timestamp": 1_763_737_200.5, "session_id": "s1", "task_id": "task-17"})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


class WatchedLetters(DeadLetters):
    """Dead letters that say when they are there."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        super().__init__(path, max_bytes)
        self._count = 0
        self._news = threading.Condition()

    def append(self, message: Message, reason: str) -> bool:
        """Keep a message, and tell of it."""
        is_kept = super().append(message, reason)
        with self._news:
            self._count += is_kept
            self._news.notify_all()
        return is_kept

    def until(self, count: int) -> bool:
        """Wait until so many were kept."""
        with self._news:
            return self._news.wait_for(lambda: self._count >= count, PATIENCE_SECONDS)


@dataclass
class Bench:
    """A webhook whose time is moved by hand."""

    folder: Path
    config: WebhookListener
    told: list[Observation] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    now: float = field(default_factory=lambda: float(int(time.time())))
    """Receivers take a signature for five minutes; beyond that no test looks at the machine's clock."""
    news: threading.Condition = field(default_factory=threading.Condition)
    secrets: tuple[str, ...] = ()
    environ: dict[str, str] = field(default_factory=lambda: {"OPS_SECRET": SECRET})

    def __post_init__(self) -> None:
        numbers = count(1)
        path, max_bytes = self.folder / "undelivered" / "ops.jsonl", int(self.config.dead_letters_mb * 1e6)
        self.letters = WatchedLetters(path, max_bytes)
        self.webhook = Webhook(
            "ops", self._make_endpoint, self.letters, Deliveries("ops", self._tell), lambda: self.secrets,
            max_attempts=self.config.max_attempts, new_id=lambda: f"msg_{next(numbers)}", now=lambda: self.now,
            jitter=lambda: 0.5, wait=self._wait,
        )  # fmt: skip

    def _make_endpoint(self) -> Endpoint:
        return Endpoint(self.config, self.environ.get, now=lambda: self.now)

    def _tell(self, observation: Observation) -> None:
        with self.news:
            self.told.append(observation)
            self.news.notify_all()

    def _wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return False

    def wait_until_told(self, name: str, times: int = 1) -> Observation:
        """Wait for what the webhook tells."""
        with self.news:
            assert self.news.wait_for(lambda: len(self.named(name)) >= times, PATIENCE_SECONDS), self.told
            return self.named(name)[times - 1]

    def wait_until_put_aside(self, count: int) -> None:
        """Wait until so many lie among the dead letters."""
        assert self.letters.until(count)

    def named(self, name: str) -> list[Observation]:
        """What it told by that name."""
        return [each for each in self.told if each.name == name]

    def put_aside(self) -> list[dict[str, Any]]:
        """What lies among the dead letters."""
        if not self.letters.path.exists():
            return []
        return [json.loads(line) for line in self.letters.path.read_text("ascii").splitlines()]


def bench(folder: Path, url: str, **config: Any) -> Bench:
    return Bench(folder, WebhookListener(url=Address(url), secret_env="OPS_SECRET", **config))


# --- what is sent


def test_a_signal_is_posted_and_its_signature_is_right(tmp_path: Path, receiver: Receiver) -> None:
    made = bench(tmp_path, receiver.url)
    made.webhook(READY)
    (delivery,) = receiver.wait_for(1)
    assert delivery.event == {"type": "SIGNAL_EMITTED", **READY.to_dict()}
    assert delivery.headers["content-type"] == "application/json"
    assert delivery.headers["webhook-id"] == "msg_1"
    assert delivery.headers["user-agent"] == "evolver-tui"
    made.webhook.close(PATIENCE_SECONDS)
    assert made.put_aside() == []
    assert made.told == []


def test_a_cloud_event_has_the_signal_as_its_data(tmp_path: Path, receiver: Receiver) -> None:
    made = bench(tmp_path, receiver.url, body="cloudevents")
    made.webhook(READY)
    (delivery,) = receiver.wait_for(1)
    assert delivery.headers["content-type"] == "application/cloudevents+json"
    assert delivery.event == {
        "specversion": "1.0", "id": "msg_1", "source": "/evolver-tui/s1", "type": "evolver.custom.ready",
        "time": "2025-11-21T15:00:00.500Z", "datacontenttype": "application/json", "subject": "task-17",
        "data": {"type": "SIGNAL_EMITTED", **READY.to_dict()},
    }  # fmt: skip
    made.webhook.close(PATIENCE_SECONDS)


def test_without_a_secret_nothing_is_signed(tmp_path: Path) -> None:
    with Receiver(None) as receiver:
        made = Bench(tmp_path, WebhookListener(url=Address(receiver.url)))
        made.webhook(READY)
        (delivery,) = receiver.wait_for(1)
        assert "webhook-signature" not in delivery.headers
        assert delivery.id == "msg_1"
        made.webhook.close(PATIENCE_SECONDS)


def test_no_secret_stands_in_a_body(tmp_path: Path, receiver: Receiver) -> None:
    made = bench(tmp_path, receiver.url)
    made.secrets = (SECRET, SECRET.removeprefix("whsec_"), "hunter2")
    made.webhook(
        Signal("custom.leak", {"why": f"hunter2, {SECRET}, {SECRET[6:]}", "api_key": "abc", "odd": "\x1b[2J\u202e"})
    )
    (delivery,) = receiver.wait_for(1)
    assert b"hunter2" not in delivery.body
    assert SECRET[6:].encode() not in delivery.body
    assert delivery.event["payload"]["api_key"] == "•••"
    assert delivery.event["payload"]["odd"] == "\x1b[2J\u202e"
    made.webhook.close(PATIENCE_SECONDS)


def test_signals_come_in_their_order_over_one_connection(tmp_path: Path, receiver: Receiver) -> None:
    made = bench(tmp_path, receiver.url)
    receiver.then(*[Reply(200, {"set-cookie": "a=b"}, b"x" * 100)] * 10)
    for number in range(30):
        made.webhook(Signal("custom.step", {"number": number}))
    deliveries = receiver.wait_for(30)
    assert [each.event["payload"]["number"] for each in deliveries] == list(range(30))
    assert not any("cookie" in each.headers for each in deliveries)
    made.webhook.close(PATIENCE_SECONDS)
    assert made.put_aside() == []


# --- what goes wrong


def test_it_is_tried_again_under_the_same_id_and_waits_longer_each_time(tmp_path: Path, receiver: Receiver) -> None:
    made = bench(tmp_path, receiver.url, max_attempts=5)
    receiver.then(Reply(500), Reply(503), Reply(408), Reply(429))
    made.webhook(READY)
    assert {each.id for each in receiver.wait_for(5)} == {"msg_1"}
    made.webhook.close(PATIENCE_SECONDS)
    assert made.waits == [0.5, 1.0, 2.0, 4.0]
    assert made.put_aside() == []


@pytest.mark.parametrize(
    ("value", "waits"),
    [
        ("7", 7.0),
        ("0", 0.5),
        ("-5", 0.5),
        ("nonsense", 0.5),
        ("1" * 400, 120.0),
        ("86400", 120.0),
        (30.0, 30.0),
        (1e7, 120.0),
        (-1e7, 0.5),
    ],
    ids=lambda value: str(value)[:5],
)
def test_a_server_says_how_long_it_wants_to_be_left_alone(
    tmp_path: Path, receiver: Receiver, value: str | float, waits: float
) -> None:
    """In seconds, or as the moment that is so far away."""
    made = bench(tmp_path, receiver.url)
    named = value if isinstance(value, str) else formatdate(made.now + value, usegmt=True)
    receiver.then(Reply(429, {"retry-after": named}))
    made.webhook(READY)
    receiver.wait_for(2)
    made.webhook.close(PATIENCE_SECONDS)
    assert made.waits == [waits]


@pytest.mark.parametrize(
    ("status", "reason"), [(400, "answered 400"), (404, "answered 404"), (302, "answered 302, which leads")]
)
def test_what_is_refused_is_not_tried_again_nor_sent_elsewhere(
    tmp_path: Path, receiver: Receiver, status: int, reason: str
) -> None:
    with Receiver() as elsewhere:
        made = bench(tmp_path, receiver.url)
        began = made.now
        receiver.then(Reply(status, {"location": elsewhere.url}))
        made.webhook(READY)
        made.webhook(READY)
        assert [each.id for each in receiver.wait_for(2)] == ["msg_1", "msg_2"]
        made.webhook.close(PATIENCE_SECONDS)
        (letter,) = made.put_aside()
        assert letter["id"] == "msg_1"
        assert letter["reason"].startswith(reason)
        assert letter["signal"] == {"type": "SIGNAL_EMITTED", **READY.to_dict()}
        assert letter["first_tried"] == began
        assert elsewhere.deliveries == []
        assert stat.S_IMODE(made.letters.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(made.letters.path.parent.stat().st_mode) == 0o700
        (told,) = made.told
        assert told.payload == {"listener": "ops", "reason": letter["reason"], "signals": 1, "lost": 0}


def test_an_endpoint_that_is_gone_is_asked_no_more(tmp_path: Path, receiver: Receiver) -> None:
    made = bench(tmp_path, receiver.url)
    receiver.then(Reply(410))
    made.webhook(READY)
    stopped = made.wait_until_told("listener.stopped")
    assert stopped.payload == {"listener": "ops", "reason": "answered 410"}
    made.webhook(READY)
    made.webhook.close(PATIENCE_SECONDS)
    assert len(receiver.deliveries) == 1
    assert [letter["reason"] for letter in made.put_aside()] == ["answered 410"] * 2


@pytest.mark.parametrize("drips", ["headers", "body", "nothing"])
def test_an_attempt_ends_in_its_time_whatever_drips(tmp_path: Path, receiver: Receiver, drips: str) -> None:
    made = bench(tmp_path, receiver.url, timeout_seconds=0.3, max_attempts=1)
    if drips == "nothing":
        receiver.then(Reply(before=lambda receiver: receiver.is_closing.wait(PATIENCE_SECONDS)))
    else:
        receiver.then(Reply(200, drips=drips))
    made.webhook(READY)
    made.webhook(READY)
    receiver.wait_for(2)
    made.webhook.close(PATIENCE_SECONDS)
    late = [letter["reason"] for letter in made.put_aside()]
    assert late == ([] if drips == "body" else ["no answer within 0.3 s"]), "what was said with the headers counts"


def test_an_endpoint_that_is_away_is_tried_now_and_then_and_nothing_waits_for_it(tmp_path: Path) -> None:
    with Receiver() as receiver:
        url = receiver.url
    made = bench(tmp_path, url, max_attempts=3)
    made.webhook(READY)
    made.wait_until_told("listener.undelivered")
    made.webhook(READY)  # tried once, and then it counts as dead
    made.wait_until_put_aside(2)
    assert made.waits == [0.5, 1.0]
    for _ in range(200):
        made.webhook(READY)
    assert len(made.put_aside()) == 202, "at once, in the thread that hears"
    assert {letter["reason"] for letter in made.put_aside()} == {"no connection"}
    assert [each.payload["signals"] for each in made.told] == [1, 10, 100]
    made.now += 31
    made.webhook(READY)
    made.wait_until_put_aside(203)
    made.webhook(READY)
    assert len(made.put_aside()) == 204
    assert len(made.waits) == 2, "a probe is one attempt"
    made.webhook.close(PATIENCE_SECONDS)


def test_an_endpoint_that_comes_back_hears_again_and_its_next_fault_is_told_at_once(
    tmp_path: Path, receiver: Receiver
) -> None:
    made = bench(tmp_path, receiver.url, max_attempts=1)
    receiver.then(Reply(500), Reply(500))
    made.webhook(READY)
    receiver.wait_for(1)
    made.webhook(READY)
    receiver.wait_for(2)
    made.wait_until_put_aside(2)
    made.webhook(READY)
    assert len(made.put_aside()) == 3
    made.now += 31
    for number in range(12):
        made.webhook(READY)
        receiver.wait_for(3 + number)
    receiver.then(Reply(400))
    made.webhook(READY)
    made.webhook.close(PATIENCE_SECONDS)
    assert [(each.payload["reason"], each.payload["signals"]) for each in made.told] == [
        ("answered 500", 1), ("answered 400", 1),
    ]  # fmt: skip


def test_more_than_can_wait_is_put_aside_and_memory_is_bounded(tmp_path: Path, receiver: Receiver) -> None:
    may_answer = threading.Event()
    receiver.then(Reply(before=lambda receiver: may_answer.wait(PATIENCE_SECONDS)))
    made = bench(tmp_path, receiver.url, timeout_seconds=PATIENCE_SECONDS)
    for number in range(MOST_WAITING + 51):
        made.webhook(Signal("custom.step", {"number": number}))
        receiver.wait_for(1)
    assert [letter["signal"]["payload"]["number"] for letter in made.put_aside()] == list(range(1001, 1051))
    assert made.put_aside()[0]["reason"] == "too many signals wait for it"
    may_answer.set()
    receiver.wait_for(MOST_WAITING + 1)
    made.webhook.close(PATIENCE_SECONDS)
    assert len(made.put_aside()) == 50


def test_large_signals_take_the_place_of_many(tmp_path: Path, receiver: Receiver) -> None:
    may_answer = threading.Event()
    receiver.then(Reply(before=lambda receiver: may_answer.wait(PATIENCE_SECONDS)))
    made = bench(tmp_path, receiver.url, timeout_seconds=PATIENCE_SECONDS)
    for _ in range(5):
        made.webhook(Signal("custom.large", {"text": "x" * 3_000_000}))
        receiver.wait_for(1)
    assert len(made.put_aside()) == 2
    may_answer.set()
    receiver.wait_for(3)
    made.webhook.close(PATIENCE_SECONDS)


def test_a_session_that_ends_loses_nothing_that_waits(tmp_path: Path, receiver: Receiver) -> None:
    receiver.then(Reply(before=lambda receiver: receiver.is_closing.wait(PATIENCE_SECONDS)))
    made = bench(tmp_path, receiver.url, timeout_seconds=PATIENCE_SECONDS)
    for _ in range(3):
        made.webhook(READY)
    receiver.wait_for(1)
    made.webhook.close(0.0)
    assert [letter["id"] for letter in made.put_aside()] == ["msg_1", "msg_2", "msg_3"]
    made.webhook(READY)
    assert len(made.put_aside()) == 4


def test_an_end_waits_for_no_other_attempt(tmp_path: Path, receiver: Receiver) -> None:
    is_waiting = threading.Event()
    receiver.then(*[Reply(500)] * 9)
    made = bench(tmp_path, receiver.url)

    def wait(seconds: float) -> bool:
        is_waiting.set()
        return made.webhook._ending.wait(PATIENCE_SECONDS)

    made.webhook._wait = wait
    made.webhook(READY)
    assert is_waiting.wait(PATIENCE_SECONDS)
    made.webhook.close(PATIENCE_SECONDS)
    assert len(receiver.deliveries) == 1
    assert [letter["reason"] for letter in made.put_aside()] == ["answered 500"]


def test_what_cannot_be_put_aside_is_told_of_as_lost(tmp_path: Path, receiver: Receiver) -> None:
    made = bench(tmp_path, receiver.url, dead_letters_mb=0.001)
    receiver.then(*[Reply(400)] * 9)
    for _ in range(9):
        made.webhook(READY)
    receiver.wait_for(9)
    made.webhook.close(PATIENCE_SECONDS)
    kept = len(made.put_aside())
    assert 0 < kept < 9
    assert made.letters.path.stat().st_size <= 1000
    told = [(each.payload["signals"], each.payload["lost"]) for each in made.told]
    assert told == [(1, 0), (kept + 1, 1)]
    assert "is full" in made.told[1].payload["reason"]


def test_a_full_disk_loses_signals_and_says_so(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "undelivered").mkdir()
    (tmp_path / "undelivered" / "ops.jsonl").symlink_to("/dev/full")
    made = bench(tmp_path, receiver.url)
    receiver.then(Reply(400))
    made.webhook(READY)
    told = made.wait_until_told("listener.undelivered")
    made.webhook.close(PATIENCE_SECONDS)
    assert told.payload["lost"] == 1
    assert "No space left" in told.payload["reason"]


@pytest.mark.anyio
async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    port = int(receiver.url.split(":")[2].partition("/")[0])
    async with tls_in_front_of(port, certificate) as secure_port:
        url = f"https://127.0.0.1:{secure_port}/in"
        refused = bench(tmp_path / "refused", url, max_attempts=1)
        refused.webhook(READY)
        told = await asyncio.to_thread(refused.wait_until_told, "listener.undelivered")
        assert told.payload["reason"] == "no TLS that can be trusted"
        await asyncio.to_thread(refused.webhook.close, PATIENCE_SECONDS)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        trusted = bench(tmp_path / "trusted", url)
        trusted.webhook(READY)
        await asyncio.to_thread(receiver.wait_for, 1)
        await asyncio.to_thread(trusted.webhook.close, PATIENCE_SECONDS)
    assert trusted.put_aside() == []


def test_the_proxy_of_the_environment_is_taken_and_excepted_hosts_are_not(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/in"))
        by_proxy = bench(tmp_path / "by", receiver.url)
        by_proxy.webhook(READY)
        (delivery,) = proxy.wait_for(1)
        assert delivery.path == receiver.url, "a proxy is asked for the whole address"
        by_proxy.webhook.close(PATIENCE_SECONDS)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        direct = bench(tmp_path / "direct", receiver.url)
        direct.webhook(READY)
        receiver.wait_for(1)
        direct.webhook.close(PATIENCE_SECONDS)


# --- what is configured wrongly

SIGNED_BY_S = WebhookListener(url=Address("http://127.0.0.1:1/"), secret_env="S")


@pytest.mark.parametrize(
    ("config", "environ", "reason"),
    [
        (WebhookListener(url_env="OPS_URL"), {}, "There is no secret OPS_URL."),
        (WebhookListener(url_env="OPS_URL"), {"OPS_URL": "nonsense hunter2"}, "The address in OPS_URL cannot be used."),
        (WebhookListener(url_env="OPS_URL"), {"OPS_URL": "http://hunter2.example"}, "is neither https nor on this"),
        (SIGNED_BY_S, {}, "There is no secret S."),
        (
            SIGNED_BY_S,
            {"S": "hunter2"},
            "secret in S cannot be",
        ),
        (SIGNED_BY_S, {"S": "whsec_"}, "secret in S cannot be"),
    ],
)
def test_what_is_missing_is_said_without_a_secret(
    tmp_path: Path, config: WebhookListener, environ: dict[str, str], reason: str
) -> None:
    made = Bench(tmp_path, replace(config, max_attempts=1), environ=environ)
    made.webhook(READY)
    told = made.wait_until_told("listener.undelivered")
    made.webhook.close(PATIENCE_SECONDS)
    assert reason in told.payload["reason"]
    assert "hunter2" not in made.letters.path.read_text()


def test_an_address_that_is_secret_is_found_in_the_environment(tmp_path: Path, receiver: Receiver) -> None:
    environ = {"OPS_URL": receiver.url, "S": SECRET}
    made = Bench(tmp_path, WebhookListener(url_env="OPS_URL", secret_env="S"), environ=environ)
    made.webhook(READY)
    receiver.wait_for(1)
    made.webhook.close(PATIENCE_SECONDS)
    assert set(made.config.secrets(environ.get)) >= {receiver.url, SECRET, SECRET[6:]}
