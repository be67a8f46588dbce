"""What a schema knows, and how a question is put in its words.

A deployment's schema is a file of its own, and may be older than the product: what it does not know is not said, and an action
that needs it is denied (``CedarDecisionPoint.unknown_actions``). Attributes of people are the deployment's to declare: they are
read from the schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import cedarpy

from wardstead.access.ports import AccessRequest, Principal, Resource
from wardstead.access.situation import Situation
from wardstead.kernel.labels import Label

_SETS: Final = ("windows", "networks", "fresh", "signals", "strength", "lacks")
_OWNED: Final = ("Exchange", "Conversation", "Collection", "Document", "Template", "Elevation", "Admission", "PolicyVersion")
_LABELLED: Final = ("Model", "Sink")
WITHIN: Final = {"Exchange": "Conversation", "Document": "Collection"}
"""By type of resource, the type of what it may be part of."""
_CONTEXT: Final = ("purpose", "application", "conversation", "ownGrant", "role")
_OURS: Final = frozenset({"active", "clearanceLevel", "clearanceCompartments"})
OF_RESOURCES: Final = frozenset({"owner", "rights", "clearanceLevel", "clearanceCompartments"})
"""All that policies are told of a resource beside its type, its id and what it is part of."""
_COMMENT: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*')
_USER: Final = re.compile(r"\bentity\s+User\b[^;{]*=?\s*\{([^}]*)\}")
_DECLARED: Final = re.compile(r'"?(\w+)"?\s*\??\s*:\s*(String|Bool|Set\s*<\s*String\s*>)\s*(?:,|$)')


class TypeConfusion(ValueError):
    """Somebody has an attribute whose value the schema does not allow."""


class Vocabulary:
    """Puts questions in the words of one schema. Immutable."""

    __slots__ = ("_attributes", "_context", "_groups", "_owned", "_rights", "_target", "_within", "actions")

    def __init__(self, schema: Any, text: str, actions: frozenset[str]) -> None:
        """``schema`` as Cedar parsed it from ``text``; ``actions``: those of the product."""
        self.actions = frozenset(one for one in actions if _fits(schema, "true", action=f'== Action::"{one}"'))
        """The actions that it knows."""
        self._context = tuple(one for one in _SETS if _fits(schema, f'context.{one}.contains("x")'))
        self._target = _fits(schema, "context has targetLevel && context.targetLevel > 0")
        self._groups = _fits(schema, 'principal in Group::"x"')
        self._owned = tuple(one for one in _OWNED if _fits(schema, "resource has owner", resource=f"is {one}"))
        self._rights = tuple(one for one in _OWNED if _fits(schema, 'resource.rights.contains("read")', resource=f"is {one}"))
        self._within = tuple(
            one for one, whole in WITHIN.items() if _fits(schema, f'resource in {whole}::"x"', resource=f"is {one}")
        )
        self._attributes = {name: kind for name, kind in _declared(text).items() if name not in _OURS}

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets of names that policies may speak of."""
        return self._context

    @property
    def attributes(self) -> Mapping[str, str]:
        """The attributes of people that policies may speak of: ``string``, ``bool`` or ``set``."""
        return self._attributes

    def question(self, request: AccessRequest, now: Situation) -> dict[str, Any]:
        """The request as Cedar takes it."""
        credential = request.identity.credential
        context: dict[str, Any] = {
            "labelLevel": request.label.level.rank,
            "labelCompartments": sorted(request.label.compartments),
            "scopes": sorted(credential.scopes),
            "action": request.action,
            "credential": credential.kind.value,
        }
        context.update({name: request.context[name] for name in _CONTEXT if name in request.context})
        context.update({name: sorted(getattr(now, name)) for name in self._context})
        if request.target is not None and self._target:
            context |= {
                "targetLevel": request.target.level.rank,
                "targetCompartments": sorted(request.target.compartments),
            }
        return {
            "principal": {"type": "User", "id": request.identity.principal.id},
            "action": {"type": "Action", "id": request.action},
            "resource": {"type": request.resource.type, "id": request.resource.id},
            "context": context,
        }

    def entities(self, request: AccessRequest, now: Situation) -> list[dict[str, Any]]:
        """The person and the resource. Raises ``TypeConfusion``."""
        return [self._person(request.identity.principal, now), self._resource(request.resource)]

    def _person(self, who: Principal, now: Situation) -> dict[str, Any]:
        parents = [{"type": "Role", "id": role} for role in sorted(now.roles)]
        if self._groups:
            parents += [{"type": "Group", "id": group} for group in sorted(who.groups)]
        attributes: dict[str, Any] = {"active": who.active, **_label(who.clearance)}
        for name, kind in self._attributes.items():
            values = now.attributes.get(name, frozenset())
            if kind == "set":
                attributes[name] = sorted(values)
            elif values:
                attributes[name] = _one(name, kind, values)
        return {"uid": {"type": "User", "id": who.id}, "attrs": attributes, "parents": parents}

    def _resource(self, resource: Resource) -> dict[str, Any]:
        kind = resource.type
        attributes: dict[str, Any] = _label(resource.clearance) if kind in _LABELLED else {}
        if resource.owner is not None and kind in self._owned:
            attributes["owner"] = {"__entity": {"type": "User", "id": resource.owner}}
        if kind in self._rights:
            attributes["rights"] = sorted(resource.rights)
        within = [{"type": one.type, "id": one.id} for one in resource.within] if kind in self._within else []
        return {"uid": {"type": kind, "id": resource.id}, "attrs": attributes, "parents": within}


def _label(label: Label) -> dict[str, Any]:
    return {"clearanceLevel": label.level.rank, "clearanceCompartments": sorted(label.compartments)}


def _one(name: str, kind: str, values: frozenset[str]) -> str | bool:
    if len(values) != 1 or (kind == "bool" and not values <= {"true", "false"}):
        raise TypeConfusion(name)
    value = next(iter(values))
    return value == "true" if kind == "bool" else value


def _fits(schema: Any, condition: str, *, action: str = "", resource: str = "") -> bool:
    """Whether a policy may say this."""
    policy = f"permit (principal, action {action}, resource {resource}) when {{ {condition} }};"
    return bool(cedarpy.validate_policies(policy, schema).validation_passed)


def _declared(text: str) -> dict[str, str]:
    """The attributes of ``entity User``, with their types."""
    plain = _COMMENT.sub(lambda found: found[0] if found[0].startswith('"') else "", text)
    found = _USER.search(plain)
    if found is None:
        return {}
    declared = _DECLARED.findall(found[1].replace("\n", " "))
    return {name: "set" if kind.startswith("Set") else kind.lower() for name, kind in declared}
