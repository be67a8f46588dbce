"""Authenticators, recovery codes and sign-ins that have begun, in the database."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pyotp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from wardstead.access.ports import Principal
from wardstead.adapters.identity.codes import STEP_MS, new_secret
from wardstead.adapters.identity.passwords import TooManyAttempts
from wardstead.adapters.locks import Turn
from wardstead.adapters.store.base import open_engine
from wardstead.adapters.store.directory.directory import DirectoryStore
from wardstead.adapters.store.directory.passwords import PasswordStore
from wardstead.adapters.store.directory.second_factors import (
    EnrolledAlready,
    NoSecondFactor,
    SecondFactorStore,
    WrongCode,
)
from wardstead.adapters.store.directory.sign_in_steps import LASTS_MS, Purpose, SignInSteps, StepLost
from wardstead.adapters.store.keys.subject_keys import SubjectKeys
from wardstead.adapters.store.tables.second_factors import authenticator, recovery_code, sign_in_step
from wardstead.crypto.keyring import KeyRing
from wardstead.crypto.roots import only
from wardstead.kernel.errors import IntegrityError
from wardstead.kernel.labels import PUBLIC
from wardstead.ledger.sealing import Sealer

START_MS = 1_764_000_000_000


@dataclass
class World:
    """A database with two people, a clock that stands, and what was recorded."""

    folder: Path
    url: str
    now: int = START_MS
    acts: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = open_engine(self.url)

        def audit(_connection: object, _actor: str, action: str, details: object) -> None:
            self.acts.append((action, dict(details)))  # type: ignore[call-overload]

        root = b"r" * 32
        ring = KeyRing(only(root), SubjectKeys(self.folder / "keys.db", only(root), os.urandom, create=True), os.urandom)
        clock = lambda: self.now  # noqa: E731
        self.directory = DirectoryStore(
            self.engine, Turn(self.folder / "turn"), pepper=lambda: b"p" * 32, clock=clock, entropy=os.urandom, audit=audit
        )
        self.store = SecondFactorStore(
            self.directory, Sealer(ring, os.urandom), pepper=b"p" * 32, clock=clock, entropy=os.urandom
        )  # fmt: skip
        self.passwords = PasswordStore(self.directory, pepper=lambda: b"p" * 32, clock=clock)
        self.steps = SignInSteps(self.directory, pepper=b"p" * 32, clock=clock, entropy=os.urandom)
        self.ann = self.directory.create_principal("ann", roles=["user"], clearance=PUBLIC)
        self.bob = self.directory.create_principal("bob", roles=["user"], clearance=PUBLIC)

    def code(self, secret: str, steps: int = 0) -> str:
        return pyotp.TOTP(secret).generate_otp(self.now // STEP_MS + steps)

    def enrol(self, who: Principal) -> tuple[str, tuple[str, ...]]:
        secret = new_secret(os.urandom)
        self.store.begin(who, secret)
        codes = self.store.confirm(who, self.code(secret))
        self.now += STEP_MS
        return secret, codes


@pytest.fixture
def world(tmp_path: Path, migrated: str) -> World:
    (tmp_path / "w").mkdir()
    return World(tmp_path / "w", migrated)


def test_a_secret_counts_once_a_code_of_it_was_given(world: World) -> None:
    secret = new_secret(os.urandom)
    world.store.begin(world.ann, secret)
    assert not world.store.of(world.ann).any
    assert world.store.begun(world.ann) == secret
    with pytest.raises(WrongCode):
        world.store.use(world.ann, world.code(secret))
    with pytest.raises(WrongCode):
        world.store.confirm(world.ann, world.code(new_secret(os.urandom)))
    codes = world.store.confirm(world.ann, world.code(secret))
    held = world.store.of(world.ann)
    assert (held.codes_since_ms, held.recovery_codes, held.passkeys, held.any) == (world.now, len(codes), 0, True)
    with pytest.raises(NoSecondFactor):
        world.store.begun(world.ann)
    with pytest.raises(EnrolledAlready):
        world.store.begin(world.ann, secret)
    assert not world.store.of(world.bob).any


def test_an_enrolment_that_was_left_open_is_over(world: World) -> None:
    secret = new_secret(os.urandom)
    world.store.begin(world.ann, secret)
    world.now += 16 * 60_000
    with pytest.raises(NoSecondFactor):
        world.store.confirm(world.ann, world.code(secret))


def test_the_code_that_confirmed_it_signs_nobody_in(world: World) -> None:
    secret = new_secret(os.urandom)
    world.store.begin(world.ann, secret)
    code = world.code(secret)
    world.store.confirm(world.ann, code)
    with pytest.raises(WrongCode):
        world.store.use(world.ann, code)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.tuples(st.integers(-1, 1), st.integers(0, 3 * STEP_MS)), min_size=2, max_size=8))
def test_no_code_is_ever_taken_twice(world: World, moves: list[tuple[int, int]]) -> None:
    """Whatever the order: codes of the step before, this and the next, at times that go on."""
    if not world.store.of(world.ann).any:
        world.secret, _ = world.enrol(world.ann)  # type: ignore[attr-defined]
    secret: str = world.secret  # type: ignore[attr-defined]
    taken: set[int] = set()
    for steps, passes in moves:
        world.now += passes + 3_600_000 * (not taken)  # what blocked guessing is over
        step = world.now // STEP_MS + steps
        try:
            world.store.use(world.ann, pyotp.TOTP(secret).generate_otp(step))
        except (WrongCode, TooManyAttempts):
            continue
        assert step not in taken
        assert all(step > one for one in taken)
        taken.add(step)


def test_of_two_who_give_the_same_code_at_once_one_comes_in(world: World) -> None:
    secret, _ = world.enrol(world.ann)
    code, results = world.code(secret), list[str]()

    def use() -> None:
        try:
            results.append(world.store.use(world.ann, code))
        except WrongCode:
            results.append("")

    threads = [threading.Thread(target=use) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(results) == ["", "", "", "code"]


def test_a_recovery_code_is_taken_once_and_is_nobody_elses(world: World) -> None:
    _, codes = world.enrol(world.ann)
    world.enrol(world.bob)
    with pytest.raises(WrongCode):
        world.store.use(world.bob, codes[0])
    assert world.store.use(world.ann, codes[0].upper()) == "recovery-code"
    with pytest.raises(WrongCode):
        world.store.use(world.ann, codes[0])
    assert world.store.of(world.ann).recovery_codes == len(codes) - 1
    fresh = world.store.renew_recovery_codes(world.ann)
    with pytest.raises(WrongCode):
        world.store.use(world.ann, codes[1])
    assert world.store.use(world.ann, fresh[0]) == "recovery-code"


def test_guessing_is_blocked_for_longer_each_time_and_recorded(world: World) -> None:
    secret, _ = world.enrol(world.ann)
    waited = []
    for _ in range(4):
        for _ in range(5):
            with pytest.raises(WrongCode):
                world.store.use(world.ann, "000000" if world.code(secret) != "000000" else "000001")
        with pytest.raises(TooManyAttempts):
            world.store.use(world.ann, world.code(secret))
        blocked = [details for action, details in world.acts if action == "second_factor.blocked"]
        waited.append(blocked[-1]["seconds"])
        world.now += int(str(waited[-1])) * 1000
    assert waited == [30, 60, 120, 240]
    assert world.store.use(world.ann, world.code(secret)) == "code"
    with pytest.raises(WrongCode):  # the count begins anew
        world.store.use(world.ann, world.code(secret))


@pytest.mark.sqlite
def test_what_is_kept_is_neither_the_secret_nor_a_code_and_opens_for_its_owner_alone(world: World) -> None:
    secret, codes = world.enrol(world.ann)
    world.enrol(world.bob)
    with world.directory.reading() as connection:
        sealed = connection.execute(select(authenticator.c.secret).where(authenticator.c.principal == world.ann.id)).scalar_one()
        digests = list(connection.execute(select(recovery_code.c.digest)).scalars())
    kept = (world.folder.parent / "wardstead.db").read_bytes() + (world.folder.parent / "wardstead.db-wal").read_bytes()
    assert secret.encode() not in kept
    assert not any(one.replace("-", "").encode() in kept for one in codes)
    assert len(digests) == 2 * len(codes)
    with world.directory.writing("test") as connection:  # bob's row now holds ann's secret
        connection.execute(update(authenticator).where(authenticator.c.principal == world.bob.id).values(secret=sealed))
    with pytest.raises(IntegrityError):
        world.store.use(world.bob, world.code(secret))


def test_a_reset_takes_all_of_it_and_every_session_and_says_why(world: World) -> None:
    secret, codes = world.enrol(world.ann)
    world.directory.open_session(world.ann, authenticated_ms=world.now)
    ticket = world.steps.begin(Purpose.SIGN_IN, world.ann, ["password"])
    had = world.store.reset("ann", "the telephone is lost")
    assert had.any
    assert not world.store.of(world.ann).any
    assert not world.directory.load().credentials
    assert world.acts[-1][0] == "second_factor.reset"
    assert world.acts[-1][1]["reason"] == "the telephone is lost"
    with pytest.raises(StepLost):
        world.steps.take(Purpose.SIGN_IN, ticket)
    for gone in (world.code(secret), codes[0]):
        with pytest.raises(WrongCode):
            world.store.use(world.ann, gone)


def test_without_an_authenticator_recovery_codes_are_nothing(world: World) -> None:
    _, codes = world.enrol(world.ann)
    world.store.remove_authenticator(world.ann)
    assert world.store.of(world.ann).recovery_codes == 0
    with pytest.raises(WrongCode):
        world.store.use(world.ann, codes[0])
    for act in (world.store.remove_authenticator, world.store.renew_recovery_codes):
        with pytest.raises(NoSecondFactor):
            act(world.ann)


# -- sign-ins that have begun ----------------------------------------------------------------------------------------------


def test_a_step_is_taken_once_for_what_it_is_for_and_in_time(world: World) -> None:
    ticket = world.steps.begin(Purpose.SIGN_IN, world.ann, ["password"], b"c")
    with pytest.raises(StepLost):
        world.steps.take(Purpose.CONFIRM, ticket)
    assert world.steps.look(Purpose.SIGN_IN, ticket) == world.steps.take(Purpose.SIGN_IN, ticket)
    for again in (ticket, "", "x" * 64):
        with pytest.raises(StepLost):
            world.steps.take(Purpose.SIGN_IN, again)
    late = world.steps.begin(Purpose.SIGN_IN, world.ann)
    world.now += LASTS_MS
    with pytest.raises(StepLost):
        world.steps.take(Purpose.SIGN_IN, late)
    world.steps.begin(Purpose.SIGN_IN, None)
    with world.directory.reading() as connection:
        assert len(connection.execute(select(sign_in_step)).all()) == 1


@pytest.mark.parametrize("ended", ["password", "off"])
def test_a_changed_password_and_a_switched_off_account_end_what_has_begun(world: World, ended: str) -> None:
    ticket = world.steps.begin(Purpose.SIGN_IN, world.ann, ["password"])
    if ended == "password":
        world.passwords.set_password("ann", "three unrelated words", must_change=False)
    else:
        world.directory.set_active("ann", False)
    with pytest.raises(StepLost):
        world.steps.take(Purpose.SIGN_IN, ticket)


@pytest.mark.sqlite
def test_a_ticket_is_not_kept(world: World) -> None:
    ticket = world.steps.begin(Purpose.SIGN_IN, world.ann)
    assert ticket.encode() not in (world.folder.parent / "wardstead.db-wal").read_bytes()
