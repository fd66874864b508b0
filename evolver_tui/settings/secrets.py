"""Finding secrets when they are needed, and keeping them out of everything that is written or shown."""

from __future__ import annotations

import atexit
import json
import os
import re
import stat
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evolver_tui.core.address import MASK, Address, show_addresses
from evolver_tui.core.errors import ConfigError
from evolver_tui.settings.paths import APPLICATION, Paths
from evolver_tui.settings.regular_file import open_regular

SHORTEST = 6
"""Characters of the shortest secret that is scrubbed; a shorter one would blank out ordinary words."""
KEYRING_SECONDS = 5.0
"""A keyring that waits longer than this for its owner to unlock it is passed by."""
_SECONDS_TO_COME_BACK = 2.0
"""How long the end of the process waits for a keyring: loading one takes up to a second."""
_LARGEST_FILE = 64 * 1024


# --- finding -------------------------------------------------------------------------------------------------------


def secret(name: str, environ: Mapping[str, str], paths: Paths, service: str = APPLICATION) -> str | None:
    """Find a secret: in the environment, then in the keyring, then in a file that its owner alone can read.

    Blocks for the keyring (at most KEYRING_SECONDS) and the disk: call it in a thread, and only when it is needed.

    Args:
        name: the environment variable, which is also the keyring's user name and the file's key.
        environ: the environment.
        paths: the program's folders.
        service: the keyring's service name.

    Returns:
        The secret without white space around it, or None where there is none.

    Raises:
        ConfigError: a file of secrets can be read by others, or is not TOML.
    """
    found = _find(name, environ, paths, service)
    return found[0] if found else None


def secret_place(name: str, environ: Mapping[str, str], paths: Paths, service: str = APPLICATION) -> str | None:
    """Where `secret` finds it, never what it is; None where there is none. Blocks and raises as `secret` does."""
    found = _find(name, environ, paths, service)
    return found[1] if found else None


def _find(name: str, environ: Mapping[str, str], paths: Paths, service: str) -> tuple[str, str] | None:
    """The secret, and where it is."""
    if not name:
        return None
    if found := environ.get(name, "").strip():
        return found, "the environment"
    if found := _from_keyring(service, name):
        return found, "the keyring"
    for file in paths.secret_files:
        if found := _from_file(file, name):
            return found, str(file)
    return None


_asking: set[threading.Thread] = set()


@atexit.register
def _let_keyrings_come_back() -> None:
    """Python ends daemon threads wherever they are, and within a keyring's native code that aborts the process."""
    for thread in tuple(_asking):
        thread.join(_SECONDS_TO_COME_BACK)


def _from_keyring(service: str, name: str) -> str:
    """The keyring's secret, or nothing: a keyring that is absent, locked, broken or slow is no reason to stop."""
    if find_spec("keyring") is None:
        return ""
    answers: list[str] = []

    def ask() -> None:
        try:
            answers.append((import_module("keyring").get_password(service, name) or "").strip())
        except Exception:  # noqa: BLE001 - backends raise whatever their system's service makes of it
            return
        finally:
            _asking.discard(thread)

    # A daemon thread: one that waits for a dialog nobody sees must not hold up the way out either.
    thread = threading.Thread(target=ask, name="keyring", daemon=True)
    _asking.add(thread)
    thread.start()
    thread.join(KEYRING_SECONDS)
    return answers[0] if answers else ""


def _from_file(file: Path, name: str) -> str:
    try:
        with open_regular(file) as stream:
            # The opened file's mode, not the path's: nobody can exchange the file in between.
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            if mode & 0o077:
                raise ConfigError(
                    f"{file} holds secrets and can be read by others (its mode is {mode:04o}).",
                    f"Run: chmod 600 '{file}'. If others were on this machine, replace the secrets as well.",
                )
            content = stream.read(_LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.", "Mend or remove it.") from None
    return _entry(file, content, name)


def _entry(file: Path, content: bytes, name: str) -> str:
    import tomllib

    shape = 'It holds lines like NAME = "secret".'
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"{file} is too large to be a file of secrets.", shape)
    try:
        entries = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        # The parser's own words may quote the file: only the place is passed on.
        place = re.search(r"\(at [a-z0-9 ,]{1,60}\)", str(error))
        where = f" {place.group()}" if place else ""
        raise ConfigError(f"{file} is not TOML{where}.", shape) from None
    value = entries.get(name, "")
    if not isinstance(value, str):
        raise ConfigError(f"{file}: {name} has to be a text in quotes.", shape)
    return value.strip()


