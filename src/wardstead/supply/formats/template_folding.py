"""What expressions of a template come to where all they are made of is constant: names built from pieces become whole again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2 import nodes


class _Unknown:
    """What only shows when it is rendered."""


UNKNOWN: Final = _Unknown()
_LONGEST: Final = 1 << 16
_DEEPEST: Final = 60
_METHODS: Final = frozenset(
    {
        "replace",
        "join",
        "lower",
        "upper",
        "strip",
        "lstrip",
        "rstrip",
        "title",
        "capitalize",
        "swapcase",
        "split",
        "format",
        "removeprefix",
        "removesuffix",
        "encode",
        "decode",
    }
)
_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "join": lambda value, glue="": str(glue).join(map(str, value)),
    "reverse": lambda value: value[::-1],
    "replace": lambda value, old, new: str(value).replace(str(old), str(new)),
    "lower": lambda value: str(value).lower(),
    "upper": lambda value: str(value).upper(),
    "trim": lambda value: str(value).strip(),
    "string": str,
    "safe": lambda value: value,
    "list": list,
    "first": lambda value: value[0],
    "last": lambda value: value[-1],
    "format": lambda value, *rest: str(value) % tuple(rest),
    "title": lambda value: str(value).title(),
    "length": len,
    "count": len,
    "int": int,
    "abs": abs,
    "e": lambda value: value,
    "escape": lambda value: value,
}


class Constants:
    """The constants of one template."""

    def __init__(self, tree: nodes.Template) -> None:
        """``tree``: the template, parsed."""
        self._values: dict[str, Any] = {}
        for assign in tree.find_all(nodes.Assign):
            if isinstance(assign.target, nodes.Name):
                self._remember(assign.target.name, self.fold(assign.node))
            elif isinstance(assign.target, nodes.NSRef):
                self._remember(f"{assign.target.name}.{assign.target.attr}", self.fold(assign.node))

    def _remember(self, name: str, value: Any) -> None:
        self._values[name] = value if name not in self._values or self._values[name] == value else UNKNOWN

    def fold(self, node: nodes.Node | None, depth: int = 0) -> Any:
        """What it comes to, or ``UNKNOWN``."""
        if node is None or depth > _DEEPEST:
            return UNKNOWN
        try:
            value = self._fold(node, depth + 1)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError, ArithmeticError, LookupError):
            return UNKNOWN
        return UNKNOWN if isinstance(value, str | list | tuple | bytes) and len(value) > _LONGEST else value

    def builds_text(self, node: nodes.Node) -> bool:
        """Whether an expression puts a text together from pieces that the template brings along."""
        if any(isinstance(one, nodes.Concat) for one in (node, *node.find_all(nodes.Concat))):
            return True
        builders = (nodes.Add, nodes.Mod, nodes.Filter, nodes.Slice)
        texts = [one for one in node.find_all(nodes.Const) if isinstance(one.value, str)]
        return bool(texts) and (isinstance(node, builders) or any(True for _ in node.find_all(builders)))

    def _fold(self, node: nodes.Node, depth: int) -> Any:
        value: Any = UNKNOWN
        match node:
            case nodes.Const():
                value = node.value
            case nodes.TemplateData():
                value = node.data
            case nodes.Name() | nodes.NSRef() | nodes.Getattr():
                value = self._values.get(_path(node), UNKNOWN)
            case nodes.List() | nodes.Tuple():
                value = _known([self.fold(one, depth) for one in node.items])
            case nodes.Concat():
                parts = _known([self.fold(one, depth) for one in node.nodes])
                value = UNKNOWN if parts is UNKNOWN else "".join(map(str, parts))
            case nodes.Output(nodes=[only]):
                value = self.fold(only, depth)
            case nodes.Neg():
                value = -self.fold(node.node, depth)
            case nodes.BinExpr():
                value = _binary(node, self.fold(node.left, depth), self.fold(node.right, depth))
            case _ if type(node) in _PARTS:
                value = _PARTS[type(node)](self, node, depth)
        return value

    def _item(self, node: nodes.Getitem, depth: int) -> Any:
        value = self.fold(node.node, depth)
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(node.arg, nodes.Slice):
            ends = [None if one is None else self.fold(one, depth) for one in (node.arg.start, node.arg.stop, node.arg.step)]
            return UNKNOWN if any(one is UNKNOWN for one in ends) else value[slice(*ends)]
        key = self.fold(node.arg, depth)
        return UNKNOWN if key is UNKNOWN else value[key]

    def _filtered(self, node: nodes.Filter, depth: int) -> Any:
        if node.name not in _FILTERS:
            return UNKNOWN
        given = _known([self.fold(one, depth) for one in (node.node, *node.args)])
        if given is UNKNOWN or (node.name == "format" and _wide(given[0])):
            return UNKNOWN
        return _FILTERS[node.name](*given)

    def _called(self, node: nodes.Call, depth: int) -> Any:
        arguments = _known([self.fold(one, depth) for one in node.args])
        if arguments is UNKNOWN:
            return UNKNOWN
        if isinstance(node.node, nodes.Name) and node.node.name == "dict":
            return [one.key for one in node.kwargs]  # dict(cla=x, ss=x)|join makes a text of its keys
        if isinstance(node.node, nodes.Getattr) and node.node.attr in _METHODS:
            value = self.fold(node.node.node, depth)
            if not isinstance(value, str | bytes) or _wide(value):
                return UNKNOWN
            return getattr(value, node.node.attr)(*arguments)
        return UNKNOWN


def _known(values: list[Any]) -> Any:
    return UNKNOWN if any(one is UNKNOWN for one in values) else values


def _wide(text: Any) -> bool:
    """A form that could ask for a text of any length, or reach into a value."""
    form = isinstance(text, str) and any(one in text for one in "%{")
    return form and (len(text) > 200 or any(one.isdigit() for one in text))


def _path(node: nodes.Node) -> str:
    """The name under which a variable, or one of a namespace, is remembered."""
    if isinstance(node, nodes.Name):
        return node.name
    owner = node.name if isinstance(node, nodes.NSRef) else getattr(getattr(node, "node", None), "name", "?")
    return f"{owner}.{getattr(node, 'attr', '')}"


def _binary(node: nodes.BinExpr, left: Any, right: Any) -> Any:
    value: Any = UNKNOWN
    if left is UNKNOWN or right is UNKNOWN:
        return value
    match node:
        case nodes.Add():
            value = left + right
        case nodes.Sub():
            value = left - right
        case nodes.Mul() if _numbers(left, right) or _size(left) * _size(right) <= _LONGEST:
            value = left * right
        case nodes.Mod() if not _wide(left):
            value = left % (tuple(right) if isinstance(right, list) else right)
        case nodes.FloorDiv():
            value = left // right
        case nodes.Pow() if _numbers(left, right) and abs(right) * max(1, abs(left)).bit_length() < 4096:
            value = left**right
    return value


def _numbers(left: Any, right: Any) -> bool:
    return isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() < 4096


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else abs(int(value))


_PARTS: Final[Mapping[type[nodes.Node], Callable[[Constants, Any, int], Any]]] = {
    nodes.Getitem: Constants._item,
    nodes.Filter: Constants._filtered,
    nodes.Call: Constants._called,
}
