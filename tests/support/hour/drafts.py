"""Programs as a model writes them: the usual frame, and steps of which no two programs have the same choice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

_HEAD = '''\
"""{title}.

In: text, id. Out: result, task_id.
"""

import json
{imports}import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from node_runtime import call_tool


'''
_MAIN = """\
def main():
    task = json.load(sys.stdin)
    text = str(task.get("text", ""))
{calls}
    result = call_tool("{tool}", text)
    print(json.dumps({{"result": result, "task_id": task.get("id", "unknown")}}))


if __name__ == "__main__":
    main()
"""
_STEPS: Final = (
    """def without_blank_lines(text):
    kept = []
    for line in text.splitlines():
        if line.strip():
            kept.append(line.rstrip())
    return "\\n".join(kept)
""",
    """def longest_first(text):
    paragraphs = [part.strip() for part in text.split("\\n\\n")]
    paragraphs.sort(key=len, reverse=True)
    return "\\n\\n".join(paragraphs)
""",
    """def masked_addresses(text):
    words = text.split(" ")
    for position, word in enumerate(words):
        name, sign, domain = word.partition("@")
        if name and sign and "." in domain:
            words[position] = "***@" + domain
    return " ".join(words)
""",
    """def with_counted_words(text):
    counted = {}
    for word in text.lower().split():
        counted[word] = counted.get(word, 0) + 1
    most = sorted(counted, key=counted.get, reverse=True)[:5]
    return text + "\\nOften: " + ", ".join(most)
""",
    """def sentences_with_numbers(text):
    found = [one for one in text.split(". ") if any(sign.isdigit() for sign in one)]
    if not found:
        return text
    return ". ".join(found)
""",
    """def numbered(text):
    lines = text.splitlines()
    width = len(str(len(lines)))
    return "\\n".join(f"{number:>{width}} {line}" for number, line in enumerate(lines, 1))
""",
    """def quoted(text):
    answer = ""
    for line in text.splitlines(keepends=True):
        answer += "> " + line
    return answer or "> "
