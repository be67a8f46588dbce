"""``conversation``: the marks that conversations carry, and the one act that lowers them."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.kept import conversations
from wardstead.bootstrap.kept.conversations import Shown
from wardstead.cli.output import Json, confirm, errors, out, say, say_json
from wardstead.cli.state import deployment

Id = Annotated[str, typer.Argument(help="The conversation's id, as 'conversation list' says it.")]
Whose = Annotated[str, typer.Option("--user", help="Whose: then the conversation is given by the name that their client uses.")]
app = typer.Typer(help="Conversations and the labels that they carry.", no_args_is_help=True)


def _id(opened: Deployment, given: str, user: str) -> str:
    return conversations.id_of(opened, given, user) if user else given


def _shown(one: Shown) -> dict[str, Any]:
    summary = one.summary
    return {
        "id": summary.id,
        "user": one.person,
        "label": summary.mark.document(),
        "stand_ins": summary.stand_ins,
        "created": summary.created,
        "changed": summary.changed,
    }


@app.command("list")
def list_conversations(
    context: typer.Context,
    user: Annotated[str, typer.Option("--user", help="Of this person alone.")] = "",
    by: Annotated[str, typer.Option("--by", help="Those alone whose label this person may lower.")] = "",
    after: Annotated[str, typer.Option("--after", help="Go on behind this one, the last of the page before.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many at most.")] = 200,
    json: Json = False,
) -> None:
    """The conversations that carry a label above public, or stand-ins: the last that changed first."""
    with errors(as_json=json):
        found = conversations.conversations(deployment(context), user, by=by, after=after, limit=limit)
    if json:
        say_json({"conversations": [_shown(one) for one in found]})
        return
    table = Table("id", "person", "label", "changed", box=None, padding=(0, 2, 0, 0))
    for one in found:
        table.add_row(one.summary.id, escape(one.person), escape(str(one.summary.mark)), one.summary.changed)
    out.print(table)


@app.command("show")
def show(context: typer.Context, conversation: Id, user: Whose = "", json: Json = False) -> None:
    """One conversation: whose, its label, how many labelled texts are known of it."""
    with errors(as_json=json):
        opened = deployment(context)
        found = conversations.conversation(opened, _id(opened, conversation, user))
    if json:
        say_json({**_shown(found), "texts": found.texts})
        return
    summary = found.summary
    out.print(f"{summary.id}  {escape(found.person)}  [bold]{escape(str(summary.mark))}[/]")
    out.print(f"  {found.texts} labelled texts; since {summary.created}, changed {summary.changed}")


@app.command("declassify")
def declassify(
    context: typer.Context,
    conversation: Id,
    level: Annotated[str, typer.Option(help="The new level, one of the classification policy's.")],
    reason: Annotated[str, typer.Option(help="Why: it is recorded.")],
    by: Annotated[str, typer.Option("--by", help="Who answers for it; the policies must permit them 'declassify'.")],
    user: Whose = "",
    compartment: Annotated[
        list[str] | None, typer.Option(help="A compartment that stays; may be given several times (none).")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Lower a conversation's label, and those of its texts. Recorded in the ledger."""
    with errors(as_json=json):
        found = deployment(context)
        conversation = _id(found, conversation, user)
        shown = conversations.conversation(found, conversation)
        confirm(f"Declassify {conversation} of {shown.person}, now {shown.summary.mark}?", yes=yes)
        before, after = conversations.declassify(found, conversation, level, compartment or [], by=by, reason=reason)
    said = {"id": conversation, "before": before.document(), "after": after.document()}
    say(json, said, f"{conversation}: {escape(str(before))} -> {escape(str(after))}")
