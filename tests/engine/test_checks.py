"""What the checks say about a draft before anybody decides about it."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolver_tui.core.node import CheckReport, FindingLevel, Risk
from evolver_tui.core.router_answer import MOST_CODE_BYTES
from tests.support.drafts import NODE, check, with_lines

LINES = NODE.count("\n")


def said(report: CheckReport, level: FindingLevel) -> list[tuple[int, str]]:
    return [(finding.line, finding.message) for finding in report.findings if finding.level is level]


def test_a_node_of_the_usual_kind_passes_everything_and_reaches_nothing() -> None:
    report = check(NODE)
    assert report.can_be_approved
    assert (report.risk, report.capabilities) == (Risk.LOW, ())
    assert report.tools == ("content_generator", "quick_translator")
    assert [finding.message for finding in report.findings] == [
        "valid Python",
        "reads one JSON object",
        "writes one JSON object",
        "tool calls well formed",
        "tools known",
        "reaches nothing that was found",
    ]
    assert {finding.level for finding in report.findings} == {FindingLevel.PASS}


def test_a_report_survives_the_journal() -> None:
    report = with_lines("import socket")
    assert CheckReport.from_json_value(report.to_json_value()) == report


# --- what cannot be approved ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "def",
        "x = 1\n\0",
        "(" * 5000,
        "x = " + "[" * 90 + "]" * 90 + "]",
        "a" + ".b" * 5000,
        "-" * 100_000 + "1",
        "1+" * 20_000 + "1",
        "x = '\ud800'",
        "x = 1" + " " * MOST_CODE_BYTES,
        "return await yield",
        "é" * (MOST_CODE_BYTES // 2 + 1),
    ],
    ids=lambda code: ascii(code[:12]),
)
def test_what_no_python_can_read_fails_quietly_and_counts_as_high(code: str) -> None:
    report = check(code)
    assert not report.can_be_approved
    assert report.risk is Risk.HIGH
    assert all(message.isprintable() for _, message in said(report, FindingLevel.FAIL))


def test_a_syntax_error_names_its_line() -> None:
    assert said(check("x = 1\ny = = 2\n"), FindingLevel.FAIL) == [(2, "no Python: invalid syntax")]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | st.text(alphabet="()[]{}:.=\n '\"@*importdefcall_tool", max_size=200))
def test_no_text_at_all_breaks_the_checks(code: str) -> None:
    assert check(code).findings


@pytest.mark.parametrize(
    "reading",
    [
        "json.load(sys.stdin)",
        "json.loads(sys.stdin.read())",
        "json.loads(sys.stdin.buffer.read() or b'{}')",
        "json.loads(input())",
        "json.loads(open(0).read())",
    ],
)
@pytest.mark.parametrize(
    "writing",
    ["print(json.dumps(data))", "json.dump(data, sys.stdout)", "sys.stdout.write(json.dumps(data) + '\\n')"],
)
def test_every_usual_way_to_read_and_write_json_passes(reading: str, writing: str) -> None:
    assert check(f"import json, sys\ndata = {reading}\n{writing}\n").can_be_approved


def test_aliases_of_modules_and_functions_are_followed() -> None:
    code = (
        "import json as j\nfrom sys import stdin as s\nfrom json import dumps\ndata = j.load(s)\nprint(dumps(data))\n"
    )
    assert check(code).can_be_approved


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import json\nprint(json.dumps({}))\n", "does not read a JSON object from stdin"),
        ("import json, sys\njson.load(open('x'))\nprint(json.dumps({}))\n", "does not read a JSON object from stdin"),
        ("import json, sys\ndata = json.load(sys.stdin)\nprint(data)\n", "does not write a JSON object to stdout"),
        (
            "import json, sys\nd = json.load(sys.stdin)\nprint(json.dumps(d), file=sys.stderr)\n",
            "does not write a JSON object to stdout",
        ),
    ],
)
def test_a_draft_that_breaks_the_contract_of_streams_fails(code: str, problem: str) -> None:
    (message,) = [message for _, message in said(check(code), FindingLevel.FAIL)]
    assert message.startswith(problem)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("call_tool('summarizer')", "call_tool needs a tool name and a prompt"),
        ("call_tool()", "call_tool needs a tool name and a prompt"),
        ("call_tool(prompt='x')", "call_tool needs a tool name and a prompt"),
        ("call_tool('summarizer', 'x', 0.5)", "call_tool takes a tool name and a prompt; all else by keyword"),
        ("call_tool(3, 'x')", "a tool's name has to be text"),
        ("call_tool('summariser', 'x')", "tool 'summariser' is not known; did it mean summarizer?"),
        ("call_tool('rm -rf\\x1b', 'x')", "tool 'rm -rf\\x1b' is not known"),
    ],
)
def test_a_wrong_call_of_a_tool_fails_with_its_line(call: str, problem: str) -> None:
    assert (LINES + 1, problem) in said(with_lines(call), FindingLevel.FAIL)


def test_a_tool_call_without_its_import_fails() -> None:
    code = NODE.replace("from node_runtime import call_tool\n", "")
    assert (11, "call_tool is not imported from node_runtime") in said(check(code), FindingLevel.FAIL)


@pytest.mark.parametrize(
    "lines",
    [
        "import node_runtime as n\nn.call_tool('summarizer', 'x', temperature=0.1)",
        "from node_runtime import call_tool as ask\nask(tool_name='summarizer', prompt='x')",
        "TOOL = 'summarizer'\ncall_tool(TOOL, 'x')",
        "from node_runtime import call_tools_parallel as p\np([('summarizer', 'x'), ('summarizer', 'y', {})])",
        "from node_runtime import call_tools_parallel as p\np([{'tool': 'summarizer', 'prompt': w} for w in 'ab'])",
        "from node_runtime import ToolChain as C\nC().call('content_generator', 'x').then('summarizer').get()",
    ],
)
def test_tools_are_found_in_every_way_to_call_them(lines: str) -> None:
    report = with_lines(lines)
    assert report.can_be_approved, report.findings
    assert report.tools == ("content_generator", "quick_translator", "summarizer")


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ("call_llm('any', 'x', temperature=0.1)", ""),
        ("call_llm(model='any', prompt='x')", ""),
        ("list(map(call_llm, 'ab', 'cd'))", ""),
        ("call_llm('x')", "call_llm takes a model and a prompt; all else by keyword"),
    ],
)
def test_asking_a_model_is_a_call_of_the_tool_llm(call: str, problem: str) -> None:
    report = with_lines("from node_runtime import call_llm", call)
    assert "llm" in report.tools
    assert [message for _, message in said(report, FindingLevel.FAIL)] == ([problem] if problem else [])


@pytest.mark.parametrize(
    "call", ["call_tool(data['tool'], 'x')", "call_tool(*data)", "list(map(call_tool, 'ab', 'cd'))"]
)
def test_a_tool_that_is_chosen_at_run_time_is_a_note(call: str) -> None:
    report = with_lines(call)
    assert report.can_be_approved
    assert any("run time" in message for _, message in said(report, FindingLevel.NOTE))


# --- what code can reach -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "capability"),
    [
        ("import socket", "network"),
        ("from urllib.request import urlopen as u\nu('http://x')", "network"),
        ("import http.client as h", "network"),
        ("import requests", "network"),
        ("import asyncio\nasyncio.open_connection('x', 1)", "network"),
        ("import subprocess as s\ns.run(['ls'])", "processes"),
        ("import os as o\no.system('x')", "processes"),
        ("from os import system as s\ns('x')", "processes"),
        ("import os\nf = os.execv\nf('x', [])", "processes"),
        ("import pathlib\npathlib.os.system('x')", "processes"),
        ("import random\nrandom._os.fork()", "processes"),
        ("import sys\nsys.modules['os'].popen('x')", "processes"),
        ("import os\ngetattr(os, 'system')('x')", "processes"),
        ("__import__('os').system('x')", "processes"),
        ("import multiprocessing", "processes"),
        ("eval('1')", "eval"),
        ("run = exec\nrun('1')", "eval"),
        ("import builtins as b\nb.eval('1')", "eval"),
        ("import pickle\npickle.loads(b'')", "eval"),
        ("compile('1', '', 'eval')", "eval"),
        ("__builtins__['ev' + 'al']('1')", "introspection"),
        ("import importlib\nimportlib.import_module('x')", "dynamic_import"),
        ("__import__('socket')", "dynamic_import"),
        ("sys.path.insert(0, '/tmp')", "dynamic_import"),
        ("open('x', 'w')", "file_writes"),
        ("open('x', mode='a')", "file_writes"),
        ("mode = input()\nopen('x', mode)", "file_writes"),
        ("from pathlib import Path as P\nP('x').write_text('y')", "file_writes"),
        ("p = Path('x') / 'y'\np.unlink()", "file_writes"),
        ("p = Path('x')\np.open('w')", "file_writes"),
        ("def f(p):\n    p.write_bytes(b'')", "file_writes"),
        ("import shutil\nshutil.rmtree('x')", "file_writes"),
        ("import os\nos.remove('x')", "file_writes"),
        ("import tempfile", "file_writes"),
        ("open('/etc/passwd')", "files"),
        ("Path('x').read_text()", "files"),
        ("import os\nos.listdir('.')", "files"),
        ("import os\nos.environ['HOME']", "environment"),
        ("from os import environ as e\ne.get('HOME')", "environment"),
        ("import os\nos.getenv('HOME')", "environment"),
        ("import ctypes", "introspection"),
        ("import gc\ngc.get_objects()", "introspection"),
        ("sys._getframe()", "introspection"),
        ("().__class__.__base__.__subclasses__()", "introspection"),
        ("'{0.__globals__}'.format(main)", "introspection"),
        ("getattr(json, 'lo' + 'ads')", "introspection"),
        ("json.dumps = print", "introspection"),
        ("import os\nhidden = [os]", "introspection"),
        ("from os import *", "introspection"),
        ("import threading", "threads"),
        ("import yaml", "imports"),
        ("from . import other", "imports"),
    ],
)
def test_what_code_reaches_is_named_with_its_line(lines: str, capability: str) -> None:
    report = with_lines(lines)
    assert capability in report.capabilities
    notes = [finding for finding in report.findings if finding.check == capability]
    assert all(finding.level is FindingLevel.NOTE and finding.line > LINES for finding in notes)
    assert notes
    assert report.can_be_approved
    medium = capability in ("files", "environment", "threads", "imports")
    assert report.risk is (Risk.MEDIUM if medium else Risk.HIGH)


@pytest.mark.parametrize(
    "lines",
    [
        "import re\nre.compile('x')",
        "import urllib.parse\nurllib.parse.quote('x')",
        "import os\nos.path.join('a', 'b')",
        "from collections import Counter\nCounter('abc').most_common(1)",
        "'a'.replace('a', 'b')",
        "Path('a/b').name.replace('a', 'b')",
        "getattr(main, 'title', '')",
        "import hashlib, math, datetime, textwrap, html, statistics",
        "try:\n    pass\nexcept Exception as error:\n    print(type(error).__name__, file=sys.stderr)",
        "from __future__ import annotations",
        "root = Path(__file__).resolve().parent.parent.parent\nsys.path.append(str(root))",
    ],
)
def test_plain_work_reaches_nothing(lines: str) -> None:
    report = with_lines(*lines.split("\n"))
    assert (report.risk, report.capabilities) == (Risk.LOW, ()), report.findings


@pytest.mark.parametrize("character", ["\u202e", "\u200b", "\u2066", "\ufeff", "\x0c", "\x1b", "\u3164", "\U000e0041"])
def test_a_character_that_cannot_be_seen_is_a_note_with_its_line_and_high(character: str) -> None:
    report = with_lines("# harmless", f"x = 'a{character}b'")
    (note,) = [finding for finding in report.findings if finding.check == "hidden_text"]
    assert note.line == LINES + 2
    assert f"U+{ord(character):04X}" in note.message
    assert note.message.isascii()
    assert report.risk is Risk.HIGH


def test_a_name_with_letters_that_look_like_others_is_a_note_and_high() -> None:
    report = with_lines("dаta = 1")  # the second letter is Cyrillic
    (note,) = [finding for finding in report.findings if finding.check == "hidden_text"]
    assert (note.line, report.risk) == (LINES + 1, Risk.HIGH)
    assert "beyond ASCII" in note.message
    assert note.message.isascii()


def test_a_carriage_return_that_hides_the_start_of_a_line_is_a_note() -> None:
    assert with_lines("x = 1 # evil\rpass").risk is Risk.HIGH
    assert check(NODE.replace("\n", "\r\n")).risk is Risk.LOW


def test_text_in_other_languages_is_no_risk() -> None:
    assert with_lines("greeting = 'Grüße, 世界, مرحبا'").risk is Risk.LOW


def test_code_far_to_the_right_is_a_note() -> None:
    messages = [message for _, message in said(with_lines("x = 1" + " " * 80 + "; y = 2"), FindingLevel.NOTE)]
    assert messages == ["code stands far to the right, behind many blanks"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            NODE.replace("sys.path.insert", "sys.path.append").replace(
                "\nfrom node_runtime", "\nimport re\nfrom node_runtime"
            ),
            "",
        ),
        (
            textwrap.dedent(
                """\
                import json, sys
                from pathlib import Path
                from node_runtime import call_tool
                sys.path.insert(0, str(Path(__file__).parent.parent.parent))
                print(json.dumps({"x": call_tool("summarizer", json.load(sys.stdin)["x"])}))
                """
            ),
            "node_runtime is imported before sys.path is set",
        ),
        (
            "import json, sys\nfrom node_runtime import call_tool\nprint(json.dumps(json.load(sys.stdin)))\n",
            "node_runtime is imported and not used",
        ),
        (NODE + "print('done')\n", "prints something that is not the JSON object"),
    ],
    ids=["in order", "before the path", "unused", "stray print"],
)
def test_slips_that_work_are_notes(code: str, message: str) -> None:
    report = check(code)
    assert report.can_be_approved
    notes = [text for _, text in said(report, FindingLevel.NOTE)]
    assert any(text.startswith(message) for text in notes) if message else not notes


def test_a_thousand_notes_are_counted_not_listed() -> None:
    report = with_lines(*(f"import module_{number}" for number in range(1000)), "import socket")
    assert len(report.findings) < 60
    assert report.findings[-1].message == "961 more notes"
    assert "network" in {finding.check for finding in report.findings}


def test_findings_come_in_the_same_order_each_time() -> None:
    code = NODE + "import socket\nimport os\nos.system('x')\nopen('x', 'w')\n"
    first = check(code)
    assert all(check(code) == first for _ in range(3))
    notes = [finding.line for finding in first.findings if finding.level is FindingLevel.NOTE]
    assert notes == sorted(notes)


def test_nothing_of_the_draft_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    check("print('ran')\nraise SystemExit(1)\n")
    check("x = '\\d'\n")  # Python's parser has a warning for this one
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
