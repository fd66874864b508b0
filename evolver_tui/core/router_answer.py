"""What a model answers when it is asked for a node, read leniently and without trust.

Models wrap their one JSON object in code fences, prose or thinking, write it by the rules of other languages, put it
into another object or a string, or set the program beside it. All of that is read (`core/loose_json.py`). Which object
is the node is decided by what it holds, never by where it stands. What is missing, or cannot be read without guessing,
is refused with a sentence that says so.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final, NamedTuple

from evolver_tui.core.errors import AnswerUnusable
from evolver_tui.core.folded import folded
from evolver_tui.core.loose_json import LooseObject, LooseReader, LooseText, Unreadable
from evolver_tui.core.node import slug
from evolver_tui.core.node_run import sample_inputs_in
from evolver_tui.core.program_text import MOST_BLOCKS, blocks, is_program, program_in, without_fence
from evolver_tui.core.safe_text import without_hidden

MOST_CODE_BYTES: Final = 200_000
"""A node is a small program: more than this is not one."""

COMPLEXITIES: Final = ("simple", "moderate", "complex")
"""What a model may say about its code; anything else counts as moderate."""

CodeTest = Callable[[str], bool]
"""Whether a program passes the checks of a node."""

CODE_KEY: Final = "workflow_code"
_CODE: Final = folded(CODE_KEY)
_NAME, _ID, _TOOLS, _COMPLEXITY, _SAMPLES, _ADDRESSED = map(
    folded, ("workflow_name", "suggested_node_id", "tools_used", "estimated_complexity", "sample_inputs", "addressed")
)
_FIELDS: Final = frozenset((_CODE, _NAME, _ID, _TOOLS, _COMPLEXITY))
_CODE_MEMBER = re.compile(r"""(workflow[ _-]?code)["'”]?\s*+:""", re.IGNORECASE)
_OTHER_MEMBER = re.compile(
    r"""(workflow[ _-]?name|suggested[ _-]?node[ _-]?id|tools[ _-]?used|estimated[ _-]?complexity)["'”]?\s*+:""",
    re.IGNORECASE,
)
_OBJECT_WITH_CODE = re.compile(r"""\{\s*+["'`“]?workflow[ _-]?code["'`”]?\s*+:\s*+["'`“]""", re.IGNORECASE)
_STRING_END = re.compile(r"""["'`”]\s*+[,}]""")
_CODE_NAME = re.compile("workflow[ _-]?code", re.IGNORECASE)
_OTHER_CODES: Final = frozenset(
    ("code", "sourcecode", "pythoncode", "nodecode", "program", "script", "source", "python", "workflow", "node")
)
"""Folded names that models give to the code instead."""
_JSON_IN_STRING = re.compile(
    r"""["'](?:\s|\\[nrt]|\\++"){0,20}+(?:```\w{0,20}+(?:\s|\\[nrt]){0,20}+)?[\[{](?=[\s\[{\\"'])"""
)
_OBJECT_START = re.compile(r"\{\s*+[\"'}“]")
_THOUGHT_END = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_MOST_MEMBERS = 64
"""Places that are looked at, the first and the last: an answer has few, and a hostile one may have a million."""
_MOST_BRACES = 64
"""Braces before such a place that may begin its object."""
_MOST_TESTS = 8
"""Programs that are put to the checks, the longest first."""
_DEEPEST = 3
"""JSON strings within each other."""
_LONGEST_NAME = 120
_MOST_TOOLS = 50
_MOST_ADDRESSED = 10
_LONGEST_ADDRESSED = 300


@dataclass(frozen=True, slots=True)
class RouterAnswer:
    """A whole answer. The code is text that can be saved; whether it is a node is for the checks to say."""

    workflow_code: str
    workflow_name: str
    suggested_node_id: str
    """A valid node id, made of what the model suggested, else of the name, else of the task's id."""
    tools_used: tuple[str, ...]
    """What the model says it uses."""
    complexity: str
    """One of COMPLEXITIES."""
    sample_inputs: tuple[Mapping[str, Any], ...] = ()
    """What the model proposes to try it with."""
    addressed: tuple[str, ...] = ()
    """How it says that it met what an earlier draft was sent back for, a line each; empty where it says nothing."""


