"""Passkeys, over a deployment, with an authenticator in software."""

from __future__ import annotations

import pytest
from tests.authenticator import Authenticator, text
from tests.bootstrap.test_second_factors import ANOTHER, PASSWORD, whose

from wardstead.adapters.identity.passkeys import PasskeyRefused
from wardstead.adapters.store.directory.names import BadName
from wardstead.adapters.store.directory.passkeys import NoSuchPasskey
from wardstead.adapters.store.directory.sign_in_steps import StepLost
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.desks.console import Console
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.identity.second_factors import ConfirmFirst
from wardstead.config import parse_settings
from wardstead.console.factor_desk import OpenedSession, SecondStep
from wardstead.kernel.errors import ConfigurationError

HERE = "https://localhost:8443"


@pytest.fixture
def console(deployment: Deployment) -> Console:
    for name in ("eve", "bob"):
        people.add(deployment, name, ["user"], "public", [])
        deployment.passwords.set_password(name, PASSWORD, must_change=False)
    return Console(deployment, None)  # type: ignore[arg-type]  # no world is asked


def enrol(deployment: Deployment, console: Console, one: Authenticator, name: str = "eve") -> OpenedSession:
    first = console.sign_in(name, PASSWORD)
    assert isinstance(first, OpenedSession)
    return add(deployment, console, one, first)


def add(deployment: Deployment, console: Console, one: Authenticator, session: OpenedSession) -> OpenedSession:
    asked = console.passkeys.ask_new(whose(deployment, session))
    return console.passkeys.add(whose(deployment, session), asked.ticket, one.create(asked.options), "a key")[0]


@pytest.mark.parametrize("counts", [True, False])
def test_a_passkey_signs_in_without_a_password_and_is_two_factors(deployment: Deployment, console: Console, counts: bool) -> None:
    key = Authenticator(HERE, counts=counts)
    renewed = enrol(deployment, console, key)
    assert whose(deployment, renewed).credential.strength == {"password", "passkey", "second-factor"}
    for _ in range(2):
        asked = console.passkeys.ask()
        who = whose(deployment, console.passkeys.sign_in(asked.ticket, key.prove(asked.options)))
        assert who.principal.name == "eve"
        assert who.credential.strength == {"passkey", "second-factor"}


def test_with_the_first_one_come_recovery_codes_and_with_no_other(deployment: Deployment, console: Console) -> None:
    first = console.sign_in("eve", PASSWORD)
    assert isinstance(first, OpenedSession)
    asked = console.passkeys.ask_new(whose(deployment, first))
    session, codes = console.passkeys.add(whose(deployment, first), asked.ticket, Authenticator(HERE).create(asked.options), "a")
    assert len(set(codes)) == 10
    asked = console.passkeys.ask_new(whose(deployment, session))
    _, more = console.passkeys.add(whose(deployment, session), asked.ticket, Authenticator(HERE).create(asked.options), "b")
    assert more == ()
    step = console.sign_in("eve", PASSWORD)
    assert isinstance(step, SecondStep)
    assert whose(deployment, console.factors.finish(step.ticket, codes[3])).credential.strength >= {"recovery-code"}


def test_a_password_is_half_of_a_sign_in_and_a_passkey_the_other(deployment: Deployment, console: Console) -> None:
    key = Authenticator(HERE, verifies=False)
    enrol(deployment, console, key)
    step = console.sign_in("eve", PASSWORD)
    assert isinstance(step, SecondStep)
    assert (step.codes, step.passkeys) == (True, True), "a recovery code does as well"
    asked = console.passkeys.ask_second(step.ticket)
    opened = console.passkeys.finish(asked.ticket, key.prove(asked.options))
    assert whose(deployment, opened).credential.strength == {"password", "passkey", "second-factor"}
    assert isinstance(console.change_password("eve", PASSWORD, ANOTHER), SecondStep)


def test_alone_it_counts_only_where_its_owner_was_verified(deployment: Deployment, console: Console) -> None:
    key = Authenticator(HERE)
    enrol(deployment, console, key)
    key.verifies = False
    asked = console.passkeys.ask()
    with pytest.raises(PasskeyRefused):
        console.passkeys.sign_in(asked.ticket, key.prove(asked.options))


