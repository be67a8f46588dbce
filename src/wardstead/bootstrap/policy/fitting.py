"""Whether a classification policy goes with what is configured to look at texts. What runs says for itself (``readiness``)."""

from __future__ import annotations

from wardstead.access.policyset import AccessPolicies
from wardstead.bootstrap.deployment import Deployment


def require_fitting(deployment: Deployment, policies: AccessPolicies, over: str) -> None:
    """Raises ``ConfigurationError`` where the classification policy does not go with what looks at texts now.

    Nothing is asked of one that is in force already (in version ``over``).
    """
    policy = deployment.classification(policies)
    if over and deployment.classification(deployment.policies_of(over)).version == policy.version:
        return
    from wardstead.bootstrap.detection.inspection import detected  # what looks at texts takes long to import
    from wardstead.inspection.fitting import fit

    found = detected(deployment)
    fit(found.places, found.text_detectors, policy)
