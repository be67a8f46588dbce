"""What a linear score is computed from: hashed features of a text, each with its place, so that windows can be scored as well.

Everything is vectorised over the bytes of the folded text. Four kinds of features share one table of weights:

- character n-grams (bytes of UTF-8): robust to spelling, and what there is for languages that are written without spaces;
- words, pairs, and pairs with one word between;
- meanings (``thesaurus``): which kinds of words stand within a few words of each other, in any of its languages. "Disregard
  all earlier directives" and "olvida las reglas anteriores" are then one feature, not two dozen;
- how sentences open: their first word, and the kinds of their first few. An order among what is told stands out by that.

A window counts each kind by itself, divided by the root of how many there are of it (close to the usual length normalisation,
and additive: any window is a difference of sums).
"""

from __future__ import annotations

import re
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
OPENING_WORDS: Final = 4
"""Of a sentence, the words that say whether it asks, tells or orders."""
PRIORS: Final = (0.0, 0.0, 8.0)
"""By block: how many features are counted on top, so that one meaning in a short text is not all there is."""
SCALES: Final = (1.0, 1.0, 0.6)
"""How freely each block may speak: meanings are few, and would drown the rest."""
_CHAR_ORDERS: Final = (4, 5)
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_BASE: Final = 0x100000001B3
_INVERSE: Final = pow(_BASE, -1, 2**64)
_MARKS: Final = dict.fromkeys(
    (*range(0x300, 0x370), *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xAD, 0xFEFF)
)
_SPACE: Final = re.compile(r"\s+")
_WORD_BYTE: Final = np.array([chr(b).isalnum() or b >= 0x80 for b in range(256)])
_WORD_BYTE[ord("'")] = True
_ENDS_SENTENCE: Final = np.array([chr(b) in '.!?:;"`*#>)]}|' for b in range(256)])
_FOLD_DIGITS: Final = np.array([ord("0") if 48 <= b <= 57 else b for b in range(256)], np.uint8)


def _version() -> str:
    """Names these features: weights fit no others."""
    kinds = [(kind, sorted(set(words.split()))) for kind, words in THESAURUS.items()]
    told = repr((2, CELL_BYTES, NEAR_WORDS, OPENING_WORDS, PRIORS, SCALES, _CHAR_ORDERS, WRITTEN, kinds))
    return sha256(told.encode()).hexdigest()[:16]


FEATURES: Final = _version()


class Features(NamedTuple):
    """Of one text: for each block the hashed features (full 64 bits) and where each begins (bytes of the folded text)."""

    size_bytes: int
    hashes: tuple[U64, ...]
    places: tuple[Index, ...]


