"""What `evolver-tui run` and `evolver-tui nodes ...` do, without arguments being parsed or anything printed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from evolver_tui.adapters.nodes.library import NodeFiles
from evolver_tui.adapters.nodes.runner import NodeRunner, RunResult
from evolver_tui.cli.exit_codes import ExitCode
from evolver_tui.cli.inputs import read_python_file
from evolver_tui.cli.output import Result, json_text, table
from evolver_tui.core.errors import NodeError, NodeRetired, NodeSetAside, NothingHolds, UsageError
from evolver_tui.core.json_text import Equivocal, strict_json
from evolver_tui.core.node import CheckReport, Finding, FindingLevel, NodeDraft, NodeRecord, sha256_of, slug
from evolver_tui.core.node_listing import CodeMatch, ListedNode, Retirement
from evolver_tui.core.node_use import NodeUse
from evolver_tui.core.question_kinds.review import UNREVIEWED
from evolver_tui.core.router_answer import MOST_CODE_BYTES
from evolver_tui.core.safe_text import safe_block, safe_text
from evolver_tui.core.times import age, day_or_time, utc_text
from evolver_tui.engine.author.library import Approval, KeptCopy
from evolver_tui.engine.checks.checks import check_draft


async def run_node(
    node_id: str, runner: NodeRunner, stdin: bytes, *, as_json: bool = False, tells_tier: bool = False
) -> tuple[ExitCode, bytes, str]:
    """Run an approved node.

    Args:
        node_id: the node.
        runner: knows the library and the tools.
        stdin: what it gets: has to be one JSON object.
        as_json: whether stdout is to tell of the run, with the node's JSON object in it.
        tells_tier: whether stderr says in any case how the node was held.

    Returns:
        The exit code, what belongs on stdout (the node's JSON object, or nothing), and what belongs on stderr, safe to
        draw. The code is 0 only if the node wrote exactly one JSON object.

    Raises:
        NothingHolds: it was not run, since nothing here can hold it.
    """
    problem = _input_problem(stdin)
    if problem:
        return ExitCode.WRONG_USAGE, b"", _said(problem)
    try:
        result = await runner.run(node_id, stdin)
    except NothingHolds:
        raise
    except NodeError as error:
        return ExitCode.FAILED, b"", _said(error)
    code = ExitCode.DONE if result.succeeded else ExitCode.FAILED
    if as_json:
        return code, json_text(_told(node_id, result), indent=2).encode() + b"\n", ""
    said = safe_block(result.stderr.decode("utf-8", "replace"))
    if said and not said.endswith("\n"):
        said += "\n"
    remarks = [*([] if result.succeeded else [f"{node_id} failed. {result.error}"]), *_remarks(result, tells_tier)]
    said += _said(" ".join(remarks)) if remarks else ""
    return code, result.stdout.strip() + b"\n" if result.succeeded else b"", said


def _told(node_id: str, result: RunResult) -> dict[str, object]:
    """A run as JSON."""
    return {
        "node_id": node_id,
        "output": result.output,
        "error": result.error,
        "exit_code": result.exit_code,
        "stderr": result.stderr.decode("utf-8", "replace"),
        "seconds": round(result.seconds, 3),
        "cpu_seconds": round(result.cpu_seconds, 3),
        "memory_mb": round(result.memory_mb, 1),
        "tool_calls": result.tool_call_count,
        "tier": result.tier,
        "limit": result.limit,
        "limits": {
            **asdict(result.limits),
            "tool_calls": result.tool_limits.calls,
            "tool_bytes": result.tool_limits.all_bytes,
        },
    }


def _remarks(result: RunResult, tells_tier: bool) -> Iterator[str]:
    """What a person has to know of a run beside what came of it."""
    if result.limit is not None:
        yield f"It met the limit {result.limit}, which the config has under [sandbox]."
    if result.tier == "none":
        yield "It ran without a box."
    elif tells_tier:
        yield f"It ran in box {result.tier}, for {result.seconds:.1f} s."


def _input_problem(stdin: bytes) -> str:
    """Why a node is not given this; empty where it is one JSON object."""
    value = None
    try:
        value = strict_json(stdin.decode("utf-8"))
    except Equivocal as error:
        return f"Standard input {error}."
    except (ValueError, RecursionError):
        pass
    if isinstance(value, dict):
        return ""
    return "Standard input has to hold one JSON object. Try: echo '{}' | evolver-tui run NODE"


def _said(sentence: object) -> str:
    """A line of the program's own, told apart from what a node writes."""
    return f"evolver-tui: {sentence}\n"


def list_nodes(
    library: NodeFiles, now: float, search: str = "", *, in_code: bool = False, with_retired: bool = False
) -> Result:
    """The nodes with what a person has to look at, and a line for each folder that cannot be read.

    Args:
        now: seconds since 1970, for how long ago a node ran.
        search: only nodes that have this in id, title, type or tags; empty for all.
        in_code: it is looked for in the code as well.
        with_retired: retired nodes as well.
    """
    library.catch_up()
    overview = library.overview()
    found, matches = _found(library, overview.nodes, search, in_code=in_code)
    records = [record for each in found if with_retired or each.retirement is None for record in _latest(library, each)]
    changes = [bool(_change(library, record)) for record in records]
    asides = [_aside(library, record) for record in records]
    retired = {each.node_id: each.retirement for each in found}
    uses = library.uses.all()
    head = ("NODE", "VERSION", "REVIEW", "RISK", "TYPE", "RUNS", "LAST RUN", "TITLE")
    rows = [head]
    nodes = []
    for r, changed, by in zip(records, changes, asides, strict=True):
        retirement, use, match = retired[r.node_id], uses.get(r.node_id, NodeUse(r.node_id)), matches.get(r.node_id)
        standing = _standing(r, changed, by, retirement)
        ran = (f"{use.count:,}", _ago(use.last_at, now))
        title = f"{match.line}: {safe_text(match.text.strip(), 60)}" if match else safe_text(r.title, 60)
        rows.append((r.node_id, f"v{r.version}", standing, r.risk.value, r.task_type, *ran, title))
        nodes.append({
            **r.to_json_value(), "reviewed": not _is_unreviewed(r), "changed": changed, "set_aside_by": by or None,
            "retired_by": retirement.by if retirement else None, "runs": use.count, "failed_runs": use.failed,
            "last_run_at": use.last_at or None, **({"line": match.line} if match else {}),
        })  # fmt: skip
    none = "No node has that." if search else "There is no node yet."
    lines = [table(rows) if nodes else none, *(safe_text(problem, 300) for problem in overview.problems)]
    return Result({"nodes": nodes, "problems": [*overview.problems]}, "\n".join(lines))


def _found(
    library: NodeFiles, nodes: Sequence[ListedNode], search: str, *, in_code: bool
) -> tuple[Sequence[ListedNode], Mapping[str, CodeMatch]]:
    """The nodes that a search finds, and where it found those that have it in their code alone."""
    words = search.casefold()
    by_name = [each for each in nodes if words in each.words]
    if not (words and in_code):
        return by_name, {}
    named = {each.node_id for each in by_name}
    others = [each for each in nodes if each.node_id not in named]
    matches = library.find_in_code([(each.node_id, each.version) for each in others], search)
    in_lines = {match.node_id: match for match in matches}
    return [each for each in nodes if each.node_id in named or each.node_id in in_lines], in_lines


def _latest(library: NodeFiles, node: ListedNode) -> Iterator[NodeRecord]:
    """Its record as it is now, unless it went meanwhile."""
    with suppress(NodeError):
        record = library.latest(node.node_id)
        if record is not None:
            yield record


def _ago(at: str, now: float) -> str:
    """How long ago a time was, as text has it; a stranger may have written it."""
    try:
        return f"{age(now - day_or_time(at))} ago" if at else "never"
    except (ValueError, OverflowError):
        return "?"


def _change(library: NodeFiles, record: NodeRecord) -> str:
    """What is said when the node's file has other bytes than were approved; empty when it has these."""
    try:
        library.verify(record.node_id)
    except NodeError as error:  # gone since the survey, or its file became a link: no bytes that somebody approved
        return str(error)
    return ""


def _is_unreviewed(record: NodeRecord) -> bool:
    return record.decided_by == UNREVIEWED


def _aside(library: NodeFiles, record: NodeRecord) -> str:
    """Who set a node aside; empty where nobody did."""
    try:
        return library.set_aside_by(record.node_id)
    except NodeError:
        return ""


def _standing(record: NodeRecord, changed: bool, set_aside_by: str, retirement: Retirement | None) -> str:
    words = ["unreviewed" if _is_unreviewed(record) else "approved"]
    words += ["changed since"] if changed else []
    words += [f"set aside by {safe_text(set_aside_by, 80)}"] if set_aside_by else []
    words += [f"retired by {safe_text(retirement.by, 80)}"] if retirement else []
    return ", ".join(words)


def show_node(library: NodeFiles, node_id: str) -> Result:
    """One node: its record, versions, whether its bytes are the approved ones, and the approved code."""
    record = library.latest(node_id)
    if record is None:
        raise NodeError(f"There is no node named {node_id}.", "See `evolver-tui nodes list`.")
    versions = library.versions(node_id)
    changed = _change(library, record)
    code = library.code(node_id, record.version)
    kept, aside_by, retirement = library.kept(node_id), library.set_aside_by(node_id), library.retirement(node_id)
    use = library.uses.of(node_id)
    value = {
        **record.to_json_value(),
        "versions": [v.version for v in versions],
        "reviewed": not _is_unreviewed(record),
        "changed": bool(changed),
        "set_aside_by": aside_by or None,
        "retired_by": retirement.by if retirement else None,
        "runs": use.count,
        "failed_runs": use.failed,
        "last_run_at": use.last_at or None,
        "kept": [{"version": copy.version, "path": copy.path} for copy in kept],
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
        _run_line(use),
        *([safe_text(NodeSetAside(node_id, aside_by), 400)] if aside_by else []),
        *([safe_text(NodeRetired(node_id, retirement.by), 400)] if retirement else []),
        *(line for copy in kept for line in _kept_lines(copy)),
        "",
        safe_block(code, MOST_CODE_BYTES).rstrip("\n"),
    ]
    return Result(value, "\n".join(lines))


def _run_line(use: NodeUse) -> str:
    if not use.count:
        return "never run"
    failed = f", {use.failed:,} failed" if use.failed else ""
    return f"run {use.count:,} {'time' if use.count == 1 else 'times'}{failed}, last {use.last_at}"


def _kept_lines(copy: KeptCopy) -> Iterator[str]:
    yield f"kept    {safe_text(copy.path, 1_000)}   v{copy.version}, changed by hand"
    yield f"        to get it back: {safe_text(copy.way_back, 2_000)}"


def diff_nodes(library: NodeFiles, node_id: str, old: str | None = None, new: str | None = None) -> Result:
    """A unified diff of two versions, by default of the last two. Raises NodeError, UsageError."""
    text = library.diff(node_id, _version(old), _version(new))
    return Result({"node_id": node_id, "diff": text}, safe_block(text, 4 * MOST_CODE_BYTES).rstrip("\n"))


def reinstate_node(library: NodeFiles, node_id: str) -> Result:
    """Let a node be run again that was set aside. Raises NodeError."""
    by = library.reinstate(node_id)
    value = {"node_id": node_id, "set_aside_by": by}
    return Result(value, f"{node_id} can be run again; it was set aside by {safe_text(by, 100)}.")


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
        return Result(
            {"imported": False, "report": report.to_json_value()}, "\n".join(lines), exit_code=ExitCode.FAILED
        )
    stem = _name_of(file)
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
    approval = Approval(
        decided_by, utc_text(now()), f"import-{sha256_of(code)[:12]}", current.task_type if current else ""
    )
    record = library.add(draft, report, approval, ("imported",))
    lines = [
        *_report_lines(report),
        f"{record.node_version} is in the library, risk {record.risk.value}.",
    ]
    value = {"imported": True, "node": record.to_json_value(), "report": report.to_json_value()}
    return Result(value, "\n".join(lines))


def _name_of(file: Path) -> str:
    """What a file calls its node: itself, or for a main.py its folder; of a library's versions/ the node's."""
    if file.name != "main.py":
        return file.stem
    folder = file.resolve().parent
    return folder.parent.parent.name if folder.parent.name == "versions" else folder.name


_MARKS = {FindingLevel.PASS: "ok  ", FindingLevel.NOTE: "note", FindingLevel.FAIL: "FAIL"}


def _report_lines(report: CheckReport) -> list[str]:
    def line(finding: Finding) -> str:
        place = f"line {finding.line}: " if finding.line else ""
        return f"{_MARKS[finding.level]}  {place}{safe_text(finding.message, 300)}"

    summary = f"risk {report.risk.value}" + (f": {', '.join(report.capabilities)}" if report.capabilities else "")
    return [*map(line, report.findings), summary]


def _version(text: str | None) -> int | None:
    return None if text is None else read_version(text)


def read_version(text: str) -> int:
    """A version as it was typed, `2` or `v2`. Raises UsageError."""
    number = text.removeprefix("v")
    if not (number.isascii() and number.isdecimal() and len(number) < 10 and int(number) > 0):
        raise UsageError(f"{safe_text(text, 40)!r} is no version.", "Versions are 1, 2, 3 and so on.")
    return int(number)
