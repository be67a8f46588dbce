"""What is different between two bills of CycloneDX, in the words of whoever has to decide."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from wardstead.supply.bom.completeness import model

Document = Mapping[str, Any]


class Change(msgspec.Struct, frozen=True):
    """``what`` is at a ``place``: a component, a property of the model, a finding."""

    kind: Literal["added", "removed", "changed"]
    place: str
    before: str = ""
    after: str = ""


def changes(old: Document, new: Document) -> list[Change]:
    """Of the model, its files, datasets and packages, and what is wrong with them; times and serial numbers aside."""
    found = list(_compared("model", _flat(model(old)), _flat(model(new))))
    for place, key in (("component", "components"), ("finding", "vulnerabilities")):
        found += _compared(place, _items(old, key), _items(new, key))
    return found


def _items(document: Document, key: str) -> dict[str, str]:
    """By what identifies it, without its version: an update is a change, not something else."""
    found: dict[str, str] = {}
    for one in document.get(key, []):
        if key == "components":
            version = str(one.get("version", ""))
            digest = next((each.get("content", "") for each in one.get("hashes", [])), "")
            found[f"{one.get('type', '')} {one.get('name', '')}"] = " ".join(each for each in (version, digest) if each)
        else:
            affects = ", ".join(sorted(each.get("ref", "") for each in one.get("affects", [])))
            found[f"{one.get('id', '')} in {affects}"] = str(
                next((each.get("severity", "") for each in one.get("ratings", [])), "")
            )
    return found


def _flat(value: Any, path: str = "") -> dict[str, str]:
    if isinstance(value, Mapping):
        return {key: text for name, one in value.items() for key, text in _flat(one, f"{path}.{name}".lstrip(".")).items()}
    if isinstance(value, list):
        if all(isinstance(one, Mapping) and "name" in one and "value" in one for one in value):
            return {f"{path}.{one['name']}": str(one["value"]) for one in value}
        return {path: json.dumps(value, sort_keys=True)} if value else {}
    return {path: str(value)}


def _compared(place: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for key in sorted(old.keys() | new.keys()):
        if key not in new:
            yield Change("removed", f"{place} {key}", before=old[key])
        elif key not in old:
            yield Change("added", f"{place} {key}", after=new[key])
        elif old[key] != new[key]:
            yield Change("changed", f"{place} {key}", old[key], new[key])
