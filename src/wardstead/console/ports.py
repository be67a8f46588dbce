"""What the console asks of the others. ``bootstrap`` wires it; the console holds no state of its own but live connections
and how many sign in.

The console is a policy enforcement point: it asks ``decide`` first, and calls what reads content only where the answer was
yes. Methods that are not ``async`` block and are called in a thread, except ``decide``, which is pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from wardstead.access.ports import Container, Decision, Identity, Resource
from wardstead.assurance.review.held import Held, Said, Verdict, Waiting
from wardstead.console.emergency_desk import EmergencyDesk
from wardstead.console.factor_desk import FactorDesk, OpenedSession, SecondStep
from wardstead.console.key_desk import KeyDesk
from wardstead.console.ledger_desk import LedgerDesk
from wardstead.console.library_desk import LibraryDesk
from wardstead.console.model_desk import ModelDesk
from wardstead.console.passkey_desk import PasskeyDesk
from wardstead.console.policy_desk import PolicyDesk
from wardstead.inspection.classify import Classification
from wardstead.inspection.combining import Kind
from wardstead.inspection.extraction import Extracted
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.inspection.ports import Flow, Inspection
from wardstead.inspection.replay import Replayed, Skipped
from wardstead.isolation.posture import Check
from wardstead.kernel.ids import PrincipalId
from wardstead.kernel.labels import PUBLIC, Label


@dataclass(frozen=True, slots=True)
class MustChangePassword:
    """The password was right, and is good for one thing only: choosing another one. No session was opened."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """Where somebody signs out at the identity provider that vouched for them, and what it is called."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Posture:
    """What protects this deployment and what does not. ``checked``: when, as RFC 3339."""

    checks: tuple[Check, ...]
    checked: str


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model that a person may ask."""

    name: str
    clearance: Label = PUBLIC
    attested: bool = False


@dataclass(frozen=True, slots=True)
class ExchangeSummary:
    """An exchange (or an act of administration, ``kind == "admin"``) without its content.

    ``cursor`` orders them: pass the last one of a page to get the next. ``time`` is RFC 3339. ``owner`` is ``None`` and
    ``person`` empty where whose it was is no longer known. ``outcome`` is empty while it is open.
    """

    id: str
    cursor: int
    kind: str
    time: str
    owner: PrincipalId | None
    person: str
    outcome: str
    conversation: str = ""
    """The id of the one that it belongs to, where that is known."""

    @property
    def resource(self) -> Resource:
        """The exchange as the decision point knows it."""
        within = (Container("Conversation", self.conversation, self.owner),) if self.conversation else ()
        return Resource("Exchange", self.id, owner=self.owner, within=within)


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What a list shows of an exchange's sealed content: never a text that was said."""

    model: str
    label: str
    verdict: str
    act: str = ""
    """What was done, of an act of administration."""
    mark: Label = PUBLIC
    """The label that was sealed with it: whoever is not its owner must be cleared for it."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """By which rules of which version the access policies denied something: nothing of what was said, or of its label."""

    code: str
    policies: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class DetectorState:
    """A detector that is more than a pattern. ``why`` is empty where it is ready, else what it lacks."""

    id: str
    version: str
    types: Mapping[str, str]
    """What it finds, each with its category."""
    why: str = ""
    next_step: str = ""

    @property
    def ready(self) -> bool:
        """Whether it answers."""
        return not self.why


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The classification policy that this worker decides by, and what finds the data that it speaks of."""

    file: str
    """Below the deployment folder."""
    policy: ClassificationPolicy
    kinds: tuple[Kind, ...]
    """What each pattern finds, one for each."""
    detectors: tuple[DetectorState, ...]
    changed: bool = False
    """Whether the file says something else: it counts once it is activated."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a text holds, and what would go on of it. It lives as long as the answer that shows it."""

    classification: Classification
    inspection: Inspection


