"""``collection``, ``document`` and ``template``: what people keep here, in the name of somebody whom the policies permit it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.assurance.library.kept import Item, Kind
from wardstead.bootstrap.acting import Acting, at_the_command_line
from wardstead.bootstrap.kept.library import Library, library_of_command_line
from wardstead.bootstrap.kept.saving import read_document, read_template, save
from wardstead.bootstrap.policy.asking import written_label
from wardstead.cli.entitlements import By
from wardstead.cli.output import Json, confirm, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.labels import PUBLIC

collections = typer.Typer(help="Collections of documents: whoever is given one has the documents in it.", no_args_is_help=True)
documents = typer.Typer(help="Documents that people keep here, sealed, and may name in requests.", no_args_is_help=True)
templates = typer.Typer(help="Prompt templates that people keep here, sealed, and name in requests.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="Its id.")]
Least = Annotated[str, typer.Option("--label", help="A label that it has at least, as 'confidential; personal'.")]
In = Annotated[str, typer.Option("--collection", help="The collection, by its id.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@collections.command("create")
def create(
    context: typer.Context, name: Annotated[str, typer.Argument(help="What it is called.")], by: By, json: Json = False
) -> None:
    """A new collection, with nothing in it."""
    with errors(as_json=json):
        library, acting = _open(context, by)
        made = library.create_collection(acting, name)
    say(json, _document(made), f"made: {made.kept.id}")


@collections.command("list")
def list_collections(context: typer.Context, by: By, json: Json = False) -> None:
    """The collections that somebody may read, the newest first."""
    _list(context, by, Kind.COLLECTION, "", as_json=json)


@collections.command("delete")
def delete_collection(context: typer.Context, item: Id, by: By, yes: Yes = False, json: Json = False) -> None:
    """Delete a collection, and what was shared of it. Its documents stay."""
    _delete(context, by, Kind.COLLECTION, item, yes=yes, as_json=json)


@documents.command("add")
def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The document.")],
    by: By,
    collection: In = "",
    label: Least = "",
    json: Json = False,
) -> None:
    """Keep a document: it is read in the sandbox, labelled by what is in it, and sealed under the key of whoever adds it."""
    with errors(as_json=json):
        library, acting = _open(context, by)
        least = written_label(library.deployment, label) if label else PUBLIC
        made = library.upload(acting, file.name, read_document(library.deployment, file), collection=collection, label=least)
    said = _document(made)
    say(json, said, f"kept: {made.kept.id}, labelled {escape(str(made.kept.label))}")


@documents.command("list")
def list_documents(context: typer.Context, by: By, collection: In = "", json: Json = False) -> None:
    """The documents that somebody may read, the newest first."""
    _list(context, by, Kind.DOCUMENT, collection, as_json=json)


@documents.command("show")
def show(context: typer.Context, item: Id, by: By, json: Json = False) -> None:
    """The text that was read out of a document. Reading somebody else's is recorded in the ledger."""
    with errors(as_json=json):
        library, acting = _open(context, by)
        one, read = library.text(acting, item)
    if json:
        say_json({**_document(one), "text": read.visible(), "hidden": read.hidden()})
        return
    out.print(f"[bold]{escape(one.about.name)}[/]  {escape(str(one.kept.label))}  {escape(one.person)}")
    out.print(read.visible(), markup=False)


@documents.command("save")
def save_document(
    context: typer.Context,
    item: Id,
    file: Annotated[Path, typer.Argument(help="Where to write it; nothing that is there is overwritten.")],
    by: By,
    json: Json = False,
) -> None:
    """Write a document to a file as it came. Saving somebody else's is recorded in the ledger."""
    with errors(as_json=json):
        library, acting = _open(context, by)
        one, data = library.content(acting, item)
        save(file, data)
    say(json, {**_document(one), "file": str(file)}, f"wrote {len(data)} bytes to {escape(str(file))}")


