"""A bill as CycloneDX 1.6 or 1.7 (ECMA-424): the model card, its files, its lineage, its findings, and who says so.

Objects are built as plain JSON: the reference library has no model cards, data or declarations. Its schemas are what tests go by.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from typing import Any, Final, Literal

from packageurl import PackageURL

from wardstead.supply.advisories.audit import Weakness
from wardstead.supply.bom.bill import Bill
from wardstead.supply.bom.facts import Facts
from wardstead.supply.packages.package import Package
from wardstead.supply.ports import Severity
from wardstead.supply.rules import RULES, Finding

Version = Literal["1.6", "1.7"]
_MODEL: Final = "model"
_SEVERITIES: Final = {Severity.BLOCK: "critical", Severity.WARN: "medium", Severity.INFO: "info"}
LICENCES: Final = {
    one.lower(): one
    for one in (
        "Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Unlicense", "CC0-1.0", "CC-BY-4.0",
        "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0", "CC-BY-ND-4.0", "GPL-2.0-only",
        "GPL-3.0-only", "AGPL-3.0-only", "LGPL-3.0-only", "MPL-2.0", "EPL-2.0", "WTFPL", "Artistic-2.0",
        "BSL-1.0", "OFL-1.1", "ODbL-1.0", "MS-PL", "Zlib", "ECL-2.0", "EUPL-1.2",
    )
}  # fmt: skip
"""Of SPDX's list, those that models bear, as model cards spell them."""
_RATED: Final = frozenset({"critical", "high", "medium", "low", "none"})


def document(bill: Bill, version: Version = "1.6") -> dict[str, Any]:
    """The same bill gives the same document, its serial number included: it is drawn from what the bill says."""
    files = [_file(one.file, one.size_bytes, one.sha256, one.format) for one in bill.files]
    packages = [package(one) for one in _packages(bill)]
    datasets = [_dataset(number, bill) for number in range(len(bill.facts.datasets))]
    body: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": version,
        "version": 1,
        "metadata": {
            "timestamp": bill.at,
            "lifecycles": [{"phase": "post-build"}],
            "tools": {"components": [{"type": "application", "name": bill.tool[0], "version": bill.tool[1]}]},
            **({"authors": [{"name": bill.facts.author}]} if bill.facts.author else {}),
            **({"supplier": {"name": bill.facts.supplier}} if bill.facts.supplier else {}),
            "component": _model(bill),
        },
        "components": [*files, *datasets, *packages],
        "dependencies": _dependencies(files, datasets, packages),
        "vulnerabilities": [*_findings(bill), *(weakness(one) for one in (bill.serving.weaknesses if bill.serving else ()))],
        "declarations": _declarations(bill),
    }
    return numbered(body)


def numbered(body: dict[str, Any]) -> dict[str, Any]:
    """With its schema, and a serial number that is drawn from what it says."""
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    schema = f"http://cyclonedx.org/schema/bom-{body['specVersion']}.schema.json"
    return {"$schema": schema, "serialNumber": uuid.uuid5(uuid.NAMESPACE_OID, digest).urn, **body}


def _model(bill: Bill) -> dict[str, Any]:
    facts = bill.facts
    found: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": _MODEL,
        "name": bill.name,
        "version": facts.version or fingerprint(bill)[:12],
        "purl": PackageURL(
            "generic", None, bill.name, facts.version or None, {"checksum": f"sha256:{fingerprint(bill)}"}
        ).to_string(),
        "hashes": [{"alg": "SHA-256", "content": fingerprint(bill)}],
        "modelCard": _card(facts),
        "properties": _properties(facts),
    }
    if facts.supplier:
        found["supplier"] = {"name": facts.supplier}
    if facts.description:
        found["description"] = facts.description
    if facts.licences:
        found["licenses"] = [
            {"license": {"id": LICENCES[one.lower()]} if one.lower() in LICENCES else {"name": one}} for one in facts.licences
        ]
    if facts.ancestors:
        found["pedigree"] = {"ancestors": [_ancestor(number, facts) for number in range(len(facts.ancestors))]}
    links = [("distribution", facts.download), ("vcs", facts.source), ("documentation", facts.documentation)]
    if any(url for _, url in links):
        found["externalReferences"] = [{"type": kind, "url": url} for kind, url in links if url]
    return found


