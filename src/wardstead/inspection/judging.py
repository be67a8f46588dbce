"""A model as judge: what it is asked, and what counts as its verdict. Both are data (``catalogues/judge``).

The text that is judged may try to talk to the judge. It is given as one JSON string, and what comes back is read strictly; a
judge that was talked round, or is too small for its task, judges wrongly all the same. It is one voice beside the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from wardstead.inspection.ports import Span
from wardstead.kernel.errors import DetectorFailed
from wardstead.kernel.yaml_input import read_yaml

ANSWER_TOKENS: Final = 64
SAFE: Final = "safe"
UNSURE: Final = 0.5
"""A model does not say how sure it is."""


class Hazard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"means": "is"}):
    """A hazard by its name, and what it is."""

    name: str
    means: str


class Opinion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a judge may say."""

    verdict: str
    """``safe``, or the name of the worst hazard: a verdict in one word cannot contradict itself."""


class Bench(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How texts are judged."""

    version: int
    category: str
    question: str
    text: str
    hazards: tuple[Hazard, ...]

    @property
    def types(self) -> Mapping[str, str]:
        """Each hazard is a type of finding."""
        return {self.type_of(one.name): self.category for one in self.hazards}

    @staticmethod
    def type_of(hazard: str) -> str:
        """A finding's type: what a judge says is not taken for what another detector says."""
        return f"judged-{hazard}"

    def request(self, model: str, text: str) -> dict[str, Any]:
        """The body of a chat completion that asks for the verdict on a text, in a form that the server enforces."""
        names = [one.name for one in self.hazards]
        hazards = "\n".join(f"- {one.name}: {one.means}" for one in self.hazards)
        schema = {
            "type": "object",
            "properties": {"verdict": {"enum": [SAFE, *names]}},
            "required": ["verdict"],
            "additionalProperties": False,
        }
        return {
            "model": model,
            "messages": [
                {"role": "system", "content": self.question.format(hazards=hazards)},
                {"role": "user", "content": self.text.format(text=json.dumps(text, ensure_ascii=False))},
            ],
            "temperature": 0,
            "max_tokens": ANSWER_TOKENS,
            "stream": False,
            "response_format": {"type": "json_schema", "json_schema": {"name": "verdict", "strict": True, "schema": schema}},
        }

    def spans(self, said: bytes, length: int) -> list[Span]:
        """The mark that a verdict puts on the whole text, if any. Raises ``DetectorFailed`` for what is no verdict."""
        try:
            verdict = msgspec.json.decode(said, type=Opinion)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise no_verdict("it is not the JSON object that was asked for") from None
        if verdict.verdict == SAFE:
            return []
        if verdict.verdict not in {one.name for one in self.hazards}:
            raise no_verdict("it names a hazard that there is not")
        return [Span(self.type_of(verdict.verdict), 0, length, UNSURE)]


def no_verdict(why: str) -> DetectorFailed:
    """The judge gave no verdict: that is a failed one."""
    return DetectorFailed("a detector failed", where="judge", why=f"no verdict: {why}")


def load_bench(text: str, where: str) -> Bench:
    """What a catalogue says. Raises ``ConfigurationError``."""
    return read_yaml(text, where, Bench, ours=True)
