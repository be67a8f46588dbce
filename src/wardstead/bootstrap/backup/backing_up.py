"""``backup key`` and ``backup create``: the deployment at one moment, in one file that another key than its own opens.

The database is copied while it serves; its keys are read into memory alone. What is copied is verified before it is sealed, and
the file is read back before it counts.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from wardstead.adapters.backup.age import new_identity, require_recipient
from wardstead.adapters.backup.container import Member, bytes_member, file_member, write_backup
from wardstead.adapters.keys.folder import ROOT
from wardstead.adapters.store.base import reading_engine
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.adapters.store.engine.snapshot import copy_database, database_bytes
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.adapters.store.ledger.ledger_reader import LedgerReader
from wardstead.adapters.store.ledger.tree_store import latest_note
from wardstead.bootstrap.backup.backups import SUFFIX, TITLE, Head, Kept, expiry, head_of, remember, require_own, tell_of_erasures
from wardstead.bootstrap.backup.examining import Examined, examine
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.ledger.verifying import known_checkpoints
from wardstead.bootstrap.ledger.witnessing import cosigned_checkpoints
from wardstead.bootstrap.scratch import scratch
from wardstead.crypto.signing import SigningKey, VerifyingKey
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import BackendError, CallerError, ConfigurationError, IntegrityError
from wardstead.kernel.ids import uuid7
from wardstead.ledger.checkpoint import open_checkpoint
from wardstead.ledger.statement import sign_statement

Step = Callable[[str, int, int], None]
"""What is done, how much of it, of how much."""
_DATABASE: Final = "state/wardstead.db"
_CHECKPOINTS: Final = ("state/checkpoint", "keys/ledger/checkpoint")
_KEY_STORE: Final = "keys/keys.db"
_LEFT_OUT: Final = ("run", "logs", "state", "keys/ledger", _KEY_STORE)
_SMALL: Final = 1 << 20
"""What is larger among the models is weights: they are put there again by their digest, unless they are asked for."""


def make_key(deployment: Deployment, output: Path) -> str:
    """Write a new private key, and return its public one. Raises ``CallerError`` within the deployment or over a file."""
    if output.resolve().is_relative_to(deployment.places.directory):
        raise CallerError(
            "the key of the backups does not belong into the deployment", where=str(output),
            why="whoever loses the one would lose the other", next_step="keep it elsewhere, where few can reach it",
        )  # fmt: skip
    if output.exists():
        raise CallerError("there is such a file already", where=str(output), next_step="choose another name")
    text, public = new_identity(now_ms())
    deployment.admin_record.record_admin(COMMAND_LINE, "backup.key", {"public_key": public})
    write_durably(output, [text.encode()])
    return public


def create(
    deployment: Deployment, output: Path, recipients: Sequence[str], step: Step, *, models: bool = False
) -> tuple[Head, Examined, list[Path]]:
    """Make a backup, and say what was found in it; the folders that could not be told who was erased are the last.

    Raises ``IntegrityError`` where what would be backed up is not whole: a backup of it would hide that.
    """
    if deployment.shared:
        raise ConfigurationError(
            "a PostgreSQL database is not backed up by this", where="database.url",
            why="its server has the means: docs/how-to/use-postgresql.md", next_step="pg_dump, or the server's own backups",
        )  # fmt: skip
    wanted = [require_recipient(one, "backup.recipients") for one in recipients or deployment.settings.backup.recipients]
    if not wanted:
        raise ConfigurationError(
            "nothing says who can open the backup", where="backup.recipients",
            next_step="'wardstead backup key --output FILE' makes a key; name its public half there, or with --recipient",
        )  # fmt: skip
    now = now_ms()
    path = _target(deployment, output, now)
    one = Kept(uuid7(now, os.urandom(10)), str(path.resolve()), now, expiry(deployment, now))
    # First, for certificates of erasure must know of every copy of the keys; so must the backup itself.
    told = {"id": one.id, "file": path.name, "expires": rfc3339(one.expires_ms), "recipients": wanted}
    deployment.admin_record.record_admin(COMMAND_LINE, "backup.create", told)
    remember(deployment, one)
    key = deployment.signing_key()
    with scratch(deployment.places, "backup") as stage:
        examined, note = _stage(deployment, stage, step)
        _require_key(deployment, stage / "wardstead.db", key.verifying)
        members = _members(deployment, stage / "wardstead.db", note, models=models)
        total = sum(member.size for member in members)
        done = 0

        def count(size: int) -> None:
            nonlocal done
            done += size
            step("encrypting", done, total)

        fields = {**_fields(deployment, one, note, wanted), "verifier_key": key.verifying.text(), "migration": examined.migration}
        write_backup(path, wanted, members, lambda digest, size: _head(key, fields, digest, size), count)
    remember(deployment, Kept(one.id, one.path, one.created_ms, one.expires_ms, verified_ms=now_ms()))
    return head_of(path, deployment.ledger.keys), examined, tell_of_erasures(deployment, [path.resolve().parent])


def prune(deployment: Deployment, folder: Path) -> list[Path]:
    """Remove the expired backups of this deployment from a folder."""
    gone = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            head = head_of(path, deployment.ledger.keys)
        except IntegrityError:
            continue  # somebody else's
        if head.expired:
            path.unlink()
            gone.append(path)
    return gone


def _target(deployment: Deployment, output: Path, now: int) -> Path:
    name = datetime.fromtimestamp(now / 1000, UTC).strftime(f"wardstead-%Y%m%dT%H%M%SZ{SUFFIX}")
    path = output / name if output.is_dir() else output
    if path.suffix != SUFFIX:
        raise CallerError(
            f"there is no such folder, and the name of a backup ends with {SUFFIX}",
            where=str(path),
            next_step="make the folder first",
        )
    if path.exists():
        raise CallerError("there is such a file already", where=str(path), next_step="choose another name")
    if not path.parent.is_dir():
        raise CallerError("there is no such folder", where=str(path.parent), next_step="make it first")
    if path.resolve().is_relative_to(deployment.places.directory):
        raise CallerError("a backup does not belong into what it backs up", where=str(path), next_step="name another disk")
    require_own(deployment, path.parent)
    return path


def _stage(deployment: Deployment, stage: Path, step: Step) -> tuple[Examined, str]:
    """Copy the database, and look at all that is in the copy; what it was found to be, and its newest checkpoint."""
    known = known_checkpoints(deployment)  # before the copy: it may only be longer
    cosigned, problems = cosigned_checkpoints(deployment)
    copy = stage / "wardstead.db"
    copy_database(deployment.places.database, copy, lambda done, total: step("copying", done, total))
    examined = examine(deployment, copy, [*known, *cosigned], lambda done, total: step("verifying", done, total))
    examined.problems.extend(problems)
    examined.require_whole(str(deployment.places.database))
    return examined, _newest_note(deployment, copy)


def _newest_note(deployment: Deployment, copy: Path) -> str:
    """The newest checkpoint in a copy of the database; before any is signed, the one that ``init`` kept."""
    engine = reading_engine(f"sqlite:///{copy}")
    try:
        with engine.connect() as connection:
            note = latest_note(connection)
    finally:
        engine.dispose()
    return note if note is not None else deployment.places.signed.read_text()


def _require_key(deployment: Deployment, copy: Path, key: VerifyingKey) -> None:
    engine = reading_engine(f"sqlite:///{copy}")
    try:
        newest = LedgerReader(engine, deployment.keys.verifying()).keys.newest
    finally:
        engine.dispose()
    if newest != key:
        raise BackendError("the ledger's key was changed while it was backed up", next_step="try again")


def _fields(deployment: Deployment, one: Kept, note: str, recipients: Sequence[str]) -> dict[str, object]:
    checkpoint = open_checkpoint(note, deployment.ledger.keys)
    return {
        "id": one.id,
        "created": rfc3339(one.created_ms),
        "expires": rfc3339(one.expires_ms),
        "entries": checkpoint.size,
        "root": b64encode(checkpoint.root).decode(),
        "recipients": list(recipients),
    }


def _head(key: SigningKey, fields: dict[str, object], digest: str, size: int) -> str:
    return sign_statement(key, TITLE, {**fields, "sha256": digest, "bytes": size})


def _members(deployment: Deployment, copy: Path, note: str, *, models: bool) -> list[Member]:
    """Every file that counts. The key store comes after the database: whoever is in the one has a key in the other."""
    root = _root_file(deployment)
    if deployment.keys.rotating or deployment.keys.unfinished:
        raise BackendError("the keys are being changed", where=str(deployment.places.keys), next_step="end that first")
    places, found = deployment.places, []
    for path in sorted(places.directory.rglob("*")):
        name = path.relative_to(places.directory).as_posix()
        if path.is_file() and not _left_out(name, path, models=models):
            weights = name.startswith("models/")
            found.append(file_member(name, path) if weights else bytes_member(name, path.read_bytes(), path.stat().st_mtime))
    made = places.subject_keys.stat().st_mtime
    found.append(bytes_member(_KEY_STORE, database_bytes(places.subject_keys), made))
    found += [bytes_member(name, note.encode(), made) for name in _CHECKPOINTS]
    found.append(file_member(_DATABASE, copy))
    if _root_file(deployment) != root:
        raise BackendError("the root key was changed while it was backed up", next_step="try again")
    return found


def _left_out(name: str, path: Path, *, models: bool) -> bool:
    if any(name == one or name.startswith(f"{one}/") for one in _LEFT_OUT) or path.name.startswith("."):
        return True
    return name.startswith("keys/keys.db") or (name.startswith("models/") and not models and path.stat().st_size > _SMALL)


def _root_file(deployment: Deployment) -> bytes:
    plain = deployment.places.keys / ROOT
    return (plain if plain.exists() else plain.with_name(f"{ROOT}.sealed")).read_bytes()
