"""``init``, ``up``, ``down``, ``status``."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from wardstead.bootstrap import environment as variables
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.initialise import DEFAULT_PORT, Made, initialise
from wardstead.bootstrap.models.admitting import Unserved, not_serving
from wardstead.bootstrap.processes import condition, running
from wardstead.cli.output import COLOURS, Json, confirm, err, errors, isolation_banner, out, say, say_json, step
from wardstead.cli.state import deployment, folder
from wardstead.isolation.plan import Mode
from wardstead.isolation.posture import State
from wardstead.kernel.errors import CallerError

Edge = Literal["caddy"]
_HELLO = [{"role": "user", "content": "Hello!"}]


def init(
    directory: Annotated[Path, typer.Argument(help="The folder to make.", metavar="DIR")],
    name: Annotated[
        list[str] | None, typer.Option(help="A name or address by which other machines reach it; may be given several times.")
    ] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Where it will listen.")] = DEFAULT_PORT,
    database: Annotated[str, typer.Option(help="A PostgreSQL database in the place of a file.", metavar="URL")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Make a new deployment: keys, certificates, policies, database, the embedded model, the first administrator."""
    confirm(f"Make a deployment in {directory}?", yes=yes)
    with errors(as_json=as_json):
        made = initialise(directory, step, name or (), port=port, database=database)
    if as_json:
        say_json(_made(made))
    else:
        show_made(made)


def _made(made: Made) -> dict[str, object]:
    return {
        "directory": str(made.directory),
        "url": made.url,
        "ca_file": str(made.ca_file),
        "admin": {"user": made.user, "secret": made.secret},
        "model": made.model,
    }


def show_made(made: Made) -> None:
    """What a new owner must know. The secret is shown here and never again."""
    out.print(f"\n[bold]Made {escape(str(made.directory))}[/]")
    out.print(f"  administrator    [bold]{made.user}[/]")
    out.print(f"  one-time secret  [bold]{escape(made.secret)}[/]   (shown once; change it at the first sign-in)")
    out.print(f"  start it         {escape(_as_called(made.directory))} up\n", soft_wrap=True)


def _as_called(directory: Path) -> str:
    """This command as it was called, for it need not be on the PATH."""
    return f"{Path(sys.argv[0]).name if shutil.which('wardstead') else sys.argv[0]} -C {directory}"


