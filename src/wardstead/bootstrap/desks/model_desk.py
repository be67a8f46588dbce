"""The console's ``ModelDesk`` over a deployment."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Any

from wardstead.access.ports import Decision, Identity
from wardstead.bootstrap.acting import Acting, at_the_console
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.desks.model_history import history
from wardstead.bootstrap.identity.entitlements import HOUR_MS
from wardstead.bootstrap.models import admissions, overriding
from wardstead.bootstrap.models.admitting import Standing, bounded, standing
from wardstead.config.sections import ModelSection
from wardstead.console.model_desk import (
    ActShown,
    AdmissionShown,
    FileShown,
    FindingShown,
    ModelLine,
    ModelShown,
    OverrideShown,
)
from wardstead.crypto.dsse import read_envelope
from wardstead.gateway.server.worlds import WorldHolder
from wardstead.kernel.clock import rfc3339
from wardstead.supply.admission import (
    ASK,
    DAY_MS,
    Act,
    Admission,
    Candidate,
    Lack,
    State,
    current,
    lapsed,
    principal,
    remedy,
    waits_for_agreement,
)
from wardstead.supply.bom.outline import Outline, outline

_EMBEDDED = "embedded"
_NOWHERE = {
    State.ADMITTED: "it is not in the configuration",
    State.CANDIDATE: "it is on its way",
    State.SUSPENDED: "it is suspended",
}
_OF_WHAT_SERVES = frozenset({"suspend", "resume", "withdraw"})
"""What is done about the admission in force, while another may be on its way."""


@dataclass(frozen=True, slots=True)
class DeploymentModelDesk:
    """Over the deployment's admissions; decides by the worker's snapshot what is offered, and by the policies what is done."""

    deployment: Deployment
    worlds: WorldHolder
    asked: dict[int, tuple[Candidate, ...]] = field(default_factory=dict)
    """What waits for somebody to agree to it, by the version of the directory of which that was read."""

    def models(self) -> Sequence[ModelLine]:
        """See ``ModelDesk.models``."""
        known = self.deployment.admissions.all()
        lines = [self._line(one, [each for each in known if each.candidate.model == one.name]) for one in self._sections]
        others = sorted({one.candidate.model for one in known} - {one.name for one in self._sections})
        for name in others:
            last = principal([one for one in known if one.candidate.model == name], now_ms())
            lines.append(ModelLine(name, last.state.value, _NOWHERE.get(last.state, "it was taken out"), ""))
        return lines

    def model(self, name: str, who: Identity, before: int | None = None) -> ModelShown | None:
        """See ``ModelDesk.model``."""
        section = next((one for one in self._sections if one.name == name), None)
        found = self.deployment.admissions.of(name)
        if section is None and not found:
            return None
        stands = standing(self.deployment, section) if section is not None and section.upstream.kind == _EMBEDDED else None
        one = principal(found, now_ms()) if found else None
        lacks = admissions.still_lacking(self.deployment, one.candidate) if one and _on_its_way(one) else ()
        bill = self._bill(one) if one else None
        return ModelShown(
            name,
            stands.refused.partition(ASK)[0] if stands is not None else "",
            _next(stands, lacks) if stands is not None and stands.refused else "",
            self._serves(section, stands),
            _admission(one) if one else None,
            self._findings(one) if one else (),
            tuple((lack.what, lack.next_step) for lack in lacks),
            history(self.deployment, name, found, before),
            frozenset(what for what in _possible(found, stands, lacking=bool(lacks)) if self._may(what, found, who)),
            bill,
            other_bill=one is not None and bool(one.candidate.bom_sha256) and bill is None,
            waiting=self._shown(waits[-1], who) if (waits := self._waiting(found)) else None,
            override=_in_force(found),
            most_hours=self.deployment.admission_policy().override_hours,
        )

    def act(self, name: str, what: str, who: Identity, reason: str) -> None:
        """See ``ModelDesk.act``."""
        acts: dict[str, Callable[[Deployment, str, Acting, str], object]] = {
            "review": admissions.review,
            "approve": admissions.approve,
            "sign": admissions.sign,
            "refuse": partial(admissions.refuse, override=False),
            "agree": overriding.agree,
            "decline": partial(admissions.refuse, override=True),
            "resume": admissions.resume,
            "suspend": partial(admissions.take_out, for_good=False),
            "withdraw": partial(admissions.take_out, for_good=True),
        }
        acts[what](self.deployment, name, at_the_console(who), reason)
        self.asked.clear()  # the next page says so, before the snapshot is another

    def ask(self, name: str, who: Identity, reason: str, hours: float) -> None:
        """See ``ModelDesk.ask``."""
        overriding.ask(self.deployment, name, at_the_console(who), reason, hours)
        self.asked.clear()

    def waiting(self, who: Identity) -> Sequence[OverrideShown]:
        """See ``ModelDesk.waiting``."""
        version = self.worlds.current.directory.version
        if version not in self.asked:
            known = tuple(one.candidate for one in self.deployment.admissions.waiting() if waits_for_agreement(one))
            self.asked.clear()
            self.asked[version] = known
        shown = (self._shown(one, who) for one in self.asked.get(version, ()) if not lapsed(one, now_ms()))
        return [one for one in shown if not one.why_not]

    def _waiting(self, found: Sequence[Admission]) -> list[Candidate]:
        return [one.candidate for one in found if waits_for_agreement(one) and not lapsed(one.candidate, now_ms())]

    def _shown(self, one: Candidate, who: Identity) -> OverrideShown:
        decision = self._decision("agree", one, who)
        why_not = "" if decision.allow or decision.step else decision.reason
        if why_not and one.added.who == who.principal.id:
            why_not = "you asked for it, and somebody else has to"
        until = rfc3339(one.added.at_ms + DAY_MS)
        return OverrideShown(one.model, _act("asked", one.added), one.lasts_ms / HOUR_MS, until, why_not=why_not)

    def _decision(self, what: str, one: Candidate | None, who: Identity) -> Decision:
        """By the worker's snapshot: the first that permits it, else the last."""
        asked = admissions.questions(what, who, one)
        decided = [self.worlds.current.decisions.decide(each) for each in asked]
        return next((each for each in decided if each.allow), decided[-1])

    @property
    def _sections(self) -> tuple[ModelSection, ...]:
        return self.deployment.settings.models

    def _line(self, section: ModelSection, known: list[Admission]) -> ModelLine:
        if section.upstream.kind != _EMBEDDED:
            about = "served by somebody else: nothing is known of its files"
            return ModelLine(section.name, "", "", about)
        stands = standing(self.deployment, section)
        state = principal(known, now_ms()).state.value if known else "candidate"
        refused = stands.refused.partition(ASK)[0]
        about = f"up to {stands.ceiling}" if stands.ceiling else ""
        if (over := _in_force(known)) is not None:
            about = f"by override, against policy, until {over.until[:16].replace('T', ' ')} UTC"
        waits = f"{asked[-1].added.by} asks for an override" if (asked := self._waiting(known)) else ""
        return ModelLine(section.name, state, refused, about, waits)

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
        """Whether it is offered: also where whoever looks has only to prove once more who they are."""
        if what == "override":
            decision = self._decision(what, None, who)
        else:
            about = _about(what, found)
            if about is None or (what == "approve" and any(act.who == who.principal.id for act in about.approvals)):
                return False
            decision = self._decision("refuse" if what == "decline" else what, about, who)
        return decision.allow or bool(decision.step)


