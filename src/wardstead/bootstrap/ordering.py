"""Who answers for an act that a command carries out."""

from __future__ import annotations

from dataclasses import dataclass

from wardstead.bootstrap.deployment import Deployment
from wardstead.kernel.errors import CallerError


@dataclass(frozen=True, slots=True)
class Order:
    """Who answers for it, and why. It goes into the record, under seal, and nowhere else."""

    by: str
    reason: str

    def told(self, deployment: Deployment) -> dict[str, object]:
        """For the record. Raises ``CallerError``, ``UnknownPerson``."""
        if not self.reason.strip():
            raise CallerError("a reason is recorded", where="--reason")
        return {"ordered_by": deployment.directory.find(self.by).name, "reason": self.reason.strip()[:2000]}
