"""``retention``: what the classification policy keeps no longer."""

from __future__ import annotations

from dataclasses import asdict

import typer

from wardstead.bootstrap.deployment import now_ms
from wardstead.bootstrap.forgetting.expiring import Amount, amount, due, expire
from wardstead.cli.output import Json, errors, out, say_json
from wardstead.cli.state import deployment
from wardstead.ledger.certificate import open_certificate

app = typer.Typer(no_args_is_help=True, help="What the classification policy keeps no longer.")


@app.command()
def status(context: typer.Context, json: Json = False) -> None:
    """What is to be destroyed now, and what a legal hold keeps. A running deployment destroys it within the hour."""
    with errors(as_json=json):
        found = deployment(context)
        ready = due(found, now_ms())
        now, held = amount(found, ready.keys), amount(found, ready.held)
    if json:
        say_json({"due": asdict(now), "kept_under_legal_hold": asdict(held)})
        return
    out.print(f"to be destroyed now: {_told(now)}")
    out.print(f"kept under a legal hold: {_told(held)}")


@app.command()
def run(context: typer.Context, json: Json = False) -> None:
    """Destroy what is kept no longer, now; the certificate, where there was anything."""
    with errors(as_json=json):
        found = deployment(context)
        certificate = expire(found, now_ms())
        said = open_certificate(certificate, found.ledger.keys) if certificate else {}
    if json:
        say_json({"destroyed": bool(certificate), **said, "certificate": certificate})
    elif certificate:
        typer.echo(certificate, nl=False)
    else:
        out.print("nothing is kept longer than policy says")


def _told(one: Amount) -> str:
    return f"{one.exchanges} exchanges ({one.entries} entries) of {one.people} people"
