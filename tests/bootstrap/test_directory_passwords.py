"""People of a real directory sign in with their password there."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests import slapd
from tests.bootstrap.test_synchronising import configured, sync
from tests.slapd import Slapd, group, person, uid

from wardstead.adapters.identity.ldap import literal
from wardstead.adapters.identity.passwords import TooManyAttempts
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.desks.console import Console
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.identity.directory_passwords import DirectoryAway, DirectoryPasswords, PasswordElsewhere
from wardstead.config import parse_settings
from wardstead.console.factor_desk import OpenedSession
from wardstead.kernel.errors import ConfigurationError

needs_slapd = pytest.mark.skipif(not slapd.INSTALLED and not os.environ.get("CI"), reason="no slapd: sh tests/install-slapd.sh")
PASSWORD = "pass: wörd \\ with * and ()"
LOCAL = "a password of this deployment"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    made = Slapd(tmp_path_factory.mktemp("slapd"))
    made.start()
    made.change(slapd.TREE)
    made.change("".join(person(name, userPassword=PASSWORD) for name in ("ann", "bea")))
    made.change(group("llm-users", uid("ann"), uid("bea")))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def made(deployment: Deployment, server: Slapd) -> Deployment:
    made = configured(deployment, server)
    text = made.places.config.read_text().replace("      start_tls: true\n", "      start_tls: true\n      sign_in: true\n")
    made.places.config.write_text(text)
    made = Deployment(deployment.places.directory)
    sync(made)
    return made


def console_of(deployment: Deployment) -> Console:
    return Console(deployment, None)  # type: ignore[arg-type]  # no world is asked


@needs_slapd
def test_the_directory_s_password_opens_a_session_and_nothing_else_does(made: Deployment) -> None:
    console = console_of(made)
    assert isinstance(console.sign_in("ann", PASSWORD), OpenedSession)
    for name in ("ann)(uid=*", "*", "nobody"):
        assert console.sign_in(name, PASSWORD) is None, name
    for given in ("", "wrong", PASSWORD + "\0", "\0"):
        assert console.sign_in("bea", given) is None, given


@needs_slapd
def test_whoever_is_switched_off_here_or_gone_there_is_out(made: Deployment, server: Slapd) -> None:
    console = console_of(made)
    made.directory.set_active("bea", active=False)
    assert console.sign_in("bea", PASSWORD) is None
    server.change(f"dn: {uid('ann')}\nchangetype: modify\nadd: employeeType\nemployeeType: disabled\n\n")
    try:
        assert console.sign_in("ann", PASSWORD) is None, "people_filter leaves her out already, though nothing was read since"
    finally:
        server.change(f"dn: {uid('ann')}\nchangetype: modify\ndelete: employeeType\n\n")


@needs_slapd
def test_a_name_that_was_given_to_another_there_is_not_theirs_here(made: Deployment, server: Slapd) -> None:
    server.change(f"dn: {uid('ann')}\nchangetype: delete\n\n")
    server.change(person("ann", userPassword="another's own") + group("x", uid("ann")))
    try:
        assert console_of(made).sign_in("ann", "another's own") is None
    finally:
        server.change(f"dn: {uid('ann')}\nchangetype: delete\n\ndn: {slapd.cn('x')}\nchangetype: delete\n\n")
        server.change(person("ann", userPassword=PASSWORD))


@needs_slapd
def test_guesses_are_counted_and_a_password_is_changed_where_it_is_kept(made: Deployment) -> None:
    console = console_of(made)
    with pytest.raises(PasswordElsewhere):
        console.change_password("ann", PASSWORD, "something quite new")
    for _ in range(5):
        assert console.sign_in("bea", "wrong") is None
    with pytest.raises(TooManyAttempts):
        console.sign_in("bea", PASSWORD)


@needs_slapd
def test_where_it_does_not_answer_those_with_a_password_here_go_on(made: Deployment, tmp_path: Path) -> None:
    people.add(made, "rolf", ["user"], "public", [])
    made.passwords.set_password("rolf", LOCAL, must_change=False)
    text = made.places.config.read_text()
    made.places.config.write_text(text.replace("ldap://127.0.0.1", "ldap://localhost"))
    console = console_of(Deployment(made.places.directory))
    assert isinstance(console.sign_in("rolf", LOCAL), OpenedSession)
    for name in ("ann", "nobody"):
        with pytest.raises(DirectoryAway) as away:
            console.sign_in(name, PASSWORD)
        assert "localhost" not in str(away.value)


@needs_slapd
def test_a_directory_that_hangs_is_asked_once_and_left_alone_for_a_while(deployment: Deployment) -> None:
    """It takes connections and says nothing. Everybody's sign-in goes through the same few threads."""
    told = """
identity:
  directories:
    - id: a
      url: "ldap://127.0.0.1:{port}"
      start_tls: false
      insecure: true
      sign_in: true
      people_base: x
      groups: [{{group: g}}]
"""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        with deployment.places.config.open("a") as config:
            config.write(told.format(port=silent.getsockname()[1]))
        now = [0.0]
        passwords = DirectoryPasswords(Deployment(deployment.places.directory), wait_s=0.3, clock=lambda: now[0])

        def asked(name: str) -> int:
            """How many times it is connected to for one sign-in."""
            with pytest.raises(DirectoryAway):
                passwords.fits(name, PASSWORD)
            many = 0
            with suppress(BlockingIOError):
                while True:
                    silent.accept()[0].close()
                    many += 1
            return many

        assert asked("ann") == 1, "the search hangs: there is no bind after it"
        assert [asked(name) for name in ("ann", "bea", "nobody")] == [0, 0, 0]
        now[0] = 11.0
        assert [asked("ann"), asked("ann")] == [1, 0]


def test_no_password_passes_a_network_in_the_clear() -> None:
    told = """
version: 1
models: [{{name: m, upstream: {{kind: openai, url: "http://127.0.0.1:1"}}}}]
identity:
  directories:
    - {{id: a, url: "ldap://{host}", start_tls: false, insecure: true, sign_in: true, people_base: x, groups: [{{group: g}}]}}
"""
    with pytest.raises(ConfigurationError, match="everybody's password"):
        parse_settings(told.format(host="ldap.example.com"), "wardstead.yaml")
    parse_settings(told.format(host="127.0.0.1"), "wardstead.yaml")


def test_a_value_stands_for_itself_in_a_filter() -> None:
    assert literal("ann") == "ann"
    assert literal("a*)(\\\0é") == r"a\2a\29\28\5c\00\c3\a9"
