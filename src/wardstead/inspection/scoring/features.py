"""What a linear score is computed from: hashed features of a text, each with its place, so that windows can be scored as well.

Everything is vectorised over the bytes of the folded text, and mixed all at once: of a short text each step costs more than its
work. Four kinds of features share one table of weights:

- character n-grams (bytes of UTF-8): robust to spelling, and what there is for languages that are written without spaces;
- words, pairs, and pairs with one word between;
- meanings (``thesaurus``): which kinds of words stand within a few words of each other, in any of its languages. "Disregard
  all earlier directives" and "olvida las reglas anteriores" are then one feature, not two dozen;
- how sentences open: their first word, and the kinds of their first few. An order among what is told stands out by that.

A window counts each kind by itself, divided by the root of how many there are of it (close to the usual length normalisation,
and additive: any window is a difference of sums).
"""

from __future__ import annotations

import unicodedata
from functools import cache
from hashlib import sha256
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from wardstead.inspection.scoring.disguise import WRITTEN, of_one_script, without_signs
from wardstead.inspection.scoring.thesaurus import CLASSES, THESAURUS

U64 = npt.NDArray[np.uint64]
Index = npt.NDArray[np.int64]

BLOCKS: Final = 3
"""Character n-grams, words, meanings."""
CELL_BYTES: Final = 128
"""A window is two neighbouring cells."""
NEAR_WORDS: Final = 8
"""How far apart two meanings may stand to be seen together."""
_CLOSE_WORDS: Final = 3
_NEAR_MEANINGS: Final = 6
"""With so many meanings before it, at most, one is seen together."""
OPENING_WORDS: Final = 4
"""Of a sentence, the words that say whether it asks, tells or orders."""
PRIORS: Final = (0.0, 0.0, 8.0)
"""By block: how many features are counted on top, so that one meaning in a short text is not all there is."""
SCALES: Final = (1.0, 1.0, 0.6)
"""How freely each block may speak: meanings are few, and would drown the rest."""
_CHAR_ORDERS: Final = (4, 5)
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_SPREAD: Final = np.uint64(0xBF58476D1CE4E5B9)
_BITS_29: Final = np.uint64(29)
_BITS_32: Final = np.uint64(32)
_ONE: Final = np.uint64(1)
_TWO: Final = np.uint64(2)
_FOLLOWED: Final = np.uint64(0x100000001CF)
_BASE: Final = 0x100000001B3
_BASE_64: Final = np.uint64(_BASE)
_CLASSES: Final = np.uint64(CLASSES)
_INVERSE: Final = pow(_BASE, -1, 2**64)
_MARKS: Final = dict.fromkeys(
    (*range(0x300, 0x370), *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xAD, 0xFEFF)
)
_WORD_BYTE: Final = np.array([chr(b).isalnum() or b >= 0x80 for b in range(256)])
_WORD_BYTE[ord("'")] = True
_WORDS_APART: Final = bytes(byte if part_of_word else ord(" ") for byte, part_of_word in enumerate(_WORD_BYTE))
_ENDS_SENTENCE: Final = np.array([chr(b) in '.!?:;"`*#>)]}|' for b in range(256)])
_FOLD_DIGITS: Final = np.array([ord("0") if 48 <= b <= 57 else b for b in range(256)], np.uint8)


def _version() -> str:
    """Names these features: weights fit no others."""
    kinds = [(kind, sorted(set(words.split()))) for kind, words in THESAURUS.items()]
    told = repr((2, CELL_BYTES, NEAR_WORDS, OPENING_WORDS, PRIORS, SCALES, _CHAR_ORDERS, WRITTEN, kinds))
    return sha256(told.encode()).hexdigest()[:16]


FEATURES: Final = _version()


class Features(NamedTuple):
    """Of one text: for each block the hashed features (full 64 bits) and where each begins (bytes of the folded text).

    Those of all blocks stand one behind the other in ``hashes`` and ``places``; ``ends`` is where each block ends.
    """

    size_bytes: int
    hashes: U64
    places: Index
    ends: tuple[int, ...]

    def block(self, number: int) -> tuple[U64, Index]:
        """The hashes and places of one block."""
        inside = slice(self.ends[number - 1] if number else 0, self.ends[number])
        return self.hashes[inside], self.places[inside]


