"""What an operator does to the classification policy of a deployment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.adapters.store.ledger.admin_record import COMMAND_LINE
from wardstead.adapters.store.policies import Activated
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detection.inspection import classifier, inspector
from wardstead.bootstrap.policy.asking import FOLDER, policies_named
from wardstead.bootstrap.policy.classified import ready_made
from wardstead.bootstrap.reading import present, read_text
from wardstead.inspection.examples import Difference, Example, Outcome, load_examples, run
from wardstead.inspection.policy import ClassificationPolicy
from wardstead.kernel.errors import CallerError, ConfigurationError

EXAMPLES = "classification.examples.yaml"


class NoSuchPolicy(CallerError):
    """There is no ready-made policy of that name."""

    code = "no_such_policy"


def classification_named(deployment: Deployment, which: str) -> ClassificationPolicy:
    """The policy in the ``folder``, the ``active`` one, or that of a version by how it begins."""
    return deployment.folder_classification() if which == FOLDER else deployment.classification(policies_named(deployment, which))


def not_active(deployment: Deployment) -> bool:
    """Whether the policy in the folder is another one than is in force."""
    if not deployment.shared and not deployment.places.database.exists():
        return False
    return deployment.folder_classification().version != deployment.classification().version


def examples_of(deployment: Deployment, file: Path | None) -> tuple[Example, ...]:
    """The examples in ``file``, or those that the deployment keeps beside its policy. Raises ``ConfigurationError``."""
    path = file or _own_examples(deployment)
    if not present(path):
        raise ConfigurationError(
            "there are no examples", where=str(path), next_step="write some: docs/how-to/classify-text.md shows how"
        )
    return load_examples(read_text(path), str(path))


def outcomes(deployment: Deployment, table: Sequence[Example], policy: ClassificationPolicy) -> Iterator[Outcome]:
    """What comes of each example under a policy. Raises ``ConfigurationError``."""
    explains, inspects = classifier(deployment, scan=False, policy=policy), inspector(deployment, policy=policy)
    return (run(one, explains, inspects) for one in table)


def own_outcomes(deployment: Deployment, policy: ClassificationPolicy) -> list[Outcome]:
    """The same of the deployment's own examples; none where it keeps none. A file of examples that is none is said as one."""
    if not present(_own_examples(deployment)):
        return []
    try:
        return list(outcomes(deployment, examples_of(deployment, None), policy))
    except ConfigurationError as error:
        return [Outcome(EXAMPLES, (Difference("examples", "a table of them", error.what, error.where),))]


def changed_examples(deployment: Deployment, done: Activated) -> list[Outcome]:
    """What comes of the deployment's own examples where an activation changed the classification policy."""
    if not done.changed:
        return []
    policy = deployment.classification(deployment.policies_of(done.version))
    if done.before and deployment.classification(deployment.policies_of(done.before)).version == policy.version:
        return []
    return own_outcomes(deployment, policy)


def _own_examples(deployment: Deployment) -> Path:
    return deployment.classification_file.parent / EXAMPLES


def require_ready_made(name: str) -> None:
    """Raises ``NoSuchPolicy`` where there is none of that name."""
    if name not in ready_made():
        raise NoSuchPolicy(f"there is no ready-made policy {name[:40]!r}", next_step=f"one of {', '.join(sorted(ready_made()))}")


def switch(deployment: Deployment, name: str) -> tuple[str, str]:
    """Let the policy in the folder extend the ready-made one of that name: its version before and after. It is not activated.

    The new one is checked with all detectors first, and recorded; the old file is kept beside it, named ``.before``. Raises
    ``NoSuchPolicy``, or ``ConfigurationError`` when the rest of the deployment's file does not go with it.
    """
    require_ready_made(name)
    path = deployment.classification_file
    text = read_text(path)
    before, changed = deployment.folder_classification(), _extending(text, name)
    after = deployment.folder_classification(changed)
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
