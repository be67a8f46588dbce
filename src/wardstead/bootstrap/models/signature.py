"""Signing a model's files as their publisher, so that anybody's ``model_signing`` verifies it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from wardstead.adapters.artifacts.files import Entry, OpenFile
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.bootstrap.models.scanning import Progress, to_scan
from wardstead.bootstrap.reading import read_regular
from wardstead.crypto.publishers import PublisherKey
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.supply.model_signing import GIT, signed_bundle
from wardstead.supply.ports import Malformed

_MOST_BYTES: Final = 1 << 20
"""What ``model_signing`` leaves out unless it is told otherwise."""


class NotSigned(CallerError):
    """What was named cannot be signed as a model."""

    code = "not_signed"


def publisher_key(key: Path, passphrase: Path | None, certificates: Path | None) -> PublisherKey:
    """Whose signature it is to be. Raises ``ConfigurationError``."""
    secret = read_regular(passphrase, _MOST_BYTES, NotSigned).rstrip(b"\r\n") if passphrase is not None else None
    chain = read_regular(certificates, _MOST_BYTES, NotSigned) if certificates is not None else b""
    try:
        return PublisherKey(read_regular(key, _MOST_BYTES, NotSigned), secret, chain)
    except ConfigurationError as error:
        raise ConfigurationError(error.what, where=str(key), why=error.why, next_step=error.next_step) from None


def sign_files(path: Path, key: PublisherKey, output: Path, progress: Progress) -> dict[str, str]:
    """Sign every file below a path; the signature goes to ``output``. Returns their digests. Raises ``NotSigned``."""
    beside = _within(output, path)
    ignored = [*GIT, *([beside] if beside else [])]
    digests = {}
    for entry in to_scan(path):
        if entry.name == beside or entry.name.split("/")[0] in GIT:
            continue
        digests["." if path.is_file() else entry.name] = _digest(entry, progress)
    if not digests:
        raise NotSigned("there is no file to sign", where=str(path))
    write_durably(output, [signed_bundle(key, path.resolve().name, digests, ignored)])
    return digests


def _within(output: Path, path: Path) -> str:
    """Where the signature lies in the folder that is signed; empty where it does not."""
    place, root = output.resolve(), path.resolve()
    if place == root:
        raise NotSigned("the signature would take the model's place", where=str(output), next_step="name another with --output")
    return place.relative_to(root).as_posix() if place.is_relative_to(root) else ""


def _digest(entry: Entry, progress: Progress) -> str:
    if entry.problem is not None or entry.path.is_symlink():
        why = entry.problem[1] if entry.problem is not None else "it is a link"
        raise NotSigned("this cannot be signed", where=entry.name, why=why, next_step="sign a folder of plain files")
    try:
        with OpenFile(entry.path, entry.name) as file:
            found = file.digest(progress)
            if file.changed():
                raise NotSigned("the file changed while it was read", where=entry.name)
            return found
    except (OSError, Malformed) as error:
        raise NotSigned("this cannot be read", where=entry.name, why=getattr(error, "what", None) or str(error)) from None
