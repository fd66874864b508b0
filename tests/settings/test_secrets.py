"""Secrets: where they are found, and where they must not be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from evolver_tui.core.address import MASK
from evolver_tui.core.errors import ConfigError
from evolver_tui.settings.paths import Paths, find_paths
from evolver_tui.settings.secrets import Scrubber, scrub, scrub_patterns, scrub_value, secret


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths(tmp_path / "home", {})


# --- finding secrets -----------------------------------------------------------------------------------------------


def keep(file: Path, text: str, mode: int = 0o600) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)


def test_environment_comes_before_the_file(paths: Paths) -> None:
    keep(paths.secret_files[0], 'TOKEN = "from the file"\n')
    assert secret("TOKEN", {"TOKEN": " from-environ\n"}, paths) == "from-environ"
    assert secret("TOKEN", {"TOKEN": ""}, paths) == "from the file"
    assert secret("OTHER", {}, paths) is None
    assert secret("", {"": "x"}, paths) is None


def test_either_folder_may_hold_the_file(paths: Paths) -> None:
    keep(paths.config / "secrets.toml", 'TOKEN = "config"\n')
    assert secret("TOKEN", {}, paths) == "config"
    keep(paths.data / "secrets.toml", 'OTHER = "x"\n')
    assert secret("TOKEN", {}, paths) == "config"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_file_that_others_can_use_is_refused(paths: Paths, mode: int) -> None:
    keep(paths.secret_files[0], 'TOKEN = "SECRET"\n', mode)
    with pytest.raises(ConfigError) as caught:
        secret("TOKEN", {}, paths)
    assert "chmod 600" in caught.value.way_out
    assert "SECRET" not in str(caught.value)
    assert secret("TOKEN", {"TOKEN": "given"}, paths) == "given", "it is looked at only when it is needed"


@pytest.mark.parametrize(
    "text",
    ["TOKEN = SECRET\n", "TOKEN = 'SECRET\n", "TOKEN = ['SECRET']\n", "SECRET\n", "TOKEN=1\n", "a = " + "[" * 99_999],
)
def test_file_that_is_no_toml_of_texts_is_refused_without_quoting_it(paths: Paths, text: str) -> None:
    keep(paths.secret_files[0], text)
    with pytest.raises(ConfigError) as caught:
        secret("TOKEN", {}, paths)
    assert "SECRET" not in str(caught.value)
    assert str(paths.secret_files[0]) in str(caught.value)


SLOW_KEYRING = """
import sys
def get_password(service, name):
    main = sys.modules["__main__"]
    main.asked.set()
    main.ends.wait()
    print("came back", flush=True)
