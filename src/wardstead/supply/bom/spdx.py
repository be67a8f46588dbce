"""A bill in the AI profile of SPDX 3.0.1 (https://spdx.github.io/spdx-spec/v3.0.1/), as JSON-LD."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from wardstead.supply.bom.bill import Bill
from wardstead.supply.bom.cyclonedx import LICENCES, fingerprint, readable
from wardstead.supply.bom.facts import Facts
from wardstead.supply.packages.package import Package

_CONTEXT: Final = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
_CREATION: Final = "_:creation"


def document(bill: Bill) -> dict[str, Any]:
    """Deterministic: its namespace is drawn from what it says."""
    facts = bill.facts
    serves = [repr(bill.serving)] if bill.serving is not None else []
    said = json.dumps([fingerprint(bill), bill.at, list(bill.tool), repr(facts), *serves], sort_keys=True)
    root = f"urn:wardstead:bom:{hashlib.sha256(said.encode()).hexdigest()}#"
    model = root + "model"
    agent = {"type": "SoftwareAgent", "spdxId": root + "agent", "creationInfo": _CREATION, "name": " ".join(bill.tool)}
    supplier = {"type": "Organization", "spdxId": root + "supplier", "creationInfo": _CREATION, "name": facts.supplier}
    graph: list[dict[str, Any]] = [
        {"type": "CreationInfo", "@id": _CREATION, "specVersion": "3.0.1", "created": bill.at, "createdBy": [root + "agent"]},
        agent,
        _model(bill, root),
        *([supplier] if facts.supplier else []),
    ]
    files = [_file(one.file, one.sha256, f"{root}file-{number}") for number, one in enumerate(bill.files)]
    datasets = [_dataset(number, facts, root) for number in range(len(facts.datasets))]
    ancestors = [_ancestor(number, facts, root) for number in range(len(facts.ancestors))]
    licences = [_licence(one, f"{root}licence-{number}") for number, one in enumerate(facts.licences)]
    serving = [_package(one, f"{root}package-{number}") for number, one in enumerate(_serving(bill))]
    links = [
        (model, "contains", [one["spdxId"] for one in files]),
        (model, "trainedOn", [one["spdxId"] for one in datasets]),
        (model, "descendantOf", [one["spdxId"] for one in ancestors]),
        (model, "hasDeclaredLicense", [one["spdxId"] for one in licences]),
        (model, "dependsOn", [one["spdxId"] for one in serving]),
    ]
    relations = [_relation(source, kind, targets, f"{root}relation-{kind}") for source, kind, targets in links if targets]
    graph += [*files, *datasets, *ancestors, *licences, *serving, *relations, *_weaknesses(bill, root)]
    profiles = ["core", "software", "ai", "dataset", "simpleLicensing", *(["security"] if serves else [])]
    elements = [one["spdxId"] for one in graph if "spdxId" in one]
    graph.append({
        "type": "SpdxDocument", "spdxId": root + "document", "creationInfo": _CREATION, "name": bill.name, "rootElement": [model],
        "element": elements, "profileConformance": profiles,
    })  # fmt: skip
    return {"@context": _CONTEXT, "@graph": graph}


def _element(kind: str, name: str, identity: str) -> dict[str, Any]:
    return {"type": kind, "spdxId": identity, "creationInfo": _CREATION, "name": name}


def _hash(sha256: str) -> list[dict[str, str]]:
    return [{"type": "Hash", "algorithm": "sha256", "hashValue": sha256}]


def _model(bill: Bill, root: str) -> dict[str, Any]:
    facts = bill.facts
    found = _element("ai_AIPackage", bill.name, root + "model")
    found["software_primaryPurpose"] = "model"
    found["software_packageVersion"] = facts.version or fingerprint(bill)[:12]
    found["verifiedUsing"] = _hash(fingerprint(bill))
    texts = {
        "description": facts.description, "software_downloadLocation": facts.download, "software_homePage": facts.documentation,
        "software_sourceInfo": facts.source, "ai_informationAboutTraining": facts.training,
        "ai_informationAboutApplication": facts.uses, "ai_limitation": facts.limitations,
    }  # fmt: skip
    lists = {
        "ai_typeOfModel": (facts.family, facts.architecture), "ai_domain": (facts.domain,),
        "ai_standardCompliance": facts.standards,
        "ai_modelDataPreprocessing": (facts.preprocessing,), "ai_modelExplainability": (facts.explainability,),
    }  # fmt: skip
    found |= {key: value for key, value in texts.items() if value}
    found |= {key: [one for one in value if one] for key, value in lists.items() if any(value)}
    entries = {
        "ai_hyperparameter": facts.hyperparameters,
        "ai_metric": {f"{one.type} {one.dataset}".strip(): one.value for one in facts.metrics},
        "ai_metricDecisionThreshold": {"threshold": facts.decision_threshold} if facts.decision_threshold else {},
    }  # fmt: skip
    found |= {
        name: [{"type": "DictionaryEntry", "key": key, "value": value} for key, value in sorted(pairs.items())]
        for name, pairs in entries.items()
        if pairs
    }
    found |= _judged(facts)
    if facts.supplier:
        found["suppliedBy"] = root + "supplier"
    return found


def _judged(facts: Facts) -> dict[str, Any]:
    """What SPDX knows as one of a few words."""
    found: dict[str, Any] = {}
    if (word := facts.sensitive_data.lower()) in ("yes", "no"):
        found["ai_useSensitivePersonalInformation"] = word
    if (word := facts.autonomy.lower()) in ("yes", "no"):
        found["ai_autonomyType"] = word
    if (word := facts.safety.lower()) in ("serious", "high", "medium", "low"):
        found["ai_safetyRiskAssessment"] = word
    if facts.energy is not None:
        kind = {"training": "trainingEnergyConsumption", "fine-tuning": "finetuningEnergyConsumption"}.get(
            facts.energy.activity, "inferenceEnergyConsumption"
        )
        one = {"type": "ai_EnergyConsumptionDescription", "ai_energyQuantity": facts.energy.kwh, "ai_energyUnit": "kilowattHour"}
        found["ai_energyConsumption"] = {"type": "ai_EnergyConsumption", f"ai_{kind}": [one]}
    return found


def _file(name: str, sha256: str, identity: str) -> dict[str, Any]:
    found = _element("software_File", readable(name), identity)
    return found | ({"verifiedUsing": _hash(sha256)} if sha256 else {})


def _serving(bill: Bill) -> tuple[Package, ...]:
    return bill.serving.packages if bill.serving is not None else ()


def _package(one: Package, identity: str) -> dict[str, Any]:
    found = _element("software_Package", readable(one.name), identity) | {"software_packageUrl": one.purl}
    return found | ({"software_packageVersion": readable(one.version)} if one.version else {})


def _weaknesses(bill: Bill, root: str) -> list[dict[str, Any]]:
    """The advisories that concern what serves it, each with the package that it is about."""
    places = {one: number for number, one in enumerate(_serving(bill))}
    found: list[dict[str, Any]] = []
    for number, one in enumerate(bill.serving.weaknesses if bill.serving is not None else ()):
        identity = f"{root}vulnerability-{number}"
        known = _element("security_Vulnerability", readable(one.id), identity)
        source = f"{root}package-{places[one.package]}"
        found += [known | ({"summary": readable(one.summary)} if one.summary else {}),
                  _relation(source, "hasAssociatedVulnerability", [identity], f"{identity}-of")]  # fmt: skip
    return found


def _dataset(number: int, facts: Facts, root: str) -> dict[str, Any]:
    one = facts.datasets[number]
    found = _element("dataset_DatasetPackage", one.name, f"{root}dataset-{number}")
    found |= {"dataset_datasetType": ["noAssertion"], "software_primaryPurpose": "data"}
    said = {"description": one.description, "software_downloadLocation": one.url}
    return found | {key: value for key, value in said.items() if value}


def _ancestor(number: int, facts: Facts, root: str) -> dict[str, Any]:
    one = facts.ancestors[number]
    found = _element("ai_AIPackage", one.name, f"{root}ancestor-{number}")
    said = {"software_packageVersion": one.version, "software_downloadLocation": one.url, "comment": one.relation}
    return found | {"software_primaryPurpose": "model"} | {key: value for key, value in said.items() if value}


def _licence(name: str, identity: str) -> dict[str, Any]:
    """A text where the licence is none of SPDX's list: an expression has to be one."""
    found = {"type": "simplelicensing_LicenseExpression", "spdxId": identity, "creationInfo": _CREATION}
    if name.lower() in LICENCES:
        return found | {"simplelicensing_licenseExpression": LICENCES[name.lower()]}
    return found | {"type": "simplelicensing_SimpleLicensingText", "simplelicensing_licenseText": name}


def _relation(source: str, kind: str, targets: list[str], identity: str) -> dict[str, Any]:
    found = {"type": "Relationship", "spdxId": identity, "creationInfo": _CREATION, "from": source}
    return found | {"to": targets, "relationshipType": kind}
