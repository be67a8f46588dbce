"""People and groups of LDAP directories become this deployment's: now and then, or when somebody says so.

What was known last stays where a directory does not answer as a whole. A reading by which many would lose everything is refused
until somebody has looked: an empty answer must not lock everyone out.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial

from wardstead.access.federation import given
from wardstead.access.ports import Principal
from wardstead.access.provisioning import Described, GroupSaid, KeptPerson, Linking, Sought, Source
from wardstead.adapters.identity.ldap import DirectoryFailed, Entry, Search, Server, members_of, same, search
from wardstead.adapters.locks import ProcessLock
from wardstead.adapters.store.directory.provisioning import ProvisioningStore
from wardstead.adapters.store.directory.synchronisations import Synchronisations
from wardstead.adapters.store.keys.key_files import read_secret
from wardstead.bootstrap.attempts import attempt
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.mapping import source
from wardstead.bootstrap.identity.provisioning import scim_source
from wardstead.config.identity import DirectorySection
from wardstead.isolation.posture import Check, State
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError, WardsteadError
from wardstead.kernel.ids import PrincipalId

log = logging.getLogger(__name__)
LOOK_S = 20.0
_STALE = 3


class TooManyLeavers(CallerError):
    """By this reading more people would lose everything than may at once."""

    code = "too_many_leavers"


@dataclass(frozen=True, slots=True)
class Read:
    """What a directory says: people by external id, and the external ids of the members of each group that is worth something."""

    people: Mapping[str, Described]
    groups: Mapping[str, frozenset[str]]


@dataclass(slots=True)
class Report:
    """What a synchronisation did, or would do: names."""

    source: str
    people: int = 0
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """Whom the directory has and this deployment does not take, and why."""


def synchronise(deployment: Deployment, section: DirectorySection, *, dry_run: bool = False, leavers: int = 0) -> Report:
    """Read a directory, and carry out what it says. ``leavers``: so many may lose everything, whatever the share.

    Raises ``DirectoryFailed``, ``TooManyLeavers``; then nothing has changed, and that is noted.
    """
    lock = ProcessLock.only_one(deployment.places.run / f"sync-{section.id}.lock", "a synchronisation")
    try:
        return _synchronise(deployment, section, dry_run=dry_run, leavers=leavers)
    finally:
        lock.release(remove=False)


def _synchronise(deployment: Deployment, section: DirectorySection, *, dry_run: bool, leavers: int) -> Report:
    tried, notes = now_ms(), Synchronisations(deployment.directory)
    desk, mine = ProvisioningStore(deployment.directory, clock=now_ms, entropy=os.urandom), directory_source(deployment, section)
    try:
        found = _read(deployment, section)
        known = {one.said.external_id: one for one in desk.people(mine)}
        _brake(section, mine, known, found, leavers)
    except WardsteadError as error:
        if not dry_run:
            notes.note(section.id, tried, str(error), 0)
        raise
    report = Report(section.id, len(found.people))
    _carry_out(desk, mine, known, found, report, dry_run=dry_run)
    if not dry_run:
        notes.note(section.id, tried, "", len(found.people))
    return report


def directory_source(deployment: Deployment, section: DirectorySection) -> Source:
    """What the deployment makes of a directory. Raises ``ConfigurationError``."""
    issuers = {one.id: one.issuer for one in deployment.settings.identity.providers}
    link = Linking(section.link) if section.provider else Linking.NONE
    return source(
        deployment, section.id, section.groups, {name: name for name in section.attributes},
        issuer=issuers.get(section.provider, ""), link=link,
    )  # fmt: skip


def check_sources(deployment: Deployment) -> None:
    """Raises ``ConfigurationError`` for a source whose mapping speaks of what there is not, or whose password cannot be read."""
    for client in deployment.settings.identity.scim:
        scim_source(deployment, client)
    for section in deployment.settings.identity.directories:
        directory_source(deployment, section)
        if section.password_file:
            read_secret(deployment.places.directory / section.password_file)


# -- reading -------------------------------------------------------------------------------------------------------------


def _read(deployment: Deployment, section: DirectorySection) -> Read:
    server = server_of(deployment, section)
    wanted = (section.name, section.external_id, *section.attributes.values())
    people = search(server, Search(section.people_base, section.people_filter, wanted))
    groups = search(
        server,
        Search(section.groups_base or section.people_base, section.groups_filter, (section.group_name, section.member)),
    )
    return made_of(section, people, groups)


def server_of(deployment: Deployment, section: DirectorySection) -> Server:
    """Where a directory is, and as whom it is read."""
    folder = deployment.places.directory
    password = read_secret(folder / section.password_file).strip(b"\r\n") if section.password_file else b""
    ca_file = str(folder / section.ca_file) if section.ca_file else ""
    start_tls = section.start_tls and section.url.startswith("ldap://")
    return Server(section.url, section.bind_dn, password, ca_file, start_tls, section.timeout_s, section.timeout_s * 4)


def made_of(section: DirectorySection, people: Sequence[Entry], groups: Sequence[Entry]) -> Read:
    """What entries say. Raises ``DirectoryFailed`` for somebody without a name or an id, or with another's."""
    said: dict[str, Described] = {}
    by_dn: dict[str, str] = {}
    by_name: dict[str, set[str]] = {}
    for one in people:
        name, external = one.first(section.name), one.first(section.external_id)
        if not name or not external or external in said:
            raise DirectoryFailed(
                "somebody in the directory has no name or no id of their own", where=one.dn[:200],
                next_step=f"see to {section.name} and {section.external_id}, or to people_filter",
            )  # fmt: skip
        facts = {name: one.first(attribute) for name, attribute in section.attributes.items()}
        said[external] = Described(name, external, True, {}, {key: value for key, value in facts.items() if value})
        by_dn[same(one.dn)] = external
        by_name.setdefault(same(name), set()).add(external)
    # A member that two are called is nobody, and whose name is somebody's DN is not them.
    ids = {name: next(iter(those)) for name, those in by_name.items() if len(those) == 1} | by_dn
    worth = {rule.group for rule in section.groups}
    _require_one_of_each(groups, section.group_name, worth)
    members = members_of(groups, section.group_name, section.member)
    return Read(
        said,
        {group: frozenset(ids[one] for one in members.get(group, ()) if one in ids) for group in worth},
    )


