"""Whose access changes between two versions of the policies: every question that either version can tell apart is asked of both.

People who differ in nothing that policies can see are asked about once. What is varied are the circumstances that a policy
names, and the labels that data may carry; what a changed policy looks at beside that is said, not passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final, NamedTuple

from wardstead.access.asking import CONSOLE, Circumstance, address_in, kinds_of, request_of
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.pdp import ACTIONS
from wardstead.access.policyset import RULES, SCHEMA, AccessPolicies
from wardstead.access.ports import Container, CredentialKind, Decision, Directory, GranteeKind, Principal, Resource
from wardstead.access.rules import AccessRules
from wardstead.access.slices import groups_actions
from wardstead.access.strength import CODE, PASSWORD
from wardstead.access.vocabulary import WITHIN
from wardstead.access.written import ASKED_ROLE, WrittenPolicy, read_policies
from wardstead.kernel.ids import PrincipalId
from wardstead.kernel.labels import PUBLIC, STANDARD, Label, Levels

MAX_QUESTIONS: Final = 50_000
"""So many are asked in all combinations; where there are more, one circumstance is varied at a time."""
_SOMEBODY: Final = PrincipalId("somebody else")
_UNLABELLED: Final = frozenset({"Console", "Elevation", "PolicyVersion", "Admission"})
"""Types of resources that have no data."""
_VARIED: Final = frozenset({
    "purpose", "application", "conversation", "role", "windows", "networks", "fresh", "strength", "lacks", "credential",
    "ownGrant", "signals", "action", "labelLevel", "labelCompartments",
})  # fmt: skip
"""What policies may look at in the context and is asked both ways, or is the person's own."""
_SAID: Final = (
    ("purpose", "purpose", "for"),
    ("application", "application", "by"),
    ("conversation", "conversation", "in the conversation"),
    ("role", ASKED_ROLE, "asking for the role"),
)
"""What a request says of itself, as which mention policies have it, and how it is put."""


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
    """What changes between two versions. ``complete``: whether all combinations of circumstances were compared.

    ``untried``: what policies that differ look at in the context and was the same in every question.
    """

    changes: tuple[Change, ...]
    asked: int
    complete: bool
    untried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """What is asked about: people with the snapshot that they are of, models, sinks, other resources that somebody shared or a
    policy names, and the labels that data may have here.
    """

    directory: Directory
    models: Sequence[Resource] = ()
    sinks: Sequence[Resource] = ()
    others: Sequence[Resource] = ()
    levels: Levels = STANDARD
    compartments: frozenset[str] = frozenset()

    def resources(self, action: str, who: Principal) -> Iterator[tuple[str, Resource]]:
        """What an action could be on, with a name for it: one's own, and somebody else's."""
        for kind in sorted(kinds_of(action)):
            match kind:
                case "Model":
                    yield from ((f"Model::{one.id}", one) for one in self.models)
                case "Sink":
                    yield from ((f"Sink::{one.id}", one) for one in self.sinks)
                case "Console":
                    yield "Console", CONSOLE
                case _:
                    yield f"their own {kind}", Resource(kind, "own", owner=who.id)
                    yield f"somebody else's {kind}", Resource(kind, "others", owner=_SOMEBODY)
                    yield from self._others(kind)

    def _others(self, kind: str) -> Iterator[tuple[str, Resource]]:
        for one in self.others:
            name = f"{one.type}::{one.id}"
            if one.type == kind:
                yield name, one
            elif WITHIN.get(kind) == one.type:
                within = (Container(one.type, one.id, one.owner),)
                yield f"{kind} in {name}", Resource(kind, "others", owner=one.owner or _SOMEBODY, within=within)


class _Answers(NamedTuple):
    """Of both versions, to a question about data with this label."""

    label: Label
    before: Decision
    after: Decision


_Varied = tuple[dict[str, Any], str]
"""Fields of a circumstance that are varied, and what is particular about them, in words."""


def compare(old: AccessPolicies, new: AccessPolicies, ground: Ground, now_ms: int) -> Difference:
    """Whose access changes from ``old`` to ``new``: every active person, action, resource and label of data, and every
    circumstance that either names.
    """
    return _Comparison(old, new, ground, now_ms).made()


