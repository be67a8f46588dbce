"""A text with its findings marked in place, as pieces for a template; bounded, however much was found. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wardstead.inspection.classify import Classification, Found
from wardstead.inspection.ports import Flow
from wardstead.kernel.text import harmless

SHOWN_CHARACTERS: Final = 20_000
SHOWN_FINDINGS: Final = 200
_EXCERPT: Final = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of the list. ``number`` is its place in the text, from 1; 0 for what is said of the text as a whole."""

    number: int
    type: str
    category: str
    label: str
    action: str
    excerpt: str
    line: int
    score: str
    combinations: tuple[str, ...]
    also: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the text; with ``finding`` it is one, without it lies between them."""

    text: str
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """A text ready to be shown."""

    pieces: tuple[Piece, ...]
    findings: tuple[Finding, ...]
    """The first of them."""
    total: int
    counts: tuple[tuple[str, str, int], ...]
    """By type: its action, and how many there are; of all."""
    left_out: int
    """Characters that are not shown."""


def marked(text: str, result: Classification, flow: Flow) -> Marked:
    """What there is to show of ``text``: its beginning, with marks, and the first findings as a list."""
    places = [one for one in result.findings if not one.mark]
    whole = [one for one in result.findings if one.mark]
    rows: list[Finding] = [_row(0, one, text, 0, flow) for one in whole[:SHOWN_FINDINGS]]
    pieces: list[Piece] = []
    done, line, counted = 0, 1, 0
    for number, one in enumerate(places, 1):
        row = None
        if number <= SHOWN_FINDINGS:
            line += text.count("\n", counted, one.start)
            counted = one.start
            row = _row(number, one, text, line, flow)
            rows.append(row)
        if one.start < SHOWN_CHARACTERS and row is not None:
            pieces += [
                Piece(visible(text[done : one.start])),
                Piece(visible(text[one.start : min(one.end, SHOWN_CHARACTERS)]), row),
            ]
            done = one.end
    pieces.append(Piece(visible(text[done:SHOWN_CHARACTERS])))
    return Marked(
        tuple(piece for piece in pieces if piece.text),
        tuple(rows),
        len(result.findings),
        _counts(result.findings, flow),
        max(0, len(text) - SHOWN_CHARACTERS),
    )


def visible(text: str) -> str:
    """``text`` with a mark for every character that cannot be seen, or would rearrange what is."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)


def _row(number: int, one: Found, text: str, line: int, flow: Flow) -> Finding:
    found = text[one.start : one.end]
    return Finding(
        number,
        one.type,
        one.category,
        str(one.label),
        one.actions[flow].name.lower(),
        harmless(found[:_EXCERPT]) + ("…" if len(found) > _EXCERPT else ""),
        line,
        f"{one.score:.0%}" if one.score < 1 else "",
        one.combinations,
        one.also,
    )


def _counts(findings: Sequence[Found], flow: Flow) -> tuple[tuple[str, str, int], ...]:
    counted = Counter((one.type, one.actions[flow].name.lower()) for one in findings)
    return tuple((kind, action, count) for (kind, action), count in counted.most_common(40))
