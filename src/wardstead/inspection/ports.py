"""What the inspection room says to the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label


class Direction(StrEnum):
    """Which way the text flows: policy may treat a prompt and an answer differently."""

    PROMPT = "prompt"
    ANSWER = "answer"


class ModelClass(StrEnum):
    """How far a model server is trusted with what it reads."""

    ISOLATED = "isolated"
    """Launched by us, in a sandbox without a network."""
    EXPOSED = "exposed"
    """Launched by us with isolation switched off."""
    UNATTESTED = "unattested"
    """Somebody else's server: what it does with a text is not known."""


class Flow(msgspec.Struct, frozen=True):
    """Which way a text flows, and to or from which class of model."""

    direction: Direction
    model: ModelClass = ModelClass.ISOLATED


PROMPT = Flow(Direction.PROMPT)
ANSWER = Flow(Direction.ANSWER)


class Origin(StrEnum):
    """Who wrote a text of a request. Instructions found in what nobody present wrote are indirect injection."""

    SYSTEM = "system"
    USER = "user"
    MODEL = "model"
    """An earlier answer that comes back as history."""
    TOOL = "tool"
    DOCUMENT = "document"
    STRUCTURE = "structure"
    """Names, schemas, descriptions: what only has the form of content."""


class Span(msgspec.Struct, frozen=True):
    """What a ``TextDetector`` saw in ``text[start:end]`` (characters), and how sure it is (0 to 1)."""

    type: str
    start: int
    end: int
    score: float = 1.0


class TextDetector(Protocol):
    """Looks at whole texts, where a pattern is not enough: a model for names, a score, a similarity. Safe for threads.

    ``types`` maps each type that it can find to its category. Where ``marks`` is true a span says something of the text as a
    whole (an attempted injection, a refusal): nothing can be taken out, so policy may allow, flag, hold or block it. Else a
    span is a place, and may be redacted as well. ``slow`` says that it takes more than a millisecond for 2 KB.

    In a stream it looks at fixed places. ``cuts``: what policy would take out stops what follows there (what is rare, and
    dangerous); else such a policy holds the stream until it is whole (names, which are in every second answer).
    """

    id: str
    version: str
    types: Mapping[str, str]
    directions: frozenset[Direction]
    origins: frozenset[Origin]
    """Which texts of a prompt it wants to see."""
    marks: bool
    slow: bool
    cuts: bool

    def detect(self, texts: Sequence[str]) -> Sequence[Sequence[Span]]:
        """For each text, what is in it, in the order of the text.

        The texts are those of one request in the order of the conversation, or one answer so far. Raises whatever it likes,
        ``DetectorFailed`` best: its verdict is then *failed*, and policy says what that means.
        """
        ...


class Pseudonyms(Protocol):
    """The stand-ins of one conversation. The same original gets the same stand-in."""

    def stand_in(self, kind: str, original: str, label: Label) -> str:
        """What takes the place of ``original``, a finding of the type ``kind`` with this ``label``."""
        ...


class Keeping(msgspec.Struct, frozen=True):
    """How a record of data with some label is kept, and who may see it (roles; ``None``: whoever policy permits)."""

    retention_days: int | None = None
    content: bool = True
    """Whether what was said is kept at all (sealed under its person's key), or only what was found and decided."""
    seen_by: frozenset[str] | None = None


class Inspection(msgspec.Struct, frozen=True):
    """The verdict on one text: ``text`` is what may go on (changed where policy says so; cut where it stops it)."""

    text: str
    findings: tuple[Finding, ...] = ()
    label: Label = PUBLIC
    action: Action = Action.ALLOW


class Released(msgspec.Struct, frozen=True):
    """What a stream guard lets go of: ``text`` may be sent now. After an ``action`` that stops nothing more is ever released."""

    text: str
    findings: tuple[Finding, ...] = ()
    action: Action = Action.ALLOW


class TakesLong(Exception):
    """A slow detector has to look, and whoever asked cannot wait for it: ask again where it holds up nobody."""


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


class Border(Protocol):
    """Inspects what reaches over from a text that is over into one that arrives in pieces, by form alone.

    INVARIANT: what it lets go of and finds is the same however the second text is cut; its findings' places are in that text.
    """

    @property
    def label(self) -> Label:
        """Of what was found and stays in the second text."""
        ...

    def feed(self, piece: str) -> Released:
        """Take the next piece; give, for its own guard, all that has come as soon as nothing can reach over to it any more."""
        ...

    def finish(self) -> Released:
        """The second text is over: give what still waits."""
        ...


class Inspector(Protocol):
    """All detectors under one policy. Never raises: a detector that fails gives a ``detector-failed`` finding, which blocks."""

    version: str

    def inspect(self, text: str, flow: Flow) -> Inspection:
        """The verdict on a whole text."""
        ...

    def inspect_all(
        self,
        texts: Sequence[str],
        flow: Flow,
        *,
        origins: Sequence[Origin] = (),
        pseudonyms: Pseudonyms | None = None,
        patient: bool = True,
    ) -> list[Inspection]:
        """The same for each of many, in one scan. ``origins``: of each text, where they are known.

        What findings mean together, they mean in all these texts: a name in one message and a diagnosis in the next.

        Without ``pseudonyms`` what would be pseudonymised is redacted. Raises ``TakesLong`` where a slow detector has to look
        and nobody is ``patient``.
        """
        ...

    def patterns(self, texts: Sequence[str], flow: Flow) -> list[Inspection]:
        """The verdicts of what looks at the form of a text alone: patterns, not text detectors. In one scan."""
        ...

    def may_reach(self, text: str, places: Sequence[int]) -> bool:
        """Whether ``patterns`` may find something in ``text`` that reaches over one of these ``places``, in characters.

        Quick, and never no where something does.
        """
        ...

    def keeping(self, label: Label) -> Keeping:
        """How a record of data with this label is kept."""
        ...

    def told(self, instructions: Sequence[str], said: Sequence[str] = ()) -> Inspector:
        """The same, for the answers of a model that was told ``instructions``: they are not for whoever reads the answers.

        ``said``: the rest of the conversation, which no address in an answer may carry to strangers.
        """
        ...

    def warm(self) -> frozenset[str]:
        """Let what takes long to start be started before anybody waits for it. Blocks. The detectors that failed."""
        ...

    def may_hold(self, flow: Flow) -> bool:
        """Whether policy could hold anything on this way for review."""
        ...

    def reviewed(self) -> Inspector:
        """The same for what a person has reviewed: what policy would hold goes on, and is flagged. All else is as it was."""
        ...

    def label_of(self, texts: Sequence[str], flow: Flow, *, origins: Sequence[Origin] = (), patient: bool = True) -> Label:
        """Of everything that is in ``texts``, also of what would stop them, or stands behind it: for what is kept as it came.

        The highest label where that cannot be told. Raises ``TakesLong``, as ``inspect_all`` does.
        """
        ...

    def is_slow(self, flow: Flow) -> bool:
        """Whether a slow detector may have to look at what goes this way."""
        ...

    def guard(self, flow: Flow, *, pseudonyms: Pseudonyms | None = None) -> StreamGuard:
        """A guard for one text that will arrive in pieces."""
        ...

    def border(self, before: str, flow: Flow) -> Border:
        """For one text that will arrive in pieces behind ``before``, which somebody reads as if they were one."""
        ...
