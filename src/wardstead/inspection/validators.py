"""What a pattern cannot say: checksums, ranges, entropy.

A validator takes what the pattern matched and answers how many of its first bytes are real, 0 for none: a greedy pattern
also takes the next group of digits ("4111 1111 1111 1111 12/26") or the next word ("BE68 5390 0754 7034 paid").
"""

from __future__ import annotations

import ipaddress
import math
from collections import Counter
from collections.abc import Callable
from typing import Final

Validator = Callable[[bytes], int]


def _whole(check: Callable[[bytes], bool]) -> Validator:
    """A validator of all or nothing."""
    return lambda match: len(match) if check(match) else 0


def _digits(match: bytes) -> list[int]:
    return [byte - 48 for byte in match if 48 <= byte <= 57]


def luhn(match: bytes) -> bool:
    """ISO/IEC 7812-1 annex B."""
    digits = _digits(match)
    if len(set(digits)) < 2:
        return False
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def payment_card(match: bytes) -> int:
    """Luhn, and an issuer's range and length (ISO/IEC 7812 registry as the schemes publish it). The longest that fits."""
    number = match.translate(None, b" .-").decode("ascii")
    lengths = {length for low, high, lengths in _ISSUERS if low <= number[: len(low)] <= high for length in lengths}
    # It ends where a group of digits ends.
    ends = (at for at in range(len(match), 0, -1) if at == len(match) or match[at] in b" .-")
    return next((end for end in ends if len(match[:end].translate(None, b" .-")) in lengths and luhn(match[:end])), 0)


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


def iban(match: bytes) -> int:
    """ISO 13616 with ISO 7064 MOD 97-10. The country says how long it is."""
    length = _IBAN_LENGTHS.get(match[:2].decode("ascii").upper(), 0)
    places = [at for at, byte in enumerate(match) if byte not in b" -"]
    if not length or len(places) < length:
        return 0
    end = places[length - 1] + 1
    if end < len(match) and match[end] not in b" -":
        return 0
    compact = bytes(match[at] for at in places[:length]).decode("ascii")
    return end if int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1 else 0


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


def ipv6(match: bytes) -> bool:
    """An address of RFC 4291 section 2.2 with a digit in it, which ``dead::beef`` and other words of code have not."""
    try:
        address = ipaddress.IPv6Address(match.decode("ascii"))
    except ipaddress.AddressValueError:
        return False
    return not address.is_loopback and not address.is_unspecified and any(48 <= byte <= 57 for byte in match)


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
    """At least 2.9 bits of entropy a character, letters and digits: words and placeholders have less."""
    value = match.strip(b" \"'`")
    if len(value) < 8 or not literal(value):
        return False
    counts = Counter(value)
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return entropy >= 2.9 and any(48 <= byte <= 57 for byte in value) and any(chr(byte).isalpha() for byte in value)


def literal(match: bytes) -> bool:
    """Not a placeholder: ``${DB_PASSWORD}``, ``<password>``, ``{{ secret }}``, ``$(cmd)``, ``****``, ``xxxx``."""
    return not match.startswith((b"${", b"$(", b"<", b"{{", b"%(")) and bool(match.lower().strip(b"x*.-_<>${}"))


VALIDATORS: Final[dict[str, Validator]] = {
    "payment-card": payment_card,
    "iban": iban,
    "ssn": _whole(ssn),
    "sin": _whole(sin),
    "nhs": _whole(nhs),
    "ipv4": _whole(ipv4),
    "ipv6": _whole(ipv6),
    "date": _whole(date),
    "phone": _whole(phone),
    "random-looking": _whole(random_looking),
    "literal": _whole(literal),
}
"""By the names that the catalogue uses."""