def fold(text: str) -> str:
    """Lower case, without accents, invisible characters, runs of blanks and disguised letters: what is compared."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", of_one_script(text)).translate(_MARKS))
    return without_signs(_SPACE.sub(" ", text.lower().replace("’", "'")).strip())


@cache
def _powers(base: int, count: int) -> U64:
    steps = np.full(count, base, np.uint64)
    steps[:1] = 1
    return np.cumprod(steps, dtype=np.uint64)


def _power_table(base: int, size: int) -> U64:
    return _powers(base, max(4096, 1 << size.bit_length()))


def _mixed(hashes: U64, seed: int) -> U64:
    """Spread over all 64 bits (the finaliser of SplitMix64), apart for each kind of feature."""
    h = (hashes ^ np.uint64(seed * 0xA24BAED4963EE407 % 2**64)) * _ODD
    h ^= h >> np.uint64(29)
    h *= np.uint64(0xBF58476D1CE4E5B9)
    return h ^ (h >> np.uint64(32))


def word_hashes(data: npt.NDArray[np.uint8]) -> tuple[U64, Index, Index]:
    """The words of a folded text: hash, begin, end."""
    inside = np.zeros(len(data) + 2, np.int8)
    inside[1:-1] = _WORD_BYTE[data]
    edges = np.diff(inside)
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    sums = np.zeros(len(data) + 1, np.uint64)
    np.cumsum(
        (data.astype(np.uint64) + np.uint64(1)) * _power_table(_BASE, len(data))[: len(data)], dtype=np.uint64, out=sums[1:]
    )
    return (sums[ends] - sums[begins]) * _power_table(_INVERSE, len(data))[begins], begins, ends


def _word_hash(word: str) -> int:
    value = 0
    for byte in reversed(word.encode()):
        value = (value * _BASE + byte + 1) % 2**64
    return value


@cache
def _lexicon() -> tuple[U64, npt.NDArray[np.int64]]:
    pairs = sorted((_word_hash(fold(word)), number) for number, words in enumerate(THESAURUS.values()) for word in words.split())
    return np.array([one for one, _ in pairs], np.uint64), np.array([number for _, number in pairs], np.int64)


def meanings(hashes: U64) -> tuple[Index, Index]:
    """Which of the words are in the thesaurus, and their classes. A word may be in several."""
    known, classes = _lexicon()
    first = np.searchsorted(known, hashes, "left")
    last = np.searchsorted(known, hashes, "right")
    counts = last - first
    if not counts.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    words = np.repeat(np.arange(len(hashes)), counts)
    offsets = np.arange(len(words)) - np.repeat(np.cumsum(counts) - counts, counts)
    return words, classes[np.repeat(first, counts) + offsets]


def known_words(folded: str) -> int:
    """How many words of a folded text are in the thesaurus."""
    words, _, _ = word_hashes(np.frombuffer(folded.encode("utf-8", "replace"), np.uint8))
    return len(np.unique(meanings(words)[0]))


def _near(words: Index, classes: Index) -> tuple[U64, Index]:
    """Single meanings, and ordered pairs of them that stand near."""
    hashes = [_mixed(classes.astype(np.uint64), 40)]
    firsts = [words]
    for step in range(1, 7):
        if len(words) <= step:
            break
        apart = words[step:] - words[:-step]
        keep = (apart > 0) & (apart <= NEAR_WORDS)
        pair = (classes[:-step][keep] * CLASSES + classes[step:][keep]).astype(np.uint64)
        close = (apart[keep] <= 3).astype(np.uint64)
        hashes += [_mixed(pair, 41), _mixed(pair[close == 1], 42)]
        firsts += [words[:-step][keep], words[:-step][keep][close == 1]]
    return np.concatenate(hashes), np.concatenate(firsts)


def _openings(data: npt.NDArray[np.uint8], begins: Index, ends: Index) -> tuple[Index, Index]:
    """The words that open a sentence, and how many words each word stands after such a one."""
    before = np.zeros(len(data) + 1, np.int64)
    np.cumsum(_ENDS_SENTENCE[data], out=before[1:])
    opens = np.ones(len(begins), bool)
    opens[1:] = before[begins[1:]] > before[ends[:-1]]
    first = np.flatnonzero(opens)
    return first, np.arange(len(begins)) - np.repeat(first, np.diff(first, append=len(begins)))


def features(folded: str) -> Features:
    """The features of a text that is folded already."""
    raw = np.frombuffer(f" {folded} ".encode("utf-8", "replace"), np.uint8)
    data = _FOLD_DIGITS[raw]
    size = len(data)
    chars, char_places = [], []
    rolled = np.zeros(size, np.uint64)
    wide = data.astype(np.uint64) + np.uint64(1)
    for order in range(1, _CHAR_ORDERS[-1] + 1):
        if size < order:
            break
        rolled = rolled[: size - order + 1] * np.uint64(_BASE) + wide[order - 1 :]
        if order in _CHAR_ORDERS:
            chars.append(_mixed(rolled, order))
            char_places.append(np.arange(len(rolled)))
    words, begins, ends = word_hashes(data)
    grams = [_mixed(words, 20)]
    gram_places = [begins]
    for seed, skip in ((21, 1), (22, 2)):
        if len(words) > skip:
            grams.append(_mixed(words[:-skip] * np.uint64(0x100000001CF) + _mixed(words[skip:], 1), seed))
            gram_places.append(begins[:-skip])
    if len(words) > 2:
        both = _mixed(words[1:-1] * np.uint64(0x100000001CF) + _mixed(words[2:], 1), 2)
        grams.append(_mixed(words[:-2] * np.uint64(0x100000001CF) + both, 23))
        gram_places.append(begins[:-2])
    first, after = _openings(data, begins, ends)
    grams.append(_mixed(words[first], 24))
    gram_places.append(begins[first])
    at, classes = meanings(words)
    near, owner = _near(at, classes)
    opening = after[at] < OPENING_WORDS
    led = (classes[opening] * 2 + (after[at[opening]] > 0)).astype(np.uint64)
    near, owner = np.concatenate((near, _mixed(led, 43))), np.concatenate((owner, at[opening]))
    return Features(
        size,
        (np.concatenate(chars) if chars else np.zeros(0, np.uint64), np.concatenate(grams), near),
        (np.concatenate(char_places) if chars else np.zeros(0, np.int64), np.concatenate(gram_places), begins[owner]),
    )
