"""The decision point of one snapshot: knows who shared what with whom, and remembers decisions.

Cedar runs once for a situation and not once for a request. A memo is made anew with every snapshot, so it need not know
versions: a changed person, share, key or policy is another memo.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from wardstead.access.filtering import Filter
from wardstead.access.ports import AccessRequest, Decision, DecisionPoint, Directory, Identity, Principal
from wardstead.access.shares import Shares
from wardstead.access.situation import earliest

_CAPACITY = 20_000


class MemoisedDecisionPoint:
    """A ``DecisionPoint`` in front of another one: fills in the rights that the asking person has on the resource.

    The same answers; a decision is forgotten at its ``not_after_ms``, and not used for a time before its own: a clock that is
    put back crosses boundaries, too.
    """

    __slots__ = ("_memo", "_point", "_shares", "version")

    def __init__(self, point: DecisionPoint, directory: Directory | None = None) -> None:
        """``point`` must be immutable; ``directory`` is the snapshot."""
        self._point = point
        self._memo: dict[tuple[object, ...], tuple[int, Decision]] = {}
        self._shares = Shares(directory if directory is not None else Directory(0))
        self.version = point.version

    def decide(self, request: AccessRequest) -> Decision:
        """See ``DecisionPoint.decide``."""
        key = key_of(request, self._point.networks_of(request.identity.address))
        found = self._memo.get(key)
        now = request.now_ms
        if found is not None and found[0] <= now and (found[1].not_after_ms is None or now <= found[1].not_after_ms):
            return found[1]
        decision = self._decide(request)
        if len(self._memo) >= _CAPACITY:
            self._memo.clear()
        self._memo[key] = (now, decision)
        return decision

    @property
    def shares(self) -> Shares:
        """Those of the snapshot."""
        return self._shares

    def rows_of(self, who: Principal) -> Filter:
        """What tells the rows of a list apart for somebody."""
        return Filter(who, self._shares, self._point.spoken_of)

    @property
    def spoken_of(self) -> frozenset[str]:
        """See ``DecisionPoint.spoken_of``."""
        return self._point.spoken_of

    def networks_of(self, address: str) -> frozenset[str]:
        """See ``DecisionPoint.networks_of``."""
        return self._point.networks_of(address)

    def roles_of(self, who: Principal, now_ms: int) -> frozenset[str]:
        """See ``DecisionPoint.roles_of``."""
        return self._point.roles_of(who, now_ms)

    def _decide(self, request: AccessRequest) -> Decision:
        held = self._shares.held(request.identity.principal, request.resource, request.now_ms)
        resource = msgspec.structs.replace(request.resource, rights=frozenset(right.value for right in held.rights))
        decision = self._point.decide(msgspec.structs.replace(request, resource=resource))
        if held.until_ms is None:
            return decision
        return replace(decision, not_after_ms=earliest(decision.not_after_ms, held.until_ms - 1))


def _is_bound_to_networks(identity: Identity) -> bool:
    beside = identity.certificate
    return bool(identity.credential.bounds.networks) or (beside is not None and bool(beside.bounds.networks))


def key_of(request: AccessRequest, networks: frozenset[str]) -> tuple[object, ...]:
    """Everything of a request that a policy can see, but the time and what a snapshot fixes. ``networks``: of its address."""
    identity, resource, label = request.identity, request.resource, request.label
    return (
        identity.principal.id,
        identity.credential.id,
        identity.certificate.id if identity.certificate is not None else None,
        identity.address if _is_bound_to_networks(identity) else None,
        request.action,
        resource.type,
        resource.id,
        resource.owner,
        resource.within,
        resource.clearance,
        label.level,
        label.compartments,
        request.target,
        networks,
        tuple(sorted(request.context.items())) if request.context else None,
        tuple(sorted(resource.attributes.items())) if resource.attributes else None,
    )
