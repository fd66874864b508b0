"""Settings: folders, the config file, the person, remembered state."""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evolver_tui.core.address import Address
from evolver_tui.core.errors import ConfigError, StoreError, UsageError
from evolver_tui.settings.backend_config import BackendConfig
from evolver_tui.settings.config import (
    SECTIONS,
    Config,
    DeskConfig,
    HubConfig,
    check_config,
    load_config,
    show_config,
)
from evolver_tui.settings.paths import Paths, find_paths, node_folder
from evolver_tui.settings.person import editor_command, reviewer_name
from evolver_tui.settings.state import RememberedState, load_state, save_state


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return find_paths(tmp_path / "home", {})


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- folders -------------------------------------------------------------------------------------------------------


def test_home_takes_everything_under_one_folder(tmp_path: Path) -> None:
    found = find_paths(tmp_path / "mine", {"EVOLVER_HOME": str(tmp_path / "other")})
    assert (found.config, found.data, found.cache) == tuple(
        tmp_path / "mine" / name for name in ("config", "data", "cache")
    )
    assert found.database == tmp_path / "mine/data/evolver.db"
    assert found.config_file == tmp_path / "mine/config/config.toml"
    assert found.demo_database != found.database
    assert not (tmp_path / "mine").exists(), "asking where things live creates nothing"


def test_evolver_home_counts_without_the_argument(tmp_path: Path) -> None:
    assert find_paths(None, {"EVOLVER_HOME": str(tmp_path)}).data == tmp_path / "data"


def test_relative_home_is_seen_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_paths(Path("here"), {}).data == tmp_path / "here/data"


def test_usual_folders_are_the_platform_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    found = find_paths(None, {})
    assert all(folder.is_relative_to(tmp_path) for folder in (found.config, found.data, found.cache))
    assert all("evolver-tui" in folder.parts for folder in (found.config, found.data, found.cache))


@pytest.mark.skipif(sys.platform != "linux", reason="the XDG variables are Linux's")
def test_xdg_folders_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert find_paths(None, {}).config_file == tmp_path / "xdg/evolver-tui/config.toml"


def test_account_without_a_home_folder_is_told_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    # What a container with a made-up user id looks like.
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(UsageError) as caught:
        find_paths(None, {})
    assert "--home DIR" in caught.value.way_out


def test_folders_are_made_for_their_owner_alone(paths: Paths) -> None:
    before = os.umask(0)
    try:
        paths.create()
        paths.create()
    finally:
        os.umask(before)
    assert [mode_of(folder) for folder in (paths.config.parent, paths.config, paths.data, paths.cache)] == [0o700] * 4


@pytest.mark.parametrize("obstacle", ["a file", "a dangling link", "a file above"])
def test_what_stands_in_the_way_is_named(tmp_path: Path, obstacle: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    if obstacle == "a file":
        (home / "data").write_text("")
    elif obstacle == "a dangling link":
        (home / "data").symlink_to(tmp_path / "nowhere" / "at all")
    else:
        home = home / "file"
        home.write_text("")
    with pytest.raises(UsageError) as caught:
        find_paths(home, {}).create()
    assert str(home) in caught.value.message
    assert "--home DIR" in caught.value.way_out


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_home_that_cannot_be_written_is_refused_in_words(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="cannot be made: Permission denied"):
        find_paths(tmp_path / "home", {}).create()
    with pytest.raises(UsageError, match="cannot be written"):
        Paths(tmp_path, tmp_path, tmp_path).create()


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs a place where not even root makes folders")
def test_home_where_no_folder_can_be_made_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="/proc/evolver/config cannot be made"):
        find_paths(Path("/proc/evolver"), {}).create()


def test_node_folder_is_the_named_one_else_the_working_folder_s_else_the_data_folder_s(
    tmp_path: Path, paths: Paths
) -> None:
    assert node_folder(None, tmp_path, paths) == paths.data / "nodes"
    (tmp_path / "nodes").write_text("a file is no library")
    assert node_folder(None, tmp_path, paths) == paths.data / "nodes"
    (tmp_path / "nodes").unlink()
    (tmp_path / "nodes").mkdir()
    assert node_folder(None, tmp_path, paths) == tmp_path / "nodes"
    assert node_folder(Path("mine"), tmp_path, paths) == tmp_path / "mine"
    assert node_folder(tmp_path / "other", tmp_path, paths) == tmp_path / "other"


def test_nodes_never_lie_among_installed_packages(tmp_path: Path, paths: Paths) -> None:
    import evolver_tui

    installed = tmp_path / "lib/site-packages"
    (installed / "nodes").mkdir(parents=True)
    (tmp_path / "alias").symlink_to(installed)
    own = Path(evolver_tui.__file__).parent
    for folder in (installed / "nodes", tmp_path / "alias/x", own / "nodes"):
        with pytest.raises(UsageError, match="installed packages"):
            node_folder(folder, tmp_path, paths)
    assert node_folder(None, installed, paths) == paths.data / "nodes"


