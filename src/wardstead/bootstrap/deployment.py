"""A deployment folder: where everything is, its settings, and what is opened from it. Nothing is written outside it."""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property, partial
from importlib.resources import files
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import DatabaseError

from wardstead.access.pdp import CedarDecisionPoint
from wardstead.access.policyset import (
    ADMISSION,
    CLASSIFICATION,
    RULES,
    SCHEMA,
    AccessPolicies,
    PolicyFiles,
    Product,
    compile_policies,
    require_known_attributes,
    require_no_templates,
    require_own_ids,
)
from wardstead.access.rules import AccessRules
from wardstead.adapters.documents.sandboxed import SandboxedExtractor
from wardstead.adapters.identity.operator import operator
from wardstead.adapters.keys.folder import CREDENTIALS, KeyFolder
from wardstead.adapters.locks import Turn
from wardstead.adapters.store.admissions import AdmissionStore
from wardstead.adapters.store.base import explain, open_engine
from wardstead.adapters.store.content.conversations import ConversationStore
from wardstead.adapters.store.content.resources import ResourceStore
from wardstead.adapters.store.content.reviews import ReviewStore
from wardstead.adapters.store.directory.access import AccessStore
from wardstead.adapters.store.directory.certificates import CertificateStore
from wardstead.adapters.store.directory.directory import DirectoryStore
from wardstead.adapters.store.directory.known_time import KnownTimeStore
from wardstead.adapters.store.directory.passwords import PasswordStore
from wardstead.adapters.store.earlier_versions import tell_of_earlier_versions
from wardstead.adapters.store.engine.reserve import NoBallast, Reserve
from wardstead.adapters.store.keys.erasures import ErasureStore
from wardstead.adapters.store.keys.subject_keys import SubjectKeys
from wardstead.adapters.store.ledger.admin_record import AdminRecord
from wardstead.adapters.store.ledger.exchanges import Exchanges
from wardstead.adapters.store.ledger.exported import LedgerExport
from wardstead.adapters.store.ledger.ledger_keys import SigningKeys, StoredKeys
from wardstead.adapters.store.ledger.ledger_reader import LedgerReader
from wardstead.adapters.store.ledger.lives import lives_of
from wardstead.adapters.store.ledger.published import PublishedTree
from wardstead.adapters.store.policies import PolicyStore
from wardstead.adapters.store.readiness import Readiness
from wardstead.adapters.store.row_seals import RowSeals, seal_with
from wardstead.bootstrap.clock import CLOCK
from wardstead.bootstrap.database import server_url
from wardstead.bootstrap.environment import overridden
from wardstead.bootstrap.keys.unsealing import asker, opener
from wardstead.bootstrap.places import Places
from wardstead.bootstrap.policy.classified import brought, classified_texts, policy_of, texts_in_folder
from wardstead.bootstrap.reading import present, read_text
from wardstead.config import parse_settings
from wardstead.config.addresses import bracketed
from wardstead.config.sections import ModelSection
from wardstead.config.settings import Settings
from wardstead.crypto.keyring import KeyRing
from wardstead.crypto.sealed_root import open_secret
from wardstead.crypto.signing import SigningKey
from wardstead.inspection.extraction import Extractor
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.isolation.plan import Mode
from wardstead.kernel.errors import ConfigurationError, IntegrityError, WardsteadError
from wardstead.kernel.labels import Label, Levels, UnknownLevel
from wardstead.ledger.sealing import Sealer
from wardstead.supply.admission_policy import AdmissionPolicy, load_admission, strictest


def now_ms() -> int:
    """The clock: milliseconds since the epoch, never behind what is recorded."""
    return CLOCK()


