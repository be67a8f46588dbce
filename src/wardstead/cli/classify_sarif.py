"""What ``classify`` found in files, as SARIF 2.1.0 (OASIS, 27 March 2020), for code-scanning tools.

A rule is what is found (its type), whatever detector finds it: a result names its detector among its properties.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from wardstead import __version__
from wardstead.cli.classify_report import Classified, Place, Read, counted
from wardstead.inspection.classify import Found
from wardstead.kernel.errors import DetectorFailed
from wardstead.kernel.labels import STANDARD, Levels

_LEVELS: Final = ("note", "note", "warning", "error")
"""SARIF's words, by how high a level is."""
SKIPPED: Final = "skipped"
FAILED: Final = DetectorFailed.code
DOCUMENT: Final = "document"
MORE: Final = "more"
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_MEANS: Final[Mapping[str, str]] = {
    SKIPPED: "Links, pipes, devices and sockets are not read",
    FAILED: "A detector did not work: what it looks for may be there",
    DOCUMENT: "What the reader of a document says of it",
    MORE: "More was found than is listed: it is counted by type",
}


def sarif(scan: Classified, levels: Levels = STANDARD) -> dict[str, Any]:
    """One run; what was not read, was skipped or did not work stands in its invocation."""
    every = [(read, place) for read in scan.read for place in read.findings]
    kinds: dict[str, list[Found]] = {}
    for _, place in every:
        kinds.setdefault(place.found.type, []).append(place.found)
    at = {kind: number for number, kind in enumerate(sorted(kinds))}
    notes = list(_notes(scan))
    run = {
        "tool": {
            "driver": {
                "name": "wardstead",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(kind, kinds[kind], levels) for kind in at],
                "notifications": [_descriptor(code) for code in sorted({one["descriptor"]["id"] for one in notes})],
            }
        },
        "invocations": [{"executionSuccessful": not (scan.unread or scan.failed), "toolExecutionNotifications": notes}],
        "artifacts": [_artifact(one) for one in scan.read],
        "columnKind": "unicodeCodePoints",
        "properties": {"label": scan.label.document()},
        "results": [_result(read, place, at[place.found.type], levels) for read, place in every],
    }
    return {"version": "2.1.0", "$schema": _SCHEMA, "runs": [run]}


def _artifact(read: Read) -> dict[str, Any]:
    more = {"more": dict(sorted(read.more.items()))} if read.more else {}
    return {"location": _place(read.name), "properties": {"label": read.label.document(), **more}}


def _rule(kind: str, found: list[Found], levels: Levels) -> dict[str, Any]:
    """What all findings of a type have in common; ``name`` is the same in the form that section 3.49.7 asks for."""
    category, highest = found[0].category, max(one.label.level for one in found)
    words = kind.replace("-", " ")
    return {
        "id": kind,
        "name": "".join(one.capitalize() for one in kind.split("-")),
        "shortDescription": {"text": f"{words[0].upper()}{words[1:]} ({category})"},
        "fullDescription": {"text": f"A finding of the type {kind}, in the category {category} of the classification policy."},
        "help": {"text": "The classification policy says what such data means and what happens to it: "
                         "docs/reference/classification-policy.md"},
        "defaultConfiguration": {"level": _LEVELS[levels.quarter(highest)]},
        "properties": {"category": category, "tags": [category], "detectors": sorted({one.detector for one in found})},
    }  # fmt: skip


def _descriptor(code: str) -> dict[str, Any]:
    return {"id": code, "shortDescription": {"text": _MEANS.get(code, "A file was not read")}}


def _notes(scan: Classified) -> Iterator[dict[str, Any]]:
    for one in scan.unread:
        yield _note(one.error.code, "error", str(one.error), one.name)
    for passed in scan.passed:
        yield _note(SKIPPED, "note", f"{passed.kind}: not read", passed.name)
    for read in scan.read:
        for name in read.failed:
            yield _note(FAILED, "error", f"the detector {name} did not work", read.name)
        if read.more:
            yield _note(MORE, "warning", counted(read.more), read.name)
        for warning in read.warnings:
            yield _note(DOCUMENT, "warning", warning, read.name)


def _note(code: str, level: str, text: str, name: str) -> dict[str, Any]:
    # A name need not be text that can be written: what cannot is shown as a mark, and stands in the address byte by byte.
    said = text.encode("utf-8", "replace").decode()
    return {
        "descriptor": {"id": code},
        "level": level,
        "message": {"text": said},
        "locations": [{"physicalLocation": {"artifactLocation": _place(name)}}],
    }


def _place(name: str) -> dict[str, str]:
    return {"uri": quote(os.fsencode(name))}


def _result(read: Read, place: Place, rule: int, levels: Levels) -> dict[str, Any]:
    part, found, (line, column), (end_line, end_column) = place.part, place.found, place.start, place.end
    physical: dict[str, Any] = {"artifactLocation": _place(read.name)}
    location: dict[str, Any] = {"physicalLocation": physical}
    span = {"charOffset": found.start, "charLength": found.end - found.start}
    if read.plain:
        physical["region"] = {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column, **span}
    else:
        # A place in what was read out of a document is no place in its bytes: section 3.33 has logical locations for that.
        names = {"name": part.path[-1], "fullyQualifiedName": part.place, "kind": part.kind}
        location["logicalLocations"] = [names]
        location["properties"] = {**span, "hidden": part.hidden}
    because = f" because of {', '.join(found.combinations)}" if found.combinations else ""
    hidden = f" ({part.hidden})" if part.hidden else ""
    return {
        "ruleId": found.type,
        "ruleIndex": rule,
        "level": _LEVELS[levels.quarter(found.label.level)],
        "message": {"text": f"{found.type}: {found.label}{because}{hidden}"},
        "locations": [location],
        "properties": {
            "detector": found.detector,
            "label": found.label.document(),
            "prompt": found.prompt.name.lower(),
            "answer": found.answer.name.lower(),
            "score": found.score,
            "also": list(found.also),
            "combinations": list(found.combinations),
        },
    }