def fingerprint(bill: Bill) -> str:
    """SHA-256 over every file's name and SHA-256: what ``sha256sum * | sha256sum`` would say of the sorted files."""
    lines = "".join(f"{one.sha256}  {one.file}\n" for one in sorted(bill.files, key=lambda one: one.file))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _card(facts: Facts) -> dict[str, Any]:
    parameters: dict[str, Any] = {"inputs": [{"format": "string"}], "outputs": [{"format": "string"}]}
    said = (("task", facts.task), ("architectureFamily", facts.family), ("modelArchitecture", facts.architecture))
    parameters |= {key: value for key, value in said if value}
    if facts.approach:
        parameters["approach"] = {"type": facts.approach}
    if facts.datasets:
        parameters["datasets"] = [{"ref": f"dataset-{number}"} for number in range(len(facts.datasets))]
    card: dict[str, Any] = {"modelParameters": parameters}
    if facts.metrics:
        card["quantitativeAnalysis"] = {"performanceMetrics": [
            {"type": one.type, "value": one.value, **({"slice": one.dataset} if one.dataset else {})} for one in facts.metrics
        ]}  # fmt: skip
    if considerations := dict(_considerations(facts)):
        card["considerations"] = considerations
    return card


def _considerations(facts: Facts) -> Iterator[tuple[str, Any]]:
    if facts.users:
        yield "users", list(facts.users)
    if facts.uses:
        yield "useCases", [facts.uses]
    if facts.limitations:
        yield "technicalLimitations", [facts.limitations]
    if facts.safety:
        yield "ethicalConsiderations", [{"name": facts.safety}]
    if facts.energy is not None:
        cost = {"value": facts.energy.kwh, "unit": "kWh"}
        provider = {
            "organization": {"name": facts.energy.source or "not told"},
            "energySource": "unknown",
            "energyProvided": cost,
        }
        consumption = {"activity": facts.energy.activity, "energyProviders": [provider], "activityEnergyCost": cost}
        yield "environmentalConsiderations", {"energyConsumptions": [consumption]}


def _properties(facts: Facts) -> list[dict[str, str]]:
    """What the standard has no field for: under the names of SPDX's AI profile where it has one."""
    said: dict[str, str] = {
        "primaryPurpose": facts.purpose, "domain": facts.domain, "autonomyType": facts.autonomy,
        "standardCompliance": ", ".join(facts.standards), "informationAboutTraining": facts.training,
        "modelDataPreprocessing": facts.preprocessing, "useSensitivePersonalInformation": facts.sensitive_data,
        "modelExplainability": facts.explainability, "metricDecisionThreshold": facts.decision_threshold,
        "wardstead:quantisation": facts.quantisation, "wardstead:tokenizer": facts.tokenizer,
        "wardstead:chat-template-sha256": facts.template_sha256, "wardstead:languages": ", ".join(facts.languages),
        "wardstead:library": facts.library, "wardstead:parameters": str(facts.parameters or ""),
        "wardstead:context-length": str(facts.context_length or ""),
        **{f"hyperparameter:{key}": value for key, value in facts.hyperparameters.items()},
    }  # fmt: skip
    return [{"name": name, "value": value} for name, value in sorted(said.items()) if value]


def _ancestor(number: int, facts: Facts) -> dict[str, Any]:
    one = facts.ancestors[number]
    found: dict[str, Any] = {"type": "machine-learning-model", "bom-ref": f"ancestor-{number}", "name": one.name}
    if one.version:
        found["version"] = one.version
    if one.url:
        found["externalReferences"] = [{"type": "distribution", "url": one.url}]
    return found | {"properties": [{"name": "wardstead:relation", "value": one.relation}]}


def _file(name: str, size: int, sha256: str, kind: str) -> dict[str, Any]:
    properties = [("wardstead:format", kind or "unknown"), ("wardstead:size-bytes", str(size))]
    found: dict[str, Any] = {"type": "file", "bom-ref": f"file:{readable(name)}", "name": readable(name)}
    if sha256:
        found["hashes"] = [{"alg": "SHA-256", "content": sha256}]
    return found | {"properties": [{"name": key, "value": value} for key, value in properties]}