def _require_one_of_each(groups: Sequence[Entry], named: str, worth: AbstractSet[str]) -> None:
    """Whoever may make groups in a corner of the directory could make one that is called like those that are worth something."""
    for name in worth:
        same_name = [one.dn for one in groups if name in one.values.get(named.lower(), ())]
        if len(same_name) > 1:
            raise DirectoryFailed(
                f"two groups in the directory are called {name[:80]!r}", where="; ".join(same_name)[:400],
                next_step="see to groups_base or groups_filter: only one of them can be worth something here",
            )  # fmt: skip


# -- carrying out --------------------------------------------------------------------------------------------------------


def _brake(section: DirectorySection, mine: Source, known: Mapping[str, KeptPerson], found: Read, leavers: int) -> None:
    """Whoever is not there any more, or has nothing any more, counts."""

    def worth(groups: list[str]) -> bool:
        return bool(given(mine.rules, frozenset(groups)).roles)

    losing = [
        one.said.name
        for external, one in known.items()
        if external not in found.people
        or (
            worth([name for _, name in one.groups])
            and not worth([group for group, inside in found.groups.items() if external in inside])
        )
    ]
    allowed = max(1, len(known) * section.max_leavers_percent // 100, leavers)
    if len(losing) > allowed or (known and not found.people and not leavers):
        raise TooManyLeavers(
            f"{len(losing)} of {len(known)} people of {section.id} would lose everything", where="max_leavers_percent",
            why=f"at most {allowed} may at once: an answer that lacks people is more likely than so many leavers",
            next_step=f"look with 'wardstead user sync --dry-run'; if it is right, say --leavers {len(losing)}",
        )  # fmt: skip


def _carry_out(
    desk: ProvisioningStore, mine: Source, known: Mapping[str, KeptPerson], found: Read, report: Report, *, dry_run: bool
) -> None:
    """Leavers first: nobody else's trouble keeps them in."""
    name = f"directory {mine.id}"
    by = Principal(PrincipalId(name), name, subject=name)

    def attempt(name: str, done: list[str], act: Callable[[], object]) -> None:
        try:
            if not dry_run:
                act()
            done.append(name)
        except CallerError as error:
            report.refused[name] = str(error)

    for external, one in known.items():
        if external not in found.people:
            attempt(one.said.name, report.ended, lambda one=one: desk.remove_person(mine, one.id, lambda _kept: None, by))  # type: ignore[misc]
    for external, said in found.people.items():
        kept = known.get(external)
        if kept is None:
            attempt(said.name, report.added, lambda said=said: desk.create_person(mine, said, by))  # type: ignore[misc]
        elif kept.said != said:
            attempt(
                said.name, report.changed,
                lambda kept=kept, said=said: desk.change_person(mine, kept.id, lambda _kept: said, by),  # type: ignore[misc]
            )  # fmt: skip
    if dry_run:
        return
    ids = {one.said.external_id: one.id for one in desk.people(mine)}
    there = {one.said.name: one for one in desk.groups(mine, Sought())}
    for name, inside in sorted(found.groups.items()):
        said_of = GroupSaid(name, members=frozenset(ids[one] for one in inside if one in ids))
        group = there.get(name)
        if group is None:
            attempt(name, [], lambda said_of=said_of: desk.create_group(mine, said_of, by))  # type: ignore[misc]
        else:
            attempt(name, [], lambda key=group.id, said_of=said_of: desk.change_group(mine, key, lambda _kept: said_of, by))  # type: ignore[misc]


# -- now and then --------------------------------------------------------------------------------------------------------


def keep_synchronising(deployment: Deployment, stop: threading.Event) -> None:
    """Until told to stop: each directory, as often as its section says. Ends at once where none is named."""
    if not deployment.settings.identity.directories:
        return
    notes = Synchronisations(deployment.directory)
    while not stop.wait(LOOK_S):
        for section in deployment.settings.identity.directories:
            # The posture says so meanwhile.
            attempt(partial(_synchronise_due, deployment, notes, section), "a directory was not read; trying again")


def _synchronise_due(deployment: Deployment, notes: Synchronisations, section: DirectorySection) -> None:
    last = notes.last(section.id)
    if last is None or now_ms() - last.tried_ms >= section.every_s * 1000:
        report = synchronise(deployment, section)
        told = {"source": report.source, "added": len(report.added), "ended": len(report.ended)}
        log.info("a directory was read", extra={"fields": told})


def directory_checks(deployment: Deployment) -> list[Check]:
    """Of each directory: whether what is known of its people is fresh."""
    notes = Synchronisations(deployment.directory)
    found = []
    for section in deployment.settings.identity.directories:
        title = f"People are those of the directory {section.id}"
        last = notes.last(section.id)
        if last is None:
            found.append(Check(f"directory.{section.id}", title, State.AMBER, "never read", "'wardstead user sync' reads it now"))
            continue
        since = rfc3339(last.succeeded_ms) if last.succeeded_ms is not None else "never"
        stale = last.succeeded_ms is None or now_ms() - last.succeeded_ms > _STALE * section.every_s * 1000
        state = State.RED if stale else State.AMBER if last.problem else State.GREEN
        evidence = f"{last.people} people, read {since}" + (f"; {last.problem}" if last.problem else "")
        next_step = "'wardstead user sync --dry-run' says what is wrong" if state is not State.GREEN else ""
        found.append(Check(f"directory.{section.id}", title, state, evidence, next_step))
    return found
