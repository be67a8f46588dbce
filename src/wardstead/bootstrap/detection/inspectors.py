"""A worker's inspectors: detectors compiled once, under the classification policy of each version that comes into force."""

from __future__ import annotations

from dataclasses import dataclass

from wardstead.access.policyset import AccessPolicies
from wardstead.bootstrap.deployment import Deployment
from wardstead.inspection.inspector import PolicyInspector


@dataclass(slots=True)
class Inspectors:
    """The inspector of the version in force; those that requests hold stay as they are."""

    deployment: Deployment
    present: PolicyInspector

    def of(self, policies: AccessPolicies) -> PolicyInspector:
        """The detectors under the classification policy of a version. Raises ``ConfigurationError`` where they do not fit."""
        policy = self.deployment.classification(policies)
        if policy.version != self.present.policy.version:
            self.deployment.require_levels(policy)
            self.present = self.present.under(policy)
        return self.present
