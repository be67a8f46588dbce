"""What must hold before a deployment starts."""

from __future__ import annotations

import socket

import pytest
import yaml
from tests.e2e.deployment import free_port

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.environment import PORT
from wardstead.bootstrap.processes.supervising import claim_ports
from wardstead.kernel.errors import BackendError


@pytest.fixture
def two_doors(deployment: Deployment) -> Deployment:
    file = deployment.places.directory / "wardstead.yaml"
    settings = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**settings, "server": {**settings["server"], "mutual_tls": {"port": free_port()}}}))
    return Deployment(deployment.places.directory, {PORT: str(free_port())})


def test_a_deployment_that_starts_beside_another_does_not_share_its_port(two_doors: Deployment) -> None:
    with claim_ports(two_doors), pytest.raises(BackendError) as refused:
        claim_ports(two_doors)
    assert refused.value.next_step == "up --port N"
    claim_ports(two_doors).close()


def test_nor_a_port_of_which_somebody_else_lets_others_listen(two_doors: Deployment) -> None:
    mutual = two_doors.settings.server.mutual_tls
    assert mutual is not None
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", mutual.port))
        taken.listen()
        with pytest.raises(BackendError) as refused:
            claim_ports(two_doors)
    assert str(mutual.port) in refused.value.what
    assert "server.mutual_tls.port" in refused.value.next_step
