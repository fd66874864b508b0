"""What may stand where text or JSON is read that somebody else wrote, for hypothesis."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.support.hostile import HOSTILE


def fuzzed(examples: int) -> settings:
    """So many examples, the same in every run."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


TEXTS = st.sampled_from([text for text in HOSTILE.values() if len(text) < 300]) | st.text(
    st.characters(exclude_categories=[]), max_size=12
)
"""Hostile ones, and any others, lone halves of surrogate pairs among them."""

NUMBERS = st.integers() | st.floats() | st.sampled_from([10**40, -1, 0, 1e308, float("nan"), float("inf"), True])


def json_values(names: Sequence[str], leaves: int = 12) -> SearchStrategy[Any]:
    """What `json.loads` may give, where objects often have members of these names."""
    keys = st.sampled_from(names) | TEXTS
    return st.recursive(
        st.none() | st.booleans() | NUMBERS | TEXTS,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(keys, inner, max_size=5)
            | st.dictionaries(keys, inner, max_size=3).map(json.dumps)  # JSON within a text
        ),
        max_leaves=leaves,
    )


@st.composite
def spoiled(draw: st.DrawFn, texts: SearchStrategy[str], pieces: Sequence[str]) -> str:
    """A text in which a few places were cut, doubled or written over with one of these pieces."""
    text = draw(texts)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 30)))
        what = draw(st.sampled_from(["", text[start:end] * 2, *pieces]))
        text = text[:start] + what + text[end:]
    return text
