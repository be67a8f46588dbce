"""``keys``: who keeps the root key, under which everything that is recorded lies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.keys import ledger_key, root_keys, unsealing
from wardstead.bootstrap.processes.running import require_stopped
from wardstead.cli.output import Json, confirm, err, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.crypto.sealed_root import KeyProvider
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError

app = typer.Typer(help="The keys under which everything lies: who keeps them, and new ones for old.", no_args_is_help=True)
protect = typer.Typer(help="Let somebody else than a plain file keep the root key.", no_args_is_help=True)
app.add_typer(protect, name="protect")
Counted = Callable[[int, int], None]
SecretFile = Annotated[
    Path | None, typer.Option("--secret-file", help="The file that holds it, readable by its owner alone; else it is asked for.")
]


@app.command("status")
def status(context: typer.Context, json: Json = False) -> None:
    """Who keeps the root key. Opens nothing. Exit 1 where sealing was interrupted."""
    with errors(as_json=json):
        place = deployment(context)
        found = place.keys
        sealed = found.protection
        unfinished = found.unfinished
        provider = "file" if sealed is None else sealed.provider
        parameters = {} if sealed is None else sealed.parameters
        secrets = dict(found.secrets)
        rotation = _rotation(place) if found.rotating else None
    if json:
        said = {"provider": provider, "parameters": parameters, "sealed": secrets, "unfinished": unfinished}
        say_json({**said, "rotation": rotation})
    else:
        out.print(f"root key: {escape(provider)}")
        if sealed is None:
            out.print(
                "  [bold yellow]a plain file[/]: whoever can read the folder can read everything; see 'wardstead keys protect'"
            )
        for name, value in parameters.items():
            out.print(f"  {escape(name)}: {escape(str(value))}")
        for name, is_sealed in secrets.items():
            out.print(f"  {name} {'sealed' if is_sealed else '[yellow]plain[/]'}")
        if rotation is not None:
            out.print("  [yellow]another root key is taking its place[/]; if it was interrupted: 'wardstead keys rotate --root'")
            for one in rotation["gateways"]:
                out.print(f"    {escape(one['place'])}: {one['step']}")
    if unfinished:
        err.print("[yellow]sealing was interrupted[/]: say 'wardstead keys protect …' again")
        raise typer.Exit(1)


def _rotation(place: Deployment) -> dict[str, Any]:
    """How far another root key is on its way into the place of this one."""
    there = root_keys.under_way(place)
    if there is None:
        return {"moved": False, "begun": None, "begun_at": None, "gateways": []}
    known = [{"place": one.place, "step": one.at(there).value, "running": one.live} for one in root_keys.gateways(place)]
    return {"moved": there.moved, "begun": rfc3339(there.begun_ms), "begun_at": there.begun_at, "gateways": known}


@protect.command("passphrase")
def with_passphrase(context: typer.Context, secret_file: SecretFile = None, json: Json = False) -> None:
    """Under a passphrase: it is asked for at every start."""
    with errors(as_json=json):
        _protect(_stopped(context), unsealing.passphrase_provider(secret_file), json=json)


@protect.command("shares")
def with_shares(
    context: typer.Context,
    threshold: Annotated[int, typer.Option(help="So many holders together open it.")],
    holders: Annotated[int, typer.Option(help="So many hold a share.")],
    output: Annotated[Path | None, typer.Option(help="A folder for the shares, a file each; else they are shown once.")] = None,
    json: Json = False,
) -> None:
    """Under a key that nobody holds: so many shares together give it."""
    made: list[str] = []

    def show(shares: list[str]) -> None:
        if output is not None:
            made.extend(str(path) for path in unsealing.write_shares(output, shares))
            return
        made.extend(shares)
        if not json:
            for number, words in enumerate(shares, 1):
                out.print(f"[bold]share {number}[/] {words}")

    with errors(as_json=json):
        provider = unsealing.shares_provider(threshold, holders, lambda shares: show(list(shares)))
        _protect(_stopped(context), provider, json=json, shares=made, files=output is not None)


@protect.command("pkcs11")
def with_token(
    context: typer.Context,
    module: Annotated[Path, typer.Option(help="The PKCS#11 library, such as /usr/lib/softhsm/libsofthsm2.so.")],
    token: Annotated[str, typer.Option(help="The token's label.")],
    key: Annotated[str, typer.Option(help="The key's label.")] = "wardstead-root",
    make_key: Annotated[bool, typer.Option("--make-key", help="Make the key in the token, where there is none.")] = False,
    secret_file: SecretFile = None,
    json: Json = False,
) -> None:
    """Under a key in a hardware security module, which never leaves it: its PIN is asked for at every start."""
    with errors(as_json=json):
        place = unsealing.TokenPlace(str(module), token, key, make_key)
        _protect(_stopped(context), unsealing.token_provider(place, secret_file), json=json)


@protect.command("transit")
def with_transit(
    context: typer.Context,
    url: Annotated[str, typer.Option(help="The address of OpenBao or Vault.")],
    key: Annotated[str, typer.Option(help="The transit key's name: aes256-gcm96 or another that authenticates.")],
    mount: Annotated[str, typer.Option(help="Where the transit engine is mounted.")] = "transit",
    ca_file: Annotated[Path | None, typer.Option(help="The authority of its certificate; else those of the system.")] = None,
    secret_file: SecretFile = None,
    json: Json = False,
) -> None:
    """Under a key of OpenBao's or Vault's transit engine: a token is asked for at every start."""
    with errors(as_json=json):
        place = unsealing.TransitPlace(url, mount, key, "" if ca_file is None else str(ca_file.resolve()))
        _protect(_stopped(context), unsealing.transit_provider(place, secret_file), json=json)


@protect.command("service")
def with_service(
    context: typer.Context,
    package: Annotated[str, typer.Argument(metavar="NAME", help="What an installed package calls its key service.")],
    settings: Annotated[list[str] | None, typer.Option("--set", help="A setting of the package: NAME=VALUE. No secrets.")] = None,
    timeout: Annotated[int, typer.Option(help="Seconds that it may take.", min=1, max=120)] = 10,
    secret_file: SecretFile = None,
    json: Json = False,
) -> None:
    """Under a key of a cloud's key service, or any other that an installed package knows to ask."""
    with errors(as_json=json):
        provider = unsealing.service_provider(package, settings or [], timeout, secret_file)
        _protect(_stopped(context), provider, json=json)


