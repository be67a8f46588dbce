"""``ledger``: verify, look up a receipt, export, keep a checkpoint."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wardstead.bootstrap.deployment import now_ms, read_text
from wardstead.cli.output import Json, err, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.kernel.errors import CallerError

app = typer.Typer(help="The tamper-evident record.", no_args_is_help=True)


@app.command("verify")
def verify(
    context: typer.Context,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint kept elsewhere, to hold the ledger against.")
    ] = None,
    json: Json = False,
) -> None:
    """Recompute everything: leaves, tree, tiles, signatures, order. Exit 5 on any alteration."""
    with errors(as_json=json):
        found = deployment(context)
        known = [read_text(path) for path in checkpoint or []]
        kept = (found.places.state / "checkpoint", found.places.signed)
        known += [path.read_bytes().decode("utf-8", "replace") for path in kept if path.is_file()]
        reader = found.ledger
        columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, transient=True) as progress:
            task = progress.add_task("entries", total=reader.size())
            report = reader.verify(clock=now_ms, known=known, progress=lambda count: progress.update(task, completed=count))
    if json:
        said = {"ok": report.ok, "entries": report.entries, "checkpoint": report.checkpoint}
        waiting = {"pending": report.pending, "overdue": report.overdue, "open": report.open}
        say_json({**said, "problems": [asdict(problem) for problem in report.problems], **waiting, "witnessed": False})
    else:
        state = "[green]clean[/]" if report.ok else "[bold red]ALTERED[/]"
        out.print(f"{state}: {report.entries} entries, {report.pending} not yet sequenced; unwitnessed")
        for problem in report.problems:
            out.print(f"  [red]{problem.code}[/] {escape(problem.where)}: {escape(problem.what)}")
        if report.overdue:
            out.print(
                f"  [yellow]{report.overdue} have waited for more than a minute[/]: is it running, and is there disk space?"
            )
    if not report.ok:
        raise typer.Exit(5)


@app.command("receipt")
def receipt(
    context: typer.Context, exchange: Annotated[str, typer.Argument(help="The receipt's id.")], json: Json = True
) -> None:
    """The proof that an exchange is in the ledger, as JSON."""
    with errors(as_json=json):
        found = deployment(context).ledger.receipt(exchange)
        if found is None:
            raise CallerError(f"there is no exchange {exchange[:64]!r}")
    say_json(found)


@app.command("checkpoint")
def checkpoint(context: typer.Context, json: Json = False) -> None:
    """The newest signed checkpoint: keep it elsewhere, and a rewrite cannot go unseen."""
    with errors(as_json=json):
        note = deployment(context).ledger.checkpoint()
        if note is None:
            raise CallerError("no checkpoint has been signed yet")
    if json:
        say_json({"checkpoint": note})
    else:
        typer.echo(note, nl=False)


@app.command("export")
def export(context: typer.Context, output: Annotated[Path, typer.Option(help="The file to write.")], json: Json = False) -> None:
    """Write the whole ledger (ciphertexts, leaves, checkpoints) to one file."""
    with errors(as_json=json):
        count = deployment(context).ledger.export(output)
    say(json, {"entries": count, "output": str(output)}, f"{count} entries written to {escape(str(output))}")