# --- keeping out ---------------------------------------------------------------------------------------------------


def scrub(text: str, secrets: Iterable[str], shortest: int = SHORTEST) -> str:
    """`text` with each of `secrets` masked, also where it stands URL-encoded or escaped in JSON (even JSON in JSON).

    Secrets of fewer than `shortest` characters are left alone. Time grows with the length of `text` times the number
    of secrets.
    """
    # The longest first: a secret that is part of another must not leave the other's rest behind.
    for value in sorted({value for value in secrets if len(value) >= shortest}, key=len, reverse=True):
        text = _all_spellings(value).sub(MASK, text)
    return text


@lru_cache(maxsize=32)
def _all_spellings(value: str) -> re.Pattern[str]:
    return re.compile("".join(map(_spellings, value)))


def _spellings(character: str) -> str:
    """A pattern for one character of a secret in all the ways in which it is written.

    Each way begins with one fixed character, which lets the search skip what cannot be a secret's start.
    """
    plain = re.escape(character)
    percents = "".join(f"%{_hexadecimal(f'{byte:02x}')}" for byte in character.encode("utf-8", "surrogatepass"))
    code_units = character.encode("utf-16-be", "surrogatepass").hex()
    escapes = "".join(rf"{_BACKSLASHES}u{_hexadecimal(code_units[at : at + 4])}" for at in range(0, len(code_units), 4))
    ways = [plain, percents, escapes]
    short = json.dumps(character)[1:-1]
    if len(short) == 2 or character in "'/":
        ways.append(_BACKSLASHES + re.escape(short[-1]))
    if character == " ":
        ways.append(r"\+")
    return f"(?:{'|'.join(ways)})"


_BACKSLASHES = r"\\\\{0,6}"
"""One for JSON, up to seven for JSON in JSON in JSON."""


def _hexadecimal(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits)


def scrub_patterns(text: str) -> str:
    """`text` with everything masked that looks like somebody's key: what an export needs, since nodes, tasks and
    answers may hold secrets that this program was never told.

    Known shapes of API keys, JSON web tokens, PEM private keys, Authorization headers, passwords in URLs, and values
    that stand behind a name such as password or api_key. Masking twice is masking once. Time grows with the length of
    `text`, whatever is in it.
    """
    for pattern, replacement in _patterns():
        text = pattern.sub(replacement, text)
    return text


def scrub_value(value: Any, secrets: Collection[str]) -> Any:
    """A JSON value with `scrub` and `scrub_patterns` done to every text in it, names included.

    A text under a name such as password or api_key is masked whatever it looks like: on its own it would show nothing
    of what it is.
    """
    return _scrubbed(value, lambda text: scrub_patterns(scrub(text, secrets)))


