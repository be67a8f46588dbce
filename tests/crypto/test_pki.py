"""The local authority: a client that trusts it trusts our leaf for our names, and nothing else."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from wardstead.crypto.pki import LEAF_DAYS, make_authority, make_leaf

NOW_MS = 1_795_000_000_000
NAMES = ["localhost", "127.0.0.1", "::1"]
AUTHORITY = make_authority(NAMES, NOW_MS)


def chain(pem: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem)


def verify(leaf_pem: bytes, name: str) -> None:
    store = Store(chain(AUTHORITY.certificate))
    moment = dt.datetime.fromtimestamp(NOW_MS / 1000, dt.UTC)
    verifier = PolicyBuilder().store(store).time(moment).build_server_verifier(x509.DNSName(name))
    leaf, *rest = chain(leaf_pem)
    verifier.verify(leaf, rest)


def test_a_leaf_verifies_for_its_name() -> None:
    leaf = make_leaf(AUTHORITY, NAMES, NOW_MS)
    verify(leaf.certificate, "localhost")
    certificate = chain(leaf.certificate)[0]
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == LEAF_DAYS


def test_it_does_not_verify_for_another_name() -> None:
    with pytest.raises(VerificationError):
        verify(make_leaf(AUTHORITY, NAMES, NOW_MS).certificate, "example.com")


def test_the_authority_can_vouch_for_nobody_else() -> None:
    foreign = make_leaf(AUTHORITY, ["example.com"], NOW_MS)
    with pytest.raises(VerificationError):
        verify(foreign.certificate, "example.com")
