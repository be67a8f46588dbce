"""``advisories``: what is known to be wrong with packages, brought in by files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from wardstead.bootstrap.models import advisories
from wardstead.cli.output import Json, err, errors, out, say_json
from wardstead.cli.state import deployment, folder
from wardstead.kernel.errors import CallerError
from wardstead.kernel.text import harmless
from wardstead.supply.advisories.advisory import Advisory

app = typer.Typer(no_args_is_help=True, help="Keep what is known to be wrong with packages, without a network.")
Where = Annotated[
    Path | None, typer.Option("--advisories", help="The file to keep them in; else the deployment's.", metavar="FILE")
]


def store_of(context: typer.Context, given: Path | None) -> Path:
    """The file that is given, or the deployment's. Raises ``ConfigurationError`` where there is neither."""
    return given or advisories.place(deployment(context))


def known_to(context: typer.Context) -> Path | None:
    """The deployment's, where there is a deployment."""
    return store_of(context, None) if (folder(context) / "wardstead.yaml").exists() else None


@app.command("import")
def import_(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            help="OSV archives (all.zip), folders of records, rule packs for AI servers, EPSS, KEV.", metavar="FILE..."
        ),
    ],
    ecosystem: Annotated[
        list[str] | None, typer.Option(help="What the files are complete for, where it does not show.", metavar="NAME")
    ] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day up to which they know all, where they do not say.")
    ] = None,
    where: Where = None,
    json: Json = False,
) -> None:
    """Take in advisories; what is newer replaces what is there. Exit 1 where records could not be read.

    An import into a deployment is an entry of its ledger.
    """
    done: list[advisories.Imported] = []
    with errors(as_json=json):
        path, now = store_of(context, where), datetime.now(UTC)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed:,} records"))
        with Progress(*columns, console=err, transient=True, disable=json or not err.is_terminal) as progress:
            for file in files:
                task = progress.add_task(escape(file.name), total=None)
                one = advisories.import_(
                    file,
                    path,
                    now=now,
                    ecosystems=ecosystem or (),
                    as_of=as_of.date() if as_of else None,
                    progress=lambda count, task=task: progress.update(task, completed=count),  # type: ignore[misc]
                )
                done.append(one)
                if where is None:
                    advisories.record(deployment(context), one)
    if json:
        say_json({"advisories": str(path), "imported": [_document(one) for one in done]})
    else:
        for one in done:
            of = ", ".join(one.ecosystems) or "what was there already (--ecosystem NAME says for which it is complete)"
            out.print(
                f"{escape(harmless(one.file))}: {one.records:,} records, {one.new:,} new, for {escape(of)}, as of {one.as_of}"
            )
            for name in one.unread[:5]:
                out.print(f"  [yellow]not read[/] {escape(harmless(name))}")
    if any(one.unread for one in done):
        raise typer.Exit(1)


def _document(one: advisories.Imported) -> dict[str, object]:
    return {
        "file": one.file, "kind": one.kind, "ecosystems": list(one.ecosystems), "as_of": one.as_of,
        "records": one.records, "new": one.new, "unread": list(one.unread),
    }  # fmt: skip


@app.command("status")
def status(context: typer.Context, where: Where = None, json: Json = False) -> None:
    """Show what was imported, how much and how old it is."""
    with errors(as_json=json):
        path = store_of(context, where)
        found, today = advisories.known(path), datetime.now(UTC).date()
    rows = [
        (one, (today - datetime.fromisoformat(one.as_of).date()).days, found.counts.get(one.ecosystem)) for one in found.imports
    ]
    if json:
        imports = [
            {"ecosystem": one.ecosystem, "as_of": one.as_of, "age_days": age, "advisories": count, "file": one.file,
             "sha256": one.sha256, "unread": one.unread} for one, age, count in rows
        ]  # fmt: skip
        say_json({"advisories": str(path), "imports": imports})
        return
    if not rows:
        out.print("nothing was imported yet: [bold]wardstead advisories import FILE[/]")
        return
    table = Table("for", "as of", "days old", "advisories", "from", "not read")
    for one, age, count in rows:
        table.add_row(
            one.ecosystem,
            one.as_of,
            str(age),
            f"{count:,}" if count is not None else "",
            harmless(one.file),
            str(one.unread or ""),
        )
    out.print(table)


@app.command("show")
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Its id, or another name that it has, such as a CVE's.", metavar="NAME")],
    where: Where = None,
    json: Json = False,
) -> None:
    """Show an advisory, or all that go by a name: whom they concern, and where to read more."""
    with errors(as_json=json):
        found = advisories.find(store_of(context, where), name)
        if not found:
            raise CallerError(
                "there is no such advisory here", where=name, next_step="import it: wardstead advisories import FILE"
            )
    if json:
        say_json({"advisories": [_shown(one) for one in found]})
        return
    for one in found:
        _tell(one)


def _shown(one: Advisory) -> dict[str, object]:
    return {
        "id": one.id, "aliases": list(one.aliases), "summary": one.summary, "severity": one.severity, "score": one.score,
        "modified": one.modified, "withdrawn": one.withdrawn, "references": list(one.references),
        "affected": [{"ecosystem": each.ecosystem, "name": each.name, "versions": len(each.versions),
                      "ranges": [[list(event) for event in item.events] for item in each.ranges]} for each in one.affected],
    }  # fmt: skip


def _tell(one: Advisory) -> None:
    out.print(f"[bold]{escape(harmless(one.id))}[/] {escape(harmless(', '.join(one.aliases)))}\n{escape(harmless(one.summary))}")
    if one.withdrawn:
        out.print("[bold]withdrawn[/]: its publisher took it back, and it concerns nobody")
    out.print(f"severity {one.severity}{f' ({one.score})' if one.score is not None else ''}; modified {escape(one.modified)}")
    for each in one.affected:
        events = "; ".join(", ".join(f"{kind} {version}" for kind, version in item.events) for item in each.ranges)
        said = harmless(events) or (f"{len(each.versions)} versions" if each.versions else "no versions, commits alone")
        out.print(f"  {escape(harmless(each.ecosystem))} {escape(harmless(each.name))}: {escape(said)}")
    for link in one.references:
        out.print(f"  [dim]{escape(harmless(link))}[/]")
