"""What a template hears: which expressions are what somebody said, by name or because it was handed on to them.

A condition on the content of a message is a condition all the same where the content was given another name first, or to a macro.
"""

from __future__ import annotations

from typing import Final

from jinja2 import nodes

from wardstead.supply.formats.template_conditions import is_said, name_of

_ROUNDS: Final = 8
"""From name to name; whoever hands it on more often hides something else."""
_COUNTS: Final = frozenset({"length", "count", "wordcount", "int", "float", "abs"})
"""Filters after which nothing is left of the words."""
_WHOLE: Final = frozenset({"tojson", "string", "pprint"})
"""Those that make a text of all that was said."""
_LISTS: Final = frozenset({"messages", "message", "conversation"})
_ASKS: Final = frozenset({"startswith", "endswith", "find", "rfind", "count", "index", "rindex", "isdigit", "isalpha", "isupper"})
"""Methods that tell something of a text, and give none of it on."""


class Heard:
    """Of one template."""

    def __init__(self, tree: nodes.Template) -> None:
        """``tree``: the template, parsed."""
        self._names: set[str] = set()
        macros = {one.name: one for one in tree.find_all(nodes.Macro)}
        assigned = [(_target(one.target), one.node) for one in tree.find_all(nodes.Assign)]
        calls = [one for one in tree.find_all(nodes.Call) if isinstance(one.node, nodes.Name) and one.node.name in macros]
        for _ in range(_ROUNDS):
            known = len(self._names)
            self._names |= {name for name, value in assigned if name and self.gives_on(value)}
            for call in calls:
                parameters = macros[name_of(call.node)].args
                self._names |= {one.name for one, value in zip(parameters, call.args, strict=False) if self.gives_on(value)}
            if len(self._names) == known:
                break

    def __call__(self, node: nodes.Node) -> bool:
        """Whether it is what somebody said, or made of it."""
        return is_said(node) or any(self._is_it(one) for one in (node, *node.find_all(nodes.Node)))

    def gives_on(self, node: nodes.Node) -> bool:
        """Whether some of the words are still in what an expression comes to."""
        inner: list[nodes.Node | None] = []
        match node:
            case nodes.Name() | nodes.NSRef():
                return self._is_it(node) or is_said(node)
            case nodes.Getattr() | nodes.Getitem():
                if is_said(node):
                    return True
                inner = [node.node]
            case nodes.CondExpr():
                inner = [node.expr1, node.expr2]
            case nodes.Filter():
                inner = [node.node] if node.name not in _COUNTS else []
            case nodes.Call(node=nodes.Getattr() as method):
                inner = [method.node] if method.attr not in _ASKS else []
                inner += node.args if method.attr == "join" else []
            case nodes.Concat() | nodes.BinExpr():
                inner = list(node.iter_child_nodes())
        return self._is_it(node) or any(one is not None and self.gives_on(one) for one in inner)

    def _is_it(self, node: nodes.Node) -> bool:
        if isinstance(node, nodes.Name | nodes.NSRef | nodes.Getattr):
            return _target(node) in self._names
        if isinstance(node, nodes.Filter):
            if node.name in _WHOLE and node.node is not None and name_of(node.node) in _LISTS:
                return True
            texts = [one for one in (*node.args, *(each.value for each in node.kwargs)) if isinstance(one, nodes.Const)]
            return node.name in {"map", "attr"} and any(one.value == "content" for one in texts)
        if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Getattr) and node.node.attr == "get":
            return any(isinstance(one, nodes.Const) and one.value == "content" for one in node.args)
        return False


def _target(node: nodes.Node) -> str:
    """What a name is, or a member of a namespace; empty for anything else."""
    if isinstance(node, nodes.NSRef):
        return f"{node.name}.{node.attr}"
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return f"{node.node.name}.{node.attr}"
    return node.name if isinstance(node, nodes.Name) else ""