@documents.command("move")
def move(
    context: typer.Context,
    item: Id,
    by: By,
    collection: Annotated[str, typer.Option("--collection", help="Into which; without it, out of any.")] = "",
    json: Json = False,
) -> None:
    """Put a document into a collection: whoever has that has the document, then. Or take it out."""
    with errors(as_json=json):
        library, acting = _open(context, by)
        moved = library.move(acting, item, collection)
    say(json, _document(moved), f"moved: {moved.kept.id}")


@documents.command("delete")
def delete_document(context: typer.Context, item: Id, by: By, yes: Yes = False, json: Json = False) -> None:
    """Delete a document, and what was shared of it."""
    _delete(context, by, Kind.DOCUMENT, item, yes=yes, as_json=json)


@templates.command("create")
def create_template(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is called.")],
    file: Annotated[Path, typer.Argument(help="Its text, as UTF-8, with {{placeholders}}.")],
    by: By,
    label: Least = "",
    json: Json = False,
) -> None:
    """Keep a prompt template: it is labelled by what is in it, and sealed under the key of whoever makes it."""
    with errors(as_json=json):
        library, acting = _open(context, by)
        least = written_label(library.deployment, label) if label else PUBLIC
        made = library.create_template(acting, name, read_template(file), label=least)
    say(json, _document(made), f"kept: {made.kept.id}, labelled {escape(str(made.kept.label))}")


@templates.command("list")
def list_templates(context: typer.Context, by: By, json: Json = False) -> None:
    """The templates that somebody may read, the newest first."""
    _list(context, by, Kind.TEMPLATE, "", as_json=json)


@templates.command("show")
def show_template(context: typer.Context, item: Id, by: By, json: Json = False) -> None:
    """A template's text. Reading somebody else's is recorded in the ledger."""
    with errors(as_json=json):
        library, acting = _open(context, by)
        one, read = library.text(acting, item, Kind.TEMPLATE)
    if json:
        say_json({**_document(one), "text": read.visible()})
        return
    out.print(f"[bold]{escape(one.about.name)}[/]  {escape(str(one.kept.label))}  {escape(one.person)}")
    out.print(read.visible(), markup=False)


@templates.command("delete")
def delete_template(context: typer.Context, item: Id, by: By, yes: Yes = False, json: Json = False) -> None:
    """Delete a template, and what was shared of it."""
    _delete(context, by, Kind.TEMPLATE, item, yes=yes, as_json=json)


def _open(context: typer.Context, by: str) -> tuple[Library, Acting]:
    opened = deployment(context)
    return library_of_command_line(opened), at_the_command_line(opened.directory.find(by))


def _list(context: typer.Context, by: str, kind: Kind, collection: str, *, as_json: bool) -> None:
    with errors(as_json=as_json):
        library, acting = _open(context, by)
        found = library.items(acting, kind, collection=collection)
    if as_json:
        say_json({f"{kind.value.lower()}s": [_document(one) for one in found]})
        return
    table = Table("id", "name", "label", "bytes", "owner", "since", box=None, padding=(0, 2, 0, 0))
    for one in found:
        cells = (one.kept.id, one.about.name, str(one.kept.label), str(one.about.size_bytes or ""), one.person)
        table.add_row(*map(escape, cells), rfc3339(one.kept.created_ms))
    out.print(table)


def _delete(context: typer.Context, by: str, kind: Kind, item: str, *, yes: bool, as_json: bool) -> None:
    with errors(as_json=as_json):
        library, acting = _open(context, by)
        confirm(f"Delete the {kind.value.lower()} {item} for good?", yes=yes)
        gone = library.delete(acting, kind, item)
    say(as_json, {"id": gone.id, "deleted": True}, f"deleted: {gone.id}")


def _document(one: Item) -> dict[str, Any]:
    kept, about = one.kept, one.about
    said: dict[str, Any] = {
        "id": kept.id, "type": kept.kind.value, "name": about.name, "owner": one.person, "label": kept.label.document(),
        "created": rfc3339(kept.created_ms),
    }  # fmt: skip
    if kept.kind is Kind.DOCUMENT:
        inside = kept.within.id if kept.within is not None else None
        said |= {"collection": inside, "bytes": about.size_bytes, "sha256": about.sha256, "kind": about.form}
        said["warnings"] = list(about.warnings)
    return said
