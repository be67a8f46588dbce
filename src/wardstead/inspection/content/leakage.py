"""Whether an answer gives away the instructions that its request gave to the model (OWASP LLM07; MITRE ATLAS AML.T0056).

Instructions and answer are compared as sequences of content words (words that carry meaning, their endings cut), three at a
time: case, punctuation, lists, and a changed article or ending make no difference. A share of the instructions that comes back
is a leak; a few common words are not. The answer is also read backwards, shifted by thirteen letters, and decoded where a part
of it is base64, hexadecimal digits, or percent-encoded as in an address. A planted string counts wherever its letters and
digits appear, and in the same disguises.

Residual: a translation, or a summary in other words, is not seen.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final
from urllib.parse import unquote_plus

from wardstead.inspection.content.carried import Carried
from wardstead.inspection.content.planted import canaries_in
from wardstead.inspection.content.rules import in_order, without_surrogates
from wardstead.inspection.content.words import Word, texts_of, words_of
from wardstead.inspection.patterns.finding import teller
from wardstead.inspection.ports import Direction, Origin, Span
from wardstead.inspection.validators.active_content import decodings

DISGUISED: Final = "disguised-canary"
"""The type of a planted string that an answer spells in another way than it was planted: certain, as one in plain letters is,
which the stream guard finds. The rest of what is found here is told by a share of words.
"""
SHINGLE: Final = 3
LEAST_WORDS: Final = 8
"""Instructions with fewer content words ("You are a helpful assistant.") are no secret."""
SHARE: Final = 0.3
"""So much of the instructions, in content words, is a leak."""
MOST_WORDS: Final = 40
"""And so many words are, however long the instructions."""
WINDOW_WORDS: Final = 400
"""They have to come back within so many content words of the answer."""


class Leakage:
    """A ``TextDetector`` for the answer to one request. Made by ``leakage``."""

    def __init__(self, system_texts: Sequence[str], canaries: Sequence[str], said: Carried) -> None:
        """See ``leakage``."""
        self.id = "leakage"
        self.version = "2"
        self.types: Mapping[str, str] = {DISGUISED: "canary", "conversation-data": "leakage", "system-prompt": "leakage"}
        self.directions = frozenset({Direction.ANSWER})
        self.origins: frozenset[Origin] = frozenset()
        self.marks = True
        self.slow = False
        self.cuts = True
        self._instructions = [found for found in map(_Instructions, system_texts) if found.words >= LEAST_WORDS]
        long_words = _long_words(system_texts) if self._instructions else []
        self._shifted = codecs.encode(" ".join(long_words), "rot13").split()
        self._backwards = [word[::-1] for word in long_words]
        self._said = said
        planted = (*canaries, *canaries_in(system_texts))
        self._canaries = [letters for letters in map(_letters, planted) if letters]

    def detect(self, texts: Sequence[str]) -> list[list[Span]]:
        """See ``TextDetector.detect``."""
        return [in_order(self._all(without_surrogates(text))) for text in texts]

    def _all(self, text: str) -> Iterator[Span]:
        if self._instructions or self._canaries:
            yield from self._spans(text)
        for start, end in self._said.places(text):
            yield Span("conversation-data", start, end)

    def _spans(self, text: str) -> Iterator[Span]:
        if self._told(text):
            yield Span("system-prompt" if canaries_in([text]) else DISGUISED, 0, len(text))
        yield from self._leaks(text)
        for other in self._disguised(text):
            yield from self._read_otherwise(other, (0, len(text)))
        for run in _RUN.finditer(text) if _has_row(text.encode()) else ():
            joined = "".join(run[0].split())
            for decoded in decodings(joined.encode("ascii")):
                yield from self._read_otherwise(decoded.decode("utf-8", "replace"), run.span())
        for run in _PERCENT.finditer(text) if text.count("%") >= _ESCAPES else ():
            yield from self._read_otherwise(unquote_plus(run[0]), run.span())

    def _read_otherwise(self, other: str, place: tuple[int, int]) -> Iterator[Span]:
        """What ``other`` gives away, which stands at ``place`` in a disguise."""
        if self._told(other):
            yield Span(DISGUISED, *place)
        elif any(True for _ in self._leaks(other)):
            yield Span("system-prompt", *place)

    def _told(self, text: str) -> bool:
        """Whether a planted string stands in it. That is no matter of degree."""
        if not self._canaries:
            return False
        letters = _letters(text)
        return any(one in letters for one in self._canaries)

    def _disguised(self, text: str) -> Iterator[str]:
        """``text`` read in other ways, where some long words of the instructions or a planted string stand in it so."""
        small = text.casefold()
        if self._canaries or sum(word in small for word in self._shifted) >= _SIGNS:
            yield codecs.encode(text, "rot13")
        if self._canaries or sum(word in small for word in self._backwards) >= _SIGNS:
            yield text[::-1]

    def _leaks(self, text: str) -> Iterator[Span]:
        if not self._instructions:
            return
        # Where words stand is asked where enough of them come back: in most answers they do not.
        said = set(_shingles(_content_texts(text)))
        near = [one for one in self._instructions if one.may_leak(said)]
        words = _content(words_of(text)) if near else []
        for one in near:
            yield from one.leaks(words)


def leakage(
    system_texts: Sequence[str],
    canaries: Sequence[str] = (),
    *,
    said: Sequence[str] = (),
    trusted_hosts: frozenset[str] = frozenset(),
) -> Leakage:
    """What finds the instructions ``system_texts`` of a request, and strings planted in them, in the answer to it.

    Those that were planted by the way stand in ``system_texts`` themselves. ``said``: texts whose identifiers no image may carry
    to a host, unless it is a trusted one (``carried``).
    """
    return Leakage(system_texts, canaries, Carried(said, trusted_hosts))


def worth_keeping(instructions: str) -> bool:
    """Whether instructions say enough to be a secret."""
    return len(_content_texts(instructions)) >= LEAST_WORDS


class _Instructions:
    """One system text: where each of its shingles stands."""

    __slots__ = ("_needed", "_places", "words")

    def __init__(self, text: str) -> None:
        content = _content_texts(text)
        self.words = len(content)
        self._needed = max(LEAST_WORDS, min(int(SHARE * self.words), MOST_WORDS))
        self._places: dict[tuple[str, ...], list[int]] = {}
        for at, shingle in enumerate(_shingles(content)):
            self._places.setdefault(shingle, []).append(at)

    def may_leak(self, said: AbstractSet[tuple[str, ...]]) -> bool:
        """Whether what was said holds enough of them, wherever it stands."""
        return SHINGLE * sum(len(self._places[one]) for one in said & self._places.keys()) >= self._needed

    def leaks(self, words: Sequence[Word]) -> Iterator[Span]:
        """Stretches of an answer that give enough of them away."""
        texts = [word.text for word in words]
        hits = [(at, places) for at, shingle in enumerate(_shingles(texts)) if (places := self._places.get(shingle)) is not None]
        first = 0
        while first < len(hits):
            covered: set[int] = set()
            last = first
            while last < len(hits) and hits[last][0] - hits[first][0] <= WINDOW_WORDS:
                for place in hits[last][1]:
                    covered.update(range(place, place + SHINGLE))
                last += 1
            if len(covered) >= self._needed:
                start, end = words[hits[first][0]].start, words[hits[last - 1][0] + SHINGLE - 1].end
                yield Span("system-prompt", start, end, min(1.0, len(covered) / self.words))
            first = last


def _shingles(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(words[skip:] for skip in range(SHINGLE)), strict=False)


def _content(words: Sequence[Word]) -> list[Word]:
    return [Word(_stem(word.text), word.start, word.end) for word in words if word.text not in _FUNCTION_WORDS]


def _content_texts(text: str) -> list[str]:
    """The same without their places, in a fraction of the time."""
    words = texts_of(text)
    stems = {word: _stem(word) for word in set(words) if word not in _FUNCTION_WORDS}
    return [stems[word] for word in words if word in stems]


def _stem(word: str) -> str:
    """A word without its commonest endings. Crude on purpose: only equality counts."""
    if word.endswith(_ENDINGS):
        for ending in _ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= 4:
                return word[: -len(ending)].rstrip("e")
    return word.rstrip("e") if len(word) > 4 else word


def _long_words(texts: Sequence[str]) -> list[str]:
    """Some of the longest words of ``texts``. The shortest, and those without meaning, stand backwards in every answer, too."""
    words = {word for text in texts for word in texts_of(text) if len(word) >= _LONG}
    return sorted(words - _FUNCTION_WORDS, key=lambda word: (-len(word), word))[:_LONG_WORDS]


def _letters(text: str) -> str:
    return "".join(_LETTERS.findall(text)).casefold()


_ENDINGS: Final = ("ing", "ed", "es", "s")
_LONG_WORDS: Final = 60
_LONG: Final = 3
_SIGNS: Final = 2
"""So many of them stand in a disguised text by more than chance."""
_LETTERS: Final = re.compile(r"[^\W_]+")
_RUN: Final = re.compile(r"(?:[A-Za-z0-9+/_-]{16,}+[ \n]{0,2}+)++={0,2}")
_has_row = teller(r"[A-Za-z0-9+/_-]{16}")
_ESCAPES: Final = 3
_PERCENT: Final = re.compile(rf"(?:%[0-9A-Fa-f]{{2}}[^\s%()<>\"']{{0,200}}){{{_ESCAPES},}}")
_WITHOUT_MEANING: Final = """
a an the and or but nor of to in on at by for from with as is are was were be been being am do does did has have had it its this
that these those there here i you he she we they me him her us them my your his our their if then than so not no any all can could
will would shall should may might must also just very s t
"""
_FUNCTION_WORDS: Final = frozenset(_WITHOUT_MEANING.split())
