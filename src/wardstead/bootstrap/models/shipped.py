"""The models that ship with the product are admitted by the digests that ship with it; that is all that is said of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.resources import files

import msgspec

from wardstead import __version__
from wardstead.adapters.sandbox.weights import is_encrypted
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.models.admissions import scan_added, seal
from wardstead.bootstrap.models.admitting import changed_file, standing_of
from wardstead.config.sections import ModelSection
from wardstead.kernel.ids import uuid7
from wardstead.kernel.yaml_input import read_yaml
from wardstead.supply.admission import Act, AdmittedFile, Basis, Candidate, Role, Verdict


class Digest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file's SHA-256 and size."""

    sha256: str
    size_bytes: int


class ShippedModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model of the catalogue. ``templates``: the chat templates that this and earlier versions ship for it."""

    name: str
    source: str
    weights: Digest
    templates: tuple[Digest, ...]


class _Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    models: tuple[ShippedModel, ...]


def shipped_models() -> tuple[ShippedModel, ...]:
    """The catalogue of this version."""
    text = (files("wardstead.catalogues") / "models" / "shipped.yaml").read_text("utf-8")
    return read_yaml(text, "wardstead: models/shipped.yaml", _Catalogue, ours=True).models


def admit_shipped(deployment: Deployment, on_step: Callable[[str], None]) -> None:
    """Admit each embedded model of the configuration that ships with this version, and of which nothing is known yet.

    At ``init``; and at the first start of a deployment that is older than admission.
    """
    for section in deployment.settings.models:
        if section.upstream.kind == "embedded" and not deployment.admissions.of(section.name):
            _admit(deployment, section, on_step)


def _admit(deployment: Deployment, section: ModelSection, on_step: Callable[[str], None]) -> None:
    upstream = section.upstream
    shipped = next((one for one in shipped_models() if one.weights.sha256 == upstream.sha256), None)
    if shipped is None:
        on_step(
            f"the model {section.name} is none that ships with Wardstead: it serves once it is admitted ('wardstead model add')"
        )
        return
    candidate = _candidate(deployment, section, shipped)
    if changed := changed_file(deployment, standing_of(candidate), {}):
        on_step(f"the model {section.name} is not admitted: {changed} by the version that ships it")
        return
    deployment.admissions.add(candidate)
    if not is_encrypted(deployment.places.directory / upstream.weights):
        scan_added(deployment, candidate, lambda _count: None)
        candidate = next(one.candidate for one in deployment.admissions.of(section.name) if one.candidate.id == candidate.id)
        if candidate.scan is None or candidate.scan.verdict is Verdict.BLOCKED:
            on_step(f"the model {section.name} is not admitted: its scan blocks it")
            return
    seal(deployment, candidate, None, None)


def _candidate(deployment: Deployment, section: ModelSection, shipped: ShippedModel) -> Candidate:
    """Its files as the configuration names them, by the digests that ship: whether they are those is seen afterwards."""
    upstream, now = section.upstream, now_ms()
    admitted = [AdmittedFile(upstream.weights, shipped.weights.sha256, shipped.weights.size_bytes, Role.WEIGHTS)]
    if upstream.chat_template:
        found = _template(deployment, upstream.chat_template, shipped)
        admitted.append(AdmittedFile(upstream.chat_template, found.sha256, found.size_bytes, Role.TEMPLATE))
    act = Act(f"wardstead {__version__}", "", now, f"its digests are those that ship with this version: {shipped.source}")
    ceiling = deployment.admission_policy().shipped_up_to
    return Candidate(
        uuid7(now, os.urandom(10)), section.name, ceiling, tuple(admitted), act, basis=Basis.SHIPPED, approvals=(act,)
    )  # fmt: skip


def _template(deployment: Deployment, path: str, shipped: ShippedModel) -> Digest:
    """The shipped template that is there; the newest where none is."""
    for one in shipped.templates:
        file = AdmittedFile(path, one.sha256, one.size_bytes, Role.TEMPLATE)
        if not changed_file(deployment, standing_of(Candidate("", "", "", (file,), Act("", "", 0))), {}):
            return one
    return shipped.templates[-1]
