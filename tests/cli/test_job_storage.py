"""Spec 001's storage service on local folders and on S3, and what it says when it cannot be used."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from evolver_tui.adapters.bundles.storage import JobStorage
from evolver_tui.cli.jobs.bundles import StorageSource, StorageTarget
from evolver_tui.core.address import Address
from evolver_tui.core.bundle import Bundle
from evolver_tui.core.errors import BundleError, StoreError, UsageError
from tests.support.bundles import with_checksum
from tests.support.http_server import QuietServer
from tests.support.processes import environment
from tests.support.storages import BUCKET, SECRET, S3Server, s3_environment

KEY = "execution_state/b-1"
BUNDLE = {
    "format": "evolver-tui job", "version": 1, "id": "b-1", "exported_at": 1.0, "exported_by": "ada", "host": "a",
    "flow": {"flow_id": "", "source_hash": ""},
    "job_state": {
        "fence": 1, "status": "pending", "pause_reason": "", "attempt": 1, "created_at": 1.0, "task": {"id": "task-1"},
        "journal": [], "pause_points": [], "deferred_events": [], "shared_data": {}, "shared_log": [],
    },
}  # fmt: skip


def bundle(bundle_id: str = "b-1") -> Bundle:
    return Bundle.from_json_value(with_checksum({**BUNDLE, "id": bundle_id}))


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with S3Server() as server:
        yield server


@pytest.fixture(params=["path", "file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty folder of each kind."""
    name = f"jobs-{tmp_path.name}"
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3")
        use(monkeypatch, s3_environment(server.url, tmp_path))
        return f"s3://{BUCKET}/{name}"
    return {"path": str(tmp_path / name), "file": f"file://{tmp_path}/{name}/"}[request.param]


