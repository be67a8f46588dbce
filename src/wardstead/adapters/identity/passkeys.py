"""Passkeys (WebAuthn level 3): what a browser is asked, and whether what it answers is an answer to that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json, parse_registration_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from wardstead.kernel.errors import CallerError

CHALLENGE_BYTES: Final = 32
_LONGEST: Final = 12 * 1024


class PasskeyRefused(CallerError):
    """What the browser answered is no proof of a passkey that is known here."""

    code = "passkey_refused"

    def __init__(self, why: str) -> None:
        super().__init__("the passkey is not accepted", why=why, next_step="Try again, or sign in another way")


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey as its authenticator made it. ``synced``: it may be on several devices of its owner."""

    credential: bytes
    public_key: bytes
    sign_count: int
    synced: bool


@dataclass(frozen=True, slots=True)
class Presented:
    """Which passkey an answer says it is of, and whose that is by its own account (empty where it does not say)."""

    credential: bytes
    handle: bytes


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """This deployment, as authenticators know it: a passkey works for ``id`` alone, on pages of ``origins`` alone."""

    id: str
    name: str
    origins: tuple[str, ...]

    def ask_new(self, handle: bytes, name: str, known: Iterable[bytes], challenge: bytes) -> str:
        """What a browser is asked for a new passkey, as JSON. ``handle``: the person, by what nobody else can read."""
        chosen = AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        )
        made = generate_registration_options(
            rp_id=self.id, rp_name=self.name, user_name=name, user_id=handle, challenge=challenge,
            authenticator_selection=chosen, exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        )  # fmt: skip
        return options_to_json(made)

    def check_new(self, answer: str, challenge: bytes) -> NewPasskey:
        """The new passkey. Who made the authenticator is not asked: attestation tells apart people, and stops nobody here.

        Raises ``PasskeyRefused``.
        """
        try:
            found = verify_registration_response(
                credential=parse_registration_credential_json(_short(answer)), expected_challenge=challenge,
                expected_rp_id=self.id, expected_origin=list(self.origins),
            )  # fmt: skip
        except (WebAuthnException, ValueError) as error:
            raise PasskeyRefused(_said(error)) from None
        synced = found.credential_device_type is CredentialDeviceType.MULTI_DEVICE
        return NewPasskey(found.credential_id, found.credential_public_key, found.sign_count, synced)

    def ask(self, challenge: bytes, known: Iterable[bytes], *, verified: bool) -> str:
        """What a browser is asked for a proof, as JSON. Without ``known`` it offers all passkeys that it has for us.

        ``verified``: whether its owner must be verified by the authenticator, where the passkey is all that is proved.
        """
        wanted = UserVerificationRequirement.REQUIRED if verified else UserVerificationRequirement.PREFERRED
        allowed = [PublicKeyCredentialDescriptor(id=one) for one in known]
        made = generate_authentication_options(
            rp_id=self.id, challenge=challenge, allow_credentials=allowed, user_verification=wanted
        )
        return options_to_json(made)

    def presented(self, answer: str) -> Presented:
        """Which passkey an answer is of, not verified yet. Raises ``PasskeyRefused``."""
        try:
            read = parse_authentication_credential_json(_short(answer))
        except (WebAuthnException, ValueError) as error:
            raise PasskeyRefused(_said(error)) from None
        return Presented(read.raw_id, read.response.user_handle or b"")

    def check(self, answer: str, challenge: bytes, public_key: bytes, *, verified: bool) -> int:
        """The count of uses that a proof carries. Whoever keeps the last one compares it. Raises ``PasskeyRefused``."""
        try:
            found = verify_authentication_response(
                credential=parse_authentication_credential_json(_short(answer)), expected_challenge=challenge,
                expected_rp_id=self.id, expected_origin=list(self.origins), credential_public_key=public_key,
                credential_current_sign_count=0, require_user_verification=verified,
            )  # fmt: skip
        except (WebAuthnException, ValueError) as error:
            raise PasskeyRefused(_said(error)) from None
        return found.new_sign_count


def _short(answer: str) -> str:
    if len(answer) > _LONGEST:
        raise PasskeyRefused("the answer is too long")
    return answer


def _said(error: Exception) -> str:
    """What the library says, fit for a page: it may quote the browser."""
    return "".join(one for one in str(error) if one.isascii() and (one.isalnum() or one in " -.,"))[:120]
