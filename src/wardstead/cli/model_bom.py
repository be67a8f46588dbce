"""``model bom``: a model's bill of materials, how complete it is, and what changed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.bootstrap.models import advisories
from wardstead.bootstrap.models.bom import bill_of, given_facts, read_bill
from wardstead.bootstrap.models.packages import audited, statements, take_inventory
from wardstead.cli.advisories import Where, known_to
from wardstead.cli.output import Json, err, errors, out, reading, save_json, say_json
from wardstead.cli.state import folder
from wardstead.kernel.text import harmless
from wardstead.supply.advisories.audit import Audit, Knowledge
from wardstead.supply.bom import cyclonedx, spdx
from wardstead.supply.bom.completeness import Completeness, completeness
from wardstead.supply.bom.difference import changes

Form = Literal["cyclonedx-1.6", "cyclonedx-1.7", "spdx-3.0"]


def bom(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="A model's file, or a folder of them.", metavar="PATH")],
    form: Annotated[
        Form, typer.Option("--format", help="CycloneDX 1.6 or 1.7, or SPDX 3.0's AI profile; all are JSON.")
    ] = "cyclonedx-1.6",
    facts: Annotated[Path | None, typer.Option(help="What the files do not say: a YAML file of facts.", metavar="FILE")] = None,
    serving: Annotated[
        list[Path] | None, typer.Option(help="What serves it: environments, programs, images.", metavar="PATH")
    ] = None,
    at: Annotated[datetime | None, typer.Option("--timestamp", help="The bill's time; else that of the newest file.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write it there; else to standard output.", metavar="FILE")
    ] = None,
    where: Where = None,
    json: Json = False,
) -> None:
    """Write a model's bill of materials; the same files give the same bill. Needs no deployment."""
    with errors(as_json=json or output is None):
        known = given_facts(facts)
        stack = _serving(context, serving, where) if serving else None
        with reading(path.name or str(path)) as read:
            time = at.replace(tzinfo=at.tzinfo or UTC) if at else None
            bill = bill_of(path, known, stack, time, read)
        document = (
            spdx.document(bill) if form == "spdx-3.0" else cyclonedx.document(bill, "1.7" if form == "cyclonedx-1.7" else "1.6")
        )
        if output is None:
            say_json(document)
            return
        save_json(output, document)
    found = completeness(cyclonedx.document(bill))
    if json:
        say_json({"file": str(output), "files": len(bill.files), "score": found.score, "minimum": found.minimum})
        return
    err.print(f"{escape(str(output))}: {len(bill.files)} files; {_summary(found)}")
    if form != "spdx-3.0" and found.missing:
        err.print(f"[dim]what is missing: wardstead model bom-score {escape(str(output))}[/]")


def _serving(context: typer.Context, paths: list[Path], where: Path | None) -> Audit:
    with advisories.opened(where or known_to(context)) as store:
        return audited(take_inventory(paths), Knowledge(store, statements(folder(context), None)), datetime.now(UTC).date())


def score(
    file: Annotated[Path, typer.Argument(help="A bill in CycloneDX JSON, ours or another's.", metavar="FILE")], json: Json = False
) -> None:
    """Say how complete a bill is by OWASP's and CISA's lists, and how to fill it. Exit 1 while something is missing."""
    with errors(as_json=json):
        found = completeness(read_bill(file))
    if json:
        say_json({
            "score": found.score, "categories": found.categories, "minimum": found.minimum, "minimum_of": found.minimum_of,
            "missing": [{"standard": one.standard, "field": one.field, "next_step": one.how} for one in found.missing],
        })  # fmt: skip
    else:
        table = Table("missing", "asked for by", "next")
        for one in found.missing:
            table.add_row(one.field, one.standard, one.how)
        if found.missing:
            out.print(table)
        out.print(_summary(found))
    if found.missing:
        raise typer.Exit(1)


def _summary(found: Completeness) -> str:
    return f"[bold]{found.score:.0f}[/] of 100 by OWASP's weights, {found.minimum} of CISA's {found.minimum_of} elements"


def diff(
    old: Annotated[Path, typer.Argument(help="The bill before.", metavar="OLD")],
    new: Annotated[Path, typer.Argument(help="The bill after.", metavar="NEW")],
    json: Json = False,
) -> None:
    """Say what is different between two bills in CycloneDX JSON. Exit 1 where something is."""
    with errors(as_json=json):
        found = changes(read_bill(old), read_bill(new))
    if json:
        said: list[dict[str, Any]] = [
            {"kind": one.kind, "place": one.place, "before": one.before, "after": one.after} for one in found
        ]
        say_json({"changes": said})
    else:
        for one in found:
            mark, style = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}[one.kind]
            values = " → ".join(each for each in (one.before, one.after) if each)
            out.print(f"[{style}]{mark}[/] {escape(harmless(one.place))} [dim]{escape(harmless(values[:200]))}[/]")
        out.print("no difference" if not found else f"{len(found)} differences")
    if found:
        raise typer.Exit(1)
