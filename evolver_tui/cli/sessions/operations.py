"""What `evolver-tui sessions` reads and deletes, and how that is written down.

Every line is safe to draw. Times are ISO 8601 in UTC; a figure that nobody counted has a `~` before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from evolver_tui.cli.output import Result, table
from evolver_tui.core.errors import UsageError
from evolver_tui.core.safe_text import safe_text
from evolver_tui.core.session_words import cost_words, percent_words, token_words
from evolver_tui.core.signal_catalogue.session_signals import SESSION_EXPORTED
from evolver_tui.core.signal_catalogue.task_signals import JOB_RESUMED, TASK_STARTED
from evolver_tui.core.times import age, utc_text
from evolver_tui.engine.export import find_session
from evolver_tui.engine.past_sessions import PastSession, PastSessions, Standing, delete_session
from evolver_tui.engine.signal_log import SessionRecord

if TYPE_CHECKING:
    from evolver_tui.engine.signals import SignalBus
    from evolver_tui.engine.store import ReadStore, Store

_HEAD = (
    "SESSION", "BEGAN", "LENGTH", "END", "HOST", "TASKS", "APPROVED", "REJECTED", "RATE", "WAITED", "TOKENS", "COST",
)  # fmt: skip
_MOST_SIGNALS = 1_000_000
_SHOWN_JOBS = 20


async def list_sessions(past: PastSessions, limit: int) -> Result:
    """Sessions, newest first; at most so many."""
    records = await past.records()
    shown = [await past.of(record) for record in records[:limit]]
    value = {"sessions": [session_value(session) for session in shown], "total": len(records)}
    if not shown:
        return Result(value, message="There is no session yet.", is_answer=True)
    cut = f"{len(shown):,} of {len(records):,} are shown; --limit shows more." if len(shown) < len(records) else ""
    return Result(value, table([_HEAD, *map(_cells, shown)]), cut)


async def show_session(store: ReadStore, past: PastSessions, session_id: str) -> Result:
    """One session with all that is known of it. Raises SessionUnknown."""
    session = await past.of(await find_session(store, session_id))
    names = (TASK_STARTED.name, JOB_RESUMED.name, SESSION_EXPORTED.name)
    told = [stored.signal for stored in await store.signals_named(session.record.id, names, _MOST_SIGNALS)]
    worked_on = {
        job: str(signal.context.get("task_id", ""))
        for signal in told
        if isinstance(job := signal.context.get("job"), int) and signal.name != SESSION_EXPORTED.name
    }
    exports = [str(signal.payload.get("path", "")) for signal in told if signal.name == SESSION_EXPORTED.name]
    jobs = [{"job": job, "task_id": task_id} for job, task_id in worked_on.items()]
    value = {**session_value(session), "jobs": jobs, "exports": exports}
    return Result(value, "\n".join(_lines(session, worked_on, exports)))


async def find_deletable(
    store: ReadStore, past: PastSessions, ids: Sequence[str], *, may_live: bool
) -> Sequence[SessionRecord]:
    """The sessions of these ids, each of which is over. Raises SessionUnknown, SessionLives."""
    records = []
    for session_id in ids:
        if session_id == "latest":
            raise UsageError("Name the sessions to be deleted by their ids.", "See `evolver-tui sessions list`.")
        record = await find_session(store, session_id)
        await past.check_deletable(record, may_live=may_live)
        records.append(record)
    return records


def agree(records: Sequence[SessionRecord]) -> None:
    """Have a person at the terminal agree. Raises UsageError where nobody does."""
    from evolver_tui.cli.inputs import ask_at_terminal

    named = ", ".join(safe_text(record.id, 100) for record in records)
    said = ask_at_terminal(f"Delete {named} with all signals? The jobs stay. There is no way back. [y/N]")
    if said.casefold() not in ("y", "yes"):
        raise UsageError("Nothing was deleted.", "Answer y at the terminal, or add --yes.")


async def delete_sessions(
    store: Store, past: PastSessions, records: Sequence[SessionRecord], bus: SignalBus, person: str, *, may_live: bool
) -> Result:
    """Delete them, one after another. Raises SessionLives for one that turned out to live; those before are gone."""
    deleted = []
    for record in records:
        await past.check_deletable(record, may_live=may_live)
        deleted.append({"id": record.id, "signals": await delete_session(store, record, bus, person)})
    are = "1 session is" if len(deleted) == 1 else f"{len(deleted):,} sessions are"
    told = sum(each["signals"] for each in deleted if isinstance(each["signals"], int))
    return Result({"deleted": deleted}, message=f"{are} deleted, with {told:,} signals; the jobs stay in the queue.")


# --- how a session is written down -----------------------------------------------------------------------------------


def session_value(session: PastSession) -> dict[str, Any]:
    """A session as JSON; what is not known is null."""
    record, figures = session.record, session.figures
    return {
        "id": record.id,
        "host": record.host,
        "standing": session.standing.value,
        "started_at": utc_text(record.started_at),
        "ended_at": None if record.ended_at is None else utc_text(record.ended_at),
        "last_heard_at": utc_text(session.until),
        "seconds": round(session.seconds, 3),
        "tasks": figures.tasks,
        "approved": figures.approved,
        "rejected": figures.rejected,
        "approve_rate": None if figures.approve_rate is None else round(figures.approve_rate, 4),
        "turns": figures.turns,
        "answers": figures.answers,
        "waited_seconds": figures.waited,
        "mean_wait_seconds": None if figures.mean_wait is None else round(figures.mean_wait, 3),
        "tokens": figures.tokens,
        "estimated_tokens": figures.estimated_tokens,
        "cost": figures.cost,
        "currency": figures.currency or None,
        "is_cost_estimated": figures.is_cost_estimated,
    }


def _cells(session: PastSession) -> tuple[str, ...]:
    record, figures = session.record, session.figures
    return (
        safe_text(record.id, 100), utc_text(record.started_at, "minutes"), age(session.seconds),
        session.standing.value, safe_text(record.host, 40), f"{figures.tasks:,}", f"{figures.approved:,}",
        f"{figures.rejected:,}", percent_words(figures), age(figures.waited) if figures.answers else "-",
        token_words(figures), cost_words(figures),
    )  # fmt: skip


def _lines(session: PastSession, worked_on: dict[int, str], exports: Sequence[str]) -> Iterator[str]:
    record, figures = session.record, session.figures
    yield f"session {safe_text(record.id, 200)}   {session.standing.value}"
    yield f"began {utc_text(record.started_at)} on {safe_text(record.host, 200)}"
    until = {Standing.ENDED: "ended", Standing.OPEN: "goes on"}.get(session.standing, "last heard of")
    yield f"{until} {utc_text(session.until)}, after {age(session.seconds)}"
    yield f"tasks that came: {figures.tasks:,}"
    yield f"approved {figures.approved:,}, rejected {figures.rejected:,}, rate {percent_words(figures)}"
    yield f"questions and reviews: {figures.turns:,}"
    if figures.mean_wait is not None:
        yield (
            f"they waited for a person: {age(figures.waited)} in all, {age(figures.mean_wait)} on average "
            f"(known of {figures.answers:,})"
        )
    yield f"tokens: {token_words(figures)}"
    yield f"cost: {cost_words(figures)}"
    shown = list(worked_on.items())[:_SHOWN_JOBS]
    if shown:
        more = f", and {len(worked_on) - len(shown):,} more" if len(worked_on) > len(shown) else ""
        yield f"worked on: {', '.join(f'{job} ({safe_text(task_id, 60)})' for job, task_id in shown)}{more}"
    yield from (f"exported to {safe_text(path, 500)}" for path in exports)
