"""What is known of backups: what a file's head says, what was made and where, who was erased since, how old the newest is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from wardstead.adapters.backup.container import ANOTHER, digest_of, read_head
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.crypto.signing import VerifyingKey
from wardstead.isolation.posture import Check, State
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError, ConfigurationError, IntegrityError
from wardstead.ledger.statement import open_statement, sign_statement
from wardstead.ledger.succession import LedgerKeys, read_change

TITLE: Final = "wardstead backup v1"
SUFFIX: Final = ".backup"
ERASED_TITLE: Final = "wardstead erased subjects v1"
ERASED_FILE: Final = "wardstead-erased.note"
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Head:
    """What a backup says of itself, signed by its ledger's key; readable without the key that opens it. Times as RFC 3339."""

    path: Path
    id: str
    key: VerifyingKey
    created: str
    expires: str
    entries: int
    root: str
    migration: str
    recipients: tuple[str, ...]
    sha256: str
    bytes: int

    @property
    def expired(self) -> bool:
        """Whether certificates of erasure promise that nobody has it any more."""
        return rfc3339(now_ms()) >= self.expires


class _Said(msgspec.Struct, frozen=True):
    id: str
    created: str
    expires: str
    entries: int
    root: str
    migration: str
    recipients: list[str]
    sha256: str
    bytes: int


class Kept(msgspec.Struct, frozen=True):
    """A backup that this deployment made; ``verified_ms``: when its content was last found whole, 0 for never."""

    id: str
    path: str
    created_ms: int
    expires_ms: int
    verified_ms: int = 0
    drilled_ms: int = 0


def head_of(path: Path, trusted: VerifyingKey | LedgerKeys | None = None) -> Head:
    """Raises ``IntegrityError`` for what is no backup, or not signed by one ``trusted``; without, by the key that it names."""
    note = read_head(path)
    claimed = _claimed(note, path)
    fields = open_statement(note, trusted or claimed, TITLE, "the head of a backup", size_of=lambda said: said["entries"])
    if isinstance(trusted, VerifyingKey):
        claimed = trusted
    try:
        said = msgspec.convert(fields, _Said)
    except msgspec.MsgspecError:
        raise IntegrityError("the head of the backup is not in its form", where=str(path)) from None
    return Head(
        path, said.id, claimed, said.created, said.expires, said.entries, said.root, said.migration, tuple(said.recipients),
        said.sha256, said.bytes,
    )  # fmt: skip


def _claimed(note: str, path: Path) -> VerifyingKey:
    try:
        return VerifyingKey.from_text(str(msgspec.json.decode(note.splitlines()[1])["verifier_key"]))
    except (IndexError, KeyError, TypeError, msgspec.MsgspecError, ConfigurationError):
        raise IntegrityError("this is no backup, or its head was altered", where=str(path), next_step=ANOTHER) from None


def require_whole(head: Head) -> None:
    """Raises ``IntegrityError`` where the file is not what its head was signed for."""
    if digest_of(head.path) != (head.sha256, head.bytes):
        raise IntegrityError(
            "the backup is not what was written", where=str(head.path), why="its bytes were altered, or it was cut off",
            next_step="use another copy, or an older backup",
        )  # fmt: skip


def heads_in(
    source: Path, key: VerifyingKey | LedgerKeys | None = None, left_out: Callable[[IntegrityError], None] | None = None
) -> list[Head]:
    """Of a file, or of each backup in a folder; the newest first.

    ``left_out`` is told what in a folder is no backup, or somebody else's; without it, that is an error.
    """
    if not source.is_dir():
        if not source.is_file():
            raise CallerError("there is no such backup", where=str(source))
        return [head_of(source, key)]
    found = []
    for path in sorted(source.glob(f"*{SUFFIX}")):
        try:
            found.append(head_of(path, key))
        except IntegrityError as error:
            if left_out is None:
                raise
            left_out(error)
    return sorted(found, key=lambda one: one.created, reverse=True)


