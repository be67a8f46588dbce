"""From which probability on a score is a finding: what ships, or what was measured on this site's own benign traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec
import yaml

from wardstead.inspection.scoring.scorer import Scores
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.kernel.yaml_input import read_yaml

VERSION: Final = 1
FEWEST_TEXTS: Final = 100
"""Fewer say nothing of how often something happens in a hundred texts."""
LOWEST: Final = 0.01
HIGHEST: Final = 0.9999


class TooFewTexts(CallerError):
    """A sample that is too small to calibrate on."""

    code = "too_few_texts"


class Threshold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One calibrated threshold."""

    type: str
    threshold: Annotated[float, msgspec.Meta(ge=LOWEST, le=HIGHEST)]
    weights: str
    """The digest of the weights that it was measured with: it means nothing for others."""
    false_alarms: float
    """The share of benign texts that were allowed to be found."""
    texts: int
    """How many it was measured on, and from how many sources."""
    sources: int
    measured: str


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int
    thresholds: tuple[Threshold, ...] = ()


class Thresholds(msgspec.Struct, frozen=True):
    """The site's thresholds, by type."""

    by_type: Mapping[str, Threshold] = {}

    def of(self, weights: str) -> dict[str, float]:
        """Those that were measured with these weights; for the others what ships holds."""
        return {kind: one.threshold for kind, one in self.by_type.items() if one.weights == weights}

    def outdated(self, weights: Mapping[str, str]) -> tuple[str, ...]:
        """The types whose threshold was measured with other weights than those in use (``weights``: by type)."""
        return tuple(sorted(kind for kind, one in self.by_type.items() if weights.get(kind) != one.weights))

    def having(self, changed: Sequence[Threshold]) -> Thresholds:
        """The same with some replaced."""
        return Thresholds({**self.by_type, **{one.type: one for one in changed}})

    def text(self) -> str:
        """The file."""
        rows = [msgspec.to_builtins(one) for _, one in sorted(self.by_type.items())]
        head = "# Written by 'wardstead classify calibrate'. Without this file the thresholds hold that ship with the weights.\n"
        return head + yaml.safe_dump({"version": VERSION, "thresholds": rows}, sort_keys=False, width=120)


def load_thresholds(text: str, where: str, known: Sequence[str]) -> Thresholds:
    """The thresholds in a file. ``known``: the types that have one. Raises ``ConfigurationError``."""
    file = read_yaml(text, where, _File)
    if file.version != VERSION:
        raise ConfigurationError(f"thresholds of version {file.version}", where=where, why=f"this release reads {VERSION}")
    found: dict[str, Threshold] = {}
    for number, one in enumerate(file.thresholds):
        place = f"{where}: thresholds[{number}]"
        if one.type not in known:
            raise ConfigurationError(f"no score is called {one.type!r}", where=place, next_step=f"one of {', '.join(known)}")
        if one.type in found:
            raise ConfigurationError(f"a second threshold for {one.type!r}", where=place)
        found[one.type] = one
    return Thresholds(found)


def threshold_for(scores: Mapping[str, Scores], false_alarms: float) -> float:
    """The lowest threshold at which no source has more than that share of false alarms. ``scores``: of benign texts, by source.

    Raises ``TooFewTexts``.
    """
    highest = LOWEST
    for source, found in scores.items():
        if len(found) < FEWEST_TEXTS:
            raise TooFewTexts(
                f"{len(found)} texts are too few", where=source, next_step=f"give at least {FEWEST_TEXTS} of each kind in a file"
            )
        allowed = int(false_alarms * len(found))
        first_below = float(sorted(found, reverse=True)[allowed])
        highest = max(highest, first_below + 1e-6)
    return min(highest, HIGHEST)
