"""Policies as they are written: each with its file and line, its scope, and what its conditions say of names.

Of a condition that is a conjunction the parts hold together; what stands in an ``||``, an ``if`` or a negation may or may not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cedarpy

ASKED_ROLE: Final = "context.role"
"""The role that somebody asks for, and not one that they have."""
_NO_CODE: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*')
_NO_RESOURCES: Final = frozenset({"User", "Role", "Group", "Action", "Model", "Sink", "Console"})
"""Principals, actions, and what is asked about whether it is named or not."""
_NAMES: Final = {
    **{one: one for one in ("windows", "networks", "fresh", "signals", "strength", "lacks")},
    **{one: one for one in ("purpose", "application", "conversation", "credential")},
    "role": ASKED_ROLE,
}  # fmt: skip
"""Of the context: what policies compare with names, and as what it is mentioned."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A policy speaks of a value: ``of`` is ``windows`` or another set of the context, ``purpose`` or another text of it,
    ``role`` or an attribute, as ``principal.department``. ``value`` is ``None`` where the attribute alone is named.
    """

    of: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom, what and on what: ``None`` for all. ``principal`` and ``resource``: how (``in``, ``==``, ``is``), type and id."""

    principal: tuple[str, str, str] | None
    actions: frozenset[str] | None
    resource: tuple[str, str, str] | None


@dataclass(frozen=True, slots=True)
class WrittenPolicy:
    """One policy. ``conditions``: what must all hold, as Cedar's JSON in one form; of an ``unless`` its negation."""

    id: str
    named: bool
    effect: str
    where: str
    scope: Scope
    conditions: frozenset[str]
    mentions: frozenset[Mention]
    parts: tuple[Any, ...]
    """The same conditions, to be looked into."""
    context: frozenset[str]
    """What of the context they look at."""
    resources: frozenset[tuple[str, str]]
    """Type and id of everything that it names, beside people, roles and groups."""


def read_policies(files: Mapping[str, str]) -> tuple[WrittenPolicy, ...]:
    """Every policy of texts that are valid, in their order."""
    return tuple(_policy(parsed, where) for where, parts in _parts(files) for parsed in parts["staticPolicies"].values())


def templates(files: Mapping[str, str]) -> tuple[str, ...]:
    """Where policies begin that have a place to be filled in: nobody fills it in here, so they are never in force."""
    return tuple(where for where, parts in _parts(files) if parts["templates"])


