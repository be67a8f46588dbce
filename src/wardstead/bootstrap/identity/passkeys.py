"""Passkeys, wired: who this deployment is to authenticators, and what a proof is worth."""

from __future__ import annotations

import hmac
import ipaddress
import os
from functools import cached_property
from urllib.parse import urlsplit

from wardstead.access.ports import Identity, Principal
from wardstead.access.strength import PASSKEY
from wardstead.adapters.identity.passkeys import CHALLENGE_BYTES, PasskeyRefused, RelyingParty
from wardstead.adapters.store.directory.passkeys import PasskeyStore, named
from wardstead.adapters.store.directory.sign_in_steps import Purpose, StepLost
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.second_factors import DeploymentFactorDesk
from wardstead.console.factor_desk import OpenedSession
from wardstead.console.passkey_desk import Question
from wardstead.kernel.ids import PrincipalId


def relying_party(deployment: Deployment) -> RelyingParty:
    """This deployment, as its configuration says, or as its address does."""
    section, url = deployment.settings.identity.passkeys, deployment.url
    name = section.rp_id or urlsplit(url).hostname or ""
    scheme, _, authority = url.partition("://")
    usual = {"https": ":443", "http": ":80"}[scheme]
    origin = f"{scheme}://{authority.removesuffix(usual)}"  # as a browser writes it
    return RelyingParty(name, f"Wardstead {name}", section.origins or (origin,))


class DeploymentPasskeyDesk:
    """``PasskeyDesk`` of one worker."""

    def __init__(self, deployment: Deployment, factors: DeploymentFactorDesk) -> None:
        """``factors`` opens sessions, and knows who may change how they sign in."""
        self._deployment, self._factors, self._steps = deployment, factors, factors.steps

    @cached_property
    def _store(self) -> PasskeyStore:
        return PasskeyStore(self._deployment.directory, clock=now_ms, entropy=os.urandom)

    @cached_property
    def _us(self) -> RelyingParty:
        return relying_party(self._deployment)

    def possible(self) -> bool:
        """See ``PasskeyDesk.possible``."""
        try:
            ipaddress.ip_address(self._us.id)
        except ValueError:
            return bool(self._us.id)
        return False

    # -- signing in --------------------------------------------------------------------------------------------------

    def ask(self) -> Question:
        """See ``PasskeyDesk.ask``."""
        challenge = os.urandom(CHALLENGE_BYTES)
        ticket = self._steps.begin(Purpose.PASSKEY, None, (), challenge)
        return Question(self._us.ask(challenge, (), verified=True), ticket)

    def sign_in(self, ticket: str, answer: str) -> OpenedSession:
        """See ``PasskeyDesk.sign_in``."""
        step = self._steps.take(Purpose.PASSKEY, ticket)
        return self._factors.open(self._proved(answer, step.challenge, None, verified=True), [PASSKEY])

    def ask_second(self, ticket: str) -> Question:
        """See ``PasskeyDesk.ask_second``."""
        challenge = os.urandom(CHALLENGE_BYTES)
        step = self._steps.challenge(Purpose.SIGN_IN, ticket, challenge)
        return Question(self._us.ask(challenge, self._known(step.principal), verified=False), ticket)

    def finish(self, ticket: str, answer: str) -> OpenedSession:
        """See ``PasskeyDesk.finish``. Taken whether the answer is right or not: a challenge has one answer."""
        step = self._steps.take(Purpose.SIGN_IN, ticket)
        if step.principal is None or not step.challenge:
            raise StepLost
        who = self._proved(answer, step.challenge, step.principal, verified=False)
        return self._factors.open(who, step.means | {PASSKEY})

    def ask_confirm(self, who: Identity) -> Question:
        """See ``PasskeyDesk.ask_confirm``."""
        challenge = os.urandom(CHALLENGE_BYTES)
        ticket = self._steps.begin(Purpose.CONFIRM, who.principal, (), challenge)
        return Question(self._us.ask(challenge, self._known(who.principal.id), verified=False), ticket)

    def confirm(self, who: Identity, ticket: str, answer: str) -> OpenedSession:
        """See ``PasskeyDesk.confirm``."""
        step = self._steps.take(Purpose.CONFIRM, ticket)
        self._require_own(who, step.principal)
        self._proved(answer, step.challenge, who.principal.id, verified=False)
        return self._factors.renew(who, PASSKEY)

    def _known(self, who: PrincipalId | None) -> list[bytes]:
        known = [one.credential for one in self._store.of(who)] if who is not None else []
        if not known:
            raise PasskeyRefused("you have none")
        return known

    def _proved(self, answer: str, challenge: bytes, who: PrincipalId | None, *, verified: bool) -> Principal:
        """Whose passkey it is, verified, its use noted. ``who``: whose it must be, where that is known."""
        presented = self._us.presented(answer)
        found = self._store.find(presented.credential)
        person = self._factors.person(found.principal)
        handle = self._handle(person)
        named_itself = hmac.compare_digest(presented.handle, handle)
        if (who is not None and found.principal != who) or not (named_itself or (who is not None and not presented.handle)):
            raise PasskeyRefused("it is somebody else's")
        self._store.used(found, person, self._us.check(answer, challenge, found.public_key, verified=verified))
        return person

    # -- one's own ---------------------------------------------------------------------------------------------------

    def ask_new(self, who: Identity) -> Question:
        """See ``PasskeyDesk.ask_new``."""
        self._factors.require_recent(who)
        challenge = os.urandom(CHALLENGE_BYTES)
        known = [one.credential for one in self._store.of(who.principal.id)]
        ticket = self._steps.begin(Purpose.REGISTER, who.principal, (), challenge)
        return Question(self._us.ask_new(self._handle(who.principal), who.principal.name, known, challenge), ticket)

    def add(self, who: Identity, ticket: str, answer: str, name: str) -> tuple[OpenedSession, tuple[str, ...]]:
        """See ``PasskeyDesk.add``."""
        self._factors.require_recent(who)
        said = named(name)
        step = self._steps.take(Purpose.REGISTER, ticket)
        self._require_own(who, step.principal)
        self._store.add(who.principal, self._us.check_new(answer, step.challenge), said)
        return self._factors.renew(who, PASSKEY), self._factors.first_recovery_codes(who)

    def rename(self, who: Identity, passkey: str, name: str) -> None:
        """See ``PasskeyDesk.rename``."""
        self._store.rename(who.principal, passkey, name)

    def remove(self, who: Identity, passkey: str) -> None:
        """See ``PasskeyDesk.remove``."""
        self._factors.require_recent(who)
        self._store.remove(who.principal, passkey)

    @staticmethod
    def _require_own(who: Identity, begun_by: PrincipalId | None) -> None:
        if begun_by != who.principal.id:
            raise StepLost

    def _handle(self, who: Principal) -> bytes:
        """What an authenticator keeps of its owner: nothing that says who it is (WebAuthn, section 14.6.1)."""
        return hmac.digest(self._deployment.pepper, f"passkeys of {who.id}".encode(), "sha256")
