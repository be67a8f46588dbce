"""Templates that take without end: loops over loops, powers, texts that double, macros that call themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from jinja2 import nodes

from wardstead.supply.formats.template_folding import Constants

_TURNS: Final = 1_000_000
_LARGE: Final = 10_000_000
_AGAIN: Final = 3
_WIDE: Final = re.compile(r"[%{:>^<]\s*0?\d{6,}")
Found = Iterator[tuple[str, int, str]]
_RULE: Final = "template-cost"


def costs(tree: nodes.Template, constants: Constants) -> Found:
    """What would take too long."""
    yield from _loops(tree, constants, 1)
    for node in tree.find_all(nodes.Node):
        if isinstance(node, nodes.Pow) and not isinstance(constants.fold(node), int):
            yield _RULE, node.lineno, "it raises a number to a power"
        elif isinstance(node, nodes.Const):
            yield from _constant(node)
        elif isinstance(node, nodes.Mul):
            yield from _repeated(node, constants)
        elif isinstance(node, nodes.Expr) and isinstance(value := constants.fold(node), int) and abs(value) > _LARGE:
            yield _RULE, node.lineno, "it computes a very large number"
    yield from _recursion(tree)
    yield from _again(tree, frozenset(), 0)


def _again(node: nodes.Node, turning: frozenset[str], deep: int) -> Found:
    """Loops over all that was said within loops over all that was said: with every message the work grows by a power."""
    for child in node.iter_child_nodes():
        if not isinstance(child, nodes.For):
            yield from _again(child, turning, deep)
            continue
        named = {one.name for one in _names(child.iter)}
        inner = deep + ("messages" in named and named.isdisjoint(turning))
        if inner == _AGAIN:
            yield _RULE, child.lineno, f"it turns over all messages {inner} times within one another"
        yield from _again(child, turning | {one.name for one in _names(child.target)}, inner)


def _constant(node: nodes.Const) -> Found:
    if isinstance(node.value, int) and abs(node.value) > _LARGE:
        yield _RULE, node.lineno, "it holds a very large number"
    elif isinstance(node.value, str) and _WIDE.search(node.value):
        yield _RULE, node.lineno, "it formats to a very long text"


def _repeated(node: nodes.Mul, constants: Constants) -> Found:
    sides = [constants.fold(node.left), constants.fold(node.right)]
    if any(isinstance(one, int) and one >= _LARGE // 1000 for one in sides) and not all(isinstance(one, int) for one in sides):
        yield _RULE, node.lineno, "it repeats something very often"


def _loops(node: nodes.Node, constants: Constants, turns: int, inside: bool = False) -> Found:
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.For):
            inner = turns * _turns(child.iter, constants)
            if inner > _TURNS:
                yield _RULE, child.lineno, f"its loops turn {inner:,} times"
                continue
            yield from _loops(child, constants, inner, True)
            continue
        if inside and isinstance(child, nodes.Assign) and _doubles(child):
            yield _RULE, child.lineno, "a text doubles with every turn of a loop"
        yield from _loops(child, constants, turns, inside)


def _turns(over: nodes.Node, constants: Constants) -> int:
    """How often a loop turns for sure."""
    if isinstance(over, nodes.Call) and isinstance(over.node, nodes.Name) and over.node.name == "range":
        ends = [constants.fold(one) for one in over.args]
        if ends and all(isinstance(one, int) for one in ends):
            try:
                return max(1, _length(range(*ends)))
            except (TypeError, ValueError):
                return 1
        return 1
    value: Any = constants.fold(over)
    return max(1, len(value)) if isinstance(value, str | list) else 1


def _length(numbers: range) -> int:
    return 0 if not numbers else (numbers[-1] - numbers[0]) // numbers.step + 1


def _doubles(assign: nodes.Assign) -> bool:
    target = assign.target
    if isinstance(target, nodes.NSRef):
        same = [one for one in assign.node.find_all(nodes.Getattr) if one.attr == target.attr]
        count = sum(1 for one in same if isinstance(one.node, nodes.Name) and one.node.name == target.name)
    else:
        name = getattr(target, "name", "")
        count = sum(1 for one in assign.node.find_all(nodes.Name) if one.name == name)
    return count > 1 and _joins(assign.node)


def _joins(node: nodes.Node) -> bool:
    """Whether it is made by joining, itself and not something in a condition."""
    return isinstance(node, nodes.Concat | nodes.Add | nodes.Mul)


def _recursion(tree: nodes.Template) -> Found:
    """Macros and loops that call themselves with something that does not get smaller: no member, no item, no turn of a loop."""
    bodies: dict[str, nodes.Node] = {one.name: one for one in tree.find_all(nodes.Macro)}
    calls = {name: {one for one in _called(body) if one in bodies} for name, body in bodies.items()}
    for name, body in bodies.items():
        if name not in _reachable(name, calls):
            continue
        turning = {one.name for loop in body.find_all(nodes.For) for one in _names(loop.target)}
        for call in _certain(body):
            if isinstance(call.node, nodes.Name) and name in {call.node.name, *_reachable(call.node.name, calls)}:
                yield from _descends(call, turning, f"the macro {name[:40]!r}")
    for loop in tree.find_all(nodes.For):
        if loop.recursive:
            for call in _certain(loop):
                if isinstance(call.node, nodes.Name) and call.node.name == "loop":
                    yield from _descends(call, set(), "a loop")


def _certain(node: nodes.Node) -> Iterator[nodes.Call]:
    """The calls that no condition keeps from being made, other than one that always holds."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Call):
            yield child
        if not isinstance(child, nodes.If | nodes.CondExpr) or isinstance(child.test, nodes.Const):
            yield from _certain(child)


def _descends(call: nodes.Call, turning: set[str], what: str) -> Found:
    given = [*call.args, *(one.value for one in call.kwargs)]
    for one in given:
        smaller = [one, *one.find_all((nodes.Getattr, nodes.Getitem, nodes.Filter, nodes.Name))]
        if any(isinstance(each, nodes.Getattr | nodes.Getitem | nodes.Filter) for each in smaller):
            return
        if any(isinstance(each, nodes.Name) and each.name in turning for each in smaller):
            return
    yield _RULE, call.lineno, f"{what} calls itself with nothing smaller"


def _called(node: nodes.Node) -> set[str]:
    return {one.node.name for one in node.find_all(nodes.Call) if isinstance(one.node, nodes.Name)}


def _reachable(name: str, calls: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(calls.get(name, ()))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += calls.get(one, ())
    return found


def _names(target: nodes.Node) -> list[nodes.Name]:
    return [target] if isinstance(target, nodes.Name) else list(target.find_all(nodes.Name))
