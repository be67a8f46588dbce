"""The console's ``LedgerDesk`` over a deployment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.keys import root_keys
from wardstead.bootstrap.ledger.anchoring import anchor_stands
from wardstead.bootstrap.ledger.elsewhere import is_late
from wardstead.bootstrap.ledger.timestamping import signed_size, stamp_stands
from wardstead.bootstrap.ledger.verifying import verified_check
from wardstead.bootstrap.ledger.witnessing import stands
from wardstead.console.ledger_desk import Elsewhere, Layer, LedgerStanding, SigningPeriod
from wardstead.crypto.keyring import ERA, MOST_USES
from wardstead.isolation.posture import State
from wardstead.kernel.clock import rfc3339
from wardstead.ledger.witnessing import Standing

_NEWEST_ACTS: Final = 300
"""So many acts of the command line are looked through for when keys were replaced."""
_STATES: Final = {Standing.COSIGNED: State.GREEN, Standing.SPLIT: State.RED}


@dataclass(frozen=True, slots=True)
class DeploymentLedgerDesk:
    """Reads; changes nothing."""

    deployment: Deployment

    def standing(self) -> LedgerStanding:
        """See ``LedgerDesk.standing``."""
        signed, checkpoint = signed_size(self.deployment), self.deployment.ledger.checkpoint() or ""
        return LedgerStanding(
            tuple(self._layers()), tuple(self._keys()), tuple(self._elsewhere(signed)), signed, checkpoint, self._replacing(),
            verified_check(self.deployment),
        )  # fmt: skip

    def _replacing(self) -> str:
        if not self.deployment.keys.rotating:
            return ""
        there = root_keys.under_way(self.deployment)
        if there is None:
            return "It is only made yet: 'wardstead keys rotate --root' goes on."
        known = [f"{one.place}: {one.at(there).value}" for one in root_keys.gateways(self.deployment)]
        return f"Begun {rfc3339(there.begun_ms)[:16]} at {there.begun_at}. {'; '.join(known)}"

    def _layers(self) -> Iterator[Layer]:
        deployment, replaced = self.deployment, self._replaced()
        used, epoch = deployment.subject_keys.usage(), deployment.subject_keys.current_kek().epoch
        kept, root = root_keys.provider_name(deployment), _state(used.root)
        yield Layer(
            "Root", f"kept by: {kept}" + (" (plain)" if kept == "file" else ""), replaced.get("root", ""), used.root, MOST_USES,
            State.AMBER if kept == "file" and root is State.GREEN else root, "wardstead keys rotate --root",
        )  # fmt: skip
        yield Layer(
            "Key-encryption key", f"epoch {epoch}; every erasure begins another", replaced.get("epoch", ""), used.epoch,
            MOST_USES, _state(used.epoch), "wardstead keys rotate",
        )  # fmt: skip
        yield Layer(
            "People's", f"{deployment.subject_keys.count():,} people and services", "", used.subject, ERA, State.GREEN, ""
        )
        yield Layer("Exchanges'", "one for each, drawn when it begins", "", None, 0, State.GREEN, "")

    def _replaced(self) -> dict[str, str]:
        """When root key and epoch were last replaced by an order, as far as the newest acts tell."""
        found: dict[str, str] = {}
        for one in self.deployment.ledger.acts_of(COMMAND_LINE, _NEWEST_ACTS):
            opened = self.deployment.ledger.open_exchange(one.id, self.deployment.ring)
            content = opened["entries"][0]["content"] if opened else {}
            action = content.get("action")
            if action == "keys.rotated":
                found.setdefault("root", one.time)
            elif action == "keys.rotate" and not content["details"].get("ledger"):
                found.setdefault("epoch", one.time)
            if len(found) == 2:
                break
        return found

    def _keys(self) -> Iterator[SigningPeriod]:
        keys = self.deployment.ledger.keys
        first, key, waiting = 0, keys.first, False
        for change in keys.changes:
            yield SigningPeriod(key.text(), first, change.index, waiting)
            waiting, first, key = change.index is None, change.index or 0, change.after
        yield SigningPeriod(key.text(), first, None, waiting)

    def _elsewhere(self, signed: int) -> Iterator[Elsewhere]:
        deployment, settings = self.deployment, self.deployment.settings.ledger
        for one in stands(deployment):
            at = rfc3339(one.at_s * 1000) if one.at_s else ""
            yield Elsewhere("Witness", one.name, one.size, at, one.why, _STATES.get(one.standing, State.AMBER))
        told = [("Time stamps of", one) for one in stamp_stands(deployment)] + [
            ("Anchor", one) for one in anchor_stands(deployment)
        ]
        for kind, stand in told:
            state = State.AMBER if is_late(stand, signed, settings.anchor_interval_s) else State.GREEN
            at = rfc3339(stand.at_ms) if stand.at_ms else ""
            yield Elsewhere(kind, stand.name, stand.size, at, stand.why, state)


def _state(uses: int) -> State:
    if uses < MOST_USES // 2:
        return State.GREEN
    return State.AMBER if uses < MOST_USES else State.RED
