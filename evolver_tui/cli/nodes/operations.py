"""What `evolver-tui run` and `evolver-tui nodes ...` do, without arguments being parsed or anything printed."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.adapters.nodes.runner import NodeRunner, read_object
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.inputs import read_python_file
from evolver_tui.cli.output import Result, table
from evolver_tui.core.errors import NodeError, UsageError
from evolver_tui.core.node import CheckReport, Finding, FindingLevel, NodeDraft, NodeRecord, sha256_of, slug
from evolver_tui.core.question_kinds.review import UNREVIEWED
from evolver_tui.core.router_answer import MOST_CODE_BYTES
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.core.times import utc_text
from evolver_tui.engine.author.library import Approval
from evolver_tui.engine.checks.checks import check_draft


async def run_node(node_id: str, runner: NodeRunner, stdin: bytes) -> tuple[ExitCode, bytes, str]:
    """Run an approved node.

    Args:
        node_id: the node.
        runner: knows the library and the tools.
        stdin: what it gets: has to be one JSON object.

    Returns:
        The exit code, what belongs on stdout (the node's JSON object, or nothing), and what belongs on stderr, safe to
        draw. The code is 0 only if the node wrote exactly one JSON object.
    """
    _, problem = read_object(stdin)
    if problem:
        return ExitCode.WRONG_USAGE, b"", _said("Standard input has to hold one JSON object. Try: echo '{}' | evolver-tui run NODE")
    try:
        result = await runner.run(node_id, stdin)
    except NodeError as error:
        return ExitCode.FAILED, b"", _said(error)
    said = safe_block(result.stderr.decode("utf-8", "replace"))
    if said and not said.endswith("\n"):
        said += "\n"
    if not result.succeeded:
        return ExitCode.FAILED, b"", said + _said(f"{node_id} failed. {result.error}")
    return ExitCode.DONE, result.stdout.strip() + b"\n", said


def _said(sentence: object) -> str:
    """A line of the program's own, told apart from what a node writes."""
    return f"evolver-tui: {sentence}\n"


def list_nodes(library: NodeFiles) -> Result:
    """Every node with what a person has to look at, and a line for each folder that cannot be read."""
    survey = library.survey()
    changes = [bool(_change(library, record)) for record in survey.records]
    cells = [
        (r.node_id, f"v{r.version}", _standing(r, changed), r.risk.value, r.task_type, safe_text(r.title, 60))
        for r, changed in zip(survey.records, changes, strict=True)
    ]
    head = ("NODE", "VERSION", "REVIEW", "RISK", "TYPE", "TITLE")
    lines = [table([head, *cells]) if cells else "There is no node yet."]
    lines += [safe_text(problem, 300) for problem in survey.problems]
    nodes = [
        {**r.to_json_value(), "reviewed": not _is_unreviewed(r), "changed": changed}
        for r, changed in zip(survey.records, changes, strict=True)
    ]
    return Result({"nodes": nodes, "problems": [*survey.problems]}, "\n".join(lines))


def _change(library: NodeFiles, record: NodeRecord) -> str:
    """What is said when the node's file has other bytes than were approved; empty when it has these."""
    try:
        library.verify(record.node_id)
    except NodeError as error:  # gone since the survey, or its file became a link: no bytes that somebody approved
        return str(error)
    return ""


def _is_unreviewed(record: NodeRecord) -> bool:
    return record.decided_by == UNREVIEWED


def _standing(record: NodeRecord, changed: bool) -> str:
    standing = "unreviewed" if _is_unreviewed(record) else "approved"
    return f"{standing}, changed since" if changed else standing


def show_node(library: NodeFiles, node_id: str) -> Result:
    """One node: its record, versions, whether its bytes are the approved ones, and the approved code."""
    record = library.latest(node_id)
    if record is None:
        raise NodeError(f"There is no node named {node_id}.", "See `evolver-tui nodes list`.")
    versions = library.versions(node_id)
    changed = _change(library, record)
    code = library.code(node_id, record.version)
    value = {
        **record.to_json_value(),
        "versions": [v.version for v in versions],
        "reviewed": not _is_unreviewed(record),
        "changed": bool(changed),
        "code": code,
    }
    lines = [
        f"{record.node_version}   {safe_text(record.title, 100)}",
        f"risk {record.risk.value}   type {safe_text(record.task_type, 40)}   "
        f"tools {safe_text(', '.join(record.tools) or 'none', 300)}",
        f"reaches {', '.join(record.capabilities) or 'nothing that was found'}   "
        f"tags {safe_text(', '.join(record.tags), 200)}",
        f"written by {safe_text(record.author, 80)}   decided by {safe_text(record.decided_by, 80)}, "
        f"{safe_text(record.decided_at, 40)}   task {safe_text(record.task_id, 80)}",
        f"sha256 {record.sha256}   versions {', '.join(str(v.version) for v in versions)}",
        *([safe_text(changed, 300)] if changed else []),
        "",
        safe_block(code, MOST_CODE_BYTES).rstrip("\n"),
    ]
    return Result(value, "\n".join(lines))


def diff_nodes(library: NodeFiles, node_id: str, old: str | None = None, new: str | None = None) -> Result:
    """A unified diff of two versions, by default of the last two. Raises NodeError, UsageError."""
    text = library.diff(node_id, _version(old), _version(new))
    return Result({"node_id": node_id, "diff": text}, safe_block(text, 4 * MOST_CODE_BYTES).rstrip("\n"))


def rollback_node(library: NodeFiles, node_id: str, version: str, decided_by: str) -> Result:
    """Make an old version current again. Raises NodeError, UsageError."""
    number = _version(version)
    assert number is not None
    record = library.rollback(node_id, number, decided_by)
    same = "is current, with its approved bytes" if record.version == number else f"has the bytes of v{number} again"
    return Result(record.to_json_value(), f"{record.node_version} {same}.")


def check_file(file: Path, known_tools: Collection[str]) -> Result:
    """What the checks say about a file; exit code 1 when it could not be approved. Raises UsageError."""
    report = check_draft(read_python_file(file), known_tools)
    code = ExitCode.DONE if report.can_be_approved else ExitCode.FAILED
    return Result(report.to_json_value(), "\n".join(_report_lines(report)), exit_code=code)


def import_file(
    library: NodeFiles,
    file: Path,
    known_tools: Collection[str],
    now: Callable[[], float],
    decided_by: str,
) -> Result:
    """Put a person's own file into the library as a node; whoever imports it answers for it.

    The node's id is made of the file's name, or of its folder's for a main.py. A file that fails a check stays out.

    Raises:
        UsageError: the file cannot be read.
        NodeError: the library cannot be written.
    """
    code = read_python_file(file)
    report = check_draft(code, known_tools)
    if not report.can_be_approved:
        lines = [*_report_lines(report), f"{safe_text(file, 200)} was not imported."]
        return Result({"imported": False, "report": report.to_json_value()}, "\n".join(lines), exit_code=ExitCode.FAILED)
    stem = file.resolve().parent.name if file.name == "main.py" else file.stem
    draft = NodeDraft(
        node_id=slug(stem),
        title=stem.replace("_", " ").strip().capitalize() or "Imported node",
        code=code,
        tools_used=report.tools,
        complexity="moderate",
        author="imported",
    )
    current = library.latest(draft.node_id)
    if current is not None:
        draft = replace(draft, title=current.title)
    # The bytes name the task, so that importing the same file twice makes one version.
    approval = Approval(decided_by, utc_text(now()), f"import-{sha256_of(code)[:12]}", current.task_type if current else "")
    record = library.add(draft, report, approval, ("imported",))
    lines = [
        *_report_lines(report),
        f"{record.node_version} is in the library, risk {record.risk.value}.",
    ]
    value = {"imported": True, "node": record.to_json_value(), "report": report.to_json_value()}
    return Result(value, "\n".join(lines))


_MARKS = {FindingLevel.PASS: "ok  ", FindingLevel.NOTE: "note", FindingLevel.FAIL: "FAIL"}


def _report_lines(report: CheckReport) -> list[str]:
    def line(finding: Finding) -> str:
        place = f"line {finding.line}: " if finding.line else ""
        return f"{_MARKS[finding.level]}  {place}{safe_text(finding.message, 300)}"

    summary = f"risk {report.risk.value}" + (f": {', '.join(report.capabilities)}" if report.capabilities else "")
    return [*map(line, report.findings), summary]


def _version(text: str | None) -> int | None:
    if text is None:
        return None
    number = text.removeprefix("v")
    if not (number.isascii() and number.isdecimal() and len(number) < 10 and int(number) > 0):
        raise UsageError(f"{safe_text(text, 40)!r} is no version.", "Versions are 1, 2, 3 and so on.")
    return int(number)
