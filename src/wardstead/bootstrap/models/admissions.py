"""What people do to admit a model: add, scan, review, approve, sign; and afterwards take it out, or let it serve again."""

from __future__ import annotations

import logging
import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from msgspec import structs

from wardstead import __version__
from wardstead.access.ports import AccessRequest, Identity, Resource
from wardstead.adapters.artifacts.files import Entry, OpenFile
from wardstead.adapters.store.admissions import NoSuchAdmission, Revise
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.bootstrap.acting import Acting
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.entitlements import MayNot, decide
from wardstead.bootstrap.models.admitting import Stamps, changed_file, standing_of
from wardstead.bootstrap.models.advisory_watch import AdvisoryWatch
from wardstead.bootstrap.models.rescanning import found_since
from wardstead.bootstrap.models.scanning import Progress, scan, to_scan
from wardstead.crypto.dsse import seal_envelope
from wardstead.crypto.verity import VerityDigest
from wardstead.kernel.encoding import canonical_json
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId, uuid7
from wardstead.supply.admission import (
    DAY_MS,
    Act,
    Admission,
    AdmittedFile,
    Basis,
    Candidate,
    Lack,
    Role,
    ScanRecord,
    State,
    current,
    findings_of,
    lacking,
    verdict_of,
)
from wardstead.supply.admission_policy import Requirement
from wardstead.supply.formats.gguf import MAGIC
from wardstead.supply.ports import Malformed
from wardstead.supply.scan import Scanned
from wardstead.supply.statement import statement

log = logging.getLogger(__name__)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")
_REASON: Final = 2000
_BLOCK: Final = 1 << 22
_ADD, _APPROVE, _OVERRIDE = "addModel", "approveModel", "overrideModel"
_NEEDS: Final = {
    "add": _ADD, "evidence": _ADD, "sign": _ADD, "suspend": _ADD, "withdraw": _ADD, "override": _ADD,
    "review": _APPROVE, "approve": _APPROVE, "refuse": _APPROVE, "resume": _APPROVE, "agree": _OVERRIDE,
}  # fmt: skip
"""What people do about models, and which action of the policies that is."""


class NotReady(CallerError):
    """Policy asks for more before it is signed."""

    code = "not_ready"


class BadModel(CallerError):
    """What was named cannot be added as a model."""

    code = "bad_model"


def questions(what: str, who: Identity, about: Candidate | None = None) -> list[AccessRequest]:
    """What the policies are asked before somebody does something about a model: one permit is enough.

    Whoever brought it may take it back, and whoever may agree to an override may end it as well.
    """
    actions = [_NEEDS[what]]
    if what == "refuse" and about is not None and about.added.who == who.principal.id:
        actions = [_ADD]
    if what in {"suspend", "withdraw"} and about is not None and about.basis is Basis.OVERRIDE:
        actions.append(_OVERRIDE)
    owner = PrincipalId(about.added.who) if about is not None and about.added.who else None
    resource = Resource("Admission", about.id if about else "new", owner=owner if about else who.principal.id)
    return [AccessRequest(who, action, resource, now_ms=now_ms()) for action in actions]


def permitted(deployment: Deployment, by: Acting, what: str, about: Candidate | None = None) -> None:
    """Raises ``MayNot`` unless the policies in force let them do it."""
    asked = questions(what, by.identity, about)
    for one in asked[:-1]:
        with suppress(MayNot):
            decide(deployment, by.identity, one.action, one.resource)
            return
    decide(deployment, by.identity, asked[-1].action, asked[-1].resource)


def act_of(by: Acting, reason: str = "") -> Act:
    """That they do something now, and why."""
    return Act(by.identity.principal.name, by.identity.principal.id, now_ms(), reason.strip()[:_REASON])


# -- add and scan --------------------------------------------------------------------------------------------------------


def add(
    deployment: Deployment, model: str, path: Path, by: Acting, *, up_to: str = "", template: Path | None = None
) -> Candidate:
    """Bring a model in: its files are put into the deployment's folder, and digested on the way. Raises ``BadModel``."""
    if not _NAME.fullmatch(model) or ".." in model:
        raise BadModel("not a usable name", where="NAME", why="letters, digits and . _ : / -")
    permitted(deployment, by, "add")
    ceiling = deployment.levels.level(up_to or _configured_level(deployment, model)).name
    one = uuid7(now_ms(), os.urandom(10))
    target = deployment.places.added(model, one)
    files = [_taken(deployment, entry, target) for entry in to_scan(path)]
    _require_one_weights(files)
    if template is not None:
        (entry,) = to_scan(template)[:1]
        files.append(structs.replace(_taken(deployment, entry, target), role=Role.TEMPLATE))
    candidate = Candidate(one, model, ceiling, tuple(files), act_of(by))
    deployment.admissions.add(candidate, actor=by.of_record)
    return candidate


