"""What people do to admit a model: add, scan, review, approve, sign; and afterwards take it out, or let it serve again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from msgspec import structs

from wardstead import __version__
from wardstead.access.ports import Principal, Resource
from wardstead.adapters.artifacts.files import Entry, OpenFile
from wardstead.adapters.store.admissions import NoSuchAdmission
from wardstead.adapters.store.durable_file import write_durably
from wardstead.bootstrap.acting import as_if_signed_in, at_the_command_line
from wardstead.bootstrap.admitting import changed_file, standing_of
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.entitlements import decide
from wardstead.bootstrap.scanning import Progress, scan, to_scan
from wardstead.crypto.dsse import seal_envelope
from wardstead.kernel.encoding import canonical_json
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId, uuid7
from wardstead.supply.admission import (
    DAY_MS,
    Act,
    Admission,
    AdmittedFile,
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
from wardstead.supply.ports import Malformed
from wardstead.supply.scan import Scanned
from wardstead.supply.statement import statement

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")
_REASON: Final = 2000
_BLOCK: Final = 1 << 22
ADD, APPROVE, OVERRIDE = "addModel", "approveModel", "overrideModel"


class NotReady(CallerError):
    """Policy asks for more before it is signed."""

    code = "not_ready"


class BadModel(CallerError):
    """What was named cannot be added as a model."""

    code = "bad_model"


@dataclass(frozen=True, slots=True)
class Person:
    """In whose name something is done."""

    who: Principal
    reason: str

    def act(self) -> Act:
        """That they do it now."""
        return Act(self.who.name, self.who.id, now_ms(), self.reason)


def person(deployment: Deployment, by: str, reason: str, action: str, about: Candidate | None = None) -> Person:
    """Whoever the policies in force let do it. Raises ``MayNot``, ``UnknownPerson``."""
    who = deployment.directory.find(by)
    owner = PrincipalId(about.added.who) if about is not None else who.id
    decide(deployment, as_if_signed_in(who), action, Resource("Admission", about.id if about else "new", owner=owner or None))
    return Person(who, reason.strip()[:_REASON])


# -- add and scan --------------------------------------------------------------------------------------------------------


def add(deployment: Deployment, model: str, path: Path, by: str, *, up_to: str = "", template: Path | None = None) -> Candidate:
    """Bring a model in: its files are put into the deployment's folder, and digested on the way. Raises ``BadModel``."""
    if not _NAME.fullmatch(model) or ".." in model:
        raise BadModel("not a usable name", where="NAME", why="letters, digits and . _ : / -")
    acting = person(deployment, by, "", ADD)
    ceiling = deployment.levels.level(up_to or _configured_level(deployment, model)).name
    one = uuid7(now_ms(), os.urandom(10))
    target = deployment.places.added(model, one)
    files = [_taken(deployment, entry, target) for entry in to_scan(path)]
    files = _with_weights(files)
    if template is not None:
        (entry,) = to_scan(template)[:1]
        files.append(structs.replace(_taken(deployment, entry, target), role=Role.TEMPLATE))
    candidate = Candidate(one, model, ceiling, tuple(files), acting.act())
    deployment.admissions.add(candidate, actor=at_the_command_line(acting.who).of_record)
    return candidate


def _configured_level(deployment: Deployment, model: str) -> str:
    found = next((one for one in deployment.settings.models if one.name == model), None)
    return found.clearance.level if found is not None else deployment.levels.names[0]


def _taken(deployment: Deployment, entry: Entry, target: Path) -> AdmittedFile:
    """A file as it is admitted: in place where it is in the deployment's folder, else copied there."""
    if entry.problem is not None:
        raise BadModel("this cannot be taken in", where=entry.name, why=entry.problem[1])
    inside = deployment.places.directory
    here = entry.path.absolute()
    place = here if here.is_relative_to(inside) else target / entry.name
    try:
        with OpenFile(entry.path, entry.name) as file:
            if place == here:
                found, size = file.digest(lambda _count: None), file.size
            else:
                place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                copied = _Copied(file)
                write_durably(place, copied.blocks())
                found, size = copied.found.hexdigest(), copied.size
    except Malformed as error:
        raise BadModel("this cannot be read", where=entry.name, why=error.what) from None
    return AdmittedFile(place.relative_to(inside).as_posix(), found, size)


