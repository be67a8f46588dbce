"""What the access room says to the others: principals, credentials, the directory snapshot, requests and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import msgspec

from wardstead.kernel.ids import CredentialId, PrincipalId
from wardstead.kernel.labels import PUBLIC, Label


class CredentialKind(StrEnum):
    """How somebody proves who they are on a request."""

    API_KEY = "api_key"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who acts. ``subject`` is the random pseudonym under which their exchanges are sealed (crypto's subject key)."""

    id: PrincipalId
    name: str
    roles: frozenset[str] = frozenset()
    clearance: Label = PUBLIC
    subject: str = ""
    active: bool = True
    kind: str = "person"


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


@dataclass(frozen=True, slots=True)
class Directory:
    """Everybody and every credential at one ``version``: what a worker holds instead of asking the database."""

    version: int
    principals: Mapping[PrincipalId, Principal] = field(default_factory=dict)
    credentials: Mapping[bytes, Credential] = field(default_factory=dict)
    """By digest."""


class Identity(msgspec.Struct, frozen=True):
    """A credential that checked out, and whose it is."""

    principal: Principal
    credential: Credential


class Resource(msgspec.Struct, frozen=True):
    """What is acted upon: ``Model::"smollm2"``, ``Exchange::"…"``, ``Console::"wardstead"``."""

    type: str
    id: str
    clearance: Label = PUBLIC
    owner: PrincipalId | None = None
    attributes: Mapping[str, str | bool | int] = msgspec.field(default_factory=dict)


class AccessRequest(msgspec.Struct, frozen=True):
    """The question. ``label`` is that of the data that would flow; ``now_ms`` the time it is asked at."""

    identity: Identity
    action: str
    resource: Resource
    label: Label = PUBLIC
    now_ms: int = 0
    context: Mapping[str, str | bool | int] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer. ``reason`` is a sentence the person can act on; ``policies`` the ``@id`` of the policies that determined it.

    ``not_after_ms`` is the next boundary of any time condition used: a memo of this decision is not valid past it.
    """

    allow: bool
    policies: tuple[str, ...]
    reason: str
    code: str
    not_after_ms: int | None = None


class DecisionPoint(Protocol):
    """Decides. Pure: the same request gets the same answer. Never raises: an evaluation error is a denial that says so."""

    version: str

    def decide(self, request: AccessRequest) -> Decision:
        """Permit or deny, with the determining policies and a reason."""
        ...
