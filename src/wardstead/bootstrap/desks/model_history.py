"""What happened to one model, for its page: the acts about it as the ledger has them, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.models.guarding import Cause
from wardstead.console.model_desk import Happened, History
from wardstead.console.timeline import Tone
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import IntegrityError
from wardstead.supply.admission import Act, Admission, Basis, State

PAGE: Final = 50
_SAME_ACT_S: Final = 5.0
_Told = Mapping[str, Any]
_CAUSES: Final = {
    Cause.APPROVAL: "the end of its approval",
    Cause.FILE: "the watch over its files",
    Cause.ADVISORY: "the watch over advisories",
    Cause.SCAN: "a new scan",
}
_VERDICTS: Final = {"clean": Tone.GOOD, "suspicious": Tone.GUARDED, "blocked": Tone.BAD}


@dataclass(frozen=True, slots=True)
class _Words:
    """What an act is called on the page; ``override``: of an override, where that is another word."""

    what: str
    tone: Tone = Tone.QUIET
    override: str = ""
    also: Callable[[_Told], str] = lambda _told: ""


def _until(told: _Told) -> str:
    ends = told.get("expires_ms")
    return f"up to {told.get('up_to', '')}" + (f", until {rfc3339(ends)[:16].replace('T', ' ')} UTC" if ends is not None else "")


def _found_anew(told: _Told) -> str:
    return ", ".join([str(told.get("verdict", "")), *map(str, told.get("new", ()))])


_ACTS: Final[Mapping[str, _Words]] = {
    "model.add": _Words("Added", override="Override asked for"),
    "model.scan": _Words("Scanned", also=lambda told: str(told.get("verdict", ""))),
    "model.rescan": _Words("Scanned anew", also=_found_anew),
    "model.bom": _Words("Bill of materials kept"),
    "model.evidence": _Words("Publisher's signature verified", also=lambda told: str(told.get("publisher", ""))),
    "model.review": _Words("Reviewed"),
    "model.approve": _Words("Approved", Tone.GOOD),
    "model.refuse": _Words("Refused", Tone.GUARDED, override="Override refused"),
    "model.admit": _Words("Admitted", Tone.GOOD, override="Serves by override", also=_until),
    "model.override-ask": _Words(
        "Override asked for", Tone.GUARDED, also=lambda told: f"for {told.get('lasts_ms', 0) / 3_600_000:g} hours"
    ),
    "model.override": _Words("Override agreed to", Tone.GUARDED),
    "model.override-over": _Words("Override over"),
    "model.suspend": _Words("Suspended", Tone.BAD, override="Override suspended"),
    "model.resume": _Words("Resumed", Tone.GOOD, override="Override resumed"),
    "model.withdraw": _Words("Withdrawn", override="Override ended"),
}  # fmt: skip


def history(deployment: Deployment, model: str, known: Sequence[Admission], before: int | None) -> History:
    """A page of it, the newest first: below the last of them, what is known of admissions from before acts were kept (0033)."""
    found = deployment.admissions.acts(model, PAGE + 1, before)
    overrides = {one.candidate.id for one in known if one.override}
    shown = [_opened(deployment, exchange, overrides) for _, exchange in found[:PAGE]]
    if len(found) > PAGE:
        return History(tuple(shown), found[PAGE - 1][0])
    first = shown[-1].at if shown else ""
    older = sorted((each for one in known for each in _kept(one)), key=lambda each: each.at, reverse=True)
    return History((*shown, *(each for each in older if not first or _earlier(each.at, first))), None)


def _earlier(at: str, first: str) -> bool:
    """An act is noted in its admission a moment before it is recorded: what is that near is one act, not two."""
    return (datetime.fromisoformat(first) - datetime.fromisoformat(at)).total_seconds() > _SAME_ACT_S


def _opened(deployment: Deployment, exchange: str, overrides: set[str]) -> Happened:
    try:
        opened = deployment.ledger.open_exchange(exchange, deployment.ring)
    except IntegrityError as error:
        return Happened("", "This act's entry was altered", "", error.what, Tone.BAD, exchange)
    if opened is None:
        return Happened("", "This act's entry is gone", "", "'wardstead ledger verify' says more", Tone.BAD, exchange)
    entry = opened["entries"][0]
    if not entry["content"]:
        return Happened(entry["time"], "Erased", "", "the key of whoever did this was destroyed", Tone.QUIET, exchange)
    action, told = entry["content"]["action"], entry["content"]["details"]
    words = _ACTS.get(action, _Words(action))
    by_override = told.get("basis") == Basis.OVERRIDE or told.get("admission") in overrides
    what = words.override if by_override and words.override else words.what
    also = words.also(told)
    tone = _tone(action, told, words.tone, by_override=by_override)
    why = str(told.get("reason") or told.get("why") or "")
    return Happened(entry["time"], f"{what}: {also}" if also else what, _who(action, told), why, tone, exchange)


def _tone(action: str, told: _Told, usual: Tone, *, by_override: bool) -> Tone:
    if "verdict" in told:
        return Tone.BAD if told.get("new") else _VERDICTS.get(str(told["verdict"]), Tone.QUIET)
    return Tone.BAD if action == "model.admit" and by_override else usual


def _who(action: str, told: _Told) -> str:
    """Somebody, or what of ours did it by itself."""
    if told.get("cause") in set(Cause):
        return _CAUSES[Cause(told["cause"])]
    if told.get("scheduled"):
        return "the scheduled scan"
    if action == "model.override-over":
        return ""
    by, user = str(told.get("by", "")), told.get("os_user")
    if by != "command line":
        return by
    ordered = told.get("ordered_by")
    typed = f"{user} at the command line" if user else "the command line"
    return f"{ordered} ({typed})" if ordered else typed


def _kept(one: Admission) -> list[Happened]:
    """What stands in an admission itself."""
    made = one.candidate
    first, then = ("Override asked for", "Override agreed to") if one.override else ("Added", "Approved")
    acts = [_act(first, made.added), *([_act("Reviewed", made.reviewed)] if made.reviewed else [])]
    acts += [_act(then, act, Tone.GOOD) for act in made.approvals if act != made.added]
    if made.scan is not None:
        verdict = made.scan.verdict.value
        acts.append(Happened(rfc3339(made.scan.at_ms), f"Scanned: {verdict}", made.scan.scanner, "", _VERDICTS[verdict], ""))
    if one.signed_ms is not None:
        acts.append(Happened(rfc3339(one.signed_ms), "Serves by override" if one.override else "Admitted", "", "", Tone.GOOD, ""))
    if one.state in {State.SUSPENDED, State.WITHDRAWN}:
        acts.append(Happened(rfc3339(one.changed_ms), one.state.value.capitalize(), "", one.why, Tone.BAD, ""))
    return acts


def _act(what: str, act: Act, tone: Tone = Tone.QUIET) -> Happened:
    return Happened(rfc3339(act.at_ms), what, act.by, act.reason, tone, "")