# --- the config file -----------------------------------------------------------------------------------------------


def write(paths: Paths, text: str | bytes) -> Path:
    paths.config.mkdir(parents=True, exist_ok=True)
    paths.config_file.write_bytes(text.encode() if isinstance(text, str) else text)
    return paths.config_file


def problem_with(paths: Paths, text: str | bytes) -> str:
    file = write(paths, text)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    sentence = str(caught.value)
    assert str(file) in sentence
    assert sentence.isprintable()
    assert check_config(file)[0].startswith(caught.value.message)
    return sentence


def test_missing_file_is_all_defaults(paths: Paths) -> None:
    assert load_config(paths.config_file) == Config()
    assert check_config(paths.config_file) == []


def test_a_file_sets_what_it_names_and_leaves_the_rest(paths: Paths) -> None:
    file = write(
        paths,
        """
        [hub]
        url = "https://hub.example/taskhub"
        redirect_hosts = ["a.example", "b.example:8443"]
        ping_seconds = 5
        [backend]
        kind = "openai"
        model = "qwen2.5-coder"
        [keys]
        review.approve = "A"
        "review.reject" = "X"
        """,
    )
    config = load_config(file)
    assert config.hub == HubConfig(
        url=Address("https://hub.example/taskhub"), redirect_hosts=("a.example", "b.example:8443"), ping_seconds=5.0
    )
    assert config.backend.key_variable == "OPENAI_API_KEY"
    assert config.keys == {"review.approve": "A", "review.reject": "X"}
    assert config.desk == DeskConfig()


def test_byte_order_mark_and_windows_line_ends_are_no_mistake(paths: Paths) -> None:
    assert load_config(write(paths, b"\xef\xbb\xbf[desk]\r\nascii = true\r\n")).desk.ascii


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[hubb]\n", ["[hubb]", "Did you mean 'hub'?"]),
        ("[hub]\nurll = ''\n", ["[hub]", "urll", "Did you mean 'url'?"]),
        ("[desk]\nTheme = 'x'\n", ["Theme", "Did you mean 'theme'?"]),
        ("theme = 'x'\n", ["theme", "[desk]"]),
        ("hub = 'http://x'\n", ["hub has to be a section", "http://x"]),
        ("[author]\nmax_rejects = '3'\n", ["[author] max_rejects", "a whole number", "the text 3", "default is 3"]),
        ("[author]\nmax_rejects = true\n", ["a whole number", "is true"]),
        ("[author]\nmax_rejects = 3.5\n", ["a whole number", "3.5"]),
        ("[author]\nmax_rejects = -1\n", ["from 0 to 20", "-1"]),
        (f"[author]\nmax_rejects = {10**400}\n", ["from 0 to 20", "a huge number"]),
        ("[backend]\ntemperature = nan\n", ["temperature", "from 0 to 2", "nan"]),
        ("[backend]\ntotal_timeout = inf\n", ["total_timeout", "inf"]),
        ("[backend]\nkind = 'anthropic'\nmodel = 'x'\ntemperature = 1.5\n", ["at most 1", "is 1.5"]),
        ("[backend]\nkey_header = 'a b'\n", ["key_header", "the name of a header"]),
        ("[backend]\nkey_header = 'Content-Type'\n", ["key_header", "the name of a header"]),
        (
            "[backend]\nkind = 'openai'\nmodel = 'x'\nbase_url = 'https://x.openai.azure.com'\n",
            ["[backend] base_url (https://x.openai.azure.com) is Azure's", "?api-version="],
        ),
        ("[backend]\nkind = 'opnai'\n", ["kind", "'openai'", "opnai"]),
        ("[backend]\nkind = 'openai'\n", ["needs a model", 'model = "..."']),
        ("[backend]\nbase_url = 'ws://x'\n", ["base_url", "http:// or https://"]),
        ("[hub]\nurl = 'localhost:5000/taskhub'\n", ["[hub] url", "http://"]),
        ("[hub]\nurl = 'http://h:port/x'\n", ["[hub] url"]),
        ("[hub]\nredirect_hosts = ['https://x']\n", ["redirect_hosts", "without scheme"]),
        ("[hub]\nredirect_hosts = [1]\n", ["a list of texts"]),
        ("[hub]\nping_seconds = 60\n", ["timeout_seconds (30)", "ping_seconds (60)"]),
        ("[hub]\nmethod = ''\n", ["method has to be a name"]),
        ("[desk]\nascii = 2026-11-20\n", ["true or false", "a date"]),
        ("[desk]\ntheme = \"\\u001b[31m\"\n", ["theme", "\\u001B"]),
        ("[keys]\nreview.approve = 3\n", ["[keys] review.approve", "3"]),
        ("[keys]\na.b = 'x'\n'a.b' = 'y'\n", ["[keys]", "a.b", "twice"]),
        ("[hub\n", ["line 1"]),
        ("[hub]\n\nurl = http\n", ["line 3"]),
        ("[hub]\nurl = 'a'\nurl = 'b'\n", ["line 3"]),
        (b"[hub]\nmethod = '\xff'\n", ["line 2", "UTF-8"]),
        ("a = " + "[" * 100_000, [""]),
        ("a = " + "9" * 10_000, [""]),
    ],
)  # fmt: skip
def test_every_mistake_is_named_with_file_and_key(paths: Paths, text: str | bytes, parts: list[str]) -> None:
    sentence = problem_with(paths, text)
    for part in parts:
        assert part in sentence