def _configured_level(deployment: Deployment, model: str) -> str:
    found = next((one for one in deployment.settings.models if one.name == model), None)
    return found.clearance.level if found is not None else deployment.levels.names[0]


def _taken(deployment: Deployment, entry: Entry, target: Path) -> AdmittedFile:
    """A file as it is admitted: in place where it is in the deployment's folder, else copied there."""
    if entry.problem is not None:
        raise BadModel("this cannot be taken in", where=entry.name, why=entry.problem[1])
    inside = deployment.places.directory
    here = Path(os.path.normpath(entry.path.absolute()))
    place = here if here.is_relative_to(inside) else target / entry.name
    try:
        with OpenFile(entry.path, entry.name) as file:
            read = _Read(file)
            if place == here:
                deque(read.blocks(), maxlen=0)
            else:
                place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                write_durably(place, read.blocks())
    except Malformed as error:
        raise BadModel("this cannot be read", where=entry.name, why=error.what) from None
    return AdmittedFile(
        place.relative_to(inside).as_posix(), read.found.hexdigest(), read.size, read.role, read.verity.hexdigest()
    )  # fmt: skip


class _Read:
    """Digests a file while it is read or copied, also as fs-verity does."""

    def __init__(self, file: OpenFile) -> None:
        self._file, self.found, self.verity, self.size = file, sha256(), VerityDigest(), 0
        self.role = Role.WEIGHTS if file.name.lower().endswith(".gguf") else Role.OTHER

    def blocks(self) -> Iterator[bytes]:
        """What it holds."""
        while block := self._file.read(self.size, _BLOCK):
            if self.size == 0 and block.startswith(MAGIC):
                self.role = Role.WEIGHTS  # of any name: Ollama's blobs are called by their digests
            self.found.update(block)
            self.verity.update(block)
            self.size += len(block)
            yield block


def _require_one_weights(files: list[AdmittedFile]) -> None:
    """The one GGUF file is what the embedded server loads."""
    found = [one for one in files if one.role is Role.WEIGHTS]
    if len(found) > 1:
        names = ", ".join(Path(one.path).name for one in found[:5])
        raise BadModel("there are several GGUF files, and a model has one", why=names, next_step="add the one that is to serve")


def scan_added(deployment: Deployment, one: Candidate, progress: Progress) -> tuple[Scanned, ...]:
    """Scan exactly the files of a candidate, and keep the report. Raises ``BadModel`` where they are not those any more."""
    inside = deployment.places.directory
    files = tuple(scan([Entry(inside / each.path, each.path, each.size_bytes) for each in one.files], progress))
    admitted = {each.path: each.sha256 for each in one.files}
    for file in files:
        if file.sha256 != admitted[file.file]:
            raise BadModel("this file is another than was added", where=file.file, next_step="'wardstead model add' it anew")
    report = canonical_json(report_document(files))
    record = ScanRecord(verdict_of(files), sha256(report).hexdigest(), f"wardstead {__version__}", now_ms())
    deployment.admissions.revise(
        one.id, lambda found: _scanned(found, record), "model.scan",
        {"model": one.model, "verdict": record.verdict.value, "report_sha256": record.sha256}, report=report,
    )  # fmt: skip
    return files


def _scanned(found: Admission, record: ScanRecord) -> Admission:
    """Whoever reviewed or approved it did so by another report, where this one says something else."""
    before = found.candidate.scan
    same = before is not None and before.sha256 == record.sha256
    return changed(found, scan=record) if same else changed(found, scan=record, reviewed=None, approvals=())


def report_document(files: tuple[Scanned, ...]) -> dict[str, Any]:
    """What is kept of a scan."""
    return {
        "files": [
            {"file": one.file, "format": one.format, "size_bytes": one.size_bytes, "sha256": one.sha256} for one in files
        ],
        "findings": [one.document() for one in findings_of(files)],
    }  # fmt: skip


# -- review, approve, sign -----------------------------------------------------------------------------------------------


def candidate(deployment: Deployment, model: str) -> Candidate:
    """The model's candidate that is on its way. Raises ``NoSuchAdmission``."""
    found = next((one for one in deployment.admissions.of(model) if one.state is State.CANDIDATE and not one.override), None)
    if found is None:
        raise _nothing_on_its_way(model)
    return found.candidate


def _nothing_on_its_way(model: str) -> NoSuchAdmission:
    return NoSuchAdmission(f"nothing of {model[:80]!r} is on its way", next_step="'wardstead model list' says how each stands")


