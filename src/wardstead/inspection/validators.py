"""What a pattern cannot say: checksums, ranges, entropy.

A validator takes what the pattern matched and answers how many of its first bytes are real, 0 for none: a greedy pattern
also takes the next group of digits ("4111 1111 1111 1111 12/26") or the next word ("BE68 5390 0754 7034 paid").
"""

from __future__ import annotations

import base64
import ipaddress
import math
import re
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise
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


def literal(match: bytes) -> bool:
    """Not a template, a look-up or a filler: ``${DB_PASSWORD}``, ``{{ secret }}``, ``os.environ``, ``<password>``, ``xxxx``."""
    if match.startswith((b"<", b"[")) or _TEMPLATE.search(match) is not None:
        return False
    return bool(match.lower().strip(b"x*.-_<>${}"))


def token(match: bytes) -> bool:
    """Not a documentation's stand-in: more than ``xxxx``, ``0000`` and words such as ``your-token-here`` is in it."""
    if _MASK.search(match) is not None or not literal(match):
        return False
    if not any(48 <= byte <= 57 for byte in match) and _is_wordlike(match, 8):
        return False
    rest = _FILLER.sub(b"", match)
    return len(rest) == len(match) or len(rest) >= max(8, len(match) * 2 // 5)


def random_looking(match: bytes) -> bool:
    """At least 2.9 bits of entropy a character, letters and digits: words, placeholders, paths and code have less."""
    value = _NEXT_FIELD.split(match.strip(b" \"'`"))[0]
    if len(value) < 8 or not token(value) or _CODE.search(value) is not None:
        return False
    counts = Counter(value)
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    if entropy < 2.9 or not any(chr(byte).isalpha() for byte in value) or _is_sequence(value):
        return False
    if not any(48 <= byte <= 57 for byte in value):
        # A long key now and then has no digit; words then have other marks.
        return len(value) >= 16 and entropy >= 3.5 and value.lower() != value != value.upper() and not _is_wordlike(value)
    return not (any(byte in _SEPARATORS for byte in value) and _is_wordlike(value))


def random_mixed(match: bytes) -> bool:
    """Random-looking, with capitals and small letters: no hash in hexadecimal, no UUID."""
    if match.lower() == match or match.upper() == match or (match.isalnum() and _is_wordlike(match)):
        return False
    return random_looking(match)


def password(match: bytes) -> bool:
    """What stands as a literal where a password is expected: letters with digits or signs, and not the word itself."""
    value = match.rstrip(b"!?.,;:")
    if len(value) < 6 or not token(value) or len(_FILLER.sub(b"", value)) < 4 or _CODE.search(value) is not None:
        return False
    if not any(chr(byte).isalpha() for byte in value) or _is_sequence(value):
        return False
    if any(48 <= byte <= 57 or byte in b"!@#$%^&*+=~?" for byte in value):
        return not (any(byte in _SEPARATORS for byte in value) and _is_wordlike(value))
    return len(value) >= 12 and value.lower() != value != value.upper() and not _is_wordlike(value)


def spoken_password(match: bytes) -> bool:
    """A password between words of a sentence: it has a digit and a letter, and is no date, address or unit."""
    value = match.rstrip(b"!?.,;:")
    letters = sum(chr(byte).isalpha() for byte in value)
    return letters >= 2 and letters < len(value) and any(48 <= byte <= 57 for byte in value) and password(value)


def url_password(match: bytes) -> bool:
    """A password, or ``user:password``, that is neither a template nor a manual's ``user:pass``."""
    secret = match.partition(b":")[2] or match
    return literal(secret) and _MASK.search(secret) is None and len(secret) > 2 and bool(_FILLER.sub(b"", secret).strip(b"._-12"))


def base58_check(match: bytes) -> bool:
    """The last four bytes are a checksum of the others (Bitcoin wiki, "Base58Check encoding")."""
    number = 0
    for byte in match:
        number = number * 58 + _BASE58.index(byte)
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return sha256(sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]


def basic_credentials(match: bytes) -> bool:
    """Base64 of ``user:password`` (RFC 7617 section 2)."""
    try:
        plain = base64.b64decode(match.rstrip(b"=") + b"=" * (-len(match.rstrip(b"=")) % 4), validate=True)
    except ValueError:
        return False
    user, colon, secret = plain.partition(b":")
    return bool(colon and len(user) + len(secret) > 2 and all(32 <= byte < 127 for byte in plain))


_NEXT_FIELD: Final = re.compile(rb"&[A-Za-z_]+=")
_BASE58: Final = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_TEMPLATE: Final = re.compile(
    rb"[$#%]\{|\$\(|\{\{|%\(|\A\{[0-9A-Za-z_]|\A\$[A-Za-z_]+\Z|environ|process\.env|getenv|ENV\[|ENC\["
    rb"|\A(?:env|arn|vault|op|sm):|secrets\.|vars?\.|(?i:redacted)"
)
_MASK: Final = re.compile(rb"[xX]{6}|\*{4}|\.{3}|#{4}|_{4}")
_FILLER: Final = re.compile(
    rb"(?i)(.)\1{4,}|your|change[-_]?(?:me|this|it)|replace(?:[-_]?(?:me|this|with))?|insert|placeholder|example|sample|dummy|fake"
    rb"|password|passwd|passphrase|secret|token|api|key|access|auth|client|user|pass|pwd|value|here|goes|string|some|test|"
    rb"foo|bar|admin|null|undefined|none|true|false|[-_ .]"
)
_CODE: Final = re.compile(
    rb"[(\[{]\Z|\A(?:\.{0,2}/|~/|[A-Za-z]:\x5c)|://|->|::|&&|=>|\A[-+/=_.]{4}|\A#[0-9A-Za-z]{1,8}\b"
    rb"|\A(?:pk[_-]|sb_publishable_|phc_|age1|ssh-|AAAA[BC]3NzaC1|MII[BC]Ij|MFkw)"
)
_SEPARATORS: Final = b"._-:|"
_WORD: Final = re.compile(rb"[A-Z][a-z]{2,}|[a-z]{3,}|[A-Z]{4,}")
_CONSONANTS: Final = re.compile(rb"(?i)[bcdfghjklmnpqrstvwxz]{5}")


def _is_wordlike(value: bytes, tenths: int = 6) -> bool:
    """Whether most letters, so many tenths, are in runs that could be spoken: ``settings.api_key_v2``, not ``gT5kQz81``."""
    spoken = sum(
        len(run)
        for run in _WORD.findall(value)
        if _CONSONANTS.search(run) is None and 5 * sum(byte in b"aeiouyAEIOUY" for byte in run) >= len(run)
    )
    letters = sum(chr(byte).isalpha() for byte in value)
    return spoken * 10 >= tenths * letters and spoken * 10 >= 4 * len(value)


def _is_sequence(value: bytes) -> bool:
    """Whether most characters are the next one of the alphabet: ``abcdef123456``."""
    return 2 * sum(right - left == 1 for left, right in pairwise(value)) > len(value)


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
    "random-mixed": _whole(random_mixed),
    "literal": _whole(literal),
    "token": _whole(token),
    "password": _whole(password),
    "spoken-password": _whole(spoken_password),
    "url-password": _whole(url_password),
    "base58-check": _whole(base58_check),
    "basic-credentials": _whole(basic_credentials),
}
"""By the names that the catalogue uses."""
