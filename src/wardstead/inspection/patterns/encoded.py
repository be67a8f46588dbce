"""Runs of a text that may be encoded: what they spell is searched like any text, and what it holds makes the run a finding.

A run is at most as wide as a match may be. One that is longer is read part by part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from wardstead.inspection.patterns.catalogue import Detector, windowed
from wardstead.inspection.patterns.decoding import from_base64, from_hex, from_percent, spells_text

_ENCODINGS: Final[tuple[tuple[str, str, Callable[[str], str], int], ...]] = (
    ("in-hex", r"[0-9A-Fa-f]{16,3016}", from_hex, 2),
    ("in-escaped-hex", r"(?:\x5cx[0-9A-Fa-f][0-9A-Fa-f]){6,1000}", from_hex, 1),
    ("in-base64", r"[A-Za-z0-9+/_-]{16,3016}={0,2}", from_base64, 4),
    (
        "in-percent",
        r"[A-Za-z0-9._~+-]{0,64}%[0-9A-Fa-f][0-9A-Fa-f](?:%[0-9A-Fa-f][0-9A-Fa-f]|[A-Za-z0-9._~+-]){0,1000}",
        from_percent,
        1,
    ),
)
"""Name, pattern, what decodes a run, and how many characters stand for a unit: a run may begin with some that belong to none."""


def encoded_runs() -> tuple[Detector, ...]:
    """A detector for the runs of each encoding, in an order that ``readings`` knows."""
    return tuple(windowed(name, "encoded", pattern) for name, pattern, _, _ in _ENCODINGS)


SEARCHES: Final = tuple(re.compile(pattern.encode()).search for _, pattern, _, _ in _ENCODINGS)
"""Where the next run is, by encoding. Python's own engine counts thousands of one class at no cost, RE2 by as many states."""


def readings(encoding: int, run: bytes) -> Iterator[str]:
    """The texts that a run of that encoding may spell: of those that begin in the first unit, the first that can be read."""
    name, _, decode, unit = _ENCODINGS[encoding]
    text = run.decode()
    for skipped in range(unit):
        if name == "in-base64" and not spells_text(run[skipped : skipped + 12]):
            continue
        said = decode(text[skipped:])
        if said:
            yield said
            return
