"""Whether a model may serve: what was done about it, what policy still asks for, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from wardstead.kernel.clock import rfc3339
from wardstead.kernel.text import harmless
from wardstead.supply.admission_policy import Requirement
from wardstead.supply.ports import Severity
from wardstead.supply.rules import Finding
from wardstead.supply.scan import Scanned

DAY_MS: Final = 86_400_000
_NO_REASON: Final = "no reason is known"


class Basis(StrEnum):
    """Why a model was admitted."""

    REVIEW = "review"
    """It went through all that policy asks for."""
    SHIPPED = "shipped"
    """Its digests are those that this version of Wardstead ships with."""
    OVERRIDE = "override"
    """Two people let it serve for some hours, whatever policy says."""


class State(StrEnum):
    """What became of it."""

    CANDIDATE = "candidate"
    ADMITTED = "admitted"
    SUSPENDED = "suspended"
    """Something changed: it does not serve until somebody looked at it."""
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"
    """A later admission of the same model took its place."""


class Role(StrEnum):
    """What a file is for."""

    WEIGHTS = "weights"
    TEMPLATE = "template"
    OTHER = "other"


class AdmittedFile(msgspec.Struct, frozen=True):
    """One file: ``path`` within the deployment's folder."""

    path: str
    sha256: str
    size_bytes: int
    role: Role = Role.OTHER
    verity: str = ""
    """Its digest by fs-verity, where it is known: what the kernel can keep it by."""


class Act(msgspec.Struct, frozen=True):
    """That somebody did something. ``who``: their id; ``by``: their name at that time."""

    by: str
    who: str
    at_ms: int
    reason: str = ""


class Verdict(StrEnum):
    """What a scan comes to."""

    CLEAN = "clean"
    SUSPICIOUS = "suspicious"
    BLOCKED = "blocked"


class ScanRecord(msgspec.Struct, frozen=True):
    """A scan of exactly the files of a candidate. ``sha256``: of the whole report, which is kept beside it."""

    verdict: Verdict
    sha256: str
    scanner: str
    at_ms: int


class Evidence(msgspec.Struct, frozen=True):
    """Somebody else's signature over all of the files, verified by a key or authority that policy trusts."""

    publisher: str
    trusted: bool
    bundle_sha256: str
    at_ms: int


class Candidate(msgspec.Struct, frozen=True):
    """A model on its way. ``ceiling``: the highest level of data for which it is to be admitted."""

    id: str
    model: str
    ceiling: str
    files: tuple[AdmittedFile, ...]
    added: Act
    basis: Basis = Basis.REVIEW
    scan: ScanRecord | None = None
    evidence: tuple[Evidence, ...] = ()
    reviewed: Act | None = None
    approvals: tuple[Act, ...] = ()
    bom_sha256: str = ""
    """Of its AIBOM (``wardstead model bom``); empty while there is none."""
    lasts_ms: int = 0
    """How long an override is to last."""

    def file(self, role: Role) -> AdmittedFile | None:
        """The file of a role."""
        return next((one for one in self.files if one.role is role), None)


class Admission(msgspec.Struct, frozen=True):
    """A candidate and what became of it. ``envelope``: the signed statement, once there is one."""

    candidate: Candidate
    state: State
    envelope: bytes = b""
    signed_ms: int | None = None
    expires_ms: int | None = None
    why: str = ""
    """Of a state that is not the ordinary one."""
    changed_ms: int = 0

    @property
    def override(self) -> bool:
        """Whether it serves, or is to, whatever policy says."""
        return self.candidate.basis is Basis.OVERRIDE


def waits_for_agreement(one: Admission) -> bool:
    """Whether it is an override to which nobody has agreed, or said no, yet."""
    return one.override and one.state is State.CANDIDATE


def lapsed(one: Candidate, now_ms: int) -> bool:
    """Whether it was asked for too long ago to be agreed to: what was urgent then is looked at anew."""
    return now_ms - one.added.at_ms > DAY_MS


class Lack(msgspec.Struct, frozen=True):
    """Something that policy asks for and is not there; ``next_step`` is what brings it."""

    what: str
    next_step: str


def verdict_of(files: Sequence[Scanned]) -> Verdict:
    """What the findings of all files come to."""
    severities = {finding.severity.value for file in files for finding in file.findings}
    if "block" in severities:
        return Verdict.BLOCKED
    return Verdict.SUSPICIOUS if "warn" in severities else Verdict.CLEAN


def worse_than_admitted(files: Sequence[Scanned], known: frozenset[tuple[str, str]], *, suspicious: bool) -> tuple[Finding, ...]:
    """What a scan finds that nobody knew of and policy does not let pass, the gravest first.

    ``known``: rules with their files. ``suspicious``: policy lets pass what is no more than that.
    """
    grave = {Severity.BLOCK} if suspicious else {Severity.BLOCK, Severity.WARN}
    return tuple(one for one in findings_of(files) if one.severity in grave and (one.rule, one.file) not in known)


def findings_of(files: Sequence[Scanned]) -> list[Finding]:
    """All of them, the gravest first."""
    order = ("block", "warn", "info")
    return sorted((one for file in files for one in file.findings), key=lambda one: order.index(one.severity.value))


