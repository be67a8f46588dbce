"""Identifiers of Asia, Oceania and Africa. Each takes letters and digits alone."""

from __future__ import annotations

from wardstead.inspection.validators.checksums import (
    digits_of,
    is_day,
    is_short_day,
    luhn_code,
    mod_11_2,
    varied,
    verhoeff,
    weighted,
)


def aadhaar(code: str) -> bool:
    """Verhoeff; the first digit is 2 to 9 (UIDAI)."""
    return code[0] not in "01" and varied(code) and verhoeff(code)


def gstin(code: str) -> bool:
    """A state, a PAN, and a check character modulus 36 (GST Council)."""
    total = 0
    for place, char in enumerate(code[:14]):
        product = int(char, 36) * (1 + place % 2)
        total += sum(divmod(product, 36))
    return 1 <= int(code[:2]) <= 38 and int(code[14], 36) == -total % 36


def tfn(code: str) -> bool:
    """Modulus 11, nine digits or the older eight (Australian Taxation Office)."""
    weights = (1, 4, 3, 7, 5, 8, 6, 9, 10) if len(code) == 9 else (10, 7, 8, 4, 6, 3, 5, 1)
    return varied(code) and weighted(code, weights) % 11 == 0


def medicare_australia(code: str) -> bool:
    """Weights 1 3 7 9 over eight digits, modulus 10 (Services Australia)."""
    return code[0] in "23456" and varied(code) and weighted(code[:8], (1, 3, 7, 9) * 2) % 10 == int(code[8])


def abn(code: str) -> bool:
    """One less in the first digit, then divisible by 89 (Australian Business Register)."""
    return varied(code) and (weighted(code, (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)) - 10) % 89 == 0


def acn(code: str) -> bool:
    """Weights 8 to 1, modulus 10 (Australian Securities and Investments Commission)."""
    return varied(code) and -weighted(code[:8], range(8, 0, -1)) % 10 == int(code[8])


def ird(code: str) -> bool:
    """Modulus 11, with second weights where the first leave 10 (Inland Revenue, New Zealand)."""
    if not 10_000_000 < int(code) < 150_000_000:
        return False
    code = code.zfill(9)
    check = -weighted(code[:8], (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    if check == 10:
        check = -weighted(code[:8], (7, 4, 3, 2, 5, 2, 7, 6)) % 11
    return check == int(code[8])


_NHI = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def nhi(code: str) -> bool:
    """Modulus 11 of AAANNNN, modulus 23 of AAANNAX; letters without I and O (HISO 10046)."""
    values = [int(char) if char.isdigit() else _NHI.find(char) + 1 for char in code[:6]]
    rest = sum(value * weight for value, weight in zip(values, range(7, 1, -1), strict=True))
    if code[5].isalpha():
        return code[6] == _NHI[(23 - rest % 23) - 1]
    return rest % 11 != 0 and code[6] == str((11 - rest % 11) % 10)


def nric(code: str) -> bool:
    """Weights, an offset by the first letter, and a table of letters (Immigration & Checkpoints Authority of Singapore)."""
    total = weighted(code[1:8], (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(code[0], 0)
    letters = "JZIHGFEDCBA" if code[0] in "ST" else "XWUTRQPNMLK" if code[0] in "FG" else "KLJNPQRTUWX"
    rest = total % 11
    return varied(code) and code[8] == letters[10 - rest if code[0] == "M" else rest]


def rrn(code: str) -> bool:
    """A date and a digit for sex and century; since October 2020 there is no checksum (Ministry of the Interior, Korea)."""
    return is_short_day(code[2:4], code[4:6]) and varied(code)


def my_number(code: str) -> bool:
    """Modulus 11 (Japan, Ministerial Ordinance No. 85 of 2014, article 5)."""
    rest = weighted(code[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return varied(code) and (0 if rest <= 1 else 11 - rest) == int(code[11])


def resident_id_china(code: str) -> bool:
    """A date and MOD 11-2 (GB 11643-1999)."""
    return is_day(int(code[6:10]), int(code[10:12]), int(code[12:14])) and mod_11_2(code)


def hkid(code: str) -> bool:
    """Weights 9 to 1 over one or two letters, six digits and the check digit (Immigration Department, Hong Kong)."""
    head, number = code[:-7], code[-7:]
    values = ([36] if len(head) == 1 else []) + [ord(char) - 55 for char in head] + digits_of(number[:6])
    values.append(10 if number[6] == "A" else int(number[6]))
    return sum(value * weight for value, weight in zip(values, range(9, 0, -1), strict=True)) % 11 == 0


def taiwan_id(code: str) -> bool:
    """The letter as two digits, weights 1 9 8 … 1 1, modulus 10 (Ministry of the Interior, Taiwan)."""
    number = 10 + "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(code[0])
    return varied(code) and weighted(f"{number}{code[1:]}", (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)) % 10 == 0


def thai_id(code: str) -> bool:
    """Weights 13 to 2, modulus 11 (Bureau of Registration Administration, Thailand)."""
    return code[0] != "0" and varied(code) and (11 - weighted(code[:12], range(13, 1, -1)) % 11) % 10 == int(code[12])


def mykad(code: str) -> bool:
    """A date (National Registration Department of Malaysia)."""
    return is_short_day(code[2:4], code[4:6]) and varied(code)


def tckn(code: str) -> bool:
    """Two check digits modulus 10 (General Directorate of Civil Registration, Turkey)."""
    digits = digits_of(code)
    tenth = (sum(digits[0:9:2]) * 7 - sum(digits[1:8:2])) % 10
    return digits[0] != 0 and varied(code) and digits[9] == tenth and digits[10] == sum(digits[:10]) % 10


def israel_id(code: str) -> bool:
    """Luhn over nine digits (Population and Immigration Authority)."""
    return varied(code) and luhn_code(code.zfill(9))


def emirates_id(code: str) -> bool:
    """784, a year of birth, and Luhn (Federal Authority for Identity and Citizenship, UAE)."""
    return 1900 <= int(code[3:7]) <= 2100 and luhn_code(code)


def saudi_id(code: str) -> bool:
    """1 for citizens or 2 for residents, and Luhn (Ministry of Interior, Saudi Arabia)."""
    return code[0] in "12" and luhn_code(code)


def south_africa(code: str) -> bool:
    """A date, 0 to 2 for citizenship, and Luhn (Department of Home Affairs)."""
    return is_short_day(code[2:4], code[4:6]) and code[10] in "012" and luhn_code(code)


def egypt(code: str) -> bool:
    """A century and a date (Ministry of Interior, Egypt)."""
    return code[0] in "23" and is_short_day(code[3:5], code[5:7]) and (1 <= int(code[7:9]) <= 35 or code[7:9] == "88")
