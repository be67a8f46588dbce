"""The configuration: an error names file, line and key."""

from __future__ import annotations

import pytest

from wardstead.config import parse_settings
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
    assert str(settings.models[0].clearance.label()) == "public"


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
