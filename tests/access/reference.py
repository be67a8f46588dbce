"""The four models of access control in plain Python, as short as they can be said: what the real decision point is held to.

A world is small and made of values that tests generate. Nothing of the product's own logic is used: labels are compared, chains
of shares followed and times looked at once more here, in other words.
"""

from __future__ import annotations

from dataclasses import dataclass, field

RANKS = ("public", "internal", "confidential", "restricted")
Ref = tuple[str, str]
MODEL = {"infer", "embed", "listModels"}
EXCHANGE = {"readReceipt", "viewExchange", "reviewHeld", "readHeld"}
SHARING = {"shareData", "revokeShare"}
ELEVATION = {"requestRole", "approveRole"}
POLICIES = {"proposePolicies", "activatePolicies"}
ADMISSION = {"addModel", "approveModel", "overrideModel"}
HAD = {"code", "recovery-code", "passkey"}
"""What somebody has, beside what they know: two factors."""
KEPT = {"readData": {"read"}, "useData": {"read", "use"}, "changeData": {"admin"}}
"""Each with the rights that it asks for."""
ENOUGH = (
    ({"user", "admin"}, {"infer", "embed", "listModels", "createData"}),
    ({"auditor", "admin"}, {"viewLedger", "viewAdministration", "replayPolicy", "readReceipt"}),
    ({"admin"}, {"administer", "proposePolicies", "activatePolicies", "addModel", "revokeShare"}),
    ({"admin", "model-approver"}, {"approveModel", "overrideModel"}),
    ({"application"}, {"evaluateAccess"}),
    ({"provisioner"}, {"provision"}),
    ({"reviewer"}, {"reviewHeld"}),
)
"""Roles of which one is enough for these actions, whatever the rights are."""


@dataclass(frozen=True)
class Mark:
    level: int
    compartments: frozenset[str] = frozenset()

    def above(self, other: Mark) -> bool:
        return self.level >= other.level and self.compartments >= other.compartments


@dataclass(frozen=True)
class Person:
    id: str
    cleared: Mark
    active: bool = True
    roles: tuple[tuple[str, int | None, int | None], ...] = ()
    """Role, from when, until before when."""
    groups: frozenset[str] = frozenset()
    facts: tuple[tuple[str, str, int | None], ...] = ()
    """Attribute, value, until before when."""


@dataclass(frozen=True)
class Gift:
    id: str
    what: Ref
    group: bool
    to: str
    rights: frozenset[str]
    depth: int
    by: str
    parent: str | None
    ends: int | None


@dataclass(frozen=True)
class Thing:
    kind: str
    id: str
    owner: str | None = None
    inside: tuple[tuple[str, str, str | None], ...] = ()
    cleared: Mark = field(default_factory=lambda: Mark(0))


@dataclass(frozen=True)
class Key:
    """What a key was made for; nothing binds it where a set is empty."""

    purposes: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()


@dataclass(frozen=True)
class World:
    people: dict[str, Person]
    gifts: dict[str, Gift]
    inherits: dict[str, tuple[str, ...]]
    opens: int
    """The window ``day`` is open from here …"""
    closes: int
    """… until before here, every 24 hours of UTC."""
    fresh_ms: int
    """The step ``recent`` takes a sign-in that is younger."""


@dataclass(frozen=True)
class Question:
    who: str
    action: str
    thing: Thing
    mark: Mark
    now: int
    scopes: frozenset[str] = frozenset()
    signed_in: int | None = None
    inside_office: bool = False
    purpose: str | None = None
    target: Mark | None = None
    own_grant: bool = False
    key: Key = field(default_factory=Key)
    means: frozenset[str] | None = frozenset()
    """How they signed in; ``None``: they did not, it is a key."""
    beside: tuple[frozenset[str], Key] | None = None
    """The scopes and the bounds of the certificate that the credential came with."""


def roles_of(world: World, who: Person, now: int) -> set[str]:
    """RBAC: those that hold now, and all that they inherit."""
    found = {name for name, begins, ends in who.roles if (begins is None or begins <= now) and (ends is None or now < ends)}
    while more := {other for name in found for other in world.inherits.get(name, ())} - found:
        found |= more
    return found


def carries(world: World, gift: Gift, owner: str | None, now: int) -> frozenset[str]:
    """DAC: what a gift is worth, by the gift that it came of."""
    if gift.ends is not None and now >= gift.ends:
        return frozenset()
    if gift.parent is None:
        return gift.rights if owner == gift.by else frozenset()
    above = world.gifts.get(gift.parent)
    if above is None or above.what != gift.what or not 0 <= gift.depth < above.depth or "share" not in above.rights:
        return frozenset()
    if gift.by not in world.people or not reaches(above, world.people[gift.by]):
        return frozenset()
    return gift.rights & carries(world, above, owner, now)


