"""The console's services over values in memory: real policies decide, real receipts prove; the rest is made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

from tests.trees import node_of

from wardstead.access.asking import Asked, Circumstance, Explained, request_of
from wardstead.access.checks import Finding, check_policies
from wardstead.access.comparing import Difference, Ground, compare
from wardstead.access.credentials import BadCsrfToken, Unauthenticated
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.pdp import CedarDecisionPoint
from wardstead.access.policyset import AccessPolicies, PolicyFiles, compile_policies
from wardstead.access.ports import (
    AccessRequest,
    Credential,
    CredentialKind,
    Decision,
    Directory,
    Identity,
    KeySummary,
    Principal,
    Resource,
)
from wardstead.adapters.identity.codes import picture
from wardstead.assurance.library.kept import Kind as KeptKind
from wardstead.assurance.library.kept import NoSuchItem
from wardstead.bootstrap.deployment import product_policies
from wardstead.bootstrap.policy.classification import NoSuchPolicy
from wardstead.bootstrap.policy.replaying import Replay, Target
from wardstead.console.emergency_desk import AccountShown, OpeningShown
from wardstead.console.factor_desk import Enrolment, OpenedSession, PasskeyShown, SecondStep
from wardstead.console.factor_desk import Standing as FactorStanding
from wardstead.console.key_desk import Choices, Wanted
from wardstead.console.ledger_desk import Elsewhere, Layer, LedgerStanding, SigningPeriod
from wardstead.console.library_desk import Gift, Holding, Opened, Sharable, Shelved
from wardstead.console.model_desk import (
    ActShown,
    AdmissionShown,
    FileShown,
    FindingShown,
    Happened,
    History,
    ModelLine,
    ModelShown,
    OverrideShown,
)
from wardstead.console.passkey_desk import Question
from wardstead.console.policy_desk import Activated, Proposal, Standing
from wardstead.console.ports import (
    DetectorState,
    ExchangeSummary,
    Farewell,
    Glimpse,
    ModelChoice,
    MustChangePassword,
    PolicyInForce,
    Posture,
    Ruling,
    Tried,
)
from wardstead.console.timeline import Tone
from wardstead.crypto.merkle import leaf_hash, tree_root
from wardstead.crypto.signing import SigningKey
from wardstead.inspection.classify import Classifier
from wardstead.inspection.combining import Kind
from wardstead.inspection.extraction import Extracted, Part, UnreadableDocument
from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.patterns.catalogue import Detector, load_catalogues
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.inspection.policy_changes import PolicyChange
from wardstead.inspection.policy_loading import load_policy
from wardstead.inspection.ports import Flow, ModelClass
from wardstead.inspection.replay import Rejudge, Replayed, Skipped
from wardstead.isolation.posture import Check, State
from wardstead.kernel.errors import CallerError, ConfigurationError
from wardstead.kernel.ids import CredentialId, ExchangeId, PrincipalId
from wardstead.kernel.labels import PUBLIC, Label, label
from wardstead.ledger.checkpoint import Checkpoint
from wardstead.ledger.entry import Header, leaf_data
from wardstead.ledger.ports import EntryKind
from wardstead.ledger.proof import Sequenced, receipt_document, verify_receipt
from wardstead.supply.bom.outline import outline

PASSWORD = "correct horse battery"
ONE_TIME = "one-time-secret-1"
SECRET_WORDS = "the merger closes on Thursday"
ALICE_EXCHANGE = "0193a5b0-0000-7000-8000-0000000a11ce"
BLOCKED_EXCHANGE = "0193a5b0-0000-7000-8000-00000b10c4ed"
BOB_EXCHANGE = "0193a5b0-0000-7000-8000-0000000000b0"
ADMIN_ACT = "0193a5b0-0000-7000-8000-000000000ac7"
BREAK_GLASS = """
@id("investigators-read-exchanges") @reason("investigators may read what was said, while the incident is open")
permit (principal in Role::"investigator", action == Action::"viewExchange", resource);
"""
KEY = SigningKey("wardstead.test/ledger", b"k" * 32)


class TooManyAttempts(CallerError):
    """As the directory raises it."""

    code = "too_many_attempts"


def person(name: str, *roles: str) -> Principal:
    """Somebody."""
    return Principal(PrincipalId(f"p-{name}"), name, frozenset(roles), label("confidential", ["personal"]), f"s-{name}")


PEOPLE = {
    one.name: one
    for one in (
        person("alice", "user"),
        person("bob", "user"),
        person("root", "admin"),
        person("ada", "auditor"),
        person("ines", "auditor", "investigator"),
        person("mia", "model-approver"),
        person("new", "user"),
    )
}

CHECKS = (
    Check("keys", "Keys are readable by their owner alone", State.GREEN, "0600; the root key is a file", ""),
    Check("tls", "Connections are encrypted", State.GREEN, "TLS 1.3 alone, certificate of the local authority", ""),
    Check(
        "ledger.witnessed",
        "Witnesses elsewhere have cosigned the ledger",
        State.AMBER,
        "unwitnessed: whoever holds the keys could rewrite it unseen by outsiders",
        "name one in ledger.witnesses, run by somebody else",
    ),
    Check(
        "isolation.smollm2",
        "The model server of smollm2 is isolated",
        State.GREEN,
        "41 of 41 probes closed; the weights are a sealed copy of what was hashed",
    ),
)


def intent(text: str, verdict: str = "allow", **more: Any) -> dict[str, Any]:
    """An intent document as the pipeline writes it."""
    document = {
        "principal": {"id": "p-alice", "name": "alice"},
        "credential": "0193a5b0-0000-7000-8000-00000000c4ed",
        "dialect": "openai",
        "operation": "/v1/chat/completions",
        "model": "smollm2",
        "stream": True,
        "request": {"messages": [{"role": "user", "content": text}], "max_tokens": 512} if verdict == "allow" else None,
        "findings": [],
        "label": {"level": "public", "compartments": []},
        "decision": {
            "verdict": verdict,
            "code": "allow",
            "reason": "people with the role user may ask models",
            "policies": ["users-ask-models"],
        },
        "versions": {"directory": 12, "policy": "5f1c0a9be2d3", "inspection": "77ab10c2"},
        "context": {"purpose": "support"},
    }
    return {**document, **more}


def outcome(word: str, text: str, **more: Any) -> dict[str, Any]:
    """An outcome document."""
    document = {
        "outcome": word,
        "status": 200,
        "answer": [{"index": 0, "text": text}],
        "findings": [],
        "label": {"level": "confidential", "compartments": ["personal"]},
        "finish_reasons": {"0": "stop"},
        "usage": {"prompt_tokens": 31, "completion_tokens": 74, "total_tokens": 105},
        "times_ms": {"received": 1_000, "forwarded": 1_003, "first": 1_187, "ended": 3_420},
        "reason": "",
    }
    return {**document, **more}


@cache
def decision_point() -> CedarDecisionPoint:
    """The starter policies, the mandatory ones, and one that opens exchanges to investigators."""
    folder = files("wardstead.catalogues") / "policies"
    texts = {item.name: item.read_text() for item in folder.iterdir() if item.name.endswith(".cedar")}
    texts["mandatory"] = (files("wardstead.catalogues") / "mandatory" / "mandatory.cedar").read_text()
    texts["break-glass"] = BREAK_GLASS
    return CedarDecisionPoint(texts, (folder / "schema.cedarschema").read_text())


def ready_made(name: str) -> tuple[str, str]:
    """A policy that ships with the product."""
    if name not in READY_MADE:
        raise ConfigurationError("there is no such policy", where="extends")
    return (files("wardstead.catalogues") / "classification" / f"{name}.yaml").read_text(), name


def policy_of(text: str) -> ClassificationPolicy:
    """A policy that may extend a ready-made one."""
    return load_policy(text, "policies/classification.yaml", ready_made)


READY_MADE = ("canada", "eu", "general", "health", "payment")
POLICY_TEXT = """\
version: 7
extends: health
rules:
  - {type: email, label: {level: confidential, compartments: [personal]}, prompt: mask, answer: allow}
