"""The edge in front of the gateway: workers then listen at sockets in ``run/``, which this user alone can reach.

So whoever speaks there is our edge, and its word on where a request comes from counts; no header has to prove it. The door for
services stays the workers' own: what a client's certificate proves is never said in a header.
"""

from __future__ import annotations

from pathlib import Path

from wardstead.adapters.processes.edge import (
    Acme,
    Edge,
    find_caddy,
    require_short,
    require_valid,
    take_up,
    write_config,
)
from wardstead.bootstrap.deployment import Deployment
from wardstead.config.addresses import bracketed
from wardstead.config.sections import EdgeSection


def behind_edge(deployment: Deployment, number: int) -> Path:
    """The socket of a worker, in a folder that is this user's alone; one that was left there is taken away."""
    folder = _folder(deployment)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    socket = folder / f"{number}.sock"
    socket.unlink(missing_ok=True)
    return socket


def prepare_edge(deployment: Deployment) -> None:
    """Write what the edge is told, and have it read that. Raises ``ConfigurationError``."""
    folder = _folder(deployment)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (deployment.places.state / "edge").mkdir(mode=0o700, parents=True, exist_ok=True)
    edge = _edge(deployment)
    for socket in (*edge.sockets, edge.admin):
        require_short(socket)
    write_config(_config(deployment), edge)
    require_valid(_program(deployment), _config(deployment))


def edge_command(deployment: Deployment) -> list[str]:
    """How it is started."""
    return [_program(deployment), "run", "--config", str(_config(deployment))]


def reload_edge(deployment: Deployment) -> None:
    """Have it take up the server's certificate as it is now. Raises ``BackendError``."""
    take_up(_program(deployment), _config(deployment), _folder(deployment) / "admin.sock")


def _edge(deployment: Deployment) -> Edge:
    server, folder, tls = deployment.settings.server, _folder(deployment), deployment.places.tls
    host = {"localhost": "127.0.0.1"}.get(server.host, server.host)
    section = server.edge or EdgeSection()
    acme = None
    if section.acme is not None:
        ca_file = str(deployment.places.directory.resolve() / section.acme.ca_file) if section.acme.ca_file else ""
        acme = Acme(section.acme.names, section.acme.email, section.acme.directory, ca_file)
    return Edge(
        listen=f"{bracketed(host)}:{server.port}",
        sockets=[folder / f"{number}.sock" for number in range(1, server.workers + 1)],
        certificate=(tls / "server.crt").resolve(),
        key=(tls / "server.key").resolve(),
        name="localhost",
        admin=folder / "admin.sock",
        storage=(deployment.places.state / "edge").resolve(),
        drain_s=server.drain_timeout_s,
        trusted_proxies=server.trusted_proxies,
        acme=acme,
    )


def _program(deployment: Deployment) -> str:
    section = deployment.settings.server.edge
    return find_caddy(section.program if section is not None else "")


def _folder(deployment: Deployment) -> Path:
    return deployment.places.run.resolve() / "edge"


def _config(deployment: Deployment) -> Path:
    return _folder(deployment) / "caddy.json"
