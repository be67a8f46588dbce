"""The other child processes: the recorder, and one launcher for each embedded model."""

from __future__ import annotations

import logging
import signal
import threading
import time
from functools import partial

from wardstead.adapters.keys.folder import WEIGHTS
from wardstead.adapters.sandbox.launcher import Launcher, ModelServer
from wardstead.adapters.store.recorder import Recorder
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.reading import present, read_text
from wardstead.bootstrap.reviewing import desk_of_command_line
from wardstead.bootstrap.synchronising import keep_synchronising
from wardstead.bootstrap.verifying import keep_verifying
from wardstead.bootstrap.witnessing import keep_witnessing
from wardstead.config.sections import ModelSection
from wardstead.kernel.errors import ConfigurationError, WardsteadError

log = logging.getLogger(__name__)
_VERIFYING_ENDS_S = 2.0
"""How long verification is waited for at the end. It only reads: it can be left at whatever it does."""


def _until_told() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def run_recorder(deployment: Deployment) -> int:
    """Sequence the ledger until told to stop."""
    stop = _until_told()
    recorder = Recorder(
        deployment.engine,
        deployment.keys.ledger(),
        state_dir=deployment.places.state,
        signed=deployment.places.signed,
        run_dir=deployment.places.run,
        reserve=deployment.reserve(),
        clock=now_ms,
        monotonic_s=time.monotonic,
        prune=partial(prune, deployment),
    )
    verifying = threading.Thread(target=keep_verifying, args=(deployment, stop), name="verifying", daemon=True)
    verifying.start()
    if deployment.settings.identity.directories:
        reading = threading.Thread(target=keep_synchronising, args=(deployment, stop), name="directories", daemon=True)
        reading.start()
    witnessing = threading.Thread(target=keep_witnessing, args=(deployment, stop), name="witnessing", daemon=True)
    witnessing.start()
    recorder.run(stop, interval_s=deployment.settings.ledger.interval_s)
    verifying.join(_VERIFYING_ENDS_S)
    return 0


def prune(deployment: Deployment) -> int:
    """Refuse what nobody reviewed in time; forget what is remembered longer than the settings say. How much that was."""
    kept = deployment.settings.conversations
    try:
        reviewed = desk_of_command_line(deployment).expire() + deployment.reviews.forget()
        return reviewed + deployment.conversations.prune(fingerprint_days=kept.fingerprint_days, stand_in_days=kept.stand_in_days)
    except WardsteadError as error:  # it is tried again: a failing disk is reported where it matters more
        log.warning("what is old was not forgotten", extra={"fields": error.diagnostics()})
        return 0


def run_launcher(deployment: Deployment, model: str) -> int:
    """Run one model server until it ends (status 1) or we are told to stop (0)."""
    stop = _until_told()
    attestation = deployment.places.attestation(model)
    attestation.unlink(missing_ok=True)
    launcher = Launcher(server_of(deployment, model))
    launcher.start(lambda step: log.info("model server", extra={"fields": {"model": model, "step": step}}))
    attestation.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    attestation.write_text("yes" if launcher.sealed else "no")
    log.info("model server", extra={"fields": {"model": model, "step": "ready"}})
    return launcher.run(stop)


def _template(deployment: Deployment, name: str) -> str:
    if not name:
        return ""
    path = deployment.places.directory / name
    if not present(path):
        raise ConfigurationError("the chat template is missing", where=str(path))
    return read_text(path)


def section_of(deployment: Deployment, model: str) -> ModelSection:
    """The settings of an embedded model."""
    for section in deployment.settings.models:
        if section.name == model and section.upstream.kind == "embedded":
            return section
    raise ConfigurationError(f"there is no embedded model {model!r}", where=str(deployment.places.config))


def server_of(deployment: Deployment, model: str) -> ModelServer:
    """What to start for a model."""
    upstream = section_of(deployment, model).upstream
    return ModelServer(
        model,
        deployment.places.directory / upstream.weights,
        upstream.sha256,
        deployment.places.sockets(model),
        mode=deployment.mode,
        context=upstream.context,
        parallel=upstream.parallel,
        threads=upstream.threads,
        gpu_layers=upstream.gpu_layers,
        chat_template=_template(deployment, upstream.chat_template),
        weights_key=partial(deployment.keys.key, WEIGHTS),
    )
