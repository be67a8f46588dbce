"""How late it is, over a deployment: what has ended stays ended in whatever process, and a clock that was ahead is put right."""

from __future__ import annotations

import json
import threading

import pyotp
import pytest
from sqlalchemy import update
from tests.bootstrap.test_clock import HOUR, Machine
from typer.testing import CliRunner

from wardstead.access.credentials import Unauthenticated, identify
from wardstead.adapters.identity.codes import STEP_MS
from wardstead.adapters.store.row_seals import RowsAltered
from wardstead.adapters.store.tables.known_time import known_time
from wardstead.bootstrap import deployment as deployments
from wardstead.bootstrap.clock import Ratchet
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity import entitlements, people
from wardstead.bootstrap.identity.second_factors import second_factors
from wardstead.bootstrap.ordering import Order
from wardstead.bootstrap.processes import time_keeping
from wardstead.bootstrap.processes.time_keeping import (
    ClockNotBehind,
    accept_clock,
    follow_time,
    keep_recording,
    record_time,
)
from wardstead.cli.main import app
from wardstead.kernel.clock import APART_MS, KnownTime, rfc3339
from wardstead.kernel.errors import CallerError

ORDER = Order("admin", "the clock was a year ahead")
YEAR = 365 * 24 * HOUR


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(wall=now_ms())
    made_clock(made, monkeypatch)
    return made


