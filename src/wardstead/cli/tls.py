"""``tls``: the server's certificate and the local authority's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape

from wardstead.bootstrap.deployment import now_ms
from wardstead.bootstrap.keys.local_authority import Done, local_authority, record
from wardstead.bootstrap.processes.transit import Transit, transits
from wardstead.cli.output import COLOURS, Json, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.crypto.pki import Outline
from wardstead.isolation.posture import State
from wardstead.kernel.clock import rfc3339

app = typer.Typer(help="The server's certificate, and who vouches for it.", no_args_is_help=True)


@app.command("status")
def status(context: typer.Context, json: Json = False) -> None:
    """The server's certificate, and the authorities that clients trust."""
    with errors(as_json=json):
        found = local_authority(deployment(context)).certified()
        now = now_ms()
    if json:
        authorities = [
            {**_document(one, now), "issuing": one.fingerprint == found.issuing, "next": one.fingerprint == found.next}
            for one in found.authorities
        ]
        say_json({"server": _document(found.server, now), "renewed": found.own, "authorities": authorities})
        return
    renewed = "renewed by itself" if found.own else "renewed by whoever issued it"
    out.print(f"server: {', '.join(found.server.names)}; {found.server.days_left(now)} days left, {renewed}")
    for one in found.authorities:
        role = {found.issuing: "issues", found.next: "announced"}.get(one.fingerprint, "trusted")
        out.print(f"authority {one.fingerprint[:16]}: {role}; {one.days_left(now)} days left")


@app.command("probe")
def probe(context: typer.Context, json: Json = False) -> None:
    """What every door of this deployment, and everybody whom it asks, offers by TLS. Exit 1 when something is red."""
    with errors(as_json=json):
        found = transits(deployment(context))
    if json:
        say_json({"transit": [one.document() for one in found]})
    else:
        show(found)
    if any(one.state is State.RED for one in found):
        raise typer.Exit(1)


def show(found: Sequence[Transit]) -> None:
    """For a terminal: each way, and what was found."""
    for one in found:
        said, colour = one.document()["tls"], COLOURS[one.state]
        how = "no TLS"
        if said is not None:
            held = said["certificate"]
            days = f"; {held['days_left']} days left" if held else ""
            how = f"{', '.join(said['versions']) or 'nothing'} {said['cipher']} {said['key_exchange']}{days}"
        out.print(f"[{colour}]{one.state}[/] {escape(one.name)} [dim]{escape(one.address)}: {escape(how)}[/]")
        for finding in one.findings:
            out.print(f"  {escape(finding.what)}; next: {escape(finding.next_step)}")


@app.command("renew")
def renew(context: typer.Context, json: Json = False) -> None:
    """A new key and certificate for the server now. A running deployment takes it up and ends no connection."""
    with errors(as_json=json):
        found = deployment(context)
        done = local_authority(found).renew(now_ms())
        record(found, [done])
    _say(done, "the server has a new key and certificate: what runs takes it up by itself; clients need nothing new", json=json)


@app.command("rotate")
def rotate(
    context: typer.Context,
    finish: Annotated[
        bool, typer.Option("--finish", help="Certify by the announced authority now: clients that have not taken it up fail.")
    ] = False,
    json: Json = False,
) -> None:
    """Announce a new authority: ca.crt holds both. It takes over after 90 days, or with --finish."""
    with errors(as_json=json):
        found = deployment(context)
        authority = local_authority(found)
        done = authority.pass_on(now_ms()) if finish else authority.announce(now_ms())
        record(found, [done])
    where = escape(str(found.places.tls / "ca.crt"))
    text = (
        "the announced authority certifies from now on; clients that have the old one alone no longer connect"
        if finish
        else f"the next authority is announced: {where} holds both\n  give that file to every client; the new one certifies "
        "in 90 days, or with 'wardstead tls rotate --finish'"
    )
    _say(done, text, json=json)


def _say(done: Done, text: str, *, json: bool) -> None:
    told = ", ".join(f"{name} {value}" for name, value in done.told.items())
    say(json, {"act": done.act, **done.told}, f"{text}\n  [dim]{told}[/]")


def _document(one: Outline, now: int) -> dict[str, object]:
    return {
        "names": list(one.names),
        "fingerprint": one.fingerprint,
        "ends": rfc3339(one.not_after_ms),
        "days_left": one.days_left(now),
    }
