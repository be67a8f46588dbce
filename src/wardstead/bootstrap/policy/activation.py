"""Policies that two people put in force: one proposes them, another activates what was proposed.

``activation.people: 2`` in the access.yaml *in force* asks for it, so only two people can take the rule away again. What is
activated is what was proposed, whatever stands in the folder by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.policyset import AccessPolicies
from wardstead.access.ports import AccessRequest, Principal, Resource
from wardstead.adapters.store.policies import Activated, Proposal, ProposalClosed
from wardstead.bootstrap.acting import Acting, as_if_signed_in
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.entitlements import decide
from wardstead.bootstrap.policy.fitting import require_fitting
from wardstead.bootstrap.policy.readiness import require_ready
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.kernel.ids import PrincipalId

MAX_REASON = 2000


class NeedsTwo(CallerError):
    """One person alone does not put these policies in force."""

    code = "needs_two_people"


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal, with the names of whom it is about."""

    proposal: Proposal
    proposed_by: str
    decided_by: str


def require_one_may(deployment: Deployment, wanted: AccessPolicies, over: str, *, back: bool = False) -> None:
    """Raises ``NeedsTwo`` where the policies in force (``over``) ask for two people.

    ``back``: to what was active before. One person may go back to what asks for two as well: it was put in force by two.
    """
    if not over or deployment.policies_of(over).rules.activated_by < 2 or (back and wanted.rules.activated_by == 2):
        return
    raise NeedsTwo(
        "two people put policies in force here", why="'activation' in the access.yaml that is in force says so",
        next_step="'wardstead access propose --by NAME'; somebody else puts in force what was proposed",
    )  # fmt: skip


def require_two_who_may(deployment: Deployment, wanted: AccessPolicies) -> None:
    """Raises ``ConfigurationError`` for policies that ask for two people where there are no two: nobody could change them."""
    if wanted.rules.activated_by < 2:
        return
    directory = deployment.directory.load()
    point = MemoisedDecisionPoint(wanted.point, directory)

    def may(who: Principal, action: str) -> bool:
        resource = Resource("PolicyVersion", wanted.version)
        return point.decide(AccessRequest(as_if_signed_in(who), action, resource, now_ms=now_ms())).allow

    people = [one for one in directory.principals.values() if one.active]
    proposers = {one.id for one in people if may(one, "proposePolicies")}
    activators = {one.id for one in people if may(one, "activatePolicies")}
    if not proposers or not activators or len(proposers | activators) < 2:
        raise ConfigurationError(
            "these policies are put in force by two people, and there are no two who may", where="access.yaml: activation.people",
            why="one permits 'proposePolicies' to nobody, or 'activatePolicies' to nobody else",
            next_step="give somebody a role that may; 'wardstead config check' says what an older schema lacks",
        )  # fmt: skip


def propose(deployment: Deployment, by: Acting, reason: str = "", version: str = "") -> Proposal:
    """Propose the folder's policies, or an earlier version. Raises ``MayNot``, and ``ConfigurationError`` for what is wrong."""
    store = deployment.policy_store
    meant = deployment.whole(deployment.policies_of(store.find(version))) if version else deployment.folder_policies()
    active = store.active()
    if active is not None and active.version == meant.version:
        raise CallerError("these policies are in force already")
    require_two_who_may(deployment, meant)
    require_fitting(deployment, meant, active.version if active is not None else "")
    told = _permitted(deployment, by, "proposePolicies", Resource("PolicyVersion", meant.version, owner=by.identity.principal.id))
    return deployment.policy_store.propose(
        meant, by=by.identity.principal.id, reason=reason.strip()[:MAX_REASON], actor=by.actor, told=told
    )


def activate_proposed(deployment: Deployment, by: Acting, proposal: str, reason: str = "") -> Activated:
    """Put in force what somebody else proposed. Raises ``MayNot``, ``UnknownProposal``, ``ProposalClosed``."""
    found = deployment.policy_store.proposal(proposal)
    told = _permitted(deployment, by, "activatePolicies", _resource(found))
    meant = deployment.policies_of(found.version)
    if meant.version != found.version:
        raise ProposalClosed("this version of Wardstead reads what was proposed otherwise", next_step="have it proposed anew")
    require_two_who_may(deployment, meant)
    require_fitting(deployment, meant, found.before)
    require_ready(deployment, meant)
    return deployment.policy_store.activate_proposed(
        found, meant, by=by.identity.principal, reason=reason.strip()[:MAX_REASON], actor=by.actor, told=told
    )


def withdraw(deployment: Deployment, by: Acting, proposal: str) -> Proposal:
    """End a proposal: whoever may propose does. Raises ``MayNot``, ``UnknownProposal``, ``ProposalClosed``."""
    found = deployment.policy_store.proposal(proposal)
    told = _permitted(deployment, by, "proposePolicies", _resource(found))
    deployment.policy_store.withdraw(found, by=by.identity.principal, actor=by.actor, told=told)
    return found


def proposals(deployment: Deployment) -> list[Proposed]:
    """All of them, the newest first."""
    names: dict[PrincipalId, str] = {one.id: one.name for one in deployment.directory.list_principals()}
    return [
        Proposed(one, names.get(one.proposed_by, ""), names.get(one.decided_by, "") if one.decided_by is not None else "")
        for one in deployment.policy_store.proposals()
    ]


def _resource(one: Proposal) -> Resource:
    return Resource("PolicyVersion", one.version, owner=one.proposed_by)


def _permitted(deployment: Deployment, by: Acting, action: str, resource: Resource) -> Mapping[str, object]:
    """How the act names who carries it out, and by which policies they may. Raises ``MayNot``."""
    decision = decide(deployment, by.identity, action, resource)
    return {**by.told, "policies": ", ".join(decision.policies)}
