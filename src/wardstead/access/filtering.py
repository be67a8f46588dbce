"""Which of many resources somebody may see, without asking about each: they are told apart by what policies can tell apart.

A decision depends on a resource through its type, whose it is, what the asking person was given of it or of what it is part of,
its label, and its id only where a policy says it. Rows that agree in these are one *situation*, which is decided once; a list is
then a question to the database for the rows in permitted situations. That is deciding one by one, by construction: what a policy
could look at beside these is no attribute of a kept resource in the schema (``Vocabulary``), and one that it does not know is an
error when policies are activated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from wardstead.access.ports import Principal, Resource
from wardstead.access.shares import Shares
from wardstead.kernel.labels import PUBLIC, Label

NONE: Final = "-"
"""In a situation: there is no owner, or nothing that it is within."""


class Situation(NamedTuple):
    """What rows have in common; a name that tells nothing apart is empty. ``within``: the collection, or the conversation.

    Of rows that are asked about without a label, ``level`` is empty.
    """

    id: str
    owner: str
    within: str = NONE
    within_owner: str = NONE
    level: str = ""
    compartments: str = ""


class Sample(NamedTuple):
    """A situation, with one of the resources in it and its label."""

    situation: Situation
    resource: Resource
    label: Label = PUBLIC


@dataclass(frozen=True)
class Filter:
    """What tells resources apart for one person: themselves, what was given to them, and ``spoken_of``, all that policies say."""

    who: Principal
    shares: Shares
    spoken_of: frozenset[str]

    @cached_property
    def names(self) -> frozenset[str]:
        """The ids, of resources and of people, that are not as any other."""
        return self._said | {ref.id for ref in self.shares.reaching(self.who)}

    def permitted(self, samples: Iterable[Sample], now_ms: int, may: Callable[[Resource, Label], bool]) -> list[Situation]:
        """The situations in which they may."""
        alike = self.alike(now_ms, may)
        return [situation for situation, resource, label in samples if alike(resource, label)]

    def alike(self, now_ms: int, may: Callable[[Resource, Label], bool]) -> Callable[[Resource, Label], bool]:
        """``may`` at a moment, asked once about all that policies cannot tell apart: what a share names is what it carries."""
        known: dict[tuple[object, ...], bool] = {}

        def asked(resource: Resource, label: Label) -> bool:
            rights = self.shares.held(self.who, resource, now_ms).rights
            key = (*self._told_apart(resource), label.level, label.compartments, rights)
            if key not in known:
                known[key] = may(resource, label)
            return known[key]

        return asked

    def _told_apart(self, one: Resource) -> Iterator[str | None]:
        for name in (one.id, one.owner, *(name for container in one.within for name in (container.id, container.owner))):
            yield name if name is None or name in self._said else ""

    @cached_property
    def _said(self) -> frozenset[str]:
        return self.spoken_of | {self.who.id}
