"""``share``: what people give one another to read, use, or share on."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.bootstrap.kept import sharing
from wardstead.bootstrap.kept.sharing import Shown
from wardstead.cli.entitlements import By, Until
from wardstead.cli.output import Json, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.kernel.clock import rfc3339

app = typer.Typer(help="What people share with one another.", no_args_is_help=True)


@app.command("give")
def give(
    context: typer.Context,
    by: By,
    exchange: Annotated[str, typer.Option(help="The exchange, by its receipt.")] = "",
    conversation: Annotated[str, typer.Option(help="The conversation, by its id or by the name that the client uses.")] = "",
    collection: Annotated[str, typer.Option(help="The collection, by its id.")] = "",
    document: Annotated[str, typer.Option(help="The document, by its id.")] = "",
    template: Annotated[str, typer.Option(help="The prompt template, by its id.")] = "",
    person: Annotated[str, typer.Option("--with", help="With whom.")] = "",
    group: Annotated[str, typer.Option("--with-group", help="With which group.")] = "",
    right: Annotated[list[str] | None, typer.Option(help="read, use, share or admin; may be given several times (read).")] = None,
    depth: Annotated[int, typer.Option(help="How many more times it may be handed on.")] = 0,
    until: Until = None,
    json: Json = False,
) -> None:
    """Share an exchange, a conversation, a collection, a document or a template. Nobody reads above their clearance by it."""
    with errors(as_json=json):
        made = sharing.give(
            deployment(context), by=by, exchange=exchange, conversation=conversation, collection=collection, document=document,
            template=template, person=person, group=group, rights=right or ["read"], depth=depth, until=until,
        )  # fmt: skip
    say(json, {"id": made.id, "resource": list(made.resource), "rights": sorted(made.rights)}, f"shared: {made.id}")


@app.command("list")
def list_shares(
    context: typer.Context,
    by: Annotated[str, typer.Option("--by", help="That this person gave.")] = "",
    person: Annotated[str, typer.Option("--with", help="That this person, or a group of theirs, was given.")] = "",
    json: Json = False,
) -> None:
    """What was shared, and whether it still holds."""
    with errors(as_json=json):
        found = sharing.shares(deployment(context), by=by, person=person)
    if json:
        say_json({"shares": [_shown(one) for one in found]})
        return
    table = Table("id", "what", "by", "with", "rights", "until", "holds", box=None, padding=(0, 2, 0, 0))
    for one in found:
        said = _shown(one)
        cells = (said["id"], f"{said['type']} {said['resource']}", said["by"], said["with"], ", ".join(said["rights"]))
        table.add_row(*map(escape, cells), said["until"] or "never", "yes" if one.holds else "no")
    out.print(table)


@app.command("take-back")
def take_back(context: typer.Context, share: Annotated[str, typer.Argument(help="Its id.")], by: By, json: Json = False) -> None:
    """End a share, and all that was given on by it, at once."""
    with errors(as_json=json):
        ended = sharing.take_back(deployment(context), share, by=by)
    say(json, {"id": share, "ended": ended}, f"took back {ended}")


def _shown(one: Shown) -> dict[str, Any]:
    kept = one.share
    return {
        "id": kept.id, "type": kept.resource.type, "resource": kept.resource.id, "by": one.granted_by,
        "with": one.grantee, "group": kept.grantee_kind.value == "group", "rights": sorted(kept.rights), "depth": kept.depth,
        "until": rfc3339(kept.expires_ms) if kept.expires_ms is not None else None, "given_by": kept.parent, "holds": one.holds,
    }  # fmt: skip
