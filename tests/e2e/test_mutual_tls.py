"""Services prove who they are with a certificate: real TLS clients at the real door, and all that must not get in."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.e2e.faulty import Faulty, faulty_deployment, until
from tests.ports import free_port

from wardstead.crypto.client_certificates import service_name
from wardstead.crypto.pki import CertifiedKey, common_name, elliptic_key, key_pem, make_root

pytestmark = pytest.mark.e2e
BOT = "URI:spiffe://corp.example/bot"
FOR_CLIENTS = (ExtendedKeyUsageOID.CLIENT_AUTH,)
NOW = datetime.now(UTC)


def outside_leaf(
    authority: CertifiedKey, *names: x509.GeneralName, uses: tuple[x509.ObjectIdentifier, ...] = FOR_CLIENTS,
    begin: datetime = NOW - timedelta(hours=2), end: datetime = NOW + timedelta(hours=1),
) -> CertifiedKey:  # fmt: skip
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder().subject_name(common_name("bot")).public_key(key.public_key())
        .issuer_name(x509.load_pem_x509_certificate(authority.certificate).subject)
        .serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
    )  # fmt: skip
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    made = builder.sign(elliptic_key(authority), hashes.SHA256())
    return CertifiedKey(made.public_bytes(serialization.Encoding.PEM), key_pem(key))


def authority(name: str) -> CertifiedKey:
    hosts = ("corp.example", "wardstead.internal")
    permitted = [x509.DNSName(hosts[0]), *(x509.UniformResourceIdentifier(host) for host in hosts)]
    return make_root(name, permitted, int(NOW.timestamp() * 1000) - 86_400_000)


@dataclass
class Services:
    faulty: Faulty
    port: int
    folder: Path
    corp: CertifiedKey

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def tls(self, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.faulty.made.ca_file)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        return context

    def of(self, given: CertifiedKey) -> ssl.SSLContext:
        path = self.folder / f"{len(list(self.folder.iterdir()))}.pem"
        path.write_bytes(given.key + given.certificate)
        return self.tls(path)

    def issue(self, name: str, folder: str, *more: str) -> Any:
        return self.faulty.made.json("certificate", "issue", name, "--output", str(self.folder / folder), *more)

    def issued(self, name: str, folder: str, *more: str) -> ssl.SSLContext:
        made = self.issue(name, folder, *more)
        return self.tls(made["certificate"], made["key"])

    def ask(self, context: ssl.SSLContext, headers: dict[str, str] | None = None) -> httpx.Response:
        body = {"model": "fine", "messages": [{"role": "user", "content": "Say one word."}], "stream": True}
        with httpx.Client(verify=context, timeout=30, headers=headers) as client:
            return client.post(f"{self.url}/v1/chat/completions", json=body)

    def status(self, context: ssl.SSLContext, **headers: str) -> int:
        return self.ask(context, headers).status_code


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    root = tmp_path_factory.mktemp("services")
    port = free_port()
    corp = authority("Corp")
    settings = {"mutual_tls": {"port": port, "ca_file": "tls/corp.crt"}}
    with faulty_deployment(root / "deployment", real_model=False, server=settings) as faulty:
        (faulty.made.directory / "tls" / "corp.crt").write_bytes(corp.certificate)
        for name in ("bot", "other"):
            faulty.made.run("user", "add", name)
        faulty.up()
        (root / "clients").mkdir()
        yield Services(faulty, port, root / "clients", corp)


def refused_at_the_door(services: Services, context: ssl.SSLContext) -> None:
    """In TLS 1.3 a client learns that its certificate is refused when it reads."""
    with pytest.raises((httpx.HTTPError, ssl.SSLError)):
        services.ask(context)


def test_a_service_is_who_its_certificate_names(services: Services) -> None:
    made = services.issue("bot", "a", "--purpose", "support")
    assert (Path(made["key"]).stat().st_mode & 0o777) == 0o600
    context = services.tls(made["certificate"], made["key"])
    client = openai.OpenAI(base_url=f"{services.url}/v1", http_client=httpx.Client(verify=context), api_key="none")
    no_key: Any = {"authorization": openai.Omit()}
    said: Any = [{"role": "user", "content": "Say one word."}]
    stream = client.chat.completions.create(model="fine", messages=said, stream=True, extra_headers=no_key)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    receipt = stream.response.headers["wardstead-receipt"]
    assert services.faulty.outcome(receipt) == "completed"
    assert [one.id for one in client.models.list(extra_headers=no_key).data]
    listed = services.faulty.made.json("certificate", "list")["certificates"]
    assert [(one["user"], one["purposes"]) for one in listed if one["id"] == made["id"]] == [("bot", ["support"])]


def test_what_a_certificate_is_for_refuses_alone(services: Services) -> None:
    refusal = services.ask(services.issued("bot", "b", "--purpose", "support"), {"wardstead-purpose": "drafting"})
    assert refusal.status_code == 403
    assert "is for the purpose support" in refusal.json()["error"]["message"]
    assert services.status(services.issued("bot", "c", "--network", "198.51.100.0/24")) == 403
    assert services.status(services.issued("bot", "d", "--model", "stall")) == 403
    assert services.status(services.issued("bot", "e", "--scope", "listModels")) == 403


def test_revocation_bites_at_once_on_a_connection_that_is_open(services: Services) -> None:
    made = services.issue("bot", "f")
    body = {"model": "fine", "messages": [{"role": "user", "content": "Say one word."}], "stream": True}
    with httpx.Client(verify=services.tls(made["certificate"], made["key"]), timeout=30) as client:
        assert client.post(f"{services.url}/v1/chat/completions", json=body).status_code == 200
        services.faulty.made.run("certificate", "revoke", made["serial"], "--yes")
        assert client.post(f"{services.url}/v1/chat/completions", json=body).status_code == 401
        assert client.get(f"{services.url}/v1/models").status_code == 401


def test_who_is_switched_off_has_no_certificate_either(services: Services) -> None:
    services.faulty.made.run("user", "add", "gone")
    context = services.issued("gone", "g")
    assert services.status(context) == 200
    services.faulty.made.run("user", "disable", "gone")
    assert services.status(context) == 401


def test_a_key_beside_a_certificate_is_of_the_same_person(services: Services) -> None:
    own, others = services.faulty.made.key("bot"), services.faulty.made.key("other")
    context = services.issued("bot", "h", "--purpose", "support")
    assert services.status(context, authorization=f"Bearer {own}") == 200
    refusal = services.ask(context, {"authorization": f"Bearer {others}"})
    assert (refusal.status_code, "not of the same person" in refusal.text) == (401, True)
    assert services.status(context, authorization="Bearer ws_nonsense") == 401
    # What the certificate is not for, a key beside it is not for either.
    assert services.status(context, authorization=f"Bearer {own}", **{"wardstead-purpose": "drafting"}) == 403


def test_without_a_certificate_nobody_gets_in_whatever_they_say(services: Services) -> None:
    refused_at_the_door(services, services.tls())
    made = services.issue("bot", "i")
    pem = Path(made["certificate"]).read_text()
    der = ssl.PEM_cert_to_DER_cert(pem)
    fingerprint = x509.load_der_x509_certificate(der).fingerprint(hashes.SHA256()).hex()
    everybodys = ssl.create_default_context(cafile=services.faulty.made.ca_file)
    said = {
        "x-forwarded-client-cert": f"Hash={fingerprint}", "ssl-client-cert": pem.strip().replace("\n", " "),
        "x-ssl-client-verify": "SUCCESS", "client-cert": f":{fingerprint}:", "authorization": f"Bearer certificate {fingerprint}",
    }  # fmt: skip
    with httpx.Client(verify=everybodys, base_url=services.faulty.made.url) as client:
        for header, value in said.items():
            assert client.get("/v1/models", headers={header: value}).status_code == 401, header
        # A connection may bring a certificate to the door of everybody; it proves nothing there.
    with httpx.Client(verify=services.tls(made["certificate"], made["key"]), base_url=services.faulty.made.url) as client:
        assert client.get("/v1/models").status_code == 401
        assert client.get("/v1/models", headers={"wardstead-certificate": fingerprint}).status_code == 400


def test_certificates_of_others_and_for_other_things_are_refused_at_the_door(services: Services) -> None:
    name = x509.UniformResourceIdentifier("spiffe://corp.example/bot")
    server_only = outside_leaf(services.corp, name, uses=(ExtendedKeyUsageOID.SERVER_AUTH,))
    expired = outside_leaf(services.corp, name, end=NOW - timedelta(hours=1))
    early = outside_leaf(services.corp, name, begin=NOW + timedelta(hours=1), end=NOW + timedelta(hours=2))
    stranger = outside_leaf(authority("Stranger"), name)
    server = services.faulty.made.directory / "tls"
    for given in (server_only, expired, early, stranger, outside_leaf(services.corp, name, uses=())):
        refused_at_the_door(services, services.of(given))
    refused_at_the_door(services, services.tls(server / "server.crt", server / "server.key"))


def test_a_name_in_certificates_of_an_outside_authority_is_somebody(services: Services) -> None:
    made, name = services.faulty.made, x509.UniformResourceIdentifier("spiffe://corp.example/bot")
    context = services.of(outside_leaf(services.corp, name))
    assert services.status(context) == 401
    made.run("certificate", "trust", "bot", "--name", BOT)
    until("the name is known", lambda: services.status(context) == 200)
    assert made.json("certificate", "trust", "other", "--name", BOT, check=False)["error"]["code"] == "name_taken"
    both = services.of(outside_leaf(services.corp, name, x509.DNSName("Other.corp.example")))
    assert services.status(both) == 200
    made.run("certificate", "trust", "other", "--name", "DNS:other.corp.example")
    assert services.status(both) == 401  # of two people: of nobody
    made.run("certificate", "revoke", BOT, "--yes")
    assert services.status(context) == 401


def test_names_of_the_deployment_are_not_given_away(services: Services) -> None:
    made = services.faulty.made
    own = service_name("0")
    assert made.json("certificate", "trust", "bot", "--name", f"URI:{own}", check=False)["error"]["code"] == "bad_value"
    forged = outside_leaf(services.corp, x509.UniformResourceIdentifier(own))
    assert services.status(services.of(forged)) == 401


def test_a_signing_request_is_answered_and_the_key_stays_where_it_is(services: Services) -> None:
    key, request = services.folder / "own.key", services.folder / "own.csr"
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x",
         "-keyout", key, "-out", request], check=True, capture_output=True,
    )  # fmt: skip
    made = services.issue("bot", "j", "--request", str(request))
    assert made["key"] is None
    assert services.status(services.tls(made["certificate"], key)) == 200
    request.write_text("nonsense")
    output = str(services.folder / "k")
    refused = services.faulty.made.json("certificate", "issue", "bot", "--output", output, "--request", str(request), check=False)
    assert refused["error"]["code"] == "bad_certificate_request"


def test_the_door_for_services_has_no_console(services: Services) -> None:
    context = services.issued("bot", "l")
    with httpx.Client(verify=context, base_url=services.url) as client:
        assert client.get("/console/").status_code == 404
        assert client.get("/healthz").status_code in {200, 503}


def test_the_door_speaks_tls_1_3_alone(services: Services) -> None:
    context = services.issued("bot", "m")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    refused_at_the_door(services, context)
