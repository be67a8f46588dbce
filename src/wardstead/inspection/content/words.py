"""Texts as sequences of words: without case, marks and punctuation, so that reformatting changes nothing."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import msgspec


class Word(msgspec.Struct, frozen=True, gc=False):
    """A word as it is compared, and where it stands."""

    text: str
    start: int
    end: int


def words_of(text: str) -> list[Word]:
    """The words of ``text``: runs of letters and digits."""
    if text.isascii():
        return [Word(found[0].lower(), *found.span()) for found in _ASCII_WORD.finditer(text)]
    return [Word(plain(found[0]), *found.span()) for found in _WORD.finditer(text)]


def texts_of(text: str) -> list[str]:
    """The same without their places."""
    return _ASCII_WORD.findall(text.lower()) if text.isascii() else [plain(word) for word in _WORD.findall(text)]


def plain(word: str) -> str:
    """A word without case, compatibility forms and combining marks: ``Müller``, ``MÜLLER`` and ``Muller`` are the same."""
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", word).casefold())
    return "".join(char for char in apart if not unicodedata.combining(char))


_ASCII_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_WORD: Final = re.compile("(?:[^\\W_][\u0300-\u036f]*)+")
