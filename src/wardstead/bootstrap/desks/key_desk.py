"""The console's ``KeyDesk`` over a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wardstead.access.ports import Identity, KeySummary
from wardstead.adapters.store.directory.directory import Actor
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.identity.entitlements import later
from wardstead.console.key_desk import Choices, Wanted


@dataclass(frozen=True, slots=True)
class DeploymentKeyDesk:
    """Acts are recorded with the name of whoever is signed in."""

    deployment: Deployment

    def keys(self) -> Sequence[KeySummary]:
        """See ``KeyDesk.keys``."""
        return self.deployment.directory.list_keys()

    def choices(self) -> Choices:
        """See ``KeyDesk.choices``."""
        rules = self.deployment.access_rules()
        everybody = self.deployment.directory.list_principals()
        return Choices(
            tuple(one.name for one in everybody if one.active), tuple(sorted(rules.purposes)), tuple(sorted(rules.networks)),
            tuple(one.name for one in self.deployment.settings.models),
        )  # fmt: skip

    def create(self, wanted: Wanted, actor: Identity) -> str:
        """See ``KeyDesk.create``."""
        who = self.deployment.directory.find(wanted.person)
        until = later(wanted.expires or None)
        return people.create_key(self.deployment, who.name, [], [], until, bounds=wanted.bounds, actor=_actor(actor)).key

    def revoke(self, key_id: str, actor: Identity) -> None:
        """See ``KeyDesk.revoke``."""
        self.deployment.directory.revoke_api_key(key_id, actor=_actor(actor))


def _actor(who: Identity) -> Actor:
    return Actor(who.principal.name, who.principal.subject)
