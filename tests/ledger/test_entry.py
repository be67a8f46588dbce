"""Headers have one encoding; the leaf covers header and ciphertext."""

from __future__ import annotations

import json
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.kernel.errors import IntegrityError
from wardstead.kernel.ids import ExchangeId
from wardstead.ledger.entry import Header, entry_leaf, minute_of, row_digest, unknown_outcome
from wardstead.ledger.ports import EntryKind


def with_label(header: Header) -> st.SearchStrategy[Header]:
    """Only what has a row may have one."""
    labels = st.binary(min_size=32, max_size=32) | st.just(b"") if header.row else st.just(b"")
    return labels.map(lambda label: msgspec.structs.replace(header, label=label))


headers = st.builds(
    Header,
    kind=st.sampled_from(EntryKind),
    exchange=st.from_regex(r"[0-9a-zA-Z._-]{1,64}", fullmatch=True).map(ExchangeId),
    minute=st.integers(0, 1 << 40),
    commitment=st.binary(max_size=32),
    nonce=st.binary(max_size=12),
    key=st.binary(max_size=60),
    outcome=st.from_regex(r"[a-z0-9_-]{0,32}", fullmatch=True),
    row=st.binary(min_size=32, max_size=32) | st.just(b""),
).flatmap(with_label)


@given(headers)
def test_a_header_survives_its_encoding_which_is_sorted_json(header: Header) -> None:
    data = header.encode()
    assert Header.decode(data) == header
    assert json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")).encode() == data


@given(headers, st.data())
def test_no_second_spelling_of_a_header_is_accepted(header: Header, data: st.DataObject) -> None:
    encoded = header.encode()
    position = data.draw(st.integers(0, len(encoded)))
    with pytest.raises(IntegrityError):
        Header.decode(encoded[:position] + b" " + encoded[position:])


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_decoding_raises_a_typed_error_and_nothing_else(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        Header.decode(data)


def test_the_leaf_is_the_hash_that_the_documentation_says() -> None:
    body = sha256(b"body").digest()
    expected = sha256(b"\x00" + (2).to_bytes(8, "big") + b"{}" + (32).to_bytes(8, "big") + body).hexdigest()
    assert entry_leaf(b"{}", b"body").hex() == expected


def test_a_recovered_outcome_says_unknown_and_has_no_content() -> None:
    draft = unknown_outcome(ExchangeId("x"), "subject", 61_000)
    assert (Header.decode(draft.header).outcome, draft.body, Header.decode(draft.header).minute) == ("unknown", b"", 1)


COLUMNS = st.tuples(
    st.sampled_from(["e1", "e2"]),
    st.sampled_from([one.value for one in EntryKind]),
    st.sampled_from(["", "completed", "cut"]),
    st.sampled_from(["alice", "bob", "", "alicebob"]),
    st.integers(0, 300_000),
)


@given(COLUMNS, COLUMNS)
def test_a_header_fits_its_own_row_alone(row: tuple[str, str, str, str, int], other: tuple[str, str, str, str, int]) -> None:
    exchange, kind, outcome, subject, time_ms = row
    digest = row_digest(exchange, kind, subject, time_ms)
    header = Header(EntryKind(kind), ExchangeId(exchange), minute_of(time_ms), outcome=outcome, row=digest)
    assert header.fits(*row)
    assert header.fits(*other) is (row == other)


def test_a_header_of_version_1_fits_by_the_minute() -> None:
    header = Header.decode(b'{"commitment":"","exchange":"e","key":"","kind":"intent","minute":1,"nonce":"","outcome":"","v":1}')
    assert header.fits("e", "intent", "", "anybody", 60_001)
    assert not header.fits("e", "intent", "", "anybody", 120_000)