"""


@cache
def detectors() -> tuple[Detector, ...]:
    """Some that ship with the product: enough to find something, few enough to compile in a moment."""
    texts = {name: (files("wardstead.catalogues") / "detectors" / name).read_text() for name in ("payment.yaml", "personal.yaml")}
    return load_catalogues(texts)


@cache
def inspector(text: str = POLICY_TEXT) -> PolicyInspector:
    """What inspects, under a policy."""
    return PolicyInspector(detectors(), policy_of(text))


@cache
def classifier() -> Classifier:
    """What explains."""
    return inspector().classifier()


NAMES = DetectorState("names", "rampart-1", {"person": "personal", "location": "personal"})


@dataclass
class FakeDesk:
    """The starter policies in force, and in the folder one more."""

    own: str = '@id("users-rest") @reason("today is a holiday") forbid (principal in Role::"user", action, resource);'
    edited: tuple[str, ...] = ("90.cedar",)
    wrong: str = ""
    asked: list[Asked] = field(default_factory=list)
    proposed: list[Proposal] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    acts: list[tuple[str, ...]] = field(default_factory=list)

    def proposals(self, who: Identity) -> Sequence[Proposal]:
        return [replace(one, own=one.by == who.principal.name) for one in self.proposed]

    def propose(self, who: Identity, reason: str, version: str = "") -> None:
        self.acts.append(("propose", who.principal.name, reason, *filter(None, (version,))))

    def activate(self, who: Identity, proposal: str, reason: str) -> None:
        if any(one.id == proposal and one.by == who.principal.name for one in self.proposed):
            raise TooManyAttempts("somebody else must put them in force")
        self.acts.append(("activate", who.principal.name, proposal, reason))

    def withdraw(self, who: Identity, proposal: str) -> None:
        self.acts.append(("withdraw", who.principal.name, proposal))

    def _policies(self, which: str) -> AccessPolicies:
        folder = files("wardstead.catalogues") / "policies"
        names = ("10-roles.cedar", "schema.cedarschema", "access.yaml")
        texts = {name: (folder / name).read_text() for name in names}
        if which == "folder":
            texts["90.cedar"] = self.own
        return compile_policies(PolicyFiles(texts), product_policies(), "policies")

    def standing(self) -> Standing:
        one = Activated("0a1b2c3d4e5f6071", "2026-11-23T15:00:00.000Z", "operator-7 (command line)", "a <b>holiday</b>")
        return Standing((one, replace(one, version="feedfacecafebeef", reason="")), self.edited, self.wrong)

    def _decide(self, asked: Asked, which: str, name: str) -> Decision:
        if name not in PEOPLE:
            raise TooManyAttempts(f"there is nobody called {name}")
        kind, _, own = asked.resource.partition("::")
        owner = PEOPLE[asked.owner or asked.principal].id if kind not in {"Model", "Console"} else None
        point = MemoisedDecisionPoint(self._policies(which).point, self._directory())
        return point.decide(request_of(PEOPLE[name], asked.action, Resource(kind, own or "x", owner=owner), Circumstance(0)))

    def _directory(self) -> Directory:
        return Directory(0, {one.id: one for one in PEOPLE.values()})

    def explain(self, asked: Asked, which: str) -> Explained:
        self.asked.append(asked)
        decision = self._decide(asked, which, asked.principal)
        roles = tuple(sorted(PEOPLE[asked.principal].roles))
        return Explained(asked, "0a1b2c3d4e5f6071", 0, PUBLIC, decision, roles, (), (), ())

    def who_can(self, asked: Asked, which: str) -> Sequence[str]:
        return [name for name in PEOPLE if self._decide(asked, which, name).allow]

    def findings(self) -> Sequence[Finding]:
        return check_policies(self._policies("folder"), {"user"})

    def difference(self, which: str) -> Difference:
        self.compared.append(which)
        ground = Ground(self._directory(), (Resource("Model", "smollm2"),))
        return compare(self._policies("active"), self._policies("folder"), ground, 0)

    def data_difference(self, which: str) -> Sequence[PolicyChange]:
        return [PolicyChange(("iban",), "confidential: prompt allow", "restricted: prompt redact")]

    def people(self) -> Sequence[str]:
        return sorted(PEOPLE)

    def purposes(self) -> Sequence[str]:
        return ["support"]


@dataclass
class FakeKeys:
    """Keys in memory; ``done`` by whom."""

    made: list[KeySummary] = field(default_factory=list)
    done: list[tuple[str, str]] = field(default_factory=list)

    def keys(self) -> Sequence[KeySummary]:
        return self.made

    def choices(self) -> Choices:
        return Choices(tuple(sorted(PEOPLE)), ("support", "drafting"), ("office",), ("smollm2",))

    def create(self, wanted: Wanted, actor: Identity) -> str:
        if not wanted.bounds.purposes <= {"support", "drafting"}:
            raise FakeRefusal("bad_value", "there is no purpose <b>nonsense</b>")
        number = len(self.made)
        expires = 1_800_000_000_000 if wanted.expires else None
        self.made.append(KeySummary(f"k{number}", f"ws_abcd{number}", wanted.person, (), 0, expires, None, wanted.bounds))
        self.done.append(("create", actor.principal.name))
        return f"ws_abcd{number}secret"

    def revoke(self, key_id: str, actor: Identity) -> None:
        if key_id not in {one.id for one in self.made}:
            raise FakeRefusal("unknown_key", "there is no such key")
        self.made = [one for one in self.made if one.id != key_id]
        self.done.append(("revoke", actor.principal.name))


RECOMPUTED = Check("ledger.verified", "The record was recomputed", State.GREEN, "verified today, 41 entries")


@dataclass
class FakeLedger:
    """A deployment whose ledger key was replaced once, with a witness that is behind; ``replacing`` can be set."""

    replacing: str = ""
    recomputed: Check = RECOMPUTED

    def standing(self) -> LedgerStanding:
        layers = (
            Layer(
                "Root", "kept by: shares", "2026-11-20T10:00:00.000Z", 12, 1 << 32, State.GREEN, "wardstead keys rotate --root"
            ),
            Layer("Key-encryption key", "epoch 12", "", 3 << 30, 1 << 32, State.AMBER, "wardstead keys rotate"),
            Layer("Exchanges'", "one for each", "", None, 0, State.GREEN, ""),
        )
        keys = (SigningPeriod("wardstead.local/1+aaaa+AAAA", 0, 40), SigningPeriod("wardstead.local/1+bbbb+BBBB", 40, None))
        elsewhere = (
            Elsewhere("Witness", "other.example", 41, "2026-11-23T15:00:00.000Z", "", State.GREEN),
            Elsewhere("Witness", "forked.example", 12, "", "it has cosigned <b>another</b> history", State.RED),
        )
        return LedgerStanding(layers, keys, elsewhere, 41, "wardstead.local/1\n41\n", self.replacing, self.recomputed)


@dataclass
class FakeEmergencies:
    """Break-glass accounts in memory: ada opens what another one asks for."""

    sealed: list[AccountShown] = field(default_factory=list)
    asked: list[OpeningShown] = field(default_factory=list)
    done: list[tuple[str, str]] = field(default_factory=list)

    def exist(self) -> bool:
        return bool(self.sealed)

    def accounts(self, who: Identity) -> Sequence[AccountShown]:
        return [replace(one, may_close=bool(one.until) and who.principal.name == "ada") for one in self.sealed]

    def openings(self, who: Identity, *, everything: bool) -> Sequence[OpeningShown]:
        name = who.principal.name
        shown = [replace(one, may_decide=name == "ada" and one.state == "asked" and one.asked_by != name) for one in self.asked]
        return [one for one in shown if everything or one.may_decide or one.asked_by == name]

    def ask(self, who: Identity, account: str, reason: str, hours: float) -> None:
        if not 0 < hours <= 4:
            raise FakeRefusal("bad_value", "it is open for at most 4 hours")
        made = OpeningShown(
            f"o{len(self.asked)}", account, who.principal.name, "2026-11-26T04:00:00.000Z", reason, hours, "asked", "", "", False
        )
        self.asked.append(made)

    def decide(self, who: Identity, opening: str, *, approve: bool) -> None:
        if who.principal.name != "ada":
            raise FakeRefusal("access_denied", "another one may")
        self.done.append(("open" if approve else "refuse", opening))

    def close(self, who: Identity, account: str) -> None:
        self.done.append(("close", account))


CODE = "123456"
RECOVERY = ("0000-1111-2222", "3333-4444-5555")


@dataclass
class FakeFactors:
    """Second factors in memory: the code that is right is always the same."""

    codes: set[str] = field(default_factory=set)
    """Who has an authenticator."""
    passkeys: dict[str, tuple[PasskeyShown, ...]] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    tickets: dict[str, str] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    problem: str = ""
    open: Callable[[str], OpenedSession] = field(default=lambda name: OpenedSession(name, name))

    def after_password(self, name: str) -> OpenedSession | SecondStep:
        if name not in self.codes and not self.passkeys.get(name):
            return self.open(name)
        ticket = f"ticket-{len(self.tickets)}"
        self.tickets[ticket] = name
        return SecondStep(ticket, codes=name in self.codes, passkeys=bool(self.passkeys.get(name)))

    def finish(self, ticket: str, code: str) -> OpenedSession:
        if ticket not in self.tickets:
            raise FakeRefusal("sign_in_lost", "this sign-in does not go on")
        self._check(code)
        return self.open(self.tickets.pop(ticket))

    def confirm(self, who: Identity, code: str) -> OpenedSession:
        self._check(code)
        return self.open(who.principal.name)

    def _check(self, code: str) -> None:
        if code != CODE:
            raise FakeRefusal("wrong_code", "the code is not right")

    def standing(self, who: Identity) -> FactorStanding:
        name = who.principal.name
        since = "2026-11-20T09:00:00.000Z" if name in self.codes else ""
        passkeys = self.passkeys.get(name, ())
        return FactorStanding(since, 10 if since or passkeys else 0, passkeys, name in self.required, self.problem)

    def begin_codes(self, who: Identity) -> Enrolment:
        if self.problem:
            raise FakeRefusal("confirm_first", self.problem)
        self.pending.add(who.principal.name)
        return self.begun_codes(who)

    def begun_codes(self, who: Identity) -> Enrolment:
        if who.principal.name not in self.pending:
            raise FakeRefusal("no_second_factor", "no authenticator is being added")
        return Enrolment("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", picture("an address"))

    def confirm_codes(self, who: Identity, code: str) -> tuple[OpenedSession, tuple[str, ...]]:
        self._check(code)
        self.pending.discard(who.principal.name)
        self.codes.add(who.principal.name)
        return self.open(who.principal.name), RECOVERY

    def remove_codes(self, who: Identity) -> None:
        self.codes.discard(who.principal.name)

    def renew_recovery_codes(self, who: Identity) -> tuple[str, ...]:
        return RECOVERY


@dataclass
class FakePasskeys:
    """Passkeys without a browser: the answer ``proof`` is right, and the ticket says whose it is."""

    factors: FakeFactors
    works: bool = True

    def possible(self) -> bool:
        return self.works

    def ask(self) -> Question:
        return Question('{"challenge": "AAAA"}', "who is it")

    def sign_in(self, ticket: str, answer: str) -> OpenedSession:
        self._check(ticket == "who is it", answer)
        return self.factors.open("alice")

    def ask_second(self, ticket: str) -> Question:
        if ticket not in self.factors.tickets:
            raise FakeRefusal("sign_in_lost", "this sign-in does not go on")
        return Question('{"challenge": "AAAA"}', ticket)

    def finish(self, ticket: str, answer: str) -> OpenedSession:
        name = self.factors.tickets.pop(ticket, "")
        self._check(bool(name), answer)
        return self.factors.open(name)

    def ask_confirm(self, who: Identity) -> Question:
        return Question('{"challenge": "AAAA"}', f"confirm {who.principal.name}")

    def confirm(self, who: Identity, ticket: str, answer: str) -> OpenedSession:
        self._check(ticket == f"confirm {who.principal.name}", answer)
        return self.factors.open(who.principal.name)

    def ask_new(self, who: Identity) -> Question:
        if self.factors.problem:
            raise FakeRefusal("confirm_first", self.factors.problem)
        return Question('{"challenge": "AAAA"}', f"new {who.principal.name}")

    def add(self, who: Identity, ticket: str, answer: str, name: str) -> tuple[OpenedSession, tuple[str, ...]]:
        self._check(ticket == f"new {who.principal.name}", answer)
        known = self.factors.passkeys.get(who.principal.name, ())
        made = PasskeyShown(f"p{len(known)}", name, "2026-11-20T09:00:00.000Z", "", synced=True)
        self.factors.passkeys[who.principal.name] = (*known, made)
        return self.factors.open(who.principal.name), () if known else RECOVERY

    def rename(self, who: Identity, passkey: str, name: str) -> None:
        known = self.factors.passkeys.get(who.principal.name, ())
        if passkey not in {one.id for one in known}:
            raise FakeRefusal("not_found", "you have no such passkey")
        self.factors.passkeys[who.principal.name] = tuple(replace(one, name=name) if one.id == passkey else one for one in known)

    def remove(self, who: Identity, passkey: str) -> None:
        known = self.factors.passkeys.get(who.principal.name, ())
        self.factors.passkeys[who.principal.name] = tuple(one for one in known if one.id != passkey)

    def _check(self, fits: bool, answer: str) -> None:
        if not fits or answer != "proof":
            raise FakeRefusal("passkey_refused", "the passkey is not accepted")


class FakeRefusal(CallerError):
    """Some refusal, by its code."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(what, next_step="Try again")
        self.code = code  # type: ignore[misc]


