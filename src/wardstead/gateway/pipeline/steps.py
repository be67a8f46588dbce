"""The steps from bytes to a decision, each a pure function: identify, parse, inspect, decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from wardstead.access.bounds import with_purpose
from wardstead.access.credentials import Unauthenticated, together
from wardstead.access.ports import AccessRequest, Decision, Identity, PeerCertificate, Resource
from wardstead.access.rules import UnknownPurpose
from wardstead.gateway.pipeline import record
from wardstead.gateway.pipeline.refusals import ModelNotAdmitted, NoSuchModel
from wardstead.gateway.pipeline.world import ModelDeployment, World
from wardstead.gateway.protocol.types import Dialect, Operation, ParsedRequest
from wardstead.inspection.borders import Crossing, Part, crossings, parts
from wardstead.inspection.content.leakage import worth_keeping
from wardstead.inspection.extraction import Extracted, own_text
from wardstead.inspection.identifiers import Identifier, identifiers_in, told_apart
from wardstead.inspection.ports import Direction, Flow, Inspector, Origin
from wardstead.inspection.pseudonyms import CODE_LENGTH, StandIn, Vault
from wardstead.kernel.findings import Action, Finding
from wardstead.kernel.ids import ExchangeId
from wardstead.kernel.labels import PUBLIC, Label, join_all
from wardstead.ledger.ports import Fingerprint


class Incoming(msgspec.Struct, frozen=True):
    """A request as the shell took it off the wire. ``secret`` and ``csrf`` are what was presented to prove an identity."""

    id: ExchangeId
    dialect: Dialect
    path: str
    secret: str
    csrf: str | None
    received_ms: int
    context: Mapping[str, str] = msgspec.field(default_factory=dict)
    """``purpose``, ``application``, ``conversation``: what the ``wardstead-*`` request headers said."""
    address: str = ""
    """From where it was sent."""
    certificate: PeerCertificate | None = None
    """What the connection that it came over has proven."""


class Parsed(msgspec.Struct, frozen=True):
    """A request in canonical form, the model that it asks, and the fingerprints by which its texts would be known."""

    request: ParsedRequest
    model: ModelDeployment
    cited: tuple[bytes, ...]


class Inspected(msgspec.Struct, frozen=True):
    """What inspection found in a request. ``findings``: the first of them, each with its text's number; ``total``: of all.

    ``made``: the fingerprints of its texts that have a label, each with it.
    """

    findings: tuple[tuple[int, Finding], ...] = ()
    total: int = 0
    counts: Mapping[Action, int] = msgspec.field(default_factory=dict)
    """How many places were treated in which way."""
    blocking: tuple[Finding, ...] = ()
    label: Label = PUBLIC
    """Of what goes on."""
    found_label: Label = PUBLIC
    """Of everything that was found, also of what does not go on."""
    action: Action = Action.ALLOW
    all_stand: bool = False
    """Whether ``findings`` are all that was found, at their places in the texts as they are recorded."""
    made: tuple[tuple[Fingerprint, Label], ...] = ()


def identify(world: World, incoming: Incoming, now_ms: int) -> Identity:
    """Whose request this is. Raises ``CallerError``."""
    who = who_is(world, incoming.secret, incoming.csrf, incoming.certificate, now_ms)
    return msgspec.structs.replace(who, address=incoming.address) if incoming.address else who


def who_is(world: World, secret: str, csrf: str | None, certificate: PeerCertificate | None, now_ms: int) -> Identity:
    """Whoever presents a secret, a certificate, or both, which are then of one person. Raises ``CallerError``."""
    if certificate is None:
        return world.authenticate(world.directory, secret, csrf, now_ms)
    if world.certify is None:
        raise Unauthenticated
    certified = world.certify(world.directory, certificate, now_ms)
    return together(certified, world.authenticate(world.directory, secret, csrf, now_ms)) if secret else certified


def context(incoming: Incoming, identity: Identity) -> Mapping[str, str]:
    """What the request's headers say of it; where they name no purpose, what its key is for."""
    return with_purpose(identity, incoming.context)


def parse(world: World, incoming: Incoming, context: Mapping[str, str], body: bytes) -> Parsed:
    """Bytes to a request. Raises ``CallerError``."""
    purpose = context.get("purpose")
    if purpose is not None and world.purposes is not None and purpose not in world.purposes:
        raise UnknownPurpose(
            "there is no such purpose", where="wardstead-purpose",
            next_step=f"Name one of the register: {', '.join(sorted(world.purposes)) or 'it is empty'}",
        )  # fmt: skip
    request = incoming.dialect.parse(incoming.path, body, limits=world.limits, fields=world.fields)
    model = world.models.get(request.model)
    if model is None or request.operation not in model.operations:
        raise NoSuchModel(request.model)
    return Parsed(request, model, world.fingerprints.cited(request.texts))


