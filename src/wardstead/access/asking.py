"""Questions put together by hand: who asks, for what, when, from where; and what changes between two versions of policies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Final

from wardstead.access.bounds import with_purpose
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.policyset import AccessPolicies
from wardstead.access.ports import AccessRequest, Credential, CredentialKind, Decision, Directory, Identity, Principal, Resource
from wardstead.access.rules import AccessRules
from wardstead.access.strength import CODE, PASSWORD, strength_of
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import CredentialId
from wardstead.kernel.labels import PUBLIC, Label

RESOURCES: Final[Mapping[str, str]] = {
    "infer": "Model", "embed": "Model", "listModels": "Model",
    "readReceipt": "Exchange", "viewExchange": "Exchange", "reviewHeld": "Exchange", "readHeld": "Exchange",
    "declassify": "Conversation", "shareData": "Conversation", "revokeShare": "Conversation",
    "requestRole": "Elevation", "approveRole": "Elevation",
    "readData": "Document", "useData": "Document", "changeData": "Document",
    "exportData": "Sink", "proposePolicies": "PolicyVersion", "activatePolicies": "PolicyVersion",
}  # fmt: skip
"""On which type of resource an action is; any other is on the console."""
_KEPT: Final = frozenset({"Document", "Collection", "Template"})
_ALSO: Final[Mapping[str, frozenset[str]]] = {
    "shareData": _KEPT | {"Conversation", "Exchange"},
    "revokeShare": _KEPT | {"Conversation", "Exchange"},
    "readData": _KEPT,
    "useData": _KEPT,
    "changeData": _KEPT,
}
TYPES: Final = frozenset({"Console", *RESOURCES.values(), *_KEPT})
"""Every type of resource."""
CONSOLE: Final = Resource("Console", "wardstead")


def kinds_of(action: str) -> frozenset[str]:
    """Every type of resource that an action is on."""
    return _ALSO.get(action) or frozenset({RESOURCES.get(action, "Console")})


MAX_SITUATIONS: Final = 50_000
"""So many questions are compared in all combinations; where there are more, one circumstance is varied at a time."""


class UnknownNetwork(CallerError):
    """Neither an address nor the name of a network."""

    code = "unknown_network"


@dataclass(frozen=True, slots=True)
class Circumstance:
    """When, from where and what for. ``signed_in_ms``: ``None`` for an API key, which has no age."""

    now_ms: int
    label: Label = PUBLIC
    purpose: str = ""
    application: str = ""
    address: str = ""
    signed_in_ms: int | None = None
    means: frozenset[str] = frozenset({PASSWORD})
    """How they signed in, where they did."""
    said: str = ""
    """What is particular about it, in words."""


def request_of(
    who: Principal, action: str, resource: Resource, at: Circumstance, *,
    scopes: frozenset[str] = frozenset(), key: Credential | None = None,
) -> AccessRequest:  # fmt: skip
    """The question as the gateway or the console would put it. ``key``: which one it is put with; else ``scopes`` is all that
    is known of it.
    """
    kind = CredentialKind.API_KEY if at.signed_in_ms is None else CredentialKind.SESSION
    # A memo takes all that a credential is for known by its id.
    strength = frozenset[str]() if at.signed_in_ms is None else strength_of(at.means)
    one = CredentialId(f"asked {at.signed_in_ms} {' '.join(sorted(scopes))} {' '.join(sorted(strength))}")
    credential = key or Credential(one, kind, b"", who.id, scopes, authenticated_ms=at.signed_in_ms, strength=strength)
    context = {name: value for name, value in (("purpose", at.purpose), ("application", at.application)) if value}
    identity = Identity(who, credential, at.address)
    stated = dict(with_purpose(identity, context))
    return AccessRequest(identity, action, resource, at.label, at.now_ms, stated)


def address_in(rules: AccessRules, said: str) -> str:
    """An address of the network of that name, or the address that is said. Raises ``UnknownNetwork``."""
    if not said:
        return ""
    if said in rules.networks:
        one = rules.networks[said][0]
        return str(one.network_address)
    if "." in said or ":" in said:
        return said
    known = ", ".join(sorted(rules.networks)) or "none"
    raise UnknownNetwork(f"{said[:64]!r} is no address, and no network of access.yaml", why=f"declared are: {known}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as somebody writes it: names and texts. Empty is left out."""

    principal: str
    action: str
    resource: str
    at: str = ""
    purpose: str = ""
    application: str = ""
    network: str = ""
    label: str = ""
    signed_in: str = ""
    owner: str = ""
    key: str = ""
    """The id or prefix of the key it is asked with."""
    means: str = ""
    """How they signed in: ``password, code``."""


@dataclass(frozen=True, slots=True)
class Explained:
    """An answer, and what it rests on."""

    asked: Asked
    version: str
    time_ms: int
    label: Label
    decision: Decision
    roles: tuple[str, ...]
    windows: tuple[str, ...]
    networks: tuple[str, ...]
    fresh: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """For whom an answer changes, and in which circumstances."""

    people: tuple[str, ...]
    action: str
    resource: str
    before: Decision
    after: Decision
    when: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """What changes between two versions. ``complete``: whether all combinations of circumstances were compared."""

    changes: tuple[Change, ...]
    asked: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """What is asked about: people with the snapshot that they are of, models, sinks and other resources."""

    directory: Directory
    models: Sequence[Resource] = ()
    sinks: Sequence[Resource] = ()
    others: Sequence[Resource] = field(default=())

    def resources(self, action: str, who: Principal) -> Iterator[tuple[str, Resource]]:
        """What an action could be on, with a name for it: one's own, and somebody else's."""
        kind = RESOURCES.get(action, "Console")
        if kind == "Model":
            yield from ((f"Model::{one.id}", one) for one in self.models)
        elif kind == "Sink":
            yield from ((f"Sink::{one.id}", one) for one in self.sinks)
        elif kind == "Console":
            yield "Console", CONSOLE
        else:
            yield f"their own {kind}", Resource(kind, "own", owner=who.id)
            yield f"somebody else's {kind}", Resource(kind, "others")
            yield from ((f"{kind}::{one.id}", one) for one in self.others if one.type == kind)