TEMPLATE = "Answer {{customer}} <script>alert(1)</script>"


@dataclass
class FakeLibrary:
    """One document of alice's in a collection of hers, shared with bob; whoever else asks finds nothing."""

    kept: dict[str, Shelved] = field(default_factory=dict)
    holdings: list[Holding] = field(default_factory=list)
    given: list[tuple[str, str, Gift]] = field(default_factory=list)
    refuse: CallerError | None = None

    def __post_init__(self) -> None:
        if not self.kept:
            time, inside = "2026-11-23T15:04:05.120Z", "c-1"
            self.kept = {
                inside: Shelved(inside, "collection", "Plans <b>2027</b>", "alice", "public", time, own=True),
                "t-1": Shelved("t-1", "template", "reply <i>politely</i>", "alice", "internal", time, own=True),
                "d-1": Shelved("d-1", "document", "plan.pdf", "alice", "confidential; personal", time, 81_920, inside, own=True),
            }
            chain = ("alice", "bob")
            self.holdings = [
                Holding("s-1", "bob", False, ("read", "share"), 1, "", ("alice",), True, True),
                Holding("s-2", "finance", True, ("read",), 0, "2027-03-01T00:00:00.000Z", chain, False, False),
            ]

    def most_bytes(self) -> int:
        return 1 << 20

    def _find(self, who: Identity, item: str) -> Shelved:
        if item not in self.kept or who.principal.name != "alice":
            raise NoSuchItem(KeptKind.DOCUMENT)
        return self.kept[item]

    def collections(self, who: Identity) -> Sequence[Shelved]:
        return [one for one in self.kept.values() if one.kind == "collection" and who.principal.name == "alice"]

    def documents(self, who: Identity, *, collection: str, after: str, limit: int) -> Sequence[Shelved]:
        found = [one for one in self.kept.values() if one.kind == "document" and who.principal.name == "alice"]
        behind = [one for one in reversed(found) if not after or one.id < after]
        return [one for one in behind if collection in {"", one.collection}][:limit]

    def collection(self, who: Identity, item: str) -> Shelved:
        return self._find(who, item)

    def open(self, who: Identity, document: str) -> Opened:
        return Opened(self._find(who, document), "The launch is on Tuesday. <script>alert(1)</script>", ("white text",))

    def content(self, who: Identity, document: str) -> tuple[Shelved, bytes]:
        return self._find(who, document), b"<html>bytes</html>"

    def add(self, who: Identity, name: str, data: bytes, *, collection: str, label: str) -> Shelved:
        if self.refuse is not None:
            raise self.refuse
        made = Shelved(f"d-{len(self.kept)}", "document", name, who.principal.name, label or "public", "2026-11-23T15:04:05.120Z",
                       len(data), collection, own=True)  # fmt: skip
        self.kept[made.id] = made
        return made

    def create_collection(self, who: Identity, name: str) -> Shelved:
        made = Shelved("c-2", "collection", name, who.principal.name, "public", "2026-11-23T15:04:05.120Z", own=True)
        self.kept[made.id] = made
        return made

    def templates(self, who: Identity, *, after: str, limit: int) -> Sequence[Shelved]:
        found = [one for one in self.kept.values() if one.kind == "template" and who.principal.name == "alice"]
        return [one for one in found if not after or one.id < after][:limit]

    def template(self, who: Identity, item: str) -> Opened:
        return Opened(self._find(who, item), TEMPLATE)

    def create_template(self, who: Identity, name: str, text: str, label: str) -> Shelved:
        if self.refuse is not None:
            raise self.refuse
        made = Shelved("t-2", "template", f"{name}: {text}", who.principal.name, label or "public", "2026-11-23T15:04:05.120Z")
        self.kept[made.id] = made
        return made

    def delete(self, who: Identity, kind: str, item: str) -> None:
        del self.kept[self._find(who, item).id]

    def sharable(self, who: Identity, kind: str, item: str) -> Sharable:
        one = self._find(who, item)
        return Sharable(kind, one.id, one.name, one.owner, one.label, True, "", self.holdings)

    def grantees(self, who: Identity, text: str) -> Sequence[tuple[str, bool]]:
        found = [(name, False) for name in sorted(PEOPLE) if text and text in name]
        return [*found, *([("bookkeeping", True)] if text and text in "bookkeeping" else [])]

    def give(self, who: Identity, kind: str, item: str, gift: Gift) -> None:
        if self.refuse is not None:
            raise self.refuse
        self.given.append((kind, self._find(who, item).id, gift))

    def take_back(self, who: Identity, share: str) -> int:
        self.holdings = [one for one in self.holdings if one.id != share]
        return 1


