"""Signing in with a second factor, over a deployment."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyotp
import pytest

from wardstead.access.credentials import identify
from wardstead.access.ports import AccessRequest, Identity, Resource
from wardstead.adapters.identity.codes import STEP_MS
from wardstead.adapters.store.directory.sign_in_steps import StepLost
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.desks.console import Console
from wardstead.bootstrap.identity import people, second_factors
from wardstead.bootstrap.identity.second_factors import ConfirmFirst
from wardstead.console.factor_desk import OpenedSession, SecondStep
from wardstead.kernel.errors import CallerError

PASSWORD, ANOTHER = "three unrelated words", "three other good words"
HOME = Resource("Console", "wardstead")


@dataclass
class Clock:
    """Stands, so that a code is good for as long as a test takes."""

    now: int = field(default_factory=now_ms)

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(second_factors, "now_ms", made)
    return made


@pytest.fixture
def console(deployment: Deployment, clock: Clock) -> Console:
    people.add(deployment, "eve", ["user"], "public", [])
    deployment.passwords.set_password("eve", PASSWORD, must_change=False)
    return Console(deployment, None)  # type: ignore[arg-type]  # no world is asked


def whose(deployment: Deployment, session: OpenedSession) -> Identity:
    return identify(deployment.directory.load(), deployment.pepper, session.token, session.csrf, now_ms())


def code(secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).generate_otp(second_factors.now_ms() // STEP_MS + steps)


def session_of(result: object) -> OpenedSession:
    assert isinstance(result, OpenedSession)
    return result


def enrol(deployment: Deployment, console: Console) -> tuple[str, OpenedSession, tuple[str, ...]]:
    """Eve's authenticator; the code of the step before confirms it, so that those after it are still good."""
    first = session_of(console.sign_in("eve", PASSWORD))
    made = console.factors.begin_codes(whose(deployment, first))
    session, codes = console.factors.confirm_codes(whose(deployment, first), code(made.secret, -1))
    return made.secret, session, codes


def test_once_enrolled_a_password_is_half_of_a_sign_in(deployment: Deployment, console: Console) -> None:
    secret, session, codes = enrol(deployment, console)
    assert whose(deployment, session).credential.strength == {"password", "code", "second-factor"}
    step = console.sign_in("eve", PASSWORD)
    assert isinstance(step, SecondStep)
    assert (step.codes, step.passkeys) == (True, False)
    before = len(deployment.directory.load().credentials)
    for wrong in ("", "12345", "no code"):
        with pytest.raises(CallerError) as refused:
            console.factors.finish(step.ticket, wrong)
        assert refused.value.code == "wrong_code"
    assert len(deployment.directory.load().credentials) == before
    opened = console.factors.finish(step.ticket, code(secret))
    assert whose(deployment, opened).credential.strength == {"password", "code", "second-factor"}
    with pytest.raises(StepLost):  # one sign-in, one session
        console.factors.finish(step.ticket, codes[0])
    another = console.sign_in("eve", PASSWORD)
    assert isinstance(another, SecondStep)
    with pytest.raises(CallerError):  # a code is taken once, whatever the ticket
        console.factors.finish(another.ticket, code(secret))
    recovered = console.factors.finish(another.ticket, codes[1])
    assert "recovery-code" in whose(deployment, recovered).credential.strength


def test_the_second_half_alone_is_nothing(deployment: Deployment, console: Console) -> None:
    secret, _, codes = enrol(deployment, console)
    for ticket in ("", "guessed", "0" * 64):
        for given in (code(secret), codes[0]):
            with pytest.raises(StepLost):
                console.factors.finish(ticket, given)


def test_another_password_does_not_lead_past_the_second_factor(deployment: Deployment, console: Console) -> None:
    enrol(deployment, console)
    assert isinstance(console.change_password("eve", PASSWORD, ANOTHER), SecondStep)
    secret = "a one-time secret of an administrator"
    deployment.passwords.set_password("eve", secret, must_change=True)
    assert isinstance(console.change_password("eve", secret, PASSWORD), SecondStep)


def test_an_account_that_was_switched_off_between_the_halves_stays_out(deployment: Deployment, console: Console) -> None:
    secret, _, _ = enrol(deployment, console)
    step = console.sign_in("eve", PASSWORD)
    assert isinstance(step, SecondStep)
    deployment.directory.set_active("eve", False)
    with pytest.raises(StepLost):
        console.factors.finish(step.ticket, code(secret))


def test_how_one_signs_in_is_changed_in_a_session_that_proved_enough_just_now(
    deployment: Deployment, console: Console, clock: Clock
) -> None:
    plain = whose(deployment, session_of(console.sign_in("eve", PASSWORD)))
    _, session, codes = enrol(deployment, console)
    desk = console.factors
    assert "second factor" in desk.standing(plain).problem
    for act in (desk.begin_codes, desk.remove_codes, desk.renew_recovery_codes):
        with pytest.raises(ConfirmFirst):  # a session with a password alone, once there is a second factor
            act(plain)
    stronger = whose(deployment, desk.confirm(plain, codes[0]))
    assert stronger.credential.strength >= {"password", "second-factor"}
    assert desk.standing(stronger).problem == ""
    with pytest.raises(CallerError) as gone:  # it took the other's place
        whose(deployment, OpenedSession("wss_x", "x"))
    assert gone.value.code == "unauthenticated"
    assert plain.credential.id not in {one.id for one in deployment.directory.load().credentials.values()}
    clock.now += 11 * 60_000
    with pytest.raises(ConfirmFirst):
        desk.remove_codes(whose(deployment, session))


def test_a_role_that_needs_a_second_factor_gives_nothing_without_one_and_says_what_to_do(
    deployment: Deployment, console: Console
) -> None:
    rules = deployment.places.policies / "access.yaml"
    rules.write_text(rules.read_text().replace("  user: {description", "  user: {second_factor: true, description"))
    session = session_of(console.sign_in("eve", PASSWORD))
    point = deployment.folder_policies().point

    def ask(who: Identity, action: str = "viewConsole") -> tuple[bool, str]:
        decision = point.decide(AccessRequest(who, action, HOME, now_ms=now_ms()))
        return decision.allow, decision.step

    plain = whose(deployment, session)
    assert ask(plain) == (False, "second-factor")
    assert ask(plain, "administer") == (False, "")  # a second factor would not help
    assert console.factors.standing(plain).required
    _, stronger, _ = enrol(deployment, console)
    assert ask(whose(deployment, stronger)) == (True, "")


def test_a_reset_leaves_the_password_and_says_why(deployment: Deployment, console: Console) -> None:
    enrol(deployment, console)
    with pytest.raises(CallerError):
        second_factors.reset(deployment, "eve", " ")
    second_factors.reset(deployment, "eve", "lost")
    assert isinstance(console.sign_in("eve", PASSWORD), OpenedSession)
    with pytest.raises(CallerError):
        second_factors.reset(deployment, "eve", "again")
