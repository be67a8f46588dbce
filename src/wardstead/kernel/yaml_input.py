"""YAML that somebody wrote, as a typed value: no unknown key, no key twice, and errors that name file, line and key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
import yaml

from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.text import meant

T = TypeVar("T")


def read_yaml(text: str, where: str, kind: type[T], *, ours: bool = False) -> T:
    """``text`` as a ``kind`` (a ``msgspec.Struct``). ``where`` names the file. Raises ``ConfigurationError``.

    ``ours``: it ships with the product. libyaml's parser is ten times as fast, and crashes over what nests too deeply.
    """
    try:
        value = yaml.load(text, Loader=_FastUniqueKeys if ours else _UniqueKeys)  # noqa: S506 -- both are SafeLoaders
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigurationError(error.problem or "not valid YAML", where=f"{where}:{line}") from None
    except RecursionError:
        raise ConfigurationError("not valid YAML: it nests too deeply", where=where) from None
    except yaml.YAMLError as error:
        raise ConfigurationError("not valid YAML", where=where, why=str(error)[:200]) from None
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, path = _split(_in_one_entry(value, kind, str(error)))
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        allowed = _allowed(kind, path) if what.startswith("Invalid enum value") else ()
        wrong = what.removeprefix("Invalid enum value").strip(" '")
        raise ConfigurationError(
            what, where=f"{where}:{_line_of(tree, path)}: {path or 'the file'}",
            why=f"{meant(wrong, allowed)}it is one of {', '.join(allowed)}" if allowed else "",
        ) from None  # fmt: skip


def place_in(text: str, where: str, path: str) -> str:
    """Where ``path`` (``rules[3].label``) stands in a text that could be read: file, line and key."""
    return places_in(text, where, [path])[0]


def places_in(text: str, where: str, paths: Iterable[str]) -> list[str]:
    """The same of several, for one look at the text."""
    tree = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # not built everywhere
    return [f"{where}:{_line_of(tree, path)}: {path}" for path in paths]


class _UniqueKeys(yaml.SafeLoader):
    """A safe loader for which a key that appears twice is an error."""


class _FastUniqueKeys(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # not built everywhere
    """The same over libyaml."""


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key is a word", problem_mark=key.start_mark)
        if key.value in seen:
            raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} appears twice", problem_mark=key.start_mark)
        seen.add(key.value)
    return yaml.constructor.SafeConstructor.construct_mapping(loader, node, deep=True)


for _loader in (_UniqueKeys, _FastUniqueKeys):
    _loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def _in_one_entry(value: Any, kind: Any, message: str) -> str:
    """msgspec does not say which entry of a mapping is wrong (``$.roles[...].inherits``): the one that is wrong alone, too."""
    while found := re.match(r"(.*) - at `(?:key` in `)?\$\.?([^\[`]*)(?:\[\.\.\.\](.*))?`$", message):
        what, path, rest = found[1], found[2], found[3]
        if rest is None and " - at `key` in " not in message:
            return message
        keys = [key for key in _at(value, path) or () if _fails_alike(_with_only(value, path, key), kind, message)]
        if not keys:
            return message
        value, message = _with_only(value, path, keys[0]), f"{what} - at `$.{path}.{keys[0]}{rest or ''}`"
        if "[...]" not in message:
            return message
    return message


def _at(value: Any, path: str) -> dict[Any, Any] | None:
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None


def _with_only(value: Any, path: str, key: Any) -> Any:
    """The same with one entry alone in the mapping at ``path``."""
    first, _, rest = path.partition(".")
    inner = value[first]
    return {**value, first: _with_only(inner, rest, key) if rest else {key: inner[key]}}


def _fails_alike(value: Any, kind: Any, message: str) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        return str(error) == message
    return False


def _split(message: str) -> tuple[str, str]:
    """msgspec says ``Expected …, got … - at `$.server.port```; an unknown field is named in the text, at its parent."""
    found = re.match(r"(.*) - at `\$?\.?(.*)`$", message)
    what, path = (found[1], found[2]) if found else (message, "")
    unknown = re.match(r"Object contains unknown field `(.*)`", what)
    if unknown:
        return f"unknown key {unknown[1]!r}", f"{path}.{unknown[1]}".lstrip(".")
    return what, path


def _allowed(kind: Any, path: str) -> tuple[str, ...]:
    """The values of a choice, found along ``path`` from its ``kind``; empty where it cannot be told."""
    here = _alternatives(msgspec.inspect.type_info(kind))
    for part in re.findall(r"[^.\[\]]+", path):
        here = [one for info in here for one in _inside(info, part)]
    return tuple(str(value) for one in here if isinstance(one, msgspec.inspect.LiteralType) for value in one.values)


def _inside(info: Any, part: str) -> list[Any]:
    """What may stand at one step of a path."""
    if isinstance(info, msgspec.inspect.StructType):
        return [each for one in info.fields if one.encode_name == part for each in _alternatives(one.type)]
    if isinstance(info, msgspec.inspect.VarTupleType | msgspec.inspect.ListType):
        return _alternatives(info.item_type)
    return _alternatives(info.value_type) if isinstance(info, msgspec.inspect.DictType) else []


def _alternatives(info: Any) -> list[Any]:
    return list(info.types) if isinstance(info, msgspec.inspect.UnionType) else [info]


def _line_of(tree: yaml.Node | None, path: str) -> int:
    node = tree
    line = 1
    for part in re.findall(r"[^.\[\]]+", path):
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if part not in pairs:
                break
            key, node = pairs[part]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
        else:
            break
    return line
