"""The console's ``PolicyDesk`` over a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wardstead.access.asking import RESOURCES, Asked, Explained
from wardstead.access.checks import Finding
from wardstead.access.comparing import Difference
from wardstead.access.ports import Identity
from wardstead.adapters.store.policies import OPEN
from wardstead.bootstrap.acting import at_the_console
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.policy import activation, asking
from wardstead.bootstrap.policy.policies import policy_state
from wardstead.console.policy_desk import Activated, Proposal, Standing
from wardstead.inspection.policy_changes import PolicyChange
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

    def difference(self, which: str) -> Difference:
        """See ``PolicyDesk.difference``."""
        deployment = self.deployment
        return asking.difference(deployment, deployment.policies(), asking.policies_named(deployment, which))

    def data_difference(self, which: str) -> Sequence[PolicyChange]:
        """See ``PolicyDesk.data_difference``."""
        deployment = self.deployment
        return asking.data_difference(deployment, deployment.policies(), asking.policies_named(deployment, which))

    def proposals(self, who: Identity) -> Sequence[Proposal]:
        """See ``PolicyDesk.proposals``."""
        active = self.deployment.policy_store.active()
        return [
            Proposal(
                one.proposal.id, one.proposal.version, one.proposed_by, rfc3339(one.proposal.proposed_ms), one.proposal.reason,
                one.proposal.proposed_by == who.principal.id,
                one.proposal.before != (active.version if active is not None else ""),
            )
            for one in activation.proposals(self.deployment)
            if one.proposal.state == OPEN
        ]  # fmt: skip

    def propose(self, who: Identity, reason: str, version: str = "") -> None:
        """See ``PolicyDesk.propose``."""
        activation.propose(self.deployment, at_the_console(who), reason, version)

    def activate(self, who: Identity, proposal: str, reason: str) -> None:
        """See ``PolicyDesk.activate``."""
        activation.activate_proposed(self.deployment, at_the_console(who), proposal, reason)

    def withdraw(self, who: Identity, proposal: str) -> None:
        """See ``PolicyDesk.withdraw``."""
        activation.withdraw(self.deployment, at_the_console(who), proposal)

    def people(self) -> Sequence[str]:
        """See ``PolicyDesk.people``."""
        return [one.name for one in self.deployment.directory.list_principals()]

    def purposes(self) -> Sequence[str]:
        """See ``PolicyDesk.purposes``."""
        return sorted(self.deployment.policies().rules.purposes)


def _of_nobody_s(asked: Asked) -> Asked:
    """Never about a conversation or an exchange that exists: the answer could tell its label, or that it exists."""
    kind = RESOURCES.get(asked.action, "Console")
    if kind in {"Model", "Sink", "Console"}:
        return replace(asked, owner="", resource=kind if kind == "Console" else asked.resource)
    return replace(asked, resource=f"{kind}::example", owner=asked.owner or asked.principal)
