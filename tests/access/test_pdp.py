"""The decision point: default deny, forbid trumps, errors deny. What the four models decide: ``test_models``."""

from __future__ import annotations

from importlib.resources import files

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.pdp import ACTIONS, CedarDecisionPoint
from wardstead.access.ports import AccessRequest, Credential, CredentialKind, Decision, Identity, Principal, Resource
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.ids import CredentialId, PrincipalId
from wardstead.kernel.labels import STANDARD, Label, label

FOLDER = files("wardstead.catalogues") / "policies"
STARTER = {
    "10-roles.cedar": (FOLDER / "10-roles.cedar").read_text(),
    "mandatory": (files("wardstead.catalogues") / "mandatory" / "mandatory.cedar").read_text(),
}
SCHEMA = (FOLDER / "schema.cedarschema").read_text()
POINT = CedarDecisionPoint(STARTER, SCHEMA)

COMPARTMENTS = st.frozensets(st.sampled_from(["personal", "payment", "health"]))
LABELS = st.builds(STANDARD.label, st.sampled_from(STANDARD.names), COMPARTMENTS)
ROLES = st.frozensets(st.sampled_from(["user", "admin", "auditor", "reviewer"]))
MODEL = {"infer", "embed", "listModels"}
HELD = {"reviewHeld", "readHeld"}
EXCHANGE = {"readReceipt", "viewExchange", *HELD}
CONSOLE = {"viewConsole", "viewLedger", "viewAdministration", "administer", "replayPolicy", "evaluateAccess", "provision"}


@st.composite
def requests(draw: st.DrawFn) -> AccessRequest:
    principal = Principal(
        PrincipalId(draw(st.sampled_from(["ann", "bob"]))),
        "x",
        draw(ROLES),
        draw(LABELS),
        active=draw(st.sampled_from([True] * 5 + [False])),
    )
    scopes = draw(st.just(frozenset()) | st.frozensets(st.sampled_from(sorted(ACTIONS))))
    credential = Credential(CredentialId("c"), CredentialKind.API_KEY, b"", principal.id, scopes)
    action = draw(st.sampled_from(sorted(MODEL | EXCHANGE | CONSOLE)))
    kind = "Model" if action in MODEL else "Exchange" if action in EXCHANGE else "Console"
    owner = draw(st.sampled_from([None, PrincipalId("ann"), PrincipalId("bob")])) if kind == "Exchange" else None
    resource = Resource(kind, "r", clearance=draw(LABELS), owner=owner)
    label = draw(LABELS) if kind == "Model" or action in HELD else Label()
    context = draw(st.fixed_dictionaries({}, optional={"purpose": st.sampled_from(["care", "sales"])}))
    return AccessRequest(Identity(principal, credential), action, resource, label, 0, context)


@given(requests())
def test_every_denial_says_why_in_words(request: AccessRequest) -> None:
    decision = POINT.decide(request)
    assert decision.code
    assert decision.allow or len(decision.reason) > 20


@given(requests())
def test_a_reason_tells_a_label_to_whom_is_cleared_for_it_alone(request: AccessRequest) -> None:
    decision = POINT.decide(request)
    told = f"the data's label is {request.label}" in decision.reason
    assert not told or request.identity.principal.clearance.dominates(request.label)


def outcome(decision: Decision) -> tuple[bool, str]:
    """A memo's point knows rights as well: the same decision may have one reason more."""
    return decision.allow, decision.code


@given(st.lists(requests(), max_size=30))
def test_a_memo_never_differs_from_the_point(asked: list[AccessRequest]) -> None:
    memo = MemoisedDecisionPoint(POINT)
    # Two people may share an id only within one snapshot, where they are the same person.
    known: dict[str, Identity] = {}
    for one in asked:
        identity = known.setdefault(one.identity.principal.id, one.identity)
        request = msgspec.structs.replace(one, identity=identity)
        assert outcome(memo.decide(request)) == outcome(POINT.decide(request))
        assert outcome(memo.decide(request)) == outcome(POINT.decide(request))


