"""``classify test``, ``classify policies`` and ``classify use``: the classification policy of a deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from wardstead.bootstrap.classification import examples_of, require_ready_made, switch
from wardstead.bootstrap.deployment import ready_made
from wardstead.bootstrap.inspection import classifier, inspector
from wardstead.cli.output import Json, confirm, err, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.inspection.examples import Outcome, run


def examples(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="A file of examples (policies/classification.examples.yaml).", metavar="[FILE]")
    ] = None,
    json: Json = False,
) -> None:
    """Hold a table of examples against the policy in force. Exit 1 when one comes to something else."""
    with errors(as_json=json):
        found = deployment(context)
        table = examples_of(found, file)
        explains, inspects = classifier(found, scan=False), inspector(found)
        with Progress(console=err, transient=True, disable=json) as progress:
            outcomes = [run(one, explains, inspects) for one in progress.track(table, description="examples")]
    wrong = [one for one in outcomes if one.differences]
    if json:
        say_json({"ok": not wrong, "policy": inspects.policy.version, "examples": [_document(one) for one in outcomes]})
    else:
        _tell(outcomes)
        err.print(f"{len(outcomes) - len(wrong)} of {len(outcomes)} examples come to what they say")
    if wrong:
        raise typer.Exit(1)


def _document(one: Outcome) -> dict[str, object]:
    differences = [{"what": each.what, "expected": each.expected, "got": each.got} for each in one.differences]
    return {"name": one.name, "ok": not differences, "differences": differences, "failed": list(one.failed)}


def _tell(outcomes: list[Outcome]) -> None:
    for one in outcomes:
        mark = "[red]✗[/]" if one.differences else "[green]✓[/]"
        degraded = f" [yellow](did not work: {escape(', '.join(one.failed))})[/]" if one.failed else ""
        out.print(f"{mark} {escape(one.name)}{degraded}")
        for each in one.differences:
            out.print(f"    {each.what}: expected [bold]{escape(each.expected)}[/], got [bold]{escape(each.got)}[/]")


def policies(context: typer.Context, json: Json = False) -> None:
    """The ready-made policies, and which one this deployment extends."""
    with errors(as_json=json):
        found = deployment(context).classification()
    shown = [{"name": name, "about": about(text), "in_use": name in found.extends} for name, text in sorted(ready_made().items())]
    if json:
        say_json(shown)
        return
    table = Table("", "policy", "for whom", box=None, padding=(0, 2, 0, 0))
    for one in shown:
        table.add_row("[green]●[/]" if one["in_use"] else "", f"[bold]{one['name']}[/]", escape(str(one["about"])))
    out.print(table)


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
    """Extend another ready-made policy. The rest of the deployment's own file stays; the file before is kept beside it."""
    with errors(as_json=json):
        found = deployment(context)
        require_ready_made(name)
        confirm(f"Let {found.settings.inspection.policy} extend {name!r}?", yes=yes or json)
        before, after = switch(found, name)
    say(
        json,
        {"extends": name, "before": before, "after": after},
        f"extends [bold]{escape(name)}[/]: version {after} (was {before}). Restart to let it count: wardstead down; wardstead up",
    )