@pytest.mark.parametrize(
    "wrong", [{"type": "webauthn.create"}, {"challenge": text(b"x" * 32)}, {"rp_id": "elsewhere.example"}, {"handle": b"x" * 32}]
)
def test_a_proof_of_something_else_is_refused(deployment: Deployment, console: Console, wrong: dict[str, str]) -> None:
    key = Authenticator(HERE)
    enrol(deployment, console, key)
    asked = console.passkeys.ask()
    with pytest.raises(PasskeyRefused):
        console.passkeys.sign_in(asked.ticket, key.prove(asked.options, **wrong))


def test_a_proof_from_another_page_is_refused(deployment: Deployment, console: Console) -> None:
    key = Authenticator(HERE)
    enrol(deployment, console, key)
    for origin in ("https://localhost:9443", "http://localhost:8443", "https://localhost.evil.example:8443"):
        key.origin, asked = origin, console.passkeys.ask()
        with pytest.raises(PasskeyRefused):
            console.passkeys.sign_in(asked.ticket, key.prove(asked.options))


def test_a_question_has_one_answer_and_an_answer_is_taken_once(deployment: Deployment, console: Console) -> None:
    key = Authenticator(HERE, counts=False)
    enrol(deployment, console, key)
    asked = console.passkeys.ask()
    answer = key.prove(asked.options)
    console.passkeys.sign_in(asked.ticket, answer)
    with pytest.raises(StepLost):
        console.passkeys.sign_in(asked.ticket, answer)
    with pytest.raises(PasskeyRefused):
        console.passkeys.sign_in(console.passkeys.ask().ticket, answer)
    wasted = console.passkeys.ask()
    with pytest.raises(PasskeyRefused):
        console.passkeys.sign_in(wasted.ticket, "{}")
    with pytest.raises(StepLost):
        console.passkeys.sign_in(wasted.ticket, key.prove(wasted.options))


def test_a_count_that_does_not_go_on_is_refused_and_recorded(deployment: Deployment, console: Console) -> None:
    key = Authenticator(HERE)
    enrol(deployment, console, key)
    before, asked = key.count, console.passkeys.ask()
    console.passkeys.sign_in(asked.ticket, key.prove(asked.options))
    key.count, asked = before, console.passkeys.ask()  # a copy that was made before
    with pytest.raises(PasskeyRefused) as refused:
        console.passkeys.sign_in(asked.ticket, key.prove(asked.options))
    assert "copy" in refused.value.why
    newest = deployment.ledger.open_exchange(deployment.ledger.recent(1)[0].id, deployment.ring)
    assert newest is not None
    assert newest["entries"][0]["content"]["action"] == "second_factor.copied"


def test_nobody_finishes_a_sign_in_with_somebody_elses_passkey(deployment: Deployment, console: Console) -> None:
    eves, bobs = Authenticator(HERE), Authenticator(HERE)
    enrol(deployment, console, eves)
    session = enrol(deployment, console, bobs, "bob")
    step = console.sign_in("eve", PASSWORD)
    assert isinstance(step, SecondStep)
    asked = console.passkeys.ask_second(step.ticket)
    with pytest.raises(PasskeyRefused):
        console.passkeys.finish(asked.ticket, bobs.prove(asked.options))
    bob = whose(deployment, session)
    asked = console.passkeys.ask_confirm(bob)
    with pytest.raises(PasskeyRefused):
        console.passkeys.confirm(bob, asked.ticket, eves.prove(asked.options))
    asked = console.passkeys.ask_confirm(bob)
    assert whose(deployment, console.passkeys.confirm(bob, asked.ticket, bobs.prove(asked.options))).principal.name == "bob"


def test_steps_come_in_their_order(deployment: Deployment, console: Console) -> None:
    """No ticket of one way is good for another, and the second half waits for its question."""
    key = Authenticator(HERE)
    enrol(deployment, console, key)
    alone, step = console.passkeys.ask(), console.sign_in("eve", PASSWORD)
    assert isinstance(step, SecondStep)
    with pytest.raises(StepLost):
        console.passkeys.finish(alone.ticket, key.prove(alone.options))
    with pytest.raises(StepLost):
        console.passkeys.sign_in(step.ticket, key.prove(alone.options))
    with pytest.raises(StepLost):  # nothing was asked of it yet
        console.passkeys.finish(step.ticket, key.prove(alone.options))


