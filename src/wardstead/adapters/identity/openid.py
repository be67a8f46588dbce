"""OpenID Connect: the authorisation code flow with PKCE, and back-channel logout.

Nothing is kept between the first step and the last: the browser holds a ticket that says when the sign-in began and where it
goes on, and state, nonce and code verifier are derived from that ticket under a key of ours. What came back once is not taken
again: whoever calls ``finish`` keeps ``Finished.used`` until it has expired.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from httpx2 import HTTPError
from joserfc.errors import JoseError
from joserfc.jwt import Token

from wardstead.access.federation import Assertion
from wardstead.adapters.identity.issuer import Issuer, ProviderFailed
from wardstead.kernel.clock import Clock, Entropy
from wardstead.kernel.errors import CallerError

_TICKET_MS: Final = 10 * 60_000
_LEEWAY_S: Final = 30
_LOGOUT_S: Final = 300
_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_LONGEST: Final = 4096
_MOST_GROUPS: Final = 1000


class SignInRefused(CallerError):
    """What came back from the provider is not the answer to a sign-in that this browser began, or says no."""

    code = "sign_in_refused"


@dataclass(frozen=True, slots=True)
class Client:
    """This deployment, as the provider knows it, and what is asked of the provider."""

    id: str
    secret: str
    redirect_uri: str
    scopes: tuple[str, ...]
    name_claim: str
    groups_claim: str
    max_age_s: int | None = None
    acr_values: tuple[str, ...] = ()
    """What a step-up asks for."""


@dataclass(frozen=True, slots=True)
class Begun:
    """Where the browser goes, and the ticket that it brings back."""

    url: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Who signed in, where the browser goes on, and what must not come a second time.

    ``session``: the session of ours that was to prove more; empty where somebody signed in.
    """

    assertion: Assertion
    target: str
    used: bytes
    used_until_ms: int
    session: str = ""


@dataclass(frozen=True, slots=True)
class EndedThere:
    """A session that the provider has ended; without ``session``, all of that person's."""

    issuer: str
    subject: str
    session: str
    used: bytes
    used_until_ms: int


@dataclass(frozen=True, slots=True)
class _Ticket:
    """What a browser brings back of the sign-in that it began."""

    began_ms: int
    target: str
    session: str

    @property
    def until_ms(self) -> int:
        return self.began_ms + _TICKET_MS


