"""What holds of somebody at a moment, as sets of names, and until when: the part of a decision that time changes.

Cedar compares no times. It is told which roles, attributes, windows, networks and steps hold *now*; so two questions with equal
sets have the same answer, and an answer is good until one of the sets changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from wardstead.access.ports import SIGNAL, AccessRequest, Principal
from wardstead.access.rules import AccessRules
from wardstead.access.strength import lacks
from wardstead.access.windows import Moment


@dataclass(frozen=True, slots=True)
class Situation:
    """The sets of names, and the first later moment at which one of them changes (``None``: never).

    ``attributes`` holds every value of each. ``strength``: how the session's owner proved who they are; ``lacks``: what their
    roles demand beside that.
    """

    roles: frozenset[str]
    attributes: Mapping[str, frozenset[str]]
    signals: frozenset[str]
    windows: frozenset[str]
    networks: frozenset[str]
    fresh: frozenset[str]
    strength: frozenset[str]
    lacks: frozenset[str]
    until_ms: int | None


def roles_at(who: Principal, now_ms: int, rules: AccessRules) -> frozenset[str]:
    """Every role that somebody has at a moment, inherited ones included."""
    return rules.effective(_held(who, now_ms)) if who.timed_roles else rules.effective(who.roles)


def situation_of(
    request: AccessRequest, rules: AccessRules, windows: Moment, networks: frozenset[str], steps: Collection[str]
) -> Situation:
    """What holds of the asking person at the time of the question.

    Of those that policies speak of: ``windows`` are open then, ``networks`` hold their address, ``steps`` are all.
    """
    who, now = request.identity.principal, request.now_ms
    since = request.identity.credential.authenticated_ms
    attributes, signals = _attributes(who, now)
    roles, credential = roles_at(who, now, rules), request.identity.credential
    return Situation(
        roles,
        attributes,
        signals,
        windows.names,
        networks,
        rules.fresh_steps(since, now, steps) if steps else frozenset(),
        credential.strength,
        lacks(credential, rules.demanded(roles)),
        earliest(windows.until_ms, rules.fresh_change_ms(since, now, steps) if steps else None, _next_change(who, now)),
    )


def earliest(*moments: int | None) -> int | None:
    """The first of them; ``None`` is never."""
    return min((one for one in moments if one is not None), default=None)


def _held(who: Principal, now_ms: int) -> frozenset[str]:
    return who.roles | {
        one.role
        for one in who.timed_roles
        if (one.from_ms is None or one.from_ms <= now_ms) and (one.until_ms is None or now_ms < one.until_ms)
    }


def _attributes(who: Principal, now_ms: int) -> tuple[Mapping[str, frozenset[str]], frozenset[str]]:
    if not who.attributes:
        return {}, frozenset()
    found: dict[str, set[str]] = {}
    for one in who.attributes:
        if one.expires_ms is None or now_ms < one.expires_ms:
            found.setdefault(one.name, set()).add(one.value)
    signals = frozenset(found.pop(SIGNAL, ()))
    return {name: frozenset(values) for name, values in found.items()}, signals


def _next_change(who: Principal, now_ms: int) -> int | None:
    return min((moment for moment in _moments(who) if moment is not None and moment > now_ms), default=None)


def _moments(who: Principal) -> Iterable[int | None]:
    for role in who.timed_roles:
        yield role.from_ms
        yield role.until_ms
    for attribute in who.attributes:
        yield attribute.expires_ms
