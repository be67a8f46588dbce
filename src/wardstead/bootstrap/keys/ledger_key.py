"""``keys rotate --ledger``: another key signs the ledger. Nothing stops for it.

One transaction holds all of it: the act of administration under seal, the entry that both keys signed, the new key under the
root key, and the admissions, signed anew. Whoever is killed before its commit has changed nothing; after it, the recorder puts
the new key in force with the first tree that holds the entry, and then the old key is destroyed.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from functools import partial

from wardstead.adapters.store.admissions import sign_anew
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.adapters.store.transactions import explained, write_transaction
from wardstead.bootstrap.attempts import attempt
from wardstead.bootstrap.backup.backups import tell_of_erasures
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.processes.running import running
from wardstead.crypto.dsse import open_envelope, seal_envelope
from wardstead.crypto.envelope import KEY_SIZE
from wardstead.crypto.sealed_root import seal_secret
from wardstead.crypto.signing import SigningKey, VerifyingKey
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.checkpoint import open_checkpoint
from wardstead.ledger.succession import Change

_WAIT_S, _LOOK_S, _EVERY_S = 15.0, 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Rotated:
    """The change that was ordered; ``in_force``: a checkpoint is signed with the new key already."""

    change: Change
    act: str
    in_force: bool


def rotate(deployment: Deployment) -> Rotated:
    """Order a new key, and wait a little for it to be in force where the deployment runs."""
    first = deployment.keys.verifying()
    new = SigningKey(first.name, os.urandom(KEY_SIZE))
    root, signing = deployment.keys.root, deployment.signing
    with explained(), write_transaction(deployment.engine, deployment.turn) as connection:
        old = signing.signing(connection)
        told = {"ledger": True, "before": old.verifying.text(), "after": new.verifying.text()}
        act = deployment.admin_record.append(connection, COMMAND_LINE, "keys.rotate", told)
        change = signing.order(connection, new, act, lambda name, secret: seal_secret(root, name, secret, os.urandom), now_ms())
        sign_anew(connection, partial(_signed_anew, old.verifying, new))
    in_force = _wait(deployment, change) if running(deployment) else False
    tell_of_erasures(deployment)
    return Rotated(change, act, in_force)


def _signed_anew(old: VerifyingKey, new: SigningKey, envelope: bytes) -> bytes:
    """What the old key has not signed is not made genuine by this."""
    try:
        return seal_envelope(new, open_envelope(envelope, old))
    except IntegrityError:
        return envelope


def _wait(deployment: Deployment, change: Change) -> bool:
    until_s = time.monotonic() + _WAIT_S
    while not in_force(deployment, change):
        if time.monotonic() > until_s:
            return False
        time.sleep(_LOOK_S)
    retire(deployment)
    return True


def in_force(deployment: Deployment, change: Change) -> bool:
    """Whether a checkpoint is signed with the key after this change, or a later one."""
    keys, note = deployment.ledger.keys, deployment.ledger.checkpoint()
    place = next((one.index for one in keys.changes if one.after == change.after), None)
    return note is not None and place is not None and open_checkpoint(note, keys).size > place


def retire(deployment: Deployment) -> None:
    """Destroy the first key in this folder, where another has signed. Later ones go with the checkpoint that replaces them."""
    if deployment.keys.has_first:
        changes = deployment.ledger.keys.changes
        if changes and in_force(deployment, changes[0]):
            deployment.keys.retire_ledger()


def keep_retired(deployment: Deployment, stop: threading.Event) -> None:
    """For ever, in a thread of its own, beside the recorder of each gateway: each folder has the first key."""
    while not stop.wait(_EVERY_S):
        attempt(lambda: retire(deployment), "the replaced key of the ledger was not destroyed; trying again")
