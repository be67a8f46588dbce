"""The console's ``EmergencyDesk`` over a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wardstead.access.ports import BREAK_GLASS, Identity
from wardstead.bootstrap.acting import at_the_console
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity import break_glass
from wardstead.bootstrap.identity.entitlements import HOUR_MS
from wardstead.console.emergency_desk import AccountShown, OpeningShown
from wardstead.gateway.server.worlds import WorldHolder
from wardstead.kernel.clock import rfc3339

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class DeploymentEmergencyDesk:
    """Acts are decided for, and recorded with the name of, whoever is signed in."""

    deployment: Deployment
    worlds: WorldHolder

    def exist(self) -> bool:
        """See ``EmergencyDesk.exist``."""
        return any(one.kind == BREAK_GLASS for one in self.worlds.current.directory.principals.values())

    def accounts(self, who: Identity) -> Sequence[AccountShown]:
        """See ``EmergencyDesk.accounts``."""
        return [
            AccountShown(
                one.name, rfc3339(one.until_ms) if one.until_ms is not None else "", tuple(sorted(one.sealed.roles)),
                tuple(sorted(one.sealed.approvers)), one.sealed.max_ms / HOUR_MS,
                one.until_ms is not None and break_glass.why_not_close(self.deployment, one, at_the_console(who)) is None,
            )
            for one in break_glass.accounts(self.deployment)
        ]  # fmt: skip

    def openings(self, who: Identity, *, everything: bool) -> Sequence[OpeningShown]:
        """See ``EmergencyDesk.openings``."""
        shown = [self._shown(one, who) for one in break_glass.openings(self.deployment)]
        return [one for one in shown if everything or one.may_decide or one.asked_by == who.principal.name][:_SHOWN]

    def _shown(self, told: break_glass.Told, who: Identity) -> OpeningShown:
        made = told.opening
        waits = break_glass.waits(made, now_ms())
        return OpeningShown(
            made.id, told.account, told.requested_by, rfc3339(made.requested_ms), made.reason, made.duration_ms / HOUR_MS,
            made.state, told.decided_by, rfc3339(made.until_ms) if made.until_ms is not None else "",
            waits and break_glass.why_not_settle(self.deployment, made, at_the_console(who)) is None,
        )  # fmt: skip

    def ask(self, who: Identity, account: str, reason: str, hours: float) -> None:
        """See ``EmergencyDesk.ask``."""
        break_glass.ask(self.deployment, account, at_the_console(who), reason, hours)

    def decide(self, who: Identity, opening: str, *, approve: bool) -> None:
        """See ``EmergencyDesk.decide``."""
        break_glass.settle(self.deployment, opening, at_the_console(who), approve=approve)

    def close(self, who: Identity, account: str) -> None:
        """See ``EmergencyDesk.close``."""
        break_glass.close(self.deployment, account, at_the_console(who))
