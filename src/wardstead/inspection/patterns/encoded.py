"""Runs of a text that may be encoded: what they spell is searched like any text, and what it holds makes the run a finding.

A run is at most as wide as a match may be. One that is longer is read part by part. What surrounds the encoded part of a run, or
is missing of it, hides nothing: of what a run spells, every stretch counts that can be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from wardstead.inspection.patterns.catalogue import ENCODED, Detector, windowed
from wardstead.inspection.patterns.decoding import (
    HEX_THAT_CAN_BE_READ,
    in_ascii85,
    in_base32,
    in_base64,
    in_binary,
    in_decimals,
    in_hex,
    in_octal,
    in_pairs,
    in_percent,
    may_be_base64,
    rot13,
)
from wardstead.inspection.patterns.finding import ANYWHERE, finder, searcher
from wardstead.inspection.patterns.needs import GATES, Need

Search = Callable[[bytes, int], tuple[int, int] | None]


@dataclass(frozen=True, slots=True)
class Encoding:
    """``looks`` finds every place where a run may be, ``search`` the next run; ``read`` gives the texts that it may spell.

    Runs are found by Python's own engine: it counts thousands of one class at no cost, RE2 by as many states. ``spaced``: the run
    is a text whose characters stand apart, so it goes on from what stands before it, and digits alone are the row of a table
    unless a word says what they are. ``may_spell``: whether any of some runs may spell anything, where that is told of all of
    them at once.
    """

    looks: Detector
    search: Search
    read: Callable[[bytes], Iterator[str]]
    spaced: bool = False
    may_spell: Callable[[Sequence[bytes]], bool] = bool


def encodings(detectors: Sequence[Detector]) -> tuple[Encoding, ...]:
    """How what ``detectors`` look for may be encoded. Of rot13, that is read which begins like one of their secrets."""
    marks = sorted({mark for one in detectors for mark in one.marks})
    if not marks:
        return _ENCODINGS
    either = "|".join(_literal(rot13(mark)) for mark in marks)
    goes_on = "[0-9A-Za-z_.+/=~:-]"
    one = _encoding("in-rot13", f"(?:{either}){goes_on}{{1,300}}", _in_rot13)
    search = _from(f"(?:{either}){goes_on}", f"(?:{either}){goes_on}{{1,300}}")
    return (*_ENCODINGS, replace(one, search=search, looks=replace(one.looks, outline=f"(?:{either})", marked=True)))


def is_row(run: bytes, said: str) -> bool:
    """Whether characters that stand apart are digits alone, with no sign between them that rows of tables do not have."""
    return run[1] in b" \t,;\r\n" and said.replace(" ", "").isdigit()


def _literal(text: str) -> str:
    return "".join(char if char.isalnum() else f"\\x{ord(char):02x}" for char in text)


def _encoding(name: str, pattern: str, read: Callable[[bytes], Iterator[str]], needs: Need | None = None) -> Encoding:
    return Encoding(windowed(name, ENCODED, pattern, needs), _search(pattern), read)


def _search(pattern: str) -> Search:
    """What finds the next run. Where it is of many of one class RE2 does, as if it had no end: few are longer than is allowed."""
    search = spans(re.compile(pattern.encode()))
    counted = re.match(r"(\[[^\]]+\]\{16,)([0-9]+)\}", pattern)
    if counted is None:
        return search
    find, most = finder(f"{counted[1]}}}{pattern[counted.end() :]}"), int(counted[2])

    def without_end(data: bytes, begin: int) -> tuple[int, int] | None:
        start, end = find(data, begin)[0]
        return None if start < 0 else (start, end) if end - start <= most else search(data, start)

    return without_end


def rows_of_keys(data: bytes, before: int) -> list[bytes]:
    """The rows of sixteen characters of keys and more that begin before a place, each as long as it is."""
    rows: list[bytes] = []
    at, size = 0, len(data)
    while True:
        start, end = _ROW(ANYWHERE, data, at, size)[0]
        if not 0 <= start < before:
            return rows
        rows.append(data[start:end])
        at = end


def _from(begins: str, pattern: str) -> Search:
    """What finds the next run where RE2 sees at once where one begins: Python's engine tries each place for each of hundreds."""
    find, run = finder(begins), re.compile(pattern.encode())

    def search(data: bytes, begin: int) -> tuple[int, int] | None:
        start = find(data, begin)[0][0]
        match = run.match(data, start) if start >= 0 else None
        return None if match is None else match.span()

    return search


def spans(compiled: re.Pattern[bytes]) -> Search:
    """Where Python's own engine finds the next match."""

    def search(data: bytes, begin: int) -> tuple[int, int] | None:
        match = compiled.search(data, begin)
        return None if match is None else match.span()

    return search


