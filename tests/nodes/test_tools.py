"""Tools: the built-in ones, a person's own, and what answers when a node calls one."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.nodes.tool_calls import CallRefused, ToolLimits, ToolServer
from evolver_tui.core.address import Address
from evolver_tui.core.errors import BackendError, ConfigError
from evolver_tui.core.tool import ToolDefinition
from evolver_tui.engine.author.backend import BackendInfo, Piece, Prompt, Thinking, Usage
from evolver_tui.engine.author.prompt import fill_template
from evolver_tui.settings.backend_config import BackendConfig
from evolver_tui.settings.tool_files import load_tools, read_tool
from evolver_tui.tools.definitions import BUILT_IN_TOOLS, TASK_TO_WORKFLOW_ROUTER

TOOLS = {tool.name: tool for tool in BUILT_IN_TOOLS}


class Writer:
    """A backend that says what it is told to and remembers what it was asked."""

    def __init__(self, pieces: Sequence[str | Thinking] = ("one ", "two"), error: BackendError | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.asked: list[Prompt] = []
        self.hold: asyncio.Event | None = None

    @property
    def info(self) -> BackendInfo:
        return BackendInfo("test", "writer")

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        self.asked.append(prompt)
        if self.hold is not None:
            await self.hold.wait()
        for piece in self.pieces:
            yield piece
        if self.error is not None:
            raise self.error
        yield Usage(1, 2)

    async def close(self) -> None:
        return None


def server(backend: Writer | None = None, limits: ToolLimits | None = None, **tools: ToolDefinition) -> ToolServer:
    definitions = {**TOOLS, **tools}
    return ToolServer(
        definitions, [*definitions], backend, lambda name, prompt: f"[{name}] {prompt}", limits=limits or ToolLimits()
    )


# --- definitions ---------------------------------------------------------------------------------------------------


def test_the_built_in_tools_are_those_of_the_specification() -> None:
    assert set(TOOLS) == {
        "summarizer",
        "content_generator",
        "quick_translator",
        "nmt_translator",
        "task_to_workflow_router",
        "llm",  # what call_llm of the specification asks
    }
    assert (BackendConfig().temperature, BackendConfig().max_tokens) == (0.2, 4000)
    assert (TASK_TO_WORKFLOW_ROUTER.temperature, TASK_TO_WORKFLOW_ROUTER.max_tokens) == (None, None)
    assert all(
        tool.description and tool.system_prompt and "{prompt}" in tool.prompt_template for tool in TOOLS.values()
    )


def test_the_router_is_told_the_answer_s_fields_and_every_tool_by_its_name() -> None:
    prompt = TASK_TO_WORKFLOW_ROUTER.system_prompt
    fields = ("workflow_code", "workflow_name", "suggested_node_id", "tools_used", "estimated_complexity")
    assert all(field in prompt for field in fields)
    assert all(name in prompt for name in TOOLS if name != TASK_TO_WORKFLOW_ROUTER.name)


# --- a person's own ------------------------------------------------------------------------------------------------


def test_a_tool_file_becomes_a_tool_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "pirate.toml").write_text(
        'description = "Says it as a pirate would."\nprompt_template = "As a pirate: {prompt}"\ntemperature = 1\n'
    )
    (tmp_path / "shout.toml").write_text('kind = "node"\ndescription = "Shouts."\ntarget = "shout_it"\n')
    (tmp_path / "ask.toml").write_text('kind = "http"\ndescription = "Asks."\ntarget = "http://localhost:8000/ask"\n')
    (tmp_path / "notes.txt").write_text("not a tool")
    folder = load_tools(tmp_path, BUILT_IN_TOOLS)
    assert folder.problems == ()
    assert set(folder.tools) == {*TOOLS, "pirate", "shout", "ask"}
    pirate = folder.tools["pirate"]
    assert (pirate.kind, pirate.temperature, pirate.max_tokens) == ("llm", 1.0, None)
    assert folder.tools["shout"].target == "shout_it"


def test_a_person_s_tool_takes_the_place_of_a_built_in_one(tmp_path: Path) -> None:
    (tmp_path / "summarizer.toml").write_text('description = "Mine."\n')
    assert load_tools(tmp_path, BUILT_IN_TOOLS).tools["summarizer"].description == "Mine."


def test_without_a_folder_there_are_the_built_in_tools(tmp_path: Path) -> None:
    assert load_tools(tmp_path / "none", BUILT_IN_TOOLS).tools == TOOLS


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a", "description = ", "is no TOML"),
        ("a", 'descripton = "x"', "the key 'descripton' is unknown. Did you mean 'description'?"),
        ("a", "description = 3", "description has to be a text"),
        ("a", 'kind = "llm"', "description is missing"),
        ("a", 'description = "x"\nkind = "lmm"', "kind = 'lmm' is unknown. Did you mean 'llm'?"),
        ("a", 'description = "x"\ntemperature = 3', "temperature has to be a number from 0 to 2"),
        ("a", 'description = "x"\ntemperature = nan', "temperature has to be a number"),
        ("a", 'description = "x"\nmax_tokens = 1.5', "max_tokens has to be a whole number"),
        ("a", 'description = "x"\nmax_tokens = true', "max_tokens has to be a whole number"),
        ("a", 'description = "x"\nprompt_template = "y"', "prompt_template does not hold {prompt}"),
        ("a", 'description = "x"\ntarget = "y"', "target belongs to node and http tools"),
        ("a", 'description = "x"\nkind = "node"\ntarget = "../y"', "target is no node's id"),
        ("a", 'description = "x"\nkind = "http"\ntarget = "file:///etc/passwd"', "target has to be a web address"),
        ("a", 'description = "x"\nkind = "http"\ntarget = "http://me:pw@host"', "target has to be a web address"),
        ("a", 'description = "x"\nkind = "node"\ntarget = "y"\ntemperature = 1', "temperature belongs to llm tools"),
        ("A b", 'description = "x"', "its name is no tool's name"),
        ("a", "\ufeffx", "is no TOML"),
        ("a", "#" * 300_000, "is larger than 256 KiB"),
    ],
)
def test_a_tool_file_that_cannot_be_used_is_named_with_its_key(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    file = tmp_path / f"{name}.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_tool(file)
    assert problem in str(caught.value)
    assert file.name in str(caught.value)
    folder = load_tools(tmp_path, BUILT_IN_TOOLS)
    assert folder.tools == TOOLS
    assert len(folder.problems) == 1


def test_two_files_with_one_name_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('description = "first"\n')
    (tmp_path / "b.toml").write_text('name = "a"\ndescription = "second"\n')
    folder = load_tools(tmp_path, ())
    assert folder.tools["a"].description == "first"
    assert "taken by a.toml" in str(folder.problems[0])


# --- what answers --------------------------------------------------------------------------------------------------


def test_a_template_is_filled_once_and_never_from_what_was_filled_in() -> None:
    values = {"prompt": "{tone} {0.__class__} {prompt}", "tone": "dry", "words": 20}
    filled = fill_template("{tone}: {prompt} {other} {} in {words} words", values)
    assert filled == '"dry": "{tone} {0.__class__} {prompt}" {other} {} in 20 words'


def test_quotes_around_a_placeholder_are_those_of_its_value() -> None:
    template = 'Say "{prompt}", not "{other}" nor "{prompt} {prompt}".'
    filled = r'Say "a \"b\"", not "{other}" nor ""a \"b\"" "a \"b\""".'
    assert fill_template(template, {"prompt": 'a "b"'}) == filled


@pytest.mark.parametrize(
    ("prompt", "written"),
    [
        ('{"text": "[x]\\n", "to": "de"}', r'{"text": "\u005bx\u005d\n", "to": "de"}'),
        ('{"text": {"a": 1}}', r'"{\"text\": {\"a\": 1}}"'),
        ('{"a": 1.10}', r'"{\"a\": 1.10}"'),
        ("{x}", '"{x}"'),
        ("{" * 50_000, f'"{"{" * 50_000}"'),
        ('["a"]', r'"\u005b\"a\"\u005d"'),
    ],
    ids=range(6),
)
def test_an_object_of_texts_stays_one_and_everything_else_is_a_string(prompt: str, written: str) -> None:
    assert fill_template("{prompt}", {"prompt": prompt}) == written


@pytest.mark.anyio
async def test_a_model_is_asked_with_the_tool_s_prompt_and_its_answer_joined() -> None:
    backend = Writer()
    pirate = ToolDefinition("pirate", "llm", "x", "Say {prompt} in a {tone} way.", "Be brief.", 0.5, 100)
    answer = await server(backend, pirate=pirate).call("pirate", "{tone}", {"tone": "gruff", "disable_tracking": True})
    assert answer == "one two"
    (asked,) = backend.asked
    assert asked.system.startswith("Be brief.\n\n")
    assert (asked.user, asked.temperature, asked.max_tokens) == ('Say "{tone}" in a "gruff" way.', 0.5, 100)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("own", "call", "asked"),
    [
        ((None, None), {}, (None, None)),
        ((0.8, 500), {}, (0.8, 500)),
        ((0.8, 500), {"temperature": 0, "max_tokens": 700}, (0, 700)),
        ((None, 9000), {"max_tokens": 8000}, (None, 8000)),
        ((None, 500), {"max_tokens": 10**9}, (None, 2000)),
    ],
)
async def test_a_call_goes_before_its_tool_and_a_tool_before_the_config(
    own: tuple[float | None, int | None], call: dict[str, Any], asked: tuple[float | None, int | None]
) -> None:
    backend, pirate = Writer(), ToolDefinition("pirate", "llm", "x", "{prompt}", "", *own)
    await server(backend, ToolLimits(tokens=2000), pirate=pirate).call("pirate", "x", call)
    assert (backend.asked[0].temperature, backend.asked[0].max_tokens) == asked


@pytest.mark.anyio
async def test_thinking_is_no_part_of_an_answer() -> None:
    backend = Writer(("Hm. ", Thinking(4, takes_back=True), "Ahoy", Thinking(3), "!"))
    assert await server(backend).call("summarizer", "x", {}) == "Ahoy!"


@pytest.mark.anyio
async def test_a_node_may_set_what_the_contract_allows_within_the_config_s_bounds() -> None:
    backend = Writer()
    arguments = {"temperature": 99, "max_tokens": 10**9, "system_prompt": "Other.", "timeout": 10**9}
    await server(backend).call("summarizer", "x", arguments)
    await server(backend).call("summarizer", "x", {"temperature": "hot", "max_tokens": float("nan"), "timeout": None})
    summarizer = TOOLS["summarizer"]
    other, own = backend.asked
    assert (other.user, other.temperature, other.max_tokens) == (
        'Instructions: "Other."\n\n"x"', 2.0, ToolLimits().tokens
    )  # fmt: skip
    assert "Other." not in other.system
    assert summarizer.system_prompt not in other.system
    assert own.system.startswith(summarizer.system_prompt)
    assert (own.user, own.temperature, own.max_tokens) == ('"x"', summarizer.temperature, summarizer.max_tokens)


@pytest.mark.anyio
async def test_without_a_model_the_offline_answer_says_so() -> None:
    assert await server(None).call("summarizer", "x", {}) == "[summarizer] x"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("backend", "limits", "kind", "message"),
    [
        (
            Writer(error=BackendError("The provider refused.", "Check the key.")),
            ToolLimits(),
            "failed",
            "Check the key.",
        ),
        (Writer(("x" * 60, "y" * 60)), ToolLimits(answer_bytes=100), "limit", "more than 100"),
        (Writer(), ToolLimits(prompt_bytes=3), "limit", "at most 3 bytes"),
    ],
)
async def test_a_call_that_fails_says_why(backend: Writer, limits: ToolLimits, kind: str, message: str) -> None:
    tools = server(backend, limits)
    with pytest.raises(CallRefused, match=message) as caught:
        await tools.call("summarizer", "text", {})
    assert caught.value.kind == kind
    assert [bool(call.error) for call in tools.calls] == [True]


@pytest.mark.anyio
async def test_values_that_are_nested_too_deeply_are_refused_in_words() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    pirate = ToolDefinition("pirate", "llm", "x", "{prompt} {tone}")
    with pytest.raises(CallRefused, match="nested too deeply"):
        await server(Writer(), pirate=pirate).call("pirate", "x", {"tone": deep})


@pytest.mark.anyio
async def test_a_model_that_never_answers_is_given_up_after_the_node_s_own_timeout() -> None:
    backend = Writer()
    backend.hold = asyncio.Event()
    with pytest.raises(CallRefused, match=r"within 0\.01 seconds") as caught:
        await server(backend).call("summarizer", "x", {"timeout": 0.01})
    assert caught.value.kind == "timeout"


@pytest.mark.anyio
async def test_one_slow_call_does_not_hold_up_the_others() -> None:
    slow, backend = Writer(("slow",)), Writer(("fast",))
    slow.hold = asyncio.Event()

    class Both(Writer):
        def stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
            return (slow if prompt.user == '"slow"' else backend).stream(prompt)

    ours, theirs = socket.socketpair()
    tools = server(Both())
    serving = asyncio.create_task(tools.serve(*await asyncio.open_connection(sock=ours, limit=tools.longest_line)))
    reader, writer = await asyncio.open_connection(sock=theirs)
    for number, prompt in ((1, "slow"), (2, "fast")):
        writer.write(json.dumps({"id": number, "tool": "summarizer", "prompt": prompt}).encode() + b"\n")
    assert json.loads(await reader.readline()) == {"id": 2, "text": "fast"}
    slow.hold.set()
    assert json.loads(await reader.readline()) == {"id": 1, "text": "slow"}
    writer.close()
    await serving


@pytest.mark.anyio
async def test_the_server_outlives_every_bad_line_and_hangs_up_after_too_many() -> None:
    ours, theirs = socket.socketpair()
    tools = server(None, ToolLimits(calls=20, prompt_bytes=1000))
    serving = asyncio.create_task(tools.serve(*await asyncio.open_connection(sock=ours, limit=tools.longest_line)))
    reader, writer = await asyncio.open_connection(sock=theirs)
    bad = [b"", b"{", b"[]", b"\xff", b'{"id": "1", "tool": "a", "prompt": "b"}', b"[" * 50_000, b'{"id": 1}']
    bad.append(b'{"id": 1, "tool": "summarizer", "tool": "translator", "prompt": "x"}')
    for line in bad:
        writer.write(line + b"\n")
        assert json.loads(await reader.readline())["kind"] == "bad_request"
    writer.write(b"x" * 200_000 + b"\n")
    assert json.loads(await reader.readline())["kind"] in ("limit", "bad_request")
    writer.write(json.dumps({"id": 7, "tool": "summarizer", "prompt": "x"}).encode() + b"\n")
    replies = [json.loads(await reader.readline())]
    while replies[-1].get("id") != 7:
        replies.append(json.loads(await reader.readline()))
    assert replies[-1]["text"] == "[summarizer] x"
    writer.write(b"\n" * 30)
    rest = await reader.read()
    assert all(json.loads(line)["kind"] == "bad_request" for line in rest.splitlines())
    writer.close()
    await serving


@pytest.mark.anyio
async def test_an_http_tool_posts_the_prompt_and_reads_the_answer() -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line)
        asked.append(head.split(b"\r\n")[0] + b" " + await reader.readexactly(length))
        if b"/moved" in head:
            writer.write(b"HTTP/1.1 302 Found\r\nlocation: http://localhost/\r\ncontent-length: 0\r\n\r\n")
        elif b"/packed" in head:
            packed = gzip.compress(b"0" * 1_000_000)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-encoding: GZip\r\ncontent-length: %d\r\n\r\n" % len(packed))
            writer.write(packed)
        else:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nh\xc3\xa9y!")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        ask = ToolDefinition("ask", "http", "x", address=Address(f"{base}/ask"))
        moved = ToolDefinition("moved", "http", "x", address=Address(f"{base}/moved"))
        packed = ToolDefinition("packed", "http", "x", address=Address(f"{base}/packed"))
        tools = server(None, ask=ask, moved=moved, packed=packed)
        assert await tools.call("ask", "hi", {"tone": "dry"}) == "héy!"
        assert await tools.call("ask", "half \ud83d, none \x00", {}) == "héy!"
        with pytest.raises(CallRefused, match="HTTP 302"):
            await tools.call("moved", "hi", {})
        with pytest.raises(CallRefused, match="compresses its answer, unasked"):
            await tools.call("packed", "hi", {})
    method, _, body = asked[0].partition(b" HTTP/1.1 ")
    assert method == b"POST /ask"
    assert json.loads(body) == {"tone": "dry", "prompt": "hi"}
    assert json.loads(asked[1].partition(b" HTTP/1.1 ")[2]) == {"prompt": "half \ud83d, none \x00"}
    with pytest.raises(CallRefused, match="cannot be reached"):
        await tools.call("ask", "hi", {})
