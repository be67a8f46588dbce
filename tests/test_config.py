"""The configuration: an error names file, line and key."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.config import parse_settings
from wardstead.config.addresses import Address, parse_upstream
from wardstead.kernel.errors import ConfigurationError

GOOD = """\
version: 1
models:
  - name: m
    upstream: {kind: openai, url: "http://127.0.0.1:1"}
"""


def test_a_short_file_gets_safe_defaults() -> None:
    settings = parse_settings(GOOD, "w.yaml")
    assert settings.isolation.mode == "bubblewrap"
    assert settings.server.tls == "on"
    assert settings.gateway.unknown_fields == "reject"
    assert settings.models[0].clearance.level == "public"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        (GOOD + "surprise: 1\n", "w.yaml:5: surprise", "unknown key 'surprise'"),
        (GOOD + "server:\n  prot: 1\n", "w.yaml:6: server.prot", "unknown key 'prot'"),
        (GOOD + "server:\n  port: 70000\n", "w.yaml:6: server.port", "65535"),
        (GOOD + "server:\n  port: x\n", "w.yaml:6: server.port", "int"),
        (GOOD + "isolation:\n  mode: maybe\n", "w.yaml:6: isolation.mode", "maybe"),
        (GOOD + "version: 1\n", "w.yaml:5", "appears twice"),
        ("version: [1\n", "w.yaml:2", "expected"),
        ("version: 2\nmodels: []\n", "w.yaml:1: version", "2"),
        (GOOD.replace("http://127.0.0.1:1", "ftp://x"), "upstream.url", "address"),
        (GOOD.replace("kind: openai", "kind: embedded"), "upstream", "weights"),
        (GOOD + "  - name: m\n    upstream: {kind: openai, url: 'http://127.0.0.1:1'}\n", "models", "same name"),
        (GOOD + "gateway:\n  extra_fields: [chat_template]\n", "gateway.extra_fields", "never forwarded"),
        (GOOD + "server: {tls: 'off', host: 0.0.0.0}\n", "server.tls", "TLS"),
        (GOOD.replace("name: m", "name: ../m"), "name", "usable"),
    ],
)
def test_an_error_says_where_and_what(text: str, where: str, what: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_settings(text, "w.yaml")
    assert where in raised.value.where
    assert what in str(raised.value)
    assert raised.value.exit_code == 3


@pytest.mark.parametrize(
    ("url", "address", "authority"),
    [
        ("http://127.0.0.1:11434", Address("http", "127.0.0.1", 11434), "127.0.0.1:11434"),
        ("http://gpu1", Address("http", "gpu1", 80), "gpu1"),
        ("http://GPU1.internal:80/", Address("http", "gpu1.internal", 80), "gpu1.internal"),
        ("https://gpu1.internal", Address("https", "gpu1.internal", 443), "gpu1.internal"),
        ("https://gpu_1:8000/", Address("https", "gpu_1", 8000), "gpu_1:8000"),
        ("http://[::1]:11434", Address("http", "::1", 11434), "[::1]:11434"),
        ("https://[fd00::1]", Address("https", "fd00::1", 443), "[fd00::1]"),
    ],
)
def test_an_upstream_s_address(url: str, address: Address, authority: str) -> None:
    assert parse_upstream(url, "w") == address
    assert address.authority == authority


def test_the_address_of_a_socket_is_its_path() -> None:
    assert parse_upstream("unix:/run/with space/a?b#c.sock", "w") == Address("unix", path="/run/with space/a?b#c.sock")


@pytest.mark.parametrize(
    "url",
    [
        "", "h:80", "http://", "http://:80", "http:///x", "http://h:notaport", "http://h:0", "http://h:70000", "http://h:-1",
        "http://u:p@h", "http://@h", "http://h/v1", "https://h/v1", "https://h?x", "https://h#x", "http://[::1", "http://::1:80",
        "http://[fe80::1%eth0]:80", "http://[v1.x]", "http://[::1]x:80", "http://h:", "http://[h]",
        "http://h a", "http://h\r\nx: y", "http://h\n", "http://\u00e9", "http://-h",
        "http://h\\@x", "unix:relative", "unix:/a\x00b", "ftp://h",
    ],
)  # fmt: skip
def test_what_is_no_address_is_said_so_before_anything_starts(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_settings(GOOD.replace('"http://127.0.0.1:1"', json.dumps(url)), "w.yaml")
    assert raised.value.where == "w.yaml: models[0].upstream.url"


@given(st.text() | st.from_regex(r"https?://[\[\]@:./?#%a-f0-9]{0,12}", fullmatch=True))
def test_any_url_is_an_address_or_a_typed_error(url: str) -> None:
    try:
        address = parse_upstream(url, "w")
    except ConfigurationError:
        return
    assert address.path.startswith("/") if address.scheme == "unix" else 0 < address.port < 65536
    assert parse_upstream(f"{address.scheme}://{address.authority}", "w") == address if address.host else address.path
