"""Examples of what a classification policy should make of texts: a table that a deployment keeps, and runs after each change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from wardstead.inspection.classify import Classifier
from wardstead.inspection.inspector import PolicyInspector
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


class Outcome(msgspec.Struct, frozen=True):
    """What came of an example: nothing in ``differences`` means what should. ``failed``: detectors that did not work."""

    name: str
    differences: tuple[Difference, ...]
    failed: tuple[str, ...] = ()


def load_examples(text: str, where: str) -> tuple[Example, ...]:
    """The examples of a file. Raises ``ConfigurationError`` that names file, line and key."""
    return read_yaml(text, where, _Examples).examples


def examples_schema() -> dict[str, object]:
    """The JSON Schema of a file of examples."""
    return msgspec.json.schema(_Examples)


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
            differences.append(Difference("label", str(expected), str(classified.label)))
    return Outcome(example.name, (*differences, *_judged(example, inspector)), classified.failed)


def _judged(example: Example, inspector: PolicyInspector) -> Iterator[Difference]:
    model = ModelClass(example.model)
    to_model = inspector.inspect(example.text, Flow(Direction.PROMPT, model))
    from_model = inspector.inspect(example.text, Flow(Direction.ANSWER, model))
    for what, expected, verdict in (("prompt", example.prompt, to_model), ("answer", example.answer, from_model)):
        got = verdict.action.name.lower()
        if expected is not None and expected != got:
            yield Difference(what, expected, got)
    if example.becomes is not None and example.becomes != to_model.text:
        yield Difference("becomes", example.becomes, to_model.text)
