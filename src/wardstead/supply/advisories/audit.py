"""What is wrong with an inventory of packages: weaknesses by how much they matter, and what the audit itself could not know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Final, Protocol

import msgspec

from wardstead.supply.advisories.advisory import Advisory, severity_of
from wardstead.supply.advisories.exploited import Exploited
from wardstead.supply.advisories.matching import Concerns, concerns, fixes
from wardstead.supply.advisories.vex import Statement
from wardstead.supply.packages.package import SERVERS, Package, family
from wardstead.supply.packages.versions import has_rules
from wardstead.supply.ports import Severity

_CRITICAL: Final = 9.0
STALE_DAYS: Final = 7
"""Older advisories are a finding."""


class Store(Protocol):
    """Advisories that were imported."""

    def about(self, key: tuple[str, str]) -> Sequence[Advisory]:
        """Those that concern a package in some version. ``key``: see ``Package.key``."""
        ...

    def as_of(self) -> Mapping[str, date]:
        """For each ecosystem that was imported, or release of one, the day of its newest import's data."""
        ...

    def unread(self) -> Mapping[str, int]:
        """How many records of each of these imports could not be read, where some could not."""
        ...

    def likelihood(self, names: Iterable[str]) -> float | None:
        """The greatest EPSS probability of these names."""
        ...

    def exploited(self, names: Iterable[str]) -> Exploited | None:
        """Whether one of these names is known to have been used."""
        ...


class Weakness(msgspec.Struct, frozen=True):
    """Advisories that are one by their aliases, and a package that they concern."""

    package: Package
    names: tuple[str, ...]
    summary: str
    severity: str
    score: float | None
    fixed: tuple[str, ...]
    references: tuple[str, ...] = ()
    malicious: bool = False
    undecided: bool = False
    likelihood: float | None = None
    exploited: Exploited | None = None
    statement: Statement | None = None

    @property
    def id(self) -> str:
        """The name that most people know: a CVE's where it has one."""
        return self.names[0]

    @property
    def gravity(self) -> Severity:
        """``block`` for what is an attack, was used, or is critical; ``info`` for what a statement suppresses."""
        if self.statement is not None and self.statement.suppresses:
            return Severity.INFO
        grave = self.malicious or self.exploited is not None or (self.score or 0.0) >= _CRITICAL or self.severity == "critical"
        return Severity.BLOCK if grave else Severity.WARN


class Gap(msgspec.Struct, frozen=True):
    """Something that the audit cannot know, or that ran out. ``rule``: a stable name."""

    rule: str
    what: str
    next_step: str
    gravity: Severity = Severity.WARN


class Audit(msgspec.Struct, frozen=True):
    """What came of it; the gravest weaknesses first."""

    packages: tuple[Package, ...]
    weaknesses: tuple[Weakness, ...]
    gaps: tuple[Gap, ...]

    @property
    def gravities(self) -> Iterator[Severity]:
        """Of everything that was found."""
        yield from (one.gravity for one in self.weaknesses)
        yield from (one.gravity for one in self.gaps)


class Knowledge(msgspec.Struct, frozen=True):
    """What an audit goes by. ``most_days``: older data is stale."""

    store: Store
    statements: tuple[Statement, ...] = ()
    most_days: int = STALE_DAYS


def audit(packages: Iterable[Package], known: Knowledge, today: date) -> Audit:
    """Whatever is not known is a gap, never silence."""
    every = tuple(sorted(set(packages)))
    statements = tuple(one for one in known.statements if one.expires > today)
    weaknesses = [one for package in _once(every) for one in _weaknesses(package, known.store, statements)]
    gaps = [*_freshness(every, known, today), *_unpinned(every), *_ended(known.statements, weaknesses, today)]
    return Audit(every, tuple(sorted(weaknesses, key=_order)), tuple(gaps))


def _once(packages: Iterable[Package]) -> Iterator[Package]:
    """A package that several files list is matched for the first of them: a person mends it once."""
    seen: set[tuple[tuple[str, str], str, str]] = set()
    for one in packages:
        identity = (one.key, one.ecosystem, one.version)
        if identity not in seen:
            seen.add(identity)
            yield one


