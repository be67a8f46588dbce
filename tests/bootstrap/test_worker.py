"""What a worker is wired from."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from wardstead.adapters.store.ledger.journal import Journal
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.processes import worker
from wardstead.bootstrap.processes.upstreams import open_upstream, reachable
from wardstead.bootstrap.processes.worker import assembled, doors
from wardstead.gateway.server.pool import Pool
from wardstead.gateway.server.remote import RemoteUpstream
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


MODELS = """\
version: 1
models:
  - {name: near, upstream: {kind: openai, url: "http://[::1]:11434"}}
  - {name: far, upstream: {kind: openai, url: "https://gpu1.internal:8000"}}
  - {name: beside, upstream: {kind: openai, url: "unix:%s"}}
"""


@pytest.fixture
def three(deployment: Deployment) -> Deployment:
    """One with three model servers, the third behind a socket whose path is too long for an address."""
    socket = deployment.places.directory / ("long" * 30) / "model.sock"
    deployment.places.config.write_text(MODELS % socket)
    return Deployment(deployment.places.directory, {})


def open_files() -> set[Path]:
    """The files that this process has open."""
    return {one.resolve() for one in Path("/proc/self/fd").iterdir()}


async def test_a_model_server_is_reached_where_its_address_says(three: Deployment) -> None:
    async with AsyncExitStack() as opened:
        near, far, beside = [open_upstream(opened, three, model) for model in three.settings.models]
        assert isinstance(near, Pool)
        assert (near.target.host, near.target.port, near.target.authority) == ("::1", 11434, "[::1]:11434")
        assert isinstance(far, RemoteUpstream)
        assert far._base == "https://gpu1.internal:8000"
        assert isinstance(beside, Pool)
        assert len(beside.target.unix) < 108


async def test_everything_that_was_opened_is_closed(three: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[object] = []

    def close(pool: Pool) -> None:
        closed.append(pool)

    async def close_remote(remote: RemoteUpstream) -> None:
        closed.append(remote)

    monkeypatch.setattr(Pool, "close", close)
    monkeypatch.setattr(RemoteUpstream, "close", close_remote)
    before = asyncio.all_tasks()
    async with assembled(three) as gateway:
        upstreams = list(gateway._services.upstreams.values())
        journal = gateway._services.journal
        long = next(one for one in open_files() if one.name.endswith("long"))
    assert closed == upstreams[::-1]
    assert isinstance(journal, Journal)
    assert journal._closed
    assert asyncio.all_tasks() == before
    assert long not in open_files()


async def test_the_journal_is_closed_also_when_the_rest_cannot_be_opened(
    three: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Journal] = []

    def close(journal: Journal) -> None:
        closed.append(journal)

    def broken(*_arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Journal, "close", close)
    monkeypatch.setattr(worker, "worlds_of", broken)
    with pytest.raises(RuntimeError):
        async with assembled(three):
            pass
    (journal,) = closed
    monkeypatch.undo()
    journal.close()


def test_a_short_path_is_its_own_address() -> None:
    with reachable(Path("/run/x.sock")) as address:
        assert address == "/run/x.sock"


async def test_the_ledger_is_well_where_an_intent_would_be_accepted(three: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    async with assembled(three) as gateway:
        assert gateway._services.ledger_health()
        monkeypatch.setattr(Journal, "accepts", lambda _journal: False)
        assert not gateway._services.ledger_health()