class Deployment:
    """An existing deployment. Everything is opened when it is first asked for, in the process that asks."""

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None, *, config: str | None = None) -> None:
        """Raises ``ConfigurationError`` when there is no deployment. ``config``: its configuration before there is the file."""
        self.places = Places(directory.resolve())
        self._config = config
        self._levels: Levels | None = None
        if config is None and not present(self.places.config):
            raise ConfigurationError(
                "there is no deployment here", where=str(directory), next_step=f"run 'wardstead init {directory}' first"
            )
        self.at_rest = False
        """Whether it is known that nobody runs it."""
        self._policies: dict[str, AccessPolicies] = {}
        self.environment = dict(os.environ if environment is None else environment)

    @cached_property
    def settings(self) -> Settings:
        """The file's settings with the environment's on top: flags > environment > file > default."""
        path = self.places.config
        return overridden(parse_settings(read_text(path) if self._config is None else self._config, str(path)), self.environment)

    @property
    def mode(self) -> Mode:
        """How model servers are isolated."""
        return Mode(self.settings.isolation.mode)

    @property
    def url(self) -> str:
        """The address of the gateway and the console."""
        server = self.settings.server
        everywhere = server.host in {"0.0.0.0", "::"}  # noqa: S104 -- not bound here
        host = next(iter(server.allowed_hosts), "localhost") if everywhere else server.host
        return f"{'https' if server.tls == 'on' else 'http'}://{bracketed(host)}:{server.port}"

    @property
    def local_host(self) -> str:
        """By which name this machine reaches it: one that the certificate holds."""
        host = self.settings.server.host
        return {"localhost": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- not bound here

    @cached_property
    def created_s(self) -> int:
        """When it was made, in seconds since the epoch."""
        return self.keys.created_s

    @property
    def shared(self) -> bool:
        """Whether its database is a server's, which other gateways may use too."""
        return self.settings.database is not None

    @property
    def database_url(self) -> URL:
        """Where the database is."""
        section = self.settings.database
        if section is None:
            return make_url(self.places.database_url)
        return server_url(section, self.places.directory, self.environment)

    @cached_property
    def engine(self) -> Engine:
        """The database. Raises ``IntegrityError`` when it is gone: ``init`` made it, and nothing else may begin it anew."""
        if self.shared:
            engine = open_engine(self.database_url)
            tell_of_earlier_versions(engine)
            seal_with(engine, self.row_seals)
            return engine
        if not self.places.database.exists():
            raise IntegrityError(
                "the database is gone, and the ledger with it", where=str(self.places.database),
                next_step="restore it from a backup, then hold it against a checkpoint kept elsewhere: 'ledger verify'",
            )  # fmt: skip
        engine = open_engine(self.places.database_url, at_rest=self.at_rest)
        tell_of_earlier_versions(engine)
        seal_with(engine, self.row_seals)
        return engine

    @cached_property
    def turn(self) -> Turn:
        """This process's place in the queue of writers."""
        return Turn(self.places.run / "ledger.turn")

    @cached_property
    def keys(self) -> KeyFolder:
        """The keys; a root key that is sealed is opened when it is first wanted."""
        return KeyFolder(self.places.keys, os.urandom, partial(opener, asker(self.environment)), self.environment)

    @cached_property
    def pepper(self) -> bytes:
        """What keys the digests of credentials."""
        return self.keys.key(CREDENTIALS)

    @cached_property
    def row_seals(self) -> RowSeals:
        """The seals of the database's rows."""

        def key() -> bytes:
            return hmac.digest(self.pepper, b"wardstead row seals v1", "sha256")

        return RowSeals(key, at_hand=lambda: self.keys.open)

    @property
    def fingerprint_key(self) -> bytes:
        """What keys the fingerprints of texts and the ids of conversations."""
        return hmac.digest(self.pepper, b"wardstead fingerprints v1", "sha256")

    @cached_property
    def ring(self) -> KeyRing:
        """The key ring."""
        return KeyRing(self.keys.roots, self.subject_keys, os.urandom)

    @cached_property
    def subject_keys(self) -> SubjectKeys:
        """The key store."""
        if self.shared:
            from wardstead.adapters.store.keys.shared_keys import SharedKeys

            return SharedKeys(self.engine, self.keys.roots, os.urandom)
        return SubjectKeys(self.places.subject_keys, self.keys.roots, os.urandom)

    @cached_property
    def erasures(self) -> ErasureStore:
        """Erasures and legal holds."""
        return ErasureStore(self.directory, self.engine, clock=now_ms, entropy=os.urandom)

    @cached_property
    def sealer(self) -> Sealer:
        """Seals entries."""
        return Sealer(self.ring, os.urandom)

    @cached_property
    def admin_record(self) -> AdminRecord:
        """Records administrative acts."""
        return AdminRecord(self.engine, self.sealer, self.turn, clock=now_ms, entropy=os.urandom, operator=operator)

    def _audit(self, connection: Connection, actor: str, action: str, details: Mapping[str, object]) -> object:
        """Records an act in the transaction that carries it out. What seals the record is opened for the first act."""
        return self.admin_record.append(connection, actor, action, details)

    @cached_property
    def directory(self) -> DirectoryStore:
        """People and credentials; every change is recorded in its own transaction."""

        made = DirectoryStore(
            self.engine,
            self.turn,
            pepper=lambda: self.pepper,
            clock=now_ms,
            entropy=os.urandom,
            audit=self._audit,
            levels=lambda: self.levels,
        )
        with suppress(WardsteadError):  # a database that cannot be read, or was altered, is told where it is used
            CLOCK.learn(KnownTimeStore(made).read())
        return made

    @cached_property
    def passwords(self) -> PasswordStore:
        """Passwords of people."""
        return PasswordStore(self.directory, pepper=lambda: self.pepper, clock=now_ms)

    @property
    def known_time(self) -> KnownTimeStore:
        """How late it is at least."""
        return KnownTimeStore(self.directory)

    @cached_property
    def certificates(self) -> CertificateStore:
        """Certificates of services."""
        return CertificateStore(self.directory, pepper=self.pepper, clock=now_ms, entropy=os.urandom)

    @cached_property
    def admissions(self) -> AdmissionStore:
        """Models on their way to being admitted, and what became of them."""
        return AdmissionStore(self.directory, clock=now_ms)

    @cached_property
    def entitlements(self) -> AccessStore:
        """What people have for a time, or from one another."""
        return AccessStore(self.directory, clock=now_ms, entropy=os.urandom)

    @cached_property
    def conversations(self) -> ConversationStore:
        """Conversations' marks, and labelled texts; a declassification is recorded in its own transaction."""

        return ConversationStore(self.engine, self.turn, clock=now_ms, audit=self._audit, levels=lambda: self.levels)

    @cached_property
    def reviews(self) -> ReviewStore:
        """What reviewers decided about what was held; each decision is recorded in its own transaction."""

        return ReviewStore(self.engine, self.turn, self.sealer, clock=now_ms, audit=self._audit, levels=lambda: self.levels)

    @cached_property
    def resources(self) -> ResourceStore:
        """What people keep here; every change is recorded in its own transaction."""

        return ResourceStore(
            self.directory, self.sealer, clock=now_ms, entropy=os.urandom, audit=self._audit, levels=lambda: self.levels
        )

    @cached_property
    def ledger(self) -> LedgerReader:
        """Reads the ledger."""
        return LedgerReader(self.engine, self.keys.verifying(), levels=lambda: self.levels)

    @property
    def exchanges(self) -> Exchanges:
        """Lists of what somebody may know of."""
        return Exchanges(self.engine)

    @property
    def exporting(self) -> LedgerExport:
        """Writes slices of the ledger to files."""
        return LedgerExport(self.engine, self.keys.verifying())

    @cached_property
    def tree(self) -> PublishedTree:
        """Shows the ledger's tree."""
        return PublishedTree(self.engine, self.keys.verifying())

    @cached_property
    def signing(self) -> SigningKeys:
        """Who signs the ledger."""

        def opened(name: str, sealed: bytes) -> bytes:
            return open_secret(self.keys.roots(), name, sealed)

        return SigningKeys(StoredKeys(self.keys.verifying()), self.keys.ledger, opened)

    def signing_key(self) -> SigningKey:
        """The key that signs statements now."""
        try:
            with self.engine.connect() as connection:
                return self.signing.signing(connection)
        except DatabaseError as error:
            raise explain(error) from None

    def reserve(self) -> Reserve:
        """The room set aside for outcomes; a server's disk is the server's."""
        size = self.settings.ledger.reserve_bytes
        if self.shared:
            return NoBallast(self.places.state / "reserve", monotonic_s=time.monotonic, size_bytes=size)
        return Reserve(self.places.state / "reserve", monotonic_s=time.monotonic, size_bytes=size)

    @cached_property
    def policy_store(self) -> PolicyStore:
        """Versions of the access policies; every activation is recorded in its own transaction."""

        return PolicyStore(
            self.engine, self.turn, clock=now_ms, entropy=os.urandom, audit=self._audit, everybody=self.directory.everybody
        )

    @cached_property
    def readiness(self) -> Readiness:
        """Whether those that run are ready for a version."""
        lives = lives_of(self.engine, self.places.run)
        return Readiness(self.engine, self.turn, lives, clock=now_ms, entropy=os.urandom)

    @property
    def classification_file(self) -> Path:
        """Where the classification policy is edited."""
        return self.places.directory / self.settings.inspection.policy

    def policy_files(self) -> PolicyFiles:
        """What stands in the folder: in force or not."""
        folder = self.places.policies
        names = [*(path.name for path in sorted(folder.glob("*.cedar"))), SCHEMA, RULES, ADMISSION]
        texts = {name: read_text(folder / name) for name in names if present(folder / name)}
        return PolicyFiles({**texts, **texts_in_folder(self.classification_file)})

    def folder_policies(self) -> AccessPolicies:
        """The policies that stand in the folder, and the mandatory ones that no file can take away."""
        where = str(self.places.policies)
        files, product = self.policy_files(), product_policies()
        classified = policy_of(files.texts, str(self.classification_file))
        found = compile_policies(files, product, where, brought(classified))
        require_no_templates(found.files, where)
        require_own_ids(found.files, product, where)
        require_known_attributes(found, where)
        levels = classified.levels
        self.admission_policy(found, levels)
        for model in self.settings.models:
            self.clearance(model, levels)
        for name, sink in found.rules.sinks.items():
            if not levels.has(sink.level):
                raise ConfigurationError(
                    f"a sink is cleared up to the level {sink.level[:40]!r}, which there is not", where=f"{where}/{RULES}",
                    why=f"sinks.{name}.level is none of {', '.join(levels.names)}",
                )  # fmt: skip
        return found

    def policies(self) -> AccessPolicies:
        """The policies in force; before the first start those that it would put in force, the folder's."""
        return self._active() or self.folder_policies()

    def _active(self) -> AccessPolicies | None:
        active = self.policy_store.active()
        return None if active is None else self.policies_of(active.version)

    def policies_of(self, version: str) -> AccessPolicies:
        """A version that was activated, compiled once. What is compiled is what the version says where nobody altered either.

        A later version of Wardstead may bring other mandatory policies: then the version is another, too.
        """
        found = self._policies.get(version)
        if found is None:
            found = self.compiled(self.policy_store.files(version), f"version {version}")
            self._policies = {**dict(list(self._policies.items())[-2:]), version: found}
        return found

    @staticmethod
    def compiled(files: PolicyFiles, where: str) -> AccessPolicies:
        """The files of a version, with what the product brings. ``where``: which. Raises ``ConfigurationError``."""
        classified = policy_of(files.texts, f"{where}/{CLASSIFICATION}") if CLASSIFICATION in files.texts else None
        rests_on = brought(classified) if classified is not None else {}
        return compile_policies(files, product_policies(), where, rests_on)

    def whole(self, policies: AccessPolicies) -> AccessPolicies:
        """The same; where it is a version of before there was a classification policy in it, with the one in force."""
        if CLASSIFICATION in policies.files.texts:
            return policies
        active = self._active()
        texts = (classified_texts(active.files.texts) if active else {}) or texts_in_folder(self.classification_file)
        return self.compiled(PolicyFiles({**policies.files.texts, **texts}), f"version {policies.version}")

    def admission_policy(self, policies: AccessPolicies | None = None, levels: Levels | None = None) -> AdmissionPolicy:
        """What is asked of models by these policies, or by those in force; of these ``levels``, or those in force."""
        found, levels = policies or self.policies(), levels or self.levels
        text = found.files.texts.get(ADMISSION)
        return strictest(levels) if text is None else load_admission(text, str(self.places.policies / ADMISSION), levels)

    def decision_point(self) -> CedarDecisionPoint:
        """The decision point over the policies in force."""
        return self.policies().point

    def access_rules(self) -> AccessRules:
        """The names that the policies in force speak of; where they declare none, those that ship with the product."""
        return self.policies().rules

    @property
    def trusted_hosts(self) -> frozenset[str]:
        """The hosts whose addresses carry nothing away."""
        return frozenset(host.lower() for host in self.settings.inspection.trusted_hosts)

    def folder_classification(self, text: str | None = None, where: str = "") -> ClassificationPolicy:
        """The classification policy in the folder, or what ``text`` would be in its place; errors are ``where`` it is."""
        path = self.classification_file
        return policy_of(texts_in_folder(path, text), where or str(path))

    def classification(self, policies: AccessPolicies | None = None) -> ClassificationPolicy:
        """The classification policy of these policies, or of those in force; of a version that has none, an older one, the
        folder's.

        Raises ``ConfigurationError`` where those in force have other levels than this process began with.
        """
        meant = policies or self._active()
        if meant is None or CLASSIFICATION not in meant.files.texts:
            found = self.folder_classification()
        else:
            found = policy_of(meant.files.texts, f"version {meant.version}/{CLASSIFICATION}")
        if policies is None:
            self._levels = self._levels or found.levels
            self.require_levels(found)
        return found

    def require_levels(self, policy: ClassificationPolicy) -> None:
        """Raises ``ConfigurationError`` where a policy in force has other levels than this process began with."""
        if policy.levels != self.levels:
            raise ConfigurationError(
                "the levels have changed since this was started", why="labels of two orders cannot be compared",
                next_step="start it again",
            )  # fmt: skip

    @property
    def levels(self) -> Levels:
        """The levels of its classification policy, read once. Raises ``ConfigurationError``."""
        return self._levels or self.classification().levels

    def clearance(self, model: ModelSection, levels: Levels | None = None) -> Label:
        """What a model may read, by these levels or those in force.

        Raises ``ConfigurationError`` for a level that the classification policy does not have.
        """
        try:
            return (levels or self.levels).label(model.clearance.level, model.clearance.compartments)
        except UnknownLevel as error:
            where = f"{self.places.config}: models: {model.name}: clearance.level"
            raise ConfigurationError(error.what, where=where, why=error.why) from None

    def compartments(self) -> frozenset[str]:
        """Every compartment that the classification policy gives to data: another would clear nobody for anything."""
        return frozenset(self.classification().compartments)

    @cached_property
    def extractor(self) -> Extractor:
        """Reads documents, isolated as model servers are."""
        return SandboxedExtractor(self.mode)


def product_policies() -> Product:
    """What the product itself says of access."""
    catalogues = files("wardstead.catalogues")
    mandatory = {"wardstead: mandatory": (catalogues / "mandatory" / "mandatory.cedar").read_text("utf-8")}
    names = ("sharing", "data", "strength", "models", "sinks", "activation")
    fitting = {f"wardstead: {one}": (catalogues / "mandatory" / f"{one}.cedar").read_text("utf-8") for one in names}
    return Product(mandatory, fitting, (catalogues / "policies" / RULES).read_text("utf-8"))


def explained(error: DatabaseError) -> WardsteadError:
    """A database's error, as an operator is told of it."""
    return explain(error)
