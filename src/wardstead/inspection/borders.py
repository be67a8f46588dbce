"""What is cut in two between texts that belong together: a secret over three messages, or over the items of an array.

Each text is inspected by itself elsewhere. Here the ends of neighbours are joined, in each way in which a model may read them
together, and only what reaches over a border counts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
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


class Crossing(msgspec.Struct, frozen=True):
    """``finding`` reaches over a border into text number ``text``, whose first ``end`` characters are its last part."""

    text: int
    end: int
    finding: Finding


class _Piece(msgspec.Struct, frozen=True):
    """``content`` stands at ``offset`` of text number ``text``. ``gap``: something of the same text was left out before it."""

    text: int
    offset: int
    content: str
    gap: bool = False


def crossings(inspect: Callable[[Sequence[str]], Sequence[Inspection]], texts: Sequence[str]) -> list[Crossing]:
    """What reaches over the borders of ``texts``, which are in the order of the conversation.

    ``inspect`` looks at the form of texts alone (``Inspector.patterns``).
    """
    pieces = [piece for number, text in enumerate(texts) for piece in _pieces(number, text)]
    if len({piece.text for piece in pieces}) < 2:
        return []
    joined = [_joined(pieces, joint) for joint in JOINTS]
    found: dict[tuple[int, int, str], Crossing] = {}
    for (_, starts), inspection in zip(joined, inspect([text for text, _ in joined]), strict=True):
        for finding in inspection.findings:
            crossing = _crossing(finding, pieces, starts)
            if crossing is not None:
                found.setdefault((crossing.text, crossing.end, finding.type), crossing)
    return sorted(found.values(), key=lambda one: (one.text, one.end))


def _pieces(number: int, text: str) -> list[_Piece]:
    """The ends of a text, without white space around it: models do not mind it, and cuts are made there."""
    bare = text.strip()
    if not bare:
        return []
    offset = text.index(bare[0])
    if len(bare) <= 2 * REACH:
        return [_Piece(number, offset, bare)]
    tail = len(bare) - REACH
    return [_Piece(number, offset, bare[:REACH]), _Piece(number, offset + tail, bare[tail:], gap=True)]


def _joined(pieces: Sequence[_Piece], joint: str) -> tuple[str, list[int]]:
    """The text, and where each piece begins in it."""
    out: list[str] = []
    starts: list[int] = []
    length = 0
    for piece in pieces:
        between = (_GAP if piece.gap else joint) if out else ""
        starts.append(length + len(between))
        out += [between, piece.content]
        length += len(between) + len(piece.content)
    return "".join(out), starts


def _crossing(finding: Finding, pieces: Sequence[_Piece], starts: Sequence[int]) -> Crossing | None:
    failed = finding.start == finding.end  # it could not be looked at: no text may go on as if it had been
    first = max(bisect_right(starts, finding.start) - 1, 0)
    last = max(bisect_right(starts, max(finding.end - 1, 0)) - 1, 0)
    if pieces[first].text == pieces[last].text and not failed:
        return None
    piece = pieces[last]
    end = piece.offset + finding.end - starts[last]
    whole = msgspec.structs.replace(finding, start=0, end=end, combination=finding.combination or ACROSS)
    return Crossing(piece.text, end, whole)
