"""Provisioning over SCIM, wired: whose key stands for which source, and what its groups are worth here."""

from __future__ import annotations

import os

from wardstead.access.ports import Principal
from wardstead.access.provisioning import Linking, Source
from wardstead.adapters.store.directory.provisioning import ProvisioningStore
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.mapping import source
from wardstead.config.identity import ScimSection


class ProvisioningDesk(ProvisioningStore):
    """``Provisioning`` of one deployment. Blocking: called in a thread."""

    def __init__(self, deployment: Deployment) -> None:
        """Raises ``ConfigurationError`` for a source whose mapping speaks of what there is not."""
        super().__init__(deployment.directory, clock=now_ms, entropy=os.urandom)
        self._deployment = deployment
        for section in deployment.settings.identity.scim:
            scim_source(deployment, section)

    def source_of(self, who: Principal) -> Source | None:
        """See ``Provisioning.source_of``. By the rules that are in force now: policies may have changed since the start."""
        for section in self._deployment.settings.identity.scim:
            if section.principal == who.name:
                return scim_source(self._deployment, section)
        return None


def scim_source(deployment: Deployment, section: ScimSection) -> Source:
    """What the deployment makes of a SCIM client. Raises ``ConfigurationError``."""
    issuers = {one.id: one.issuer for one in deployment.settings.identity.providers}
    link = Linking(section.link) if section.provider else Linking.NONE
    return source(deployment, section.id, section.groups, section.attributes, issuer=issuers.get(section.provider, ""), link=link)
