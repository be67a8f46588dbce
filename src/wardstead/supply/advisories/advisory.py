"""An advisory, as far as it decides and explains: the rest of its record is not kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec
from cvss import CVSS2, CVSS3, CVSS4, CVSSError

from wardstead.supply.packages.package import comparable, family


class Range(msgspec.Struct, frozen=True):
    """Versions between events, each ``(kind, version)``; ``kind``: introduced, fixed, last_affected, limit."""

    type: Literal["SEMVER", "ECOSYSTEM"]
    events: tuple[tuple[str, str], ...]


class Affected(msgspec.Struct, frozen=True):
    """A package that an advisory concerns, in which versions."""

    ecosystem: str
    name: str
    ranges: tuple[Range, ...] = ()
    versions: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """See ``Package.key``."""
        return family(self.ecosystem), comparable(self.ecosystem, self.name)


class Advisory(msgspec.Struct, frozen=True):
    """``score`` is CVSS's base score from 0 to 10; ``severity`` the word that it, or its publisher, has for it."""

    id: str
    modified: str
    affected: tuple[Affected, ...]
    aliases: tuple[str, ...] = ()
    summary: str = ""
    score: float | None = None
    severity: str = "unknown"
    withdrawn: bool = False
    references: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Its id and what others call it."""
        return frozenset((self.id, *self.aliases))

    @property
    def malicious(self) -> bool:
        """Not a weakness: the package itself is the attack (OSV's ``MAL-``)."""
        return any(one.startswith("MAL-") for one in self.names)


def score_of(vectors: Sequence[str]) -> float | None:
    """The base score of the newest CVSS vector that can be read; ``None`` where none can."""
    for prefix, kind in (("CVSS:4", CVSS4), ("CVSS:3", CVSS3), ("AV:", CVSS2)):
        for vector in vectors:
            if not vector.startswith(prefix):
                continue
            try:
                score = float(kind(vector).scores()[0])
            except (CVSSError, TypeError, ValueError, KeyError):
                continue
            if math.isfinite(score):
                return score
    return None


def severity_of(score: float | None, said: str = "") -> str:
    """``critical``, ``high``, ``medium``, ``low``, ``none`` or ``unknown``; by the score, else by what its publisher said.

    Source: the qualitative scale of CVSS 4.0, section 6.
    """
    if score is not None:
        bounds = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))
        return next((word for bound, word in bounds if score >= bound), "none")
    word = said.strip().lower()
    return {"moderate": "medium", "important": "high", "negligible": "low"}.get(
        word, word if word in ("critical", "high", "medium", "low") else "unknown"
    )
