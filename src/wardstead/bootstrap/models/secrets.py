"""The inspection room's credentials, as what the supply room asks when it looks for secrets."""

from __future__ import annotations

from functools import cache
from typing import Final

from wardstead.bootstrap.detection.patterns import patterns
from wardstead.inspection.patterns.catalogue import Detector
from wardstead.inspection.patterns.matching import Matcher
from wardstead.inspection.patterns.searching import matches_in
from wardstead.supply.ports import Malformed, Secret

_CREDENTIALS: Final = "credentials"
_FEW: Final = 400_000
"""Characters: compiling what is quick takes seconds, as long as being slow with so many."""


class Credentials:
    """``Secrets`` as inspection has them, compiled when they are first asked for."""

    def __init__(self) -> None:
        """Nothing is compiled yet."""
        self._looked_at = 0

    def in_text(self, text: str) -> list[Secret]:
        """See ``Secrets.in_text``."""
        self._looked_at += len(text)
        matcher = _matcher(quick=self._looked_at > _FEW)
        (found,) = matches_in(matcher, [text])
        if found is None:
            raise Malformed("what looks for secrets failed on it")
        return [Secret(matcher.detectors[one.detector].type, one.start) for one in found]


@cache
def _detectors() -> tuple[Detector, ...]:
    return tuple(one for one in patterns(_CREDENTIALS) if one.category == _CREDENTIALS)


@cache
def _matcher(*, quick: bool) -> Matcher:
    return Matcher(_detectors(), scan=quick)
