"""What reaches over from a model's reasoning into its content: nobody reads the two apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inspection.reference import INSPECTOR

from wardstead.gateway.pipeline.answer import AnswerGuard, Cut
from wardstead.gateway.protocol.types import Chunk
from wardstead.inspection.borders import ACROSS
from wardstead.inspection.ports import ANSWER
from wardstead.inspection.pseudonyms import Vault
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import label

CARD = "4111 1111 1111 1111"
TOKEN = "ghp_" + "a1B2c3D4e5" * 3 + "0ymjdQ"


def guard(*, structured: bool = False) -> AnswerGuard:
    stand_ins = Vault(lambda size: b"0" * size, lambda text: True, ())
    return AnswerGuard(
        INSPECTOR, ANSWER, lambda label: "", structured=structured, wants_logprobs=False, limit_bytes=1 << 20,
        stand_ins=stand_ins, clearance=label("restricted"),
    )  # fmt: skip


def streamed(thought: str, said: str, size: int) -> tuple[str, str]:
    """What a client puts together."""
    one = guard()
    out = [chunk for at in range(0, len(thought), size) for chunk in one.feed(Chunk(reasoning=thought[at : at + size]))]
    out += [chunk for at in range(0, len(said), size) for chunk in one.feed(Chunk(text=said[at : at + size]))]
    out += one.feed(Chunk(finish_reason="stop"))
    (choice,) = one.transcript()
    texts = "".join(chunk.reasoning for chunk in out), "".join(chunk.text for chunk in out)
    assert texts == (choice.get("reasoning", ""), choice["text"])
    return texts


def whole(thought: str, said: str) -> tuple[str, str]:
    message = {"role": "assistant", "reasoning_content": thought, "content": said}
    guard().inspect_completion({"choices": [{"index": 0, "message": message, "logprobs": [], "finish_reason": "stop"}]})
    return message["reasoning_content"], message["content"]


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize("secret", [CARD, TOKEN])
def test_a_secret_parted_by_the_end_of_the_reasoning_is_taken_out(secret: str, size: int) -> None:
    for at in (5, 10, len(secret) - 3):
        thought, said = streamed(f"The number is {secret[:at]}", f"{secret[at:]}, as I said.", size)
        assert thought == f"The number is {secret[:at]}"
        assert said.endswith("], as I said.")
        assert said.startswith("[redacted:")
        assert (thought, said) == whole(f"The number is {secret[:at]}", f"{secret[at:]}, as I said.")


@given(st.text(alphabet="4 1\n,a", max_size=24), st.text(alphabet="4 1\n,a", max_size=24), st.integers(1, 30))
def test_streamed_and_whole_are_the_same(thought: str, said: str, size: int) -> None:
    assert streamed(thought, said, size) == whole(thought, said)


def test_it_is_in_the_record_as_what_it_is() -> None:
    one = guard()
    one.feed(Chunk(reasoning=CARD[:10]))
    one.feed(Chunk(text=CARD[10:]))
    list(one.finish())
    (found,) = one.findings
    assert (found.type, found.combination, found.action) == ("payment-card", ACROSS, Action.REDACT)


def test_what_blocks_cuts_before_its_second_half() -> None:
    one = guard()
    one.feed(Chunk(reasoning="-----BEGIN RSA PRIV"))
    with pytest.raises(Cut) as cut:
        one.feed(Chunk(text="ATE KEY-----\nMIIEow"))
    assert (cut.value.code, cut.value.last is not None and cut.value.last.text) == ("content.private-key", "")


@pytest.mark.parametrize("said", ['{"a": "1111 1111"}', "[1]"])
def test_structured_output_is_inspected_as_a_value(said: str) -> None:
    one = guard(structured=True)
    one.feed(Chunk(reasoning=CARD[:10]))
    out = [*one.feed(Chunk(text=said)), *one.feed(Chunk(finish_reason="stop"))]
    assert "".join(chunk.text for chunk in out).replace(" ", "") == said.replace(" ", "")
