"""What is cut in two between texts that belong together: a secret over three messages, the parts of one, the items of an array.

Each text is inspected by itself elsewhere. Here the ends of neighbours are joined, in each way in which a model may read them
together, and only what reaches over a border counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import accumulate, product
from typing import Final

import msgspec

from wardstead.inspection.patterns.catalogue import WINDOW_BYTES
from wardstead.inspection.ports import Inspection
from wardstead.kernel.findings import Finding

ACROSS: Final = "across-messages"
"""What such a finding says it was put together from."""
REACH: Final = 2 * WINDOW_BYTES
"""So many characters on each side of a border: no match, with what stands before it, is longer."""
JOINTS: Final = ("", " ", "\n")
_GAP: Final = "\x00\n\x00"
_ALIKE: Final = (*((joint,) for joint in JOINTS), ("", _GAP), (_GAP, ""))
"""The same at each border; and of nothing at all between two, neighbours by themselves: a third would be the same word."""
SHORT: Final = 64
"""What is no longer may stand between two halves, or be the middle of what is joined in a different way at each border."""
NEAR: Final = 256
"""So many characters on each side of what is left out."""
LATEST: Final = 4_096
"""Of so many characters at the end of a request, what stands between two halves is left out; before, only neighbours are read."""
LATEST_MIXED: Final = 256
"""And of so many, with digits in each piece, the joints differ from border to border. Both bound what a request may cost."""
_SEVERAL: Final = 3
_BRIEF: Final = 512
"""Shorter readings are inspected at once, for together they take less time than asking whether that is needed."""


class Part(msgspec.Struct, frozen=True):
    """``content`` stands at ``offset`` of text number ``text``."""

    text: int
    offset: int
    content: str


class Crossing(msgspec.Struct, frozen=True):
    """``finding`` reaches over a border into text number ``text``, where ``start`` to ``end`` are to be taken out of it."""

    text: int
    start: int
    end: int
    finding: Finding


class _Piece(msgspec.Struct, frozen=True):
    """What is looked at of ``part``, at ``offset`` of its text. ``gap``: nothing reaches over to it from before."""

    part: Part
    offset: int
    content: str
    gap: bool = False


class _Reading(msgspec.Struct, frozen=True):
    """``pieces`` joined in one way, where each begins in ``text``, and those ``borders`` that something may reach over."""

    pieces: Sequence[_Piece]
    text: str
    starts: Sequence[int]
    borders: Sequence[int]


def parts(number: int, text: str, seams: Sequence[int] = ()) -> Iterator[Part]:
    """A text, cut at its ``seams``: the places of line breaks between the parts in which it came."""
    begin = 0
    for seam in (*seams, len(text)):
        yield Part(number, begin, text[begin:seam])
        begin = seam + 1


def crossings(
    inspect: Callable[[Sequence[str]], Sequence[Inspection]],
    chains: Sequence[Sequence[Part]],
    may_reach: Callable[[str, Sequence[int]], bool] = lambda _text, _places: True,
) -> list[Crossing]:
    """What reaches over the borders of the parts of each of ``chains``, which are in the order of the conversation.

    ``inspect`` looks at the form of texts alone (``Inspector.patterns``), and ``may_reach`` says where it need not
    (``Inspector.may_reach``): nearly everywhere.
    """
    filled = [kept for chain in chains if len(kept := [one for one in chain if one.content.strip()]) > 1]
    if not filled:
        return []
    everything = _pieces(filled, REACH)
    readings = [one for one in _readings(everything, filled) if len(one.text) < _BRIEF or may_reach(one.text, one.borders)]
    crossing = [
        (finding, reading)
        for reading, inspection in zip(readings, inspect([one.text for one in readings]), strict=True)
        for finding in inspection.findings
        if _crosses(finding, reading)
    ]
    if not crossing:
        return []
    by_themselves = _joined(everything, (_GAP,))
    (alone,) = inspect([by_themselves.text])
    whole = {(*_place(one.start, by_themselves), one.type) for one in alone.findings}
    found: dict[tuple[int, int, int, str], Crossing] = {}
    for finding, reading in crossing:
        one = _crossing(finding, reading, whole)
        found.setdefault((one.text, one.start, one.end, finding.type), one)
    return sorted(found.values(), key=lambda one: (one.text, one.end))


def _readings(everything: list[_Piece], chains: Sequence[Sequence[Part]]) -> Iterator[_Reading]:
    """All with all; then without something short in between; then, where digits go on and on, with different joints."""
    yield from _distinct(everything, _ALIKE)
    if all(len(chain) < _SEVERAL for chain in chains):
        return  # there is nothing in between, and one border has one joint
    for every in (2, 3):
        for left_out in range(every):
            yield from _distinct(_latest(_pieces(_without(chains, every, left_out), NEAR), LATEST), _ALIKE)
    # Four neighbours at a time, wherever they begin: a fifth could only hide what they are together.
    fours = [(*joints, _GAP) for joints in product(JOINTS, repeat=3)]
    runs = _latest(_runs(_pieces(chains, SHORT)), LATEST_MIXED)
    yield from _distinct(runs, (four[shift:] + four[:shift] for four in fours for shift in range(len(four))))


def _distinct(pieces: Sequence[_Piece], ways: Iterable[Sequence[str]]) -> Iterator[_Reading]:
    """The pieces joined in each way, where any are joined: a few pieces come out the same in many ways."""
    if len(pieces) > 1:
        joined = {(one.text, *one.starts): one for one in (_joined(pieces, joints) for joints in ways)}
        yield from (one for one in joined.values() if one.borders)


def _latest(pieces: list[_Piece], budget: int) -> list[_Piece]:
    sizes = accumulate(len(piece.content) for piece in reversed(pieces))
    kept = sum(size <= budget for size in sizes)
    return pieces[len(pieces) - kept :]


def _without(chains: Sequence[Sequence[Part]], every: int, left_out: int) -> list[list[Part]]:
    """The chains out of which something short is left, at every second or third place."""
    rest = []
    for chain in chains:
        kept = [one for at, one in enumerate(chain) if at % every != left_out or len(one.content) > SHORT]
        if 1 < len(kept) < len(chain):
            rest.append(kept)
    return rest


def _runs(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Pieces with digits that have two borders at least between them: at one border, joints cannot differ."""
    runs: list[list[_Piece]] = [[]]
    for piece in pieces:
        if piece.gap:
            runs.append([])
        if any(map(str.isdigit, piece.content)):
            runs[-1].append(piece)
        else:
            runs.append([])
    return [msgspec.structs.replace(piece, gap=at == 0) for run in runs if len(run) > 2 for at, piece in enumerate(run)]


