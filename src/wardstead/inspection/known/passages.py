"""Documents that are known: whether a text has passages of one, by winnowed fingerprints.

Source: Schleimer, Wilkerson and Aiken, "Winnowing: local algorithms for document fingerprinting" (SIGMOD 2003). A document is
its words without case and punctuation; each run of ``SHINGLE`` words has a keyed digest, and of each ``WINDOW`` runs the one
with the smallest digest is kept. Every passage of ``SHINGLE + WINDOW - 1`` words that a text shares with the document then
holds a kept one, wherever it stands, and a changed word costs the runs around it alone. Of a text every run is looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from wardstead.inspection.content.rules import in_order
from wardstead.inspection.content.words import words_of
from wardstead.inspection.known.keyed import Digests, Hash, Header, Index, keyed
from wardstead.inspection.ports import Direction, Origin, Span
from wardstead.kernel.errors import CallerError

SHINGLE: Final = 6
WINDOW: Final = 6
LEAST_WORDS: Final = 40
"""A shorter document would be found in others by chance."""
LEAST_SHARED: Final = 3
MOST_SHARED: Final = 6
SHARE: Final = 0.25
"""So much of a document's fingerprints, from ``LEAST_SHARED`` to ``MOST_SHARED``, close together are a passage of it."""
APART_WORDS: Final = 80
"""Fingerprints with more words between them are two passages."""
_USE: Final = b"ws-document"


def index_document(
    versions: Sequence[str], name: str, kind: str, category: str, key: bytes, *, without: Sequence[str] = ()
) -> Index:
    """The index of a document in its ``versions``, without what the texts ``without`` (its blank form, say) share with it.

    Raises ``CallerError`` for a document that is too short, or of which nothing is left.
    """
    digest = keyed(key, _USE)
    words = [[word.text for word in words_of(text)] for text in versions]
    if min(map(len, words), default=0) < LEAST_WORDS:
        raise CallerError(f"a document has at least {LEAST_WORDS} words", where=name, why="a shorter one is found by chance")
    common = {one for other in without for one in _shingles([word.text for word in words_of(other)], digest)}
    found = Digests(one for version in words for one in winnow(list(_shingles(version, digest))) if one not in common)
    if len(found) < LEAST_SHARED:
        raise CallerError("nothing is left of the document", where=name, why="the other texts hold nearly all of it")
    header = Header(kind="document", name=name, type=kind, category=category, count=len(found), words=max(map(len, words)))
    return Index(header, found, Digests(()))


def winnow(digests: Sequence[int]) -> list[int]:
    """Of each ``WINDOW`` digests in a row the smallest, the last of equals; each choice once."""
    chosen: list[int] = []
    last = -1
    for end in range(min(WINDOW, len(digests)), len(digests) + 1):
        first = max(0, end - WINDOW)
        place = min(range(first, end), key=lambda at: (digests[at], -at), default=-1)
        if place != last:
            chosen.append(digests[place])
            last = place
    return chosen


class KnownDocuments:
    """A ``TextDetector`` over the indexes of documents."""

    def __init__(self, indexes: Sequence[Index], key: bytes) -> None:
        """``indexes`` are those of documents, made with this key."""
        self.id = "known-documents"
        content = (one.digests.to_bytes() + msgspec.json.encode(one.header) for one in indexes)
        self.version = sha256(b"".join(content)).hexdigest()[:12]
        self.types: Mapping[str, str] = {one.header.type: one.header.category for one in indexes}
        self.directions = frozenset(Direction)
        self.origins = frozenset(Origin) - {Origin.STRUCTURE}
        self.marks = True  # a passage is wider than what could be taken out of a stream
        self.slow = False
        self.cuts = True
        self._digest = keyed(key, _USE)
        self._kinds = [one.header.type for one in indexes]
        self._needed = [max(LEAST_SHARED, min(int(SHARE * one.header.count), MOST_SHARED)) for one in indexes]
        self._owners: dict[int, tuple[int, ...]] = {}
        for number, one in enumerate(indexes):
            for found in one.digests:
                self._owners[found] = (*self._owners.get(found, ()), number)

    def detect(self, texts: Sequence[str]) -> list[list[Span]]:
        """See ``TextDetector.detect``."""
        return [in_order(self._spans(text)) for text in texts]

    def _spans(self, text: str) -> Iterator[Span]:
        words = words_of(text)
        hits: dict[int, list[tuple[int, int]]] = {}
        for at, digest in enumerate(_shingles([word.text for word in words], self._digest)):
            for number in self._owners.get(digest, ()):
                hits.setdefault(number, []).append((at, digest))
        for number, places in hits.items():
            for first, last, shared in _passages(places):
                if shared >= self._needed[number]:
                    sure = min(1.0, shared / (2 * self._needed[number]))
                    yield Span(self._kinds[number], words[first].start, words[last + SHINGLE - 1].end, sure)


def _shingles(words: Sequence[str], digest: Hash) -> Iterator[int]:
    return (digest(" ".join(words[at : at + SHINGLE]).encode("utf-8", "replace")) for at in range(len(words) - SHINGLE + 1))


def _passages(places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """Of hits by place and digest: first and last place of each passage, and how many different digests are in it."""
    first = last = places[0][0]
    shared: set[int] = set()
    for at, digest in places:
        if at - last > APART_WORDS:
            yield first, last, len(shared)
            first, shared = at, set()
        last = at
        shared.add(digest)
    yield first, last, len(shared)