def _about(what: str, found: list[Admission]) -> Candidate | None:
    """What is done is done about this one."""
    if what in _OF_WHAT_SERVES:
        one = current(found, now_ms())
    elif what in {"agree", "decline"}:
        one = next((each for each in reversed(found) if waits_for_agreement(each)), None)
    else:
        one = principal(found, now_ms())
    return one.candidate if one is not None else None


def _in_force(found: list[Admission]) -> OverrideShown | None:
    one = current(found, now_ms())
    if one is None or not one.override or one.state is not State.ADMITTED or one.expires_ms is None:
        return None
    made = one.candidate
    agreed = _act("agreed", made.approvals[-1]) if made.approvals else None
    return OverrideShown(made.model, _act("asked", made.added), made.lasts_ms / HOUR_MS, rfc3339(one.expires_ms), agreed)


def _next(stands: Standing, lacks: Sequence[Lack]) -> str:
    """What brings a model that does not serve nearer to it: of one that is on its way, what policy asks for first."""
    return lacks[0].next_step if lacks and stands.admission is None else remedy(stands.admission, stands.model, now_ms())


def _on_its_way(one: Admission) -> bool:
    return one.state is State.CANDIDATE and not one.override


def _possible(found: list[Admission], stands: Standing | None, *, lacking: bool) -> list[str]:
    """What could be done about a model, whoever does it."""
    possible = []
    waiting = [one for one in found if _on_its_way(one)]
    for one in (one for one in waiting if one.candidate.scan is not None):
        possible.append("approve" if one.candidate.reviewed else "review")
        possible += [] if lacking else ["sign"]
    possible += ["refuse"] if waiting else []
    serving = current(found, now_ms())
    asked = any(waits_for_agreement(one) and not lapsed(one.candidate, now_ms()) for one in found)
    if asked:
        possible += ["agree", "decline"]
    elif stands is not None and (stands.refused or (serving is not None and serving.override)):
        possible.append("override")
    if serving is not None and serving.state is State.SUSPENDED:
        possible += ["resume", "withdraw"]
    elif serving is not None:
        possible += ["withdraw"] if serving.override else ["suspend", "withdraw"]
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
