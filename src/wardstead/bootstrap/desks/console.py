"""The console's services, wired: the directory, the ledger, the worker's snapshot, the posture."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Any

from wardstead.access.ports import AccessRequest, Decision, Identity, Principal, Resource
from wardstead.adapters.plugins import checked
from wardstead.adapters.store.content.situations import Known
from wardstead.adapters.store.directory.directory import Actor
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.adapters.store.ledger.exchanges import ExchangeSummary as StoredSummary
from wardstead.assurance.review.held import Held, NoSuchHeld, Said, Verdict, Waiting
from wardstead.bootstrap.acting import at_the_console
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.desks.emergency_desk import DeploymentEmergencyDesk
from wardstead.bootstrap.desks.key_desk import DeploymentKeyDesk
from wardstead.bootstrap.desks.ledger_desk import DeploymentLedgerDesk
from wardstead.bootstrap.desks.library_desk import DeploymentLibraryDesk
from wardstead.bootstrap.desks.model_desk import DeploymentModelDesk
from wardstead.bootstrap.desks.policy_desk import DeploymentPolicyDesk
from wardstead.bootstrap.desks.reviewing import desk_of_worker
from wardstead.bootstrap.detection.detectors import lacking
from wardstead.bootstrap.forgetting.retention import as_classified, within_retention
from wardstead.bootstrap.identity.break_glass import open_now
from wardstead.bootstrap.identity.directory_passwords import DirectoryPasswords, PasswordElsewhere
from wardstead.bootstrap.identity.federation import Federation
from wardstead.bootstrap.identity.passkeys import DeploymentPasskeyDesk
from wardstead.bootstrap.identity.second_factors import DeploymentFactorDesk
from wardstead.bootstrap.kept.library import decision_point, library_of_worker
from wardstead.bootstrap.policy.classification import NoSuchPolicy
from wardstead.bootstrap.policy.classified import ready_made
from wardstead.bootstrap.policy.replaying import proposed_policy, replay_of, replayed
from wardstead.bootstrap.processes import condition
from wardstead.bootstrap.reading import read_text
from wardstead.console.factor_desk import OpenedSession, SecondStep
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
from wardstead.console.timeline import label_words
from wardstead.crypto.keyring import KeyGone
from wardstead.gateway.server.worlds import WorldHolder
from wardstead.inspection.classify import Classifier
from wardstead.inspection.combining import Kind
from wardstead.inspection.contract import State as Readiness
from wardstead.inspection.extraction import Extracted
from wardstead.inspection.inspector import PolicyInspector
from wardstead.inspection.ports import Flow, TextDetector
from wardstead.inspection.pseudonyms import Vault
from wardstead.inspection.replay import Replayed, Skipped
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError, ConfigurationError, IntegrityError
from wardstead.kernel.labels import PUBLIC, Label
from wardstead.ledger.ports import EntryKind
from wardstead.ledger.proof import verify_receipt

_POSTURE_S = 10.0
PROPOSED = "the changed policy"
_WITHOUT_A_PERSON = {COMMAND_LINE: "command line"}


class Console:
    """``ConsoleServices`` of one worker."""

    def __init__(self, deployment: Deployment, worlds: WorldHolder) -> None:
        """Shares the worker's snapshot: a revoked session is revoked here at the same moment."""
        self._deployment = deployment
        self._desk = desk_of_worker(deployment, worlds)
        self._worlds = worlds
        self._federation = Federation(deployment)
        self._elsewhere = DirectoryPasswords(deployment).fits
        self._posture: tuple[float, Posture] | None = None
        self._explains: tuple[PolicyInspector, Classifier] | None = None
        self._states: tuple[float, tuple[DetectorState, ...]] | None = None
        self._lock = Lock()
        self.policies = DeploymentPolicyDesk(deployment)
        self.keys = DeploymentKeyDesk(deployment)
        self.factors = DeploymentFactorDesk(deployment)
        self.library = DeploymentLibraryDesk(library_of_worker(deployment, worlds), worlds)
        self.emergencies = DeploymentEmergencyDesk(deployment, worlds)
        self.model_desk = DeploymentModelDesk(deployment, worlds)
        self.ledger_desk = DeploymentLedgerDesk(deployment)
        self.passkeys = DeploymentPasskeyDesk(deployment, self.factors)

    # -- signing in --------------------------------------------------------------------------------------------------

    def sign_in(self, name: str, password: str) -> OpenedSession | MustChangePassword | SecondStep | None:
        """See ``ConsoleServices.sign_in``."""
        found = self._deployment.passwords.check_password(name, password, self._elsewhere)
        if found is None:
            return None
        who, must_change = found
        return MustChangePassword() if must_change else self.factors.after_password(who)

    def change_password(self, name: str, current: str, new: str) -> OpenedSession | SecondStep | None:
        """See ``ConsoleServices.change_password``."""
        passwords = self._deployment.passwords
        found = passwords.check_password(name, current, self._elsewhere)
        if found is None:
            return None
        if not passwords.has_password(name):
            raise PasswordElsewhere
        if new == current:
            raise CallerError("the new password is the old one", next_step="Choose another")
        who, _ = found
        passwords.set_password(name, new, must_change=False, actor=Actor(who.name, who.subject))
        return self.factors.after_password(who)

    def providers(self) -> Mapping[str, str]:
        """See ``ConsoleServices.providers``."""
        return self._federation.titles()

    def provider_of(self, who: Identity) -> str:
        """See ``ConsoleServices.provider_of``."""
        return self._federation.of(who.credential.id)

    def begin_sign_in(self, provider: str, target: str, who: Identity | None = None) -> tuple[str, str]:
        """See ``ConsoleServices.begin_sign_in``."""
        begun = self._federation.begin(provider, target, who)
        return begun.url, begun.ticket

    def finish_sign_in(self, provider: str, answer: Mapping[str, str], ticket: str) -> tuple[OpenedSession, str]:
        """See ``ConsoleServices.finish_sign_in``."""
        opened, target = self._federation.finish(provider, answer, ticket)
        return OpenedSession(opened.token, opened.csrf), target

    def ended_elsewhere(self, provider: str, logout_token: str) -> int:
        """See ``ConsoleServices.ended_elsewhere``."""
        return self._federation.ended(provider, logout_token)

    def sign_out(self, token: str, who: Identity) -> Farewell | None:
        """See ``ConsoleServices.sign_out``."""
        farewell = self._federation.leave(who.credential.id)
        self._deployment.directory.close_session(token, actor=Actor(who.principal.name, who.principal.subject))
        return farewell

    async def identify(self, token: str, csrf: str) -> Identity:
        """See ``ConsoleServices.identify``."""
        world = self._worlds.current
        try:
            return world.authenticate(world.directory, token, csrf, now_ms())
        except CallerError:
            world = await self._worlds.refresh()
            return world.authenticate(world.directory, token, csrf, now_ms())

    # -- deciding ----------------------------------------------------------------------------------------------------

    def decide(self, identity: Identity, action: str, resource: Resource, label: Label = PUBLIC) -> Decision:
        """See ``ConsoleServices.decide``. The classification policy may say more of who sees data with a label."""
        world = self._worlds.current
        asked = AccessRequest(identity, action, resource, label, now_ms())
        roles = world.decisions.roles_of(identity.principal, asked.now_ms)
        return as_classified(world.decisions.decide(asked), asked, roles, world.inspector.keeping(label))

    def models(self, identity: Identity) -> Sequence[ModelChoice]:
        """See ``ConsoleServices.models``."""
        return [
            ModelChoice(model.name, model.clearance, model.attested)
            for model in self._worlds.current.models.values()
            if not model.not_serving(now_ms())
            and self.decide(identity, "listModels", Resource("Model", model.name, clearance=model.clearance)).allow
        ]

    def open_accounts(self) -> Sequence[tuple[str, str]]:
        """See ``ConsoleServices.open_accounts``."""
        return [(name, rfc3339(until)) for name, until in open_now(self._worlds.current.directory, now_ms())]

    def posture(self) -> Posture:
        """See ``ConsoleServices.posture``. One looks at a time: meanwhile the others are shown what was seen last."""
        seen = self._posture
        if seen is None:
            self._lock.acquire()
        elif _fresh(seen[0]) or not self._lock.acquire(blocking=False):
            return seen[1]
        try:
            return self._look()
        finally:
            self._lock.release()

    def _look(self) -> Posture:
        if self._posture is None or not _fresh(self._posture[0]):
            checks = tuple(condition.posture(self._deployment))
            self._posture = (time.monotonic(), Posture(checks, rfc3339(now_ms())))
        return self._posture[1]

    # -- exchanges ---------------------------------------------------------------------------------------------------

    def exchanges(self, *, reader: Identity | None, before: int | None, limit: int) -> Sequence[ExchangeSummary]:
        """See ``ConsoleServices.exchanges``."""
        people = self._by_subject()
        if reader is None:
            return [_summary(one, people) for one in self._deployment.ledger.recent(limit, before)]
        found = self._deployment.exchanges.page(self._known_to(reader), reader.principal.subject, before=before, limit=limit)
        return [_summary(one, people) for one in found]

    def _known_to(self, reader: Identity) -> Known:
        """Which exchanges they may know of: their own, and those of which a policy lets them read the receipt."""
        who, lists = reader.principal, self._deployment.exchanges
        rows = decision_point(self._worlds).rows_of(who)

        def may(resource: Resource, label: Label) -> bool:
            return resource.owner == who.id or self.decide(reader, "readReceipt", resource, label).allow

        return Known(rows.names, rows.permitted(lists.samples(rows.names), now_ms(), may))

    def exchange(self, exchange_id: str) -> ExchangeSummary | None:
        """See ``ConsoleServices.exchange``."""
        found = self._deployment.ledger.summary(exchange_id)
        return _summary(found, self._by_subject()) if found is not None else None

    def _by_subject(self) -> dict[str, Principal]:
        return {person.subject: person for person in self._worlds.current.directory.principals.values()}

    def glimpses(self, exchange_ids: Sequence[str]) -> Mapping[str, Glimpse]:
        """See ``ConsoleServices.glimpses``."""
        found, held = {}, self._deployment.erasures.held()
        for exchange_id in exchange_ids:
            try:
                opened = self._deployment.ledger.open_exchange(exchange_id, self._deployment.ring)
            except (KeyGone, IntegrityError):
                continue  # its own page says that it was erased, or altered; a list goes on
            shown = within_retention(opened, now_ms(), held=held) if opened else None
            glimpse = _glimpse(shown["entries"], shown["label"]) if shown else None
            if glimpse is not None:
                found[exchange_id] = glimpse
        return found

    def ruling(self, exchange_id: str) -> Ruling | None:
        """See ``ConsoleServices.ruling``."""
        try:
            opened = self._deployment.ledger.open_exchange(exchange_id, self._deployment.ring)
        except (KeyGone, IntegrityError):
            return None
        first = (opened["entries"][0]["content"] if opened is not None else None) or {}
        decision = first.get("decision")
        if not decision or decision["verdict"] == "allow" or not decision["code"].startswith("access."):
            return None
        return Ruling(decision["code"], tuple(decision["policies"]), first["versions"]["policy"])

    def label(self, exchange_id: str) -> Label:
        """See ``ConsoleServices.label``."""
        opened = self._deployment.ledger.open_exchange(exchange_id, self._deployment.ring)
        label: Label = opened["label"] if opened is not None else PUBLIC
        return label

    def open_exchange(self, exchange_id: str, reader: Identity) -> Mapping[str, Any] | None:
        """See ``ConsoleServices.open_exchange``."""
        deployment = self._deployment
        found = deployment.ledger.summary(exchange_id)
        opened = deployment.ledger.open_exchange(exchange_id, deployment.ring)
        if found is None or opened is None:
            return None
        who = reader.principal
        if found.kind != EntryKind.ADMIN.value and opened["subject"] != who.subject:
            # It may have gone on, and its label risen, since it was asked whether this reader may.
            resource = _summary(found, self._by_subject()).resource
            if not self.decide(reader, "viewExchange", resource, opened["label"]).allow:
                return None
            deployment.admin_record.record_admin(who.subject, "exchange.read", {"by": who.name, "exchange": exchange_id})
        return within_retention(opened, now_ms(), held=deployment.erasures.held())

    def download_exchange(self, exchange_id: str, reader: Identity) -> Mapping[str, Any] | None:
        """See ``ConsoleServices.download_exchange``."""
        shown = self.open_exchange(exchange_id, reader)
        if shown is not None:
            library_of_worker(self._deployment, self._worlds).export(at_the_console(reader), exchange_id, shown["label"])
        return shown

    def receipt(self, exchange_id: str) -> Mapping[str, Any] | None:
        """See ``ConsoleServices.receipt``."""
        return self._deployment.ledger.receipt(exchange_id)

    def verify_receipt(self, document: Mapping[str, Any]) -> int:
        """See ``ConsoleServices.verify_receipt``."""
        checkpoint = verify_receipt(document, self._deployment.ledger.keys)
        return checkpoint.size if checkpoint is not None else 0

    # -- review ------------------------------------------------------------------------------------------------------

    def held(self, reader: Identity, *, after: str, limit: int) -> Waiting:
        """See ``ConsoleServices.held``."""
        return self._desk.waiting(reader, after=after, limit=limit)

    def held_item(self, exchange_id: str, reader: Identity) -> tuple[Held, Verdict | None]:
        """See ``ConsoleServices.held_item``."""
        return self._desk.show(exchange_id, reader), self._deployment.reviews.find(exchange_id)

    def reveal_held(self, exchange_id: str, reader: Identity) -> Sequence[Said]:
        """See ``ConsoleServices.reveal_held``."""
        return self._desk.reveal(exchange_id, at_the_console(reader))

    def decide_held(self, exchange_id: str, reader: Identity, reason: str, *, release: bool) -> Verdict:
        """See ``ConsoleServices.decide_held``."""
        act = self._desk.release if release else self._desk.refuse
        return act(exchange_id, at_the_console(reader), reason)

    def own_held(self, exchange_id: str, reader: Identity) -> Mapping[str, Any] | None:
        """See ``ConsoleServices.own_held``."""
        try:
            return self._desk.fetch(exchange_id, reader)
        except NoSuchHeld:
            return None

    # -- classification ----------------------------------------------------------------------------------------------

    def classification(self) -> PolicyInForce:
        """See ``ConsoleServices.classification``."""
        inspector, deployment = self._inspector, self._deployment
        try:
            changed = deployment.folder_classification().version != inspector.policy.version
        except ConfigurationError:
            changed = True
        return PolicyInForce(
            deployment.settings.inspection.policy,
            inspector.policy,
            tuple(Kind(one.type, one.category) for one in inspector.detectors),
            self._detectors(),
            changed,
        )

    def classify(self, text: str, flow: Flow) -> Tried:
        """See ``ConsoleServices.classify``."""
        stand_ins = Vault(os.urandom, lambda _text: True)
        (inspected,) = self._inspector.inspect_all((text,), flow, pseudonyms=stand_ins)
        return Tried(self._classifier.classify(text), inspected)

    def read_document(self, name: str, data: bytes) -> Extracted:
        """See ``ConsoleServices.read_document``."""
        return self._deployment.extractor.extract(data, name, self._deployment.settings.documents.limits())

    def policy_text(self, name: str = "") -> str:
        """See ``ConsoleServices.policy_text``."""
        if name:
            if name not in ready_made():
                raise NoSuchPolicy("there is no ready-made policy of that name")
            return ready_made()[name]
        return read_text(self._deployment.classification_file)

    def ready_made_policies(self) -> Sequence[str]:
        """See ``ConsoleServices.ready_made_policies``."""
        return sorted(ready_made())

    def check_policy(self, text: str) -> str:
        """See ``ConsoleServices.check_policy``."""
        return proposed_policy(self._deployment, self._classifier, text, PROPOSED).version

    def replay(self, text: str, exchange_ids: Sequence[str], reader: Identity) -> Iterator[Replayed | Skipped]:
        """See ``ConsoleServices.replay``."""
        deployment, who = self._deployment, reader.principal
        proposed = proposed_policy(deployment, self._classifier, text, PROPOSED)
        people = {subject: person.clearance for subject, person in self._by_subject().items()}
        found = [one for one in map(deployment.ledger.summary, exchange_ids) if one is not None]
        resources = {one.id: _summary(one, self._by_subject()).resource for one in found}
        others = [one.id for one in found if one.subject != who.subject]

        def sees(exchange_id: str, label: Label) -> bool:
            resource = resources.get(exchange_id, Resource("Exchange", exchange_id))
            return who.clearance.dominates(label) and self.decide(reader, "viewExchange", resource, label).allow

        ready = replay_of(deployment, self._classifier, proposed, people, sees, in_force=self._inspector.policy)
        told = {"by": who.name, "policy": proposed.version, "exchanges": len(exchange_ids), "of_others": others}
        deployment.admin_record.record_admin(who.subject, "policy.replay", told)
        return replayed(deployment, ready, exchange_ids)

    @property
    def _inspector(self) -> PolicyInspector:
        found = self._worlds.current.inspector
        if not isinstance(found, PolicyInspector):
            raise ConfigurationError("there is no classification policy here")
        return found

    @property
    def _classifier(self) -> Classifier:
        """Of the version in force now: made in milliseconds, and kept while that one is."""
        found = self._inspector
        if self._explains is None or self._explains[0] is not found:
            self._explains = (found, found.classifier())
        return self._explains[1]

    def _detectors(self) -> tuple[DetectorState, ...]:
        """How the text detectors of this worker are; asked anew when that was a while ago."""
        if self._states is None or not _fresh(self._states[0]):
            found = self._inspector.text_detectors
            lacks = lacking(found)
            self._states = (time.monotonic(), tuple(_state(one, lacks.get(one.id, "")) for one in found))
        return self._states[1]


