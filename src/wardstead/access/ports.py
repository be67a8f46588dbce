"""What the access room says to the others: principals, credentials, the directory snapshot, requests and decisions.

Whatever varies with time (a role with an end, an attribute that expires, a share, an open window) carries its times here, and
the decision point turns it into names and a boundary: a decision says until when it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

import msgspec

from wardstead.kernel.ids import CredentialId, PrincipalId
from wardstead.kernel.labels import PUBLIC, Label


class CredentialKind(StrEnum):
    """How somebody proves who they are on a request."""

    API_KEY = "api_key"
    SESSION = "session"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class TimedRole:
    """A role that somebody has from ``from_ms`` (always, where ``None``) until before ``until_ms``."""

    role: str
    from_ms: int | None
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Attribute:
    """What is known of somebody: ``training`` may be there several times, each with an end (exclusive)."""

    name: str
    value: str
    expires_ms: int | None = None
    source: str = ""


SIGNAL: Final = "signal"
"""The attribute under which risk signals of monitoring are kept: policies see them as ``context.signals``."""


BREAK_GLASS: Final = "break-glass"
"""The kind of a principal that is an account for emergencies: open while it has a role for a time, else sealed."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who acts. ``subject`` is the random pseudonym under which their exchanges are sealed (crypto's subject key).

    ``roles`` are those without an end; ``timed_roles`` have one, or a beginning. ``groups`` holds those that their groups are
    in, too. What counts at a moment: ``access.situation``.
    """

    id: PrincipalId
    name: str
    roles: frozenset[str] = frozenset()
    clearance: Label = PUBLIC
    subject: str = ""
    active: bool = True
    kind: str = "person"
    timed_roles: tuple[TimedRole, ...] = ()
    groups: frozenset[str] = frozenset()
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a key was made for; an empty set binds it to nothing. Bounds only narrow: ``access.bounds``.

    ``networks``: names of ``access.yaml``, and ranges such as ``10.0.0.0/8``.
    """

    purposes: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()


UNBOUND: Final = Bounds()


@dataclass(frozen=True, slots=True)
class Credential:
    """A keyed hash of an API key or a console session; never the secret itself. Times are milliseconds since the epoch."""

    id: CredentialId
    kind: CredentialKind
    digest: bytes
    principal: PrincipalId
    scopes: frozenset[str] = frozenset()
    expires_ms: int | None = None
    csrf_digest: bytes = b""
    authenticated_ms: int | None = None
    """When its owner proved who they are; of a key that says nothing of it, ``None``: it is never fresh."""
    bounds: Bounds = UNBOUND
    strength: frozenset[str] = frozenset()
    """How its owner proved who they are, and what that comes to: ``access.strength``. Of a key nothing."""


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """The certificate of a client whose TLS connection has proven its chain and its key.

    ``fingerprint``: SHA-256 of it, ``serial``: its number, both in hexadecimal digits. ``names``: its subject alternative names,
    as ``URI:…`` and ``DNS:…``.
    """

    fingerprint: str
    serial: str
    names: tuple[str, ...]
    until_ms: int


@dataclass(frozen=True, slots=True)
class CertificateSummary:
    """A certificate that was issued, or a name in those of an outside authority; whose it is."""

    id: str
    person: str
    known_by: str
    """``serial …`` of one that was issued; ``URI:…`` or ``DNS:…`` of a name."""
    scopes: tuple[str, ...]
    created_ms: int
    expires_ms: int | None
    last_used_ms: int | None
    bounds: Bounds = UNBOUND


@dataclass(frozen=True, slots=True)
class KeySummary:
    """What is known of a key; never the key."""

    id: str
    prefix: str
    person: str
    scopes: tuple[str, ...]
    created_ms: int
    expires_ms: int | None
    last_used_ms: int | None
    bounds: Bounds = UNBOUND


class Right(StrEnum):
    """What an owner may give others of what is theirs."""

    READ = "read"
    USE = "use"
    SHARE = "share"
    ADMIN = "admin"


ALL_RIGHTS: Final = frozenset(Right)


