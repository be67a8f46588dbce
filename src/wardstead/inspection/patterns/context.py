"""The words near a match that make it one: "account" before eight digits.

A word stands by itself, or "sin" would be found in "using". An underscore parts words here, and so does a capital after a
small letter or a digit: aws_secret_access_key, awsSecretAccessKey. What is written in two words is a name in data as well:
"account number" stands in account_number, account-number and accountNumber.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wardstead.inspection.patterns.catalogue import CONTEXT_BYTES
from wardstead.inspection.patterns.finding import finder, teller

_SPACE: Final = 0x20


class Context:
    """Words of which one must stand to the left of a match."""

    __slots__ = ("_shortest", "_stands", "_word")

    def __init__(self, words: Sequence[str]) -> None:
        """A list of hundreds of words takes RE2 no longer than one."""
        encoded = [word.encode() for word in words]
        self._stands = teller("|".join(map(standing, encoded)))
        self._word = finder("|".join(map(caseless, encoded)))
        self._shortest = min(len(word.replace(b" ", b"")) for word in encoded)

    def stands_before(self, data: bytes, start: int) -> bool:
        """Whether a word is near enough to a match at ``start``."""
        # With the match's first byte: "novu" is no word in "novupassword", wherever a match begins.
        return self._stands(data[max(0, start - CONTEXT_BYTES) : start + 1])

    def apart(self, data: bytes, start: int) -> int:
        """How many bytes stand between a match at ``start`` and the last word before it."""
        before = data[max(0, start - CONTEXT_BYTES) : start]
        at, end = 0, 0
        while (found := self._word(before, at)[0])[0] >= 0:
            at, end = found[0] + 1, found[1]
        return len(before) - end

    def next_start(self, data: bytes, begin: int, before: int) -> int:
        """Where the next match could start: else each byte of a long token would be tried. ``before`` for nowhere."""
        low = max(0, begin - CONTEXT_BYTES)
        at = self._word(data[low:before], 0)[0][0]
        return before if at < 0 else max(begin, low + at + self._shortest)


def caseless(word: bytes) -> str:
    """The pattern of a word whose ASCII letters are large or small: beyond ASCII, RE2's idea of case is that of Latin-1."""
    return "".join(map(_caseless, word.lower()))


def _caseless(byte: int) -> str:
    if byte == _SPACE:
        return "[ _-]?"
    return f"[{chr(byte)}{chr(byte).upper()}]" if 97 <= byte <= 122 else f"\\x{byte:02x}"


def standing(word: bytes) -> str:
    """The pattern of a word that stands by itself before another byte: beyond ASCII, every letter parts words.

    Where what is looked at begins, a word may begin too: what is further to the left is nobody's business.
    """
    first = word[:1].lower()
    begin = caseless(first)
    if first.isalnum():
        begin = f"(?:\\A|[^0-9A-Za-z]){begin}" + (f"|[0-9a-z]{first.decode().upper()}" if first.isalpha() else "")
    return f"(?:{begin}){caseless(word[1:-1])}(?:{_end(word)})"


def ending(word: bytes) -> str:
    """The pattern of a word that ends like one, whatever it begins in: wherever ``standing`` is found, so is this."""
    return f"{caseless(word[:-1])}(?:{_end(word)})"


def _end(word: bytes) -> str:
    last = word[-1:].lower()
    end = caseless(last)
    return f"{end}[^0-9A-Za-z]|{last.decode()}[A-Z]" if last.isalnum() else f"{end}[\\x00-\\xff]"
