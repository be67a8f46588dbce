"""People and groups are read from a real directory, and whoever is not there any more has left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import slapd
from tests.slapd import SUFFIX, Slapd, cn, group, person, uid

from wardstead.adapters.identity.ldap import DirectoryFailed, Entry, entries, members_of
from wardstead.adapters.store.directory.synchronisations import Synchronisations
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.identity.synchronising import Report, TooManyLeavers, check_sources, directory_checks, synchronise
from wardstead.config import parse_settings
from wardstead.isolation.posture import State
from wardstead.kernel.errors import ConfigurationError

needs_slapd = pytest.mark.skipif(not slapd.INSTALLED and not os.environ.get("CI"), reason="no slapd: sh tests/install-slapd.sh")
SETTINGS = """
identity:
  directories:
    - id: staff
      url: {url}
      start_tls: {start_tls}
      ca_file: {ca_file}
      bind_dn: "cn=admin,dc=example,dc=org"
      password_file: keys/directory.secret
      people_base: "ou=people,dc=example,dc=org"
      people_filter: "(&(objectClass=inetOrgPerson)(!(employeeType=disabled)))"
      groups_base: "ou=groups,dc=example,dc=org"
      attributes: {{department: departmentNumber}}
      max_leavers_percent: 25
      groups:
        - {{group: llm-users, roles: [user], clearance: {{level: confidential, compartments: [personal]}}}}
        - {{group: audit, roles: [auditor]}}
