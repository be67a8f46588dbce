"""``packages``: which software is there, and what is known to be wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from wardstead import __version__
from wardstead.bootstrap.models import advisories
from wardstead.bootstrap.models.packages import Inventory, audited, own_environment, statements, take_inventory
from wardstead.cli.advisories import Where, known_to, store_of
from wardstead.cli.model import ORDER
from wardstead.cli.output import Json, err, errors, out, save_json, say_json
from wardstead.cli.packages_report import document, sarif, tell
from wardstead.cli.state import folder
from wardstead.kernel.errors import CallerError
from wardstead.kernel.text import harmless
from wardstead.supply.advisories.audit import STALE_DAYS, Knowledge
from wardstead.supply.bom import software
from wardstead.supply.ports import Severity

app = typer.Typer(no_args_is_help=True, help="Audit the software around models: environments, lock files, containers, servers.")
Paths = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Environments, folders, lock files, programs, images; without any, Wardstead's own environment.", metavar="[PATH...]"
    ),
]


def _inventory(paths: list[Path] | None) -> Inventory:
    with err.status("looking for packages"):
        return take_inventory(paths or own_environment())


@app.command("list")
def list_(paths: Paths = None, json: Json = False) -> None:
    """List the packages that are there, by the files that say so. Exit 1 where a file could not be read."""
    with errors(as_json=json):
        found = _inventory(paths)
    if json:
        say_json({
            "packages": [
                {"purl": one.purl, "ecosystem": one.ecosystem, "name": one.name, "version": one.version, "file": one.file}
                for one in found.packages
            ],
            "gaps": [{"rule": one.rule, "what": one.what, "next_step": one.next_step} for one in found.gaps],
        })  # fmt: skip
    else:
        for one in found.packages:
            typer.echo("\t".join(harmless(each) for each in (one.ecosystem, one.name, one.version, one.file)))
        for gap in found.gaps:
            out.print(harmless(f"{gap.rule}: {gap.what}"), markup=False, style="yellow")
    if found.gaps:
        raise typer.Exit(1)


@app.command("audit")
def audit(
    context: typer.Context,
    paths: Paths = None,
    where: Where = None,
    vex: Annotated[
        Path | None, typer.Option(help="What was decided of advisories; else the deployment's policies/vex.yaml.", metavar="FILE")
    ] = None,
    max_age_days: Annotated[
        int, typer.Option(help="Advisories that are older are stale, which is a finding.", min=0, metavar="DAYS")
    ] = STALE_DAYS,
    fail_on: Annotated[
        Severity, typer.Option(help="Exit 1 when something as grave as this is found, or graver.", metavar="block|warn|info")
    ] = Severity.WARN,
    sarif_: Annotated[bool, typer.Option("--sarif", help="Answer with SARIF 2.1.0 on standard output.")] = False,
    json: Json = False,
) -> None:
    """Match packages with advisories; what cannot be known is a finding too. Needs no network."""
    with errors(as_json=json):
        if json and sarif_:
            raise CallerError("--json and --sarif both write to standard output", next_step="give one of them")
        found = _inventory(paths)
        with advisories.opened(store_of(context, where)) as store:
            result = audited(found, Knowledge(store, statements(folder(context), vex), max_age_days), datetime.now(UTC).date())
    if sarif_:
        say_json(sarif(result))
    elif json:
        say_json(document(result))
    else:
        tell(result)
    if any(ORDER.index(one) >= ORDER.index(fail_on) for one in result.gravities):
        raise typer.Exit(1)


@app.command("bom")
def bom(
    context: typer.Context,
    paths: Paths = None,
    name: Annotated[str, typer.Option(help="What they belong to.")] = "wardstead",
    version: Annotated[str, typer.Option(help="Its version; of Wardstead, that of this one.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it there; else to standard output.", metavar="FILE")
    ] = None,
    at: Annotated[datetime | None, typer.Option("--timestamp", help="The bill's time; else now.")] = None,
    where: Where = None,
    json: Json = False,
) -> None:
    """Write a bill of materials of software, with the advisories of the deployment that concern it, in CycloneDX 1.6."""
    with errors(as_json=json or output is None):
        now = at.replace(tzinfo=at.tzinfo or UTC) if at else datetime.now(UTC)
        found = _inventory(paths)
        with advisories.opened(where or known_to(context)) as store:
            result = audited(found, Knowledge(store, statements(folder(context), None)), now.date())
        own = version or (__version__ if name == "wardstead" else "")
        time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        bill = software.document(name, own, result, time, ("wardstead", __version__))
        if output is None:
            say_json(bill)
        else:
            save_json(output, bill)
    if json and output is not None:
        say_json({"file": str(output), "packages": len(bill["components"]), "serial_number": bill["serialNumber"]})