def fold(text: str) -> str:
    """Lower case, without accents, invisible characters, runs of blanks and disguised letters: what is compared."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", of_one_script(text)).translate(_MARKS))
    return without_signs(" ".join(text.lower().replace("’", "'").split()))


@cache
def _powers(base: int, count: int) -> U64:
    steps = np.full(count, base, np.uint64)
    steps[:1] = 1
    return np.cumprod(steps, dtype=np.uint64)


def _power_table(base: int, size: int) -> U64:
    return _powers(base, max(4096, 1 << size.bit_length()))


@cache
def _seed(kind: int) -> np.uint64:
    """What keeps each kind of feature apart from the others."""
    return np.uint64(kind * 0xA24BAED4963EE407 % 2**64)


def _mix(hashes: U64) -> U64:
    """Spread them over all 64 bits (the finaliser of SplitMix64), in their place."""
    hashes *= _ODD
    hashes ^= hashes >> _BITS_29
    hashes *= _SPREAD
    hashes ^= hashes >> _BITS_32
    return hashes


def word_hashes(data: npt.NDArray[np.uint8]) -> tuple[U64, Index, Index]:
    """The words of a folded text: hash, begin, end."""
    inside = np.zeros(len(data) + 2, np.int8)
    inside[1:-1] = _WORD_BYTE[data]
    # Where a word begins and where one ends are in turns.
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    begins, ends = edges[::2], edges[1::2]
    sums = np.zeros(len(data) + 1, np.uint64)
    np.cumsum((data + _ONE) * _power_table(_BASE, len(data))[: len(data)], out=sums[1:])
    return (sums[ends] - sums[begins]) * _power_table(_INVERSE, len(data))[begins], begins, ends


def _word_hash(word: str) -> int:
    value = 0
    for byte in reversed(word.encode()):
        value = (value * _BASE + byte + 1) % 2**64
    return value


class _Lexicon(NamedTuple):
    """The words of the thesaurus by their hashes, in order: where the classes of each begin, and how many it has."""

    hashes: U64
    first: Index
    counts: Index
    classes: Index


@cache
def _lexicon() -> _Lexicon:
    pairs = sorted((_word_hash(fold(word)), number) for number, words in enumerate(THESAURUS.values()) for word in words.split())
    hashes, first, counts = np.unique(np.array([one for one, _ in pairs], np.uint64), return_index=True, return_counts=True)
    return _Lexicon(hashes, first, counts, np.array([number for _, number in pairs], np.int64))


@cache
def _known() -> frozenset[bytes]:
    return frozenset(fold(word).encode() for words in THESAURUS.values() for word in words.split())


def meanings(hashes: U64) -> tuple[Index, Index]:
    """Which of the words are in the thesaurus, and their classes. A word may be in several."""
    lexicon = _lexicon()
    at = lexicon.hashes.searchsorted(hashes)
    known = np.flatnonzero(lexicon.hashes.take(at, mode="clip") == hashes)
    entries = at[known]
    counts = lexicon.counts[entries]
    words = np.repeat(known, counts)
    # Of each word one class after the other.
    steps = np.arange(len(words)) - np.repeat(counts.cumsum() - counts - lexicon.first[entries], counts)
    return words, lexicon.classes[steps]


def known_words(folded: str) -> int:
    """How many words of a folded text are in the thesaurus."""
    return sum(map(_known().__contains__, folded.encode("utf-8", "replace").translate(_WORDS_APART).split()))


class _Parts:
    """Features as they come, mixed all at once in the end: of a text of usual length, each step costs as much as its work."""

    __slots__ = ("_hashes", "_places", "size")

    def __init__(self) -> None:
        self._hashes: list[U64] = []
        self._places: list[Index] = []
        self.size = 0

    def add(self, hashes: U64, seed: np.uint64 | U64, places: Index) -> None:
        """Features of one kind, or each with the ``seed`` of its own."""
        self._hashes.append(hashes ^ seed)
        self._places.append(places)
        self.size += len(hashes)

    def mixed(self) -> tuple[U64, Index]:
        """All of them, and their places."""
        return _mix(np.concatenate(self._hashes)), np.concatenate(self._places)


def features(folded: str) -> Features:
    """The features of a text that is folded already."""
    raw = np.frombuffer(f" {folded} ".encode("utf-8", "replace"), np.uint8)
    data = _FOLD_DIGITS[raw]
    words, begins, ends = word_hashes(data)
    after = _after_opening(data, begins, ends)
    parts = _Parts()
    blocks = []
    _add_characters(parts, data)
    blocks.append(parts.size)
    _add_words(parts, words, begins, np.flatnonzero(after == 0))
    blocks.append(parts.size)
    _add_meanings(parts, words, begins, after)
    blocks.append(parts.size)
    return Features(len(data), *parts.mixed(), tuple(blocks))


def _add_characters(parts: _Parts, data: npt.NDArray[np.uint8]) -> None:
    """Runs of characters."""
    wide = data + _ONE
    places = np.arange(len(data))
    rolled = wide
    for order in range(2, _CHAR_ORDERS[-1] + 1):
        rolled = rolled[:-1] * _BASE_64 + wide[order - 1 :]
        if order in _CHAR_ORDERS:
            parts.add(rolled, _seed(order), places[: len(rolled)])


def _add_words(parts: _Parts, words: U64, begins: Index, opening: Index) -> None:
    """Words, those that follow each other, and those that open a sentence (``opening``: their numbers)."""
    first, then = words * _FOLLOWED, _mix(words ^ _seed(1))
    pairs = first[:-1] + then[1:]
    parts.add(words, _seed(20), begins)
    parts.add(pairs, _seed(21), begins[:-1])
    parts.add(first[:-2] + then[2:], _seed(22), begins[:-2])
    parts.add(first[:-2] + _mix(pairs[1:] ^ _seed(2)), _seed(23), begins[:-2])
    parts.add(words[opening], _seed(24), begins[opening])


def _add_meanings(parts: _Parts, words: U64, begins: Index, after: Index) -> None:
    """Single meanings, ordered pairs of them that stand near, and those that open a sentence."""
    at, classes = meanings(words)
    own = classes.view(np.uint64)
    parts.add(own, _seed(40), begins[at])
    step, kind, owner = np.nonzero(_near(at))
    parts.add(own[owner] * _CLASSES + own[owner + step + 1], _NEAR_SEEDS[kind], begins[at[owner]])
    opening = np.flatnonzero(after[at] < OPENING_WORDS)
    led = own[opening] * _TWO + (after[at[opening]] > 0)
    parts.add(led, _seed(43), begins[at[opening]])


def _near(words: Index) -> npt.NDArray[np.bool_]:
    """By how many meanings are between two, whether near or close, and the first of both: whether they stand so."""
    padded = np.full(len(words) + _NEAR_MEANINGS, np.iinfo(np.int64).max)
    padded[: len(words)] = words
    apart = padded[np.arange(1, len(words) + 1) + _STEPS] - words
    near = np.empty((len(apart), 2, len(words)), bool)
    np.less_equal(apart, NEAR_WORDS, out=near[:, 0])
    near[:, 0] &= apart > 0
    np.less_equal(apart, _CLOSE_WORDS, out=near[:, 1])
    near[:, 1] &= near[:, 0]
    return near


def _after_opening(data: npt.NDArray[np.uint8], begins: Index, ends: Index) -> Index:
    """Of each word, how many stand between it and the one that opens its sentence: none before that one itself."""
    before = _ENDS_SENTENCE[data].cumsum()
    numbers = np.arange(len(begins))
    opens = np.zeros(len(begins), np.int64)
    # A word is no sign, so what is counted up to its last byte is counted up to its end.
    np.multiply(before[begins[1:]] > before[ends[:-1] - 1], numbers[1:], out=opens[1:])
    return numbers - np.maximum.accumulate(opens)


_NEAR_SEEDS: Final = np.array([_seed(41), _seed(42)])
_STEPS: Final = np.arange(_NEAR_MEANINGS)[:, None]
