"""Importing advisories: archives of OSV, packs of rules for AI servers, EPSS and KEV, told apart by what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from wardstead.adapters.advisories.sources import Record, content, digest, records
from wardstead.adapters.advisories.store import AdvisoryFile, Import, NoAdvisories
from wardstead.bootstrap.deployment import Deployment
from wardstead.kernel.errors import CallerError
from wardstead.supply.advisories import exploited, osv, server_rules
from wardstead.supply.advisories.advisory import Advisory
from wardstead.supply.advisories.audit import Store
from wardstead.supply.packages.package import SERVERS, family
from wardstead.supply.ports import Malformed

_SHARE: Final = 0.95
"""As much of an archive's records concern the ecosystem that it is of. Some concern others as well, which it is not of."""
Progress = Callable[[int], None]


class CannotImport(CallerError):
    """The file holds no advisories, or none that can be read."""

    code = "cannot_import"


class Imported(msgspec.Struct, frozen=True):
    """What an import did. ``unread``: records that could not be read, by name."""

    file: str
    kind: str
    ecosystems: tuple[str, ...]
    as_of: str
    records: int
    new: int
    sha256: str = ""
    unread: tuple[str, ...] = ()


class Known(msgspec.Struct, frozen=True):
    """What is there: each import, and how many advisories."""

    imports: tuple[Import, ...]
    counts: dict[str, int]


def place(deployment: Deployment) -> Path:
    """The file of a deployment. Raises ``ConfigurationError`` where there is none."""
    _ = deployment.settings  # says what to do where nothing was made yet
    return deployment.places.advisories


def record(deployment: Deployment, one: Imported) -> None:
    """An import changes what is known of every model's software, so the ledger has it."""
    details = {"file": one.file, "sha256": one.sha256, "kind": one.kind, "ecosystems": list(one.ecosystems), "as_of": one.as_of,
               "records": one.records, "new": one.new, "unread": len(one.unread)}  # fmt: skip
    deployment.directory.carry_out(lambda _connection: None, None, "advisories.import", details)


@contextmanager
def opened(path: Path | None) -> Iterator[Store]:
    """The advisories in a file, or none where there is no file. Raises ``BackendError``."""
    if path is None or not _begun(path):
        yield NoAdvisories()
        return
    with AdvisoryFile.reading(path) as store:
        yield store


def _begun(path: Path) -> bool:
    """A first import that came to nothing leaves an empty file."""
    return path.exists() and path.stat().st_size > 0


def known(path: Path) -> Known:
    """Raises ``BackendError``."""
    if not _begun(path):
        return Known((), {})
    with AdvisoryFile.reading(path) as store:
        return Known(tuple(store.imports()), dict(store.counts()))


def find(path: Path, name: str) -> list[Advisory]:
    """One advisory by its id, or all that bear the name (a CVE's) as well."""
    if not _begun(path):
        return []
    with AdvisoryFile.reading(path) as store:
        return store.named(name)


def import_(
    source: Path,
    path: Path,
    *,
    now: datetime,
    ecosystems: Sequence[str] = (),
    as_of: date | None = None,
    progress: Progress = lambda _: None,
) -> Imported:
    """Take in what ``source`` holds. Raises ``CannotImport``, ``BackendError``.

    ``ecosystems``: those that it is complete for. A ZIP archive is for those that it is full of; a folder brings what is new,
    and neither makes an ecosystem known nor what is known look newer. ``as_of``: the day up to which it knows all, where its
    records do not say.
    """
    try:
        with AdvisoryFile.writing(path) as store:
            if not source.is_dir() and not _is_archive(source):
                return _enrich(source, store, now)
            return _Intake(source, store, now, as_of).take(ecosystems, progress)
    except Malformed as error:
        raise CannotImport("this cannot be imported", where=str(source), why=error.what) from None
    except OSError as error:
        raise CannotImport("this cannot be imported", where=str(source), why=error.strerror or "it cannot be read") from None


def _is_archive(source: Path) -> bool:
    with source.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


