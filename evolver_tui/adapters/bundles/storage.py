"""Spec 001's storage service: JSON objects under keys, in any folder that an fsspec URL names.

fsspec and its vendors (extra `cloud`) are imported when a storage is made. They find their credentials in the
environment; nothing of what they say is passed on, since it may quote them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from evolver_tui.core.address import Address
from evolver_tui.core.bundle import MOST_BYTES
from evolver_tui.core.errors import BundleError, StoreError, UsageError
from evolver_tui.core.json_text import Equivocal, strict_json
from evolver_tui.settings.private_file import write_private

FOLDER: Final = "execution_state"
"""The part of every job's key that comes before the bundle's id."""

ENDING: Final = ".json"
"""What an object's name has after its key."""
_S3: Final = ("s3", "s3a")
_WEB: Final = ("http", "https")
_WITHOUT_FOLDERS: Final = (*_S3, "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", *_WEB)
"""Where a name with slashes needs no folder; to make one might even make a bucket."""
_PASSING: Final = ("memory", "data")
"""What is put there is gone with this process."""
_ARCHIVES: Final = ("zip", "tar", "libarchive")
_PIECE_BYTES: Final = 1024 * 1024
_GONE: Final = (404, 410)
_S3_OPTIONS: Final = {"config_kwargs": {"connect_timeout": 5, "read_timeout": 15, "retries": {"max_attempts": 1}}}
_S3_ATTEMPTS: Final = 2


class JobStorage:
    """A folder of JSON objects. Calls block, for a hanging server at most a minute.

    A key is a path of plain names, such as `execution_state/<bundle id>`; its object is `<URL>/<key>.json`.

    Args:
        address: e.g. `s3://bucket/jobs`, `file:///mnt/jobs`, or a folder's path.

    Raises:
        UsageError: it is no URL of a storage, holds a secret, or needs a package that is not installed.

    Every method raises StoreError when the storage cannot be used.
    """

    def __init__(self, address: Address) -> None:
        url = address.for_connecting()
        _check_url(url)
        self.address = Address(url.rstrip("/") if url.rstrip("/:") else url)
        self._files, root = _connect(url)
        self._root = str(root).rstrip("/")
        self._scheme = _scheme_of(url)

    def put(self, key: str, data: Mapping[str, Any]) -> None:
        """Write an object in the place of the one before. In a local folder it appears whole, for its owner alone."""
        path = self._path(key)
        content = json.dumps(data).encode() + b"\n"
        with self._explained():
            if self._scheme == "file":
                Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                write_private(Path(path), content)
                return
            if self._scheme not in _WITHOUT_FOLDERS:
                self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(path, content)

    def get(self, key: str) -> dict[str, Any] | None:
        """The object, or None where there is none. Raises BundleError for what is torn, or no JSON object."""
        path = self._path(key)
        with self._explained():
            self._files.invalidate_cache()
            try:
                content = self._content(path)
            except FileNotFoundError as error:
                _check_absence(error)
                return None
        if content is None:
            raise BundleError(f"{self.shown(key)} has more than {MOST_BYTES:,} bytes.", "Nothing was imported.")
        try:
            value = strict_json(content, any_number=True)
        except Equivocal as error:
            raise BundleError(f"{self.shown(key)} {error}.", "Nothing was imported.") from None
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise BundleError(f"{self.shown(key)} is torn, or is no bundle.", "Nothing was imported.")
        return value

    def _content(self, path: str) -> bytes | None:
        """An object's bytes; None where it has more than a bundle may have."""
        size = self._files.size(path)
        if size and size > MOST_BYTES:
            return None
        if self._scheme not in _WEB:
            return bytes(self._files.cat_file(path))
        content = bytearray()  # what a web server says of a size is no promise, and little that is packed may be much
        with self._files.open(path, block_size=0) as stream:
            while len(content) <= MOST_BYTES and (piece := stream.read(_PIECE_BYTES)):
                content += piece
        return bytes(content) if len(content) <= MOST_BYTES else None

    def delete(self, key: str) -> bool:
        """Remove an object; False where there was none."""
        path = self._path(key)
        if not self.exists(key):
            return False
        with self._explained():
            try:
                self._files.rm_file(path)
            except FileNotFoundError as error:
                _check_absence(error)
                return False
        return True

    def exists(self, key: str) -> bool:
        """Whether there is an object."""
        path = self._path(key)
        with self._explained():
            self._files.invalidate_cache()
            try:
                return bool(self._files.info(path)["type"] == "file")
            except FileNotFoundError as error:
                _check_absence(error)
                return False

    def list_keys(self, prefix: str = "") -> list[str]:
        """Every key that begins so, sorted."""
        folder = f"{self._root}/{prefix.rpartition('/')[0]}".rstrip("/")
        with self._explained():
            self._files.invalidate_cache()
            found = [str(path) for path in self._files.find(folder)]
            if not found and self._scheme in _WEB:
                self._files.ls(folder)  # says what is wrong where the search above finds nothing
        start = f"{self._root}/"
        keys = [path.removeprefix(start).removesuffix(ENDING) for path in found if path.endswith(ENDING)]
        return sorted(key for key in keys if key.startswith(prefix) and _is_key(key))

    def shown(self, key: str) -> str:
        """Where a key's object lies, as a URL that may be shown."""
        return f"{self.place}/{key}{ENDING}"

    @property
    def place(self) -> str:
        """A folder of this machine is shown by its whole path."""
        return self.address.for_connecting() if self._scheme == "file" else str(self.address)

    def _path(self, key: str) -> str:
        if not _is_key(key):
            raise StoreError(f"{key[:100]!a} is no key of a storage.", "Keys are plain names with / between them.")
        return f"{self._root}/{key}{ENDING}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - each vendor has errors of its own
            problem, way_out = _explanation(error)
            raise StoreError(f"The storage {self.place} {problem}.", way_out) from None


