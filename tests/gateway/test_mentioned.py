"""Whom a question mentions, known from what was found on its way in, is whom its recorded texts mention."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.gateway.playbook import LIMITS, world
from tests.inspection.reference import INSPECTOR

from wardstead.gateway.pipeline import steps
from wardstead.gateway.pipeline.steps import Inspected
from wardstead.gateway.protocol.openai import OpenAIDialect
from wardstead.gateway.protocol.types import ParsedRequest
from wardstead.inspection.identifiers import identifying
from wardstead.inspection.ports import Direction, Flow
from wardstead.inspection.pseudonyms import Vault

HERE = replace(world(), inspector=INSPECTOR, identifying=identifying(INSPECTOR.kinds))
PIECES = [
    "write to anna@example.com", "or +44 20 7946 0958", "Anna", "é ", "\n", "anna@example.com anna@example.org", "nobody",
    "call 020 7946 0958", "date of birth 12/03/1980",
]  # fmt: skip
TURNS = st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map(" ".join), min_size=1, max_size=4)


def asked(turns: Sequence[str]) -> tuple[Inspected, ParsedRequest]:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": turn} for turn in turns]}).encode()
    request = OpenAIDialect().parse("/v1/chat/completions", body, limits=LIMITS, fields=HERE.fields)
    return steps.inspect(HERE, request, HERE.models["m"], Vault(HERE.entropy, lambda _text: True), patient=True), request


@given(TURNS)
def test_whom_it_mentions_is_the_same_by_what_was_found_and_by_looking_again(turns: list[str]) -> None:
    inspected, request = asked(turns)
    assume(inspected.all_stand)
    again = steps.mentioned(HERE, request.texts, Flow(Direction.PROMPT, HERE.models["m"].model_class))
    assert steps.identified(HERE, request.texts, inspected.findings) == again


@pytest.mark.parametrize(
    ("turns", "all_stand"),
    [
        (["hello", "write to anna@example.com"], True),
        (["my SSN is 536-90-4399"], False),  # it is taken out: what is recorded is another text
        (["write to anna@exa", "mple.com"], False),  # it stands in neither
    ],
)
def test_what_was_found_is_told_from_what_is_recorded(turns: list[str], all_stand: bool) -> None:
    assert asked(turns)[0].all_stand is all_stand
