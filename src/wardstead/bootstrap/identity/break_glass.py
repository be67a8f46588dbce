"""Accounts for emergencies: sealed, opened by two people for some hours, and loud for as long as they are open."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass

from wardstead.access.ports import BREAK_GLASS, Directory, Principal, Resource
from wardstead.access.situation import roles_at
from wardstead.adapters.store.directory.access import REQUEST_LASTS_MS
from wardstead.adapters.store.directory.break_glass import BreakGlassStore, Opening, Sealed
from wardstead.bootstrap.acting import Acting
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.entitlements import HOUR_MS, MayNot, decide, duration_ms
from wardstead.bootstrap.identity.people import BadValue, compatible, known_roles
from wardstead.isolation.posture import Check, State
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId

log = logging.getLogger(__name__)
_REASON = 2000
MOST_HOURS = 24


class AccountSealed(CallerError):
    """It is for emergencies, and nobody has opened it."""

    code = "account_sealed"

    def __init__(self) -> None:
        super().__init__(
            "this account is for emergencies, and sealed",
            next_step="two people open it: 'wardstead user break-glass ask', then 'open'",
        )


@dataclass(frozen=True, slots=True)
class Account:
    """A break-glass account. ``until_ms``: until when it is open; ``None`` while it is sealed."""

    name: str
    sealed: Sealed
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """An opening, with the names of whom it is about."""

    opening: Opening
    account: str
    requested_by: str
    decided_by: str


def store(deployment: Deployment) -> BreakGlassStore:
    """The accounts and their openings."""
    return BreakGlassStore(deployment.directory, clock=now_ms, entropy=os.urandom)


def open_until(who: Principal, now: int) -> int | None:
    """Until when a break-glass account is open; ``None`` while it is sealed."""
    ends = [
        one.until_ms for one in who.timed_roles if (one.from_ms or 0) <= now and one.until_ms is not None and now < one.until_ms
    ]
    return max(ends, default=None)


def open_now(directory: Directory, now: int) -> list[tuple[str, int]]:
    """The names of those that are open in a snapshot, and until when each is."""
    found = [(one.name, open_until(one, now)) for one in directory.principals.values() if one.kind == BREAK_GLASS]
    return sorted((name, until) for name, until in found if until is not None)


def seal(deployment: Deployment, name: str, roles: Iterable[str], hours: float, approvers: Iterable[str]) -> Sealed:
    """Make somebody's account one for emergencies. Raises ``UnknownPerson``, ``BadValue``, ``RolesConflict``."""
    given, may = known_roles(deployment, roles), known_roles(deployment, approvers)
    if not given or not may:
        raise BadValue("it has roles while it is open, and roles whose holders open it", next_step="say --role and --approved-by")
    if not 0 < hours <= MOST_HOURS:
        raise BadValue(f"it is open for at most {MOST_HOURS} hours", where="--max-hours")
    compatible(deployment)(given)
    who = deployment.directory.find(name)
    made = Sealed(who.id, given, int(hours * HOUR_MS), may)
    store(deployment).seal(name, made)
    return made


def ask(deployment: Deployment, name: str, by: Acting, reason: str, hours: float) -> Opening:
    """Ask that one be opened. Raises ``MayNot``, ``BadValue``, ``NotBreakGlass``."""
    if not reason.strip():
        raise CallerError("an opening has a reason", where="--reason")
    account, who = deployment.directory.find(name), by.identity.principal
    sealed = store(deployment).find(account)
    duration = duration_ms(hours, sealed.max_ms, "open")
    _require_person(who, account)
    decide(deployment, by.identity, "requestRole", Resource("Elevation", "new", owner=who.id), context={"role": BREAK_GLASS})
    made = store(deployment).ask(account, who, reason.strip()[:_REASON], duration, actor=by.of_record)
    _shout("somebody asks to open a break-glass account", account.name, by=who.name)
    return made


def settle(deployment: Deployment, opening_id: str, by: Acting, *, approve: bool) -> Opening:
    """Open it, or refuse: another person than who asked, with a role that may. Raises ``MayNot``."""
    kept, who = store(deployment), by.identity.principal
    asked = kept.opening(opening_id)
    refused = why_not_settle(deployment, asked, by)
    if refused is not None:
        raise refused
    account = _account(deployment, asked.principal)
    done = kept.decide(asked, who, account, approve=approve, actor=by.of_record)
    _shout("a break-glass account is open" if approve else "a break-glass account stays sealed", account.name, by=who.name)
    return done


