"""``access``: which policies decide who may do what, since when, by whom and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.bootstrap.acting import Acting, at_the_command_line
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.identity.people import BadValue
from wardstead.bootstrap.policy import activation, policies
from wardstead.bootstrap.policy.activation import Proposed
from wardstead.bootstrap.policy.policies import PolicyState
from wardstead.cli.entitlements import By
from wardstead.cli.output import Json, confirm, err, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.kernel.clock import rfc3339

app = typer.Typer(help="Access policies: what is in force, what would be, and why.", no_args_is_help=True)
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command("activate")
def activate(
    context: typer.Context,
    proposal: Annotated[str, typer.Argument(help="What somebody else proposed, by its id (without it, the folder).")] = "",
    by: Annotated[str, typer.Option("--by", help="With a proposal: who puts it in force; the policies must permit it.")] = "",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Put the policies that stand in the folder, or that were proposed, in force, once every worker is ready for them.

    Exit 3 when something is wrong with them, 4 when a worker cannot get ready: those before stay in force.
    """
    with errors(as_json=json):
        found = deployment(context)
        if bool(proposal) != bool(by):
            raise BadValue("a proposal is put in force by somebody, and nothing else is", where="--by")
        done = (
            activation.activate_proposed(found, _acting(found, by), proposal, reason) if by else policies.activate(found, reason)
        )
        from wardstead.bootstrap.policy.classification import changed_examples  # what looks at texts takes long to import
        from wardstead.cli.classify_policy import tell_wrong

        held = changed_examples(found, done)
    wrong = [one.name for one in held if one.differences]
    shown = {"version": done.version, "before": done.before, "changed": done.changed, "examples_wrong": wrong}
    text = f"version [bold]{done.version}[/] is in force (before: {done.before or 'none'})"
    say(json, shown, text if done.changed else f"version [bold]{done.version}[/] was in force already")
    if not json:
        tell_wrong(held)


@app.command("propose")
def propose(
    context: typer.Context,
    by: By,
    version: Annotated[str, typer.Option(help="An earlier version, or how it begins (the folder).")] = "",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Propose the policies in the folder: somebody else puts in force what was proposed, and nothing else."""
    with errors(as_json=json):
        found = deployment(context)
        made = activation.propose(found, _acting(found, by), reason, version)
    shown = {"id": made.id, "version": made.version, "before": made.before}
    say(json, shown, f"proposed: {made.id}, version [bold]{made.version}[/]")


@app.command("proposals")
def proposals(context: typer.Context, json: Json = False) -> None:
    """What was proposed, the newest first, and what became of it."""
    with errors(as_json=json):
        found = activation.proposals(deployment(context))
    if json:
        say_json({"proposals": [_proposed(one) for one in found]})
        return
    table = Table("id", "version", "in the place of", "by", "since", "why", "state", box=None, padding=(0, 2, 0, 0))
    for one in found:
        said = _proposed(one)
        names = ("id", "version", "before", "by", "time", "reason", "state")
        table.add_row(*(escape(str(said[name])) for name in names))
    out.print(table)


@app.command("withdraw")
def withdraw(
    context: typer.Context, proposal: Annotated[str, typer.Argument(help="Its id.")], by: By, json: Json = False
) -> None:
    """End a proposal: nobody puts it in force any more."""
    with errors(as_json=json):
        found = deployment(context)
        gone = activation.withdraw(found, _acting(found, by), proposal)
    say(json, {"id": gone.id, "state": "withdrawn"}, f"withdrawn: {gone.id}")


def _acting(found: Deployment, by: str) -> Acting:
    return at_the_command_line(found.directory.find(by))


def _proposed(one: Proposed) -> dict[str, Any]:
    made = one.proposal
    return {
        "id": made.id, "version": made.version, "before": made.before, "by": one.proposed_by, "time": rfc3339(made.proposed_ms),
        "reason": made.reason, "state": made.state, "decided_by": one.decided_by,
    }  # fmt: skip


@app.command("rollback")
def rollback(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="A version, or how it begins (the one before the present one).")] = "",
    reason: Reason = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put an earlier version in force again, as 'activate' does. The folder stays as it is: 'access export' writes its files."""
    with errors(as_json=json):
        found = deployment(context)
        confirm(f"Go back to {version or 'the version before'}?", yes=yes)
        done = policies.roll_back(found, version, reason)
        state = policies.policy_state(found)
    shown = {"version": done.version, "before": done.before, "changed": done.changed, "edited": list(state.edited)}
    text = f"version [bold]{done.version}[/] is in force (before: {done.before})"
    say(json, shown, text if done.changed else f"version [bold]{done.version}[/] was in force already")
    if state.edited and not json:
        err.print(
            f"the folder has other files: {escape(', '.join(state.edited))}; 'wardstead access export' writes those in force"
        )


@app.command("versions")
def versions(context: typer.Context, json: Json = False) -> None:
    """Every activation, the newest first, and whether the folder holds what is in force."""
    with errors(as_json=json):
        found = deployment(context)
        history, state = found.policy_store.activations(), policies.policy_state(found)
    if json:
        rows = [
            {"version": one.version, "time": rfc3339(one.activated_ms), "by": one.by, "reason": one.reason} for one in history
        ]
        active = state.active.version if state.active else ""
        say_json({"active": active, "edited": list(state.edited), "wrong": state.wrong, "activations": rows})
        return
    table = Table("", "version", "since", "by", "why", box=None, padding=(0, 2, 0, 0))
    for number, one in enumerate(history):
        mark = "" if number else "[green]●[/]"
        table.add_row(mark, one.version, rfc3339(one.activated_ms), escape(one.by), escape(one.reason))
    out.print(table)
    _tell(state)


def _tell(state: PolicyState) -> None:
    if state.active is None:
        err.print("none was ever active: the first start activates the folder's")
    if state.wrong:
        err.print(f"[yellow]those in the folder are not valid[/]: {escape(state.wrong)}")
    if state.edited:
        err.print(f"[yellow]edited, not active[/]: {escape(', '.join(state.edited))}")


@app.command("export")
def export(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="A version, or how it begins.")],
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    json: Json = False,
) -> None:
    """Write the files of a version into a folder."""
    with errors(as_json=json):
        meant, written = policies.export(deployment(context), version, folder)
    say(json, {"version": meant, "files": [str(path) for path in written]}, f"{len(written)} files of version {meant}")
