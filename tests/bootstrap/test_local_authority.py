"""The server's certificate is renewed in time, and the authority passes on without a day on which clients trust neither."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from tests.cuts import Cut, cut_after
from typer.testing import CliRunner

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.keys import local_authority
from wardstead.bootstrap.keys.local_authority import LocalAuthority
from wardstead.cli.main import app
from wardstead.crypto.pki import make_authority, make_leaf
from wardstead.kernel.errors import ConfigurationError

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000
NAMES = ["localhost", "127.0.0.1"]


@pytest.fixture
def tls(tmp_path: Path) -> Path:
    made = make_authority(NAMES, NOW_MS)
    leaf = make_leaf(made, NAMES, NOW_MS, days=30)
    for name, content in (
        ("ca.crt", made.certificate),
        ("ca.key", made.key),
        ("server.crt", leaf.certificate),
        ("server.key", leaf.key),
    ):
        (tmp_path / name).write_bytes(content)
    return tmp_path


def trusts(bundle: bytes, tls: Path, at_ms: int) -> bool:
    """Whether a client that took up ``bundle`` accepts the server at that time."""
    from datetime import UTC, datetime

    store = Store(x509.load_pem_x509_certificates(bundle))
    verifier = PolicyBuilder().store(store).time(datetime.fromtimestamp(at_ms / 1000, UTC))
    leaf, *rest = x509.load_pem_x509_certificates((tls / "server.crt").read_bytes())
    try:
        verifier.build_server_verifier(x509.DNSName("localhost")).verify(leaf, rest)
    except VerificationError:
        return False
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls / "server.crt", tls / "server.key")
    return True


def test_ten_years_pass_and_a_client_that_looks_every_two_months_is_never_refused(tls: Path) -> None:
    authority, bundle, acts = LocalAuthority(tls, 30), (tls / "ca.crt").read_bytes(), list[str]()
    for day in range(0, 4000, 5):
        now_ms = NOW_MS + day * DAY_MS
        acts += [one.act for one in authority.keep(now_ms)]
        if day % 60 == 0:
            bundle = (tls / "ca.crt").read_bytes()
        assert trusts(bundle, tls, now_ms), day
    assert acts.count("tls.authority_announced") == acts.count("tls.authority_passed_on") == 1
    assert acts.count("tls.renewed") > 150
    assert not (tls / "next-ca.key").exists()


def test_nothing_is_renewed_before_it_is_time(tls: Path) -> None:
    before = (tls / "server.crt").read_bytes()
    assert LocalAuthority(tls, 30).keep(NOW_MS + 19 * DAY_MS) == []
    assert (tls / "server.crt").read_bytes() == before
    assert [one.act for one in LocalAuthority(tls, 30).keep(NOW_MS + 21 * DAY_MS)] == ["tls.renewed"]


def test_a_longer_one_than_the_settings_ask_for_is_replaced(tls: Path) -> None:
    assert [one.act for one in LocalAuthority(tls, 7).keep(NOW_MS)] == ["tls.renewed"]
    assert LocalAuthority(tls, 7).certified().server.days_left(NOW_MS) == 6


def test_a_key_without_its_certificate_is_mended(tls: Path) -> None:
    """The power went between the two writes."""
    made = make_authority(NAMES, NOW_MS)
    (tls / "server.key").write_bytes(make_leaf(made, NAMES, NOW_MS).key)
    assert [one.act for one in LocalAuthority(tls, 30).keep(NOW_MS)] == ["tls.renewed"]
    assert trusts((tls / "ca.crt").read_bytes(), tls, NOW_MS)


def test_a_certificate_of_somebody_else_is_left_alone(tls: Path) -> None:
    other = make_authority(NAMES, NOW_MS)
    leaf = make_leaf(other, NAMES, NOW_MS, days=30)
    (tls / "server.crt").write_bytes(leaf.certificate)
    (tls / "server.key").write_bytes(leaf.key)
    authority = LocalAuthority(tls, 30)
    assert not authority.certified().own
    assert authority.keep(NOW_MS + 29 * DAY_MS) == []
    with pytest.raises(ConfigurationError, match="not of the local authority"):
        authority.renew(NOW_MS)


def test_announcing_changes_nothing_for_clients_and_passing_on_needs_it(tls: Path) -> None:
    authority, old = LocalAuthority(tls, 30), (tls / "ca.crt").read_bytes()
    with pytest.raises(ConfigurationError, match="no new authority"):
        authority.pass_on(NOW_MS)
    authority.announce(NOW_MS)
    assert trusts(old, tls, NOW_MS)
    assert (tls / "ca.crt").read_bytes().startswith(old)
    with pytest.raises(ConfigurationError, match="announced already"):
        authority.announce(NOW_MS)
    both = (tls / "ca.crt").read_bytes()
    authority.pass_on(NOW_MS)
    assert trusts(both, tls, NOW_MS)
    assert not trusts(old, tls, NOW_MS)


@pytest.mark.parametrize("again", ["pass_on", "keep"])
@pytest.mark.parametrize("at", range(5))
def test_passing_on_that_was_broken_off_is_gone_on_with(tls: Path, monkeypatch: pytest.MonkeyPatch, at: int, again: str) -> None:
    authority = LocalAuthority(tls, 30)
    authority.announce(NOW_MS)
    bundle, found = (tls / "ca.crt").read_bytes(), authority.certified()
    with monkeypatch.context() as patch:
        counted = cut_after(at)
        patch.setattr(local_authority, "write_durably", counted(local_authority.write_durably))
        patch.setattr(Path, "replace", counted(Path.replace))
        try:
            authority.pass_on(NOW_MS)
        except Cut:
            assert at < 4
    done = [] if at >= 4 else [authority.pass_on(NOW_MS)] if again == "pass_on" else authority.keep(NOW_MS)
    if at or again == "pass_on":
        after = authority.certified()
        assert [(one.act, one.told) for one in done] == [("tls.authority_passed_on", {"from": found.issuing, "to": found.next})][
            : at < 4
        ]
        assert (after.issuing, after.next, after.authorities[0].fingerprint) == (found.next, "", found.next)
        with pytest.raises(ConfigurationError, match="no new authority"):
            authority.pass_on(NOW_MS)
    assert trusts(bundle, tls, NOW_MS)


def test_the_commands_say_what_clients_have_to_do(deployment: Deployment) -> None:
    def said(*words: str) -> str:
        shown = CliRunner().invoke(app, ["-C", str(deployment.places.directory), "tls", *words])
        assert shown.exit_code == 0, shown.output
        return " ".join(shown.stderr.split())

    assert "clients need nothing new" in said("renew")
    announced = said("rotate")
    assert "give that file to every client" in announced
    assert "tls rotate --finish" in announced
    assert "the old one alone no longer connect" in said("rotate", "--finish")