class _Copied:
    """Digests a file while it is copied."""

    def __init__(self, file: OpenFile) -> None:
        self._file, self.found, self.size = file, sha256(), 0

    def blocks(self) -> Iterator[bytes]:
        """What is written."""
        while block := self._file.read(self.size, _BLOCK):
            self.found.update(block)
            self.size += len(block)
            yield block


def _with_weights(files: list[AdmittedFile]) -> list[AdmittedFile]:
    """The one GGUF file is what the embedded server loads."""
    found = [one for one in files if one.path.lower().endswith(".gguf")]
    if len(found) > 1:
        names = ", ".join(Path(one.path).name for one in found[:5])
        raise BadModel("there are several GGUF files, and a model has one", why=names, next_step="add the one that is to serve")
    return [structs.replace(one, role=Role.WEIGHTS) if one in found else one for one in files]


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
    return _changed(found, scan=record) if same else _changed(found, scan=record, reviewed=None, approvals=())


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
    found = next((one for one in deployment.admissions.of(model) if one.state is State.CANDIDATE), None)
    if found is None:
        raise NoSuchAdmission(
            f"nothing of {model[:80]!r} is on its way",
            next_step="'wardstead model list' says how each stands",
        )
    return found.candidate


def requirement(deployment: Deployment, one: Candidate) -> Requirement:
    """What policy asks for it. Raises ``ConfigurationError``."""
    return deployment.admission_policy().requirement(one.ceiling, deployment.levels)


def still_lacking(deployment: Deployment, one: Candidate) -> tuple[Lack, ...]:
    """What policy still asks for."""
    return lacking(one, requirement(deployment, one), now_ms())


def review(deployment: Deployment, model: str, by: str, reason: str) -> Candidate:
    """Somebody looked at what was found, and says what they make of it. Raises ``MayNot``."""
    one = candidate(deployment, model)
    if one.scan is None:
        raise NotReady("there is nothing to review yet", why="it was not scanned", next_step=f"'wardstead model scan {model}'")
    acting = _reasoned(person(deployment, by, reason, APPROVE, one))
    return _record(deployment, one, acting, "model.review", reviewed=acting.act())


def approve(deployment: Deployment, model: str, by: str, reason: str) -> Candidate:
    """Somebody answers for it: another person than who added it, and each once. Raises ``MayNot``."""
    one = candidate(deployment, model)
    acting = _reasoned(person(deployment, by, reason, APPROVE, one))
    if one.reviewed is None:
        raise NotReady("it was not reviewed", next_step=f"'wardstead model review {model} --by NAME --reason …'")
    if any(act.who == acting.who.id for act in one.approvals):
        raise CallerError(f"{acting.who.name} has approved it already")
    return _record(deployment, one, acting, "model.approve", approvals=(*one.approvals, acting.act()))


def sign(deployment: Deployment, model: str, by: str) -> Admission:
    """Admit it: by a statement over every file, signed with the deployment's key. Raises ``NotReady``, ``BadModel``."""
    one = candidate(deployment, model)
    acting = person(deployment, by, "", ADD, one)
    asked = requirement(deployment, one)
    if lacks := lacking(one, asked, now_ms()):
        raise NotReady(
            f"policy asks for more before {model} is admitted up to {one.ceiling}",
            why="; ".join(lack.what for lack in lacks), next_step=lacks[0].next_step,
        )  # fmt: skip
    return seal(deployment, one, asked.valid_days * DAY_MS, acting)