@dataclass(frozen=True, slots=True)
class _Program:
    """A program that an answer holds, and the object that it belongs to."""

    code: str
    fields: LooseObject
    is_program: bool

    @property
    def length(self) -> int:
        """Characters of its lines that are not only a comment."""
        return sum(len(line) for line in self.code.split("\n") if not line.lstrip().startswith("#"))


def parse(text: str, task_id: str = "unknown", passes: CodeTest = is_program) -> RouterAnswer:
    """Read a model's whole answer, in a time that grows with its length alone; asks `passes` at most eight times.

    Args:
        text: everything it wrote.
        task_id: names the node where the answer does not.
        passes: the checks, which decide where an answer holds several programs.

    Raises:
        AnswerUnusable: there is no object with code that could be a node; the message says what is wrong.
    """
    program = _read(text, passes, 0)
    fields = program.fields
    name = _one_line(fields.get(_NAME))
    return RouterAnswer(
        workflow_code=program.code,
        workflow_name=name or "Generated Workflow",
        suggested_node_id=_node_id(_one_line(fields.get(_ID)), name, task_id),
        tools_used=_tools(fields.get(_TOOLS)),
        complexity=_complexity(fields.get(_COMPLEXITY)),
        sample_inputs=_samples(fields.get(_SAMPLES)),
        addressed=tuple(_met(fields.get(_ADDRESSED))),
    )


def _read(text: str, passes: CodeTest, depth: int) -> _Program:
    """The node in `text`: an object with code, an object within a string, or code in a fence."""
    reader = LooseReader(text, _FIELDS, verbatim={_SAMPLES})
    found = list(_objects(text, reader, _CODE_MEMBER))
    thoughts = _thoughts_end(text, found)
    if text[thoughts:].strip() and thoughts:
        try:
            return _read(text[thoughts:], passes, depth)
        except AnswerUnusable:
            if _CODE_MEMBER.search(text, thoughts):
                raise  # what was thought before an answer that cannot be read is not that answer
    programs: list[_Program] = []
    problem: AnswerUnusable | None = None
    for each in found:
        try:
            programs.append(_program(each.fields))
        except AnswerUnusable as error:
            problem = error
    if not any(each.is_program for each in programs) and depth < _DEEPEST and (inner := _text_within(text, reader)):
        try:
            programs.append(_read(inner, passes, depth + 1))
        except AnswerUnusable as error:
            problem = problem or error
    if not any(each.is_program for each in programs) and (found or not _CODE_MEMBER.search(text)):
        programs += _fenced(text, passes)
    if not programs and not found and (fields := _with_other_name(text)):
        programs.append(_program(fields))
    if programs:
        program = _most_likely(programs, passes)
        is_found = any(program.fields is each.fields for each in found)
        if not is_found or _longest_unread(text, found) <= len(program.code):
            return _with_fields_beside(program, text)
    raise problem or AnswerUnusable(_what_is_missing(text, reader))


class _Found(NamedTuple):
    """An object, and where in the text it begins and ends."""

    fields: LooseObject
    start: int
    end: int


