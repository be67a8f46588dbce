"""One bill, before it takes the form of a standard."""

from __future__ import annotations

import msgspec

from wardstead.supply.advisories.audit import Audit
from wardstead.supply.bom.facts import Facts
from wardstead.supply.scan import Scanned


class Bill(msgspec.Struct, frozen=True):
    """A model's facts and files, what a scan found, and what serves it. ``at``: RFC 3339. ``tool``: name and version."""

    facts: Facts
    files: tuple[Scanned, ...]
    at: str
    tool: tuple[str, str]
    serving: Audit | None = None

    @property
    def name(self) -> str:
        """It has one always: a bill of nothing can be compared with none."""
        return self.facts.name or "unnamed model"
