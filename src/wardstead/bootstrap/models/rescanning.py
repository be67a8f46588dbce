"""Scans what serves anew: on a schedule, and as soon as the scanner is another than the one that looked last."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence
from functools import cache, partial
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import msgspec

from wardstead import __version__
from wardstead.adapters.artifacts.files import Entry
from wardstead.adapters.sandbox.weights import is_encrypted
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.bootstrap.attempts import attempt
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.models.guarding import Cause, suspend
from wardstead.bootstrap.models.scanning import Progress, scan
from wardstead.kernel.errors import ConfigurationError
from wardstead.supply.admission import Admission, AdmittedFile, State, current, verdict_of, worse_than_admitted
from wardstead.supply.rules import Finding

log = logging.getLogger(__name__)
EVERY_S: Final = 60.0
_HOUR_MS: Final = 3_600_000


class Rescan(msgspec.Struct, frozen=True):
    """The last scan of what serves: when, by which scanner, what it comes to, and what is new in it."""

    model: str
    at_ms: int
    scanner: str
    verdict: str
    new: tuple[Finding, ...] = ()
    not_scanned: tuple[str, ...] = ()
    """Files that are encrypted: they were scanned when they were not."""


class _Kept(msgspec.Struct, frozen=True):
    """By admission."""

    last: dict[str, Rescan] = {}


@cache
def scanner() -> str:
    """Changes whenever what is found could change: the code that looks, and the patterns of secrets."""
    found = hashlib.sha256()
    for folder, ending in (("supply", ".py"), ("inspection/patterns", ".py"), ("catalogues/detectors", ".yaml")):
        for name, one in sorted(_below(files("wardstead") / folder, ending)):
            found.update(name.encode() + b"\0" + one.read_bytes() + b"\0")
    return f"wardstead {__version__} ({found.hexdigest()[:12]})"


def _below(folder: Traversable, ending: str, path: str = "") -> list[tuple[str, Traversable]]:
    inner = [one for one in folder.iterdir() if one.is_dir()]
    here = [(f"{path}/{one.name}", one) for one in folder.iterdir() if one.name.endswith(ending)]
    return here + [each for one in inner for each in _below(one, ending, f"{path}/{one.name}")]


def due(deployment: Deployment) -> list[Admission]:
    """The models that serve and are to be scanned now."""
    hours = deployment.admission_policy().rescan_hours
    last = _last(deployment)
    return [
        one
        for one in scannable(deployment)
        if one.state is State.ADMITTED and hours and _is_due(one, last.get(one.candidate.id), hours * _HOUR_MS)
    ]


def _is_due(one: Admission, last: Rescan | None, every_ms: int) -> bool:
    if last is not None:
        return last.scanner != scanner() or not 0 <= now_ms() - last.at_ms < every_ms
    first = one.candidate.scan
    same = first is not None and first.scanner == f"wardstead {__version__}"
    return first is None or not same or now_ms() - first.at_ms >= every_ms


def scannable(deployment: Deployment) -> list[Admission]:
    """What is admitted, or was until it was suspended; an override was never scanned, and two people know."""
    names = [one.name for one in deployment.settings.models if one.upstream.kind == "embedded"]
    found = (current(deployment.admissions.of(name), now_ms()) for name in names)
    return [one for one in found if one is not None and not one.override]


def rescan(deployment: Deployment, one: Admission, progress: Progress, *, scheduled: bool = False) -> Rescan:
    """Scan a model's files as they lie there; suspend it for what is new and graver than policy lets pass; record it.

    A file that is another than was admitted is the guard's business. Raises ``WardsteadError``.
    """
    inside = deployment.places.directory
    plain = [file for file in one.candidate.files if not is_encrypted(inside / file.path)]
    looked = tuple(scan([Entry(inside / file.path, file.path, file.size_bytes) for file in plain], progress))
    admitted = {file.path: file.sha256 for file in plain}
    same = tuple(file for file in looked if file.sha256 == admitted[file.file])
    known = _known(deployment.admissions.report(one.candidate.id))
    new = worse_than_admitted(same, known, suspicious=_suspicious_passes(deployment, one))
    model = one.candidate.model
    done = Rescan(model, now_ms(), scanner(), verdict_of(same).value, new, _left_out(one, plain))
    details = {
        "model": model, "verdict": done.verdict, "scanner": done.scanner,
        "new": [f"{each.rule}: {each.file}" for each in new[:20]], "not_scanned": list(done.not_scanned), "scheduled": scheduled,
    }  # fmt: skip
    deployment.admissions.revise(one.candidate.id, lambda found: found, "model.rescan", details)
    _keep(deployment, one.candidate.id, done)
    if new:
        suspend(deployment, one, f"a new scan found {found_since(deployment, one)}", Cause.SCAN)
    return done


def found_since(deployment: Deployment, one: Admission) -> str:
    """What the last scan found in a model that nobody knew of when it was admitted; empty for nothing."""
    last = _last(deployment).get(one.candidate.id)
    return f"{last.new[0].rule} in {last.new[0].file}{_more(last.new)}" if last is not None and last.new else ""


def keep_rescanning(deployment: Deployment, stop: threading.Event) -> None:
    """One model after another, until told to stop: each file's parsers have limits of their own."""
    while not stop.wait(EVERY_S):
        attempt(partial(_rescan_due, deployment, stop), "a model could not be scanned anew; trying again")


def _rescan_due(deployment: Deployment, stop: threading.Event) -> None:
    for one in due(deployment):
        if stop.is_set():
            return
        done = rescan(deployment, one, lambda _count: None, scheduled=True)
        fields = {"model": done.model, "verdict": done.verdict, "new": len(done.new)}
        log.info("a model was scanned anew", extra={"fields": fields})


def _suspicious_passes(deployment: Deployment, one: Admission) -> bool:
    try:
        rule = deployment.admission_policy().requirement(one.candidate.ceiling, deployment.levels)
    except ConfigurationError:
        return False  # no rule speaks of its level: it was admitted by its digest, when a scan was clean
    return rule.scan == "suspicious"


def _known(report: bytes) -> frozenset[tuple[str, str]]:
    """The rules, with their files, that whoever approved it knew of."""
    try:
        found = msgspec.json.decode(report or b"{}", type=dict[str, list[dict[str, object]]]).get("findings", [])
    except msgspec.MsgspecError:
        return frozenset()
    return frozenset((str(each.get("rule")), str(each.get("file"))) for each in found)


def _left_out(one: Admission, plain: Sequence[AdmittedFile]) -> tuple[str, ...]:
    return tuple(file.path for file in one.candidate.files if file not in plain)


def _more(new: Sequence[Finding]) -> str:
    return f" and {len(new) - 1} more" if len(new) > 1 else ""


def _last(deployment: Deployment) -> dict[str, Rescan]:
    try:
        return msgspec.json.decode(deployment.places.rescans.read_bytes(), type=_Kept).last
    except (OSError, msgspec.MsgspecError):
        return {}  # at worst something is scanned once more


def _keep(deployment: Deployment, admission: str, done: Rescan) -> None:
    live = {one.candidate.id for one in scannable(deployment)} | {admission}
    last = {key: value for key, value in _last(deployment).items() if key in live} | {admission: done}
    write_durably(deployment.places.rescans, [msgspec.json.encode(_Kept(last))])
