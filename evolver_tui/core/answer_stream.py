"""A model's answer while it comes: the program in it, and its `<signals>` blocks apart from everything else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from evolver_tui.core.model_signals import first_object, signals_in
from evolver_tui.core.partial_code import PartialCode

_MARK: Final = re.compile(
    r"(?P<tag><signals>)\s{0,80}+(?=[{\[<`~])|(?<![^\n])[ \t]{0,80}+(?P<fence>`{3,80}+|~{3,80}+)", re.IGNORECASE
)
"""What a block begins with, and what a code fence does; where nothing that could be a block follows, it is prose."""
_END: Final = re.compile("</signals>", re.IGNORECASE)
_TAG: Final = "<signals>"
_BEGUN: Final = re.compile(
    rf"(?:{'|'.join(_TAG[:length] for length in range(len(_TAG), 0, -1))}|{_TAG}\s{{1,80}})\Z", re.IGNORECASE
)
_BEGUN_LINE: Final = re.compile(r"(?<![^\n])[ \t]{0,80}+(?:`{1,80}+|~{1,80}+)?[ \t\r]{0,80}+\Z")
_LONGEST_BEGUN: Final = 250
_BLANK_LINE_END: Final = re.compile(r"[ \t\r]*+(?:\n|\Z)")
_QUOTES: Final = ("'", '"', "`")


class AnswerStream:
    """Takes an answer in pieces, however it is cut.

    A block counts where nothing else is written: not within the JSON object or a code fence, whose program may hold
    such a text itself, and not where a sentence quotes its tag.
    """

    def __init__(self) -> None:
        self._program = PartialCode()
        self._texts: list[str] = []
        self._held = ""
        """The end of what came, which may become a mark."""
        self._last = "\n"
        """What stands before that."""
        self._block: list[str] | None = None
        """What is known of the block that is open."""
        self._blocks: list[str] = []
        self._fence = ""
        """The sign of the code fence that is open."""

    @property
    def code(self) -> str:
        """The program so far."""
        return self._program.text

    @property
    def text(self) -> str:
        """The answer without its blocks; whole after `end`."""
        return "".join(self._texts)

    @property
    def signals(self) -> Mapping[str, Mapping[str, Any]]:
        """Name to payload of what its blocks tell; all of them after `end`."""
        return signals_in(self._blocks)

    def feed(self, piece: str) -> None:
        """Take the next piece."""
        text, self._held, at = self._held + piece, "", 0
        while at < len(text):
            at = self._take(text, at) if self._block is None else self._take_block(text, at)

    def end(self) -> None:
        """No more comes. A block without its end is the object that it begins with."""
        held, self._held = self._held, ""
        if self._block is None:
            self._put(held)
            return
        found = first_object("".join((*self._block, held)))
        self._block = None
        if found is not None:
            self._blocks.append(found[0])
            self._put(found[1])

    def _take(self, text: str, at: int) -> int:
        """Take text up to the next mark that may be one; returns where it goes on."""
        mark = _MARK.search(text, at)
        if mark is None:
            self._take_rest(text, at)
            return len(text)
        self._put(text[at : mark.start()])
        if self._program.is_within_object or (mark.start() == 0 and mark["fence"] and self._last != "\n"):
            self._put(mark[0])
        elif mark["fence"]:
            return self._take_fence(text, mark)
        elif self._fence or self._last in _QUOTES:
            self._put(mark[0])
        else:
            self._block = []
        return mark.end()

    def _take_fence(self, text: str, mark: re.Match[str]) -> int:
        sign = mark["fence"][0]
        if not self._fence:
            self._fence = sign
        elif self._fence == sign:
            line_end = _BLANK_LINE_END.match(text, mark.end())
            if line_end is not None and line_end.end() == len(text) and not line_end[0].endswith("\n"):
                self._held = text[mark.start() :]  # whether it ends its line shows with the next piece
                return len(text)
            if line_end is not None:
                self._fence = ""
        self._put(mark[0])
        return mark.end()

    def _take_rest(self, text: str, at: int) -> None:
        start = max(at, len(text) - _LONGEST_BEGUN)
        begun = _BEGUN.search(text, start) or _BEGUN_LINE.search(text, start)
        cut = begun.start() if begun else len(text)
        self._put(text[at:cut])
        if self._program.is_within_object:
            self._put(text[cut:])
        else:
            self._held = text[cut:]

    def _take_block(self, text: str, at: int) -> int:
        assert self._block is not None
        end = _END.search(text, at)
        if end is None:
            cut = max(at, len(text) - len("</signals"))
            self._block.append(text[at:cut])
            self._held = text[cut:]
            return len(text)
        self._blocks.append("".join((*self._block, text[at : end.start()])))
        self._block, self._last = None, "\n"
        return end.end()

    def _put(self, text: str) -> None:
        if text:
            self._texts.append(text)
            self._last = text[-1]
            self._program.feed(text)
