"""The deployment that a command works on: ``-C DIR``, ``$WARDSTEAD_DEPLOYMENT``, else ``./deployment``."""

from __future__ import annotations

from pathlib import Path

import typer

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.processes.running import attach


def folder(context: typer.Context) -> Path:
    """The folder given for this call."""
    return Path(context.obj or "deployment")


def deployment(context: typer.Context) -> Deployment:
    """The deployment, as it runs if it runs. Raises ``ConfigurationError`` when there is none."""
    return attach(folder(context))
