"""``backup``: make, verify, list, restore, drill."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table

from wardstead.bootstrap.backup import backing_up, backups, restoring
from wardstead.bootstrap.backup.backups import Head
from wardstead.bootstrap.backup.restoring import Plan, Restored
from wardstead.bootstrap.ordering import Order
from wardstead.cli.output import Json, err, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.crypto.signing import VerifyingKey
from wardstead.kernel.errors import IntegrityError

app = typer.Typer(help="Encrypted backups: made while it serves, verified, restored, tried.", no_args_is_help=True)
Source = Annotated[Path, typer.Argument(help="A backup, or a folder of them: then the newest.", metavar="FILE|FOLDER")]
Identity = Annotated[Path, typer.Option("--key", help="The private key that opens it, as 'backup key' wrote it.")]
LedgerKey = Annotated[
    str | None, typer.Option("--ledger-key", help="The ledger's key as known from elsewhere, which must have signed it.")
]
At = Annotated[str, typer.Option("--at", help="Of a folder: the newest that is not newer than this moment (RFC 3339, UTC).")]
Entries = Annotated[
    int | None, typer.Option("--entries", help="Of a folder: the newest that holds at most so many entries.", min=0)
]
Erased = Annotated[
    Path | None, typer.Option("--erased", help="Who was erased since: a newer note than the one beside the backup.")
]
Nobody = Annotated[bool, typer.Option("--nobody-erased", help="There is no such note, and nobody was erased since.")]
By = Annotated[str, typer.Option("--by", help="Who answers for it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why. Kept in the record, under seal.")]


@app.command("key")
def key(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", help="Where the private key goes: not into the deployment.")],
    json: Json = False,
) -> None:
    """Make the key that opens backups. The deployment gets its public half alone: 'backup.recipients' in wardstead.yaml."""
    with errors(as_json=json):
        public = backing_up.make_key(deployment(context), output)
    if json:
        say_json({"public_key": public, "output": str(output)})
        return
    typer.echo(f"backup:\n  recipients: [{public}]")
    err.print(f"[dim]for wardstead.yaml; the private key is in {escape(str(output))}: whoever loses it has no backup[/]")


@app.command("create")
def create(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", help="A file, or a folder in which it gets a name of its own.")],
    recipient: Annotated[
        list[str] | None, typer.Option("--recipient", help="A public key that opens it (those of backup.recipients).")
    ] = None,
    models: Annotated[bool, typer.Option("--models", help="Weights, too; else they are put there again.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Then remove the expired ones in the same folder.")] = False,
    json: Json = False,
) -> None:
    """Back up everything at one moment, also while it serves; what is copied is verified first. Exit 5 when it is not whole."""
    with errors(as_json=json), _progress(quiet=json) as progress:
        found = deployment(context)
        head, examined, untold = backing_up.create(found, output, recipient or [], progress, models=models)
        gone = backing_up.prune(found, head.path.resolve().parent) if prune else []
    said = {**_document(head), "opened": examined.opened, "erased": examined.erased}
    more = {"untold": [str(one) for one in untold], "pruned": [str(one) for one in gone]}
    say(
        json,
        {**said, **more},
        f"{escape(str(head.path))}: {head.entries} entries, {examined.opened} ciphertexts opened; until {head.expires}",
    )
    for one in untold:
        err.print(f"[yellow]not told who was erased[/]: {escape(str(one))}: 'wardstead backup erased' when it is there again")


@app.command("list")
def list_backups(
    context: typer.Context,
    source: Annotated[Path | None, typer.Argument(help="A folder (those that this deployment knows).")] = None,
    json: Json = False,
) -> None:
    """Backups, the newest first, by what their signed heads say. No key is needed."""
    strange: list[IntegrityError] = []
    with errors(as_json=json):
        if source is not None:
            rows = [_document(one) for one in backups.heads_in(source, left_out=strange.append)]
        else:
            rows = [
                _document(backups.head_of(path)) if path.is_file() else {"path": str(path), "id": one.id, "missing": True}
                for one in backups.kept(deployment(context))
                for path in [Path(one.path)]
            ]
    if json:
        say_json({"backups": rows, "left_out": [{"path": one.where, "why": one.what} for one in strange]})
    elif not rows:
        err.print("none: 'wardstead backup create --output FOLDER' makes one")
    else:
        table = Table("created", "expires", "entries", "bytes", "file", box=None, padding=(0, 2, 0, 0))
        for row in rows:
            shown = (row.get(name, "not there") for name in ("created", "expires", "entries", "bytes", "path"))
            table.add_row(*(escape(str(one)) for one in shown))
        out.print(table)
    for one in strange:
        _left_out(one)
    if strange:
        raise typer.Exit(5)


@app.command("verify")
def verify(
    context: typer.Context,
    source: Source,
    identity: Annotated[
        Path | None, typer.Option("--key", help="The private key: then every ciphertext is opened as well.")
    ] = None,
    ledger_key: LedgerKey = None,
    erased: Erased = None,
    nobody: Nobody = False,
    json: Json = False,
) -> None:
    """Hold a backup against its signature; with its key, restore it to a scratch folder and verify all of it. Exit 5."""
    with errors(as_json=json), _progress(quiet=json) as progress:
        found = deployment(context)
        head = backups.choose(source, _known(ledger_key) or found.ledger.keys, "", None)
        backups.require_whole(head)
        restored = None
        if identity is not None:
            told = restoring.erased_beside(head, erased, nobody=nobody)
            restored = restoring.verify(found, Plan(head, restoring.keys_in(identity), told), _one(progress))
    if restored is None:
        say(
            json,
            {**_document(head), "opened": None},
            f"{escape(str(head.path))} is as it was written; without its key nothing was opened",
        )
    else:
        _say_restored(restored, json=json)


@app.command("restore")
def restore(
    source: Source,
    target: Annotated[Path, typer.Argument(help="An empty folder, or one that there is not yet.", metavar="FOLDER")],
    identity: Identity,
    by: By,
    reason: Reason,
    at: At = "",
    entries: Entries = None,
    ledger_key: LedgerKey = None,
    erased: Erased = None,
    nobody: Nobody = False,
    json: Json = False,
) -> None:
    """Make a deployment from a backup. Who was erased since is erased again; that it was restored is recorded in it."""
    with errors(as_json=json), _progress(quiet=json) as progress:
        head = backups.choose(source, _known(ledger_key), at, entries, _left_out)
        told = restoring.erased_beside(head, erased, nobody=nobody)
        plan = Plan(head, restoring.keys_in(identity), told, Order(by, reason))
        found = restoring.restore(plan, target, _one(progress))
    _say_restored(found, json=json)
    if not json:
        if ledger_key is None:
            err.print(f"[yellow]signed by {escape(head.key.text())}[/]: hold it against the key that you know")
        err.print("people, keys and roles are those of the backup: 'wardstead key list' and 'user list' before you start it")
        err.print("never start it beside the one it was made of: both would sign, and witnesses and anchors see two histories")


@app.command("drill")
def drill(
    context: typer.Context,
    source: Source,
    identity: Identity,
    by: By,
    reason: Reason = "a restore drill",
    at: At = "",
    erased: Erased = None,
    nobody: Nobody = False,
    json: Json = False,
) -> None:
    """Restore to a scratch folder, verify everything, take it away, and record what came of it."""
    with errors(as_json=json), _progress(quiet=json) as progress:
        found = deployment(context)
        head = backups.choose(source, found.ledger.keys, at, None)
        told = restoring.erased_beside(head, erased, nobody=nobody)
        plan = Plan(head, restoring.keys_in(identity), told, Order(by, reason))
        restored = restoring.drill(found, plan, _one(progress))
    _say_restored(restored, json=json)


@app.command("erased")
def erased_note(
    context: typer.Context,
    output: Annotated[Path | None, typer.Option("--output", help="A file; else beside every backup that is known.")] = None,
    json: Json = False,
) -> None:
    """Write the signed note of who was erased, by pseudonym, which a restore asks for. Exit 4 where a folder is out of reach."""
    with errors(as_json=json):
        found = deployment(context)
        missed = [] if output is not None else backups.tell_of_erasures(found)
        if output is not None:
            output.write_text(backups.erased_note(found))
        known = output is not None or backups.kept(found)
    written = f"written {'beside every known backup' if output is None else 'to ' + str(output)}"
    if not known:
        written = "nothing was written: no backup is known here; --output FILE writes it to a file"
    said = "\n".join(f"out of reach: {escape(str(one))}" for one in missed) or escape(written)
    say(json, {"untold": [str(one) for one in missed]}, said)
    if missed:
        raise typer.Exit(4)


def _left_out(error: IntegrityError) -> None:
    err.print(f"[yellow]left out[/] {escape(error.where)}: {escape(error.what)}")


def _known(text: str | None) -> VerifyingKey | None:
    return None if text is None else VerifyingKey.from_text(text)


def _document(head: Head) -> dict[str, object]:
    return {
        "path": str(head.path), "id": head.id, "ledger": head.key.name, "created": head.created, "expires": head.expires,
        "expired": head.expired, "entries": head.entries, "root": head.root, "migration": head.migration,
        "recipients": list(head.recipients), "bytes": head.bytes, "sha256": head.sha256,
    }  # fmt: skip


def _say_restored(found: Restored, *, json: bool) -> None:
    examined = found.examined
    said = {
        **_document(found.head), "opened": examined.opened, "erased": examined.erased,
        "erased_again": list(found.erased_again), "erasures_told": found.erasures_told, "seconds": round(found.seconds, 1),
    }  # fmt: skip
    text = (
        f"whole: {examined.entries} entries, {examined.opened} ciphertexts opened, {examined.erased} of people who were erased; "
        f"{len(found.erased_again)} erased again (known up to {found.erasures_told}); {found.seconds:.1f} s"
    )
    say(json, said, text)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[backing_up.Step]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=err, transient=True, disable=quiet or not err.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def step(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield step


def _one(step: backing_up.Step) -> restoring.Progress:
    return lambda done, total: step("verifying", done, total)