class _Intake:
    """One archive or folder of records."""

    def __init__(self, source: Path, store: AdvisoryFile, now: datetime, as_of: date | None) -> None:
        self._source, self._store, self._now, self._as_of = source, store, now, as_of
        self._families: Counter[str] = Counter()
        self._releases: Counter[str] = Counter()
        self._unread: list[str] = []
        self._read = self._new = 0
        self._newest = _day("")
        self._tomorrow = now.date() + timedelta(days=1)
        self._pack = False

    def take(self, named: Sequence[str], progress: Progress) -> Imported:
        for number, record in enumerate(records(self._source), 1):
            self._take(record)
            progress(number)
        if not self._read:
            unread = f" ({len(self._unread)} files could not be read)" if self._unread else ""
            raise Malformed(f"it holds no advisories{unread}")
        as_of = min(self._day(), self._now.date())
        complete = self._complete(named)
        sha256 = digest(self._source)
        for one in complete:
            self._store.note(Import(one, as_of.isoformat(), _ms(self._now), _called(self._source), sha256, len(self._unread)))
        return Imported(
            str(self._source),
            "AI servers" if self._pack else "OSV",
            complete,
            as_of.isoformat(),
            self._read,
            self._new,
            sha256,
            tuple(self._unread),
        )

    def _take(self, record: Record) -> None:
        try:
            advisory = _read(record)
        except Malformed:
            self._unread.append(record.name)
            return
        if advisory is not None and _day(advisory.modified) > self._tomorrow:
            self._unread.append(record.name)  # nothing could replace it any more
            return
        if advisory is None:
            return
        self._read += 1
        self._pack = not record.name.endswith(".json")
        self._new += self._store.put(advisory)
        self._families.update({family(one.ecosystem) for one in advisory.affected})
        self._releases.update({one.ecosystem for one in advisory.affected if one.ecosystem != family(one.ecosystem)})
        self._newest = max(self._newest, _day(advisory.modified), self._bears(record))

    def _bears(self, record: Record) -> date:
        """The day that a file of an archive bears; one that is still to come says nothing."""
        return _day("") if self._source.is_dir() or record.day > self._tomorrow else record.day

    def _day(self) -> date:
        """Files that were copied bear the day of the copy, so nothing but what records and archives say counts."""
        if self._as_of is None and self._pack and self._source.is_dir():
            raise Malformed("a folder of rules does not say how old it is: say it with --as-of, or import its archive")
        return self._as_of or self._newest

    def _complete(self, named: Sequence[str]) -> tuple[str, ...]:
        """The ecosystems of which there is now all that the archive's day knew."""
        if named:
            return tuple(sorted(set(named)))
        if self._pack:
            return (SERVERS,)
        if self._source.is_dir():
            return ()
        # What every record concerns is all that is in it: Debian:11's archive tells nothing of what concerns Debian:12 alone.
        releases = {one for one, count in self._releases.items() if count == self._read}
        whole = {one for one, count in self._families.items() if count >= _SHARE * self._read}
        return tuple(sorted(releases | (whole - {family(one) for one in releases})))


def _read(record: Record) -> Advisory | None:
    if record.name.endswith(".json"):
        return osv.read(record.content)
    if "/vuln/" in f"/{record.name}":
        return None  # such packs say everything twice, here in Chinese
    try:
        return server_rules.read(record.content.decode(), record.folder, record.day.isoformat())
    except UnicodeDecodeError:
        raise Malformed("it is not UTF-8") from None


def _day(modified: str) -> date:
    try:
        return datetime.fromisoformat(modified).date()
    except ValueError:
        return date(1980, 1, 1)


def _enrich(source: Path, store: AdvisoryFile, now: datetime) -> Imported:
    """EPSS is a table, KEV an object; a single record of OSV is an object, too."""
    found = content(source)
    if found.startswith(b"#"):
        lines = found.decode("utf-8", "replace").splitlines()
        day, name = exploited.epss_day(lines[0]), "EPSS"
        new = store.put_likelihoods(exploited.epss(lines[1:]))
    elif b'"vulnerabilities"' in found:
        day, entries = exploited.kev(found)
        name, new = "KEV", store.put_exploited(entries)
    else:
        advisory = osv.read(found)
        return Imported(str(source), "OSV", (), now.date().isoformat(), 1, int(store.put(advisory)), digest(source))
    if day > (now.date() + timedelta(days=1)).isoformat():
        raise Malformed(f"it is of {day}, which is still to come")
    day = min(day, now.date().isoformat())
    store.note(Import(name, day, _ms(now), source.name, digest(source)))
    return Imported(str(source), name, (name,), day, new, new, digest(source))


def _called(source: Path) -> str:
    """Published archives are all called ``all.zip``, in a folder for each ecosystem."""
    return f"{source.parent.name}/{source.name}".lstrip("/") if source.name == "all.zip" else source.name


def _ms(now: datetime) -> int:
    return int(now.astimezone(UTC).timestamp() * 1000)
