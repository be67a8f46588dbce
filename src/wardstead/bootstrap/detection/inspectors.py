"""A worker's inspectors: detectors compiled once, under the classification policy of each version that comes into force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wardstead.access.policyset import AccessPolicies
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.policy.readiness import NotReady, OtherDetectors, OtherLevels
from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.kernel.errors import ConfigurationError

_STOPPED: Final = "'wardstead down', activate it, then 'wardstead up'"


@dataclass(slots=True)
class Inspectors:
    """The inspector of the version in force; those that requests hold stay as they are."""

    deployment: Deployment
    present: PolicyInspector
    prepared: PolicyInspector | None = None
    """Of a version that may come into force next."""

    def of(self, policies: AccessPolicies) -> PolicyInspector:
        """The detectors under the classification policy of a version. Raises ``ConfigurationError`` where they do not fit."""
        policy = self.deployment.classification(policies)
        self.deployment.require_levels(policy)
        self.present = self._under(policy)
        return self.present

    def prepare(self, policies: AccessPolicies) -> None:
        """Have what ``of`` would give ready: what it needs of models is loaded.

        Raises ``OtherLevels``, ``OtherDetectors``; ``NotReady`` where a detector fails that the version in force does without.
        """
        policy = self.deployment.classification(policies)
        present = self.present
        prepared = self._under(policy)
        if prepared is present:
            return
        failing = prepared.warm()
        if failing and (failing := failing - present.warm()):
            raise NotReady(
                f"detectors fail that it needs: {', '.join(sorted(failing))}", next_step="'wardstead classify detectors' says why"
            )
        self.prepared = prepared

    def _under(self, policy: ClassificationPolicy) -> PolicyInspector:
        for one in (self.present, self.prepared):
            if one is not None and one.policy.version == policy.version:
                return one
        if policy.levels != self.deployment.levels:
            raise OtherLevels(
                "its levels are not those in force", where=str(self.deployment.classification_file),
                why="labels in the database, and of what is under way, would change their meaning; "
                f"in force are {', '.join(self.deployment.levels.names)}", next_step=_STOPPED,
            )  # fmt: skip
        try:
            return self.present.under(policy)
        except ConfigurationError as error:
            why = "; ".join(filter(None, (error.what, error.why)))
            raise OtherDetectors(
                "it does not go with the detectors that run", where=error.where, why=why, next_step=_STOPPED
            ) from None
