"""``access check``, ``test``, ``explain``, ``who-can`` and ``diff``: what policies decide, before and after they are in force."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.access.asking import Asked
from wardstead.access.comparing import Change
from wardstead.access.ports import Decision
from wardstead.bootstrap.policy import asking
from wardstead.bootstrap.policy.asking import ACTIVE, FOLDER
from wardstead.bootstrap.policy.policies import policy_state
from wardstead.cli.output import Json, err, errors, out, say_json
from wardstead.cli.state import deployment
from wardstead.kernel.clock import rfc3339

Which = Annotated[str, typer.Option("--policies", help="Those in force (active), in the folder (folder), or a version.")]
Action = Annotated[str, typer.Argument(help="infer, viewExchange, administer …")]
On = Annotated[str, typer.Argument(help="Model::NAME, Exchange::ID, Conversation::ID, Console.", metavar="RESOURCE")]
At = Annotated[str, typer.Option("--at", help="When: 2027-03-01T12:00:00Z, or from now, 8h (now).")]
Purpose = Annotated[str, typer.Option("--purpose", help="What for.")]
Application = Annotated[str, typer.Option("--application", help="By which application.")]
Network = Annotated[str, typer.Option("--network", help="From which address, or network of access.yaml.")]
Data = Annotated[
    str, typer.Option("--label", help="The label of the data: 'confidential; personal' (what is recorded, or public).")
]
SignedIn = Annotated[str, typer.Option("--signed-in", help="Signed in so long ago: 5m (an API key, which has no age).")]
Key = Annotated[str, typer.Option("--key", help="With which key of theirs: its id or prefix.")]
Means = Annotated[str, typer.Option("--means", help="How they signed in: 'password, code', 'passkey' (password).")]
Owner = Annotated[str, typer.Option("--owner", help="Whose the resource is, in place of one that exists.")]


def check(context: typer.Context, which: Which = FOLDER, json: Json = False) -> None:
    """Validate the policies in the folder, and tell what does not fit together. Exit 1 when something is a mistake."""
    with errors(as_json=json):
        found = deployment(context)
        policies = asking.policies_named(found, which)
        findings = asking.check(found, policies)
        edited = policy_state(found).edited if which == FOLDER else ()
    mistakes = [one for one in findings if one.mistake]
    if json:
        rows = [
            {"code": one.code, "mistake": one.mistake, "where": one.where, "what": one.what, "next_step": one.next_step}
            for one in findings
        ]
        say_json({"ok": not mistakes, "version": policies.version, "edited": list(edited), "findings": rows})
    else:
        for one in findings:
            mark = "[red]✗[/]" if one.mistake else "[dim]·[/]"
            out.print(f"{mark} [dim]{escape(one.where)}[/] {escape(one.what)} [dim]{one.code}[/]")
            if one.next_step and one.mistake:
                out.print(f"    next: {escape(one.next_step)}")
        err.print(f"valid, as version {policies.version}: {len(mistakes)} mistakes, {len(findings) - len(mistakes)} notes")
        tell_edited(edited)
    if mistakes:
        raise typer.Exit(1)


def tell_edited(edited: Sequence[str]) -> None:
    """Say which files in the folder are not those in force."""
    if edited:
        err.print(f"[yellow]edited, not active[/]: {escape(', '.join(edited))}; 'wardstead access activate' puts them in force")


def examples(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A table of examples (policies/access.examples.yaml).", metavar="[FILE]")
    ] = None,
    which: Which = FOLDER,
    json: Json = False,
) -> None:
    """Hold a table of expected decisions against the policies in the folder. Exit 1 when one is another."""
    with errors(as_json=json):
        found = deployment(context)
        policies = asking.policies_named(found, which)
        outcomes = asking.hold_examples(found, file, policies)
    wrong = [one for one in outcomes if one.wrong]
    if json:
        rows = [
            {
                "name": one.name, "ok": not one.wrong, "expected": one.expected, "got": one.got,
                "policies": list(one.policies), "reason": one.reason, "wrong": one.wrong,
            }
            for one in outcomes
        ]  # fmt: skip
        say_json({"ok": not wrong, "version": policies.version, "examples": rows})
    else:
        for one in outcomes:
            out.print(f"{'[red]✗[/]' if one.wrong else '[green]✓[/]'} {escape(one.name)}")
            if one.wrong:
                out.print(f"    {escape(one.wrong)}: {escape(one.reason)}")
        err.print(f"{len(outcomes) - len(wrong)} of {len(outcomes)} examples come to what they say")
    if wrong:
        raise typer.Exit(1)


def explain(
    context: typer.Context,
    principal: Annotated[str, typer.Argument(help="Who.")],
    action: Action,
    resource: On,
    at: At = "",
    purpose: Purpose = "",
    application: Application = "",
    network: Network = "",
    label: Data = "",
    signed_in: SignedIn = "",
    owner: Owner = "",
    key: Key = "",
    means: Means = "",
    which: Which = ACTIVE,
    json: Json = False,
) -> None:
    """Say whether somebody may do something, which policies decide it, and why. Exit 0 whatever the answer is."""
    with errors(as_json=json):
        found = deployment(context)
        asked = Asked(principal, action, resource, at, purpose, application, network, label, signed_in, owner, key, means)
        said = asking.explain(found, asked, asking.policies_named(found, which))
    decision = said.decision
    if json:
        until = decision.not_after_ms
        say_json(
            {
                **_answer(decision), "code": decision.code, "principal": principal, "action": action, "resource": resource,
                "at": rfc3339(said.time_ms), "until": rfc3339(until) if until is not None else None,
                "label": said.label.document(),
                "roles": list(said.roles), "windows": list(said.windows), "networks": list(said.networks),
                "fresh": list(said.fresh), "version": said.version,
            }
        )  # fmt: skip
        return
    out.print(f"[bold]{'[green]allow[/]' if decision.allow else '[red]deny[/]'}[/] {escape(decision.reason)}")
    out.print(f"[dim]policies  {escape(', '.join(decision.policies) or 'none: default deny')}[/]")
    held = (("windows", said.windows), ("networks", said.networks), ("fresh", said.fresh))
    for what, names in held:
        if names:
            out.print(f"[dim]{what:9} {escape(', '.join(names))}[/]")
    roles = ", ".join(said.roles) or "none"
    out.print(f"[dim]roles     {escape(roles)}; data {said.label}; {rfc3339(said.time_ms)}; version {said.version}[/]")


def _answer(decision: Decision) -> dict[str, object]:
    return {
        "decision": "allow" if decision.allow else "deny",
        "policies": list(decision.policies),
        "reason": decision.reason,
        **({"step": decision.step} if decision.step else {}),
    }


def who_can(
    context: typer.Context,
    action: Action,
    resource: On,
    at: At = "",
    purpose: Purpose = "",
    application: Application = "",
    network: Network = "",
    label: Data = "",
    signed_in: SignedIn = "",
    owner: Owner = "",
    which: Which = ACTIVE,
    json: Json = False,
) -> None:
    """Name everybody who may do something."""
    with errors(as_json=json):
        found = deployment(context)
        asked = Asked("", action, resource, at, purpose, application, network, label, signed_in, owner)
        people = asking.who_can(found, asked, asking.policies_named(found, which))
    if json:
        say_json({"action": action, "resource": resource, "people": [{"user": name, **_answer(one)} for name, one in people]})
        return
    table = Table("who", "by", box=None, padding=(0, 2, 0, 0))
    for name, decision in people:
        table.add_row(escape(name), escape(", ".join(decision.policies)))
    out.print(table)


def diff(
    context: typer.Context,
    old: Annotated[str, typer.Argument(help="active, folder, or a version.")] = ACTIVE,
    new: Annotated[str, typer.Argument(help="active, folder, or a version.")] = FOLDER,
    json: Json = False,
) -> None:
    """Say whose access changes between two versions, and what happens to data otherwise. Exit 1 when anything does."""
    with errors(as_json=json):
        found = deployment(context)
        before, after = asking.policies_named(found, old), asking.policies_named(found, new)
        said, data = asking.difference(found, before, after), asking.data_difference(found, before, after)
    if json:
        rows = [_change(one) for one in said.changes]
        versions = {"old": before.version, "new": after.version}
        handling = [{"what": list(one.what), "before": one.before, "after": one.after} for one in data]
        say_json(
            {
                **versions,
                "changes": rows,
                "data": handling,
                "questions": said.asked,
                "complete": said.complete,
                "untried": list(said.untried),
            }
        )
    else:
        for one in said.changes:
            mark = "[green]+[/]" if one.after.allow else "[red]-[/]"
            out.print(f"{mark} {escape(', '.join(one.people))}: {one.action} on {escape(one.resource)}")
            out.print(f"    [dim]{escape('; '.join(one.when))}[/]")
            by = one.after if one.after.policies else one.before
            out.print(f"    [dim]{escape(', '.join(by.policies))}[/]")
        for changed in data:
            out.print(f"[yellow]~[/] {escape(', '.join(changed.what))}")
            out.print(f"    [dim]{escape(changed.before)}[/]")
            out.print(f"    {escape(changed.after)}")
        how = "" if said.complete else "; circumstances one at a time, for all of them together are too many"
        if said.untried:
            err.print(
                f"[yellow]not tried[/]: what changes by context.{', context.'.join(said.untried)}; 'access test' holds examples"
            )
        err.print(
            f"{before.version} → {after.version}: {len(said.changes)} changes in {said.asked} questions{how}; {len(data)} of data"
        )
    if said.changes or data:
        raise typer.Exit(1)


def _change(one: Change) -> dict[str, object]:
    return {
        "users": list(one.people),
        "action": one.action,
        "resource": one.resource,
        "when": list(one.when),
        "before": _answer(one.before),
        "after": _answer(one.after),
    }