def _order(one: Weakness) -> tuple[object, ...]:
    return (
        list(Severity).index(one.gravity), not one.malicious, one.exploited is None, -(one.score or 0.0),
        -(one.likelihood or 0.0), one.package, one.id,
    )  # fmt: skip


def _weaknesses(package: Package, store: Store, statements: Sequence[Statement]) -> Iterator[Weakness]:
    found = [(one, concerns(one, package)) for one in store.about(package.key)]
    grouped = _grouped([one for one, answer in found if answer is not Concerns.NO])
    certain = {one.id for one, answer in found if answer is Concerns.YES}
    for group in grouped:
        names = frozenset().union(*(one.names for one in group))
        best = max(group, key=lambda one: one.score or 0.0)
        said = next((one for one in statements if one.speaks_of(names, package)), None)
        fixed = dict.fromkeys(version for one in group for version in fixes(one, package))
        severity = (
            best.severity
            if best.severity != "unknown"
            else next((one.severity for one in group if one.severity != "unknown"), "unknown")
        )
        yield Weakness(
            package, tuple(sorted(names, key=_best_known)), next((one.summary for one in group if one.summary), ""),
            severity_of(best.score, severity), best.score, tuple(fixed),
            tuple(dict.fromkeys(link for one in group for link in one.references))[:5],
            any(one.malicious for one in group), not any(one.id in certain for one in group),
            store.likelihood(names), store.exploited(names), said,
        )  # fmt: skip


def _grouped(advisories: Sequence[Advisory]) -> list[list[Advisory]]:
    """Those that share a name with one another are one."""
    groups: list[tuple[set[str], list[Advisory]]] = []
    for one in advisories:
        names, members = set(one.names), [one]
        for group in [each for each in groups if each[0] & names]:
            groups.remove(group)
            names |= group[0]
            members = [*group[1], *members]
        groups.append((names, members))
    return [members for _, members in groups]


def _best_known(name: str) -> tuple[int, str]:
    prefixes = ("CVE-", "MAL-", "GHSA-")
    return next((number for number, one in enumerate(prefixes) if name.startswith(one)), len(prefixes)), name


def _freshness(packages: Sequence[Package], known: Knowledge, today: date) -> Iterator[Gap]:
    days, unread = known.store.as_of(), known.store.unread()
    for kind in sorted({one.ecosystem for one in packages}):
        imported = [one for one in dict.fromkeys((kind, family(kind))) if one in days]
        if not imported:
            yield Gap("no-advisories", f"there are no advisories for {kind}: nothing can be said of its packages", _source(kind))
            continue
        newest = max(imported, key=lambda one: days[one])
        if (age := (today - days[newest]).days) > known.most_days:
            yield Gap("stale-advisories", f"the advisories for {kind} are {age} days old", _source(kind))
        if count := unread.get(newest):
            yield Gap(
                "unread-advisories",
                f"{count:,} of the advisories for {kind} could not be read: what they say is not known",
                "import them anew: the import names them; read those yourself",
            )


def _source(kind: str) -> str:
    if kind == SERVERS:
        return "import a pack of rules for AI servers: wardstead advisories import FOLDER"
    if not has_rules(kind):
        return "look yourself at what their publishers tell: no archive of advisories is read for such packages"
    archive = f"the OSV archive of {family(kind)} (all.zip)"
    return f"fetch {archive} on a machine with a network, then: wardstead advisories import FILE"


def _unpinned(packages: Sequence[Package]) -> Iterator[Gap]:
    loose: dict[str, list[str]] = {}
    for one in packages:
        if not one.version:
            loose.setdefault(one.file, []).append(one.name)
    for file, names in sorted(loose.items()):
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        yield Gap(
            "unpinned",
            f"{file} names no version of {shown}",
            "pin the versions in a lock file, or scan the environment where it is installed",
        )


def _ended(statements: Iterable[Statement], weaknesses: Sequence[Weakness], today: date) -> Iterator[Gap]:
    for one in statements:
        if one.expires <= today and any(one.speaks_of(frozenset(each.names), each.package) for each in weaknesses):
            yield Gap(
                "vex-expired",
                f"what {one.owner} stated of {one.advisory} ended on {one.expires}",
                "look again: state it anew, or mend it",
            )