def why_not_settle(deployment: Deployment, asked: Opening, by: Acting) -> MayNot | None:
    """Why somebody may not open it, or refuse; ``None`` where they may."""
    account = _account(deployment, asked.principal)
    try:
        _require_person(by.identity.principal, account)
        resource = Resource("Elevation", asked.id, owner=asked.requested_by)
        decide(deployment, by.identity, "approveRole", resource, context={"role": BREAK_GLASS})
    except MayNot as refused:
        return refused
    return _why_no_approver(deployment, account, by)


def _why_no_approver(deployment: Deployment, account: Principal, by: Acting) -> MayNot | None:
    who, approvers = by.identity.principal, store(deployment).find(account).approvers
    if approvers & roles_at(who, now_ms(), deployment.access_rules()):
        return None
    why = f"its operator named for it: {', '.join(sorted(approvers))}"
    return MayNot(f"{who.name[:80]!r} may not decide about it", why=why, where="--by")


def waits(asked: Opening, now: int) -> bool:
    """Whether it can be decided about still."""
    return asked.state == "asked" and now - asked.requested_ms <= REQUEST_LASTS_MS


def close(deployment: Deployment, name: str, by: Acting | None = None) -> None:
    """Seal it again at once: ``by`` somebody who may, or whoever runs the command. Raises ``NotBreakGlass``, ``MayNot``."""
    who = deployment.directory.find(name)
    account = Account(name, store(deployment).find(who), open_until(who, now_ms()))
    refused = why_not_close(deployment, account, by) if by is not None else None
    if refused is not None:
        raise refused
    store(deployment).close(who, actor=by.of_record if by is not None else None)
    _shout("a break-glass account is sealed again", name, **({"by": by.identity.principal.name} if by is not None else {}))


def why_not_close(deployment: Deployment, account: Account, by: Acting) -> MayNot | None:
    """Why somebody may not seal it again; ``None`` for those who may open it, who administer, or who asked for it."""
    who = by.identity.principal
    if any(one.requested_by == who.id and one.state == "open" for one in _openings_of(deployment, account)):
        return None
    try:
        decide(deployment, by.identity, "administer", Resource("Console", "wardstead"))
    except MayNot:
        return _why_no_approver(deployment, deployment.directory.find(account.name), by)
    return None


def _openings_of(deployment: Deployment, account: Account) -> list[Opening]:
    return [one for one in store(deployment).openings() if one.principal == account.sealed.principal]


def _account(deployment: Deployment, principal: PrincipalId) -> Principal:
    return next(one for one in deployment.directory.list_principals() if one.id == principal)


def accounts(deployment: Deployment) -> list[Account]:
    """All of them, by name."""
    people, now = {one.id: one for one in deployment.directory.list_principals()}, now_ms()
    found = [(people[who], sealed) for who, sealed in store(deployment).accounts().items() if who in people]
    return sorted((Account(who.name, sealed, open_until(who, now)) for who, sealed in found), key=lambda one: one.name)


def openings(deployment: Deployment) -> list[Told]:
    """What was asked for and what became of it, the newest first."""
    names: dict[str | None, str] = {one.id: one.name for one in deployment.directory.list_principals()}
    return [
        Told(one, names.get(one.principal, ""), names.get(one.requested_by, ""), names.get(one.decided_by, ""))
        for one in store(deployment).openings()
    ]


def usable_until(who: Principal, now: int) -> int | None:
    """When a session that begins now ends at the latest; of an ordinary account ``None``. Raises ``AccountSealed``.

    A sign-in with a break-glass account is shouted in the log, beside the record.
    """
    if who.kind != BREAK_GLASS:
        return None
    until = open_until(who, now)
    if until is None:
        _shout("somebody tried to sign in with a sealed break-glass account", who.name)
        raise AccountSealed
    _shout("somebody signs in with a break-glass account", who.name)
    return until


def check(deployment: Deployment) -> Check:
    """Whether all of them are sealed, as the posture has it."""
    title = "Break-glass accounts are sealed"
    known = accounts(deployment)
    unsealed = [f"{one.name} is open until {rfc3339(one.until_ms)}" for one in known if one.until_ms is not None]
    if unsealed:
        next_step = "'wardstead user break-glass list' says who opened it and why; 'close' ends it"
        return Check("break-glass", title, State.AMBER, "; ".join(unsealed), next_step)
    return Check("break-glass", title, State.GREEN, f"{len(known)} of {len(known)} sealed" if known else "there are none")


def _require_person(who: Principal, account: Principal) -> None:
    if who.kind == BREAK_GLASS or who.id == account.id:
        raise MayNot(f"{who.name[:80]!r} is an account for emergencies", why="two people open one", where="--by")


def _shout(what: str, name: str, **more: str) -> None:
    log.warning(what, extra={"fields": {"account": name, **more}})
