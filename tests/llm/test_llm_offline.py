"""The offline author's programs, run for real as a node is run."""

from __future__ import annotations

import ast
import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolver_tui.adapters.llm.offline import OfflineBackend, offline_tool_reply
from evolver_tui.core.errors import BackendError
from evolver_tui.core.partial_code import PartialCode
from evolver_tui.core.router_answer import RouterAnswer, parse
from evolver_tui.engine.author.backend import Prompt, Usage

SUMMARIZE = {"id": "task-1", "taskName": "LLM Summarization for Blog Post", "llmTaskType": "summarize"}
GENERATE = {
    "id": "task-2",
    "taskName": "AI Generated Email Content",
    "llmTaskType": "generate",
    "translationLanguages": [{"from": "en", "to": "fr"}, {"from": "en", "to": "es"}],
}
TRANSLATE = {
    "id": "task-3",
    "taskName": "Translation of Product Description",
    "llmTaskType": "translate",
    "translationLanguages": [{"from": "de", "to": "en"}, {"from": "fr", "to": "es"}],
}
ECHOING_RUNTIME = "def call_tool(tool_name, prompt, **kwargs):\n    return f'<{tool_name}: {prompt}>'\n"


class CountingClock:
    """A clock that counts what it was asked to sleep."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


async def pieces_of(request: object, pace: float = 0.0, clock: CountingClock | None = None) -> list[str | Usage]:
    backend = OfflineBackend(pace, clock or CountingClock())
    return [piece async for piece in backend.stream(Prompt("", json.dumps(request)))]


def written(task: Mapping[str, Any], **request: Any) -> RouterAnswer:
    *pieces, usage = asyncio.run(pieces_of({"task": task, **request}))
    assert usage == Usage(None, None)
    return parse("".join(str(piece) for piece in pieces))


def run_node(answer: RouterAnswer, folder: Path, given: Mapping[str, Any]) -> Any:
    """Lay the node down as the library does and run it with tools that echo."""
    home = folder / "nodes" / answer.suggested_node_id
    home.mkdir(parents=True, exist_ok=True)
    (home / "main.py").write_text(answer.workflow_code, "utf-8")
    (folder / "node_runtime.py").write_text(ECHOING_RUNTIME, "utf-8")
    command = [sys.executable, "-I", "-W", "error", str(home / "main.py")]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_a_summary(tmp_path: Path) -> None:
    answer = written(SUMMARIZE)
    assert answer.suggested_node_id == "summarize_blog_post"
    assert answer.workflow_name == "Summarize blog post"
    assert answer.tools_used == ("summarizer",)
    assert answer.complexity == "simple"
    expected = {"result": "<summarizer: long>", "task_id": "task-1", "task_type": "summarize"}
    assert run_node(answer, tmp_path, {**SUMMARIZE, "content": "long"}) == expected
    assert run_node(answer, tmp_path, {"text": "long"}) == {**expected, "task_id": "unknown"}


def test_a_text_with_translations(tmp_path: Path) -> None:
    answer = written(GENERATE)
    assert answer.suggested_node_id == "generate_email_with_translations"
    assert answer.tools_used == ("content_generator", "quick_translator")
    assert answer.complexity == "moderate"
    text = "<content_generator: hi>"
    assert run_node(answer, tmp_path, {**GENERATE, "prompt": "hi"}) == {
        "result": text,
        "translations": {
            "fr": f"<quick_translator: Translate from en to fr: {text}>",
            "es": f"<quick_translator: Translate from en to es: {text}>",
        },
        "task_id": "task-2",
        "task_type": "generate",
    }
    bare = run_node(answer, tmp_path, {"description": "hi"})
    assert (bare["result"], bare["translations"]) == (text, {})


def test_a_text_without_translations(tmp_path: Path) -> None:
    answer = written({**GENERATE, "translationLanguages": []})
    assert answer.suggested_node_id == "generate_email"
    assert answer.tools_used == ("content_generator",)
    result = run_node(answer, tmp_path, {"id": "x", "prompt": "hi"})
    assert result == {"result": "<content_generator: hi>", "translations": {}, "task_id": "x", "task_type": "generate"}


def test_a_translation(tmp_path: Path) -> None:
    answer = written(TRANSLATE)
    assert answer.suggested_node_id == "translate_product_description"
    assert answer.tools_used == ("nmt_translator",)
    result = run_node(answer, tmp_path, {**TRANSLATE, "text": 'Käse "x"'})
    assert (result["task_id"], result["task_type"]) == ("task-3", "translate")
    assert set(result["translations"]) == {"de_to_en", "fr_to_es"}
    asked = json.loads(result["translations"]["de_to_en"].removeprefix("<nmt_translator: ").removesuffix(">"))
    assert asked == {"text": 'Käse "x"', "source_language": "de", "target_language": "en"}


def test_what_a_person_answered_goes_into_the_node(tmp_path: Path) -> None:
    task = {"id": "task-4", "taskName": "Something for the shop"}
    answers = {
        "llmTaskType": "translate",
        "languages": 'de->en, fr to es; xx-Latn → pt-BR, it, a b c, "]); x',
        "note": "be kind",
    }
    answer = written(task, answers=answers)
    assert answer.suggested_node_id == "translate_something_shop"
    assert "# Note: be kind" in answer.workflow_code
    result = run_node(answer, tmp_path, {**task, "text": "hi"})
    assert set(result["translations"]) == {"de_to_en", "fr_to_es", "xx-Latn_to_pt-BR", "en_to_it"}
    own = run_node(answer, tmp_path, {"text": "hi", "translationLanguages": [{"from": "nl", "to": "da"}]})
    assert set(own["translations"]) == {"nl_to_da"}


@pytest.mark.parametrize("task", [SUMMARIZE, GENERATE, {**GENERATE, "translationLanguages": []}, TRANSLATE])
def test_what_it_understands_when_a_draft_is_sent_back(task: Mapping[str, Any], tmp_path: Path) -> None:
    plain = written(task)
    handles = written(task, feedback=["Validate EMPTY input"], previous_code=plain.workflow_code)
    assert "# Sent back: Validate EMPTY input" in handles.workflow_code
    for empty in ({"id": "x"}, {"id": "x", "content": " ", "prompt": " ", "text": " "}):
        result = run_node(handles, tmp_path, empty)
        assert result["task_id"] == "x"
        assert result["task_type"] == task["llmTaskType"]
        assert "empty" in result["error"]
        assert "<" not in json.dumps(result), "no tool was called"
    full = {"content": "c", "prompt": "c", "text": "c"}
    assert run_node(handles, tmp_path, full) == run_node(plain, tmp_path, full)

    dressed = written(task, feedback=["Add docstrings", "and type hints, please"])
    assert 'def main() -> None:\n    """' in dressed.workflow_code
    assert "did not understand" not in dressed.workflow_code
    assert run_node(dressed, tmp_path, full) == run_node(plain, tmp_path, full)


