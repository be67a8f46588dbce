"""Making the bill of a model: its files are scanned and hashed, and asked what they say of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from wardstead import __version__
from wardstead.adapters.artifacts.files import Entry, OpenFile
from wardstead.adapters.artifacts.sandboxed import Parsers
from wardstead.bootstrap.models.scanning import scan, to_scan
from wardstead.kernel.errors import CallerError
from wardstead.supply.advisories.audit import Audit
from wardstead.supply.bom.bill import Bill
from wardstead.supply.bom.completeness import completeness
from wardstead.supply.bom.difference import changes
from wardstead.supply.bom.facts import Facts, given, merged
from wardstead.supply.bom.layouts import MANIFEST_BYTES, names
from wardstead.supply.kinds import by_name as kind_by_name
from wardstead.supply.ports import Malformed
from wardstead.supply.scan import Scanned

_SNAPSHOT: Final = re.compile(r"(?:.*/)?(?:models--[^/]+/)?snapshots/[0-9a-f]{40}(?=/)")
_MANIFEST: Final = re.compile(r"(?:.*/)?manifests/[^/]+/[^/]+/[^/]+/[^/]+$")

_BLOB: Final = re.compile(r"(?:^|/)blobs/sha256[-/][0-9a-f]{64}$")


class NoBill(CallerError):
    """A file is no bill of materials, or cannot be read."""

    code = "no_bill"


def bill_of(path: Path, facts: Facts, serving: Audit | None, at: datetime | None, progress: Callable[[int], None]) -> Bill:
    """The bill of a model's file or folder; what ``facts`` say goes before what the files say. Raises ``NothingToScan``."""
    found = to_scan(path)
    if len(several := models_in([one.name for one in found])) > 1:
        shown = ", ".join(several[:5]) + (f" and {len(several) - 5} more" if len(several) > 5 else "")
        raise NoBill(
            "there are several models here, and a bill is of one", where=str(path), why=shown,
            next_step="name one: a snapshot's folder, or a manifest of Ollama's store",
        )  # fmt: skip
    files, said = read(found, progress)
    known = merged(facts, said, Facts(name=path.resolve().name))
    return Bill(known, files, _rfc3339(at or _newest(found)), ("wardstead", __version__), serving)


def models_in(names: Iterable[str]) -> list[str]:
    """Which models a store or cache holds: Ollama's by their manifests, Hugging Face's by their snapshots."""
    found: dict[str, None] = {}
    for name in names:
        if (one := _SNAPSHOT.match(name) or _MANIFEST.match(name)) is not None:
            found[one[0]] = None
    return list(found)


def read(found: list[Entry], progress: Callable[[int], None]) -> tuple[tuple[Scanned, ...], Facts]:
    """What a model's files hold, and what they say of it. Raises ``ScannerUnavailable``."""
    files = tuple(sorted(scan(found, progress), key=lambda one: one.file))
    by_name = {one.name: one for one in found}
    called = {digest: name for one in found for digest, name in _named_by(one).items()}
    said: list[Facts] = []
    licences: dict[str, None] = {}
    with Parsers() as parsers:
        for one in files:
            name = called.get(one.sha256, one.file)
            is_licence = kind_by_name(name) == "licence"
            facts = _facts(by_name[one.file], name, "licence" if is_licence else one.format, parsers)
            if is_licence:
                licences.update(dict.fromkeys(facts.licences))
            else:
                said.append(facts)
    # A model card names its licence more exactly than the licence's text can be told.
    return files, merged(*said, Facts(licences=tuple(licences)))


def _facts(entry: Entry, name: str, kind: str, parsers: Parsers) -> Facts:
    if entry.problem is not None:
        return Facts()
    try:
        with OpenFile(entry.path, name) as file:
            return parsers.facts(file, kind)
    except OSError:
        return Facts()  # the scan has said so


def _named_by(entry: Entry) -> dict[str, str]:
    """What the files are called of which this is a manifest, by their digests; nothing where it is none."""
    if entry.problem is not None or entry.size > MANIFEST_BYTES or not (_MANIFEST.match(entry.name) or _BLOB.search(entry.name)):
        return {}
    try:
        with OpenFile(entry.path, entry.name) as file:
            return names(file.read(0, MANIFEST_BYTES))
    except (OSError, Malformed):
        return {}  # the scan has said so


def _newest(found: list[Entry]) -> datetime:
    """The day of a bill is the day of the newest file, or ``SOURCE_DATE_EPOCH``: the same files give the same bill.

    Source: https://reproducible-builds.org/specs/source-date-epoch/
    """
    if (epoch := os.environ.get("SOURCE_DATE_EPOCH", "")).isdecimal():
        return datetime.fromtimestamp(int(epoch), UTC)
    times = [one.path.stat().st_mtime for one in found if one.problem is None and one.path.exists()]
    return datetime.fromtimestamp(int(max(times, default=0)), UTC)


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def given_facts(path: Path | None) -> Facts:
    """What a person wrote. Raises ``ConfigurationError``, ``NoBill``."""
    if path is None:
        return Facts()
    try:
        return given(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise NoBill(
            "these facts cannot be read", where=str(path), why=getattr(error, "strerror", None) or "it is not UTF-8"
        ) from None


def read_bill(path: Path) -> dict[str, Any]:
    """A CycloneDX document. Raises ``NoBill``."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise NoBill("this cannot be read", where=str(path), why=getattr(error, "strerror", None) or "it is no JSON") from None
    if not isinstance(document, dict) or document.get("bomFormat") != "CycloneDX":
        raise NoBill("this is no bill of materials in CycloneDX JSON", where=str(path))
    try:
        completeness(document), changes(document, document)
    except (AttributeError, TypeError, KeyError, RecursionError):
        raise NoBill("this is not built like a bill of materials in CycloneDX JSON", where=str(path)) from None
    return document