def test_a_memo_is_not_used_past_its_boundary() -> None:
    class Clocked:
        version = "1"
        asked = 0

        def decide(self, request: AccessRequest) -> Decision:
            self.asked += 1
            return Decision(allow=True, policies=(), reason="", code="allow", not_after_ms=100)

        def networks_of(self, address: str) -> frozenset[str]:
            return frozenset()

        def roles_of(self, who: Principal, now_ms: int) -> frozenset[str]:
            return frozenset()

    point = Clocked()
    memo = MemoisedDecisionPoint(point)
    base = AccessRequest(
        Identity(
            Principal(PrincipalId("ann"), "x"), Credential(CredentialId("c"), CredentialKind.API_KEY, b"", PrincipalId("ann"))
        ),
        "infer",
        Resource("Model", "m"),
    )
    for now, expected in ((0, 1), (100, 1), (101, 2)):
        memo.decide(msgspec.structs.replace(base, now_ms=now))
        assert point.asked == expected


def ask(point: CedarDecisionPoint, action: str = "infer", roles: tuple[str, ...] = ("user",)) -> Decision:
    principal = Principal(PrincipalId("ann"), "ann", frozenset(roles), label("restricted"))
    credential = Credential(CredentialId("c"), CredentialKind.API_KEY, b"", principal.id)
    return point.decide(
        AccessRequest(Identity(principal, credential), action, Resource("Model", "m", clearance=label("restricted")))
    )


def test_an_erroring_forbid_denies() -> None:
    overflow = "9223372036854775807 + context.labelLevel + 1 > 0"
    forbid = f'forbid (principal, action == Action::"infer", resource) when {{ {overflow} }};'
    broken = STARTER | {"90.cedar": forbid}
    assert ask(CedarDecisionPoint(STARTER, SCHEMA)).allow
    decision = ask(CedarDecisionPoint(broken, SCHEMA))
    assert not decision.allow
    assert decision.code == "access.evaluation_error"


def test_no_permit_beats_a_forbid() -> None:
    generous = STARTER | {
        "90.cedar": "permit (principal, action, resource);",
        "91.cedar": '@id("no") forbid (principal, action, resource);',
    }
    decision = ask(CedarDecisionPoint(generous, SCHEMA))
    assert not decision.allow
    assert decision.policies == ("no",)


def test_a_default_deny_names_the_roles_that_would_help() -> None:
    decision = ask(POINT, roles=())
    assert decision.code == "access.default_deny"
    assert decision.reason == "no policy permits you to ask the model m; people with one of these roles may: admin, user"


@pytest.mark.parametrize(
    ("policies", "schema", "where"),
    [
        ({"x.cedar": "permit (principal, action"}, SCHEMA, "x.cedar:1"),
        ({"x.cedar": "// a; b\npermit (principal, action, resource);\n\n// c\npermit (principal) wen;\n"}, SCHEMA, "x.cedar:5"),
        ({"x.cedar": 'permit (principal, action == Action::"fly", resource);'}, SCHEMA, "x.cedar:1"),
        (
            {
                "x.cedar": '// a; b\n@id("a; b")\npermit (principal, action, resource);\n\n@id("c")\n'
                "forbid (principal, action, resource) when { context.nothing };\n"
            },
            SCHEMA,
            "x.cedar:5",
        ),
        ({"x.cedar": "permit (principal, action, resource);"}, "entity {", "schema.cedarschema"),
    ],
)
def test_a_policy_that_does_not_fit_is_refused_by_name(policies: dict[str, str], schema: str, where: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        CedarDecisionPoint(policies, schema)
    assert raised.value.where == where


def test_no_policies_at_all_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        CedarDecisionPoint({}, SCHEMA)


def test_the_version_changes_with_any_text() -> None:
    assert CedarDecisionPoint(STARTER | {"x.cedar": "permit (principal, action, resource);"}, SCHEMA).version != POINT.version
