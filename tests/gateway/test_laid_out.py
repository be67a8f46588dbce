"""What is laid out over the values of structured output and of tool calls: nobody who parses it reads them apart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.gateway.test_reasoning import CARD, TOKEN, guard

from wardstead.gateway.pipeline.answer import Cut
from wardstead.gateway.protocol.types import Chunk
from wardstead.inspection.borders import ACROSS
from wardstead.kernel.findings import Action

DIGITS = CARD.replace(" ", "")
AS_DIGITS = [int(one) for one in DIGITS]
MIXED: dict[str, Any] = {"a": TOKEN[:12], "b": [{"c": TOKEN[12:]}]}


def structured(value: Any, size: int = 7) -> Any:
    one, text = guard(structured=True), json.dumps(value)
    out = [chunk for at in range(0, len(text), size) for chunk in one.feed(Chunk(text=text[at : at + size]))]
    out += one.feed(Chunk(finish_reason="stop"))
    streamed = "".join(chunk.text for chunk in out)
    message = {"role": "assistant", "content": text}
    guard(structured=True).inspect_completion({"choices": [{"index": 0, "message": message, "logprobs": []}]})
    assert message["content"] == streamed
    return json.loads(streamed)


def called(*arguments: Any) -> list[Any]:
    one = guard()
    functions = [{"name": "f", "arguments": json.dumps(each)} for each in arguments]
    calls = [{"index": at, "id": f"c{at}", "function": function} for at, function in enumerate(functions)]
    out = [*one.feed(Chunk(tool_calls=calls)), *one.feed(Chunk(finish_reason="tool_calls"))]
    return [json.loads(call["function"]["arguments"]) for chunk in out for call in chunk.tool_calls or ()]


@pytest.mark.parametrize(
    "value",
    [
        AS_DIGITS,
        {"card": AS_DIGITS},
        list(DIGITS),
        {"cards": [[4111, 1111], [1111, 1111]]},
        [[4, "a"], *([one, "b"] for one in AS_DIGITS[1:])],
        {"first": "4111 1111", "then": "1111 1111"},
        [{"d": one, "of": None} for one in AS_DIGITS],
        MIXED,
        list(TOKEN),
        {TOKEN[:12]: True, TOKEN[12:]: False},
        {TOKEN[:12]: TOKEN[12:]},
        {"notes": ["Your key:", TOKEN[:4], TOKEN[4:20], TOKEN[20:], "keep it"]},
    ],
)
def test_a_secret_that_is_laid_out_over_values_is_taken_out_of_each(value: Any) -> None:
    for found in (structured(value), *called(value)):
        said = json.dumps(found)
        assert "[redacted:" in said
        assert not any(part in said for part in (TOKEN[12:], TOKEN[4:20], "1111", "1, 1, 1"))


def test_a_number_is_what_the_name_of_its_field_says() -> None:
    assert structured({"order": "078051122", "ssn": "078051121"}) == {"order": "078051122", "ssn": "[redacted:us-ssn]"}


def test_a_secret_that_is_laid_out_over_two_calls_is_taken_out_of_both() -> None:
    first, second = called({"to": "a", "text": TOKEN[:12]}, {"to": "b c", "text": TOKEN[12:]})
    assert (first["to"], second["to"]) == ("a", "b c")
    assert first["text"].startswith("[redacted:")
    assert second["text"].startswith("[redacted:")


def test_what_blocks_ends_the_answer() -> None:
    with pytest.raises(Cut) as cut:
        structured({"a": "-----BEGIN RSA PRIV", "b": "ATE KEY-----\nMIIEow"})
    assert cut.value.code == "content.private-key"


def test_it_is_in_the_record_as_what_it_is() -> None:
    one = guard(structured=True)
    one.feed(Chunk(text=json.dumps(AS_DIGITS)))
    one.feed(Chunk(finish_reason="stop"))
    (found,) = {(one.type, one.combination, one.action) for one in one.findings}
    assert found == ("payment-card", ACROSS, Action.REDACT)


@pytest.mark.parametrize(
    "value",
    [
        {"scores": [90, 85, 77, 92, 88, 73, 65, 91], "mean": 82.6},
        {"name": "Anna", "city": "Bonn", "tags": ["new", "red"], "born": 1990, "ok": True},
        [{"id": at, "price": at * 1.5, "in": [at, at + 1]} for at in range(40)],
        {"model": "a-1", "items": [{"sku": "A-100-20", "n": 2}, {"sku": "B-100-21", "n": 4}], "total": 1204},
        {"years": [2019, 2020, 2021], "sales": [4111, 1111, 1111, 1111]},
        "a text",
        7,
    ],
)
def test_what_is_laid_out_as_data_stays(value: Any) -> None:
    assert structured(value) == value