def use(monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


# --- what it promises ---


def test_what_was_put_is_there_until_it_is_deleted(url: str) -> None:
    storage = JobStorage(Address(url))
    assert (storage.get(KEY), storage.exists(KEY), storage.delete(KEY), storage.list_keys()) == (None, False, False, [])
    data = {"text": "ü\0\ud800", "n": [1, 2.5, None, {"b": 1, "a": 2}]}
    storage.put(KEY, data)
    assert storage.exists(KEY)
    assert repr(JobStorage(Address(url)).get(KEY)) == repr(data)
    storage.put(KEY, {"second": True})
    assert storage.get(KEY) == {"second": True}
    assert storage.delete(KEY)
    assert (storage.get(KEY), storage.exists(KEY), storage.delete(KEY)) == (None, False, False)


def test_keys_are_listed_by_their_beginning(url: str) -> None:
    storage = JobStorage(Address(url))
    for key in ("execution_state/b", "execution_state/a", "execution_state/deep/c", "other/d", "e"):
        storage.put(key, {})
    assert storage.list_keys() == ["e", "execution_state/a", "execution_state/b", "execution_state/deep/c", "other/d"]
    assert storage.list_keys("execution_state/") == [
        "execution_state/a", "execution_state/b", "execution_state/deep/c"
    ]  # fmt: skip
    assert storage.list_keys("execution_state/a") == ["execution_state/a"]
    assert storage.list_keys("nothing/") == []


def test_another_process_sees_at_once_what_changed(url: str) -> None:
    here, there = JobStorage(Address(url)), JobStorage(Address(url))
    assert there.list_keys() == []
    here.put(KEY, {"n": 1})
    assert (there.list_keys(), there.get(KEY)) == ([KEY], {"n": 1})
    there.delete(KEY)
    assert (here.exists(KEY), here.list_keys()) == (False, [])


@pytest.mark.parametrize("key", ["", "/", "../x", "a/../../x", "/etc/x", "a//b", "a/./b", "a\0", "a\nb", "..\\x"])
def test_a_key_leads_nowhere_else(tmp_path: Path, key: str) -> None:
    storage = JobStorage(Address(str(tmp_path / "jobs")))
    for call in (storage.get, storage.exists, storage.delete):
        with pytest.raises(StoreError, match="no key"):
            call(key)
    with pytest.raises(StoreError, match="no key"):
        storage.put(key, {})
    assert list(tmp_path.iterdir()) == []


def test_in_a_local_folder_an_object_is_for_its_owner_alone(tmp_path: Path) -> None:
    JobStorage(Address(f"file://{tmp_path}/jobs")).put(KEY, {})
    folder = tmp_path / "jobs" / "execution_state"
    assert [path.name for path in folder.iterdir()] == ["b-1.json"]
    assert stat.S_IMODE((folder / "b-1.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b'{"half": ', b"[]", b"\xff", b"[" * 100_000])
def test_what_is_torn_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"x\.json is torn"):
        JobStorage(Address(str(tmp_path))).get("x")


def test_what_could_be_read_in_two_ways_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b'{"id": "a", "id": "b"}')
    with pytest.raises(BundleError, match=r"x\.json has the key 'id' twice in one object"):
        JobStorage(Address(str(tmp_path))).get("x")


@pytest.mark.parametrize("is_packed", [False, True])
def test_of_what_a_web_server_sends_without_an_end_no_more_is_read_than_a_bundle_has(is_packed: bool) -> None:
    piece = zlib.compressobj(wbits=31)
    start, more = (piece.compress(b" "), b"") if is_packed else (b"", b" " * 65_536)

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        if request.command == "HEAD":
            request.send_header("content-length", "10")
        elif is_packed:
            request.send_header("content-encoding", "gzip")
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(start)
            with contextlib.suppress(OSError):
                while True:
                    request.wfile.write(more or piece.compress(b" " * 1_000_000) + piece.flush(zlib.Z_SYNC_FLUSH))

    with serving(answer) as server, pytest.raises(BundleError, match=r"x\.json has more than 67,108,864 bytes"):
        JobStorage(Address(server)).get("x")


# --- bundles in it ---


def test_a_bundle_is_moved_out_of_its_folder(url: str) -> None:
    assert StorageTarget(Address(url)).write(bundle()) == f"{url.rstrip('/')}/execution_state/b-1.json"
    source = StorageSource(Address(url))
    assert source.read() == bundle()
    assert source.remove() == (True, f"{url.rstrip('/')}/execution_state/b-1.json is removed.")
    with pytest.raises(BundleError, match="There is no bundle in"):
        StorageSource(Address(url)).read()


@pytest.mark.parametrize("more", ["execution_state/b-1.json", "execution_state/", "execution_state", ""])
def test_the_object_and_both_folders_name_it(url: str, more: str) -> None:
    StorageTarget(Address(url)).write(bundle())
    assert StorageSource(Address(f"{url.rstrip('/')}/{more}")).read().id == "b-1"


def test_of_several_bundles_one_has_to_be_named(url: str) -> None:
    for number in (1, 2, 3):
        StorageTarget(Address(url)).write(bundle(f"b-{number}"))
    with pytest.raises(UsageError) as caught:
        StorageSource(Address(url)).read()
    folder = url.rstrip("/")
    assert "There are 3 bundles" in caught.value.message
    assert caught.value.way_out.split("\n")[1:] == [f"{folder}/execution_state/b-{n}.json" for n in (1, 2, 3)]
    source = StorageSource(Address(caught.value.way_out.split("\n")[2]))
    assert source.read().id == "b-2"
    source.remove()
    assert JobStorage(Address(url)).list_keys() == ["execution_state/b-1", "execution_state/b-3"]


def test_an_object_that_somebody_else_took_meanwhile_is_told(url: str) -> None:
    StorageTarget(Address(url)).write(bundle())
    here, there = StorageSource(Address(url)), StorageSource(Address(url))
    assert here.read() == there.read()
    assert here.remove()[0]
    is_well, sentence = there.remove()
    assert not is_well
    assert sentence.startswith("Somebody else removed ")


# --- what is said when it cannot be used ---


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "no URL"), ("s3://a\nb", "no URL"), ("simplecache::s3://b/x", "no URL"), ("nope://b/x", "nope:// is not"),
        ("s3://", "names no bucket"), ("s3:///x", "names no bucket"), ("s3://[x", "no URL"),
        ("s3://key:hunter22@bucket/x", "password"), ("s3://bucket/x?secret=hunter22", "options"),
        ("sftp://ada:hunter22@host/x", "password"), ("gs://bucket/x", "gs:// needs a package"),
        ("memory://x", "put into memory:// is gone with this process"), ("MEMORY://x", "is gone with"),
        ("data://x", "is gone with"), ("zip://x.zip", "zip:// is an archive"), ("tar://x", "is an archive"),
    ],
)  # fmt: skip
def test_a_url_that_no_storage_has_is_refused_without_quoting_secrets(url: str, said: str) -> None:
    for make in (JobStorage, StorageTarget, StorageSource):
        with pytest.raises(UsageError, match=said) as caught:
            make(Address(url))
        assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "missing", "package"),
    [("file:///x", "fsspec", "fsspec"), ("s3://b/x", "fsspec", "fsspec"), ("s3://b/x", "s3fs", "s3fs")],
)
def test_a_missing_extra_is_named_with_what_installs_it(tmp_path: Path, url: str, missing: str, package: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from evolver_tui.cli.main import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "jobs", "import", "--from", url]
    done = subprocess.run(
        command, env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=False
    )  # fmt: skip
    needs = "A storage" if package == "fsspec" else "S3"
    said = f"evolver-tui: {needs} needs the package {package}. Install it with: pip install 'evolver-tui[cloud]'.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def calls(storage: JobStorage) -> list[str]:
    """What each call of a storage that cannot be used says, where it says anything."""
    said = []
    for call in (
        lambda: storage.put(KEY, {}), lambda: storage.get(KEY), lambda: storage.exists(KEY),
        lambda: storage.delete(KEY), lambda: storage.list_keys(),
    ):  # fmt: skip
        try:
            call()
        except StoreError as error:
            said.append(str(error))
    assert SECRET not in "".join(said)
    return said