class OpenIdProvider:
    """One provider. Blocking: its methods are called in a thread."""

    def __init__(self, issuer: Issuer, client: Client, *, key: bytes, clock: Clock, entropy: Entropy) -> None:
        """``key`` is secret and this deployment's own."""
        self._issuer, self._client = issuer, client
        self._key = hmac.digest(key, b"wardstead openid v2 " + issuer.url.encode(), "sha256")
        self._clock, self._entropy = clock, entropy

    def begin(self, target: str, session: str = "") -> Begun:
        """Somebody wants to sign in, and to go on to ``target``; in a ``session`` that has to prove more, to do so anew and by
        what ``acr_values`` ask for (OpenID Connect Core, section 3.1.2.1). Raises ``ProviderFailed``.
        """
        ticket = self._ticket(target, session)
        more = {} if self._client.max_age_s is None else {"max_age": str(self._client.max_age_s)}
        if session:
            more = {"prompt": "login", "max_age": "0"}
            more |= {"acr_values": " ".join(self._client.acr_values)} if self._client.acr_values else {}
        with self._oauth() as client:
            url, _ = client.create_authorization_url(
                self._issuer.endpoint("authorization_endpoint"),
                state=self._derived("state", ticket),
                nonce=self._derived("nonce", ticket),
                code_verifier=self._derived("verifier", ticket),
                **more,
            )
        return Begun(str(url), ticket)

    def leave(self, back: str) -> str:
        """Where somebody goes to sign out at the provider as well, and comes ``back`` from (RP-Initiated Logout 1.0, section 2).

        Raises ``ProviderFailed`` where it is not there, or has no such page. Tokens are not kept, so it asks who leaves.
        """
        query = urlencode({"client_id": self._client.id, "post_logout_redirect_uri": back})
        address = self._issuer.endpoint("end_session_endpoint")
        return f"{address}{'&' if '?' in address else '?'}{query}"

    def finish(self, answer: Mapping[str, str], ticket: str) -> Finished:
        """They came back, with the provider's ``answer``. Raises ``SignInRefused``, ``ProviderFailed``."""
        begun = self._open_ticket(ticket)
        if not hmac.compare_digest(answer.get("state", "").encode(), self._derived("state", ticket).encode()):
            raise _refused("it is not the answer to the sign-in that this browser began")
        self._check_sender(answer)
        if "error" in answer:
            raise _refused(f"the identity provider says {_printable(answer['error'])}")
        code = answer.get("code", "")
        if not 0 < len(code) <= _LONGEST:
            raise _refused("the identity provider sent no code")
        said = self._assertion(self._exchange(code, ticket))
        if begun.session and (said.authenticated_ms or 0) < begun.began_ms - _LEEWAY_S * 1000:
            raise _refused("the identity provider does not say that you proved anew who you are")
        used = hmac.digest(self._key, b"used " + ticket.encode(), "sha256")
        return Finished(said, begun.target, used, begun.until_ms, begun.session)

    def ended(self, logout_token: str) -> EndedThere:
        """What a logout token says has ended (OpenID Connect Back-Channel Logout 1.0, section 2.6).

        Raises ``SignInRefused`` for one that is not the provider's, ``ProviderFailed``.
        """
        token = self._verified(logout_token)
        said, now_s = token.claims, self._clock() // 1000
        if token.header.get("typ", "logout+jwt").lower().removeprefix("application/") not in {"logout+jwt", "jwt"}:
            raise _refused("this is no logout token")
        audience = said.get("aud")
        for_us = [audience] if isinstance(audience, str) else audience or ()
        if said.get("iss") != self._issuer.url or self._client.id not in for_us:
            raise _refused("the logout token is not for us")
        issued, expires = said.get("iat"), said.get("exp")
        if not isinstance(issued, int) or abs(now_s - issued) > _LOGOUT_S + _LEEWAY_S:
            raise _refused("the logout token is too old, or a clock is wrong")
        if expires is not None and (not isinstance(expires, int) or expires + _LEEWAY_S <= now_s):
            raise _refused("the logout token has expired")
        events = said.get("events")
        if not isinstance(events, dict) or _LOGOUT_EVENT not in events or "nonce" in said:
            raise _refused("this is no logout token")
        subject, session, identifier = said.get("sub", ""), said.get("sid", ""), said.get("jti")
        if not all(isinstance(one, str) for one in (subject, session, identifier)) or not (subject or session) or not identifier:
            raise _refused("the logout token does not say whom it is about")
        used = hmac.digest(self._key, b"logout " + identifier.encode(), "sha256")
        return EndedThere(self._issuer.url, subject, session, used, (issued + _LOGOUT_S + 2 * _LEEWAY_S) * 1000)

    # -- the ticket --------------------------------------------------------------------------------------------------

    def _ticket(self, target: str, session: str) -> str:
        body = f"{self._clock()}.{_base64(self._entropy(32))}.{_base64(target.encode())}.{_base64(session.encode())}"
        return f"{body}.{self._derived('ticket', body)}"

    def _open_ticket(self, ticket: str) -> _Ticket:
        body, _, seal = ticket.rpartition(".")
        if not ticket.isascii() or not hmac.compare_digest(seal.encode(), self._derived("ticket", body).encode()):
            raise _refused("this browser began no sign-in here, or its cookie was lost")
        began, _, target, session = body.split(".")
        found = _Ticket(int(began), _unbase64(target).decode(), _unbase64(session).decode())
        if not found.began_ms <= self._clock() < found.until_ms:
            raise _refused("it took too long")
        return found

    def _derived(self, purpose: str, ticket: str) -> str:
        return _base64(hmac.digest(self._key, f"{purpose} {ticket}".encode(), "sha256"))

    # -- the answer --------------------------------------------------------------------------------------------------

    def _check_sender(self, answer: Mapping[str, str]) -> None:
        """RFC 9207: the answer of one provider is not to be taken for another's."""
        said = answer.get("iss")
        if said is None and not self._issuer.names_itself:
            return
        if said != self._issuer.url:
            raise _refused("it is the answer of another identity provider")

    def _exchange(self, code: str, ticket: str) -> CodeIDToken:
        with self._oauth() as client:
            try:
                given = client.fetch_token(
                    self._issuer.endpoint("token_endpoint"), code=code, code_verifier=self._derived("verifier", ticket)
                )
            except AuthlibBaseError as error:
                raise _refused(f"the identity provider does not take the code: {_printable(error.error)}") from None
            except (HTTPError, ValueError) as error:
                raise ProviderFailed("the identity provider does not answer", why=type(error).__name__) from None
        token = self._verified(str(given.get("id_token") or ""))
        claims = CodeIDToken(
            token.claims,
            token.header,
            {"iss": {"essential": True, "value": self._issuer.url}, "aud": {"essential": True, "value": self._client.id}},
            {
                "nonce": self._derived("nonce", ticket),
                "client_id": self._client.id,
                "access_token": given.get("access_token"),
                "max_age": self._client.max_age_s,
            },
        )
        try:
            claims.validate(now=self._clock() // 1000, leeway=_LEEWAY_S)
        except (JoseError, AuthlibBaseError) as error:
            raise _refused(f"what the identity provider signed is not acceptable: {_printable(str(error))}") from None
        return claims

    def _verified(self, token: str) -> Token:
        """A token that the provider has signed, with a key that it publishes now."""
        try:
            return self._issuer.verified(token)
        except (JoseError, ValueError) as error:
            raise _refused(f"the identity provider has not signed this: {_printable(str(error))}") from None

    def _assertion(self, claims: CodeIDToken) -> Assertion:
        subject, session, when = claims.get("sub"), claims.get("sid", ""), claims.get("auth_time")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not isinstance(session, str) or len(session) > 255:
            raise _refused("the identity provider does not say who you are")
        now_s = self._clock() // 1000
        if when is not None and not 0 <= when <= now_s + _LEEWAY_S:  # it would be fresh again when that time comes
            raise _refused("the identity provider says that you prove who you are at another time than now")
        if self._client.max_age_s is not None and now_s - int(when) > self._client.max_age_s + _LEEWAY_S:
            raise _refused("you proved who you are too long ago")
        return Assertion(
            self._issuer.url,
            subject,
            _text(claims, self._client.name_claim),
            _texts(claims, self._client.groups_claim),
            int(when) * 1000 if when is not None else None,
            session,
            _texts(claims, "amr"),
            acr if isinstance(acr := claims.get("acr"), str) else "",
        )

    def _oauth(self) -> OAuth2Client:
        secret = self._client.secret
        return OAuth2Client(
            self._client.id,
            secret or None,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            scope=" ".join(self._client.scopes),
            redirect_uri=self._client.redirect_uri,
            code_challenge_method="S256",
            **self._issuer.connection,
        )


def _refused(why: str) -> SignInRefused:
    return SignInRefused("you are not signed in", why=why, next_step="Sign in again; if it goes on, tell an administrator")


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name)
    if not isinstance(found, str) or not found:
        raise _refused(f"the identity provider does not send the claim {name!r}")
    return found


def _texts(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """A list of words. One word is a list of one; none is none: then nothing is given."""
    found = claims.get(name) or ()
    listed = [found] if isinstance(found, str) else found
    if not isinstance(listed, list | tuple) or len(listed) > _MOST_GROUPS or not all(isinstance(one, str) for one in listed):
        raise _refused(f"the claim {name!r} is no list of words")
    return frozenset(listed)


def _printable(text: str) -> str:
    """What another says, fit for a page: it may not speak in our name at any length."""
    return "".join(one for one in text if one.isascii() and (one.isalnum() or one in " _-:.'"))[:80]


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
