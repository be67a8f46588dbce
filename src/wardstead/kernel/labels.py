"""The label lattice: an ordered level and a set of compartments (Bell and LaPadula, 1973; Denning, 1976).

``a.dominates(b)`` means that data labelled ``b`` may flow to whoever is cleared for ``a``. Labels form a lattice under
``join``; the join of everything that entered a conversation is its high-water mark.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wardstead.kernel.errors import ConfigurationError, IntegrityError

LEVELS = ("public", "internal", "confidential", "restricted")


@dataclass(frozen=True, slots=True, order=False)
class Label:
    """A sensitivity: ``level`` indexes ``LEVELS``; ``compartments`` are names such as ``personal`` or ``payment``."""

    level: int = 0
    compartments: frozenset[str] = frozenset()

    def dominates(self, other: Label) -> bool:
        """Whether data labelled ``other`` may flow to a holder cleared for ``self``."""
        return self.level >= other.level and self.compartments >= other.compartments

    def join(self, other: Label) -> Label:
        """The least label that dominates both."""
        if self is other or self.dominates(other):
            return self
        return Label(max(self.level, other.level), self.compartments | other.compartments)

    @property
    def level_name(self) -> str:
        """The level's name, as policies and headers write it."""
        return LEVELS[self.level]

    def encode(self) -> bytes:
        """The one encoding that is sealed and committed to: ``confidential;payment,personal``."""
        return f"{self.level_name};{','.join(sorted(self.compartments))}".encode()

    def __str__(self) -> str:
        """``confidential; payment, personal`` as the ``wardstead-label`` header writes it."""
        names = ", ".join(sorted(self.compartments))
        return f"{self.level_name}; {names}" if names else self.level_name


PUBLIC = Label()


def label(level: str, compartments: Iterable[str] = ()) -> Label:
    """A label from its names; an unknown level is a configuration error."""
    if level not in LEVELS:
        raise ConfigurationError(f"unknown level {level!r}", why=f"the levels are {', '.join(LEVELS)}")
    return Label(LEVELS.index(level), frozenset(compartments))


def decode_label(data: bytes) -> Label:
    """The label that ``Label.encode`` wrote. Raises ``IntegrityError`` for anything else."""
    try:
        level, _, names = data.decode().partition(";")
        found = label(level, [name for name in names.split(",") if name])
    except (UnicodeDecodeError, ConfigurationError):
        raise IntegrityError("what is sealed as a label is none") from None
    if found.encode() != data:
        raise IntegrityError("a label is not in its one encoding")
    return found


def join_all(labels: Iterable[Label]) -> Label:
    """The least label that dominates all of them; ``PUBLIC`` for none."""
    mark = PUBLIC
    for one in labels:
        mark = mark.join(one)
    return mark
