"""One exchange, from the first byte to the recorded answer: a generator that yields commands and is resumed with results.

No I/O, no clock: the shell (``gateway/server``) performs the commands. The order is the promise:
no answer byte before the intent is durable; no end of an answer before its outcome is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

from wardstead.access.ports import Decision, Identity
from wardstead.gateway.pipeline import record, steps
from wardstead.gateway.pipeline.answer import AnswerGuard, Cut, blocked
from wardstead.gateway.pipeline.commands import (
    Abort,
    Body,
    CallModel,
    ClientGone,
    Command,
    CommitIntent,
    CommitOutcome,
    Compute,
    Extract,
    ReadBody,
    ReadModel,
    Recall,
    Refresh,
    Start,
)
from wardstead.gateway.pipeline.head import decision, head
from wardstead.gateway.pipeline.life import TRANSITIONS, State
from wardstead.gateway.pipeline.past import Past
from wardstead.gateway.pipeline.refusals import (
    LedgerUnavailable,
    ModelRefused,
    NotPermitted,
    Unexpected,
    model_refused,
    refusal_text,
)
from wardstead.gateway.pipeline.relay import Relay
from wardstead.gateway.pipeline.steps import Incoming, Inspected
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.protocol import upstream
from wardstead.gateway.protocol.errors import status_of
from wardstead.gateway.protocol.types import AnswerContext, Chunk, Operation, ParsedRequest, StreamEncoder
from wardstead.inspection.documents import Extracted
from wardstead.inspection.ports import Direction, Flow, Origin, TakesLong
from wardstead.kernel.clock import Clock
from wardstead.kernel.errors import BackendError, CallerError, IntegrityError, PeerError, WardsteadError
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import PUBLIC, Label, join_all
from wardstead.ledger.ports import Passage, Refusal

Road = Generator[Command, Any, None]
T = TypeVar("T")
MAX_STALE_RETRIES = 8
LARGE_BYTES = 8 * 1024
"""A request's or an answer's body that is larger is parsed and inspected in a thread."""
_READ_MODEL, _REFRESH, _ABORT = ReadModel(), Refresh(), Abort()


class _Whole(NamedTuple):
    """A whole answer that may be sent: in the client's dialect, and as it is recorded."""

    encoded: bytes
    recorded: Any
    usage: dict[str, Any] | None


