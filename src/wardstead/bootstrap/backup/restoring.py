"""``backup verify``, ``restore`` and ``drill``: from a file back to a deployment. Who was erased since stays erased."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from wardstead.adapters.backup.age import Identity, identities_in
from wardstead.adapters.backup.container import unpack
from wardstead.adapters.store.engine.durable_file import sync_folder
from wardstead.adapters.store.keys.key_files import read_secret
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.adapters.store.migrate import upgrade
from wardstead.bootstrap.backup.backups import ERASED_FILE, Head, Kept, heads_in, kept, open_erased, remember, require_whole
from wardstead.bootstrap.backup.examining import Examined, examine
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.forgetting.erasing import finish_erasures
from wardstead.bootstrap.ledger.row_seals import begin_rows
from wardstead.bootstrap.ledger.verifying import known_checkpoints
from wardstead.bootstrap.ordering import Order
from wardstead.bootstrap.places import Places
from wardstead.bootstrap.reading import POLICY_BYTES, read_regular, read_text
from wardstead.bootstrap.scratch import remove, scratch
from wardstead.kernel.errors import CallerError, IntegrityError, WardsteadError

Progress = Callable[[int, int], None]


class Expired(CallerError):
    """A backup that nobody may have any more: certificates of erasure name the day."""

    code = "backup_expired"


class ErasuresUnknown(CallerError):
    """Nobody knows who was erased since the backup: their keys would be back."""

    code = "erasures_unknown"


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back. ``erased_again``: pseudonyms whose keys the backup still had."""

    head: Head
    examined: Examined
    erased_again: tuple[str, ...]
    erasures_told: str
    seconds: float


def keys_in(path: Path) -> list[Identity]:
    """The private keys in a file that its owner alone can read. Raises ``ConfigurationError``."""
    return identities_in(read_secret(path), str(path))


