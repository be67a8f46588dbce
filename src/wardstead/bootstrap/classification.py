"""What an operator does to the classification policy of a deployment."""

from __future__ import annotations

import re
from pathlib import Path

from wardstead.adapters.store.admin_record import COMMAND_LINE
from wardstead.adapters.store.durable_file import write_durably
from wardstead.bootstrap.deployment import Deployment, ready_made
from wardstead.bootstrap.inspection import classifier
from wardstead.bootstrap.reading import present, read_text
from wardstead.inspection.examples import Example, load_examples
from wardstead.kernel.errors import CallerError, ConfigurationError

EXAMPLES = "classification.examples.yaml"


class NoSuchPolicy(CallerError):
    """There is no ready-made policy of that name."""

    code = "no_such_policy"


def examples_of(deployment: Deployment, file: Path | None) -> tuple[Example, ...]:
    """The examples in ``file``, or those that the deployment keeps beside its policy. Raises ``ConfigurationError``."""
    path = file or (deployment.places.directory / deployment.settings.inspection.policy).parent / EXAMPLES
    if not present(path):
        raise ConfigurationError(
            "there are no examples", where=str(path), next_step="write some: docs/how-to/classify-text.md shows how"
        )
    return load_examples(read_text(path), str(path))


def require_ready_made(name: str) -> None:
    """Raises ``NoSuchPolicy`` where there is none of that name."""
    if name not in ready_made():
        raise NoSuchPolicy(f"there is no ready-made policy {name[:40]!r}", next_step=f"one of {', '.join(sorted(ready_made()))}")


def switch(deployment: Deployment, name: str) -> tuple[str, str]:
    """Let the deployment's policy extend the ready-made one of that name: its version before and after.

    The new one is checked with all detectors first, and recorded; the old file is kept beside it, named ``.before``. Raises
    ``NoSuchPolicy``, or ``ConfigurationError`` when the rest of the deployment's file does not go with it.
    """
    require_ready_made(name)
    path = deployment.places.directory / deployment.settings.inspection.policy
    text = read_text(path)
    before, changed = deployment.classification(), _extending(text, name)
    after = deployment.classification(changed)
    classifier(deployment, scan=False, policy=after)
    details = {"policy": deployment.settings.inspection.policy, "extends": name, "before": before.version, "after": after.version}
    deployment.admin_record.record_admin(COMMAND_LINE, "classification.use", details)
    write_durably(path.with_name(f"{path.name}.before"), [text.encode()], mode=0o600)
    write_durably(path, [changed.encode()], mode=0o600)
    return before.version, after.version


def _extending(text: str, name: str) -> str:
    """A policy's text with another ``extends``; everything else stays as somebody wrote it."""
    line = f"extends: {name}"
    changed, found = re.subn(r"(?m)^extends:.*$", line, text, count=1)
    return changed if found else re.sub(r"(?m)^(version:.*)$", rf"\1\n{line}", text, count=1)
