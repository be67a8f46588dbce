"""What may serve, and why not: each embedded model's admission, verified by whoever depends on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Final

from msgspec import structs

from wardstead.adapters.artifacts.plain import Stamp, digest_of, open_plain, stamp
from wardstead.adapters.artifacts.verity import measured
from wardstead.adapters.keys.folder import WEIGHTS
from wardstead.adapters.sandbox.weights import content_digest, encrypted_form, is_encrypted
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.config.sections import ModelSection
from wardstead.crypto.dsse import open_envelope
from wardstead.crypto.signing import VerifyingKey
from wardstead.isolation.posture import Check, Kept, State
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import ConfigurationError, IntegrityError, WardsteadError
from wardstead.kernel.labels import Label
from wardstead.kernel.text import harmless
from wardstead.supply.admission import ASK, Act, Admission, AdmittedFile, Basis, Candidate, Role, current, refusal, remedy
from wardstead.supply.statement import files_in, terms_of

REFUSED: Final = "refused"
"""What a launcher attests that serves nothing, for its model is not admitted."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a model stands at a moment. ``refused`` is empty where it may serve; ``files`` are those that it may serve."""

    model: str
    refused: str
    admission: Admission | None = None
    files: tuple[AdmittedFile, ...] = ()
    ceiling: str = ""
    until_ms: int | None = None

    def file(self, role: Role) -> AdmittedFile | None:
        """The file of a role."""
        return next((one for one in self.files if one.role is role), None)


def standing(deployment: Deployment, section: ModelSection) -> Standing:
    """How an embedded model stands now. What the database says counts only where the signed statement says it, too."""
    key = deployment.ledger.keys.newest
    stands = _standing(deployment, section, key)
    signs = deployment.ledger.keys.newest
    return stands if signs == key else _standing(deployment, section, signs)  # all statements were signed anew meanwhile


def _standing(deployment: Deployment, section: ModelSection, key: VerifyingKey) -> Standing:
    now = now_ms()
    found = current(deployment.admissions.of(section.name), now)
    refused = refusal(found, section.name, now)
    if found is None or refused:
        return Standing(section.name, refused, found)
    try:
        payload = open_envelope(found.envelope, key)
        files = files_in(payload, section.name)
        ceiling, until_ms = terms_of(payload)
    except IntegrityError as error:
        return Standing(section.name, f"the admission of the model {section.name} is not genuine: {error.what}", found)
    stands = Standing(section.name, "", found, files, ceiling, until_ms)
    # What the statement says of its end counts, whatever stands beside it.
    refused = refusal(structs.replace(found, expires_ms=until_ms), section.name, now)
    return replace(stands, refused=refused or _other_files(section, stands))


def section_of(deployment: Deployment, model: str) -> ModelSection:
    """The settings of an embedded model."""
    for section in deployment.settings.models:
        if section.name == model and section.upstream.kind == "embedded":
            return section
    raise ConfigurationError(f"there is no embedded model {model!r}", where=str(deployment.places.config))


def standing_of(one: Candidate) -> Standing:
    """A candidate's files, as if it were admitted."""
    return Standing(one.model, "", None, one.files, one.ceiling)


def bounded(deployment: Deployment, clearance: Label, ceiling: str) -> Label:
    """What a model may read: no higher than it was admitted for. A level that is none any more admits for nothing."""
    highest = deployment.levels.clearance(ceiling, clearance.compartments)
    return clearance if clearance.level.rank <= highest.level.rank else Label(highest.level, clearance.compartments)


def _other_files(section: ModelSection, stands: Standing) -> str:
    """Why what the configuration names is not what was admitted; empty where it is."""
    upstream, weights, template = section.upstream, stands.file(Role.WEIGHTS), stands.file(Role.TEMPLATE)
    named = f"the configuration of the model {section.name} names"
    by_override = stands.admission is not None and stands.admission.override
    if weights is None or weights.path != upstream.weights or not (by_override or weights.sha256 == upstream.sha256):
        return f"{named} other weights than were admitted{ASK} ('wardstead model show {section.name}')"
    if upstream.chat_template != (template.path if template else ""):
        return f"{named} another chat template than was admitted{ASK} ('wardstead model show {section.name}')"
    return ""


def template_text(deployment: Deployment, stands: Standing) -> str:
    """The admitted chat template, read through the descriptor by which it was hashed. Raises ``WardsteadError``."""
    admitted = stands.file(Role.TEMPLATE)
    if admitted is None:
        return ""
    with open_plain(deployment.places.directory / admitted.path) as file:
        data = file.readall()
    if sha256(data).hexdigest() != admitted.sha256:
        raise IntegrityError(f"{admitted.path} is not the file that was admitted", next_step="restore it; it is not served")
    return data.decode("utf-8", "strict")


Stamps = dict[tuple[str, str], Stamp]
"""How files looked when their digests were right, by path and digest. What lies there is compared by inode, size and times."""


