"""Letting a model serve for some hours whatever policy says: one person asks, another agrees, and it ends by itself."""

from __future__ import annotations

import logging
import os
from functools import partial

from msgspec import structs

from wardstead.adapters.artifacts.plain import digest_of, open_plain, stamp
from wardstead.adapters.keys.folder import WEIGHTS
from wardstead.adapters.sandbox.weights import content_digest, is_encrypted, size
from wardstead.adapters.store.admissions import NoSuchAdmission
from wardstead.bootstrap.acting import Acting
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.entitlements import HOUR_MS
from wardstead.bootstrap.identity.people import BadValue
from wardstead.bootstrap.models.admissions import BadModel, NotReady, act_of, changed, end, permitted, reasoned, record, seal
from wardstead.bootstrap.models.admitting import Stamps, changed_file, section_of, standing_of
from wardstead.kernel.ids import uuid7
from wardstead.supply.admission import Admission, AdmittedFile, Basis, Candidate, Role, lapsed, waits_for_agreement

log = logging.getLogger(__name__)


def ask(deployment: Deployment, model: str, by: Acting, reason: str, hours: float) -> Candidate:
    """Ask that a model of the configuration serve for some hours whatever policy says, as its files are now."""
    permitted(deployment, by, "override")
    done = reasoned(act_of(by, reason))
    _require_short(deployment, hours)
    section = section_of(deployment, model)
    upstream = section.upstream
    files = [_as_it_is(deployment, upstream.weights, Role.WEIGHTS)]
    files += [_as_it_is(deployment, upstream.chat_template, Role.TEMPLATE)] if upstream.chat_template else []
    one = Candidate(
        uuid7(now_ms(), os.urandom(10)), model, section.clearance.level, tuple(files), done, basis=Basis.OVERRIDE,
        lasts_ms=int(hours * HOUR_MS),
    )  # fmt: skip
    for waiting in asked_for(deployment, model):
        end(deployment, waiting, f"{done.by} asked anew", by)
    deployment.admissions.add(one, actor=by.of_record)
    log.warning("somebody asks for an override", extra={"fields": {"model": model, "by": done.by, "hours": hours}})
    return one


def asked_for(deployment: Deployment, model: str) -> list[Candidate]:
    """Overrides that nobody has agreed to yet."""
    return [one.candidate for one in deployment.admissions.of(model) if waits_for_agreement(one)]


def agree(deployment: Deployment, model: str, by: Acting, reason: str) -> Admission:
    """Agree to an override that somebody else asked for: it serves from now on.

    Raises ``MayNot``, ``NoSuchAdmission``, and ``BadModel`` where its files are not those of then.
    """
    waiting = asked_for(deployment, model)
    if not waiting:
        raise NoSuchAdmission(f"nobody asked for an override of {model[:80]!r}", next_step="'wardstead model override' asks")
    one = waiting[-1]
    permitted(deployment, by, "agree", one)
    done = reasoned(act_of(by, reason))
    if lapsed(one, now_ms()):
        raise NotReady("it was asked for more than a day ago", next_step="ask anew: 'wardstead model override'")
    _require_short(deployment, one.lasts_ms / HOUR_MS)
    stamps: Stamps = {}
    if other := changed_file(deployment, standing_of(one), stamps):
        raise BadModel(other, why="it is to serve as its files were when that was asked for", next_step="ask anew")
    agreed = structs.replace(one, approvals=(done,))
    record(deployment, one, by, done, action="model.override", revise=lambda found: changed(found, approvals=agreed.approvals))
    log.warning("a model serves by override", extra={"fields": {"model": model, "asked": one.added.by, "agreed": done.by}})
    return seal(deployment, agreed, one.lasts_ms, by, stamps=stamps)


def _require_short(deployment: Deployment, hours: float) -> None:
    """Raises ``BadValue`` where policy lets no override last so long: when it is asked for, and when it is agreed to."""
    most, why = deployment.admission_policy().override_hours, "policy says so: override_hours in admission.yaml"
    if most == 0:
        raise BadValue("nobody can override what policy says here", where="--hours", why=f"{why} is 0")
    if not 0 < hours <= most:  # no comparison holds of what is no number
        raise BadValue(f"an override lasts at most {most} hours", where="--hours", why=why)


def _as_it_is(deployment: Deployment, path: str, role: Role) -> AdmittedFile:
    place = deployment.places.directory / path
    if is_encrypted(place):
        return AdmittedFile(path, content_digest(place, partial(deployment.keys.key, WEIGHTS)), size(place), role)
    with open_plain(place) as file:
        return AdmittedFile(path, digest_of(file), stamp(file).size, role)