def _pieces(chains: Sequence[Sequence[Part]], reach: int) -> list[_Piece]:
    return [piece for chain in chains for at, part in enumerate(chain) for piece in _ends(part, reach, first=at == 0)]


def _ends(part: Part, reach: int, *, first: bool) -> list[_Piece]:
    """The ends of a part, without white space around it: models do not mind it, and the joints put back what they read."""
    bare = part.content.strip()
    offset = part.offset + part.content.index(bare[0])
    if len(bare) <= 2 * reach:
        return [_Piece(part, offset, bare, gap=first)]
    tail = len(bare) - reach
    return [_Piece(part, offset, bare[:reach], gap=first), _Piece(part, offset + tail, bare[tail:], gap=True)]


def _joined(pieces: Sequence[_Piece], joints: Sequence[str]) -> _Reading:
    """``joints`` stand between them, over and over."""
    out: list[str] = []
    starts: list[int] = []
    borders: list[int] = []
    length = 0
    for at, piece in enumerate(pieces):
        between = (_GAP if piece.gap else joints[at % len(joints)]) if out else ""
        starts.append(length + len(between))
        if out and between != _GAP:
            borders.append(starts[-1])
        out += [between, piece.content]
        length += len(between) + len(piece.content)
    return _Reading(pieces, "".join(out), starts, borders)


def _at(place: int, starts: Sequence[int]) -> int:
    return max(bisect_right(starts, place) - 1, 0)


def _place(place: int, reading: _Reading) -> tuple[int, int]:
    """Where in which text."""
    at = _at(place, reading.starts)
    return reading.pieces[at].part.text, reading.pieces[at].offset + place - reading.starts[at]


def _ends_of(finding: Finding, reading: _Reading) -> tuple[Part, Part]:
    """The parts in which it begins and ends."""
    first, last = (reading.pieces[_at(place, reading.starts)].part for place in (finding.start, max(finding.end - 1, 0)))
    return first, last


def _crosses(finding: Finding, reading: _Reading) -> bool:
    failed = finding.start == finding.end  # it could not be looked at: no text may go on as if it had been
    first, last = _ends_of(finding, reading)
    return first is not last or failed


def _crossing(finding: Finding, reading: _Reading, whole: AbstractSet[tuple[int, int, str]]) -> Crossing:
    """``whole``: where something begins that is found without what follows the border. It stays for those who find it."""
    first, last = _ends_of(finding, reading)
    begin = _place(finding.start, reading)
    at = _at(max(finding.end - 1, 0), reading.starts)
    end = reading.pieces[at].offset + finding.end - reading.starts[at]
    start = 0
    if first.text == last.text:
        start = last.offset if (*begin, finding.type) in whole else begin[1]
    told = msgspec.structs.replace(finding, start=start, end=end, combination=finding.combination or ACROSS)
    return Crossing(last.text, start, end, told)