class _Comparison:
    """Two versions, and what is asked of both."""

    def __init__(self, old: AccessPolicies, new: AccessPolicies, ground: Ground, now_ms: int) -> None:
        self._versions, self._ground, self._now = (old, new), ground, now_ms
        self._before, self._after = (MemoisedDecisionPoint(one.point, ground.directory) for one in self._versions)
        self._named = old.point.spoken_of | new.point.spoken_of
        self._written = [
            {(one.id, one.effect, one.scope, one.conditions): one for one in read_policies(version.files.cedar)}
            for version in self._versions
        ]
        self._actions = sorted((old.point.words.actions | new.point.words.actions) & self._differing_actions())
        self._alike = list(self._people_alike())
        self._asked = 0

    def _differing_actions(self) -> frozenset[str]:
        """Those that a policy is about which one version has and the other has not; all where the names that they use differ,
        or where a policy is about actions that it does not name.
        """
        old, new = (one.files.texts for one in self._versions)
        scopes = [one.scope.actions for one in self._differing_policies()]
        if old.get(SCHEMA) != new.get(SCHEMA) or old.get(RULES) != new.get(RULES):
            return ACTIONS
        if None in scopes or (scopes and groups_actions(new[SCHEMA])):
            return ACTIONS
        return frozenset(action for scope in scopes for action in scope or ())

    def _differing_policies(self) -> list[WrittenPolicy]:
        old, new = self._written
        return [*(old[one] for one in old.keys() - new.keys()), *(new[one] for one in new.keys() - old.keys())]

    def made(self) -> Difference:
        """All that changes."""
        options = self._options()
        every = list(product(*options))
        complete = len(every) * self._questions() <= MAX_QUESTIONS
        if not complete:
            every = [(one,) for values in options for one in values]
        circumstances = list(dict.fromkeys(map(self._circumstance, every)))
        changes = [
            change
            for people in self._alike
            for action in self._actions
            for title, resource in self._ground.resources(action, people[0])
            for change in self._changes(people, action, title, resource, circumstances, all_labels=complete)
        ]
        changes.sort(key=lambda one: (one.people, one.action, one.resource, one.after.allow))
        return Difference(tuple(changes), self._asked, complete, self._untried())

    def _questions(self) -> int:
        """How many there are in one circumstance."""
        return sum(
            len(self._labels(resource, people[0], all_labels=True))
            for people in self._alike
            for action in self._actions
            for _, resource in self._ground.resources(action, people[0])
        )

    def _changes(
        self, people: Sequence[Principal], action: str, title: str, resource: Resource, circumstances: Iterable[Circumstance], *,
        all_labels: bool,
    ) -> Iterator[Change]:  # fmt: skip
        """What is permitted no more, and what is from now on, of one question in all circumstances."""
        names, labels = tuple(one.name for one in people), self._labels(resource, people[0], all_labels=all_labels)
        asked = circumstances if action != "revokeShare" else _either_grant(circumstances)
        answers = [(at.said, [self._ask(people[0], action, resource, replace(at, label=one)) for one in labels]) for at in asked]
        for gained in (False, True):
            found = [one for said, each in answers for one in _differing(said, each, gained=gained)]
            if found:
                first = found[0][0]
                yield Change(names, action, title, first.before, first.after, tuple(sorted({when for _, when in found})))

    def _ask(self, who: Principal, action: str, resource: Resource, at: Circumstance) -> _Answers:
        self._asked += 1
        request = request_of(who, action, resource, at)
        return _Answers(at.label, self._before.decide(request), self._after.decide(request))

    def _people_alike(self) -> Iterator[list[Principal]]:
        """Active people by all that a policy can see of them; whom a policy names, or who owns what is asked about, is alone."""
        apart = self._named | {one.owner for one in self._ground.others if one.owner is not None}
        given: dict[str, set[str]] = {}
        for share in self._ground.directory.shares.values():
            if share.grantee_kind is GranteeKind.PRINCIPAL:
                given.setdefault(share.grantee, set()).add(share.id)
        found: dict[object, list[Principal]] = {}
        for one in sorted(self._ground.directory.principals.values(), key=lambda each: each.name):
            if one.active:
                shares = frozenset(given.get(one.id, ()))
                key = (one.roles, one.timed_roles, one.groups, one.clearance, one.attributes, one.kind, shares)
                found.setdefault(one.id if one.id in apart else key, []).append(one)
        yield from found.values()

    # -- what is varied ----------------------------------------------------------------------------------------------

    def _labels(self, resource: Resource, who: Principal, *, all_labels: bool) -> list[Label]:
        """Of the data: every level, with no compartment, each one that a policy names, all of the person's, and all there are."""
        if resource.type in _UNLABELLED:
            return [PUBLIC]
        own, every = who.clearance.compartments, self._ground.compartments
        if not all_labels:
            return list(dict.fromkeys((PUBLIC, who.clearance, resource.clearance)))
        sets = (frozenset[str](), *(frozenset({one}) for one in sorted(every & self._named)), own, every)
        levels = self._ground.levels
        made = (levels.label(level, one) for level in levels.names for one in dict.fromkeys(sets))
        return list(dict.fromkeys((*made, who.clearance, resource.clearance)))

    def _options(self) -> list[list[_Varied]]:
        """What policies can tell apart of a circumstance: the values of each, the plain one first."""
        times, places, sessions = (list[_Varied]([({}, "")]) for _ in range(3))
        for rules in (one.rules for one in self._versions):
            times += [one for name in sorted(self._named & rules.windows.keys()) for one in self._moments(rules, name)]
            places += [
                ({"address": address_in(rules, name)}, f"from {name}") for name in sorted(self._named & rules.networks.keys())
            ]
            for name in sorted(self._named & rules.fresh.keys()):
                sessions.append(({"signed_in_ms": self._now - rules.fresh[name] + 1}, f"signed in as {name} asks"))
        return [times, places, sessions + self._sessions(plain=len(sessions) == 1), *self._stated()]

    def _moments(self, rules: AccessRules, name: str) -> Iterator[_Varied]:
        """A moment at which a window is open, and one at which it is not."""
        window = rules.windows[name]
        for moment in (self._now, window.changes_ms(self._now)):
            yield {"now_ms": moment}, f"while {name} is {'open' if window.is_open(moment) else 'closed'}"

    def _sessions(self, *, plain: bool) -> list[_Varied]:
        """How somebody proved who they are, where a policy can tell."""
        made: list[_Varied] = []
        if any(one.point.asks_strength or one.rules.demanded(one.rules.roles) for one in self._versions):
            just = self._now - 1
            made.append(({"signed_in_ms": just}, "signed in with a password alone"))
            made.append(({"signed_in_ms": just, "means": frozenset({PASSWORD, CODE})}, "signed in with a second factor"))
        if self._named & {kind.value for kind in CredentialKind} or made or not plain:
            made.append(({"signed_in_ms": 0}, "signed in long ago"))
        if CredentialKind.CERTIFICATE.value in self._named:
            made.append(({"certified": True}, "with a certificate"))
        return made

    def _stated(self) -> Iterator[list[_Varied]]:
        """What a request says of itself, by the names that policies compare it with."""
        mentions = {one for written in self._written for policy in written.values() for one in policy.mentions}
        registered = {name for one in self._versions for name in one.rules.purposes}
        for what, of, words in _SAID:
            names = self._named & registered if what == "purpose" else {one.value or "" for one in mentions if one.of == of}
            yield [({}, ""), *(({what: name}, f"{words} {name}") for name in sorted(names))]

    def _circumstance(self, chosen: Iterable[_Varied]) -> Circumstance:
        fields = {key: value for one, _ in chosen for key, value in one.items()}
        said = ", ".join(words for _, words in chosen if words) or "as things are now"
        return Circumstance(**{"now_ms": self._now, **fields, "said": said})

    def _untried(self) -> tuple[str, ...]:
        """What policies that one version has and the other has not look at, and is not varied."""
        return tuple(sorted({name for policy in self._differing_policies() for name in policy.context} - _VARIED))


def _differing(said: str, answers: Iterable[_Answers], *, gained: bool) -> Iterator[tuple[_Answers, str]]:
    """What is permitted from now on (``gained``), or no more, and when. Where a label makes the difference it is said: what is
    forbidden by both versions, as by mandatory control, makes none.
    """
    permitted = [one for one in answers if (one.after if gained else one.before).allow]
    changed = [one for one in permitted if not (one.before if gained else one.after).allow]
    for one in changed:
        yield one, said if changed == permitted else f"{said}, with data labelled {one.label}"


def _either_grant(circumstances: Iterable[Circumstance]) -> Iterator[Circumstance]:
    for at in circumstances:
        yield at
        yield replace(at, own_grant=True, said=f"{at.said}, of a share that they gave")