def place_documents(world: World, request: ParsedRequest, read: Sequence[Extracted]) -> tuple[bytes, ...]:
    """Put what was read out of a request's documents where they stood; the fingerprints by which its texts would be known."""
    request.place_documents(read, include_hidden=world.include_hidden)
    return world.fingerprints.cited(request.texts)


def vault(world: World, request: ParsedRequest, model: ModelDeployment, kept: Sequence[StandIn]) -> Vault:
    """The stand-ins for this request and its answer: those ``kept`` of the conversation, and room for more."""
    texts, flow = request.texts, Flow(Direction.ANSWER, model.model_class)
    found_in_none: set[str] = set()

    def fits(text: str) -> bool:
        kind, code = text[:-CODE_LENGTH], text[-CODE_LENGTH:]
        if any(code in one for one in texts):
            return False
        # A stand-in that a detector finds would label the answer it stands in. What is found is the kind, hardly ever the code.
        if kind not in found_in_none:
            if world.inspector.patterns([text], flow)[0].findings:
                return False
            found_in_none.add(kind)
        return True

    return Vault(world.entropy, fits, kept)


def inspect(world: World, request: ParsedRequest, model: ModelDeployment, stand_ins: Vault, *, patient: bool) -> Inspected:
    """Inspect every text of the request on its way to ``model``; what policy replaces is taken out of it.

    Raises ``TakesLong``, before it changes anything, where a slow detector has to look and nobody is ``patient``.
    """
    flow = Flow(Direction.PROMPT, model.model_class)
    # Random stand-ins would give the same text another embedding each time: there it is redacted.
    pseudonyms = stand_ins if request.operation is not Operation.EMBEDDING else None
    mended, crossed = _mended(world, request, flow)
    inspections = world.inspector.inspect_all(mended, flow, origins=request.origins, pseudonyms=pseudonyms, patient=patient)
    actions = [one.action for one in inspections] + [one.finding.action for one in crossed]
    strictest = max(actions, default=Action.ALLOW)
    # What is withheld from the model says nothing of what it reads; what would stop it still does.
    labels = [one.label.join(request.labels.get(number, PUBLIC)) for number, one in enumerate(inspections)]
    labelled = [
        (text, label)
        for number, (text, label) in enumerate(zip(mended, labels, strict=True))
        if label != PUBLIC and number not in request.withheld
    ]
    if strictest.replaces:  # what is held for review is kept as it came
        request.replace_texts([one.text for one in inspections])
    # What is kept for a reviewer is kept whole, also behind the place where it was stopped.
    kept_label = PUBLIC
    if strictest is Action.HOLD:
        kept_label = world.inspector.label_of(request.texts, flow, origins=request.origins, patient=patient)
    found = [(one.text, one.finding) for one in crossed]
    found += [(number, finding) for number, one in enumerate(inspections) if one.findings for finding in one.findings]
    if not found and not labelled:
        return Inspected(action=strictest)
    return Inspected(
        tuple(found[: record.FINDINGS_KEPT]),
        len(found),
        _counted(found),
        tuple(finding for _, finding in found if finding.action.stops),
        join_all([label for _, label in labelled] + [_label_of(one.finding) for one in crossed]),
        join_all((kept_label, *request.labels.values(), *(finding.label for _, finding in found))),
        strictest,
        not crossed and not strictest.replaces and len(found) <= record.FINDINGS_KEPT,
        tuple((made, label) for text, label in labelled for made in world.fingerprints.whole(text)),
    )


def mentioned(world: World, texts: Iterable[str], flow: Flow) -> list[tuple[str, str]]:
    """Whom these texts identify as they are recorded, each a kind and a value.

    What policy took out of them is in no record, and is not looked for.
    """
    every = list(texts)
    inspections = world.inspector.patterns(every, flow)
    return identified(world, every, ((number, finding) for number, one in enumerate(inspections) for finding in one.findings))


def identified(world: World, texts: Sequence[str], findings: Iterable[tuple[int, Finding]]) -> list[tuple[str, str]]:
    """Whom ``findings``, each with its text's number, identify, each a kind and a value."""
    found: set[Identifier] = set()
    for number, one in findings:
        found |= identifiers_in(texts[number], (one,), world.identifying)
    return [(one.kind, one.value) for one in told_apart(found)]


def identifies(world: World, findings: Iterable[Finding]) -> bool:
    """Whether somebody may be identified in what these were found in."""
    return any(one.type in world.identifying for one in findings)


def told(inspector: Inspector, request: ParsedRequest) -> Inspector:
    """What inspects the answers to this request: it knows what the model was told, and what was said to it."""
    pairs = list(zip(request.texts, request.origins, strict=True))
    instructions = [text for text, who in pairs if who is Origin.SYSTEM]
    return inspector.told(instructions, [text for text, who in pairs if who is not Origin.STRUCTURE])


