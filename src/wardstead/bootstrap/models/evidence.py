"""What others say of a model that is on its way: its publisher's signature, and its bill of materials."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Final

from wardstead.bootstrap.acting import Acting
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.models.admissions import BadModel, candidate, changed, permitted
from wardstead.bootstrap.reading import read_regular
from wardstead.supply.admission import Admission, AdmittedFile, Candidate, Evidence, Role
from wardstead.supply.bom.kept import digests, is_bill
from wardstead.supply.model_signing import signer

_MOST_BYTES: Final = 32 << 20


def take_signature(deployment: Deployment, model: str, path: Path, by: Acting) -> Candidate:
    """Keep that a publisher whom policy trusts signed exactly these files. Raises ``IntegrityError`` where none did."""
    one = candidate(deployment, model)
    permitted(deployment, by, "evidence", one)
    data = read_regular(path, _MOST_BYTES, BadModel)
    publisher = signer(data, deployment.admission_policy().publishers, one.files, now_ms())
    found = Evidence(publisher.name, True, sha256(data).hexdigest(), now_ms())

    def kept(each: Admission) -> Admission:
        others = (one for one in each.candidate.evidence if one.publisher != publisher.name)
        return changed(each, evidence=(*others, found))

    done = deployment.admissions.revise(
        one.id, kept, "model.evidence",
        {"model": model, "publisher": publisher.name, "bundle_sha256": found.bundle_sha256}, actor=by.of_record,
    )  # fmt: skip
    return done.candidate


def take_bom(deployment: Deployment, model: str, path: Path, by: Acting) -> Candidate:
    """Keep its bill of materials, if that is about these weights. The statement names its digest. Raises ``BadModel``."""
    one = candidate(deployment, model)
    permitted(deployment, by, "evidence", one)
    data = read_regular(path, _MOST_BYTES, BadModel)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not is_bill(document):
        said = "this is no bill of materials in CycloneDX or SPDX JSON"
        raise BadModel(said, where=str(path), next_step="'wardstead model bom' writes one")
    named = digests(document)
    if missing := [each for each in _principal(one) if each.sha256 not in named]:
        raise BadModel(
            "this bill of materials is not about these weights", where=str(path),
            why=f"it does not list {missing[0].path} with its SHA-256 {missing[0].sha256}",
        )  # fmt: skip
    digest = sha256(data).hexdigest()
    done = deployment.admissions.revise(
        one.id, lambda each: _billed(each, digest), "model.bom",
        {"model": model, "bom_sha256": digest}, actor=by.of_record, bom=data,
    )  # fmt: skip
    return done.candidate


def _principal(one: Candidate) -> list[AdmittedFile]:
    """The weights; where nothing is called so, the largest file."""
    return [weights] if (weights := one.file(Role.WEIGHTS)) else [max(one.files, key=lambda each: each.size_bytes)]


def _billed(found: Admission, digest: str) -> Admission:
    """Whoever reviewed or approved it did so by another bill, where this one says something else."""
    if found.candidate.bom_sha256 == digest:
        return changed(found)
    return changed(found, bom_sha256=digest, reviewed=None, approvals=())
