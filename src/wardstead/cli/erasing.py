"""``user erase`` and legal holds."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.bootstrap import erasing
from wardstead.bootstrap.erasing import Order
from wardstead.cli.output import Json, confirm, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.ledger.certificate import open_certificate

Name = Annotated[str, typer.Argument(help="The person's name.")]
By = Annotated[str, typer.Option("--by", help="Who answers for it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why. Kept in the record, under seal.")]


def erase(
    context: typer.Context,
    name: Name,
    by: By,
    reason: Reason,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also the last active administrator.")] = False,
    json: Json = False,
) -> None:
    """Erase a person: destroy their key, who they were, and what is kept for them. It cannot be taken back."""
    confirm(f"Erase {name}, and all that they said, for good?", yes=yes)
    with errors(as_json=json):
        found = deployment(context)
        certificate = erasing.erase(found, name, Order(by, reason), force=force)
        said = open_certificate(certificate, found.ledger.key)
    if json:
        say_json({**said, "certificate": certificate})
    else:
        typer.echo(certificate, nl=False)


def hold(context: typer.Context, name: Name, by: By, reason: Reason, json: Json = False) -> None:
    """A legal hold: nothing of this person's is erased until it is released."""
    with errors(as_json=json):
        erasing.hold(deployment(context), name, Order(by, reason))
    say(json, {"user": name, "hold": True}, f"nothing of {escape(name)} is erased from now on")


def release(context: typer.Context, name: Name, by: By, reason: Reason, json: Json = False) -> None:
    """End a legal hold."""
    with errors(as_json=json):
        erasing.release(deployment(context), name, Order(by, reason))
    say(json, {"user": name, "hold": False}, f"{escape(name)} may be erased again")


def erasures(context: typer.Context, json: Json = False) -> None:
    """Every erasure, with its certificate."""
    with errors(as_json=json):
        found = erasing.certificates(deployment(context))
    if json:
        say_json({"erasures": found})
        return
    fields = ("id", "subject", "ordered", "erased", "last_key_copy_expires")
    table = Table("id", "pseudonym", "ordered", "erased", "last copy of the key expires", box=None)
    for one in found:
        table.add_row(*(escape(str(one.get(field, "not finished"))) for field in fields))
    out.print(table)
