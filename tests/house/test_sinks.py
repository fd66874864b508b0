"""A stranger's string reaches a terminal by `core/safe_text` alone: read off the source, so that no path has to be run.

Commands have a few doors to the standard streams; each one is written down here. The console has no such doors: a fact
of `core` or `engine` that may hold a stranger's words passes the gate where it is made part of a text.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "evolver_tui"

DOORS = {
    "adapters/nodes/bootstrap.py": [  # to the program, from a node's process
        "os.write(TOOL_DESCRIPTOR, line.encode() + b'\\n')"
    ],
    "adapters/sample_hub/hub.py": [
        "print(f'evolver-tui: {safe_text(error)}', file=sys.stderr)",
        "print(json.dumps({'hub_url': hub.url}), flush=True)",
    ],
    "adapters/listeners/dead_letters.py": ["os.write(descriptor, line)"],  # through safe_json
    "adapters/listeners/signal_file.py": ["os.write(descriptor, line)"],  # through safe_json
    "adapters/nodes/use_file.py": [  # JSON in ASCII, into the library's file of uses
        "os.write(file, line if size == 0 or os.pread(file, 1, size - 1) == b'\\n' else b'\\n' + line)"
    ],
    "adapters/sandbox/canary.py": [  # to the program, from a box
        "sys.stdout.write(json.dumps({'reached': reached, 'broken': broken}))"
    ],
    "adapters/sandbox/guard.py": [  # to the program, from a box
        "sys.stderr.write(f'The box cannot be closed: {why}.\\n')"
    ],
    "cli/config.py": [  # printable, as a test of it holds; a path only where no terminal shows it
        "print(f'{file}\\n' if options.what == 'path' else show_config(load_config(file), file, actions()), end='')",
    ],
    "cli/connect.py": ["sys.stdout.write('\\n')", "sys.stdout.write(piece)"],  # JSON in ASCII
    "cli/inputs.py": [
        "print('Type one JSON object, then Ctrl+D.', file=sys.stderr)",
        "print(safe_block(question), end=' ', file=screen, flush=True)",
    ],
    "cli/jobs/bundles.py": ["sys.stdout.write(bundle.to_json())"],  # JSON in ASCII
    "cli/nodes/command.py": ["sys.stdout.buffer.write(output)"],  # through safe_json where a terminal shows it
    "cli/output.py": [
        "print(json_text(result.value, indent=2))",  # ASCII
        "print(line, file=sys.stderr, flush=True)",  # `tell`: whoever calls it has safe lines
        "print(safe_block(text, limit=len(text)), file=stream)",
    ],
    "adapters/web/console/terminal.py": ["os.write(self._primary, data)"],  # to a program, what a person types
    "cli/serve.py": [  # JSON in ASCII
        "print(json_text({'console_url': f\"{url}/#token={quote(made.token, safe='')}\"}), flush=True)"
    ],
    "cli/progress/serve.py": ["print(json_text({'progress_url': url}), flush=True)"],  # JSON in ASCII
    "cli/workflow/gateway.py": [
        "print(json_text({'gateway_url': url, 'pod_id': pod_id}), flush=True)"  # JSON in ASCII
    ],
    "engine/decision_export/export.py": ["export.put_rows(sys.stdout)"],  # JSON in ASCII
    "engine/export.py": [  # JSON in ASCII, or Markdown whose writer gates every cell
        "writer(records(store, await find_session(store, session_id), secrets), sys.stdout)"
    ],
    "engine/signals.py": [
        "print(safe_text(f'A listener for {signal.name} failed: {show_addresses(repr(error))}'), file=sys.stderr)",
        "print(safe_text(f'The listener {listener} is too slow: {words} dropped for it.'), file=sys.stderr)",
    ],
    "track/run_file.py": ["os.write(self.descriptor, data)"],  # JSON in ASCII
    "track/saying.py": [  # printable ASCII
        "os.write(stream.fileno(), f'{line}\\n'.encode())",
        "print(line, file=stream, flush=True)",
    ],
    "tui/attention.py": ["driver.write(sequence)"],  # the window's title, of a number
    "tui/terminal_driver.py": ["self.write('\\x1b[?1049h\\x1b[?25l\\x1b[?1004h')"],
}
"""Whatever writes to a standard stream, a terminal or a log, by module."""

TELLING = {
    "connect.py": ["tell(_line(event))"],
    "replay.py": [  # numbers alone
        "tell(f'{lines} of the log could not be read, the first is line {recording.first_unreadable:,}.')"
    ],
    "signal_lines.py": [
        "tell(' '.join(filter(None, (safe_text(word, 500) for word in words))))",
        "tell(json_text(SignalEmittedEvent.from_signal(signal).to_dict()))",
    ],
    "serve.py": [
        "tell('evolver-tui: Its end took too long and was cut off. The consoles end by themselves; "
        "nothing of them is lost.')",
        "tell(f'evolver-tui: {safe_text(sentence, 500)}')",
    ],
    "train.py": [
        "tell(f'{when} {safe_text(words, 500)}')",
        "tell(safe_text(f'evolver-tui: Its end took too long and was cut off. Go on with: {way_on}', 2000))",
    ],
    "worker.py": [
        "tell('evolver-tui: Its end took too long and was cut off. What it held goes on in another worker.')",
    ],
    "progress/serve.py": ["tell('evolver-tui: Its end took too long and was cut off. What was acknowledged is kept.')"],
    "workflow/demo_chain.py": [
        "tell('evolver-tui: Everything is being ended.')",
        "tell(f'{self.name}: {safe_text(line, _LONGEST_LINE)}')",
    ],
    "workflow/gateway.py": ["tell('evolver-tui: Its end took too long and was cut off.')"],
    "workflow/serve.py": [
        "tell('evolver-tui: Its end took too long and was cut off. "
        "What JetStream handed out goes on in another instance.')"
    ],
}
"""What is told line by line on standard error: JSON in ASCII, or through the gate."""

GATES = frozenset({"safe_text", "safe_block", "safe_lines", "say", "ConfirmModal", "ReasonModal"})
"""What makes a text safe, itself or, as notices and some dialogs do, of whatever they are given."""

SHOWN_BY = frozenset(
    ("Content", "Segment", "Static", "Label", "TextPage", "styled", "assemble", "update", "notify", "join", "set_title")
) | {"SelectedText", "set_subtitle", "Entry"}
"""What the console makes a text, a line or a widget with."""

MARKUP = frozenset(
    ("Static", "Label", "Button", "Checkbox", "RadioButton", "Collapsible", "Option", "Link", "Markdown", "notify")
)
"""What reads `[...]` in a plain string as markup, unless told not to."""

HARMLESS = {
    "palette.py": {"entry.name", "action.title"},  # actions', and a theme's, whose name is checked
    "themes.py": {"theme.name"},
    "views.py": {"self.id"},
    "code_editor/code_area.py": {"self.code.text"},  # measured
    "modals/edit_modal.py": {"verdict.checks", "verdict.risk_words"},  # safe since the verdict was made
    "modals/inbox_list.py": {"row.risk"},  # joined with others, and then safe
    "modals/remembered_list.py": {"rule.id"},  # a number
    "modals/signal_modal.py": {"self._to_task.title", "self._copies.title"},  # the program's own
    "question_kinds/review.py": {"subject.draft.node_id"},  # whoever asks for it gates it
    "drawing/detailed_list.py": {"self.symbols.rule"},  # a line
    "drawing/selectable.py": {"chosen.text"},  # what is drawn already
    "screens/desk/open_questions.py": {"error.message"},  # an error's sentence, which becomes a notice
    "screens/desk/receipts.py": {"receipt.task_id", "receipt.words"},  # safe since it was given
    "screens/desk/card_presenter.py": {"live.code"},  # CodeDocument gates each line
    "screens/desk/job_monitor.py": {"self.task_id", "self.error", "signal.timestamp"},  # safe since heard; a number
    "screens/desk/actions/jobs.py": {"row.task_name"},  # the body of a ConfirmModal
    "screens/desk/actions/remembering.py": {"made.rule.name"},  # made of a number
    "screens/desk/actions/review.py": {"review.draft.node_id"},  # titles of such
    "screens/desk/batch_words.py": {"symbols.asks", "symbols.review"},
    "screens/desk/panes/card_content.py": {"retry.error", "facts.worker", "row.priority", "saved.node_id"},
    "screens/desk/panes/review_card.py": {"content.title", "self.symbols.rule"},  # made of safe parts; a line
    "screens/desk/actions/box.py": {"box.tier"},  # one of three words
    "screens/desk/panes/status_line.py": {"status.session_id", "status.author", "status.tier"},  # safe since set
    "screens/history/panes/session_table.py": {"record.id", "symbols.asks"},  # looked into; the program's own
    "screens/workflows/standing_words.py": {"symbols.asks"},  # the program's own
    "screens/workflows/panes/answer_content.py": {"symbols.asks"},  # the program's own
    "screens/workflows/panes/facts_pane.py": {"message.pods"},  # gone through one by one, each made safe
    "screens/workflows/panes/parked_table.py": {"request.reason"},  # looked into
    "screens/desk/panes/queue_row.py": {"symbols.rule"},  # the program's own
    "screens/desk/outage_words.py": {"self.when"},  # the program's own words
    "drawing/diff_view.py": {  # a sign of ours, and a line that is safe since it was compared
        "each.sign",
        "each.text",
        "line.sign",
        "line.text",
        "pair.new.text",
    },
    "drawing/value_tree.py": {"row.name"},  # safe since the row was made
    "drawing/text_page.py": {"paragraph.text"},  # an Entry's, made of safe parts
    "screens/library/actions.py": {"view.selected.node.node_id"},  # checked wherever it is read
    "screens/library/keeping.py": {"record.node_id", "row.node.node_id"},  # the same
    "screens/library/panes/node_pages.py": {  # lines of a value, which is made safe line by line
        "answer.prompt",
        "answer.answer",
        "call.tool",
        "answer.tool",
    },
    "screens/library/screen.py": {"facts.code"},  # CodeDocument gates each line
    "screens/training/panes/events_pane.py": {"event.model", "event.step"},  # numbers
    "screens/training/panes/plot_pane.py": {"here.step"},  # a number
    "screens/training/panes/run_facts.py": {"run.step", "run.model"},  # numbers
    "screens/training/panes/runs_table.py": {  # looked into
        "row.source.standing.place",
        "run.name",
        "run.header.project",
        "run.run_id",
        "run.status",
    },
}
"""Facts that the console shows as they are, and why each one may be."""


def modules(room: str = "") -> Iterator[tuple[str, ast.Module]]:
    """Each module of a room, by its path from there."""
    folder = PACKAGE / room
    for path in sorted(folder.rglob("*.py")):
        yield str(path.relative_to(folder)), ast.parse(path.read_text("utf-8"))


def name_of(call: ast.AST) -> str:
    """What is called, without what it belongs to."""
    target = call.func if isinstance(call, ast.Call) else None
    return target.id if isinstance(target, ast.Name) else target.attr if isinstance(target, ast.Attribute) else ""


_WRITES = re.compile(
    r"print|(sys\.\w+|driver|self|self\._driver)(\.buffer)?\.write(lines)?|os\.write|traceback\.print_\w+|warnings\.warn"
    r"|(logging|logger|_logger|log|_log)\.(debug|info|warning|error|critical|exception|log|basicConfig)"
)
_STREAM = re.compile(r"sys\.(__)?(stdout|stderr)(__)?(\.buffer)?")


def is_door(call: ast.Call) -> bool:
    """Whether a call writes where a person, or a log, may be at the other end, or hands such a stream on."""
    is_handed_on = any(_STREAM.fullmatch(ast.unparse(given)) for given in call.args) and name_of(call) not in _TAKES
    return bool(_WRITES.fullmatch(ast.unparse(call.func))) or is_handed_on


_TAKES = ("say", "isinstance", "flush", "_raw", "_remembering", "_is_of_a_file")
"""What is given a stream to write to it through the gate, or not to write at all."""


def calls_in(is_wanted: Callable[[ast.Call], bool], room: str = "") -> dict[str, list[str]]:
    """The calls of this sort, as they are written, by module."""
    found = {
        path: sorted(ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call) and is_wanted(node))
        for path, tree in modules(room)
    }
    return {path: calls for path, calls in found.items() if calls}


def test_whatever_writes_to_a_terminal_or_a_log_is_known() -> None:
    assert calls_in(is_door) == DOORS
    assert calls_in(lambda call: name_of(call) == "tell", "cli") == TELLING


@cache
def strangers_facts() -> frozenset[str]:
    """The names of all fields of `core` and `engine` that hold text."""
    names: set[str] = set()
    for room in ("core", "engine"):
        for _, tree in modules(room):
            for field in (node for kind in ast.walk(tree) if isinstance(kind, ast.ClassDef) for node in kind.body):
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    annotation = {part.id for part in ast.walk(field.annotation) if isinstance(part, ast.Name)}
                    if "str" in annotation and "Callable" not in annotation:
                        names.add(field.target.id)
    return frozenset(names)


def raw_facts(tree: ast.Module) -> Iterator[ast.Attribute]:
    """Each fact that becomes part of a text, a widget or a line of fragments without passing a gate."""
    above = {below: node for node in ast.walk(tree) for below in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        is_enumeration = isinstance(node, ast.Attribute) and node.attr == "value"
        if not isinstance(node, ast.Attribute) or node.attr not in strangers_facts() or is_enumeration:
            continue
        way: list[ast.AST] = [node]
        while way[-1] in above:
            way.append(above[way[-1]])
        if not any(name_of(step) in GATES for step in way) and is_shown(way):
            yield node


def is_shown(way: list[ast.AST]) -> bool:
    """Whether what begins this way, from the inside out, is shown as it is."""
    for inner, outer in pairwise(way):
        match outer:
            case ast.FormattedValue():
                return True
            case ast.BinOp(op=ast.Add()):
                return True
            case ast.Call() if inner is not outer.func:
                return name_of(outer) in SHOWN_BY
            case ast.Tuple(elts=[first, ast.Constant(value=str())]) if first is inner:  # a fragment and its style
                return True
            case ast.IfExp() if inner is outer.test:
                return False
            case ast.Compare() | ast.Subscript() | ast.stmt() | ast.Attribute():
                return False
    return False


def test_the_console_shows_no_fact_as_it_is_unless_it_is_known_to_be_safe() -> None:
    found = {path: {ast.unparse(fact) for fact in raw_facts(tree)} for path, tree in modules("tui")}
    assert {path: facts for path, facts in found.items() if facts} == HARMLESS


@pytest.mark.parametrize(
    ("code", "is_raw"),
    [
        ("f'{row.task_name} waits'", True),
        ("Content(row.task_name)", True),
        ("Static(Content.styled(row.error or 'It failed.', 'bold'))", True),
        ("[(row.task_id, 'text')]", True),
        ("'by ' + draft.author", True),
        ("' '.join([row.task_id])", True),
        ("self.notify(error.message, markup=False)", True),
        ("f'{safe_text(row.task_name, 80)} waits'", False),
        ("Content(safe_block(row.error or 'It failed.'))", False),
        ("desk.say(f'{row.task_id} is over')", False),
        ("row.task_id == 'x' and f'{row.job}'", False),
    ],
)
def test_a_leak_is_seen(code: str, is_raw: bool) -> None:
    assert bool(list(raw_facts(ast.parse(code)))) is is_raw


def test_no_plain_string_is_read_as_markup() -> None:
    """`[@click=app.quit]` in one of these is a button that quits; Content and what is told `markup=False` have none."""
    for path, tree in modules("tui"):
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and name_of(node) in MARKUP):
            is_told = any(word.arg == "markup" and ast.unparse(word.value) == "False" for word in call.keywords)
            given = call.args[0] if call.args else None
            is_content = isinstance(given, ast.Call) and ast.unparse(given.func).startswith("Content")
            has_none = given is None or isinstance(given, ast.Constant) or is_content or is_told
            assert has_none, f"{path}: {ast.unparse(call)}"
        for target, value in assignments(tree):
            if target in ("border_title", "border_subtitle"):
                is_safe = isinstance(value, ast.Constant) or ast.unparse(value).startswith("Content(")
                assert is_safe or path == "palette.py", f"{path}: {target} = {ast.unparse(value)}"


def assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """What is given to attributes, by their names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute):
                    yield target.attr, node.value