def test_a_bucket_that_is_not_there(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, s3_environment(s3.url, tmp_path))
    said = set(calls(JobStorage(Address("s3://no-such-bucket/x"))))
    assert said == {
        "The storage s3://no-such-bucket/x does not exist. Make the bucket or folder, or name another."
    }  # fmt: skip
    assert s3.buckets() == [BUCKET]


def test_no_credentials(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = s3_environment(s3.url, tmp_path)
    del environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
    use(monkeypatch, environ)
    said = list(calls(JobStorage(Address(f"s3://{BUCKET}/x"))))
    assert len(said) == 5
    assert all("has no credentials here. Set AWS_PROFILE" in sentence for sentence in said)


def test_nobody_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        use(monkeypatch, s3_environment(f"http://127.0.0.1:{closed.getsockname()[1]}", tmp_path))
        said = list(calls(JobStorage(Address("s3://jobs/x"))))
    assert len(said) == 5
    assert all("s3://jobs/x cannot be reached. Check the network" in sentence for sentence in said)


def test_over_http_nobody_listening_is_no_missing_bundle() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/x"
        said = calls(JobStorage(Address(url)))
        for each in (url, f"{url}/execution_state/b-1.json"):
            with pytest.raises(StoreError, match="cannot be reached"):
                StorageSource(Address(each)).read()
    assert len(said) == 5
    assert all(f"{url} cannot be reached. Check the network" in sentence for sentence in said)


@pytest.mark.parametrize(
    ("status", "words"), [(401, "does not allow this"), (403, "does not allow this"), (500, "could not be used")]
)
def test_over_http_a_refusal_is_no_missing_bundle(status: int, words: str) -> None:
    with refusing(status) as server, pytest.raises(StoreError, match=words):
        StorageSource(Address(f"{server}/x/execution_state/b-1.json")).read()


def test_over_http_a_missing_bundle_is_one() -> None:
    with refusing(404) as server, pytest.raises(BundleError, match="There is no bundle http"):
        StorageSource(Address(f"{server}/x/execution_state/b-1.json")).read()


@pytest.mark.parametrize(("status", "words"), [(403, "does not allow this"), (500, "could not be used")])
def test_a_server_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, words: str) -> None:
    with refusing(status) as server:
        use(monkeypatch, s3_environment(server, tmp_path))
        said = list(calls(JobStorage(Address("s3://jobs/x"))))
    assert len(said) == 5
    assert all(f"s3://jobs/x {words}" in sentence for sentence in said)


@contextlib.contextmanager
def refusing(status: int) -> Iterator[str]:
    """A server that says no to everything, and quotes what it was sent; its URL."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        code = {403: "AccessDenied", 500: "InternalError"}.get(status, "Other")
        body = f"<Error><Code>{code}</Code><Message>{SECRET} {request.headers}</Message></Error>".encode()
        request.send_response(status)
        request.send_header("content-length", str(len(body)))
        request.send_header("content-type", "application/xml")
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    with serving(answer) as url:
        yield url


@contextlib.contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server that answers every request so; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def parse_request(self) -> bool:
            is_one = super().parse_request()
            setattr(self, f"do_{self.command}", self._answer)
            return is_one

        def _answer(self) -> None:
            with contextlib.suppress(OSError):  # a client that has enough hangs up
                answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = QuietServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: (folder / "jobs").write_text("a file"), "Not a directory"),
        (lambda folder: (folder / "jobs" / "execution_state" / "b-1.json").mkdir(parents=True), "Is a directory"),
    ],
)
def test_a_local_folder_that_cannot_be_used(tmp_path: Path, make: Any, words: str) -> None:
    make(tmp_path)
    with pytest.raises(StoreError, match=words):
        JobStorage(Address(f"file://{tmp_path}/jobs")).put(KEY, {})
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".unfinished")]