def test_what_it_does_not_understand_it_says() -> None:
    code = written(SUMMARIZE, feedback=["Use a faster algorithm"]).workflow_code
    assert "# Sent back: Use a faster algorithm\n# (The offline author did not understand that" in code
    assert "no language model took part" in code


@pytest.mark.parametrize(
    "text",
    [
        "coding: utf-7 +AGkAbQBwAG8AcgB0-",
        "-*- coding: rot13 -*-",
        '""" + __import__("os").system("id") + """',
        "x\nimport os\r\nos.abort()\x0bimport os\x0c\x85\u2028import os\u2029import os",
        "\\\nimport os",
        "$guard ${none} $$ {task} %s",
        "\ud800\udfff\0\x1b]52;c;AAAA\x07\u202e\u200b",
        "x" * 100_000,
        "🧨" * 200,
        "",
    ],
    ids=range(10),
)
@pytest.mark.parametrize("task", [SUMMARIZE, GENERATE, TRANSLATE], ids=["summarize", "generate", "translate"])
def test_a_strangers_text_stays_a_comment(text: str, task: Mapping[str, Any]) -> None:
    hostile = {**task, "id": text, "taskName": text}
    hostile["translationLanguages"] = [{"from": text, "to": text}]
    answers = {"languages": [text, {"from": text, "to": text}], "note": text}
    answer = written(hostile, answers=answers, feedback=[text, 7, None])
    harmless = written({**task, "id": "x", "translationLanguages": [{"from": "a", "to": "b"}]})
    # Parsed from bytes, since that is when a declaration of the encoding counts.
    program, expected = (ast.parse(code.encode()) for code in (answer.workflow_code, harmless.workflow_code))
    assert ast.dump(program) == ast.dump(expected)
    assert all(len(line) <= 120 for line in answer.workflow_code.splitlines())
    visible = answer.workflow_code.replace("\n", "").replace("🧨", "")
    assert visible.isprintable()


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200), st.sampled_from(["summarize", "generate", "translate"]))
def test_any_task_gives_a_program_that_compiles(name: str, other: str, kind: str) -> None:
    task = {"id": other, "taskName": name, "llmTaskType": kind, "translationLanguages": [{"from": other, "to": name}]}
    answer = written(task, feedback=[name, other], answers={"languages": other, "note": name})
    compile(answer.workflow_code.encode(), "main.py", "exec")
    assert answer.suggested_node_id.startswith(kind)


