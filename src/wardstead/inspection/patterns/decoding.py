"""What a text may say to who decodes it: the readings of an encoded, reversed or disguised text.

Pure, bounded, and cheap for a text that holds nothing encoded. Whoever scores texts may score these too.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from wardstead.inspection.patterns.folding import folded

DEPTH: Final = 2
"""What is encoded in what was encoded is read; deeper it is not."""
MOST_CHARACTERS: Final = 20_000
"""A text is read in its first so many characters."""

BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
HEX = re.compile(r"(?:(?:\\x)?[0-9A-Fa-f]{2}[ :]?){8,}")
PERCENT = re.compile(r"[A-Za-z0-9._~+%-]{6,}")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ROT13 = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm"
)
_LEET = str.maketrans("013457@$!|", "oieastasil")
_WORD = re.compile(r"\S+")
_LETTER, _STANDS_FOR_LETTER = re.compile(r"[A-Za-z]"), re.compile(r"[013457@$!|]")


class Reading(msgspec.Struct, frozen=True):
    """What ``kind`` of decoding makes of a text, or of the encoded parts of it."""

    kind: str
    text: str


def decodings(text: str) -> tuple[Reading, ...]:
    """The readings of ``text`` that differ from it.

    Those are ``folded``, ``base64``, ``hex``, ``percent``, ``leet``, ``rot13`` and ``reversed``. The last two are readings of any
    text that has letters: who uses them compares what they say with what the text says.
    """
    text = text[:MOST_CHARACTERS]
    readings: list[Reading] = []
    plain = folded(text)
    if plain != text:
        readings.append(Reading("folded", plain))
    readings += _encoded(plain, DEPTH)
    leet = _WORD.sub(lambda word: _unleet(word[0]), plain)
    if leet != plain:
        readings.append(Reading("leet", leet))
    if any(char.isalpha() for char in plain):
        readings += [Reading("rot13", plain.translate(_ROT13)), Reading("reversed", plain[::-1])]
    return tuple(readings)


def _encoded(text: str, depth: int) -> Iterator[Reading]:
    for kind, runs, decode in (("base64", BASE64, from_base64), ("hex", HEX, from_hex), ("percent", PERCENT, from_percent)):
        said = " ".join(filter(None, (decode(run) for run in runs.findall(text))))
        if said:
            yield Reading(kind, said)
            if depth > 1:
                yield from _encoded(said, depth - 1)


def _unleet(word: str) -> str:
    """A word of letters in which digits and signs stand for letters."""
    return word.translate(_LEET) if _LETTER.search(word) and _STANDS_FOR_LETTER.search(word) else word


def from_base64(run: str) -> str:
    """What a run in base64 or base64url spells; nothing when that is no text."""
    data = run.encode().translate(_URL_SAFE, b"=")
    data = data[: len(data) - (len(data) % 4 == 1)]
    return readable(binascii.a2b_base64(data + b"=" * (-len(data) % 4)))


def spells_text(run: bytes) -> bool:
    """Whether twelve characters of base64 can be a text's: most that only look like base64 cannot."""
    return _CONTROL.search(binascii.a2b_base64(run.translate(_URL_SAFE))) is None


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