def readable(name: str) -> str:
    """Names that are no Unicode, as text that can be written."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _dataset(number: int, bill: Bill) -> dict[str, Any]:
    one = bill.facts.datasets[number]
    data: dict[str, Any] = {"type": "dataset", "name": one.name}
    if one.url:
        data["contents"] = {"url": one.url}
    if one.description:
        data["description"] = one.description
    return {"type": "data", "bom-ref": f"dataset-{number}", "name": one.name, "data": [data]}


def _packages(bill: Bill) -> list[Package]:
    """What serves the model, each once."""
    if bill.serving is None:
        return []
    return sorted({one.purl: one for one in bill.serving.packages}.values())


def package(one: Package) -> dict[str, Any]:
    """A package as a component; its package URL is its reference."""
    version = {"version": one.version} if one.version else {}
    return {"type": "library", "bom-ref": one.purl, "name": one.name, **version, "purl": one.purl}


def _dependencies(*groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"ref": _MODEL, "dependsOn": [one["bom-ref"] for group in groups for one in group]}]


def _findings(bill: Bill) -> Iterator[dict[str, Any]]:
    """What a scan found, from ``warn`` on."""
    for scanned in bill.files:
        for number, one in enumerate(scanned.findings):
            if one.severity is not Severity.INFO:
                yield _finding(one, scanned.file, number)


def _finding(one: Finding, file: str, number: int) -> dict[str, Any]:
    rule = RULES[one.rule]
    cwes = [int(name.removeprefix("CWE-")) for name in rule.techniques if name.startswith("CWE-")]
    return {
        "bom-ref": f"finding:{readable(file)}:{number}",
        "id": one.rule,
        "source": {"name": "wardstead model scan"},
        "ratings": [{"severity": _SEVERITIES[one.severity], "method": "other"}],
        **({"cwes": cwes} if cwes else {}),
        "description": f"{rule.title}: {readable(one.what)}",
        "recommendation": rule.next_step,
        "affects": [{"ref": f"file:{readable(file)}"}],
    }


def weakness(one: Weakness) -> dict[str, Any]:
    """What concerns a package, with what was decided of it."""
    rating: dict[str, Any] = {"severity": one.severity if one.severity in _RATED else "unknown"}
    if one.score is not None:
        rating["score"] = one.score
    found: dict[str, Any] = {
        "bom-ref": f"{one.id}:{one.package.purl}", "id": one.id, "ratings": [rating], "affects": [{"ref": one.package.purl}],
        "references": [{"id": name, "source": {"name": name.split("-")[0]}} for name in one.names[1:]],
    }  # fmt: skip
    if one.summary:
        found["description"] = one.summary
    if one.fixed:
        found["recommendation"] = f"Update to {one.fixed[0]}"
    if (said := one.statement) is not None:
        states = {
            "not_affected": "not_affected",
            "fixed": "resolved",
            "under_investigation": "in_triage",
            "affected": "exploitable",
        }
        found["analysis"] = {"state": states[said.status], "detail": f"{said.owner}: {said.reason} (until {said.expires})"}
    return found


def _declarations(bill: Bill) -> dict[str, Any]:
    """Who looked, what they claim, and on what evidence."""
    grave = [one for scanned in bill.files for one in scanned.findings if one.severity is not Severity.INFO]
    verdict = "blocked" if any(one.severity is Severity.BLOCK for one in grave) else "suspicious" if grave else "clean"
    size = sum(one.size_bytes for one in bill.files)
    rules = sorted({one.rule for one in grave})
    said = json.dumps({"verdict": verdict, "files": len(bill.files), "bytes": size, "rules": rules}, sort_keys=True)
    return {
        "assessors": [{"bom-ref": "assessor", "thirdParty": True, "organization": {"name": f"{bill.tool[0]} {bill.tool[1]}"}}],
        "attestations": [
            {"summary": f"A scan of every file: {verdict}", "assessor": "assessor", "map": [{"claims": ["scanned"]}]},
        ],
        "claims": [{
            "bom-ref": "scanned", "target": _MODEL, "evidence": ["scan"],
            "predicate": "Its files were read to their end without being loaded, and held against every rule of the scanner",
            "reasoning": f"{verdict}: {len(grave)} findings that need somebody to look",
        }],
        "evidence": [{
            "bom-ref": "scan", "propertyName": "wardstead.scan", "description": "What the scan found, in short",
            "data": [{"name": "scan", "contents": {"attachment": {"contentType": "application/json", "content": said}}}],
        }],
    }  # fmt: skip
