"""Strings that a stranger may send to steer, forge, break or stall what a person looks at, and how to tell they failed.

They are what `json.loads` gives: a lone surrogate or a NUL arrives as an escape in well-formed JSON.
"""

from __future__ import annotations

import codecs
import dataclasses
import re
import unicodedata
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, cast

from rich.segment import Segment
from textual.app import App
from textual.widget import Widget

from evolver_tui.core.errors import EvolverError
from evolver_tui.core.node import CheckReport, Finding, FindingLevel, NodeDraft, Risk
from evolver_tui.core.node_run import NodeRun, ToolExchange, Tryout
from evolver_tui.core.question import Question, QuestionKind
from evolver_tui.core.question_kinds.review import ReviewSubject
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.task import Task
from evolver_tui.engine.author.author import Author
from evolver_tui.engine.author.writer import LiveDraft
from evolver_tui.engine.durable.routine import Result, Run
from evolver_tui.engine.session import Session
from evolver_tui.settings.workspace import Workspace
from evolver_tui.wiring import make_session
from tests.support.boxes import SteadySandbox

HOSTILE: dict[str, str] = {
    # escape sequences
    "clipboard": "\x1b]52;c;cm0gLXJmIH4=\x07 copied",
    "clipboard, ended by ST": "\x1b]52;c;cm0gLXJmIH4=\x1b\\ copied",
    "clipboard, asked for": "\x1b]52;c;?\x07",
    "title": "\x1b]0;owned\x07 \x1b]2;owned\x1b\\ titled",
    "link": "\x1b]8;;http://evil.example/\x1b\\press me\x1b]8;;\x1b\\",
    "desktop notice": "\x1b]9;owned\x07\x1b]777;notify;owned;owned\x07\x1b]1337;File=:QQ==\x07",
    "clear and colour": "\x1b[2J\x1b[3J\x1b[H\x1b[41mred\x1b[0m",
    "modes": "\x1b[?1049l\x1b[?25l\x1b[?1003h\x1b[?2004l\x1b[?2026h",
    "requests": "\x1b[6n\x1b[c\x1b[>q\x1b[21t\x1b[5i\x05",
    "resets": "\x1bc\x1b[!p\x1b#8\x1b(0\x0e",
    "device control": '\x1bP+q544e\x1b\\ \x1bP$q"p\x1b\\ \x1bPq#0;2;0;0;0~\x1b\\',
    "application, privacy, string": "\x1b_Gf=24;AAAA\x1b\\ \x1b^pm\x1b\\ \x1bXsos\x1b\\",
    "C1": "\x9b31mred \x9d52;c;QQ==\x9c \x90q\x9c \x9e\x9f\x98\x84\x85\x8d",
    "unfinished": "no end \x1b]0;",
    "only escape": "\x1b",
    "C0": "".join(map(chr, range(32))) + "\x7f",
    "NUL": "before\0after",
    "backspace": "harmless\b\b\b\b\b\b\b\bevil",
    "carriage return": "pay 100 EUR\rpay   1 EUR",
    "line ends": "a\nb\r\nc\x0bd\x0ce\x1cf\x1dg\x1eh\x85i\u2028j\u2029k",
    "tabs": "a\tb\t\tc",
    # markup
    "action": "[@click=app.quit]press me[/]",
    "action with arguments": "[@click=app.bell()]x[/] [@click=screen.dismiss(True)]y[/]",
    "action of the screen": "[@click='screen.perform(\"review.approve\")']approve[/]",
    "close nothing": "x[/] [/bold] [/@click]",
    "open and leave": "[bold",
    "style": "[bold red on blue]x[/bold red on blue] [blink]y[/blink] [#ff0000]z[/]",
    "style of the theme": "[$error]x[/] $error ${error} $$",
    "markup link": "[link=http://evil.example/]press me[/link] [link='x']y[/]",
    "not a style": "[not a style at all]x[/not a style at all]",
    "code in brackets": "a[0] = b[i] + c['k'] # [x]",
    "escaped bracket": "\\[bold]x\\[/bold] \\\\[red]y",
    "emoji code": ":smile: :warning: :bomb:",
    # what looks like something else
    "override": "admin\u202egpj.exe",
    "embeddings": "a\u202ab\u202bc\u202dd\u202ce",
    "isolates": "a\u2066b\u2067c\u2068d\u2069e",
    "direction marks": "a\u200eb\u200fc\u061cd",
    "code under an override": "if x: \u202e # return\u2066 pass",
    "zero width": "a\u200bb\u200cc\u200dd\u2060e\ufefff\xadg\u180eh\u034fi",
    "blank letters": "a\u115fb\u1160c\u3164d\uffa0e",
    "tag characters": "run" + "".join(chr(0xE0000 + ord(letter)) for letter in "rm -rf") + "\U000e007f",
    "variation selectors": "A\ufe0fB\ufe00C\U000e0100D\U000e01ef1\ufe0f\u20e3",
    "annotations": "a\ufff9b\ufffac\ufffbd",
    "unseen operators": "a\u2061b\u2062c\u2063d\u2064e",
    "unseen music": "a\U0001d173b\U0001d17ac",
    "lone surrogates": "a\ud800b\udfffc\udcffd",
    "private use": "a\ue000b\uf8ffc\U000f0000d\U0010fffde",
    "no characters": "a\ufffeb\uffffc\U0001ffffd\u0378e",
    "odd blanks": "a\xa0b\u1680c\u2003d\u205fe\u3000f\u2800g",
    "letters of another script": "\u0440\u0430\u0443\u0440\u0430l",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 abc",
    # what breaks a layout
    "piled up marks": "z" + "\u0301" * 500 + "y" + "\u0489\u0316\u20dd" * 50,
    "marks of other scripts": "\u0e01" + "\u0e49" * 60 + " \u0915" + "\u0941" * 60 + " \u05d0" + "\u05b0" * 60,
    "wide": "\u6f22\u5b57" * 80,
    "half wide": "a" + "\u6f22" * 20 + "b" + "\u6f22" * 20,
    "family": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 \U0001f44d\U0001f3fd",
    "flags": "\U0001f1e9\U0001f1ea \U0001f1e9 \U0001f3f4\U000e0067\U000e0062\U000e007f",
    "one letter, many cells": "\ufdfd \ufdfa \u0bf5 \u102a \ua9c5 \U0001242b",
    "very long word": "x" * 5_000,
    "very many words": "lorem " * 2_000,
    "empty": "",
    "blank": "   ",
    # what another reader would take for its own
    "format": "{0} {name} {0.__class__} {{}} %s %(x)s %n {:>99999999}",
    "markdown": "**b** `c` [x](javascript:alert(1)) ![i](file:///etc/passwd) | a | b |\n---\n# h\n```",
    "HTML": "<script>alert(1)</script><img src=x onerror=y> &lt;&#27;[2J --> ]]>",
    "path": "../../../../etc/passwd",
    "path of another system": "..\\..\\con C:\\nul \\\\host\\share",
    "home": "~root/.ssh ~/x $HOME",
    "option": "--help -rf --",
    "shell": "$(reboot) `reboot` ; reboot | sh & %PATH% !! \"'",
    "SQL": "'; drop table job; -- % _ \\%",
    "JSON": '{"workflow_code": "x"} "\\u001b[2J" \\',
    "template": "{{7*7}} ${7*7} <%= 7*7 %> #{7*7}",
    "Python": "'''; import os; os.system('reboot') # \"\"\" \\",
    "escapes, spelled": "\\x1b[31m \\u202e \\033]0;x\\a %1b%5d52",
}
"""What it is to what is sent."""

