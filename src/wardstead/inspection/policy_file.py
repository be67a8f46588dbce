"""The form of a classification policy's file; ``policy_loading`` makes of it what it means."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

Meta = msgspec.Meta
Word = Literal["allow", "flag", "pseudonymise", "mask", "redact", "hold", "block"]
Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]
Compartment = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{0,39}$")]
MAX_WITHIN: Final = 10_000
MAX_COUNT: Final = 10_000
MAX_LEVELS: Final = 16


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    level: Compartment
    compartments: tuple[Compartment, ...] = ()


class ByClass(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens, by the class of the model that the text goes to or comes from."""

    isolated: Word | None = None
    exposed: Word | None = None
    unattested: Word | None = None
    otherwise: Word | None = None


Actions = Word | ByClass


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a finding means: for a detector's type, or for all of a category."""

    label: Label
    type: str = ""
    category: str = ""
    prompt: Actions | None = None
    answer: Actions | None = None


class Term(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """So many different findings of a type or a category."""

    type: str = ""
    category: str = ""
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT)] = 1


class Combination(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What several findings mean together, in ``directions``.

    ``within``: so many characters from the first to the last; else the whole text.
    """

    id: Name
    of: Annotated[tuple[Term, ...], Meta(min_length=1, max_length=8)]
    label: Label
    within: Annotated[int, Meta(ge=1, le=MAX_WITHIN)] | None = None
    directions: Annotated[tuple[Literal["prompt", "answer"], ...], Meta(min_length=1)] = ("prompt", "answer")
    prompt: Actions | None = None
    answer: Actions | None = None


class Handling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens to data whose label is this one or dominates it.

    Of those that apply the nearest; of several, the strictest.
    """

    label: Label
    prompt: Actions
    answer: Actions
    retention_days: Annotated[int, Meta(ge=1, le=36_500)] | None = None
    encryption: Literal["subject", "not-kept"] = "subject"
    seen_by: tuple[str, ...] | None = None


class Failures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it means that a detector failed: for a text that is public by all others, and for one above."""

    public: Literal["allow", "flag", "hold", "block"] = "flag"
    above: Literal["allow", "flag", "hold", "block"] = "block"


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A policy file."""

    version: Annotated[int, Meta(ge=1)]
    extends: str = ""
    levels: Annotated[tuple[Compartment, ...], Meta(min_length=1, max_length=MAX_LEVELS)] | None = None
    level_aliases: dict[Compartment, Compartment] = {}
    compartments: dict[Compartment, str] = {}
    rules: tuple[Rule, ...] = ()
    combinations: tuple[Combination, ...] = ()
    handling: tuple[Handling, ...] = ()
    failures: Failures | None = None
    slow_detectors: dict[str, Literal["always", "combined", "never"]] = {}


def policy_schema() -> dict[str, object]:
    """The JSON Schema of a policy file."""
    return msgspec.json.schema(Policy)
