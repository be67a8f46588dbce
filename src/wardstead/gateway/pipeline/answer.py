"""The answer while it streams: one guard for each text of each choice, tool calls and structured output held until whole.

Text goes through a stream guard. What acts or is parsed as one value (tool calls, ``response_format``) is released whole:
a redaction in the middle of a half-sent JSON value could neither be exact nor stay valid (docs/adr/0005).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wardstead.gateway.pipeline.laid_out import laid_out, take_out
from wardstead.gateway.pipeline.transcript import texts_of
from wardstead.gateway.protocol.logprobs import Spelling, Token
from wardstead.gateway.protocol.texts import json_text, load_json, unescaped
from wardstead.gateway.protocol.types import Chunk
from wardstead.gateway.protocol.upstream import ToolCallAssembler
from wardstead.inspection.borders import REACH
from wardstead.inspection.ports import Border, Flow, Inspector, Released, StreamGuard
from wardstead.inspection.pseudonyms import Restorer, Vault
from wardstead.kernel.errors import PeerError
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label, join_all

Permit = Callable[[Label], str]
"""Asks whether an answer with this label may reach the reader: "" for yes, else the reason for no."""


DETECTOR_FAILED: Final = "content.detector-failed"
NOT_INSPECTED: Final = "it could not be inspected, for a detector did not work"


class Cut(Exception):
    """The answer must not go on. ``code`` and ``reason`` say why; ``last`` is text that the same verdict still released."""

    def __init__(self, code: str, reason: str, last: Chunk | None = None, *, held: bool = False) -> None:
        """``held``: it waits for review; what was held back is kept for the reviewer."""
        super().__init__(code)
        self.code = code
        self.reason = reason
        self.last = last
        self.held = held

    @property
    def inspected(self) -> bool:
        """Whether it was something in the text: else there is nothing that its author could mend."""
        return self.code != DETECTOR_FAILED


@dataclass(slots=True)
class _Choice:
    """One choice of the answer."""

    text: StreamGuard
    reasoning: StreamGuard
    tools: ToolCallAssembler
    # Behind the guards: what is recorded keeps the stand-ins, so that whoever destroys them destroys the link.
    restored_text: Restorer
    restored_reasoning: Restorer
    # UTF-8 in one piece each: a server sends a few characters at a time, and as strings they would take ten times the memory.
    released: bytearray = field(default_factory=bytearray)
    thoughts: bytearray = field(default_factory=bytearray)
    structured: bytearray = field(default_factory=bytearray)
    spelling: Spelling = field(default_factory=Spelling)
    calls: list[dict[str, Any]] = field(default_factory=list)
    # The end of what was thought, as it came, and what looks at the border between it and what is said.
    last_thought: str = ""
    border: Border | None = None
    # All that has arrived, as it came. Kept only where policy may hold the answer for review.
    arrived: bytearray = field(default_factory=bytearray)
    thought: bytearray = field(default_factory=bytearray)
    finish_reason: str | None = None

    def take(self, chunk: Chunk) -> None:
        """Keep it as it came."""
        self.arrived += (chunk.text or chunk.refusal).encode("utf-8", "replace")
        self.thought += chunk.reasoning.encode("utf-8", "replace")


class AnswerGuard:
    """Takes decoded chunks, gives chunks that may be sent. Raises ``Cut`` when policy or clearance ends the answer."""

    def __init__(
        self, inspector: Inspector, flow: Flow, permit: Permit, *, structured: bool, wants_logprobs: bool, limit_bytes: int,
        stand_ins: Vault, clearance: Label,
    ) -> None:  # fmt: skip
        """``limit_bytes`` bounds what one answer may hold in memory and in the ledger (counted in characters).

        ``stand_ins`` give way to their originals where ``clearance`` dominates them.
        """
        self._inspector = inspector
        self._stand_ins, self._clearance = stand_ins, clearance
        self._flow = flow
        self._may_hold = inspector.may_hold(flow)
        self._permit = permit
        self._structured = structured
        # They spell the stand-ins, not what is put in their place.
        self._wants_logprobs = wants_logprobs and not stand_ins
        self._left = limit_bytes
        self._choices: dict[int, _Choice] = {}
        self.findings: list[Finding] = []
        self.label: Label = PUBLIC
        """Of everything that was found, also of what the reader was not permitted to have."""
        self.given: Label = PUBLIC
        """Of what the reader was permitted to have."""

    def feed(self, chunk: Chunk) -> list[Chunk]:
        """What may be sent because of ``chunk``; often the same text again, sometimes nothing yet."""
        choice = self._choices.get(chunk.index)
        if choice is None:
            choice = self._open(chunk.index)
        self._count(chunk)
        out = Chunk(index=chunk.index, role=chunk.role)
        if self._may_hold:
            choice.take(chunk)
        if chunk.reasoning:
            if choice.border is None:
                choice.last_thought = (choice.last_thought + chunk.reasoning)[-REACH:]
            self._think(choice.reasoning.feed(chunk.reasoning), choice, out)
        text = chunk.text or chunk.refusal
        if text:
            if self._structured:
                choice.structured += text.encode()
            else:
                self._say(text, choice, out)
        if chunk.tool_calls:
            choice.tools.feed(chunk.tool_calls)
        # Those of reasoning and tool calls spell nothing that is text.
        if text and chunk.logprobs and self._wants_logprobs:
            choice.spelling.add(chunk.logprobs)
        if chunk.finish_reason is not None:
            return self._close(chunk.index, choice, out, chunk.finish_reason)
        self._attach_logprobs(choice, out)
        return [out] if out.text or out.role or out.reasoning or out.logprobs else []

    def keep(self, chunk: Chunk) -> None:
        """What comes after an answer was held: for its reviewer alone. What would be too long is left out."""
        self._left -= len(chunk.text) + len(chunk.reasoning) + len(chunk.refusal)
        choice = self._choices.get(chunk.index)
        if self._left < 0 or choice is None:
            return
        choice.take(chunk)
        if chunk.tool_calls:
            choice.tools.feed(chunk.tool_calls)

    def label_of(self, held: Sequence[dict[str, Any]]) -> Label:
        """Of an answer that is kept as it came."""
        return self.label.join(self._inspector.label_of(list(texts_of(held)), self._flow))

    def finish(self) -> Iterator[Chunk]:
        """The stream has ended: close every choice that the model server left open."""
        for index, choice in self._choices.items():
            if choice.finish_reason is None:
                yield from self._close(index, choice, Chunk(index=index), "stop")

    def finish_reasons(self) -> dict[int, str]:
        """How each choice ended."""
        return {index: choice.finish_reason or "" for index, choice in self._choices.items()}

    def open_choices(self) -> list[int]:
        """The choices that have not ended: those that a cut must end. Choice 0 where nothing has begun."""
        return [index for index, choice in self._choices.items() if choice.finish_reason is None] or [0]

    def has_said(self, index: int) -> bool:
        """Whether anything of a choice's text was released."""
        choice = self._choices.get(index)
        return choice is not None and bool(choice.released)

    def transcript(self) -> list[dict[str, Any]]:
        """What was released, for the outcome's record."""
        return [
            {
                "index": index,
                "text": choice.released.decode(),
                **({"reasoning": choice.thoughts.decode()} if choice.thoughts else {}),
                **({"tool_calls": choice.calls} if choice.calls else {}),
            }
            for index, choice in sorted(self._choices.items())
        ]

    def withheld(self) -> list[dict[str, Any]]:
        """For a reviewer: what has arrived of each choice, as the model wrote it."""
        return [
            {
                "index": index,
                "text": choice.arrived.decode(),
                **({"reasoning": choice.thought.decode()} if choice.thought else {}),
                **({"tool_calls": calls} if (calls := choice.tools.finish()) else {}),
            }
            for index, choice in sorted(self._choices.items())
        ]

    def _open(self, index: int) -> _Choice:
        if len(self._choices) >= 16:
            raise PeerError("the model server answers with more choices than were asked for")
        text, thoughts = (self._inspector.guard(self._flow, pseudonyms=self._stand_ins) for _ in range(2))
        choice = _Choice(text, thoughts, ToolCallAssembler(), self._restorer(), self._restorer())
        self._choices[index] = choice
        return choice

    def _restorer(self) -> Restorer:
        return self._stand_ins.restorer(self._clearance)

    def held(self) -> list[Chunk]:
        """What was released of open choices, and waits for the rest of a stand-in that will not come."""
        open_choices = [(index, one) for index, one in self._choices.items() if one.finish_reason is None]
        rest = [
            Chunk(index=index, text=one.restored_text.finish(), reasoning=one.restored_reasoning.finish())
            for index, one in open_choices
        ]
        return [one for one in rest if one.text or one.reasoning]

    def _count(self, chunk: Chunk) -> None:
        self._left -= len(chunk.text) + len(chunk.reasoning) + len(chunk.refusal)
        if self._left < 0:
            raise Cut("answer.too-long", "the answer is longer than this deployment lets one answer be")

    def _release(self, released: Released, guard: StreamGuard) -> str:
        if released.findings:
            self.findings += released.findings
            self._raise_label(guard.label)
        return released.text

    def _think(self, released: Released, choice: _Choice, out: Chunk) -> None:
        thought = self._release(released, choice.reasoning)
        out.reasoning += choice.restored_reasoning.feed(thought)
        choice.thoughts += thought.encode()
        self._stop_if_blocked(released, out)

    def _say(self, text: str, choice: _Choice, out: Chunk) -> None:
        """Text that has arrived: behind what was thought, its beginning waits until nothing can reach over to it."""
        if choice.border is None:
            choice.border = self._inspector.border(choice.last_thought, self._flow)
        text = self._passed(choice.border.feed(text), choice.border, out)
        if text:
            self._hand_out(choice.text.feed(text), choice, out)

    def _passed(self, released: Released, border: Border, out: Chunk | None) -> str:
        if released.findings:
            self.findings += released.findings
            self._raise_label(border.label)
        self._stop_if_blocked(released, out)
        return released.text

    def _hand_out(self, released: Released, choice: _Choice, out: Chunk) -> None:
        text = self._release(released, choice.text)
        out.text += choice.restored_text.feed(text)
        choice.released += text.encode()
        self._stop_if_blocked(released, out)

    def _stop_if_blocked(self, released: Released, last: Chunk | None) -> None:
        if released.action.stops:
            raise blocked(released.findings, last)

    def _raise_label(self, label: Label) -> None:
        joined = self.label.join(label)
        if joined is not self.label:
            self.label = joined
            reason = self._permit(joined)
            if reason:
                raise Cut("access.clearance", reason)
            self.given = joined

    def _attach_logprobs(self, choice: _Choice, out: Chunk) -> None:
        if not self._wants_logprobs:
            return
        tokens = choice.spelling.take(choice.released)
        if tokens and self._harmless(tokens):
            out.logprobs = tokens
        elif tokens:
            choice.spelling.stop()

    def _harmless(self, tokens: Sequence[Token]) -> bool:
        """Whether nothing is found in what might have stood in the tokens' places: the tokens themselves are inspected text."""
        others = [data.decode("utf-8", "replace") for token in tokens for data, _ in token.alternatives]
        return not any(found.findings for found in self._inspector.patterns(others, self._flow))

    def _close(self, index: int, choice: _Choice, out: Chunk, finish_reason: str) -> list[Chunk]:
        self._think(choice.reasoning.finish(), choice, out)
        if self._structured and choice.structured:
            (text,) = self._put_together([self._whole_json(choice.structured.decode())])
            choice.released += text.encode()
            out.text = self._restored_json(text)
        else:
            if choice.border is not None:
                self._hand_out(choice.text.feed(self._passed(choice.border.finish(), choice.border, out)), choice, out)
            self._hand_out(choice.text.finish(), choice, out)
        out.reasoning += choice.restored_reasoning.finish()
        out.text += choice.restored_text.finish()
        self._attach_logprobs(choice, out)
        chunks = [out] if out.text or out.role or out.reasoning or out.logprobs else []
        calls = choice.tools.finish()
        if calls:
            choice.calls = self._whole_calls(calls)
            chunks.append(Chunk(index=index, tool_calls=[self._restored_call(call) for call in choice.calls]))
        choice.finish_reason = finish_reason  # not before: one that is cut at its end has not ended
        chunks.append(Chunk(index=index, finish_reason=finish_reason))
        return chunks

    def _whole_calls(self, calls: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each by itself, and then what is laid out over the arguments of all."""
        whole = [self._whole_call(call) for call in calls]
        for call, text in zip(whole, self._put_together([call["function"]["arguments"] for call in whole]), strict=True):
            call["function"]["arguments"] = text
        return whole

    def _whole_call(self, call: dict[str, Any]) -> dict[str, Any]:
        function = call["function"]
        clean = {"name": self.inspect_text(function["name"]), "arguments": self._whole_json(function["arguments"])}
        return {**call, "id": self.inspect_text(call["id"]), "function": clean}

    def _whole_json(self, text: str) -> str:
        """Inspect every string of a JSON value after its escapes are undone, and write it anew."""
        holder = {"json": text}
        try:
            found, rewrite = json_text(holder, "json")
        except ValueError:
            return self._nearly_json(text)
        slots = list(found)
        for (old, (container, key)), new in zip(slots, self._inspect_each([one for one, _ in slots]), strict=True):
            if new != old:
                container[key] = new
        rewrite()
        return holder["json"]

    def _put_together(self, texts: Sequence[str]) -> list[str]:
        """JSON values, of which each string was inspected, without what is laid out over them. What is no JSON is one string."""
        values = [_value(text) for text in texts]
        found = laid_out(values, lambda readings: self._inspector.patterns(readings, self._flow))
        if not found:
            return list(texts)
        self.findings += [one.finding for one in found]
        self._raise_label(join_all(one.finding.label for one in found if one.finding.action < Action.PSEUDONYMISE))
        if any(one.finding.action.stops for one in found):
            raise blocked([one.finding for one in found], None)
        take_out([one for one in found if one.finding.action.replaces])
        return [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values]

    # -- stand-ins ---------------------------------------------------------------------------------------------------

    def restored(self, choices: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The choices of a whole answer, with originals in the place of stand-ins."""
        if not self._stand_ins:
            return list(choices)
        return [self._restored_choice(choice) for choice in choices]

    def _restored_choice(self, choice: dict[str, Any]) -> dict[str, Any]:
        message = dict(choice.get("message", choice))
        restore = self._restorer().whole
        for name in ("content", "text", "reasoning_content", "refusal"):
            if message.get(name):
                whole = self._structured and name in {"content", "text"}
                message[name] = self._restored_json(message[name]) if whole else restore(message[name])
        if message.get("tool_calls"):
            message["tool_calls"] = [self._restored_call(call) for call in message["tool_calls"]]
        return {**choice, "message": message} if "message" in choice else message

    def _restored_call(self, call: dict[str, Any]) -> dict[str, Any]:
        function = call["function"]
        return {**call, "function": {**function, "arguments": self._restored_json(function["arguments"])}}

    def _restored_json(self, text: str) -> str:
        """The strings of a JSON value restored, and escaped again; of what is no JSON, the text as it would be escaped."""
        if not self._stand_ins:
            return text
        restore = self._restorer().whole
        holder = {"json": text}
        try:
            found, rewrite = json_text(holder, "json")
        except ValueError:
            return restore(text, lambda original: json.dumps(original, ensure_ascii=False)[1:-1])
        for old, (container, key) in list(found):
            new = restore(old)
            if new != old:
                container[key] = new
        rewrite()
        return holder["json"]

    def _nearly_json(self, text: str) -> str:
        """What does not parse is a text; but somebody may yet read it as JSON, so nothing may hide in its escapes."""
        if "\\" in text:
            hidden = self._inspector.inspect(unescaped(text), self._flow)
            if hidden.action.replaces or hidden.action.stops:
                raise blocked(hidden.findings, None)
        return self.inspect_text(text)

    def inspect_completion(self, completion: dict[str, Any]) -> None:
        """Inspect a whole (not streamed) answer in place."""
        for choice in completion["choices"]:
            message = choice.get("message", choice)
            if message.get("reasoning_content") and message.get("content") and not self._structured:
                message["content"] = self._behind(message["reasoning_content"], message["content"])
            for name in ("content", "text", "reasoning_content", "refusal"):
                if message.get(name):
                    whole = self._structured and name in {"content", "text"}
                    if whole:
                        (message[name],) = self._put_together([self._whole_json(message[name])])
                    else:
                        message[name] = self.inspect_text(message[name])
            if message.get("tool_calls"):
                message["tool_calls"] = self._whole_calls(message["tool_calls"])
            choice["logprobs"] = self._spelled(choice["logprobs"], message.get("content") or message.get("text") or "")

    def _behind(self, thought: str, said: str) -> str:
        """``said`` without what reaches over to it."""
        border = self._inspector.border(thought, self._flow)
        return "".join(self._passed(released, border, None) for released in (border.feed(said), border.finish()))

    def _spelled(self, tokens: list[Token], text: str) -> list[Token]:
        if not self._wants_logprobs:
            return []
        spelling = Spelling()
        spelling.add(tokens)
        taken = spelling.take(text.encode())
        return taken if self._harmless(taken) else []

    def inspect_text(self, text: str) -> str:
        """A whole text of the answer: what may go on of it, or ``Cut``."""
        return self._inspect_each((text,))[0]

    def _inspect_each(self, texts: Sequence[str]) -> list[str]:
        verdicts = self._inspector.inspect_all(texts, self._flow, pseudonyms=self._stand_ins)
        for verdict in verdicts:
            if verdict.findings:
                self.findings += verdict.findings
                self._raise_label(verdict.label)
            if verdict.action.stops:
                raise blocked(verdict.findings, None)
        return [verdict.text for verdict in verdicts]


def _value(text: str) -> dict[str, Any] | list[Any] | str:
    """The object or array that it spells; else the text."""
    try:
        value = load_json(text)
    except ValueError:
        return text
    return value if isinstance(value, dict | list) else text


def blocked(findings: Sequence[Finding], last: Chunk | None) -> Cut:
    """The cut that a finding makes which blocks, or holds for review: it is named after it."""
    strictest = max([finding.action for finding in findings], default=Action.BLOCK)
    # Where nothing that was found stops by itself, what could not be taken out of its place is the reason.
    worst = sorted({finding.type for finding in findings if finding.action is strictest})
    code = f"content.{worst[0]}" if worst else "content.blocked"
    reason = NOT_INSPECTED if code == DETECTOR_FAILED else f"it contains {', '.join(worst)}"
    return Cut(code, reason, last, held=strictest is Action.HOLD)
