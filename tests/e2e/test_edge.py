"""Caddy in front: a post-quantum key exchange, and where a request comes from is what the edge saw, whatever a client says."""

from __future__ import annotations

import ssl
import stat
import time
from collections.abc import Iterator

import httpx2
import pytest
from tests.e2e.deployment import Deployment, create
from tests.e2e.test_certificate_renewal import served

from wardstead.adapters.tls_probe import Surface, probe


@pytest.fixture(scope="module")
def edged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = create(tmp_path_factory.mktemp("e") / "d")
    made.up("--edge", "caddy")
    try:
        yield made
    finally:
        made.down()


def models(edged: Deployment, key: str, **headers: str) -> list[str]:
    """What a key may use, asked from this machine."""
    said = {"authorization": f"Bearer {key}", **headers}
    with httpx2.Client(verify=edged.tls, timeout=60) as client:
        return [one["id"] for one in client.get(f"{edged.url}/v1/models", headers=said).json()["data"]]


def test_the_key_exchange_is_hybrid_and_nothing_older_is_spoken(edged: Deployment) -> None:
    context = ssl.create_default_context(cafile=edged.ca_file)
    offer = probe(Surface("edge", "127.0.0.1", edged.port, context, "localhost"), 20)
    assert (offer.group, offer.versions, offer.untrusted) == ("X25519MLKEM768", ("TLSv1.3",), "")
    (way,) = edged.json("tls", "probe")["transit"]
    assert (way["tls"]["post_quantum"], way["state"]) == (True, "green")


def test_what_a_client_says_of_where_it_is_does_not_count(edged: Deployment) -> None:
    elsewhere = edged.key("elsewhere", "--role", "user", "--network", "10.0.0.0/8")
    here = edged.key("here", "--role", "user", "--network", "127.0.0.0/8")
    spoofed = {"x-forwarded-for": "10.1.1.1", "forwarded": "for=10.1.1.1", "x-real-ip": "10.1.1.1"}
    assert models(edged, elsewhere) == models(edged, elsewhere, **spoofed) == []
    assert models(edged, here) == models(edged, here, **{"x-forwarded-for": "203.0.113.9"}) == [edged.model]


def test_an_answer_streams_through_it_and_its_sockets_are_its_owners_alone(edged: Deployment) -> None:
    key = edged.key("alice", "--role", "user")
    body = {"model": edged.model, "stream": True, "max_tokens": 8, "messages": [{"role": "user", "content": "Hi!"}]}
    headers = {"authorization": f"Bearer {key}"}
    with (
        httpx2.Client(verify=edged.tls, timeout=120, headers=headers) as client,
        client.stream("POST", f"{edged.url}/v1/chat/completions", json=body) as stream,
    ):
        assert stream.headers["wardstead-receipt"]
        assert "data: [DONE]" in list(stream.iter_lines())
    assert stat.S_IMODE((edged.directory / "run" / "edge").stat().st_mode) == 0o700


def test_it_takes_up_a_renewed_certificate(edged: Deployment) -> None:
    renewed, deadline = edged.json("tls", "renew"), time.monotonic() + 120
    while served(edged) != renewed["fingerprint"]:
        assert time.monotonic() < deadline
        time.sleep(0.3)
