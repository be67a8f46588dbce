"""Questions put together by hand: who asks, for what, when, from where."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from wardstead.access.bounds import with_purpose
from wardstead.access.ports import AccessRequest, Credential, CredentialKind, Decision, Identity, Principal, Resource
from wardstead.access.rules import AccessRules
from wardstead.access.strength import PASSWORD, strength_of
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import CredentialId
from wardstead.kernel.labels import PUBLIC, Label

RESOURCES: Final[Mapping[str, str]] = {
    "infer": "Model", "embed": "Model", "listModels": "Model",
    "readReceipt": "Exchange", "viewExchange": "Exchange", "reviewHeld": "Exchange", "readHeld": "Exchange",
    "declassify": "Conversation", "shareData": "Conversation", "revokeShare": "Conversation",
    "requestRole": "Elevation", "approveRole": "Elevation",
    "readData": "Document", "useData": "Document", "changeData": "Document",
    "exportData": "Sink", "proposePolicies": "PolicyVersion", "activatePolicies": "PolicyVersion",
    "addModel": "Admission", "approveModel": "Admission", "overrideModel": "Admission",
}  # fmt: skip
"""On which type of resource an action is; any other is on the console."""
_KEPT: Final = frozenset({"Document", "Collection", "Template"})
_ALSO: Final[Mapping[str, frozenset[str]]] = {
    "shareData": _KEPT | {"Conversation", "Exchange"},
    "revokeShare": _KEPT | {"Conversation", "Exchange"},
    "readData": _KEPT,
    "useData": _KEPT,
    "changeData": _KEPT,
}
CONSOLE: Final = Resource("Console", "wardstead")


def kinds_of(action: str) -> frozenset[str]:
    """Every type of resource that an action is on."""
    return _ALSO.get(action) or frozenset({RESOURCES.get(action, "Console")})


_STATED: Final = ("purpose", "application", "conversation", "role")
"""What a request says of itself."""


class UnknownNetwork(CallerError):
    """Neither an address nor the name of a network."""

    code = "unknown_network"


@dataclass(frozen=True, slots=True)
class Circumstance:
    """When, from where and what for. ``signed_in_ms``: ``None`` for an API key, which has no age."""

    now_ms: int
    label: Label = PUBLIC
    purpose: str = ""
    application: str = ""
    address: str = ""
    signed_in_ms: int | None = None
    means: frozenset[str] = frozenset({PASSWORD})
    """How they signed in, where they did."""
    conversation: str = ""
    role: str = ""
    """Which one is asked for."""
    certified: bool = False
    """Whether a certificate is shown, and no key."""
    own_grant: bool = False
    """Whether it is their own grant that is taken back."""
    said: str = ""
    """What is particular about it, in words."""


def request_of(
    who: Principal, action: str, resource: Resource, at: Circumstance, *,
    scopes: frozenset[str] = frozenset(), key: Credential | None = None,
) -> AccessRequest:  # fmt: skip
    """The question as the gateway or the console would put it. ``key``: which one it is put with; else ``scopes`` is all that
    is known of it.
    """
    kind = CredentialKind.CERTIFICATE if at.certified else CredentialKind.API_KEY
    kind = kind if at.signed_in_ms is None else CredentialKind.SESSION
    # A memo takes all that a credential is for known by its id.
    strength = frozenset[str]() if at.signed_in_ms is None else strength_of(at.means)
    one = CredentialId(f"asked {kind.value} {at.signed_in_ms} {' '.join(sorted(scopes))} {' '.join(sorted(strength))}")
    credential = key or Credential(one, kind, b"", who.id, scopes, authenticated_ms=at.signed_in_ms, strength=strength)
    context = {name: value for name in _STATED if (value := getattr(at, name))}
    identity = Identity(who, credential, at.address)
    stated: dict[str, str | bool | int] = dict(with_purpose(identity, context))
    if at.own_grant:
        stated["ownGrant"] = True
    return AccessRequest(identity, action, resource, at.label, at.now_ms, stated)


def address_in(rules: AccessRules, said: str) -> str:
    """An address of the network of that name, or the address that is said. Raises ``UnknownNetwork``."""
    if not said:
        return ""
    if said in rules.networks:
        one = rules.networks[said][0]
        return str(one.network_address)
    try:
        return str(ipaddress.ip_address(said))
    except ValueError:
        pass
    known = ", ".join(sorted(rules.networks)) or "none"
    raise UnknownNetwork(f"{said[:64]!r} is no address, and no network of access.yaml", why=f"declared are: {known}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as somebody writes it: names and texts. Empty is left out."""

    principal: str
    action: str
    resource: str
    at: str = ""
    purpose: str = ""
    application: str = ""
    network: str = ""
    label: str = ""
    signed_in: str = ""
    owner: str = ""
    key: str = ""
    """The id or prefix of the key it is asked with."""
    means: str = ""
    """How they signed in: ``password, code``."""


@dataclass(frozen=True, slots=True)
class Explained:
    """An answer, and what it rests on."""

    asked: Asked
    version: str
    time_ms: int
    label: Label
    decision: Decision
    roles: tuple[str, ...]
    windows: tuple[str, ...]
    networks: tuple[str, ...]
    fresh: tuple[str, ...]
