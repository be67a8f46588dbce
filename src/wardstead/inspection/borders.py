"""What is cut in two between texts that belong together: a secret over three messages, the parts of one, the items of an array.

Each text is inspected by itself elsewhere. Here the ends of neighbours are joined, in each way in which a model may read them
together, and only what reaches over a border counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
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


_Reading = tuple[Sequence[_Piece], Sequence[str]]
"""Pieces, and the joints between them, over and over."""


def parts(number: int, text: str, seams: Sequence[int] = ()) -> Iterator[Part]:
    """A text, cut at its ``seams``: the places of line breaks between the parts in which it came."""
    begin = 0
    for seam in (*seams, len(text)):
        yield Part(number, begin, text[begin:seam])
        begin = seam + 1


def crossings(inspect: Callable[[Sequence[str]], Sequence[Inspection]], chains: Sequence[Sequence[Part]]) -> list[Crossing]:
    """What reaches over the borders of the parts of each of ``chains``, which are in the order of the conversation.

    ``inspect`` looks at the form of texts alone (``Inspector.patterns``).
    """
    filled = [kept for chain in chains if len(kept := [one for one in chain if one.content.strip()]) > 1]
    if not filled:
        return []
    readings = list(_readings(filled))
    joined = [_joined(*reading) for reading in readings]
    pieces = readings[0][0]
    by_themselves, starts = _joined(pieces, (_GAP,))
    alone, *together = inspect([by_themselves, *(text for text, _ in joined)])
    whole = {(*_place(one.start, pieces, starts), one.type) for one in alone.findings}
    found: dict[tuple[int, int, int, str], Crossing] = {}
    for (read, _), (_, begins), inspection in zip(readings, joined, together, strict=True):
        for finding in inspection.findings:
            one = _crossing(finding, read, begins, whole)
            if one is not None:
                found.setdefault((one.text, one.start, one.end, finding.type), one)
    return sorted(found.values(), key=lambda one: (one.text, one.end))


def _readings(chains: Sequence[Sequence[Part]]) -> Iterator[_Reading]:
    """All with all; then without something short in between; then, where digits go on and on, with different joints."""
    everything = _pieces(chains, REACH)
    for joints in _ALIKE:
        yield everything, joints
    for every in (2, 3):
        for left_out in range(every):
            rest = _latest(_pieces(_without(chains, every, left_out), NEAR), LATEST)
            if rest:
                for joints in _ALIKE:
                    yield rest, joints
    runs = _latest(_runs(_pieces(chains, SHORT)), LATEST_MIXED)
    if runs:
        # Four neighbours at a time, wherever they begin: a fifth could only hide what they are together.
        for joints in product(JOINTS, repeat=3):
            four = (*joints, _GAP)
            for shift in range(len(four)):
                yield runs, four[shift:] + four[:shift]


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


def _joined(pieces: Sequence[_Piece], joints: Sequence[str]) -> tuple[str, list[int]]:
    """The text, and where each piece begins in it."""
    out: list[str] = []
    starts: list[int] = []
    length = 0
    for at, piece in enumerate(pieces):
        between = (_GAP if piece.gap else joints[at % len(joints)]) if out else ""
        starts.append(length + len(between))
        out += [between, piece.content]
        length += len(between) + len(piece.content)
    return "".join(out), starts


def _at(place: int, starts: Sequence[int]) -> int:
    return max(bisect_right(starts, place) - 1, 0)


def _place(place: int, pieces: Sequence[_Piece], starts: Sequence[int]) -> tuple[int, int]:
    """Where in which text."""
    at = _at(place, starts)
    return pieces[at].part.text, pieces[at].offset + place - starts[at]


def _crossing(
    finding: Finding, pieces: Sequence[_Piece], starts: Sequence[int], whole: AbstractSet[tuple[int, int, str]]
) -> Crossing | None:
    """``whole``: where something begins that is found without what follows the border. It stays for those who find it."""
    failed = finding.start == finding.end  # it could not be looked at: no text may go on as if it had been
    first, last = (pieces[_at(place, starts)].part for place in (finding.start, max(finding.end - 1, 0)))
    if first is last and not failed:
        return None
    begin = _place(finding.start, pieces, starts)
    at = _at(max(finding.end - 1, 0), starts)
    end = pieces[at].offset + finding.end - starts[at]
    start = 0
    if first.text == last.text:
        start = last.offset if (*begin, finding.type) in whole else begin[1]
    told = msgspec.structs.replace(finding, start=start, end=end, combination=finding.combination or ACROSS)
    return Crossing(last.text, start, end, told)