def requirement(deployment: Deployment, one: Candidate) -> Requirement:
    """What policy asks for it. Raises ``ConfigurationError``."""
    return deployment.admission_policy().requirement(one.ceiling, deployment.levels)


def still_lacking(deployment: Deployment, one: Candidate) -> tuple[Lack, ...]:
    """What policy still asks for."""
    return lacking(one, requirement(deployment, one), now_ms())


def review(deployment: Deployment, model: str, by: Acting, reason: str) -> Candidate:
    """Somebody looked at what was found, and says what they make of it. Raises ``MayNot``."""
    one = candidate(deployment, model)
    if one.scan is None:
        raise NotReady("there is nothing to review yet", why="it was not scanned", next_step=f"'wardstead model scan {model}'")
    permitted(deployment, by, "review", one)
    done = reasoned(act_of(by, reason))

    def reviewed(found: Admission) -> Admission:
        return changed(_as_seen(found, one), reviewed=done)

    return record(deployment, one, by, done, action="model.review", revise=reviewed)


def approve(deployment: Deployment, model: str, by: Acting, reason: str) -> Candidate:
    """Somebody answers for it: another person than who added it, and each once. Raises ``MayNot``."""
    one = candidate(deployment, model)
    permitted(deployment, by, "approve", one)
    done = reasoned(act_of(by, reason))

    def approved(found: Admission) -> Admission:
        # Of what stands there now: somebody else may have approved meanwhile, or another scan undone the review.
        now = _as_seen(found, one).candidate
        if now.reviewed is None:
            raise NotReady("it was not reviewed", next_step=f"'wardstead model review {model} --by NAME --reason …'")
        if any(act.who == done.who for act in now.approvals):
            raise CallerError(f"{done.by} has approved it already")
        return changed(found, approvals=(*now.approvals, done))

    return record(deployment, one, by, done, action="model.approve", revise=approved)


def refuse(deployment: Deployment, model: str, by: Acting, reason: str, *, override: bool | None = None) -> Admission:
    """Say no to what is on its way: whoever may approve it, or brought it. ``override``: to that alone, or to no override."""
    waiting = [one for one in reversed(deployment.admissions.of(model)) if one.state is State.CANDIDATE]
    found = next((one for one in waiting if override in {None, one.override}), None)
    if found is None:
        raise _nothing_on_its_way(model)
    one = found.candidate
    permitted(deployment, by, "refuse", one)
    done = reasoned(act_of(by, reason))
    return end(deployment, one, f"{done.by} refused it: {done.reason}", by)


def end(deployment: Deployment, one: Candidate, why: str, by: Acting) -> Admission:
    """Withdraw what is on its way, and record why."""

    def ended(found: Admission) -> Admission:
        return structs.replace(changed(found), state=State.WITHDRAWN, why=why)

    return deployment.admissions.revise(one.id, ended, "model.refuse", {"model": one.model, "reason": why}, actor=by.of_record)


def sign(deployment: Deployment, model: str, by: Acting, reason: str = "") -> Admission:
    """Admit it: by a statement over every file, signed with the deployment's key. Raises ``NotReady``, ``BadModel``.

    A reason is recorded where one is given.
    """
    one = candidate(deployment, model)
    permitted(deployment, by, "sign", one)
    asked = requirement(deployment, one)
    if lacks := lacking(one, asked, now_ms()):
        raise NotReady(
            f"policy asks for more before {model} is admitted up to {one.ceiling}",
            why="; ".join(lack.what for lack in lacks), next_step=lacks[0].next_step,
        )  # fmt: skip
    return seal(deployment, one, asked.valid_days * DAY_MS, by, reason)


def seal(
    deployment: Deployment, one: Candidate, lasts_ms: int | None, by: Acting | None, reason: str = "", *,
    stamps: Stamps | None = None,
) -> Admission:  # fmt: skip
    """Sign the statement, once the files are those that were looked at. Raises ``BadModel``.

    ``stamps``: of files whose digests somebody has just computed, see ``changed_file``.
    """
    if other := changed_file(deployment, standing_of(one), stamps if stamps is not None else {}):
        raise BadModel(other, next_step="'wardstead model add' it anew")
    now = now_ms()
    expires = now + lasts_ms if lasts_ms is not None else None
    payload = statement(one, policy=deployment.policies().version, signed_ms=now, expires_ms=expires)
    envelope = seal_envelope(deployment.signing_key(), payload)

    def revise(found: Admission) -> Admission:
        if found.state is not State.CANDIDATE or found.candidate != one:
            raise _meanwhile()
        return structs.replace(found, state=State.ADMITTED, envelope=envelope, signed_ms=now, expires_ms=expires)

    details = {
        "model": one.model, "basis": one.basis.value, "up_to": one.ceiling, "expires_ms": expires,
        "statement_sha256": sha256(payload).hexdigest(), "files": {each.path: each.sha256 for each in one.files},
        **({"reason": said} if (said := reason.strip()[:_REASON]) else {}),
    }  # fmt: skip
    actor = by.of_record if by is not None else None
    return deployment.admissions.revise(one.id, revise, "model.admit", details, actor=actor)


