"""A child process of a deployment: ``python -m wardstead.bootstrap worker|recorder|launcher --deployment DIR [--model NAME]``.

Started by the supervisor, not by people. A ``WardsteadError`` ends it with that error's exit code.
"""

from __future__ import annotations

import argparse
import logging
import resource
import sys
from pathlib import Path

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.processes.logs import log_to_stderr
from wardstead.kernel.errors import WardsteadError

log = logging.getLogger("wardstead.process")


def main() -> int:
    """Run one role."""
    parser = argparse.ArgumentParser(prog="wardstead.bootstrap")
    parser.add_argument("role", choices=["worker", "recorder", "launcher"])
    parser.add_argument("--deployment", type=Path, required=True)
    parser.add_argument("--model", default="")
    parser.add_argument("--number", type=int, default=1)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # memory holds keys and prompts: no crash writes them down
    try:
        deployment = Deployment(arguments.deployment)
        log_to_stderr(deployment.settings.logging.level, arguments.role)
        return _run(arguments.role, deployment, arguments.model, arguments.number)
    except WardsteadError as error:
        log_to_stderr("error", arguments.role)
        log.error("ended", extra={"fields": error.diagnostics()})  # noqa: TRY400 -- the diagnostics say all
        return error.exit_code


def _run(role: str, deployment: Deployment, model: str, number: int) -> int:
    # Each role imports what it needs: a launcher has no use for the gateway, nor its memory.
    if role == "worker":
        from wardstead.bootstrap.processes import worker

        return worker.run(deployment, number)
    from wardstead.bootstrap.processes import children

    return children.run_recorder(deployment) if role == "recorder" else children.run_launcher(deployment, model)


if __name__ == "__main__":
    sys.exit(main())