BILL = outline({
    "bomFormat": "CycloneDX",
    "metadata": {"component": {
        "type": "machine-learning-model", "name": "own", "version": "1", "licenses": [{"license": {"id": "MIT"}}],
        "pedigree": {"ancestors": [
            {"name": "org/<b>base", "properties": [{"name": "wardstead:relation", "value": "quantized"}]},
        ]},
        "modelCard": {"modelParameters": {"architectureFamily": "transformer"}},
    }},
    "components": [
        {"type": "file", "name": "models/own/w.gguf", "hashes": [{"alg": "SHA-256", "content": "a" * 64}]},
        {"type": "data", "name": "corpus"}, {"type": "library", "name": "xllamacpp", "version": "2026.10.1"},
    ],
    "vulnerabilities": [{"id": "CVE-2026-0001", "ratings": [{"severity": "high"}], "description": "It <i>breaks</i>."}],
})  # fmt: skip
OWN_MODEL = ModelShown(
    "own", "the model own has not been admitted", "'wardstead model add' brings it in",
    (("Served by", "a server that Wardstead launches"),),
    AdmissionShown(
        "a-1", "candidate", "review", "restricted", "", "suspicious", "2026-11-26T07:00:00.000Z", "", "", "",
        (FileShown("models/own/<b>w.gguf", "weights", 7, "a" * 64),),
        (ActShown("added", "root", "2026-11-26T06:00:00.000Z", ""),),
    ),
    (FindingShown("warn", "models/own/w.gguf", "No words for system prompts", "<i>x</i>", "template-system-ignored", "Compare"),),
    (("nobody reviewed it", "'wardstead model review own'"),),
    History((
        Happened("2026-11-26T08:00:00.000Z", "Suspended", "the watch over its files", "<i>w.gguf</i> changed", Tone.BAD, "act-2"),
        Happened("2026-11-26T06:00:00.000Z", "Added", "root", "", Tone.QUIET, ""),
    ), 7),
    frozenset({"review"}),
    BILL, most_hours=24,
)  # fmt: skip