HUGE_LINE = "x" * 1_000_000
MANY_LINES = "\n".join(f"line {number}" for number in range(100_000))


def bundles(longest: int) -> list[str]:
    """Every string, several in one text of about `longest` characters, for places that cost much to look at.

    Each stands behind a number in angle brackets, the same everywhere, and ends with a bar.
    """
    packed = [""]
    for tag, text in numbered():
        if packed[-1] and len(packed[-1]) + len(text) > longest:
            packed.append("")
        packed[-1] += f"{tag}{text}|"
    return packed


def traces(bundle: str) -> list[str]:
    """What a reader has to see of every string in a bundle that is shown whole."""
    return [trace(found) for found in re.findall(r"(?=(<\d\d>.{0,20}))", bundle, re.DOTALL)]


def numbered() -> Iterator[tuple[str, str]]:
    """Each string and a number of its own, `<07>`, by which it is found on a screen."""
    for number, text in enumerate(HOSTILE.values()):
        yield f"<{number:02}>", text


_UNSEEN_MARKS = {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u3164", "\uffa0"}


def steers(character: str) -> bool:
    """Whether a character does something to a terminal or a reader instead of being seen."""
    category = unicodedata.category(character)
    is_selector = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    return category in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") or is_selector or character in _UNSEEN_MARKS


def assert_harmless(text: str, allowed: str = "\n") -> None:
    """Nothing in `text` does anything to a terminal, and no letter carries a pile of marks."""
    found = sorted({f"U+{ord(character):04X}" for character in text if steers(character) and character not in allowed})
    assert not found, f"{found} in {ascii(text)[:500]}"
    pile = re.search("M{5,}", "".join(unicodedata.category(character)[0] for character in text))
    assert not pile, f"{pile.end() - pile.start()} marks on one letter in {ascii(text)[:500]}"


_OF_THE_CONSOLE = re.compile(
    r"\x1b\[[0-9;?<>$]*[A-Za-z]|\x1b]22;[a-z]*\x07"  # cursor, colours, modes; the pointer's shape
    r"|\x1b]2;evolver( · \d+ needs? you)?\x1b\\|\x1b]2;\x1b\\"  # the window's title
)


_LONGEST_SEQUENCE = 12
"""Bytes at the end of what was written that may be half a sequence."""


def assert_console_steers_alone(raw: bytes) -> None:
    """What a console wrote to its terminal is words, and its own sequences; one that was killed broke off anywhere."""
    text, broken_off = codecs.getincrementaldecoder("utf-8")().decode(raw), raw.rpartition(b"\x1b")[2]
    if len(broken_off) < _LONGEST_SEQUENCE:
        text = text[: text.rindex("\x1b")]
    assert_harmless(_OF_THE_CONSOLE.sub("", text), allowed="\r\n")


def drawn(app: App[Any]) -> list[list[Segment]]:
    """What the terminal would be sent, row by row."""
    return [list(strip) for strip in app.screen._compositor.render_strips()]


def text_on(widget: Widget) -> str:
    """What stands on a widget, with its frame, without blanks and line ends."""
    region = widget.region
    strips = widget.screen._compositor.render_strips()[region.y : region.bottom]
    return squeezed("".join(strip.crop(region.x + 1, region.right - 1).text for strip in strips))


_OF_TEXTUAL = {"offset", "@mouse.down", "@mouse.up", "option"}
"""What Textual itself marks: scroll bars, and the lines of a list by their number."""


def assert_only_words(app: App[Any]) -> str:
    """What is on the screen is words and nothing else: no control, no link, nothing to press, no row out of shape.

    Returns:
        The screen's text.
    """
    rows = drawn(app)
    for row in rows:
        assert sum(segment.cell_length for segment in row) == app.size.width, "".join(segment.text for segment in row)
        for segment in row:
            style = segment.style
            assert style is None or (style.link is None and style.meta.keys() <= _OF_TEXTUAL), segment
    text = "\n".join("".join(segment.text for segment in row) for row in rows)
    assert_harmless(text)
    return text


def trace(text: str, length: int = 9) -> str:
    """The beginning of what a reader has to see where `text` is shown, without blanks."""
    return squeezed(safe_text(text[:200]))[:length]


def squeezed(text: str) -> str:
    """Without blanks, line ends and the frames of panes, so that a wrapped text is one again."""
    return "".join(character for character in text if not character.isspace() and character not in "│┃▌↪")


# --- sessions that say what they are told


ODD_NAME = "[@click=app.quit]x[\uff0f] \x1b]0;owned\x07 \u202e"
"""A folder's name."""


async def repeat(run: Run, task: Task) -> Result:
    """Ask, show a draft or fail, in the words of the task's name, as its `does` says."""
    words = str(task.raw["taskName"])  # as the hub sent it
    match task.raw.get("does"):
        case "ask":
            await run.ask(question_of(words))
        case "draft":
            await run.wait_for(review_of(words))
        case "fail":
            raise EvolverError(words, words)
    raise RuntimeError(words)


def question_of(words: str) -> Question:
    """A question that says `words` wherever a question says something."""
    choices = {"oneOf": [{"const": words, "title": words}, {"const": "b", "title": words + "b"}]}
    properties: dict[str, Any] = {
        "text": {"type": "string", "title": words, "description": words, "default": words},
        words + "!": {"type": "string"},
        "one": {"type": "string", "title": words, **choices, "default": words},
        "many": {"type": "array", "title": words, "items": choices, "default": [words]},
        "number": {"type": "integer", "title": words, "default": words},
        "sure": {"type": "boolean", "title": words, "description": words},
    }
    return Question("details", words, {"type": "object", "properties": properties, "required": ["one"]})


def review_of(words: str) -> Question:
    """A review whose draft, report and runs say `words` wherever they say something."""
    draft = NodeDraft(words, words, f"# {words}\nx = {words}\n", (words,), words, words, 0.5, 7)
    levels = (FindingLevel.PASS, FindingLevel.NOTE, FindingLevel.FAIL)
    findings = tuple(Finding(words, level, words, line) for line, level in enumerate(levels))
    report = CheckReport(findings, (words,), (words,), Risk.HIGH)
    subject = ReviewSubject(draft, report, 1, 2, tryout=Tryout(runs_of(words), words, 1))
    return Question("review 1", words, kind=QuestionKind.REVIEW, subject=subject.to_json_value())


def runs_of(words: str) -> tuple[NodeRun, ...]:
    """A run that failed and one that gave another output than before, which say `words` wherever they say something."""
    calls = (ToolExchange(words, words, words, words, "", 0.1), ToolExchange("t", "p", "", "", words, 0.1))
    failed = NodeRun(
        words, {words: words}, words, words, None, words, 1, 0.1, 0.1, 1.0, words, words, tool_calls=calls,
        tool_call_count=30,
    )  # fmt: skip
    return failed, dataclasses.replace(failed, output={"a": words}, error="", expected={"a": words + "b"})


def task_of(words: str, does: str, **more: Any) -> dict[str, Any]:
    """A hub's task that says `words` wherever a task says something."""
    return {
        "id": f"{words}{does}", "taskName": words, "llmTaskType": words, "priority": words, "status": words,
        "does": does, words: words, "list": [words, {words: words}], "dueDate": words, **more,
    }  # fmt: skip


class Repeat:
    """The routine where an author is expected: it never writes before one's eyes."""

    live: Mapping[int, LiveDraft] = MappingProxyType({})

    async def __call__(self, run: Run, task: Task) -> Result:
        return await repeat(run, task)


def repeating_session(place: Workspace) -> Session:
    """A real session whose routine says what its tasks say."""
    parts = make_session(place, sandbox=SteadySandbox())._parts
    return Session(dataclasses.replace(parts, author=cast(Author, Repeat())))


def as_kept(text: str) -> str:
    """What the database keeps of a text: no database takes NUL and lone surrogates."""
    return Task.from_raw({"taskName": text}).name
