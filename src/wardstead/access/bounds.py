"""What a key was made for: purposes, networks and models. Its owner's rights decide within that; outside of it, nothing does.

Looked at before the policies are asked, so no permit can widen a key, whatever a deployment's schema knows of keys.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Final

from wardstead.access.ports import UNBOUND, AccessRequest, Bounds, Credential, Decision, Identity
from wardstead.access.rules import AccessRules
from wardstead.kernel.errors import CallerError

CODE: Final = "access.key_bounds"
_SAID: Final = "purpose"
_WITH_A_PURPOSE: Final = frozenset({"infer", "embed", "useData"})
"""The actions that say what for."""


class BadRange(CallerError):
    """Neither an address nor a range of addresses."""

    code = "bad_range"


def range_of(said: str) -> str:
    """An address, or a range of addresses, as it is kept. Raises ``BadRange``."""
    try:
        return str(ipaddress.ip_network(said))
    except ValueError as error:
        raise BadRange(f"not a range of addresses: {said[:64]!r}", why=str(error)[:200], next_step="write 10.0.0.0/8") from None


def with_purpose(identity: Identity, context: Mapping[str, str]) -> Mapping[str, str]:
    """What a request says of itself. Where it names no purpose, a key or certificate that is for one alone says that."""
    if context.get(_SAID):
        return context
    for one in _presented(identity):
        if len(one.bounds.purposes) == 1:
            return {**context, _SAID: next(iter(one.bounds.purposes))}
    return context


def refused(request: AccessRequest, rules: AccessRules) -> Decision | None:
    """A denial that names every bound that the request is outside of; ``None`` within all of them."""
    found: dict[str, str] = {}
    for one in _presented(request.identity):
        if one.bounds != UNBOUND:
            found |= _outside(one.bounds, request, rules)
    beside = request.identity.certificate
    if beside is not None and beside.scopes and request.action not in beside.scopes:  # a credential's own are a policy's to see
        found["certificates-do-only-what-they-are-for"] = "the certificate beside this key was made for something else"
    if not found:
        return None
    return Decision(allow=False, policies=tuple(found), reason="; ".join(found.values()), code=CODE)


def _presented(identity: Identity) -> Iterator[Credential]:
    yield identity.credential
    if identity.certificate is not None:
        yield identity.certificate


def _outside(bounds: Bounds, request: AccessRequest, rules: AccessRules) -> Iterator[tuple[str, str]]:
    if bounds.models and request.resource.type == "Model" and request.resource.id not in bounds.models:
        yield (
            "keys-stay-with-their-models",
            f"this key is for {_any(bounds.models, 'the model')}; use one of them, or another key",
        )
    if bounds.networks and not _within(bounds.networks, request.identity.address, rules):
        yield (
            "keys-stay-in-their-networks",
            f"this key works from {_any(bounds.networks, 'the network')} alone; connect from there, or use another key",
        )
    purpose = request.context.get(_SAID)
    if bounds.purposes and purpose not in bounds.purposes and (purpose or request.action in _WITH_A_PURPOSE):
        said = f"this key is for {_any(bounds.purposes, 'the purpose')}"
        yield "keys-stay-with-their-purposes", f"{said}; say which in the header wardstead-purpose, or use another key"


def _any(names: frozenset[str], what: str) -> str:
    return f"{what}{'s' if len(names) > 1 else ''} {', '.join(sorted(names))}"


def _within(networks: frozenset[str], peer: str, rules: AccessRules) -> bool:
    """Whether an address is in one of them. A name that no ``access.yaml`` declares any more holds nobody."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    declared = rules.networks_of(peer)
    # A name is small letters, digits and "-": no range is taken for one, nor a name for a range.
    return any(one in declared if not _is_range(one) else (mapped or address) in ipaddress.ip_network(one) for one in networks)


def _is_range(name: str) -> bool:
    return "/" in name
