"""``classify test``, ``classify policies`` and ``classify use``: the classification policy of a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from wardstead.bootstrap.policy.asking import FOLDER
from wardstead.bootstrap.policy.classification import (
    EXAMPLES,
    classification_named,
    examples_of,
    not_active,
    outcomes,
    own_outcomes,
    require_ready_made,
    switch,
)
from wardstead.bootstrap.policy.classified import ready_made
from wardstead.cli.output import Json, confirm, err, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.inspection.examples import Outcome

Which = Annotated[str, typer.Option("--policies", help="Those in the folder (folder), in force (active), or a version.")]


def examples(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A file of examples (policies/classification.examples.yaml).", metavar="[FILE]")
    ] = None,
    which: Which = FOLDER,
    json: Json = False,
) -> None:
    """Hold a table of examples against the policy in the folder. Exit 1 when one comes to something else."""
    with errors(as_json=json):
        found = deployment(context)
        table, policy = examples_of(found, file), classification_named(found, which)
        with Progress(console=err, transient=True, disable=json) as progress:
            held = list(progress.track(outcomes(found, table, policy), total=len(table), description="examples"))
        inactive = which == FOLDER and not_active(found)
    wrong = [one for one in held if one.differences]
    if json:
        shown = {"policy": policy.version, "active": not inactive, "examples": [_document(one) for one in held]}
        say_json({"ok": not wrong, **shown})
    else:
        tell(held, out)
        err.print(f"{len(held) - len(wrong)} of {len(held)} examples come to what they say")
        tell_not_active(inactive=inactive)
    if wrong:
        raise typer.Exit(1)


def _document(one: Outcome) -> dict[str, object]:
    differences = [{"what": each.what, "expected": each.expected, "got": each.got, "why": each.why} for each in one.differences]
    return {"name": one.name, "ok": not differences, "differences": differences, "failed": list(one.failed)}


def tell(held: Sequence[Outcome], console: Console) -> None:
    """Each example, and why it came to something else."""
    for one in held:
        mark = "[red]✗[/]" if one.differences else "[green]✓[/]"
        degraded = f" [yellow](did not work: {escape(', '.join(one.failed))})[/]" if one.failed else ""
        console.print(f"{mark} {escape(one.name)}{degraded}")
        for each in one.differences:
            console.print(f"    {each.what}: expected [bold]{escape(each.expected)}[/], got [bold]{escape(each.got)}[/]")
            if each.why:
                console.print(f"    [dim]{escape(each.why)}[/]")


def tell_not_active(*, inactive: bool) -> None:
    """Say that what was asked is in force nowhere."""
    if inactive:
        err.print("[yellow]edited, not active[/]: this is the folder's policy; 'wardstead access activate' puts it in force")


def tell_wrong(held: Sequence[Outcome]) -> None:
    """Say which of the deployment's own examples a policy makes something else of."""
    wrong = [one for one in held if one.differences]
    if wrong:
        err.print(f"[yellow]{len(wrong)} of {len(held)} examples come to something else[/] (policies/{EXAMPLES}):")
        tell(wrong, err)
        err.print("change what they say where it is as it should be: 'wardstead classify test' holds them again")


def policies(context: typer.Context, json: Json = False) -> None:
    """The ready-made policies, and which one the policy in force extends."""
    with errors(as_json=json):
        place = deployment(context)
        found, inactive = place.classification(), not_active(place)
    shown = [{"name": name, "about": about(text), "in_use": name in found.extends} for name, text in sorted(ready_made().items())]
    if json:
        say_json(shown)
        return
    table = Table("", "policy", "for whom", box=None, padding=(0, 2, 0, 0))
    for one in shown:
        table.add_row("[green]●[/]" if one["in_use"] else "", f"[bold]{one['name']}[/]", escape(str(one["about"])))
    out.print(table)
    if inactive:
        err.print("[yellow]edited, not active[/]: the folder's policy is another; 'wardstead access activate' puts it in force")


def about(text: str) -> str:
    """The comment at the beginning of a policy."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#") or line == "#":
            break
        lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def use(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="general, health, payment, eu or canada.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Let the policy in the folder extend another ready-made one: 'access activate' puts it in force.

    The rest of the deployment's own file stays; the file before is kept beside it.
    """
    with errors(as_json=json):
        found = deployment(context)
        require_ready_made(name)
        confirm(f"Let {found.settings.inspection.policy} extend {name!r}?", yes=yes)
        before, after = switch(found, name)
        held = own_outcomes(found, found.folder_classification())
        inactive = not_active(found)
    wrong = [_document(one) for one in held if one.differences]
    said = f"extends [bold]{escape(name)}[/]: version {after} (was {before})"
    next_step = "; not active yet: 'wardstead access activate' puts it in force, without a restart" if inactive else ""
    say(
        json,
        {"extends": name, "before": before, "after": after, "active": not inactive, "examples_wrong": wrong},
        said + next_step,
    )
    if not json:
        tell_wrong(held)