def erased_beside(head: Head, note: Path | None, *, nobody: bool) -> Mapping[str, Any]:
    """Who was erased, from ``note`` or the one beside the backup; ``nobody``: there is none, and nobody was.

    Raises ``ErasuresUnknown``.
    """
    path = note or head.path.parent / ERASED_FILE
    if not path.is_file():
        if nobody:
            return {"subjects": [], "told": head.created}
        raise ErasuresUnknown(
            "it is not known who was erased since this backup", where=str(path), why="whoever was would be back",
            next_step="'wardstead backup erased' of the old deployment writes the note; --nobody-erased says that nobody was",
        )  # fmt: skip
    told = open_erased(read_regular(path, POLICY_BYTES, CallerError).decode("utf-8", "replace"), head.key)
    if told["told"] < head.created:
        raise ErasuresUnknown(
            "the note of who was erased is older than the backup", where=str(path), why=f"it is of {told['told']}",
            next_step="give the newest one: --erased FILE",
        )  # fmt: skip
    return told


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be restored, with which keys, and who was erased since (``erased_beside``). ``order``: none for a trial."""

    head: Head
    identities: Sequence[Identity]
    erased: Mapping[str, Any]
    order: Order | None = None

    def told(self, deployment: Deployment) -> dict[str, object]:
        """Who answers for it, and why."""
        return {"reason": "a trial"} if self.order is None else self.order.told(deployment)


def restore(plan: Plan, target: Path, progress: Progress) -> Restored:
    """Make a deployment in ``target``, which is empty or not there; what does not turn out whole is taken away again.

    Raises ``Expired``, ``CallerError``, ``IntegrityError``.
    """
    found = _lay_out(plan, target, progress)
    deployment = Deployment(target, os.environ)
    for head in heads_in(plan.head.path.parent, left_out=lambda _: None):
        if head.key.name == plan.head.key.name and not head.expired:
            remember(deployment, Kept(head.id, str(head.path.resolve()), _ms(head.created), _ms(head.expires)))
    _note(deployment, plan.head, drilled=False)
    return found


def verify(deployment: Deployment, plan: Plan, progress: Progress) -> Restored:
    """Restore into a scratch folder and take it away again; that it was found whole is kept among the keys."""
    found = _try(deployment, plan, progress)
    _note(deployment, plan.head, drilled=False)
    return found


def drill(deployment: Deployment, plan: Plan, progress: Progress) -> Restored:
    """As ``verify``, and the drill is recorded: who, why, which backup, what came of it. One that fails is recorded, too."""
    told = {**plan.told(deployment), "id": plan.head.id, "file": plan.head.path.name, "created": plan.head.created}
    try:
        found = _try(deployment, plan, progress)
    except WardsteadError as error:
        deployment.admin_record.record_admin(COMMAND_LINE, "backup.drill", {**told, "ok": False, "why": error.code})
        raise
    counts = {"entries": found.examined.entries, "opened": found.examined.opened, "erased": found.examined.erased}
    outcome = {"ok": True, **counts, "erased_again": len(found.erased_again), "seconds": round(found.seconds, 1)}
    deployment.admin_record.record_admin(COMMAND_LINE, "backup.drill", {**told, **outcome})
    _note(deployment, plan.head, drilled=True)
    return found


def _try(deployment: Deployment, plan: Plan, progress: Progress) -> Restored:
    with scratch(deployment.places, "restore") as folder:
        return _lay_out(plan, folder / "deployment", progress)


def _lay_out(plan: Plan, target: Path, progress: Progress) -> Restored:
    head = plan.head
    if head.expired:
        raise Expired(
            "this backup has expired", where=str(head.path), why=f"on {head.expires}: who was erased is gone from it by then",
            next_step="use a newer one; remove this one and the key that opens it",
        )  # fmt: skip
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise CallerError("a backup is restored into an empty folder alone", where=str(target), next_step="name another folder")
    began, existed = time.monotonic(), target.exists()
    require_whole(head)
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        # Last, its configuration: what was broken off may hold people's keys who were erased, and is no deployment.
        config = Places(target).config
        aside = config.with_name(f"{config.name}.restoring")
        unpack(head.path, plan.identities, target, {config.name: aside.name})
        examined, again = _finish(plan, target, read_text(aside), progress)
        aside.replace(config)
        sync_folder(target)
    except BaseException:
        remove(target)
        if existed:
            target.mkdir(mode=0o700)
        raise
    return Restored(head, examined, again, str(plan.erased["told"]), time.monotonic() - began)


def _finish(plan: Plan, target: Path, config: str, progress: Progress) -> tuple[Examined, tuple[str, ...]]:
    deployment = Deployment(target, os.environ, config=config)
    deployment.at_rest, places = True, deployment.places
    for folder in (places.run, places.logs, places.state, places.models):
        folder.mkdir(exist_ok=True, mode=0o700)
    with closing(deployment.subject_keys):
        try:
            if upgrade(deployment.engine):
                begin_rows(deployment, anew=True)
            if deployment.ledger.keys.newest != plan.head.key:
                raise IntegrityError("the backup holds another ledger than its head says", where=str(plan.head.path))
            examined = examine(deployment, places.database, known_checkpoints(deployment), progress)
            examined.require_whole(str(plan.head.path))
            if examined.entries < plan.head.entries:
                raise IntegrityError("the backup holds fewer entries than its head says", where=str(plan.head.path))
            again = _erase_again(deployment, plan)
            _record(deployment, plan, again)
        finally:
            deployment.engine.dispose()
    return examined, again


def _erase_again(deployment: Deployment, plan: Plan) -> tuple[str, ...]:
    """Whoever was erased since the backup, and whose key it still has."""
    present = {one.subject: one for one in deployment.directory.list_principals()}
    gone, held = deployment.subject_keys.erased(), deployment.erasures.held()
    wanted = [one for one in plan.erased["subjects"] if one not in gone]
    why = {**plan.told(deployment), "again": "erased before, and back with an older backup"}
    # Somebody who came after the backup, of whom nothing is in it and nothing may come; and whoever was only mentioned.
    strangers = [one for one in wanted if one not in present]
    if strangers:
        deployment.subject_keys.erase(*strangers)
    for subject in wanted:
        who = present.get(subject)
        if who is None:
            continue
        if subject in held:  # it was released before they were erased
            deployment.erasures.release(who, why)
        deployment.erasures.begin(who, why)
    finish_erasures(deployment, alone=True)
    return tuple(one for one in wanted if one in present)


def _record(deployment: Deployment, plan: Plan, again: Sequence[str]) -> None:
    head = plan.head
    told = {"id": head.id, "file": head.path.name, "created": head.created, "entries": head.entries}
    since = {"erasures_told": plan.erased["told"], "erased_again": list(again)}
    deployment.admin_record.record_admin(COMMAND_LINE, "backup.restore", {**plan.told(deployment), **told, **since})


def _note(deployment: Deployment, head: Head, *, drilled: bool) -> None:
    """That it was found whole; of a backup that another deployment made, nothing is kept."""
    for one in kept(deployment):
        if one.id == head.id:
            now = now_ms()
            drilled_ms = now if drilled else one.drilled_ms
            remember(deployment, Kept(one.id, one.path, one.created_ms, one.expires_ms, verified_ms=now, drilled_ms=drilled_ms))


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)
