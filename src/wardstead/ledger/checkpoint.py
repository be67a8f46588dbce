"""Checkpoints: signed statements of the tree's size and root (https://c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass

from wardstead.crypto.merkle import EMPTY_ROOT, HASH_SIZE, Node, consistency_proof, tree_root, verify_consistency
from wardstead.crypto.signing import SigningKey, VerifyingKey
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.succession import LedgerKeys, keys_of

_BODY = re.compile(r"(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,18})\n(?P<root>[A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*\Z")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tree named ``origin`` had ``size`` leaves and this root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def open_checkpoint(note: str, trusted: VerifyingKey | LedgerKeys) -> Checkpoint:
    """Read a checkpoint that the ledger signed; raises ``IntegrityError`` when it did not or it is none.

    The origin must be the ledger's name: another log of the same signer is not this one. The key must be the one that signs
    trees of that size, else ``KeyRetired``.
    """
    keys = keys_of(trusted)
    text, signers = keys.open(note)
    match = _BODY.match(text)
    if match is None:
        raise IntegrityError("the note is not a checkpoint")
    root, size = b64decode(match["root"]), int(match["size"])
    if len(root) != HASH_SIZE or match["origin"] != keys.name:
        raise IntegrityError("the checkpoint is of another log", where=match["origin"][:80])
    keys.require(signers, size)
    return Checkpoint(match["origin"], size, root)


def nothing_of(name: str) -> Checkpoint:
    """The empty tree of a ledger."""
    return Checkpoint(name, 0, EMPTY_ROOT)


class CheckpointSigner:
    """Signs only what extends what it signed before.

    INVARIANT: for any two checkpoints signed here, the larger tree extends the smaller one.
    """

    __slots__ = ("last",)

    def __init__(self, last: Checkpoint) -> None:
        """``last``: the newest checkpoint known to have been signed."""
        self.last = last

    def sign(self, key: SigningKey, size: int, node: Node) -> str:
        """Sign the tree of ``size``; raises ``IntegrityError`` unless it extends the last one signed."""
        root = tree_root(size, node)
        verify_consistency(self.last.size, size, consistency_proof(self.last.size, size, node), self.last.root, root)
        checkpoint = Checkpoint(key.verifying.name, size, root)
        note = key.sign_note(checkpoint.text())
        self.last = checkpoint
        return note