def plant(world: World, identity: Identity, request: ParsedRequest, now_ms: int) -> None:
    """Put a canary at the end of the model's instructions, where the world has a planter, and they are more than a phrase.

    After everything that is decided about the request: what is inspected, held or known again is without it.
    """
    if world.planter is None:
        return
    for number, (origin, (container, key)) in enumerate(zip(request.origins, request.slots, strict=True)):
        if origin is Origin.SYSTEM and key == "content" and worth_keeping(request.texts[number]):
            planted = world.planter.planted(identity.principal.subject, request.texts[number], now_ms)
            request.texts[number] = container[key] = planted
            return


def digest(world: World, identity: Identity, request: ParsedRequest) -> bytes:
    """By which a request of this person is known when it is sent again."""
    return world.fingerprints.request(identity.principal.subject, request.operation.value, request.model, request.body)


def _mended(world: World, request: ParsedRequest, flow: Flow) -> tuple[Sequence[str], list[Crossing]]:
    """The texts without the last part of what is cut in two between them and policy replaces; and all that is cut so."""
    chains = [[part for number in chain for part in _parts(request, number)] for chain in _read_together(request)]
    crossed = crossings(lambda texts: world.inspector.patterns(texts, flow), chains, world.inspector.may_reach)
    taken_out: dict[int, list[Crossing]] = {}
    for one in crossed:
        if one.finding.action.replaces:
            taken_out.setdefault(one.text, []).append(one)
    mended = list(request.texts)
    for number, ones in taken_out.items():
        mended[number] = _without(request.texts[number], ones)
    return mended, crossed


def _parts(request: ParsedRequest, number: int) -> Iterable[Part]:
    """A text as it can be cut. Of a document, what it says: the lines around it are ours, and part nothing."""
    text = request.texts[number]
    if request.origins[number] is Origin.DOCUMENT:
        start, end = own_text(text)
        return (Part(number, start, text[start:end]),)
    return parts(number, text, request.seams.get(number, ()))


def _without(text: str, crossed: Sequence[Crossing]) -> str:
    """``text`` without what crosses into it; what overlaps is taken out as one."""
    out: list[str] = []
    done = 0
    for one in sorted(crossed, key=lambda one: (one.start, -one.end)):
        if one.start >= done:
            out += [text[done : one.start], f"[redacted:{one.finding.type}]"]
        done = max(done, one.end)
    return "".join([*out, text[done:]])


def _read_together(request: ParsedRequest) -> list[list[int]]:
    """The numbers of the texts that somebody could have cut: what people and applications say turn by turn with the items of an
    array, the sequences that stop an answer, and each other text that came in parts."""
    said, stops, others = [], [], []
    stop = request.body.get("stop")
    for number, (origin, (container, key)) in enumerate(zip(request.origins, request.slots, strict=True)):
        if (origin in {Origin.USER, Origin.SYSTEM} and key == "content") or (
            origin in {Origin.USER, Origin.SYSTEM, Origin.DOCUMENT} and isinstance(container, list)
        ):
            said.append(number)
        elif container is stop:
            stops.append(number)
        elif number in request.seams:
            others.append([number])
    return [said, stops, *others]


def _counted(found: Sequence[tuple[int, Finding]]) -> Counter[Action]:
    """How many findings were treated in which way. Readings of one place that something takes the place of are one."""
    counts = Counter(finding.action for _, finding in found if not finding.action.replaces)
    replaced = sorted((number, one.start, one.end, one.action) for number, one in found if one.action.replaces)
    text, end, strictest = -1, 0, Action.ALLOW
    for number, start, until, action in replaced:
        if number == text and start < end:
            end, strictest = max(end, until), max(strictest, action)
            continue
        counts[strictest] += text >= 0
        text, end, strictest = number, until, action
    counts[strictest] += text >= 0
    return counts


def _label_of(finding: Finding) -> Label:
    """What stays in the text has its label; what is taken out, or goes nowhere, has none."""
    return PUBLIC if finding.action.replaces or finding.action.stops else finding.label


def decide(
    world: World,
    context: Mapping[str, str],
    identity: Identity,
    model: ModelDeployment,
    *,
    operation: Operation,
    label: Label,
    now_ms: int,
) -> Decision:
    """Whether this person may send data with this label to this model, or read such an answer of it."""
    action = "embed" if operation is Operation.EMBEDDING else "infer"
    resource = Resource("Model", model.name, clearance=model.clearance)
    decision = world.decisions.decide(AccessRequest(identity, action, resource, label, now_ms, dict(context)))
    refused = model.not_serving(now_ms)
    # Whoever may not ask it anyway is told that alone.
    return Decision(False, (), refused, ModelNotAdmitted.code) if refused and decision.allow else decision
