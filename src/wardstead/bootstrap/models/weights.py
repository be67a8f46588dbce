"""``model encrypt`` and ``model decrypt``: an embedded model's weights at rest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wardstead.adapters.keys.folder import WEIGHTS
from wardstead.adapters.sandbox.weights import blocks, decrypted, encrypted_form, is_encrypted, size
from wardstead.adapters.store.engine.durable_file import sync_folder, write_durably
from wardstead.adapters.store.keys.key_files import new_key
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.models.admitting import section_of
from wardstead.crypto.segments import SEGMENT, seal_segments
from wardstead.kernel.errors import CallerError, IntegrityError

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's weights: where they are, how long their content is, whether they are encrypted."""

    path: Path
    bytes: int
    encrypted: bool


def weights_of(deployment: Deployment, model: str) -> Weights:
    """Raises ``ConfigurationError`` for a model that is not embedded, or whose weights are missing."""
    path = deployment.places.directory / section_of(deployment, model).upstream.weights
    return Weights(encrypted_form(path) if is_encrypted(path) else path, size(path), is_encrypted(path))


def encrypt(deployment: Deployment, model: str, progress: Progress) -> Weights:
    """Put encrypted weights in the place of plain ones, once they open to the admitted digest."""
    upstream = section_of(deployment, model).upstream
    path = deployment.places.directory / upstream.weights
    if is_encrypted(path):
        raise CallerError("the weights are encrypted already", where=str(encrypted_form(path)))
    _require_digest(path, blocks(path), upstream.sha256, progress)
    if not deployment.keys.has(WEIGHTS):
        deployment.keys.make(WEIGHTS, new_key(os.urandom))
    key = deployment.keys.key(WEIGHTS)
    _record(deployment, "weights.encrypt", model, upstream.sha256)
    with path.open("rb") as file:
        write_durably(encrypted_form(path), seal_segments(key, iter(lambda: file.read(SEGMENT), b""), os.urandom))
    _require_digest(path, decrypted(encrypted_form(path), key), upstream.sha256, progress)
    path.unlink()
    sync_folder(path.parent)
    return weights_of(deployment, model)


def decrypt(deployment: Deployment, model: str, progress: Progress) -> Weights:
    """Put plain weights in the place of encrypted ones."""
    upstream = section_of(deployment, model).upstream
    path = deployment.places.directory / upstream.weights
    if not is_encrypted(path):
        raise CallerError("the weights are not encrypted", where=str(path))
    form, key = encrypted_form(path), deployment.keys.key(WEIGHTS)
    _require_digest(path, decrypted(form, key), upstream.sha256, progress)
    _record(deployment, "weights.decrypt", model, upstream.sha256)
    write_durably(path, _counted(decrypted(form, key), progress))
    form.unlink()
    return weights_of(deployment, model)


def _require_digest(path: Path, content: Iterable[bytes], expected: str, progress: Progress) -> None:
    found = hashlib.sha256()
    for block in _counted(content, progress):
        found.update(block)
    if found.hexdigest() != expected:
        raise IntegrityError(
            "the weights are not the ones that were admitted", where=str(path),
            why=f"sha256 is {found.hexdigest()}, expected {expected}", next_step="restore the file; nothing was changed",
        )  # fmt: skip


def _counted(content: Iterable[bytes], progress: Progress) -> Iterator[bytes]:
    for block in content:
        progress(len(block))
        yield block


def _record(deployment: Deployment, action: str, model: str, sha256: str) -> None:
    deployment.admin_record.record_admin(COMMAND_LINE, action, {"model": model, "sha256": sha256})
