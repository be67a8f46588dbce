"""How much of what a bill should say it says, and what to do about the rest.

Sources: the fields, tiers and weights of the OWASP AIBOM Generator's field mapping (categories of 20, 20, 20, 30 and 10 points;
critical counts three times, important twice); CISA, "2025 Minimum Elements for a Software Bill of Materials".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

Document = Mapping[str, Any]
_CRITICAL, _IMPORTANT, _SUPPLEMENTARY = 3, 2, 1
_POINTS: Final = {"required": 20, "metadata": 20, "component": 20, "model card": 30, "references": 10}


class Field(msgspec.Struct, frozen=True):
    """Whether a bill says something. ``how``: where the answer comes from, or what to write into the facts."""

    name: str
    there: Callable[[Document], bool]
    how: str
    category: str = ""
    weight: int = 1


class Missing(msgspec.Struct, frozen=True):
    """What a bill does not say."""

    standard: str
    field: str
    how: str


class Completeness(msgspec.Struct, frozen=True):
    """``score``: of 100 points, by OWASP's weights; ``minimum``: how many of CISA's elements are there."""

    score: float
    categories: dict[str, float]
    minimum: int
    minimum_of: int
    missing: tuple[Missing, ...]


def completeness(document: Document) -> Completeness:
    """Of a CycloneDX document, ours or another's."""
    categories: dict[str, float] = {}
    for category, points in _POINTS.items():
        fields = [one for one in _OWASP if one.category == category]
        there = sum(one.weight for one in fields if one.there(document))
        categories[category] = round(points * there / sum(one.weight for one in fields), 1)
    missing = [Missing("OWASP", one.name, one.how) for one in _OWASP if not one.there(document)]
    missing += [Missing("CISA", one.name, one.how) for one in _CISA if not one.there(document)]
    minimum = sum(one.there(document) for one in _CISA)
    return Completeness(round(sum(categories.values()), 1), categories, minimum, len(_CISA), tuple(missing))


def model(document: Document) -> Document:
    """The model that a document is about: its subject, or the first model among its components."""
    subject = document.get("metadata", {}).get("component", {})
    if subject.get("type") == "machine-learning-model":
        return subject  # type: ignore[no-any-return]
    return next((one for one in document.get("components", []) if one.get("type") == "machine-learning-model"), subject)


def _has(*path: str) -> Callable[[Document], bool]:
    """Whether there is something at a path below the model."""
    return lambda document: _there(model(document), path)


def _top(*path: str) -> Callable[[Document], bool]:
    """The same below the bill."""
    return lambda document: _there(document, path)


