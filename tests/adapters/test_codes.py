"""Codes of an authenticator, and recovery codes."""

from __future__ import annotations

import base64
import os

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.adapters.identity.codes import (
    RECOVERY_CODES,
    STEP_MS,
    address,
    fitting_step,
    new_recovery_codes,
    new_secret,
    picture,
    read_recovery_code,
)

SECRET = base64.b32encode(b"12345678901234567890").decode()
"""The secret of RFC 6238's and RFC 4226's test values."""
TIMES = st.integers(STEP_MS * 10, 4_000_000_000_000)


@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_the_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    """Appendix B, SHA-1, the last six of its eight digits."""
    assert fitting_step(SECRET, code, seconds * 1000, after=0) == seconds // 30
    assert fitting_step(SECRET, f"{code[:3]} {code[3:]}", seconds * 1000, after=0) == seconds // 30


@given(now=TIMES, steps=st.integers(-5, 5))
def test_clocks_may_be_one_step_apart_and_no_more(now: int, steps: int) -> None:
    code = pyotp.TOTP(SECRET).generate_otp(now // STEP_MS + steps)
    near = {pyotp.TOTP(SECRET).generate_otp(now // STEP_MS + one) for one in (-1, 0, 1)}
    assert (fitting_step(SECRET, code, now, after=0) is not None) == (code in near)
    assert (abs(steps) <= 1) <= (code in near)


@given(now=TIMES, steps=st.sampled_from([-1, 0, 1]))
def test_a_code_that_was_taken_is_not_taken_again_nor_one_before_it(now: int, steps: int) -> None:
    code = pyotp.TOTP(SECRET).generate_otp(now // STEP_MS + steps)
    taken = fitting_step(SECRET, code, now, after=0)
    assert taken is not None
    for later in (now, now + STEP_MS, now + 2 * STEP_MS):
        again = fitting_step(SECRET, code, later, after=taken)
        assert again is None or (again > taken and pyotp.TOTP(SECRET).generate_otp(again) == code)
    before = pyotp.TOTP(SECRET).generate_otp(taken - 1)
    found = fitting_step(SECRET, before, now, after=taken)
    assert found is None or found > taken


@given(st.text(max_size=12))
def test_nothing_else_is_a_code(text: str) -> None:
    found = fitting_step(SECRET, text, 1_700_000_000_000, after=0)
    assert found is None or text.replace(" ", "").isdigit()


def test_what_an_authenticator_reads_holds_the_secret_and_whose_it_is() -> None:
    secret = new_secret(os.urandom)
    assert len(base64.b32decode(secret)) == 20
    parsed = pyotp.parse_uri(address(secret, "ann", "Wardstead localhost:8443"))
    assert (parsed.name, parsed.issuer) == ("ann", "Wardstead localhost:8443")
    drawn = picture(address(secret, "ann", "Wardstead"))
    assert drawn.startswith("<svg")
    assert "style=" not in drawn
    assert "<script" not in drawn


def test_recovery_codes_are_read_however_they_are_written() -> None:
    codes = new_recovery_codes(os.urandom)
    assert len(set(codes)) == RECOVERY_CODES
    for code in codes:
        plain = code.replace("-", "")
        assert read_recovery_code(code) == plain
        assert read_recovery_code(f" {plain.upper()} ") == plain
        assert read_recovery_code(plain.replace("0", "O").replace("1", "l")) == plain
    for wrong in ("", "123456", "x" * 11, "u" * 12, codes[0] + "0"):
        assert read_recovery_code(wrong) == ""
