"""What a text may say to who decodes it: the readings of an encoded, reversed or disguised text.

Pure, bounded, and cheap for a text that holds nothing encoded. Whoever scores texts may score these too.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from wardstead.inspection.patterns.finding import teller
from wardstead.inspection.patterns.folding import folded

DEPTH: Final = 2
"""What is encoded in what was encoded is read; deeper it is not."""
MOST_CHARACTERS: Final = 20_000
"""A text is read in its first so many characters."""

_CAN_BE_READ = r"(?:[\t\n\r -~]|\xc2[\xa0-\xbf]|[\xc3-\xdf][\x80-\xbf]|[\xe1-\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2})"
_STRETCH = re.compile(f"{_CAN_BE_READ}{{8,}}".encode())
_has_stretch = teller(f"{_CAN_BE_READ}{{8}}")
_APART: Final = b"////////"
"""Between runs in base64: at least four bytes that no text holds."""
_DIGIT, _GOES_ON = "[0-9A-Fa-f]", "(?:00)*[89ABab][0-9A-Fa-f]"
HEX_THAT_CAN_BE_READ: Final = (
    f"(?:(?:0[9AaDd]|[2-7]{_DIGIT}|(?:[Cc][2-9A-Fa-f]|[Dd]{_DIGIT}){_GOES_ON}"
    f"|[Ee]{_DIGIT}{_GOES_ON}{_GOES_ON}|[Ff]0{_GOES_ON}{_GOES_ON}{_GOES_ON})(?:00)*){{8}}"
)
"""Wherever hexadecimal digits spell a stretch that can be read, this is found: eight characters, zeros between them or not."""
_BETWEEN: Final = " \x00\n"
"""Between stretches that can be read: nothing reaches over it."""
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
HEX = re.compile(r"(?:(?:\\x)?[0-9A-Fa-f]{2}[ :]?){8,}")
PERCENT = re.compile(r"[A-Za-z0-9._~+%-]{6,}")
_UNREADABLE = b"\xff"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_HEX_PAIR = re.compile(rb"[0-9A-Fa-f]{2}")
_NUMBER = re.compile(rb"[0-9]+")
_BITS = re.compile(rb"[01]{8}")
_BASE32 = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"0123456789ABCDEFGHIJKLMNOPQRSTUV")
_ROT13 = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm"
)
_LEET = str.maketrans("013457@$!|", "oieastasil")
_WITH_A_SIGN = re.compile(r"(?<!\S)[^\s013457@$!|]*+[013457@$!|]\S*+")
_LETTER = re.compile(r"[A-Za-z]")


class Reading(msgspec.Struct, frozen=True):
    """What ``kind`` of decoding makes of a text, or of the encoded parts of it."""

    kind: str
    text: str


def decodings(text: str) -> tuple[Reading, ...]:
    """The readings of ``text`` that differ from it and say something.

    Those are ``folded``, ``base64``, ``hex``, ``percent``, ``leet``, ``rot13`` and ``reversed``. The last two are readings of any
    text that has letters: who uses them compares what they say with what the text says.
    """
    text = text[:MOST_CHARACTERS]
    readings: list[Reading] = []
    plain = folded(text)
    if plain and plain != text:
        readings.append(Reading("folded", plain))
    readings += _encoded(plain, DEPTH)
    leet = _WITH_A_SIGN.sub(lambda word: _unleet(word[0]), plain)
    if leet != plain:
        readings.append(Reading("leet", leet))
    if any(char.isalpha() for char in plain):
        readings += [Reading("rot13", plain.translate(_ROT13)), Reading("reversed", plain[::-1])]
    return tuple(readings)


def _encoded(text: str, depth: int) -> Iterator[Reading]:
    data = text.encode("utf-8", "replace")
    for kind, may_stand_in, runs, decode in _ENCODINGS:
        if not may_stand_in(data):
            continue
        said = " ".join(filter(None, (decode(run) for run in runs.findall(text))))
        if said:
            yield Reading(kind, said)
            if depth > 1:
                yield from _encoded(said, depth - 1)


def _unleet(word: str) -> str:
    """A word of letters in which digits and signs stand for letters."""
    return word.translate(_LEET) if _LETTER.search(word) else word


def from_base64(run: str) -> str:
    """What a run in base64 or base64url spells; nothing when that is no text."""
    data = run.encode().translate(_URL_SAFE, b"=")
    data = data[: len(data) - (len(data) % 4 == 1)]
    return readable(binascii.a2b_base64(data + b"=" * (-len(data) % 4)))


def stretches(data: bytes) -> str:
    """All of ``data`` that people could have written, eight characters and more in a row. Of UTF-16, its ASCII."""
    data = data.replace(b"\x00", b"")
    if not _has_stretch(data):
        return ""
    return _BETWEEN.join(one.decode("utf-8", "replace") for one in _STRETCH.findall(data))


def may_be_base64(runs: Sequence[bytes]) -> bool:
    """Whether any of ``runs`` may spell something that can be read, wherever in it that begins: where not, none does.

    Mostly none does, and that is told of all of them, in all four ways, at once. What ends in bits of its own ends in some of
    others here.
    """
    joined = _APART.join(runs).translate(_URL_SAFE, b"=")
    size = len(joined) - len(joined) % 4 + 8
    ended = joined.ljust(size + 3, b"/")
    data = binascii.a2b_base64(ended[:size] + ended[1 : size + 1] + ended[2 : size + 2] + ended[3 : size + 3])
    return _has_stretch(data.replace(b"\x00", b""))


def in_base64(run: bytes) -> Iterator[str]:
    """What a run in base64 or base64url may spell: what stands before it may share its first four characters."""
    if not may_be_base64([run]):
        return
    run = run.translate(_URL_SAFE, b"=")
    for skipped in range(4):
        data = run[skipped:]
        data = data[: len(data) - (len(data) % 4 == 1)]
        if said := stretches(binascii.a2b_base64(data + b"=" * (-len(data) % 4))):
            yield said


def in_base32(run: bytes) -> Iterator[str]:
    """What a run in base32 may spell (RFC 4648 section 6), in capitals or small letters."""
    digits = run.upper().translate(_BASE32)
    for skipped in range(8):
        bits = 5 * (len(digits) - skipped)
        number = int(digits[skipped:], 32) >> bits % 8
        if said := stretches(number.to_bytes(bits // 8)):
            yield said


def in_ascii85(run: bytes) -> Iterator[str]:
    """What a run in Ascii85 spells, without the ``<~`` before it (Adobe, PostScript Language Reference, 3.13.3)."""
    text = run[2:].partition(b"~")[0].replace(b"z", b"!!!!!")
    padded = -len(text) % 5
    values = [byte - 33 for byte in text + b"u" * padded]
    groups = zip(*[iter(values)] * 5, strict=True)
    words = [min(a * 52_200_625 + b * 614_125 + c * 7_225 + d * 85 + e, 0xFFFFFFFF) for a, b, c, d, e in groups]
    data = b"".join(word.to_bytes(4) for word in words)
    if said := stretches(data[: len(data) - padded]):
        yield said


def in_hex(run: bytes) -> Iterator[str]:
    """What a run of hexadecimal digits spells, which may begin with half of a pair."""
    pairs = [binascii.unhexlify(run[skipped : len(run) - (len(run) - skipped) % 2]) for skipped in range(2)]
    if stretches(_UNREADABLE.join(pairs)):
        yield from filter(None, map(stretches, pairs))


def in_pairs(run: bytes) -> Iterator[str]:
    """What pairs of hexadecimal digits spell that stand apart, or behind an ``\\x`` each."""
    if said := stretches(bytes.fromhex(b"".join(_HEX_PAIR.findall(run)).decode())):
        yield said


def in_decimals(run: bytes) -> Iterator[str]:
    """What the numbers of characters spell."""
    numbers = [int(one) for one in _NUMBER.findall(run)]
    if said := stretches(bytes(number if number < 256 else 0x7F for number in numbers)):
        yield said


def in_binary(run: bytes) -> Iterator[str]:
    """What characters in binary spell."""
    if said := stretches(bytes(int(one, 2) for one in _BITS.findall(run))):
        yield said


def in_octal(run: bytes) -> Iterator[str]:
    """What octal escapes spell."""
    if said := stretches(bytes(int(one, 8) & 0xFF for one in _NUMBER.findall(run))):
        yield said


def in_percent(run: bytes) -> Iterator[str]:
    """What a run of percent-encoding spells."""
    if said := stretches(unquote_to_bytes(run)):
        yield said


def rot13(text: str) -> str:
    """Each letter as the one that stands thirteen letters on."""
    return text.translate(_ROT13)


def from_hex(run: str) -> str:
    """What a run of hexadecimal digits in pairs spells; nothing when that is no text."""
    digits = re.sub(r"\\x|[^0-9A-Fa-f]", "", run)
    return readable(bytes.fromhex(digits[: len(digits) & ~1]))


def from_percent(run: str) -> str:
    """What a run of percent-encoding spells; nothing when that is no text."""
    return readable(unquote_to_bytes(run)) if "%" in run else ""


def readable(data: bytes) -> str:
    """``data`` as text, if all of it is UTF-8 that people could have written."""
    if _CONTROL.search(data):
        return ""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    if not text.isascii() and not all(char.isprintable() or char in "\n\r\t" for char in folded(text)):
        return ""
    return text


_ENCODINGS: Final = (
    ("base64", teller(r"[A-Za-z0-9+/_-]{16}"), BASE64, from_base64),
    ("hex", teller(r"(?:(?:\\x)?[0-9A-Fa-f]{2}[ :]?){8}"), HEX, from_hex),
    ("percent", teller("%"), PERCENT, from_percent),
)
"""By kind: whether a run may begin somewhere, which RE2 tells sooner than Python's engine, and mostly none does."""
