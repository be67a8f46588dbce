"""``certificate``: services that prove who they are with a client certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.access.ports import CertificateSummary
from wardstead.bootstrap.identity import certificates
from wardstead.bootstrap.identity.entitlements import later
from wardstead.cli.keys import Model, Network, Purpose, Scope, bounds_of, moment, what_for, what_for_document
from wardstead.cli.output import Json, confirm, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.kernel.clock import rfc3339

app = typer.Typer(help="Client certificates of services (mutual TLS).", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Whom it names: somebody who is known.")]


@app.command("issue")
def issue(
    context: typer.Context,
    name: Name,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder that it is written into.")],
    expires: Annotated[str, typer.Option(help="When it ends, in at most 90 days: 30d, 2027-03-01.")] = "30d",
    request: Annotated[
        Path | None, typer.Option(help="A signing request in PEM: the private key stays where it is, and none is made.")
    ] = None,
    purpose: Purpose = None,
    network: Network = None,
    model: Model = None,
    scope: Scope = None,
    json: Json = False,
) -> None:
    """Issue a certificate, with its key readable by its owner alone. What it is for only narrows what its owner may do."""
    with errors(as_json=json):
        bounds = bounds_of(purpose, network, model)
        until = later(expires) or 0
        made = certificates.issue(deployment(context), name, output, until, bounds=bounds, scopes=scope or [], request=request)
    key = str(made.key) if made.key is not None else None
    shown = {
        "id": made.id, "serial": made.serial, "user": name, "expires": rfc3339(made.until_ms),
        "certificate": str(made.certificate), "key": key,
    }  # fmt: skip
    say(json, shown, f"{escape(str(made.certificate))} names {escape(name)} until {rfc3339(made.until_ms)}")


@app.command("trust")
def trust(
    context: typer.Context,
    name: Name,
    known_by: Annotated[str, typer.Option("--name", help="The name in their certificates: URI:spiffe://…, DNS:….")],
    purpose: Purpose = None,
    network: Network = None,
    model: Model = None,
    scope: Scope = None,
    json: Json = False,
) -> None:
    """Let certificates of the outside authorities (server.mutual_tls.ca_file) that have a name be somebody's."""
    with errors(as_json=json):
        bounds = bounds_of(purpose, network, model)
        made = certificates.trust(deployment(context), name, known_by, bounds=bounds, scopes=scope or [])
    say(json, {"id": made, "user": name, "known_by": known_by}, f"{escape(known_by)} is {escape(name)} from now on")


@app.command("list")
def list_certificates(context: typer.Context, json: Json = False) -> None:
    """Every certificate, and name in outside ones: whose it is, what it is for, expiry, last use."""
    with errors(as_json=json):
        found = deployment(context).certificates.list()
    if json:
        say_json({"certificates": [_document(one) for one in found]})
        return
    table = Table("known by", "person", "for", "expires", "last used", "id", box=None, padding=(0, 2, 0, 0))
    for one in found:
        said = escape(what_for(one)) or "all"
        table.add_row(escape(one.known_by), escape(one.person), said, moment(one.expires_ms), moment(one.last_used_ms), one.id)
    out.print(table)


@app.command("revoke")
def revoke(
    context: typer.Context,
    certificate: Annotated[str, typer.Argument(help="Its serial number, name or id.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Revoke a certificate, or take a name away: it names nobody from now on."""
    with errors(as_json=json):
        store = deployment(context).certificates
        meant = store.find(certificate)
        confirm(f"Revoke {meant.known_by} of {meant.person}?", yes=yes)
        store.revoke(meant.id)
    shown = {"id": meant.id, "known_by": meant.known_by, "user": meant.person}
    say(json, shown, f"revoked {escape(meant.known_by)} of {escape(meant.person)}")


def _document(one: CertificateSummary) -> dict[str, object]:
    return {"id": one.id, "known_by": one.known_by, "user": one.person, **what_for_document(one)}
