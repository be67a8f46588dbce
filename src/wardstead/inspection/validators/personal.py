"""Addresses of machines, devices and people, dates, phones, machine-readable travel documents."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Final

from wardstead.inspection.validators.checksums import luhn, luhn_code, varied
from wardstead.inspection.validators.europe import icao_check


def ipv4(match: bytes) -> bool:
    """Four octets; not a version number's favourites (0.x, loopback, masks, 1.2.3.4), no leading zeros, no network's number."""
    parts = match.split(b".")
    octets = [int(part) for part in parts]
    plain = all(octet <= 255 for octet in octets) and octets[0] not in {0, 127, 255}
    plain = plain and octets[2:] != [0, 0] and octets != [1, 2, 3, 4]
    return plain and not any(len(part) > 1 and part.startswith(b"0") for part in parts)


def ipv6(match: bytes) -> bool:
    """An address of RFC 4291 section 2.2. A shortened one must be of a range in use: ``c3::d4e5`` is a word of code."""
    text = match.decode("ascii")
    try:
        address = ipaddress.IPv6Address(text)
    except ipaddress.AddressValueError:
        return False
    if address.is_loopback or address.is_unspecified or not any(char.isdigit() for char in text):
        return False
    if "::" not in text:
        return varied(text) and max(map(len, text.split(":"))) > 2  # or a fingerprint: C7:B1:E4:13:7B:FB:54:84
    first = int(text.split(":")[0] or "0", 16)
    used = 0x2000 <= first <= 0x3FFF or 0xFC00 <= first <= 0xFDFF or 0xFE80 <= first <= 0xFEBF or first == 0x64
    return used or address.ipv4_mapped is not None


def mac_address(match: bytes) -> bool:
    """Six octets or eight, not all alike; seven where the first is the type of hardware. More are a digest or a key."""
    count = len(match.split(match[2:3]))
    return (count in {6, 8} or (count == 7 and match.startswith(b"01"))) and varied(match.decode("ascii"))


def date(match: bytes) -> bool:
    """A day that can exist: three numbers, the year of four digits or, at the end, of two."""
    parts = [int(part) for part in re.split(rb"[^0-9]+", match.strip(b".- "))]
    if len(parts) != 3:
        return False
    year = max(parts) if max(parts) > 99 else 2000
    rest = sorted(part for part in parts if part != year) if max(parts) > 99 else sorted(parts[:2])
    return 1900 <= year <= 2100 and len(rest) == 2 and 1 <= rest[0] <= 12 and 1 <= rest[1] <= 31


def phone(match: bytes) -> bool:
    """7 to 15 digits (ITU-T E.164) and perhaps an extension, not all alike."""
    number = _without_extension(match)
    return 7 <= len(number) <= 15 and varied(number) and _FRACTION.fullmatch(match) is None


_FRACTION: Final = re.compile(rb"\+?[0-9]\.[0-9]+")
_EXTENSION: Final = re.compile(rb"(?i)[ ,]*(?:x|ext\.?|extension|#)[ .:]*[0-9]{1,6}$")
_NO_PHONE: Final = re.compile(
    rb"(?:19|20)[0-9]{2}[-./ ][01]?[0-9][-./ ][0-3]?[0-9]|[0-3]?[0-9][-./][0-3]?[0-9][-./](?:19|20)?[0-9]{2}"  # a date
    rb"|[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9]+\.[0-9]+|(?:19|20)[0-9]{2} ?- ?(?:19|20)[0-9]{2}"  # an IP address, a fraction, years
    rb"|97[89][- ]?[0-9][- 0-9]{7,10}[0-9X]"  # an ISBN
)


def _without_extension(match: bytes) -> str:
    return "".join(chr(byte) for byte in _EXTENSION.sub(b"", match) if 48 <= byte <= 57)


def phone_in_context(match: bytes) -> bool:
    """What a word before it calls a phone number: 6 to 15 digits, and no date, fraction, IP address or ISBN."""
    number = _without_extension(match)
    return 6 <= len(number) <= 15 and varied(number) and _NO_PHONE.fullmatch(match) is None


# Where a number without a country's prefix may be from.
_REGIONS: Final = (
    "US", "CA", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU", "BR", "BE", "CH", "AT", "IE", "PL", "PT", "SE", "DK", "NO",
)  # fmt: skip


def phone_as_written(match: bytes) -> bool:
    """A valid number of a region, in groups as the region writes it: without a word that says so, digits alone prove little."""
    text = match.decode("ascii")
    enough = sum(char.isdigit() for char in text) >= 8
    return enough and _NO_PHONE.fullmatch(match) is None and varied(text) and _is_written_phone(text)


@lru_cache(maxsize=4096)
def _is_written_phone(text: str) -> bool:
    import phonenumbers  # its tables take a tenth of a second to load, and most texts have no such number

    groups = re.findall("[0-9]+", text)
    for region in _REGIONS:
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number_for_region(number, region):
            written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
            if re.findall("[0-9]+", written) == groups:
                return True
    return False


def imei(match: bytes) -> bool:
    """Luhn over 15 digits; a software version in place of the check digit makes 16 (3GPP TS 23.003)."""
    code = "".join(chr(byte) for byte in match if 48 <= byte <= 57)
    return varied(code) and (len(code) == 16 or luhn_code(code))


def iccid(match: bytes) -> bool:
    """89 and Luhn; 18 digits are written without the check digit (ITU-T E.118)."""
    return luhn(match)


def coordinates(match: bytes) -> bool:
    """Latitude and longitude in range."""
    numbers = [float(part) for part in re.findall(rb"-?[0-9]{1,3}\.[0-9]+", match)]
    return len(numbers) == 2 and abs(numbers[0]) <= 90 and abs(numbers[1]) <= 180


def mrz_names(match: bytes) -> bool:
    """A first line of the lengths of TD3 and TD2, names parted by two fillers (ICAO Doc 9303 parts 4 and 6)."""
    return len(match) in {36, 44} and b"<<" in match[5:]


def mrz_numbers(match: bytes) -> bool:
    """The second line of TD3 (44) and TD2 (36): number, birth, expiry and all of them have check digits."""
    line = match.decode("ascii")
    composite = line[:10] + line[13:20] + line[21:-1]
    fields = [(line[:9], line[9]), (line[13:19], line[19]), (line[21:27], line[27]), (composite, line[-1])]
    return len(line) in {36, 44} and all(icao_check(field) == int(check) for field, check in fields)


def mrz_card(match: bytes) -> bool:
    """The first two lines of TD1, an identity card of 30 characters a line (ICAO Doc 9303 part 5)."""
    lines = match.decode("ascii").split()
    if len(lines) != 2 or {len(line) for line in lines} != {30}:
        return False
    first, second = lines
    composite = first[5:30] + second[:7] + second[8:15] + second[18:29]
    fields = [(first[5:14], first[14]), (second[:6], second[6]), (second[8:14], second[14]), (composite, second[29])]
    return all(check.isdigit() and icao_check(field) == int(check) for field, check in fields)


_DATE_OR_SUM: Final = re.compile(
    rb"(?:19|20)[0-9]{2}(?:[-./ ][0-9]{1,2}[-./ ][0-9]{1,2})?(?: ?- ?(?:19|20)[0-9]{2})?"
    rb"|[0-9]{1,2}[-./][0-9]{1,2}[-./](?:19|20)[0-9]{2}|[0-9]{1,6}\.[0-9]{2}"
)


def has_digits(match: bytes) -> bool:
    """At least four digits, not all alike, no date, no sum of money: what a word calls a number, and is not just a word."""
    number = [byte for byte in match if 48 <= byte <= 57]
    if _DATE_OR_SUM.fullmatch(match):
        return False
    return len(number) >= 4 and len({byte for byte in match if chr(byte).isalnum()}) > 2
