"""What a model thinks before it answers, told from the answer, also where both come as one text."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from typing import Final, NamedTuple

from evolver_tui.engine.author.backend import Thinking

_NAMES: Final = (
    *("think", "thinking", "thought", "thoughts", "reasoning", "reason", "reflection", "analysis", "scratchpad"),
    *("seed:think", "mm:think", "longcat_think", "antthinking", "ant:thinking"),
)
_TAGS: Final = {
    **{f"<{name}>": f"</{name}>" for name in _NAMES},
    "[think]": "[/think]",
    "◁think▷": "◁/think▷",
    "<|start_thinking|>": "<|end_thinking|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|channel>thought": "<channel|>",
}
"""What thinking begins with, and what it ends with, in lower case."""
_ATTRIBUTES: Final = r"\s[^<>\n]{0,80}"
_HEADER: Final = (
    r"(?:<\|end\|>\s*)?(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*NAME\b[^<{]{0,60}"
    r"(?:<\|constrain\|>[^<{]{0,20})?<\|message\|>"
)
"""What stands before each message of an answer in the format of gpt-oss: all but the final one are thinking."""
_CHANNEL: Final = _HEADER.replace("NAME", r"(?P<channel>(?!final\b)\w+)")
_FINAL: Final = _HEADER.replace("NAME", "(?P<final>final)")
_MESSAGE_ENDS: Final = ("<|end|>", "<|return|>", "<|call|>")
_MESSAGE_STARTS: Final = ("<|start|>", "<|channel|>")


def _either(*literals: str) -> str:
    return "|".join(map(re.escape, literals))


_XML: Final = rf"<(?P<name>{_either(*_NAMES)})(?:{_ATTRIBUTES})?(?<!/)>"
_OPENING: Final = re.compile(f"{_XML}|{_either(*_TAGS)}|{_CHANNEL}", re.IGNORECASE)
_CODE: Final = re.compile(rf"\{{|```|{_OPENING.pattern}", re.IGNORECASE)
"""What prose does not hold, or what makes it a text on tags."""
_CLOSING: Final = {
    **{end: re.compile(re.escape(end), re.IGNORECASE) for end in _TAGS.values()},
    _MESSAGE_ENDS[0]: re.compile(f"{_either(*_MESSAGE_ENDS)}|(?={_either(*_MESSAGE_STARTS)})"),
}
_ENDS: Final = tuple(end for end in _TAGS.values() if "/" in end)
_ANY_END: Final = re.compile(f"{_either(*_ENDS)}|{_FINAL}", re.IGNORECASE)
_LONGEST_TAG: Final = 250
_TAG_START: Final = re.compile(f"[{re.escape(''.join({tag[0] for tag in (*_TAGS, *_CLOSING)}))}]")
_CONTROL: Final = (
    r"(?:<\|im_start\|>assistant|<[|｜](?!(?:im_start|start|channel|constrain|message|\w+_thinking|\w+_of_thought)\|)"
    r"[\w▁]{1,30}[|｜]>|</s>|<end_of_turn>)"
)
"""A token of a chat template, which a server should have kept to itself."""
_FIRST_CONTROL: Final = re.compile(rf"\s*({_CONTROL})", re.IGNORECASE)
_LAST_CONTROLS: Final = re.compile(rf"(?:{_CONTROL}\s*)+\Z", re.IGNORECASE)
_BEGUN_TOKENS: Final = re.compile(
    rf"<(?:{_either(*_NAMES)}){_ATTRIBUTES}|(?:<[|｜/]?[\w▁]{{1,30}}[|｜]?>[^<{{]{{0,80}}){{0,4}}(?:<[^<>{{\s]{{0,40}})?",
    re.IGNORECASE,
)
_WITHOUT_TOKENS: Final = re.compile(r"\s*(?:assistant)?analysis(.*?)assistantfinal(?=\S)(.*)", re.DOTALL)
"""The format of gpt-oss where a server dropped its tokens."""


def _beginnings(tags: Iterable[str]) -> frozenset[str]:
    return frozenset(tag[:length] for tag in tags for length in range(1, len(tag) + 1))


_BEGUN: Final = _beginnings((*_TAGS, *_ENDS))
_BEGUN_END: Final = {
    **{end: _beginnings((end,)) for end in _TAGS.values()},
    _MESSAGE_ENDS[0]: _beginnings((*_MESSAGE_ENDS, *_MESSAGE_STARTS)),
}
_LONGEST_PRELUDE: Final = 200
"""Characters of prose that may stand before a model begins to think: further on, a tag is part of the text."""


class Thought(NamedTuple):
    """A piece of thinking."""

    text: str
    takes_back: bool = False
    """Whether it is the text so far."""


class Answer:
    """Sorts the pieces of one answer into thinking and text."""

    def __init__(self) -> None:
        self.characters = 0
        """Of everything that came."""
        self.is_blank = True
        """Whether no text came but white space."""
        self._tags = _Tags()
        self.was_taken_back = False
        """Whether some text turned out to be thinking when it was there already."""
        self._texts: list[str] = []
        self._thoughts: list[str] = []

    @property
    def text(self) -> str:
        """All text that came."""
        return "".join(self._texts)

    @property
    def thoughts(self) -> str:
        """All thinking, or all that was text first: the answer where no other came."""
        return "".join(self._thoughts)

    def take(self, pieces: Iterable[str | Thought]) -> Iterator[str | Thinking]:
        """Take what came in next."""
        for piece in pieces:
            self.characters += len(piece if isinstance(piece, str) else piece.text)
            yield from self._told(self._tags.feed(piece) if isinstance(piece, str) else (piece,))

    def end(self) -> Iterator[str | Thinking]:
        """What was held back because it might have become a tag."""
        yield from self._told(self._tags.end())

    def _told(self, pieces: Iterable[str | Thought]) -> Iterator[str | Thinking]:
        for piece in pieces:
            if isinstance(piece, str):
                if piece:
                    self.is_blank = self.is_blank and piece.isspace()
                    self._texts.append(piece)
                    yield piece
            elif piece.text:
                if piece.takes_back:
                    self._thoughts.clear()
                    self._texts.clear()
                    self.was_taken_back = self.is_blank = True
                self._thoughts.append(piece.text)
                yield Thinking(len(piece.text), piece.takes_back)


class _Tags:
    """Finds thinking in text.

    A tag that opens it counts before the answer has begun. One that closes what was never opened, at the beginning or
    end of a line or right behind prose, says that everything before it was thinking: some chat templates open the tag
    within the prompt.
    """

    def __init__(self) -> None:
        self._held = ""
        """The end of the text, which may become a tag."""
        self._end = ""
        """What ends the thinking that is under way."""
        self._shown: list[str] = []
        self._characters = 0
        self._has_begun = False
        """Whether the answer itself has."""
        self._is_line_start = True
        self._last_shown = ""
        self._is_prose = True
        """Whether nothing of it may be code or name a tag."""

    def feed(self, text: str) -> Iterator[str | Thought]:
        text, self._held, at = self._held + text, "", 0
        while at < len(text):
            if self._end:
                found = _CLOSING[self._end].search(text, at)
                cut = found.start() if found else max(at, len(text) - _begun_tag(text, _BEGUN_END[self._end]))
                yield Thought(text[at:cut])
                if found is None:
                    self._held = text[cut:]
                    return
                self._end, self._is_line_start, at = "", True, found.end()
                continue
            if not self._characters and (control := _FIRST_CONTROL.match(text, at)):
                yield from self._show(text[at : control.start(1)])
                at = control.end()
                continue
            found = self._next_tag(text, at)
            if found is None:
                cut = len(text) - _begun_tag(text[max(at, len(text) - _LONGEST_TAG) :], _BEGUN)
                yield from self._show(text[at:cut])
                self._held = text[cut:]
                return
            before, at = text[at : found.start()], found.end()
            if found.re is _OPENING:
                yield from self._show(before)
                self._end = _end_of(found)
            elif at == len(text):
                # Whether it ends a line shows with the next piece.
                yield from self._show(before)
                self._held = found.group()
                return
            else:
                yield Thought("".join((*self._shown, before)), takes_back=True)
                self._start_again()

    def end(self) -> Iterator[str | Thought]:
        held, self._held = self._held, ""
        if self._end:
            yield Thought(held)
        elif not _ANY_END.fullmatch(held):
            yield from self._show(_LAST_CONTROLS.sub("", held))
        if found := _WITHOUT_TOKENS.fullmatch("".join(self._shown)):
            yield Thought(found[1], takes_back=True)
            yield found[2]

    def _next_tag(self, text: str, at: int) -> re.Match[str] | None:
        """The first tag from there on that counts."""
        opens: re.Match[str] | None = None
        if not self._has_begun:
            nearby = _OPENING.finditer(text, at, at + _LONGEST_PRELUDE + _LONGEST_TAG)
            opens = next((each for each in nearby if self._may_open(text, at, each.start())), None)
        is_prose, read = self._is_prose, at
        for end in _ANY_END.finditer(text, at, opens.start() if opens else len(text)):
            is_prose, read = is_prose and not _CODE.search(text, read, end.start()), end.start()
            if self._counts(text, at, end, is_prose):
                return end
        return opens

    def _may_open(self, text: str, at: int, tag: int) -> bool:
        is_prelude = text.find("{", at, tag) < 0 and self._characters + tag - at <= _LONGEST_PRELUDE
        return is_prelude and self._begins_line(text, at, tag)

    def _counts(self, text: str, at: int, end: re.Match[str], is_prose: bool) -> bool:
        """Whether an end of what was never opened is one, and not a part of code or of a sentence about it."""
        after = text[end.end() : end.end() + 1]
        if after in ("", *"\r\n{`") or self._begins_line(text, at, end.start()):
            return True
        before = self._last_shown + text[max(at, end.start() - _LONGEST_TAG) : end.start()]
        if before.endswith(("'", '"', "`")) or after in "'\"`,.;:)":
            return False
        is_apart = after.isspace() and before[-1:].isspace() and not before.rstrip().endswith((".", "!", "?", "…"))
        return bool(end["final"]) or (is_prose and not is_apart)

    def _begins_line(self, text: str, at: int, end: int) -> bool:
        """Whether what follows that part of the text stands at the beginning of a line, but for some blanks."""
        start = max(at, end - _LONGEST_TAG)
        before = text[start:end].rstrip(" \t")
        return before.endswith(("\n", "\r")) if before else start == at and self._is_line_start

    def _show(self, text: str) -> Iterator[str]:
        if text:
            self._is_prose = self._is_prose and not _CODE.search(text)
            self._shown.append(text)
            self._last_shown = (self._last_shown + text)[-2:]
            self._is_line_start = self._begins_line(text, 0, len(text))
            self._characters += len(text.strip())
            self._has_begun = self._has_begun or "{" in text or self._characters > _LONGEST_PRELUDE
            yield text

    def _start_again(self) -> None:
        self._shown.clear()
        self._last_shown = ""
        self._characters, self._has_begun, self._is_line_start, self._is_prose = 0, False, True, True


def _end_of(opening: re.Match[str]) -> str:
    """What ends the thinking that this begins."""
    if opening["channel"]:
        return _MESSAGE_ENDS[0]
    name = opening["name"]
    return f"</{name.lower()}>" if name else _TAGS[opening.group().lower()]


def _begun_tag(text: str, beginnings: Container[str]) -> int:
    """How many characters at the end of `text` may be the beginning of a tag."""
    tail = text[-_LONGEST_TAG:].lower()
    for found in _TAG_START.finditer(tail):
        start = tail[found.start() :]
        if start in beginnings or (beginnings is _BEGUN and _BEGUN_TOKENS.fullmatch(start)):
            return len(start)
    return 0
