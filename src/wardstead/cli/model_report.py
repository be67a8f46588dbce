"""What ``model scan`` found: as JSON, as SARIF 2.1.0 (OASIS, 27 March 2020), and for people."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, Final
from urllib.parse import quote

import msgspec
from rich.markup import escape

from wardstead import __version__
from wardstead.cli.output import out
from wardstead.kernel.text import harmless
from wardstead.supply.ports import Severity
from wardstead.supply.rules import RULES, Finding
from wardstead.supply.scan import Scanned

_LEVELS: Final = {Severity.BLOCK: "error", Severity.WARN: "warning", Severity.INFO: "note"}
_STYLES: Final = {Severity.BLOCK: "bold red", Severity.WARN: "yellow", Severity.INFO: "dim"}
_VERDICTS: Final = {Severity.BLOCK: "blocked", Severity.WARN: "suspicious", Severity.INFO: "clean"}
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_SHOWN: Final = 100


class Audited(msgspec.Struct, frozen=True):
    """All files below a path."""

    path: str
    files: tuple[Scanned, ...]
    sandboxed: bool = True
    """Whether they were parsed in the sandbox."""

    @property
    def findings(self) -> list[Finding]:
        """The gravest first."""
        every = [finding for file in self.files for finding in file.findings]
        return sorted(every, key=lambda one: list(_LEVELS).index(one.severity))

    @property
    def verdict(self) -> str:
        """``blocked``, ``suspicious`` or ``clean``."""
        return _VERDICTS[next((one.severity for one in self.findings), Severity.INFO)]

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "path": self.path,
            "verdict": self.verdict,
            "sandboxed": self.sandboxed,
            "size_bytes": sum(one.size_bytes for one in self.files),
            "files": [
                {"file": one.file, "format": one.format, "size_bytes": one.size_bytes, "sha256": one.sha256} for one in self.files
            ],
            "findings": [one.document() for one in self.findings],
        }


def tell(audited: Audited) -> None:
    """Each finding with what to do, then a summary."""
    for one in audited.findings[:_SHOWN]:
        rule = RULES[one.rule]
        at = f", byte {one.offset:,}" if one.offset is not None else ""
        out.print(f"[{_STYLES[one.severity]}]{one.severity:5}[/] [bold]{escape(harmless(one.file))}[/]{at}: {escape(rule.title)}")
        out.print(f"      {escape(harmless(one.what))} [dim]({', '.join((one.rule, *rule.techniques))})[/]")
        if one.severity is not Severity.INFO:
            out.print(f"      [dim]next[/] {escape(rule.next_step)}")
    if len(audited.findings) > _SHOWN:
        out.print(f"[dim]and {len(audited.findings) - _SHOWN} more: --json shows them[/]")
    counts = Counter(one.severity for one in audited.findings)
    said = ", ".join(f"{counts[one]} {one}" for one in _LEVELS if counts[one]) or "no findings"
    size = sum(one.size_bytes for one in audited.files)
    files = f"{len(audited.files)} file{'' if len(audited.files) == 1 else 's'}"
    out.print(f"{escape(harmless(audited.path))}: [bold]{audited.verdict}[/]; {files}, {size:,} bytes; {said}")


def sarif(audited: Audited) -> dict[str, Any]:
    """One run; a rule for each that is broken."""
    findings = audited.findings
    used = sorted({one.rule for one in findings})
    driver = {
        "name": "wardstead",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(one) for one in used],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True}],
        "artifacts": [_artifact(one) for one in audited.files],
        "results": [_result(one, used.index(one.rule)) for one in findings],
    }
    return {"version": "2.1.0", "$schema": _SCHEMA, "runs": [run]}


def _artifact(one: Scanned) -> dict[str, Any]:
    hashes = {"hashes": {"sha-256": one.sha256}} if one.sha256 else {}
    return {"location": {"uri": _uri(one.file)}, "length": one.size_bytes, **hashes}


def _uri(name: str) -> str:
    return quote(os.fsencode(name))


def _rule(name: str) -> dict[str, Any]:
    rule = RULES[name]
    return {
        "id": rule.id,
        "name": "".join(one.capitalize() for one in rule.id.split("-")),
        "shortDescription": {"text": rule.title},
        "help": {"text": rule.next_step},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {"tags": ["security", *rule.techniques]},
    }


def _result(one: Finding, rule: int) -> dict[str, Any]:
    file, _, inside = one.file.partition(" > ")
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(file)}}
    location: dict[str, Any] = {"physicalLocation": physical}
    if inside:
        # A place in what was unpacked is no place in the file: section 3.33 has logical locations for that.
        location["logicalLocations"] = [{"name": inside.rsplit(" > ", 1)[-1], "fullyQualifiedName": one.file}]
    elif one.offset is not None:
        physical["region"] = {"byteOffset": one.offset}
    return {
        "ruleId": one.rule,
        "ruleIndex": rule,
        "level": _LEVELS[one.severity],
        "message": {"text": f"{RULES[one.rule].title}: {one.what}"},
        "locations": [location],
    }
