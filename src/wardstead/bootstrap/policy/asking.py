"""Asking the policies of a deployment: why an answer is as it is, who may, what a change would do, what does not fit together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from wardstead.access.asking import (
    CONSOLE,
    RESOURCES,
    Asked,
    Circumstance,
    Explained,
    address_in,
    kinds_of,
    request_of,
)
from wardstead.access.checks import Finding, check_policies
from wardstead.access.comparing import Difference, Ground, compare
from wardstead.access.examples import Outcome, run_examples
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.pdp import ACTIONS
from wardstead.access.policyset import AccessPolicies
from wardstead.access.ports import Credential, Decision, Directory, Principal, Resource
from wardstead.access.situation import roles_at
from wardstead.access.strength import MEANS, PASSWORD
from wardstead.access.written import read_policies
from wardstead.assurance.library.kept import Kind
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.entitlements import moment
from wardstead.bootstrap.identity.people import BadValue, clearance
from wardstead.bootstrap.kept.sharing import found_conversation, found_exchange, found_kept
from wardstead.bootstrap.policy.fitting import require_fitting
from wardstead.bootstrap.policy.sinks import DOWNLOAD, sink, sinks
from wardstead.bootstrap.reading import present, read_text
from wardstead.inspection.policy_changes import PolicyChange, policy_changes
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.kernel.labels import PUBLIC, Label

EXAMPLES: Final = "access.examples.yaml"
FOLDER: Final = "folder"
ACTIVE: Final = "active"
_RESOURCE: Final = re.compile(r'([A-Z]\w{0,39})(?:::"?([^"]{1,200})"?)?')

_AGO: Final = re.compile(r"([0-9]{1,5})([smhd])")
_UNITS_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class UnknownAction(CallerError):
    """There is no such action."""

    code = "unknown_action"


class UnknownResource(CallerError):
    """There is no such resource, or the action is not on one of its type."""

    code = "unknown_resource"


def policies_named(deployment: Deployment, name: str) -> AccessPolicies:
    """``active``, ``folder``, or a version by how it begins."""
    if name == FOLDER:
        return deployment.folder_policies()
    found = deployment.policies() if name == ACTIVE else deployment.policies_of(deployment.policy_store.find(name))
    return deployment.whole(found)


def explain(deployment: Deployment, asked: Asked, policies: AccessPolicies) -> Explained:
    """The answer to one question. Raises typed errors for names that are not known."""
    people = deployment.directory.load()
    return _explain(deployment, asked, policies, people, MemoisedDecisionPoint(policies.point, people))


def _explain(
    deployment: Deployment, asked: Asked, policies: AccessPolicies, people: Directory, point: MemoisedDecisionPoint
) -> Explained:
    who = _person(people, asked.principal)
    resource, label = _resource(deployment, asked, policies, people, who)
    at = _circumstance(deployment, asked, policies, label)
    key = _key(deployment, people, asked, who) if asked.key else None
    decision = point.decide(request_of(who, asked.action, resource, at, key=key))
    rules = policies.rules
    return Explained(
        asked, policies.version, at.now_ms, at.label, decision,
        tuple(sorted(roles_at(who, at.now_ms, rules))), tuple(sorted(rules.open_windows(at.now_ms))),
        tuple(sorted(rules.networks_of(at.address))), tuple(sorted(rules.fresh_steps(at.signed_in_ms, at.now_ms))),
    )  # fmt: skip


def who_can(deployment: Deployment, asked: Asked, policies: AccessPolicies) -> list[tuple[str, Decision]]:
    """Everybody who may, and by which policies. ``asked.principal`` is left out."""
    people = deployment.directory.load()
    point = MemoisedDecisionPoint(policies.point, people)
    found = []
    for who in sorted(people.principals.values(), key=lambda one: one.name):
        decision = _explain(deployment, replace(asked, principal=who.name), policies, people, point).decision
        if decision.allow:
            found.append((who.name, decision))
    return found


def difference(deployment: Deployment, old: AccessPolicies, new: AccessPolicies) -> Difference:
    """Whose access changes between two versions."""
    directory = deployment.directory.load()
    others = [*_shared(directory), *_named(deployment, old, new)]
    unique = tuple({one.ref: one for one in others}.values())
    ground = Ground(
        directory, _models(deployment), sinks(deployment, new.rules), unique, deployment.levels, deployment.compartments()
    )
    return compare(old, new, ground, now_ms())


def _shared(directory: Directory) -> Iterator[Resource]:
    """What somebody shared: whoever began a chain of shares owns what it is of."""
    for one in directory.shares.values():
        if one.parent is None:
            yield Resource(one.resource.type, one.resource.id, owner=one.granted_by)


def _named(deployment: Deployment, *versions: AccessPolicies) -> Iterator[Resource]:
    """What policies name that somebody keeps here, with whose it is."""
    names = {one for version in versions for policy in read_policies(version.files.cedar) for one in policy.resources}
    for kind, name in sorted(names):
        try:
            yield found_kept(deployment, Kind(kind), name)[0] if kind in set(Kind) else Resource(kind, name)
        except CallerError:  # there is none by now
            yield Resource(kind, name)


def data_difference(deployment: Deployment, old: AccessPolicies, new: AccessPolicies) -> tuple[PolicyChange, ...]:
    """What happens to data otherwise by two versions."""
    before, after = deployment.classification(old), deployment.classification(new)
    if before.version == after.version:
        return ()
    from wardstead.bootstrap.detection.inspection import detected  # what looks at texts takes long to import
    from wardstead.inspection.whole import kinds_of

    found = detected(deployment)
    return policy_changes(before, after, [*found.places, *kinds_of(found.text_detectors)])


def check(deployment: Deployment, policies: AccessPolicies) -> tuple[Finding, ...]:
    """What does not fit together. Raises ``ConfigurationError`` where the classification policy does not fit the detectors."""
    active = deployment.policy_store.active()
    require_fitting(deployment, policies, active.version if active is not None else "")
    people = deployment.directory.list_principals()
    held = {role for one in people if one.active for role in (*one.roles, *(timed.role for timed in one.timed_roles))}
    return check_policies(policies, held)


def hold_examples(deployment: Deployment, file: Path | None, policies: AccessPolicies) -> tuple[Outcome, ...]:
    """Hold a table of examples against policies. Raises ``ConfigurationError``."""
    path = file or deployment.places.policies / EXAMPLES
    if not present(path):
        raise ConfigurationError("there are no examples", where=str(path), next_step="write some: docs/reference/access.md")
    return run_examples(read_text(path), str(path), policies, deployment.levels)


def _person(directory: Directory, name: str) -> Principal:
    for one in directory.principals.values():
        if name in {one.name, one.id}:
            return one
    raise BadValue(f"there is nobody called {name[:80]!r}", next_step="'wardstead user list' names everybody")


def _key(deployment: Deployment, people: Directory, asked: Asked, who: Principal) -> Credential:
    """A key of theirs by its id or prefix. Raises ``UnknownKey``, ``BadValue``."""
    found = deployment.directory.find_api_key(asked.key)
    if found.person != who.name:
        raise BadValue(f"the key {found.prefix} is not {who.name[:80]!r}'s", where="--key", why=f"it is {found.person[:80]!r}'s")
    if asked.signed_in:
        raise BadValue("a key has no age: nobody signs in with it", where="--signed-in", next_step="leave one of the two out")
    for one in people.credentials.values():
        if one.id == found.id:
            return one
    raise BadValue(f"the key {found.prefix} was revoked a moment ago", where="--key")


def _models(deployment: Deployment) -> list[Resource]:
    return [Resource("Model", one.name, clearance=deployment.clearance(one)) for one in deployment.settings.models]


def _resource(
    deployment: Deployment, asked: Asked, policies: AccessPolicies, people: Directory, who: Principal
) -> tuple[Resource, Label]:
    """The resource as the product would present it, and the label of its data."""
    if asked.action not in ACTIONS:
        raise UnknownAction(f"there is no action {asked.action[:40]!r}", next_step=f"one of {', '.join(sorted(ACTIONS))}")
    kind = RESOURCES.get(asked.action, "Console")
    said = _RESOURCE.fullmatch(asked.resource)
    stated, name = (said[1], said[2] or "") if said else (kind, asked.resource)
    also = kinds_of(asked.action)
    if stated not in also:
        raise UnknownResource(
            f"{asked.action} is not on {stated[:40]!r}", next_step=f"write {' or '.join(f'{one}::ID' for one in sorted(also))}"
        )
    if stated == "Console":
        return CONSOLE, PUBLIC
    owner = _person(people, asked.owner).id if asked.owner else None
    if stated == "Model":
        for one in _models(deployment):
            if one.id == name:
                return one, PUBLIC
        known = ", ".join(one.id for one in _models(deployment))
        raise UnknownResource(f"there is no model {name[:64]!r}", next_step=f"one of {known}")
    if stated == "Sink":
        return sink(deployment, policies.rules, name or DOWNLOAD), PUBLIC
    if asked.owner or stated in {"Elevation", "PolicyVersion", "Admission"}:  # somebody's, whichever
        return Resource(stated, name or "any", owner=owner), PUBLIC
    if stated in set(Kind):
        return found_kept(deployment, Kind(stated), name)
    return found_exchange(deployment, name) if stated == "Exchange" else found_conversation(deployment, name, who)


def _circumstance(deployment: Deployment, asked: Asked, policies: AccessPolicies, of_data: Label) -> Circumstance:
    now = now_ms()
    at = moment(asked.at, now) if asked.at else now
    if asked.purpose and policies.purposes is not None:
        policies.rules.purpose(asked.purpose)
    signed = None
    if asked.means and not asked.signed_in:
        raise BadValue("nobody signed in, so there is no means", where="--means", next_step="say how long ago: --signed-in 5m")
    if asked.signed_in:
        if (ago := _AGO.fullmatch(asked.signed_in)) is None:
            raise BadValue(f"not how long ago: {asked.signed_in[:20]!r}", next_step="write 30s, 5m, 8h or 2d")
        signed = at - int(ago[1]) * _UNITS_MS[ago[2]]
    label = written_label(deployment, asked.label) if asked.label else of_data
    means = frozenset(_words(asked.means.split(","))) or frozenset({PASSWORD})
    if unknown := sorted(means - MEANS):
        raise BadValue(f"nobody signs in with {unknown[0][:40]!r}", next_step=f"some of {', '.join(sorted(MEANS))}")
    address = address_in(policies.rules, asked.network)
    return Circumstance(at, label, asked.purpose, asked.application, address, signed, means)


def written_label(deployment: Deployment, said: str) -> Label:
    """As ``wardstead-label`` writes it: ``confidential; payment, personal``."""
    level, _, names = said.partition(";")
    return clearance(deployment, level.strip(), _words(names.split(",")))


def _words(texts: Iterable[str]) -> list[str]:
    return [text.strip() for text in texts if text.strip()]
