"""The steps from bytes to a decision, each a pure function: identify, parse, inspect, decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from wardstead.access.ports import AccessRequest, Decision, Identity, Resource
from wardstead.gateway.pipeline import record
from wardstead.gateway.pipeline.refusals import NoSuchModel
from wardstead.gateway.pipeline.world import ModelDeployment, World
from wardstead.gateway.protocol.types import Dialect, Operation, ParsedRequest
from wardstead.inspection.ports import Direction, Flow
from wardstead.inspection.pseudonyms import CODE_LENGTH, Vault, load_stand_ins
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
    """How many findings were treated in which way."""
    blocking: tuple[Finding, ...] = ()
    label: Label = PUBLIC
    action: Action = Action.ALLOW
    made: tuple[tuple[Fingerprint, Label], ...] = ()


def identify(world: World, incoming: Incoming, now_ms: int) -> Identity:
    """Whose request this is. Raises ``CallerError``."""
    return world.authenticate(world.directory, incoming.secret, incoming.csrf, now_ms)


def parse(world: World, incoming: Incoming, body: bytes) -> Parsed:
    """Bytes to a request. Raises ``CallerError``."""
    request = incoming.dialect.parse(incoming.path, body, limits=world.limits, fields=world.fields)
    model = world.models.get(request.model)
    if model is None or request.operation not in model.operations:
        raise NoSuchModel(request.model)
    return Parsed(request, model, world.fingerprints.cited(request.texts))


def vault(world: World, request: ParsedRequest, model: ModelDeployment, kept: bytes) -> Vault:
    """The stand-ins for this request and its answer: those ``kept`` of the conversation, and room for more."""
    texts, flow = request.texts, Flow(Direction.ANSWER, model.model_class)
    found_in_none: set[str] = set()

    def fits(text: str) -> bool:
        kind, code = text[:-CODE_LENGTH], text[-CODE_LENGTH:]
        if any(code in one for one in texts):
            return False
        # A stand-in that a detector finds would label the answer it stands in. What is found is the kind, hardly ever the code.
        if kind not in found_in_none:
            if world.inspector.inspect(text, flow).findings:
                return False
            found_in_none.add(kind)
        return True

    return Vault(world.entropy, fits, load_stand_ins(kept) if kept else ())


def inspect(world: World, request: ParsedRequest, model: ModelDeployment, stand_ins: Vault) -> Inspected:
    """Inspect every text of the request on its way to ``model``; what policy replaces is taken out of it."""
    flow = Flow(Direction.PROMPT, model.model_class)
    # Random stand-ins would give the same text another embedding each time: there it is redacted.
    pseudonyms = stand_ins if request.operation is not Operation.EMBEDDING else None
    inspections = world.inspector.inspect_all(request.texts, flow, origins=request.origins, pseudonyms=pseudonyms)
    strictest = max([one.action for one in inspections], default=Action.ALLOW)
    labelled = [(text, one.label) for text, one in zip(request.texts, inspections, strict=True) if one.label != PUBLIC]
    if strictest.replaces:
        request.replace_texts([one.text for one in inspections])
    found = [(number, finding) for number, one in enumerate(inspections) if one.findings for finding in one.findings]
    if not found:
        return Inspected(action=strictest)
    return Inspected(
        tuple(found[: record.FINDINGS_KEPT]),
        len(found),
        Counter(finding.action for _, finding in found),
        tuple(finding for _, finding in found if finding.action.stops),
        join_all([label for _, label in labelled]),
        strictest,
        tuple((made, label) for text, label in labelled for made in world.fingerprints.whole(text)),
    )


def decide(
    world: World,
    incoming: Incoming,
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
    context: dict[str, str | bool | int] = dict(incoming.context)
    return world.decisions.decide(AccessRequest(identity, action, resource, label, now_ms, context))
