"""What a program looks like does not count, and what it does, does."""

from __future__ import annotations

import ast
import keyword

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evolver_tui.core.program_shape import MOST_CHARACTERS, frame_digest, shape_of
from evolver_tui.core.training_data.near_duplicates import likeness
from tests.support.drafts import NODE
from tests.support.fuzzing import TEXTS, fuzzed

SAME = {
    "comments and blank lines": ("a = 1\nprint(a)", "# head\n\na  =  1 # one\n\n\nprint( a )\n"),
    "docstrings": ("def f():\n    return 1\nf()", '"""Head."""\ndef f():\n    """F."""\n    return 1\nf()'),
    "a variable": ("a = 1\nprint(a)", "b = 1\nprint(b)"),
    "a function and its parameter": ("def f(a):\n    return a\nf(1)", "def g(b):\n    return b\ng(1)"),
    "quotes": ("print('a')", 'print("a")'),
    "what an import is called": ("import json as a\na.loads(x)", "import json as b\nb.loads(x)"),
    "a comprehension": ("[a for a in x if a]", "[b for b in x if b]"),
    "what is caught": ("try:\n    f()\nexcept E as a:\n    g(a)", "try:\n    f()\nexcept E as b:\n    g(b)"),
    "a pass more": ("if x:\n    f()\n", "if x:\n    pass\n    f()\n"),
    "what is matched": ("match x:\n    case [a, *b]:\n        f(a, b)", "match x:\n    case [c, *d]:\n        f(c, d)"),
    "a walrus in a comprehension": ("[(a := b) for b in x]\nf(a)", "[(c := b) for b in x]\nf(c)"),
    "global": ("a = 1\ndef f():\n    global a\n    a = 2", "b = 1\ndef f():\n    global b\n    b = 2"),
}

OTHER = {
    "a constant": ("print(1)", "print(2)"),
    "a text": ("call_tool('a', x)", "call_tool('b', x)"),
    "the type of a constant": ("print(1)", "print(1.0)"),
    "what is called": ("len(x)", "max(x)"),
    "an attribute": ("x.a()", "x.b()"),
    "a module": ("import json as a\na.f()", "import pickle as a\na.f()"),
    "which of two": ("a = 1\nb = 2\nprint(a)", "a = 1\nb = 2\nprint(b)"),
    "a hidden builtin": (
        "def f():\n    def g():\n        len = h\n        return len\n    return len(x)",
        "def f():\n    def g():\n        max = h\n        return max\n    return max(x)",
    ),
    "parameters that are named in a call": (
        "def f(a, b):\n    return a\nf(a=1, b=2)",
        "def f(b, a):\n    return b\nf(a=1, b=2)",
    ),
    "attributes of a class": ("class A:\n    a = 1\nprint(A().a)", "class A:\n    b = 1\nprint(A().a)"),
    "what sees its names": ("a = 1\nprint(locals())", "b = 1\nprint(locals())"),
    "what sees its docstring": ("'a'\nprint(__doc__)", "'b'\nprint(__doc__)"),
    "where a statement stands": ("if x:\n    f()\ng()", "if x:\n    f()\n    g()"),
    "nonlocal": (
        "def f():\n    a = 1\n    def g():\n        nonlocal a\n        a = 2\n    g()\n    return a",
        "def f():\n    a = 1\n    def g():\n        a = 2\n    g()\n    return a",
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_looks_do_not_count(name: str) -> None:
    one, other = map(shape_of, SAME[name])
    assert one == other
    assert one.digest


@pytest.mark.parametrize("name", OTHER)
def test_what_a_program_does_counts(name: str) -> None:
    one, other = (shape_of(code).digest for code in OTHER[name])
    assert one
    assert one != other


def test_nodes_of_one_pattern_have_one_frame_whatever_their_texts() -> None:
    other = NODE.replace("content_generator", "llm").replace("Translate from", "From")
    assert shape_of(NODE).digest != shape_of(other).digest
    assert frame_digest(NODE) == frame_digest(other) != ""
    assert frame_digest(NODE) != frame_digest(NODE.replace("json.load(", "json.loads("))


def test_names_and_words_leave_a_node_near_to_itself_and_another_one_far() -> None:
    renamed = NODE.replace("input_data", "given").replace("pair", "each").replace("import sys\n", "import sys  # it\n")
    assert likeness(shape_of(NODE).sketch, shape_of(renamed).sketch) == 1.0
    longer = NODE.replace("    print(", "    if not content:\n        return\n    print(")
    assert 0.8 < likeness(shape_of(NODE).sketch, shape_of(longer).sketch, 0.5) < 1
    far = "import os\nfor each in os.environ:\n    os.environ[each] = str(len(each) + 1)\n" * 4
    assert likeness(shape_of(NODE).sketch, shape_of(far).sketch, 0.1) == 0.0


class Renaming(ast.NodeTransformer):
    """Another name for one variable, wherever it stands."""

    def __init__(self, before: str, after: str) -> None:
        self.before, self.after = before, after

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self.after, node.ctx) if node.id == self.before else node


@given(st.sampled_from(["input_data", "translations", "content", "pair", "prompt"]), st.from_regex(r"\A[a-z]\w{0,9}\Z"))
@fuzzed(60)
def test_no_name_of_a_variable_counts(before: str, after: str) -> None:
    tree = ast.parse(NODE)
    assume(after.isascii() and not keyword.iskeyword(after))
    taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assume(after not in taken | {"locals", "vars", "dir", "eval", "exec", "globals", "compile", "inspect"})
    renamed = ast.unparse(ast.fix_missing_locations(Renaming(before, after).visit(tree)))
    assert shape_of(renamed).digest == shape_of(NODE).digest


@given(TEXTS | st.lists(st.sampled_from(["(", "[", "x", ":", "\n", " ", "not ", "def f():", "'", "1"])).map("".join))
@fuzzed(200)
def test_whatever_is_written_has_a_shape(text: str) -> None:
    shape = shape_of(text)
    assert shape.sketch
    assert bool(shape.digest) == bool(frame_digest(text))


@pytest.mark.parametrize(
    "code",
    ["x" * (MOST_CHARACTERS + 1), "(" * 5_000, "-" * 50_000 + "1", "a" + ".a" * 50_000, "0x" + "f" * 100_000, "\0"],
    ids=["long", "deep", "a chain", "attributes", "a number", "a zero"],
)
def test_hostile_text_is_told_of_without_an_error(code: str) -> None:
    assert shape_of(code).sketch