def choose(
    source: Path,
    key: VerifyingKey | LedgerKeys | None,
    at: str,
    entries: int | None,
    left_out: Callable[[IntegrityError], None] | None = None,
) -> Head:
    """The newest that is not newer than the moment ``at`` (empty: any), and holds at most so many entries."""
    limit, found = _moment(at) if at else "", heads_in(source, key, left_out)
    fitting = [one for one in found if (not at or one.created <= limit) and (entries is None or one.entries <= entries)]
    if not fitting:
        told = ", ".join(f"{one.created} ({one.entries} entries)" for one in found[:5]) or "none"
        raise CallerError("there is no backup of that time or before", where=str(source), why=f"there are: {told}")
    return fitting[0]


def _moment(text: str) -> str:
    """A moment as somebody says it, as heads have it. Raises ``CallerError``: a word that is none would be newer than any."""
    try:
        given = datetime.fromisoformat(text if len(text) > 10 else f"{text}T00:00:00Z")
        moment_ms = None if given.tzinfo is None else int(given.timestamp() * 1000)
    except (ValueError, OverflowError):
        moment_ms = None
    if moment_ms is None:
        next_step = "write 2027-03-01T12:00:00Z, with its zone, or 2027-03-01"
        raise CallerError(f"not a time: {text[:40]!r}", where="--at", next_step=next_step)
    return rfc3339(moment_ms)


# -- what this deployment made ---------------------------------------------------------------------------------------------


def kept(deployment: Deployment) -> list[Kept]:
    """Every backup that it made and that has not expired, the newest first."""
    try:
        found = msgspec.json.decode(_place(deployment).read_bytes(), type=list[Kept])
    except FileNotFoundError:
        return []
    except (UnicodeDecodeError, msgspec.MsgspecError):
        raise IntegrityError(
            "the list of backups was altered", where=str(_place(deployment)), next_step="remove it; note why"
        ) from None
    return sorted((one for one in found if one.expires_ms > now_ms()), key=lambda one: one.created_ms, reverse=True)


def remember(deployment: Deployment, one: Kept) -> None:
    """Keep it among the keys: until when copies of keys exist is what certificates of erasure say."""
    with deployment.turn:  # somebody else may make one, too
        others = [other for other in kept(deployment) if other.id != one.id]
        write_durably(_place(deployment), [msgspec.json.encode([*others, one])])


def last_expiry_ms(deployment: Deployment) -> int:
    """When the last of its backups expires; 0 where there is none."""
    return max((one.expires_ms for one in kept(deployment)), default=0)


def backup_check(deployment: Deployment) -> Check:
    """How old the newest verified backup is, and whether each folder of backups knows who was erased."""
    title, create = "There is a recent backup", "'wardstead backup create'"
    if deployment.shared:
        evidence = "the database is its server's to back up: when it last was, nothing here knows"
        next_step = "pg_dump, and keys/ apart from it: docs/how-to/use-postgresql.md"
        return Check("backup", title, State.AMBER, evidence, next_step)
    try:
        made = [one for one in kept(deployment) if one.verified_ms]
    except IntegrityError as error:
        return Check("backup", title, State.RED, error.what, error.next_step)
    if not made:
        return Check("backup", title, State.AMBER, "none is known here", create)
    hours = (now_ms() - made[0].created_ms) // _HOUR_MS
    drilled = max(one.drilled_ms for one in made)
    tried = f"last restored in a drill at {rfc3339(drilled)}" if drilled else "never restored in a drill"
    evidence = f"made and verified {hours} hours ago; {tried}"
    behind = behind_on_erasures(deployment)
    if behind:
        return Check(
            "backup", title, State.AMBER, f"not told who was erased: {', '.join(map(str, behind))}", "'wardstead backup erased'"
        )
    if hours > deployment.settings.backup.max_age_hours:
        return Check("backup", title, State.AMBER, evidence, create)
    return Check("backup", title, State.GREEN, evidence, "" if drilled else "'wardstead backup drill'")


