"""Answers that repeat themselves without end: a model that has lost its way, or was made to (OWASP LLM10; ATLAS AML.T0029).

Defined on beginnings of a text, so that what has arrived can be judged: a text loops at ``end`` when what stands before it

- is one unit over and over: at least ``COPIES`` times and ``LOOP_CHARS`` characters, the unit being what lies between the last
  two occurrences of the last ``PROBE`` characters; a unit without a letter (rulers, tables, zeros) ``RULER_CHARS``;
- or holds few different sequences of three words: of the last ``WORDS`` words less than ``VARIETY``. Where most are numbers (a
  matrix, a list of bits) that is their nature.

It is looked at every ``STRIDE`` characters, for few different sequences every ``LONG_STRIDE``, and at the end. Each look costs
the same, so a text costs its length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from wardstead.inspection.content.rules import Rule, types_of, version_of
from wardstead.inspection.ports import Direction, Origin, Span

PROBE: Final = 32
UNIT_CHARS: Final = 1024
COPIES: Final = 6
LOOP_CHARS: Final = 480
RULER_CHARS: Final = 3000
WORDS: Final = 300
VARIETY: Final = 0.12
STRIDE: Final = 512
LONG_STRIDE: Final = 4 * STRIDE


class Repetition:
    """A ``TextDetector`` for answers. Its finding marks where the loop begins and where it was noticed."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """``rules``: the one of the method ``loop``."""
        self.id = "repetition"
        self.version = version_of(rules)
        self.types: Mapping[str, str] = types_of(rules)
        self.directions = frozenset({Direction.ANSWER})
        self.origins: frozenset[Origin] = frozenset()
        self.marks = True
        self.slow = False
        self.cuts = True
        self._type = next(iter(self.types))

    def detect(self, texts: Sequence[str]) -> list[list[Span]]:
        """See ``TextDetector.detect``."""
        return [self._spans(text) for text in texts]

    def _spans(self, text: str) -> list[Span]:
        for end in (*range(STRIDE, len(text), STRIDE), len(text)):
            start = loop(text, end, long=not end % LONG_STRIDE or end == len(text))
            if start is not None:
                return [Span(self._type, start, end)]
        return []


def loop(text: str, end: int, *, long: bool = True) -> int | None:
    """Where a loop that goes on at ``end`` begins; ``None`` where there is none. Looks at a bounded part before ``end``.

    ``long``: whether few different sequences count.
    """
    if end < LOOP_CHARS:
        return None
    start = _unit_over_and_over(text, end)
    return start if start is not None or not long else _few_sequences(text, end)


def _unit_over_and_over(text: str, end: int) -> int | None:
    last = text[end - PROBE : end]
    earlier = text.rfind(last, max(0, end - PROBE - UNIT_CHARS), end - 1)
    if earlier < 0:
        return None
    unit = end - PROBE - earlier
    spoken = any(char.isalpha() for char in text[end - unit : end])
    size = max(COPIES * unit, LOOP_CHARS if spoken else RULER_CHARS)
    begin = end - size
    return begin if begin >= 0 and text[begin : end - unit] == text[begin + unit : end] else None


def _few_sequences(text: str, end: int) -> int | None:
    begin = max(0, end - WORDS * 12)
    words = _WORD.findall(text[begin:end].casefold())[-WORDS:]
    if len(words) < WORDS or sum(map(str.isdigit, words)) > WORDS // 2:
        return None
    different = len(set(zip(words, words[1:], words[2:], strict=False)))
    return begin if different < VARIETY * WORDS else None


_WORD: Final = re.compile(r"\w+")