def _spaced() -> Encoding:
    looks = windowed("in-spaced", ENCODED, r"\b[0-9A-Za-z](?:(?:[ \t.,;|*:\n]|\r\n|, ){1,3}[!-~]){9,500}", Need.SPACED)
    runs = re.compile(rb"\b[0-9A-Za-z]([ \t.,;|*:\n]|\r\n|, )\1{0,2}(?!\1)[!-~](?:\1{1,3}(?!\1)[!-~]){8,499}(?![0-9A-Za-z])")
    return Encoding(looks, spans(runs), _in_spaced, spaced=True)


def _marked_up() -> Encoding:
    """A word in whose middle something stands that is not part of it: looked for where one does."""
    one = _encoding(
        "in-markup", rf"{_KEYS}{{1,200}}(?:{_INSIDE}{_KEYS}{{1,40}}){{0,40}}{_INSIDE}{_KEYS}{{1,200}}", _in_marked_up, Need.MARKUP
    )
    around = f"{_INSIDE}{_KEYS}"
    search = _from(f"{_KEYS}{{1,200}}{around}", one.looks.pattern)
    return replace(one, search=search, looks=replace(one.looks, outline=f"{_KEYS}{around}"))


def _hex() -> Encoding:
    """Looked for where it spells eight characters that can be read: commit ids and keys do not."""
    one = _encoding("in-hex", r"[0-9A-Fa-f]{16,3016}", in_hex)
    return replace(one, looks=replace(one.looks, outline=HEX_THAT_CAN_BE_READ))


def _base64() -> Encoding:
    """Wherever there are sixteen characters of keys there is such a run: nothing else has to be looked for."""
    one = _encoding("in-base64", r"[A-Za-z0-9+/_-]{16,3016}={0,2}", in_base64)
    return replace(one, looks=replace(one.looks, outline=GATES[Need.RUN]), may_spell=may_be_base64)


def _in_spaced(run: bytes) -> Iterator[str]:
    """With the greater gaps as blanks, and without any."""
    between = run[1:3] if run[1:3] in {b"\r\n", b", "} else run[1:2]
    parts = run.decode().split(between.decode())
    words = re.sub(" +", " ", "".join(part or " " for part in parts))
    yield words
    if " " in words:
        yield "".join(parts)


def _in_marked_up(run: bytes) -> Iterator[str]:
    yield _WITHIN.sub(b"", run).decode()


def _in_rot13(run: bytes) -> Iterator[str]:
    yield rot13(run.decode())


_KEYS: Final = "[0-9A-Za-z_+/=.:@-]"
_TAGS: Final = "a|abbr|b|bdi|bdo|big|code|del|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|tt|u|var|wbr"
_INSIDE: Final = (
    "(?:"
    r"[*`~]{1,4}"
    rf"|(?i:(?:\x3c/(?:{_TAGS})\x3e)?\x3c/?(?:{_TAGS})(?:[ /][ -;=?-~]{{0,24}})?\x3e|\x3c!--[ -;=?-~]{{0,24}}--\x3e)"
    r"|(?:\x1b\[[0-9;]{0,16}[A-Za-z]){1,2}"
    r"|[\x22'][ \t\r\n]{0,4}(?:[+&.]|\.\.|\|\|)?[ \t\r\n]{0,20}[\x22']"
    r"|=\r?\n"
    ")"
)
"""What stands in the middle of a word and is not part of it: Markdown's emphasis, tags and comments that part no words, what
colours a terminal, the joint of two literals, and where quoted-printable goes on in the next line."""
_WITHIN: Final = re.compile(rf"(?<={_KEYS}){_INSIDE}(?={_KEYS})".encode())
_ROW: Final = searcher("[A-Za-z0-9+/_-]{16,}")
_ENCODINGS: Final[tuple[Encoding, ...]] = (
    _hex(),
    _encoding("in-escaped-hex", r"(?:(?:\x5cx|=)[0-9A-Fa-f][0-9A-Fa-f]){6,1000}", in_pairs),
    _encoding("in-pairs", r"\b(?:0x)?[0-7][0-9A-Fa-f](?:(?:, |[ :,-])(?:0x)?[0-7][0-9A-Fa-f]){9,600}", in_pairs),
    _base64(),
    _encoding("in-base32", r"(?:[A-Z2-7]{24,3016}|[a-z2-7]{24,3016})", in_base32),
    _encoding("in-ascii85", r"\x3c~[!-uz]{15,3016}", in_ascii85),
    _encoding(
        "in-percent",
        r"[A-Za-z0-9._~+-]{0,64}%[0-9A-Fa-f][0-9A-Fa-f](?:%[0-9A-Fa-f][0-9A-Fa-f]|[A-Za-z0-9._~+-]){0,1000}",
        in_percent,
    ),
    _encoding("in-decimals", r"\b[0-9]{2,3}(?:(?:, |[ ,;-])[0-9]{2,3}){9,700}", in_decimals),
    _encoding("in-binary", r"\b[01]{8}(?:[ ,]?[01]{8}){9,400}", in_binary),
    _encoding("in-octal", r"(?:\x5c[0-7]{2,3}){8,900}", in_octal),
    _marked_up(),
    _spaced(),
)