def up(
    context: typer.Context,
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Listen here instead.")] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return once it is healthy.")] = False,
    isolation: Annotated[
        Mode | None, typer.Option("--isolation", help="'none' starts model servers with your rights, and says so.")
    ] = None,
    edge: Annotated[
        Edge | None, typer.Option("--edge", help="'caddy': a server in front, with post-quantum key exchange and HTTP/2 and 3.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Start the deployment; runs until SIGTERM or Ctrl-C."""
    environment = dict(os.environ)
    if port is not None:
        environment[variables.PORT] = str(port)
    if isolation is not None:
        environment[variables.ISOLATION] = isolation.value
    if edge is not None:
        environment[variables.EDGE] = edge
    with errors(as_json=as_json):
        found = Deployment(folder(context), environment)
        if running.runs_so(found):
            _tell(found, f"it is [green]running[/] already, at {found.url}: 'wardstead down' stops it", as_json=as_json)
            return
        if detach:
            running.detach(found, _foreground(found))
            if found.mode is Mode.NONE:
                isolation_banner()
            _tell(found, f"[green]running[/] at {found.url}", as_json=as_json)
            return
        from wardstead.bootstrap.processes.supervising import supervise  # takes long to import, and other commands need it not

        code = supervise(found, step, lambda: _ready(found, as_json=as_json))
    raise typer.Exit(code)


def _tell(found: Deployment, text: str, *, as_json: bool) -> None:
    """That it runs, and which of its models do not serve all the same."""
    unserved = not_serving(found)
    said = {"running": True, "url": found.url, "isolation": found.mode.value, "not_serving": [asdict(one) for one in unserved]}
    say(as_json, said, text)
    if not as_json:
        _show_unserved(unserved)


def _show_unserved(unserved: list[Unserved]) -> None:
    for one in unserved:
        err.print(f"[bold red]does not serve[/] {escape(one.why)}")
        err.print(f"  [dim]next  [/]{escape(one.next_step)}")


def _ready(found: Deployment, *, as_json: bool) -> None:
    if found.mode is Mode.NONE:
        isolation_banner()
    if as_json:
        _tell(found, "", as_json=True)
    _show_ready(found)
    _show_unserved(not_serving(found))


def _foreground(found: Deployment) -> list[str]:
    arguments = [sys.executable, "-m", "wardstead.cli", "-C", str(found.places.directory), "up"]
    arguments += ["--port", str(found.settings.server.port)]
    if found.mode is Mode.NONE:
        arguments += ["--isolation", "none"]
    if found.settings.server.edge is not None:
        arguments += ["--edge", found.settings.server.edge.kind]
    return arguments


def _show_ready(found: Deployment) -> None:
    ca_file = found.places.tls / "ca.crt"
    model = found.settings.models[0].name if found.settings.models else "MODEL"
    here = _as_called(found.places.directory)
    err.print(f"\n[bold green]Ready[/] [bold]{found.url}[/]   console: {found.url}/console/\n")
    err.print(f"Get a key:   {escape(here)} key create --user me --role user")
    err.print(f"Then, with curl:\n  curl --cacert {escape(str(ca_file))} {found.url}/v1/chat/completions \\")
    err.print("    -H 'Authorization: Bearer KEY' -H 'Content-Type: application/json' \\")
    err.print(escape(f"    -d '{json.dumps({'model': model, 'messages': _HELLO})}'"))
    err.print("Or with Python (pip install openai):")
    err.print(f"  export SSL_CERT_FILE={escape(str(ca_file))}")
    err.print(f"  client = openai.OpenAI(base_url='{found.url}/v1', api_key='KEY')")
    err.print(escape(f"  print(client.chat.completions.create(model={model!r}, messages={_HELLO}))"))
    err.print("\n[dim]Ctrl-C stops it.[/]")


def down(context: typer.Context, as_json: Json = False) -> None:
    """Stop the running deployment: gateways finish what is under way."""
    with errors(as_json=as_json):
        stopped = running.stop(deployment(context))
    say(as_json, {"stopped": stopped}, "stopped" if stopped else "it was not running")


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show what runs, and what protects it. Exit 1 when something is red, 4 when nothing runs."""
    with errors(as_json=as_json):
        said = condition.status(deployment(context))
    if as_json:
        say_json(said)
    else:
        _show_status(said)
    if not said["running"]:
        raise typer.Exit(4)
    if said["posture"]["state"] == State.RED:
        raise typer.Exit(1)


def _show_status(said: dict[str, object]) -> None:
    posture, models = said["posture"], said["models"]
    if not isinstance(posture, dict) or not isinstance(models, list):
        raise CallerError("no status")
    colour = COLOURS[State(posture["state"])]
    if said["running"]:
        out.print(f"[bold]{said['url']}[/]   posture [{colour}]{posture['state']}[/]")
    else:
        out.print("[bold]not running[/]   what can be said of it at rest:")
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for check in posture["checks"]:
        if not said["running"] and check["id"].startswith("isolation."):
            continue  # nothing runs that could be asked from inside
        mark = COLOURS[State(check["state"])]
        table.add_row(f"[{mark}]{check['state']}[/]", escape(check["title"]), f"[dim]{escape(check['evidence'])}[/]")
        if check["next_step"]:
            table.add_row("", "", f"next: {escape(check['next_step'])}")
    for model in models:
        state = "[green]ready[/]" if model["healthy"] else "[yellow]not ready[/]"
        table.add_row(state, f"model {escape(model['name'])}", f"[dim]{model['kind']}, isolation {model['isolation']}[/]")
    out.print(table)