""",
    """def first_half(text):
    words = text.split()
    middle = max(1, len(words) // 2)
    if len(words) > 40:
        return " ".join(words[:middle]) + " (...)"
    return text
""",
    """def by_heading(text):
    sections, heading = {}, "General"
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        else:
            sections.setdefault(heading, []).append(line)
    return json.dumps(sections)
""",
    """def questions_only(text):
    pieces = text.replace("?", "?|").split("|")
    asked = [piece.strip() for piece in pieces if piece.endswith("?")]
    return "\\n".join(asked) if asked else "Nobody asks anything: " + text
""",
    """def plain_punctuation(text):
    pairs = {"\\u201c": '"', "\\u201d": '"', "\\u2019": "'", "\\u2026": "..."}
    for fancy, plain in pairs.items():
        text = text.replace(fancy, plain)
    return text.strip()
""",
    """def total_of_amounts(text):
    total = 0.0
    for word in text.split():
        cleaned = word.strip("$,.;")
        if cleaned.replace(".", "", 1).isdigit():
            total += float(cleaned)
    return f"{text}\\nTotal: {total:.2f}"
""",
    """def distinct_lines(text):
    seen = set()
    unique = []
    for line in text.splitlines():
        key = line.strip().casefold()
        if key not in seen:
            seen.add(key)
            unique.append(line)
    return "\\n".join(unique)
""",
    """def urgent_on_top(text):
    urgent, others = [], []
    for line in text.splitlines():
        (urgent if "urgent" in line.lower() else others).append(line)
    return "\\n".join([*urgent, "", *others])
""",
    """def initials_only(text):
    def shortened(word):
        return word[0] + "." if word.istitle() and len(word) > 3 else word

    return " ".join(shortened(word) for word in text.split())
""",
    """def table_of_pairs(text):
    rows = []
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            rows.append({"key": key.strip(), "value": value.strip()})
    return json.dumps(rows) if rows else text
""",
    """def wrapped(text):
    lines, current = [], ""
    for word in text.split():
        if len(current) + len(word) > 70:
            lines.append(current)
            current = ""
        current = f"{current} {word}".strip()
    return "\\n".join([*lines, current])
""",
    """def dates_in_front(text):
    dated = []
    for word in text.split():
        parts = word.strip(".,").split("-")
        if len(parts) == 3 and all(part.isdigit() for part in parts):
            dated.append("-".join(parts))
    return "; ".join(dated) + " | " + text
""",
    """def without_shouting(text):
    calm = [word.capitalize() if word.isupper() and len(word) > 4 else word for word in text.split()]
    return " ".join(calm)
""",
    """def bullets(text):
    marks = "-*+"
    for line in text.splitlines():
        if line[:1] in marks and line[:1]:
            text = text.replace(line, "* " + line[1:].strip(), 1)
    return text
""",
    """def signature_cut_off(text):
    before, mark, after = text.partition("\\n-- \\n")
    if mark and len(after) < 300:
        return before.rstrip()
    return text
""",
    """def average_sentence(text):
    lengths = [len(one.split()) for one in text.split(".") if one.strip()]
    average = sum(lengths) / max(1, len(lengths))
    return f"({average:.1f} words a sentence) {text}"
""",
    """def tags(text):
    found = sorted({word.strip("#,.").lower() for word in text.split() if word.startswith("#")})
    return " ".join(f"<{tag}>" for tag in found) + text.replace("#", "")
""",
    """def last_message(text):
    messages = text.split("\\nFrom: ")
    newest = max(messages, key=lambda message: message.count("\\n"))
    return newest if len(messages) > 1 else text
""",
    """def short_links(text):
    pieces = []
    for word in text.split():
        if word.startswith(("http://", "https://")):
            word = word.split("/")[2]
        pieces.append(word)
    return " ".join(pieces)
""",
    """def versions_sorted(text):
    def key(line):
        return [int(part) for part in line.split()[0].strip("v").split(".") if part.isdigit()]

    lines = [line for line in text.splitlines() if line[:1] == "v"]
    return "\\n".join(sorted(lines, key=key)) or text
""",
    """def table_totals(text):
    columns = list(zip(*(row.split(";") for row in text.splitlines()), strict=False))
    sums = [sum(int(cell) for cell in column if cell.strip().isdigit()) for column in columns]
    return text + "\\n" + ";".join(map(str, sums))
""",
    """def speakers(text):
    turns = {}
    for line in text.splitlines():
        speaker, _, words = line.partition(": ")
        turns[speaker] = turns.get(speaker, 0) + len(words.split())
    return json.dumps(turns, sort_keys=True)
""",
    """def in_the_middle(text):
    size = 1500
    if len(text) <= 2 * size:
        return text
    return text[:size] + f" [{len(text) - 2 * size} left out] " + text[-size:]
""",
    """def acronyms(text):
    short = {word for word in text.split() if word.isupper() and 1 < len(word) < 6}
    note = "Explain: " + ", ".join(sorted(short))
    return f"{text}\\n{note}" if short else text
""",
    """def one_spelling(text):
    for british, american in (("colour", "color"), ("centre", "center"), ("analyse", "analyze")):
        text = text.replace(british, american).replace(british.title(), american.title())
    return text
""",
    """def next_steps(text):
    starts = ("todo", "next", "action")
    steps = [line for line in text.splitlines() if line.strip().lower().startswith(starts)]
    return "Steps:\\n" + "\\n".join(steps) if steps else text
""",
    """def percentages(text):
    share = sum(sign.isdigit() for sign in text) * 100 // max(1, len(text))
    if share > 20:
        return "Mostly numbers. " + text
    return text
""",
    """def titles_kept(text):
    lines = text.splitlines()
    titled = [f"{above}: {below}" for above, below in zip(lines, lines[1:]) if above.istitle()]
    return " / ".join(titled) or text
""",
    """def braces_escaped(text):
    escaped = []
    for sign in text:
        escaped.append(sign * 2 if sign in "{}" else sign)
    return "".join(escaped)
""",
    """def balanced(text):
    missing = text.count("(") - text.count(")")
    while missing > 0:
        text, missing = text + ")", missing - 1
    return text
""",
    """def greeting_first(text):
    hello = next((line for line in text.splitlines() if line.startswith(("Hi", "Dear"))), "Hello,")
    rest = text.replace(hello, "", 1).strip()
    return f"{hello}\\n\\n{rest}"
""",
    """def changes_only(text):
    marked = {"+": "added", "-": "removed"}
    told = [f"{marked[line[0]]} {line[1:]}" for line in text.splitlines() if line[:1] in marked]
    return "; ".join(told) if told else text
""",
)
_FILES = """def with_glossary(text):
    glossary = Path("glossary.txt")
    if glossary.is_file():
        text += glossary.read_text()
    return text
"""
_PROGRAMS = """def spell_checked(text):
    if len(text) < 2000:
        return text
    done = subprocess.run(["aspell", "list"], input=text, capture_output=True, text=True)
    wrong = done.stdout.split()
    return text + "\\nCheck: " + ", ".join(wrong)
"""
_TOOLS: Final = ("summarizer", "content_generator", "llm")


_ALONE: Final = 26
"""So many of the steps are the only one of their program; the others come in pairs."""


def _pairs() -> Sequence[tuple[int, int]]:
    """Which steps the longer programs have, in an order in which neighbors differ in both."""
    pairs = combinations(range(_ALONE, len(_STEPS)), 2)
    return sorted(pairs, key=lambda pair: (pair[1] - pair[0], pair[0]))


_PAIRS: Final = _pairs()


def program(number: int, title: str) -> str:
    """A harmless node; half of those below twice `_ALONE` are short. No two of the first 66 have the same steps."""
    if number % 2 == 0 and number < 2 * _ALONE:
        return _program(title, [_STEPS[number // 2]], number)
    return _program(title, [_STEPS[step] for step in _PAIRS[number % len(_PAIRS)]], number)


def long_program(number: int, title: str, *, runs_programs: bool) -> str:
    """A node of high risk, since it runs programs, or of medium risk, since it reads a file; it fills many screens."""
    chosen = [_STEPS[(number + 5 * step) % len(_STEPS)] for step in range(6)]
    extra = _PROGRAMS if runs_programs else _FILES
    return _program(title, [*chosen[:4], extra, *chosen[4:]], number, "import subprocess\n" if runs_programs else "")


def nearly(code: str, title: str) -> str:
    """The same program as somebody else would have written it: about nine tenths of it are the same."""
    body = code.split("\n", 1)[1]
    changed = body.replace("    task = json.load(sys.stdin)\n", "    task = json.loads(sys.stdin.read())\n")
    changed = changed.replace('task.get("id", "unknown")', 'task.get("id", "")')
    return f'"""{title}.\n' + changed


def _program(title: str, steps: Sequence[str], number: int, imports: str = "") -> str:
    names = [step.split("(")[0].removeprefix("def ") for step in steps]
    calls = "\n".join(f"    text = {name}(text)" for name in names)
    body = "\n\n".join(steps)
    main = _MAIN.format(calls=calls, tool=_TOOLS[number % len(_TOOLS)])
    return f"{_HEAD.format(title=title, imports=imports)}{body}\n\n{main}"
