"""Identifiers of the Americas. Each takes letters and digits alone."""

from __future__ import annotations

from typing import Final

from wardstead.inspection.validators.checksums import digits_of, is_short_day, luhn_code, varied, weighted


def ssn(code: str) -> bool:
    """No area 000, 666 or 9xx, no group 00, no serial 0000 (US Social Security Administration)."""
    area, group, serial = code[:3], code[3:5], code[5:]
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000" and code != "123456789"


def itin(code: str) -> bool:
    """9xx and a group of 50-65, 70-88, 90-92 or 94-99 (US Internal Revenue Service)."""
    group = int(code[3:5])
    return code[0] == "9" and (50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99)


_EIN_UNUSED: Final = frozenset({0, 7, 8, 9, 17, 18, 19, 28, 29, 49, 69, 70, 78, 79, 89, 96, 97})


def ein(code: str) -> bool:
    """A prefix that the US Internal Revenue Service assigns."""
    return int(code[:2]) not in _EIN_UNUSED and varied(code)


def npi(code: str) -> bool:
    """Luhn over the prefix 80840 (US Centers for Medicare & Medicaid Services)."""
    return code[0] in "12" and luhn_code("80840" + code)


def dea(code: str) -> bool:
    """Digits 1 3 5 once, 2 4 6 twice (US Drug Enforcement Administration)."""
    return weighted(code[2:8], (1, 2, 1, 2, 1, 2)) % 10 == int(code[8])


_VIN_VALUES: Final = dict(
    zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)), strict=True)
)


def vin(code: str) -> bool:
    """The check digit of North America at the ninth place (49 CFR 565.15)."""
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    total = sum(_VIN_VALUES[char] * weight for char, weight in zip(code, weights, strict=True))
    return code[8] == "0123456789X"[total % 11] and not code.isdigit() and not code.isalpha()


def sin(code: str) -> bool:
    """Luhn; no number begins with 0 or 8 (Employment and Social Development Canada)."""
    return code[0] not in "08" and luhn_code(code)


def canada_health(code: str) -> bool:
    """Ontario: Luhn. British Columbia: 9, then modulus 11. The other provinces' nine digits have no public checksum."""
    code = code.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")  # Ontario's version of the card
    if len(code) == 9:
        return varied(code)
    columbia = code[0] == "9" and (11 - weighted(code[1:], (2, 4, 8, 5, 10, 9, 7, 3)) % 11) % 11 == int(code[9])
    return columbia or (luhn_code(code) and code[0] != "0")


def ramq(code: str) -> bool:
    """A date of birth after four letters; fifty is added to a woman's month (Régie de l'assurance maladie du Québec)."""
    return is_short_day(f"{int(code[6:8]) % 50:02}", code[8:10])


def cpf(code: str) -> bool:
    """Two check digits modulus 11 (Receita Federal)."""
    first = weighted(code[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(code[:10], range(11, 1, -1)) * 10 % 11 % 10
    return len(set(code)) > 1 and code[9:] == f"{first}{second}"


def cnpj(code: str) -> bool:
    """Two check digits modulus 11; a letter counts as its ASCII code minus 48 (Receita Federal, IN RFB 2.229/2024)."""
    values = [ord(char) - 48 for char in code]
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    first = sum(value * weight for value, weight in zip(values, weights[1:], strict=False)) % 11
    second = sum(value * weight for value, weight in zip(values, weights, strict=False)) % 11
    checks = [0 if rest < 2 else 11 - rest for rest in (first, second)]
    return len(set(code[:12])) > 1 and values[12:] == checks


def cnh(code: str) -> bool:
    """Two check digits modulus 11 (Brazilian driving licence, CONTRAN)."""
    first = weighted(code[:9], range(9, 0, -1)) % 11
    second = weighted(code[:9], range(1, 10)) % 11
    if first == 10:
        first, second = 0, second if second == 10 else (second - 2) % 11
    return varied(code) and code[9:] == f"{first}{second % 10}"


def pis(code: str) -> bool:
    """Modulus 11 (Brazilian PIS/PASEP/NIT)."""
    return varied(code) and (11 - weighted(code[:10], (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) % 11) % 11 % 10 == int(code[10])


def titulo(code: str) -> bool:
    """Eight digits, the state and two check digits modulus 11 (Tribunal Superior Eleitoral)."""
    state = int(code[8:10])
    first = weighted(code[:8], range(2, 10)) % 11
    special = state in {1, 2}
    first = 1 if special and first == 0 else first % 10
    second = (int(code[8]) * 7 + int(code[9]) * 8 + first * 9) % 11
    second = 1 if special and second == 0 else second % 10
    return 1 <= state <= 28 and code[10:] == f"{first}{second}"


_CURP_VALUES: Final = "0123456789ABCDEFGHIJKLMN\u00d1OPQRSTUVWXYZ"


def curp(code: str) -> bool:
    """A date, and a check digit modulus 10 (RENAPO)."""
    total = sum(_CURP_VALUES.index(char) * (18 - place) for place, char in enumerate(code[:17]))
    return is_short_day(code[6:8], code[8:10]) and code[17] == str(-total % 10)


def rfc(code: str) -> bool:
    """A date after the three or four letters (Servicio de Administración Tributaria)."""
    letters = len(code) - 9
    return is_short_day(code[letters + 2 : letters + 4], code[letters + 4 : letters + 6])


def cuit(code: str) -> bool:
    """Modulus 11 (AFIP; the same for CUIL)."""
    check = (11 - weighted(code[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 11
    return code[:2] in {"20", "23", "24", "25", "26", "27", "30", "33", "34"} and check == int(code[10])


def rut(code: str) -> bool:
    """Modulus 11, K for 10 (Servicio de Registro Civil e Identificación)."""
    total = sum(int(char) * (2 + place % 6) for place, char in enumerate(reversed(code[:-1])))
    return varied(code) and code[-1] == "0123456789K0"[11 - total % 11]


def nit(code: str) -> bool:
    """Modulus 11 with prime weights (DIAN, Orden Administrativa 4 of 1989)."""
    weights = (3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71)
    rest = sum(digit * weight for digit, weight in zip(digits_of(code[:-1])[::-1], weights, strict=False)) % 11
    return varied(code) and int(code[-1]) == (rest if rest < 2 else 11 - rest)
