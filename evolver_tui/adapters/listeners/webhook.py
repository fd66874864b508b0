"""A webhook: each signal is posted, in order, and what cannot be delivered is put aside and told of."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from evolver_tui.adapters.listeners.dead_letters import DeadLetters
from evolver_tui.adapters.listeners.deliveries import Deliveries
from evolver_tui.adapters.listeners.outgoing import Outgoing
from evolver_tui.adapters.listeners.webhook_message import Message
from evolver_tui.core.signal import Signal

if TYPE_CHECKING:
    from evolver_tui.adapters.listeners.webhook_endpoint import Endpoint, Outcome

MOST_WAITING: Final = 1_000
"""Signals that wait for an endpoint; those beyond are put aside."""
MOST_WAITING_CHARACTERS: Final = 8_000_000
"""How large those are together; one that is larger waits alone."""
FIRST_DELAY_SECONDS: Final = 1.0
"""Between two attempts at most; twice as long after each."""
LONGEST_DELAY_SECONDS: Final = 60.0
FIRST_PROBE_SECONDS: Final = 30.0
"""An endpoint that took two signals in a row with none of their attempts counts as dead, for so long and then longer:
what comes meanwhile is put aside at once, and the next one is tried once."""
LONGEST_PROBE_SECONDS: Final = 300.0


class Webhook:
    """Posts signals from a thread of its own, which begins with the first one. Memory is bounded, and so is its end.

    Called in one thread; `close` may be called in another.
    """

    def __init__(
        self,
        name: str,
        make_endpoint: Callable[[], Endpoint],
        letters: DeadLetters,
        deliveries: Deliveries,
        secrets: Callable[[], Sequence[str]],
        *,
        max_attempts: int,
        new_id: Callable[[], str],
        now: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """Args:
        name: of the listener.
        make_endpoint: makes what posts, in the thread that posts.
        letters: where what was not delivered is put aside.
        deliveries: what is told of those that do not come.
        secrets: what must not stand in a body; asked with the first signal.
        max_attempts: for one signal, while the endpoint is well.
        new_id: names a message like no other.
        now: seconds since 1970.
        jitter: gives a number from 0 to 1.
        wait: waits for seconds or until the listener ends, and says whether it does; None really waits.
        """
        self._name = name
        self._make_endpoint = make_endpoint
        self._letters = letters
        self._deliveries = deliveries
        self._outgoing = Outgoing(secrets)
        self._max_attempts = max_attempts
        self._new_id = new_id
        self._now = now
        self._jitter = jitter
        self._ending = threading.Event()
        self._wait = wait or self._ending.wait
        self._news = threading.Condition(threading.Lock())
        self._waiting: deque[Message] = deque()
        self._characters = 0
        self._in_hand: Message | None = None
        """What is posted just now, until somebody decides what becomes of it."""
        self._is_busy = False
        self._thread: threading.Thread | None = None
        self._is_over = False
        self._gone = ""
        """Why the endpoint wants nothing more."""
        self._failed_messages = 0
        """In a row, in spite of all attempts."""
        self._probe_at = 0.0
        """When a dead endpoint is tried again."""
        self._why_dead = ""

    def __call__(self, signal: Signal) -> None:
        """Have a signal posted, or put aside where that makes no sense; returns soon."""
        message = Message(self._new_id(), self._now(), self._outgoing(signal))
        with self._news:
            reason = self._why_not(message)
            if not reason:
                self._waiting.append(message)
                self._characters += len(message.event)
                self._news.notify_all()
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name=f"webhook-{self._name}", daemon=True)
                    self._thread.start()
        if reason:
            self._put_aside(message, reason)

    def close(self, seconds: float) -> None:
        """Post what waits as long as that works within some seconds; put the rest aside."""
        self._ending.set()
        with self._news:
            self._news.wait_for(lambda: not self._waiting and not self._is_busy, seconds)
            self._is_over = True
            rest = [*filter(None, [self._in_hand]), *self._waiting]
            self._waiting.clear()
            self._news.notify_all()
        for message in rest:
            self._put_aside(message, "the session ended")
        self._letters.close()

    def _why_not(self, message: Message) -> str:
        """Why a message is put aside at once; empty where it can be posted."""
        if self._is_over:
            return "the session ended"
        if self._gone or self._is_dead:
            return self._gone or self._why_dead
        is_full = bool(self._waiting) and self._characters + len(message.event) > MOST_WAITING_CHARACTERS
        return "too many signals wait for it" if is_full or len(self._waiting) >= MOST_WAITING else ""

    @property
    def _is_dead(self) -> bool:
        return self._now() < self._probe_at

    # --- in the thread that posts

    def _work(self) -> None:
        endpoint: Endpoint | None = None
        try:
            while (message := self._next()) is not None:
                reason = self._gone or (self._why_dead if self._is_dead else "")
                if not reason:
                    try:
                        endpoint = endpoint or self._make_endpoint()
                        reason = self._judge(self._post(endpoint, message))
                    except Exception as error:  # noqa: BLE001 - whatever it is, no signal is lost by it
                        reason = f"{type(error).__name__} while it was posted"
                with self._news:
                    if self._is_over:  # then whoever ended this has put it aside
                        return
                    self._in_hand = None
                if reason:
                    self._put_aside(message, reason)
                with self._news:
                    self._is_busy = False
                    self._news.notify_all()
        finally:
            if endpoint is not None:
                endpoint.close()

    def _next(self) -> Message | None:
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._is_over)
            if self._is_over:
                return None
            self._is_busy = True
            self._in_hand = message = self._waiting.popleft()
            self._characters -= len(message.event)
            return message

    def _post(self, endpoint: Endpoint, message: Message) -> Outcome:
        """Make attempts until one says what becomes of the message."""
        most = 1 if self._failed_messages else self._max_attempts
        attempt = 1
        while True:
            outcome = endpoint.post(message)
            if outcome.kind != "retry" or attempt >= most:
                return outcome
            delay = min(FIRST_DELAY_SECONDS * 2 ** (attempt - 1), LONGEST_DELAY_SECONDS) * self._jitter()
            if self._wait(max(delay, outcome.wait)):
                return outcome
            attempt += 1

    def _judge(self, outcome: Outcome) -> str:
        """Why the message is put aside, empty where it was delivered; and what that says of the endpoint."""
        if outcome.kind == "retry":
            self._failed_messages += 1
            if self._failed_messages > 1:
                pause = min(FIRST_PROBE_SECONDS * 2 ** min(self._failed_messages - 2, 10), LONGEST_PROBE_SECONDS)
                self._why_dead, self._probe_at = outcome.reason, self._now() + max(pause, outcome.wait)
            return outcome.reason
        self._failed_messages, self._probe_at = 0, 0.0
        if outcome.kind == "delivered":
            self._deliveries.succeeded()
            return ""
        if outcome.kind == "gone":
            self._gone = outcome.reason
            self._deliveries.stop(outcome.reason)
        return outcome.reason

    def _put_aside(self, message: Message, reason: str) -> None:
        """Keep a message for `evolver-tui signals redeliver`, and tell of it the first time, the tenth, and so on."""
        try:
            is_kept = self._letters.append(message, reason)
            if not is_kept:
                reason += f"; {self._letters.path} is full"
        except OSError as error:
            is_kept = False
            reason += f"; {self._letters.path} cannot be written: {error.strerror}"
        self._deliveries.failed(reason, is_lost=not is_kept)
