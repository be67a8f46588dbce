"""A test language for the pipeline: a test reads like a transcript of one exchange.

    Playbook(exchange) >> CommitIntent << None >> CallModel << 200 >> ReadModel << b"data: …" >> Start >> Body << ...

``>> X`` expects the next command to be an ``X`` (a class, or a predicate on the command); ``<< value`` resumes the exchange
with a result, or throws an exception into it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import msgspec

from wardstead.access.ports import AccessRequest, Credential, CredentialKind, Decision, Directory, Identity, Principal
from wardstead.gateway.pipeline.commands import Body, ClientGone, Command, Compute, Start
from wardstead.gateway.pipeline.exchange import Exchange
from wardstead.gateway.pipeline.fingerprints import Fingerprints
from wardstead.gateway.pipeline.steps import Incoming
from wardstead.gateway.pipeline.world import ModelDeployment, World
from wardstead.gateway.protocol.openai import OpenAIDialect
from wardstead.gateway.protocol.types import Dialect, Limits
from wardstead.inspection.ports import ANSWER, Flow, Inspection, Keeping, Released
from wardstead.kernel.errors import CallerError
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.ids import CredentialId, ExchangeId, PrincipalId
from wardstead.kernel.labels import PUBLIC, Label, label
from wardstead.ledger.ports import Draft, EntryKind

NOW = 1_795_000_000_000
LIMITS = Limits(body_bytes=4 << 20, depth=64, max_tokens=4096, choices=4)
CONFIDENTIAL = label("confidential", {"personal"})
ALICE = Identity(
    Principal(PrincipalId("alice"), "alice", frozenset({"user"}), label("restricted", {"personal"}), subject="subject-1"),
    Credential(CredentialId("key-1"), CredentialKind.API_KEY, b"digest", PrincipalId("alice")),
)


class Unauthenticated(CallerError):
    code = "unauthenticated"


class WordInspector:
    """SECRET is redacted, FORBIDDEN blocks, DOUBTFUL is held for review,
    PERSONAL raises the label: whole words of a text that arrives whole or in pieces."""

    version = "words-1"

    def inspect(self, text: str, flow: Flow) -> Inspection:
        findings: list[Finding] = []
        label = PUBLIC
        action = Action.ALLOW
        if "FORBIDDEN" in text:
            start = text.index("FORBIDDEN")
            return Inspection(text[:start], (Finding("forbidden", start, start + 9, action=Action.BLOCK),), PUBLIC, Action.BLOCK)
        if "DOUBTFUL" in text:
            start = text.index("DOUBTFUL")
            return Inspection(text[:start], (Finding("doubtful", start, start + 8, action=Action.HOLD),), PUBLIC, Action.HOLD)
        if "PERSONAL" in text:
            label = CONFIDENTIAL
            findings.append(Finding("personal", text.index("PERSONAL"), text.index("PERSONAL") + 8, CONFIDENTIAL))
        if "SECRET" in text:
            action = Action.REDACT
            findings.append(Finding("secret", text.index("SECRET"), text.index("SECRET") + 6, action=Action.REDACT))
        return Inspection(text.replace("SECRET", "[redacted:secret]"), tuple(findings), label, action)

    def inspect_all(self, texts: Any, flow: Flow, **_: Any) -> list[Inspection]:
        return [self.inspect(text, flow) for text in texts]

    def reviewed(self) -> WordInspector:
        return ReviewedWords()

    def label_of(self, texts: Any, flow: Flow, **_: Any) -> Label:
        return CONFIDENTIAL if any("PERSONAL" in text for text in texts) else PUBLIC

    def warm(self) -> frozenset[str]:
        return frozenset()

    def may_hold(self, flow: Flow) -> bool:
        return True

    def is_slow(self, flow: Flow) -> bool:
        return False

    def told(self, instructions: Any, said: Any = ()) -> WordInspector:
        return self

    def keeping(self, label: Label) -> Keeping:
        return Keeping()

    def patterns(self, texts: Any, flow: Flow) -> list[Inspection]:
        return [self.inspect(text, flow) for text in texts]

    def may_reach(self, text: str, places: Any) -> bool:
        return True

    def border(self, before: str, flow: Flow) -> NoBorder:
        return NoBorder()

    def guard(self, flow: Flow, **_: Any) -> WordGuard:
        return WordGuard(self)


class NoBorder:
    """Words are not put together over a border."""

    label = PUBLIC

    def feed(self, piece: str) -> Released:
        return Released(piece)

    def finish(self) -> Released:
        return Released("")


class ReviewedWords(WordInspector):
    """What is DOUBTFUL goes on."""

    def inspect(self, text: str, flow: Flow) -> Inspection:
        verdict = super().inspect(text.replace("DOUBTFUL", "reviewed"), flow)
        return msgspec.structs.replace(verdict, text=verdict.text.replace("reviewed", "DOUBTFUL"))


class WordGuard:
    """Holds text back until a space or the end."""

    def __init__(self, inspector: WordInspector) -> None:
        self._inspector = inspector
        self._held = ""
        self.label = PUBLIC

    def feed(self, piece: str) -> Released:
        self._held += piece
        head, space, tail = self._held.rpartition(" ")
        self._held = tail
        return self._release(head + space)

    def finish(self) -> Released:
        text, self._held = self._held, ""
        return self._release(text)

    def _release(self, text: str) -> Released:
        verdict = self._inspector.inspect(text, ANSWER)
        self.label = self.label.join(verdict.label)
        return Released(verdict.text, verdict.findings, verdict.action)


class LabelDecisions:
    """Permits what the person's clearance dominates; ``deny`` switches everything off."""

    version = "labels-1"

    def __init__(self, *, deny: bool = False) -> None:
        self.deny = deny

    def decide(self, request: AccessRequest) -> Decision:
        if self.deny:
            return Decision(allow=False, policies=(), reason="No policy lets you do this.", code="access.default_deny")
        if not request.identity.principal.clearance.dominates(request.label):
            return Decision(allow=False, policies=("mac",), reason="Your clearance is too low.", code="access.clearance")
        return Decision(allow=True, policies=("users-infer",), reason="", code="allow")


