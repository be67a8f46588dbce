"""``model``: what a model's files hold, before anything loads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from wardstead.bootstrap.scanning import scan, to_scan
from wardstead.cli.model_report import Audited, sarif, tell
from wardstead.cli.output import Json, err, errors, say_json
from wardstead.kernel.errors import CallerError
from wardstead.supply.ports import Severity

app = typer.Typer(no_args_is_help=True, help="Audit models before they serve.")
ORDER = (Severity.INFO, Severity.WARN, Severity.BLOCK)


@app.command("scan")
def scan_(
    path: Annotated[Path, typer.Argument(help="A model's file, or a folder of them.", metavar="PATH")],
    fail_on: Annotated[
        Severity, typer.Option(help="Exit 1 when something as grave as this is found, or graver.", metavar="block|warn|info")
    ] = Severity.WARN,
    sarif_: Annotated[bool, typer.Option("--sarif", help="Answer with SARIF 2.1.0 on standard output.")] = False,
    json: Json = False,
) -> None:
    """Look for code, traps and tampering in a model's files, without loading them; needs no deployment."""
    with errors(as_json=json):
        if json and sarif_:
            raise CallerError("--json and --sarif both write to standard output", next_step="give one of them")
        found = to_scan(path)
        columns = (TextColumn("[progress.description]{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=err, transient=True, disable=json or sarif_ or not err.is_terminal) as progress:
            task = progress.add_task(escape(path.name or str(path)), total=sum(one.size for one in found))
            files = tuple(scan(found, lambda count: progress.advance(task, count)))
    audited = Audited(str(path), files)
    if sarif_:
        say_json(sarif(audited))
    elif json:
        say_json(audited.document())
    else:
        tell(audited)
    if any(ORDER.index(one.severity) >= ORDER.index(fail_on) for one in audited.findings):
        raise typer.Exit(1)
