"""Identifiers of European countries. Each takes letters and digits alone."""

from __future__ import annotations

from collections import Counter
from typing import Final

from wardstead.inspection.validators.checksums import (
    is_day,
    is_short_day,
    luhn_code,
    mod_11_10,
    varied,
    verhoeff,
    weighted,
)  # fmt: skip


def nhs(code: str) -> bool:
    """Modulus 11 (NHS Data Dictionary, NHS NUMBER)."""
    check = 11 - weighted(code[:9], range(10, 1, -1)) % 11
    return varied(code) and check != 10 and check % 11 == int(code[9])


def chi(code: str) -> bool:
    """The same after a date of birth (NHS Scotland, Community Health Index)."""
    return is_short_day(code[2:4], code[:2]) and nhs(code)


def nino(code: str) -> bool:
    """The prefixes that are not given out (HMRC, NIM39110)."""
    return code[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def utr(code: str) -> bool:
    """The first digit checks the others (HMRC, Unique Taxpayer Reference)."""
    return varied(code) and code[0] == "21987654321"[weighted(code[1:], (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11]


_POSTCODE_AREAS: Final = frozenset({
    "AB", "AL", "B", "BA", "BB", "BD", "BH", "BL", "BN", "BR", "BS", "BT", "CA", "CB", "CF", "CH", "CM", "CO", "CR",
    "CT", "CV", "CW", "DA", "DD", "DE", "DG", "DH", "DL", "DN", "DT", "DY", "E", "EC", "EH", "EN", "EX", "FK", "FY",
    "G", "GL", "GU", "GY", "HA", "HD", "HG", "HP", "HR", "HS", "HU", "HX", "IG", "IM", "IP", "IV", "JE", "KA", "KT",
    "KW", "KY", "L", "LA", "LD", "LE", "LL", "LN", "LS", "LU", "M", "ME", "MK", "ML", "N", "NE", "NG", "NN", "NP", "NR",
    "NW", "OL", "OX", "PA", "PE", "PH", "PL", "PO", "PR", "RG", "RH", "RM", "S", "SA", "SE", "SG", "SK", "SL", "SM",
    "SN", "SO", "SP", "SR", "SS", "ST", "SW", "SY", "TA", "TD", "TF", "TN", "TQ", "TR", "TS", "TW", "UB", "W", "WA",
    "WC", "WD", "WF", "WN", "WR", "WS", "WV", "YO", "ZE",
})  # fmt: skip


def uk_postcode(code: str) -> bool:
    """An area that Royal Mail has, and not a size of memory: E5 8GB."""
    area = code[: 2 if code[1].isalpha() else 1]
    return area in _POSTCODE_AREAS and not (len(code) == 5 and code[-2:] in {"GB", "TB"})


def steuer_id(code: str) -> bool:
    """MOD 11,10; of the first ten digits exactly one occurs twice or three times (Bundeszentralamt für Steuern)."""
    often = [count for count in Counter(code[:10]).values() if count > 1]
    return code[0] != "0" and len(often) == 1 and often[0] <= 3 and mod_11_10(code)


def icao_check(code: str) -> int:
    """Weights 7 3 1 over values of 0-9, A = 10 to Z = 35, < = 0, modulus 10 (ICAO Doc 9303 part 3)."""
    return sum((0 if char == "<" else int(char, 36)) * (7, 3, 1)[place % 3] for place, char in enumerate(code)) % 10


def personalausweis(code: str) -> bool:
    """Nine characters and their check digit as in ICAO Doc 9303 (Bundesdruckerei); not all letters, not all digits."""
    return varied(code) and icao_check(code[:9]) == int(code[9])


def _cross(code: str, weights: tuple[int, ...]) -> int:
    return sum(sum(divmod(int(char) * weight, 10)) for char, weight in zip(code, weights, strict=True))


def rentenversicherung(code: str) -> bool:
    """Weights with cross sums, the letter as its two-digit place in the alphabet (VKVV section 2)."""
    spelt = code[:8] + f"{ord(code[8]) - 64:02}" + code[9:11]
    month, day = code[4:6], int(code[2:4])
    return 1 <= int(month) <= 12 and day <= 81 and _cross(spelt, (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)) % 10 == int(code[11])


def krankenversichertennummer(code: str) -> bool:
    """Weights 1 2 with cross sums over the letter's place and eight digits (section 290 SGB V)."""
    return varied(code) and _cross(f"{ord(code[0]) - 64:02}" + code[1:9], (1, 2) * 5) % 10 == int(code[9])


def nir(code: str) -> bool:
    """97 minus the rest of 97; Corsica's 2A and 2B count as 19 and 18 (INSEE)."""
    number = code[:13].replace("2A", "19").replace("2B", "18")
    month = int(code[3:5])
    known = 1 <= month <= 12 or 20 <= month <= 42 or month >= 50
    return known and number.isdigit() and 97 - int(number) % 97 == int(code[13:])


def spi(code: str) -> bool:
    """The first ten digits modulus 511 are the last three (Direction générale des Finances publiques)."""
    return code[0] in "0123" and varied(code) and int(code[:10]) % 511 == int(code[10:])


def dni(code: str) -> bool:
    """The number modulus 23 chooses the letter; X, Y, Z of a NIE count as 0, 1, 2 (Ministerio del Interior)."""
    number = code[:-1].translate(str.maketrans("XYZKLM", "012000"))
    return varied(number) and code[-1] == "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23]


_FISCAL_LETTERS: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def codice_fiscale(code: str) -> bool:
    """Odd and even places have their own values, modulus 26 (Agenzia delle Entrate, DM 23/12/1976)."""
    values = [int(char) if char.isdigit() else ord(char) - 65 for char in code[:15]]  # 0 counts as A, 1 as B, ...
    total = sum(_FISCAL_LETTERS[value] for value in values[::2]) + sum(values[1::2])
    return code[15] == chr(65 + total % 26)


def partita_iva(code: str) -> bool:
    """Luhn (Agenzia delle Entrate)."""
    return code[:7] != "0000000" and luhn_code(code)


def nif_portugal(code: str) -> bool:
    """Modulus 11 (Autoridade Tributária)."""
    check = 11 - weighted(code[:8], range(9, 1, -1)) % 11
    return code[0] != "0" and varied(code) and (0 if check > 9 else check) == int(code[8])


def cartao_cidadao(code: str) -> bool:
    """Luhn over twelve characters, A = 10 to Z = 35 (Agência para a Modernização Administrativa)."""
    values = [int(char, 36) for char in reversed(code)]
    doubled = [value * 2 - 9 if value * 2 > 9 else value * 2 for value in values[1::2]]
    return (sum(values[::2]) + sum(doubled)) % 10 == 0


def bsn(code: str) -> bool:
    """The eleven test, the last digit counts minus one (Rijksdienst voor Identiteitsgegevens)."""
    code = code.zfill(9)
    return varied(code) and weighted(code, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def rijksregister(code: str) -> bool:
    """97 minus the rest of 97; a 2 is put before the number of who was born from 2000 on (Rijksregister / Registre national)."""
    known = int(code[2:4]) % 20 <= 12 and int(code[4:6]) <= 31
    return known and varied(code) and any(97 - int(century + code[:9]) % 97 == int(code[9:]) for century in ("", "2"))


def luxembourg(code: str) -> bool:
    """A date, Luhn over twelve digits, Verhoeff over eleven and the last (Centre des technologies de l'information de l'État)."""
    known = is_day(int(code[:4]), int(code[4:6]), int(code[6:8]))
    return known and luhn_code(code[:12]) and verhoeff(code[:11] + code[12])


def svnr(code: str) -> bool:
    """The fourth digit checks the others, modulus 11 (Dachverband der Sozialversicherungsträger)."""
    known = 1 <= int(code[6:8]) <= 15 and 1 <= int(code[4:6]) <= 31
    return known and code[0] != "0" and weighted(code, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6)) % 11 == int(code[3])


def pps(code: str) -> bool:
    """Modulus 23 chooses the first letter, the second counts nine times (Department of Social Protection)."""
    second = ord(code[8]) - 64 if len(code) == 9 and code[8] != "W" else 0
    return varied(code) and code[7] == "WABCDEFGHIJKLMNOPQRSTUV"[(weighted(code[:7], range(8, 1, -1)) + 9 * second) % 23]


def cpr(code: str) -> bool:
    """A date (CPR-kontoret: since 2007 some numbers pass no checksum)."""
    return is_short_day(code[2:4], code[:2]) and varied(code)


def cpr_checked(code: str) -> bool:
    """A date and modulus 11, as before 2007."""
    return cpr(code) and weighted(code, (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def personnummer(code: str) -> bool:
    """A date, to which a coordination number adds sixty, and Luhn over the last ten digits (Skatteverket)."""
    code = code[-10:]
    return is_short_day(code[2:4], f"{int(code[4:6]) % 60:02}") and luhn_code(code)


def hetu(code: str) -> bool:
    """A date, and the nine digits modulus 31 (Digi- ja väestötietovirasto)."""
    number = "".join(char for char in code[:-1] if char.isdigit())
    return is_short_day(code[2:4], code[:2]) and code[-1] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(number[:6] + number[-3:]) % 31]


def pesel(code: str) -> bool:
    """A date, whose month says the century, and weights 1 3 7 9 (Ministerstwo Cyfryzacji)."""
    return is_short_day(f"{int(code[2:4]) % 20:02}", code[4:6]) and weighted(code, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def nip(code: str) -> bool:
    """Modulus 11 (Ministerstwo Finansów)."""
    return varied(code) and weighted(code, (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(code[9])


def regon(code: str) -> bool:
    """Modulus 11 over eight, and for a local unit over thirteen digits (Główny Urząd Statystyczny)."""
    short = weighted(code[:8], (8, 9, 2, 3, 4, 5, 6, 7)) % 11 % 10 == int(code[8])
    longer = len(code) == 9 or weighted(code[:13], (2, 4, 8, 5, 0, 9, 7, 3, 6, 1, 2, 4, 8)) % 11 % 10 == int(code[13])
    return varied(code) and short and longer


def dowod(code: str) -> bool:
    """Weights 7 3 1, 9 for the check digit; A = 10 (Polish identity card)."""
    values = [int(char, 36) for char in code]
    return sum(value * weight for value, weight in zip(values, (7, 3, 1, 9, 7, 3, 1, 7, 3), strict=True)) % 10 == 0


def rodne_cislo(code: str) -> bool:
    """A date, whose month is 50, 20 or 70 higher, and divisible by 11; nine digits before 1954 (Czech Act 133/2000)."""
    month = int(code[2:4])
    month -= 70 if month > 70 else 50 if month > 50 else 20 if month > 20 else 0
    checked = len(code) == 9 or int(code) % 11 == 0 or (int(code[:9]) % 11 == 10 and code[9] == "0")
    return checked and varied(code) and is_short_day(f"{month:02}", code[4:6])


def taj(code: str) -> bool:
    """Weights 3 7, modulus 10 (Hungarian social security)."""
    return varied(code) and weighted(code[:8], (3, 7) * 4) % 10 == int(code[8])


def adoazonosito(code: str) -> bool:
    """8, then places as weights modulus 11 (Hungarian tax authority)."""
    return code[0] == "8" and weighted(code[:9], range(1, 10)) % 11 == int(code[9])


def cnp(code: str) -> bool:
    """A date, a county, and weights 279146358279 modulus 11 (Romanian Direction of Personal Records)."""
    known = code[0] != "0" and is_short_day(code[3:5], code[5:7]) and (1 <= int(code[7:9]) <= 52 or code[7:9] == "70")
    rest = weighted(code[:12], (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return known and (1 if rest == 10 else rest) == int(code[12])


def egn(code: str) -> bool:
    """A date, whose month is 20 or 40 higher in other centuries, and modulus 11 (Bulgarian GRAO)."""
    month = int(code[2:4])
    month -= 40 if month > 40 else 20 if month > 20 else 0
    return is_short_day(f"{month:02}", code[4:6]) and weighted(code[:9], (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == int(code[9])


def afm(code: str) -> bool:
    """Powers of two, modulus 11 (Greek Independent Authority for Public Revenue)."""
    return varied(code) and weighted(code[:8], (256, 128, 64, 32, 16, 8, 4, 2)) % 11 % 10 == int(code[8])


def amka(code: str) -> bool:
    """A date and Luhn (Greek social security)."""
    return is_short_day(code[2:4], code[:2]) and luhn_code(code)


def oib(code: str) -> bool:
    """MOD 11,10 (Croatian Tax Administration)."""
    return varied(code) and mod_11_10(code)


def emso(code: str) -> bool:
    """A date and modulus 11 (Slovenian EMŠO; the same for the JMBG of Yugoslavia's other successors)."""
    rest = weighted(code[:12], (7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return is_short_day(code[2:4], code[:2]) and code[4] in "089" and rest != 1 and (11 - rest) % 11 == int(code[12])


def davcna(code: str) -> bool:
    """Modulus 11 (Slovenian tax number)."""
    check = 11 - weighted(code[:7], range(8, 1, -1)) % 11
    return code[0] != "0" and varied(code) and check != 11 and check % 10 == int(code[7])


def isikukood(code: str) -> bool:
    """A date, and modulus 11 in two stages (Estonia EVS 585; Lithuania the same)."""
    rest = weighted(code[:10], (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if rest == 10:
        rest = weighted(code[:10], (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return code[0] in "123456" and is_short_day(code[3:5], code[5:7]) and rest == int(code[10])


def personas_kods(code: str) -> bool:
    """A date and modulus 11, or, since 2017, 32 and no checksum (Latvian PMLP)."""
    rest = (1101 - weighted(code[:10], (1, 6, 3, 7, 9, 10, 5, 8, 4, 2))) % 11
    return code.startswith("32") or (is_short_day(code[2:4], code[:2]) and rest == int(code[10]))


def cyprus_tic(code: str) -> bool:
    """Even places have their own values, modulus 26 (Cyprus Tax Department)."""
    total = sum(_FISCAL_LETTERS[int(char)] for char in code[:8:2]) + sum(int(char) for char in code[1:8:2])
    return varied(code) and not code.startswith("12") and code[8] == chr(65 + total % 26)


def fodselsnummer(code: str) -> bool:
    """A date, to which a D number adds forty days, and two check digits modulus 11 (Skatteetaten)."""
    first = -weighted(code[:9], (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -weighted(code[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    day, month = int(code[:2]) % 40, int(code[2:4]) % 40
    return is_day(2000, month, day) and code[9:] == f"{first}{second}"


def ahv(code: str) -> bool:
    """756 and the check digit of GTIN-13 (Swiss Central Compensation Office)."""
    return varied(code) and weighted(code, (1, 3) * 6 + (1,)) % 10 == 0


def kennitala(code: str) -> bool:
    """A date, and modulus 11 at the ninth place (Registers Iceland)."""
    known = is_day(2000, int(code[2:4]), int(code[:2]) % 40) and code[9] in "089"
    return known and -weighted(code[:8], (3, 2, 7, 6, 5, 4, 3, 2)) % 11 == int(code[8])


def inn(code: str) -> bool:
    """Two check digits modulus 11 (Federal Tax Service of Russia, a person's twelve digits)."""
    first = weighted(code[:10], (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    second = weighted(code[:11], (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    return varied(code) and code[10:] == f"{first}{second}"


def snils(code: str) -> bool:
    """Weights 9 to 1, modulus 101 (Social Fund of Russia)."""
    return varied(code) and weighted(code[:9], range(9, 0, -1)) % 101 % 100 == int(code[9:])


def ukraine_rnokpp(code: str) -> bool:
    """Modulus 11 (State Tax Service of Ukraine)."""
    return varied(code) and weighted(code[:9], (-1, 5, 7, 9, 4, 6, 10, 5, 7)) % 11 % 10 == int(code[9])
