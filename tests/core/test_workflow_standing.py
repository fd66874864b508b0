"""What passes over the broker is folded into how each chat stands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.workflow import standing as module
from evolver_tui.core.workflow.chunk import Chunk, ChunkError, ChunkType
from evolver_tui.core.workflow.standing import ChatKey, ChatMessage, ChatStanding, WorkflowStanding, matching
from evolver_tui.core.workflow.subjects import broadcast_subject, cancel_subject, pod_subject, request_subject

NOON = 1_767_268_800.0
KEY = ChatKey("s", "m")


def request(session: str = "s", message: str = "m", words: str = "Hello?", **more: Any) -> bytes:
    value = {"message_id": message, "session_id": session, "user_id": "ada", "message": words, "correlation_id": "c"}
    return json.dumps({**value, **more}).encode()


def chunk(number: int, text: str = "word ", session: str = "s", message: str = "m", **more: Any) -> bytes:
    return Chunk(session, message, number, text, "2026-01-01T12:00:00.000Z", **more).to_bytes()


class Heard(WorkflowStanding):
    """A fold, and what is told to it."""

    def ask(self, at: float = 0.0, **more: Any) -> ChatMessage:
        self.hear_request(request_subject(more.get("session", "s")), request(**more), NOON + at)
        return self.messages[-1]

    def say(self, number: int, at: float = 0.0, pods: tuple[str, ...] = ("a",), **more: Any) -> ChatMessage:
        data = chunk(number, **more)
        for pod in pods:
            self.hear_chunk(pod_subject(pod), data, NOON + at)
        if not pods:
            self.hear_chunk(broadcast_subject(more.get("session", "s")), data, NOON + at)
        return self.messages[-1]


def how(message: ChatMessage, at: float = 0.0) -> str:
    return message.standing(NOON + at).value


def test_an_answer_goes_from_waiting_over_streaming_to_complete() -> None:
    heard = Heard()
    message = heard.ask(context={"ai_provider": "openai", "model": "gpt-4.1"})
    assert how(message) == "waiting"
    heard.say(0, 0.25, ("a", "b"), text="Good ")
    heard.say(1, 0.50, ("a", "b"), text="day")
    assert how(message, 0.5) == "streaming"
    heard.say(2, 0.75, ("a", "b"), text=".", is_final=True,
              metadata={"model": "gpt-4.1", "tokens_used": 3, "finish_reason": "stop"})  # fmt: skip
    assert how(message, 900) == "complete"
    assert message.text.read() == "Good day."
    assert (message.user_id, message.question, message.asked_of) == ("ada", "Hello?", "openai/gpt-4.1")
    assert (message.chunks, list(message.pods), message.is_broadcast) == (3, ["a", "b"], False)
    assert (message.first_seconds, message.model, message.tokens, message.finish) == (0.25, "gpt-4.1", 3, "stop")
    assert message.chunks_per_second(NOON + 900) == 4.0


def test_each_chunk_counts_once_however_many_pods_it_goes_to() -> None:
    heard = Heard()
    for number in range(10):
        message = heard.say(number, pods=tuple(f"pod-{pod}" for pod in range(5)))
    assert message.chunks == 10
    assert len(message.pods) == 5
    assert heard.chunks_per_second(NOON) == 10.0


def test_a_later_attempt_takes_the_place_of_the_earlier_ones() -> None:
    heard = Heard()
    heard.ask()
    heard.say(0, text="First ")
    heard.say(1, chunk_type=ChunkType.SYSTEM, text="", metadata={"event": "tool_call"})
    message = heard.say(0, 5, text="Second ", attempt=2)
    heard.say(2, 6, text="late")
    assert (message.attempt, message.text.read(), message.chunks, message.notes) == (2, "Second ", 1, [])
    assert message.first_seconds == 5


@pytest.mark.parametrize(("code", "stands"), [("cancelled", "cancelled"), ("provider_error", "failed")])
def test_an_error_ends_an_answer_and_says_why(code: str, stands: str) -> None:
    heard = Heard()
    heard.ask()
    error = ChunkError(code, "Because.")
    message = heard.say(0, text="", chunk_type=ChunkType.ERROR, is_final=True, error=error)
    assert how(message) == stands
    assert message.error == error


def test_a_session_is_called_off_and_what_ended_before_is_not() -> None:
    heard = Heard()
    heard.ask(message="over")
    heard.say(0, message="over", is_final=True)
    heard.ask(message="other", session="another")
    heard.ask()
    heard.hear_cancel(cancel_subject("s"), NOON)
    assert [each.is_cancelling for each in heard.messages] == [False, False, True]
    message = heard.say(0, text="", chunk_type=ChunkType.ERROR, is_final=True, error=ChunkError("cancelled", ""))
    assert not message.is_cancelling


def test_an_answer_that_asks_a_person_waits_until_it_goes_on() -> None:
    heard = Heard()
    heard.ask()
    heard.say(0, text="One moment. ")
    message = heard.say(1, chunk_type=ChunkType.SYSTEM, text="Which order?", metadata={"event": "question"})
    assert (how(message, 9_999), message.asks) == ("asking", "Which order?")
    assert [(note.event, note.text, note.offset) for note in message.notes] == [("question", "Which order?", 12)]
    heard.say(2, text="That one.")
    assert (how(message), message.asks, message.text.read()) == ("streaming", "", "One moment. That one.")


def test_what_is_silent_for_long_is_named_so_until_something_comes() -> None:
    heard = Heard()
    message = heard.ask()
    assert [how(message, at) for at in (29, 30)] == ["waiting", "silent"]
    heard.say(0, 100)
    assert [how(message, at) for at in (129, 130)] == ["streaming", "silent"]


def test_what_was_asked_before_anybody_watched_is_known_by_its_answer() -> None:
    heard = Heard()
    message = heard.say(7, pods=())
    assert (message.asked_at, message.question, message.first_seconds, message.is_broadcast) == (None, "", None, True)


def test_a_message_that_is_asked_again_after_its_end_begins_anew() -> None:
    heard = Heard()
    heard.ask()
    heard.say(0, is_final=True, metadata={"model": "x"})
    message = heard.ask(60)
    assert (how(message, 60), message.chunks, message.text.read(), message.model) == ("waiting", 0, "", "")
    heard.say(0, 61, text="Again.")
    assert message.text.read() == "Again."


def test_a_late_piece_of_an_answer_that_has_ended_is_put_in_its_place() -> None:
    heard = Heard()
    for number in (0, 2):
        message = heard.say(number, text=f"{number} ", is_final=number == 2)
    heard.say(1, text="1 ")
    assert message.text.read() == "0 1 2 "


def test_the_pace_is_that_of_the_last_seconds() -> None:
    heard = Heard()
    for number in range(100):
        message = heard.say(number, number / 10)
    assert message.chunks_per_second(NOON + 10) == pytest.approx(10, abs=1)
    assert message.chunks_per_second(NOON + 20) == 0
    assert message.pace(NOON + 10, 12) == [0, 0, *[10] * 10]


def test_what_is_no_request_and_no_chunk_is_counted() -> None:
    heard = WorkflowStanding()
    for data in (b"", b"\xff", b"[]", b"{}", b"[" * 100_000, chunk(0, session="s" * 300), chunk(-1)):
        heard.hear_request("chat.workflow.execute.s", data, NOON)
        heard.hear_chunk("chat.pod.p.response", data, NOON)
    assert (heard.unreadable, list(heard.messages)) == (14, [])


def test_the_latest_messages_are_kept_and_those_in_work_longest() -> None:
    heard = Heard(most=3)
    heard.ask(message="live")
    for number in range(5):
        heard.ask(message=f"over-{number}")
        heard.say(0, message=f"over-{number}", is_final=True)
    assert [each.message_id for each in heard.messages] == ["live", "over-3", "over-4"]
    for number in range(5):
        heard.ask(message=f"waits-{number}")
    assert [each.message_id for each in heard.messages] == ["waits-2", "waits-3", "waits-4"]


def test_what_is_looked_at_is_not_forgotten() -> None:
    heard = Heard(most=3)
    heard.ask(message="seen")
    heard.say(0, message="seen", is_final=True)
    heard.spared = ChatKey("s", "seen")
    for number in range(9):
        heard.ask(message=f"m{number}")
    assert [each.message_id for each in heard.messages] == ["seen", "m7", "m8"]


def test_all_that_is_kept_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 1_000_000)
    heard = Heard()
    for number in range(3_000):
        heard.say(number % 3, text="x" * 20_000, message=f"m{number // 3}")
    assert sum(each.size() for each in heard.messages) < 1_000_000 + 20_000 * module._CHANGES_BETWEEN_COUNTS
    heard.say(0)
    assert len(heard.messages) <= 1_000


@given(st.lists(st.binary(max_size=60), max_size=30), st.text(max_size=40))
def test_whatever_passes_stops_nothing(messages: list[bytes], subject: str) -> None:
    heard = WorkflowStanding()
    for data in messages:
        heard.hear_request(subject, data, NOON)
        heard.hear_chunk(subject, data, NOON)
        heard.hear_cancel(subject, NOON)
    assert heard.counts(NOON) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda it: st.lists(it, max_size=2)
)


@given(st.fixed_dictionaries(
    {"session_id": st.just("s"), "message_id": st.just("m"), "chunk_id": st.integers(0, 5), "chunk": st.text()},
    optional={"metadata": st.dictionaries(st.sampled_from(["model", "tokens_used", "event", "offline"]), JSON),
              "error": JSON, "attempt": st.integers(1, 3), "is_final": st.booleans(),
              "chunk_type": st.sampled_from([*ChunkType])},
))  # fmt: skip
def test_whatever_a_chunk_says_is_a_fact_of_its_kind(value: dict[str, Any]) -> None:
    heard = WorkflowStanding()
    heard.hear_chunk("chat.pod.p.response", json.dumps(value).encode(), NOON)
    (message,) = heard.messages
    assert isinstance(message.model + message.finish + message.asks, str)
    assert message.tokens is None or type(message.tokens) is int
    assert message.standing(NOON) in ChatStanding


def test_messages_are_found_by_what_is_seen_of_them() -> None:
    heard = Heard()
    heard.ask(words="Which orders are late?")
    heard.ask(session="other", message="n", words="Something else")
    assert [each.message_id for each in matching(heard.messages, "ORDERS ada")] == ["m"]
    assert [each.message_id for each in matching(heard.messages, "other")] == ["n"]
    assert len(matching(heard.messages, "")) == 2
    assert heard.find(KEY) is heard.messages[0]
    assert [each.message_id for each in heard.of_session("other")] == ["n"]
