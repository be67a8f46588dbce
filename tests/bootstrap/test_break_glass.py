"""Accounts for emergencies: sealed, opened by two people for a time, and loud."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import pytest
from tests.bootstrap.test_second_factors import PASSWORD, whose

from wardstead.access.ports import AccessRequest, Identity, Resource
from wardstead.adapters.store.directory.access import RequestDecided
from wardstead.adapters.store.directory.break_glass import NotBreakGlass, OpenAlready
from wardstead.bootstrap.acting import Acting, at_the_command_line
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.desks.console import Console
from wardstead.bootstrap.identity import break_glass, entitlements, people, second_factors
from wardstead.bootstrap.identity.break_glass import AccountSealed
from wardstead.bootstrap.identity.entitlements import HOUR_MS, MayNot
from wardstead.bootstrap.identity.people import BadValue
from wardstead.console.factor_desk import OpenedSession
from wardstead.isolation.posture import State
from wardstead.kernel.errors import CallerError


@dataclass
class Clock:
    now: int = field(default_factory=now_ms)

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (break_glass, second_factors, entitlements):
        monkeypatch.setattr(module, "now_ms", made)
    return made


@pytest.fixture
def console(deployment: Deployment, clock: Clock) -> Console:
    for name, roles in (("fire", ["user"]), ("ada", ["user"]), ("ben", ["auditor"]), ("cyd", ["user"])):
        people.add(deployment, name, roles, "public", [])
    deployment.passwords.set_password("fire", PASSWORD, must_change=False)
    break_glass.seal(deployment, "fire", ["admin"], 2, ["auditor"])
    return Console(deployment, None)  # type: ignore[arg-type]  # no world is asked


def acting(deployment: Deployment, name: str) -> Acting:
    return at_the_command_line(deployment.directory.find(name))


def opened(deployment: Deployment, hours: float = 1.0) -> None:
    asked = break_glass.ask(deployment, "fire", acting(deployment, "ada"), "the directory burns", hours)
    break_glass.settle(deployment, asked.id, acting(deployment, "ben"), approve=True)


def may(deployment: Deployment, who: Identity, now: int) -> bool:
    point = deployment.folder_policies().point
    return point.decide(AccessRequest(who, "administer", Resource("Console", "wardstead"), now_ms=now)).allow


def acts(deployment: Deployment) -> list[str]:
    found = [deployment.ledger.open_exchange(one.id, deployment.ring) for one in deployment.ledger.recent(12)]
    return [one["entries"][0]["content"]["action"] for one in found if one is not None]


def test_a_sealed_account_signs_nobody_in_and_says_what_opens_it(
    deployment: Deployment, console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    fire = deployment.directory.find("fire")
    assert (fire.kind, fire.roles, fire.timed_roles) == ("break-glass", frozenset(), ())
    with pytest.raises(AccountSealed), caplog.at_level(logging.WARNING):
        console.sign_in("fire", PASSWORD)
    assert "sealed break-glass account" in caplog.text
    assert break_glass.check(deployment).state is State.GREEN


def test_two_people_open_it_for_a_time_and_it_ends_by_itself(
    deployment: Deployment, console: Console, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        opened(deployment)
        session = console.sign_in("fire", PASSWORD)
    assert "a break-glass account is open" in caplog.text
    assert "somebody signs in with a break-glass account" in caplog.text
    assert isinstance(session, OpenedSession)
    who, until = whose(deployment, session), clock.now + HOUR_MS
    assert who.credential.expires_ms == until
    assert may(deployment, who, clock.now)
    assert not may(deployment, who, until)
    found = break_glass.check(deployment)
    assert (found.state, "fire is open until" in found.evidence) == (State.AMBER, True)
    assert break_glass.open_now(deployment.directory.load(), clock.now) == [("fire", until)]
    clock.now = until
    assert break_glass.check(deployment).state is State.GREEN
    assert break_glass.open_now(deployment.directory.load(), clock.now) == []
    with pytest.raises(AccountSealed):
        console.sign_in("fire", PASSWORD)
    opened(deployment)  # and it can be opened again
    assert isinstance(console.sign_in("fire", PASSWORD), OpenedSession)
    assert {"break_glass.seal", "break_glass.ask", "break_glass.open", "session.open"} <= set(acts(deployment))


def test_nobody_opens_it_alone_nor_without_a_role_that_may(deployment: Deployment, console: Console) -> None:
    asked = break_glass.ask(deployment, "fire", acting(deployment, "ben"), "r", 1)
    for by in ("ben", "cyd", "fire"):
        with pytest.raises(MayNot):
            break_glass.settle(deployment, asked.id, acting(deployment, by), approve=True)
    with pytest.raises(MayNot):
        break_glass.ask(deployment, "fire", acting(deployment, "fire"), "r", 1)
    with pytest.raises(AccountSealed):
        console.sign_in("fire", PASSWORD)


def test_what_was_decided_is_decided_and_what_is_open_is_not_opened_twice(deployment: Deployment, console: Console) -> None:
    first, second = (break_glass.ask(deployment, "fire", acting(deployment, "ada"), "r", 1) for _ in range(2))
    break_glass.settle(deployment, first.id, acting(deployment, "ben"), approve=True)
    with pytest.raises(RequestDecided):
        break_glass.settle(deployment, first.id, acting(deployment, "ben"), approve=True)
    with pytest.raises(OpenAlready):
        break_glass.settle(deployment, second.id, acting(deployment, "ben"), approve=True)
    assert break_glass.settle(deployment, second.id, acting(deployment, "ben"), approve=False).state == "refused"


def test_what_was_asked_for_before_it_was_sealed_anew_opens_it_for_no_longer_than_it_may(
    deployment: Deployment, console: Console, clock: Clock
) -> None:
    asked = break_glass.ask(deployment, "fire", acting(deployment, "ada"), "the directory burns", 2)
    break_glass.seal(deployment, "fire", ["admin"], 1, ["auditor"])
    done = break_glass.settle(deployment, asked.id, acting(deployment, "ben"), approve=True)
    assert done.until_ms is not None
    assert done.until_ms <= clock.now + HOUR_MS


def test_an_old_request_opens_nothing(deployment: Deployment, console: Console, clock: Clock) -> None:
    asked = break_glass.ask(deployment, "fire", acting(deployment, "ada"), "r", 1)
    clock.now += 8 * 24 * HOUR_MS
    with pytest.raises(RequestDecided):
        break_glass.settle(deployment, asked.id, acting(deployment, "ben"), approve=True)


@pytest.mark.parametrize(
    ("reason", "hours"), [(" ", 1.0), ("r", 2.1), ("r", 0.0), ("r", -1.0), ("r", float("nan")), ("r", float("inf"))]
)
def test_it_has_a_reason_and_a_bounded_time(deployment: Deployment, console: Console, reason: str, hours: float) -> None:
    with pytest.raises(CallerError):
        break_glass.ask(deployment, "fire", acting(deployment, "ada"), reason, hours)


def test_closing_ends_its_sessions_at_once(deployment: Deployment, console: Console) -> None:
    opened(deployment)
    session = console.sign_in("fire", PASSWORD)
    assert isinstance(session, OpenedSession)
    break_glass.close(deployment, "fire")
    with pytest.raises(CallerError):
        whose(deployment, session)
    with pytest.raises(AccountSealed):
        console.sign_in("fire", PASSWORD)
    assert break_glass.openings(deployment)[0].opening.state == "closed"


def test_nothing_else_gives_it_roles_or_keys(deployment: Deployment, console: Console) -> None:
    for act in (
        lambda: people.set_roles(deployment, "fire", ["admin"]),
        lambda: people.create_key(deployment, "fire", [], [], None),
        lambda: entitlements.give_role(deployment, "fire", "admin", begin=None, until="1h"),
    ):
        with pytest.raises(BadValue):
            act()


def test_sealing_takes_what_an_account_had(deployment: Deployment, console: Console) -> None:
    deployment.passwords.set_password("cyd", PASSWORD, must_change=False)
    assert isinstance(console.sign_in("cyd", PASSWORD), OpenedSession)
    deployment.directory.create_api_key("cyd")
    cyd = deployment.directory.find("cyd")
    break_glass.seal(deployment, "cyd", ["admin"], 1, ["auditor"])
    assert not [one for one in deployment.directory.load().credentials.values() if one.principal == cyd.id]
    for wrong in ([], ["nonsense"]):
        with pytest.raises(BadValue):
            break_glass.seal(deployment, "cyd", wrong, 1, ["auditor"])
    with pytest.raises(BadValue):
        break_glass.seal(deployment, "cyd", ["admin"], 25, ["auditor"])
    for act in (
        lambda: break_glass.ask(deployment, "ada", acting(deployment, "ben"), "r", 1),
        lambda: break_glass.close(deployment, "ada"),
    ):
        with pytest.raises(NotBreakGlass):
            act()


def session_of(deployment: Deployment, name: str) -> Identity:
    deployment.passwords.set_password(name, PASSWORD, must_change=False)
    made = deployment.directory.open_session(deployment.directory.find(name), authenticated_ms=now_ms(), means=["password"])
    return whose(deployment, OpenedSession(made.token, made.csrf))


def test_at_the_console_each_sees_and_does_what_concerns_them(deployment: Deployment, console: Console) -> None:
    ada, ben, cyd = (session_of(deployment, name) for name in ("ada", "ben", "cyd"))
    desk = console.emergencies
    desk.ask(ada, "fire", "the directory burns", 1)
    (asked,) = desk.openings(ada, everything=False)
    assert (asked.asked_by, asked.state, asked.may_decide) == ("ada", "asked", False)
    assert desk.openings(cyd, everything=False) == []
    assert [one.may_decide for one in desk.openings(ben, everything=False)] == [True]
    for nobody in (ada, cyd):
        with pytest.raises(MayNot):
            desk.decide(nobody, asked.id, approve=True)
    desk.decide(ben, asked.id, approve=True)
    assert [one.may_close for who in (ada, ben, cyd) for one in desk.accounts(who)] == [True, True, False]
    with pytest.raises(MayNot):
        desk.close(cyd, "fire")
    desk.close(ada, "fire")
    assert desk.accounts(ben)[0].until == ""
    done = [deployment.ledger.open_exchange(one.id, deployment.ring) for one in deployment.ledger.recent(12)]
    by = {one["entries"][0]["content"]["action"]: one["entries"][0]["content"]["actor"] for one in done if one is not None}
    assert [by[f"break_glass.{act}"] for act in ("ask", "open", "close")] == [
        deployment.directory.find(name).subject for name in ("ada", "ben", "ada")
    ]
