"""Auditing models: every file below a path is hashed, and looked at by the supply room's parsers."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from wardstead.adapters.artifacts.files import Entry, OpenFile, entries
from wardstead.adapters.artifacts.sandboxed import Parsers, isolation
from wardstead.bootstrap.models.secrets import Credentials
from wardstead.kernel.errors import CallerError
from wardstead.supply.ports import Malformed, Secrets
from wardstead.supply.rules import Finding
from wardstead.supply.scan import Scanned
from wardstead.supply.secrets import secrets_in, secrets_inside

log = logging.getLogger(__name__)
_NAMED: Final = re.compile(r"(?:sha256[-:])?([0-9a-f]{64})")
"""Blobs of Hugging Face, Ollama and OCI layouts are called by their digest."""
Progress = Callable[[int], None]


class NothingToScan(CallerError):
    """What was named is not there, cannot be read, or holds no file."""

    code = "nothing_to_scan"


def to_scan(path: Path) -> list[Entry]:
    """Every file below a path. Raises ``NothingToScan``."""
    try:
        found = list(entries(path))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no such name"
        raise NothingToScan("this cannot be scanned", where=str(path), why=why) from None
    if not found:
        raise NothingToScan("there is no file in this folder", where=str(path))
    return found


def not_sandboxed() -> str:
    """Why files are parsed without a sandbox on this machine; empty where they are parsed in one."""
    return isolation().why_not


def scan(found: list[Entry], progress: Progress) -> Iterator[Scanned]:
    """What each file holds. ``progress`` is told of bytes as they are hashed. Raises ``ScannerUnavailable``."""
    if why := not_sandboxed():
        fields = {"why": why, "next_step": isolation().next_step}
        log.warning("model files are parsed without a sandbox", extra={"fields": fields})
    beside: dict[Path, set[str]] = {}
    for entry in found:
        beside.setdefault(entry.path.parent, set()).add(entry.path.name)
    secrets = Credentials()
    with Parsers() as parsers:
        for entry in found:
            yield _scan(entry, beside[entry.path.parent], parsers, secrets, progress)


def _scan(entry: Entry, beside: set[str], parsers: Parsers, secrets: Secrets, progress: Progress) -> Scanned:
    if entry.problem is not None:
        rule, what = entry.problem
        return Scanned(entry.name, "", 0, "", (Finding(rule, entry.name, what),))
    try:
        file = OpenFile(entry.path, entry.name)
    except OSError as error:
        why = error.strerror or "it cannot be opened"
        return Scanned(entry.name, "", entry.size, "", (Finding("unreadable", entry.name, why),))
    with file:
        parsers.begin(file, beside)
        broken: tuple[Finding, ...] = ()
        digest = ""
        try:
            digest = file.digest(progress)
        except Malformed as error:
            broken = (Finding(error.rule, entry.name, error.what, error.offset),)
        kind, findings, texts = parsers.looked(file)
        findings += secrets_in(file, secrets) + secrets_inside(texts, secrets) + broken
        if (named := _NAMED.fullmatch(entry.path.resolve().name)) is not None and digest and named[1] != digest:
            findings += (Finding("digest-mismatch", entry.name, f"its SHA-256 is {digest}"),)
        if file.changed():
            findings += (Finding("changed-while-read", entry.name, "its size or its time is another than before"),)
        return Scanned(entry.name, kind, file.size, digest, findings)
