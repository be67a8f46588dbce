"""What the supply room reads through, and what its parsers say."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple, Protocol


class Source(Protocol):
    """Bytes that can be read anywhere, a window at a time: a file, a part of one, or what it unpacks to. Never held whole."""

    @property
    def name(self) -> str:
        """What a person knows it by: ``weights.zip > archive/data.pkl``."""
        ...

    @property
    def size(self) -> int:
        """In bytes. Of what is unpacked as it is read: the most it can be."""
        ...

    @property
    def exact(self) -> bool:
        """Whether that is its size for sure, and it can be read in any order without being unpacked again."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """At most ``length`` bytes from ``offset``; fewer at the end only. Raises ``Malformed`` where they cannot be had."""
        ...


class Secret(NamedTuple):
    """A secret's ``type``, and the byte at which it starts in the UTF-8 of its text."""

    type: str
    start: int


class Secrets(Protocol):
    """Knows secrets when it sees them: the inspection room does, which this one does not import."""

    def in_text(self, text: str) -> list[Secret]:
        """Those that stand in a text. Raises ``Malformed`` where that cannot be said."""
        ...


class Severity(StrEnum):
    """How grave a finding is."""

    BLOCK = "block"
    """It must not serve: it runs code, escapes its folder, turns the model against its users, or cannot be told not to."""
    WARN = "warn"
    """Somebody has to look at it."""
    INFO = "info"
    """Good to know, and no reason to refuse."""


class Seen(NamedTuple):
    """What a parser saw: the ``rule`` it breaks, ``what`` it is in plain words, and at which byte it stands."""

    rule: str
    what: str
    offset: int | None = None


class Inner(NamedTuple):
    """Something inside that is to be looked at as well; ``kind`` where its container says what it is."""

    source: Source
    kind: str = ""


Step = Seen | Inner
Steps = Iterator[Step]


class Malformed(Exception):
    """A file is not what it should be, or asks for more than is done for a file. What could not be read may hold anything."""

    def __init__(self, what: str, offset: int | None = None, *, rule: str = "unparsed") -> None:
        """``what`` is wrong, at which byte, and which rule that breaks."""
        super().__init__(what)
        self.what = what
        self.offset = offset
        self.rule = rule
