"""What the command line does with attributes, groups and roles that end: each by name, checked against what is declared."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.ports import (
    SIGNAL,
    AccessRequest,
    Decision,
    Identity,
    Principal,
    Resource,
    TimedRole,
)
from wardstead.access.situation import roles_at
from wardstead.adapters.store.directory.access import Request
from wardstead.adapters.store.directory.directory import Actor
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.bootstrap.acting import as_if_signed_in
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.people import BadValue, compatible, known_roles, require_ordinary
from wardstead.kernel.errors import CallerError

_DURATION: Final = re.compile(r"([1-9][0-9]{0,4})([smhd])")
_UNITS_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_GROUP: Final = re.compile(r"\w(?:[\w.-]{0,62}\w)?")
HOUR_MS: Final = 3_600_000
_REASON: Final = 2000


class MayNot(CallerError):
    """The policies do not let this person do it. ``step``: what they could do about it, as a decision says it."""

    code = "access_denied"
    step = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a role, with the names of whom it is about."""

    request: Request
    person: str
    decided_by: str


def moment(text: str, now: int) -> int:
    """A time as ``2027-03-01``, ``2027-03-01T12:00:00Z`` or, from now, ``8h`` and ``90d``. Raises ``BadValue``."""
    said = _DURATION.fullmatch(text)
    if said is not None:
        return now + int(said[1]) * _UNITS_MS[said[2]]
    try:
        given = datetime.fromisoformat(text)
        zoned = given if given.tzinfo is not None else datetime.fromisoformat(f"{text}T00:00:00Z" if len(text) == 10 else "")
        return int(zoned.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadValue(
            f"not a time: {text[:40]!r}", next_step="write 8h, 90d, 2027-03-01, or 2027-03-01T12:00:00+01:00 with its zone"
        ) from None


def later(text: str | None) -> int | None:
    """The same, of a time that must be in the future; ``None`` for none."""
    if text is None:
        return None
    now = now_ms()
    given = moment(text, now)
    if given <= now:
        raise BadValue(f"{text[:40]!r} is over")
    return given


def decide(deployment: Deployment, identity: Identity, action: str, resource: Resource, **said: object) -> Decision:
    """What the policies in force say to an act in somebody's name. Raises ``MayNot`` with the reason."""
    point = MemoisedDecisionPoint(deployment.decision_point(), deployment.directory.load())
    decision = point.decide(AccessRequest(identity, action, resource, now_ms=now_ms(), **said))  # type: ignore[arg-type]
    if not decision.allow:
        refused = MayNot(f"{identity.principal.name} may not do this", why=decision.reason)
        refused.step = decision.step
        raise refused
    return decision


# -- attributes and roles ------------------------------------------------------------------------------------------------


def set_attribute(
    deployment: Deployment, name: str, attribute: str, values: Iterable[str], *, until: str | None, add: bool, source: str
) -> list[str]:
    """Set what is known of somebody; the values. Raises ``BadAttribute``, ``BadValue``."""
    wanted = sorted(set(values))
    rules, point = deployment.access_rules(), deployment.decision_point()
    if attribute == SIGNAL:
        unknown = [one for one in wanted if one not in rules.signals]
        if unknown:
            raise BadValue(
                f"there is no signal {unknown[0][:40]!r}", why=f"declared are: {', '.join(sorted(rules.signals)) or 'none'}"
            )
    else:
        declared = rules.attribute(attribute)
        for one in wanted:
            declared.read(one)
        if (len(wanted) > 1 or add) and declared.type != "set":
            raise BadValue(f"{attribute!r} has one value", why="access.yaml declares it as no set")
        if point.words.attributes.get(attribute) != declared.type:
            raise BadValue(
                f"no policy could see the attribute {attribute!r}", where="schema.cedarschema",
                why="the schema does not declare it so for User", next_step=f'add "{attribute}" to entity User',
            )  # fmt: skip
    deployment.entitlements.set_attribute(name, attribute, wanted, expires_ms=later(until), source=source, add=add)
    return wanted


def give_role(deployment: Deployment, name: str, role: str, *, begin: str | None, until: str | None) -> TimedRole:
    """A role from one time until another. Raises ``BadValue``, and ``RolesConflict`` for two that exclude one another."""
    known_roles(deployment, [role])
    require_ordinary(deployment.directory.find(name))
    given = TimedRole(role, moment(begin, now_ms()) if begin else None, later(until))
    if given.from_ms is None and given.until_ms is None:
        raise BadValue("a role without an end is given by 'user set-roles'", next_step="say --until, or --from")
    if given.from_ms is not None and given.until_ms is not None and given.from_ms >= given.until_ms:
        raise BadValue("it would end before it begins", where="--until")
    deployment.entitlements.give_role(name, given, compatible(deployment))
    return given


def is_group_name(text: str) -> bool:
    """Whether a group may be called that."""
    return _GROUP.fullmatch(text) is not None


def create_group(deployment: Deployment, group: str) -> None:
    """A new group. Raises ``BadValue`` for what is no name, ``NameTaken``."""
    if not is_group_name(group):
        raise BadValue("a group's name has 1 to 64 letters, digits, and . _ - between them", where=group[:64])
    deployment.entitlements.create_group(group)


# -- elevation -----------------------------------------------------------------------------------------------------------


def request_role(deployment: Deployment, name: str, role: str, hours: float, reason: str) -> Request:
    """Ask for a role in the name of somebody. Raises ``MayNot``, ``BadValue``."""
    declared = deployment.access_rules().roles.get(role)
    if declared is None or declared.elevation is None:
        raise BadValue(f"the role {role[:64]!r} is not given for a time", why="access.yaml declares no elevation for it")
    duration = duration_ms(hours, declared.elevation.max_ms, "given")
    if not reason.strip():
        raise CallerError("a request has a reason", where="--reason")
    who = deployment.directory.find(name)
    _require_may_ask(deployment, who, role)
    return deployment.entitlements.request(who, role, duration, reason.strip()[:_REASON], actor=Actor(COMMAND_LINE, COMMAND_LINE))


def duration_ms(hours: float, most_ms: int, how: str) -> int:
    """So many hours, in milliseconds. Raises ``BadValue`` for none, for more than the most, and for what is no number."""
    if not 1 <= hours * HOUR_MS <= most_ms:  # no comparison holds of what is no number
        raise BadValue(f"it is {how} for at most {most_ms / HOUR_MS:g} hours", where="--hours")
    return int(hours * HOUR_MS)


def _require_may_ask(deployment: Deployment, who: Principal, role: str) -> None:
    decide(deployment, as_if_signed_in(who), "requestRole", Resource("Elevation", "new", owner=who.id), context={"role": role})


def decide_role(deployment: Deployment, request_id: str, by: str, *, approve: bool) -> Request:
    """Approve a request, or refuse it, in the name of ``by``: another person, who has a role that may. Raises ``MayNot``.

    What has changed since it was asked for counts: whether they may still ask, and for how long the role is given.
    """
    kept = deployment.entitlements
    asked, who = kept.find_request(request_id), deployment.directory.find(by)
    rules = deployment.access_rules()
    resource = Resource("Elevation", asked.id, owner=asked.principal)
    decide(deployment, as_if_signed_in(who), "approveRole", resource, context={"role": asked.role})
    declared = rules.roles.get(asked.role)
    approvers = declared.elevation.approved_by if declared is not None and declared.elevation is not None else frozenset()
    if not approvers & roles_at(who, now_ms(), rules):
        raise MayNot(
            f"{by[:80]!r} may not decide about the role {asked.role!r}", where="--by",
            why=f"access.yaml names for it: {', '.join(sorted(approvers)) or 'nobody'}",
        )  # fmt: skip
    if not approve or declared is None or declared.elevation is None:
        return kept.decide_request(request_id, who, None)
    asker = next((one for one in deployment.directory.list_principals() if one.id == asked.principal), None)
    if asker is None:
        raise MayNot("whoever asked for it is gone", why="their account was removed")
    _require_may_ask(deployment, asker, asked.role)
    return kept.decide_request(request_id, who, compatible(deployment), most_ms=declared.elevation.max_ms)


def requests(deployment: Deployment) -> list[Asked]:
    """Who asked for what, the newest first."""
    people = {one.id: one.name for one in deployment.directory.list_principals()}
    found = deployment.entitlements.requests()
    return [Asked(one, people.get(one.principal, ""), people.get(one.decided_by or "", "")) for one in found]  # type: ignore[call-overload]