WAITING = OverrideShown(
    "own", ActShown("asked", "root", "2026-11-26T09:00:00.000Z", "the <b>ward</b> waits"), 4, "2026-11-27T09:00:00.000Z"
)


@dataclass
class FakeModels:
    """One model that nobody has reviewed yet, and one of somebody else's."""

    done: list[tuple[str, str, str, str]] = field(default_factory=list)
    asked: bool = False
    overridden: bool = False
    step: str = ""

    def models(self) -> Sequence[ModelLine]:
        return [ModelLine("own", "candidate", "it is on its way", ""), ModelLine("org/else", "", "", "served by somebody else")]

    def model(self, name: str, who: Identity, before: int | None = None) -> ModelShown | None:
        own = replace(OWN_MODEL, may=frozenset({"review", "override"}))
        if self.asked and who.principal.name == "root":
            own = replace(OWN_MODEL, waiting=replace(WAITING, why_not="you asked for it"), may=frozenset({"decline"}))
        elif self.asked:
            own = replace(OWN_MODEL, waiting=WAITING, may=frozenset({"agree", "decline"}))
        elif self.overridden:
            agreed = ActShown("agreed", "mia", "2026-11-26T09:10:00.000Z", "by telephone")
            assert OWN_MODEL.admission is not None
            over = replace(OWN_MODEL.admission, state="admitted", basis="override")
            own = replace(
                OWN_MODEL, refused="", admission=over, override=replace(WAITING, agreed=agreed), may=frozenset({"withdraw"})
            )
        found = {"own": own, "org/else": replace(OWN_MODEL, name="org/else", admission=None, refused="", may=frozenset())}
        return found.get(name)

    def act(self, name: str, what: str, who: Identity, reason: str) -> None:
        if not reason:
            raise FakeRefusal("bad_request", "say why: it is recorded")
        if self.step:
            refused = FakeRefusal("access_denied", "you signed in too long ago")
            refused.step = self.step  # type: ignore[attr-defined]
            raise refused
        self.done.append((name, what, who.principal.name, reason))

    def ask(self, name: str, who: Identity, reason: str, hours: float) -> None:
        self.act(name, f"override for {hours:g}", who, reason)

    def waiting(self, who: Identity) -> Sequence[OverrideShown]:
        return [replace(WAITING, why_not="")] if self.asked and who.principal.name != "root" else []