class PlainSealer:
    """Leaves everything readable, so that a test can look at what would be sealed."""

    def begin(self, subject: str, exchange_id: ExchangeId) -> PlainSeal:
        return PlainSeal(subject, exchange_id)

    def mention(self, subject: str, said: Any) -> list[Any]:
        return list(said)

    def known_mentions(self, subject: str, said: Any) -> None:
        return None

    def seal_kept(self, subject: str, name: str, content: bytes) -> bytes:
        return content

    def open_kept(self, subject: str, name: str, sealed: bytes) -> bytes:
        return sealed


class LabelledDraft(Draft, frozen=True):
    """A draft that shows the label it was sealed under."""

    label: Label = PUBLIC


class PlainSeal:
    def __init__(self, subject: str, exchange_id: ExchangeId) -> None:
        self.subject = subject
        self.exchange_id = exchange_id

    def intent(self, content: bytes, time_ms: int, label: Label, mentions: Any = ()) -> Draft:
        return Draft(self.exchange_id, EntryKind.INTENT, b"", content, self.subject, time_ms, "", tuple(mentions))

    def outcome(self, content: bytes, outcome: str, time_ms: int, label: Label, mentions: Any = ()) -> LabelledDraft:
        row = (self.exchange_id, EntryKind.OUTCOME, b"", content, self.subject, time_ms, outcome, tuple(mentions))
        return LabelledDraft(*row, label=label)


def world(*, deny: bool = False, version: int = 1, identity: Identity = ALICE, answer_bytes: int = 1_000_000) -> World:
    """A world with one model, ``m``, and one person, who presents the secret ``key``."""

    def authenticate(directory: Directory, secret: str, csrf: str | None, now_ms: int) -> Identity:
        if secret != "key":
            raise Unauthenticated("who are you?")
        return identity

    return World(
        directory=Directory(version),
        decisions=LabelDecisions(deny=deny),
        inspector=WordInspector(),
        models={"m": ModelDeployment("m", clearance=label("restricted", {"personal"}))},
        authenticate=authenticate,
        limits=LIMITS,
        fingerprints=Fingerprints(bytes(32)),
        entropy=os.urandom,
        answer_bytes=answer_bytes,
    )


def exchange(
    *, secret: str = "key", dialect: Dialect | None = None, path: str = "/v1/chat/completions", now: World | None = None,
    **context: str,
) -> Exchange:  # fmt: skip
    incoming = Incoming(ExchangeId("receipt-1"), dialect or OpenAIDialect(), path, secret, None, NOW, context)
    return Exchange(incoming, now or world(), sealer=PlainSealer(), clock=lambda: NOW)


class Playbook:
    """Drives one exchange. ``sent`` is every byte of the answer; ``started`` the Start command; ``ended`` whether it is over."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._road = exchange.run()
        self._next: Command | None = None
        self.sent = b""
        self.started: Start | None = None
        self.seen: list[Command] = []
        self.complete = False
        self._resume(None)

    @property
    def next(self) -> Command | None:
        """What the exchange asks for now."""
        return self._next

    def __rshift__(self, expected: type[Command] | Callable[[Any], bool]) -> Playbook:
        command = self._take()
        if isinstance(expected, type):
            assert isinstance(command, expected), f"expected {expected.__name__}, got {command!r}"
        else:
            assert expected(command), f"not as expected: {command!r}"
        if isinstance(command, Start | Body):
            self._resume(None)
        return self

    def __lshift__(self, result: Any) -> Playbook:
        self._resume(result)
        return self

    def end(self) -> Playbook:
        """Let everything that is sent go out; the exchange must then be over."""
        while isinstance(self._next, Start | Body):
            self._take()
            self._resume(None)
        assert self._next is None, f"goes on with {self._next!r}"
        return self

    def flush(self) -> Playbook:
        """Let what is being sent go out, up to the next other command."""
        while isinstance(self._next, Start | Body):
            self._take()
            self._resume(None)
        return self

    def compute(self) -> Playbook:
        """What is to be done in a thread, done."""
        command = self._take()
        assert isinstance(command, Compute), f"expected Compute, got {command!r}"
        self._resume(command.work())
        return self

    def leave(self) -> Playbook:
        """The client goes away while the next command is performed."""
        self._take()
        self._resume(ClientGone())
        return self

    def header(self, name: str) -> str:
        assert self.started is not None
        return dict(self.started.headers)[name.encode()].decode()

    def _take(self) -> Command:
        command, self._next = self._next, None
        assert command is not None, "the exchange is over"
        self.seen.append(command)
        if isinstance(command, Start):
            self.started = command
        if isinstance(command, Body):
            self.sent += command.data
            self.complete = not command.more
        return command

    def _resume(self, result: Any) -> None:
        assert self._next is None, f"not expected yet: {self._next!r}"
        try:
            self._next = self._road.throw(result) if isinstance(result, BaseException) else self._road.send(result)
        except StopIteration:
            self._next = None
