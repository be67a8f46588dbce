"""Checksums that many identifiers share, and the small helpers around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle

Validator = Callable[[bytes], int]
"""Takes what a pattern matched; answers how many of its first bytes are real, 0 for none."""

Check = Callable[[str], bool]
"""Takes the letters (upper case) and digits of a match, without what separates them."""


def whole(check: Callable[[bytes], bool]) -> Validator:
    """A validator of all or nothing."""
    return lambda match: len(match) if check(match) else 0


_SIGNS = bytes(code for code in range(0x80) if not chr(code).isalnum())
_UPPER = bytes(range(0x80)).upper() + bytes(range(0x80, 0x100))


def compact(match: bytes) -> str:
    """Letters and digits alone, in upper case."""
    return match.translate(_UPPER, _SIGNS).decode("ascii")


def of_code(check: Check) -> Validator:
    """A validator of all or nothing, of letters and digits alone."""
    return lambda match: len(match) if check(compact(match)) else 0


def digits_of(code: str) -> list[int]:
    """The values of a string of digits."""
    return [int(char) for char in code]


def varied(code: str) -> bool:
    """More than two different characters: 000000000 and 111111112 are placeholders that pass many checksums."""
    return len(set(code)) > 2


def weighted(code: str, weights: Sequence[int]) -> int:
    """The sum of digits times weights, as far as both go."""
    return sum(int(char) * weight for char, weight in zip(code, weights, strict=False))


_VALUES = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED = bytes.maketrans(bytes(range(10)), bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))


def luhn_code(code: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    digits = code.encode().translate(_VALUES)
    return (sum(digits[-1::-2]) + sum(digits[-2::-2].translate(_DOUBLED))) % 10 == 0 and len(set(digits)) > 1


def luhn(match: bytes) -> bool:
    """The same of the digits in a match."""
    return luhn_code("".join(chr(byte) for byte in match if 48 <= byte <= 57))


def mod_11_10(code: str) -> bool:
    """ISO 7064 MOD 11,10, for digits."""
    rest = 10
    for char in code[:-1]:
        rest = ((rest + int(char)) % 10 or 10) * 2 % 11
    return (rest + int(code[-1])) % 10 == 1


def mod_11_2(code: str) -> bool:
    """ISO 7064 MOD 11-2; the last character may be X for 10."""
    rest = 0
    for char in code[:-1]:
        rest = (rest + int(char)) * 2 % 11
    return (rest + (10 if code[-1] == "X" else int(code[-1]))) % 11 == 1


def mod_97(code: str) -> bool:
    """ISO 7064 MOD 97-10; letters count from A = 10."""
    return int("".join(str(int(char, 36)) for char in code)) % 97 == 1


_DIHEDRAL = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTED = ("0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258")
_STEPS = tuple([bytes(int(row[int(to)]) for row in _DIHEDRAL for to in permuted) for permuted in _PERMUTED])
"""By place, by ten times the rest and the digit, the next rest."""


def verhoeff(code: str) -> bool:
    """J. Verhoeff, Error Detecting Decimal Codes (1969): the dihedral group D5."""
    rest = 0
    for step, digit in zip(cycle(_STEPS), code.encode().translate(_VALUES)[::-1], strict=False):
        rest = step[10 * rest + digit]
    return rest == 0


def is_day(year: int, month: int, day: int) -> bool:
    """Whether a calendar has it; the year matters for nothing but its range."""
    longest = 29 if month == 2 else 30 if month in {4, 6, 9, 11} else 31
    return 1850 <= year <= 2100 and 1 <= month <= 12 and 1 <= day <= longest


def is_short_day(month: str, day: str) -> bool:
    """The same of two digits each, without a year."""
    return is_day(2000, int(month), int(day))


def any_of(*checks: Check) -> Check:
    """A check that one of the checks passes."""
    return lambda code: any(check(code) for check in checks)