def current(admissions: Sequence[Admission], now_ms: int) -> Admission | None:
    """Of one model's admissions the one that counts: the last that was signed. An override counts only while it lasts."""
    signed = [one for one in admissions if one.signed_ms is not None and one.state in {State.ADMITTED, State.SUSPENDED}]
    lasting = [one for one in signed if not (one.override and _over(one, now_ms))]
    return max(lasting, key=lambda one: (one.signed_ms or 0, one.candidate.id), default=None)


ASK: Final = "; ask an operator"
"""From here on a refusal speaks to whoever asked the model, not to whoever looks after it."""


def principal(admissions: Sequence[Admission], now_ms: int) -> Admission:
    """Of one model's admissions the one to tell of: what is on its way, else what counts, else the last that was no override."""
    waiting = [one for one in admissions if one.state is State.CANDIDATE and not one.override]
    ordinary = [one for one in admissions if not one.override]
    return waiting[-1] if waiting else current(admissions, now_ms) or (ordinary or admissions)[-1]


def refusal(found: Admission | None, model: str, now_ms: int) -> str:
    """Why a model does not serve, in words that a person can act on; empty where it does."""
    if found is None:
        return f"the model {model} has not been admitted{ASK} to audit it ('wardstead model add')"
    if found.state is State.SUSPENDED:
        why = harmless(found.why) or _NO_REASON
        return f"the model {model} is suspended: {why}{ASK} ('wardstead model show {model}')"
    if _over(found, now_ms):
        ended = rfc3339(found.expires_ms or 0)
        return f"the approval of the model {model} expired on {ended}{ASK} to have it approved again"
    return ""


def remedy(found: Admission | None, model: str, now_ms: int) -> str:
    """What brings a model that does not serve back, for whoever looks after it."""
    if found is None:
        add = f"'wardstead model add {model} PATH --by NAME'"
        return f"{add} brings it in; once it was added, 'wardstead model show {model}' says what policy still asks for"
    if _over(found, now_ms):
        return f"approve it anew: 'wardstead model add {model} PATH --by NAME', with the path at which its files lie"
    if found.state is State.SUSPENDED and found.override:
        return f"end the override ('wardstead model withdraw {model} --by NAME --reason WHY'): what was before counts again"
    if found.state is State.SUSPENDED:
        return (
            "restore the admitted file, or upgrade what an advisory concerns (or say in vex.yaml why it does not matter); "
            f"then somebody else than who added it: 'wardstead model resume {model} --by NAME --reason WHY'"
        )
    return f"'wardstead model show {model}' says what was admitted: put that back, or admit the other ('wardstead model add')"


def lacking(one: Candidate, asked: Requirement, now_ms: int) -> tuple[Lack, ...]:
    """What policy still asks for before a candidate may be signed, in the order in which it is done."""
    return tuple(
        lack for lack in (_scan_lack(one, asked, now_ms), *_bom_lack(one, asked), *_signature_lack(one, asked),
                          *_people_lack(one, asked)) if lack is not None
    )  # fmt: skip


def _over(one: Admission, now_ms: int) -> bool:
    return one.expires_ms is not None and now_ms >= one.expires_ms


def _scan_lack(one: Candidate, asked: Requirement, now_ms: int) -> Lack | None:
    again = f"'wardstead model scan {one.model}'"
    if one.scan is None:
        return Lack("it was not scanned", again)
    if one.scan.verdict is Verdict.BLOCKED:
        return Lack("the scan blocks it", f"'wardstead model show {one.model}' says why; no policy lets it pass")
    if one.scan.verdict is Verdict.SUSPICIOUS and asked.scan == "clean":
        return Lack("the scan found what somebody has to look at, and this level needs a clean one",
                    f"'wardstead model show {one.model}'; or admit it for a lower level")  # fmt: skip
    if now_ms - one.scan.at_ms > asked.scan_days * DAY_MS:
        return Lack(f"the scan is older than {asked.scan_days} days", again)
    return None


def _bom_lack(one: Candidate, asked: Requirement) -> list[Lack]:
    if not asked.bom or one.bom_sha256:
        return []
    return [
        Lack("it has no AIBOM", f"'wardstead model bom PATH', then 'wardstead model evidence {one.model} --bom FILE --by NAME'")
    ]


def _signature_lack(one: Candidate, asked: Requirement) -> list[Lack]:
    if not asked.publisher or any(evidence.trusted for evidence in one.evidence):
        return []
    return [
        Lack("no publisher whom policy trusts signed it", f"'wardstead model evidence {one.model} --signature FILE --by NAME'")
    ]


def _people_lack(one: Candidate, asked: Requirement) -> list[Lack]:
    found = []
    if one.reviewed is None:
        found.append(Lack("nobody reviewed it", f"'wardstead model review {one.model} --by NAME --reason …'"))
    missing = asked.approvals - len({act.who for act in one.approvals} - {one.added.who})
    if missing > 0:
        more = "one more person has" if missing == 1 else f"{missing} more people have"
        found.append(
            Lack(f"{more} to approve it, not {one.added.by}", f"'wardstead model approve {one.model} --by NAME --reason …'")
        )
    return found
