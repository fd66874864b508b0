"""Strangers' text on its way to a model: equal as JSON, and nothing in it that a tokenizer takes for a token."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.model_data import model_data
from tests.support.control_tokens import TOKENS

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.sampled_from(TOKENS),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(TOKENS), inner),
    max_leaves=20,
)


@pytest.mark.parametrize("token", TOKENS, ids=ascii)
def test_no_control_token_is_left_in_a_text_or_a_key(token: str) -> None:
    value = {"text": f"before {token} after", f"key {token}": [token, f"{token}{token}"], token: {"a": token}}
    written = model_data(value)
    assert token not in written
    assert json.loads(written) == value


@given(JSON_VALUES, st.sampled_from(TOKENS))
def test_any_json_value_stays_equal_and_holds_no_token(value: object, token: str) -> None:
    written = model_data([value, token])
    assert json.loads(written) == [value, token]
    assert not [known for known in TOKENS if known in written]


@given(st.text(alphabet='<>[]|#\\"/sINST▁｜\n', max_size=40))
def test_no_token_comes_about_where_pieces_meet(text: str) -> None:
    for written in (model_data(text), model_data([text, text]), model_data({text: text})):
        assert not [known for known in TOKENS if known in written]
    assert json.loads(model_data([text, text])) == [text, text]


def test_a_string_holds_no_character_that_could_be_a_bracket_or_a_bar_or_end_a_line() -> None:
    """Over all of Unicode, with what each character becomes under the foldings that tokenizers use."""
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    written = model_data(everything)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert not set("<>[]|▁") & set(unicodedata.normalize(form, written))
    assert len(written.splitlines()) == 1
    categories = {unicodedata.category(character) for character in set(written) - set("\u200c\u200d")}
    assert not categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@pytest.mark.parametrize(
    "text",
    [
        "Grüße aus Köln: 20 % off, „heute“ – it's #1 (really)!",
        "def node(data):  # reads `data`\n    return {'id': data.get('id')}",
        "می‌خواهم 日本語、한국어 हिन्दी 👩‍🚀 ❤️",
    ],
)
def test_ordinary_text_stays_readable(text: str) -> None:
    assert model_data(text) == json.dumps(text, ensure_ascii=False)


def test_half_a_surrogate_pair_and_nul_become_characters_that_every_request_can_carry() -> None:
    written = model_data({"a\x00": "\ud83d \x00"})
    assert written == r'{"a\u0000": "\ud83d \u0000"}'
    assert json.loads(written) == {"a\x00": "\ud83d \x00"}