def _state(one: TextDetector, lacks: str) -> DetectorState:
    report = checked(one, thorough=False)
    why = lacks or ("" if report.state is Readiness.READY else report.why or report.state.value)
    return DetectorState(one.id, one.version, dict(one.types), why, "'wardstead classify detectors' tries it" if why else "")


def _fresh(seen_s: float) -> bool:
    return time.monotonic() - seen_s <= _POSTURE_S


def _glimpse(entries: Sequence[Mapping[str, Any]], mark: Label) -> Glimpse | None:
    """Of the entry that began it; ``None`` where its key was destroyed."""
    first = entries[0]["content"]
    if not first:
        return None
    if entries[0]["kind"] == EntryKind.ADMIN.value:
        return Glimpse("", "", "", str(first.get("action", "")))
    return Glimpse(first["model"], label_words(first["label"]), first["decision"]["verdict"], mark=mark)


def _summary(stored: StoredSummary, people: Mapping[str, Principal]) -> ExchangeSummary:
    person = people.get(stored.subject)
    return ExchangeSummary(
        stored.id,
        stored.entry_id,
        stored.kind,
        stored.time,
        person.id if person is not None else None,
        person.name if person is not None else _WITHOUT_A_PERSON.get(stored.subject, ""),
        stored.outcome,
        stored.conversation,
    )
