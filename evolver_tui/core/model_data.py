"""The one gate for strangers' text on its way to a model: what passes here is JSON, and no control token of a chat.

A server puts messages into a chat template and then looks for control tokens in the whole text, in what a stranger
wrote as well: `<|im_end|>` ends a turn wherever it stands. The tokens of all known templates have brackets or bars.
Inside JSON strings these are written as escapes, so that no token stands there; who reads the JSON gets the same value.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

_MARKS = frozenset("<>[]|\N{LOWER ONE EIGHTH BLOCK}")
"""A token has one of these: `<s>`, `[INST]`, `<|eot_id|>`, `|ENDOFTEXT|`. The block is SentencePiece's blank."""
_JOINERS = frozenset("\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}")
"""Hidden, but letters of several scripts are not written without them."""
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_TOKEN_START = re.compile(
    r"<(?=[|\N{FULLWIDTH VERTICAL LINE}]|<?/?(?:s|unk|pad|bos|eos|mask|sop|eop|turn|think|answer|role|SYS|BOS_TOKEN"
    r"|tool_\w{1,20}|(?:start|end)_of_\w{1,20}|unused\d{1,4}|extra_id_\d{1,4})>)"
    r"|\[(?=/?[A-Z][A-Z_]{2,40}\]|\||[gs]MASK\])|[\ud800-\udfff]"
)
"""Of the tokens themselves: brackets are what programs are made of as well. A lone surrogate is no text at all."""
_MOST_KEPT = 10_000


class _Escapes(dict[int, str]):
    """How each character stands inside a JSON string; found out when it is met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        written = _escape(character) if _is_control(character) else character
        if len(self) < _MOST_KEPT:
            self[code] = written
        return written


_ESCAPES = _Escapes()


def model_data(value: Any) -> str:
    """A JSON value as JSON text that a model reads as one piece of data.

    Inside its strings, keys among them, stand as escapes: what control tokens are made of, what a tokenizer may take
    for it, `##`, which marks the turns of templates without tokens, and characters that a reader cannot see. A line
    end is an escape as well, so nothing in a string begins a line. `json.loads` gives an equal value.
    """
    text = json.dumps(value, ensure_ascii=False)
    return _STRING.sub(lambda string: string[0].translate(_ESCAPES).replace("##", r"\u0023\u0023"), text)


def answer_data(value: Any) -> str:
    """A JSON value as a model answers it, every character as itself but for what templates' control tokens begin with:
    in data that a model learns from, such a token would end its turn. `json.loads` gives an equal value.
    """
    text = json.dumps(value, ensure_ascii=False)
    return _STRING.sub(lambda string: _TOKEN_START.sub(lambda mark: _escape(mark[0]), string[0]), text)


def _is_control(character: str) -> bool:
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return character not in _JOINERS
    # Tokenizers fold a wide or a crossed-out bracket to the plain one.
    return not _MARKS.isdisjoint(unicodedata.normalize("NFKD", character))


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else json.dumps(character)[1:-1]
