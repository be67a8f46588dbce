"""A slice decides as the whole set does: the same answer, the same reasons, the same errors."""

from __future__ import annotations

import json
from typing import Any

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.access.worlds import SCHEMA

from wardstead.access.slices import Slices

ACTIONS = ["infer", "embed", "viewConsole"]
PRINCIPALS = st.sampled_from([
    "principal",
    'principal == User::"ann"', 'principal == User::"bob"', 'principal in Role::"user"', 'principal in Role::"admin"',
    'principal in Group::"g"', "principal is User", 'principal is User in Role::"admin"', 'principal in User::"ann"',
])  # fmt: skip
SCOPES = st.sampled_from([
    "action", 'action == Action::"infer"', 'action in Action::"infer"', 'action in [Action::"infer", Action::"embed"]',
    'action == Action::"viewConsole"', 'action in Action::"reading"',
])  # fmt: skip
CONDITIONS = st.sampled_from(["", "when { true }", "when { 9223372036854775807 + context.labelLevel > 0 }", "unless { true }"])
POLICY = st.tuples(st.sampled_from(["permit", "forbid"]), PRINCIPALS, SCOPES, CONDITIONS).map(
    lambda one: f"{one[0]} ({one[1]}, {one[2]}, resource) {one[3]};"
)


def ask(policies: Any, who: str, action: str, parents: list[tuple[str, str]]) -> tuple[bool, list[str], int]:
    above = [{"type": "Action", "id": "reading"}] if action == "embed" else []
    entities = [
        {"uid": {"type": "User", "id": who}, "attrs": {}, "parents": [{"type": kind, "id": one} for kind, one in parents]},
        {"uid": {"type": "Action", "id": action}, "attrs": {}, "parents": above},
    ]
    request = {
        "principal": {"type": "User", "id": who}, "action": {"type": "Action", "id": action},
        "resource": {"type": "Model", "id": "m"}, "context": {"labelLevel": 1},
    }  # fmt: skip
    result = cedarpy.is_authorized(request, policies, entities)
    return result.allowed, sorted(result.diagnostics.reasons), len(result.diagnostics.errors)


@given(
    st.lists(POLICY, min_size=1, max_size=12),
    st.sampled_from(["ann", "bob", "cem"]),
    st.sampled_from(ACTIONS),
    st.frozensets(st.sampled_from(["user", "admin"])),
    st.frozensets(st.just("g")),
)
def test_what_is_left_out_decides_nothing(
    texts: list[str], who: str, action: str, roles: frozenset[str], groups: frozenset[str]
) -> None:
    text = "\n".join(texts)
    static = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    slices = Slices(static, "action reading; action embed in [reading];", frozenset(ACTIONS))
    parents = [("Role", one) for one in sorted(roles)] + [("Group", one) for one in sorted(groups)]
    whole = ask(cedarpy.PolicySet.from_str(text), who, action, parents)
    assert ask(slices.of(action, who, roles, groups), who, action, parents) == whole
    if action != "embed":
        plain = Slices(static, SCHEMA, frozenset(ACTIONS))
        assert ask(plain.of(action, who, roles, groups), who, action, parents) == whole


@pytest.mark.parametrize(("who", "own"), [("ann", True), ("bob", False)])
def test_people_with_the_same_roles_share_a_slice_unless_a_policy_names_them(who: str, own: bool) -> None:
    text = 'permit (principal == User::"ann", action, resource); permit (principal in Role::"user", action, resource);'
    static = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    slices = Slices(static, SCHEMA, frozenset(ACTIONS))
    one, other = (slices.of("infer", name, frozenset({"user"}), frozenset()) for name in (who, "cem"))
    assert (one is other) is not own
