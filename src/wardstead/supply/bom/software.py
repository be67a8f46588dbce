"""A bill of software alone: an environment, a lock file, an image. In CycloneDX 1.6."""

from __future__ import annotations

from typing import Any

from wardstead.supply.advisories.audit import Audit
from wardstead.supply.bom.cyclonedx import numbered, package, weakness


def document(name: str, version: str, audit: Audit, at: str, tool: tuple[str, str]) -> dict[str, Any]:
    """The packages, each once, under what they belong to. ``at``: RFC 3339."""
    components = [package(one) for one in sorted({one.purl: one for one in audit.packages}.values())]
    subject = {"type": "application", "bom-ref": "subject", "name": name, **({"version": version} if version else {})}
    found = [weakness(one) for one in audit.weaknesses]
    return numbered({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": at,
            "lifecycles": [{"phase": "post-build"}],
            "tools": {"components": [{"type": "application", "name": tool[0], "version": tool[1]}]},
            "component": subject,
        },
        "components": components,
        "dependencies": [{"ref": "subject", "dependsOn": [one["bom-ref"] for one in components]}],
        **({"vulnerabilities": found} if found else {}),
    })  # fmt: skip
