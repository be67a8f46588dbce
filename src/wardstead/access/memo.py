"""Remembers decisions, so that Cedar runs once for a situation and not once for a request.

A memo is made anew with every snapshot, so it need not know versions: a changed person, key or policy is another memo.
"""

from __future__ import annotations

from wardstead.access.ports import AccessRequest, Decision, DecisionPoint

_CAPACITY = 20_000


class MemoisedDecisionPoint:
    """A ``DecisionPoint`` in front of another one. The same answers; a decision is forgotten at its ``not_after_ms``."""

    __slots__ = ("_memo", "_point", "version")

    def __init__(self, point: DecisionPoint) -> None:
        """``point`` must be immutable."""
        self._point = point
        self._memo: dict[tuple[object, ...], Decision] = {}
        self.version = point.version

    def decide(self, request: AccessRequest) -> Decision:
        """See ``DecisionPoint.decide``."""
        identity, resource, label = request.identity, request.resource, request.label
        # Everything that a policy can see of the request is in the key.
        key = (
            identity.principal.id,
            identity.credential.id,
            request.action,
            resource.type,
            resource.id,
            resource.owner,
            resource.clearance,
            label.level,
            label.compartments,
            tuple(sorted(request.context.items())) if request.context else None,
        )
        found = self._memo.get(key)
        if found is not None and (found.not_after_ms is None or request.now_ms <= found.not_after_ms):
            return found
        decision = self._point.decide(request)
        if len(self._memo) >= _CAPACITY:
            self._memo.clear()
        self._memo[key] = decision
        return decision
