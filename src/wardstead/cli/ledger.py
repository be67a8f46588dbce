"""``ledger``: verify, look up a receipt, export, keep a checkpoint."""

from __future__ import annotations

import json as jsonlib
import re
from base64 import b64encode
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wardstead.bootstrap.ledger.anchoring import anchor_round, anchor_stands, anchored
from wardstead.bootstrap.ledger.elsewhere import Stand
from wardstead.bootstrap.ledger.row_seals import accept_rows, row_problems
from wardstead.bootstrap.ledger.timestamping import stamp_round, stamp_stands
from wardstead.bootstrap.ledger.verifying import verify as recompute
from wardstead.bootstrap.ledger.witnessing import Witnessed, witnessed
from wardstead.bootstrap.ordering import Order
from wardstead.bootstrap.processes.time_keeping import accept_clock
from wardstead.bootstrap.reading import read_text
from wardstead.cli.output import Json, err, errors, out, say, say_json
from wardstead.cli.state import deployment
from wardstead.kernel.clock import rfc3339
from wardstead.kernel.errors import CallerError, ConfigurationError, IntegrityError
from wardstead.ledger.checkpoint import open_checkpoint
from wardstead.ledger.verify import Kept
from wardstead.ledger.witnessing import Standing

app = typer.Typer(help="The tamper-evident record.", no_args_is_help=True)
_NOWHERE = "nowhere: name places in ledger.anchors, authorities in ledger.timestamps of wardstead.yaml"
_NOTE = re.compile(r"[^\n]+\n[0-9]{1,19}\n[A-Za-z0-9+/]+=*\n(?:[^\n]+\n)*\n(?:\u2014 [^\n]+\n)+")
"""A signed note that holds a checkpoint (https://c2sp.org/tlog-checkpoint), by its form alone."""


class NotFound(CallerError):
    """There is no such record."""

    code = "not_found"


def _checkpoint_in(path: Path) -> str:
    """A checkpoint that was kept, as text or as ``ledger checkpoint --json`` says it. Raises ``ConfigurationError``."""
    text = read_text(path)
    try:
        said = jsonlib.loads(text)
    except ValueError:
        said = None
    note = said.get("checkpoint") if isinstance(said, dict) else text
    note = f"{note.rstrip()}\n".replace("\r\n", "\n") if isinstance(note, str) else ""
    if not _NOTE.fullmatch(note):
        next_step = "'wardstead ledger checkpoint > FILE' writes one"
        raise ConfigurationError("this is not a signed checkpoint", where=str(path), next_step=next_step)
    return note


@app.command("verify")
def verify(
    context: typer.Context,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="A checkpoint kept elsewhere, to hold the ledger against.")
    ] = None,
    contents: Annotated[
        bool, typer.Option("--contents", help="Also open every entry, and hold its label against what it commits to.")
    ] = False,
    json: Json = False,
) -> None:
    """Recompute everything: leaves, tree, tiles, signatures, order. Exit 5 on any alteration."""
    with errors(as_json=json):
        found = deployment(context)
        known = [Kept(_checkpoint_in(path), str(path)) for path in checkpoint or []]
        reader = found.ledger
        columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
            task = progress.add_task("entries", total=reader.size())
            report = recompute(found, reader, known=known, progress=lambda count: progress.update(task, completed=count))
            held = reader.verify_contents(found.ring, lambda count: progress.update(task, completed=count)) if contents else None
            if contents and not report.rows_checked:
                report.problems += row_problems(found)
                report.rows_checked = True
        if held is not None:
            report.problems += held.problems
        seen = witnessed(found)
    if json:
        said = {"ok": report.ok, "entries": report.entries, "checkpoint": report.checkpoint}
        said["rows_checked"] = report.rows_checked
        waiting = {"pending": report.pending, "overdue": report.overdue, "open": report.open}
        inside = {"opened": held.opened, "erased": held.erased, "labels": dict(held.labels)} if held is not None else None
        more = {"contents": inside} if inside is not None else {}
        problems = [asdict(problem) for problem in report.problems]
        say_json({**said, "problems": problems, **waiting, **more, **_witnesses(seen)})
    else:
        state = "[green]clean[/]" if report.ok else "[bold red]ALTERED[/]"
        out.print(f"{state}: {report.entries} entries, {report.pending} not yet sequenced; {_witnessed_words(seen)}")
        if held is not None:
            labels = "; ".join(f"{count} {name}" for name, count in held.labels.most_common())
            out.print(f"  {held.opened} entries opened, {held.erased} erased; labels: {escape(labels) or 'none'}")
        for problem in report.problems:
            out.print(f"  [red]{problem.code}[/] {escape(problem.where)}: {escape(problem.what)}")
        if not report.rows_checked:
            out.print("  [yellow]rows beside the tree were not looked at[/]: their seals need the root key (--contents asks)")
        if report.overdue:
            out.print(
                f"  [yellow]{report.overdue} have waited for more than a minute[/]: is it running, and is there disk space?"
            )
    if not report.ok:
        raise typer.Exit(5)


