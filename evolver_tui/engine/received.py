"""What a run without a screen received, on disk from the moment it came: memory holds none of it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import IO, Any


class Spool:
    """JSON values in the order in which they came, in a file without a name. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._size = 0
        self._is_over = False
        self.problem = ""
        """Why values are missing: none is taken any longer."""

    def append(self, value: object) -> None:
        """Keep a value. Nothing is taken after `pieces`."""
        line = json.dumps(value).encode() + b"\n"
        with self._lock:
            if self._is_over or self.problem:
                return
            try:
                if self._file is None:
                    self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open until the result is told
                _write(self._file, line, self._size)
            except OSError as error:
                self.problem = error.strerror or str(error)
            else:
                self._size += len(line)

    def pieces(self) -> Iterator[str]:
        """The values as one JSON list, in pieces."""
        with self._lock:
            self._is_over = True
        yield "["
        if self._file is not None:
            self._file.seek(0)
            with open(self._file.fileno(), encoding="ascii", closefd=False) as lines:
                for number, line in enumerate(lines):
                    yield f", {line[:-1]}" if number else line[:-1]
        yield "]"


class MessageFile:
    """A JSON list that takes its place when it is whole. Until then it grows beside it, under `unfinished`.

    Args:
        path: where the list is to be; an older file there stays as it is until then.
        name: what no other run calls its own.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.unfinished = path.with_name(f".{path.name[:100]}.{name[:100]}.unfinished")
        self.problem = ""
        """Why the list cannot be whole, as a sentence."""
        self._file: FileIO | None = None
        self._size = 0

    def append(self, value: object) -> bool:
        """Write a value; False where that failed just now. After that nothing more is written."""
        if self.problem:
            return True
        entry = json.dumps(value, indent=2).replace("\n", "\n  ")
        data = f"{',' if self._size else '['}\n  {entry}".encode()
        try:
            if self._file is None:
                self._file = FileIO(self.unfinished, "w")
            _write(self._file, data, self._size)
        except OSError as error:
            self._fail(error)
            return False
        self._size += len(data)
        return True

    def finish(self) -> bool:
        """Close the list and put it in its place, once; where nothing came, nothing is written. False as above."""
        file, self._file = self._file, None
        if file is None or self.problem:
            return True
        try:
            _write(file, b"\n]", self._size)
            os.fsync(file.fileno())
            file.close()
            os.replace(self.unfinished, self.path)
        except OSError as error:
            self._fail(error)
            return False
        return True

    def _fail(self, error: OSError) -> None:
        kept = ""
        if self._size == 0:
            with contextlib.suppress(OSError):
                self.unfinished.unlink(missing_ok=True)
        elif self.unfinished.exists():
            kept = f" What came before that is in {self.unfinished}."
        self.problem = f"{self.path} cannot be written: {error.strerror}.{kept}"


def _write(file: IO[Any] | FileIO, data: bytes, size: int) -> None:
    """Write all of it, or leave the file at its size before: half a value would be none."""
    try:
        if file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        with contextlib.suppress(OSError):
            file.truncate(size)
            file.seek(size)
        raise
