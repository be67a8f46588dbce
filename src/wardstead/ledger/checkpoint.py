"""Checkpoints: signed statements of the tree's size and root (https://c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass

from wardstead.crypto.merkle import EMPTY_ROOT, HASH_SIZE, Node, consistency_proof, tree_root, verify_consistency
from wardstead.crypto.signing import SigningKey, VerifyingKey, open_note
from wardstead.kernel.errors import IntegrityError

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


def open_checkpoint(note: str, *keys: VerifyingKey) -> Checkpoint:
    """Read a checkpoint that one of ``keys`` signed; raises ``IntegrityError`` when none did or it is not one.

    The origin must be the name of one of the keys: another log of the same signer is not this one.
    """
    match = _BODY.match(open_note(note, *keys))
    if match is None:
        raise IntegrityError("the note is not a checkpoint")
    root = b64decode(match["root"])
    if len(root) != HASH_SIZE or match["origin"] not in {key.name for key in keys}:
        raise IntegrityError("the checkpoint is of another log", where=match["origin"][:80])
    return Checkpoint(match["origin"], int(match["size"]), root)


class CheckpointSigner:
    """Signs only what extends what it signed before.

    INVARIANT: for any two checkpoints signed here, the larger tree extends the smaller one.
    """

    __slots__ = ("_key", "last")

    def __init__(self, key: SigningKey, last: Checkpoint | None) -> None:
        """``last``: the newest checkpoint known to have been signed."""
        self._key = key
        self.last = last or Checkpoint(key.verifying.name, 0, EMPTY_ROOT)

    def sign(self, size: int, node: Node) -> str:
        """Sign the tree of ``size``; raises ``IntegrityError`` unless it extends the last one signed."""
        root = tree_root(size, node)
        verify_consistency(self.last.size, size, consistency_proof(self.last.size, size, node), self.last.root, root)
        checkpoint = Checkpoint(self._key.verifying.name, size, root)
        note = self._key.sign_note(checkpoint.text())
        self.last = checkpoint
        return note