class ConsoleServices(Protocol):
    """Everything the console needs. Methods raise ``WardsteadError`` and nothing else; the console shows it as a page."""

    @property
    def policies(self) -> PolicyDesk:
        """What there is to ask of the access policies."""
        ...

    @property
    def keys(self) -> KeyDesk:
        """API keys, for whoever may administer."""
        ...

    @property
    def factors(self) -> FactorDesk:
        """What people have beside a password."""
        ...

    @property
    def library(self) -> LibraryDesk:
        """Documents, and sharing."""
        ...

    @property
    def emergencies(self) -> EmergencyDesk:
        """Accounts for emergencies."""
        ...

    @property
    def ledger_desk(self) -> LedgerDesk:
        """Keys and ledger."""
        ...

    @property
    def model_desk(self) -> ModelDesk:
        """Models and their admissions."""
        ...

    @property
    def passkeys(self) -> PasskeyDesk:
        """Passkeys among it."""
        ...

    def sign_in(self, name: str, password: str) -> OpenedSession | MustChangePassword | SecondStep | None:
        """Check a password, and open a session where that is enough.

        ``None`` for a wrong name or password (both look and take the same). Raises ``CallerError`` with code
        ``too_many_attempts`` when sign-in is blocked for a while.
        """
        ...

    def change_password(self, name: str, current: str, new: str) -> OpenedSession | SecondStep | None:
        """Replace a password (a one-time one at the first sign-in, or one's own), and go on as ``sign_in``; ``None`` as above.

        Ends every other session of that person. Raises ``CallerError`` when ``new`` is not acceptable, with the reason.
        """
        ...

    def providers(self) -> Mapping[str, str]:
        """The identity providers that people may sign in with: id to what it is called."""
        ...

    def provider_of(self, who: Identity) -> str:
        """The id of the identity provider that their session came of, where they can confirm who they are; else nothing."""
        ...

    def begin_sign_in(self, provider: str, target: str, who: Identity | None = None) -> tuple[str, str]:
        """Where the provider's sign-in page is, and the ticket that the browser brings back to ``finish_sign_in``. ``who``:
        somebody whose session has to prove more, and who is asked anew.

        Raises ``CallerError`` with code ``not_found``, or ``PeerError``.
        """
        ...

    def finish_sign_in(self, provider: str, answer: Mapping[str, str], ticket: str) -> tuple[OpenedSession, str]:
        """A session for whom the provider vouches for, in place of the one that had to prove more, and where they go on.

        Raises ``CallerError`` with the reason when the answer is not one to a sign-in that began with this ticket, was taken
        before, or is about somebody who has no role here; ``PeerError`` when the provider fails.
        """
        ...

    def ended_elsewhere(self, provider: str, logout_token: str) -> int:
        """The provider says, signed, that a session of its own has ended: ours that came of it end. How many there were."""
        ...

    def sign_out(self, token: str, who: Identity) -> Farewell | None:
        """End a session of ``who``; one that does not exist is ended already. Where they can sign out as well, if it came of
        an identity provider.
        """
        ...

    async def identify(self, token: str, csrf: str) -> Identity:
        """Whose session this is, if ``csrf`` is its token. Looks for a newer directory once before it says no.

        Raises ``CallerError`` with code ``unauthenticated`` or ``csrf``.
        """
        ...

    def decide(self, identity: Identity, action: str, resource: Resource, label: Label = PUBLIC) -> Decision:
        """Ask the policy decision point, at the present time, about data with this label. Pure and fast: it is called on the
        event loop.
        """
        ...

    def open_accounts(self) -> Sequence[tuple[str, str]]:
        """The accounts for emergencies that are open now, and until when each is, as RFC 3339. Fast: of the snapshot."""
        ...

    def posture(self) -> Posture:
        """How the deployment stands; remembered for some seconds, because probing a sandbox takes a moment."""
        ...

    def models(self, identity: Identity) -> Sequence[ModelChoice]:
        """The models that this person may ask in a chat, the preferred one first."""
        ...

    def exchanges(self, *, reader: Identity | None, before: int | None, limit: int) -> Sequence[ExchangeSummary]:
        """The newest first: those that a reader may know of, or (``None``) all; those before a ``cursor``."""
        ...

    def exchange(self, exchange_id: str) -> ExchangeSummary | None:
        """One of them; ``None`` when there is none. The id comes from an address and may be anything printable."""
        ...

    def glimpses(self, exchange_ids: Sequence[str]) -> Mapping[str, Glimpse]:
        """What a list may show of these, by id; left out where the key was destroyed, or something was altered.

        Called for permitted ones only.
        """
        ...

    def ruling(self, exchange_id: str) -> Ruling | None:
        """What the access policies denied it by; ``None`` where they did not, or its key was destroyed.

        Called for readers who may see everything that takes place.
        """
        ...

    def label(self, exchange_id: str) -> Label:
        """The label of what an exchange holds, to decide who may read it; public where its key was destroyed.

        Raises ``IntegrityError`` when something was altered. Called for those only whom policy permits to read it, its label
        aside.
        """
        ...

    def open_exchange(self, exchange_id: str, reader: Identity) -> Mapping[str, Any] | None:
        """The content, decrypted: the document of the ledger's reader.

        ``{"exchange", "erased": bool, "mentioned": bool, "expired": bool,
        "entries": [{"kind", "time", "outcome", "content": {…} | None}]}``
        where ``content`` is the pipeline's intent or outcome document; where it is ``expired`` its retention is over, and
        none is shown. Records that ``reader`` opened it, durably and before anything is returned, unless it is their own or
        an act of administration. Raises ``IntegrityError`` when something was altered.
        Called for permitted ones only.
        """
        ...

    def download_exchange(self, exchange_id: str, reader: Identity) -> Mapping[str, Any] | None:
        """The same, to be taken out of here as a file: where files may go is decided, and that is recorded, before anything is
        returned. Raises ``MayNotHandle``.
        """
        ...

    def receipt(self, exchange_id: str) -> Mapping[str, Any] | None:
        """The receipt document (``ledger.proof.receipt_document``)."""
        ...

    def verify_receipt(self, document: Mapping[str, Any]) -> int:
        """Verify a receipt against the deployment's own ledger key (``ledger.proof.verify_receipt``).

        Returns the size of the tree that proves it, 0 while there is no checkpoint. Raises ``IntegrityError``.
        """
        ...

    def held(self, reader: Identity, *, after: str, limit: int) -> Waiting:
        """What waits for review and ``reader`` may review, the oldest first, behind one with the id ``after``; without texts."""
        ...

    def held_item(self, exchange_id: str, reader: Identity) -> tuple[Held, Verdict | None]:
        """One of them, and what was decided. Raises ``NoSuchHeld``, ``MayNotReview``, ``HeldErased``."""
        ...

    def reveal_held(self, exchange_id: str, reader: Identity) -> Sequence[Said]:
        """Its texts. Records that ``reader`` looked at them, durably and before anything is returned. Raises as above."""
        ...

    def decide_held(self, exchange_id: str, reader: Identity, reason: str, *, release: bool) -> Verdict:
        """Release or refuse it, once. Raises as above, and the other errors of ``assurance.review.held``."""
        ...

    def own_held(self, exchange_id: str, reader: Identity) -> Mapping[str, Any] | None:
        """What became of something that was held of ``reader``'s own, as ``GET /v1/held/ID`` says it; ``None`` of nothing.

        Raises ``NotForItsOwner``.
        """
        ...

    def classification(self) -> PolicyInForce:
        """The policy in force; detectors are asked whether they are ready at most every few seconds."""
        ...

    def classify(self, text: str, flow: Flow) -> Tried:
        """What the policy in force makes of a text on this way. Neither kept nor logged."""
        ...

    def read_document(self, name: str, data: bytes) -> Extracted:
        """The texts in a document, read in a sandbox. Neither kept nor logged."""
        ...

    def policy_text(self, name: str = "") -> str:
        """The deployment's policy file, or the ready-made policy of that name. Raises ``NoSuchPolicy``."""
        ...

    def ready_made_policies(self) -> Sequence[str]:
        """The names of the policies that ship with the product."""
        ...

    def check_policy(self, text: str) -> str:
        """The version of a changed policy, checked with every detector. Raises ``ConfigurationError`` that names the line."""
        ...

    def replay(self, text: str, exchange_ids: Sequence[str], reader: Identity) -> Iterator[Replayed | Skipped]:
        """Replay a changed policy on these, for a ``reader`` who may read each: one result for each, each when it is asked for.

        Records, durably and before anything is opened, who replayed which policy on how many, and whose those of others are.
        What the reader is not cleared for is left out.
        """
        ...
