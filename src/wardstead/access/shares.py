"""Discretionary access: what owners, and those to whom they gave the right, gave to others.

A share holds while its whole chain up to the owner holds: no link has expired or was taken back, each granter still has the
right to share, and the depth that the owner allowed is not used up. It never carries more than any link above it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wardstead.access.ports import (
    ALL_RIGHTS,
    Directory,
    GranteeKind,
    Principal,
    Resource,
    ResourceRef,
    Right,
    Share,
)
from wardstead.access.situation import earliest
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId

MAX_DEPTH = 8
_NOTHING: frozenset[Right] = frozenset()


class CannotGive(CallerError):
    """Nobody gives what they have not."""

    code = "cannot_give"


@dataclass(frozen=True, slots=True)
class Held:
    """Rights at a moment, and the first later moment at which they change (``None``: never by themselves)."""

    rights: frozenset[Right]
    until_ms: int | None = None


class Shares:
    """The shares of one snapshot. Immutable."""

    __slots__ = ("_by_resource", "_people", "_shares")

    def __init__(self, directory: Directory) -> None:
        """Looks them up by what they are of."""
        self._shares: Mapping[str, Share] = directory.shares
        self._people = directory.principals
        self._by_resource: dict[ResourceRef, list[Share]] = {}
        for share in directory.shares.values():
            self._by_resource.setdefault(share.resource, []).append(share)

    @staticmethod
    def is_given_to(share: Share, who: Principal) -> bool:
        """Whether it is given to somebody, or to a group of theirs."""
        return _is_given_to(share, who)

    def of(self, resource: ResourceRef) -> Sequence[Share]:
        """Those of a resource itself, held or not."""
        return self._by_resource.get(resource, ())

    def readable_by(self, who: Principal, now_ms: int) -> frozenset[ResourceRef]:
        """What somebody may read by a share, where whoever began its chain owns it: nobody else can begin one."""
        given = [one for one in self._shares.values() if _is_given_to(one, who)]
        return frozenset(one.resource for one in given if Right.READ in self.carried(one, self._began(one), now_ms).rights)

    def reaching(self, who: Principal) -> frozenset[ResourceRef]:
        """All of which a share is given to somebody, or to a group of theirs, held or not."""
        return frozenset(one.resource for one in self._shares.values() if _is_given_to(one, who))

    def _began(self, share: Share) -> PrincipalId | None:
        seen = set[str]()
        while share.parent is not None:
            if share.id in seen or share.parent not in self._shares:
                return None
            seen.add(share.id)
            share = self._shares[share.parent]
        return share.granted_by

    def held(self, who: Principal, resource: Resource, now_ms: int) -> Held:
        """What somebody may do with a resource, and with what it is part of: all with their own, else what was shared."""
        rights, until = _NOTHING, None
        for kind, name, owner in ((resource.type, resource.id, resource.owner), *resource.within):
            if owner is not None and owner == who.id:
                return Held(ALL_RIGHTS)
            for share in self._by_resource.get(ResourceRef(kind, name), ()):
                if _is_given_to(share, who):
                    carried = self.carried(share, owner, now_ms)
                    rights, until = rights | carried.rights, earliest(until, carried.until_ms)
        return Held(rights, until)

    def carried(self, share: Share, owner: PrincipalId | None, now_ms: int) -> Held:
        """What a share carries at a moment: the least of its chain; nothing where the chain does not reach the owner."""
        rights, until = share.rights, None
        link = share
        while True:
            if link.expires_ms is not None:
                if link.expires_ms <= now_ms:
                    return Held(_NOTHING)
                until = earliest(until, link.expires_ms)
            if link.parent is None:
                return Held(rights, until) if owner is not None and link.granted_by == owner else Held(_NOTHING)
            parent = self._shares.get(link.parent)
            if parent is None or not self._may_pass_on(parent, link):
                return Held(_NOTHING)
            rights, link = rights & parent.rights, parent

    def _may_pass_on(self, parent: Share, link: Share) -> bool:
        granter = self._people.get(link.granted_by)
        # INVARIANT: depth falls with every link, so that a chain has an end.
        return (
            granter is not None
            and parent.resource == link.resource
            and Right.SHARE in parent.rights
            and 0 <= link.depth < parent.depth
            and _is_given_to(parent, granter)
        )

    def source(self, granter: Principal, resource: Resource, rights: frozenset[Right], depth: int, now_ms: int) -> str | None:
        """By which share ``granter`` can give these rights, to be handed on ``depth`` times; ``None``: as the owner.

        Raises ``CannotGive``.
        """
        if not rights:
            raise CannotGive("a share gives at least one right", where="rights")
        if not 0 <= depth <= MAX_DEPTH:
            raise CannotGive(f"a share is handed on 0 to {MAX_DEPTH} times", where="depth")
        if depth and Right.SHARE not in rights:
            raise CannotGive("what is not to be shared is not handed on", where="depth", next_step="give the right 'share' too")
        if resource.owner is not None and resource.owner == granter.id:
            return None
        for one in self.of(resource.ref):
            carried = self.carried(one, resource.owner, now_ms).rights
            if _is_given_to(one, granter) and Right.SHARE in carried and rights <= carried and depth < one.depth:
                return one.id
        raise CannotGive(
            "you cannot give these rights", why="nobody gives more, or for more hands, than they were given",
            next_step="give fewer rights, or ask the owner",
        )  # fmt: skip

    def below(self, share_id: str) -> frozenset[str]:
        """A share and all that were given by it: they end together."""
        found = {share_id}
        while more := {one.id for one in self._shares.values() if one.parent in found} - found:
            found |= more
        return frozenset(found)


def _is_given_to(share: Share, who: Principal) -> bool:
    return share.grantee == who.id if share.grantee_kind is GranteeKind.PRINCIPAL else share.grantee in who.groups
