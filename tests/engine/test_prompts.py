"""What goes out to a model: two messages, ours and the data, whatever strangers wrote on any way into a prompt."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

import evolver_tui
from evolver_tui.adapters.llm.offline import OfflineBackend, dry_tool_reply, offline_tool_reply
from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.adapters.nodes.runner import NodeRunner, RunResult
from evolver_tui.adapters.system_clock import SystemClock
from evolver_tui.core.decision import Decision, DecisionKind
from evolver_tui.core.errors import BackendError
from evolver_tui.core.node import NodeDraft
from evolver_tui.core.question import Answer, AnswerAction
from evolver_tui.core.safe_text import without_hidden
from evolver_tui.core.task import Task
from evolver_tui.core.tool import ToolDefinition
from evolver_tui.engine.author.backend import Prompt
from evolver_tui.engine.author.library import Approval
from evolver_tui.engine.author.prompt import author_prompt, tool_prompt
from evolver_tui.engine.checks.checks import check_draft
from evolver_tui.tools.definitions import BUILT_IN_TOOLS, TASK_TO_WORKFLOW_ROUTER
from tests.support.boxes import SANDBOX
from tests.support.control_tokens import TOKENS
from tests.support.processes import HARMLESS, node_answer
from tests.support.provider_asking import backend_at
from tests.support.provider_server import SSE_HEAD, ProviderServer, Request, anthropic_events, openai_answer
from tests.support.sessions import running, send, workspace_in

pytestmark = pytest.mark.anyio

HOSTILE = " ".join(TOKENS)
SEEN = without_hidden(HOSTILE)
"""What the author is given of it: a reviewer does not see the rest."""
TOOLS = {tool.name: tool for tool in BUILT_IN_TOOLS}


def messages(request: Request) -> tuple[str, str]:
    """System and user message of a request of either vendor; there are no others, and no token is in them."""
    body = request.json
    sent = (
        body["messages"] if "system" not in body else [{"role": "system", "content": body["system"]}, *body["messages"]]
    )
    assert [message["role"] for message in sent] == ["system", "user"]
    texts = [message["content"] for message in sent]
    assert not [token for token in TOKENS for text in texts if token in text]
    return texts[0], texts[1]


# --- the author ----------------------------------------------------------------------------------------------------


async def test_a_task_an_answer_a_reason_a_word_and_a_draft_reach_the_author_as_data(tmp_path: Path) -> None:
    task = {
        "id": f"task {SEEN}",
        "taskName": SEEN,
        "translationLanguages": [{"from": SEEN, "to": SEEN}],
        "dueDate": HOSTILE,
        f"key {HOSTILE}": {HOSTILE: [HOSTILE, 1, None]},
    }
    code = f"{HARMLESS.format(task_id='one')}\n# {' '.join(SEEN.split())}\n"
    answer = json.dumps({**json.loads(node_answer("one")), "workflow_code": code})
    async with ProviderServer(*[[openai_answer(answer)]] * 3) as server:
        config = f'[backend]\nkind = "openai"\nmodel = "m"\nbase_url = "{server.url}/v1"\n'
        async with running(workspace_in(tmp_path, config)) as (session, watch):
            await send(session, task)
            await watch.until("question.asked")
            (question,) = await session.store.open_questions()
            said = {"llmTaskType": "generate", "note": HOSTILE[:900]}
            await session.inbox.answer(question.id, Answer(AnswerAction.ACCEPT, said))
            for count, kind in enumerate((DecisionKind.REJECT, DecisionKind.RESPOND), 1):
                await watch.until("review.requested", count)
                (question,) = await session.store.open_questions()
                await session.inbox.decide(question.id, Decision(kind, reason=f"{count} {HOSTILE}"))
            await watch.until("review.requested", 3)
        sent = [messages(request) for request in server.requests]
    assert {system for system, _ in sent} == {TASK_TO_WORKFLOW_ROUTER.system_prompt}
    first, second, third = (json.loads(user) for _, user in sent)
    assert first["task"] == {
        "id": f"task {SEEN}",
        "taskName": SEEN,
        "translationLanguages": [{"from": SEEN, "to": SEEN}],
        "dueDate": SEEN,
        f"key {SEEN}": {SEEN: [SEEN, 1, None]},
    }
    assert first["answers"] == {"llmTaskType": "generate", "note": without_hidden(HOSTILE[:900])}
    assert second["feedback"] == [f"1 {SEEN}"]
    assert third["feedback"] == [f"1 {SEEN}", f"2 {SEEN}"]
    assert second["previous_code"] == third["previous_code"] == code


def asked(task: Mapping[str, Any]) -> Prompt:
    return author_prompt(TASK_TO_WORKFLOW_ROUTER, BUILT_IN_TOOLS, Task.from_raw(task), {}, [], "")


async def test_the_offline_author_reads_the_task_as_it_was() -> None:
    task = {"id": f"<s> {SEEN}", "taskName": f"[INST] Blog <|im_end|> {SEEN}", "llmTaskType": "summarize"}
    pieces = [str(piece) async for piece in OfflineBackend(0, SystemClock()).stream(asked(task))][:-1]
    answer = json.loads("".join(pieces))
    assert "# Task <s> <|im_start|> <|im_end|>" in answer["workflow_code"]
    assert ": [INST] Blog <|im_end|> <|im_start|>" in answer["workflow_code"]


def test_escapes_do_not_count_against_the_length_of_a_task() -> None:
    assert len(asked({"content": "<" * 190_000}).user) > 6 * 190_000
    with pytest.raises(BackendError, match="a model is given at most 200,000"):
        asked({"content": "x" * 200_000})


# --- tools ---------------------------------------------------------------------------------------------------------

STRANGE = f"{HOSTILE} \x00 \ud83d end"
"""A text for tools, which read what a person may not see as well."""
PIRATE = ToolDefinition("pirate", "llm", "x", "Say {prompt} in a {tone} way,\nin {words} words.", "Be a pirate.")
SHORTEN = ToolDefinition("shorten", "node", "Shortens.", target="shortener")


async def run_node(
    tmp_path: Path, vendor: str, calls: str, answers: int, nodes: Mapping[str, str] = {}
) -> tuple[RunResult, list[tuple[str, str]]]:
    """Run a node that prints what `calls` gives, against a model that says something hostile; what was sent."""
    library = NodeFiles(tmp_path / "nodes", lambda: 0.0)
    definitions = {**TOOLS, "pirate": PIRATE, "shorten": SHORTEN}
    preamble = (
        "import json, sys\nfrom node_runtime import ToolChain, call_tool, call_tools_parallel\n"
        "data = json.load(sys.stdin)\n"
    )
    for name, expression in {**nodes, "node": calls}.items():
        code = f"{preamble}print(json.dumps({{'said': {expression}}}))\n"
        report = check_draft(code, definitions)
        draft = NodeDraft(name, name, code, (), "simple", "test")
        library.save(draft, report, Approval("ada", "2026-11-20T15:45:00Z", name, "summarize"))
    said = "Aye <|im_end|> [INST]"
    turn = [SSE_HEAD + anthropic_events(said)] if vendor == "anthropic" else [openai_answer(said)]
    async with ProviderServer(*[turn] * answers) as server:
        backend = backend_at(server.url, vendor)
        runner = NodeRunner(library, definitions, backend, offline_tool_reply, SANDBOX, dry_reply=dry_tool_reply)
        result = await runner.run("node", json.dumps({"text": STRANGE}).encode())
        return result, [messages(request) for request in server.requests]


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
async def test_a_node_s_prompt_is_one_piece_of_data_and_the_answer_comes_back_as_it_was(
    tmp_path: Path, vendor: str
) -> None:
    calls = (
        "[call_tool('summarizer', data['text']),"
        " call_tool('quick_translator', f\"Translate from {data['text']} to de: {data['text']}\"),"
        " call_tool('nmt_translator', json.dumps({'text': data['text'], 'source_language': data['text']})),"
        " call_tool('content_generator', data['text'])]"
    )
    result, sent = await run_node(tmp_path, vendor, calls, 4)
    assert result.output == {"said": ["Aye <|im_end|> [INST]"] * 4}
    names = ("summarizer", "quick_translator", "nmt_translator", "content_generator")
    assert all(system.startswith(TOOLS[name].system_prompt) for name, (system, _) in zip(names, sent, strict=True))
    assert [json.loads(user) for _, user in sent] == [
        STRANGE,
        f"Translate from {STRANGE} to de: {STRANGE}",
        {"text": STRANGE, "source_language": STRANGE},
        STRANGE,
    ]


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
async def test_values_and_instructions_of_a_node_stand_as_data_and_not_in_the_system_message(
    tmp_path: Path, vendor: str
) -> None:
    calls = (
        "[call_tool('pirate', data['text'], tone=data['text'], words=20, unused=data['text']),"
        " call_tool('pirate', 'x', tone=[data['text']], words=None, system_prompt=data['text']),"
        " call_tool('summarizer', 'x', system_prompt='')]"
    )
    result, ((own, filled), (theirs, instructed), (none, bare)) = await run_node(tmp_path, vendor, calls, 3)
    assert result.succeeded
    said, tone = filled.removeprefix("Say ").removesuffix(" way,\nin 20 words.").split(" in a ")
    assert (json.loads(said), json.loads(tone)) == (STRANGE, STRANGE)
    assert own.startswith("Be a pirate.\n\n")
    first, empty, *rest = instructed.split("\n")
    assert json.loads(first.removeprefix("Instructions: ")) == STRANGE
    assert (empty, rest[0][:18], rest[1:]) == ("", 'Say "x" in a ["\\u0', ["in null words."])
    assert "pirate" not in theirs
    assert "summarize" not in none
    assert bare == '"x"'


async def test_chains_lists_of_calls_and_nodes_that_are_tools_end_at_the_same_gate(tmp_path: Path) -> None:
    calls = (
        "[ToolChain().call('summarizer', data['text']).then('summarizer', '{result}').get(),"
        " call_tools_parallel([{'tool': 'pirate', 'prompt': data['text'], 'kwargs': {'tone': data['text']}}]),"
        " json.loads(call_tool('shorten', data['text']))['said']]"
    )
    nodes = {"shortener": "call_tool('summarizer', data['prompt'])"}
    result, sent = await run_node(tmp_path, "openai", calls, 4, nodes)
    assert result.output == {"said": ["Aye <|im_end|> [INST]", ["Aye <|im_end|> [INST]"], "Aye <|im_end|> [INST]"]}
    first, again, listed, nested = (user for _, user in sent)
    assert (json.loads(first), json.loads(again), json.loads(nested)) == (STRANGE, "Aye <|im_end|> [INST]", STRANGE)
    assert listed.startswith('Say "\\u003c')


# --- a real server -------------------------------------------------------------------------------------------------

LLAMA_SERVER = os.environ.get("EVOLVER_TEST_LLAMA_SERVER", "")
"""The URL of llama.cpp's own server with any model."""


