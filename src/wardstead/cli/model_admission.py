"""``model add``, ``review``, ``approve``, ``sign`` and what follows: how a model comes to serve, and stops serving."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.bootstrap.acting import Acting, at_the_command_line
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.identity.entitlements import HOUR_MS
from wardstead.bootstrap.models import admissions, evidence, overriding
from wardstead.bootstrap.models.admitting import Standing, standing
from wardstead.cli.output import Json, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.crypto.dsse import read_envelope
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError
from wardstead.kernel.text import harmless
from wardstead.supply.admission import ASK, Act, Admission, Candidate, Role, State, principal, remedy, waits_for_agreement

Name = Annotated[str, typer.Argument(help="The model's name, as people ask for it.", metavar="NAME")]
By = Annotated[str, typer.Option("--by", help="In whose name; the record also says who ran the command.")]
Reason = Annotated[str, typer.Option(help="Why: it is recorded.")]
_STYLES = {State.ADMITTED: "green", State.CANDIDATE: "cyan", State.SUSPENDED: "bold red"}


def add(
    context: typer.Context,
    name: Name,
    path: Annotated[Path, typer.Argument(help="A model's file, or a folder of them.", metavar="PATH")],
    by: By,
    up_to: Annotated[str, typer.Option("--up-to", help="The highest level of data for it; else that of its clearance.")] = "",
    template: Annotated[Path | None, typer.Option(help="A Jinja file in place of the template in its weights.")] = None,
    json: Json = False,
) -> None:
    """Bring a model in: its files are copied into the deployment's folder and digested. It does not serve yet."""
    with errors(as_json=json):
        opened = deployment(context)
        made = admissions.add(opened, name, path, acting(opened, by), up_to=up_to, template=template)
    files = f"{len(made.files)} file{'' if len(made.files) == 1 else 's'}"
    told = f"{escape(name)} was added, up to {made.ceiling}: {files}; next: 'wardstead model scan {escape(name)}'"
    say(json, candidate_document(made), told)


def review(context: typer.Context, name: Name, by: By, reason: Reason, json: Json = False) -> None:
    """Say what you make of what the scan found: of a model that somebody else added."""
    with errors(as_json=json):
        opened = deployment(context)
        _tell_next(opened, admissions.review(opened, name, acting(opened, by), reason), f"{by} reviewed {name}", json=json)


def approve(context: typer.Context, name: Name, by: By, reason: Reason, json: Json = False) -> None:
    """Answer for a model that somebody else added. Policy says how many people have to."""
    with errors(as_json=json):
        opened = deployment(context)
        _tell_next(opened, admissions.approve(opened, name, acting(opened, by), reason), f"{by} approved {name}", json=json)


def refuse(context: typer.Context, name: Name, by: By, reason: Reason, json: Json = False) -> None:
    """Say no to a model, or an override, that is on its way: it is withdrawn, and what serves goes on."""
    with errors(as_json=json):
        opened = deployment(context)
        done = admissions.refuse(opened, name, acting(opened, by), reason)
    say(json, _document(done), f"{escape(name)} was refused; it can be added anew")


def evidence_(
    context: typer.Context,
    name: Name,
    by: By,
    signature: Annotated[
        Path | None,
        typer.Option(help="A publisher's signature (OpenSSF model signing).", metavar="FILE"),
    ] = None,
    bom: Annotated[Path | None, typer.Option(help="Its bill of materials, as 'model bom' writes it.", metavar="FILE")] = None,
    json: Json = False,
) -> None:
    """Keep what others say of a model that is on its way: its publisher's signature, verified offline; its bill of materials."""
    with errors(as_json=json):
        if signature is None and bom is None:
            raise CallerError("nothing was given", next_step="--signature FILE, --bom FILE, or both")
        opened = deployment(context)
        who = acting(opened, by)
        if bom is not None:
            made = evidence.take_bom(opened, name, bom, who)
        if signature is not None:
            made = evidence.take_signature(opened, name, signature, who)
        _tell_next(opened, made, f"it is kept with {name}", json=json)


def sign(context: typer.Context, name: Name, by: By, json: Json = False) -> None:
    """Admit it: sign a statement that names every file, once policy has what it asks for."""
    with errors(as_json=json):
        opened = deployment(context)
        done = admissions.sign(opened, name, acting(opened, by))
    said = {**_document(done), "configuration": _section(done.candidate)}
    lines = "\n".join(f"    {line}" for line in _section(done.candidate))
    until = f" until {rfc3339(done.expires_ms)}" if done.expires_ms is not None else ""
    served = f"; for wardstead.yaml, if it is not there yet:\n{lines}" if lines else ""
    say(json, said, escape(f"{name} is admitted up to {done.candidate.ceiling}{until}{served}"))


def withdraw(context: typer.Context, name: Name, by: By, reason: Reason, json: Json = False) -> None:
    """Let a model serve no more, for good. An override ends with it."""
    _take_out(context, name, by, reason, for_good=True, json=json)


