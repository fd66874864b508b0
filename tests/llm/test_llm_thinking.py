"""A model's thinking is told from its answer, wherever a server puts it and however the network cuts it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from evolver_tui.adapters.llm.thinking import Answer
from evolver_tui.engine.author.backend import Thinking
from tests.support.provider_asking import answered_with_thinking, backend_at, guarded, refused
from tests.support.provider_server import (
    SSE_HEAD,
    Drip,
    ProviderServer,
    anthropic_events,
    event,
    openai_chunk,
    openai_events,
    status,
)

pytestmark = pytest.mark.anyio

NODE = '{"workflow_code": "print(1)"}'


@pytest.fixture(autouse=True)
def guard(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield from guarded(monkeypatch, caplog)


def sorted_out(text: str, size: int) -> tuple[str, int]:
    """What is left as the answer of a text that comes in pieces, and the characters of thinking."""
    answer, shown, thinking = Answer(), "", 0
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    for piece in [each for part in parts for each in answer.take([part])] + list(answer.end()):
        if isinstance(piece, Thinking):
            thinking += piece.characters
            shown = "" if piece.takes_back else shown
        else:
            shown += piece
    return shown, thinking


TEXTS = {
    "think": ("<think>\nOne {a} or {b}?\n</think>\n\n" + NODE, 17),
    "thinking": ("<thinking>abc</thinking>" + NODE, 3),
    "capitals": ("\n<THINK>abc</THINK>" + NODE, 3),
    "twice": ("<think>ab</think>\n<think>c</think>" + NODE, 3),
    "brackets": ("[THINK]abc[/THINK]" + NODE, 3),
    "kimi": ("◁think▷abc◁/think▷" + NODE, 3),
    "harmony": ("<|channel|>analysis<|message|>abc<|channel|>final<|message|>" + NODE, 3),
    "harmony, whole": (
        "<|start|>assistant<|channel|>analysis<|message|>abc<|channel|>final<|message|>" + NODE,
        3,
    ),
    "harmony, its format named": (
        "<|channel|>analysis<|message|>a {b}<|end|><|start|>assistant<|channel|>final <|constrain|>json<|message|>"
        + NODE
        + "<|return|>",
        5,
    ),
    "harmony, a call between": (
        "<|channel|>analysis<|message|>abc<|end|><|start|>assistant<|channel|>commentary to=functions.x "
        '<|constrain|>json<|message|>{"a": 1}<|call|><|start|>assistant<|channel|>final<|message|>'
        + NODE
        + "<|end|>\n",
        11,
    ),
    "harmony, opened in the prompt": ("a {b} c<|end|><|start|>assistant<|channel|>final<|message|>" + NODE, 7),
    "harmony, tokens dropped": ("analysisIs it {x}?assistantfinal" + NODE, 10),
    "attributes": ('<think type="deep" lang=en>abc</think>' + NODE, 3),
    "antThinking": ("<antThinking>abc</antThinking>\n" + NODE, 3),
    "reason": ("<reason>ab</reason><reasoning>c</reasoning>" + NODE, 3),
    "the same within": ("<think>a<think>b</think>c</think>" + NODE, 10),
    "the same within, in lines": ("<think>\n{a}\n<think>\nb\n</think>\nc\n</think>\n" + NODE, 18),
    "after a few words": ("Let me see.\n<think>abc</think>\n" + NODE, 3),
    "opened in the prompt": ("Say {x}?\nabc\n</think>\n\n" + NODE, 13),
    "opened in the prompt, one line": ("abc</think>" + NODE, 3),
    "opened in the prompt, twice": ("ab\n</think>\nc\n</think>\n" + NODE, 6),
    "a tag within thinking": ("<think>a </thinking> b</think>" + NODE, 15),
    "none": (NODE, 0),
    "not a tag": ("<thin" + NODE, 0),
    "a tag in the code": ('{"workflow_code": "x = t.split(\'</think>\')[1]\\n# <think>\\n</think>\\n"}', 0),
    "a tag within a line": ("The tags <think> and </think>, as they are.", 0),
    "a tag far into a text": ("x" * 300 + "\n<think>\nso", 0),
    "tokens in the code": ('{"workflow_code": "x = \'<|channel|>final<|message|>\'\\n# <|end|></s>\\n"}', 0),
    "markup": ('<div class="x">Hi</div> a < b <|x', 0),
}


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(("text", "thinking"), TEXTS.values(), ids=TEXTS.keys())
def test_thinking_in_the_text_is_no_answer(text: str, thinking: int, size: int) -> None:
    shown, found = sorted_out(text, size)
    assert found == thinking
    if thinking:
        assert shown.strip().removeprefix("Let me see.").strip() == NODE
    else:
        assert shown == text


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    "text",
    [
        "<|channel|>final<|message|>ANSWER",
        "<|channel|>final <|constrain|>json<|message|>ANSWER<|return|>",
        "<|start|>assistant<|channel|>final<|message|>ANSWER<|end|>",
        "<|im_start|>assistant\nANSWER<|im_end|>\n",
        "<|begin_of_box|>ANSWER<|end_of_box|>",
        "ANSWER</s>",
        "ANSWER<｜end▁of▁sentence｜>",
    ],
)
def test_tokens_of_a_chat_template_are_no_part_of_an_answer(text: str, size: int) -> None:
    shown, thinking = sorted_out(text.replace("ANSWER", NODE), size)
    assert (shown.strip(), thinking) == (NODE, 0)


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("hm</think>Yes, it is.", "Yes, it is."),
        ("I should answer. </think> Yes.", " Yes."),
        ("Ends with </think>, as told.", "Ends with </think>, as told."),
        ("Write '</think>'x or a </think> tag.", "Write '</think>'x or a </think> tag."),
        ("<b>{x}</think>y", "<b>{x}</think>y"),
    ],
)
def test_an_end_within_a_line_counts_behind_prose(text: str, answer: str, size: int) -> None:
    assert sorted_out(text, size)[0] == answer


@pytest.mark.parametrize(
    "tags", ["<think></think>", "a</think>\n", "</think>x", "\n<think>", "<", "{</think>\n", "a <think> b</think>c"]
)
def test_a_text_of_nothing_but_tags_costs_no_more_than_its_length(tags: str) -> None:
    answer = Answer()
    list(answer.take([tags * 20_000]))
    list(answer.end())
    assert answer.characters == 20_000 * len(tags)


DELTAS: dict[str, tuple[dict[str, Any], int]] = {
    "DeepSeek, vLLM, llama.cpp": ({"reasoning_content": "abc", "content": None}, 3),
    "Groq": ({"reasoning": "abc"}, 3),
    "OpenRouter": ({"reasoning": "abc", "reasoning_details": [{"type": "reasoning.text", "text": "abc"}]}, 3),
    "details alone": ({"content": "", "reasoning_details": [{"type": "reasoning.summary", "summary": "abc"}]}, 3),
    "encrypted details": ({"reasoning_details": [{"type": "reasoning.encrypted", "data": "abc"}]}, 0),
    "LiteLLM": ({"reasoning_content": "abc", "thinking_blocks": [{"type": "thinking", "thinking": "abc"}]}, 3),
    "Magistral": ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "abc"}]}]}, 3),
    "thinking as a text": ({"content": [{"type": "thinking", "thinking": "abc"}]}, 3),
    "an object": ({"reasoning": {"content": "abc"}}, 3),
    "a thought": ({"thought": "abc"}, 3),
    "thoughts": ({"thoughts": ["a", "bc"], "content": None}, 3),
    "Google": ({"content": "abc", "extra_content": {"google": {"thought": True}}}, 3),
    "marked": ({"content": "abc", "thought": True}, 3),
    "parts that are marked": ({"content": [{"text": "abc", "thought": True}]}, 3),
    "typed parts that are marked": ({"content": [{"type": "text", "text": "abc", "thought": True}]}, 3),
}


@pytest.mark.parametrize(("delta", "characters"), DELTAS.values(), ids=DELTAS.keys())
async def test_thinking_is_counted_and_left_out(delta: dict[str, Any], characters: int) -> None:
    turn = [SSE_HEAD, openai_chunk(delta) * 2 + openai_events(NODE)]
    async with ProviderServer(turn) as server:
        text, _, thinking = await answered_with_thinking(backend_at(server.url))
    assert (text, thinking) == (NODE, 2 * characters)


async def test_anthropic_thinks_in_blocks() -> None:
    blocks = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "abc"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "xyz"}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "redacted_thinking", "data": "xyz"}},
    ]
    async with ProviderServer([SSE_HEAD, b"".join(map(event, blocks)) + anthropic_events(NODE)]) as server:
        text, _, thinking = await answered_with_thinking(backend_at(server.url, "anthropic"))
    assert (text, thinking) == (NODE, 3)


@pytest.mark.parametrize(
    "content",
    [
        openai_chunk({"reasoning_content": NODE}) + openai_events(),
        openai_chunk({"reasoning_content": NODE}) + openai_events("\n"),
        openai_events("<think>" + NODE),
        openai_events(NODE + "</think>"),
        openai_events(NODE + "\n</think>\n"),
        openai_events("<thinking>" + NODE + "</thinking>"),
    ],
    ids=range(6),
)
async def test_thinking_is_the_answer_where_no_other_came(content: bytes) -> None:
    async with ProviderServer([SSE_HEAD, Drip(content, 9)]) as server:
        text, _, _ = await answered_with_thinking(backend_at(server.url))
    assert text.strip() == NODE


async def test_an_answer_that_was_cut_while_it_was_thought_is_none() -> None:
    content = openai_chunk({"reasoning_content": NODE}) + openai_events(finish="length")
    whole = {"choices": [{"message": {"content": "", "reasoning_content": NODE}, "finish_reason": "length"}]}
    async with ProviderServer([SSE_HEAD, content], [status(200, {}, whole)]) as server:
        for _ in range(2):
            error = await refused(backend_at(server.url, max_tokens=1234))
            assert "Raise max_tokens, which was 4,000." in error.way_out
