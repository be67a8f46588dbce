"""What is laid out over a JSON value: a number digit by digit, a key in two fields, a number that its field's name explains.

Each string is inspected by itself elsewhere. Here all of them are read one behind the other, in the ways in which somebody may
put them together, and what is found is taken out of everything that it touches.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final

import msgspec

from wardstead.gateway.protocol.texts import RenameKey, Slot, in_order
from wardstead.inspection.borders import ACROSS, JOINTS
from wardstead.inspection.ports import Inspection
from wardstead.kernel.findings import Finding

_SEVERAL: Final = 2
_FIGURE: Final = 4
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d|\d\d?[./]\d\d?[./]\d|\d\d?:\d\d")
_CELLS: Final = " | "


class _Said(msgspec.Struct, frozen=True):
    """Key, string or number, ``number`` in the order in which they are written."""

    number: int
    text: str
    slot: Slot

    @property
    def is_key(self) -> bool:
        return isinstance(self.slot[0], RenameKey)

    @property
    def column(self) -> str:
        return str(self.slot[1])

    @property
    def is_number(self) -> bool:
        return not self.is_key and not isinstance(self.slot[0][self.slot[1]], str)

    @property
    def is_figure(self) -> bool:
        return len(self.text) >= _FIGURE if self.is_number else _TIME.match(self.text) is not None


class Place(msgspec.Struct, frozen=True):
    """``start`` to ``end`` of what is ``said``."""

    said: _Said
    start: int
    end: int


class LaidOut(msgspec.Struct, frozen=True):
    """A finding, and all that it touches."""

    finding: Finding
    places: tuple[Place, ...]


class _Reading:
    """What is said, one behind the other."""

    def __init__(self, said: Sequence[_Said], before: Callable[[_Said, _Said], str]) -> None:
        """``before``: what stands between the one before and the next."""
        out: list[str] = []
        self._said, self._starts = said, list[int]()
        length = 0
        for at, one in enumerate(said):
            joint = before(said[at - 1], one) if at else ""
            self._starts.append(length + len(joint))
            length = self._starts[-1] + len(one.text)
            out += [joint, one.text]
        self.text = "".join(out)

    def places(self, finding: Finding) -> Iterator[Place]:
        """Where a finding in ``text`` stands."""
        first, after = (bisect_right(self._starts, place) for place in (finding.start, finding.end - 1))
        for one, begin in zip(self._said[max(first - 1, 0) : after], self._starts[max(first - 1, 0) : after], strict=True):
            start, end = max(finding.start - begin, 0), min(finding.end - begin, len(one.text))
            if start < end:
                yield Place(one, start, end)


def laid_out(value: Any, inspect: Callable[[Sequence[str]], Sequence[Inspection]]) -> list[LaidOut]:
    """What is found in the readings of a JSON value (an object or an array), and in none of its strings by itself.

    ``inspect`` looks at the form of texts alone (``Inspector.patterns``).
    """
    said = [_Said(number, text, slot) for number, (text, slot) in enumerate(in_order(value))]
    if len(said) < _SEVERAL:
        return []
    readings = list(_readings(said))
    looks = inspect([one.text for one in readings])
    if not any(one.findings for one in looks):
        return []
    each = inspect([one.text for one in said])
    alone = {(one.number, found.type) for one, look in zip(said, each, strict=True) for found in look.findings}
    laid: dict[tuple[str, tuple[tuple[int, int, int], ...]], LaidOut] = {}
    for reading, look in zip(readings, looks, strict=True):
        for finding in look.findings:
            places = tuple(reading.places(finding))
            if not any((one.said.number, finding.type) in alone for one in places):
                told = msgspec.structs.replace(finding, combination=finding.combination or ACROSS)
                laid.setdefault(
                    (finding.type, tuple((one.said.number, one.start, one.end) for one in places)), LaidOut(told, places)
                )
    return list(laid.values())


def take_out(found: Sequence[LaidOut]) -> None:
    """Put a note in the place of each, in all that it touches. Values come before keys: renaming is last."""
    every = sorted(((place, one.finding.type) for one in found for place in one.places), key=_values_first)
    for _, ones in groupby(every, key=lambda one: one[0].said.number):
        first, *others = ones
        said, out, done = first[0].said, "", 0
        for place, kind in (first, *others):
            if place.start >= done:
                out += f"{said.text[done : place.start]}[redacted:{kind}]"
            done = max(done, place.end)
        container, key = said.slot
        container[key] = out + said.text[done:]


def _values_first(one: tuple[Place, str]) -> tuple[bool, int, int, int]:
    place, _ = one
    return place.said.is_key, place.said.number, place.start, -place.end


def _readings(said: Sequence[_Said]) -> Iterator[_Reading]:
    """The values; those of each name; the keys; each with its value; all as people write it, where names say what values are."""
    values, keys = [one for one in said if not one.is_key], [one for one in said if one.is_key]
    columns = sorted(values, key=lambda one: one.column)
    yield _Reading(values, _bare)
    yield _Reading(columns, lambda before, one: _bare(before, one) if before.column == one.column else "\n")
    yield from (_Reading(values, partial(_apart, joint)) for joint in JOINTS if joint)
    yield _Reading(keys, lambda _before, _one: "")
    yield _Reading(said, lambda before, one: "" if before.is_key and not one.is_key else "\n")
    yield _Reading(said, lambda before, one: "\n" if one.is_key else ": " if before.is_key else _apart(" ", before, one))


def _bare(before: _Said, one: _Said) -> str:
    """Digits are put together. Of numbers of four and more any three would spell an identifier, of dates and times any two."""
    return "\n" if before.is_figure or one.is_figure else ""


def _apart(joint: str, before: _Said, one: _Said) -> str:
    """Numbers one behind the other are cells of a row: four of them are a card where a word says so."""
    return _CELLS if before.is_number and one.is_number else joint