@dataclass
class FakeServices:
    """Keeps what was asked of it, so that a test can say what was never read."""

    checks: tuple[Check, ...] = CHECKS
    calls: list[tuple[str, str]] = field(default_factory=list)
    passwords: dict[str, str] = field(
        default_factory=lambda: {name: PASSWORD for name in PEOPLE if name != "new"} | {"new": ONE_TIME}
    )
    sessions: dict[str, tuple[str, str]] = field(default_factory=dict)
    summaries: list[ExchangeSummary] = field(default_factory=list)
    contents: dict[str, dict[str, Any]] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    broken: bool = False
    crash: bool = False
    names: DetectorState = NAMES
    changed: bool = False
    policies: FakeDesk = field(default_factory=FakeDesk)
    library: FakeLibrary = field(default_factory=FakeLibrary)
    keys: FakeKeys = field(default_factory=FakeKeys)
    factors: FakeFactors = field(default_factory=FakeFactors)
    model_desk: FakeModels = field(default_factory=FakeModels)
    ledger_desk: FakeLedger = field(default_factory=FakeLedger)
    unsealed: list[tuple[str, str]] = field(default_factory=list)
    farewell: Farewell | None = None
    demand: str = ""
    """What a session would need to do anything."""

    def __post_init__(self) -> None:
        self.factors.open = self._open
        self.rulings: dict[str, Ruling] = {}
        self.passkeys = FakePasskeys(self.factors)
        self.emergencies = FakeEmergencies()
        if not self.summaries:
            self._fill()

    def _fill(self) -> None:
        alice, bob = PEOPLE["alice"].id, PEOPLE["bob"].id
        rows = [
            (ALICE_EXCHANGE, 40, "intent", "2026-11-23T15:04:05.120Z", alice, "alice", "completed"),
            (BOB_EXCHANGE, 38, "intent", "2026-11-23T15:03:41.008Z", bob, "bob", "completed"),
            (BLOCKED_EXCHANGE, 36, "intent", "2026-11-23T15:02:12.640Z", alice, "alice", "blocked"),
            (ADMIN_ACT, 35, "admin", "2026-11-23T15:00:00.000Z", PEOPLE["root"].id, "root", ""),
        ]
        self.summaries = [ExchangeSummary(ExchangeId(row[0]), *row[1:]) for row in rows]  # type: ignore[arg-type]
        redactions = [
            {"text": 0, "type": "credit-card", "start": 20, "end": 39, "action": "redact"},
            {"text": 0, "type": "email", "start": 60, "end": 75, "action": "allow"},
        ]
        blocked = {
            "verdict": "block",
            "code": "allow",
            "reason": "people with the role user may ask models",
            "policies": ["users-ask-models"],
        }
        self.put(
            ALICE_EXCHANGE,
            intent(
                f"Draft a note: {SECRET_WORDS}. Card [redacted:credit-card], mail to ann@example.org <b>now</b>",
                findings=redactions,
            ),
            outcome("completed", "Dear Ann,\n\nhere is the note that you asked for."),
        )
        self.put(BOB_EXCHANGE, intent("bob's own words"), outcome("completed", "an answer for bob"))
        found = [{"text": 0, "type": "private-key", "start": 0, "end": 900, "action": "block"}]
        refusal = "Wardstead did not send this request to the model: it contains private-key."
        nothing = {"times_ms": {}, "usage": None, "finish_reasons": {}, "reason": "content.private-key"}
        self.put(BLOCKED_EXCHANGE, intent("", "block", decision=blocked, findings=found), outcome("blocked", refusal, **nothing))
        act = {"action": "key.create", "details": {"name": "bob", "by": "command line", "os_user": "operator-7"}}
        entries = [{"kind": "admin", "time": "2026-11-23T15:00:00.000Z", "outcome": "", "content": act}]
        self.contents[ADMIN_ACT] = {
            "exchange": ADMIN_ACT,
            "erased": False,
            "mentioned": False,
            "expired": False,
            "entries": entries,
        }

    def put(self, exchange: str, asked: dict[str, Any] | None, answered: dict[str, Any] | None) -> None:
        """Give an exchange its content; no outcome leaves it open."""
        entries = [{"kind": "intent", "time": "2026-11-23T15:04:05.120Z", "outcome": "", "content": asked}]
        if answered is not None:
            entries.append(
                {"kind": "outcome", "time": "2026-11-23T15:04:07.540Z", "outcome": answered["outcome"], "content": answered}
            )
        self.contents[exchange] = {
            "exchange": exchange,
            "erased": asked is None,
            "mentioned": False,
            "expired": False,
            "entries": entries,
        }

    # -- sessions ------------------------------------------------------------------------------------------------------

    def providers(self) -> Mapping[str, str]:
        return {}

    def provider_of(self, who: Identity) -> str:
        return ""

    def begin_sign_in(self, provider: str, target: str, who: Identity | None = None) -> tuple[str, str]:
        raise NotImplementedError

    def finish_sign_in(self, provider: str, answer: Mapping[str, str], ticket: str) -> tuple[OpenedSession, str]:
        raise NotImplementedError

    def ended_elsewhere(self, provider: str, logout_token: str) -> int:
        raise NotImplementedError

    def sign_in(self, name: str, password: str) -> OpenedSession | MustChangePassword | SecondStep | None:
        if name == "blocked":
            raise TooManyAttempts("too many failed attempts", next_step="Wait half a minute, then try again")
        if self.passwords.get(name) != password:
            return None
        return MustChangePassword() if password == ONE_TIME else self.factors.after_password(name)

    def change_password(self, name: str, current: str, new: str) -> OpenedSession | SecondStep | None:
        if len(new) < 12:
            raise CallerError("a password has 12 to 1024 characters")
        if self.passwords.get(name) != current:
            return None
        self.passwords[name] = new
        return self.factors.after_password(name)

    def _open(self, name: str) -> OpenedSession:
        session = OpenedSession(f"wss_{name}_{len(self.sessions)}", f"csrf_{name}_{len(self.sessions)}")
        self.sessions[session.token] = (name, session.csrf)
        return session

    def sign_out(self, token: str, who: Identity) -> Farewell | None:
        self.sessions.pop(token, None)
        return self.farewell

    async def identify(self, token: str, csrf: str) -> Identity:
        if token not in self.sessions:
            raise Unauthenticated
        name, held = self.sessions[token]
        if csrf != held:
            raise BadCsrfToken
        who = PEOPLE[name]
        return Identity(who, Credential(CredentialId(f"c-{name}"), CredentialKind.SESSION, b"", who.id))

    def decide(self, identity: Identity, action: str, resource: Resource, label: Label = PUBLIC) -> Decision:
        if self.demand:
            return Decision(allow=False, policies=(), reason="it needs more", code="access.forbidden", step=self.demand)
        return decision_point().decide(AccessRequest(identity, action, resource, label))

    def label(self, exchange_id: str) -> Label:
        self.calls.append(("label", exchange_id))
        return self.labels.get(exchange_id, PUBLIC)

    # -- what there is to see --------------------------------------------------------------------------------------------

    def open_accounts(self) -> Sequence[tuple[str, str]]:
        return self.unsealed

    def posture(self) -> Posture:
        if self.crash:
            raise RuntimeError(f"a crash that quotes {SECRET_WORDS}")
        return Posture(self.checks, "2026-11-23T15:04:06.000Z")

    def models(self, identity: Identity) -> Sequence[ModelChoice]:
        asks = self.decide(identity, "listModels", Resource("Model", "smollm2")).allow
        return [
            ModelChoice("smollm2", label("confidential", ["personal"]), attested=True),
            ModelChoice("big-remote-model", label("public")),
        ] if asks else []  # fmt: skip

    def exchanges(self, *, reader: Identity | None, before: int | None, limit: int) -> Sequence[ExchangeSummary]:
        seen = [one for one in self.summaries if reader is None or one.owner == reader.principal.id]
        fitting = [one for one in seen if before is None or one.cursor < before]
        return fitting[:limit]

    def exchange(self, exchange_id: str) -> ExchangeSummary | None:
        return next((one for one in self.summaries if one.id == exchange_id), None)

    def glimpses(self, exchange_ids: Sequence[str]) -> Mapping[str, Glimpse]:
        self.calls += [("glimpse", one) for one in exchange_ids]
        return {
            one: Glimpse("", "", "", "key.create")
            if one == ADMIN_ACT
            else Glimpse("smollm2", "confidential; personal", "allow", mark=self.labels.get(one, PUBLIC))
            for one in exchange_ids
        }

    def ruling(self, exchange_id: str) -> Ruling | None:
        return self.rulings.get(exchange_id)

    def open_exchange(self, exchange_id: str, reader: Identity) -> Mapping[str, Any] | None:
        self.calls.append(("open", exchange_id))
        return self.contents.get(exchange_id)

    def download_exchange(self, exchange_id: str, reader: Identity) -> Mapping[str, Any] | None:
        self.calls.append(("download", exchange_id))
        return self.contents.get(exchange_id)

    def receipt(self, exchange_id: str) -> Mapping[str, Any] | None:
        return make_receipt(exchange_id) if self.exchange(exchange_id) else None

    def verify_receipt(self, document: Mapping[str, Any]) -> int:
        key = replace(KEY.verifying, public=b"\x01" * 32) if self.broken else KEY.verifying
        checkpoint = verify_receipt(document, key)
        return checkpoint.size if checkpoint else 0

    # -- classification ----------------------------------------------------------------------------------------------------

    def classification(self) -> PolicyInForce:
        kinds = tuple(Kind(one.type, one.category) for one in detectors())
        return PolicyInForce("policies/classification.yaml", inspector().policy, kinds, (self.names,), self.changed)

    def classify(self, text: str, flow: Flow) -> Tried:
        self.calls.append(("classify", str(flow.direction)))
        return Tried(classifier().classify(text), inspector().inspect(text, flow))

    def policy_text(self, name: str = "") -> str:
        if name and name not in READY_MADE:
            raise NoSuchPolicy("there is no ready-made policy of that name")
        return ready_made(name)[0] if name else POLICY_TEXT

    def ready_made_policies(self) -> Sequence[str]:
        return READY_MADE

    def check_policy(self, text: str) -> str:
        policy = policy_of(text)
        classifier().under(policy)
        return policy.version

    def replay(self, text: str, exchange_ids: Sequence[str], reader: Identity) -> Iterator[Replayed | Skipped]:
        self.calls.append(("record", f"policy.replay {len(exchange_ids)}"))
        before, after = (Rejudge(classifier().kinds, policy_of(one)) for one in (POLICY_TEXT, text))
        models = {"smollm2": Target(ModelClass.ISOLATED, label("restricted", ["personal", "payment", "health"]))}
        people = {one.subject: one.clearance for one in PEOPLE.values()}
        ready = Replay(classifier(), before, after, models, people, lambda _id, one: reader.principal.clearance.dominates(one))
        for one in exchange_ids:
            self.calls.append(("replay", one))
            yield ready.one({"subject": "", **self.contents[one]} if one in self.contents else None)

    def read_document(self, name: str, data: bytes) -> Extracted:
        self.calls.append(("read", name))
        if data.startswith(b"%PDF"):
            raise UnreadableDocument("this is not a PDF that can be read")
        parts = (Part((name,), data.decode("utf-8-sig")), Part((name, "comment"), "seen by nobody", hidden="a comment"))
        return Extracted(name, "text", parts)


