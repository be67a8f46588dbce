"""What an exchange knows of the past, and what passes from it into the future: marks, fingerprints, stand-ins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wardstead.access.ports import Principal
from wardstead.gateway.pipeline.fingerprints import Fingerprints
from wardstead.gateway.pipeline.record import Sealer
from wardstead.gateway.pipeline.transcript import texts_of
from wardstead.inspection.pseudonyms import StandIn, Vault, load_stand_ins
from wardstead.kernel.labels import PUBLIC, Label, Levels
from wardstead.ledger.ports import Claim, Fingerprint, Passage, Remembered


class Past:
    """Of one attempt to decide an exchange: a stale one is decided again, with another past."""

    __slots__ = ("_cited", "_conversation", "_fingerprints", "_levels", "_owner", "_sealer", "_seen")

    def __init__(
        self, sealer: Sealer, fingerprints: Fingerprints, owner: Principal, name: str, cited: tuple[bytes, ...], *, levels: Levels
    ) -> None:
        """``name``: what the client calls the conversation, or nothing; ``cited``: the fingerprints of what it brings."""
        self._sealer, self._fingerprints, self._owner, self._cited = sealer, fingerprints, owner, cited
        self._levels = levels
        self._conversation = fingerprints.conversation(owner.subject, name) if name else ""
        self._seen = Remembered()

    @property
    def claim(self) -> Claim | None:
        """What is to be asked about it; ``None`` where there is nothing to ask."""
        known = self._conversation or self._cited
        return Claim(self._owner.subject, self._conversation, self._cited) if known else None

    def remember(self, seen: Remembered) -> None:
        """Take the answer. The commit of the intent will hold it against what is so."""
        self._seen = seen

    @property
    def mark(self) -> Label:
        """The join of all that entered before, as far as it is known here."""
        return self._seen.mark.join(self._seen.cited)

    def stand_ins(self) -> Sequence[StandIn]:
        """Those of the conversation. Raises ``IntegrityError`` where they were altered."""
        if not self._seen.vault:
            return ()
        return load_stand_ins(self._sealer.open_kept(self._owner.subject, self._conversation, self._seen.vault), self._levels)

    def question(self, label: Label, made: Iterable[tuple[Fingerprint, Label]], vault: Vault) -> Passage | None:
        """What a question that goes to the model does to its conversation, and which past its decision was based on."""
        kept = tuple(made)
        if not (self._conversation or self._cited or kept):
            return None
        seen = self._seen
        sealed = self._sealed(vault) if self._conversation and vault.changed else None
        return Passage(
            self._owner.subject, self._conversation, label, seen.version, self._cited, seen.cited, kept, sealed
        )  # fmt: skip

    def nothing(self) -> Passage | None:
        """Of a question that goes nowhere: it enters nothing, and its denial must rest on what is so all the same."""
        if self.claim is None:
            return None
        seen = self._seen
        return Passage(self._owner.subject, self._conversation, PUBLIC, seen.version, self._cited, seen.cited)

    def answer(self, label: Label, answer: Any, vault: Vault) -> Passage | None:
        """What an answer does to its conversation: what was given carries the label of all that it may come from.

        It comes back as it was given, with the originals; its label is that of what the model read, which they are not in.
        """
        if label == PUBLIC or answer is None:
            return None
        given, parts = vault.restorer(self._owner.clearance).whole, self._fingerprints.parts
        made = tuple((one, label) for text in texts_of(answer) for one in parts(given(text)))
        return Passage(self._owner.subject, self._conversation, label, made=made)

    def _sealed(self, vault: Vault) -> bytes:
        return self._sealer.seal_kept(self._owner.subject, self._conversation, vault.dump())
