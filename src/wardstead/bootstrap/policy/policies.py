"""What an operator does to the access policies of a deployment: activate, look at, and go back to a version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wardstead.access.policyset import CLASSIFICATION, AccessPolicies, PolicyFiles
from wardstead.adapters.identity.operator import operator
from wardstead.adapters.store.engine.durable_file import write_durably
from wardstead.adapters.store.policies import Activated, Activation
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.policy.activation import MAX_REASON, require_one_may, require_two_who_may
from wardstead.bootstrap.policy.classified import classified_texts
from wardstead.bootstrap.policy.fitting import require_fitting
from wardstead.bootstrap.policy.readiness import require_ready
from wardstead.kernel.errors import CallerError, ConfigurationError, IntegrityError

START = "start"


class FolderInTheWay(CallerError):
    """Files are written into an empty folder alone."""

    code = "folder_in_the_way"


@dataclass(frozen=True, slots=True)
class PolicyState:
    """The version in force, and how the folder stands to it."""

    active: Activation | None
    edited: tuple[str, ...] = ()
    """The files in the folder that differ from the version in force."""
    wrong: str = ""
    """Why the folder's files could not be activated; empty where they could."""


def begin_policies(deployment: Deployment) -> None:
    """At a start: put the folder's policies in force where none are; and where this version of Wardstead makes another version
    of those in force, record that.
    """
    store = deployment.policy_store
    active = store.active()
    if active is None:
        store.begin(deployment.folder_policies(), by=START, reason="the first start")
        return
    kept = deployment.policies_of(active.version)
    policies = deployment.whole(kept)
    if policies.version != active.version:
        why = (
            "this version of Wardstead brings other mandatory policies, or reads the same files otherwise" if policies is kept
            else "the classification policy, until now the folder's at each start, is part of the version"
        )  # fmt: skip
        store.begin(policies, by=START, reason=why, unless=active.version)


def in_force(deployment: Deployment, version: str) -> AccessPolicies:
    """A version, compiled. Raises ``IntegrityError`` where it is not what its name says: nothing is decided by it."""
    policies = deployment.policies_of(version)
    if policies.version != version:
        raise IntegrityError(
            "the policies in force are not those that were activated", where=f"version {version}",
            why=f"what is kept under that name is version {policies.version}",
            next_step="'wardstead down', then 'wardstead up': a start of another version of Wardstead sets it right; "
            "if it was none, hold the record of administration against 'wardstead access versions'",
        )  # fmt: skip
    return policies


def activate(deployment: Deployment, reason: str = "") -> Activated:
    """Put the folder's policies in force. Raises ``ConfigurationError`` for what is wrong with them: those before stay.

    Raises ``NeedsTwo`` where those in force ask for two people.
    """
    return _activate(deployment, deployment.folder_policies(), reason.strip()[:MAX_REASON])


def roll_back(deployment: Deployment, version: str = "", reason: str = "") -> Activated:
    """Put an earlier version in force again: the one before the present one, or the one named. The folder stays as it is.

    Raises ``NeedsTwo`` where that would take away that two people are needed.
    """
    store = deployment.policy_store
    meant = store.find(version) if version else store.previous()
    said = reason.strip()[:MAX_REASON] or f"back to {meant}"
    return _activate(deployment, deployment.whole(deployment.policies_of(meant)), said, back=True)


def _activate(deployment: Deployment, wanted: AccessPolicies, reason: str, *, back: bool = False) -> Activated:
    active = deployment.policy_store.active()
    over = active.version if active is not None else ""
    require_one_may(deployment, wanted, over, back=back)
    require_two_who_may(deployment, wanted)
    require_fitting(deployment, wanted, over)
    require_ready(deployment, wanted)
    return deployment.policy_store.activate(wanted, by=_by(), reason=reason, over=over)


def export(deployment: Deployment, version: str, folder: Path) -> tuple[str, list[Path]]:
    """Write the files of a version into a new or empty folder. Raises ``FolderInTheWay``."""
    meant = deployment.policy_store.find(version)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderInTheWay("this is there already, and not empty", where=str(folder), next_step="name a new folder")
    found = deployment.policy_store.files(meant)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, text in found.texts.items():
        write_durably(folder / name, [text.encode()], mode=0o600)
    return meant, [folder / name for name in found.texts]


def policy_state(deployment: Deployment) -> PolicyState:
    """How the folder stands to what is in force. Nothing is raised for what is wrong in the folder: it is not in force."""
    active = deployment.policy_store.active()
    wrong, files = "", PolicyFiles({})
    try:
        files = deployment.policy_files()
        if active is None or files != deployment.policy_store.files(active.version):
            deployment.folder_policies()
    except ConfigurationError as error:
        wrong = str(error)
    edited = () if active is None or not files.texts else _edited(files, deployment.policy_store.files(active.version))
    return PolicyState(active, edited, wrong)


def waiting(deployment: Deployment) -> list[str]:
    """What the folder has that is not in force, in words; and why a start would fail until it is."""
    if not deployment.shared and not deployment.places.database.exists():
        return []
    active = deployment.policy_store.active()
    if active is None:
        return []
    said = []
    if edited := policy_state(deployment).edited:
        said.append(f"edited, not active: {', '.join(edited)}; 'wardstead access activate' puts them in force")
    try:
        require_fitting(deployment, deployment.policies_of(active.version), "")
    except ConfigurationError as error:
        said.append(f"by the classification policy in force it would not start: {error.what}; 'wardstead access activate'")
    return said


def _edited(folder: PolicyFiles, active: PolicyFiles) -> tuple[str, ...]:
    """A version of before there was a classification policy in it says nothing of that: the folder's is in force."""
    known = active if CLASSIFICATION in active.texts else PolicyFiles({**active.texts, **classified_texts(folder.texts)})
    return folder.differing(known)


def _by() -> str:
    who = operator()
    name = who.get("login_user") or who["os_user"] or f"uid {who['os_uid']}"
    return f"{name} (command line)"