@protect.command("file")
def with_file(
    context: typer.Context, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, json: Json = False
) -> None:
    """A plain file again: for trying things out."""
    with errors(as_json=json):
        found = _stopped(context)
        confirm("Write the keys as plain files? Whoever can read the folder can then read everything.", yes=yes)
        root_keys.unprotect(found)
    say(json, {"provider": "file"}, "[bold yellow]the keys are plain files[/]: whoever can read the folder can read everything")


@app.command("rotate")
def rotate(
    context: typer.Context,
    root: Annotated[bool, typer.Option("--root", help="The root key, too.")] = False,
    ledger: Annotated[bool, typer.Option("--ledger", help="Instead, the key that signs the ledger.")] = False,
    json: Json = False,
) -> None:
    """A new key-encryption key, and every person's key under it; the old one is destroyed. Nothing has to stop for it."""
    if ledger:
        _rotate_ledger(context, root=root, json=json)
        return
    with errors(as_json=json), _shown(quiet=json) as (progress, replacing):
        done = root_keys.rotate(deployment(context), root=root, progress=progress, replacing=replacing)
    said: dict[str, object] = {"epoch": done.epoch, "subjects": done.subjects, "root": root}
    text = f"epoch {done.epoch}: the keys of {done.subjects} people and services lie under a new key-encryption key"
    if root:
        said |= {"gateways": list(done.gateways), "left": list(done.left)}
        text += f", and that under a new root key\n  which {', '.join(map(escape, done.gateways))} has"
        text += "".join(
            f"\n  [yellow]not running[/]: {escape(one)}; copy the folder keys/ there before it starts" for one in done.left
        )
    say(json, said, text)


_STEPS: Final = (
    "the new root key is made", "gateways have the new root key", "the database lies under it",
    "gateways let go of the old one", "it is recorded",
)  # fmt: skip


@contextmanager
def _shown(*, quiet: bool) -> Iterator[tuple[Counted, Callable[[root_keys.Replacing], None]]]:
    """For a terminal: how many keys are wrapped anew, and which step of the root key's replacement it is at."""
    columns = (TextColumn("[progress.description]{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, disable=quiet or not err.is_terminal) as bars:
        keys = bars.add_task("keys wrapped anew", total=None)
        steps = {number: bars.add_task(name, total=None, visible=False) for number, name in enumerate(_STEPS, 1)}

        def replacing(now: root_keys.Replacing) -> None:
            for number in range(1, now.number):
                bars.update(steps[number], completed=1, total=1, visible=True)
            waits = f": [yellow]{escape(', '.join(now.waiting))}[/]" if now.waiting else ""
            bars.update(
                steps[now.number], completed=now.done, total=now.total, visible=True, description=_STEPS[now.number - 1] + waits
            )

        yield lambda done, total: bars.update(keys, completed=done, total=total), replacing


def _rotate_ledger(context: typer.Context, *, root: bool, json: bool) -> None:
    with errors(as_json=json):
        if root:
            raise CallerError("one key at a time", where="--root, --ledger", next_step="say it twice, once with each")
        found = ledger_key.rotate(deployment(context))
        before, after = found.change.before.text(), found.change.after.text()
    text = f"the ledger's key is now [bold]{escape(after)}[/]\n  tell whoever verifies it, and witnesses that are not ours"
    waits = "\n  [yellow]not in force yet[/]: the recorder signs with it as soon as it runs"
    said = {"before": before, "after": after, "receipt": found.act, "in_force": found.in_force}
    say(json, said, text + ("" if found.in_force else waits))


def _stopped(context: typer.Context) -> Deployment:
    found = deployment(context)
    require_stopped(found)
    return found


def _protect(
    found: Deployment, provider: KeyProvider, *, json: bool, shares: list[str] | None = None, files: bool = False
) -> None:
    """``files``: ``shares`` are the paths of files that hold them."""
    before = found.keys.protection
    sealed = root_keys.protect(found, provider)
    said = {"provider": sealed.provider, "parameters": sealed.parameters, **({"shares": shares} if shares is not None else {})}
    older = "still hold it plain" if before is None else f"still open by {escape(before.provider)} as it was"
    text = f"the root key is kept by [bold]{sealed.provider}[/]; backups of the folder from before {older}: "
    text += "'wardstead keys rotate --root'"
    if files:
        text += "\n  give each to its holder, then delete it here: " + escape(", ".join(shares or ()))
    say(json, said, text)
