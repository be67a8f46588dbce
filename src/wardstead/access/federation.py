"""People whom an identity provider vouches for: what it says of them, and what that makes them here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wardstead.kernel.errors import CallerError
from wardstead.kernel.labels import PUBLIC, Label


class NotAdmitted(CallerError):
    """The provider vouches for somebody to whom this deployment gives nothing."""

    code = "not_admitted"


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a provider says of somebody, verified.

    ``subject`` is the provider's own name for them, which is never given to another (OpenID Connect Core, section 5.7); ``name``
    is what they are called, and may change. ``session``: the provider's, by which it ends ours.
    """

    issuer: str
    subject: str
    name: str
    groups: frozenset[str] = frozenset()
    authenticated_ms: int | None = None
    session: str = ""


@dataclass(frozen=True, slots=True)
class GroupRule:
    """What the members of one of the provider's groups are here. Without a ``clearance`` it says nothing of that."""

    group: str
    roles: frozenset[str] = frozenset()
    clearance: Label | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is here: all roles of their groups, and one clearance."""

    roles: frozenset[str]
    clearance: Label


def standing(rules: Iterable[GroupRule], groups: frozenset[str]) -> Standing:
    """What the members of ``groups`` are. Raises ``NotAdmitted`` where that gives no role.

    The clearance is that of the first rule that gives one: the join of several would clear for what none of them does (secret
    of the one group, with the compartments of the other).
    """
    fitting = [rule for rule in rules if rule.group in groups]
    roles = frozenset(role for rule in fitting for role in rule.roles)
    if not roles:
        raise NotAdmitted(
            "your account is known to the identity provider, and has no role here",
            next_step="ask an administrator: one of your groups has to be given a role in 'identity.providers'",
        )
    clearance = next((rule.clearance for rule in fitting if rule.clearance is not None), PUBLIC)
    return Standing(roles, clearance)
