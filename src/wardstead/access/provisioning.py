"""People and groups that another system provisions: what it says of them, who may say it, and what is kept of that.

A *source* is such a system: a SCIM client, or an LDAP directory. It owns the people that it made, and nobody else: what it says
of others is refused. What its groups are worth here the configuration says (``access.federation``), never the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Protocol

from wardstead.access.federation import GroupRule, Managed, Standing, given, managed
from wardstead.access.ports import Principal
from wardstead.kernel.errors import CallerError
from wardstead.kernel.labels import PUBLIC

EMPLOYMENT: Final = "employment"
"""The attribute that says whether somebody still works here, where ``access.yaml`` declares it."""
Facts = Mapping[str, str]
"""What a source says of somebody besides, by its own names: ``department``."""


class NotProvisioned(CallerError):
    """There is no such person or group, or another source's."""

    code = "not_found"


class Conflict(CallerError):
    """Somebody has that name already, and is not this source's."""

    code = "name_taken"


class Linking(StrEnum):
    """By what an identity provider's subject is known to be somebody of a source."""

    NONE = "none"
    EXTERNAL_ID = "external_id"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Source:
    """A system that provisions people, and what the deployment makes of what it says.

    ``attributes``: by the attribute of ``access.yaml``, the fact that it is taken from. ``issuer``: the identity provider that
    knows the same people; ``link``: by what.
    """

    id: str
    rules: tuple[GroupRule, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    readable: Callable[[str, str], bool] = lambda _name, _value: True
    """Whether an attribute may have a value: what it may not have is not known of somebody."""
    single: frozenset[str] = frozenset()
    compatible: Callable[[frozenset[str]], None] = lambda _roles: None
    issuer: str = ""
    link: Linking = Linking.NONE

    def standing(self, groups: Iterable[str], facts: Facts) -> Standing:
        """What a member of these groups is, with the attributes that the facts say, and the employment that being there is."""
        found = given(self.rules, frozenset(groups))
        said = [(name, facts.get(fact, "")) for name, fact in self.attributes.items()]
        known = [one for one in (*said, (EMPLOYMENT, "active")) if one[1] and self.readable(*one)]
        return replace(found, attributes=(*found.attributes, *known))

    def ended(self) -> Standing:
        """What somebody is who has left."""
        known = [(EMPLOYMENT, "ended")] if self.readable(EMPLOYMENT, "ended") else []
        return Standing(frozenset(), PUBLIC, attributes=tuple(known))

    @property
    def managed(self) -> Managed:
        """What it alone decides about its people."""
        return managed(f"source {self.id}", self.rules, self.single, {*self.attributes, EMPLOYMENT})


@dataclass(frozen=True, slots=True)
class Described:
    """Somebody as a source describes them. ``document``: the rest of what it says, as it is given back."""

    name: str
    external_id: str = ""
    active: bool = True
    document: Mapping[str, object] = field(default_factory=dict)
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptPerson:
    """Somebody whom a source made. ``groups``: ids and names of the source's groups that they are in."""

    id: str
    said: Described
    version: int
    created_ms: int
    modified_ms: int
    groups: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class GroupSaid:
    """A group as a source describes it; ``members`` are ids of people."""

    name: str
    external_id: str = ""
    members: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class KeptGroup:
    """A group of a source."""

    id: str
    said: GroupSaid
    version: int
    created_ms: int
    modified_ms: int


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for: empty is everything. Names are compared without regard to case."""

    name: str = ""
    external_id: str = ""


class Provisioning(Protocol):
    """People and groups of the sources. Every method blocks; every change is one recorded act that bites at once.

    A change is a function from what is kept to what is said from now on: it runs in the transaction that writes, and may raise.
    """

    def source_of(self, who: Principal) -> Source | None:
        """The source in whose name somebody provisions."""
        ...

    def people(self, source: Source, sought: Sought) -> Sequence[KeptPerson]:
        """Those whom it made, oldest first."""
        ...

    def person(self, source: Source, person_id: str) -> KeptPerson:
        """One of them. Raises ``NotProvisioned``."""
        ...

    def create_person(self, source: Source, said: Described, by: Principal) -> KeptPerson:
        """Somebody new. Raises ``Conflict``, ``BadName``."""
        ...

    def change_person(
        self, source: Source, person_id: str, change: Callable[[KeptPerson], Described], by: Principal
    ) -> KeptPerson:
        """Somebody as they are from now on. Raises ``NotProvisioned``, ``Conflict``, and what ``change`` raises."""
        ...

    def remove_person(self, source: Source, person_id: str, check: Callable[[KeptPerson], object], by: Principal) -> None:
        """They have left: every session and key ends. ``check`` may raise."""
        ...

    def groups(self, source: Source, sought: Sought) -> Sequence[KeptGroup]:
        """Its groups, oldest first."""
        ...

    def group(self, source: Source, group_id: str) -> KeptGroup:
        """One of them. Raises ``NotProvisioned``."""
        ...

    def create_group(self, source: Source, said: GroupSaid, by: Principal) -> KeptGroup:
        """A new one. Raises ``Conflict``, and ``NotProvisioned`` for a member who is not the source's."""
        ...

    def change_group(self, source: Source, group_id: str, change: Callable[[KeptGroup], GroupSaid], by: Principal) -> KeptGroup:
        """A group as it is from now on; its members' roles follow. Raises as ``create_group``."""
        ...

    def remove_group(self, source: Source, group_id: str, check: Callable[[KeptGroup], object], by: Principal) -> None:
        """Its members lose what it gave them."""
        ...