class Scrubber:
    """`scrub_value` for many values: a short text that comes again and again is looked at once, as is a long one that
    came a moment ago. Safe in any thread."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = tuple(secrets)
        self._short = lru_cache(maxsize=_MOST_SHORT_TEXTS)(self._look)
        self._long = lru_cache(maxsize=_MOST_LONG_TEXTS)(self._look)

    def __call__(self, value: Any) -> Any:
        """The value without secrets."""
        return _scrubbed(value, self.text)

    def text(self, text: str) -> str:
        """A text without secrets."""
        return self._short(text) if len(text) <= _SHORT_TEXT else self._long(text)

    def _look(self, text: str) -> str:
        return scrub_patterns(scrub(text, self._secrets))


_SHORT_TEXT = 80
_MOST_SHORT_TEXTS = 2_000
_MOST_LONG_TEXTS = 4


def _scrubbed(value: Any, clean: Callable[[str], str]) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    match value:
        case str():
            return clean(value)
        case dict() | Mapping():
            return {
                clean(str(name)): _masked(item, clean)
                if _names_a_secret(str(name))
                else MASK
                if isinstance(item, str) and _is_likely_one(str(name), item)
                else _scrubbed(item, clean)
                for name, item in value.items()
            }
        case list() | tuple():
            return [_scrubbed(item, clean) for item in value]
    return value


def _masked(value: Any, clean: Callable[[str], str]) -> Any:
    """What stands under the name of a secret: texts and numbers in it are masked, what is empty shows that."""
    match value:
        case "" | None | bool():
            return value
        case str() | int() | float():
            return MASK
        case list() | tuple():
            return [_masked(item, clean) for item in value]
    return _scrubbed(value, clean)


def scrub_addresses(text: str, *addresses: Address) -> str:
    """What others say about addresses, such as a library's error, without anything that these and the URLs quoted in
    it do not show."""
    hidden = {value for address in addresses for value in address.hidden}
    return show_addresses(scrub(text, hidden))


# Every repetition below is bounded, or possessive, or ends where another match could start, or cannot fail once it ran
# far: this is what keeps hostile text from costing more than its length.

_START = r"(?:(?<![\w-])|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2}))"
"""A key stands where a word starts; in escaped text that may be right behind the escape of another character."""
_DIGIT = r"(?=[A-Za-z_-]{0,99}[0-9])"
_KEYS = (
    rf"sk-{_DIGIT}[\w-]{{16,}}",
    rf"[prs]k_(?:live|test)_{_DIGIT}\w{{16,}}",
    r"(?:gsk|hf|npm|gh[pousr]|github_pat)_\w{16,}",
    rf"(?:do[por]_v1|shp[a-z]{{2}}|lin_api|ntn|sbp|figd|glsa|glc|dckr_pat|pscale_[a-z]{{2,5}}|lsv2_(?:pt|sk)|sntry[su]|r8)"
    rf"_{_DIGIT}\w{{24,}}",
    r"whsec_[\w+/]{24,}=*",
    r"(?:glpat|pypi|xapp)-[\w-]{16,}",
    rf"(?:xai|pplx|nvapi|tvly|PMAK|NRAK|GOCSPX|sq0[a-z]{{3}}|dp\.pt)[.-]{_DIGIT}[\w-]{{20,}}",
    r"key-[0-9a-f]{32}(?!\w)",
    r"(?:dapi|SK|AC)[0-9a-f]{32}(?!\w)",
    r"AGE-SECRET-KEY-1[A-Z0-9]{40,}",
    r"xox[a-z]-[\w-]{10,}",
    r"(?:AKIA|ASIA)[A-Z0-9]{16}(?!\w)",
    r"AIza[\w-]{35}",
    rf"(?:ya29|hv[sb])\.{_DIGIT}[\w-]{{20,}}",
    rf"sl\.{_DIGIT}[\w-]{{60,}}",
    r"SG\.[\w-]{16,}\.[\w-]{16,}",
    r"ATATT3[\w=-]{40,}",
    r"[0-9]{8,10}:AA[\w-]{32,}",
    rf"{_DIGIT}[MNO][\w-]{{23,25}}\.[\w-]{{6}}\.[\w-]{{27,38}}(?!\w)",
    r"eyJ[\w-]{6,}\.[\w-]{6,}(?:\.[\w-]*)?",
)
_PRIVATE_KEY = (
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]*+(?:-(?!----)[^-]*+)*+"
    r"(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
)
_NAME = (
    r"(?:pass(?:word|wd|phrase|code|wort)|pwd|secret(?:[_-]?(?:access[_-]?)?key)?"
    r"|(?:private|api|access|account|encryption|signing|master|ssh|storage)[_-]?key"
    r"|(?:access|auth|refresh|bearer|session|hub|id|api|bot|csrf)[_-]?token)"
)
_MAYBE = r"(?:key|token|pass|pin|auth|cookie|credentials?)"
"""What stands behind such a name is masked where it looks like nothing that a person would write."""
_RANDOM = (
    r"(?:(?=[\w+/=-]{0,99}[0-9][A-Za-z]{1,40}[0-9])(?=[\w+/=-]{0,99}[a-z])(?=[\w+/=-]{0,99}[A-Z])[\w+/=-]{16,}+"
    r"|(?=[0-9a-f]{0,99}[a-f])(?=[0-9a-f]{0,99}[0-9])[0-9a-f]{24,}+)"
)
_NAMES_A_SECRET = rf"(?i)(?:{_NAME}|authorization)$"


def _names_a_secret(name: str) -> bool:
    return _short_name_does(name) if len(name) <= _SHORT_TEXT else re.search(_NAMES_A_SECRET, name) is not None


@lru_cache(maxsize=1_000)
def _short_name_does(name: str) -> bool:
    return re.search(_NAMES_A_SECRET, name) is not None


def _is_likely_one(name: str, value: str) -> bool:
    """Whether it looks like nothing that a person would write, under a name that a secret may have."""
    return len(value) >= 16 and re.search(rf"(?i:{_MAYBE})$", name) is not None and _is_random(value)


def _is_random(value: str) -> bool:
    return re.fullmatch(_RANDOM, value, re.ASCII) is not None


_IS = r"\\{0,7}[\"']?\s{0,4}[:=]\s{0,4}"
_UNQUOTED = r"[^\s\"'&,;()\[\]{}<>\\•]"
_SCHEME = r"(?:bearer|basic|digest|token|apikey)(?:[ \t]|%20){1,8}"

_LOOKS_LIKE_A_SECRET = (
    (_PRIVATE_KEY, MASK),
    # user:password@host; the user is left to be read.
    (r"(:(?://|\\/\\/)[^\s/:@?#\"'<>\\]*:)[^\s/?#\"'<>\\]+@", rf"\1{MASK}@"),
    (rf"(?i)([?&](?:{_NAME}|token|key|sig|signature)=){_UNQUOTED}+", rf"\1{MASK}"),
    (rf"(?i)(authorization{_IS}\\{{0,7}}[\"']?(?:{_SCHEME})?+)[\w.~+/=-]{{6,}}", rf"\1{MASK}"),
    (
        rf"(?i)({_START}bearer(?:[ \t]|%20){{1,8}})"
        r"(?!(?:tokens?|auth(?:entication|orization)?|schemes?|headers?)(?![\w.~+/=-]))[\w.~+/=-]{6,}",
        rf"\1{MASK}",
    ),
    (rf"{_START}(?:{'|'.join(_KEYS)})", MASK),
    (rf"(?i)({_NAME}{_IS}([\"']))(?:\\.|(?!\2)[^\\\n•]){{4,}}+", rf"\1{MASK}"),
    (rf"(?i)({_NAME}{_IS}\\{{1,7}}([\"']))(?:(?!\\{{0,7}}\2)[^\n•]){{4,}}+", rf"\1{MASK}"),
    (rf"((?i:{_MAYBE}){_IS}\\{{0,7}}[\"']?){_RANDOM}", rf"\1{MASK}"),
    (r"(hooks\.slack\.com(?:/|\\/)[a-z]{5,10}(?:/|\\/))[\w/\\-]{16,}", rf"\1{MASK}"),
    (r"(discord(?:app)?\.com(?:/|\\/)api(?:/|\\/)webhooks(?:/|\\/)\d{1,30}(?:/|\\/))[\w-]{16,}", rf"\1{MASK}"),
    # Without quotes it may be code (password=read_password()): only what is no name in Python is masked.
    (rf"(?i)({_NAME}{_IS})(?=[a-z_.]{{0,99}}[^a-z_.\s\"'&,;()\[\]{{}}<>\\•]){_UNQUOTED}{{6,}}", rf"\1{MASK}"),
)


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    # Compiled when first needed: no start of the console waits for it.
    return tuple((re.compile(pattern, re.ASCII), replacement) for pattern, replacement in _LOOKS_LIKE_A_SECRET)
