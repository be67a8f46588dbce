"""Every detector of whole texts finds its examples and not its counter-examples; the catalogue fails closed."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from wardstead.inspection.content.detectors import content_detectors
from wardstead.inspection.content.rules import Rule, load_rules, rules_schema
from wardstead.kernel.errors import ConfigurationError

FOLDER = files("wardstead.catalogues") / "content"
RULES = load_rules({one.name: one.read_text("utf-8") for one in FOLDER.iterdir() if one.name.endswith(".yaml")})
CASES = [(one, text, True) for one in RULES for text in one.examples]
CASES += [(one, text, False) for one in RULES for text in one.counter_examples]
ALL = content_detectors(RULES)
ENTRY = "id: bad, type: bad, category: xx, source: xyz, owasp: 'LLM05:2025', cwe: CWE-1, examples: [a], counter_examples: [b]"


@pytest.mark.parametrize(("rule", "text", "expected"), CASES, ids=lambda value: getattr(value, "id", None))
def test_a_detector_finds_its_examples_alone(rule: Rule, text: str, expected: bool) -> None:
    found = [span for detector in content_detectors([rule]) for span in detector.detect([text])[0]]
    assert bool(found) is expected
    assert all(span.type == rule.type and 0 <= span.start < span.end <= len(text) for span in found)


def test_every_type_has_one_category_and_one_detector() -> None:
    for rule in RULES:
        owners = [one for one in ALL if one.types.get(rule.type) == rule.category]
        assert owners


def test_the_schema_beside_the_catalogue_is_that_of_the_code() -> None:
    assert json.loads((FOLDER / "content.schema.json").read_text()) == json.loads(json.dumps(rules_schema()))


@pytest.mark.parametrize(
    "text",
    [
        f"version: 1\ndetectors: [{{{ENTRY}}}]\n",
        f"version: 1\ndetectors: [{{{ENTRY}, pattern: x, method: loop}}]\n",
        f"version: 1\ndetectors: [{{{ENTRY}, method: nobody}}]\n",
        f"version: 1\ndetectors: [{{{ENTRY}, pattern: x}}, {{{ENTRY}, pattern: y}}]\n",
        f"version: 1\ndetectors: [{{{ENTRY}, pattern: x, surprise: 1}}]\n",
        "version: 1\ndetectors: [{id: bad}]\n",
        f"version: 1\ndetectors: [{{{ENTRY.replace('CWE-1', 'CWE')}, pattern: x}}]\n",
    ],
)
def test_a_catalogue_that_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_rules({"file.yaml": text})
    assert caught.value.where.startswith("file.yaml")


def test_a_pattern_that_the_engine_refuses_is_named() -> None:
    rules = load_rules({"file.yaml": f"version: 1\ndetectors: [{{{ENTRY}, where: code, pattern: '(?=a)'}}]\n"})
    with pytest.raises(ConfigurationError) as caught:
        content_detectors(rules)
    assert caught.value.where == "content: bad"
