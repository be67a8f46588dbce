"""What a provider signs, and what only looks like it: against an issuer in this process, whose tokens the test makes."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OctKey, RSAKey

from wardstead.access.federation import Assertion, StrengthRule, proved
from wardstead.access.strength import strength_of
from wardstead.adapters.identity.issuer import Issuer, ProviderFailed
from wardstead.adapters.identity.openid import Begun, Client, OpenIdProvider, SignInRefused

NOW_MS = 1_764_000_000_000
NOW_S = NOW_MS // 1000
KEY = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
OTHER = ECKey.generate_key("P-256", {"kid": "two", "use": "sig", "alg": "ES256"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EVENT = {"http://schemas.openid.net/event/backchannel-logout": {}}


@dataclass
class Fake:
    """An issuer that answers what it is told to."""

    keys: list[Key] = field(default_factory=lambda: [KEY])
    token: Mapping[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, list[str]], str]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def fake() -> Iterator[Fake]:
    made = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            endpoints = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "jwks"}
            said: object = {
                "issuer": made.url,
                **{name: f"{made.url}/{path}" for name, path in endpoints.items()},
                **made.metadata,
            }
            if self.path == "/jwks":
                said = {"keys": [key.as_dict(private=False) for key in made.keys]}
            self.say(said)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            made.asked.append((self.path, parse_qs(body), self.headers.get("authorization", "")))
            self.say(made.token)

        def say(self, what: object) -> None:
            body = json.dumps(what).encode()
            self.send_response(400 if isinstance(what, dict) and set(what) == {"error"} else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    thread.join()


class Here:
    """A provider as this deployment has it, with a clock that the test moves."""

    def __init__(self, fake: Fake, **more: Any) -> None:
        self.now_ms = NOW_MS
        self.monotonic_s = 1000.0
        self.issuer = Issuer(fake.url, monotonic_s=lambda: self.monotonic_s)
        client = Client("us", "shh", "https://here/callback", ("openid",), "name", "groups", **more)
        self.provider = OpenIdProvider(
            self.issuer, client, key=b"k" * 32, clock=lambda: self.now_ms, entropy=lambda size: b"\x07" * size
        )
        self.fake = fake

    def begin(self) -> tuple[Begun, dict[str, str]]:
        begun = self.provider.begin("/console/x")
        return begun, {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}

    def finish(self, claims: Mapping[str, Any], *, key: Key = KEY, header: Mapping[str, Any] | None = None, raw: str = "") -> Any:
        begun, asked = self.begin()
        said = {
            "iss": self.fake.url,
            "aud": "us",
            "sub": "s",
            "exp": NOW_S + 60,
            "iat": NOW_S,
            "name": "Nora",
            "nonce": asked["nonce"],
        }
        said = {name: value for name, value in {**said, **claims}.items() if value is not None}
        token = raw or jwt.encode(dict(header or {"alg": "ES256", "kid": "one"}), said, key)
        self.fake.token = {"access_token": "a", "token_type": "Bearer", "id_token": token}
        return self.provider.finish({"state": asked["state"], "code": "c"}, begun.ticket)


def test_a_signed_answer_says_who_came(fake: Fake) -> None:
    here = Here(fake)
    found = here.finish({"groups": ["a", "b"], "auth_time": NOW_S - 5, "sid": "there"})
    said = found.assertion
    assert (said.issuer, said.subject, said.name, said.groups) == (fake.url, "s", "Nora", {"a", "b"})
    assert (said.authenticated_ms, said.session, found.target) == ((NOW_S - 5) * 1000, "there", "/console/x")
    (path, form, authorization) = fake.asked[0]
    assert path == "/token"
    assert base64.b64decode(authorization.removeprefix("Basic ")) == b"us:shh"
    assert form["grant_type"] == ["authorization_code"]
    assert len(form["code_verifier"][0]) >= 43
    assert form["redirect_uri"] == ["https://here/callback"]


def test_the_browser_is_sent_with_pkce_and_without_the_verifier(fake: Fake) -> None:
    begun, asked = Here(fake).begin()
    assert asked["code_challenge_method"] == "S256"
    assert asked["response_type"] == "code"
    assert asked["scope"] == "openid"
    assert "code_verifier" not in begun.url
    for derived in ("state", "nonce", "code_challenge"):
        assert asked[derived] not in begun.ticket


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"iss": "https://other"}, "iss"),
        ({"aud": "them"}, "aud"),
        ({"aud": ["us", "them"]}, "azp"),
        ({"aud": ["us", "them"], "azp": "them"}, "azp"),
        ({"exp": NOW_S - 31}, "expired"),
        ({"iat": NOW_S + 31}, "signed"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "who you are"),
        ({"exp": None}, "exp"),
        ({"sid": "x" * 256}, "who you are"),
        ({"name": None}, "'name'"),
        ({"name": ["Nora"]}, "'name'"),
        ({"groups": [1]}, "groups"),
        ({"groups": {"a": 1}}, "groups"),
        ({"at_hash": "wrong"}, "at_hash"),
        ({"auth_time": NOW_S + 31}, "another time"),
        ({"auth_time": float("inf")}, "another time"),
        ({"auth_time": float("nan")}, "another time"),
        ({"auth_time": -1}, "another time"),
        ({"auth_time": "yesterday"}, "auth_time"),
    ],
)
def test_claims_that_are_not_for_us_are_refused(fake: Fake, claims: Mapping[str, Any], why: str) -> None:
    with pytest.raises(SignInRefused) as refused:
        Here(fake).finish(claims)
    assert why in str(refused.value)


def test_signatures_that_prove_nothing_are_refused(fake: Fake) -> None:
    fake.keys = [KEY, RSA]
    here = Here(fake)
    public = json.dumps(KEY.as_dict(private=False)).encode()
    unsigned = base64.urlsafe_b64encode(b'{"alg": "none"} ').decode() + ".e30."
    confused = jwt.encode({"alg": "HS256", "kid": "one"}, {"sub": "s"}, OctKey.import_key(public))
    forged = jwt.encode({"alg": "ES256", "kid": "one"}, {"sub": "s"}, OTHER)
    unknown = jwt.encode({"alg": "ES256", "kid": "two"}, {"sub": "s"}, OTHER)
    swapped = jwt.encode({"alg": "ES256", "kid": "rsa"}, {"sub": "s"}, KEY)
    for raw in (unsigned, confused, forged, unknown, swapped, "a.b.c", "", "x" * 70_000):
        with pytest.raises(SignInRefused, match="not signed in"):
            here.finish({}, raw=raw or ".")


def test_a_symmetric_key_that_is_published_is_no_key(fake: Fake) -> None:
    secret = OctKey.generate_key(256, {"kid": "oct"})
    fake.keys = [KEY, secret]
    here = Here(fake)
    fake_token = jwt.encode({"alg": "HS256", "kid": "oct"}, {"sub": "s"}, secret)
    with pytest.raises(SignInRefused):
        here.finish({}, raw=fake_token)


def test_new_keys_are_fetched_at_once_but_not_at_every_strange_token(fake: Fake) -> None:
    here = Here(fake)
    two = {"alg": "ES256", "kid": "two"}
    here.finish({})
    fake.keys = [OTHER]
    assert here.finish({}, key=OTHER, header=two).assertion.subject == "s", "whoever signs in just then is not locked out"
    with pytest.raises(SignInRefused):
        here.finish({})  # the old key is withdrawn
    fake.keys = [KEY]
    here.monotonic_s += 9
    with pytest.raises(SignInRefused):
        here.finish({})
    here.monotonic_s += 1
    assert here.finish({}).assertion.subject == "s"


def test_keys_that_cannot_be_fetched_again_leave_those_that_are_known(fake: Fake) -> None:
    here = Here(fake)
    here.finish({})
    fake.keys = []
    fake.metadata = {"jwks_uri": "http://127.0.0.1:1/jwks"}
    here.issuer._metadata = None
    with pytest.raises(ProviderFailed):
        here.finish({}, key=OTHER, header={"alg": "ES256", "kid": "two"})
    assert here.finish({}).assertion.subject == "s"


def test_a_ticket_is_for_one_browser_for_ten_minutes_and_for_this_provider(fake: Fake) -> None:
    here = Here(fake)
    begun, asked = here.begin()
    answer = {"state": asked["state"], "code": "c"}
    fake.token = {"access_token": "a", "token_type": "Bearer", "id_token": "x.y.z"}
    head, _, seal = begun.ticket.rpartition(".")
    later = f"{NOW_MS + 1}{head[len(str(NOW_MS)) :]}.{seal}"
    for ticket in ("", "x", begun.ticket[:-1], later, begun.ticket + "é"):
        with pytest.raises(SignInRefused) as refused:
            here.provider.finish(answer, ticket)
        assert "began no sign-in" in refused.value.why
    here.now_ms += 10 * 60_000
    with pytest.raises(SignInRefused) as refused:
        here.provider.finish(answer, begun.ticket)
    assert "too long" in refused.value.why
    here.now_ms = NOW_MS - 1
    with pytest.raises(SignInRefused):
        here.provider.finish(answer, begun.ticket)


def test_an_answer_says_whose_it_is_where_the_provider_does_that(fake: Fake) -> None:
    fake.metadata = {"authorization_response_iss_parameter_supported": True}
    here = Here(fake)
    begun, asked = here.begin()
    for answer in ({}, {"iss": "https://evil"}):
        with pytest.raises(SignInRefused) as refused:
            here.provider.finish({"state": asked["state"], "code": "c", **answer}, begun.ticket)
        assert "another identity provider" in refused.value.why


def test_a_recent_proof_is_asked_for_and_checked(fake: Fake) -> None:
    here = Here(fake, max_age_s=60)
    _, asked = here.begin()
    assert asked["max_age"] == "60"
    assert here.finish({"auth_time": NOW_S - 60}).assertion.authenticated_ms == (NOW_S - 60) * 1000
    for when in (NOW_S - 91, None):
        with pytest.raises(SignInRefused):
            here.finish({"auth_time": when})


def test_a_session_that_has_to_prove_more_asks_for_a_sign_in_anew(fake: Fake) -> None:
    here = Here(fake, max_age_s=60, acr_values=("two", "one"))
    begun = here.provider.begin("/console/x", "session-1")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.url).query).items()}
    assert (asked["prompt"], asked["max_age"], asked["acr_values"]) == ("login", "0", "two one")
    here.begin = lambda: (begun, asked)  # type: ignore[method-assign]
    found = here.finish({"auth_time": NOW_S, "amr": ["pwd", "otp"], "acr": "two"})
    assert found.session == "session-1"
    assert (found.assertion.methods, found.assertion.of_class) == ({"pwd", "otp"}, "two")
    for when in (NOW_S - 45, None):
        with pytest.raises(SignInRefused):
            here.finish({"auth_time": when})
    signed_in = Here(fake, acr_values=("two",)).begin()[1]
    assert not {"prompt", "max_age", "acr_values"} & signed_in.keys(), "who only signs in is asked for nothing more"


STRENGTH = [
    StrengthRule(frozenset({"otp", "mfa"}), "", frozenset({"second-factor"})),
    StrengthRule(frozenset(), "phr", frozenset({"passkey"})),
]


@pytest.mark.parametrize(
    ("methods", "of_class", "more"),
    [
        (set(), "", set()), ({"otp"}, "", set()), ({"otp", "mfa", "pwd"}, "", {"second-factor"}), ({"hwk"}, "phr", {"passkey"}),
        ({"otp", "mfa"}, "phr", {"second-factor", "passkey"}), (set(), "phrh", set()),
    ],
)  # fmt: skip
def test_a_provider_s_words_are_worth_what_the_mapping_says(methods: set[str], of_class: str, more: set[str]) -> None:
    said = Assertion("i", "s", "n", methods=frozenset(methods), of_class=of_class)
    assert proved(STRENGTH, said) == {"provider"} | more
    assert strength_of(proved(STRENGTH, said)) == {"provider"} | more | ({"second-factor"} if more else set())


def test_what_the_provider_refuses_is_said_without_its_markup(fake: Fake) -> None:
    here = Here(fake)
    begun, asked = here.begin()
    fake.token = {"error": "invalid_grant"}
    with pytest.raises(SignInRefused) as refused:
        here.provider.finish({"state": asked["state"], "code": "replayed"}, begun.ticket)
    assert "invalidgrant" in refused.value.why.replace("_", "")
    with pytest.raises(SignInRefused) as refused:
        here.provider.finish({"state": asked["state"], "error": "<b>call 555</b>" * 100}, begun.ticket)
    assert "<" not in refused.value.why
    assert len(refused.value.why) < 200


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"issuer": "https://other"}, "calls itself otherwise"),
        ({"authorization_endpoint": None}, "has no authorization_endpoint"),
        ({"authorization_endpoint": "http://far.example/auth"}, "without TLS"),
    ],
)
def test_a_provider_that_is_not_what_it_should_be(fake: Fake, metadata: dict[str, Any], why: str) -> None:
    fake.metadata = metadata
    with pytest.raises(ProviderFailed) as failed:
        Here(fake).begin()
    assert why in str(failed.value)


def test_a_provider_that_is_not_there() -> None:
    with pytest.raises(ProviderFailed):
        Here(Fake(url="http://127.0.0.1:1")).begin()


def test_a_provider_that_takes_no_codes(fake: Fake) -> None:
    fake.metadata = {"token_endpoint": "http://127.0.0.1:1/token"}
    with pytest.raises(ProviderFailed, match="does not answer"):
        Here(fake).finish({})


def logout(here: Here, claims: Mapping[str, Any], key: Key = KEY, typ: str = "logout+jwt") -> Any:
    said = {"iss": here.fake.url, "aud": ["us"], "iat": NOW_S, "exp": NOW_S + 60, "jti": "j", "sid": "there", "events": EVENT}
    said = {name: value for name, value in {**said, **claims}.items() if value is not None}
    return here.provider.ended(jwt.encode({"alg": "ES256", "kid": "one", "typ": typ}, said, key))


def test_a_logout_token_says_which_session_has_ended(fake: Fake) -> None:
    here = Here(fake)
    found = logout(here, {"sub": "s"})
    assert (found.issuer, found.subject, found.session) == (fake.url, "s", "there")
    assert found.used == logout(here, {"sub": "s"}).used
    assert found.used != logout(here, {"jti": "k"}).used


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other"}, {"aud": "them"}, {"aud": None},
        {"iat": NOW_S - 331}, {"iat": None}, {"iat": "now"}, {"exp": NOW_S - 30},
        {"events": {}}, {"events": None}, {"events": ["x"]}, {"nonce": "n"}, {"sid": None}, {"jti": None}, {"jti": 7}, {"sub": 7},
    ],
)  # fmt: skip
def test_what_is_no_logout_token_ends_nothing(fake: Fake, claims: Mapping[str, Any]) -> None:
    with pytest.raises(SignInRefused):
        logout(Here(fake), claims)


def test_an_identity_token_is_no_logout_token(fake: Fake) -> None:
    here = Here(fake)
    with pytest.raises(SignInRefused):
        logout(here, {}, typ="at+jwt")
    with pytest.raises(SignInRefused):
        logout(here, {}, key=OTHER)
