"""What a worker knows: one immutable snapshot, replaced as a whole. The hot path asks it, never the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from wardstead.access.ports import DecisionPoint, Directory, Identity, PeerCertificate
from wardstead.gateway.pipeline.fingerprints import Fingerprints
from wardstead.gateway.protocol.types import FieldPolicy, Limits, Operation
from wardstead.inspection.content.planted import Planter
from wardstead.inspection.ports import Inspector, ModelClass
from wardstead.kernel.clock import Entropy
from wardstead.kernel.labels import PUBLIC, STANDARD, Label, Levels

Authenticate = Callable[[Directory, str, str | None, int], Identity]
"""(directory, presented secret, CSRF token of a session, time in ms) to an identity; raises ``CallerError``."""

Certify = Callable[[Directory, PeerCertificate, int], Identity]
"""(directory, certificate of the connection, time in ms) to an identity; raises ``CallerError``."""


@dataclass(frozen=True, slots=True)
class ModelDeployment:
    """A model that may be asked. ``clearance`` bounds the labels of what it may read; ``attested`` says that we launched it."""

    name: str
    clearance: Label = PUBLIC
    operations: frozenset[Operation] = frozenset(Operation)
    upstream_name: str = ""
    created_s: int = 0
    attested: bool = False
    isolated: bool = True
    """Whether what we launched is in a sandbox."""
    refused: str = ""
    """Why it does not serve, for a person to read; empty where it was admitted."""
    until_ms: int | None = None
    """When its admission ends."""

    def not_serving(self, now_ms: int) -> str:
        """Why it does not serve at a moment; empty where it does."""
        if self.until_ms is not None and now_ms >= self.until_ms:
            return self.refused or f"the approval of the model {self.name} is over; ask an operator to have it approved again"
        return self.refused

    @property
    def model_class(self) -> ModelClass:
        """How far it is trusted with what it reads."""
        if not self.attested:
            return ModelClass.UNATTESTED
        return ModelClass.ISOLATED if self.isolated else ModelClass.EXPOSED


@dataclass(frozen=True, slots=True)
class World:
    """Directory, policy, detectors and models at one moment."""

    directory: Directory
    decisions: DecisionPoint
    inspector: Inspector
    models: Mapping[str, ModelDeployment]
    authenticate: Authenticate
    limits: Limits
    fingerprints: Fingerprints
    entropy: Entropy
    certify: Certify | None = None
    """``None`` where no connection has a certificate."""
    levels: Levels = STANDARD
    fields: FieldPolicy = field(default_factory=FieldPolicy)
    answer_bytes: int = 8 * 1024 * 1024
    include_hidden: bool = False
    """Whether a model gets the text of documents that their readers do not see."""
    purposes: frozenset[str] | None = None
    """Those that a request may name; ``None``: any."""
    identifying: frozenset[str] = frozenset()
    """The types of findings that identify a person: who is mentioned is found by them."""
    planter: Planter | None = None
    """What plants canaries in a model's instructions."""
    isolation_warning: str = ""
    """Not empty when isolation is switched off: it is then shouted in a header of each answer."""
