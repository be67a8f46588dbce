"""Dictionaries: a deployment's own terms, up to hundreds of thousands, found in one pass (Aho and Corasick 1975).

Terms and text are compared with small letters and any white space as a blank; a term whose case matters is then compared as it
is written. A whole word has no letter or digit at either side. Of terms of one dictionary that begin at one place, the longest
counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import ahocorasick
import msgspec

from wardstead.inspection.known.ports import Known, Place
from wardstead.inspection.patterns.folding import folded
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.yaml_input import read_yaml

TERM_BYTES: Final = 256
SHORTEST: Final = 3
"""A term of fewer letters and digits would be found everywhere."""
OWN_DATA: Final = "own-data"
"""The category of what a deployment knows of its own, unless it says otherwise."""

_Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{2,40}$")]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dictionary in YAML. ``file``: a text file beside it with more terms, one a line."""

    version: int
    type: _Name
    category: _Name = OWN_DATA
    case: bool = False
    whole_word: bool = True
    terms: tuple[str, ...] = ()
    file: str = ""


class Dictionary(msgspec.Struct, frozen=True):
    """Terms of one type. ``case``: whether small and capital letters differ."""

    known: Known
    terms: tuple[str, ...]
    case: bool = False
    whole_word: bool = True


def load_dictionaries(texts: Mapping[str, str]) -> tuple[Dictionary, ...]:
    """Dictionaries from files by name: ``.yaml``, and ``.txt``, which is a dictionary of the type that it is called like.

    A text file that a YAML file names belongs to it. Raises ``ConfigurationError`` with file and line.
    """
    described = {name: read_yaml(texts[name], name, _File) for name in sorted(texts) if name.endswith((".yaml", ".yml"))}
    taken: set[str] = set()
    found: list[Dictionary] = []
    for name, one in described.items():
        lines: tuple[str, ...] = ()
        if one.file:
            if one.file not in texts:
                raise ConfigurationError("there is no such file beside it", where=f"{name}: file")
            taken.add(one.file)
            lines = _lines(texts[one.file], one.file)
        for number, term in enumerate(one.terms):
            _check(term, f"{name}: terms[{number}]")
        known = Known(f"dictionary:{name}", one.type, one.category)
        found.append(Dictionary(known, (*one.terms, *lines), one.case, one.whole_word))
    for name in sorted(texts):
        if name.endswith(".txt") and name not in taken:
            kind = name.removesuffix(".txt")
            if not re.fullmatch("[a-z0-9-]{2,40}", kind):
                raise ConfigurationError("a list of terms is called like its type", where=name, why="a-z, 0-9 and -, 2 to 40")
            found.append(Dictionary(Known(f"dictionary:{name}", kind, OWN_DATA), _lines(texts[name], name)))
    return tuple(found)


def _lines(text: str, where: str) -> tuple[str, ...]:
    terms = []
    for number, line in enumerate(text.splitlines(), 1):
        term = line.strip()
        if term and not term.startswith("#"):
            _check(term, f"{where}:{number}")
            terms.append(term)
    return tuple(terms)


def _check(term: str, where: str) -> None:
    """No term appears in the error: it may be what is not to be told."""
    if sum(char.isalnum() for char in term) < SHORTEST:
        raise ConfigurationError(f"a term has at least {SHORTEST} letters and digits", where=where)
    if len(term.encode("utf-8", "replace")) > TERM_BYTES or not term.strip().isprintable():
        raise ConfigurationError(f"a term is one line of at most {TERM_BYTES} bytes", where=where)


class TermMatcher:
    """All dictionaries, ready to search: a ``Windowed``."""

    __slots__ = ("_longest", "_parts", "_whole", "lists", "version")

    def __init__(self, dictionaries: Sequence[Dictionary]) -> None:
        """Build the automata: about two seconds for 100,000 terms."""
        self.lists = tuple(one.known for one in dictionaries)
        # Terms are counted only: whoever reads a version must not be able to test a guess.
        self.version = f"{sum(len(one.terms) for one in dictionaries)} terms"
        self._whole = _Automaton((number, one) for number, one in enumerate(dictionaries) if one.whole_word)
        self._parts = _Automaton((number, one) for number, one in enumerate(dictionaries) if not one.whole_word)
        self._longest = max(self._whole.longest, self._parts.longest)

    def matches(self, data: bytes, begin: int, before: int) -> list[Place]:
        """See ``Windowed.matches``."""
        plain = _plain(data[begin : before + self._longest])
        raw = data[begin : before + self._longest].translate(_BLANKS)
        found: dict[tuple[int, int], int] = {}
        for automaton in (self._whole, self._parts):
            for end, ways in automaton.ends(plain):
                for size, number, exact in ways:
                    start = end - size
                    if begin + start >= before or (exact and raw[start:end] not in exact):
                        continue
                    if automaton is self._whole and not (_is_border(data, begin + start) and _is_border_after(data, begin + end)):
                        continue
                    found[start, number] = max(end, found.get((start, number), 0))
        return sorted(Place(begin + start, begin + end, number) for (start, number), end in found.items())

    def first_pending(self, data: bytes, begin: int) -> int:
        """See ``Windowed.first_pending``."""
        first = max(begin, len(data) - self._longest)
        tail = _plain(data[first:]).decode("latin-1")
        for at in range(len(tail)):
            if self._parts.continues(tail, at) or (_is_border(data, first + at) and self._whole.continues(tail, at)):
                return first + at
        return len(data)