class Exchange:
    """The state of one exchange. Drive ``run()``; the public attributes are what the shell logs and shows live."""

    def __init__(self, incoming: Incoming, world: World, *, sealer: record.Sealer, clock: Clock) -> None:
        """``world`` is the snapshot to begin with; a stale intent makes the exchange ask for the present one."""
        self.incoming = incoming
        self.world = world
        self.state = State.RECEIVED
        self.identity: Identity | None = None
        self.request: ParsedRequest | None = None
        self.label: Label = PUBLIC
        self.verdict = ""
        self.outcome = ""
        self.status = 0
        self.defect: Exception | None = None
        """What failed that nobody foresaw."""
        self._sealer = sealer
        self._clock = clock
        self._inspected = Inspected()
        self._documents: tuple[Extracted, ...] = ()
        self._started = False
        self._forwarded_ms = 0
        self._first_ms = 0
        self._guard: AnswerGuard | None = None

    def run(self) -> Road:
        """The whole road. Throw ``PeerError`` or ``ClientGone`` into it where a command failed."""
        try:
            yield from self._road()
        except ClientGone:
            # They left while they were being told something: what there was to record is recorded.
            self._leave()
        finally:
            # It asks us back, and a cycle is memory that only a pause for the collector frees.
            self._guard = None

    def _road(self) -> Road:
        try:
            yield from self._identify_or_refresh()
            body = yield ReadBody(self.world.limits.body_bytes)
            yield from self._parse(body)
            yield from self._recall(fresh=False)
            yield from self._until_intended()
        except WardsteadError as error:
            self._enter(State.REFUSED)
            yield from self._answer_error(error)
            return
        try:
            yield from self._answer()
        except ClientGone:
            raise
        except Exception as error:  # noqa: BLE001 -- a defect of ours: what was intended has an outcome all the same
            yield from self._fail(error)

    def _leave(self) -> None:
        for end in (State.REFUSED, State.ABORTED):
            if end in TRANSITIONS[self.state]:
                self._enter(end)

    # -- from bytes to a durable intent ---------------------------------------------------------------------------

    def _enter(self, state: State) -> None:
        # INVARIANT: no exchange skips a step of the table; a violation is our bug and must not answer anything.
        if state not in TRANSITIONS[self.state]:
            raise IntegrityError(f"an exchange cannot go from {self.state} to {state}")
        self.state = state

    def _identify(self) -> None:
        self.identity = steps.identify(self.world, self.incoming, self._clock())
        self._enter(State.IDENTIFIED)

    def _identify_or_refresh(self) -> Road:
        try:
            self._identify()
        except CallerError:
            # The credential may be younger than this worker's snapshot: look once before saying no.
            world = yield _REFRESH
            if world is self.world:
                raise
            self.world = world
            self._identify()

    def _parse(self, body: bytes) -> Road:
        self._body = body
        parsed = yield from self._compute(body, partial(steps.parse, self.world, self.incoming, body))
        self._request, self._model, self._cited = parsed.request, parsed.model, parsed.cited
        self.request = self._request
        if self._request.documents:
            yield from self._read_documents()
        self._enter(State.PARSED)

    def _read_documents(self) -> Road:
        """Read them once, however often it is decided anew."""
        if not self._documents:
            read = yield Extract(tuple(one.document for one in self._request.documents))
            self._documents = tuple(read)
        self._cited = yield Compute(partial(steps.place_documents, self.world, self._request, self._documents))

    def _recall(self, *, fresh: bool) -> Road:
        """What is remembered of the conversation, and of the texts that come back."""
        name = self.incoming.context.get("conversation", "")
        self._past = Past(self._sealer, self.world.fingerprints, self._who.principal, name, self._cited)
        claim = self._past.claim
        if claim is not None:
            remembered = yield Recall(claim, fresh or bool(name))
            self._past.remember(remembered)
        self._vault = steps.vault(self.world, self._request, self._model, self._past.stand_ins())

    def _until_intended(self) -> Road:
        for _ in range(MAX_STALE_RETRIES):
            yield from self._inspect()
            self._decide()
            self._forwarded = upstream.encode_request(self._request, self._model.upstream_name)
            self._seal = self._begin_seal()
            draft = self._seal.intent(self._intent(), self._clock(), self._label_of_record(self._inspected.found_label))
            refusal = yield CommitIntent(draft, self.world.directory.version, self._question_passes())
            if refusal is None:
                self._enter(State.INTENDED)
                return
            if refusal is not Refusal.STALE:
                raise LedgerUnavailable(refusal)
            self.world = yield _REFRESH
            self._identify()
            yield from self._parse(self._body)
            yield from self._recall(fresh=True)
        raise LedgerUnavailable(Refusal.STALE)

    def _question_passes(self) -> Passage | None:
        if self.verdict != "allow":
            return self._past.nothing()
        return self._past.question(self.label, self._inspected.made, self._vault)

    def _answer_passes(self, answer: Any) -> Passage | None:
        guard = self._guard
        return self._past.answer(self.label.join(guard.given), answer, self._vault) if guard is not None else None

    def _label_of_record(self, found: Label) -> Label:
        """Of what an entry holds: where something is kept for a reviewer, also of what was ``found`` in it."""
        return self.label.join(found) if self.verdict == "hold" else self.label

    def _begin_seal(self) -> record.ExchangeSeal:
        try:
            return self._sealer.begin(self._who.principal.subject, self.incoming.id)
        except BackendError as error:  # a new person's key cannot be kept; where and why is for the operator alone
            raise LedgerUnavailable(Refusal.FAILED) from error

    @property
    def _who(self) -> Identity:
        if self.identity is None:
            raise IntegrityError("nobody is identified yet")
        return self.identity

    @staticmethod
    def _compute(data: bytes, work: Callable[[], T], *, slow: bool = False) -> Generator[Command, Any, T]:
        """What is large takes seconds in the worst case, and so may a model: those are not taken from everybody's time."""
        if len(data) <= LARGE_BYTES and not slow:
            return work()
        made: T = yield Compute(work)
        return made

    def _inspect(self) -> Road:
        work = partial(steps.inspect, self.world, self._request, self._model, self._vault)
        # A small body may hold a document with a lot of text.
        large = bool(self._documents) or len(self._body) > LARGE_BYTES
        try:
            self._inspected = yield from self._compute(self._body, partial(work, patient=large), slow=large)
        except TakesLong:
            self._inspected = yield Compute(partial(work, patient=True))
        # INVARIANT: what a client sends can only raise the mark.
        self.label = self._inspected.label.join(self._past.mark)
        self._enter(State.INSPECTED)

    def _decide(self) -> None:
        self._decision = self._ask(self.label)
        if self._above_reader():
            self._decision = self._without_the_mark(self._decision)
        action = self._inspected.action
        stopped = "hold" if action is Action.HOLD else "block" if action.stops else "allow"
        self.verdict = stopped if self._decision.allow else "deny"
        self._enter(State.DECIDED)

    def _above_reader(self) -> bool:
        """Whether the mark says more than its reader may know: it comes of what others wrote, not of what they sent."""
        return self.label != self._inspected.label and not self._who.principal.clearance.dominates(self.label)

    def _without_the_mark(self, decision: Decision) -> Decision:
        """A denial that does not tell the label that it is about, or whoever pastes a text could test what it is labelled."""
        own = self._ask(self._inspected.label)
        if not own.allow:
            return own
        return replace(decision, allow=False, reason="this conversation, or a text in it, is labelled above your clearance")

    def _ask(self, label: Label) -> Decision:
        operation = self._request.operation
        return steps.decide(
            self.world, self.incoming, self._who, self._model, operation=operation, label=label, now_ms=self._clock()
        )

    def _intent(self) -> bytes:
        world = self.world
        return record.intent_document(
            identity=self._who,
            dialect=self.incoming.dialect.name,
            request=self._request,
            forwarded=self._forwarded,
            findings=self._inspected.findings,
            findings_total=self._inspected.total,
            label=self.label,
            own_label=self._inspected.label,
            keeping=world.inspector.keeping(self.label),
            decision=self._decision,
            verdict=self.verdict,
            # Nothing was taken out of it: policy replaces parts only of what goes on.
            held=self._forwarded if self.verdict == "hold" else None,
            versions={
                "directory": world.directory.version,
                "policy": world.decisions.version,
                "inspection": world.inspector.version,
            },
            context=dict(self.incoming.context),
            documents=[
                record.document_document(one, read) for one, read in zip(self._request.documents, self._documents, strict=True)
            ],
        )

    # -- from a durable intent to a durable outcome ----------------------------------------------------------------

    def _answer(self) -> Road:
        try:
            if self.verdict == "deny":
                yield from self._deny(NotPermitted(self._decision))
            elif self.verdict in {"block", "hold"}:
                yield from self._refuse(blocked(self._inspected.blocking, None), subject="request")
            elif self._request.stream:
                yield from self._stream()
            else:
                yield from self._whole()
        except ClientGone:
            yield from self._client_gone()
        except PeerError as error:
            yield from self._peer_failed(error)

    def _deny(self, error: WardsteadError) -> Road:
        if (yield from self._conclude("denied", status_of(error), reason=self._decision.code)):
            yield from self._answer_error(error)

    def _call(self) -> Road:
        self._enter(State.FORWARDED)
        self._forwarded_ms = self._clock()
        request = self._request
        status = yield CallModel(self._model.name, request.operation.value, self._forwarded, request.stream)
        if status != 200:
            data = yield from self._collect(64 * 1024)
            raise model_refused(self.world.inspector, status, data)

    def _collect(self, limit: int) -> Generator[Command, Any, bytes]:
        pieces: list[bytes] = []
        size = 0
        while True:
            piece = yield _READ_MODEL
            if piece == b"":
                return b"".join(pieces)
            if piece is not None:
                size += len(piece)
                if size > limit:
                    raise PeerError("the model server's answer is larger than this deployment takes")
                pieces.append(piece)

    def _whole(self) -> Road:
        yield from self._call_or_refuse()
        if self.state is not State.FORWARDED:
            return
        data = yield from self._collect(self.world.answer_bytes)
        self._first_ms = self._clock()
        try:
            slow = self.world.inspector.is_slow(self._answer_flow)
            taken = yield from self._compute(data, partial(self._take_whole, data), slow=slow)
        except Cut as cut:
            held = self._as_it_came(data) if cut.held else None
            yield from self._refuse(cut, subject="answer", held=held)
            return
        if (yield from self._conclude("completed", 200, answer=taken.recorded, usage=taken.usage)):
            yield from self._send_whole(200, taken.encoded)

    def _take_whole(self, data: bytes) -> _Whole:
        """Decode, inspect and encode a whole answer."""
        completion = upstream.decode_completion(data, self._request)
        self._guard = self._new_guard()
        recorded = None
        if self._request.operation is not Operation.EMBEDDING:
            self._guard.inspect_completion(completion)
            upstream.write_logprobs(completion, self._request.operation)
            recorded = completion["choices"]
            completion = {**completion, "choices": self._guard.restored(recorded)}
        return _Whole(self.incoming.dialect.answer(completion, self._context()), recorded, completion.get("usage"))

    def _as_it_came(self, data: bytes) -> list[dict[str, Any]]:
        """The choices of a whole answer, for a reviewer."""
        choices = upstream.decode_completion(data, self._request)["choices"]
        return [{name: value for name, value in choice.items() if name != "logprobs"} for choice in choices]

    def _call_or_refuse(self) -> Road:
        """Call the model; when the server says that the request itself is wrong, that is the answer, and the outcome."""
        try:
            yield from self._call()
        except ModelRefused as error:
            if (yield from self._conclude("refused_by_model_server", 400, reason=error.code)):
                yield from self._answer_error(error)

    def _new_guard(self) -> AnswerGuard:
        request = self._request
        pairs = list(zip(request.texts, request.origins, strict=True))
        told = [text for text, who in pairs if who is Origin.SYSTEM]
        said = [text for text, who in pairs if who is not Origin.STRUCTURE]
        return AnswerGuard(
            self.world.inspector.told(told, said),
            self._answer_flow,
            self._permit,
            structured=self._request.structured,
            wants_logprobs=self._request.wants_logprobs,
            limit_bytes=self.world.answer_bytes,
            stand_ins=self._vault,
            clearance=self._who.principal.clearance,
        )

    @property
    def _answer_flow(self) -> Flow:
        return Flow(Direction.ANSWER, self._model.model_class)

    def _permit(self, label: Label) -> str:
        decision = self._ask(self.label.join(label))
        return "" if decision.allow else decision.reason

    def _context(self) -> AnswerContext:
        incoming = self.incoming
        return AnswerContext(self._request, incoming.id, incoming.received_ms // 1000, self._model.name)

    def _stream(self) -> Road:
        yield from self._call_or_refuse()
        if self.state is not State.FORWARDED:
            return
        encoder = self.incoming.dialect.stream(self._context())
        guard = self._guard = self._new_guard()
        relay = Relay(encoder, guard)
        outcome, reason, held = "completed", "", None
        try:
            yield from self._relay(relay, encoder)
        except Cut as cut:
            self.verdict, outcome, reason = ("hold", "held", cut.code) if cut.held else ("block", "cut", cut.code)
            held = guard.withheld() if cut.held else None
            text = refusal_text("answer", cut.reason, self.incoming.id, held=cut.held)
            yield from self._send(encoder, relay.refusal(cut, text))
        if (yield from self._conclude(outcome, 200, answer=guard.transcript(), usage=relay.usage, reason=reason, held=held)):
            if not self._started:
                yield self._start(200, encoder.content_type)
                yield Body(encoder.start(), more=True)
            yield Body(encoder.end(usage=relay.usage, receipt=self.incoming.id), more=False)
            self._enter(State.DONE)

    def _relay(self, relay: Relay, encoder: StreamEncoder) -> Road:
        done = closed = False
        slow = self.world.inspector.is_slow(self._answer_flow)
        while not (done or closed):
            piece = yield _READ_MODEL
            if piece is None:
                yield from self._send(encoder, encoder.keep_alive())
            elif piece == b"":
                closed = True
            else:
                yield from self._recheck()
                relayed = yield from self._compute(b"", partial(relay.take, piece), slow=slow)
                data, done, failure = relayed
                yield from self._send(encoder, data)
                if failure is not None:
                    raise failure
        rest = yield from self._compute(b"", partial(relay.finish, closed=closed), slow=slow)
        yield from self._send(encoder, rest)

    def _recheck(self) -> Road:
        """A long stream goes on only while its person may still ask: looks when the world changed, or the key has expired."""
        world = yield _REFRESH
        expires_ms = self._who.credential.expires_ms
        if world is self.world and (expires_ms is None or self._clock() < expires_ms):
            return
        self.world = world
        incoming = self.incoming
        try:
            self.identity = world.authenticate(world.directory, incoming.secret, incoming.csrf, self._clock())
        except CallerError as error:
            raise Cut("access.revoked", error.what) from error
        reason = self._permit(self._guard.label if self._guard is not None else PUBLIC)
        if reason:
            raise Cut("access.revoked", reason)

    def _send(self, encoder: StreamEncoder, data: bytes) -> Road:
        if not data:
            return
        if not self._started:
            self._enter(State.ANSWERING)
            self._first_ms = self._clock()
            yield self._start(200, encoder.content_type)
            data = encoder.start() + data
        yield Body(data, more=True)

    def _refuse(self, cut: Cut, *, subject: str, held: Any = None) -> Road:
        """A block, or a hold for review, before any answer byte: 200 with a refusal that the person can act on."""
        self.verdict = "hold" if cut.held else "block"
        text = refusal_text(subject, cut.reason, self.incoming.id, held=cut.held)
        answer = [{"index": 0, "text": text}]
        if self._request.operation is Operation.EMBEDDING:
            yield from self._deny_content(cut, text)
            return
        if not (yield from self._conclude(_ended(cut), 200, answer=answer, reason=cut.code, held=held)):
            return
        dialect, context = self.incoming.dialect, self._context()
        if self._request.stream:
            encoder = dialect.stream(context)
            yield self._start(200, encoder.content_type)
            last = [Chunk(role="assistant", text=text), Chunk(finish_reason="content_filter")]
            yield Body(encoder.start() + b"".join(encoder.chunk(one) for one in last), more=True)
            yield Body(encoder.end(usage=None, receipt=self.incoming.id), more=False)
            self._enter(State.DONE)
        else:
            completion = upstream.refusal_completion(self._request.operation, text)
            yield from self._send_whole(200, dialect.answer(completion, context))

    def _deny_content(self, cut: Cut, text: str) -> Road:
        # An embedding has no text to refuse in: an error is the only answer a client can understand.
        error = CallerError(text, why=cut.code)
        if (yield from self._conclude(_ended(cut), 400, reason=cut.code)):
            yield from self._answer_error(error)

    def _transcript(self) -> list[dict[str, Any]] | None:
        return self._guard.transcript() if self._guard is not None else None

    def _client_gone(self) -> Road:
        # Gone while the end of the answer was being sent: its outcome is recorded already.
        recorded = self.state is State.CONCLUDED
        if not recorded:
            why = "the client disconnected"
            recorded = yield from self._conclude("client_gone", 499, answer=self._transcript(), reason=why)
        if recorded:
            self._enter(State.ABORTED)

    def _peer_failed(self, error: PeerError) -> Road:
        if not (yield from self._conclude("upstream_failed", status_of(error), answer=self._transcript(), reason=error.what)):
            return
        if self._started:
            encoder = self.incoming.dialect.stream(self._context())
            yield Body(encoder.error(error, status_of(error)), more=True)
            yield _ABORT
            self._enter(State.ABORTED)
        else:
            yield from self._answer_error(error)

    def _fail(self, error: Exception) -> Road:
        self.defect = error
        recorded = self.state is State.CONCLUDED
        if not recorded:
            why = type(error).__name__
            recorded = yield from self._conclude("failed", 500, answer=self._transcript(), reason=why)
        if recorded and self._started:
            yield _ABORT
            self._enter(State.ABORTED)
        elif recorded:
            yield from self._answer_error(Unexpected())

    def _conclude(
        self, outcome: str, status: int, *, answer: Any = None, usage: dict[str, Any] | None = None, reason: str = "",
        held: Any = None,
    ) -> Generator[Command, Any, bool]:  # fmt: skip
        """Record the outcome. False: it could not be made durable, and the answer was taken back or broken off."""
        guard = self._guard
        label = self.label.join(guard.label) if guard is not None else self.label
        self.outcome = outcome
        content = record.outcome_document(
            outcome=outcome,
            status=status,
            answer=answer,
            findings=guard.findings if guard is not None else (),
            label=label,
            keeping=self.world.inspector.keeping(label),
            finish_reasons=guard.finish_reasons() if guard is not None else {},
            usage=usage,
            times_ms={
                "received": self.incoming.received_ms,
                "forwarded": self._forwarded_ms,
                "first": self._first_ms,
                "ended": self._clock(),
            },
            reason=reason,
            held=held,
        )
        passage = self._answer_passes(answer)
        sealed_label = label.join(join_all(one.label for one in guard.findings)) if guard is not None and held else label
        refusal = yield CommitOutcome(self._seal.outcome(content, outcome, self._clock(), sealed_label), passage)
        if refusal is None:
            self._enter(State.CONCLUDED)
            return True
        self._enter(State.ABORTED)
        if self._started:
            yield _ABORT
        else:
            yield from self._answer_error(LedgerUnavailable(refusal))
        return False

    # -- what is sent ------------------------------------------------------------------------------------------------

    def _send_whole(self, status: int, body: bytes) -> Road:
        yield self._start(status, "application/json", len(body))
        yield Body(body, more=False)
        self._enter(State.DONE)

    def _answer_error(self, error: WardsteadError) -> Road:
        status = status_of(error)
        body = self.incoming.dialect.error(error, status)
        if not self.verdict:
            self.verdict = "error"
        yield self._start(status, "application/json", len(body), code=error.code)
        yield Body(body, more=False)
        if self.state is State.CONCLUDED:
            self._enter(State.DONE)

    def _start(self, status: int, content_type: str, length: int | None = None, code: str = "") -> Start:
        self._started = True
        self.status = status
        refused = self.state is State.REFUSED
        return head(
            status,
            content_type,
            decision=decision(self.verdict, self._inspected.counts, code=code),
            label=PUBLIC if refused else self._inspected.label if self._above_reader() else self.label,
            receipt="" if refused or self.state is State.ABORTED else self.incoming.id,
            conversation=self.incoming.context.get("conversation", ""),
            length=length,
            warnings=self.request.warnings if self.request is not None else (),
            isolation=self.world.isolation_warning,
        )


def _ended(cut: Cut) -> str:
    """The outcome of what was stopped before any of it was sent."""
    return "held" if cut.held else "blocked"
