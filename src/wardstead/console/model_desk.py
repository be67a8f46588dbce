"""What the pages of models need to know, and what people do there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wardstead.access.ports import Identity
from wardstead.supply.bom.outline import Outline


@dataclass(frozen=True, slots=True)
class ModelLine:
    """One model in the list. ``refused``: why it does not serve; ``state``: of its last admission, empty where there is none.

    ``waits``: for what somebody has to decide.
    """

    name: str
    state: str
    refused: str
    about: str
    waits: str = ""


@dataclass(frozen=True, slots=True)
class FileShown:
    """A file of an admission."""

    path: str
    role: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class FindingShown:
    """What a scan found, and what to do about it."""

    severity: str
    file: str
    title: str
    what: str
    rule: str
    next_step: str


@dataclass(frozen=True, slots=True)
class ActShown:
    """That somebody did something: when, as RFC 3339, and why."""

    what: str
    by: str
    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class AdmissionShown:
    """One admission of a model."""

    id: str
    state: str
    basis: str
    up_to: str
    why: str
    verdict: str
    scanned: str
    signed: str
    until: str
    statement_sha256: str
    files: tuple[FileShown, ...]
    acts: tuple[ActShown, ...]


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of a model's history. ``at``: as RFC 3339; ``who``: somebody, or what did it by itself; ``tone``: a ``Tone``.

    ``act``: its entry's id, empty for what is from before such entries were kept.
    """

    at: str
    what: str
    who: str
    why: str
    tone: str
    act: str


@dataclass(frozen=True, slots=True)
class History:
    """A page of what happened to a model, the newest first. ``older``: where the next page begins; ``None`` for the last."""

    lines: tuple[Happened, ...] = ()
    older: int | None = None


@dataclass(frozen=True, slots=True)
class OverrideShown:
    """An override: somebody asked that a model serve for ``hours`` whatever policy says. Times are RFC 3339.

    ``until``: until when it waits for somebody to agree, or, once there is ``agreed``, until when it serves.
    ``why_not``: why whoever looks may not agree to it.
    """

    model: str
    asked: ActShown
    hours: float
    until: str
    agreed: ActShown | None = None
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class ModelShown:
    """One model's page. ``refused``: why it does not serve, and the ``next_step``; ``may``: what whoever looks may do now.

    ``lacking``: what policy still asks for.
    ``bill``: of the admission that is shown; ``None`` where none is kept, or it is in a form that is not drawn (``other_bill``).
    ``waiting``: an override to which nobody has agreed yet; ``override``: one by which it serves now;
    ``most_hours``: for how long another may be asked for.
    """

    name: str
    refused: str
    next_step: str
    serves: tuple[tuple[str, str], ...]
    admission: AdmissionShown | None
    findings: tuple[FindingShown, ...]
    lacking: tuple[tuple[str, str], ...]
    history: History
    may: frozenset[str]
    bill: Outline | None = None
    other_bill: bool = False
    waiting: OverrideShown | None = None
    override: OverrideShown | None = None
    most_hours: int = 0


class ModelDesk(Protocol):
    """Models and their admissions. Methods raise ``WardsteadError``."""

    def models(self) -> Sequence[ModelLine]:
        """Every model of the configuration, and every other that was ever added."""
        ...

    def model(self, name: str, who: Identity, before: int | None = None) -> ModelShown | None:
        """One of them, with its history from ``before`` on; ``None`` where nothing is known of it."""
        ...

    def act(self, name: str, what: str, who: Identity, reason: str) -> None:
        """``review``, ``approve``, ``sign``, ``refuse``, ``agree``, ``decline``, ``suspend``, ``resume`` or ``withdraw``."""
        ...

    def ask(self, name: str, who: Identity, reason: str, hours: float) -> None:
        """Ask that it serve for some hours whatever policy says."""
        ...

    def waiting(self, who: Identity) -> Sequence[OverrideShown]:
        """Overrides that ``who`` may agree to. Fast: what was read is kept until an act of administration changes something."""
        ...