def suspend(context: typer.Context, name: Name, by: By, reason: Reason, json: Json = False) -> None:
    """Let a model serve no more, until somebody resumes it."""
    _take_out(context, name, by, reason, for_good=False, json=json)


def resume(context: typer.Context, name: Name, by: By, reason: Reason, json: Json = False) -> None:
    """Let a suspended model serve again, if its files are those that were admitted: of a model that somebody else added."""
    with errors(as_json=json):
        opened = deployment(context)
        done = admissions.resume(opened, name, acting(opened, by), reason)
    say(json, _document(done), f"{escape(name)} serves again")


def override(
    context: typer.Context,
    name: Name,
    by: By,
    reason: Reason,
    hours: Annotated[float, typer.Option(help="For how long.")] = 4.0,
    json: Json = False,
) -> None:
    """Ask that a model serve for some hours whatever policy says, as its files are now. Somebody else has to agree."""
    with errors(as_json=json):
        opened = deployment(context)
        made = overriding.ask(opened, name, acting(opened, by), reason, hours)
    told = f"{by} asks that {name} serve for {hours:g} hours; next: 'wardstead model agree {name} --by SOMEBODY-ELSE --reason …'"
    say(json, candidate_document(made), escape(told))


def agree(context: typer.Context, name: Name, by: By, reason: Reason, json: Json = False) -> None:
    """Agree to an override that somebody else asked for. It serves from now on, and everybody is told so."""
    with errors(as_json=json):
        opened = deployment(context)
        done = overriding.agree(opened, name, acting(opened, by), reason)
    say(json, _document(done), f"[bold white on red] {escape(name)} SERVES BY OVERRIDE until {_time(done.expires_ms)} [/]")


def acting(opened: Deployment, by: str) -> Acting:
    """Somebody in whose name a command is run."""
    return at_the_command_line(opened.directory.find(by))


def show_all(context: typer.Context, json: Json = False) -> None:
    """Every model that was ever added, and what became of it. Exit 1 where one of the configuration does not serve."""
    with errors(as_json=json):
        opened = deployment(context)
        found = list(reversed(opened.admissions.all()))
        stands = [standing(opened, one) for one in opened.settings.models if one.upstream.kind == "embedded"]
    if json:
        say_json({"admissions": [_document(one) for one in found], "serving": {one.model: not one.refused for one in stands}})
    else:
        _show_table(found)
        for one in stands:
            if one.refused:
                out.print(f"[bold red]{escape(one.refused)}[/]")
    if any(one.refused for one in stands):
        raise typer.Exit(1)


def show(
    context: typer.Context,
    name: Name,
    statement: Annotated[bool, typer.Option("--statement", help="Write the signed statement (DSSE) on standard output.")] = False,
    json: Json = False,
) -> None:
    """How a model stands, what was found in it, who did what, and what policy still asks for."""
    with errors(as_json=json):
        opened = deployment(context)
        found = list(reversed(opened.admissions.of(name)))
        if not found:
            raise CallerError(f"nothing is known of {name[:80]!r}", next_step="'wardstead model list'")
        if statement:
            sys.stdout.write(_signed(found).decode() + "\n")
            return
        stands = next((standing(opened, one) for one in opened.settings.models if one.name == name), None)
        one = principal(found[::-1], now_ms())
        on_its_way = one.state is State.CANDIDATE and not one.override
        lacks = admissions.still_lacking(opened, one.candidate) if on_its_way else ()
        report = json_module.loads(opened.admissions.report(one.candidate.id) or b"{}")
    if json:
        lacking = [{"what": lack.what, "next_step": lack.next_step} for lack in lacks]
        refused = stands.refused if stands else None
        documents = [_document(each) for each in found]
        say_json({"model": name, "refused": refused, "admissions": documents, "lacking": lacking, "report": report})
        return
    _show_one(one, stands, report)
    for asked in (each.candidate for each in found if waits_for_agreement(each)):
        who, hours = escape(asked.added.by), f"{asked.lasts_ms / HOUR_MS:g}"
        out.print(f"[yellow]{who} asks that it serve by override[/] for {hours} hours: {escape(harmless(asked.added.reason))}")
        out.print(f"  [dim]next[/] somebody else: 'wardstead model agree {escape(name)} --by NAME --reason …', or 'model refuse'")
    for lack in lacks:
        out.print(f"[yellow]still[/] {escape(lack.what)}; [dim]next[/] {escape(lack.next_step)}")


