"""Checkpoints are signed in order, for one log."""

from __future__ import annotations

import pytest
from tests.trees import node_of

from wardstead.crypto.merkle import leaf_hash, tree_root
from wardstead.crypto.signing import SigningKey
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.checkpoint import Checkpoint, CheckpointSigner, nothing_of, open_checkpoint

KEY = SigningKey("ledger.example", bytes(range(32)))
LEAVES = [leaf_hash(bytes([i])) for i in range(20)]


def test_a_signed_checkpoint_opens_to_what_was_signed() -> None:
    note = CheckpointSigner(nothing_of(KEY.verifying.name)).sign(KEY, 5, node_of(LEAVES))
    assert open_checkpoint(note, KEY.verifying) == Checkpoint("ledger.example", 5, tree_root(5, node_of(LEAVES)))


def test_only_an_extension_is_signed() -> None:
    signer = CheckpointSigner(nothing_of(KEY.verifying.name))
    signer.sign(KEY, 5, node_of(LEAVES))
    forked = node_of([leaf_hash(b"another"), *LEAVES[1:]])
    for size, node in ((9, forked), (5, forked), (4, node_of(LEAVES))):
        with pytest.raises(IntegrityError):
            signer.sign(KEY, size, node)
    signer.sign(KEY, 9, node_of(LEAVES))


@pytest.mark.parametrize(
    "text", ["ledger.example\n05\n{root}\n", "ledger.example\n5\nAA==\n", "other\n5\n{root}\n", "ledger.example\n"]
)
def test_a_signed_text_that_is_no_checkpoint_of_this_log_is_refused(text: str) -> None:
    root = Checkpoint("x", 0, bytes(32)).text().split("\n")[2]
    with pytest.raises(IntegrityError):
        open_checkpoint(KEY.sign_note(text.format(root=root)), KEY.verifying)
