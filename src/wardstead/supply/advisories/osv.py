"""Records of the OSV schema (https://ossf.github.io/osv-schema/), read as ``Advisory``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from wardstead.supply.advisories.advisory import Advisory, Affected, Range, score_of, severity_of
from wardstead.supply.ports import Malformed

LONGEST: Final = 16 << 20
"""Bytes of a record. The longest known ones list some ten thousand versions in 2 MB."""
_SUMMARY: Final = 300
_REFERENCES: Final = 5


class _Severity(msgspec.Struct):
    type: str
    score: str


class _Package(msgspec.Struct):
    ecosystem: str
    name: str


class _Range(msgspec.Struct):
    type: str
    events: list[dict[str, str]] = []


class _Specific(msgspec.Struct):
    severity: object = None


class _Affected(msgspec.Struct):
    package: _Package | None = None
    ranges: list[_Range] | None = None
    versions: list[str] | None = None
    severity: list[_Severity] | None = None
    ecosystem_specific: _Specific | None = None
    database_specific: _Specific | None = None


class _Reference(msgspec.Struct):
    url: str
    type: str = ""


class _Record(msgspec.Struct):
    id: str
    modified: str
    aliases: list[str] | None = None
    upstream: list[str] | None = None
    summary: str | None = None
    details: str | None = None
    severity: list[_Severity] | None = None
    affected: list[_Affected] | None = None
    references: list[_Reference] | None = None
    withdrawn: str | None = None
    database_specific: _Specific | None = None


_DECODER: Final = msgspec.json.Decoder(_Record)


def read(record: bytes) -> Advisory:
    """Raises ``Malformed``."""
    try:
        found = _DECODER.decode(record)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(f"no record of the OSV schema: {str(error)[:120]}") from None
    if not found.id or len(found.id) > 200:
        raise Malformed("an advisory has an id")
    affected = found.affected or []
    vectors = [one.score for one in found.severity or []] + [one.score for each in affected for one in each.severity or []]
    score = score_of(vectors)
    return Advisory(
        found.id,
        _moment(found.modified),
        tuple(_affected(one) for one in affected if one.package is not None),
        tuple(dict.fromkeys([*(found.aliases or []), *(found.upstream or [])])),
        _first_line(found.summary or found.details or ""),
        score,
        severity_of(score, _said(found)),
        found.withdrawn is not None,
        tuple(one.url for one in (found.references or [])[:_REFERENCES]),
    )


def _moment(text: str) -> str:
    """In UTC and of one length, so that the later of two is the greater text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed(f"this is no time: {text[:40]!r}") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).isoformat(timespec="microseconds")


def _affected(one: _Affected) -> Affected:
    assert one.package is not None
    ranges = tuple(
        Range(
            "SEMVER" if each.type == "SEMVER" else "ECOSYSTEM",
            tuple((kind, at) for event in each.events for kind, at in event.items()),
        )
        for each in one.ranges or []
        if each.type in ("SEMVER", "ECOSYSTEM")
    )
    return Affected(one.package.ecosystem, one.package.name, ranges, tuple(one.versions or []))


def _said(record: _Record) -> str:
    """What its publisher calls its severity, where there is no vector."""
    said = [record.database_specific, *(one.ecosystem_specific or one.database_specific for one in record.affected or [])]
    words = [one.severity for one in said if one is not None and isinstance(one.severity, str)]
    words += [one.score for one in record.severity or [] if one.type == "Ubuntu"]
    return words[0] if words else ""


def _first_line(text: str) -> str:
    line = next((one.strip() for one in text.splitlines() if one.strip()), "")
    return line if len(line) <= _SUMMARY else line[: _SUMMARY - 1] + "…"