def _place(deployment: Deployment) -> Path:
    return deployment.places.signed.parent / "backups.json"


# -- who was erased --------------------------------------------------------------------------------------------------------


def erased_note(deployment: Deployment) -> str:
    """Whose keys were destroyed, by pseudonym, signed: what a restore of an older backup carries out again."""
    fields = {
        "ledger": deployment.keys.verifying().name,
        "changes": deployment.ledger.changes(),
        "told": rfc3339(now_ms()),
        "subjects": sorted({one.subject for one in deployment.erasures.all()} | deployment.subject_keys.erased()),
    }
    return sign_statement(deployment.signing_key(), ERASED_TITLE, fields)


def open_erased(note: str, trusted: VerifyingKey | LedgerKeys) -> dict[str, Any]:
    """What such a note says, signed with the newest key that follows from the one ``trusted``. Raises ``IntegrityError``."""
    keys = trusted if isinstance(trusted, LedgerKeys) else _followed(note, trusted)
    return open_statement(note, keys, ERASED_TITLE, "a note of erased subjects")


def _followed(note: str, key: VerifyingKey) -> LedgerKeys:
    """The keys since ``key``, by the changes that the note brings along: each is signed by the key before it."""
    try:
        bodies = msgspec.json.decode(note.splitlines()[1]).get("changes", [])
        changes = [read_change(str(one).encode()) for one in bodies]
    except (IndexError, AttributeError, TypeError, msgspec.MsgspecError):
        raise IntegrityError("this is no note of erased subjects") from None
    since = next((place for place, one in enumerate(changes) if one.before == key), len(changes))
    return LedgerKeys.follow(key, changes[since:])


def require_own(deployment: Deployment, folder: Path) -> None:
    """Raises ``CallerError`` for a folder of another deployment: each would overwrite who was erased from the other."""
    try:
        ledger = msgspec.json.decode((folder / ERASED_FILE).read_text().splitlines()[1])["ledger"]
    except (OSError, UnicodeDecodeError, IndexError, KeyError, TypeError, msgspec.MsgspecError):
        return
    if ledger != deployment.keys.verifying().name:
        raise CallerError(
            "this folder holds the backups of another deployment", where=str(folder), why=f"of the ledger {str(ledger)[:80]!r}",
            next_step="name a folder of its own: beside the backups lies who was erased from them",
        )  # fmt: skip


def tell_of_erasures(deployment: Deployment, folders: Iterable[Path] = ()) -> list[Path]:
    """Write the note beside every backup that is known; the folders that cannot be reached now."""
    everywhere = sorted({*(Path(one.path).parent for one in kept(deployment)), *folders})
    if not everywhere:
        return []
    note, missed = erased_note(deployment).encode(), []
    for folder in everywhere:
        try:
            if not folder.is_dir():
                raise FileNotFoundError(folder)
            write_durably(folder / ERASED_FILE, [note])
        except OSError:
            missed.append(folder)
    return missed


def behind_on_erasures(deployment: Deployment) -> list[Path]:
    """The folders of backups that do not know everybody who was erased, or are out of reach."""
    wanted, behind = {one.subject for one in deployment.erasures.all()}, []
    if not wanted:
        return []
    for folder in sorted({Path(one.path).parent for one in kept(deployment)}):
        try:
            told = open_erased((folder / ERASED_FILE).read_text(), deployment.ledger.keys)
        except (OSError, UnicodeDecodeError, IntegrityError):
            behind.append(folder)
        else:
            if not wanted <= set(told["subjects"]):
                behind.append(folder)
    return behind


def expiry(deployment: Deployment, created_ms: int) -> int:
    """When a backup of this moment expires: copies of keys are kept for so long."""
    return created_ms + deployment.settings.erasure.key_copies_days * 86_400_000
