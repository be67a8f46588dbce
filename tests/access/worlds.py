"""Generated worlds: one description for the reference, and the same as the product's own values."""

from __future__ import annotations

from importlib.resources import files

from hypothesis import strategies as st
from tests.access.reference import (
    ADMISSION,
    ELEVATION,
    EXCHANGE,
    KEPT,
    MODEL,
    POLICIES,
    SHARING,
    Gift,
    Key,
    Mark,
    Person,
    Question,
    Thing,
    World,
)

from wardstead.access.pdp import ACTIONS, CedarDecisionPoint
from wardstead.access.ports import (
    AccessRequest,
    Attribute,
    Bounds,
    Container,
    Credential,
    CredentialKind,
    Directory,
    GranteeKind,
    Identity,
    Principal,
    Resource,
    ResourceRef,
    Right,
    Share,
    TimedRole,
)
from wardstead.access.rules import load_rules
from wardstead.access.strength import strength_of
from wardstead.kernel.ids import CredentialId, PrincipalId
from wardstead.kernel.labels import STANDARD, Label

FOLDER = files("wardstead.catalogues") / "policies"
MANDATORY = files("wardstead.catalogues") / "mandatory"
SCHEMA = (FOLDER / "schema.cedarschema").read_text()
STARTER = {"10-roles.cedar": (FOLDER / "10-roles.cedar").read_text(), "mandatory": (MANDATORY / "mandatory.cedar").read_text()}
BROUGHT = ("sharing", "data", "strength", "sinks", "activation", "models")
PRODUCT = {
    name: (MANDATORY / f"{name}.cedar").read_text() for name in ("sharing", "data", "strength", "sinks", "activation", "models")
}
EXTRA = """
@id("contractors-by-day")
forbid (principal, action == Action::"infer", resource)
when { principal has department && principal.department == "contractors" } unless { context.windows.contains("day") };
@id("step-up")
forbid (principal, action == Action::"declassify", resource) unless { context.fresh.contains("recent") };
@id("risk")
forbid (principal, action in [Action::"infer", Action::"embed", Action::"listModels"], resource)
when { context.signals.contains("risk") };
@id("trained")
forbid (principal, action == Action::"infer", resource)
when { context has purpose && context.purpose == "care" } unless { principal.training.contains("privacy") };
@id("strong")
forbid (principal, action == Action::"administer", resource) unless { context.strength.contains("second-factor") };
@id("devices")
forbid (principal, action == Action::"embed", resource)
when { principal has device && principal.device == "unmanaged" } unless { context.networks.contains("office") };
"""
RULES = """
version: 1
roles:
  user: {}
  admin: {}
  auditor: {}
  data-steward: {}
  chief: {inherits: [lead], second_factor: true}
  lead: {inherits: [user, data-steward]}
windows:
  day: {zone: UTC, from: "06:00", to: "18:00"}
networks:
  office: [10.0.0.0/8]
fresh:
  recent: 15m
"""
INHERITS = {"chief": ("lead",), "lead": ("user", "data-steward")}
HOUR = 3_600_000
POINT = CedarDecisionPoint(STARTER | {"90-extra.cedar": EXTRA}, SCHEMA, load_rules(RULES, "access.yaml"), product=PRODUCT)