def _there(here: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        here = here.get(part) if isinstance(here, Mapping) else None
    return bool(here)


def _property(name: str) -> Callable[[Document], bool]:
    """Whether there is a property of this name, or of a name that begins so, with the model, its card, or the bill."""

    def there(document: Document) -> bool:
        one = model(document)
        places = [one, one.get("modelCard", {}), document.get("metadata", {})]
        found = [each for place in places for each in place.get("properties", [])]
        return any(each.get("name", "").startswith(name) and each.get("value") for each in found)

    return there


def _any(*ways: Callable[[Document], bool]) -> Callable[[Document], bool]:
    return lambda document: any(one(document) for one in ways)


def _link(kind: str) -> Callable[[Document], bool]:
    return lambda document: any(
        one.get("type") == kind
        for one in [*model(document).get("externalReferences", []), *document.get("externalReferences", [])]
    )


def _hashed(document: Document) -> bool:
    """The model, and every file."""
    files = [one for one in document.get("components", []) if one.get("type") == "file"]
    return bool(model(document).get("hashes")) and all(one.get("hashes") for one in files)


def _facts(key: str) -> str:
    return f"write {key} into a file of facts, and give it with --facts"


def _card(name: str, there: Callable[[Document], bool], fact: str, weight: int = _SUPPLEMENTARY) -> Field:
    """A field of the model card, which a person can supply as ``fact``."""
    return Field(name, there, _facts(fact), "model card", weight)


_PARAMETERS: Final = ("modelCard", "modelParameters")
_CONSIDERATIONS: Final = ("modelCard", "considerations")
_ENERGY: Final = _has(*_CONSIDERATIONS, "environmentalConsiderations", "energyConsumptions")
_PURPOSE: Final = _any(_property("primaryPurpose"), _has(*_PARAMETERS, "task"))
_SUPPLIER: Final = _any(_has("supplier"), _top("metadata", "supplier"), _property("suppliedBy"))
_RISKS: Final = _any(_has(*_CONSIDERATIONS, "ethicalConsiderations"), _property("safetyRiskAssessment"))
_KIND: Final = _any(_has(*_PARAMETERS, "architectureFamily"), _has(*_PARAMETERS, "modelArchitecture"))
_USES: Final = _any(_has(*_CONSIDERATIONS, "useCases"), _property("informationAboutApplication"))
_TOOL: Final = "make the bill with a tool of CycloneDX"
_OWASP: Final = (
    *(Field(one, _top(one), _TOOL, "required", _CRITICAL) for one in ("bomFormat", "specVersion", "serialNumber", "version")),
    Field("primaryPurpose", _PURPOSE, _facts("purpose"), "metadata", _CRITICAL),
    Field("suppliedBy", _SUPPLIER, _facts("supplier"), "metadata", _CRITICAL),
    Field("standardCompliance", _property("standardCompliance"), _facts("standards"), "metadata"),
    Field("domain", _property("domain"), _facts("domain"), "metadata"),
    Field("autonomyType", _property("autonomyType"), _facts("autonomy"), "metadata"),
    Field("name", _has("name"), _facts("name"), "component", _CRITICAL),
    Field("type", _has("type"), _TOOL, "component", _IMPORTANT),
    Field("purl", _has("purl"), _TOOL, "component", _IMPORTANT),
    Field("description", _has("description"), _facts("description"), "component", _IMPORTANT),
    Field("licenses", _has("licenses"), _facts("licences"), "component", _IMPORTANT),
    _card("energyConsumption", _any(_ENERGY, _property("energyConsumption")), "energy", _IMPORTANT),
    _card("hyperparameter", _property("hyperparameter"), "hyperparameters", _IMPORTANT),
    _card("limitation", _has(*_CONSIDERATIONS, "technicalLimitations"), "limitations", _IMPORTANT),
    _card("safetyRiskAssessment", _RISKS, "safety", _IMPORTANT),
    _card("typeOfModel", _KIND, "family", _IMPORTANT),
    _card("modelExplainability", _property("modelExplainability"), "explainability"),
    _card("energyQuantity", _any(_ENERGY, _property("energyQuantity")), "energy"),
    _card("energyUnit", _any(_ENERGY, _property("energyUnit")), "energy"),
    _card("informationAboutTraining", _property("informationAboutTraining"), "training"),
    _card("informationAboutApplication", _USES, "uses"),
    _card("metric", _has("modelCard", "quantitativeAnalysis", "performanceMetrics"), "metrics"),
    _card("metricDecisionThreshold", _property("metricDecisionThreshold"), "decision_threshold"),
    _card("modelDataPreprocessing", _property("modelDataPreprocessing"), "preprocessing"),
    _card("useSensitivePersonalInformation", _property("useSensitivePersonalInformation"), "sensitive_data"),
    Field("downloadLocation", _link("distribution"), _facts("download"), "references", _CRITICAL),
)
_CISA: Final = (
    Field("SBOM author", _any(_top("metadata", "authors"), _top("metadata", "manufacturer")), _facts("author")),
    Field("software producer", _any(_has("supplier"), _top("metadata", "supplier")), _facts("supplier")),
    Field("component name", _has("name"), _facts("name")),
    Field("component version", _has("version"), _facts("version")),
    Field("software identifiers", _any(_has("purl"), _has("cpe"), _has("swhid")), "make it with a tool that gives package URLs"),
    Field("component hash", _hashed, "make the bill from the files themselves"),
    Field("license", _has("licenses"), _facts("licences")),
    Field("dependency relationship", _top("dependencies"), "make the bill with --serving, so that it says what the model needs"),
    Field("tool name", _top("metadata", "tools"), "make the bill with a tool that names itself"),
    Field("timestamp", _top("metadata", "timestamp"), "make the bill with a tool that tells the time"),
    Field("generation context", _top("metadata", "lifecycles"), "make the bill with a tool that says from what it was made"),
)  # fmt: skip
