"""What is sealed opens for its subject, in its place, and nowhere else."""

from __future__ import annotations

import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.crypto.keyring import KeyRing
from wardstead.kernel.errors import IntegrityError
from wardstead.kernel.ids import ExchangeId
from wardstead.kernel.labels import STANDARD, Label, label
from wardstead.ledger.entry import Header
from wardstead.ledger.ports import Draft
from wardstead.ledger.sealing import Opened, Sealer, open_entry

ONE, TWO = ExchangeId("exchange-1"), ExchangeId("exchange-2")


@pytest.fixture
def sealer(ring: KeyRing) -> Sealer:
    return Sealer(ring, os.urandom)


def test_both_entries_open_again(sealer: Sealer, ring: KeyRing) -> None:
    seal = sealer.begin("alice", ONE)
    intent, outcome = seal.intent(b"question", 60_000), seal.outcome(b"answer", "answered", 61_000)
    assert open_entry(ring, "alice", intent.header, intent.body).content == b"question"
    assert open_entry(ring, "alice", outcome.header, outcome.body).content == b"answer"
    assert (outcome.outcome, Header.decode(outcome.header).outcome) == ("answered", "answered")


def test_the_header_tells_neither_person_nor_content_nor_exact_time(sealer: Sealer) -> None:
    draft = sealer.begin("alice", ONE).intent(b"question", 1_764_000_123_456)
    assert b"alice" not in draft.header + draft.body
    assert b"question" not in draft.header + draft.body
    assert b"123456" not in draft.header


def test_each_entry_is_sealed_once(sealer: Sealer) -> None:
    seal = sealer.begin("alice", ONE)
    seal.intent(b"question", 0)
    with pytest.raises(IntegrityError):
        seal.intent(b"another question", 0)


def test_a_body_does_not_open_anywhere_else(sealer: Sealer, ring: KeyRing) -> None:
    ring.to_seal("bob")
    seal = sealer.begin("alice", ONE)
    intent, outcome = seal.intent(b"question", 0), seal.outcome(b"answer", "answered", 0)
    other = sealer.begin("alice", TWO).intent(b"other", 0)
    fields = Header.decode(intent.header)
    later = Header(fields.kind, fields.exchange, 7, fields.commitment, fields.nonce, fields.key).encode()
    moved = Header(fields.kind, TWO, 0, fields.commitment, fields.nonce, fields.key).encode()
    attempts: list[tuple[str, bytes, Draft]] = [
        ("bob", intent.header, intent),
        ("alice", outcome.header, intent),
        ("alice", other.header, intent),
        ("alice", later, intent),
        ("alice", moved, intent),
    ]
    for subject, header, draft in attempts:
        with pytest.raises(IntegrityError):
            open_entry(ring, subject, header, draft.body)


def test_an_outcome_that_is_not_one_word_is_refused(sealer: Sealer) -> None:
    with pytest.raises(IntegrityError):
        sealer.begin("alice", ONE).outcome(b"", 'x","v":2', 0)
    with pytest.raises(IntegrityError):
        sealer.begin("alice", ExchangeId('a"b'))


def test_what_is_kept_opens_for_its_person_under_its_name_alone(sealer: Sealer, ring: KeyRing) -> None:
    ring.to_seal("bob")
    sealed = sealer.seal_kept("alice", "conversation-1", b"stand-ins")
    assert b"stand-ins" not in sealed
    assert sealer.open_kept("alice", "conversation-1", sealed) == b"stand-ins"
    altered = bytes([*sealed[:-1], sealed[-1] ^ 1])
    for subject, name, what in (
        ("bob", "conversation-1", sealed),
        ("alice", "two", sealed),
        ("alice", "conversation-1", altered),
    ):
        with pytest.raises(IntegrityError):
            sealer.open_kept(subject, name, what)
    for short in (b"", sealed[:40], sealed[:100]):
        with pytest.raises(IntegrityError):
            sealer.open_kept("alice", "conversation-1", short)


CONFIDENTIAL = label("confidential", {"personal", "payment"})


def test_a_label_is_sealed_with_its_entry_and_stands_in_no_header(sealer: Sealer, ring: KeyRing) -> None:
    seal = sealer.begin("alice", ONE)
    intent = seal.intent(b"question", 60_000, CONFIDENTIAL)
    outcome = seal.outcome(b"answer", "completed", 61_000, Label())
    assert open_entry(ring, "alice", intent.header, intent.body) == Opened(b"question", CONFIDENTIAL)
    assert open_entry(ring, "alice", outcome.header, outcome.body) == Opened(b"answer", Label())
    assert b"confidential" not in intent.header
    assert b"personal" not in intent.header
    tags = {Header.decode(sealer.begin("alice", ONE).intent(b"q", 0, CONFIDENTIAL).header).label for _ in range(3)}
    assert len(tags) == 3, "nobody can see that two entries have one label"


def test_a_label_cannot_be_swapped(sealer: Sealer, ring: KeyRing) -> None:
    seal = sealer.begin("alice", ONE)
    intent, outcome = seal.intent(b"same", 0, CONFIDENTIAL), seal.outcome(b"same", "completed", 0, Label())
    fields = Header.decode(intent.header)
    for tag in (Header.decode(outcome.header).label, b"", bytes(32)):
        swapped = msgspec.structs.replace(fields, label=tag).encode()
        with pytest.raises(IntegrityError):
            open_entry(ring, "alice", swapped, intent.body)


def test_an_entry_without_a_label_is_one_of_version_2(sealer: Sealer, ring: KeyRing) -> None:
    draft = sealer.begin("alice", ONE).admin(b"{}", 0)
    assert draft.header.endswith(b'"v":2}')
    assert b'"label"' not in draft.header
    assert open_entry(ring, "alice", draft.header, draft.body) == Opened(b"{}")


@given(st.sampled_from(STANDARD.names), st.frozensets(st.from_regex("[a-z][a-z-]{0,10}", fullmatch=True), max_size=4))
def test_labels_have_one_encoding(level: str, compartments: frozenset[str]) -> None:
    given_label = label(level, compartments)
    assert STANDARD.decode(given_label.encode()) == given_label


@pytest.mark.parametrize("data", [b"", b"Secret;", b"a b;", b"public", b"public;b,a", b"public;a,,b", b"\xff;", b"public;a,"])
def test_nothing_else_is_a_label(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        STANDARD.decode(data)


def test_a_sealed_level_that_nobody_knows_any_more_is_above_all_and_keeps_its_name() -> None:
    unknown = STANDARD.decode(b"secret;personal")
    assert not label("restricted", {"personal"}).dominates(unknown)
    assert unknown.encode() == b"secret;personal"
