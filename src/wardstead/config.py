"""The one configuration file, parsed once to frozen values. An unknown key is an error that names its line."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from wardstead.gateway.protocol.fields import NEVER
from wardstead.inspection.documents import DocumentLimits
from wardstead.kernel.errors import ConfigurationError
from wardstead.kernel.yaml_input import read_yaml

Meta = msgspec.Meta
_PORTS = {"http": 80, "https": 443, "unix": 0}


@dataclass(frozen=True, slots=True)
class Address:
    """Where a model server listens: a socket's ``path`` for ``unix``, else ``host`` (IPv6 without brackets) and ``port``."""

    scheme: Literal["http", "https", "unix"]
    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def authority(self) -> str:
        """``host:port`` as a URL and the Host header write it."""
        name = bracketed(self.host)
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"


def bracketed(host: str) -> str:
    """A host as URLs and the Host header write it: an IPv6 address in brackets (RFC 3986 section 3.2.2)."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def parse_upstream(url: str, where: str) -> Address:
    """The address in ``url``: ``http://host:port``, ``https://host`` or ``unix:/path``. Raises ``ConfigurationError``."""
    if url.startswith("unix:/") and url.isprintable():
        return Address("unix", path=url.removeprefix("unix:"))
    if not re.fullmatch(r"https?://[\x21-\x7e]+", url):  # urlsplit would drop some of what is not printable
        raise _no_address(where, "http://host:port, https://host or unix:/path")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _no_address(where, str(error)) from None
    host = parts.hostname or ""
    written = bracketed(host) if port is None else f"{bracketed(host)}:{port}"
    if parts.netloc.lower() != written or parts.path not in {"", "/"} or "?" in url or "#" in url:
        raise _no_address(where, "a host and a port alone: a key goes into api_key_file, and every path is ours")
    if not _is_host(host) or port == 0:
        raise _no_address(where, "the host or the port is none")
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    return Address(scheme, host, port or _PORTS[scheme])


def _is_host(host: str) -> bool:
    if ":" not in host:
        return re.fullmatch(r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?", host) is not None
    try:
        return ipaddress.IPv6Address(host).scope_id is None
    except ValueError:
        return False


def _no_address(where: str, why: str) -> ConfigurationError:
    return ConfigurationError("needs an address", where=where, why=why)


class MutualTlsSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where services come in that prove who they are with a certificate."""

    port: Annotated[int, Meta(ge=1, le=65535)]
    ca_file: str = ""
    """Outside authorities whose certificates are taken too, where a name in them was given to somebody: PEM."""


class ServerSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the gateway and the console listen, and limits at the door. Times in seconds, sizes in bytes."""

    host: str = "localhost"
    port: Annotated[int, Meta(ge=1, le=65535)] = 8443
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    tls: Literal["on", "off"] = "on"
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies that say in ``x-forwarded-for`` where a request comes from."""
    header_bytes: Annotated[int, Meta(ge=1024, le=1 << 20)] = 32768
    body_bytes: Annotated[int, Meta(ge=1024, le=1 << 30)] = 4 << 20
    body_timeout_s: Annotated[float, Meta(gt=0, le=600)] = 30
    exchange_timeout_s: Annotated[float, Meta(gt=0, le=86400)] = 600
    drain_timeout_s: Annotated[float, Meta(ge=0, le=3600)] = 20
    concurrency: Annotated[int, Meta(ge=1, le=4096)] = 256
    per_person: Annotated[int, Meta(ge=1, le=4096)] = 64
    mutual_tls: MutualTlsSection | None = None


class LabelSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A level and compartments."""

    level: Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,39}$")]
    compartments: tuple[str, ...] = ()


class UpstreamSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model server. ``embedded`` is launched and isolated by us; any other is unattested."""

    kind: Literal["embedded", "openai", "ollama"]
    url: str = ""
    """``http://host:port``, ``https://host`` or ``unix:/path``."""
    ca_file: str = ""
    api_key_file: str = ""
    model: str = ""
    weights: str = ""
    sha256: str = ""
    context: Annotated[int, Meta(ge=64, le=1 << 20)] = 2048
    parallel: Annotated[int, Meta(ge=1, le=256)] = 4
    threads: Annotated[int, Meta(ge=0, le=1024)] = 0
    gpu_layers: Annotated[int, Meta(ge=0, le=1000)] = 0
    chat_template: str = ""
    """A Jinja file in place of the template inside the weights."""
    head_timeout_s: Annotated[float, Meta(gt=0, le=3600)] = 300


class ModelSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that people may ask for by ``name``. Without a ``clearance`` it may read public data only."""

    name: str
    upstream: UpstreamSection
    clearance: LabelSection = LabelSection(level="public")
    operations: tuple[Literal["chat", "completions", "embeddings"], ...] = ("chat", "completions", "embeddings")


class IsolationSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How model servers are isolated. ``none`` must be spelled out, and is shouted everywhere."""

    mode: Literal["bubblewrap", "none"] = "bubblewrap"


class GatewaySection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is forwarded, and how much of it."""

    unknown_fields: Literal["reject", "warn"] = "reject"
    extra_fields: tuple[str, ...] = ()
    max_tokens: Annotated[int, Meta(ge=1, le=1 << 20)] = 2048
    choices: Annotated[int, Meta(ge=1, le=16)] = 4
    depth: Annotated[int, Meta(ge=4, le=128)] = 64
    answer_bytes: Annotated[int, Meta(ge=1024, le=1 << 28)] = 8 << 20
    keep_alive_s: Annotated[float, Meta(gt=0, le=300)] = 10
    silence_timeout_s: Annotated[float, Meta(gt=0, le=3600)] = 120
    """How long a model server may be silent in the middle of its answer."""


class NamesSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model that finds people, places and addresses. ``person`` and ``place``: how sure it has to be, from 0 to 1."""

    enabled: bool = True
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    timeout_s: Annotated[float, Meta(gt=0, le=300)] = 10
    max_chars: Annotated[int, Meta(ge=1024, le=1 << 26)] = 400_000
    person: Annotated[float, Meta(gt=0, le=1)] = 0.5
    place: Annotated[float, Meta(gt=0, le=1)] = 0.5


Direction = Literal["prompt", "answer"]
Origin = Literal["system", "user", "model", "tool", "document", "structure"]


class LabelOfClassifier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one output of a classifier stands for: a type of finding in a category, or nothing."""

    type: str = ""
    category: str = ""


class ClassifierSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A network of your own, as ONNX, from tokens to ``labels``, which stand in the order of its outputs.

    ``task: text``: it says something of a text as a whole. ``words``: of each word, which can then be taken out.
    """

    id: str
    model: str
    sha256: str
    tokenizer: str
    tokenizer_sha256: str
    labels: tuple[LabelOfClassifier, ...]
    task: Literal["text", "words"] = "text"
    activation: Literal["softmax", "sigmoid"] = "softmax"
    threshold: Annotated[float, Meta(gt=0, le=1)] = 0.5
    cuts: bool = False
    """What policy would take out of a stream stops it; else such a policy holds the stream until it is whole."""
    max_tokens: Annotated[int, Meta(ge=16, le=1 << 17)] = 512
    directions: tuple[Direction, ...] = ("prompt", "answer")
    origins: tuple[Origin, ...] = ("system", "user", "model", "tool", "document")
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    timeout_s: Annotated[float, Meta(gt=0, le=300)] = 10
    memory_bytes: Annotated[int, Meta(ge=1 << 28, le=1 << 40)] = 4 << 30


class JudgeSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the embedded models judges answers. Off without a ``model``. It is asked at several places of a long answer."""

    model: str = ""
    timeout_s: Annotated[float, Meta(gt=0, le=600)] = 30
    chars: Annotated[int, Meta(ge=256, le=1 << 20)] = 4000
    """Of the answer in one question: they have to fit the model's context, with 600 tokens for the question itself."""


class PluginSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A detector that another package brings (entry point of the group ``wardstead.detectors``); ``settings`` are its own."""

    name: str
    settings: dict[str, Any] = {}


class InspectionSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which classification policy, planted strings that nobody may see, and detectors beyond the patterns."""

    policy: str = "policies/classification.yaml"
    canaries: tuple[str, ...] = ()
    plant_canaries: bool = False
    """Whether a model's instructions get a string at their end by which a leak of them is known."""
    trusted_hosts: tuple[str, ...] = ()
    """Hosts whose addresses carry nothing away: ``www.example.com``, or ``.example.com`` for it and all below it."""
    medical_terms: bool = True
    max_findings: Annotated[int, Meta(ge=100, le=10_000_000)] = 50_000
    """A request with more findings of patterns is refused before anything is made of them."""
    names: NamesSection = NamesSection()
    classifiers: tuple[ClassifierSection, ...] = ()
    plugins: tuple[PluginSection, ...] = ()
    judge: JudgeSection = JudgeSection()


class DocumentsSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Documents in requests, and what one of them may cost. Sizes in bytes, as they are after base64 is undone."""

    enabled: bool = True
    max_bytes: Annotated[int, Meta(ge=1024, le=1 << 30)] = 16 << 20
    max_expanded_bytes: Annotated[int, Meta(ge=1024, le=1 << 32)] = 64 << 20
    """All that is unpacked from one of them. Its text may have a quarter as many characters."""
    timeout_s: Annotated[float, Meta(gt=0, le=600)] = 20
    depth: Annotated[int, Meta(ge=1, le=32)] = 6
    members: Annotated[int, Meta(ge=1, le=100_000)] = 2000
    memory_bytes: Annotated[int, Meta(ge=1 << 28, le=1 << 36)] = 1 << 30
    per_request: Annotated[int, Meta(ge=1, le=100)] = 10
    include_hidden: bool = False
    """Whether a model gets what a reader of the document does not see."""
    kept_bytes: Annotated[int, Meta(ge=1024, le=1 << 50)] = 1 << 30
    """How much each person may keep here, in all."""

    def limits(self) -> DocumentLimits:
        """What one document may cost."""
        return DocumentLimits(
            max_bytes=self.max_bytes,
            max_expanded_bytes=self.max_expanded_bytes,
            timeout_s=self.timeout_s,
            depth=self.depth,
            members=self.members,
            memory_bytes=self.memory_bytes,
        )


class WitnessSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A witness that cosigns this ledger's checkpoints, run by somebody else. ``key`` is what it verifies by."""

    key: str
    url: str
    ca_file: str = ""


class LedgerSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ledger. ``reserve_bytes`` is set aside for the outcomes of accepted exchanges; shared by all workers."""

    interval_s: Annotated[float, Meta(gt=0, le=60)] = 0.2
    reserve_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 34)] = 64 << 20
    witnesses: tuple[WitnessSection, ...] = ()
    witness_interval_s: Annotated[float, Meta(gt=0, le=86400)] = 10
    witness_quorum: Annotated[int, Meta(ge=1, le=16)] = 1
    """How many of them have to cosign what counts as witnessed."""
    unwitnessed_limit_s: Annotated[float, Meta(ge=0, le=30 * 86400)] = 0
    """How long entries may be without witnesses before new exchanges are refused. 0: for ever."""


class ConversationsSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long labelled texts are known again, and stand-ins are kept for the next turn. Marks have no end."""

    fingerprint_days: Annotated[int, Meta(ge=1, le=3650)] = 90
    stand_in_days: Annotated[int, Meta(ge=1, le=3650)] = 30


class ReviewSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is held for review. Retention may end either earlier."""

    wait_days: Annotated[int, Meta(ge=1, le=3650)] = 7
    """What nobody has reviewed by then counts as refused."""
    release_days: Annotated[int, Meta(ge=1, le=3650)] = 7
    """How long a released answer can be fetched, and a released request sent again."""


class GroupSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What members of a group of an identity provider, a SCIM client or a directory are here.

    ``member_of``: groups of the deployment, with which things are shared. ``attributes``: of ``access.yaml``, by name.
    """

    group: str
    roles: tuple[str, ...] = ()
    clearance: LabelSection | None = None
    member_of: tuple[str, ...] = ()
    attributes: dict[str, str | tuple[str, ...]] = {}


class ProviderSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OpenID Connect provider. Its groups decide, at each sign-in, about roles and clearance of its people.

    A clearance is that of the first of ``groups`` that fits and has one.
    """

    id: str
    title: str = ""
    """What the sign-in page calls it."""
    issuer: str
    client_id: str
    client_secret_file: str = ""
    """Without one this deployment is a public client, which PKCE alone protects."""
    ca_file: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    groups: tuple[GroupSection, ...]
    create: bool = True
    """Whether who signs in for the first time becomes known; else an administrator links people first."""
    max_age_s: Annotated[int, Meta(ge=0, le=86400)] | None = None
    """How long ago somebody may have proved to the provider who they are."""


class ErasureSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What certificates of erasure say. ``key_copies_days``: how long copies of the keys folder are kept; you answer for it."""

    key_copies_days: Annotated[int, Meta(ge=0, le=36500)] = 30


class ScimSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client that provisions people and groups over SCIM, with a key of the person ``principal``.

    ``attributes``: by attribute of ``access.yaml``, what SCIM calls it. ``provider``: the id of the identity provider with which
    the same people sign in; ``link``: by what it is known who of them is who.
    """

    id: str
    principal: str
    groups: tuple[GroupSection, ...]
    attributes: dict[
        str, Literal["title", "userType", "department", "division", "organization", "costCenter", "employeeNumber"]
    ] = {}
    provider: str = ""
    link: Literal["external_id", "name", "none"] = "external_id"


class PasskeysSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For which name passkeys are, and on pages of which origins they work: those of this deployment's address."""

    rp_id: str = ""
    """The host name, or a domain that it is in. Whoever changes it makes every passkey worthless."""
    origins: tuple[str, ...] = ()
    """As a browser writes them: ``https://llm.example.com``, with a port that is not the usual one."""


class DirectorySection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An LDAP directory from which people and groups are read. Who is not found by ``people_filter`` any more has left.

    ``attributes``: by attribute of ``access.yaml``, the directory's. ``member``: what holds a group's members, as ``member``
    does by distinguished name, or ``memberUid`` by name. ``provider`` and ``link`` as for SCIM.
    """

    id: str
    url: str
    start_tls: bool = True
    insecure: bool = False
    """Whether people and passwords may pass a network in the clear."""
    ca_file: str = ""
    bind_dn: str = ""
    password_file: str = ""
    people_base: str
    people_filter: str = "(objectClass=inetOrgPerson)"
    name: str = "uid"
    external_id: str = "entryUUID"
    groups_base: str = ""
    groups_filter: str = "(objectClass=groupOfNames)"
    group_name: str = "cn"
    member: str = "member"
    groups: tuple[GroupSection, ...]
    attributes: dict[str, str] = {}
    provider: str = ""
    link: Literal["external_id", "name", "none"] = "external_id"
    every_s: Annotated[int, Meta(ge=60, le=86400)] = 900
    timeout_s: Annotated[float, Meta(gt=0, le=600)] = 30
    max_leavers_percent: Annotated[int, Meta(ge=0, le=100)] = 10
    """A reading by which more of its people would lose everything is not carried out."""


class IdentitySection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who vouches for people, passwords aside."""

    providers: tuple[ProviderSection, ...] = ()
    scim: tuple[ScimSection, ...] = ()
    passkeys: PasskeysSection = PasskeysSection()
    directories: tuple[DirectorySection, ...] = ()


class LoggingSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged: never content."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``wardstead.yaml``."""

    version: Literal[1]
    models: tuple[ModelSection, ...]
    server: ServerSection = ServerSection()
    isolation: IsolationSection = IsolationSection()
    gateway: GatewaySection = GatewaySection()
    inspection: InspectionSection = InspectionSection()
    documents: DocumentsSection = DocumentsSection()
    ledger: LedgerSection = LedgerSection()
    conversations: ConversationsSection = ConversationsSection()
    review: ReviewSection = ReviewSection()
    erasure: ErasureSection = ErasureSection()
    identity: IdentitySection = IdentitySection()
    logging: LoggingSection = LoggingSection()


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``wardstead.yaml`` (shipped as docs/reference/wardstead.schema.json)."""
    return msgspec.json.schema(Settings)


def parse_settings(text: str, where: str) -> Settings:
    """The settings in ``text``. Raises ``ConfigurationError`` with file, line and key."""
    settings = read_yaml(text, where, Settings)
    _check(settings, where)
    return settings


def _check(settings: Settings, where: str) -> None:
    """What a schema cannot say."""
    names = [model.name for model in settings.models]
    if len(set(names)) != len(names):
        raise ConfigurationError("two models have the same name", where=f"{where}: models")
    for number, model in enumerate(settings.models):
        _check_model(model, f"{where}: models[{number}]")
    for number, classifier in enumerate(settings.inspection.classifiers):
        _check_classifier(classifier, f"{where}: inspection.classifiers[{number}]")
    _check_providers(settings.identity.providers, f"{where}: identity.providers")
    _check_sources(settings.identity, f"{where}: identity")
    _check_passkeys(settings.identity.passkeys, settings.server, f"{where}: identity.passkeys")
    _check_witnesses(settings.ledger, f"{where}: ledger")
    forbidden = sorted(set(settings.gateway.extra_fields) & NEVER)
    if forbidden:
        raise ConfigurationError(
            f"{forbidden[0]} is never forwarded",
            where=f"{where}: gateway.extra_fields",
            why="it reaches past the model into the server",
        )
    for number, proxy in enumerate(settings.server.trusted_proxies):
        try:
            ip_network(proxy)
        except ValueError:
            raise ConfigurationError(
                f"not an address or a network: {proxy[:64]!r}", where=f"{where}: server.trusted_proxies[{number}]",
                next_step="write it as 10.0.0.5 or 10.0.0.0/8",
            ) from None  # fmt: skip
    if settings.server.mutual_tls is not None:
        _check_mutual_tls(settings.server, settings.server.mutual_tls, f"{where}: server.mutual_tls")
    if settings.server.tls == "off" and settings.server.host not in {"localhost", "127.0.0.1", "::1"}:
        raise ConfigurationError(
            "TLS may be off on this machine alone", where=f"{where}: server.tls", next_step="set host to localhost"
        )


def _check_mutual_tls(server: ServerSection, mutual: MutualTlsSection, where: str) -> None:
    if mutual.port == server.port:
        raise ConfigurationError(
            "services need a port of their own", where=f"{where}.port", why="server.port is for everybody else"
        )
    if server.tls == "off":
        raise ConfigurationError("mutual TLS without TLS", where=where, next_step="set server.tls to on, or leave this out")


def _check_classifier(one: ClassifierSection, where: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", one.id):
        raise ConfigurationError("not a usable id", where=f"{where}.id", why="small letters, digits and . _ -")
    for name, digest in (("sha256", one.sha256), ("tokenizer_sha256", one.tokenizer_sha256)):
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise ConfigurationError("not a SHA-256 digest", where=f"{where}.{name}", next_step="sha256sum FILE")
    if not any(kind.type for kind in one.labels):
        raise ConfigurationError("no label stands for anything", where=f"{where}.labels")
    for kind in one.labels:
        if bool(kind.type) != bool(kind.category) or not re.fullmatch(r"[a-z0-9._-]{0,64}", kind.type + kind.category):
            raise ConfigurationError(
                "a label has a type and a category, or neither", where=f"{where}.labels", why="small letters, digits and . _ -"
            )


def _check_witnesses(ledger: LedgerSection, where: str) -> None:
    for number, one in enumerate(ledger.witnesses):
        parts = urlsplit(one.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ConfigurationError(
                "not a witness's address",
                where=f"{where}.witnesses[{number}].url",
                why="https://host:port, and a path if need be",
            )
    if ledger.witnesses and ledger.witness_quorum > len(ledger.witnesses):
        raise ConfigurationError("more witnesses are asked for than there are", where=f"{where}.witness_quorum")
    if ledger.unwitnessed_limit_s and not ledger.witnesses:
        raise ConfigurationError("there is no witness to wait for", where=f"{where}.unwitnessed_limit_s")


def _check_passkeys(passkeys: PasskeysSection, server: ServerSection, where: str) -> None:
    if passkeys.rp_id and not re.fullmatch(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*", passkeys.rp_id):
        raise ConfigurationError("not a host name", where=f"{where}.rp_id", why="small letters, digits, - and dots; no port")
    for number, origin in enumerate(passkeys.origins):
        parts = urlsplit(origin)
        host, name = parts.hostname or "", passkeys.rp_id or server.host
        bare = origin == f"{parts.scheme}://{parts.netloc}"
        if not bare or not (parts.scheme == "https" or host == "localhost") or not (host == name or host.endswith(f".{name}")):
            raise ConfigurationError(
                f"no page at {origin[:80]!r} could use a passkey", where=f"{where}.origins[{number}]",
                why=f"it is https://HOST or https://HOST:PORT, with a host that is {name} or ends with .{name}",
            )  # fmt: skip


def _check_providers(providers: tuple[ProviderSection, ...], where: str) -> None:
    for number, one in enumerate(providers):
        place = f"{where}[{number}]"
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", one.id):
            raise ConfigurationError("not a usable id", where=f"{place}.id", why="small letters, digits and -")
        if one.id in {other.id for other in providers[:number]} or one.issuer in {other.issuer for other in providers[:number]}:
            raise ConfigurationError("two providers are the same", where=place, why="each has its own id and its own issuer")
        parts = urlsplit(one.issuer)
        local = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if not (parts.scheme == "https" or local) or not parts.hostname or parts.query or parts.fragment:
            raise ConfigurationError(
                "not an issuer's address", where=f"{place}.issuer", why="https://…, as the provider's metadata has it"
            )
        if "openid" not in one.scopes:
            raise ConfigurationError("the scope openid is missing", where=f"{place}.scopes")
        if not any(group.roles for group in one.groups):
            raise ConfigurationError("no group gives a role: nobody could sign in", where=f"{place}.groups")


def _check_sources(identity: IdentitySection, where: str) -> None:
    known = {one.id for one in identity.providers}
    for number, one in enumerate(identity.scim):
        place = f"{where}.scim[{number}]"
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", one.id):
            raise ConfigurationError("not a usable id", where=f"{place}.id", why="small letters, digits and -")
        if any(one.id == other.id or one.principal == other.principal for other in identity.scim[:number]):
            raise ConfigurationError("two sources are the same", where=place, why="each has its own id and its own principal")
        if one.provider and one.provider not in known:
            raise ConfigurationError(f"there is no provider {one.provider[:32]!r}", where=f"{place}.provider")
    for number, section in enumerate(identity.directories):
        place = f"{where}.directories[{number}]"
        others = {other.id for other in identity.scim} | {other.id for other in identity.directories[:number]}
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", section.id) or section.id in others:
            why = "small letters, digits and -"
            raise ConfigurationError("not a usable id, or another source's", where=f"{place}.id", why=why)
        if section.provider and section.provider not in known:
            raise ConfigurationError(f"there is no provider {section.provider[:32]!r}", where=f"{place}.provider")
        _check_directory(section, place)


def _check_directory(section: DirectorySection, place: str) -> None:
    parts = urlsplit(section.url)
    if parts.scheme not in {"ldap", "ldaps"} or not parts.hostname or parts.path not in {"", "/"}:
        raise ConfigurationError("not a directory's address", where=f"{place}.url", why="ldaps://HOST, or ldap://HOST with TLS")
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme == "ldap" and not (section.start_tls or section.insecure or local):
        raise ConfigurationError(
            "people and a password would pass the network in the clear", where=f"{place}.start_tls",
            next_step="set it to true, or use ldaps://",
        )  # fmt: skip
    if bool(section.bind_dn) != bool(section.password_file):
        raise ConfigurationError("bind_dn and password_file belong together", where=place)


def _check_model(model: ModelSection, where: str) -> None:
    upstream = model.upstream
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}", model.name) or ".." in model.name:
        raise ConfigurationError("not a usable name", where=f"{where}.name", why="letters, digits and . _ : / -")
    if upstream.kind == "embedded":
        if not upstream.weights or not re.fullmatch("[0-9a-f]{64}", upstream.sha256):
            raise ConfigurationError("an embedded model needs weights and their sha256", where=f"{where}.upstream")
    else:
        parse_upstream(upstream.url, f"{where}.upstream.url")
