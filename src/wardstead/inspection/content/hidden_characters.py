"""Characters that people do not see and models read: text in tags, zero-width runs, variation selectors, reordered lines.

Sources: Unicode 16 sections 23.2 (layout controls), 23.4 (variation selectors), 23.9 (tags); UTS 39 and UAX 9; Boucher and
Anderson, "Trojan Source" (2021); OWASP LLM Top 10 2025 LLM01; MITRE ATLAS AML.T0068. What is ordinary in a script or an emoji
(joiners, flags, marks of direction beside letters that run from right to left) is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from wardstead.inspection.content.rules import Rule, places, types_of, version_of
from wardstead.inspection.ports import Direction, Origin, Span

_SPLITS: Final = 3
"""So many invisible characters inside words of ASCII letters are no accident of copying."""


class HiddenCharacters:
    """A ``TextDetector`` for prompts and answers."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """``rules`` name the types of the methods."""
        self.id = "hidden-characters"
        self.version = version_of(rules)
        self.types: Mapping[str, str] = types_of(rules)
        self.directions = frozenset(Direction)
        self.origins = frozenset(Origin)
        self.marks = False
        self.slow = False
        self.cuts = True
        self._methods = {one.method: one.type for one in rules if one.method}

    def detect(self, texts: Sequence[str]) -> list[list[Span]]:
        """See ``TextDetector.detect``."""
        return [[] if text.isascii() or not _SUSPECT.search(text) else places(self._spans(text)) for text in texts]

    def _spans(self, text: str) -> Iterator[Span]:
        if kind := self._methods.get("hidden-characters"):
            yield from _found(_TAGS, text, kind)
            yield from _found(_RUNS, text, kind)
            yield from _found(_SELECTORS, text, kind)
            splits = list(_found(_SPLIT, text, kind))
            yield from splits if len(splits) >= _SPLITS else []
        if kind := self._methods.get("bidirectional"):
            yield from _found(_OVERRIDES, text, kind)
            if not _RIGHT_TO_LEFT.search(text):
                yield from _found(_EMBEDDINGS, text, kind)
        if kind := self._methods.get("control-characters"):
            yield from _found(_C1, text, kind)


def _found(pattern: re.Pattern[str], text: str, kind: str) -> Iterator[Span]:
    for one in pattern.finditer(text):
        yield Span(kind, *one.span())


_ZERO_WIDTH: Final = "\u200b\u200c\u200d\u2060-\u2064\ufeff\u180e\u115f\u1160\u3164\uffa0\u034f"
_SUSPECT: Final = re.compile(rf"[{_ZERO_WIDTH}\u0080-\u009f\u202a-\u202e\u2066-\u2069\ufe00-\ufe0f\U000e0000-\U000e01ef]")
# A flag of a region is a black flag and tags up to the cancelling one (UTS 51 section C.1).
_TAGS: Final = re.compile(
    r"(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0000-\U000e007f]{2,}|\U0001f3f4[\U000e0020-\U000e007e]{7,}\U000e007f?"
)
_RUNS: Final = re.compile(rf"[{_ZERO_WIDTH}]{{4,}}")
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{3,}")
_SPLIT: Final = re.compile(rf"(?<=[A-Za-z0-9])[{_ZERO_WIDTH}\u00ad]{{1,3}}(?=[A-Za-z0-9])")
_OVERRIDES: Final = re.compile("[\u202d\u202e]")
_EMBEDDINGS: Final = re.compile("[\u202a\u202b\u2066-\u2068]")
_RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
_C1: Final = re.compile("[\u0080-\u0084\u0086-\u009f]+")