@cache
def _tree() -> tuple[list[bytes], list[Sequenced]]:
    """A tree of eleven entries; the fourth and the seventh are those of whichever exchange is asked for."""
    headers = [Header(EntryKind.OUTCOME, ExchangeId(f"other-{i}"), 29_000_000, outcome="completed").encode() for i in range(11)]
    sealed = [Sequenced(header, sha256(header).digest(), i) for i, header in enumerate(headers)]
    return [leaf_hash(leaf_data(one.header, one.body_sha256)) for one in sealed], sealed


def make_receipt(exchange: str) -> dict[str, Any]:
    """A receipt that verifies."""
    leaves = list(_tree()[0])
    entries = []
    for index, kind in ((3, EntryKind.INTENT), (6, EntryKind.OUTCOME)):
        header = Header(kind, ExchangeId(exchange), 29_000_000, outcome="completed" if kind is EntryKind.OUTCOME else "").encode()
        entries.append(Sequenced(header, sha256(b"body" + header).digest(), index))
        leaves[index] = leaf_hash(leaf_data(header, entries[-1].body_sha256))
    node = node_of(leaves)
    checkpoint = Checkpoint(KEY.verifying.name, len(leaves), tree_root(len(leaves), node))
    note = KEY.sign_note(checkpoint.text())
    document = receipt_document(exchange, entries, checkpoint=checkpoint, note=note, node=node, key=KEY.verifying)
    loaded: dict[str, Any] = json.loads(json.dumps(document))
    return loaded
