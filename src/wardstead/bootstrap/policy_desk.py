"""The console's ``PolicyDesk`` over a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wardstead.access.asking import RESOURCES, Asked, Difference, Explained
from wardstead.access.checks import Finding
from wardstead.bootstrap import asking
from wardstead.bootstrap.asking import FOLDER
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.policies import policy_state
from wardstead.console.policy_desk import Activated, Standing
from wardstead.kernel.clock import rfc3339

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class DeploymentPolicyDesk:
    """Answers by what is in force, and by what stands in the folder."""

    deployment: Deployment

    def standing(self) -> Standing:
        """See ``PolicyDesk.standing``."""
        state = policy_state(self.deployment)
        history = self.deployment.policy_store.activations()[:_SHOWN]
        shown = tuple(Activated(one.version, rfc3339(one.activated_ms), one.by, one.reason) for one in history)
        return Standing(shown, state.edited, state.wrong)

    def explain(self, asked: Asked, which: str) -> Explained:
        """See ``PolicyDesk.explain``."""
        return asking.explain(self.deployment, _of_nobody_s(asked), asking.policies_named(self.deployment, which))

    def who_can(self, asked: Asked, which: str) -> Sequence[str]:
        """See ``PolicyDesk.who_can``."""
        found = asking.who_can(self.deployment, _of_nobody_s(asked), asking.policies_named(self.deployment, which))
        return [name for name, _ in found]

    def findings(self) -> Sequence[Finding]:
        """See ``PolicyDesk.findings``."""
        return asking.check(self.deployment, self.deployment.folder_policies())

    def difference(self) -> Difference:
        """See ``PolicyDesk.difference``."""
        deployment = self.deployment
        return asking.difference(deployment, deployment.policies(), asking.policies_named(deployment, FOLDER))

    def people(self) -> Sequence[str]:
        """See ``PolicyDesk.people``."""
        return [one.name for one in self.deployment.directory.list_principals()]

    def purposes(self) -> Sequence[str]:
        """See ``PolicyDesk.purposes``."""
        return sorted(self.deployment.policies().rules.purposes)


def _of_nobody_s(asked: Asked) -> Asked:
    """Never about a conversation or an exchange that exists: the answer could tell its label, or that it exists."""
    kind = RESOURCES.get(asked.action, "Console")
    if kind in {"Model", "Console"}:
        return replace(asked, owner="", resource=asked.resource if kind == "Model" else kind)
    return replace(asked, resource=f"{kind}::example", owner=asked.owner or asked.principal)
