"""Whatever a model writes around its one object, the node is read out of it or refused in words."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest

from evolver_tui.core.errors import AnswerUnusable
from evolver_tui.core.node import check_node_id
from evolver_tui.core.partial_code import PartialCode
from evolver_tui.core.router_answer import MOST_CODE_BYTES, RouterAnswer, parse

CODE = 'import json\nprint(json.dumps({"a": [1, 2,]}))\n'
ANSWER: dict[str, Any] = {
    "workflow_code": CODE,
    "workflow_name": "Summarize a blog post",
    "suggested_node_id": "summarize_blog_post",
    "tools_used": ["summarizer"],
    "estimated_complexity": "simple",
}
WHOLE = RouterAnswer(CODE, "Summarize a blog post", "summarize_blog_post", ("summarizer",), "simple")


def answer(**changes: Any) -> str:
    return json.dumps({**ANSWER, **changes})


@pytest.mark.parametrize(
    "text",
    [
        answer(),
        json.dumps(ANSWER, indent=2),
        f"```json\n{answer()}\n```",
        f"```\n{answer()}\n```\nI hope that {{this}} helps.",
        f"Certainly! Here is the `{{name}}` node, with {{'a': 1}}:\n\n{answer()}",
        f'<think>First {{"workflow_code": "a draft"}}, no {{...}}, better:</think>\n{answer()}',
        f'I begin with {{"workflow_code": "unfinished, then\n\n{answer()}',
        f'{{"answer": {answer()}}}',
        f"[{answer()}]",
        answer()[:-1] + ",\n}",
        answer().replace('["summarizer"]', '["summarizer", ]'),
        answer().replace("\\n", "\n"),
        answer(workflow_code=f"```python\n{CODE}```"),
        answer(workflow_code=CODE.replace("\n", "\r\n")),
        answer(confidence=float("nan"), seed=10**50, notes={"deep": [[[]]]}),
        answer()[:-1] + ', "digits": ' + "9" * 10_000 + "}",
        "\ufeff" + answer(),
    ],
    ids=range(17),
)
def test_what_models_put_around_an_answer_is_read_past(text: str) -> None:
    assert parse(text) == WHOLE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("I cannot do that, {sorry}.", "holds no JSON object"),
        ('{"workflow_name": "x"}', "has no workflow_code"),
        (answer()[:-30], "broken or unfinished"),
        (answer(workflow_code=""), "empty program"),
        (answer(workflow_code="```python\n```"), "empty program"),
        (answer(workflow_code=["import json", 7]), "not text"),
        (answer(workflow_code=None), "not text"),
        (answer(workflow_code="#" * (MOST_CODE_BYTES + 1)), "at most 200,000"),
        (answer(workflow_code="print('\ud800')"), "no source file can hold"),
        (answer(workflow_code="print('\0')"), "no source file can hold"),
        (answer()[:-1] + ', "workflow_code": "import os"}', "two fields of the same name"),
        ('{"a":' * 100_000, "no workflow_code"),
        ('{"workflow_code":' * 100_000, "broken or unfinished"),
        ('{"workflow_code": "x", "deep": ' + "[" * 200_000, "broken or unfinished"),
    ],
    ids=range(16),
)
def test_what_cannot_be_a_node_is_refused_with_the_reason(text: str, words: str) -> None:
    with pytest.raises(AnswerUnusable) as caught:
        parse(text)
    assert words in caught.value.message
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("changes", "node_id"),
    [
        ({"suggested_node_id": "../../etc/passwd"}, "etc_passwd"),
        ({"suggested_node_id": "Summarize Blog-Post!"}, "summarize_blog_post"),
        ({"suggested_node_id": "con"}, "con_node"),
        ({"suggested_node_id": "json"}, "json_node"),
        ({"suggested_node_id": "7"}, "task_7"),
        ({"suggested_node_id": "x" * 5000}, "x" * 64),
        ({"suggested_node_id": "摘要"}, "summarize_a_blog_post"),
        ({"suggested_node_id": None}, "summarize_a_blog_post"),
        ({"suggested_node_id": "", "workflow_name": "\u202e \x1b"}, "task_task_17"),
    ],
)
def test_the_node_id_is_always_valid(changes: dict[str, Any], node_id: str) -> None:
    found = parse(answer(**changes), task_id="task-17").suggested_node_id
    assert found == node_id
    assert check_node_id(found) == node_id


def test_fields_of_other_types_and_sizes_do_no_harm() -> None:
    read = parse(
        answer(
            workflow_name="A\nname \x1b[31m\u202e" + "x" * 10_000,
            tools_used=["summarizer", 7, None, "summarizer", "quick_translator"],
            estimated_complexity=" Simple ",
        )
    )
    assert read.workflow_name.startswith("A name [31m")
    assert len(read.workflow_name) == 120
    assert read.tools_used == ("summarizer", "quick_translator")
    assert read.complexity == "simple"
    read = parse(answer(workflow_name=7, tools_used="summarizer, nmt_translator", estimated_complexity="trivial"))
    assert read.workflow_name == "Generated Workflow"
    assert read.tools_used == ("summarizer", "nmt_translator")
    assert read.complexity == "moderate"


# --- as models write it ---------------------------------------------------------------------------------------------

PROGRAM = (
    "import json\nimport re, sys\n\nd = json.load(sys.stdin)\n"
    'print(json.dumps({"r": re.findall("\\d+", d["it\'s"])}))\n'
)
NODE: dict[str, Any] = {**ANSWER, "workflow_code": PROGRAM}
WITHOUT_CODE = json.dumps({key: value for key, value in NODE.items() if key != "workflow_code"})
JSON = json.dumps(NODE)
QUOTED = WITHOUT_CODE[1:]
DRAFT = json.dumps({"workflow_code": "import json\nprint(json)\n" + "x = 1\n" * 100, "workflow_name": "A draft"})
PLACEHOLDER = '{"workflow_code": "...", "workflow_name": "...", "suggested_node_id": "...", "tools_used": []}'


@pytest.mark.parametrize(
    "text",
    [
        repr(NODE),
        f"```python\n{NODE!r}\n```",
        f'{{"workflow_code": """\n{PROGRAM}""",{QUOTED}',
        f"{{'workflow_code': '''{PROGRAM}''',{QUOTED}",
        f'{{"workflow_code": r"""{PROGRAM}""",{QUOTED}',
        f"{{workflow_code: `{PROGRAM}`,{QUOTED}",
        JSON.replace("'", "\\'"),
        JSON.replace('"workflow_name"', '// "the" name: {\n "workflow_name"')[:-1] + ", /* { */ # }\n}",
        JSON.replace('"workflow_code"', "“workflow_code”").replace('"workflow_name": "S', '“workflow_name”: "S'),
        JSON.replace("workflow_code", "WorkflowCode").replace("suggested_node_id", "suggestedNodeId"),
        json.dumps(JSON),
        json.dumps(json.dumps(JSON)),
        json.dumps({"response": f"```json\n{json.dumps(NODE, indent=1)}\n```"}),
        repr({"response": JSON}),
        json.dumps({"output": [{"type": "text", "text": JSON}]}),
        json.dumps({"name": "save", "arguments": NODE}),
        "{" + JSON + "}",
        f"{JSON}\n\nThe format was:\n{PLACEHOLDER}",
        f"I answer as {PLACEHOLDER}:\n{JSON}",
        '{"workflow_code": "<the whole program>"}' + JSON,
        "<think>" + '{"result": r} or {{"text": {t}}}?\n' * 400 + f"{DRAFT}</think>{JSON}",
        f"{{hm}} {DRAFT} {DRAFT}\n</think>\n\n{JSON}",
        f"<think>{JSON}</think>",
        f"```json\n{WITHOUT_CODE}\n```\n```python\n{PROGRAM}```\nRun it:\n```\npython main.py\n```",
        f"{json.dumps({**NODE, 'workflow_code': 'see the code below'})}\n\n```\n{PROGRAM}\n```",
        JSON[:-1] + ', "workflow_name": "Summarize a blog post"}',
        JSON[:-1],
        f"```json\n{json.dumps(NODE, indent=2)[:-2]}\n```",
        repr({**NODE, "tools_used": ("summarizer", "nmt_translator"), "confident": (True)}),
        json.dumps({"workflow_code": PROGRAM, "metadata": json.loads(WITHOUT_CODE)}),
        json.dumps({**json.loads(WITHOUT_CODE), "result": {"workflow_code": PROGRAM}}),
        json.dumps({**json.loads(WITHOUT_CODE), "code": PROGRAM}),
        json.dumps({**json.loads(WITHOUT_CODE), "language": "python", "Source_Code": f"```python\n{PROGRAM}```"}),
        json.dumps({"arguments": JSON.replace("workflow_code", "workflowCode")}),
        f"{JSON}\nThe format was:\n" + json.dumps({"workflow_code": "# the whole program\n" * 90 + "import json"}),
        f"~~~json\n{WITHOUT_CODE}\n~~~\n~~~python\n{PROGRAM}~~~",
        f"1. The node:\n\n   ````python\n{textwrap.indent(PROGRAM, '   ')}   ````\n2. About it:\n{WITHOUT_CODE}",
    ],
    ids=range(37),
)
def test_what_says_one_thing_is_read_by_whatever_rules_it_is_written(text: str) -> None:
    read = parse(text)
    assert read.workflow_code == PROGRAM
    assert (read.workflow_name, read.suggested_node_id) == ("Summarize a blog post", "summarize_blog_post")


@pytest.mark.parametrize(
    "code",
    [
        textwrap.indent(PROGRAM, "    ", lambda line: True),
        textwrap.indent(PROGRAM, "\t"),
        PROGRAM.split("\n"),
        PROGRAM.splitlines(keepends=True),
        PROGRAM.replace("\n", "\r"),
        json.dumps(PROGRAM)[1:-1],
        json.dumps(PROGRAM),
        f"Here is the node:\n```python\n{PROGRAM}```\nIt reads a {{dict}}.",
        f"```python\n{PROGRAM}```\n```bash\npython main.py\n```",
        f"~~~\n{PROGRAM}~~~",
        "\ufeff" + PROGRAM,
    ],
    ids=range(11),
)
def test_a_program_is_read_by_the_one_way_in_which_it_is_one(code: Any) -> None:
    assert parse(answer(workflow_code=code)).workflow_code == PROGRAM


@pytest.mark.parametrize(
    "code",
    [
        "Either\n```python\nimport os\n```\nor\n```python\nimport sys\n```",
        "import os\\nx = 'a\\nb'",
        "    import os\nimport sys",
    ],
    ids=range(3),
)
def test_a_program_that_could_be_two_or_none_stays_as_it_was_written(code: str) -> None:
    assert parse(answer(workflow_code=code)).workflow_code == code.strip("\n") + "\n"


def test_a_fence_in_a_docstring_does_not_end_the_program() -> None:
    code = 'def f():\n    """Such as\n\n    ```json\n    {}\n    ```\n    """\n\n\nprint(f())\n'
    assert parse(answer(workflow_code=code)).workflow_code == code
    assert parse(answer(workflow_code=f"```python\n{code}```")).workflow_code == code


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"x = '\d\w\ \x41'  # \u12", r"x = '\d\w\ \x41'  # \u12"),
        (r"# it\'s", "# it's"),
        (r"x = 'it\'s'", r"x = 'it\'s'"),
        (r"print(\'a\')", "print('a')"),
        (r"x = \"\u00e4\ud83d\ude00\"", 'x = "ä😀"'),
        ("x = [\n\t1]", "x = [\n\t1]"),
        ('y = 1\nx = \\"a\\n\\"', 'y = 1\nx = "a\\n"'),
    ],
)
def test_escapes_that_json_does_not_know_keep_what_the_code_says(written: str, meant: str) -> None:
    text = f'{{"workflow_code": "{written}", "workflow_name": "x"}}'
    assert parse(text).workflow_code == meant + "\n"
    if "y = 1" not in written and "x = 'it" not in written:
        partial = PartialCode()
        partial.feed(text)
        assert partial.text == meant


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"workflow_code": "print("hi")", "workflow_name": "x"}', "line 1, column 27, expected is , or }, and 'hi"),
        ('{\n"workflow_code": "x = 1"\n"workflow_name": "x"}', "line 3, column 1, expected is , or }"),
        ('{"workflow_code": import json}', "line 1, column 19, expected is a value"),
        (JSON[:200], "expected is the end of the string"),
        (answer()[: answer().index(', "estimated')], "broken or unfinished"),
        (json.dumps({"workflow_name": "x", "code": "see below"}), "has no workflow_code"),
        (json.dumps({"workflow_name": "x", "code": "import a", "script": "import b"}), "has no workflow_code"),
        (f"<think>{DRAFT}</think>" + JSON[:200], "broken or unfinished"),
        ('{"workflow_code": "print("hi")"}\n```python\nimport os\n```', "broken or unfinished"),
        (r'{"workflow_code": """x = "a\\nb" """}', "can be read in two ways"),
        ('{"workflow_code": [`x = "a\\nb"`, "y = 1"]}', "can be read in two ways"),
        (f"Such as {answer()}. So:\n" + JSON.replace('\\"', '"'), "expected is , or }, and 'r"),
        (r'{"workflow_code": """def x(: \d"""}', "it is no Python"),
        (JSON[:-1] + ', "workflow_name": "Another"}', "two fields of the same name"),
        ("```json\n" + WITHOUT_CODE + "\n```\n```bash\nls -la\n```", "has no workflow_code"),
    ],
    ids=range(15),
)
def test_what_could_say_two_things_is_refused_with_the_place(text: str, words: str) -> None:
    with pytest.raises(AnswerUnusable) as caught:
        parse(text)
    assert words in caught.value.message


def test_of_several_programs_the_longest_counts_that_passes_the_checks() -> None:
    texts = [json.dumps({"workflow_code": f"x = {n}\n" * n, "workflow_name": f"{n}"}) for n in (3, 9, 5, 7)]
    text = "\n".join(texts)
    assert parse(text).workflow_name == "9"
    assert parse(text, passes=lambda code: "9" not in code).workflow_name == "7"
    assert parse(text, passes=lambda code: False).workflow_name == "9"
    assert parse(text + DRAFT + '{"workflow_code": "' + "no python " * 500 + '"}').workflow_name == "A draft"
    fences = "```\nimport os\nx = 1\n```\n```py\nimport sys\n```"
    assert parse(fences, passes=lambda code: "sys" in code).workflow_code == "import sys\n"


HOSTILE = {
    "escaped quotes": '{"workflow_code": "' + '\\"' * 200_000,
    "unfinished objects": '{"a": "' * 100_000,
    "braces": "{" * 500_000,
    "nested objects": '{"a": {}, ' * 50_000,
    "fences": "```" * 200_000 + " " * 200_000,
    "spaces in a fence": answer(workflow_code="```\n" + " " * 190_000 + "x"),
    "commas": '{"a": ' + "," * 300_000 + " " * 300_000,
    "braces of a thought": "<think>" + "{ {{ {'a': {\n" * 100_000 + "</think>",
    "codes": '{"a": 1, "workflow_code": 1 ' * 30_000,
    "nested codes": '{"workflow_code":' * 40_000,
    "braces before a code": "{" * 300_000 + '"workflow_code": "x"',
    "members": "{" + '"a":1,' * 80_000 + '"workflow_code": "x=1"',
    "triple quotes": '{"workflow_code": """' * 40_000,
    "comments": '{ /* "workflow_code": ' * 100_000,
    "strings in strings": '"{\\"workflow_code\\"' * 100_000,
    "fenced programs": "```\nx=1\n```\n" * 100_000,
    "parentheses": '{"workflow_code": ' + "(" * 500_000,
    "lines": answer(workflow_code=["x = 1"] * 200_000),
    "fences in a program": answer(workflow_code="```\nx = (\n```\n" * 12_000),
    "ends of thoughts": "</think>" * 250_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_answer_comes_to_an_end(text: str) -> None:
    """Sizes at which anything quadratic takes many minutes."""
    try:
        parse(text)
    except AnswerUnusable:
        pass
    partial = PartialCode()
    for start in range(0, len(text), 4096):
        partial.feed(text[start : start + 4096])