def made_clock(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Ratchet:
    """As in a process that has just begun."""
    clock = machine.clock()
    monkeypatch.setattr(deployments, "CLOCK", clock)
    monkeypatch.setattr(time_keeping, "CLOCK", clock)
    return clock


def again(deployment: Deployment) -> Deployment:
    deployment.engine.dispose()
    return Deployment(deployment.places.directory, {})


def holds(deployment: Deployment, secret: str, csrf: str | None = None) -> bool:
    try:
        identify(deployment.directory.load(), deployment.pepper, secret, csrf, deployments.now_ms())
    except Unauthenticated:
        return False
    return True


def test_what_has_ended_stays_ended_in_a_process_that_begins_with_a_clock_set_back(
    deployment: Deployment, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.add(deployment, "ann", ["user"], "internal", [])
    who, began = deployment.directory.find("ann"), deployments.now_ms()
    key = deployment.directory.create_api_key("ann", expires_ms=began + HOUR).key
    session = deployment.directory.open_session(who, authenticated_ms=began)
    entitlements.give_role(deployment, "ann", "auditor", begin=None, until=rfc3339(deployments.now_ms() + 2 * HOUR))
    machine.passes(13 * HOUR)
    assert not holds(deployment, key)
    follow_time(deployment)
    record_time(deployment)
    machine.wall -= 13 * HOUR
    for opened in (deployment, again(deployment)):
        assert not holds(opened, key)
        assert not holds(opened, session.token, session.csrf)
        assert deployments.now_ms() == began + 13 * HOUR
    machine.monotonic = 0  # another machine's, or this one's after it was started anew
    made_clock(machine, monkeypatch)
    assert deployments.now_ms() == began, "nothing is known yet"
    opened = again(deployment)
    assert not holds(opened, key)
    assert not holds(opened, session.token, session.csrf)
    (role,) = opened.directory.find("ann").timed_roles
    assert role.until_ms is not None
    assert role.until_ms <= deployments.now_ms()


def test_a_clock_that_was_ahead_is_put_right_by_somebody_and_what_began_meanwhile_ends(
    deployment: Deployment, machine: Machine
) -> None:
    for name, role in (("ann", "user"), ("admin2", "admin")):
        people.add(deployment, name, [role], "internal", [])
    who, began = deployment.directory.find("ann"), deployments.now_ms()
    before = deployment.directory.create_api_key("ann", expires_ms=began + HOUR).key
    with pytest.raises(ClockNotBehind):
        accept_clock(deployment, ORDER)
    machine.wall += YEAR
    follow_time(deployment)
    record_time(deployment)
    meanwhile = deployment.directory.create_api_key("ann", expires_ms=deployments.now_ms() + HOUR).key
    session = deployment.directory.open_session(who, authenticated_ms=deployments.now_ms())
    entitlements.give_role(deployment, "ann", "auditor", begin=None, until=rfc3339(deployments.now_ms() + 2 * HOUR))
    assert not holds(deployment, before)
    machine.wall -= YEAR
    assert not holds(deployment, before), "until somebody says which time is right"
    version = deployment.directory.version()

    done = accept_clock(deployment, ORDER)

    assert (done.now_ms, done.was_ms) == (began, began + YEAR)
    assert done.ended == {"keys and sessions": 2, "roles for a time": 1}
    assert holds(deployment, before)
    assert not holds(deployment, meanwhile)
    assert not holds(deployment, session.token, session.csrf)
    assert not deployment.directory.find("ann").timed_roles
    assert deployment.directory.version() > version, "workers decide anew"
    assert deployments.now_ms() == began
    deployment.known_time.keep(KnownTime(began + YEAR, 0))  # a recorder that does not know of it yet
    assert deployment.known_time.read() == KnownTime(began, 1)


def test_a_code_of_a_clock_that_was_ahead_does_not_stand_in_the_way_of_those_that_follow(
    deployment: Deployment, machine: Machine
) -> None:
    people.add(deployment, "eve", ["user"], "public", [])
    deployment.passwords.set_password("eve", "three unrelated words", must_change=False)
    eve, codes = deployment.directory.find("eve"), second_factors(deployment)
    machine.wall += YEAR
    secret = pyotp.random_base32()
    codes.begin(eve, secret)

    def code() -> str:
        return pyotp.TOTP(secret).generate_otp(deployments.now_ms() // STEP_MS)

    codes.confirm(eve, code())
    for wrong in range(5):
        with pytest.raises(CallerError):
            codes.use(eve, f"no {wrong}")
    follow_time(deployment)
    record_time(deployment)
    machine.wall -= YEAR
    accept_clock(deployment, ORDER)
    used = code()
    with pytest.raises(CallerError):  # it may be the one that was taken
        codes.use(eve, used)
    machine.passes(2 * STEP_MS)
    codes.use(eve, code())


def test_a_time_that_somebody_wrote_into_the_database_is_not_believed(deployment: Deployment, machine: Machine) -> None:
    before = deployments.now_ms()
    assert deployment.known_time.read() == KnownTime(0)
    with deployment.engine.begin() as connection:
        connection.execute(update(known_time).values(latest_ms=before + YEAR))
    follow_time(deployment)
    assert deployments.now_ms() == before
    with pytest.raises(RowsAltered):
        deployment.directory.load()
    again(deployment)
    assert deployments.now_ms() == before


def test_the_recorder_records_it_and_once_more_at_its_end(deployment: Deployment, machine: Machine) -> None:
    stop = threading.Event()
    stop.set()
    follow_time(deployment)
    keep_recording(deployment, stop)
    assert deployment.known_time.read() == KnownTime(machine.wall)
    machine.passes(APART_MS)
    deployment.known_time.keep(KnownTime(machine.wall - APART_MS - 1))
    assert deployment.known_time.read() == KnownTime(machine.wall - APART_MS)


def test_the_command_says_what_it_ended_and_refuses_where_there_is_nothing_to_accept(
    deployment: Deployment, machine: Machine
) -> None:
    call = ["-C", str(deployment.places.directory), "ledger", "accept-clock", "--by", "admin", "--reason", "it was ahead"]
    refused = CliRunner().invoke(app, call)
    assert (refused.exit_code, "not behind" in refused.output) == (2, True)
    follow_time(deployment)
    deployment.known_time.keep(KnownTime(machine.wall + YEAR))
    done = CliRunner().invoke(app, [*call, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["ended"] == {}
