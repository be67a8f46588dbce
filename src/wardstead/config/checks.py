"""What the form of the configuration file cannot say."""

from __future__ import annotations

import re
from ipaddress import ip_network
from urllib.parse import urlsplit

from wardstead.config.addresses import parse_upstream
from wardstead.config.database import parse_database
from wardstead.config.identity_checks import check_passkeys, check_providers, check_sources
from wardstead.config.sections import (
    AnchorSection,
    ClassifierSection,
    LedgerSection,
    ModelSection,
    MutualTlsSection,
    ServerSection,
    UpstreamTlsSection,
)
from wardstead.config.settings import Settings
from wardstead.gateway.protocol.fields import NEVER
from wardstead.kernel.errors import ConfigurationError


def check(settings: Settings, where: str) -> None:
    """Raises ``ConfigurationError`` for what a schema cannot say."""
    names = [model.name for model in settings.models]
    if len(set(names)) != len(names):
        raise ConfigurationError("two models have the same name", where=f"{where}: models")
    for number, model in enumerate(settings.models):
        _check_model(model, f"{where}: models[{number}]")
    for number, classifier in enumerate(settings.inspection.classifiers):
        _check_classifier(classifier, f"{where}: inspection.classifiers[{number}]")
    if settings.database is not None:
        parse_database(settings.database.url, f"{where}: database.url")
    check_providers(settings.identity.providers, f"{where}: identity.providers")
    check_sources(settings.identity, f"{where}: identity")
    check_passkeys(settings.identity.passkeys, settings.server, f"{where}: identity.passkeys")
    _check_witnesses(settings.ledger, f"{where}: ledger")
    _check_elsewhere(settings.ledger, f"{where}: ledger")
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
    if settings.server.edge is not None and settings.server.tls == "off":
        raise ConfigurationError("an edge without TLS", where=f"{where}: server.edge", next_step="set server.tls to on")
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


def _check_elsewhere(ledger: LedgerSection, where: str) -> None:
    for kind, names in (
        ("timestamps", [one.name for one in ledger.timestamps]),
        ("anchors", [one.name for one in ledger.anchors]),
    ):
        if len(set(names)) != len(names):
            raise ConfigurationError("two have the same name", where=f"{where}.{kind}")
    for number, stamp in enumerate(ledger.timestamps):
        parts = urlsplit(stamp.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment or parts.username:
            raise ConfigurationError("not an authority's address", where=f"{where}.timestamps[{number}].url", why="http(s)://…")
    for number, anchor in enumerate(ledger.anchors):
        _check_anchor(anchor, f"{where}.anchors[{number}]")


def _check_anchor(anchor: AnchorSection, where: str) -> None:
    if anchor.kind == "folder" and (not anchor.folder.startswith("/") or anchor.url):
        raise ConfigurationError(
            "a folder needs its whole path", where=f"{where}.folder", why="it lies outside of the deployment"
        )
    if anchor.kind == "git" and (not anchor.url or anchor.url.startswith("-") or "::" in anchor.url or anchor.folder):
        raise ConfigurationError("not a repository's address", where=f"{where}.url")


def _check_model(model: ModelSection, where: str) -> None:
    upstream = model.upstream
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}", model.name) or ".." in model.name:
        raise ConfigurationError("not a usable name", where=f"{where}.name", why="letters, digits and . _ : / -")
    if upstream.kind == "embedded":
        if not upstream.weights or not re.fullmatch("[0-9a-f]{64}", upstream.sha256):
            raise ConfigurationError("an embedded model needs weights and their sha256", where=f"{where}.upstream")
    else:
        address = parse_upstream(upstream.url, f"{where}.upstream.url")
        if upstream.tls != UpstreamTlsSection() and address.scheme != "https":
            raise ConfigurationError("there is no TLS at such an address", where=f"{where}.upstream.tls", next_step="https://")
    if bool(upstream.tls.certificate) != bool(upstream.tls.key):
        raise ConfigurationError("a certificate needs its key, and a key its certificate", where=f"{where}.upstream.tls")
