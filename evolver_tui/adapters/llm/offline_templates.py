"""The programs that the offline author writes.

A stranger's text gets into a program in one place only: behind the `#` of a comment, made one line before. The
comments stand below the docstring, where no line can be read as a declaration of the file's encoding.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from string import Template

from evolver_tui.core.task import LanguagePair

_WISHES = {
    "handles_empty": ("empty", "validat", "blank", "missing"),
    "has_docstrings": ("docstring", "document"),
    "has_type_hints": ("type hint", "typehint", "annotation", "annotate", "typed"),
}
"""What the author understands when a draft is sent back, by the words that ask for it."""
_MET = {
    "handles_empty": "An empty input gives an empty result, with an error beside it.",
    "has_docstrings": "Each function has a docstring.",
    "has_type_hints": "Parameters and results have type hints.",
}
"""What it says that it did for each of them."""


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One program to be written. `about`, `note` and `sent_back` are strangers' texts, each one line."""

    task_type: str
    languages: tuple[LanguagePair, ...]
    """Pairs that a person gave and that the task does not carry with it."""
    translates: bool
    about: str
    note: str = ""
    sent_back: tuple[str, ...] = ()
    crashes: bool = False
    """Whether it fails on an empty input, on purpose."""
    is_mended: bool = False
    """Whether it is written because the one before failed when it was run."""

    @property
    def tools(self) -> tuple[str, ...]:
        """Tools that the program calls."""
        match self.task_type:
            case "summarize":
                return ("summarizer",)
            case "translate":
                return ("nmt_translator",)
            case _:
                return ("content_generator", "quick_translator") if self.translates else ("content_generator",)

    def wants(self, wish: str) -> bool:
        """Whether anything that was said asks for this."""
        return any(_asks_for(wish, text) for text in (self.note, *self.sent_back))


def write_node(plan: NodePlan) -> str:
    """The program, as one module that compiles and follows the nodes' contract."""
    template = _GENERATE_AND_TRANSLATE if plan.task_type == "generate" and plan.translates else _BY_TYPE[plan.task_type]
    hints, docstrings = plan.wants("has_type_hints"), plan.wants("has_docstrings")
    parts = {
        "comments": "\n".join(_comments(plan)),
        "languages": _languages(plan, hints),
        "default": "LANGUAGES" if plan.languages else "[]",
        "none": " -> None" if hints else "",
        "returns_text": " -> str" if hints else "",
        "text": "text: str" if hints else "text",
        "source": "source: str" if hints else "source",
        "target": "target: str" if hints else "target",
        "main_docstring": _docstring("Read the task, do it, write what came of it.", docstrings),
        "translate_docstring": _docstring("The text in another language; languages are codes.", docstrings),
        "guard": _guard(plan) if plan.wants("handles_empty") else "",
    }
    code = template.substitute(parts)
    return code.replace(_TASK_ID, 'task["id"]') if plan.crashes else code


def _asks_for(wish: str, text: str) -> bool:
    return any(word in text.lower() for word in _WISHES[wish])


def addressed(plan: NodePlan) -> Iterator[str]:
    """What of the last reason it understood, as it says itself."""
    for wish, words in _MET.items():
        if plan.sent_back and _asks_for(wish, plan.sent_back[-1]):
            yield words


def _comments(plan: NodePlan) -> Iterator[str]:
    yield f"# {plan.about}"
    if plan.crashes:
        yield "# This first draft fails on an empty input, because its task asks the offline author for that."
    if plan.is_mended:
        yield "# Written again: the draft before failed when it was run."
    if plan.note:
        yield f"# Note: {plan.note}"
    for reason in plan.sent_back:
        yield f"# Sent back: {reason}"
        if not any(_asks_for(wish, reason) for wish in _WISHES):
            yield "# (The offline author did not understand that; a model would have to.)"


def _docstring(text: str, wanted: bool) -> str:
    return f'\n    """{text}"""' if wanted else ""


