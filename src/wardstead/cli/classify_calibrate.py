"""``classify calibrate``: thresholds of scores from this site's own benign texts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from wardstead.cli.output import Json, err, errors, out, say_json
from wardstead.cli.state import deployment


def calibrate(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Benign texts: JSON Lines, or one a line. Each file is a source of its own.", exists=True, dir_okay=False
        ),
    ] = None,
    detector: Annotated[list[str], typer.Option(help="Which score; else all.", metavar="NAME")] = [],  # noqa: B006 -- typer reads it
    false_alarms: Annotated[float, typer.Option(help="The share of each source that may be found.")] = 0.01,
    recorded: Annotated[
        int, typer.Option(min=0, max=100_000, help="The newest N recorded exchanges, too: a source of its own.", metavar="N")
    ] = 0,
    by: Annotated[str, typer.Option("--by", help="Who answers for it; the policies must let them read each exchange.")] = "",
    reason: Annotated[str, typer.Option(help="Why: it is recorded.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure and show, but write nothing.")] = False,
    json: Json = False,
) -> None:
    """Set the thresholds of scores so that this site's own benign texts raise few false alarms; the strictest source decides."""
    from wardstead.bootstrap.detection.calibrating import (
        calibrate as measure,  # numpy takes long to import, and no other command needs it
    )
    from wardstead.bootstrap.policy.recorded import Order

    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with errors(as_json=json):
        made = measure(
            deployment(context), files or (), names=detector, false_alarms=false_alarms, measured=now, write=not dry_run,
            recorded=recorded, order=Order(by, reason),
        )  # fmt: skip
    if json:
        say_json(msgspec.to_builtins(made, enc_hook=str))
        return
    table = Table("type", "source", "texts", "99% below", "found before", "found now", box=None, padding=(0, 2, 0, 0))
    for one in made.types:
        for each in one.spread:
            shares = (f"{each.found_before:.2%}", f"{each.found:.2%}")
            table.add_row(one.type, escape(each.source), str(each.texts), f"{each.p99:.4f}", *shares)
    out.print(table)
    out.print(escape(made.diff) or "nothing changes")
    if recorded:
        left = ", ".join(f"{count} {why.replace('_', ' ')}" for why, count in sorted(made.left_out.items()))
        err.print(f"{made.exchanges} exchanges were read{f'; left out: {left}' if left else ''}")
    if made.written:
        err.print(f"{escape(str(made.file))}: written. It counts from the next start: 'wardstead down', 'wardstead up'.")
