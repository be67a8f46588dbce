"""``user erase`` and legal holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.bootstrap.forgetting import erasing
from wardstead.bootstrap.forgetting import mentions as looking
from wardstead.bootstrap.ordering import Order
from wardstead.cli.output import Json, confirm, err, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.kernel.clock import rfc3339
from wardstead.ledger.certificate import open_certificate

_BY_WHAT = "names of people are not looked for; give every address, number and id that is known"
Name = Annotated[str, typer.Argument(help="The person's name.")]
By = Annotated[str, typer.Option("--by", help="Who answers for it.")]
Identifiers = Annotated[
    list[str], typer.Argument(metavar="IDENTIFIER...", help="An e-mail address, telephone number, card, id …; - reads lines.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why. Kept in the record, under seal.")]


def erase(
    context: typer.Context,
    name: Name,
    by: By,
    reason: Reason,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also the last active administrator.")] = False,
    mentioned: Annotated[
        list[str] | None, typer.Option("--mentioned", help="By what others mention them; may be given several times.")
    ] = None,
    json: Json = False,
) -> None:
    """Erase a person: destroy their key, who they were, and what is kept for them. It cannot be taken back."""
    confirm(f"Erase {name}, and all that they said, for good?", yes=yes)
    with errors(as_json=json):
        found = deployment(context)
        certificate = erasing.erase(found, name, Order(by, reason), force=force, identifiers=mentioned or ())
        said = open_certificate(certificate, found.ledger.keys)
    _hand_out(said, certificate, as_json=json)


def erase_mentioned(
    context: typer.Context,
    identifiers: Identifiers,
    by: By,
    reason: Reason,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Erase somebody who is only mentioned: destroy what others said that holds these identifiers. It cannot be taken back."""
    with errors(as_json=json):
        given = _given(identifiers)
    confirm("Erase all that others said that holds these identifiers, for good?", yes=yes)
    with errors(as_json=json):
        found = deployment(context)
        certificate = erasing.erase_mentioned(found, given, Order(by, reason))
        said = open_certificate(certificate, found.ledger.keys)
    _hand_out(said, certificate, as_json=json)


def mentions(
    context: typer.Context,
    identifiers: Identifiers,
    by: By,
    reason: Reason,
    exchanges: Annotated[bool, typer.Option("--exchanges", help="Name the exchanges too, by receipt and asker.")] = False,
    json: Json = False,
) -> None:
    """Who mentions somebody: how often, by identifiers that inspection found in what others said. That you looked is recorded."""
    with errors(as_json=json):
        found = deployment(context)
        seen = looking.find(found, _given(identifiers), Order(by, reason))
        names = {one.subject: one.name for one in found.directory.list_principals()} if exchanges else {}
    counts = seen.counts()
    rows = [
        {"exchange": one.exchange, "kind": one.kind, "time": rfc3339(one.time_ms), "user": names.get(one.subject, "")}
        for one in (seen.entries if exchanges else ())
    ]
    if json:
        say_json({**counts, **({"mentions": rows} if exchanges else {})})
        return
    for name, value in counts.items():
        out.print(f"{name.replace('_', ' ')}: {'none' if value == '' else value}")
    if not seen.entries:
        err.print(f"[dim]nothing was found: {_BY_WHAT}[/]")
    table = Table("exchange", "in its", "time", "asked by", box=None)
    for row in rows:
        table.add_row(row["exchange"], row["kind"], row["time"], escape(row["user"]) or "no longer known")
    if rows:
        out.print(table)


def _given(identifiers: list[str]) -> list[str]:
    """A command line is seen by others on the machine, and kept by shells: ``-`` reads them from standard input, one a line."""
    if identifiers != ["-"]:
        return identifiers
    return [line.strip() for line in typer.get_text_stream("stdin") if line.strip()]


def _hand_out(said: Mapping[str, object], certificate: str, *, as_json: bool) -> None:
    if as_json:
        say_json({**said, "certificate": certificate})
        return
    typer.echo(certificate, nl=False)
    err.print(f"{_destroyed(said)}; [bold]no copy of keys/ may be kept longer than {said['last_key_copy_expires']}[/]")
    err.print("[dim]'wardstead user erasures' keeps the certificate; 'wardstead-verify FILE --key KEY' verifies it[/]")


def _destroyed(said: Mapping[str, object]) -> str:
    """What an erasure did, in words. Who looked for somebody by what no record has must not believe that there was anything."""
    counts = said.get("mentioned")
    gone = f"{said['entries_unreadable']} entries of their own are unreadable"
    if not isinstance(counts, Mapping):
        return gone
    others = f"{counts['entries_unreadable']} entries of others that mention them are unreadable"
    if not counts["keys"]:
        others = f"[yellow]no entry of others was found by these identifiers[/]: {_BY_WHAT}"
    return others if str(said["subject"]).startswith("mentions:") else f"{gone}, {others}"


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
