"""``key``: with what people and applications come in, what each key is for, and when it was last used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.access.ports import Bounds, CertificateSummary, KeySummary
from wardstead.bootstrap.identity import people
from wardstead.bootstrap.identity.entitlements import later
from wardstead.cli.output import Json, confirm, err, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.kernel.clock import rfc3339

app = typer.Typer(help="API keys.", no_args_is_help=True)
Key = Annotated[str, typer.Argument(help="The key's id or prefix.")]
Scope = Annotated[list[str] | None, typer.Option(help="An action that it is for (all, when none is given).")]
Purpose = Annotated[list[str] | None, typer.Option(help="A purpose that it is for; with one alone, requests need not name it.")]
Network = Annotated[list[str] | None, typer.Option(help="Where it works: a network of access.yaml, or a range as 10.0.0.0/8.")]
Model = Annotated[list[str] | None, typer.Option(help="A model that it is for.")]


def bounds_of(purpose: list[str] | None, network: list[str] | None, model: list[str] | None) -> Bounds:
    """What a key or a certificate is for, as these options say it."""
    return Bounds(frozenset(purpose or ()), frozenset(network or ()), frozenset(model or ()))


@app.command("create")
def create(
    context: typer.Context,
    user: Annotated[str, typer.Option("--user", help="Whose key; the person is made when new.")],
    role: Annotated[
        list[str] | None, typer.Option("--role", help="A role for somebody new (user); others keep the roles they have.")
    ] = None,
    scope: Scope = None,
    purpose: Purpose = None,
    network: Network = None,
    model: Model = None,
    expires: Annotated[str | None, typer.Option(help="When it ends: 90d, 2027-03-01, 2027-03-01T12:00:00Z (never).")] = None,
    json: Json = False,
) -> None:
    """Make an API key. It is shown once. What it is for can only narrow what its owner may do."""
    with errors(as_json=json):
        bounds = bounds_of(purpose, network, model)
        made = people.create_key(deployment(context), user, role or [], scope or [], later(expires), bounds=bounds)
    if json:
        say_json({"id": made.id, "key": made.key})
    else:
        out.print(f"[bold]{made.key}[/]")
        err.print("[dim]shown once; keep it where only its owner can read it[/]")


@app.command("list")
def list_keys(context: typer.Context, json: Json = False) -> None:
    """Every key: prefix, owner, what it is for, expiry, last use; never the key."""
    with errors(as_json=json):
        found = deployment(context).directory.list_keys()
    if json:
        say_json({"keys": [_document(one) for one in found]})
        return
    table = Table("prefix", "person", "for", "expires", "last used", "id", box=None, padding=(0, 2, 0, 0))
    for one in found:
        said = "; ".join(f"{name} {text}" for name, text in _for(one))
        table.add_row(
            one.prefix, escape(one.person), escape(said) or "all", moment(one.expires_ms), moment(one.last_used_ms), one.id
        )
    out.print(table)


@app.command("show")
def show(context: typer.Context, key: Key, json: Json = False) -> None:
    """One key: owner, what it is for, expiry, last use; never the key."""
    with errors(as_json=json):
        found = deployment(context).directory.find_api_key(key)
    if json:
        say_json(_document(found))
        return
    times = (("made", found.created_ms), ("expires", found.expires_ms), ("last used", found.last_used_ms))
    rows = [("key", f"{found.prefix}…"), ("person", found.person), *_for(found), *((title, moment(at)) for title, at in times)]
    for name, text in [*rows, ("id", found.id)]:
        out.print(f"[dim]{name:<10}[/] {escape(text)}")


@app.command("revoke")
def revoke(
    context: typer.Context,
    key: Key,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Revoke a key: it stops working at once."""
    with errors(as_json=json):
        directory = deployment(context).directory
        meant = directory.find_api_key(key)
        confirm(f"Revoke {meant.prefix} of {meant.person}?", yes=yes)
        gone = directory.revoke_api_key(meant.id)
    say(json, {"id": gone.id, "prefix": gone.prefix, "user": gone.person}, f"revoked {gone.prefix} of {escape(gone.person)}")


def what_for(one: KeySummary | CertificateSummary) -> str:
    """What binds it, in words; empty where nothing does."""
    return "; ".join(f"{name} {text}" for name, text in _for(one))


def what_for_document(one: KeySummary | CertificateSummary) -> dict[str, object]:
    """What binds it, and its times."""
    return {
        "scopes": list(one.scopes),
        "purposes": sorted(one.bounds.purposes), "networks": sorted(one.bounds.networks), "models": sorted(one.bounds.models),
        "created_ms": one.created_ms, "expires_ms": one.expires_ms, "last_used_ms": one.last_used_ms,
    }  # fmt: skip


def moment(moment_ms: int | None) -> str:
    """A time, or that there is none."""
    return rfc3339(moment_ms) if moment_ms else "never"


def _for(one: KeySummary | CertificateSummary) -> list[tuple[str, str]]:
    bounds = one.bounds
    said: Iterable[tuple[str, Iterable[str]]] = (
        ("scopes", one.scopes), ("purposes", bounds.purposes), ("networks", bounds.networks), ("models", bounds.models),
    )  # fmt: skip
    return [(name, ", ".join(sorted(values))) for name, values in said if values]


def _document(one: KeySummary) -> dict[str, object]:
    return {"id": one.id, "prefix": one.prefix, "user": one.person, **what_for_document(one)}
