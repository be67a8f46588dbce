"""The tree is served to whoever may see the ledger's metadata, and to nobody else."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import httpx
import pytest

from wardstead.adapters.store.ledger.recorder import Recorder
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.processes.worker import assembled
from wardstead.crypto.merkle import tree_root
from wardstead.kernel.labels import PUBLIC
from wardstead.ledger.checkpoint import open_checkpoint
from wardstead.ledger.tiles import node_from


@pytest.fixture
def signed(deployment: Deployment) -> Deployment:
    """One whose ledger has a signed checkpoint, and only a model of somebody else's."""
    text = "version: 1\nmodels:\n  - {name: m, upstream: {kind: openai, url: 'http://127.0.0.1:9'}}\n"
    deployment.places.config.write_text(text)
    opened = Deployment(deployment.places.directory, {})
    for name, role in (("ada", "auditor"), ("ulf", "user")):
        opened.directory.create_principal(name, roles=(role,), clearance=PUBLIC)
    recorder = Recorder(
        opened.engine,
        opened.signing,
        state_dir=opened.places.state,
        signed=opened.places.signed,
        run_dir=opened.places.run,
        reserve=opened.reserve(),
        clock=now_ms,
        monotonic_s=time.monotonic,
    )
    recorder.open()
    recorder.step()
    recorder.close()
    return opened


@pytest.fixture
async def client(signed: Deployment) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        assembled(signed) as gateway,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=gateway), base_url=signed.url) as made,
    ):
        yield made


def key(deployment: Deployment, name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {deployment.directory.create_api_key(name).key}"}


async def test_an_auditor_rebuilds_the_root(signed: Deployment, client: httpx.AsyncClient) -> None:
    ada = key(signed, "ada")
    note = (await client.get("/ledger/checkpoint", headers=ada)).text
    checkpoint = open_checkpoint(note, signed.ledger.keys)
    tile = await client.get(f"/ledger/tile/0/000.p/{checkpoint.size}", headers=ada)
    assert (tile.status_code, tile.headers["content-type"]) == (200, "application/octet-stream")
    assert tree_root(checkpoint.size, node_from(lambda _level, _index: tile.content)) == checkpoint.root
    bundle = await client.get(f"/ledger/tile/entries/000.p/{checkpoint.size}", headers=ada)
    assert bundle.status_code == 200


@pytest.mark.parametrize("path", ["/ledger/tile/0/000.p/1", "/ledger/tile/entries/000.p/1"])
async def test_others_see_no_tile(signed: Deployment, client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 401
    assert (await client.get(path, headers=key(signed, "ulf"))).status_code == 404
    assert (await client.post(path, headers=key(signed, "ada"))).status_code == 405
