"""What was decided of an advisory: statements in the words of VEX, each with a reason, an owner and an end.

Source: CISA, "Vulnerability Exploitability eXchange (VEX): Status Justifications" (2022).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, get_args

import msgspec
from packageurl import PackageURL

from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.yaml_input import place_in, read_yaml
from wardstead.supply.packages.package import Package, of_purl

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Status = Literal["not_affected", "fixed", "under_investigation", "affected"]
Justification = Literal[
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
]


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``packages``: package URLs, with a version or without. It ends when ``expires`` begins."""

    advisory: Word
    packages: Annotated[tuple[Word, ...], msgspec.Meta(min_length=1)]
    status: Status
    reason: Word
    owner: Word
    expires: date
    justification: Justification | None = None

    @property
    def suppresses(self) -> bool:
        """Whether a finding that it speaks of counts no more."""
        return self.status in ("not_affected", "fixed")

    def speaks_of(self, names: frozenset[str], package: Package) -> bool:
        """Whether it is about this package and this advisory, by any of the advisory's names."""
        return self.advisory in names and any(_names(one, package) for one in self.packages)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    statements: tuple[Statement, ...] = ()


def read(text: str, where: str) -> tuple[Statement, ...]:
    """The statements of ``vex.yaml``. Raises ``ConfigurationError`` with file, line and key."""
    found = read_yaml(text, where, _File).statements
    for number, one in enumerate(found):
        for index, purl in enumerate(one.packages):
            try:
                PackageURL.from_string(purl)
            except ValueError:
                place = place_in(text, where, f"statements[{number}].packages[{index}]")
                raise ConfigurationError(
                    "this is no package URL", where=place, next_step="write pkg:pypi/NAME or pkg:pypi/NAME@VERSION"
                ) from None
        if one.status == "not_affected" and one.justification is None:
            raise ConfigurationError(
                "whoever says that nobody is affected says why", where=place_in(text, where, f"statements[{number}].status"),
                next_step=f"add a justification: {', '.join(get_args(Justification))}",
            )  # fmt: skip
    return found


def _names(purl: str, package: Package) -> bool:
    """By package URL where we know its kind, else by the text."""
    theirs = of_purl(purl, "")
    if theirs is not None:
        return theirs.key == package.key and theirs.version in ("", package.version)
    ours = PackageURL.from_string(package.purl)
    one = PackageURL.from_string(purl)
    return (one.type, one.namespace, one.name) == (ours.type, ours.namespace, ours.name) and one.version in (
        None,
        "",
        ours.version,
    )