# -- afterwards ----------------------------------------------------------------------------------------------------------


def in_force(deployment: Deployment, model: str) -> Admission:
    """The admission that counts for a model. Raises ``NoSuchAdmission``."""
    found = current(deployment.admissions.of(model), now_ms())
    if found is None:
        raise NoSuchAdmission(f"{model[:80]!r} is not admitted", next_step="'wardstead model list' says how each stands")
    return found


def take_out(deployment: Deployment, model: str, by: Acting, reason: str, *, for_good: bool) -> Admission:
    """Let it serve no more: until somebody resumes it, or for good."""
    found = in_force(deployment, model)
    permitted(deployment, by, "withdraw" if for_good else "suspend", found.candidate)
    done = reasoned(act_of(by, reason))
    state, action = (State.WITHDRAWN, "model.withdraw") if for_good else (State.SUSPENDED, "model.suspend")
    said = f"{done.by}: {done.reason}"
    return _settle(deployment, found, by, done, action=action, revise=lambda one: structs.replace(one, state=state, why=said))


def resume(deployment: Deployment, model: str, by: Acting, reason: str) -> Admission:
    """Let a suspended one serve again, once its files are those that were admitted and no advisory that policy minds concerns it.

    Raises ``BadModel``, ``MayNot``, ``NotReady``.
    """
    found = in_force(deployment, model)
    permitted(deployment, by, "resume", found.candidate)
    done = reasoned(act_of(by, reason))
    if found.state is not State.SUSPENDED:
        raise CallerError("it is not suspended")
    if found.expires_ms is not None and now_ms() >= found.expires_ms:
        raise NotReady("its approval is over", next_step=f"'wardstead model add {model} PATH' begins anew")
    if other := changed_file(deployment, standing_of(found.candidate), {}):
        raise BadModel(other, next_step="restore the file that was admitted, or add the new one: 'wardstead model add'")
    if since := found_since(deployment, found):
        raise NotReady(
            f"a scan found {since}", next_step=f"'wardstead model rescan {model}', or add another: 'wardstead model add'"
        )
    if grave := AdvisoryWatch(deployment).why_not(found):
        raise NotReady(grave, next_step="upgrade it, or state in policies/vex.yaml why it does not matter")
    return _settle(
        deployment, found, by, done, action="model.resume", revise=lambda one: structs.replace(one, state=State.ADMITTED, why="")
    )  # fmt: skip


def _settle(deployment: Deployment, found: Admission, by: Acting, done: Act, *, action: str, revise: Revise) -> Admission:
    def settled(one: Admission) -> Admission:
        if (one.state, one.why) != (found.state, found.why):
            raise _meanwhile()  # nobody lets it serve again that somebody else has just taken out
        return revise(one)

    details = {"model": found.candidate.model, "reason": done.reason}
    return deployment.admissions.revise(found.candidate.id, settled, action, details, actor=by.of_record)


def record(deployment: Deployment, one: Candidate, by: Acting, done: Act, *, action: str, revise: Revise) -> Candidate:
    """Change what is on its way, and record who did it and why."""
    details = {"model": one.model, "reason": done.reason}
    return deployment.admissions.revise(one.id, revise, action, details, actor=by.of_record).candidate


def _as_seen(found: Admission, one: Candidate) -> Admission:
    """A candidate of which nobody has kept another scan or bill since it was looked at."""
    if (found.candidate.scan, found.candidate.bom_sha256) != (one.scan, one.bom_sha256):
        raise _meanwhile()
    return found


def _meanwhile() -> CallerError:
    return CallerError("it changed meanwhile", next_step="look at it again: 'wardstead model show'")


def changed(found: Admission, **changes: Any) -> Admission:
    """A candidate with something else about it. Refuses what is not on its way any more."""
    if found.state is not State.CANDIDATE:
        raise CallerError("it is not on its way any more", next_step="look at it: 'wardstead model show'")
    return structs.replace(found, candidate=structs.replace(found.candidate, **changes))


def reasoned(done: Act) -> Act:
    """Raises ``CallerError`` where no reason is given."""
    if not done.reason:
        raise CallerError("say why: it is recorded", where="--reason")
    return done
