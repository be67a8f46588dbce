"""Second factors, wired: at sign-in, in a session, and what somebody changes about their own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from typing import Final

from wardstead.access.ports import Identity, Principal
from wardstead.access.situation import roles_at
from wardstead.access.strength import CODE, MEANS, PASSWORD, SECOND_FACTOR
from wardstead.adapters.identity.codes import address, new_secret, picture
from wardstead.adapters.store.directory.passkeys import PasskeyStore
from wardstead.adapters.store.directory.second_factors import NoSecondFactor, SecondFactors, SecondFactorStore
from wardstead.adapters.store.directory.sessions import in_place_of
from wardstead.adapters.store.directory.sign_in_steps import Purpose, SignInSteps, StepLost
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.break_glass import usable_until
from wardstead.console.factor_desk import Enrolment, OpenedSession, PasskeyShown, SecondStep, Standing
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId

_RECENT_MS: Final = 10 * 60_000
"""How long after a sign-in somebody changes how they sign in: a session that was left open is not enough."""
_REASON: Final = 2000


class ConfirmFirst(CallerError):
    """This session has proved too little, or too long ago, to change how its owner signs in."""

    code = "confirm_first"

    def __init__(self, *, enrolled: bool) -> None:
        super().__init__(
            "how you sign in is changed by somebody who has just proved who they are",
            next_step="Confirm with your second factor" if enrolled else "Sign out and in again, then do it within ten minutes",
        )


class DeploymentFactorDesk:
    """``FactorDesk`` of one worker."""

    def __init__(self, deployment: Deployment) -> None:
        """Over the deployment's directory."""
        self._deployment = deployment

    @cached_property
    def _store(self) -> SecondFactorStore:
        return second_factors(self._deployment)

    @cached_property
    def steps(self) -> SignInSteps:
        """Sign-ins that have begun."""
        deployment = self._deployment
        return SignInSteps(deployment.directory, pepper=deployment.pepper, clock=now_ms, entropy=os.urandom)

    # -- signing in --------------------------------------------------------------------------------------------------

    def after_password(self, who: Principal) -> OpenedSession | SecondStep:
        """What a right password is worth: a session, or half of one."""
        held = self._store.of(who)
        if not held.any:
            return self.open(who, [PASSWORD])
        codes = held.codes_since_ms is not None or held.recovery_codes > 0
        return SecondStep(self.steps.begin(Purpose.SIGN_IN, who, [PASSWORD]), codes, held.passkeys > 0)

    def finish(self, ticket: str, code: str) -> OpenedSession:
        """See ``FactorDesk.finish``."""
        who = self.person(self.steps.look(Purpose.SIGN_IN, ticket).principal)
        used = self._store.use(who, code)
        step = self.steps.take(Purpose.SIGN_IN, ticket)
        return self.open(who, step.means | {used})

    def confirm(self, who: Identity, code: str) -> OpenedSession:
        """See ``FactorDesk.confirm``."""
        return self.renew(who, self._store.use(who.principal, code))

    def person(self, principal: PrincipalId | None) -> Principal:
        """Who that is, if they may sign in. Raises ``StepLost``."""
        found = self._deployment.directory.load().principals.get(principal) if principal is not None else None
        if found is None or not found.active:
            raise StepLost
        return found

    def open(self, who: Principal, means: Iterable[str]) -> OpenedSession:
        """A session that was proved by these means just now. Raises ``AccountSealed``."""
        opened = self._deployment.directory.open_session(
            who, authenticated_ms=now_ms(), means=means, until_ms=usable_until(who, now_ms())
        )
        return OpenedSession(opened.token, opened.csrf)

    def renew(self, who: Identity, used: str) -> OpenedSession:
        """A session in place of ``who``'s, in which they have proved more just now."""
        means = (who.credential.strength & MEANS) | {used}
        opened = self._deployment.directory.open_session(
            who.principal, authenticated_ms=now_ms(), means=means, also=in_place_of(who.credential.id),
            until_ms=usable_until(who.principal, now_ms()),
        )  # fmt: skip
        return OpenedSession(opened.token, opened.csrf)

    # -- one's own ---------------------------------------------------------------------------------------------------

    def standing(self, who: Identity) -> Standing:
        """See ``FactorDesk.standing``."""
        held, rules = self._store.of(who.principal), self._deployment.access_rules()
        required = SECOND_FACTOR in rules.demanded(roles_at(who.principal, now_ms(), rules))
        refused = _refused(who, held)
        problem = f"{refused.what}. {refused.next_step}" if refused is not None else ""
        return Standing(_time(held.codes_since_ms), held.recovery_codes, self._passkeys(who), required, problem)

    def _passkeys(self, who: Identity) -> tuple[PasskeyShown, ...]:
        found = PasskeyStore(self._deployment.directory, clock=now_ms, entropy=os.urandom).of(who.principal.id)
        return tuple(
            PasskeyShown(
                one.id, one.name, rfc3339(one.created_ms), rfc3339(one.last_used_ms) if one.last_used_ms else "", one.synced
            )
            for one in found
        )

    def begin_codes(self, who: Identity) -> Enrolment:
        """See ``FactorDesk.begin_codes``."""
        self.require_recent(who)
        self._store.begin(who.principal, new_secret(os.urandom))
        return self.begun_codes(who)

    def begun_codes(self, who: Identity) -> Enrolment:
        """See ``FactorDesk.begun_codes``."""
        secret = self._store.begun(who.principal)
        host = self._deployment.url.partition("://")[2]
        return Enrolment(secret, picture(address(secret, who.principal.name, f"Wardstead {host}")))

    def confirm_codes(self, who: Identity, code: str) -> tuple[OpenedSession, tuple[str, ...]]:
        """See ``FactorDesk.confirm_codes``."""
        self.require_recent(who)
        codes = self._store.confirm(who.principal, code)
        return self.renew(who, CODE), codes

    def remove_codes(self, who: Identity) -> None:
        """See ``FactorDesk.remove_codes``."""
        self.require_recent(who)
        self._store.remove_authenticator(who.principal)

    def first_recovery_codes(self, who: Identity) -> tuple[str, ...]:
        """For somebody whose only way in would else be a thing that can be lost; none where they have some."""
        return self._store.renew_recovery_codes(who.principal) if not self._store.of(who.principal).recovery_codes else ()

    def renew_recovery_codes(self, who: Identity) -> tuple[str, ...]:
        """See ``FactorDesk.renew_recovery_codes``."""
        self.require_recent(who)
        return self._store.renew_recovery_codes(who.principal)

    def require_recent(self, who: Identity) -> None:
        """Raises ``ConfirmFirst`` unless this session may change how its owner signs in."""
        refused = _refused(who, self._store.of(who.principal))
        if refused is not None:
            raise refused


def _refused(who: Identity, held: SecondFactors) -> ConfirmFirst | None:
    """Why a session may not change how its owner signs in."""
    since = who.credential.authenticated_ms
    recent = since is not None and 0 <= now_ms() - since <= _RECENT_MS
    enough = not held.any or SECOND_FACTOR in who.credential.strength
    return None if recent and enough else ConfirmFirst(enrolled=held.any)


def _time(moment_ms: int | None) -> str:
    return rfc3339(moment_ms) if moment_ms is not None else ""


def second_factors(deployment: Deployment) -> SecondFactorStore:
    """What people have beside a password."""
    return SecondFactorStore(
        deployment.directory, deployment.sealer, pepper=deployment.pepper, clock=now_ms, entropy=os.urandom
    )  # fmt: skip


def reset(deployment: Deployment, name: str, reason: str) -> SecondFactors:
    """Take somebody's second factors away: what they had. Raises ``UnknownPerson``, ``NoSecondFactor``."""
    if not reason.strip():
        raise CallerError("a reset has a reason", where="--reason")
    store = second_factors(deployment)
    if not store.of(deployment.directory.find(name)).any:
        raise NoSecondFactor(f"{name[:80]!r} has no second factor")
    return store.reset(name, reason.strip()[:_REASON])