class ResourceRef(NamedTuple):
    """Which resource."""

    type: str
    id: str


class Container(NamedTuple):
    """What a resource is part of, and whose that is."""

    type: str
    id: str
    owner: PrincipalId | None


class GranteeKind(StrEnum):
    """To whom something is given."""

    PRINCIPAL = "principal"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Share:
    """Rights on a resource that somebody gave to a person or a group.

    ``depth``: how many more times it may be handed on. ``parent``: the share by which the granter had the rights; ``None``
    where they own the resource. It holds while its chain up to the owner holds: ``access.shares``.
    """

    id: str
    resource: ResourceRef
    grantee_kind: GranteeKind
    grantee: str
    rights: frozenset[Right]
    depth: int
    granted_by: PrincipalId
    parent: str | None = None
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Directory:
    """Everybody, every credential and every share at one ``version``: what a worker holds instead of asking the database."""

    version: int
    principals: Mapping[PrincipalId, Principal] = field(default_factory=dict)
    credentials: Mapping[bytes, Credential] = field(default_factory=dict)
    """By digest."""
    shares: Mapping[str, Share] = field(default_factory=dict)
    """By id."""
    policies: str = ""
    """The version of the access policies that is in force with it."""


class Identity(msgspec.Struct, frozen=True):
    """A credential that checked out, whose it is, and from which address it was presented (empty: from this machine)."""

    principal: Principal
    credential: Credential
    address: str = ""
    certificate: Credential | None = None
    """The certificate that came with another credential: what it is not for, both are not for."""


class Resource(msgspec.Struct, frozen=True):
    """What is acted upon: ``Model::"smollm2"``, ``Exchange::"…"``, ``Console::"wardstead"``.

    ``within``: what it is part of, the nearest first (an exchange's conversation): rights on that are rights on it. ``rights``
    are those that the asking person has on it; the snapshot's decision point fills them in from owner and shares.
    """

    type: str
    id: str
    clearance: Label = PUBLIC
    owner: PrincipalId | None = None
    attributes: Mapping[str, str | bool | int] = msgspec.field(default_factory=dict)
    within: tuple[Container, ...] = ()
    rights: frozenset[str] = frozenset()

    @property
    def ref(self) -> ResourceRef:
        """Which one it is."""
        return ResourceRef(self.type, self.id)


class AccessRequest(msgspec.Struct, frozen=True):
    """The question. ``label`` is that of the data that would flow; ``now_ms`` the time it is asked at.

    ``target``: what whoever the data would go to, other than the asking person, is cleared for.
    """

    identity: Identity
    action: str
    resource: Resource
    label: Label = PUBLIC
    now_ms: int = 0
    context: Mapping[str, str | bool | int] = msgspec.field(default_factory=dict)
    target: Label | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. ``reason`` is a sentence the person can act on; ``policies`` the ``@id`` of the policies that determined it.

    ``not_after_ms`` is the last moment before the next boundary of any time condition used: a memo of this decision is not
    valid past it, nor before the time it was made at. ``step``: what would make a denial a permit: to ``sign-in`` again, or to
    prove a ``second-factor``; empty where neither does.
    """

    allow: bool
    policies: tuple[str, ...]
    reason: str
    code: str
    not_after_ms: int | None = None
    step: str = ""


def labelled(reason: str, label: Label) -> str:
    """A reason that says which label the data has."""
    return f"{reason} (the data's label is {label})" if label != PUBLIC else reason


class DecisionPoint(Protocol):
    """Decides. Pure: the same request gets the same answer. Never raises: an evaluation error is a denial that says so."""

    version: str

    @property
    def spoken_of(self) -> frozenset[str]:
        """Every text that stands in a policy: names that none of them says decide nothing."""
        ...

    def decide(self, request: AccessRequest) -> Decision:
        """Permit or deny, with the determining policies and a reason."""
        ...

    def networks_of(self, address: str) -> frozenset[str]:
        """The networks that policies know and an address is in."""
        ...

    def roles_of(self, who: Principal, now_ms: int) -> frozenset[str]:
        """Every role that somebody has at a moment, inherited ones included."""
        ...
