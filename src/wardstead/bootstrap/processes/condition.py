"""What a deployment is like right now: probes from inside its sandboxes, its posture, its status."""

from __future__ import annotations

import socket
import stat
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wardstead.adapters.sandbox import launcher
from wardstead.bootstrap.backup.backups import backup_check
from wardstead.bootstrap.clock import CLOCK
from wardstead.bootstrap.database_check import database_checks
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.detection.detectors import lacking, text_detectors
from wardstead.bootstrap.detection.inspection import classifier
from wardstead.bootstrap.detection.known import windowed
from wardstead.bootstrap.forgetting.expiring import retention_check
from wardstead.bootstrap.identity import break_glass
from wardstead.bootstrap.identity.synchronising import directory_checks
from wardstead.bootstrap.keys.local_authority import local_authority
from wardstead.bootstrap.ledger.anchoring import anchor_checks
from wardstead.bootstrap.ledger.timestamping import stamp_checks
from wardstead.bootstrap.ledger.verifying import verified_check
from wardstead.bootstrap.ledger.witnessing import witnessed_check
from wardstead.bootstrap.models.admitting import REFUSED, admission_check, admission_document, attested, kept_by, standing
from wardstead.bootstrap.models.advisory_watch import advisories_check
from wardstead.bootstrap.policy.policies import policy_state
from wardstead.bootstrap.processes import starting
from wardstead.bootstrap.processes.running import health, running
from wardstead.bootstrap.processes.time_keeping import follow_time
from wardstead.bootstrap.processes.watching import failing
from wardstead.config.addresses import parse_upstream
from wardstead.config.sections import ModelSection
from wardstead.crypto.keyring import ERA, MOST_USES
from wardstead.inspection.extraction import DocumentReaderUnavailable
from wardstead.isolation.plan import Mode
from wardstead.isolation.posture import Check, State, isolation_check, overall
from wardstead.isolation.probes import ProbeResult
from wardstead.kernel.clock import APART_MS, rfc3339
from wardstead.kernel.errors import ConfigurationError, IntegrityError, PeerError, WardsteadError
from wardstead.kernel.findings import Action

_FAILED = {
    Action.ALLOW: "let through without it",
    Action.FLAG: "let through without it, and flagged",
    Action.HOLD: "held for review",
    Action.BLOCK: "refused",
}
_FEW_DAYS = 14
_NEW_CERTIFICATE = {True: "'wardstead tls renew'", False: "put a new server.crt and server.key into tls/"}
_NAMES_NEXT = "set inspection.names.enabled, unless names are nobody's secret here"


def probes(deployment: Deployment, model: str) -> tuple[ProbeResult, ...]:
    """The probes' results from inside a model's sandbox. Raises ``PeerError`` when it does not run."""
    return launcher.probe(deployment.places.sockets(model))


def posture(deployment: Deployment) -> list[Check]:
    """What protects this deployment and what does not, each with its evidence."""
    checks = [
        _keys_check(deployment),
        _tls_check(deployment),
        _ledger_check(deployment),
        _clock_check(deployment),
        *database_checks(deployment),
        verified_check(deployment),
        witnessed_check(deployment),
        *stamp_checks(deployment),
        *anchor_checks(deployment),
        _key_use_check(deployment),
        backup_check(deployment),
        retention_check(deployment),
        _policies_check(deployment),
        *directory_checks(deployment),
        detectors_check(deployment),
        *_start_checks(deployment),
        _documents_check(deployment),
        *advisories_check(deployment),
        break_glass.check(deployment),
    ]
    for model in deployment.settings.models:
        if model.upstream.kind == "embedded":
            stands = standing(deployment, model)
            checks.append(admission_check(stands))
            if attested(deployment, model.name) != REFUSED:
                checks.append(_isolation(deployment, model.name))
        else:
            checks.append(_unattested(model.name, _cleared(deployment, model)))
    return checks


def _cleared(deployment: Deployment, model: ModelSection) -> str:
    """What a model may read, in words, also where the classification policy cannot say."""
    try:
        return str(deployment.clearance(model))
    except ConfigurationError as error:
        return f"nothing: {error.what}"


def _isolation(deployment: Deployment, model: str) -> Check:
    try:
        results = probes(deployment, model) if deployment.mode is not Mode.NONE else ()
    except PeerError:
        results = ()
    return isolation_check(model, deployment.mode, results, *kept_by(attested(deployment, model)))


def _unattested(model: str, label: str) -> Check:
    state = State.GREEN if label == "public" else State.AMBER
    return Check(f"model.{model}", f"The model {model} is served by somebody else", state, f"unattested; cleared for: {label}")


