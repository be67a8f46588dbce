"""Whether an advisory concerns a package in its version.

Source: the evaluation algorithm of the OSV schema, https://ossf.github.io/osv-schema/#evaluation.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from wardstead.supply.advisories.advisory import Advisory, Affected, Range
from wardstead.supply.packages.package import Package
from wardstead.supply.packages.versions import Unordered, ordered, semantic

_BEGINNING: Final = "0"


class Concerns(StrEnum):
    """Whether it does."""

    YES = "yes"
    NO = "no"
    UNDECIDED = "undecided"
    """Versions cannot be compared, or one of the two says none: somebody has to look."""


def concerns(advisory: Advisory, package: Package) -> Concerns:
    """One that was withdrawn concerns nobody."""
    if advisory.withdrawn:
        return Concerns.NO
    found = {_concerns(one, package) for one in advisory.affected if one.key == package.key and _same_release(one, package)}
    return next((one for one in (Concerns.YES, Concerns.UNDECIDED) if one in found), Concerns.NO)


def fixes(advisory: Advisory, package: Package) -> list[str]:
    """The versions in which it is mended, of those after the package's own; the nearest first."""
    found: dict[str, Any] = {}
    for affected in advisory.affected:
        if affected.key != package.key or not _same_release(affected, package):
            continue
        for one in affected.ranges:
            for kind, version in one.events:
                try:
                    key = _key(one, package.ecosystem, version)
                    if kind == "fixed" and (not package.version or key > _key(one, package.ecosystem, package.version)):
                        found[version] = key
                except Unordered:
                    continue
    return sorted(found, key=lambda version: found[version])


def _same_release(affected: Affected, package: Package) -> bool:
    """``Debian:11`` says nothing of ``Debian:12``; an advisory, or a package, without a release concerns all."""
    theirs, ours = affected.ecosystem.partition(":")[2], package.ecosystem.partition(":")[2]
    return not theirs or not ours or theirs == ours


def _concerns(affected: Affected, package: Package) -> Concerns:
    if not package.version:
        return Concerns.UNDECIDED
    if _listed(affected, package):
        return Concerns.YES
    if not affected.ranges and not affected.versions:
        return Concerns.UNDECIDED  # it speaks of commits alone
    answers = {_within(one, package) for one in affected.ranges}
    return next((one for one in (Concerns.YES, Concerns.UNDECIDED) if one in answers), Concerns.NO)


def _listed(affected: Affected, package: Package) -> bool:
    if package.version in affected.versions:
        return True
    try:
        ours = ordered(package.ecosystem, package.version)
    except Unordered:
        return False
    return any(_equal(package.ecosystem, one, ours) for one in affected.versions)


def _equal(ecosystem: str, version: str, ours: Any) -> bool:
    try:
        return bool(ordered(ecosystem, version) == ours)
    except Unordered:
        return False


def _within(one: Range, package: Package) -> Concerns:
    try:
        ours = _key(one, package.ecosystem, package.version)
        return Concerns.YES if _inside(ours, _in_order(one, package.ecosystem)) else Concerns.NO
    except Unordered:
        return Concerns.UNDECIDED


def _in_order(one: Range, ecosystem: str) -> list[tuple[str, Any]]:
    """Events by version; ``0`` is before every version there is."""
    first = [(kind, None) for kind, version in one.events if version == _BEGINNING and kind == "introduced"]
    rest = [
        (kind, _key(one, ecosystem, version)) for kind, version in one.events if version != _BEGINNING or kind != "introduced"
    ]
    return first + sorted(rest, key=lambda event: event[1])


def _inside(ours: Any, events: Iterable[tuple[str, Any]]) -> bool:
    inside, limits = False, []
    for kind, at in events:
        if kind == "introduced" and (at is None or ours >= at):
            inside = True
        elif (kind == "fixed" and ours >= at) or (kind == "last_affected" and ours > at):
            inside = False
        elif kind == "limit":
            limits.append(at)
    return inside and (not limits or any(ours < at for at in limits))


def _key(one: Range, ecosystem: str, version: str) -> Any:
    return semantic(version) if one.type == "SEMVER" else ordered(ecosystem, version)