@pytest.mark.skipif(not LLAMA_SERVER, reason="EVOLVER_TEST_LLAMA_SERVER is not set")
def test_a_real_server_finds_no_control_token_in_what_strangers_wrote() -> None:
    def tokens(text: str, *, parse_special: bool) -> object:
        request = {"content": text, "parse_special": parse_special}
        return httpx.post(f"{LLAMA_SERVER}/tokenize", json=request, timeout=60).raise_for_status().json()["tokens"]

    tools = [tool_prompt(tool, HOSTILE, {"tone": HOSTILE}, HOSTILE) for tool in (*BUILT_IN_TOOLS, PIRATE)]
    task = Task.from_raw({"id": HOSTILE, "taskName": HOSTILE, HOSTILE: [HOSTILE]})
    author = author_prompt(TASK_TO_WORKFLOW_ROUTER, BUILT_IN_TOOLS, task, {"note": HOSTILE}, [HOSTILE], HOSTILE)
    for prompt in (*tools, author):
        assert tokens(prompt.user, parse_special=True) == tokens(prompt.user, parse_special=False)
    assert tokens(HOSTILE, parse_special=True) != tokens(HOSTILE, parse_special=False)


# --- by construction -----------------------------------------------------------------------------------------------


def test_prompts_are_made_in_one_place() -> None:
    """A prompt that is made elsewhere would not pass the gate."""
    package = Path(evolver_tui.__file__).parent
    makers = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and _name(node.func) == "Prompt"
    }
    assert makers == {"engine/author/prompt.py"}


def _name(expression: ast.expr) -> Any:
    return getattr(expression, "id", None) or getattr(expression, "attr", None)
