"""People of an LDAP directory sign in with their password there: tried at the directory, and kept nowhere here.

A directory that hangs must not take the others' sign-ins with it: one attempt asks each for a few seconds in all, and one that
did not answer in time is left alone for a while, then tried by one attempt at a time.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Final

from wardstead.access.provisioning import Sought
from wardstead.adapters.identity.ldap import DirectoryFailed, DirectorySlow, Search, Server, binds, literal, search
from wardstead.adapters.store.directory.provisioning import ProvisioningStore
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.synchronising import directory_source, server_of
from wardstead.config.identity import DirectorySection
from wardstead.kernel.errors import CallerError, PeerError

log = logging.getLogger(__name__)
_WAIT_S: Final = 4.0
"""How long somebody who signs in waits for one directory, all that it is asked together: others wait behind them."""
_REST_S: Final = 10.0
"""How long a directory that did not answer in time is left alone."""


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


class DirectoryPasswords:
    """Blocking: called in threads. One for all sign-ins of a worker."""

    def __init__(self, deployment: Deployment, *, wait_s: float = _WAIT_S, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock``: seconds that never go back."""
        self._deployment, self._wait_s, self._clock = deployment, wait_s, clock
        self._lock = Lock()
        self._resting: dict[str, float] = {}
        """By directory that did not answer in time: until when nobody asks it."""

    def fits(self, name: str, password: str) -> bool:
        """Whether it is the password of that person, whom a directory has brought here.

        Raises ``DirectoryAway`` where one did not answer and no other takes it. For a name that is nobody's the directories are
        asked the same, so that the time it takes tells nothing about names.
        """
        sections = [one for one in self._deployment.settings.identity.directories if one.sign_in and password]
        fitting, away = False, False
        for section in sections:
            try:
                with self._asking(section.id):
                    fitting |= self._fits(section, name, password)
            except DirectoryFailed as error:
                log.warning("a directory was not asked about a password", extra={"fields": error.diagnostics()})
                away = True
        if away and not fitting:
            raise DirectoryAway
        return fitting

    @contextmanager
    def _asking(self, directory: str) -> Iterator[None]:
        """Raises ``DirectorySlow`` at once where it did not answer a moment ago."""
        with self._lock:
            until = self._resting.get(directory)
            if until is not None and self._clock() < until:
                raise DirectorySlow("the directory did not answer a moment ago, and is left alone", where=directory)
            if until is not None:  # this attempt tries it; meanwhile nobody else waits for it
                self._resting[directory] = self._clock() + _REST_S
        try:
            yield
        except DirectorySlow:
            with self._lock:
                self._resting[directory] = self._clock() + _REST_S
            raise
        with self._lock:
            self._resting.pop(directory, None)

    def _fits(self, section: DirectorySection, name: str, password: str) -> bool:
        server, end = server_of(self._deployment, section), self._clock() + self._wait_s

        def soon(one: Server) -> Server:
            """With what is left of the time. The client itself would wait longer: that it is slow, we say."""
            return replace(one, timeout_s=self._wait_s * 2, whole_s=max(0.0, end - self._clock()))

        wanted = f"(&{section.people_filter}({section.name}={literal(name)}))"
        found = search(soon(server), Search(section.people_base, wanted, (section.name, section.external_id)))
        known = self._external_id(section, name)
        fitting = [one for one in found if known and one.first(section.external_id) == known]
        dn = fitting[0].dn if len(fitting) == 1 else f"cn=nobody,{section.people_base}"
        taken = binds(soon(replace(server, bind_dn=dn, password=password.encode())))
        return taken and len(fitting) == 1

    def _external_id(self, section: DirectorySection, name: str) -> str:
        """Who that is to the directory: a name alone may have been given to another since."""
        desk = ProvisioningStore(self._deployment.directory, clock=now_ms, entropy=os.urandom)
        people = desk.people(directory_source(self._deployment, section), Sought(name=name))
        known = {one.id for one in self._deployment.directory.list_principals() if one.name == name}
        return next((one.said.external_id for one in people if one.id in known), "")