def _languages(plan: NodePlan, hints: bool) -> str:
    if not plan.languages:
        return ""
    pairs = [f'    {{"from": "{pair.source}", "to": "{pair.target}"}},' for pair in plan.languages]
    hint = ": list[dict[str, str]]" if hints else ""
    return "\n".join(["", f"LANGUAGES{hint} = [", *pairs, "]", ""])


def _guard(plan: NodePlan) -> str:
    name, empty = {
        "summarize": ("content", '"result": ""'),
        "generate": ("prompt", '"result": "", "translations": {}'),
        "translate": ("text", '"translations": {}'),
    }[plan.task_type]
    code = f"""\
        if not str({name}).strip():
            empty = {{{empty}, "error": "The {name} is empty."}}
            print(json.dumps({{**empty, "task_id": task_id, "task_type": "{plan.task_type}"}}))
            return
        """
    return textwrap.indent(textwrap.dedent(code), "    ").rstrip(" ")


_TASK_ID = 'task.get("id", "unknown")'


def _program(docstring: str, main: str, translate: str = "") -> Template:
    """What all programs have around what each does. `translate` is the inside of the function by this name."""
    if translate:
        head = "def translate($text, $source, $target)$returns_text:$translate_docstring"
        translate = f"$languages\n\n{head}\n{translate}"
    return Template(f'''\
"""{docstring}
By the offline author, from a template: no language model took part.
Sent back, it understands: empty input, docstrings, type hints.
"""

$comments

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from node_runtime import call_tool
{translate}

def main()$none:$main_docstring
    task = json.load(sys.stdin)
    task_id = {_TASK_ID}
{main}

if __name__ == "__main__":
    main()
''')


_GENERATE_AND_TRANSLATE = _program(
    """\
Generate a text and translate it.

In: prompt (or description), translationLanguages, id.
Out: result, translations (by target language), task_id, task_type.""",
    """\
    prompt = task.get("prompt", task.get("description", ""))
    languages = task.get("translationLanguages") or $default
$guard
    content = call_tool("content_generator", prompt)

    translations = {}
    for pair in languages:
        source, target = pair.get("from", "en"), pair.get("to", "es")
        translations[target] = translate(content, source, target)

    result = {"result": content, "translations": translations}
    print(json.dumps({**result, "task_id": task_id, "task_type": "generate"}))
""",
    """\
    return call_tool("quick_translator", f"Translate from {source} to {target}: {text}")
""",
)

_BY_TYPE = {
    "summarize": _program(
        """\
Summarize a text.

In: content (or text), id. Out: result, task_id, task_type.""",
        """\
    content = task.get("content", task.get("text", ""))
$guard
    summary = call_tool("summarizer", content)

    print(json.dumps({"result": summary, "task_id": task_id, "task_type": "summarize"}))
""",
    ),
    "generate": _program(
        """\
Generate a text.

In: prompt (or description), id.
Out: result, translations (none), task_id, task_type.""",
        """\
    prompt = task.get("prompt", task.get("description", ""))
$guard
    content = call_tool("content_generator", prompt)

    print(json.dumps({"result": content, "translations": {}, "task_id": task_id, "task_type": "generate"}))
""",
    ),
    "translate": _program(
        """\
Translate a text.

In: text (or content), translationLanguages, id.
Out: translations (named like de_to_en), task_id, task_type.""",
        """\
    text = task.get("text", task.get("content", ""))
    languages = task.get("translationLanguages") or $default
$guard
    translations = {}
    for pair in languages:
        source, target = pair.get("from", "en"), pair.get("to", "es")
        translations[f"{source}_to_{target}"] = translate(text, source, target)

    print(json.dumps({"translations": translations, "task_id": task_id, "task_type": "translate"}))
""",
        """\
    request = {"text": text, "source_language": source, "target_language": target}
    return call_tool("nmt_translator", json.dumps(request))
""",
    ),
}