"""
NAMES = ["ann", "bea", "cleo", "dora", "eve", "fay", "gus", "hal"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Slapd]:
    made = Slapd(tmp_path / "slapd")
    made.start()
    made.change(slapd.TREE)
    made.change("".join(person(name, departmentNumber="sales") for name in NAMES))
    made.change(group("llm-users", *(uid(name) for name in NAMES), cn("helpers")) + group("audit", uid("ann")))
    try:
        yield made
    finally:
        made.stop()


def configured(deployment: Deployment, server: Slapd, *, url: str = "", ca_file: str = "", start_tls: str = "true") -> Deployment:
    (deployment.places.keys / "directory.secret").write_text(f"{slapd.PASSWORD}\n")
    (deployment.places.keys / "directory.secret").chmod(0o600)
    (deployment.places.directory / "directory.crt").write_bytes(server.ca_file.read_bytes())
    text = deployment.places.config.read_text().partition("\nidentity:")[0]
    said = {"url": url or f"ldap://127.0.0.1:{server.port}", "ca_file": ca_file or "directory.crt", "start_tls": start_tls}
    deployment.places.config.write_text(text + SETTINGS.format(**said))
    return Deployment(deployment.places.directory)


def sync(deployment: Deployment, *, dry_run: bool = False, leavers: int = 0) -> Report:
    (section,) = deployment.settings.identity.directories
    return synchronise(deployment, section, dry_run=dry_run, leavers=leavers)


@needs_slapd
def test_people_come_with_what_their_groups_are_worth(deployment: Deployment, server: Slapd) -> None:
    made = configured(deployment, server)
    assert directory_checks(made)[0].state is State.AMBER
    assert sorted(sync(made, dry_run=True).added) == NAMES
    assert not {one.name for one in made.directory.list_principals()} & set(NAMES), "nothing was written"
    report = sync(made)
    assert (report.people, sorted(report.added), report.refused) == (8, NAMES, {})
    ann, bea = made.directory.find("ann"), made.directory.find("bea")
    assert (ann.roles, bea.roles) == ({"user", "auditor"}, {"user"})
    assert str(bea.clearance) == "confidential; personal"
    assert {(one.name, one.value) for one in bea.attributes} == {("department", "sales"), ("employment", "active")}
    version = made.directory.version()
    again = sync(made)
    assert (again.added, again.changed, again.ended) == ([], [], [])
    assert made.directory.version() == version, "what is said again is no act"
    assert directory_checks(made)[0].state is State.GREEN


@needs_slapd
def test_a_leaver_is_out_and_many_are_refused(deployment: Deployment, server: Slapd) -> None:
    made = configured(deployment, server)
    sync(made)
    key = made.directory.create_api_key("bea")
    server.change(f"dn: {uid('bea')}\nchangetype: modify\nadd: employeeType\nemployeeType: disabled\n\n")
    assert sync(made).ended == ["bea"]
    assert made.directory.find("bea").active is False
    assert key.id not in {one.id for one in made.directory.list_keys()}
    server.change("".join(f"dn: {uid(name)}\nchangetype: delete\n\n" for name in NAMES[2:6]))
    with pytest.raises(TooManyLeavers, match="4 of 7"):
        sync(made)
    assert made.directory.find("cleo").active
    check = directory_checks(made)[0]
    assert check.state is State.AMBER
    assert "would lose everything" in check.evidence
    assert sorted(sync(made, leavers=4).ended) == NAMES[2:6]


@needs_slapd
def test_groups_that_are_gone_count_as_leaving(deployment: Deployment, server: Slapd) -> None:
    made = configured(deployment, server)
    sync(made)
    server.change(f"dn: {cn('llm-users')}\nchangetype: delete\n\n")
    with pytest.raises(TooManyLeavers):
        sync(made)
    assert made.directory.find("bea").roles == {"user"}


@needs_slapd
def test_an_empty_answer_locks_nobody_out(deployment: Deployment, server: Slapd) -> None:
    made = configured(deployment, server)
    sync(made)
    server.change("".join(f"dn: {uid(name)}\nchangetype: delete\n\n" for name in NAMES))
    with pytest.raises(TooManyLeavers):
        sync(made)
    assert all(made.directory.find(name).active for name in NAMES)


@needs_slapd
def test_members_of_groups_within_groups_count_and_circles_end(deployment: Deployment, server: Slapd) -> None:
    server.change(person("ida") + group("helpers", uid("ida"), cn("llm-users")))
    made = configured(deployment, server)
    sync(made)
    assert made.directory.find("ida").roles == {"user"}


@needs_slapd
def test_a_group_of_a_corner_of_the_directory_is_not_worth_what_its_namesake_is(deployment: Deployment, server: Slapd) -> None:
    """Where teams make groups of their own below the base, one of them could call theirs as one that has a role here."""
    made = configured(deployment, server)
    sync(made)
    corner = f"ou=team,ou=groups,{slapd.SUFFIX}"
    server.change(f"dn: {corner}\nobjectClass: organizationalUnit\nou: team\n\n")
    server.change(group("audit", uid("hal")).replace(cn("audit"), f"cn=audit,{corner}"))
    with pytest.raises(DirectoryFailed, match="two groups") as caught:
        sync(made)
    assert corner in caught.value.where
    assert made.directory.find("hal").roles == {"user"}
    assert made.directory.find("ann").roles == {"user", "auditor"}


@needs_slapd
def test_a_name_that_two_have_in_the_directory_gives_nobody_a_group(deployment: Deployment, server: Slapd) -> None:
    """Groups that name members by name alone (``memberUid``) cannot tell them apart; those by their place still do."""
    corner = f"ou=team,ou=people,{slapd.SUFFIX}"
    server.change(f"dn: {corner}\nobjectClass: organizationalUnit\nou: team\n\n")
    server.change(person("ann").replace(uid("ann"), f"uid=ann,{corner}"))
    made = configured(deployment, server)
    report = sync(made)
    assert list(report.refused) == ["ann"]
    assert made.directory.find("ann").roles in ({"user", "auditor"}, frozenset()), "whoever of them it is"
    assert made.directory.find("bea").roles == {"user"}


@needs_slapd
def test_a_name_of_somebody_else_is_refused_and_the_others_come(deployment: Deployment, server: Slapd) -> None:
    server.change(person("Admin"))
    made = configured(deployment, server)
    before = made.directory.find("admin")
    report = sync(made)
    assert list(report.refused) == ["Admin"]
    assert sorted(report.added) == NAMES
    assert made.directory.find("admin") == before


@needs_slapd
def test_more_people_than_a_page_are_read(deployment: Deployment, server: Slapd) -> None:
    server.change("".join(person(f"p{number:04}") for number in range(1100)))
    assert sync(configured(deployment, server), dry_run=True).people == 1108


@needs_slapd
@pytest.mark.parametrize("fault", ["down", "other authority", "wrong password", "no such base"])
def test_a_directory_that_fails_changes_nothing_and_is_seen(
    deployment: Deployment, server: Slapd, tmp_path: Path, fault: str
) -> None:
    made = configured(deployment, server)
    sync(made)
    if fault == "down":
        server.stop()
    elif fault == "other authority":
        (made.places.directory / "directory.crt").write_bytes((made.places.tls / "ca.crt").read_bytes())
    elif fault == "wrong password":
        (made.places.keys / "directory.secret").write_text("another")
    else:
        made.places.config.write_text(made.places.config.read_text().replace("ou=people", "ou=nobody"))
        made = Deployment(made.places.directory)
    version = made.directory.version()
    with pytest.raises(DirectoryFailed):
        sync(made)
    assert made.directory.version() == version
    (check,) = directory_checks(made)
    assert check.state is State.AMBER
    last = Synchronisations(made.directory).last("staff")
    assert last is not None
    assert last.succeeded_ms is not None
    assert last.succeeded_ms < last.tried_ms
    assert slapd.PASSWORD not in last.problem


@needs_slapd
def test_ldaps_is_read_too(deployment: Deployment, server: Slapd) -> None:
    made = configured(deployment, server, url=f"ldaps://127.0.0.1:{server.tls_port}")
    assert sync(made, dry_run=True).people == 8


def test_a_directory_in_the_clear_is_refused(deployment: Deployment) -> None:
    text = deployment.places.config.read_text()
    for url, start_tls, fits in (
        ("ldap://dir.example", "false", False), ("ldap://dir.example", "true", True), ("ldaps://dir.example", "false", True),
        ("ldap://localhost", "false", True), ("http://dir.example", "true", False),
    ):  # fmt: skip
        said = text + SETTINGS.format(url=url, start_tls=start_tls, ca_file="directory.crt")
        if fits:
            parse_settings(said, "wardstead.yaml")
        else:
            with pytest.raises(ConfigurationError, match=r"clear|address"):
                parse_settings(said, "wardstead.yaml")


@pytest.mark.parametrize("wrong", ["roles: [wizard]", "attributes: {shoe: '44'}", "member_of: ['a b']"])
def test_a_mapping_of_what_there_is_not_is_found_before_the_start(deployment: Deployment, wrong: str) -> None:
    scim = f"identity:\n  scim:\n    - id: corp\n      principal: scim\n      groups:\n        - {{group: Staff, {wrong}}}\n"
    deployment.places.config.write_text(deployment.places.config.read_text() + scim)
    with pytest.raises(ConfigurationError, match="Staff"):
        check_sources(Deployment(deployment.places.directory))


def test_ldif_is_read_as_a_whole_or_not_at_all() -> None:
    text = "dn: uid=a\nuid: a\ncn:: w6k=\nguid:: /////w==\n\nref: ldap://other/\n\ndn:: dWlkPWI=\nuid: b\nuid: c\n"
    first, second = entries(text)
    assert (first.first("cn"), first.first("GUID"), second.dn) == ("é", "ffffffff", "uid=b")
    assert second.values["uid"] == ("b", "c")
    assert list(entries("")) == []
    for broken in ("uid: a\n", "dn: x\nuid\n", "dn: x\nuid:: ?\n"):
        with pytest.raises(ValueError):
            list(entries(broken))


def test_names_are_compared_as_servers_write_them() -> None:
    groups = [
        Entry("CN=A, OU=Groups", {"cn": ("a",), "member": ("uid=X,ou=people", "cn=b,ou=groups")}),
        Entry("cn=b,ou=groups", {"cn": ("b",), "member": ("UID=y, OU=people", "cn=a,ou=groups")}),
    ]
    both = frozenset({"uid=x,ou=people", "uid=y,ou=people"})
    assert members_of(groups, "cn", "member") == {"a": both, "b": both}
    assert SUFFIX