def candidate_document(one: Candidate) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "id": one.id,
        "model": one.model,
        "basis": one.basis.value,
        "up_to": one.ceiling,
        "files": [
            {"path": each.path, "sha256": each.sha256, "size_bytes": each.size_bytes, "role": each.role.value}
            for each in one.files
        ],
        "scan": None if one.scan is None else {"verdict": one.scan.verdict.value, "report_sha256": one.scan.sha256},
        "added": _act(one.added),
        "reviewed": _act(one.reviewed) if one.reviewed else None,
        "approved": [_act(act) for act in one.approvals],
        "bom_sha256": one.bom_sha256 or None,
        "signatures": [{"publisher": each.publisher, "trusted": each.trusted} for each in one.evidence],
    }


def _document(one: Admission) -> dict[str, Any]:
    return {
        **candidate_document(one.candidate),
        "state": one.state.value,
        "why": one.why or None,
        "signed": rfc3339(one.signed_ms) if one.signed_ms is not None else None,
        "expires": rfc3339(one.expires_ms) if one.expires_ms is not None else None,
    }


def _act(act: Act) -> dict[str, str]:
    return {"by": act.by, "at": rfc3339(act.at_ms), "reason": act.reason}


def _signed(found: list[Admission]) -> bytes:
    envelope = next((one.envelope for one in found if one.envelope), b"")
    if not envelope:
        raise CallerError("nothing of it was signed yet", next_step="'wardstead model show' says what policy asks for")
    read_envelope(envelope)
    return envelope


def _section(one: Candidate) -> list[str]:
    """The lines of the configuration by which it is served."""
    weights, template = one.file(Role.WEIGHTS), one.file(Role.TEMPLATE)
    if weights is None:
        return []
    lines = [f"- name: {one.model}", "  upstream:", "    kind: embedded", f"    weights: {weights.path}"]
    lines += [f"    sha256: {weights.sha256}", *([f"    chat_template: {template.path}"] if template else [])]
    return [*lines, f"  clearance: {{level: {one.ceiling}}}"]


def _tell_next(opened: Deployment, one: Candidate, what: str, *, json: bool) -> None:
    lacks = admissions.still_lacking(opened, one)
    then = f"{lacks[0].what}: {lacks[0].next_step}" if lacks else f"'wardstead model sign {one.model} --by NAME' admits it"
    lacking = [{"what": lack.what, "next_step": lack.next_step} for lack in lacks]
    say(json, {**candidate_document(one), "lacking": lacking}, escape(f"{what}; next: {then}"))


def _take_out(context: typer.Context, name: str, by: str, reason: str, *, for_good: bool, json: bool) -> None:
    with errors(as_json=json):
        opened = deployment(context)
        done = admissions.take_out(opened, name, acting(opened, by), reason, for_good=for_good)
    say(json, _document(done), f"{escape(name)} serves no more: {done.state.value}")


def _show_table(found: list[Admission]) -> None:
    table = Table("model", "state", "up to", "basis", "scan", "signed", "until", "why", box=None, padding=(0, 2, 0, 0))
    for one in found:
        made, style = one.candidate, _STYLES.get(one.state, "dim")
        table.add_row(
            escape(made.model), f"[{style}]{one.state.value}[/]", made.ceiling, made.basis.value,
            made.scan.verdict.value if made.scan else "", _time(one.signed_ms), _time(one.expires_ms), escape(one.why),
        )  # fmt: skip
    out.print(table)


def _show_one(one: Admission, stands: Standing | None, report: dict[str, Any]) -> None:
    made = one.candidate
    state = f"[{_STYLES.get(one.state, 'dim')}]{one.state.value}[/]"
    out.print(f"[bold]{escape(made.model)}[/] {state}, up to {made.ceiling}, {made.basis.value}")
    if stands is not None and stands.refused:
        out.print(f"[bold red]does not serve[/] {escape(stands.refused.partition(ASK)[0])}")
        out.print(f"  [dim]next[/] {escape(remedy(stands.admission, made.model, now_ms()))}")
    for file in made.files:
        out.print(f"  {file.role.value:8} {escape(harmless(file.path))} [dim]{file.size_bytes:,} bytes, sha256 {file.sha256}[/]")
    if made.scan is not None:
        out.print(f"  scan     {made.scan.verdict.value} [dim]{rfc3339(made.scan.at_ms)}, {escape(made.scan.scanner)}[/]")
    for found in report.get("findings", []):
        said = f"{found['severity']} {found['file']}: {found['title']}: {found['what']} ({found['rule']})"
        out.print(f"           {escape(harmless(said))}")
    acts = [
        ("asked" if one.override else "added", made.added),
        *([("reviewed", made.reviewed)] if made.reviewed else []),
        *(("agreed" if one.override else "approved", act) for act in made.approvals),
    ]
    for what, act in acts:
        out.print(f"  {what:8} {escape(act.by)} [dim]{rfc3339(act.at_ms)}[/] {escape(harmless(act.reason))}")
    if one.signed_ms is not None:
        out.print(f"  signed   {_time(one.signed_ms)}, until {_time(one.expires_ms) or 'it is taken out'}")


def _time(moment_ms: int | None) -> str:
    return rfc3339(moment_ms) if moment_ms is not None else ""
