"""What would change if one model took the place of another: in the words of whoever has to decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from wardstead.supply.admission import Verdict, findings_of, verdict_of
from wardstead.supply.bom.bill import Bill
from wardstead.supply.bom.cyclonedx import document
from wardstead.supply.bom.difference import Change, changes
from wardstead.supply.ports import Severity
from wardstead.supply.rules import Finding
from wardstead.supply.scan import Scanned

_TOLD_ABOVE: Final = ("component file", "finding ", "model hashes", "model purl")
_TOLD: Final = (Severity.BLOCK, Severity.WARN)


class Upgrade(msgspec.Struct, frozen=True):
    """``added``, ``removed`` and ``changed`` files; ``new`` and ``gone`` findings; ``other``: all else that the bills say."""

    verdict_before: Verdict
    verdict: Verdict
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    new: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    licences_before: tuple[str, ...]
    licences: tuple[str, ...]
    template_changes: bool
    other: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Whether nothing at all would change."""
        return not (self.added or self.removed or self.changed or self.new or self.gone or self.other or self.template_changes)


def upgrade(old: Bill, new: Bill) -> Upgrade:
    """From one bill to another."""
    before, after = _digests(old.files), _digests(new.files)
    known, found = _findings(old.files), _findings(new.files)
    return Upgrade(
        verdict_of(old.files), verdict_of(new.files),
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(name for name in before.keys() & after.keys() if before[name] != after[name])),
        new=tuple(one for key, one in found.items() if key not in known),
        gone=tuple(one for key, one in known.items() if key not in found),
        licences_before=_licences(old), licences=_licences(new),
        template_changes=old.facts.template_sha256 != new.facts.template_sha256,
        other=tuple(_rest(old, new)),
    )  # fmt: skip


def _rest(old: Bill, new: Bill) -> Iterator[Change]:
    """What the bills say of the model beside its files; a version that nobody gave it is a digest of those."""
    versioned = old.facts.version or new.facts.version
    for one in changes(document(old), document(new)):
        if not one.place.startswith(_TOLD_ABOVE) and (versioned or one.place != "model version"):
            yield one


def _name(file: str, files: Sequence[Scanned]) -> str:
    """What a file is called in both: a model of one file is that file, whatever its name says of its version."""
    outer, _, inside = file.partition(" > ")
    return inside if len(files) == 1 else f"{outer} > {inside}" if inside else outer


def _digests(files: Sequence[Scanned]) -> dict[str, str]:
    return {_name(one.file, files) or "the model": one.sha256 for one in files}


def _findings(files: Sequence[Scanned]) -> dict[tuple[str, str, str], Finding]:
    grave = (one for one in findings_of(files) if one.severity in _TOLD)
    return {(one.rule, _name(one.file, files), one.what): one for one in grave}


def _licences(bill: Bill) -> tuple[str, ...]:
    said = [one.what for file in bill.files for one in file.findings if one.rule == "licence"]
    return tuple(dict.fromkeys([*bill.facts.licences, *said]))
