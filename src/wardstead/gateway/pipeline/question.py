"""The first half of an exchange: from bytes to a durable intent."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from msgspec import structs

from wardstead.access.ports import Decision, Identity, ResourceRef, labelled
from wardstead.gateway.pipeline import record, steps
from wardstead.gateway.pipeline.commands import (
    Command,
    CommitIntent,
    Compute,
    Extract,
    FindKept,
    FindRelease,
    OpenKept,
    Recall,
    Refresh,
)
from wardstead.gateway.pipeline.kept import UNREAD, KeptDocument, OpenedDocument, filled, use_of
from wardstead.gateway.pipeline.life import TRANSITIONS, State
from wardstead.gateway.pipeline.past import Past
from wardstead.gateway.pipeline.refusals import LedgerUnavailable
from wardstead.gateway.pipeline.steps import Incoming, Inspected
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.protocol import upstream
from wardstead.gateway.protocol.documents import Attached
from wardstead.gateway.protocol.types import ParsedRequest
from wardstead.inspection.extraction import Extracted
from wardstead.inspection.ports import Direction, Flow, TakesLong
from wardstead.kernel.clock import Clock
from wardstead.kernel.errors import BackendError, CallerError, IntegrityError
from wardstead.kernel.findings import Action
from wardstead.kernel.labels import PUBLIC, Label
from wardstead.ledger.ports import Passage, Refusal

Road = Generator[Command, Any, None]
T = TypeVar("T")
_Opened = Mapping[ResourceRef, tuple[OpenedDocument, Label]]
"""Documents and templates that are kept here, with their labels."""
MAX_STALE_RETRIES = 8
LARGE_BYTES = 8 * 1024
"""A request's or an answer's body that is larger is parsed and inspected in a thread."""
MANY_TEXTS = 8
"""Of more texts the borders take long, if they are cut in many places."""
_REFRESH = Refresh()


class Question:
    """Who asks what, what was found in it, what was decided, and that it is recorded."""

    def __init__(self, incoming: Incoming, world: World, *, sealer: record.Sealer, clock: Clock) -> None:
        """``world`` is the snapshot to begin with; a stale intent makes the exchange ask for the present one."""
        self.incoming = incoming
        self.world = world
        self.state = State.RECEIVED
        self.identity: Identity | None = None
        self.request: ParsedRequest | None = None
        self.label: Label = PUBLIC
        self.verdict = ""
        self._sealer = sealer
        self._clock = clock
        self._stated: Mapping[str, str] = {}
        self._inspected = Inspected()
        self._documents: tuple[Extracted, ...] = ()
        self._sent: tuple[Extracted, ...] = ()
        """What was read of those that came with the request."""
        self._barred: Decision | None = None
        """Why a document that is kept here may not be used."""
        self._released = ""

    def _enter(self, state: State) -> None:
        # INVARIANT: no exchange skips a step of the table; a violation is our bug and must not answer anything.
        if state not in TRANSITIONS[self.state]:
            raise IntegrityError(f"an exchange cannot go from {self.state} to {state}")
        self.state = state

    def _identify(self) -> None:
        self.identity = steps.identify(self.world, self.incoming, self._clock())
        self._stated = steps.context(self.incoming, self.identity)
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
        self._body, self._barred = body, None
        parsed = yield from self._compute(body, partial(steps.parse, self.world, self.incoming, self._stated, body))
        self._request, self._model, self._cited = parsed.request, parsed.model, parsed.cited
        self.request = self._request
        if self._request.documents:
            yield from self._read_documents()
        self._enter(State.PARSED)

    def _read_documents(self) -> Road:
        """Read them once, however often it is decided anew; who may use those that are kept here is decided each time."""
        kept = [one.document.ref for one in self._request.documents if one.document.kept]
        opened: _Opened = (yield from self._open_kept(kept)) if kept else {}
        sent = [one.document for one in self._request.documents if not one.document.kept]
        if sent and not self._sent:
            self._sent = tuple((yield Extract(tuple(sent))))
        read = iter(self._sent)
        self._documents = tuple(
            self._take_kept(one, opened) if one.document.kept else next(read) for one in self._request.documents
        )
        self._cited = yield Compute(partial(steps.place_documents, self.world, self._request, self._documents))

    def _open_kept(self, refs: Sequence[ResourceRef]) -> Generator[Command, Any, _Opened]:
        """Those that may be used, with their labels; the first that may not decides the request."""
        found = dict(zip(refs, (yield FindKept(tuple(refs))), strict=True))
        usable = []
        for ref, one in found.items():
            decision = self.world.decisions.decide(use_of(self._stated, self._who, ref, one, self._clock()))
            if decision.allow and one is not None:
                usable.append(ref)
            elif self._barred is None:
                self._barred = self._said_of(ref, one, decision)
        if self._barred is not None:
            return {}
        opened = yield OpenKept(tuple(usable))
        return {ref: (one, found[ref].label) for ref, one in zip(usable, opened, strict=True)}

    def _said_of(self, ref: ResourceRef, one: KeptDocument | None, decision: Decision) -> Decision:
        """A denial that does not tell its label; and to whom nobody gave anything of it, not that there is one."""
        if one is None or self._who.principal.clearance.dominates(one.label):
            return decision
        without = use_of(self._stated, self._who, ref, KeptDocument(one.resource), self._clock())
        plain = self.world.decisions.decide(without)
        return _above(decision) if plain.allow else plain

    @staticmethod
    def _take_kept(one: Attached, opened: _Opened) -> Extracted:
        if one.document.ref not in opened:
            return UNREAD
        found, one.label = opened[one.document.ref]
        values = one.document.variables
        one.document = found.document if values is None else structs.replace(found.document, variables=values)
        return found.read if values is None else filled(found.read, values)

    def _recall(self, *, fresh: bool) -> Road:
        """What is remembered of the conversation, and of the texts that come back."""
        name = self.incoming.context.get("conversation", "")
        self._past = Past(self._sealer, self.world.fingerprints, self._who.principal, name, self._cited, levels=self.world.levels)
        claim = self._past.claim
        if claim is not None:
            remembered = yield Recall(claim, fresh or bool(name))
            self._past.remember(remembered)
        self._vault = steps.vault(self.world, self._request, self._model, self._past.stand_ins())

    def _until_intended(self) -> Road:
        for _ in range(MAX_STALE_RETRIES):
            yield from self._inspect()
            self._decide()
            if self.verdict == "allow":
                steps.plant(self.world, self._who, self._request, self._clock())
            self._forwarded = upstream.encode_request(self._request, self._model.upstream_name)
            self._seal = self._begin_seal()
            mentions = yield from self._question_keys()
            label = self._label_of_record(self._inspected.found_label)
            draft = self._seal.intent(self._intent(), self._clock(), label, mentions)
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

    def _question_keys(self) -> Generator[Command, Any, Sequence[Any]]:
        """The keys that the question's record takes: of whom it mentions, as far as what it says is kept, and of its last day."""
        label = self._label_of_record(self._inspected.found_label)
        keeping = self.world.inspector.keeping(label)
        kept = self.verdict == "hold" or (self.verdict == "allow" and keeping.content)
        found = (finding for _, finding in self._inspected.findings)
        said = record.last_day(keeping, self.incoming.received_ms)
        if kept and steps.identifies(self.world, found):
            if self._inspected.all_stand:
                said += steps.identified(self.world, self._request.texts, self._inspected.findings)
            else:
                said += yield from self._mentioned(self._request.texts, Flow(Direction.PROMPT, self._model.model_class))
        return (yield from self._keys_of(said))

    def _mentioned(
        self, texts: Sequence[str], flow: Flow, *, owed: bool = False
    ) -> Generator[Command, Any, list[tuple[str, str]]]:  # fmt: skip
        """Whom these texts mention."""
        large = sum(map(len, texts)) > LARGE_BYTES
        return (yield from self._compute(b"", lambda: steps.mentioned(self.world, texts, flow), slow=large, owed=owed))

    def _keys_of(self, said: Sequence[tuple[str, str]], *, owed: bool = False) -> Generator[Command, Any, Sequence[Any]]:
        """The keys of these people, and days. A new one is written down where that holds up nobody else."""
        subject = self._who.principal.subject
        known = self._sealer.known_mentions(subject, said) if said else ()
        if known is not None:
            return known
        try:
            return (yield from self._compute(b"", lambda: self._sealer.mention(subject, said), slow=True, owed=owed))
        except BackendError as error:
            raise LedgerUnavailable(Refusal.FAILED) from error

    def _question_passes(self) -> Passage | None:
        if self.verdict != "allow":
            return self._past.nothing()
        passage = self._past.question(self.label, self._inspected.made, self._vault)
        if not self._released:
            return passage
        return structs.replace(passage or Passage(self._who.principal.subject), release=self._released)

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
    def _compute(data: bytes, work: Callable[[], T], *, slow: bool = False, owed: bool = False) -> Generator[Command, Any, T]:
        """What is large takes seconds in the worst case, and so may a model: those are not taken from everybody's time."""
        if len(data) <= LARGE_BYTES and not slow:
            return work()
        made: T = yield Compute(work, owed)
        return made

    def _inspect(self) -> Road:
        self._released = ""
        yield from self._look(self.world)
        if self._inspected.action is Action.HOLD:
            digest = partial(steps.digest, self.world, self._who, self._request)
            made = yield from self._compute(self._body, digest)
            self._released = yield FindRelease(self._who.principal.subject, made)
        if self._released:
            # A person has looked at all of it: what was held goes on, everything else is as policy says, its label included.
            yield from self._look(replace(self.world, inspector=self.world.inspector.reviewed()))
        # INVARIANT: what a client sends can only raise the mark.
        self.label = self._inspected.label.join(self._past.mark)
        self._enter(State.INSPECTED)

    def _look(self, world: World) -> Road:
        work = partial(steps.inspect, world, self._request, self._model, self._vault)
        # A small body may hold a document with a lot of text, or many texts with as many borders.
        large = bool(self._documents) or len(self._body) > LARGE_BYTES or len(self._request.texts) > MANY_TEXTS
        try:
            self._inspected = yield from self._compute(self._body, partial(work, patient=large), slow=large)
        except TakesLong:
            self._inspected = yield Compute(partial(work, patient=True))

    def _decide(self) -> None:
        self._decision = self._barred or self._ask(self.label)
        if self._barred is None and self._above_reader():
            self._decision = self._without_the_mark(self._decision)
        elif self._barred is None:
            self._decision = self._with_own_label(self._decision)
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
            return self._with_own_label(own)
        return _above(decision, "this conversation, or a text in it, is labelled above your clearance")

    def _with_own_label(self, decision: Decision) -> Decision:
        """What they sent themselves is labelled by what is in it: they may know, and know then what to take out."""
        own = self._inspected.label
        if decision.allow or decision.code != "access.forbidden" or self._who.principal.clearance.dominates(own):
            return decision
        return replace(decision, reason=labelled(decision.reason, own))

    def _ask(self, label: Label) -> Decision:
        operation = self._request.operation
        return steps.decide(
            self.world, self._stated, self._who, self._model, operation=operation, label=label, now_ms=self._clock()
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
            keeping=world.inspector.keeping(self._label_of_record(self._inspected.found_label)),
            decision=self._decision,
            verdict=self.verdict,
            # Nothing was taken out of it: policy replaces parts only of what goes on.
            held=self._forwarded if self.verdict == "hold" else None,
            released=self._released,
            versions={
                "directory": world.directory.version,
                "policy": world.decisions.version,
                "inspection": world.inspector.version,
            },
            context=dict(self._stated),
            documents=[
                record.document_document(one, read) for one, read in zip(self._request.documents, self._documents, strict=True)
            ],
        )


def _above(decision: Decision, said: str = "what is named here is labelled above your clearance") -> Decision:
    """A denial that does not say the label."""
    return replace(decision, allow=False, reason=said)
