"""``model``: what a model's files hold, before anything loads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from wardstead.bootstrap.models.admissions import scan_added
from wardstead.bootstrap.models.scanning import not_sandboxed, scan, to_scan
from wardstead.cli.model_report import Audited, sarif, tell
from wardstead.cli.output import Json, err, errors, reading, say_json
from wardstead.cli.state import deployment, folder
from wardstead.kernel.errors import CallerError
from wardstead.supply.admission import Candidate, State
from wardstead.supply.ports import Severity

app = typer.Typer(no_args_is_help=True, help="Audit models before they serve.")
ORDER = (Severity.INFO, Severity.WARN, Severity.BLOCK)


@app.command("scan")
def scan_(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="A model's file, or a folder of them; or the name of a model that was added.", metavar="PATH")
    ],
    fail_on: Annotated[
        Severity, typer.Option(help="Exit 1 when something as grave as this is found, or graver.", metavar="block|warn|info")
    ] = Severity.WARN,
    sarif_: Annotated[bool, typer.Option("--sarif", help="Answer with SARIF 2.1.0 on standard output.")] = False,
    json: Json = False,
) -> None:
    """Look for code, traps and tampering in a model's files, without loading them; needs no deployment.

    The report on a model that was added is kept: it is what is reviewed, and what policy asks for.
    """
    with errors(as_json=json):
        if json and sarif_:
            raise CallerError("--json and --sarif both write to standard output", next_step="give one of them")
        added = _added(context, path)
        found = to_scan(path) if added is None else []
        total = sum(one.size for one in found) if added is None else sum(one.size_bytes for one in added.files)
        with reading(path.name or str(path), total, quiet=json or sarif_) as read:
            files = scan_added(deployment(context), added, read) if added else tuple(scan(found, read))
    audited = Audited(str(path), files, sandboxed=not not_sandboxed())
    if not audited.sandboxed:
        err.print(f"[bold red]NO SANDBOX[/]: these files were parsed in an ordinary process: {escape(not_sandboxed())}")
    if sarif_:
        say_json(sarif(audited))
    elif json:
        say_json(audited.document())
    else:
        tell(audited)
    if any(ORDER.index(one.severity) >= ORDER.index(fail_on) for one in audited.findings):
        raise typer.Exit(1)


def _added(context: typer.Context, path: Path) -> Candidate | None:
    """The candidate that is called so: a name wins over a path, which an absolute one is for sure."""
    if not (folder(context) / "wardstead.yaml").exists() or path.is_absolute():
        return None
    known = deployment(context).admissions.of(str(path))
    return next((one.candidate for one in known if one.state is State.CANDIDATE), None)