@pytest.mark.parametrize(
    "line",
    [
        "[hub]\ntoken_env = 'SECRET-abcdef-123'",
        "[backend]\napi_key_env = 'ghp_SECRETabcdef123456789'",
        "[backend]\nkey_header = 'ghp-SECRETabcdef123456789 x'",
        "[hub]\nurl = 'https://me:SECRET@hub.example/x'",
        "[hub]\nurl = 'https://hub.example/x?access_token=SECRET'",
        "[backend]\napi_key = 'SECRET'",
        "[backend]\napi_key_env = 'SECRET",
    ],
)
def test_secret_in_the_wrong_place_is_refused_and_not_repeated(paths: Paths, line: str) -> None:
    assert "SECRET" not in problem_with(paths, line)


def test_check_tells_all_problems_and_load_tells_how_many(paths: Paths) -> None:
    file = write(paths, "[hub]\nurll = ''\nmethod = 3\n[author]\nmax_rejects = -1\n[keyz]\n")
    problems = check_config(file)
    assert len(problems) == 4
    with pytest.raises(ConfigError, match=r"3 more problems.*config check"):
        load_config(file)


def test_one_wrong_value_is_one_problem(paths: Paths) -> None:
    assert len(check_config(write(paths, "[backend]\nkind = 'openai'\nmodel = 3\n"))) == 1
    assert len(check_config(write(paths, "[hub]\ntimeout_seconds = 'x'\nping_seconds = 40\n"))) == 1


def test_config_that_cannot_be_read_is_a_sentence(paths: Paths) -> None:
    paths.config_file.mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(paths.config_file)


LINE = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), max_size=12)
NAME = LINE.filter(bool)
VARIABLE = st.from_regex(r"[A-Z_][A-Z0-9_]{0,10}", fullmatch=True)
CONFIGS = st.builds(
    Config,
    hub=st.builds(
        HubConfig,
        url=st.sampled_from(["", "http://localhost:5000/taskhub", "wss://[::1]/ä'\"?room=ä"]).map(Address),
        method=NAME,
        token_env=VARIABLE,
        frame_limit_mib=st.integers(1, 1024),
        redirect_hosts=st.lists(st.from_regex(r"[a-z0-9.-]{1,9}(:[0-9]{1,5})?", fullmatch=True)).map(tuple),
        ping_seconds=st.floats(1, 100),
        timeout_seconds=st.floats(101, 7200),
    ),
    backend=st.builds(
        BackendConfig,
        kind=st.sampled_from(["offline", "openai", "anthropic"]),
        base_url=st.sampled_from(["", "http://127.0.0.1:8080/v1"]).map(Address),
        model=NAME,
        api_key_env=VARIABLE,
        key_header=st.sampled_from(["", "Authorization", "api-key"]),
        temperature=st.floats(0, 1),
        max_tokens=st.integers(1, 1_000_000),
    ),
    desk=st.builds(
        DeskConfig, theme=NAME, ascii=st.booleans(), title=st.booleans(), bell=st.booleans(), reviewer=LINE, editor=LINE
    ),
    keys=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=12), LINE, max_size=4),
)


@settings(max_examples=60, deadline=None)
@given(CONFIGS)
@example(Config())
@example(Config(keys={'a"\\\n\x7f\u202e\U0001f600\U000e0001': "a"}))
def test_what_show_prints_is_the_same_config(tmp_path_factory: pytest.TempPathFactory, config: Config) -> None:
    file = tmp_path_factory.getbasetemp() / "shown.toml"
    text = show_config(config, file)
    assert text.replace("\n", "").isprintable()
    file.write_text(text, encoding="utf-8")
    assert load_config(file) == config