def reaches(gift: Gift, who: Person) -> bool:
    return gift.to in who.groups if gift.group else gift.to == who.id


def rights_of(world: World, who: Person, thing: Thing, now: int) -> set[str]:
    """DAC: with one's own everything, with others' what was given."""
    found: set[str] = set()
    for kind, name, owner in ((thing.kind, thing.id, thing.owner), *thing.inside):
        if owner == who.id:
            return {"read", "use", "share", "admin"}
        for gift in world.gifts.values():
            if gift.what == (kind, name) and reaches(gift, who):
                found |= carries(world, gift, owner, now)
    return found


def mandatory(asked: Question, who: Person) -> bool:
    """MAC: no read up, no write down; whatever anybody permits."""
    own = asked.thing.owner == who.id
    match asked.action:
        case "infer" | "embed" | "exportData":
            return who.cleared.above(asked.mark) and asked.thing.cleared.above(asked.mark)
        case "viewExchange":
            return own or who.cleared.above(asked.mark)
        case "declassify" | "readData" | "useData" | "changeData":
            return who.cleared.above(asked.mark)
        case "shareData":
            return who.cleared.above(asked.mark) and (asked.target is None or asked.target.above(asked.mark))
        case "approveRole" | "activatePolicies" | "approveModel" | "overrideModel":
            return not own
        case "reviewHeld":
            return not own and who.cleared.above(asked.mark)
        case "readHeld":
            return own and who.cleared.above(asked.mark)
    return True


def circumstantial(world: World, asked: Question, who: Person) -> bool:
    """ABAC, as ``EXTRA`` in the test has it: each line forbids by itself."""
    facts = {(name, value) for name, value, ends in who.facts if ends is None or asked.now < ends}
    time = asked.now % 86_400_000
    recent = asked.signed_in is not None and 0 <= asked.now - asked.signed_in < world.fresh_ms
    if asked.action == "infer" and ("department", "contractors") in facts and not world.opens <= time < world.closes:
        return False
    if asked.action == "declassify" and not recent:
        return False
    if asked.action in MODEL and ("signal", "risk") in facts:
        return False
    strong = bool((asked.means or set()) & HAD)
    if asked.action == "administer" and not strong:
        return False
    if asked.means is not None and "chief" in roles_of(world, who, asked.now) and not strong:
        return False  # a chief's session does nothing without a second factor
    if asked.action == "infer" and asked.purpose == "care" and ("training", "privacy") not in facts:
        return False
    return not (asked.action == "embed" and ("device", "unmanaged") in facts and not asked.inside_office)


def permitted(world: World, asked: Question, who: Person) -> bool:
    """RBAC and DAC, as the starter policies have them: default deny."""
    roles, rights = roles_of(world, who, asked.now), rights_of(world, who, asked.thing, asked.now)
    own = asked.thing.owner == who.id
    if asked.action in KEPT:
        return bool(rights & KEPT[asked.action])
    if any(roles & holders and asked.action in actions for holders, actions in ENOUGH):
        return True
    match asked.action:
        case "viewConsole" | "approveRole" | "exportData":
            return True
        case "viewExchange" | "readReceipt":
            return own or "read" in rights
        case "declassify":
            return "data-steward" in roles and not own
        case "shareData":
            return "share" in rights
        case "revokeShare":
            return "admin" in rights or asked.own_grant
        case "requestRole" | "readHeld":
            return own
    return False


def within(asked: Question, key: Key) -> bool:
    """What a key was made for: the office is 10.0.0.0/8, and whoever is not there is at 192.0.2.1."""
    reached = {"office", "10.1.0.0/16"} if asked.inside_office else {"192.0.2.1/32"}
    if key.models and asked.thing.kind == "Model" and asked.thing.id not in key.models:
        return False
    if key.networks and not key.networks & reached:
        return False
    if not key.purposes or asked.purpose in key.purposes:
        return True
    return asked.purpose is None and asked.action not in {"infer", "embed", "useData"}


def decide(world: World, asked: Question) -> bool:
    """All four together: what is forbidden by one is permitted by none."""
    who = world.people[asked.who]
    presented = [(asked.scopes, asked.key), *([asked.beside] if asked.beside is not None else [])]
    if not who.active or not all((not scopes or asked.action in scopes) and within(asked, key) for scopes, key in presented):
        return False
    return mandatory(asked, who) and circumstantial(world, asked, who) and permitted(world, asked, who)
