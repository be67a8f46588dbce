"""Every example, by family."""

from __future__ import annotations

from collections.abc import Iterator

from bench.supply.case import Case
from bench.supply.expected import rules_of
from bench.supply.families import chat_templates, disguised, further, pickled, published, readers, repository, tensors

FAMILIES = (tensors, chat_templates, pickled, repository, disguised, further, readers, published)


def corpus() -> Iterator[Case]:
    """All of them, in an order that stays."""
    for family in FAMILIES:
        for one in family.cases():
            yield one._replace(rules=rules_of(one.family, one.name)) if one.harmful else one
