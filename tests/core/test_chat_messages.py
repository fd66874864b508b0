"""What is read of chats' messages, and where their subjects may lead."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.errors import BadChatRequest
from evolver_tui.core.workflow.chat_request import MOST_BYTES, ChatTurn, read_request, request_from
from evolver_tui.core.workflow.chunk import Chunk, ChunkError, ChunkType, content_writer, read_chunk
from evolver_tui.core.workflow.subjects import broadcast_subject, is_token, pod_subject, request_subject, session_of

REQUEST = {
    "message_id": "msg_abc123",
    "session_id": "sess_456",
    "user_id": "user_789",
    "message": "What is the weather today?",
    "context": {"ai_provider": "openai", "model": "gpt-4"},
    "timestamp": "2025-11-18T20:30:00Z",
    "correlation_id": "corr_xyz",
}


def refused(value: Any, subject: str = "chat.workflow.execute.sess_456") -> BadChatRequest:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    with pytest.raises(BadChatRequest) as caught:
        read_request(data, subject)
    return caught.value


def test_specs_request_is_read() -> None:
    request = read_request(json.dumps(REQUEST).encode(), "chat.workflow.execute.sess_456")
    assert (request.message_id, request.session_id, request.user_id) == ("msg_abc123", "sess_456", "user_789")
    assert (request.context.ai_provider, request.context.model) == ("openai", "gpt-4")
    assert (request.correlation_id, request.timestamp) == ("corr_xyz", "2025-11-18T20:30:00Z")
    assert request_from(request.raw) == request


def test_context_says_how_to_answer() -> None:
    context = {
        "temperature": 0.5, "max_tokens": 100, "system_prompt": "Be brief.", "tool_events": True,
        "conversation_history": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
    }  # fmt: skip
    read = request_from({**REQUEST, "context": context}).context
    assert (read.temperature, read.max_tokens, read.system_prompt, read.tool_events) == (0.5, 100, "Be brief.", True)
    assert read.conversation_history == (ChatTurn("user", "Hi"), ChatTurn("assistant", "Hello"))


@pytest.mark.parametrize("name", ["message_id", "session_id", "user_id", "message"])
@pytest.mark.parametrize("value", [None, 7, "", [], {}], ids=["missing", "number", "empty", "list", "object"])
def test_missing_and_unfit_fields_are_named_with_what_could_be_read(name: str, value: object) -> None:
    if (name, value) == ("user_id", ""):
        return  # nobody has to say who they are
    problem = refused({**REQUEST, name: value})
    assert name in problem.message
    assert problem.session_id == "sess_456"
    assert problem.message_id == ("" if name == "message_id" else "msg_abc123")


@pytest.mark.parametrize(
    ("context", "named"),
    [
        ([], "context"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"system_prompt": 1}, "system_prompt"),
        ({"model": ["gpt-4"]}, "model"),
        ({"conversation_history": {}}, "conversation_history"),
        ({"conversation_history": [{"role": "system", "content": "x"}]}, "conversation_history"),
    ],
)
def test_unfit_context_is_named(context: object, named: str) -> None:
    assert named in refused({**REQUEST, "context": context}).message


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe", b"{", b"[]", b"null", b'"text"', b"[" * 100_000, b'{"message": NaN}'],
    ids=["empty", "no_utf8", "cut", "list", "null", "text", "deep", "nan"],
)
def test_what_is_no_json_object_is_refused_for_its_session(data: bytes) -> None:
    problem = refused(data)
    assert problem.code == "not_json"
    assert problem.session_id == "sess_456"


def test_huge_requests_are_refused() -> None:
    assert refused(b" " * (MOST_BYTES + 1)).code == "too_large"
    assert refused({**REQUEST, "message": "x" * 300_000}).code == "too_large"


def test_session_of_another_subject_is_refused() -> None:
    assert refused(REQUEST, "chat.workflow.execute.other").session_id == "other"


@pytest.mark.parametrize("session", ["*", ">", "a.b", "a b", "a\n", "", "ä", "$SYS", "a\0", "x" * 129, "a*", "a>"])
def test_session_never_leaves_its_subject(session: str) -> None:
    assert not is_token(session)
    for subject in (request_subject, broadcast_subject, pod_subject):
        with pytest.raises(BadChatRequest):
            subject(session)
    with pytest.raises(BadChatRequest):
        request_from({**REQUEST, "session_id": session})


@given(st.text(max_size=140))
def test_subjects_have_as_many_tokens_as_they_should(session: str) -> None:
    if is_token(session):
        assert request_subject(session).split(".") == ["chat", "workflow", "execute", session]
        assert session_of(request_subject(session)) == session
        assert not set(session) & set(" \t\r\n*>")


TEXTS = st.text(max_size=20)


@given(
    st.builds(
        Chunk,
        session_id=TEXTS,
        message_id=TEXTS,
        chunk_id=st.integers(0, 10**6),
        chunk=TEXTS,
        timestamp=TEXTS,
        correlation_id=TEXTS,
        chunk_type=st.sampled_from(ChunkType),
        is_final=st.booleans(),
        metadata=st.none() | st.dictionaries(TEXTS, TEXTS),
        error=st.none() | st.builds(ChunkError, TEXTS, TEXTS),
        attempt=st.integers(1, 9),
    )
)
def test_chunks_come_back_as_they_went(chunk: Chunk) -> None:
    assert read_chunk(chunk.to_bytes()) == chunk
    assert read_chunk(chunk.to_dict()) == chunk


@given(TEXTS, TEXTS, TEXTS, st.text(), st.integers(0, 10**6), st.integers(1, 3))
def test_text_is_written_as_any_chunk(
    session: str, message: str, correlation: str, text: str, number: int, attempt: int
) -> None:
    now = "2025-11-18T20:30:05.000Z"
    chunk = Chunk(session, message, number, text, now, correlation, attempt=attempt)
    written = content_writer(session, message, correlation, attempt)(number, text, now)
    assert json.loads(written) == chunk.to_dict()


def test_chunk_has_the_specs_form() -> None:
    chunk = Chunk("sess_456", "msg_abc123", 0, "Hello", "2025-11-18T20:30:05Z", "corr_xyz")
    assert chunk.to_dict() == {
        "session_id": "sess_456",
        "message_id": "msg_abc123",
        "chunk_id": 0,
        "chunk": "Hello",
        "chunk_type": "content",
        "is_final": False,
        "timestamp": "2025-11-18T20:30:05Z",
        "correlation_id": "corr_xyz",
    }


GOOD = Chunk("s", "m", 0, "text", "").to_dict()


@pytest.mark.parametrize(
    "changed",
    [
        {"chunk_id": -1}, {"chunk_id": True}, {"chunk_id": "0"}, {"chunk_id": 1.0}, {"chunk": None},
        {"session_id": 1}, {"message_id": None}, {"chunk_type": "script"}, {"chunk_type": []}, {"attempt": 0},
        {"attempt": "2"}, {"attempt": True},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_chunk_is_none(changed: dict[str, Any]) -> None:
    assert read_chunk(GOOD) is not None
    assert read_chunk({**GOOD, **changed}) is None


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"[" * 100_000], ids=["empty", "list", "no_utf8", "deep"])
def test_bytes_that_hold_no_chunk_are_none(data: bytes) -> None:
    assert read_chunk(data) is None