def _witnesses(seen: Witnessed | None) -> dict[str, object]:
    if seen is None:
        return {"witnessed": False, "witnessed_size": 0, "witnesses": []}
    each = [
        {"name": one.name, "standing": one.standing.value, "why": one.why, "size": one.size, "cosigned": rfc3339(one.at_s * 1000)}
        for one in seen.stands
    ]
    return {"witnessed": seen.ok, "witnessed_size": seen.size, "witnesses": each}


def _witnessed_words(seen: Witnessed | None) -> str:
    if seen is None:
        return "unwitnessed"
    split = [f"{one.name} ({one.why})" for one in seen.stands if one.standing is Standing.SPLIT]
    if split:
        return f"[bold red]SPLIT VIEW[/]: {escape('; '.join(split))}"
    return f"witnessed up to {seen.size}, {seen.behind} behind" if seen.ok else "unwitnessed: no quorum of witnesses"


@app.command("accept-rows")
def accept(
    context: typer.Context,
    by: Annotated[str, typer.Option(help="Who answers for it.")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")],
    json: Json = False,
) -> None:
    """Take the database's rows as they are for what was written: after a change of your own beside Wardstead. Recorded."""
    with errors(as_json=json):
        problems = accept_rows(deployment(context), Order(by, reason))
    say(json, {"accepted": [asdict(one) for one in problems]}, f"{len(problems)} differences accepted")


@app.command("accept-clock")
def accept_time(
    context: typer.Context,
    by: Annotated[str, typer.Option(help="Who answers for it.")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded.")],
    json: Json = False,
) -> None:
    """Take the clock for right, though it is behind what is recorded: it had been ahead. What began meanwhile ends. Recorded."""
    with errors(as_json=json):
        done = accept_clock(deployment(context), Order(by, reason))
    now, was, ended = rfc3339(done.now_ms), rfc3339(done.was_ms), dict(done.ended)
    said = ", ".join(f"{many} {what}" for what, many in ended.items()) or "nothing"
    say(json, {"clock": now, "was": was, "ended": ended}, f"it is {now}, not {was}; what began in between was ended: {said}")


@app.command("receipt")
def receipt(
    context: typer.Context, exchange: Annotated[str, typer.Argument(help="The receipt's id.")], json: Json = True
) -> None:
    """The proof that an exchange is in the ledger, as JSON."""
    with errors(as_json=json):
        found = deployment(context).ledger.receipt(exchange)
        if found is None:
            raise NotFound(f"there is no exchange {exchange[:64]!r}", next_step="a receipt is what 'wardstead-receipt' says")
    say_json(found)


@app.command("checkpoint")
def checkpoint(context: typer.Context, json: Json = False) -> None:
    """The newest signed checkpoint: keep it elsewhere, and a rewrite cannot go unseen."""
    with errors(as_json=json):
        ledger = deployment(context).ledger
        note = ledger.checkpoint()
        if note is None:
            raise NotFound("no checkpoint has been signed yet", next_step="start it: 'wardstead up'")
    if json:
        say_json({"checkpoint": note, "verifier_key": ledger.keys.text()})
    else:
        typer.echo(note, nl=False)


@app.command("keys")
def keys(
    context: typer.Context,
    output: Annotated[Path | None, typer.Option(help="A file for auditors: 'wardstead-verify --keys' reads it.")] = None,
    json: Json = False,
) -> None:
    """Every key that signed this ledger, and from which entry on: each change was signed by the key before it."""
    with errors(as_json=json):
        found = deployment(context)
        known, document = found.ledger.keys, found.tree.succession()
        if output is not None:
            output.write_text(jsonlib.dumps(document) + "\n")
    since = [0, *(one.index for one in known.changes)]
    rows = [{"key": key.text(), "since": place} for key, place in zip(known.all, since, strict=True)]
    if json:
        say_json({"keys": rows, "proof": document})
        return
    for key, place in zip(known.all, since, strict=True):
        out.print(f"{escape(key.text())}  " + ("ordered, not in force yet" if place is None else f"from entry {place} on"))


@app.command("anchors")
def anchors(context: typer.Context, json: Json = False) -> None:
    """Where checkpoints are published and time-stamped, and what is there now. 'ledger verify' compares."""
    with errors(as_json=json):
        found = deployment(context)
        places = [{**asdict(one), **_stand(stand)} for one, stand in zip(anchored(found), anchor_stands(found), strict=True)]
        stamps = [{"authority": one.name, **_stand(one)} for one in stamp_stands(found)]
    if json:
        say_json({"anchors": places, "timestamps": stamps})
        return
    if not (places or stamps):
        err.print(_NOWHERE)
    for place in places:
        said = f"{place['checkpoints']} checkpoints, up to {place['size']} entries; last at {place['told'] or 'never'}"
        out.print(f"{place['place']} ({place['kind']}): {said}{_failing(place['why'] or place['failing'])}")
    for stamp in stamps:
        said = f"{stamp['told_size']} entries at {stamp['told'] or 'never'}"
        out.print(f"{stamp['authority']} (time stamps): {said}{_failing(stamp['failing'])}")


def _stand(one: Stand) -> dict[str, object]:
    return {"told_size": one.size, "told": rfc3339(one.at_ms) if one.at_ms else "", "failing": one.why}


def _failing(why: object) -> str:
    return f"; [yellow]{escape(str(why))}[/]" if why else ""


@app.command("anchor")
def anchor(context: typer.Context, json: Json = False) -> None:
    """Stamp and publish the newest checkpoint now, everywhere. Exit 4 when somebody cannot be told."""
    with errors(as_json=json):
        found = deployment(context)
        told = [*stamp_round(found, now=True), *anchor_round(found, now=True)]
    if json:
        say_json({"told": [{"name": one.name, **_stand(one)} for one in told]})
    elif not told:
        err.print(_NOWHERE)
    for one in told if not json else ():
        out.print(f"{one.name}: {one.size} entries{_failing(one.why)}")
    if any(one.why for one in told):
        raise typer.Exit(4)


@app.command("prove-consistency")
def prove_consistency(
    context: typer.Context,
    old: Annotated[str, typer.Argument(metavar="SIZE|FILE", help="A size of the ledger, or a checkpoint that was kept.")],
    new: Annotated[int | None, typer.Argument(help="A later size (that of the newest checkpoint).", min=0)] = None,
    json: Json = True,
) -> None:
    """The proof that the ledger only grew since then, as JSON. Exit 5 when it does not extend a kept checkpoint."""
    with errors(as_json=json):
        found = deployment(context)
        kept = None if old.isdecimal() else open_checkpoint(_checkpoint_in(Path(old)), found.ledger.keys)
        document = found.tree.consistency(int(old) if kept is None else kept.size, new)
        if kept is not None and document["old"]["root"] != b64encode(kept.root).decode():
            raise IntegrityError("the ledger does not extend this checkpoint: it was rewritten, or is another's", where=old)
    say_json(document)


@app.command("export")
def export(
    context: typer.Context,
    output: Annotated[Path, typer.Option(help="The file to write.")],
    first: Annotated[int, typer.Option("--from", help="From this entry on (0).", min=0)] = 0,
    stop: Annotated[int | None, typer.Option("--to", help="Up to this entry, without it (all that is signed).", min=0)] = None,
    force: Annotated[bool, typer.Option("--force", help="Also over a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Write the ledger, or a slice of it, to one file with its proofs: 'wardstead-verify' needs nothing else."""
    with errors(as_json=json):
        _require_room(output, force=force)
        cut = deployment(context).exporting.write(output, first, stop)
    document = {"entries": cut.count, "from": cut.first, "to": cut.stop, "size": cut.size, "output": str(output)}
    say(json, document, f"{cut.count} entries written to {escape(str(output))}")


def _require_room(output: Path, *, force: bool) -> None:
    """Raises ``CallerError`` where an older export would be lost, or a folder begun."""
    if output.is_file() and not force:
        raise CallerError("there is such a file already", where=str(output), next_step="choose another name, or say --force")
    if not output.parent.is_dir():
        raise CallerError("there is no such folder", where=str(output.parent), next_step="make it first")
