"""Identifiers in their one form: what is written in another way is the same, and what is another is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inspection.reference import DETECTORS

from wardstead.inspection.identifiers import CROWD, MOST, Identifier, identifiers_in, identifying, readings, told_apart
from wardstead.kernel.findings import Finding

TYPES = frozenset({"email", "phone", "iban", "customer-id"})


def in_text(kind: str, text: str) -> set[Identifier]:
    return identifiers_in(f"about {text}.", [Finding(kind, 6, 6 + len(text))], TYPES)


@pytest.mark.parametrize(
    ("kind", "written", "supplied"),
    [
        ("email", "Anna.Weiß@Example.org", "anna.weiss@example.org"),
        ("email", "ａｎｎａ@example.org", "Anna@EXAMPLE.org"),
        ("phone", "+49 (0)30 901820", "0049 30 90 18 20"),
        ("phone", "030 901820", "+49 30 901820"),
        ("phone", "+1 (212) 555-0188 ext. 12", "+1 212 555 0188"),
        ("phone", "212-555-0188", "+12125550188"),
        ("iban", "DE89 3704 0044 0532 0130 00", "de89370400440532013000"),
        ("customer-id", "AC-104-22", "ac 104 22"),
    ],
)
def test_what_is_written_in_another_way_is_the_same(kind: str, written: str, supplied: str) -> None:
    assert in_text(kind, written) & set(readings(supplied))


@pytest.mark.parametrize(
    ("kind", "written", "supplied"),
    [
        ("email", "anna@example.org", "anna@example.com"),
        ("phone", "+44 30 901820", "+49 30 901820"),
        ("phone", "+49 30 901821", "+49 30 901820"),
        ("customer-id", "AC10423", "AC10422"),
    ],
)
def test_what_is_another_is_not(kind: str, written: str, supplied: str) -> None:
    assert not in_text(kind, written) & set(readings(supplied))


def test_what_is_too_short_means_nobody() -> None:
    assert readings("ab1") == () == readings("@")
    assert in_text("email", "QW5uYSBhIG1haWw=") == set(), "an address that is encoded is not compared"


def test_of_one_text_so_many_are_told_apart_and_the_rest_is_a_crowd() -> None:
    many = {Identifier("code", f"{number:05}") for number in range(MOST + 1)}
    assert told_apart(many)[-1] == CROWD
    assert len(told_apart(many)) == MOST + 1
    assert CROWD not in told_apart(list(many)[:MOST])


@given(st.text(max_size=60))
def test_anything_can_be_read_and_case_and_blanks_around_it_do_not_matter(text: str) -> None:
    assert set(readings(f" {text} ")) == set(readings(text))
    assert all(len(one.value) >= 3 for one in readings(text))


def test_every_type_that_is_named_is_one_that_something_finds() -> None:
    found = identifying(DETECTORS)
    assert {"email", "phone", "iban", "payment-card", "de-health-number", "uk-nino"} <= found
    assert not {"ip-address", "date-of-birth", "aws-access-key"} & found