@pytest.mark.parametrize(
    ("name", "node_id"),
    [
        ("Summarize Blog Post", "summarize_blog_post"),
        ("Summary of the RFC 9110", "summarize_rfc_9110"),
        ("Übersicht: Café-Kritik", "summarize_ubersicht_cafe_kritik"),
        ("要約", "summarize_text"),
        ("", "summarize_unnamed"),
        ("word " * 100, "summarize_word_word_word_word_word_word_word"),
        ("x" * 300, "summarize_text"),
    ],
)
def test_the_node_is_named_after_the_task(name: str, node_id: str) -> None:
    assert written({"taskName": name, "llmTaskType": "summarize"}).suggested_node_id == node_id


def test_it_comes_in_small_pieces_at_its_pace_and_always_the_same() -> None:
    clock = CountingClock()
    first = asyncio.run(pieces_of({"task": GENERATE}, 0.03, clock))
    assert clock.slept == [0.03] * (len(first) - 1)
    assert asyncio.run(pieces_of({"task": GENERATE})) == first
    texts = [piece for piece in first if isinstance(piece, str)]
    assert len(texts) > 60
    assert all(12 <= len(piece) <= 20 for piece in texts[:-1])
    preview = PartialCode()
    for piece in texts:
        preview.feed(piece)
    assert preview.text == parse("".join(texts)).workflow_code


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ('{"task": {"taskName": "x"}}', "'unknown'"),
        ('{"task": {"taskName": "x", "llmTaskType": "dance\\n\\u001b[31m"}}', "'dance [31m'"),
        ('{"task": {}, "answers": {"llmTaskType": 7}}', "'7'"),
        ('{"task": "x"}', "no JSON object"),
        ("[]", "no JSON object"),
        ("Write me a node.", "no JSON object"),
        ("[" * 100_000, "no JSON object"),
    ],
    ids=range(7),
)
def test_without_a_task_it_knows_it_says_so(user: str, words: str) -> None:
    async def ask() -> None:
        async for _ in OfflineBackend(0, CountingClock()).stream(Prompt("", user)):
            pytest.fail("it wrote something")

    with pytest.raises(BackendError) as caught:
        asyncio.run(ask())
    assert words in caught.value.message
    assert not caught.value.retryable
    assert caught.value.way_out


def test_everything_it_writes_is_labelled() -> None:
    assert OfflineBackend(0, CountingClock()).info.label == "offline"


@pytest.mark.parametrize(
    ("tool", "prompt", "reply"),
    [
        ("summarizer", "one two three", "[offline summarizer] one two three"),
        ("summarizer", " ".join(map(str, range(20))), "[offline summarizer] 0 1 2 3 4 5 6 7 8 9 10 11…"),
        ("content_generator", "an email", "[offline content_generator] A draft for: an email"),
        ("quick_translator", "Translate from en to fr: good day", "[offline quick_translator en to fr] good day"),
        (
            "nmt_translator",
            '{"text": "Guten Tag", "source_language": "de", "target_language": "en"}',
            "[offline nmt_translator de to en] Guten Tag",
        ),
        ("nmt_translator", "Guten Tag", "[offline nmt_translator] Guten Tag"),
        ("nmt_translator", "[" * 100_000, "[offline nmt_translator] " + "[" * 100_000),
        ("mine", "", "[offline mine]"),
    ],
    ids=range(8),
)
def test_tools_answer_in_a_dry_run(tool: str, prompt: str, reply: str) -> None:
    assert offline_tool_reply(tool, prompt) == reply