"""
LEAVES_MEANWHILE = """
import atexit, sys, threading
from pathlib import Path
from evolver_tui.settings.paths import find_paths
from evolver_tui.settings.secrets import secret
asked, ends = threading.Event(), threading.Event()
atexit.register(ends.set)  # called before what was registered earlier
threading.Thread(target=secret, args=("TOKEN", {}, find_paths(Path(sys.argv[1]), {})), daemon=True).start()
asked.wait()
"""


def test_a_keyring_at_work_is_not_cut_off_by_the_end_of_the_process(tmp_path: Path) -> None:
    (tmp_path / "keyring.py").write_text(SLOW_KEYRING)
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    ran = subprocess.run(
        [sys.executable, "-c", LEAVES_MEANWHILE, str(tmp_path)],
        capture_output=True, text=True, env=environ, timeout=60, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "came back\n", "")


class TestKeyring:
    """With the real package, which asks the backend that is set."""

    @pytest.fixture
    def ring(self) -> Iterator[Any]:
        ring = pytest.importorskip("keyring", reason="the extra `keyring` is not installed")
        before = ring.get_keyring()
        yield ring
        ring.set_keyring(before)

    def use(self, ring: Any, answer: Callable[[str, str], str | None]) -> None:
        class Ring(ring.backend.KeyringBackend):  # type: ignore[misc]
            priority = 1

            def get_password(self, service: str, username: str) -> str | None:
                return answer(service, username)

            def set_password(self, service: str, username: str, password: str) -> None:
                raise AssertionError("nothing is ever written into a person's keyring")

        ring.set_keyring(Ring())

    def test_is_asked_after_the_environment_and_before_the_file(self, ring: Any, paths: Paths) -> None:
        keep(paths.secret_files[0], 'TOKEN = "file"\nOTHER = "file"\n')
        self.use(ring, lambda service, name: {("evolver-tui", "TOKEN"): "ring"}.get((service, name)))
        assert secret("TOKEN", {"TOKEN": "environ"}, paths) == "environ"
        assert secret("TOKEN", {}, paths) == "ring"
        assert secret("OTHER", {}, paths) == "file"

    def test_that_fails_or_hangs_is_passed_by(self, ring: Any, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
        keep(paths.secret_files[0], 'TOKEN = "file"\n')

        def fail(service: str, name: str) -> str:
            raise ring.errors.KeyringLocked("no dialog here")

        self.use(ring, fail)
        assert secret("TOKEN", {}, paths) == "file"

        release = threading.Event()
        monkeypatch.setattr("evolver_tui.settings.secrets.KEYRING_SECONDS", 0.05)
        self.use(ring, lambda service, name: "late" if release.wait(60) else None)
        try:
            assert secret("TOKEN", {}, paths) == "file"
        finally:
            release.set()


# --- keeping secrets out -------------------------------------------------------------------------------------------

SECRET = 'k+y/"\\ ä\n😀&=%27'
CSHARP = "".join(f"\\u{ord(character):04X}" for character in "k+y/")


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").lower(),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(SECRET))[3:-3],
        json.dumps(json.dumps(json.dumps(SECRET)))[7:-7],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        CSHARP + json.dumps(SECRET)[5:-1],
    ],
)
def test_secret_is_masked_however_it_is_spelled(spelled: str) -> None:
    assert scrub(f"before {spelled} after {spelled}", ["unrelated", SECRET]) == f"before {MASK} after {MASK}"


def test_scrubbing_json_leaves_json() -> None:
    line = json.dumps({"text": "\\" * 9 + SECRET + "\\", "nested": json.dumps([SECRET])})
    assert json.loads(scrub(line, [SECRET])) == {"text": "\\" * 9 + MASK + "\\", "nested": f'["{MASK}"]'}


def test_short_words_stay_and_a_longer_secret_goes_first() -> None:
    assert scrub("an apple a day", ["apple", ""]) == "an apple a day"
    assert scrub("abcdef-ghijkl abcdef", ["abcdef", "abcdef-ghijkl"]) == f"{MASK} {MASK}"


TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl-_"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4\n\nc2Vj-cmV0\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("use sk-proj-Ab3dEf6hIj9lMn2p now", f"use {MASK} now"),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", MASK),
        ("github_pat_11ABCDEFG0abcdefghij_1", MASK),
        ("AKIAIOSFODNN7EXAMPLE,", f"{MASK},"),
        ("xoxb-123456789012-abcdef", MASK),
        (f"jwt={TOKEN};", f"jwt={MASK};"),
        (json.dumps(f"line\n{TOKEN}"), json.dumps(f"line\n{MASK}", ensure_ascii=False)),
        (f"?x=1&access_token={TOKEN}&y=2", f"?x=1&access_token={MASK}&y=2"),
        (f"?id%3D{TOKEN}", f"?id%3D{MASK}"),
        ("Authorization: Bearer abc.def-123", f"Authorization: Bearer {MASK}"),
        ("Authorization: Basic dXNlcjpwYXNz", f"Authorization: Basic {MASK}"),
        ('{"authorization": "Bearer abcdefgh"}', f'{{"authorization": "Bearer {MASK}"}}'),
        ("got bearer abcdefgh1 there", f"got bearer {MASK} there"),
        ("postgresql://me:p@ss@db:5432/x", f"postgresql://me:{MASK}@db:5432/x"),
        ("redis://:hunter2@cache", f"redis://:{MASK}@cache"),
        ("EVOLVER_HUB_TOKEN=ab12cd34", f"EVOLVER_HUB_TOKEN={MASK}"),
        ('api_key = "correct horse"', f'api_key = "{MASK}"'),
        ('{"password": "it\'s \\"me\\"", "x": 1}', f'{{"password": "{MASK}", "x": 1}}'),
        ('{\\"client_secret\\": \\"correct horse\\"}', f'{{\\"client_secret\\": \\"{MASK}\\"}}'),
        (f"key:\n{PEM}\nrest", f"key:\n{MASK}\nrest"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_masked_once_and_for_all(text: str, expected: str) -> None:
    assert scrub_patterns(text) == expected
    assert scrub_patterns(expected) == expected


LETTERS = "aB3dEf6hIj9lMn2pQr5tUv8xYz1C"
"""What a key is made of; those below are put together here, so that no scanner takes this file for a leak."""
HEX = "0123456789abcdef"


@pytest.mark.parametrize(
    "key",
    [
        f"sk_live_{LETTERS}", f"rk_test_{LETTERS}", f"whsec_{LETTERS}", f"ya29.{LETTERS}", f"GOCSPX-{LETTERS}",
        f"SG.{LETTERS}.{LETTERS}", f"SK{HEX * 2}", f"123456789:AA{LETTERS}aB3d5f", f"key-{HEX * 2}",
        f"MTIzNDU2Nzg5MDEyMzQ1Njc4.{LETTERS[:6]}.{LETTERS}", f"dop_v1_{HEX * 4}", f"dapi{HEX * 2}", f"shpat_{HEX * 2}",
        f"xai-{LETTERS}", f"pplx-{LETTERS}", f"r8_{LETTERS}", f"lin_api_{LETTERS}", f"ntn_{LETTERS}", f"hvs.{LETTERS}",
        f"AGE-SECRET-KEY-1{LETTERS.upper() * 2}", f"PMAK-{LETTERS}", f"nvapi-{LETTERS}", f"tvly-{LETTERS}",
        f"lsv2_pt_{HEX * 2}", f"ATATT3{LETTERS * 2}", f"glsa_{LETTERS}", f"sq0atp-{LETTERS}", f"figd_{LETTERS}",
        f"NRAK-{LETTERS}", f"sbp_{HEX * 2}", f"pscale_tkn_{LETTERS}", f"dckr_pat_{LETTERS}", f"sntrys_{LETTERS}",
        f"sl.{LETTERS * 3}",
    ],
)  # fmt: skip
def test_keys_of_many_kinds_are_known_by_their_shape(key: str) -> None:
    for text in (f"use {key} now", json.dumps({"code": f"call('{key}')\n"})):
        assert scrub_patterns(text) == text.replace(key, MASK)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"AWS_SECRET_ACCESS_KEY={LETTERS}", f"AWS_SECRET_ACCESS_KEY={MASK}"),
        (f'secretAccessKey = "{LETTERS}"', f'secretAccessKey = "{MASK}"'),
        (f"AccountKey={LETTERS}==;EndpointSuffix=x", f"AccountKey={MASK};EndpointSuffix=x"),
        ("API_TOKEN = 'correct horse'", f"API_TOKEN = '{MASK}'"),
        (f'STRIPE_KEY = "{LETTERS}"', f'STRIPE_KEY = "{MASK}"'),
        (f"export SMTP_PASS={LETTERS}", f"export SMTP_PASS={MASK}"),
        (f'{{"token": "{HEX * 2}"}}', f'{{"token": "{MASK}"}}'),
        (f"https://hooks.slack.com/services/T0/B0/{LETTERS}", f"https://hooks.slack.com/services/{MASK}"),
        (f"https://discord.com/api/webhooks/123/{LETTERS}", f"https://discord.com/api/webhooks/123/{MASK}"),
        ('{\\"password\\": \\"don\'t tell\\"}', f'{{\\"password\\": \\"{MASK}\\"}}'),
        (json.dumps('password = "ab\\\\cd1"'), json.dumps(f'password = "{MASK}"', ensure_ascii=False)),
    ],
)
def test_what_is_called_a_secret_is_masked_whatever_is_in_it(text: str, expected: str) -> None:
    assert scrub_patterns(text) == expected
    assert scrub_patterns(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "task-1234567890123456789 and risk-1234567890123456789",
        "Bearer authentication is a bearer token scheme.",
        "max_tokens=4000, token='  return'",
        "login(password=read_password(), api_key=settings.api_key)",
        "http://localhost:5000/taskhub?user=a@b.example",
        "http://localhost:8080/users/a:b@c",
        '{"token": "summarize"}',
        "secret: str = ''",
        "cache_key = 'summarize_2026-01-31_2'",
        "sorted(rows, key=Rows2026.by_priority_and_date)",
        "sk_learn_pipelines_of_the_2026_season",
    ],
)
def test_ordinary_text_and_code_stay_as_they_are(text: str) -> None:
    assert scrub_patterns(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        *(
            "sk-",
            "eyJ",
            "eyJaaaaaaa.",
            "password=",
            "password='",
            "api_key=a.",
            "-----BEGIN PRIVATE KEY-----",
            "-",
            " ",
        ),
        *("key=", "token='aB3d", "key=a1b2C3", 'password=\\"', "hooks.slack.com/services/", "SG.a", "M" * 24 + ".a"),
        *("://a:", "://a:b@", "Bearer ", "authorization: basic ", "\\", '\\"', "%20", "\\n", "?key=", "AKIA", "passw"),
    ],
)
def test_hostile_text_costs_no_more_than_its_length(piece: str) -> None:
    # No clock: a pattern whose time grows with the square of the text would not come back from this for minutes.
    text = piece * (300_000 // len(piece)) + "\0"
    masked = scrub_patterns(text)
    assert scrub_patterns(masked) == masked


def test_values_are_masked_by_what_they_are_called() -> None:
    value = {
        "db_password": "plain",
        "note": "sk-proj-Ab3dEf6hIj9lMn2p",
        "list": [{"x": "hush-hush"}],
        "token": "def",
        "bot_token": ["plain", 12345678, ""],
        "STRIPE_KEY": LETTERS,
        "Authorization": "plain",
        "n": 1,
    }
    assert scrub_value(value, ["hush-hush"]) == {
        "db_password": MASK,
        "note": MASK,
        "list": [{"x": MASK}],
        "token": "def",
        "bot_token": [MASK, MASK, ""],
        "STRIPE_KEY": MASK,
        "Authorization": MASK,
        "n": 1,
    }


def test_a_scrubber_gives_what_scrub_value_gives_however_often_it_is_asked() -> None:
    scrubber = Scrubber(["hush-hush"])
    for value in (
        "hush-hush", "plain", "hush-hush" * 20, None, True, 3, 2.5, ("a", b"b"),
        {"api_key": "plain", "password" * 30: "plain", "x": ["hush-hush", {"secret": ""}]}, {7: "sk-proj-Ab3dE"},
    ):  # fmt: skip
        assert scrubber(value) == scrubber(value) == scrub_value(value, ["hush-hush"])
