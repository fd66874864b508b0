"""The JSON config of a headless run."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolver_tui.core.address import Address
from evolver_tui.settings.connect_config import EXAMPLE, ConnectConfig, read_connect_config


def test_connect_config_has_the_contract_s_keys_and_defaults() -> None:
    assert read_connect_config(b'{"hub_url": "http://localhost:5000/taskhub", "later": 1}') == ConnectConfig(
        Address("http://localhost:5000/taskhub"), "TaskHub", None, True, None
    )
    assert read_connect_config(
        b'\xef\xbb\xbf{"hub_url": "ws://h/x", "hub_name": "Jobs", "duration_seconds": 1.5,'
        b' "auto_generate_workflows": false, "output_file": "out.json"}'
    ) == ConnectConfig(Address("ws://h/x"), "Jobs", 1.5, False, "out.json")
    nothing = '{"hub_url": "ws://h", "hub_name": null, "duration_seconds": null, "output_file": null}'
    assert read_connect_config(nothing) == ConnectConfig(Address("ws://h"))
    assert read_connect_config('{"hub_url": "ws://h", "duration_seconds": 0}') == ConnectConfig(
        Address("ws://h"), duration_seconds=0
    )


@pytest.mark.parametrize("content", ["{}", '{"hub_url": ""}', '{"hub_url": "  "}', '{"hub_url": null}'])
def test_missing_hub_url_gets_the_contract_s_words(content: str) -> None:
    assert read_connect_config(content) == {"error": "hub_url is required", "success": False, "example": EXAMPLE}
    assert isinstance(read_connect_config(json.dumps(EXAMPLE)), ConnectConfig)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "no config on stdin"),
        (b" \n", "no config on stdin"),
        (b"\xff", "UTF-8"),
        (b"{", "not JSON"),
        (b"hub", "line 1, column 1"),
        (b"[" * 100_000, "not JSON"),
        (b"9" * 10_000, "not JSON"),
        (b"[]", "a list"),
        (b"null", "null"),
        (b'{"hub_url": "ws://a", "hub_url": "ws://b"}', "stdin has the key 'hub_url' twice in one object."),
        (b'{"hub_url": 5}', "hub_url has to be a text, and is a number"),
        (b'{"hub_url": "localhost:5000"}', "http://"),
        (b'{"hub_url": "ftp://h"}', "http://"),
        (b'{"hub_url": "http://h:0/x"}', "port is a number from 1 to 65535"),
        (b'{"hub_url": "http://h:99999/x"}', "port is a number from 1 to 65535"),
        (b'{"hub_url": "http://h:port/x"}', "port is a number from 1 to 65535"),
        (b'{"hub_url": "http://a b/x"}', "without spaces"),
        (b'{"hub_url": "http:///x"}', "http://"),
        (b'{"hub_url": "http://h\\u0000"}', "hub_url"),
        (b'{"hub_url": "http://\\ud800"}', "hub_url"),
        (b'{"hub_url": "ws://h", "hub_name": {}}', "hub_name has to be a text, and is an object"),
        (b'{"hub_url": "ws://h", "duration_seconds": true}', "a number or null, and is true"),
        (b'{"hub_url": "ws://h", "duration_seconds": "60"}', "a number or null, and is a text"),
        (b'{"hub_url": "ws://h", "duration_seconds": -1}', "from 0 up"),
        (b'{"hub_url": "ws://h", "duration_seconds": NaN}', "from 0 up"),
        (b'{"hub_url": "ws://h", "duration_seconds": Infinity}', "from 0 up"),
        (b'{"hub_url": "ws://h", "duration_seconds": 1' + b"0" * 400 + b"}", "from 0 up"),
        (b'{"hub_url": "ws://h", "auto_generate_workflows": 1}', "true or false, and is a number"),
        (b'{"hub_url": "ws://h", "auto_generate_workflows": "false"}', "true or false, and is a text"),
        (b'{"hub_url": "ws://h", "output_file": true}', "output_file has to be a text"),
        (b'{"hub_url": "ws://h", "output_file": "a\\u0000b"}', "output_file"),
    ],
)
def test_unusable_connect_config_is_an_error_object(content: bytes, part: str) -> None:
    answer = read_connect_config(content)
    assert isinstance(answer, dict)
    assert list(answer) == ["error", "success", "example"]
    assert part in answer["error"]
    assert answer["success"] is False
    json.dumps(answer).encode()


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*EXAMPLE, "x"]), inner),
        max_leaves=8,
    )
)
def test_any_json_is_a_config_or_an_error_object(value: object) -> None:
    answer = read_connect_config(json.dumps(value))
    assert isinstance(answer, ConnectConfig) or answer["success"] is False
