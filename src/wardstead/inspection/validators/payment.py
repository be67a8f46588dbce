"""Payment cards, accounts and wallets."""

from __future__ import annotations

import re
from functools import cache
from hashlib import sha256
from typing import Final

from wardstead.inspection.validators.checksums import luhn, luhn_code, mod_97, varied, weighted

_BETWEEN: Final = b" \t\r\n._-"
"""What groups of a number are parted by: also where a table or a line's end comes between them."""
_CELLS: Final = _BETWEEN + b"|/,;:+\"'*`~\\()[]{}"
"""The same between cells that are drawn or quoted, and groups that are set in bold, in brackets, as code or by LaTeX."""


def payment_card(match: bytes) -> int:
    """Luhn, and an issuer's range and length (ISO/IEC 7812 registry as the schemes publish it). The longest that fits.

    One line may end in it: four numbers below each other are a column of a table.
    """
    lengths = _lengths(match[:4])
    if not lengths:
        return 0
    code = match.translate(None, _CELLS).decode("ascii")
    left = len(code)
    for group in reversed(_GROUP.findall(match)):
        if left in lengths and luhn_code(code[:left]):
            said = _up_to(match, left)
            if len(said.splitlines()) <= 2:
                return len(said)
        left -= len(group)
    return 0


def _up_to(match: bytes, digits: int) -> bytes:
    """What of a match ends in so many digits."""
    for at, byte in enumerate(match):
        digits -= 48 <= byte <= 57
        if not digits:
            return match[: at + 1]
    return match


@cache
def _lengths(first: bytes) -> frozenset[int]:
    """How long the numbers are that begin with these four digits."""
    number = first.decode("ascii")
    return frozenset(length for low, high, lengths in _ISSUERS if low <= number[: len(low)] <= high for length in lengths)


_GROUP: Final = re.compile(rb"[0-9]+")
_LONG: Final = {16, 17, 18, 19}
_ISSUERS: Final = (
    ("4", "4", {13, 16, 19}),  # Visa
    ("51", "55", {16}),  # Mastercard
    ("2221", "2720", {16}),  # Mastercard
    ("34", "34", {15}),  # American Express
    ("37", "37", {15}),
    ("6011", "6011", {16, 19}),  # Discover
    ("644", "659", {16, 19}),
    ("3528", "3589", _LONG),  # JCB
    ("1800", "1800", {15}),
    ("2131", "2131", {15}),
    ("300", "305", {14, 16, 19}),  # Diners Club
    ("3095", "3095", {14, 16, 19}),
    ("36", "36", {14, 16, 19}),
    ("38", "39", {14, 16, 19}),
    ("62", "62", _LONG),  # UnionPay
    ("81", "81", _LONG),
    ("5018", "5018", {12, 13, 14, 15, *_LONG}),  # Maestro
    ("5020", "5020", {12, 13, 14, 15, *_LONG}),
    ("5038", "5038", {12, 13, 14, 15, *_LONG}),
    ("5893", "5893", {12, 13, 14, 15, *_LONG}),
    ("6304", "6304", {12, 13, 14, 15, *_LONG}),
    ("6759", "6759", {12, 13, 14, 15, *_LONG}),
    ("6761", "6763", {12, 13, 14, 15, *_LONG}),
    ("500", "509", {16, 19}),  # Maestro, Elo, Verve, RuPay
    ("56", "58", {16, 19}),  # Maestro
    ("60", "60", {16}),  # RuPay, Hipercard
    ("637", "639", {16}),  # InstaPayment
    ("6363", "6363", {16}),  # Elo
    ("67", "67", {16, 18, 19}),  # Maestro
    ("82", "82", {16}),  # RuPay
    ("2200", "2204", {16, 17, 18, 19}),  # Mir
    ("9792", "9792", {16}),  # Troy
)


