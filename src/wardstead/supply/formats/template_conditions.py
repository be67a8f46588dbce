"""What conditions of a template ask: about which role, about what was said."""

from __future__ import annotations

import re
from typing import Any, Final

from jinja2 import nodes

ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "model"})
_CONTENTS: Final = frozenset(
    {"content", "text", "prompt", "query", "user_message", "last_message", "message_content", "user_content"}
)

MARK: Final = re.compile(r"<[^<>\n]{0,60}>|\[/?[A-Z_]{2,40}\]|[\uff5c\u2581]")
"""What parts of a prompt are marked by."""


def is_said(node: nodes.Node) -> bool:
    """Whether an expression is what somebody said."""
    for one in (node, *node.find_all(nodes.Node)):
        name = name_of(one).lower()
        if name in _CONTENTS or name.endswith("is_said"):
            return True
    return False


def name_of(node: nodes.Node) -> str:
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        return node.arg.value
    return node.name if isinstance(node, nodes.Name) else ""


def texts_of(node: nodes.Node) -> set[str]:
    return {one.value for one in node.find_all(nodes.Const) if isinstance(one.value, str)}


def every(node: nodes.Node, kind: type[nodes.Node]) -> list[Any]:
    return [*([node] if isinstance(node, kind) else []), *node.find_all(kind)]


def compares(test: nodes.Node) -> list[nodes.Compare]:
    return [test] if isinstance(test, nodes.Compare) else list(test.find_all(nodes.Compare))


def tests_role(node: nodes.Compare, role: str) -> bool:
    sides = [node.expr, *(one.expr for one in node.ops)]
    named = any(name_of(one).endswith("role") for side in sides for one in (side, *side.find_all(nodes.Node)))
    return named and any(role in ({one.value} if isinstance(one, nodes.Const) else texts_of(one)) for one in sides)


def roles_of(test: nodes.Node) -> list[str]:
    """The roles for which a condition holds, where it holds for one alone."""
    if negated(test):
        return []
    return [role for one in compares(test) if one.ops[0].op == "eq" for role in sorted(ROLES) if tests_role(one, role)]


def negated(test: nodes.Node) -> bool:
    return isinstance(test, nodes.Not)


def mentions(node: nodes.Node, word: str) -> bool:
    every_one = (node, *node.find_all(nodes.Node))
    return any(word in name_of(one) or (isinstance(one, nodes.Const) and one.value == word) for one in every_one)
