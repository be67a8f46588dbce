"""A bill that somebody brings: whether it is one, which files it names by digest, and which packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wardstead.supply.bom.outline import outline
from wardstead.supply.packages.package import Package, billed


def is_bill(document: Any) -> bool:
    """In CycloneDX JSON, or SPDX JSON of any version."""
    if not isinstance(document, dict):
        return False
    if "bomFormat" in document:
        return outline(document) is not None
    return isinstance(document.get("@graph"), list) or "spdxVersion" in document


def digests(document: Any) -> frozenset[str]:
    """The SHA-256 digests of what it lists; a digest in a text counts for nothing."""
    forms = (("alg", "content"), ("algorithm", "hashValue"), ("algorithm", "checksumValue"))
    return frozenset(
        str(one[value]).lower()
        for one in _objects(document)
        for kind, value in forms
        if value in one and str(one.get(kind, "")).replace("-", "").lower() == "sha256"
    )


def packages(document: Any) -> list[Package]:
    """Those that it names by package URL, however deep."""
    purls = (one[key] for one in _objects(document) for key in ("purl", "software_packageUrl") if isinstance(one.get(key), str))
    return [found for one in purls if (found := billed(one, "its bill of materials")) is not None]


def _objects(document: Any) -> Iterator[dict[str, Any]]:
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
