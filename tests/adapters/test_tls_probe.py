"""What a server offers, asked of real ones: OpenSSL's through Python, one with PostgreSQL's greeting, one that is none."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.adapters.tls_hello import GROUPS, Agreed, read_agreed
from wardstead.adapters.tls_probe import Offer, Surface, probe
from wardstead.bootstrap.processes.transit import findings
from wardstead.crypto.pki import make_authority, make_leaf
from wardstead.isolation.posture import State

NOW_MS = int(time.time() * 1000)
NAMES = ["localhost", "127.0.0.1"]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    authority = make_authority(NAMES, NOW_MS)
    leaf = make_leaf(authority, NAMES, NOW_MS, days=30)
    (folder / "ca.crt").write_bytes(authority.certificate)
    (folder / "other.crt").write_bytes(make_authority(NAMES, NOW_MS).certificate)
    (folder / "server.crt").write_bytes(leaf.certificate)
    (folder / "server.key").write_bytes(leaf.key)
    return folder


@contextmanager
def server(tls: Path, *, oldest: ssl.TLSVersion, greeting: bool = False, clients: bool = False) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = oldest
    context.load_cert_chain(tls / "server.crt", tls / "server.key")
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(tls / "ca.crt")

    def one(connection: socket.socket) -> None:
        with connection:
            try:
                if greeting and connection.recv(8) == b"\x00\x00\x00\x08\x04\xd2\x16\x2f":
                    connection.sendall(b"S")
                with context.wrap_socket(connection, server_side=True) as wrapped:
                    wrapped.recv(1)
            except OSError:
                pass

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def asked(tls: Path, port: int, *, ca: str = "ca.crt", postgresql: bool = False) -> Offer:
    context = ssl.create_default_context(cafile=tls / ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return probe(Surface("one", "127.0.0.1", port, context, "localhost", postgresql=postgresql), 20)


@pytest.mark.parametrize("greeting", [False, True])
def test_what_is_offered_is_told(tls: Path, greeting: bool) -> None:
    with server(tls, oldest=ssl.TLSVersion.TLSv1_3, greeting=greeting) as port:
        offer = asked(tls, port, postgresql=greeting)
    assert (offer.versions, offer.unreachable, offer.untrusted) == (("TLSv1.3",), "", "")
    assert offer.cipher.startswith("TLS_")
    assert offer.group in GROUPS.values()
    assert offer.certificate is not None
    assert offer.certificate.names == ("localhost", "127.0.0.1")
    assert offer.certificate.days_left(NOW_MS) in {29, 30}
    assert {one.state for one in findings(offer, NOW_MS, ours=True)} <= {State.GREEN}


def test_an_older_version_is_told_and_weighs_more_at_our_own_door(tls: Path) -> None:
    with server(tls, oldest=ssl.TLSVersion.TLSv1_2) as port:
        offer = asked(tls, port)
    assert offer.versions == ("TLSv1.2", "TLSv1.3")
    assert State.RED in {one.state for one in findings(offer, NOW_MS, ours=True)}
    assert State.RED not in {one.state for one in findings(offer, NOW_MS, ours=False)}


def test_a_certificate_that_does_not_verify_is_told_and_shown(tls: Path) -> None:
    with server(tls, oldest=ssl.TLSVersion.TLSv1_3) as port:
        offer = asked(tls, port, ca="other.crt")
    assert offer.untrusted
    assert offer.certificate is not None
    assert State.RED in {one.state for one in findings(offer, NOW_MS, ours=False)}


def test_a_door_that_demands_a_certificate_of_clients_is_seen_all_the_same(tls: Path) -> None:
    with server(tls, oldest=ssl.TLSVersion.TLSv1_3, clients=True) as port:
        offer = asked(tls, port)
    assert (offer.untrusted, offer.versions) == ("", ("TLSv1.3",))


def test_one_that_ends_soon_and_one_that_is_not_there_are_told(tls: Path) -> None:
    with server(tls, oldest=ssl.TLSVersion.TLSv1_3) as port:
        offer = asked(tls, port)
    assert "days left" in next(one.what for one in findings(offer, NOW_MS + 25 * 86_400_000, ours=True))
    assert [one.state for one in findings(asked(tls, port), NOW_MS, ours=True)] == [State.AMBER]


@given(st.binary(max_size=200))
def test_any_answer_is_read_or_nothing(data: bytes) -> None:
    assert isinstance(read_agreed(data), Agreed)
    assert isinstance(read_agreed(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76" + data), Agreed)
