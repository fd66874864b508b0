"""Where bundles are written to and read from: a file, a standard stream, a storage."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Final, TypeAlias

from evolver_tui.adapters.bundles.storage import ENDING, FOLDER, JobStorage
from evolver_tui.cli import standard_streams
from evolver_tui.core.address import Address
from evolver_tui.core.bundle import MOST_BYTES, Bundle
from evolver_tui.core.errors import BundleError, StoreError, UsageError
from evolver_tui.settings.private_file import write_private

_MOST_LISTED: Final = 20


class FileTarget:
    """A file that a bundle is written to. It appears whole or not at all, for its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def bundle_id(self) -> str:
        """The id of the bundle that lies there already; empty where nothing does.

        Raises:
            UsageError: something else lies there, or nothing can be written there.
        """
        try:
            mode = os.lstat(self._path).st_mode
        except FileNotFoundError:
            self._check_folder()
            return ""
        except (OSError, ValueError) as error:
            raise UsageError(f"{self._path!s} cannot be written: {_reason(error)}.", "Name another file.") from None
        try:
            if stat.S_ISREG(mode):
                return Bundle.from_json(_read(self._path)).id
        except (BundleError, OSError):
            pass
        raise UsageError(f"{self._path} is there already.", "Name a file that is not; nothing was changed.")

    def _check_folder(self) -> None:
        folder = self._path.parent
        if not folder.is_dir():
            raise UsageError(f"There is no folder {folder}.", "Make it, or name another file; nothing was changed.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise UsageError(f"The folder {folder} cannot be written.", "Name another file; nothing was changed.")

    def write(self, bundle: Bundle) -> str:
        """Write it; returns where. Raises StoreError."""
        try:
            write_private(self._path, bundle.to_json().encode())
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written: {_reason(error)}.") from None
        return str(self._path)


class StreamTarget:
    """Standard output."""

    def bundle_id(self) -> str:
        """Empty: no bundle lies in a stream."""
        return ""

    def write(self, bundle: Bundle) -> str:
        """Write it; returns nothing, since it stands there itself. Raises StoreError."""
        try:
            sys.stdout.write(bundle.to_json())
            sys.stdout.flush()
        except OSError as error:
            standard_streams.forget_refusal()
            raise StoreError(f"Standard output cannot be written: {_reason(error)}.") from None
        return ""


class FileSource:
    """A file, a pipe, or standard input (`-`), that a bundle is read from. A file stays where it is."""

    def __init__(self, name: str) -> None:
        self._name = name

    def read(self) -> Bundle:
        """Read it. Raises UsageError, BundleError."""
        try:
            content = _read_limited(sys.stdin.fileno(), close=False) if self._name == "-" else _read(Path(self._name))
        except (OSError, ValueError) as error:
            raise UsageError(f"{self._name} cannot be read: {_reason(error)}.", "Name a bundle's file.") from None
        return Bundle.from_json(content)

    def remove(self) -> tuple[bool, str]:
        """The file stays."""
        return True, ""


class StorageTarget:
    """A storage that bundles are put into."""

    def __init__(self, address: Address) -> None:
        self._storage = JobStorage(_folder_of(address))

    def bundle_id(self) -> str:
        """Empty: each bundle has a key of its own, and none is in its way."""
        return ""

    def write(self, bundle: Bundle) -> str:
        """Write it; returns where. Raises StoreError."""
        key = f"{FOLDER}/{bundle.id}"
        self._storage.put(key, bundle.to_json_value())
        return self._storage.shown(key)


class StorageSource:
    """A storage's object that a bundle is moved out of.

    Args:
        address: of the object, or of the folder that a bundle was put into while it holds no other.
    """

    def __init__(self, address: Address) -> None:
        folder, _, name = address.for_connecting().rpartition("/")
        self._key = name.removesuffix(ENDING) if name.endswith(ENDING) else ""
        self._storage = JobStorage(Address(folder or ".") if self._key else _folder_of(address))

    def read(self) -> Bundle:
        """Read it.

        Raises:
            UsageError: the folder holds several.
            BundleError: there is none, or it cannot be used.
        """
        self._key = self._key or self._only_key()
        value = self._storage.get(self._key)
        if value is None:
            raise BundleError(f"There is no bundle {self._storage.shown(self._key)}.", "Nothing was imported.")
        return Bundle.from_json_value(value)

    def _only_key(self) -> str:
        keys = self._storage.list_keys(f"{FOLDER}/")
        if not keys:
            raise BundleError(f"There is no bundle in {self._storage.place}.", "Nothing was imported.")
        if len(keys) > 1:
            listed = "\n".join(map(self._storage.shown, keys[:_MOST_LISTED]))
            more = f"\nand {len(keys) - _MOST_LISTED} more" if len(keys) > _MOST_LISTED else ""
            raise UsageError(f"There are {len(keys)} bundles in {self._storage.place}.", f"Name one:\n{listed}{more}")
        return keys[0]

    def remove(self) -> tuple[bool, str]:
        """Remove the object. Returns whether it was there and could be removed, and what is to be said."""
        shown = self._storage.shown(self._key)
        try:
            was_there = self._storage.delete(self._key)
        except StoreError as error:
            reason = f"{shown} could not be removed: {error.message}"
            return False, f"{reason} Remove it, or the job may come in elsewhere as well."
        if was_there:
            return True, f"{shown} is removed."
        return False, f"Somebody else removed {shown} meanwhile: see that the job does not run elsewhere as well."


BundleTarget: TypeAlias = FileTarget | StreamTarget | StorageTarget
"""Where a bundle can be written. Calls block."""

BundleSource: TypeAlias = FileSource | StorageSource
"""Where a bundle lies. Calls block."""


def target(file: str | None, storage: Address | None) -> BundleTarget:
    """Where a bundle goes: a file, standard output (`-`), or a storage."""
    if storage is not None:
        return StorageTarget(storage)
    return StreamTarget() if file == "-" else FileTarget(Path(file or ""))


def source(file: str | None, storage: Address | None) -> BundleSource:
    """Where a bundle comes from: a file, standard input (`-`), or a storage. Raises UsageError unless it is one."""
    if (file is None) is (storage is None):
        raise UsageError("A job comes in from one place.", "Name a FILE, or a storage with --from URL.")
    return FileSource(file) if file is not None else StorageSource(storage or Address())


def _folder_of(address: Address) -> Address:
    """The address without the folder that every key begins with."""
    shorter = address.for_connecting().rstrip("/")
    return Address(shorter.removesuffix(f"/{FOLDER}")) if shorter.endswith(f"/{FOLDER}") else address


def _read(path: Path) -> bytes:
    return _read_limited(os.open(path, os.O_RDONLY | os.O_CLOEXEC), close=True)


def _read_limited(descriptor: int, *, close: bool) -> bytes:
    with open(descriptor, "rb", closefd=close) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BundleError(f"This is larger than any bundle: over {MOST_BYTES:,} bytes.", "Nothing was imported.")
    return content


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is no name of a file"
