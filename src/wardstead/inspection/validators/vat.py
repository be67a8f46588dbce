"""VAT numbers of the EU's members, of Northern Ireland, Great Britain, Norway and Switzerland.

The structure is the European Commission's (VIES); the checksums are those that the member states publish for it.
"""

from __future__ import annotations

from typing import Final

from wardstead.inspection.validators.checksums import Check, luhn_code, mod_11_10, mod_97, varied, weighted
from wardstead.inspection.validators.europe import (
    afm,
    bsn,
    cyprus_tic,
    davcna,
    dni,
    egn,
    nif_portugal,
    nip,
    oib,
    partita_iva,
    personas_kods,
    pps,
    rodne_cislo,
)


def _divisible(weights: tuple[int, ...], modulus: int) -> Check:
    return lambda code: len(code) == len(weights) and weighted(code, weights) % modulus == 0


def _austria(code: str) -> bool:
    total = sum(sum(divmod(int(char) * (1 + place % 2), 10)) for place, char in enumerate(code[1:8]))
    return (96 - total) % 10 == int(code[8])


def _belgium(code: str) -> bool:
    code = code.zfill(10)
    return 97 - int(code[:8]) % 97 == int(code[8:])


def _bulgaria(code: str) -> bool:
    if len(code) == 10:
        foreigner = weighted(code[:9], (21, 19, 17, 13, 11, 9, 7, 3, 1)) % 10
        other = (11 - weighted(code[:9], (4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 11
        return egn(code) or int(code[9]) in {foreigner, other}
    check = weighted(code[:8], range(1, 9)) % 11
    return int(code[8]) == (weighted(code[:8], range(3, 11)) % 11 % 10 if check == 10 else check)


def _czechia(code: str) -> bool:
    if len(code) > 8:
        return rodne_cislo(code)
    return (11 - weighted(code[:7], range(8, 1, -1)) % 11) % 10 == int(code[7])


def cif(code: str) -> bool:
    """A legal person of Spain: Luhn over the seven digits, as a digit or a letter (Orden EHA/451/2008)."""
    check = -sum(sum(divmod(int(char) * (2 - place % 2), 10)) for place, char in enumerate(code[1:8])) % 10
    return code[8] in {str(check), "JABCDEFGHI"[check]}


def _spain(code: str) -> bool:
    return cif(code) if code[0] in "ABCDEFGHJNPQRSUVW" else dni(code)


def siren(code: str) -> bool:
    """Luhn over nine digits, fourteen for an establishment's SIRET (INSEE)."""
    return luhn_code(code[:9]) and (len(code) == 9 or luhn_code(code))


def _france(code: str) -> bool:
    key = code[:2]
    return siren(code[2:]) and (not key.isdigit() or (12 + 3 * (int(code[2:]) % 97)) % 97 == int(key))


def _lithuania(code: str) -> bool:
    body = code[:-1]
    rest = sum(int(char) * (1 + place % 9) for place, char in enumerate(body)) % 11
    if rest == 10:
        rest = sum(int(char) * (1 + (place + 2) % 9) for place, char in enumerate(body)) % 11 % 10
    return rest == int(code[-1])


def _latvia(code: str) -> bool:
    if code[0] in "0123":
        return personas_kods(code)
    return weighted(code, (9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1)) % 11 == 3


def _netherlands(code: str) -> bool:
    return bsn(code[:9]) or mod_97("NL" + code)


def _romania(code: str) -> bool:
    return weighted(code[:-1].zfill(9), (7, 5, 3, 2, 1, 7, 5, 3, 2)) * 10 % 11 % 10 == int(code[-1])


def _britain(code: str) -> bool:
    return (weighted(code[:7], range(8, 1, -1)) + int(code[7:9])) % 97 in {0, 42}


def uid_switzerland(code: str) -> bool:
    """Modulus 11 (Swiss Federal Statistical Office)."""
    return varied(code) and -weighted(code[:8], (5, 4, 3, 2, 7, 6, 5, 4)) % 11 == int(code[8])


_MEMBERS: Final[dict[str, Check]] = {
    "AT": _austria,
    "BE": _belgium,
    "BG": _bulgaria,
    "CY": cyprus_tic,
    "CZ": _czechia,
    "DE": mod_11_10,
    "DK": _divisible((2, 7, 6, 5, 4, 3, 2, 1), 11),
    "EE": _divisible((3, 7, 1, 3, 7, 1, 3, 7, 1), 10),
    "EL": afm,
    "ES": _spain,
    "FI": _divisible((7, 9, 10, 5, 8, 4, 2, 1), 11),
    "FR": _france,
    "GB": _britain,
    "HR": oib,
    "HU": _divisible((9, 7, 3, 1, 9, 7, 3, 1), 10),
    "IE": pps,
    "IT": partita_iva,
    "LT": _lithuania,
    "LU": lambda code: int(code[:6]) % 89 == int(code[6:]),
    "LV": _latvia,
    "MT": _divisible((3, 4, 6, 7, 8, 9, 10, 1), 37),
    "NL": _netherlands,
    "NO": _divisible((3, 2, 7, 6, 5, 4, 3, 2, 1), 11),
    "PL": nip,
    "PT": nif_portugal,
    "RO": _romania,
    "SE": lambda code: luhn_code(code[:10]),
    "SI": davcna,
    "SK": lambda code: int(code) % 11 == 0,
    "XI": _britain,
}


def vat(code: str) -> bool:
    """The country's two letters and its number."""
    if code.startswith("CHE"):
        return uid_switzerland(code[3:12])
    number = code[2:]
    return number.strip("0") != "" and _MEMBERS[code[:2]](number.removesuffix("MVA"))