_Varied = tuple[dict[str, Any], str]
"""Fields of a circumstance that are varied, and what is particular about them, in words."""


def compare(old: AccessPolicies, new: AccessPolicies, ground: Ground, now_ms: int) -> Difference:
    """Whose access changes from ``old`` to ``new``: every active person, action, resource, and circumstance that either names.

    People who differ in nothing that policies can see are asked about once.
    """
    before, after = (MemoisedDecisionPoint(one.point, ground.directory) for one in (old, new))
    actions = sorted(old.point.words.actions | new.point.words.actions)
    alike = _alike(ground.directory.principals.values(), old, new)
    circumstances, complete = _circumstances(old, new, now_ms, len(alike) * len(actions) * max(2, len(ground.models)))
    found: dict[tuple[tuple[str, ...], str, str, bool], list[tuple[str, Decision, Decision]]] = {}
    asked = 0
    for people in alike:
        names, who = tuple(one.name for one in people), people[0]
        for action in actions:
            for title, resource in ground.resources(action, who):
                for at in _labels(circumstances, resource):
                    request = request_of(who, action, resource, at)
                    was, becomes = before.decide(request), after.decide(request)
                    asked += 1
                    if was.allow is not becomes.allow:
                        found.setdefault((names, action, title, becomes.allow), []).append((at.said, was, becomes))
    changes = tuple(
        Change(names, action, title, each[0][1], each[0][2], tuple(sorted({said for said, _, _ in each})))
        for (names, action, title, _), each in sorted(found.items())
    )
    return Difference(changes, asked, complete)


def _alike(people: Iterable[Principal], old: AccessPolicies, new: AccessPolicies) -> list[list[Principal]]:
    """Active people by all that a policy can see of them; whom a policy names stands alone."""
    named = old.point.spoken_of | new.point.spoken_of
    found: dict[object, list[Principal]] = {}
    for one in sorted(people, key=lambda each: each.name):
        if one.active:
            key = (one.roles, one.timed_roles, one.groups, one.clearance, one.attributes, one.kind)
            found.setdefault(one.id if one.id in named else key, []).append(one)
    return list(found.values())


def _circumstances(old: AccessPolicies, new: AccessPolicies, now_ms: int, each: int) -> tuple[list[Circumstance], bool]:
    """Circumstances that policies can tell apart: in all combinations, or one varied at a time where there are too many."""
    named = old.point.spoken_of | new.point.spoken_of
    times, places, purposes, sessions = (list[_Varied]([({}, "")]) for _ in range(4))
    for rules in (old.rules, new.rules):
        times += [one for name in sorted(named & rules.windows.keys()) for one in _moments(rules, name, now_ms)]
        places += [({"address": address_in(rules, name)}, f"from {name}") for name in sorted(named & rules.networks.keys())]
        purposes += [({"purpose": name}, f"for {name}") for name in sorted(named & rules.purposes.keys())]
        for name in sorted(named & rules.fresh.keys()):
            sessions.append(({"signed_in_ms": now_ms - rules.fresh[name] + 1}, f"signed in as {name} asks"))
    if any(one.point.asks_strength or one.rules.demanded(one.rules.roles) for one in (old, new)):
        just = now_ms - 1
        sessions.append(({"signed_in_ms": just}, "signed in with a password alone"))
        sessions.append(({"signed_in_ms": just, "means": frozenset({PASSWORD, CODE})}, "signed in with a second factor"))
    if named & {kind.value for kind in CredentialKind} or len(sessions) > 1:
        sessions.append(({"signed_in_ms": 0}, "signed in long ago"))
    options = [times, places, purposes, sessions]
    every: list[tuple[_Varied, ...]] = list(product(*options))
    complete = len(every) * each <= MAX_SITUATIONS
    if not complete:
        every = [(one,) for values in options for one in values]
    now = Circumstance(now_ms, said="as things are now")
    made = []
    for chosen in every:
        said = ", ".join(words for _, words in chosen if words)
        made.append(replace(now, **{key: value for fields, _ in chosen for key, value in fields.items()}, said=said or now.said))
    return list(dict.fromkeys(made)), complete


def _moments(rules: AccessRules, name: str, now_ms: int) -> Iterator[_Varied]:
    """A moment at which a window is open, and one at which it is not."""
    window = rules.windows[name]
    changes = window.changes_ms(now_ms)
    for moment in (now_ms, changes):
        yield {"now_ms": moment}, f"while {name} is {'open' if window.is_open(moment) else 'closed'}"


def _labels(circumstances: Iterable[Circumstance], resource: Resource) -> Iterator[Circumstance]:
    """Public data, and data with all that a model may read."""
    for at in circumstances:
        yield at
        if resource.clearance != PUBLIC:
            yield replace(at, label=resource.clearance, said=f"{at.said}, with data labelled {resource.clearance}")
