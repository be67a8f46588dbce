"""What a worker is wired from."""

from __future__ import annotations

import pytest

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.worker import doors
from wardstead.gateway.server.request_head import BadHeader, read_head


def configured(deployment: Deployment, before: str, after: str) -> Deployment:
    """The deployment with a part of its configuration replaced."""
    path = deployment.places.config
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    return Deployment(deployment.places.directory, {})


@pytest.mark.parametrize("host", ["::1", "fd00::1", "FD00::1"])
def test_an_ipv6_address_is_served_under_its_own_name(deployment: Deployment, host: str) -> None:
    opened = configured(deployment, "host: localhost", f'host: "{host}"')
    assert opened.url == f"https://[{host}]:8443"
    authority = opened.url.removeprefix("https://").encode()
    read_head([(b"host", authority), (b"origin", opened.url.encode())], doors(opened))
    read_head([(b"host", authority.rsplit(b":", 1)[0])], doors(opened))


@pytest.mark.parametrize("name", ["fd00::5", "[fd00::5]"])
def test_an_ipv6_address_may_be_an_allowed_host_with_and_without_brackets(deployment: Deployment, name: str) -> None:
    opened = configured(deployment, "host: localhost", f'host: "::"\n  allowed_hosts: ["{name}"]')
    assert opened.url == "https://[fd00::5]:8443"
    read_head([(b"host", b"[fd00::5]:8443")], doors(opened))
    with pytest.raises(BadHeader):
        read_head([(b"host", b"[fd00::6]:8443")], doors(opened))
