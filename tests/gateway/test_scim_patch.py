"""What PATCH makes of people and groups is what a few lines of plain Python make of them (RFC 7644, section 3.5.2)."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wardstead.access.provisioning import GroupSaid, KeptGroup
from wardstead.gateway.protocol.scim import Group, Person, described, group_of, group_said, patched

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
WORDS = st.text("abcXYZ é.", min_size=1, max_size=6).filter(lambda text: text.strip() == text)
SINGLE = {"displayName": WORDS, "title": WORDS, "userType": WORDS, "active": st.booleans(), "externalId": WORDS}
IDS = [f"id-{number}" for number in range(5)]
Operation = dict[str, Any]


def cased(path: str, lower: bool) -> str:
    """Names of attributes are compared without regard to case."""
    return path.lower() if lower else path


@st.composite
def of_people(draw: st.DrawFn) -> Operation:
    name = draw(st.sampled_from(sorted(SINGLE)))
    op, lower = draw(st.sampled_from(["add", "replace", "remove"])), draw(st.booleans())
    if op == "remove":
        return {"op": op, "path": cased(name, lower)}
    value = draw(SINGLE[name])
    if draw(st.booleans()):
        return {"op": op, "value": {name: value}}
    return {"op": draw(st.sampled_from([op, op.capitalize()])), "path": cased(name, lower), "value": value}


@st.composite
def of_groups(draw: st.DrawFn) -> Operation:
    some = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True))
    op = draw(st.sampled_from(["add", "replace", "remove", "remove all"]))
    if op == "remove":
        return {"op": "remove", "path": f'members[value eq "{some[0]}"]'}
    if op == "remove all":
        return {"op": "remove", "path": "members"}
    members = [{"value": one} for one in some]
    return {"op": op, "value": {"members": members}} if draw(st.booleans()) else {"op": op, "path": "members", "value": members}


def person_by_hand(document: dict[str, Any], operations: list[Operation]) -> dict[str, Any]:
    """The reference."""
    names, made = {name.lower(): name for name in SINGLE}, dict(document)
    for one in operations:
        path = names.get(one.get("path", "").lower())
        if one["op"] == "remove":
            made.pop(str(path), None)
        else:
            made |= {path: one["value"]} if path else one["value"]
    return made


def members_by_hand(members: frozenset[str], operations: list[Operation]) -> frozenset[str]:
    """The reference."""
    for one in operations:
        value = one.get("value", [])
        given = {member["value"] for member in (value["members"] if isinstance(value, dict) else value)}
        path = one.get("path", "")
        if one["op"] == "remove":
            members = members - {path.partition('"')[2].rstrip('"]')} if "[" in path else frozenset()
        else:
            members = frozenset(given) | (members if one["op"] == "add" else frozenset())
    return members


def body(operations: list[Operation]) -> bytes:
    return json.dumps({"schemas": [PATCH], "Operations": operations}).encode()


@given(st.fixed_dictionaries({}, optional=SINGLE), st.lists(of_people(), min_size=1, max_size=5))
def test_a_person_is_what_the_operations_say(document: dict[str, Any], operations: list[Operation]) -> None:
    before = Person.model_validate({"schemas": [str(Person.__schema__)], "userName": "ann", **document})
    shown = before.model_dump()
    made = described(patched(Person, body(operations))(before))
    wanted = person_by_hand(document, operations)
    assert made.name == "ann"
    assert made.external_id == wanted.get("externalId", "")
    assert made.active is wanted.get("active", True)
    assert {name: made.document.get(name) for name in ("displayName", "title", "userType")} == {
        name: wanted.get(name) for name in ("displayName", "title", "userType")
    }
    assert made.facts == {name: wanted[name] for name in ("title", "userType") if wanted.get(name)}
    assert before.model_dump() == shown, "what was kept before is left alone"


@given(st.frozensets(st.sampled_from(IDS)), st.lists(of_groups(), min_size=1, max_size=5))
def test_a_group_has_whom_the_operations_say(members: frozenset[str], operations: list[Operation]) -> None:
    kept = KeptGroup("g", GroupSaid("staff", "", members), 1, 0, 0)
    made = group_said(patched(Group, body(operations))(group_of(kept, "https://here/scim/v2")))
    assert made == GroupSaid("staff", "", members_by_hand(members, operations))
