"""The keys and certificates by which model servers elsewhere are spoken to: files of the deployment."""

from __future__ import annotations

import re
import ssl

from wardstead.adapters.store.keys.key_files import read_secret
from wardstead.bootstrap.deployment import Deployment
from wardstead.config.sections import UpstreamSection
from wardstead.kernel.errors import ConfigurationError


def require_model_files(deployment: Deployment) -> None:
    """Raises ``ConfigurationError`` where a model server's key or certificate is missing, or cannot be used."""
    for model in deployment.settings.models:
        bearer_of(deployment, model.upstream)
        if model.upstream.url.startswith("https://"):
            tls_to(deployment, model.upstream)


def bearer_of(deployment: Deployment, upstream: UpstreamSection) -> str:
    """The key that a model server asks for; empty where none is named."""
    if not upstream.api_key_file:
        return ""
    path = deployment.places.directory / upstream.api_key_file
    key = read_secret(path).strip()
    if not re.fullmatch(rb"[\x21-\x7e]+", key):
        raise ConfigurationError("not a model server's key", where=str(path), why="it is one word of printable ASCII")
    return key.decode("ascii")


def tls_to(deployment: Deployment, upstream: UpstreamSection) -> ssl.SSLContext:
    """TLS to a model server elsewhere. Raises ``ConfigurationError`` where a file is missing, or cannot be used."""
    from wardstead.gateway.server.remote import tls_context  # its client takes a while to import

    tls, directory = upstream.tls, deployment.places.directory
    if tls.key:
        read_secret(directory / tls.key)  # nobody but its owner may read it
    ca, certificate, key = (directory / name if name else None for name in (tls.ca, tls.certificate, tls.key))
    try:
        return tls_context(ca=ca, certificate=certificate, key=key, pins=frozenset(tls.pins))
    except OSError as error:  # ssl.SSLError is one
        where = ", ".join(str(path) for path in (ca, certificate) if path is not None)
        why = error.strerror or str(error)
        raise ConfigurationError("the certificates for a model server cannot be used", where=where, why=why) from None
