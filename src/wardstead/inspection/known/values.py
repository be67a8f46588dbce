"""Exact data match: a deployment's own values (customer ids, account numbers, addresses, names), known by keyed digests alone.

Value and text are compared as runs of letters and digits without case, accents and what stands between: ``AC-104-22``,
``ac 104 22`` and ``AC10422`` are one value. Up to ``MOST_WORDS`` runs, with at most ``GAP`` characters between two, are joined
and looked up. A cheap look comes first: only what has the shape of a value (letters, digits or both, and so many characters) is
hashed at all, and of letters alone only what begins with the first word of some value.

Residual: in scripts without blanks between words a value is found only where blanks or punctuation stand around it; a word of
letters that is written in pieces ("Mc Donald" for "McDonald") is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from wardstead.inspection.content.words import plain
from wardstead.inspection.known.keyed import Digests, Hash, Header, Index, keyed
from wardstead.inspection.known.ports import Known, Place
from wardstead.inspection.patterns.folding import folded

MOST_WORDS: Final = 8
MOST_CHARACTERS: Final = 96
GAP: Final = 3
LEAST: Final = {"digits": 6, "mixed": 5, "letters": 5}
"""What is shorter is found in every text; a single word of letters needs one more."""
_USE: Final = b"ws-value"
_USE_FIRST: Final = b"ws-first-word"


class Imported(msgspec.Struct, frozen=True):
    """An index of values, and how many were left out: too short to mean anything, or too long."""

    index: Index
    short: int
    long: int


def index_values(values: Iterable[str], name: str, kind: str, category: str, key: bytes) -> Imported:
    """The index of ``values``, each a whole value. Only its digests are kept."""
    digest, first_digest = keyed(key, _USE), keyed(key, _USE_FIRST)
    digests: set[int] = set()
    firsts: set[int] = set()
    shapes: set[tuple[str, int]] = set()
    most = short = long = 0
    for value in values:
        words = [plain(word) for word in _WORD.findall(folded(value))]
        joined = "".join(words)
        shape = _shape(joined)
        if len(joined) < LEAST[shape] + (shape == _ALL_LETTERS and len(words) == 1):
            short += 1
            continue
        if len(joined) > MOST_CHARACTERS or len(words) > MOST_WORDS:
            long += 1
            continue
        digests.add(digest(joined.encode("utf-8", "replace")))
        shapes.add((shape, len(joined)))
        most = max(most, len(words))
        if shape == _ALL_LETTERS:
            # However the text joins its words, it begins with one, or with several together.
            firsts.update(first_digest("".join(words[:end]).encode("utf-8", "replace")) for end in range(1, len(words) + 1))
    found = Digests(digests)
    header = Header(
        kind="values", name=name, type=kind, category=category, count=len(found), shapes=tuple(sorted(shapes)), words=most
    )
    return Imported(Index(header, found, Digests(firsts)), short, long)


class _Word(msgspec.Struct, frozen=True, gc=False):
    """A run of letters and digits, as it is compared, and where it stands in bytes; ``gap``: characters to the one before."""

    text: str
    shape: str
    start: int
    end: int
    gap: int


class ValueMatcher:
    """All indexes of values, under the key that they were made with: a ``Windowed``."""

    __slots__ = (
        "_digest",
        "_digit_words",
        "_first",
        "_indexes",
        "_lengths",
        "_letter_words",
        "_most",
        "_reach",
        "lists",
        "version",
    )

    def __init__(self, indexes: Sequence[Index], key: bytes) -> None:
        """``indexes`` are those of values."""
        self._indexes = tuple(indexes)
        self._digest: Hash = keyed(key, _USE)
        self._first: Hash = keyed(key, _USE_FIRST)
        self.lists = tuple(Known(f"values:{one.header.name}", one.header.type, one.header.category) for one in indexes)
        content = (one.digests.to_bytes() + msgspec.json.encode(one.header) for one in indexes)
        self.version = sha256(b"".join(content)).hexdigest()[:12]
        self._lengths: dict[str, frozenset[int]] = {
            shape: frozenset(size for one in indexes for what, size in one.header.shapes if what == shape) for shape in LEAST
        }
        self._most = {shape: max(sizes, default=0) for shape, sizes in self._lengths.items()}
        lettered = [one.header.words for one in indexes if any(shape == _ALL_LETTERS for shape, _ in one.header.shapes)]
        self._letter_words = max(lettered, default=0)
        # A number may be written in more groups than it was imported in.
        self._digit_words = MOST_WORDS if self._most[_ALL_DIGITS] or self._most[_MIXED] else 0
        self._reach = max(self._most.values()) + GAP * (MOST_WORDS + 1)

    def matches(self, data: bytes, begin: int, before: int) -> list[Place]:
        """See ``Windowed.matches``."""
        numbers = _DIGIT.search(data, begin) is not None
        if not self._letter_words and not numbers:
            return []
        first_words = self._first_words(data, begin) if self._letter_words else frozenset()
        if not first_words and not numbers:
            return []
        words = _words(data, begin)
        found: list[Place] = []
        next_numbers = _next_numbers(words)
        for at, word in enumerate(words):
            if word.start >= before:
                break
            if word.start < begin:
                continue
            mixed = self._most[_MIXED] and next_numbers[at] - at < self._digit_words
            if word.shape != _ALL_LETTERS or mixed or word.text in first_words:
                found += self._at(words, at)
        return found

    def _first_words(self, data: bytes, begin: int) -> frozenset[str]:
        """The words of ``data`` with which a value of letters begins: each is hashed once."""
        start = max(0, begin - _BEFORE)
        text = data[start:]
        if text.isascii():
            words = set(_ASCII_WORD.findall(text.decode("ascii").lower()))
        else:
            words = {word.text for word in _words(data, begin)}
        return frozenset(word for word in words if len(word) <= self._most[_ALL_LETTERS] and self._begins(word))

    def _at(self, words: Sequence[_Word], at: int) -> Iterator[Place]:
        """The longest value that starts with the word at ``at``, in each index."""
        best: dict[int, int] = {}
        for end, joined, shape in self._runs(words, at):
            if len(joined) in self._lengths[shape]:
                digest = self._digest(joined.encode("utf-8", "replace"))
                for number, index in enumerate(self._indexes):
                    if digest in index.digests:
                        best[number] = end
        return (Place(words[at].start, end, number) for number, end in best.items())

    def _runs(self, words: Sequence[_Word], at: int) -> Iterator[tuple[int, str, str]]:
        """What starts at a word, joined with the next, and the next, as long as it may still be a value."""
        joined, shape = "", ""
        for count, word in enumerate(words[at : at + MOST_WORDS]):
            if count and word.gap > GAP:
                return
            joined += word.text
            shape = word.shape if not count or shape == word.shape else _MIXED
            if not self._goes_on(len(joined), shape, count):
                return
            yield word.end, joined, shape

    def _goes_on(self, size: int, shape: str, more: int) -> bool:
        """Whether a run of this size and shape, ``more`` words after its first, is a value or the beginning of one."""
        if size <= self._most[_MIXED] and more < self._digit_words:
            return True
        if shape == _ALL_LETTERS:
            return size <= self._most[shape] and more < self._letter_words
        return shape == _ALL_DIGITS and size <= self._most[shape] and more < self._digit_words

    def _begins(self, word: str) -> bool:
        digest = self._first(word.encode("utf-8", "replace"))
        return any(digest in index.firsts for index in self._indexes)

    def first_pending(self, data: bytes, begin: int) -> int:
        """See ``Windowed.first_pending``."""
        reach = self._reach if data[-_WIDEST * self._reach :].isascii() else _WIDEST * self._reach
        words = _words(data, max(begin, len(data) - reach))
        if not words or _width(data[words[-1].end :]) > GAP:
            return len(data)
        first = len(data)
        for at in range(len(words) - 1, max(-1, len(words) - 1 - MOST_WORDS), -1):
            if words[at].start < begin:
                break
            if self._may_go_on(words, at, unfinished=words[-1].end == len(data)):
                first = words[at].start
            if words[at].gap > GAP:
                break
        return first

    def _may_go_on(self, words: Sequence[_Word], at: int, *, unfinished: bool) -> bool:
        """Whether what starts at ``at`` and reaches to the end of what has arrived may become a value, or another."""
        size = sum(len(word.text) for word in words[at:])
        shapes = {word.shape for word in words[at:]}
        shape = shapes.pop() if len(shapes) == 1 else _MIXED
        # What is finished needs another word to become another value.
        more = len(words) - 1 - at + (not unfinished)
        if not self._goes_on(size + (not unfinished), shape, more):
            return False
        if shape != _ALL_LETTERS or (unfinished and at == len(words) - 1):
            return True
        return (size < self._most[_MIXED] and more < self._digit_words) or self._begins(words[at].text)


_ALL_LETTERS: Final = "letters"
_ALL_DIGITS: Final = "digits"
_MIXED: Final = "mixed"
_WIDEST: Final = 12
"""The most bytes that one character of a value takes in a text: it, and two marks on it."""
_WORD: Final = re.compile("(?:[^\\W_][\u0300-\u036f]{0,2})+")
_BEFORE: Final = 16
"""Bytes to the left that tell whether a word goes on: a letter and two marks."""
_ASCII_WORD: Final = re.compile("[0-9A-Za-z]+")
_DIGIT: Final = re.compile(b"[0-9\x80-\xff]")
_PARTS_NUMBERS: Final = frozenset(",;|\n\t")


def _shape(text: str) -> str:
    if text.isdecimal():
        return _ALL_DIGITS
    return _MIXED if any(map(str.isdecimal, text)) else _ALL_LETTERS


def _next_numbers(words: Sequence[_Word]) -> list[int]:
    """For each word, where the next one with a digit is, itself included."""
    places, next_one = [0] * len(words), len(words) + MOST_WORDS
    for at in range(len(words) - 1, -1, -1):
        next_one = next_one if words[at].shape == _ALL_LETTERS else at
        places[at] = next_one
    return places


def _words(data: bytes, begin: int) -> list[_Word]:
    """The words of ``data`` from ``begin`` on; one or two before it, perhaps without their beginnings."""
    start = max(0, min(begin, len(data) - 1) - _BEFORE)
    while start > 0 and data[start] & 0xC0 == 0x80:
        start -= 1
    text = data[start:].decode("utf-8", "surrogateescape")
    if text.isascii():
        return _ascii_words(text.lower(), start)
    words: list[_Word] = []
    place, done, last = start, 0, -1
    for found in _WORD.finditer(text):
        at, after = found.span()
        place += len(text[done:at].encode("utf-8", "surrogateescape"))
        end = place + len(found[0].encode("utf-8", "surrogateescape"))
        word = plain(found[0])
        words.append(_Word(word, _shape(word), place, end, _gap(text, last, at)))
        place, done, last = end, after, after
    return words


def _ascii_words(text: str, start: int) -> list[_Word]:
    """The same where every character is a byte: most texts."""
    words: list[_Word] = []
    last = -1
    for found in _ASCII_WORD.finditer(text):
        word, at = found[0], found.start()
        shape = _ALL_LETTERS if word.isalpha() else _ALL_DIGITS if word.isdigit() else _MIXED
        words.append(_Word(word, shape, start + at, start + at + len(word), _gap(text, last, at)))
        last = at + len(word)
    return words


def _gap(text: str, last: int, at: int) -> int:
    """The characters between two words. A list of numbers is not a number: what parts its members is as wide as a line."""
    gap = at - last if last >= 0 else GAP + 1
    if gap <= GAP and text[last - 1].isdecimal() and text[at].isdecimal() and not _PARTS_NUMBERS.isdisjoint(text[last:at]):
        return GAP + 1
    return gap


def _width(data: bytes) -> int:
    return len(data.decode("utf-8", "surrogateescape"))
