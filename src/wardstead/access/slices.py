"""The policies that can matter to a question: those whose scope fits its action and person. The others decide nothing.

Cedar looks at every policy for each question: a thousand policies cost a thousand scopes. One whose scope names another action,
or a role or group that the person is not in, is not satisfied and cannot err: without it the answer, its reasons and its errors
are the same, since Cedar checks a scope before it evaluates a condition. People with the same roles and groups share a slice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import cedarpy

_CAPACITY: Final = 2000
_ACTION_GROUPS: Final = re.compile(r"\baction\b[^;{]*\bin\b")
_TEXT: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*')


@dataclass(frozen=True, slots=True)
class _Entity:
    """Whom a scope names."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class _Policy:
    """A policy of which the scope is known, as a member of Cedar's JSON; annotations decide nothing."""

    member: str
    about: _Entity | None
    actions: frozenset[str] | None


class Slices:
    """Policy sets by action, roles and groups, made when they are first asked for. Safe for threads."""

    __slots__ = ("_by_action", "_made", "_people")

    def __init__(self, policies: Mapping[str, Any], schema: str, actions: frozenset[str]) -> None:
        """``policies``: Cedar's JSON of each, by id; ``actions``: those that may be asked."""
        grouped = groups_actions(schema)
        known = [_policy(name, one, grouped=grouped) for name, one in policies.items()]
        self._by_action = {
            action: tuple(one for one in known if one.actions is None or action in one.actions) for action in actions
        }
        self._people = frozenset(one.about.id for one in known if one.about is not None and one.about.type == "User")
        """Those whom a policy names: their slices are their own."""
        self._made: dict[tuple[object, ...], Any] = {}

    def of(self, action: str, who: str, roles: frozenset[str], groups: frozenset[str]) -> Any:
        """The policy set for a question."""
        key = (action, roles, groups, who if who in self._people else "")
        made = self._made.get(key)
        if made is None:
            fitting = ",".join(one.member for one in self._by_action[action] if _may_fit(one.about, who, roles, groups))
            document = f'{{"staticPolicies":{{{fitting}}},"templates":{{}},"templateLinks":[]}}'
            if len(self._made) >= _CAPACITY:
                self._made.clear()
            self._made[key] = made = cedarpy.PolicySet.from_json_str(document)
        return made


def groups_actions(schema: str) -> bool:
    """Whether an action may be in another: a scope then means actions that it does not name."""
    return bool(_ACTION_GROUPS.search(_TEXT.sub("", schema)))


def _policy(name: str, one: Mapping[str, Any], *, grouped: bool) -> _Policy:
    scope, action = one["principal"], one["action"]
    entity = scope.get("entity") or (scope.get("in") or {}).get("entity")
    named = [action["entity"]] if "entity" in action else action.get("entities")
    body = {key: value for key, value in one.items() if key != "annotations"}
    return _Policy(
        f"{json.dumps(name)}:{json.dumps(body)}",
        _Entity(entity["type"], entity["id"]) if entity else None,
        None if grouped or named is None else frozenset(other["id"] for other in named),
    )


def _may_fit(about: _Entity | None, who: str, roles: frozenset[str], groups: frozenset[str]) -> bool:
    """Whether a policy may be about this person. What is not known to leave them out may."""
    if about is None:
        return True
    match about.type:
        case "Role":
            return about.id in roles
        case "Group":
            return about.id in groups
        case "User":
            return about.id == who
    return True
