"""Whatever a node writes to its socket gets an answer of ours, and the next call works; what it prints is judged."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.adapters.nodes.runner import read_object
from evolver_tui.adapters.nodes.tool_calls import _MOST_KB, _MOST_SECONDS, ToolLimits, ToolServer
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.tool import ToolDefinition
from tests.support.fuzzing import TEXTS, fuzzed, json_values, spoiled

ECHO = ToolDefinition("echo", "llm", "x", "{prompt} {tone}")
GOOD = {"id": 77_777, "tool": "echo", "prompt": "hi", "arguments": {}}
KINDS = {"unknown_tool", "not_allowed", "limit", "timeout", "failed", "bad_request"}
NAMES = ["id", "tool", "prompt", "arguments", "timeout", "temperature", "max_tokens", "memory_kb", "tone"]

calls = st.builds(
    lambda number, tool, prompt, arguments: {"id": number, "tool": tool, "prompt": prompt, "arguments": arguments},
    st.integers() | st.booleans() | TEXTS,
    st.sampled_from(["echo", "other", "secret", "../echo", ""]) | TEXTS,
    TEXTS | st.integers(),
    json_values(NAMES),
)
LINES = (
    (calls | json_values(NAMES)).map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=40)
    | spoiled(
        st.just(json.dumps(GOOD)), ['"', "{", "[" * 2_000, "NaN", "9" * 5_000, "\ud800", "\\ud800", "\0", '"id": 1, ']
    ).map(lambda text: text.encode("utf-8", "surrogatepass"))
)  # fmt: skip


async def answers_to(lines: list[bytes]) -> list[dict[str, Any]]:
    """What a node gets for these lines and a good call behind them."""
    ours, theirs = socket.socketpair()
    limits = ToolLimits(calls=10_000, prompt_bytes=10_000, seconds=20.0)
    definitions = {"echo": ECHO, "secret": ECHO}
    tools = ToolServer(definitions, ["echo"], None, lambda name, prompt: f"{name}: {prompt}", limits=limits)
    serving = asyncio.create_task(tools.serve(*await asyncio.open_connection(sock=ours, limit=tools.longest_line)))
    reader, writer = await asyncio.open_connection(sock=theirs)
    writer.write(b"".join(line + b"\n" for line in lines) + json.dumps(GOOD).encode() + b"\n")
    answers: list[dict[str, Any]] = []
    expected = sum(not says_memory(line) for line in b"\n".join(lines).split(b"\n")) if lines else 0
    for _ in range(expected + 1):
        answers.append(json.loads(await reader.readline()))
    writer.close()
    await serving
    assert tools.memory_kb is None or isinstance(tools.memory_kb, int)
    return answers


def says_memory(line: bytes) -> bool:
    """Whether a line is of the one sort that has no answer."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    match value:
        case {"id": int(), "tool": str(), "prompt": str()}:
            return False
        case {"memory_kb": int(memory), "cpu_seconds": float(seconds)}:
            return 0 < memory < _MOST_KB and 0 <= seconds < _MOST_SECONDS
    return False


@pytest.mark.anyio
@pytest.mark.parametrize("line", [b'{"memory_kb":false}', b'{"memory_kb":7}', b'{"memory_kb":0,"cpu_seconds":0.5}'])
async def test_what_tells_no_memory_gets_an_answer(line: bytes) -> None:
    refused, good = await answers_to([line])
    assert refused["kind"] == "bad_request"
    assert good == {"id": 77_777, "text": "echo: hi"}


def test_any_line_gets_an_answer_and_the_next_call_works() -> None:
    with asyncio.Runner() as runner:

        @given(st.lists(LINES, max_size=5))
        @fuzzed(300)
        def check(lines: list[bytes]) -> None:
            answers = runner.run(answers_to(lines))
            assert {"id": 77_777, "text": "echo: hi"} in answers
            for answer in answers:
                assert answer.keys() in ({"id", "text"}, {"id", "error", "kind"})
                if "error" in answer:
                    assert answer["kind"] in KINDS
                    assert answer["error"] == safe_text(answer["error"])

        check()


@given(json_values(NAMES), st.binary(max_size=30), st.booleans())
@fuzzed(200)
def test_whatever_a_node_prints_is_one_object_or_a_sentence(value: Any, noise: bytes, is_ascii: bool) -> None:
    written = json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    for content in (written, written + noise, noise + written, noise, written * 2):
        output, problem = read_object(content)
        assert (output is None) == bool(problem)
        assert problem == safe_text(problem)


def test_a_large_output_is_judged_in_the_end() -> None:
    for content in (b"[" * 10**7, b'{"a":' * 10**6, b"9" * 10**7, b'"' + b"x" * 10**7, b"\xff" * 10**7, b" " * 10**7):
        output, problem = read_object(content)
        assert output is None
        assert len(problem) < 500