def seal(deployment: Deployment, one: Candidate, lasts_ms: int | None, acting: Person | None) -> Admission:
    """Sign the statement, once the files are those that were looked at. Raises ``BadModel``."""
    if changed := changed_file(deployment, standing_of(one), {}):
        raise BadModel(changed, next_step="'wardstead model add' it anew")
    now = now_ms()
    expires = now + lasts_ms if lasts_ms is not None else None
    payload = statement(one, policy=deployment.policies().version, signed_ms=now, expires_ms=expires)
    envelope = seal_envelope(deployment.keys.ledger(), payload)

    def revise(found: Admission) -> Admission:
        if found.state is not State.CANDIDATE or found.candidate != one:
            raise CallerError("it changed meanwhile", next_step="look at it again: 'wardstead model show'")
        return structs.replace(found, state=State.ADMITTED, envelope=envelope, signed_ms=now, expires_ms=expires)

    details = {
        "model": one.model, "basis": one.basis.value, "up_to": one.ceiling, "expires_ms": expires,
        "statement_sha256": sha256(payload).hexdigest(), "files": {each.path: each.sha256 for each in one.files},
    }  # fmt: skip
    actor = at_the_command_line(acting.who).of_record if acting is not None else None
    return deployment.admissions.revise(one.id, revise, "model.admit", details, actor=actor)


# -- afterwards ----------------------------------------------------------------------------------------------------------


def in_force(deployment: Deployment, model: str) -> Admission:
    """The admission that counts for a model. Raises ``NoSuchAdmission``."""
    found = current(deployment.admissions.of(model), now_ms())
    if found is None:
        raise NoSuchAdmission(f"{model[:80]!r} is not admitted", next_step="'wardstead model list' says how each stands")
    return found


def take_out(deployment: Deployment, model: str, by: str, reason: str, *, for_good: bool) -> Admission:
    """Let it serve no more: until somebody resumes it, or for good."""
    found = in_force(deployment, model)
    acting = _reasoned(person(deployment, by, reason, ADD, found.candidate))
    state, action = (State.WITHDRAWN, "model.withdraw") if for_good else (State.SUSPENDED, "model.suspend")
    said = f"{acting.who.name}: {acting.reason}"
    return _settle(deployment, found, acting, action, lambda one: structs.replace(one, state=state, why=said))


def resume(deployment: Deployment, model: str, by: str, reason: str) -> Admission:
    """Let a suspended one serve again, once its files are those that were admitted. Raises ``BadModel``, ``MayNot``."""
    found = in_force(deployment, model)
    acting = _reasoned(person(deployment, by, reason, APPROVE, found.candidate))
    if found.state is not State.SUSPENDED:
        raise CallerError("it is not suspended")
    if found.expires_ms is not None and now_ms() >= found.expires_ms:
        raise NotReady("its approval is over", next_step=f"'wardstead model add {model} PATH' begins anew")
    if changed := changed_file(deployment, standing_of(found.candidate), {}):
        raise BadModel(changed, next_step="restore the file that was admitted, or add the new one: 'wardstead model add'")
    return _settle(
        deployment, found, acting, "model.resume", lambda one: structs.replace(one, state=State.ADMITTED, why="")
    )  # fmt: skip


def _settle(deployment: Deployment, found: Admission, acting: Person, action: str, revise: Any) -> Admission:
    details = {"model": found.candidate.model, "reason": acting.reason}
    actor = at_the_command_line(acting.who).of_record
    return deployment.admissions.revise(found.candidate.id, revise, action, details, actor=actor)


def _record(deployment: Deployment, one: Candidate, acting: Person, action: str, **changes: Any) -> Candidate:
    details = {"model": one.model, "reason": acting.reason}
    done = deployment.admissions.revise(
        one.id, lambda found: _changed(found, **changes), action, details, actor=at_the_command_line(acting.who).of_record
    )
    return done.candidate


def _changed(found: Admission, **changes: Any) -> Admission:
    if found.state is not State.CANDIDATE:
        raise CallerError("it is not on its way any more", next_step="look at it: 'wardstead model show'")
    return structs.replace(found, candidate=structs.replace(found.candidate, **changes))


def _reasoned(acting: Person) -> Person:
    if not acting.reason:
        raise CallerError("say why: it is recorded", where="--reason")
    return acting
