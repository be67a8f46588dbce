"""What a pattern cannot say: checksums, ranges, entropy. Each takes the match's bytes and says whether it is real."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Final

Validator = Callable[[bytes], bool]


def _digits(match: bytes) -> list[int]:
    return [byte - 48 for byte in match if 48 <= byte <= 57]


def luhn(match: bytes) -> bool:
    """ISO/IEC 7812-1 annex B."""
    digits = _digits(match)
    if len(set(digits)) < 2:
        return False
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def payment_card(match: bytes) -> bool:
    """Luhn, and an issuer's range and length (ISO/IEC 7812 registry as the schemes publish it)."""
    number = "".join(map(str, _digits(match)))
    return luhn(match) and any(len(number) in lengths and low <= number[: len(low)] <= high for low, high, lengths in _ISSUERS)


_ISSUERS: Final = (
    ("4", "4", {13, 16, 19}),  # Visa
    ("51", "55", {16}),  # Mastercard
    ("2221", "2720", {16}),  # Mastercard
    ("34", "34", {15}),  # American Express
    ("37", "37", {15}),
    ("6011", "6011", {16, 19}),  # Discover
    ("644", "659", {16, 19}),
    ("3528", "3589", {16, 19}),  # JCB
    ("300", "305", {14, 16, 19}),  # Diners Club
    ("36", "36", {14, 16, 19}),
    ("38", "39", {14, 16, 19}),
    ("62", "62", {16, 17, 18, 19}),  # UnionPay
)


def ssn(match: bytes) -> bool:
    """No area 000, 666 or 9xx, no group 00, no serial 0000 (US Social Security Administration)."""
    number = "".join(map(str, _digits(match)))
    area, group, serial = number[:3], number[3:5], number[5:]
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000" and number != "123456789"


def sin(match: bytes) -> bool:
    """Luhn; no number begins with 0 or 8 (Employment and Social Development Canada)."""
    return _digits(match)[0] not in {0, 8} and luhn(match)


def nhs(match: bytes) -> bool:
    """Modulus 11 (NHS Data Dictionary, NHS NUMBER)."""
    digits = _digits(match)
    check = 11 - sum(digit * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    return len(set(digits)) > 2 and check != 10 and check % 11 == digits[9]


def iban(match: bytes) -> bool:
    """ISO 13616 with ISO 7064 MOD 97-10."""
    compact = bytes(byte for byte in match.upper() if byte not in b" -").decode()
    if _IBAN_LENGTHS.get(compact[:2]) != len(compact):
        return False
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1


_IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28, "CH": 21,
    "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26,
    "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27,
    "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
    "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23,
    "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip


def ipv4(match: bytes) -> bool:
    """Four octets; not a version number's favourites (0.x, loopback, unspecified)."""
    octets = [int(part) for part in match.split(b".")]
    return all(octet <= 255 for octet in octets) and octets[0] not in {0, 127}


def date(match: bytes) -> bool:
    """A day that can exist."""
    parts = [int(part) for part in match.replace(b"/", b"-").replace(b".", b"-").split(b"-")]
    year = max(parts)
    rest = sorted(part for part in parts if part != year)
    return 1900 <= year <= 2100 and len(rest) == 2 and 1 <= rest[0] <= 12 and 1 <= rest[1] <= 31


def phone(match: bytes) -> bool:
    """7 to 15 digits (ITU-T E.164), not all alike."""
    digits = _digits(match)
    return 7 <= len(digits) <= 15 and len(set(digits)) > 2


def random_looking(match: bytes) -> bool:
    """At least 3 bits of entropy a character, and both letters and digits: words and placeholders have less."""
    value = match.rsplit(b"=", 1)[-1] if b"=" in match[:-4] else match.rsplit(b":", 1)[-1]
    value = value.strip(b" \"'`")
    if len(value) < 8 or value.lower().strip(b"x*.-_<>${}") == b"" or value.startswith((b"${", b"<", b"{{")):
        return False
    counts = Counter(value)
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return entropy >= 2.9 and any(48 <= b <= 57 for b in value) and any(chr(b).isalpha() for b in value)


VALIDATORS: Final[dict[str, Validator]] = {
    "luhn": luhn,
    "payment-card": payment_card,
    "ssn": ssn,
    "sin": sin,
    "nhs": nhs,
    "iban": iban,
    "ipv4": ipv4,
    "date": date,
    "phone": phone,
    "random-looking": random_looking,
}
"""By the names that the catalogue uses."""
