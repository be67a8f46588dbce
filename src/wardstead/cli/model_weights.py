"""``model encrypt`` and ``model decrypt``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.models import weights as model_weights
from wardstead.bootstrap.models.weights import Weights
from wardstead.bootstrap.processes.running import require_stopped
from wardstead.cli.output import Json, err, errors, say
from wardstead.cli.state import deployment

Name = Annotated[str, typer.Argument(help="An embedded model's name.", metavar="MODEL")]
Act = Callable[[Deployment, str, Callable[[int], None]], Weights]


def encrypt(context: typer.Context, model: Name, json: Json = False) -> None:
    """Encrypt a model's weights on disk; each start then decrypts them into the sandbox's memory. Stopped."""
    _change(context, model, model_weights.encrypt, "encrypted", json=json)


def decrypt(context: typer.Context, model: Name, json: Json = False) -> None:
    """Lay a model's weights open again. Stopped."""
    _change(context, model, model_weights.decrypt, "plain again", json=json)


def _change(context: typer.Context, model: str, act: Act, state: str, *, json: bool) -> None:
    with errors(as_json=json):
        found = deployment(context)
        require_stopped(found)
        columns = (TextColumn(escape(model)), BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=err, transient=True, disable=json or not err.is_terminal) as progress:
            task = progress.add_task(model, total=2 * model_weights.weights_of(found, model).bytes)
            done = act(found, model, lambda count: progress.advance(task, count))
    said = {"model": model, "path": str(done.path), "bytes": done.bytes, "encrypted": done.encrypted}
    say(json, said, f"the weights of {escape(model)} are {state}: {escape(str(done.path))}")
