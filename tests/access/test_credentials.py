"""Credentials: whoever does not present a living one is told the same thing."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.access.credentials import (
    API_KEY_MARK,
    BadCsrfToken,
    CredentialsDisagree,
    Unauthenticated,
    UnknownCertificate,
    certificate_digest,
    certify,
    checksum,
    digest,
    identify,
    name_digest,
    new_secret,
    together,
)
from wardstead.access.ports import Credential, CredentialKind, Directory, PeerCertificate, Principal
from wardstead.kernel.ids import CredentialId, PrincipalId

PEPPER = b"p" * 32
KEY = new_secret(API_KEY_MARK, PEPPER, os.urandom)
CSRF = new_secret("", PEPPER, os.urandom)


def directory(*, expires_ms: int | None = None, active: bool = True, kind: CredentialKind = CredentialKind.API_KEY) -> Directory:
    ann = Principal(PrincipalId("ann"), "ann", active=active)
    credential = Credential(CredentialId("c"), kind, KEY.digest, ann.id, expires_ms=expires_ms, csrf_digest=CSRF.digest)
    return Directory(1, {ann.id: ann}, {KEY.digest: credential})


def test_a_living_key_names_its_person() -> None:
    assert identify(directory(expires_ms=101), PEPPER, KEY.secret, None, 100).principal.name == "ann"


@pytest.mark.parametrize(
    ("made", "presented", "now"),
    [
        (directory(), "", 0),
        (directory(), "ws_unknown", 0),
        (directory(), KEY.secret + "x", 0),
        (directory(), "é" * 40, 0),
        (directory(), "x" * 100_000, 0),
        (directory(expires_ms=100), KEY.secret, 100),
        (directory(active=False), KEY.secret, 0),
    ],
    ids=["nothing", "unknown", "longer", "not ascii", "huge", "expired", "switched off"],
)
def test_everybody_else_is_told_the_same(made: Directory, presented: str, now: int) -> None:
    with pytest.raises(Unauthenticated) as raised:
        identify(made, PEPPER, presented, None, now)
    assert str(raised.value) == str(Unauthenticated())
    assert presented == "" or presented not in str(raised.value)


def test_another_pepper_knows_nobody() -> None:
    with pytest.raises(Unauthenticated):
        identify(directory(), b"q" * 32, KEY.secret, None, 0)


def test_a_session_needs_its_request_token() -> None:
    made = directory(kind=CredentialKind.SESSION)
    assert identify(made, PEPPER, KEY.secret, CSRF.secret, 0)
    for wrong in (None, "", "wrong", "é", CSRF.secret[:-1]):
        with pytest.raises(BadCsrfToken):
            identify(made, PEPPER, KEY.secret, wrong, 0)


def test_a_key_has_256_bits_a_prefix_and_a_checksum() -> None:
    body = KEY.secret.removeprefix(API_KEY_MARK)
    assert len(body) == 49
    assert checksum(body[:43]) == body[43:]
    assert KEY.secret.startswith(KEY.prefix)
    assert len(KEY.prefix) == len(API_KEY_MARK) + 8


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_different_randomness_gives_different_keys(one: bytes, other: bytes) -> None:
    made = [new_secret(API_KEY_MARK, PEPPER, lambda _size, data=data: data).secret for data in (one, other)]
    assert (made[0] == made[1]) is (one == other)
    assert digest(PEPPER, made[0]) != digest(b"q" * 32, made[0])


BOT, OTHER = (Principal(PrincipalId(name), name) for name in ("bot", "other"))
PEER = PeerCertificate("ab" * 32, "1", ("URI:spiffe://corp.example/bot", "DNS:bot.example"), 1000)


def certified(**owners: Principal) -> Directory:
    """``fingerprint``, ``uri`` and ``dns``: whose each is."""
    marks = {
        "fingerprint": certificate_digest(PEPPER, PEER.fingerprint), "uri": name_digest(PEPPER, PEER.names[0]),
        "dns": name_digest(PEPPER, PEER.names[1]),
    }  # fmt: skip
    known = {
        marks[name]: Credential(CredentialId(name), CredentialKind.CERTIFICATE, marks[name], who.id, expires_ms=900)
        for name, who in owners.items()
    }
    return Directory(1, {one.id: one for one in (BOT, OTHER)}, known)


@pytest.mark.parametrize("by", ["fingerprint", "uri", "dns"])
def test_a_certificate_is_whose_it_is_known_as(by: str) -> None:
    made = certified(**{by: BOT})
    assert certify(made, PEPPER, PEER, 899).principal == BOT
    for now in (900, 1000):
        with pytest.raises(UnknownCertificate):
            certify(made, PEPPER, PEER, now)


def test_a_certificate_that_names_nobody_is_told_to_see_to_certificates() -> None:
    away = Directory(1, {}, certified(uri=BOT).credentials)
    said = set()
    for made in (certified(), away):
        with pytest.raises(UnknownCertificate) as refused:
            certify(made, PEPPER, PEER, 0)
        said.add(str(refused.value.diagnostics()))
    assert len(said) == 1
    assert "wardstead certificate list" in said.pop()


def test_a_certificate_with_names_of_two_people_is_nobody_s() -> None:
    assert certify(certified(uri=BOT, dns=BOT), PEPPER, PEER, 0).principal == BOT
    for made in (certified(), certified(uri=BOT, dns=OTHER), certified(fingerprint=BOT, uri=OTHER)):
        with pytest.raises(UnknownCertificate):
            certify(made, PEPPER, PEER, 0)


@pytest.mark.parametrize(
    "said", [PEER.fingerprint, f"certificate {PEER.fingerprint}", PEER.names[0], f"certified name {PEER.names[0]}"]
)
def test_what_a_certificate_is_known_by_is_no_key(said: str) -> None:
    with pytest.raises(Unauthenticated):
        identify(certified(fingerprint=BOT, uri=BOT), PEPPER, said, None, 0)


def test_a_certificate_and_a_key_are_of_one_person() -> None:
    with_key = directory()
    ann = identify(with_key, PEPPER, KEY.secret, None, 0)
    bot = certify(certified(uri=BOT), PEPPER, PEER, 0)
    with pytest.raises(CredentialsDisagree):
        together(bot, ann)
    both = together(bot, type(ann)(BOT, ann.credential))
    assert (both.credential, both.certificate) == (ann.credential, bot.credential)
