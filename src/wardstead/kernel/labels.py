"""The label lattice: an ordered level and a set of compartments (Bell and LaPadula, 1973; Denning, 1976).

``a.dominates(b)`` means that data labelled ``b`` may flow to whoever is cleared for ``a``. Labels form a lattice under
``join``; the join of everything that entered a conversation is its high-water mark.

A deployment has its own ``Levels``, from its classification policy: names where labels are written, ranks where they are
compared. What is stored are names, so that another level among them changes the meaning of none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from wardstead.kernel.errors import ConfigurationError, IntegrityError
from wardstead.kernel.text import meant

PUBLIC_LEVEL: Final = "public"
_NAME: Final = re.compile("[a-z][a-z0-9-]{0,39}")


class UnknownLevel(ConfigurationError):
    """A level that the deployment does not have."""

    code = "unknown_level"


class Level(NamedTuple):
    """A level: its rank among those of its deployment, from 0 for the lowest, and its name."""

    rank: int = 0
    name: str = PUBLIC_LEVEL


LOWEST: Final = Level()


@dataclass(frozen=True, slots=True, order=False)
class Label:
    """A sensitivity: a ``level``, and ``compartments`` that are names such as ``personal`` or ``payment``."""

    level: Level = LOWEST
    compartments: frozenset[str] = frozenset()

    def dominates(self, other: Label) -> bool:
        """Whether data labelled ``other`` may flow to a holder cleared for ``self``.

        Two levels of one rank with different names are of different deployments, or unknown: neither dominates the other.
        """
        higher = self.level.rank > other.level.rank or self.level == other.level
        return higher and self.compartments >= other.compartments

    def join(self, other: Label) -> Label:
        """The least label that dominates both."""
        if self is other or self.dominates(other):
            return self
        return Label(max(self.level, other.level), self.compartments | other.compartments)

    def document(self) -> dict[str, Any]:
        """The label as JSON documents write it: ``{"level": "confidential", "compartments": ["payment"]}``."""
        return {"level": self.level.name, "compartments": sorted(self.compartments)}

    def encode(self) -> bytes:
        """The one encoding that is sealed and committed to: ``confidential;payment,personal``."""
        return _encoded(self.level.name, self.compartments)

    def __str__(self) -> str:
        """``confidential; payment, personal`` as the ``wardstead-label`` header writes it."""
        names = ", ".join(sorted(self.compartments))
        return f"{self.level.name}; {names}" if names else self.level.name


PUBLIC = Label()


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels of a deployment, the lowest first, which is always ``public``: that of data of which nothing is known.

    ``aliases``: other names that labels may have, of before a change or of a policy that is extended, and which levels they mean.
    """

    names: tuple[str, ...] = (PUBLIC_LEVEL, "internal", "confidential", "restricted")
    aliases: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ``ConfigurationError`` for what is no order of levels."""
        if not self.names or self.names[0] != PUBLIC_LEVEL:
            raise ConfigurationError(
                f"the lowest level is {PUBLIC_LEVEL!r}", why="it is that of data of which nothing is known",
                next_step=f"name {PUBLIC_LEVEL!r} first, then your own",
            )  # fmt: skip
        if twice := sorted({name for name in self.names if self.names.count(name) > 1}):
            raise ConfigurationError(f"the level {twice[0]!r} is named twice")
        if odd := [name for name in (*self.names, *self.aliases) if not _NAME.fullmatch(name)]:
            raise ConfigurationError(f"no name of a level: {odd[0][:40]!r}", why="small letters, digits and -")
        for alias, name in self.aliases.items():
            if alias in self.names:
                raise ConfigurationError(f"{alias!r} is a level, and cannot mean another one")
            if name not in self.names:
                raise ConfigurationError(f"{alias!r} means an unknown level {name!r}", why=self._why(name))

    def level(self, name: str) -> Level:
        """A level by its name or by an alias. Raises ``UnknownLevel`` for another."""
        known = self._known(name)
        if known is None:
            raise UnknownLevel(f"unknown level {name[:40]!r}", why=self._why(name))
        return known

    def has(self, name: str) -> bool:
        """Whether that is a level or an alias."""
        return self._known(name) is not None

    def label(self, level: str, compartments: Iterable[str] = ()) -> Label:
        """A label from its names. Raises ``UnknownLevel``."""
        return Label(self.level(level), frozenset(compartments))

    def stored(self, level: str, compartments: Iterable[str]) -> Label:
        """The label of stored data. A level that is not known (any more) is above all: nobody is cleared for it."""
        return Label(self._known(level) or Level(len(self.names), level), frozenset(compartments))

    def clearance(self, level: str, compartments: Iterable[str]) -> Label:
        """A stored clearance. A level that is not known (any more) clears for nothing."""
        known = self._known(level)
        return PUBLIC if known is None else Label(known, frozenset(compartments))

    def reread(self, clearance: Label) -> Label:
        """A clearance of other levels by its name here."""
        return self.clearance(clearance.level.name, clearance.compartments)

    def decode(self, data: bytes) -> Label:
        """The label that ``Label.encode`` wrote. Raises ``IntegrityError`` for anything else."""
        try:
            level, _, names = data.decode().partition(";")
        except UnicodeDecodeError:
            raise IntegrityError("what is sealed as a label is none") from None
        compartments = frozenset(name for name in names.split(",") if name)
        if not _NAME.fullmatch(level) or _encoded(level, compartments) != data:
            raise IntegrityError("a label is not in its one encoding")
        return self.stored(level, compartments)

    def quarter(self, level: Level) -> int:
        """How high a level is, from 0 for the lowest to 3 for the highest: for colours and other people's four words."""
        return min(3, -(-3 * level.rank // max(1, len(self.names) - 1)))

    def _known(self, name: str) -> Level | None:
        name = self.aliases.get(name, name)
        return Level(self.names.index(name), name) if name in self.names else None

    def _why(self, name: str) -> str:
        return f"{meant(name, self.names)}the levels are {', '.join(self.names)}"


STANDARD: Final = Levels()
"""Those of a policy that names none."""


def label(level: str, compartments: Iterable[str] = ()) -> Label:
    """A label of the standard levels from its names; an unknown level is a configuration error."""
    return STANDARD.label(level, compartments)


def join_all(labels: Iterable[Label]) -> Label:
    """The least label that dominates all of them; ``PUBLIC`` for none."""
    mark = PUBLIC
    for one in labels:
        mark = mark.join(one)
    return mark


def _encoded(level: str, compartments: Iterable[str]) -> bytes:
    return f"{level};{','.join(sorted(compartments))}".encode()
