"""Codes of an authenticator (TOTP, RFC 6238) and recovery codes: how they are made, shown and read."""

from __future__ import annotations

import base64
import hmac
from typing import Final

import pyotp
import segno

from wardstead.kernel.clock import Entropy

STEP_MS: Final = 30_000
_SKEW: Final = 1
"""A code of the step before, or after, is taken as well: clocks differ (RFC 6238, section 5.2)."""
_SECRET_BYTES: Final = 20
_DIGITS: Final = 6
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: nothing in it is taken for another."""
_MISREAD: Final = str.maketrans({"o": "0", "i": "1", "l": "1", "-": None, " ": None})
RECOVERY_CODES: Final = 10
_RECOVERY_CHARACTERS: Final = 12


def new_secret(entropy: Entropy) -> str:
    """160 random bits (RFC 4226, section 4, R6), as authenticators take them."""
    return base64.b32encode(entropy(_SECRET_BYTES)).decode("ascii")


def address(secret: str, name: str, issuer: str) -> str:
    """The ``otpauth:`` address that authenticators read."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)


def picture(text: str) -> str:
    """A text as a QR code: an ``svg`` element, dark on light whatever the theme is, for cameras."""
    return segno.make(text, error="m").svg_inline(
        border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )


def fitting_step(secret: str, given: str, now_ms: int, *, after: int) -> int | None:
    """The step that a code is of, if it is later than ``after``: the step of one that was taken, or one before it.

    All steps are compared, each in constant time.
    """
    code = given.replace(" ", "")
    if len(code) != _DIGITS or not (code.isascii() and code.isdigit()):
        return None
    totp, present, found = pyotp.TOTP(secret), now_ms // STEP_MS, None
    for step in range(present - _SKEW, present + _SKEW + 1):
        if hmac.compare_digest(totp.generate_otp(step), code) and step > after and found is None:
            found = step
    return found


def new_recovery_codes(entropy: Entropy) -> tuple[str, ...]:
    """Ten codes of 60 random bits."""
    return tuple(_recovery_code(entropy) for _ in range(RECOVERY_CODES))


def _recovery_code(entropy: Entropy) -> str:
    made = "".join(_ALPHABET[byte & 31] for byte in entropy(_RECOVERY_CHARACTERS))
    return "-".join(made[at : at + 4] for at in range(0, _RECOVERY_CHARACTERS, 4))


def read_recovery_code(given: str) -> str:
    """The code that is meant, without what people write between its letters; empty for what is none."""
    code = given.strip().lower().translate(_MISREAD)
    return code if len(code) == _RECOVERY_CHARACTERS and set(code) <= set(_ALPHABET) else ""