def iban(match: bytes) -> int:
    """ISO 13616 with ISO 7064 MOD 97-10. The country says how long it is."""
    length = _IBAN_LENGTHS.get(match[:2].decode("ascii").upper(), 0)
    places = [at for at, byte in enumerate(match) if byte not in _BETWEEN]
    if not length or len(places) < length:
        return 0
    end = places[length - 1] + 1
    if end < len(match) and match[end] not in _BETWEEN:
        return 0
    code = bytes(match[at] for at in places[:length]).decode("ascii")
    return end if mod_97(code[4:] + code[:4]) else 0


_IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
    "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
    "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip


def aba(code: str) -> bool:
    """A Federal Reserve district or its variants, and weights 3 7 1 (American Bankers Association)."""
    area = int(code[:2])
    known = area <= 12 or 21 <= area <= 32 or 61 <= area <= 72 or area == 80
    return known and varied(code) and weighted(code, (3, 7, 1) * 3) % 10 == 0


def bic(code: str) -> bool:
    """The letters five and six are a country (ISO 9362)."""
    return code[4:6] in _COUNTRIES


_COUNTRIES: Final = frozenset({
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AR", "AT", "AU", "AW", "AZ", "BA", "BB", "BD", "BE", "BF", "BG",
    "BH", "BI", "BJ", "BM", "BN", "BO", "BR", "BS", "BT", "BW", "BY", "BZ", "CA", "CD", "CF", "CG", "CH", "CI", "CL",
    "CM", "CN", "CO", "CR", "CU", "CV", "CW", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE", "EG", "ER",
    "ES", "ET", "FI", "FJ", "FK", "FO", "FR", "GA", "GB", "GD", "GE", "GF", "GG", "GH", "GI", "GL", "GM", "GN", "GP",
    "GQ", "GR", "GT", "GW", "GY", "HK", "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IQ", "IR", "IS", "IT",
    "JE", "JM", "JO", "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC", "LI",
    "LK", "LR", "LS", "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MG", "MK", "ML", "MM", "MN", "MO", "MR", "MS",
    "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA", "NC", "NE", "NG", "NI", "NL", "NO", "NP", "NZ", "OM", "PA", "PE",
    "PF", "PG", "PH", "PK", "PL", "PM", "PS", "PT", "PY", "QA", "RE", "RO", "RS", "RU", "RW", "SA", "SB", "SC", "SD",
    "SE", "SG", "SI", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST", "SV", "SX", "SY", "SZ", "TC", "TD", "TG", "TH",
    "TJ", "TL", "TM", "TN", "TO", "TR", "TT", "TV", "TW", "TZ", "UA", "UG", "US", "UY", "UZ", "VA", "VC", "VE", "VG",
    "VN", "VU", "WF", "WS", "XK", "YE", "YT", "ZA", "ZM", "ZW",
})  # fmt: skip

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def bitcoin(match: bytes) -> bool:
    """Base58Check of 25 bytes."""
    number = 0
    for char in match.decode("ascii"):
        number = number * 58 + _BASE58.index(char)
    if number >> 200:
        return False
    raw = number.to_bytes(25, "big")
    return sha256(sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def bech32(match: bytes) -> bool:
    """BIP 173 (constant 1) and BIP 350 (Bech32m)."""
    prefix, _, data = match.decode("ascii").lower().rpartition("1")
    if not prefix or any(char not in _BECH32 for char in data):
        return False
    values = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    values += [_BECH32.index(char) for char in data]
    rest = 1
    for value in values:
        top = rest >> 25
        rest = (rest & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            rest ^= generator if top >> bit & 1 else 0
    return rest in {1, 0x2BC830A3}


def expiry(match: bytes) -> bool:
    """A month and a year in which a card can end."""
    parts = [int(part) for part in match.replace(b"-", b"/").replace(b" ", b"").split(b"/")]
    return 1 <= parts[0] <= 12 and 15 <= parts[1] % 100 <= 60


def track(match: bytes) -> bool:
    """The account number of magnetic track data passes Luhn (ISO/IEC 7813)."""
    digits = bytes(match[1:] if match[:1] in b";%" else match)
    number = digits.lstrip(b"Bb").split(b"^")[0].split(b"=")[0].split(b"D")[0]
    return luhn(number)