def _check_absence(error: FileNotFoundError) -> None:
    """Raise what was really wrong, where that is another thing: over HTTP fsspec says of any failure that no such file
    is there.
    """
    cause = error.__cause__
    is_of_http = type(cause).__module__.partition(".")[0] == "aiohttp"
    if is_of_http and isinstance(cause, Exception) and getattr(cause, "status", None) not in _GONE:
        raise cause


def _is_key(key: str) -> bool:
    parts = key.split("/")
    return key.isprintable() and "\\" not in key and all(part.strip(".") for part in parts)


def _scheme_of(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    return scheme.lower() if separator and scheme.lower() != "local" else "file"


def _check_url(url: str) -> None:
    """Refuse a URL that holds a secret, or that no storage has; the refusal does not quote it."""
    scheme = _scheme_of(url)
    if not url or not url.isprintable() or "::" in url:
        raise UsageError("This is no URL of a storage.", "E.g. s3://bucket/jobs or file:///mnt/jobs.")
    if scheme in _PASSING:
        raise UsageError(f"What is put into {scheme}:// is gone with this process.", "Name a folder or a bucket.")
    if scheme in _ARCHIVES:
        raise UsageError(f"{scheme}:// is an archive, and no storage for jobs.", "Name a folder or a bucket.")
    if scheme == "file":
        _check_folder(url)
        return
    try:
        parts = urlsplit(url)
        has_secret = Address(url).is_ambiguous or parts.password is not None or bool(parts.query or parts.fragment)
    except ValueError:
        raise UsageError("This is no URL of a storage.", "E.g. s3://bucket/jobs or file:///mnt/jobs.") from None
    if has_secret:
        raise UsageError(
            f"The {scheme} URL holds a password or options.",
            "Leave them out: they are found in the environment, for S3 in AWS_PROFILE, AWS_ACCESS_KEY_ID, "
            "AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL.",
        )
    if scheme in _S3 and not parts.netloc:
        raise UsageError("The S3 URL names no bucket.", "E.g. s3://bucket/jobs.")


def _check_folder(url: str) -> None:
    """Refuse what is hardly a folder of this machine, but a URL with a user that lacks its scheme, or names a host."""
    host = url.partition("://")[2].partition("/")[0] if "://" in url else ""
    is_misspelt = "://" not in url and "@" in url and not url.startswith(("/", "~", "."))
    if "@" in host or is_misspelt:
        raise UsageError("This is no URL of a storage.", "E.g. s3://bucket/jobs or file:///mnt/jobs.")


def _connect(url: str) -> tuple[Any, str]:
    """fsspec's file system for a URL, and the folder's path in it. Nothing is sent yet.

    It is made anew each time, as fsspec would otherwise give one that read another environment.
    """
    scheme = _scheme_of(url)
    install = "Install it with: pip install 'evolver-tui[cloud]'."
    try:
        url_to_fs = import_module("fsspec.core").url_to_fs
    except ImportError:
        raise UsageError("A storage needs the package fsspec.", install) from None
    try:
        files, root = url_to_fs(url, skip_instance_cache=True, **(_S3_OPTIONS if scheme in _S3 else {}))
    except ImportError:
        if scheme in _S3:
            raise UsageError("S3 needs the package s3fs.", install) from None
        raise UsageError(
            f"{scheme}:// needs a package that is not installed.", "fsspec's documentation names it."
        ) from None
    except ValueError:
        raise UsageError(f"{scheme[:40]}:// is not known.", "E.g. s3://bucket/jobs or file:///mnt/jobs.") from None
    except Exception as error:  # noqa: BLE001 - each vendor has errors of its own
        problem, way_out = _explanation(error)
        raise StoreError(f"The {scheme} storage {problem}.", way_out) from None
    if scheme in _S3:
        files.retries = _S3_ATTEMPTS
    return files, root


def _explanation(error: Exception) -> tuple[str, str]:
    """What is wrong and what to do, without the vendor's own words. Vendors are told apart by their classes' names."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound"}:
        return "has no credentials here", "Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    if isinstance(error, PermissionError) or getattr(error, "status", None) in (401, 403):
        return "does not allow this", "Check the rights there, and the credentials in the environment."
    if isinstance(error, FileNotFoundError):
        return "does not exist", "Make the bucket or folder, or name another."
    if isinstance(error, TimeoutError) or names & {
        "ConnectionError",
        "HTTPClientError",
        "ClientConnectionError",
        "gaierror",
    }:
        return "cannot be reached", "Check the network, the address and, for S3, AWS_ENDPOINT_URL."
    if isinstance(error, NotImplementedError):
        return "cannot be written", "Name one of another kind."
    if isinstance(error, OSError) and error.errno:
        return f"could not be used: {os.strerror(error.errno)}", "Name another, or try again."
    return f"could not be used ({type(error).__name__})", "Check the URL."