_Way = tuple[int, int, frozenset[bytes]]
"""Of terms that are the same in small letters: bytes, dictionary, and how they are written where that matters."""


class _Automaton:
    __slots__ = ("_automaton", "_first", "longest")

    def __init__(self, dictionaries: Iterable[tuple[int, Dictionary]]) -> None:
        ways: dict[str, dict[tuple[int, bool], set[bytes]]] = {}
        for number, one in dictionaries:
            for term in (way for plain in one.terms for way in _ways_to_write(plain, case=one.case)):
                raw = term.encode("utf-8", "replace").translate(_BLANKS)
                written = ways.setdefault(_plain(raw).decode("latin-1"), {}).setdefault((number, one.case), set())
                if one.case:
                    written.add(raw)
        self.longest = max(map(len, ways), default=0)
        self._first = frozenset(key[0] for key in ways)
        self._automaton: Any = ahocorasick.Automaton()
        for key, by_list in ways.items():
            value: list[_Way] = [(len(key), number, frozenset(written)) for (number, _), written in by_list.items()]
            self._automaton.add_word(key, value)
        if ways:
            self._automaton.make_automaton()

    def ends(self, plain: bytes) -> Iterable[tuple[int, list[_Way]]]:
        """The terms in ``plain``, each by the place after it."""
        if not self.longest:
            return ()
        return ((last + 1, ways) for last, ways in self._automaton.iter(plain.decode("latin-1")))

    def continues(self, tail: str, at: int) -> bool:
        """Whether a term begins with all that stands in ``tail`` from ``at`` on."""
        return tail[at] in self._first and bool(self._automaton.match(tail[at:]))


def _ways_to_write(term: str, *, case: bool) -> set[str]:
    """As the view that is searched has it: a capital letter may look like one of ASCII where the small one does not."""
    if term.isascii():
        return {term}
    written = {term} if case else {term, term.lower(), term.upper(), term.title(), term.capitalize()}
    return {folded(one) for one in written}


_SPACES: Final = b"\t\n\r\x0b\x0c"
_BLANKS: Final = bytes.maketrans(_SPACES, b" " * len(_SPACES))


def _plain(data: bytes) -> bytes:
    """Small letters, and blanks for white space: as many bytes as before, so that places stay what they are."""
    if data.isascii():
        return data.lower().translate(_BLANKS)
    text = data.decode("utf-8", "surrogateescape")
    return text.translate(_SMALL).encode("utf-8", "surrogateescape").lower().translate(_BLANKS)


class _Small(dict[int, int]):
    """The small letter of a capital, where it takes as many bytes; worked out when it is first met."""

    def __missing__(self, code: int) -> int:
        char = chr(code)
        small = char.lower()
        same = len(small) == 1 and not 0xD800 <= code < 0xE000 and len(small.encode()) == len(char.encode())
        self[code] = ord(small) if same else code
        return self[code]


_SMALL: Final = _Small()


def _is_border(data: bytes, at: int) -> bool:
    """Whether no letter or digit ends before ``at``."""
    if not at:
        return True
    if data[at - 1] < 0x80:
        return data[at - 1] not in _LETTERS_AND_DIGITS
    begin = at - 1
    while begin > max(0, at - 4) and data[begin] & 0xC0 == 0x80:
        begin -= 1
    return not data[begin:at].decode("utf-8", "replace").isalnum()


def _is_border_after(data: bytes, at: int) -> bool:
    """Whether no letter or digit begins at ``at``."""
    if at >= len(data) or data[at] < 0x80:
        return at >= len(data) or data[at] not in _LETTERS_AND_DIGITS
    end = at + 1
    while end < min(len(data), at + 4) and data[end] & 0xC0 == 0x80:
        end += 1
    return not data[at:end].decode("utf-8", "replace").isalnum()


_LETTERS_AND_DIGITS: Final = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
