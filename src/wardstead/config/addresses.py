"""Where a model server listens."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from wardstead.kernel.errors import ConfigurationError

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
