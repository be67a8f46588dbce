"""Checksums against numbers that the schemes themselves publish for tests, and against altered ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.inspection.validators import VALIDATORS


@pytest.mark.parametrize(
    ("name", "text", "real"),
    [
        ("payment-card", "4111111111111111", 16),
        ("payment-card", "4111 1111 1111 1111 123", 19),
        ("payment-card", "4012888888881881", 16),
        ("payment-card", "5105105105105100", 16),
        ("payment-card", "2223003122003222", 16),
        ("payment-card", "371449635398431", 15),
        ("payment-card", "6011111111111117", 16),
        ("payment-card", "3530111333300000", 16),
        ("payment-card", "30569309025904", 14),
        ("payment-card", "1234 5678 9012 3456", 0),
        ("iban", "BE68 5390 0754 7034 paid now", 19),
        ("iban", "BE68 5390 0754 70345", 0),
        ("iban", "MT84MALT011000012345MTLCAST001S", 31),
        ("iban", "NO93 8601 1117 947", 18),
        ("nhs", "9434765919", 10),
        ("ssn", "123-45-6789", 0),
        ("sin", "046 454 286", 0),
        ("random-looking", "aaaaaaaa1", 0),
        ("literal", "{{ secret }}", 0),
    ],
)
def test_a_validator_says_how_much_is_real(name: str, text: str, real: int) -> None:
    assert VALIDATORS[name](text.encode()) == real


@given(st.integers(0, 15), st.integers(1, 9))
def test_one_wrong_digit_is_no_card(place: int, by: int) -> None:
    digits = list("4111111111111111")
    digits[place] = str((int(digits[place]) + by) % 10)
    assert VALIDATORS["payment-card"]("".join(digits).encode()) == 0


@given(st.integers(4, 21), st.integers(1, 9))
def test_one_wrong_digit_is_no_iban(place: int, by: int) -> None:
    digits = list("DE89370400440532013000")
    digits[place] = str((int(digits[place]) + by) % 10)
    assert VALIDATORS["iban"]("".join(digits).encode()) == 0