def test_several_are_kept_named_and_removed_by_their_owner_alone(deployment: Deployment, console: Console) -> None:
    first, second = Authenticator(HERE), Authenticator(HERE)
    session = enrol(deployment, console, first)
    asked = console.passkeys.ask_new(whose(deployment, session))
    with pytest.raises(BadName):
        console.passkeys.add(whose(deployment, session), asked.ticket, second.create(asked.options), "  ")
    session = add(deployment, console, second, session)
    eve = whose(deployment, session)
    shown = console.factors.standing(eve).passkeys
    assert [one.name for one in shown] == ["a key", "a key"]
    console.passkeys.rename(eve, shown[0].id, "  the  blue one ")
    assert console.factors.standing(eve).passkeys[0].name == "the blue one"
    bob = whose(deployment, enrol(deployment, console, Authenticator(HERE), "bob"))
    for act in (lambda: console.passkeys.rename(bob, shown[0].id, "mine"), lambda: console.passkeys.remove(bob, shown[0].id)):
        with pytest.raises(NoSuchPasskey):
            act()
    console.passkeys.remove(eve, shown[0].id)
    asked = console.passkeys.ask()
    with pytest.raises(PasskeyRefused):
        console.passkeys.sign_in(asked.ticket, first.prove(asked.options))
    console.passkeys.remove(eve, shown[1].id)
    assert isinstance(console.sign_in("eve", PASSWORD), OpenedSession)


def test_a_passkey_is_nobody_elses_and_a_weak_session_adds_none(deployment: Deployment, console: Console) -> None:
    plain = console.sign_in("eve", PASSWORD)
    assert isinstance(plain, OpenedSession)
    key = Authenticator(HERE)
    enrol(deployment, console, key)
    with pytest.raises(ConfirmFirst):
        console.passkeys.ask_new(whose(deployment, plain))
    bob = console.sign_in("bob", PASSWORD)
    assert isinstance(bob, OpenedSession)
    asked = console.passkeys.ask_new(whose(deployment, bob))
    with pytest.raises(PasskeyRefused):
        console.passkeys.add(whose(deployment, bob), asked.ticket, key.create(asked.options), "mine now")


def test_an_account_that_is_switched_off_stays_out(deployment: Deployment, console: Console) -> None:
    key = Authenticator(HERE)
    enrol(deployment, console, key)
    deployment.directory.set_active("eve", False)
    asked = console.passkeys.ask()
    with pytest.raises(StepLost):
        console.passkeys.sign_in(asked.ticket, key.prove(asked.options))


@pytest.mark.parametrize("answer", ["", "x", "[]", "{", '{"id": 1}', "9" * 20_000, '{"rawId": "\\ud800"}'])
def test_what_is_no_answer_is_refused(console: Console, answer: str) -> None:
    with pytest.raises(PasskeyRefused):
        console.passkeys.sign_in(console.passkeys.ask().ticket, answer)


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ("rp_id: llm.example.com, origins: ['https://llm.example.com']", True),
        ("rp_id: example.com, origins: ['https://llm.example.com:8443']", True),
        ("rp_id: 'example.com:443'", False),
        ("rp_id: example.com, origins: ['https://evil.example']", False),
        ("rp_id: example.com, origins: ['http://llm.example.com']", False),
        ("rp_id: example.com, origins: ['https://llm.example.com/console']", False),
    ],
)
def test_a_name_and_pages_that_do_not_go_together_are_refused(deployment: Deployment, said: str, fits: bool) -> None:
    text = deployment.places.config.read_text() + f"\nidentity:\n  passkeys: {{{said}}}\n"
    if fits:
        parse_settings(text, "wardstead.yaml")
    else:
        with pytest.raises(ConfigurationError):
            parse_settings(text, "wardstead.yaml")