def test_show_explains_every_setting_and_marks_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    text = show_config(replace(Config(), desk=DeskConfig(theme="paper")), file)
    assert str(file) in text
    assert 'theme = "paper"\n' in text
    assert "max_rejects = 3  # default\n" in text
    for kind in SECTIONS.values():
        for each in fields(kind):
            assert f"# {each.metadata['doc']}\n{each.name} = " in text


def test_example_is_a_config_of_defaults(paths: Paths) -> None:
    assert load_config(write(paths, show_config(Config()))) == Config()
    assert set(tomllib.loads(show_config(Config()))) == {*SECTIONS, "prices", "listeners", "routines", "keys"}


# --- the person ----------------------------------------------------------------------------------------------------


def test_reviewer_is_the_configured_name_else_the_login_name() -> None:
    assert reviewer_name(DeskConfig(reviewer="Ada"), {"USER": "ada"}) == "Ada"
    assert reviewer_name(DeskConfig(), {"USER": "ada"}) == "ada"
    assert reviewer_name(DeskConfig(), {})


def test_editor_is_the_configured_one_else_the_environment_s_else_a_usual_one(tmp_path: Path) -> None:
    for name in ("mine", "theirs", "vi"):
        (tmp_path / name).touch(0o755)
    environ = {"PATH": str(tmp_path), "EDITOR": "theirs"}
    assert editor_command(DeskConfig(editor="mine --wait 'a b'"), environ) == ("mine", "--wait", "a b")
    assert editor_command(DeskConfig(), environ) == ("theirs",)
    assert editor_command(DeskConfig(), {**environ, "VISUAL": "mine"}) == ("mine",)
    assert editor_command(DeskConfig(), {"PATH": str(tmp_path)}) == ("vi",)
    for desk, path in ((DeskConfig(editor="nowhere"), tmp_path), (DeskConfig(editor="a 'b"), tmp_path)):
        with pytest.raises(ConfigError, match="EDITOR"):
            editor_command(desk, {"PATH": str(path)})
    with pytest.raises(ConfigError, match="no editor"):
        editor_command(DeskConfig(), {"PATH": str(tmp_path / "empty")})


# --- remembered state ----------------------------------------------------------------------------------------------


def test_state_comes_back_and_is_its_owner_s_alone(paths: Paths) -> None:
    state = RememberedState(Address("http://localhost:5000/taskhub"), "paper")
    assert load_state(paths.state_file) == RememberedState()
    save_state(paths.state_file, RememberedState(Address("http://before")))
    save_state(paths.state_file, state)
    assert load_state(paths.state_file) == state
    assert mode_of(paths.state_file) == 0o600
    assert [file.name for file in paths.data.iterdir()] == [paths.state_file.name]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b'{"hub_url": "http', b"[1]", b"null", b"\xff\xfe", b'{"hub_url": 3, "theme": ["x"]}', b"[" * 60_000),
        *(b'{"theme": "' + b"x" * 100_000 + b'"}', b'{"theme": "\\u001b[31m"}', b'{"other": 1}'),
    ],
)
def test_torn_or_foreign_state_is_nothing(paths: Paths, content: bytes) -> None:
    paths.create()
    paths.state_file.write_bytes(content)
    assert load_state(paths.state_file) == RememberedState()


def test_state_that_is_half_right_is_kept_by_half(paths: Paths) -> None:
    paths.create()
    paths.state_file.write_text('{"hub_url": 3, "theme": "paper", "later": {}}')
    assert load_state(paths.state_file) == RememberedState(theme="paper")


def test_state_that_cannot_be_written_is_a_sentence_and_leaves_nothing_behind(paths: Paths) -> None:
    paths.state_file.mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be written"):
        save_state(paths.state_file, RememberedState(theme="paper"))
    assert list(paths.data.iterdir()) == [paths.state_file]
    with pytest.raises(StoreError, match="has to be a folder"):
        save_state(write(paths, "") / "state.json", RememberedState(theme="paper"))


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://h:1/hub?room=1", "http://h:1/hub?room=1"),
        ("https://me:SECRET@h:1/hub?room=1", "https://•••@h:1/hub?room=1"),
        ("https://SECRET@h/hub", "https://•••@h/hub"),
        ("https://h/hub?access_token=SECRET#x", "https://h/hub?access_token=•••#•••"),
        ("https://h?anything=SECRET", "https://h?anything=•••"),
        ("https://h/hooks/T0/SECRET", "https://h/hooks/•••/•••"),
    ],
)
def test_remembered_hub_holds_no_secret_and_says_where_one_is_missing(paths: Paths, url: str, kept: str) -> None:
    save_state(paths.state_file, RememberedState(hub_url=Address(url)))
    remembered = load_state(paths.state_file).hub_url
    assert remembered.for_connecting() == kept
    assert remembered.is_whole == (url == kept)
    assert "SECRET" not in paths.state_file.read_text()
