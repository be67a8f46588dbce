"""The console's ``ModelDesk`` over a deployment."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

from wardstead.access.ports import AccessRequest, Identity, Resource
from wardstead.bootstrap.acting import Acting, at_the_console
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.desks.model_history import history
from wardstead.bootstrap.models import admissions
from wardstead.bootstrap.models.admitting import Standing, bounded, standing
from wardstead.config.sections import ModelSection
from wardstead.console.model_desk import (
    ActShown,
    AdmissionShown,
    FileShown,
    FindingShown,
    ModelLine,
    ModelShown,
)
from wardstead.crypto.dsse import read_envelope
from wardstead.gateway.server.worlds import WorldHolder
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.ids import PrincipalId
from wardstead.supply.admission import Act, Admission, State, current
from wardstead.supply.bom.outline import Outline, outline

_EMBEDDED = "embedded"
_NOWHERE = {
    State.ADMITTED: "it is not in the configuration",
    State.CANDIDATE: "it is on its way",
    State.SUSPENDED: "it is suspended",
}
_OURS = {
    "sign": admissions.ADD, "suspend": admissions.ADD, "withdraw": admissions.ADD, "review": admissions.APPROVE,
    "approve": admissions.APPROVE, "refuse": admissions.APPROVE, "resume": admissions.APPROVE, "agree": admissions.OVERRIDE,
}  # fmt: skip
"""What people do at the console, and which action of the policies that is."""
_OF_WHAT_SERVES = frozenset({"suspend", "resume", "withdraw"})
"""What is done about the admission in force, while another may be on its way."""


@dataclass(frozen=True, slots=True)
class DeploymentModelDesk:
    """Over the deployment's admissions; decides by the worker's snapshot what is offered, and by the policies what is done."""

    deployment: Deployment
    worlds: WorldHolder

    def models(self) -> Sequence[ModelLine]:
        """See ``ModelDesk.models``."""
        known = self.deployment.admissions.all()
        lines = [self._line(one, [each for each in known if each.candidate.model == one.name]) for one in self._sections]
        others = sorted({one.candidate.model for one in known} - {one.name for one in self._sections})
        for name in others:
            last = _shown_one([one for one in known if one.candidate.model == name])
            lines.append(ModelLine(name, last.state.value, _NOWHERE.get(last.state, "it was taken out"), ""))
        return lines

    def model(self, name: str, who: Identity, before: int | None = None) -> ModelShown | None:
        """See ``ModelDesk.model``."""
        section = next((one for one in self._sections if one.name == name), None)
        found = self.deployment.admissions.of(name)
        if section is None and not found:
            return None
        stands = standing(self.deployment, section) if section is not None and section.upstream.kind == _EMBEDDED else None
        one = _shown_one(found) if found else None
        lacks = admissions.still_lacking(self.deployment, one.candidate) if one and _on_its_way(one) else ()
        bill = self._bill(one) if one else None
        return ModelShown(
            name,
            stands.refused if stands is not None else "",
            self._serves(section, stands),
            _admission(one) if one else None,
            self._findings(one) if one else (),
            tuple((lack.what, lack.next_step) for lack in lacks),
            history(self.deployment, name, found, before),
            frozenset(what for what in _possible(found, lacking=bool(lacks)) if self._may(what, found, who)),
            bill,
            other_bill=one is not None and bool(one.candidate.bom_sha256) and bill is None,
        )

    def act(self, name: str, what: str, who: Identity, reason: str) -> None:
        """See ``ModelDesk.act``."""
        acts: dict[str, Callable[[Deployment, str, Acting, str], object]] = {
            "review": admissions.review,
            "approve": admissions.approve,
            "sign": admissions.sign,
            "agree": admissions.agree,
            "refuse": admissions.refuse,
            "resume": admissions.resume,
            "suspend": partial(admissions.take_out, for_good=False),
            "withdraw": partial(admissions.take_out, for_good=True),
        }
        acts[what](self.deployment, name, at_the_console(who), reason)

    @property
    def _sections(self) -> tuple[ModelSection, ...]:
        return self.deployment.settings.models

    def _line(self, section: ModelSection, known: list[Admission]) -> ModelLine:
        if section.upstream.kind != _EMBEDDED:
            about = "served by somebody else: nothing is known of its files"
            return ModelLine(section.name, "", "", about)
        stands = standing(self.deployment, section)
        state = _shown_one(known).state.value if known else "candidate"
        return ModelLine(section.name, state, stands.refused, f"up to {stands.ceiling}" if stands.ceiling else "")

    def _serves(self, section: ModelSection | None, stands: Standing | None) -> tuple[tuple[str, str], ...]:
        if section is None:
            return ()
        clearance = self.deployment.clearance(section)
        if stands is None:
            by = f"a server of somebody else's ({section.upstream.kind})"
            return (("Served by", by), ("May read", str(clearance)), ("Its files", "unattested: nothing is known of them"))
        mode = self.deployment.mode.value
        return (
            ("Served by", f"a server that Wardstead launches, isolation {mode}"),
            ("May read", str(bounded(self.deployment, clearance, stands.ceiling)) if stands.ceiling else "nothing"),
        )

    def _findings(self, one: Admission) -> tuple[FindingShown, ...]:
        report: dict[str, Any] = json.loads(self.deployment.admissions.report(one.candidate.id) or b"{}")
        names = ("severity", "file", "title", "what", "rule", "next_step")
        return tuple(FindingShown(**{name: str(each[name]) for name in names}) for each in report.get("findings", []))

    def _bill(self, one: Admission) -> Outline | None:
        kept = self.deployment.admissions.bom(one.candidate.id)
        if not one.candidate.bom_sha256 or sha256(kept).hexdigest() != one.candidate.bom_sha256:
            return None
        return outline(json.loads(kept))

    def _may(self, what: str, found: list[Admission], who: Identity) -> bool:
        one = current(found, now_ms()) if what in _OF_WHAT_SERVES else _shown_one(found)
        if one is None:
            return False
        me, made = who.principal.id, one.candidate
        if what == "approve" and any(act.who == me for act in made.approvals):
            return False
        action = admissions.ADD if what == "refuse" and made.added.who == me else _OURS[what]
        resource = Resource("Admission", made.id, owner=PrincipalId(made.added.who) if made.added.who else None)
        return self.worlds.current.decisions.decide(AccessRequest(who, action, resource, now_ms=now_ms())).allow


def _on_its_way(one: Admission) -> bool:
    return one.state is State.CANDIDATE and not one.override


def _shown_one(found: list[Admission]) -> Admission:
    """The one that a page is about: what is on its way, else what counts, else the last."""
    waiting = [one for one in found if one.state is State.CANDIDATE]
    return waiting[-1] if waiting else current(found, now_ms()) or found[-1]


def _possible(found: list[Admission], *, lacking: bool) -> list[str]:
    """What could be done about a model, whoever does it."""
    possible = []
    waiting = [one for one in found if one.state is State.CANDIDATE]
    if any(one.override for one in waiting):
        possible.append("agree")
    for one in (one for one in waiting if not one.override and one.candidate.scan is not None):
        possible.append("approve" if one.candidate.reviewed else "review")
        possible += [] if lacking else ["sign"]
    possible += ["refuse"] if waiting else []
    serving = current(found, now_ms())
    if serving is not None:
        possible += ["suspend" if serving.state is State.ADMITTED else "resume", "withdraw"]
    return possible


def _admission(one: Admission) -> AdmissionShown:
    made = one.candidate
    reviewed = [("reviewed", made.reviewed)] if made.reviewed else []
    first, then = ("asked for an override", "agreed") if one.override else ("added", "approved")
    acts = [(first, made.added), *reviewed, *((then, act) for act in made.approvals if act != made.added)]
    return AdmissionShown(
        made.id, one.state.value, made.basis.value, made.ceiling, one.why,
        made.scan.verdict.value if made.scan else "", rfc3339(made.scan.at_ms) if made.scan else "",
        rfc3339(one.signed_ms) if one.signed_ms is not None else "",
        rfc3339(one.expires_ms) if one.expires_ms is not None else "",
        sha256(read_envelope(one.envelope).payload).hexdigest() if one.envelope else "",
        tuple(FileShown(each.path, each.role.value, each.size_bytes, each.sha256) for each in made.files),
        tuple(_act(what, act) for what, act in acts),
    )  # fmt: skip


def _act(what: str, act: Act) -> ActShown:
    return ActShown(what, act.by, rfc3339(act.at_ms), act.reason)
