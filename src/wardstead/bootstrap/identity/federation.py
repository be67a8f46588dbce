"""Signing in with an identity provider, wired: its settings, the directory, and what was taken once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property

from wardstead.access.federation import StrengthRule, given, proved
from wardstead.access.ports import Credential, Identity, Principal
from wardstead.access.strength import MEANS
from wardstead.adapters.identity.issuer import Issuer, ProviderFailed
from wardstead.adapters.identity.openid import Begun, Client, OpenIdProvider, SignInRefused
from wardstead.adapters.store.directory.directory import OpenedSession
from wardstead.adapters.store.directory.federation import FederationStore
from wardstead.adapters.store.keys.key_files import read_secret
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.mapping import group_rules, managed_by
from wardstead.bootstrap.identity.people import compatible
from wardstead.bootstrap.identity.provisioning import scim_source
from wardstead.config.identity import ProviderSection
from wardstead.console.ports import Farewell
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.kernel.ids import CredentialId

CONSOLE_PATH = "/console/sign-in/with"


class NoSuchProvider(CallerError):
    """There is no identity provider of that name."""

    code = "not_found"


class Federation:
    """The identity providers of one deployment. Blocking: called in a thread."""

    def __init__(self, deployment: Deployment) -> None:
        """Raises ``ConfigurationError`` for a role, a compartment or a file that is not there."""
        self._sections = {one.id: one for one in deployment.settings.identity.providers}
        self._deployment = deployment
        self._rules = {
            name: group_rules(deployment, one.groups, f"identity.providers: {name}") for name, one in self._sections.items()
        }
        self._strength = {name: _strength(one) for name, one in self._sections.items()}
        self._providers = {name: _provider(deployment, one) for name, one in self._sections.items()}

    @cached_property
    def _store(self) -> FederationStore:
        return FederationStore(self._deployment.directory, clock=now_ms)

    def titles(self) -> Mapping[str, str]:
        """What the sign-in page calls them, by id."""
        return {name: one.title or one.id for name, one in self._sections.items()}

    def begin(self, provider: str, target: str, who: Identity | None = None) -> Begun:
        """Where somebody who wants to sign in is sent; or ``who``, whose session has to prove more."""
        return self._get(provider).begin(target, who.credential.id if who is not None else "")

    def finish(self, provider: str, answer: Mapping[str, str], ticket: str) -> tuple[OpenedSession, str]:
        """A session for whoever came back, and where they go on: in place of the one that was to prove more, if one was.

        Raises ``SignInRefused``, ``NotAdmitted``, ``TakenBefore``.
        """
        finished = self._get(provider).finish(answer, ticket)
        self._store.take_once(finished.used, finished.used_until_ms)
        before = self._session(finished.session) if finished.session else None
        rules = self._rules[provider]
        who = self._store.admit(
            finished.assertion, given(rules, finished.assertion.groups),
            managed_by(self._deployment, f"provider {provider}", rules),
            provider=provider, create=self._sections[provider].create, compatible=compatible(self._deployment),
            sources=[scim_source(self._deployment, one) for one in self._deployment.settings.identity.scim],
        )  # fmt: skip
        means = proved(self._strength[provider], finished.assertion)
        if before is not None:
            if before.principal != who.id:
                raise SignInRefused("you are not confirmed", why=f"you signed in there as {who.name}, and are here somebody else")
            means |= before.strength & MEANS
        return self._store.open_session(who, finished.assertion, means, in_place_of=before), finished.target

    def _session(self, session: str) -> Credential:
        known = self._deployment.directory.load().credentials.values()
        found = next((one for one in known if one.id == session), None)
        if found is None:
            raise SignInRefused("you are not confirmed", why="your session has ended meanwhile", next_step="Sign in again")
        return found

    def of(self, session: CredentialId) -> str:
        """The provider that a session came of; empty where it came of none."""
        issuer = self._store.came_of(session) if self._sections else ""
        return next((name for name, one in self._sections.items() if one.issuer == issuer), "")

    def leave(self, session: CredentialId) -> Farewell | None:
        """Where whoever leaves this session can sign out at its provider as well; ``None`` where there is no such page."""
        name = self.of(session)
        if not name:
            return None
        try:
            return Farewell(self.titles()[name], self._get(name).leave(f"{self._deployment.url}/console/sign-in"))
        except ProviderFailed:
            return None

    def ended(self, provider: str, logout_token: str) -> int:
        """The provider says that a session has ended: so have ours that came of it. How many there were."""
        return self._store.end_sessions(self._get(provider).ended(logout_token), provider=provider)

    def link(self, name: str, subject: str, provider: str) -> Principal:
        """From now on the provider's ``subject`` is this person."""
        self._get(provider)
        self._store.link(name, self._sections[provider].issuer, subject)
        found = self._store.person(self._sections[provider].issuer, subject)
        if found is None:
            raise NoSuchProvider("the link was taken back meanwhile")
        return found

    def unlink(self, name: str) -> int:
        """No provider vouches for this person any more. How many links there were."""
        return self._store.unlink(name)

    def _get(self, provider: str) -> OpenIdProvider:
        found = self._providers.get(provider)
        if found is None:
            known = ", ".join(sorted(self._providers)) or "none"
            raise NoSuchProvider(f"there is no identity provider {provider[:40]!r}", why=f"known are {known}")
        return found


def _strength(section: ProviderSection) -> list[StrengthRule]:
    return [StrengthRule(frozenset(one.amr), one.acr, frozenset(one.means)) for one in section.strength]


def _provider(deployment: Deployment, section: ProviderSection) -> OpenIdProvider:
    secret, ca_file = "", None
    if section.client_secret_file:
        path = deployment.places.directory / section.client_secret_file
        secret = read_secret(path).decode("utf-8", "strict").strip()
    if section.ca_file:
        ca_file = str(deployment.places.directory / section.ca_file)
    try:
        issuer = Issuer(section.issuer, ca_file=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(
            "the identity provider's authority cannot be used", where=str(ca_file), why=error.strerror or str(error)
        ) from None
    client = Client(
        section.client_id,
        secret,
        f"{deployment.url}{CONSOLE_PATH}/{section.id}/callback",
        section.scopes,
        section.name_claim,
        section.groups_claim,
        section.max_age_s,
        section.acr_values,
    )
    return OpenIdProvider(issuer, client, key=deployment.pepper, clock=now_ms, entropy=os.urandom)