def changed_file(deployment: Deployment, stands: Standing, stamps: Stamps) -> str:
    """Which admitted file is another than was admitted, and how; empty where all are the same.

    ``stamps``: a file that looks as it did when it was read is not read again. They are brought up to date. By the path alone,
    they would vouch for a file that another model, or an older admission, is right with.
    """
    for one in stands.files:
        path = deployment.places.directory / one.path
        place = encrypted_form(path) if one.role is Role.WEIGHTS and is_encrypted(path) else path
        try:
            with open_plain(place) as file:
                now = stamp(file)
                if stamps.get(known := (one.path, one.sha256)) == now:
                    continue
                if one.verity and measured(file) == one.verity:
                    stamps[known] = now  # the kernel checks it by that whenever it is read
                    continue
                key = partial(deployment.keys.key, WEIGHTS)
                found = digest_of(file) if place == path else content_digest(path, key)
                if found != one.sha256:
                    return f"{one.path} is not the file that was admitted"
                if stamp(file) == now:
                    stamps[known] = now
        except WardsteadError as error:
            return f"{one.path}: {error.what}"
        except OSError as error:
            return f"{one.path} cannot be read: {error.strerror}"
    return ""


def attest(deployment: Deployment, model: str, what: str) -> None:
    """A launcher says how it stands with its model."""
    attestation = deployment.places.attestation(model)
    attestation.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    attestation.write_text(what)


def attested(deployment: Deployment, model: str) -> str:
    """What the launcher of a model said; empty where it said nothing."""
    try:
        return deployment.places.attestation(model).read_text("ascii", "replace")
    except OSError:
        return ""


def forget_attestations(deployment: Deployment) -> None:
    """What launchers said in an earlier run."""
    for one in deployment.settings.models:
        deployment.places.attestation(one.name).unlink(missing_ok=True)


def kept_by(said: str) -> tuple[Kept, str]:
    """What keeps the weights as they were hashed, and why not more does, from what a launcher said."""
    kept, _, why = said.partition(" ")
    return (Kept(kept), why) if kept in set(Kept) else (Kept.HASHED, "")


@dataclass(frozen=True, slots=True)
class Unserved:
    """A model of the configuration that nobody is answered by, why not, and what brings it back."""

    model: str
    why: str
    next_step: str


def not_serving(deployment: Deployment) -> list[Unserved]:
    """Each embedded model that does not serve: it is not admitted, or its launcher has refused its files."""
    embedded = [one for one in deployment.settings.models if one.upstream.kind == "embedded"]
    told = []
    for stands in (standing(deployment, one) for one in embedded):
        refused = attested(deployment, stands.model) == REFUSED
        if why := stands.refused or (_out_of_reach(deployment, stands) if refused else ""):
            told.append(Unserved(stands.model, why.partition(ASK)[0], remedy(stands.admission, stands.model, now_ms())))
    return told


def _out_of_reach(deployment: Deployment, stands: Standing) -> str:
    """Why a launcher refused files that are admitted, without reading them: whoever guards them does, and says it exactly."""
    for one in stands.files:
        path = deployment.places.directory / one.path
        try:
            open_plain(encrypted_form(path) if one.role is Role.WEIGHTS and is_encrypted(path) else path).close()
        except WardsteadError as error:
            return f"{one.path}: {error.what}"
        except OSError as error:
            return f"{one.path} cannot be read: {error.strerror}"
    return "its files are not those that were admitted"


def admission_check(stands: Standing) -> Check:
    """How a model stands, as the posture has it. An override is never well."""
    name, title = f"admission.{stands.model}", f"The model {stands.model} is admitted"
    if stands.refused or stands.admission is None:
        next_step = remedy(stands.admission, stands.model, now_ms())
        return Check(name, title, State.RED, f"it does not serve: {stands.refused.partition(ASK)[0]}", next_step)
    one, until = stands.admission.candidate, rfc3339(stands.until_ms) if stands.until_ms is not None else ""
    if stands.admission.override:
        by = ", ".join(act.by for act in (one.added, *one.approvals))
        evidence = f"IT SERVES BY OVERRIDE, not by policy, until {until}: {by}; {harmless(one.added.reason)}"
        title = f"The model {stands.model} serves by policy, not by override"
        return Check(name, title, State.RED, evidence, "end it: 'wardstead model withdraw'")
    how = "by the digest that ships with this version" if one.basis is Basis.SHIPPED else f"by {_names(one.approvals)}"
    return Check(name, title, State.GREEN, f"up to {stands.ceiling}, {how}{f', until {until}' if until else ''}")


def admission_document(stands: Standing) -> dict[str, object]:
    """For ``status``."""
    found = stands.admission
    return {
        "admitted": not stands.refused,
        "basis": found.candidate.basis.value if found else None,
        "up_to": stands.ceiling or None,
        "until": rfc3339(stands.until_ms) if stands.until_ms is not None else None,
        "why": stands.refused or None,
    }


def _names(acts: Sequence[Act]) -> str:
    return " and ".join(dict.fromkeys(act.by for act in acts))