NAMES = ("ann", "bob", "cem", "dee")
START = 1_795_000_000_000 // (24 * HOUR) * (24 * HOUR)
TIMES = st.integers(0, 48).map(lambda half: START + half * HOUR // 2) | st.integers(START, START + 24 * HOUR)
ENDS = st.none() | TIMES
ROLE_NAMES = (
    "user", "admin", "auditor", "data-steward", "lead", "chief", "reviewer", "model-approver", "application", "provisioner",
)  # fmt: skip
MARKS = st.builds(Mark, st.integers(0, 3), st.frozensets(st.sampled_from(["personal", "health"])))
ROLES = st.tuples(st.sampled_from(ROLE_NAMES), ENDS, ENDS)
FACTS = st.tuples(
    st.sampled_from([
        ("department", "contractors"), ("training", "privacy"), ("training", "other"), ("device", "unmanaged"), ("signal", "risk")
    ]),
    ENDS,
).map(lambda one: (*one[0], one[1]))  # fmt: skip
RIGHTS = st.frozensets(st.sampled_from([right.value for right in Right]), min_size=1)
THINGS = (("Exchange", "e1"), ("Conversation", "c1"), ("Document", "d1"), ("Collection", "k1"), ("Template", "t1"))


@st.composite
def people(draw: st.DrawFn) -> dict[str, Person]:
    facts = st.lists(FACTS, max_size=3, unique_by=lambda one: one[:2])
    active = st.sampled_from([True] * 6 + [False])
    groups = st.frozensets(st.sampled_from(["g1", "g2"]))
    return {
        name: Person(name, draw(MARKS), draw(active), tuple(draw(st.lists(ROLES, max_size=3))), draw(groups), tuple(draw(facts)))
        for name in NAMES
    }


@st.composite
def gifts(draw: st.DrawFn) -> dict[str, Gift]:
    found: dict[str, Gift] = {}
    for number in range(draw(st.integers(0, 6))):
        group = draw(st.booleans())
        parent = draw(st.none() | st.sampled_from([*found, "gone"]))
        what = found[parent].what if parent in found and draw(st.booleans()) else draw(st.sampled_from(THINGS))
        to = draw(st.sampled_from(["g1", "g2"] if group else NAMES))
        by = found[parent].to if parent in found and draw(st.booleans()) else draw(st.sampled_from(NAMES))
        rights = draw(RIGHTS | st.just(frozenset({"read", "share"})))
        found[f"s{number}"] = Gift(f"s{number}", what, group, to, rights, draw(st.integers(0, 4)), by, parent, draw(ENDS))
    return found


@st.composite
def worlds(draw: st.DrawFn) -> World:
    return World(draw(people()), draw(gifts()), INHERITS, 6 * HOUR, 18 * HOUR, HOUR // 4)


@st.composite
def timely(draw: st.DrawFn) -> tuple[World, Question, int]:
    """A world in which one thing alone decides, and that for some time: the world, the question, and when it changes."""
    change = START + draw(st.integers(1, 23)) * HOUR
    roles: tuple[tuple[str, int | None, int | None], ...] = (("user", None, None), ("data-steward", None, None))
    facts: tuple[tuple[str, str, int | None], ...] = ()
    action, thing, gift, signed_in = "infer", Thing("Model", "m", cleared=Mark(3)), None, None
    match draw(st.sampled_from(["role", "later role", "window", "signal", "training", "fresh", "share", "chain"])):
        case "role":
            roles = (("lead", None, change),)
        case "later role":
            roles = (("user", change, None),)
        case "window":
            facts, change = (("department", "contractors", None),), START + draw(st.sampled_from([6, 18])) * HOUR
        case "signal":
            facts = (("signal", "risk", change),)
        case "training":
            facts = (("training", "privacy", change),)
        case "fresh":
            action, thing, signed_in = "declassify", Thing("Conversation", "c1", "bob"), change - HOUR // 4
        case "share" | "chain" as kind:
            action, thing = "viewExchange", Thing("Exchange", "e1", "bob", (("Conversation", "c1", "bob"),))
            rights = frozenset({"read", "share"})
            gift = [
                Gift("s0", ("Conversation", "c1"), False, "ann" if kind == "share" else "cem", rights, 1, "bob", None, change)
            ]
            if kind == "chain":
                gift.append(Gift("s1", ("Conversation", "c1"), False, "ann", rights, 0, "cem", "s0", None))
    everybody = {name: Person(name, Mark(3)) for name in NAMES} | {"ann": Person("ann", Mark(3), True, roles, facts=facts)}
    world = World(everybody, {one.id: one for one in gift or ()}, INHERITS, 6 * HOUR, 18 * HOUR, HOUR // 4)
    purpose = "care" if facts and facts[0][0] == "training" else None
    now = change + draw(st.integers(-2, 2) | st.integers(-HOUR // 8, HOUR // 8))
    return world, Question("ann", action, thing, Mark(0), now, signed_in=signed_in, purpose=purpose), change


@st.composite
def things(draw: st.DrawFn, action: str) -> Thing:
    owner = draw(st.none() | st.sampled_from(NAMES))
    if action in MODEL:
        return Thing("Model", "m", cleared=draw(MARKS))
    if action == "exportData":
        return Thing("Sink", "s", cleared=draw(MARKS))
    if action in POLICIES:
        return Thing("PolicyVersion", "p1", owner)
    if action in ADMISSION:
        return Thing("Admission", "a1", owner)
    if action in EXCHANGE:
        return Thing("Exchange", "e1", owner, draw(st.just(()) | st.just((("Conversation", "c1", owner),))))
    if action == "declassify":
        return Thing("Conversation", "c1", owner)
    if action in KEPT:
        inside = draw(st.just(()) | st.sampled_from([None, *NAMES]).map(lambda whose: (("Collection", "k1", whose),)))
        return draw(st.sampled_from([Thing("Document", "d1", owner, inside), *(Thing(*one, owner) for one in THINGS[3:])]))
    if action in SHARING:
        return Thing(*draw(st.sampled_from(THINGS)), owner)
    return Thing("Elevation", "r1", owner) if action in ELEVATION else Thing("Console", "c")


def bound_to(*names: str) -> st.SearchStrategy[frozenset[str]]:
    return st.just(frozenset[str]()) | st.frozensets(st.sampled_from(names))


PURPOSES, NETWORKS, MODELS = ("care", "billing"), ("office", "10.1.0.0/16", "192.0.2.1/32", "undeclared"), ("m", "other")
KEYS = st.builds(Key, bound_to(*PURPOSES), bound_to(*NETWORKS), bound_to(*MODELS))


MEANS = st.none() | st.frozensets(st.sampled_from(["password", "provider", "code", "recovery-code", "passkey"]))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    action = draw(st.sampled_from(sorted(KNOWN)))
    now = draw(TIMES)
    return Question(
        draw(st.sampled_from(NAMES)), action, draw(things(action)), draw(MARKS), now,
        draw(st.just(frozenset()) | st.frozensets(st.sampled_from(sorted(KNOWN)))),
        draw(st.none() | st.integers(0, 40).map(lambda minutes: now - minutes * 60_000)),
        draw(st.booleans()), draw(st.none() | st.just("care")),
        draw(st.none() | MARKS) if action == "shareData" else None,
        draw(st.booleans()) if action == "revokeShare" else False,
        draw(st.just(Key()) | KEYS),
        draw(MEANS),
        draw(st.none() | st.tuples(bound_to(*sorted(KNOWN)), KEYS)),
    )  # fmt: skip


KNOWN = frozenset({
    *MODEL, *EXCHANGE, *KEPT, *SHARING, *ELEVATION, *POLICIES, *ADMISSION, "createData", "exportData", "declassify",
    "viewConsole", "viewLedger", "viewAdministration", "administer", "replayPolicy", "evaluateAccess", "provision",
})  # fmt: skip
assert KNOWN == ACTIONS


def label(mark: Mark) -> Label:
    return STANDARD.label(STANDARD.names[mark.level], mark.compartments)


def directory_of(world: World, version: int = 1) -> Directory:
    principals = {
        PrincipalId(one.id): Principal(
            PrincipalId(one.id), one.id, frozenset(role for role, begins, ends in one.roles if begins is None and ends is None),
            label(one.cleared), one.id, one.active,
            timed_roles=tuple(TimedRole(*role) for role in one.roles if role[1:] != (None, None)),
            groups=one.groups, attributes=tuple(Attribute(*fact) for fact in one.facts),
        )
        for one in world.people.values()
    }  # fmt: skip
    shares = {
        one.id: Share(
            one.id, ResourceRef(*one.what), GranteeKind.GROUP if one.group else GranteeKind.PRINCIPAL, one.to,
            frozenset(map(Right, one.rights)), one.depth, PrincipalId(one.by), one.parent, one.ends,
        )
        for one in world.gifts.values()
    }  # fmt: skip
    return Directory(version, principals, {}, shares)


def bounds_of(key: Key) -> Bounds:
    return Bounds(key.purposes, key.networks, key.models)


def request_of(directory: Directory, asked: Question) -> AccessRequest:
    who = directory.principals[PrincipalId(asked.who)]
    bounds = bounds_of(asked.key)
    name = f"{sorted(asked.scopes)} {asked.signed_in} {asked.key} {None if asked.means is None else sorted(asked.means)}"
    kind, strength = CredentialKind.API_KEY, frozenset[str]()
    if asked.means is not None:
        kind, strength = CredentialKind.SESSION, strength_of(asked.means)
    credential = Credential(
        CredentialId(name), kind, b"", who.id, asked.scopes, authenticated_ms=asked.signed_in, bounds=bounds, strength=strength
    )
    beside = None
    if asked.beside is not None:
        scopes, key = asked.beside
        known_by = CredentialId(f"certificate {sorted(scopes)} {key}")
        beside = Credential(known_by, CredentialKind.CERTIFICATE, b"", who.id, scopes, bounds=bounds_of(key))
    thing = asked.thing
    context: dict[str, str | bool | int] = {"purpose": asked.purpose} if asked.purpose else {}
    if asked.own_grant:
        context["ownGrant"] = True
    owner = PrincipalId(thing.owner) if thing.owner else None
    within = tuple(Container(kind, one, PrincipalId(whose) if whose else None) for kind, one, whose in thing.inside)
    resource = Resource(thing.kind, thing.id, label(thing.cleared), owner, within=within)
    return AccessRequest(
        Identity(who, credential, "10.1.2.3" if asked.inside_office else "192.0.2.1", beside), asked.action, resource,
        label(asked.mark), asked.now, context, label(asked.target) if asked.target else None,
    )  # fmt: skip