def _parts(files: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each policy as Cedar's JSON has it, and where it begins."""
    for name in sorted(files):
        yield from _parts_of(name, files[name])


def _parts_of(name: str, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    code = _NO_CODE.sub(lambda found: " " * len(found[0]), text)
    begin = 0
    while (end := code.find(";", begin) + 1) > 0:
        first = begin + len(code[begin:end]) - len(code[begin:end].lstrip())
        where = f"{name}:{1 + text.count(chr(10), 0, first)}"
        yield where, json.loads(cedarpy.policies_to_json_str(text[begin:end]))
        begin = end


def _policy(parsed: Mapping[str, Any], where: str) -> WrittenPolicy:
    notes = parsed.get("annotations") or {}
    parts = tuple(part for one in parsed["conditions"] for part in _conjuncts(one))
    action = parsed["action"]
    named = [action["entity"]] if "entity" in action else action.get("entities")
    scope = Scope(
        _entity(parsed["principal"]),
        None if named is None else frozenset(one["id"] for one in named),
        _entity(parsed["resource"]),
    )
    mentions = frozenset(mention for one in parsed["conditions"] for mention in _mentions(one["body"]))
    if scope.principal is not None and scope.principal[1] == "Role":
        mentions |= {Mention("role", scope.principal[2])}
    return WrittenPolicy(
        notes.get("id") or where, "id" in notes, parsed["effect"], where, scope,
        frozenset(json.dumps(one, sort_keys=True) for one in parts), mentions, parts,
        frozenset(_of_context([one["body"] for one in parsed["conditions"]])),
        frozenset(one for one in _entities(dict(parsed)) if one[0] not in _NO_RESOURCES),
    )  # fmt: skip


def _entity(scope: Mapping[str, Any]) -> tuple[str, str, str] | None:
    if scope["op"] == "All":
        return None
    entity = scope.get("entity") or (scope.get("in") or {}).get("entity") or {}
    return scope["op"], entity.get("type") or scope.get("entity_type", ""), entity.get("id", "")


def _conjuncts(condition: Mapping[str, Any]) -> Iterator[Any]:
    """The parts that must all hold."""
    if condition["kind"] == "unless":
        yield from _negated(condition["body"])
    else:
        yield from _all_of(condition["body"])


def _all_of(body: Any) -> Iterator[Any]:
    if isinstance(body, dict) and "&&" in body:
        yield from _all_of(body["&&"]["left"])
        yield from _all_of(body["&&"]["right"])
    elif isinstance(body, dict) and "!" in body:
        yield from _negated(body["!"]["arg"])
    else:
        yield body


def _negated(body: Any) -> Iterator[Any]:
    """Not (a or b) is not a, and not b."""
    if isinstance(body, dict) and "||" in body:
        yield from _negated(body["||"]["left"])
        yield from _negated(body["||"]["right"])
    elif isinstance(body, dict) and "!" in body:
        yield from _all_of(body["!"]["arg"])
    else:
        yield {"!": {"arg": body}}


def path_of(body: Any) -> str:
    """``context.purpose`` or ``principal.department``; empty for anything else."""
    if isinstance(body, dict) and "." in body:
        left = body["."]["left"]
        if isinstance(left, dict) and "Var" in left:
            return f"{left['Var']}.{body['.']['attr']}"
    return ""


def literals(body: Any) -> tuple[str, ...]:
    """The texts that a value or a set of values is written as; empty where it is something else."""
    if isinstance(body, dict) and isinstance(body.get("Value"), str):
        return (body["Value"],)
    if isinstance(body, dict) and isinstance(body.get("Set"), list):
        found = [literals(one) for one in body["Set"]]
        return tuple(value for one in found for value in one) if all(len(one) == 1 for one in found) else ()
    return ()


def _mentions(body: Any) -> Iterator[Mention]:
    if isinstance(body, list):
        for one in body:
            yield from _mentions(one)
        return
    if not isinstance(body, dict):
        return
    for op in ("==", "!=", "contains", "containsAny", "containsAll"):
        if isinstance(body.get(op), dict):
            yield from _compared(body[op].get("left"), body[op].get("right"))
    if isinstance(body.get("in"), dict):
        entity = body["in"].get("right")
        value = entity.get("Value") if isinstance(entity, dict) else None
        if isinstance(value, dict) and value.get("__entity", {}).get("type") == "Role":
            yield Mention("role", value["__entity"]["id"])
    if (path := path_of(body)).startswith("principal."):
        yield Mention(path, None)
    if isinstance(body.get("has"), dict) and body["has"].get("left") == {"Var": "principal"}:
        yield Mention(f"principal.{body['has']['attr']}", None)
    for value in body.values():
        yield from _mentions(value)


def _compared(left: Any, right: Any) -> Iterator[Mention]:
    for one, other in ((left, right), (right, left)):
        path = path_of(one)
        name = path.removeprefix("context.")
        if path.startswith("principal.") or (path.startswith("context.") and name in _NAMES):
            for value in literals(other):
                yield Mention(path if path.startswith("principal.") else _NAMES[name], value)


def _entities(part: Any) -> Iterator[tuple[str, str]]:
    """Everything that is named: in a scope as ``{"type", "id"}``, in a condition the same within ``__entity``."""
    if isinstance(part, list):
        for one in part:
            yield from _entities(one)
    elif isinstance(part, dict):
        if isinstance(part.get("type"), str) and isinstance(part.get("id"), str):
            yield part["type"], part["id"]
        for inner in part.values():
            yield from _entities(inner)


def _of_context(body: Any) -> Iterator[str]:
    """``context.name`` and ``context has name``."""
    if isinstance(body, list):
        for one in body:
            yield from _of_context(one)
    elif isinstance(body, dict):
        for key, inner in body.items():
            if key in {".", "has"} and inner.get("left") == {"Var": "context"}:
                yield inner["attr"]
            yield from _of_context(inner)
