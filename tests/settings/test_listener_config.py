"""The config's tables of listeners: what can stand there, and how each mistake is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evolver_tui.core.address import Address
from evolver_tui.settings.config import Config, check_config, load_config, read_config, show_config
from evolver_tui.settings.listener_config import (
    KINDS,
    AppriseListener,
    FileListener,
    ListenerConfig,
    NoticeListener,
    OtelListener,
    WebhookListener,
    is_safe_address,
)

LISTENERS: dict[str, ListenerConfig] = {
    "log": FileListener(signals="custom.*", path="~/signals.jsonl", keep=0),
    "ops-2": WebhookListener(url=Address("https://hooks.example/in"), secret_env="OPS_SECRET", body="cloudevents"),
    "away": WebhookListener(signals="level:error", url_env="HOOK"),
    "bell": NoticeListener(how="bell"),
    "mail": AppriseListener(signals='"two words"', urls_env="MAIL", title='"{name}"'),
    "traces": OtelListener(endpoint=Address("https://otel.example:4318")),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_what_is_shown_is_read_as_the_same(file: Path) -> None:
    file.write_text(show_config(Config(listeners=LISTENERS)))
    assert check_config(file) == []
    assert load_config(file).listeners == LISTENERS
    assert list(load_config(file).listeners) == list(LISTENERS)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[listeners.ops]\n", ["[listeners.ops] has no kind", "'webhook'"]),
        ("[listeners.ops]\nkind = 'webhok'\n", ["[listeners.ops] kind", "webhok", "Did you mean 'webhook'?"]),
        ("[listeners.ops]\nkind = 3\n", ["kind has to be one of", "is 3"]),
        ("[listeners.Ops]\nkind = 'file'\n", ["[listeners] Ops has to be a name of a to z"]),
        ("[listeners.'../x']\nkind = 'file'\n", ["[listeners] ../x has to be a name"]),
        ("[listeners]\nops = 'file'\n", ["[listeners] ops has to be a section", "the text file"]),
        ("listeners = 3\n", ["listeners has to be a section, and is 3"]),
        ("[listener.ops]\nkind = 'file'\n", ["[listener]", "Did you mean 'listeners'?"]),
        ("[listeners.log]\nkind = 'file'\n", ["[listeners.log] needs a path"]),
        ("[listeners.log]\nkind = 'file'\npath = 'x'\nkep = 3\n", ["[listeners.log] has no key kep", "mean 'keep'?"]),
        ("[listeners.log]\nkind = 'file'\npath = 'x'\nkeep = -1\n", ["[listeners.log] keep", "from 0 to 1000", "-1"]),
        ("[listeners.ops]\nkind = 'webhook'\n", ["[listeners.ops] has no address, and needs one", "url_env"]),
        ("[listeners.ops]\nkind = 'webhook'\nurl = 'https://a.b/'\nurl_env = 'X'\n", ["has two addresses"]),
        ("[listeners.ops]\nkind = 'webhook'\nurl = 'http://a.b/'\n", ["url (http://a.b/) is neither", "allow_http"]),
        ("[listeners.ops]\nkind = 'webhook'\nurl = 'ftp://a.b/'\n", ["url has to be an address that starts with http"]),
        ("[listeners.ops]\nkind = 'webhook'\nurl = 'https://a.b/'\nbody = 'x'\n", ["body", "'signal', 'cloudevents'"]),
        ("[listeners.mail]\nkind = 'apprise'\n", ["needs the name of the variable that holds the addresses"]),
        ("[listeners.note]\nkind = 'notice'\nhow = 'loud'\n", ["how", "'osc9'", "loud"]),
        ("[listeners.otel]\nkind = 'otel'\nendpoint = 'http://a.b:4318'\n", ["endpoint (http://a.b:4318) is neither"]),
    ],
)  # fmt: skip
def test_a_mistake_is_one_problem_with_file_table_and_key(file: Path, text: str, parts: list[str]) -> None:
    file.write_text(text)
    (problem,) = check_config(file)
    assert problem.startswith(str(file))
    for part in parts:
        assert part in problem


def test_one_wrong_table_leaves_the_others(file: Path) -> None:
    file.write_text("[listeners.a]\nkind = 'x'\n[listeners.b]\n[listeners.c]\nkind = 'file'\npath = 'p'\n")
    config, problems = read_config(file)
    assert config.listeners == {"c": FileListener(path="p")}
    assert len(problems) == 2


def test_the_examples_of_the_page_can_be_used(file: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "signals.md").read_text("utf-8")
    examples = re.findall(r"```toml\n(\[listeners\..*?)```", page, re.DOTALL)
    file.write_text("\n".join(examples))
    assert check_config(file) == []
    assert [type(each) for each in load_config(file).listeners.values()] == list(KINDS.values())


@pytest.mark.parametrize(
    "line",
    [
        "url = 'https://ada:SECRET@a.b/'",
        "url = 'https://a.b/?token=SECRET'",
        "url_env = 'https://hooks.example/SECRET'",
        "secret_env = 'whsec_SECRET/+'",
        "secret = 'whsec_SECRET'",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(file: Path, line: str) -> None:
    file.write_text(f"[listeners.ops]\nkind = 'webhook'\n{line}\n")
    assert check_config(file)
    assert "SECRET" not in " ".join(check_config(file))


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("https://a.b/", True),
        ("http://a.b/", False),
        ("http://localhost:80/", True),
        ("http://localhost./", True),
        ("http://localhost.evil.example/", False),
        ("http://evil-localhost/", False),
        ("http://127.0.0.1/", True),
        ("http://127.8.9.1/", True),
        ("http://127.0.0.1.evil.example/", False),
        ("http://[::1]:8080/", True),
        ("http://0.0.0.0/", False),
        ("http://192.168.0.1/", False),
        ("http://127.0.0.1@evil.example/", False),
    ],
)
def test_what_crosses_a_network_has_to_be_https(url: str, is_safe: bool) -> None:
    assert is_safe_address(Address(url)) is is_safe
