"""What ``packages audit`` found: as JSON, as SARIF 2.1.0 (OASIS, 27 March 2020), and for people."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final
from urllib.parse import quote

from rich.markup import escape

from wardstead import __version__
from wardstead.cli.output import out
from wardstead.kernel.text import harmless
from wardstead.supply.advisories.audit import Audit, Gap, Weakness
from wardstead.supply.ports import Severity

_LEVELS: Final = {Severity.BLOCK: "error", Severity.WARN: "warning", Severity.INFO: "note"}
_STYLES: Final = {Severity.BLOCK: "bold red", Severity.WARN: "yellow", Severity.INFO: "dim"}
_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_SHOWN: Final = 100


def document(audit: Audit) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "packages": len(audit.packages),
        "ecosystems": dict(Counter(one.ecosystem for one in audit.packages)),
        "weaknesses": [_weakness(one) for one in audit.weaknesses],
        "gaps": [
            {"rule": one.rule, "severity": one.gravity.value, "what": one.what, "next_step": one.next_step} for one in audit.gaps
        ],
    }


def _weakness(one: Weakness) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": one.id, "names": list(one.names), "package": one.package.purl, "file": one.package.file,
        "severity": one.gravity.value, "rated": one.severity, "score": one.score, "summary": one.summary,
        "fixed": list(one.fixed), "malicious": one.malicious, "undecided": one.undecided, "epss": one.likelihood,
        "exploited_since": one.exploited.added if one.exploited else None, "references": list(one.references),
        "next_step": next_step(one),
    }  # fmt: skip
    if (said := one.statement) is not None:
        found["statement"] = {
            "status": said.status, "justification": said.justification, "reason": said.reason, "owner": said.owner,
            "expires": said.expires.isoformat(),
        }  # fmt: skip
    return found


def next_step(one: Weakness) -> str:
    """What to do about it."""
    if one.malicious:
        return "Remove it, and take every secret that it could read for stolen"
    if one.undecided:
        return "Look yourself: its version cannot be compared with those of the advisory"
    return (
        f"Update to {one.fixed[0]}" if one.fixed else "No version mends it: mitigate, replace it, or state why it does not matter"
    )


def tell(audit: Audit) -> None:
    """Each weakness with what to do, what could not be known, then a summary."""
    for one in audit.weaknesses[:_SHOWN]:
        score = f" {one.score}" if one.score is not None else ""
        used = ", used by attackers" if one.exploited is not None else ""
        likely = f", EPSS {one.likelihood:.0%}" if one.likelihood is not None else ""
        maybe = ", perhaps" if one.undecided else ""
        line = f"{one.package.name} {one.package.version or '(no version)'}"
        rated = f"{one.severity}{score}{used}{likely}{maybe}"
        out.print(f"[{_STYLES[one.gravity]}]{one.gravity:5}[/] [bold]{_safe(line)}[/]: {_safe(one.id)} ({rated})")
        if one.summary:
            out.print(f"      {_safe(one.summary)} [dim]{_safe(one.package.file)}[/]")
        if (said := one.statement) is not None:
            out.print(f"      [dim]{_safe(said.owner)}: {said.status}, {_safe(said.reason)} (until {said.expires})[/]")
        if one.statement is None or not one.statement.suppresses:
            out.print(f"      [dim]next[/] {_safe(next_step(one))}")
    if len(audit.weaknesses) > _SHOWN:
        out.print(f"[dim]and {len(audit.weaknesses) - _SHOWN} more: --json shows them[/]")
    for gap in audit.gaps:
        out.print(
            f"[{_STYLES[gap.gravity]}]{gap.gravity:5}[/] {gap.rule}: {_safe(gap.what)}\n      [dim]next[/] {_safe(gap.next_step)}"
        )
    counts = Counter(audit.gravities)
    summed = ", ".join(f"{counts[one]} {one}" for one in _LEVELS if counts[one]) or "nothing found"
    out.print(f"{len(audit.packages):,} packages; {summed}")


def _safe(text: str) -> str:
    return escape(harmless(text))


def sarif(audit: Audit) -> dict[str, Any]:
    """One run; a rule for each advisory, and for each kind of gap."""
    found: list[Weakness | Gap] = [*audit.weaknesses, *audit.gaps]
    rules: dict[str, dict[str, Any]] = {}
    for one in found:
        rules.setdefault(_id(one), _rule(one))
    at = {name: number for number, name in enumerate(rules)}
    driver = {"name": "wardstead", "version": __version__, "semanticVersion": __version__, "rules": list(rules.values())}
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": not any(isinstance(one, Gap) and one.rule == "unreadable" for one in found)}],
        "results": [_result(one, at[_id(one)]) for one in found],
    }
    return {"version": "2.1.0", "$schema": _SCHEMA, "runs": [run]}


def _id(one: Weakness | Gap) -> str:
    return one.id if isinstance(one, Weakness) else one.rule


def _rule(one: Weakness | Gap) -> dict[str, Any]:
    if isinstance(one, Gap):
        return {"id": one.rule, "shortDescription": {"text": one.what}, "help": {"text": one.next_step}}
    properties: dict[str, Any] = {"tags": ["security", *one.names]}
    if one.score is not None:
        properties["security-severity"] = str(one.score)
    return {
        "id": one.id,
        "shortDescription": {"text": one.summary or one.id},
        "help": {"text": next_step(one)},
        "properties": properties,
    }


def _result(one: Weakness | Gap, rule: int) -> dict[str, Any]:
    text = (
        one.what
        if isinstance(one, Gap)
        else f"{one.package.name} {one.package.version}: {one.summary or one.id}. {next_step(one)}."
    )
    result: dict[str, Any] = {"ruleId": _id(one), "ruleIndex": rule, "level": _LEVELS[one.gravity], "message": {"text": text}}
    if isinstance(one, Weakness):
        result["locations"] = [{"physicalLocation": {"artifactLocation": {"uri": quote(one.package.file)}}}]
        if (said := one.statement) is not None and said.suppresses:
            result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": f"{said.owner}: {said.reason}"}]
    return result