def _keys_check(deployment: Deployment) -> Check:
    open_files = [path.name for path in deployment.places.keys.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077]
    title = "Keys are readable by their owner alone"
    if open_files:
        return Check(
            "keys", title, State.RED, f"readable by others: {', '.join(sorted(open_files))}", "chmod 600, then rotate them"
        )
    sealed = deployment.keys.protection
    if deployment.keys.rotating:
        evidence = "another root key is taking the place of this one, or was on its way when it was interrupted: there are two"
        return Check("keys", title, State.AMBER, evidence, "'wardstead keys rotate --root' ends it")
    if sealed is None:
        evidence = "0600, but the root key is a plain file: whoever can read it, or a backup of it, can read everything"
        return Check(
            "keys", title, State.AMBER, evidence, "'wardstead keys protect passphrase', or shares, pkcs11, transit, service"
        )
    if deployment.keys.unfinished:
        next_step = f"say 'wardstead keys protect {sealed.provider}' again"
        return Check("keys", title, State.RED, "sealing them was interrupted: a plain one is left", next_step)
    return Check("keys", title, State.GREEN, f"0600; sealed, and the root key is kept by: {sealed.provider}")


_NEAR_USES = MOST_USES // 2


def _key_use_check(deployment: Deployment) -> Check:
    """Keys that wrap others are used with random nonces: how often that is safe has a bound."""
    title = "Keys are used less often than their cipher allows"
    if not deployment.keys.open:
        told = "people's are replaced by themselves; the others are counted where the root key is open"
        return Check("key-use", title, State.GREEN, told)
    try:
        used = deployment.subject_keys.usage()
    except WardsteadError as error:
        return Check("key-use", title, State.RED, error.what, error.next_step)
    most = max(used.epoch, used.root)
    people = f"a person's at most {used.subject} times, and replaced after {ERA}"
    evidence = f"{people}; the epoch's {used.epoch}, the root {used.root} of {MOST_USES} times"
    if most < _NEAR_USES:
        return Check("key-use", title, State.GREEN, evidence)
    command = "'wardstead keys rotate'" if used.epoch >= used.root else "'wardstead keys rotate --root'"
    return Check("key-use", title, State.RED if most >= MOST_USES else State.AMBER, evidence, command)


def _tls_check(deployment: Deployment) -> Check:
    title = "Connections are encrypted"
    if deployment.settings.server.tls == "off":
        return Check("tls", title, State.RED, "TLS is off", "set server.tls to on")
    try:
        found = local_authority(deployment).certified()
    except ConfigurationError as error:
        return Check("tls", title, State.RED, error.what, error.next_step)
    days, ends = found.server.days_left(now_ms()), rfc3339(found.server.not_after_ms)[:10]
    whose = "of the local authority, renewed by itself" if found.own else "of another authority"
    evidence = f"TLS 1.3 alone, certificate {whose}; it ends on {ends}"
    if days < 0:
        return Check("tls", title, State.RED, evidence, _NEW_CERTIFICATE[found.own])
    if days < _FEW_DAYS and 3 * days < (found.server.not_after_ms - found.server.not_before_ms) // 86_400_000 - 3:
        return Check("tls", title, State.AMBER, evidence, _NEW_CERTIFICATE[found.own])
    return Check("tls", title, State.GREEN, evidence)


def _ledger_check(deployment: Deployment) -> Check:
    title = "Every exchange is recorded"
    refused = _refused(deployment) if running(deployment) is not None else ""
    if refused:
        return Check("ledger", title, State.RED, f"new exchanges are refused: {refused}", "free disk space; see the logs")
    note = deployment.ledger.checkpoint()
    size = note.splitlines()[1] if note else "0"
    return Check("ledger", title, State.GREEN, f"signed checkpoint over {size} entries")


def _clock_check(deployment: Deployment) -> Check:
    """Nothing that ended by time holds again: decisions go on from what is recorded. But somebody has to look."""
    follow_time(deployment)
    title, behind_ms = "The clock is not behind what is recorded", CLOCK.behind_ms()
    if behind_ms <= APART_MS:
        return Check("clock", title, State.GREEN, f"it shows {rfc3339(CLOCK.wall_ms())}")
    evidence = f"it shows {rfc3339(CLOCK.wall_ms())}; what is recorded says that it is {rfc3339(CLOCK())}, and so is decided"
    return Check(
        "clock", title, State.RED, evidence, "put the clock right; if it was ahead before: 'wardstead ledger accept-clock'"
    )


def _refused(deployment: Deployment) -> str:
    """Why the running deployment takes no new exchanges; empty when it does."""
    if not deployment.reserve().within_reach():
        return "the disk is full, and what was set aside for outcomes is used up"
    said = health(deployment)
    if said is not None and said.get("ledger") is False:
        return "the disk or the database takes no writes, or there is no room left for outcomes"
    return ""


