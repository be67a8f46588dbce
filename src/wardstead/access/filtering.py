"""Which of many resources somebody may see, without asking about each: they are told apart by what policies can tell apart.

A decision depends on a resource through its type, whose it is, what the asking person was given of it or of what it is part of,
its label, and its id only where a policy says it. Rows that agree in these are one *situation*, which is decided once; a list is
then a question to the database for the rows in permitted situations. That is deciding one by one, by construction: what a policy
could look at beside these is no attribute of a kept resource in the schema (``Vocabulary``), and one that it does not know is an
error when policies are activated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from wardstead.access.ports import Decision, Principal, Resource
from wardstead.access.shares import Shares
from wardstead.kernel.labels import Label


class Situation(NamedTuple):
    """What rows have in common; a name that tells nothing apart is empty. ``collection`` is ``-`` for none."""

    id: str
    owner: str
    collection: str
    collection_owner: str
    level: str
    compartments: str


class Sample(NamedTuple):
    """A situation, with one of the resources in it and its label."""

    situation: Situation
    resource: Resource
    label: Label


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

    def permitted(self, samples: Iterable[Sample], now_ms: int, decide: Callable[[Resource, Label], Decision]) -> list[Situation]:
        """The situations in which they may. Those that differ by a share alone are decided once for what it carries."""
        known: dict[tuple[object, ...], bool] = {}
        found = []
        for situation, resource, label in samples:
            key = (*self._without_shared(situation), self.shares.held(self.who, resource, now_ms).rights)
            if key not in known:
                known[key] = decide(resource, label).allow
            if known[key]:
                found.append(situation)
        return found

    @cached_property
    def _said(self) -> frozenset[str]:
        return self.spoken_of | {self.who.id}

    def _without_shared(self, one: Situation) -> tuple[str, ...]:
        """The situation, without names that only a share makes one."""
        ids = (one.id, one.owner, one.collection, one.collection_owner)
        return (*(name if name == "-" or name in self._said else "" for name in ids), one.level, one.compartments)
