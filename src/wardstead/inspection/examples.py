"""Examples of what a classification policy should make of texts: a table that a deployment keeps, and runs after each change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from wardstead.inspection.classify import Classification, Classifier, Found
from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.policy import ClassificationPolicy, nearest
from wardstead.inspection.ports import Direction, Flow, ModelClass
from wardstead.kernel.yaml_input import read_yaml

Word = Literal["allow", "flag", "pseudonymise", "mask", "redact", "hold", "block"]


class ExpectedLabel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A level and compartments."""

    level: str
    compartments: tuple[str, ...] = ()


class Example(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text and what should come of it. What is left out is not looked at."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    text: str
    model: Literal["isolated", "exposed", "unattested"] = "isolated"
    label: ExpectedLabel | None = None
    """Of the text as it stands, before anything is taken out."""
    finds: tuple[str, ...] = ()
    finds_not: tuple[str, ...] = ()
    prompt: Word | None = None
    """The strictest of what happens on the way to the model."""
    answer: Word | None = None
    becomes: str | None = None
    """The text that goes on to the model."""


class _Examples(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of examples."""

    version: Literal[1]
    examples: Annotated[tuple[Example, ...], msgspec.Meta(min_length=1)]


class Difference(msgspec.Struct, frozen=True):
    """Where a text came to something else than its example says."""

    what: str
    expected: str
    got: str
    why: str = ""
    """Which findings it comes of, and where policy says so."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of an example: nothing in ``differences`` means what should. ``failed``: detectors that did not work."""

    name: str
    differences: tuple[Difference, ...]
    failed: tuple[str, ...] = ()


def load_examples(text: str, where: str) -> tuple[Example, ...]:
    """The examples of a file. Raises ``ConfigurationError`` that names file, line and key."""
    return read_yaml(text, where, _Examples).examples


def run(example: Example, classifier: Classifier, inspector: PolicyInspector) -> Outcome:
    """Hold one example against what the detectors and the policy really make of it."""
    classified = classifier.classify(example.text)
    types = {name for found in classified.findings for name in (found.type, *found.also)}
    differences = [
        *(Difference("finds", name, "not found") for name in example.finds if name not in types),
        *(Difference("finds_not", f"no {name}", "found") for name in example.finds_not if name in types),
    ]
    if example.label is not None:
        expected = inspector.policy.levels.label(example.label.level, example.label.compartments)
        if expected != classified.label:
            why = _why(classified, inspector.policy, None)
            differences.append(Difference("label", str(expected), str(classified.label), why))
    return Outcome(example.name, (*differences, *_judged(example, inspector, classified)), classified.failed)


def _judged(example: Example, inspector: PolicyInspector, classified: Classification) -> Iterator[Difference]:
    model = ModelClass(example.model)
    forth, back = Flow(Direction.PROMPT, model), Flow(Direction.ANSWER, model)
    to_model, from_model = inspector.inspect(example.text, forth), inspector.inspect(example.text, back)

    def why(flow: Flow) -> str:
        return _why(classified, inspector.policy, flow)

    for what, expected, verdict, flow in (
        ("prompt", example.prompt, to_model, forth),
        ("answer", example.answer, from_model, back),
    ):
        got = verdict.action.name.lower()
        if expected is not None and expected != got:
            yield Difference(what, expected, got, why(flow))
    if example.becomes is not None and example.becomes != to_model.text:
        yield Difference("becomes", example.becomes, to_model.text, why(forth))


def _why(classified: Classification, policy: ClassificationPolicy, flow: Flow | None) -> str:
    """What policy says of each finding, and where: its label, or what happens to it on this way."""
    said: dict[str, None] = {}
    for one in classified.findings:
        what = str(one.label) if flow is None else one.actions[flow].name.lower()
        said[f"{one.type}: {what} ({', '.join(_places(one, policy, flow))})"] = None
    return "; ".join(said)


def _places(one: Found, policy: ClassificationPolicy, flow: Flow | None) -> Iterator[str]:
    """The rule, the combinations, and the handling of the label that comes to the same."""
    yield policy.where(one.type, one.category)
    yield from (item.treatment.where for item in policy.combinations if item.id in one.combinations)
    if flow is not None:
        yield from (entry.where for entry in nearest(policy.handling, one.label) if entry.actions[flow] is one.actions[flow])
