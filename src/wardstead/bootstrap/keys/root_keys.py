"""``keys protect`` and ``keys rotate``. Each is recorded before it is done: what cannot be recorded is not carried out."""

from __future__ import annotations

import os
from contextlib import closing
from functools import partial

from wardstead.adapters.store.keys.subject_keys import Progress, SubjectKeys
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.adapters.store.ledger.ledger_keys import reseal
from wardstead.adapters.store.transactions import explained, write_transaction
from wardstead.bootstrap.deployment import Deployment
from wardstead.crypto.sealed_root import KeyProvider, SealedRoot, open_secret, seal_secret
from wardstead.kernel.errors import IntegrityError


def protect(deployment: Deployment, provider: KeyProvider) -> SealedRoot:
    """Let ``provider`` keep the root key."""
    _record(deployment, "keys.protect", {"provider": provider.name, "before": provider_name(deployment)})
    return deployment.keys.protect(provider)


def unprotect(deployment: Deployment) -> None:
    """Keep the root key as a plain file."""
    _record(deployment, "keys.protect", {"provider": "file", "before": provider_name(deployment)})
    deployment.keys.unprotect()


def rotate(deployment: Deployment, *, root: bool, progress: Progress | None = None) -> tuple[int, int]:
    """A new epoch, and with ``root`` a new root key. The epoch, and how many keys lie under it; ``progress`` hears of each.

    A rotation of the root key that was interrupted was recorded when it began: it is ended, and no more.
    """
    if root and deployment.keys.rotating:
        _move(deployment)
    else:
        before = deployment.subject_keys.current_kek().epoch
        told: dict[str, object] = {
            "root": root,
            "subjects": deployment.subject_keys.count(),
            "before": before,
            "after": before + 1,
        }
        _record(deployment, "keys.rotate", told)
        deployment.subject_keys.rotate(progress)
        if root:
            _move(deployment)
    with closing(_subject_keys(deployment, deployment.keys.root)) as keys:
        return keys.current_kek().epoch, keys.count()


def _move(deployment: Deployment) -> None:
    def rewrap(old: bytes, new: bytes) -> None:
        with closing(_subject_keys(deployment, old)) as keys:
            keys.rewrap_root(old, new)
        with explained(), write_transaction(deployment.engine, deployment.turn) as connection:
            reseal(connection, partial(_resealed, old, new))

    deployment.keys.rotate_root(rewrap)


def _resealed(old: bytes, new: bytes, name: str, sealed: bytes) -> bytes:
    try:
        secret = open_secret(old, name, sealed)
    except IntegrityError:
        open_secret(new, name, sealed)  # it was moved before the interruption, or it is none
        return sealed
    return seal_secret(new, name, secret, os.urandom)


def _subject_keys(deployment: Deployment, root: bytes) -> SubjectKeys:
    return deployment.key_store(root)


def provider_name(deployment: Deployment) -> str:
    """Who keeps the root key."""
    sealed = deployment.keys.protection
    return "file" if sealed is None else sealed.provider


def _record(deployment: Deployment, action: str, details: dict[str, object]) -> None:
    deployment.admin_record.record_admin(COMMAND_LINE, action, details)
