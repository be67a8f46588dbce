"""The answer while it streams: one guard for each text of each choice, tool calls and structured output held until whole.

Text goes through a stream guard. What acts or is parsed as one value (tool calls, ``response_format``) is released whole:
a redaction in the middle of a half-sent JSON value could neither be exact nor stay valid (docs/adr/0005).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wardstead.gateway.protocol.types import Chunk
from wardstead.gateway.protocol.upstream import ToolCallAssembler
from wardstead.inspection.ports import Direction, Inspector, Released, StreamGuard
from wardstead.kernel.errors import PeerError
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.labels import PUBLIC, Label

Permit = Callable[[Label], str]
"""Asks whether an answer with this label may reach the reader: "" for yes, else the reason for no."""


class Cut(Exception):
    """The answer must not go on. ``code`` and ``reason`` say why; ``last`` is text that the same verdict still released."""

    def __init__(self, code: str, reason: str, last: Chunk | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason
        self.last = last


@dataclass(slots=True)
class _Choice:
    """One choice of the answer. ``fed`` and ``given`` count characters into and out of the text guard."""

    text: StreamGuard
    reasoning: StreamGuard
    tools: ToolCallAssembler
    # UTF-8 in one piece each: a server sends a few characters at a time, and as strings they would take ten times the memory.
    released: bytearray = field(default_factory=bytearray)
    thoughts: bytearray = field(default_factory=bytearray)
    structured: bytearray = field(default_factory=bytearray)
    logprobs: list[Any] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str | None = None
    clean: bool = True
    fed: int = 0
    given: int = 0


class AnswerGuard:
    """Takes decoded chunks, gives chunks that may be sent. Raises ``Cut`` when policy or clearance ends the answer."""

    def __init__(self, inspector: Inspector, permit: Permit, *, structured: bool, wants_logprobs: bool, limit_bytes: int) -> None:
        """``limit_bytes`` bounds what one answer may hold in memory and in the ledger (counted in characters)."""
        self._inspector = inspector
        self._permit = permit
        self._structured = structured
        self._wants_logprobs = wants_logprobs
        self._left = limit_bytes
        self._choices: dict[int, _Choice] = {}
        self.findings: list[Finding] = []
        self.label: Label = PUBLIC

    def feed(self, chunk: Chunk) -> list[Chunk]:
        """What may be sent because of ``chunk``; often the same text again, sometimes nothing yet."""
        choice = self._choices.get(chunk.index)
        if choice is None:
            choice = self._open(chunk.index)
        self._count(chunk)
        out = Chunk(index=chunk.index, role=chunk.role)
        if chunk.reasoning:
            self._think(choice.reasoning.feed(chunk.reasoning), choice, out)
        text = chunk.text or chunk.refusal
        if text:
            if self._structured:
                choice.structured += text.encode()
            else:
                choice.fed += len(text)
                self._hand_out(choice.text.feed(text), choice, out)
        if chunk.tool_calls:
            choice.tools.feed(chunk.tool_calls)
        if chunk.logprobs is not None and self._wants_logprobs:
            choice.logprobs.append(chunk.logprobs)
        if chunk.finish_reason is not None:
            choice.finish_reason = chunk.finish_reason
            return [*self._close(chunk.index, choice, out)]
        self._attach_logprobs(choice, out)
        return [out] if out.text or out.role or out.reasoning or out.logprobs else []

    def finish(self) -> list[Chunk]:
        """The stream has ended: close every choice that the model server left open."""
        out: list[Chunk] = []
        for index, choice in self._choices.items():
            if choice.finish_reason is None:
                choice.finish_reason = "stop"
                out += self._close(index, choice, Chunk(index=index))
        return out

    def finish_reasons(self) -> dict[int, str]:
        """How each choice ended."""
        return {index: choice.finish_reason or "" for index, choice in self._choices.items()}

    def open_choices(self) -> list[int]:
        """The choices that have not ended: those that a cut must end. Choice 0 where nothing has begun."""
        return [index for index, choice in self._choices.items() if choice.finish_reason is None] or [0]

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

    def _open(self, index: int) -> _Choice:
        if len(self._choices) >= 16:
            raise PeerError("the model server answers with more choices than were asked for")
        guard = self._inspector.guard
        choice = _Choice(guard(Direction.ANSWER), guard(Direction.ANSWER), ToolCallAssembler())
        self._choices[index] = choice
        return choice

    def _count(self, chunk: Chunk) -> None:
        self._left -= len(chunk.text) + len(chunk.reasoning) + len(chunk.refusal)
        if self._left < 0:
            raise Cut("answer.too-long", "the answer is longer than this deployment lets one answer be")

    def _release(self, released: Released, choice: _Choice, guard: StreamGuard) -> str:
        if released.findings:
            choice.clean = choice.clean and all(f.action is Action.ALLOW for f in released.findings)
            self.findings += released.findings
            self._raise_label(guard.label)
        return released.text

    def _think(self, released: Released, choice: _Choice, out: Chunk) -> None:
        thought = self._release(released, choice, choice.reasoning)
        out.reasoning += thought
        choice.thoughts += thought.encode()
        self._stop_if_blocked(released, out)

    def _hand_out(self, released: Released, choice: _Choice, out: Chunk) -> None:
        text = self._release(released, choice, choice.text)
        out.text += text
        choice.released += text.encode()
        choice.given += len(text)
        self._stop_if_blocked(released, out)

    def _stop_if_blocked(self, released: Released, last: Chunk | None) -> None:
        if released.action is Action.BLOCK:
            raise blocked(released.findings, last)

    def _raise_label(self, label: Label) -> None:
        joined = self.label.join(label)
        if joined is not self.label:
            self.label = joined
            reason = self._permit(joined)
            if reason:
                raise Cut("access.clearance", reason)

    def _attach_logprobs(self, choice: _Choice, out: Chunk) -> None:
        """Log-probabilities repeat the tokens: they follow the text only while nothing is held back or was redacted."""
        if choice.logprobs and choice.clean and choice.fed == choice.given:
            content = [entry for block in choice.logprobs for entry in (block.get("content") or [])]
            out.logprobs = {"content": content}
            choice.logprobs.clear()

    def _close(self, index: int, choice: _Choice, out: Chunk) -> list[Chunk]:
        self._think(choice.reasoning.finish(), choice, out)
        if self._structured and choice.structured:
            out.text = self._whole_json(choice.structured.decode())
            choice.released += out.text.encode()
        else:
            self._hand_out(choice.text.finish(), choice, out)
        self._attach_logprobs(choice, out)
        chunks = [out] if out.text or out.role or out.reasoning or out.logprobs else []
        calls = choice.tools.finish()
        if calls:
            choice.calls = [self._whole_call(call) for call in calls]
            chunks.append(Chunk(index=index, tool_calls=choice.calls))
        chunks.append(Chunk(index=index, finish_reason=choice.finish_reason))
        return chunks

    def _whole_call(self, call: dict[str, Any]) -> dict[str, Any]:
        function = dict(call["function"])
        function["name"] = self.inspect_text(function["name"])
        function["arguments"] = self._whole_json(function["arguments"])
        return {**call, "function": function}

    def _whole_json(self, text: str) -> str:
        """Inspect every string of a JSON value after its escapes are undone; what does not parse is inspected as text."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return self.inspect_text(text)
        clean = self._walk(value)
        return text if clean == value else json.dumps(clean, ensure_ascii=False)

    def _walk(self, value: Any, depth: int = 0) -> Any:
        if depth > 128:
            raise PeerError("the model server's structured answer is nested too deeply")
        if isinstance(value, str):
            return self.inspect_text(value)
        if isinstance(value, dict):
            return {self.inspect_text(key): self._walk(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self._walk(item, depth + 1) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            text = json.dumps(value)
            inspected = self.inspect_text(text)
            return value if inspected == text else inspected
        return value

    def inspect_completion(self, completion: dict[str, Any]) -> bool:
        """Inspect a whole (not streamed) answer in place. False when something was redacted, so that logprobs must go."""
        before = [finding for finding in self.findings if finding.action is not Action.ALLOW]
        for choice in completion["choices"]:
            message = choice.get("message", choice)
            for name in ("content", "text", "reasoning_content", "refusal"):
                if message.get(name):
                    whole = self._structured and name in {"content", "text"}
                    message[name] = self._whole_json(message[name]) if whole else self.inspect_text(message[name])
            if message.get("tool_calls"):
                message["tool_calls"] = [self._whole_call(call) for call in message["tool_calls"]]
        return len([finding for finding in self.findings if finding.action is not Action.ALLOW]) == len(before)

    def inspect_text(self, text: str) -> str:
        """A whole text of the answer: what may go on of it, or ``Cut``."""
        verdict = self._inspector.inspect(text, Direction.ANSWER)
        if verdict.findings:
            self.findings += verdict.findings
            self._raise_label(verdict.label)
        if verdict.action is Action.BLOCK:
            raise blocked(verdict.findings, None)
        return verdict.text


def blocked(findings: Sequence[Finding], last: Chunk | None) -> Cut:
    """The cut that a blocking finding makes, named after it."""
    worst = sorted({finding.type for finding in findings if finding.action is Action.BLOCK})
    return Cut(f"content.{worst[0]}" if worst else "content.blocked", f"it contains {', '.join(worst)}", last)
