"""Whoever reads tiles can verify the tree by itself; proofs that it only grew hold, and none is made of what it never was."""

from __future__ import annotations

from base64 import b64decode

import pytest
from sqlalchemy import select, update
from tests.adapters.store.deployment import Deployment

from wardstead.adapters.store.ledger.published import PublishedTree
from wardstead.adapters.store.tables.ledger import tile
from wardstead.crypto.merkle import leaf_hash, tree_root, verify_consistency
from wardstead.kernel.errors import CallerError, IntegrityError
from wardstead.ledger.checkpoint import open_checkpoint
from wardstead.ledger.tiles import node_from, tile_path


@pytest.fixture
def grown(deployment: Deployment) -> Deployment:
    """Of 600 entries: signed at 4 and at 600."""
    journal = deployment.journal()
    for _ in range(2):
        deployment.exchange(journal)
    deployment.record()
    for _ in range(298):
        deployment.exchange(journal)
    journal.close()
    deployment.record()
    return deployment


def tree(deployment: Deployment) -> PublishedTree:
    return PublishedTree(deployment.engine, deployment.ledger_key.verifying)


def entries(bundle: bytes) -> list[bytes]:
    found = []
    while bundle:
        size = int.from_bytes(bundle[:2], "big")
        found.append(bundle[2 : 2 + size])
        bundle = bundle[2 + size :]
    return found


def test_a_client_rebuilds_the_signed_root_from_what_is_served(grown: Deployment) -> None:
    served = tree(grown)
    checkpoint = open_checkpoint(grown.known()[0], grown.ledger_key.verifying)
    widths = {(0, 0): 256, (0, 1): 256, (0, 2): 88, (1, 0): 2}
    read = {tile: served.resource(tile_path(*tile, width)) or b"" for tile, width in widths.items()}
    assert tree_root(600, node_from(lambda level, index: read[level, index])) == checkpoint.root
    leaves = [one for number, width in enumerate((256, 256, 88)) for one in entries(bundle(served, number, width))]
    assert b"".join(map(leaf_hash, leaves)) == read[0, 0] + read[0, 1] + read[0, 2]


def bundle(served: PublishedTree, number: int, width: int) -> bytes:
    path = tile_path(0, number, width).replace("tile/0/", "tile/entries/")
    found = served.resource(path)
    assert found is not None
    return found


def test_a_partial_tile_is_served_after_it_grew(grown: Deployment) -> None:
    served = tree(grown)
    full = served.resource("tile/0/000")
    assert full is not None
    assert len(full) == 8192
    assert served.resource("tile/0/000.p/4") == full[:128]


NO_TILES = [
    "tile/0/003", "tile/0/002", "tile/0/002.p/89", "tile/0/000.p/256", "tile/0/000.p/0", "tile/0/000.p/04", "tile/00/000",
    "tile/64/000", "tile/0/0", "tile/0/x000/001", "tile/0/000/", "tile/-1/000", "tile/entries/003", "tile/entries/000.p/999",
    "tile/0/../0/000", "tile/0/000\n", "checkpoint", "", "tile/0/x999/x999/x999/x999/x999/x999/999",
]  # fmt: skip


def test_what_is_no_tile_of_this_tree_is_not_there(grown: Deployment) -> None:
    assert [path for path in NO_TILES if tree(grown).resource(path) is not None] == []


def test_a_consistency_proof_verifies_against_both_roots(grown: Deployment) -> None:
    for old, new in ((4, None), (0, 600), (600, 600), (5, 512), (1, 2)):
        said = tree(grown).consistency(old, new)
        proof, roots = [b64decode(one) for one in said["proof"]], [b64decode(said[one]["root"]) for one in ("old", "new")]
        verify_consistency(old, said["new"]["size"], proof, *roots)
        assert bool(said["checkpoint"]) == (said["new"]["size"] == 600)


def test_no_proof_is_made_of_a_tree_that_never_was(grown: Deployment) -> None:
    for old, new in ((601, None), (5, 4), (0, 601), (-1, 3)):
        with pytest.raises(CallerError):
            tree(grown).consistency(old, new)


@pytest.mark.parametrize(("level", "index"), [(0, 0), (0, 2), (1, 0)])
def test_no_proof_is_made_of_an_altered_tree(grown: Deployment, level: int, index: int) -> None:
    with grown.engine.begin() as connection:
        which = (tile.c.level == level, tile.c.idx == index)
        hashes = connection.execute(select(tile.c.hashes).where(*which)).scalar_one()
        connection.execute(update(tile).where(*which).values(hashes=bytes(len(hashes))))
    with pytest.raises(IntegrityError):
        tree(grown).consistency(4)