def _policies_check(deployment: Deployment) -> Check:
    title = "The policies in force are those in the folder"
    try:
        state = policy_state(deployment)
    except IntegrityError as error:
        return Check("policies", title, State.RED, error.what, error.next_step)
    activate = "'wardstead access check', then 'wardstead access activate'"
    if state.active is None:
        return Check(
            "policies", title, State.RED if state.wrong else State.GREEN, state.wrong or "the first start activates them"
        )
    since = f"version {state.active.version} since {rfc3339(state.active.activated_ms)}, by {state.active.by}"
    if state.wrong:
        return Check("policies", title, State.AMBER, f"{since}; those in the folder are not valid: {state.wrong}", activate)
    if state.edited:
        return Check("policies", title, State.AMBER, f"{since}; edited, not active: {', '.join(state.edited)}", activate)
    return Check("policies", title, State.GREEN, since)


def _start_checks(deployment: Deployment) -> list[Check]:
    """Whether what runs goes by the files that are in the folder: nothing where it does not run."""
    if running(deployment) is None:
        return []
    title = "The settings and own data in use are those in the folder"
    since = starting.changed(deployment)
    if not since:
        return [Check("detectors.start", title, State.GREEN, "unchanged since the start")]
    said = f"changed since the start, and not in use: {', '.join(since)}"
    return [Check("detectors.start", title, State.AMBER, said, "'wardstead down', 'wardstead up'")]


def detectors_check(deployment: Deployment) -> Check:
    """Whether what looks at texts has what it needs, and did not fail when it was last asked. Nothing is asked."""
    title = "What looks at texts can work"
    try:
        found = text_detectors(deployment)
        if running(deployment) is None:  # what runs has been held against its policy; it takes seconds
            classifier(deployment, scan=False)
        elif starting.changed(deployment):
            windowed(deployment)
        lacks = "; ".join(f"{name}: {why}" for name, why in lacking(found).items())
        if lacks:
            return Check("detectors", title, State.RED, f"{lacks}; {_without(deployment)}", "restore its files")
        failed = ", ".join(failing(deployment))
        if failed:
            said = f"failed when they were last asked: {failed}; {_without(deployment)}"
            return Check("detectors", title, State.RED, said, "'wardstead doctor' tries each; see the logs")
    except (ConfigurationError, IntegrityError) as error:
        where = f"{error.where}: " if error.where else ""
        said = f"{where}{error.what}; {error.why}".removesuffix("; ")
        return Check("detectors", title, State.RED, f"it would not start: {said}", error.next_step)
    looking = ", ".join(one.id for one in found)
    if not deployment.settings.inspection.names.enabled:
        return Check("detectors", title, State.AMBER, f"patterns, {looking}; people and places are not looked for", _NAMES_NEXT)
    return Check("detectors", title, State.GREEN, f"patterns, {looking}; 'wardstead classify detectors' tries them")


def _documents_check(deployment: Deployment) -> Check:
    title = "Documents are read where they can do no harm"
    try:
        deployment.extractor.require()
    except DocumentReaderUnavailable as error:
        return Check("documents", title, State.RED, f"{error.what}: {error.why}; they are refused", error.next_step)
    if deployment.mode is Mode.NONE:
        return Check("documents", title, State.RED, "isolation is off: their readers have your rights", "set isolation.mode")
    return Check("documents", title, State.GREEN, "each by a process of its own, in a sandbox without files, network or sockets")


def _without(deployment: Deployment) -> str:
    """What the policy makes of texts that a detector should have looked at, and did not."""
    policy = deployment.classification()
    above, public = _FAILED[policy.failure_above], _FAILED[policy.failure_public]
    return f"exchanges above public that need it are {above}, public ones {public}"


def _answers(deployment: Deployment, model: ModelSection) -> bool:
    """Whether the model server is ready; of one that is not ours, whether it takes connections."""
    if model.upstream.kind == "embedded":
        return launcher.health(deployment.places.sockets(model.name) / "model.sock")
    address = parse_upstream(model.upstream.url, model.name)
    try:
        if address.scheme == "unix":
            launcher.connect(Path(address.path), 2.0).close()
        else:
            socket.create_connection((address.host, address.port), timeout=2.0).close()
    except OSError:
        return False
    return True


def status(deployment: Deployment) -> dict[str, Any]:
    """The contract's ``status``: running, posture, models."""
    noted = running(deployment)
    checks = posture(deployment)
    (ledger,) = (check for check in checks if check.id == "ledger")
    return {
        "running": noted is not None,
        "url": deployment.url,
        "ledger": noted is not None and ledger.state is not State.RED,
        "posture": {"state": overall(checks).value, "checks": [asdict(check) for check in checks]},
        "models": [
            {
                "name": model.name,
                "kind": model.upstream.kind,
                "attested": model.upstream.kind == "embedded",
                "admission": admission_document(standing(deployment, model)) if model.upstream.kind == "embedded" else None,
                "healthy": noted is not None and _answers(deployment, model),
                "clearance": {"level": model.clearance.level, "compartments": list(model.clearance.compartments)},
                "isolation": deployment.mode.value if model.upstream.kind == "embedded" else "unknown",
            }
            for model in deployment.settings.models
        ],
    }
