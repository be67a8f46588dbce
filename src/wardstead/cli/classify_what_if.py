"""``classify what-if``: what a changed policy would have made of recorded exchanges, for whoever has the deployment's keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from wardstead.bootstrap.policy.replaying import counts, replay_everybodys
from wardstead.cli.output import Json, err, errors, out, say_json
from wardstead.cli.state import deployment
from wardstead.inspection.replay import Fate, Replayed


def what_if(
    context: typer.Context,
    policy: Annotated[Path, typer.Argument(help="A changed classification policy.", metavar="POLICY.yaml")],
    last: Annotated[int, typer.Option(min=1, max=10_000, help="Of how many exchanges, the newest first (200).")] = 200,
    json: Json = False,
) -> None:
    """Replay a changed classification policy on recorded exchanges. Changes nothing; that it was done is recorded."""
    with errors(as_json=json):
        found = deployment(context)
        ready = replay_everybodys(found, policy, last)
        with Progress(console=err, transient=True, disable=json) as progress:
            results = list(progress.track(ready.results, total=ready.total, description="exchanges"))
    replayed = [one for one in results if isinstance(one, Replayed)]
    changed = [one for one in replayed if one.change != "same"]
    if json:
        shown = {"before": ready.before, "after": ready.after, "exchanges": ready.total, "counts": counts(results)}
        say_json({**shown, "changed": [_document(one) for one in changed]})
        return
    _tell(changed)
    said = ", ".join(f"{count} {change.replace('_', ' ')}" for change, count in sorted(counts(results).items()))
    err.print(f"{ready.total} exchanges: {said or 'none'}")


def _document(one: Replayed) -> dict[str, object]:
    return {
        "exchange": one.id,
        "time": one.time,
        "user": one.person,
        "model": one.model,
        "change": one.change,
        "before": _fate(one.before),
        "after": _fate(one.after),
        "findings": [{"type": kind, "before": was, "after": becomes} for kind, was, becomes in one.differences],
    }


def _fate(one: Fate) -> dict[str, object]:
    return {"label": one.label.document(), "action": one.word, "combinations": sorted(one.combinations)}


def _tell(changed: list[Replayed]) -> None:
    if not changed:
        return
    table = Table(box=None, pad_edge=False)
    for title in ("exchange", "who", "now", "with the change", "", "treated otherwise"):
        table.add_column(title, overflow="fold")
    for one in changed:
        now, then = (f"{each.word} ({each.label})" for each in (one.before, one.after))
        otherwise = ", ".join(f"{kind}: {was or '-'} → {becomes or '-'}" for kind, was, becomes in one.differences)
        table.add_row(one.id, escape(one.person), now, then, f"[bold]{one.change}[/]", escape(otherwise))
    out.print(table)
