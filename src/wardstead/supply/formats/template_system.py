"""Whether system prompts get through a template: they hold the rules that the operator gave to the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from jinja2 import nodes

from wardstead.supply.formats.template_conditions import (
    ROLES,
    compares,
    every,
    is_said,
    name_of,
    negated,
    roles_of,
    tests_role,
    texts_of,
)

Found = Iterator[tuple[str, int, str]]
_BODIES: Final = (nodes.Macro, nodes.CallBlock, nodes.FilterBlock, nodes.With, nodes.Block, nodes.Scope, nodes.AssignBlock)


def left_out(tree: nodes.Template) -> Found:
    tested = [one for one in tree.find_all(nodes.Compare) if _names_system(one)]
    rejected = [one for one in tree.find_all(nodes.Filter) if _sorts_out(one)]
    line = min((one.lineno for one in [*tested, *rejected]), default=0)
    if tested or rejected:
        read = {one.name for one in tree.find_all(nodes.Name) if one.ctx == "load"}
        read |= {one.attr for one in tree.find_all(nodes.Getattr)}
        if not _shows(tree.body, read, system=False):
            yield "template-system-dropped", line, "it knows system prompts and never shows one"
        for branch in tree.find_all(nodes.If):
            if asks_for_system(branch.test) and _cuts(branch.body) and not _shows(branch.body, read, system=True):
                yield "template-system-dropped", branch.lineno, "it cuts the system prompt off and goes on without it"
    else:
        yield from _ignored(tree)


def _ignored(tree: nodes.Template) -> Found:
    """Loops over the messages that show some roles and have no word for the others."""
    for loop in tree.find_all(nodes.For):
        branches = [one for one in loop.body if isinstance(one, nodes.If) and roles_of(one.test)]
        plain = any(is_said(each) for one in loop.body if isinstance(one, nodes.Output) for each in one.nodes)
        if branches and not plain and not any(one.else_ for one in branches):
            yield "template-system-ignored", branches[0].lineno, "it has no words for system prompts"


def _shows(body: list[nodes.Node], read: set[str], *, system: bool) -> bool:
    """Whether what a system prompt says can come out of ``body``. ``system``: what is read here is one, for sure."""
    for node in body:
        if _node_shows(node, read, system=system):
            return True
        leaves = isinstance(node, nodes.If) and any(isinstance(one, nodes.Continue | nodes.Break) for one in node.body)
        if isinstance(node, nodes.If) and leaves and asks_for_system(node.test):
            return False
    return False


def _node_shows(node: nodes.Node, read: set[str], *, system: bool) -> bool:
    shows = False
    if isinstance(node, nodes.If):
        shows = _branch_shows(node, read, system=system)
    elif isinstance(node, nodes.For):
        filtered = (node.test is not None and _excludes(node.test)) or any(map(_sorts_out, every(node.iter, nodes.Filter)))
        shows = not filtered and _shows([*node.body, *node.else_], read, system=system)
    elif isinstance(node, nodes.Output | nodes.ExprStmt):
        shows = _refuses(node) or any(_shown(one) for one in every(node, nodes.Expr))
    elif isinstance(node, nodes.Assign):
        target = getattr(node.target, "name", getattr(node.target, "attr", ""))
        shows = system and (is_said(node.node) or _whole(node.node)) and target in read
    elif isinstance(node, _BODIES):
        shows = _shows(node.body, read, system=system)
    return shows


_ATTRIBUTES: Final = frozenset({"system_prompt", "system_message", "system", "sys", "system_content", "instructions"})
"""Of namespaces, names under which templates keep a system prompt."""


def _whole(node: nodes.Node) -> bool:
    """Whether it is one message, as it came."""
    return isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, int)


def _branch_shows(node: nodes.If, read: set[str], *, system: bool) -> bool:
    before = False
    for one in (node, *node.elif_):
        if not _excludes(one.test) and _shows(one.body, read, system=system or asks_for_system(one.test)):
            return True
        before = before or asks_for_system(one.test)
    # What is left behind a branch for system prompts is none, unless that branch wants something else as well.
    left = any(_excludes(one.test) or _wants_none(one.test) for one in (node, *node.elif_))
    return not before and _shows(node.else_, read, system=system or left)


def _shown(node: nodes.Node) -> bool:
    """Whether an expression says what somebody said, or hands a whole message on; not one that says it of others alone."""
    if isinstance(node, nodes.CondExpr):
        return (not _excludes(node.test) and _shown(node.expr1)) or (node.expr2 is not None and _shown(node.expr2))
    if isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Name):
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
            return False
        return is_said(node) or name_of(node) in {"message", "messages", *_ATTRIBUTES}
    return False


def _refuses(node: nodes.Node) -> bool:
    return any(isinstance(one, nodes.Call) and name_of(one.node) == "raise_exception" for one in every(node, nodes.Call))


def _cuts(body: list[nodes.Node]) -> bool:
    """Whether it goes on with all messages but the first."""
    items = [each for one in body if isinstance(one, nodes.Assign) for each in every(one.node, nodes.Getitem)]
    return any(isinstance(one.arg, nodes.Slice) for one in items)


def _sorts_out(node: nodes.Filter) -> bool:
    words = texts_of(node)
    unequal = node.name == "selectattr" and bool(words & {"ne", "!="})
    return "system" in words and (node.name == "rejectattr" or unequal)


def _names_system(node: nodes.Compare) -> bool:
    return any(tests_role(node, one) for one in ("system", "developer"))


def _first(node: nodes.Compare) -> bool:
    """Whether it asks about the first message alone, which says nothing of the one at hand."""
    items = [one for one in every(node, nodes.Getitem) if isinstance(one.node, nodes.Name)]
    return any(isinstance(one.arg, nodes.Const) and isinstance(one.arg.value, int) for one in items)


def _wants_none(test: nodes.Node) -> bool:
    """Whether a condition holds where what it asks about, be it the first message, is no system prompt, and asks nothing else."""
    return isinstance(test, nodes.Compare) and test.ops[0].op == "ne" and _names_system(test)


def asks_for_system(test: nodes.Node) -> bool:
    """Whether a condition holds for system prompts, and asks for them."""
    return not negated(test) and any(_names_system(one) and one.ops[0].op in {"eq", "in"} for one in compares(test))


def _excludes(test: nodes.Node) -> bool:
    """Whether a condition holds for no system prompt."""
    if isinstance(test, nodes.Not):
        return asks_for_system(test.node)
    if isinstance(test, nodes.Or):
        return _excludes(test.left) and _excludes(test.right)
    if isinstance(test, nodes.And):
        return _excludes(test.left) or _excludes(test.right)
    if not isinstance(test, nodes.Compare) or _first(test):
        return False
    op = test.ops[0].op
    if op in {"ne", "notin"}:
        return _names_system(test)
    return op in {"eq", "in"} and not _names_system(test) and any(tests_role(test, one) for one in ROLES)
