"""``classify import-values``, ``fingerprint``, ``known`` and ``forget``: what the deployment knows of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.bootstrap.detection import known
from wardstead.cli.output import Json, confirm, err, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.inspection.known.terms import OWN_DATA

Category = Annotated[str, typer.Option("--category", help="The category of its findings, for the classification policy.")]


def import_values(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="One value a line, or a CSV file.", exists=True, dir_okay=False)],
    kind: Annotated[str, typer.Option("--type", help="What its findings are called.", metavar="TYPE")],
    category: Category = OWN_DATA,
    column: Annotated[str, typer.Option(help="The column of a CSV file: its name, or its number from 1.")] = "",
    name: Annotated[str, typer.Option(help="The index's name; else the type's. One of the same name is replaced.")] = "",
    json: Json = False,
) -> None:
    """Look for a list of your own values (customer ids, accounts, names): keyed digests of them are kept, not the values."""
    with errors(as_json=json):
        made = known.import_values(deployment(context), file, name=name or kind, kind=kind, category=category, column=column)
    left_out = f"; left out: {made.short} too short, {made.long} too long" if made.short or made.long else ""
    text = f"{made.header.count} values of type [bold]{escape(kind)}[/], {made.size_bytes} bytes{left_out}"
    say(json, {**_written(made), "too_short": made.short, "too_long": made.long}, text)
    _restart(as_json=json)


def fingerprint(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The document's name. One of the same name is replaced.")],
    files: Annotated[list[Path], typer.Argument(help="The document; several are versions of it.", exists=True, dir_okay=False)],
    without: Annotated[
        list[Path], typer.Option("--without", help="A document that may be known: a blank form, published parts.", exists=True)
    ] = [],  # noqa: B006 -- typer reads the default
    kind: Annotated[str, typer.Option("--type", help="What its findings are called.", metavar="TYPE")] = "known-document",
    category: Category = "known-document",
    json: Json = False,
) -> None:
    """Look for passages of a document of yours, reformatted and edited ones, too: keyed digests of it are kept, not its text."""
    with errors(as_json=json):
        made = known.fingerprint(deployment(context), files, name=name, kind=kind, category=category, without=without)
    text = f"{made.header.count} fingerprints of [bold]{escape(name)}[/] ({made.header.words} words), {made.size_bytes} bytes"
    say(json, _written(made), text)
    _restart(as_json=json)


def list_known(context: typer.Context, json: Json = False) -> None:
    """What the deployment knows of its own: dictionaries, values, documents."""
    with errors(as_json=json):
        found = known.listed(deployment(context))
    if json:
        rows = [
            {"kind": one.kind, "name": one.name, "type": one.type, "category": one.category, "count": one.count,
             "size_bytes": one.size_bytes, "file": str(one.file)}
            for one in found
        ]  # fmt: skip
        say_json({"known": rows})
        return
    table = Table("kind", "name", "type", "category", "entries", "bytes", box=None, padding=(0, 2, 0, 0))
    for one in found:
        table.add_row(one.kind, escape(one.name), one.type, one.category, str(one.count), str(one.size_bytes))
    out.print(table)


def forget(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What 'classify known' calls the values or the document.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Look for imported values, or a document, no more."""
    with errors(as_json=json):
        found = deployment(context)
        confirm(f"Look for {name!r} no more?", yes=yes)
        gone = known.forget(found, name)
    say(json, {"forgotten": gone}, f"forgotten: [bold]{escape(', '.join(gone))}[/]")
    _restart(as_json=json)


def _written(made: known.Written) -> dict[str, Any]:
    header = made.header
    return {
        "file": str(made.file), "name": header.name, "type": header.type, "category": header.category,
        "count": header.count, "size_bytes": made.size_bytes,
    }  # fmt: skip


def _restart(*, as_json: bool) -> None:
    if not as_json:
        err.print("[dim]It counts from the next start: 'wardstead down', 'wardstead up'.[/]")
