"""Certificates of services: the authority that issues them, and what the command line does with them."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wardstead.access.pdp import ACTIONS
from wardstead.access.ports import Bounds
from wardstead.adapters.identity.certificates import read_peer
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.adapters.store.keys.key_files import read_secret
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.people import BadValue, known, known_bounds
from wardstead.bootstrap.reading import present, read_text
from wardstead.crypto.client_certificates import TRUST_DOMAIN, make_client_authority, make_client_leaf
from wardstead.crypto.pki import CertifiedKey

MOST_DAYS: Final = 90
_DAY_MS: Final = 86_400_000
_KINDS: Final = {"URI", "DNS"}
_LONGEST: Final = 400


@dataclass(frozen=True, slots=True)
class Issued:
    """A new certificate. ``key`` is ``None`` where a signing request was answered."""

    id: str
    serial: str
    until_ms: int
    certificate: Path
    key: Path | None


def client_authority(deployment: Deployment) -> CertifiedKey:
    """The authority for services; made when it is first needed. Its key leaves the folder ``tls/`` as little as the server's."""
    certificate, key = deployment.places.tls / "services.crt", deployment.places.tls / "services.key"
    if not present(certificate):
        made = make_client_authority(now_ms())
        write_durably(key, [made.key], mode=0o600)
        write_durably(certificate, [made.certificate], mode=0o644)
    return CertifiedKey(read_text(certificate).encode(), read_secret(key))


def issue(
    deployment: Deployment, name: str, folder: Path, until_ms: int, *,
    bounds: Bounds, scopes: Iterable[str] = (), request: Path | None = None,
) -> Issued:  # fmt: skip
    """A certificate that names somebody, written into ``folder``; with its key, readable by its owner alone, unless a signing
    ``request`` says that somebody has that. Raises ``BadValue``, ``UnknownPerson``.
    """
    now = now_ms()
    if not now < until_ms <= now + MOST_DAYS * _DAY_MS:
        raise BadValue(
            f"a certificate is valid for at most {MOST_DAYS} days", where="--expires", next_step="issue another in time"
        )
    within, allowed = known_bounds(deployment, bounds), known(scopes, ACTIONS, "scope")
    who = deployment.directory.find(name)
    asked = read_text(request).encode() if request is not None else b""
    made = make_client_leaf(client_authority(deployment), who.id, name, until_ms, now, request=asked)
    paths = folder / f"{_file_name(name)}.crt", folder / f"{_file_name(name)}.key"
    for path in paths:
        if path.exists():
            raise BadValue(
                "there is a file already", where=str(path), next_step="name another folder with --output, or move it away"
            )
    peer = read_peer(ssl.PEM_cert_to_DER_cert(made.certificate.decode()))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if made.key:
        write_durably(paths[1], [made.key], mode=0o600)
    write_durably(paths[0], [made.certificate], mode=0o644)
    # Last: a certificate that nothing knows names nobody.
    known_as = deployment.certificates.put(name, peer, bounds=within, scopes=allowed)
    return Issued(known_as, peer.serial, until_ms, paths[0], paths[1] if made.key else None)


def trust(deployment: Deployment, name: str, known_by: str, *, bounds: Bounds, scopes: Iterable[str] = ()) -> str:
    """Take certificates of outside authorities with this name (``URI:…`` or ``DNS:…``) for somebody's. Raises ``BadValue``."""
    kind, _, text = known_by.partition(":")
    if kind not in _KINDS or not text or len(text) > _LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        raise BadValue(
            f"not a name in certificates: {known_by[:80]!r}",
            next_step="write URI:spiffe://example.org/bot or DNS:bot.example.org",
        )
    if f"//{TRUST_DOMAIN}/" in text:
        raise BadValue(f"names of {TRUST_DOMAIN} are in certificates of this deployment's own authority alone")
    if deployment.settings.server.mutual_tls is None or not deployment.settings.server.mutual_tls.ca_file:
        raise BadValue(
            "no outside authority is trusted here", where="server.mutual_tls.ca_file",
            next_step="name the file with its certificate there",
        )  # fmt: skip
    within, allowed = known_bounds(deployment, bounds), known(scopes, ACTIONS, "scope")
    said = known_by.lower() if kind == "DNS" else known_by
    return deployment.certificates.trust(name, said.replace("dns:", "DNS:", 1), bounds=within, scopes=allowed)


def _file_name(name: str) -> str:
    return "".join(one if one.isalnum() or one in "._-" else "-" for one in name)
