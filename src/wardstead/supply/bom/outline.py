"""A bill in CycloneDX as people read it: what the model came from, what it consists of, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wardstead.supply.bom.completeness import Completeness, completeness, model

_MOST: Final = 500
"""Lines of a branch. Whoever needs more reads the file."""
_LONGEST: Final = 2000
"""Characters of a name, or of what is said."""
_TITLES: Final = (("file", "Files"), ("data", "Data"), ("library", "What serves it"))


class Branch(msgspec.Struct, frozen=True):
    """``lines``: names and what is said of each, at most so many of ``count``."""

    title: str
    count: int
    lines: tuple[tuple[str, str], ...]


class Outline(msgspec.Struct, frozen=True):
    """``before``: what the model was made from; ``after``: what it is made of, by number. The graph draws both."""

    name: str
    branches: tuple[Branch, ...]
    before: tuple[tuple[str, str], ...]
    after: tuple[tuple[str, str], ...]
    completeness: Completeness


def outline(document: Mapping[str, Any]) -> Outline | None:
    """``None`` where it is no bill in CycloneDX, or not built like one."""
    try:
        return _outline(document) if document.get("bomFormat") == "CycloneDX" else None
    except (AttributeError, TypeError, KeyError, ValueError):
        return None


def _outline(document: Mapping[str, Any]) -> Outline:
    subject = model(document)
    ancestors = subject.get("pedigree", {}).get("ancestors", [])
    groups = [(title, [one for one in document.get("components", []) if one.get("type") == kind]) for kind, title in _TITLES]
    branches = [_branch("The model", list(_facts(subject)))]
    branches += [_branch("Made from", [(one["name"], _relation(one)) for one in ancestors])]
    branches += [_branch(title, [(str(one.get("name", "")), _said(one)) for one in found]) for title, found in groups]
    branches += [_branch("What is wrong", [(str(one.get("id", "")), _wrong(one)) for one in document.get("vulnerabilities", [])])]
    datasets = next((found for title, found in groups if title == "Data"), [])
    before = [(str(one["name"])[:_LONGEST], _relation(one)) for one in ancestors]
    before += [(str(one.get("name", ""))[:_LONGEST], "data") for one in datasets]
    after = [(str(len(found)), title) for title, found in groups if found and title != "Data"]
    kept = tuple(one for one in branches if one.count)
    return Outline(str(subject.get("name", ""))[:_LONGEST], kept, tuple(before[:12]), tuple(after), completeness(document))


def _branch(title: str, lines: list[tuple[str, str]]) -> Branch:
    return Branch(title, len(lines), tuple((name[:_LONGEST], said[:_LONGEST]) for name, said in lines[:_MOST]))


def _facts(subject: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What stands in the model and its card, flat."""
    card = subject.get("modelCard", {})
    supplier = subject.get("supplier", {}).get("name")
    said = [("version", subject.get("version")), ("supplier", supplier), ("description", subject.get("description"))]
    licences = [one.get("license", {}).get("id") or one.get("license", {}).get("name") for one in subject.get("licenses", [])]
    said += [("licences", ", ".join(str(one) for one in licences if one))]
    said += [(key, value) for key, value in card.get("modelParameters", {}).items() if isinstance(value, str)]
    said += [(one["name"].removeprefix("wardstead:"), one.get("value")) for one in subject.get("properties", [])]
    considerations = card.get("considerations", {})
    said += [("limitations", text) for text in considerations.get("technicalLimitations", [])]
    said += [("uses", text) for text in considerations.get("useCases", [])]
    return [(str(name), str(value)) for name, value in said if value]


def _relation(one: Mapping[str, Any]) -> str:
    return next((str(each["value"]) for each in one.get("properties", []) if each["name"] == "wardstead:relation"), "base")


def _said(one: Mapping[str, Any]) -> str:
    digest = next((str(each["content"]) for each in one.get("hashes", [])), "")
    return " ".join(str(each) for each in (one.get("version", ""), f"SHA-256 {digest}" if digest else "") if each)


def _wrong(one: Mapping[str, Any]) -> str:
    severity = next((str(each.get("severity", "")) for each in one.get("ratings", [])), "")
    return ": ".join(each for each in (severity, str(one.get("description", ""))[:300]) if each)
