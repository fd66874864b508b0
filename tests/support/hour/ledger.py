"""What the database and the library have of the hour, held against what was meant."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.support.hour.person import Meant

_ANSWERED = """
SELECT task_id, name, kind, answer_json FROM question JOIN job ON job = job.seq WHERE answered_at IS NOT NULL
"""


class Ledger:
    """Reads a database of SQLite, and a library's folder."""

    def __init__(self, database: Path, nodes: Path) -> None:
        self._database, self._nodes = database, nodes

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with contextlib.closing(sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()

    @property
    def task_ids(self) -> list[str]:
        """Of every task that was kept."""
        return [task_id for (task_id,) in self.rows("SELECT task_id FROM job ORDER BY seq")]

    def happened(self) -> Counter[Meant]:
        """Everything that was decided or answered."""
        found: Counter[Meant] = Counter()
        for task_id, name, asked, answer_json in self.rows(_ANSWERED):
            answer = json.loads(answer_json)
            if asked == "review":
                kind = "send back" if answer["kind"] == "reject" and answer.get("reason") else answer["kind"]
                found[Meant(task_id, int(name.split()[-1]), kind)] += 1
            else:
                found[Meant(task_id, 0, "answer" if answer["action"] == "accept" else answer["action"])] += 1
        cancelled = "SELECT task_id, attempt FROM job WHERE state = 'cancelled'"
        found.update(Meant(task_id, 1, "cancel") for task_id, _ in self.rows(cancelled))
        return found

    def unintended(self, meant: Iterable[Meant]) -> list[Meant]:
        """What was decided without being meant, or more than once."""
        return sorted((self.happened() - Counter(meant)).elements())

    def missing(self, meant: Iterable[Meant]) -> list[Meant]:
        """What was meant and, as the screen said, done, and is not there."""
        return sorted((Counter(meant) - self.happened()).elements())

    def undone(self) -> Counter[str]:
        """How many decisions of each kind were taken back."""
        return Counter(kind for (kind,) in self.rows("SELECT kind FROM decision WHERE undone_at IS NOT NULL"))

    def standing(self) -> list[str]:
        """What was decided and was not taken back: the task and the kind."""
        query = "SELECT task_id, kind FROM decision JOIN job ON job = job.seq WHERE undone_at IS NULL ORDER BY id"
        return [f"{task_id} {kind}" for task_id, kind in self.rows(query)]

    def library_digest(self) -> str:
        """Changes with any byte of any current node."""
        digest = hashlib.sha256()
        for path in sorted(self._nodes.glob("*/main.py")):
            digest.update(f"{path.parent.name}\0".encode() + path.read_bytes())
        return digest.hexdigest()
