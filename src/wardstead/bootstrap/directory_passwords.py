"""People of an LDAP directory sign in with their password there: tried at the directory, and kept nowhere here."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from typing import Final

from wardstead.access.provisioning import Sought
from wardstead.adapters.identity.ldap import DirectoryFailed, Search, binds, literal, search
from wardstead.adapters.store.provisioning import ProvisioningStore
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.synchronising import directory_source, server_of
from wardstead.config.identity import DirectorySection
from wardstead.kernel.errors import CallerError, PeerError

log = logging.getLogger(__name__)
_WAIT_S: Final = 5.0
"""How long somebody who signs in waits for a directory: others wait behind them."""


class PasswordElsewhere(CallerError):
    """It is not kept here, so it cannot be changed here."""

    code = "bad_value"

    def __init__(self) -> None:
        super().__init__("your password is kept in the company's directory", next_step="Change it there")


class DirectoryAway(PeerError):
    """It does not answer; whoever signs in is not told where it is."""

    code = "directory_failed"

    def __init__(self) -> None:
        super().__init__(
            "the company's directory does not answer, so passwords that are kept there cannot be checked",
            next_step="Try again in a minute; if it goes on, tell an administrator",
        )


@dataclass(frozen=True, slots=True)
class DirectoryPasswords:
    """Blocking: called in a thread."""

    deployment: Deployment

    def fits(self, name: str, password: str) -> bool:
        """Whether it is the password of that person, whom a directory has brought here. Raises ``DirectoryAway``.

        For a name that is nobody's the directory is asked the same, so that the time it takes tells nothing about names.
        """
        sections = [one for one in self.deployment.settings.identity.directories if one.sign_in and password]
        try:
            fitting = [section.id for section in sections if self._fits(section, name, password)]
        except DirectoryFailed as error:
            log.warning("a directory was not asked about a password", extra={"fields": error.diagnostics()})
            raise DirectoryAway from None
        return bool(fitting)

    def _fits(self, section: DirectorySection, name: str, password: str) -> bool:
        server = server_of(self.deployment, section)
        server = replace(server, timeout_s=min(server.timeout_s, _WAIT_S))
        wanted = f"(&{section.people_filter}({section.name}={literal(name)}))"
        found = search(server, Search(section.people_base, wanted, (section.name, section.external_id)))
        known = self._external_id(section, name)
        fitting = [one for one in found if known and one.first(section.external_id) == known]
        dn = fitting[0].dn if len(fitting) == 1 else f"cn=nobody,{section.people_base}"
        taken = binds(replace(server, bind_dn=dn, password=password.encode()))
        return taken and len(fitting) == 1

    def _external_id(self, section: DirectorySection, name: str) -> str:
        """Who that is to the directory: a name alone may have been given to another since."""
        desk = ProvisioningStore(self.deployment.directory, clock=now_ms, entropy=os.urandom)
        people = desk.people(directory_source(self.deployment, section), Sought(name=name))
        known = {one.id for one in self.deployment.directory.list_principals() if one.name == name}
        return next((one.said.external_id for one in people if one.id in known), "")
