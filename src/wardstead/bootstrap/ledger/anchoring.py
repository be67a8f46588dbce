"""Anchors: now and then the newest checkpoint is stamped and published where its owner cannot take it back.

A place keeps a file for each checkpoint, with the cosignatures and time stamps that there are. Verification reads them back:
a ledger that was cut or rewritten since does not extend them, whoever has the keys.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from wardstead.adapters.anchors import AnchorPlace, FolderPlace, GitPlace
from wardstead.adapters.store.ledger.timestamps import stamps_of
from wardstead.bootstrap.attempts import attempt
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.ledger.elsewhere import RETRY_S, Stand, is_due, standing_check, stands, tell
from wardstead.bootstrap.ledger.timestamping import authorities, signed_size, stamp_round
from wardstead.config.sections import AnchorSection
from wardstead.isolation.posture import Check
from wardstead.kernel.errors import ConfigurationError, IntegrityError, PeerError
from wardstead.ledger.checkpoint import open_checkpoint
from wardstead.ledger.verify import Kept, Problem

log = logging.getLogger(__name__)
KIND = "anchors"
_FIRST_S = 5.0
"""After a start: the recorder signs its first checkpoint meanwhile."""
_CHECKPOINT, _TOKEN = ".checkpoint", ".tsr"


@dataclass(frozen=True, slots=True)
class Anchored:
    """What a place holds: how many ``checkpoints``, the largest of ``size`` entries; ``why`` it cannot be read."""

    place: str
    kind: str
    checkpoints: int
    size: int
    why: str = ""


def keep_anchoring(deployment: Deployment, stop: threading.Event) -> None:
    """For ever, in a thread of its own; ends at once where nobody elsewhere is named."""
    settings = deployment.settings.ledger
    if not (settings.timestamps or settings.anchors):
        return
    wait_s = min(_FIRST_S, settings.anchor_interval_s)
    while not stop.wait(wait_s):
        wait_s = min(RETRY_S, settings.anchor_interval_s)
        for step in (stamp_round, anchor_round):
            attempt(partial(step, deployment), "the ledger cannot be anchored now; trying again")


def anchor_round(deployment: Deployment, *, now: bool = False) -> list[Stand]:
    """Publish the newest checkpoint at each place that is due, or (``now``) does not hold it yet."""
    before, note = anchor_stands(deployment), deployment.ledger.checkpoint()
    if note is None:
        return before
    interval_s = 0 if now else deployment.settings.ledger.anchor_interval_s
    return tell(deployment, KIND, before, partial(_published, deployment, note, interval_s))


def _published(deployment: Deployment, note: str, interval_s: float, before: Stand) -> Stand:
    size = open_checkpoint(note, deployment.ledger.keys).size
    if not is_due(before, size, interval_s):
        return before
    _places(deployment)[before.name].publish(_files(deployment, note, size))
    return Stand(before.name, size, now_ms())


def _files(deployment: Deployment, note: str, size: int) -> dict[str, bytes]:
    """The checkpoint and its time stamps. The name says which root it has: of two histories, each has its file."""
    stem = _stem(size, open_checkpoint(note, deployment.ledger.keys).root)
    with deployment.engine.connect() as connection:
        stamps = stamps_of(connection, size)
    return {f"{stem}{_CHECKPOINT}": note.encode(), **{f"{stem}.{one.authority}{_TOKEN}": one.response for one in stamps}}


def _stem(size: int, root: bytes) -> str:
    return f"{size:012d}-{sha256(root).hexdigest()[:16]}"


def _places(deployment: Deployment) -> dict[str, AnchorPlace]:
    return {one.name: _place(deployment, one) for one in deployment.settings.ledger.anchors}


def _place(deployment: Deployment, one: AnchorSection) -> AnchorPlace:
    folder = re.sub(r"[^A-Za-z0-9.-]", "_", deployment.keys.verifying().name).lstrip(".-") or "ledger"
    if one.kind == "folder":
        return FolderPlace(Path(one.folder) / folder)
    return GitPlace(one.url, one.branch, folder, deployment.places.state / "anchors" / one.name)


def anchor_stands(deployment: Deployment) -> list[Stand]:
    """How it stands with each place."""
    return stands(deployment, KIND, [one.name for one in deployment.settings.ledger.anchors])


def anchored_checkpoints(deployment: Deployment) -> tuple[list[str], list[Problem]]:
    """Every checkpoint that is published elsewhere, for the ledger to be held against; and what is not ours, or gone.

    A place that cannot be reached is no alteration: ``anchored`` and the posture tell of it.
    """
    notes, problems = list[str](), list[Problem]()
    for stand, place in zip(anchor_stands(deployment), _places(deployment).values(), strict=True):
        try:
            found = list(_checkpoints(place))
        except PeerError as error:
            log.warning("an anchor cannot be read", extra={"fields": error.diagnostics()})
            continue
        sizes, keys = set[int](), deployment.ledger.keys  # read after them: each is signed with one of these
        for name, note in found:
            try:
                sizes.add(open_checkpoint(note, keys).size)
                notes.append(Kept(note, f"anchor {stand.name}"))
            except IntegrityError as error:
                problems.append(Problem("anchor-altered", f"{stand.name}: {name}", error.what))
        if stand.size and stand.size not in sizes:
            what = f"the checkpoint of {stand.size} entries was published there, and is gone"
            problems.append(Problem("anchor-missing", stand.name, what))
    return notes, problems


def _checkpoints(place: AnchorPlace) -> Iterator[tuple[str, str]]:
    for name, content in place.published():
        if name.endswith(_CHECKPOINT) and content:  # an empty one was begun when the power went
            yield name, content.decode("utf-8", "replace")


def anchored(deployment: Deployment) -> list[Anchored]:
    """What each place holds now: it is asked."""
    return [_anchored(deployment, one) for one in deployment.settings.ledger.anchors]


def _anchored(deployment: Deployment, one: AnchorSection) -> Anchored:
    sizes = []
    try:
        found = list(_checkpoints(_place(deployment, one)))
        keys = deployment.ledger.keys
        for _, note in found:
            sizes.append(open_checkpoint(note, keys).size)
    except (PeerError, IntegrityError) as error:
        return Anchored(one.name, one.kind, len(sizes), max(sizes, default=0), str(error))
    return Anchored(one.name, one.kind, len(sizes), max(sizes, default=0))


def anchor_checks(deployment: Deployment) -> list[Check]:
    """For the posture: nothing where no place is named."""
    found = anchor_stands(deployment)
    if not found:
        return []
    interval_s = deployment.settings.ledger.anchor_interval_s
    return [standing_check("ledger.anchors", "The ledger is anchored elsewhere", found, signed_size(deployment), interval_s)]


def require_anchors(deployment: Deployment) -> None:
    """Raises ``ConfigurationError`` where an authority's certificates are missing, or a place lies in the deployment."""
    authorities(deployment)
    for one in deployment.settings.ledger.anchors:
        if one.kind == "folder" and Path(one.folder).resolve().is_relative_to(deployment.places.directory.resolve()):
            raise ConfigurationError(
                "an anchor does not belong into what it anchors", where=f"{deployment.places.config}: ledger.anchors: {one.name}",
                next_step="name a folder of another machine, or of another owner",
            )  # fmt: skip