def _objects(text: str, reader: LooseReader, member: re.Pattern[str]) -> Iterator[_Found]:
    """The objects that have a member which looks like this: each begins with one of the braces before it."""
    places = list(member.finditer(text))
    if len(places) > _MOST_MEMBERS:
        places[_MOST_MEMBERS // 2 : -_MOST_MEMBERS // 2] = []
    done = 0
    for place in places:
        brace = place.start()
        for _ in range(_MOST_BRACES if brace >= done else 0):
            brace = text.rfind("{", done, brace)
            read = reader.object_at(brace) if brace >= 0 else None
            if read is not None and read[1] > place.start() and folded(place[1]) in read[0]:
                done = read[1]
                yield _Found(read[0], brace, done)
            if brace < 0 or done > place.start():
                break


def _program(fields: LooseObject) -> _Program:
    if fields.clashing & _FIELDS:
        raise AnswerUnusable("The model's answer has two fields of the same name, so it is not clear which counts.")
    value = fields[_CODE]
    readings = value.readings if isinstance(value, LooseText) else (value,)
    codes = [_code(reading) for reading in readings]
    meant = [code for code in dict.fromkeys(codes) if is_program(code)]
    if isinstance(value, LooseText) and value.is_ambiguous and len(meant) != 1:
        why = (
            "its backslashes can be read in two ways" if meant else "it is no Python, however its backslashes are read"
        )
        raise AnswerUnusable(
            f"The {CODE_KEY} in the model's answer stands in quotes that JSON does not have, and {why}."
        )
    return _Program(meant[0] if meant else codes[0], fields, bool(meant))


def _most_likely(programs: list[_Program], passes: CodeTest) -> _Program:
    """The longest that passes the checks, else the longest that is Python, else the longest; comments do not count."""
    if len(programs) == 1:
        return programs[0]
    programs = sorted(programs, key=lambda each: (each.is_program, each.length, len(each.fields)), reverse=True)
    likely = (each for each in programs[:_MOST_TESTS] if each.is_program and passes(each.code))
    return next(likely, programs[0])


def _fenced(text: str, passes: CodeTest) -> list[_Program]:
    """Programs that stand in code fences: beside an object with the other fields, or such as pass the checks."""
    found = islice(dict.fromkeys(blocks(text)), MOST_BLOCKS)
    codes = [block.strip("\n") + "\n" for block in found if is_program(block)]
    if not codes:
        return []
    beside = _beside(text)
    if not beside:
        codes = [code for code in codes[:_MOST_TESTS] if passes(code)]
    return [_Program(_code(code), beside, True) for code in codes]


def _beside(text: str) -> LooseObject:
    """The largest object with fields other than the code; an empty one where there is none."""
    return max((each.fields for each in _others(text)), key=len, default=LooseObject())


def _others(text: str) -> Iterator[_Found]:
    return _objects(text, LooseReader(text, _FIELDS - {_CODE}, verbatim={_SAMPLES}), _OTHER_MEMBER)


def _with_fields_beside(program: _Program, text: str) -> _Program:
    """With the fields of another object, where its own names nothing."""
    if program.fields.keys() & {_NAME, _ID}:
        return program
    fields = _beside(text)
    fields.update(program.fields)
    return replace(program, fields=fields)


def _with_other_name(text: str) -> LooseObject | None:
    """An object with other fields in which one member is a program, though not by the name that was asked for."""
    for each in _others(text):
        values = [each.fields[name] for name in each.fields.keys() & _OTHER_CODES]
        programs = [value for value in values if isinstance(value, str) and is_program(program_in(value))]
        if len(programs) == 1:
            each.fields[_CODE] = programs[0]
            return each.fields
    return None


def _thoughts_end(text: str, found: Sequence[_Found]) -> int:
    """Where the thinking ends that an answer may begin with; the tag may stand inside a program as well."""
    end = 0
    for tag in _THOUGHT_END.finditer(text):
        if any(each.start < tag.start() < each.end for each in found):
            break
        end = tag.end()
    return end


def _longest_unread(text: str, found: Sequence[_Found]) -> int:
    """Characters of the longest program in an object that cannot be read, as far as its end can be told."""
    longest = 0
    for place in islice(_OBJECT_WITH_CODE.finditer(text), _MOST_MEMBERS):
        if any(each.start <= place.start() < each.end for each in found):
            continue
        next_start = min((each.start for each in found if each.start > place.start()), default=len(text))
        end = _STRING_END.search(text, place.end(), next_start)
        longest = max(longest, (end.start() if end else next_start) - place.end())
    return longest


def _text_within(text: str, reader: LooseReader) -> str:
    """The longest string that begins as an object does and names the code; empty where there is none."""
    longest, done = "", 0
    for tried, place in enumerate(_JSON_IN_STRING.finditer(text)):
        if tried == _MOST_MEMBERS or reader.is_exhausted:
            break
        if place.start() >= done and (read := reader.string_at(place.start())):
            inner, done = read
            if _CODE_NAME.search(inner) and len(inner) > len(longest):
                longest = inner
    return longest


def _what_is_missing(text: str, reader: LooseReader) -> str:
    if not text.strip():
        return "The model's answer is empty."
    if _OBJECT_START.search(text) is None:
        return "The model's answer holds no JSON object."
    if not _CODE_MEMBER.search(text):
        return f"The JSON object in the model's answer has no {CODE_KEY}."
    where = f": {_place(text, reader.furthest)}" if reader.furthest is not None else ""
    return f"The JSON object in the model's answer is broken or unfinished{where}."


def _place(text: str, problem: Unreadable) -> str:
    before = text[: problem.position]
    line, column = before.count("\n") + 1, problem.position - before.rfind("\n")
    stands = _one_line(text[problem.position : problem.position + 24])
    stands = f"{stands!r} stands there" if stands else "the text ends there"
    return f"line {line}, column {column}, expected is {problem.expected}, and {stands}"


def _code(value: object) -> str:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        if any(isinstance(line, LooseText) and line.is_ambiguous for line in value):
            raise AnswerUnusable(f"The {CODE_KEY} in the model's answer has lines that can be read in two ways.")
        value = "\n".join(line.removesuffix("\n") for line in value)
    if not isinstance(value, str):
        raise AnswerUnusable(f"The model's answer has a {CODE_KEY} that is not text.")
    code = value.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if not without_fence(code).strip():
        raise AnswerUnusable("The model's answer has an empty program.")
    try:
        size = len(code.encode())
    except UnicodeEncodeError:
        size = -1
    if size < 0 or "\0" in code:
        raise AnswerUnusable("The model's program holds characters that no source file can hold.")
    if size > MOST_CODE_BYTES:
        raise AnswerUnusable(f"The model's program has {size:,} bytes; a node has at most {MOST_CODE_BYTES:,}.")
    return program_in(code).strip("\n") + "\n"


def _node_id(suggested: str, name: str, task_id: str) -> str:
    for text in (suggested, name):
        if any(character.isascii() and character.isalnum() for character in unicodedata.normalize("NFKD", text)):
            return slug(text, "task")
    return slug(f"task_{task_id[:64]}")


def _one_line(value: object) -> str:
    text = value[: 4 * _LONGEST_NAME] if isinstance(value, str) else ""
    return " ".join(without_hidden(" ".join(text.split())).split())[:_LONGEST_NAME].rstrip()


def _tools(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",", _MOST_TOOLS)
    names = map(_one_line, value[:_MOST_TOOLS]) if isinstance(value, list) else ()
    return tuple(dict.fromkeys(name for name in names if name))


def _complexity(value: object) -> str:
    word = value.strip().lower() if isinstance(value, str) else ""
    return word if word in COMPLEXITIES else "moderate"


def _samples(value: object) -> tuple[Mapping[str, Any], ...]:
    """Inputs as they stand in the answer. They are a help and no part of the node: what is no JSON is left out."""
    try:
        return sample_inputs_in(json.loads(value)) if isinstance(value, str) else ()
    except (ValueError, RecursionError):
        return ()


def _met(value: object) -> Iterator[str]:
    """What the model says that it did for the feedback: its word, for a person to hold against the code."""
    for each in (value if isinstance(value, list) else [value])[:_MOST_ADDRESSED]:
        words = " ".join(each[: 4 * _LONGEST_ADDRESSED].split()) if isinstance(each, str) else ""
        if line := without_hidden(words).strip():
            yield line if len(line) <= _LONGEST_ADDRESSED else f"{line[: _LONGEST_ADDRESSED - 1]}…"
