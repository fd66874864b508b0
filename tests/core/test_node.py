"""A node's id can name a folder anywhere and leads nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver_tui.core.errors import NodeError
from evolver_tui.core.node import NodeVersion, check_node_id, slug


@pytest.mark.parametrize("node_id", ["a", "summarize_blog_post", "x9", "a" * 64])
def test_a_valid_id_is_accepted(node_id: str) -> None:
    assert check_node_id(node_id) == node_id


@pytest.mark.parametrize(
    "node_id",
    ["", "..", "../etc", "a/b", "A", "9a", "_a", "a b", "a\n", "a\0", "é", "a" * 65, "con", "lpt1", "class", "json",
     "versions", "node_runtime", "a.b", "a\u202e"],
)  # fmt: skip
def test_what_could_leave_the_folder_or_collide_is_refused(node_id: str) -> None:
    with pytest.raises(NodeError):
        check_node_id(node_id)


@given(st.text())
def test_any_text_gives_a_valid_id(text: str) -> None:
    assert check_node_id(slug(text))


def test_an_id_stays_near_to_its_text() -> None:
    assert slug("Résumé: Blog-Post №1") == "resume_blog_post_no1"
    assert slug("123 go") == "node_123_go"
    assert slug("json") == "json_node"


def test_a_version_is_read_as_it_is_shown() -> None:
    version = NodeVersion("summarize_post", 12)
    assert str(version) == "summarize_post v12"
    assert NodeVersion.read(str(version)) == version


@pytest.mark.parametrize(
    "text", ["", "summarize_post", "summarize_post v0", "a v1 v2", "../a v1", "a v1\n", "a v\u0661"]
)
def test_other_text_is_no_version(text: str) -> None:
    assert NodeVersion.read(text) is None
