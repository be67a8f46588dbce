"""What the inspection room says to the others."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label


class Direction(StrEnum):
    """Which way the text flows: policy may treat a prompt and an answer differently."""

    PROMPT = "prompt"
    ANSWER = "answer"


class Inspection(msgspec.Struct, frozen=True):
    """The verdict on one text: ``text`` is what may go on (redacted where policy says so; empty when blocked)."""

    text: str
    findings: tuple[Finding, ...] = ()
    label: Label = PUBLIC
    action: Action = Action.ALLOW


class Released(msgspec.Struct, frozen=True):
    """What a stream guard lets go of: ``text`` may be sent now. After ``action`` is BLOCK nothing more is ever released."""

    text: str
    findings: tuple[Finding, ...] = ()
    action: Action = Action.ALLOW


class StreamGuard(Protocol):
    """Inspects one text that arrives in pieces.

    INVARIANT: the concatenated ``text``, the findings (offsets in the whole text) and the strictest action equal those of
    ``Inspector.inspect`` on the whole text, however it is cut; no part of a match is released before its verdict.
    """

    @property
    def label(self) -> Label:
        """The join of the labels of everything found so far."""
        ...

    def feed(self, piece: str) -> Released:
        """Take the next piece; give what no match can reach any more."""
        ...

    def finish(self) -> Released:
        """The text is over: give the rest."""
        ...


class Inspector(Protocol):
    """All detectors under one policy. Never raises: a detector that fails gives a ``detector-failed`` finding, which blocks."""

    version: str

    def inspect(self, text: str, direction: Direction) -> Inspection:
        """The verdict on a whole text."""
        ...

    def inspect_all(self, texts: Sequence[str], direction: Direction) -> list[Inspection]:
        """The same for each of many, in one scan."""
        ...

    def guard(self, direction: Direction) -> StreamGuard:
        """A guard for one text that will arrive in pieces."""
        ...
