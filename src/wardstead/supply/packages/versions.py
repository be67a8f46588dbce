"""The order of versions, by each ecosystem's own rules. What cannot be ordered is said to be so, never guessed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, total_ordering
from typing import Any, Final

from packaging.version import InvalidVersion as InvalidPython
from packaging.version import Version as PythonVersion
from univers.nuget import InvalidNuGetVersion
from univers.versions import DebianVersion, InvalidVersion, MavenVersion, NugetVersion, RpmVersion, RubygemsVersion

from wardstead.supply.packages.package import SERVERS, family

_LONGEST: Final = 256
_SEMVER: Final = re.compile(r"v?(\d+(?:\.\d+)*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]*)?")
_BUILD: Final = re.compile(r"b(\d+)")
_ALPINE: Final = re.compile(r"(\d+(?:\.\d+)*)([a-z]?)((?:_[a-z]+\d*)*)(?:~[0-9a-f]+)?(?:-r(\d+))?")
_ALPINE_SUFFIX: Final = re.compile(r"_([a-z]+)(\d*)")
_ALPINE_ORDER: Final = {"alpha": -4, "beta": -3, "pre": -2, "rc": -1, "cvs": 1, "svn": 2, "git": 3, "hg": 4, "p": 5}
_COMPOSER: Final = re.compile(r"v?(\d+(?:\.\d+)*)(?:[-.]?(dev|alpha|a|beta|b|rc|patch|pl|p|stable)[-.]?(\d*))?(?:\+.*)?")
_COMPOSER_ORDER: Final = {
    "dev": -4,
    "alpha": -3,
    "a": -3,
    "beta": -2,
    "b": -2,
    "rc": -1,
    "stable": 0,
    "patch": 1,
    "pl": 1,
    "p": 1,
}


class Unordered(ValueError):
    """No rule says how a version compares: its ecosystem is unknown, or it is no version of it."""


def ordered(ecosystem: str, version: str) -> Any:
    """``version`` as a value that compares with others of the same ecosystem. Raises ``Unordered``."""
    return _ordered(family(ecosystem), version)


def semantic(version: str) -> Any:
    """The same by Semantic Versioning 2.0 (https://semver.org), which ranges of type ``SEMVER`` go by. Raises ``Unordered``."""
    return _ordered("crates.io", version)


@cache
def _ordered(kind: str, version: str) -> Any:
    reader = _READERS.get(kind)
    if reader is None or len(version) > _LONGEST:
        raise Unordered(f"nobody says how such versions of {kind} compare")
    try:
        return reader(version.strip())
    except (ValueError, TypeError, AttributeError, LookupError, InvalidVersion, InvalidNuGetVersion, InvalidPython):
        raise Unordered(f"{version[:60]!r} is no version of {kind}") from None


def _numbers(text: str) -> tuple[int, ...]:
    """``1.2.0`` as (1, 2): trailing zeros mean nothing."""
    numbers = [int(one) for one in text.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def _semantic(text: str) -> tuple[Any, ...]:
    """A fourth number, which some write, counts; a build does not."""
    found = _SEMVER.fullmatch(text)
    if found is None:
        raise Unordered(text)
    before = found[2]
    return _numbers(found[1]), before is None, tuple(_identifier(one) for one in before.split(".")) if before else ()


def _identifier(text: str) -> tuple[int, int, str]:
    """Numbers compare as numbers, and come before words."""
    return (0, int(text), "") if text.isdecimal() else (1, 0, text)


def _alpine(text: str) -> tuple[Any, ...]:
    """By apk-tools: numbers, one letter, suffixes before or behind the plain version, the release.

    Source: https://wiki.alpinelinux.org/wiki/Package_policies, and apk-package(5).
    """
    found = _ALPINE.fullmatch(text)
    if found is None:
        raise Unordered(text)
    suffixes = [(_ALPINE_ORDER[name], int(number or 0)) for name, number in _ALPINE_SUFFIX.findall(found[3])]
    parts = tuple(int(one) for one in found[1].split("."))
    return parts, found[2], (*suffixes, (0, 0)), int(found[4] or 0)


def _composer(text: str) -> tuple[Any, ...]:
    found = _COMPOSER.fullmatch(text.lower())
    if found is None:
        raise Unordered(text)
    return _numbers(found[1]), _COMPOSER_ORDER[found[2] or "stable"], int(found[3] or 0)


@total_ordering
class _ServerVersion:
    """A version of a model server: a build of llama.cpp (``b4711``), or what PEP 440 reads, which is nearly all that servers use.

    A build and a dotted version are two ways to count, and do not compare.
    """

    def __init__(self, text: str) -> None:
        build = _BUILD.fullmatch(text)
        self._key: int | PythonVersion = int(build[1]) if build is not None else PythonVersion(text)

    def _other(self, other: object) -> Any:
        if not isinstance(other, _ServerVersion) or type(self._key) is not type(other._key):
            raise Unordered("builds and dotted versions do not compare")
        return other._key

    def __eq__(self, other: object) -> bool:
        return bool(self._key == self._other(other))

    def __lt__(self, other: object) -> bool:
        return bool(self._key < self._other(other))

    def __hash__(self) -> int:
        return hash(self._key)


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "PyPI": PythonVersion,
    "npm": _semantic, "crates.io": _semantic, "Go": _semantic, "Hex": _semantic, "Pub": _semantic, "GitHub Actions": _semantic,
    "SwiftURL": _semantic, "Bitnami": _semantic,
    "Maven": MavenVersion, "NuGet": NugetVersion, "RubyGems": RubygemsVersion, "Packagist": _composer,
    "Debian": DebianVersion, "Ubuntu": DebianVersion, "Echo": DebianVersion,
    "Alpine": _alpine, "Wolfi": _alpine, "Chainguard": _alpine, "MinimOS": _alpine,
    "Red Hat": RpmVersion, "Rocky Linux": RpmVersion, "AlmaLinux": RpmVersion, "SUSE": RpmVersion, "openSUSE": RpmVersion,
    "Mageia": RpmVersion, "openEuler": RpmVersion,
    SERVERS: _ServerVersion,
}  # fmt: skip


def has_rules(ecosystem: str) -> bool:
    """Whether its versions can be compared at all."""
    return family(ecosystem) in _READERS
