"""One exchange, from the first byte to the recorded answer: a generator that yields commands and is resumed with results.

No I/O, no clock: the shell (``gateway/server``) performs the commands. The order is the promise:
no answer byte before the intent is durable; no end of an answer before its outcome is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from wardstead.crypto.keyring import KeyGone
from wardstead.gateway.pipeline import record, steps
from wardstead.gateway.pipeline.answer import AnswerGuard, Cut, blocked
from wardstead.gateway.pipeline.commands import (
    Abort,
    Body,
    CallModel,
    ClientGone,
    Command,
    CommitOutcome,
    ReadBody,
    ReadModel,
    Refresh,
    Start,
)
from wardstead.gateway.pipeline.head import decision, head
from wardstead.gateway.pipeline.life import TRANSITIONS, State
from wardstead.gateway.pipeline.question import LARGE_BYTES, Question, Road
from wardstead.gateway.pipeline.refusals import (
    LedgerUnavailable,
    ModelRefused,
    Unexpected,
    model_refused,
    not_permitted,
    refusal_text,
)
from wardstead.gateway.pipeline.relay import Relay, Relayed
from wardstead.gateway.pipeline.steps import Incoming, identify
from wardstead.gateway.pipeline.transcript import texts_of
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.protocol import upstream
from wardstead.gateway.protocol.errors import status_of
from wardstead.gateway.protocol.types import AnswerContext, Chunk, Operation, StreamEncoder
from wardstead.inspection.ports import Direction, Flow
from wardstead.kernel.clock import Clock
from wardstead.kernel.errors import CallerError, PeerError, WardsteadError
from wardstead.kernel.labels import PUBLIC, Label
from wardstead.ledger.ports import Passage, Refusal

_READ_MODEL, _REFRESH, _ABORT = ReadModel(), Refresh(), Abort()


class _Whole(NamedTuple):
    """A whole answer that may be sent: in the client's dialect, and as it is recorded."""

    encoded: bytes
    recorded: Any
    usage: dict[str, Any] | None


class Exchange(Question):
    """The whole of one exchange. Drive ``run()``; the public attributes are what the shell logs and shows live."""

    def __init__(self, incoming: Incoming, world: World, *, sealer: record.Sealer, clock: Clock) -> None:
        """See ``Question``."""
        super().__init__(incoming, world, sealer=sealer, clock=clock)
        self.outcome = ""
        self.status = 0
        self.defect: Exception | None = None
        """What failed that nobody foresaw."""
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

    def _answer_passes(self, answer: Any) -> Passage | None:
        guard = self._guard
        return self._past.answer(self.label.join(guard.given), answer, self._vault) if guard is not None else None

    def _answer(self) -> Road:
        try:
            if self.verdict == "deny":
                yield from self._deny(not_permitted(self._decision))
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
            inspector, flow = self.world.inspector, self._answer_flow
            refuse = partial(model_refused, inspector, flow, status, data)
            raise (yield from self._compute(data, refuse, slow=inspector.is_slow(flow)))

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
        return AnswerGuard(
            steps.told(self.world.inspector, self._request),
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
            text = refusal_text("answer", cut.reason, self.incoming.id, held=cut.held, inspected=cut.inspected)
            yield from self._send(encoder, relay.refusal(cut, text))
            if cut.held:
                yield from self._hear_out(relay, encoder)
                held = guard.withheld()
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
                done = yield from self._hand_on(encoder, partial(relay.take, piece), slow=slow)
        yield from self._hand_on(encoder, partial(relay.finish, closed=closed), slow=slow)

    def _hand_on(self, encoder: StreamEncoder, what: Callable[[], Relayed], *, slow: bool) -> Generator[Command, Any, bool]:
        """Send what may be sent. Whether the answer is over. Raises what ended it."""
        data, done, failure = yield from self._compute(b"", what, slow=slow)
        yield from self._send(encoder, data)
        if failure is not None:
            raise failure
        return bool(done)

    def _hear_out(self, relay: Relay, encoder: StreamEncoder) -> Road:
        """What the model still says of an answer that is held: a reviewer releases all of it, or nothing.

        The client has its notice: if it leaves now, or the model server fails, what there is waits for review.
        """
        with suppress(ClientGone, PeerError):
            while not relay.over:
                piece = yield _READ_MODEL
                if piece is None:
                    yield from self._send(encoder, encoder.keep_alive())
                elif piece == b"" or relay.keep(piece):
                    return

    def _label_of_held(self, guard: AnswerGuard, held: Any) -> Generator[Command, Any, Label]:
        """Of all that is kept for the reviewer, also of what stands behind the place where it was stopped."""
        flow = self._answer_flow
        large = sum(map(len, texts_of(held))) > LARGE_BYTES
        label: Label = yield from self._compute(
            b"", partial(guard.label_of, held), slow=large or self.world.inspector.is_slow(flow), owed=True
        )
        return label

    def _recheck(self) -> Road:
        """A long stream goes on only while its person may still ask: looks when the world changed, or the key has expired."""
        world = yield _REFRESH
        expires_ms = self._who.credential.expires_ms
        if world is self.world and (expires_ms is None or self._clock() < expires_ms):
            return
        self.world = world
        incoming = self.incoming
        try:
            self.identity = identify(world, incoming, self._clock())
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
        text = refusal_text(subject, cut.reason, self.incoming.id, held=cut.held, inspected=cut.inspected)
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
        # Where something is kept for a reviewer, the record is labelled by what is in it, too.
        record_label = label.join((yield from self._label_of_held(guard, held))) if guard is not None and held else label
        self.outcome = outcome
        content = record.outcome_document(
            outcome=outcome,
            status=status,
            answer=answer,
            findings=guard.findings if guard is not None else (),
            label=label,
            keeping=self.world.inspector.keeping(record_label),
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
        refusal: Refusal | None
        try:
            mentions = yield from self._answer_keys(answer, held, record_label)
        except LedgerUnavailable:
            refusal = Refusal.FAILED
        else:
            draft = self._seal.outcome(content, outcome, self._clock(), record_label, mentions)
            refusal = yield CommitOutcome(draft, passage)
        if refusal is None:
            self._enter(State.CONCLUDED)
            return True
        self._enter(State.ABORTED)
        if self._started:
            yield _ABORT
        else:
            yield from self._answer_error(LedgerUnavailable(refusal))
        return False

    def _answer_keys(self, answer: Any, held: Any, label: Label) -> Generator[Command, Any, Sequence[Any]]:
        """The keys that the answer's record takes: of whom it mentions, as far as it is kept, and of its last day."""
        guard, keeping = self._guard, self.world.inspector.keeping(label)
        said = record.last_day(keeping, self.incoming.received_ms)
        try:
            if guard is not None and self.world.identifying and (held or steps.identifies(self.world, guard.findings)):
                kept = answer if answer is not None and keeping.content else ()
                said += yield from self._mentioned([*texts_of(kept), *texts_of(held or ())], self._answer_flow, owed=True)
            return (yield from self._keys_of(said, owed=True))
        except KeyGone:  # whoever asked was erased meanwhile: nobody can read it in any case
            return ()

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
