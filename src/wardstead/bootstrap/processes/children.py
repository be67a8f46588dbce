"""The other child processes: the recorder, and one launcher for each embedded model."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from wardstead.adapters.keys.folder import WEIGHTS
from wardstead.adapters.sandbox.launcher import Launcher, ModelServer
from wardstead.adapters.store.ledger.recorder import Recorder
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.desks.reviewing import desk_of_command_line
from wardstead.bootstrap.forgetting.expiring import keep_expiring
from wardstead.bootstrap.identity.synchronising import keep_synchronising
from wardstead.bootstrap.keys.ledger_key import keep_retired
from wardstead.bootstrap.keys.root_gateway import keep_root
from wardstead.bootstrap.ledger.anchoring import keep_anchoring
from wardstead.bootstrap.ledger.row_seals import keep_known_rows
from wardstead.bootstrap.ledger.verifying import keep_verifying
from wardstead.bootstrap.ledger.witnessing import keep_witnessing
from wardstead.bootstrap.models.admitting import REFUSED, Standing, attest, section_of, standing, template_text
from wardstead.bootstrap.models.guarding import keep_guarding
from wardstead.bootstrap.models.rescanning import keep_rescanning
from wardstead.bootstrap.processes.time_keeping import keep_following, keep_recording
from wardstead.config.sections import ModelSection
from wardstead.crypto.dsse import read_envelope
from wardstead.kernel.errors import IntegrityError, WardsteadError
from wardstead.supply.admission import Role

log = logging.getLogger(__name__)
_LOOK_S = 1.0
_BESIDE: Final[Mapping[str, Callable[[Deployment, threading.Event], None]]] = {
    "verifying": keep_verifying, "directories": keep_synchronising, "witnessing": keep_witnessing, "anchoring": keep_anchoring,
    "retiring": keep_retired, "root key": keep_root, "guarding": keep_guarding, "rescanning": keep_rescanning,
    "expiring": keep_expiring, "time": keep_recording,
}  # fmt: skip
"""What threads of the recorder's process do, by name, for as long as it runs."""
_WAITED_FOR: Final = ("verifying", "root key", "time")
_ENDS_S: Final = 2.0
"""So long these are waited for at the end. Verification only reads, and can be left at whatever it does."""


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
        deployment.signing,
        state_dir=deployment.places.state,
        signed=deployment.places.signed,
        run_dir=deployment.places.run,
        reserve=deployment.reserve(),
        clock=now_ms,
        monotonic_s=time.monotonic,
        prune=partial(prune, deployment),
        keep_rows=partial(keep_known_rows, deployment),
    )
    threads = [threading.Thread(target=do, args=(deployment, stop), name=name, daemon=True) for name, do in _BESIDE.items()]
    for one in threads:
        one.start()
    recorder.run(stop, interval_s=deployment.settings.ledger.interval_s)
    for one in threads:
        if one.name in _WAITED_FOR:
            one.join(_ENDS_S)
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
    """Run one model server, while its model is admitted, until it ends (status 1) or we are told to stop (0)."""
    stop = _until_told()
    section = section_of(deployment, model)
    keep_following(deployment)
    while not stop.is_set():
        status = _serve(deployment, section, stop)
        if status is not None:
            return status
        stop.wait(_LOOK_S)
    return 0


def _serve(deployment: Deployment, section: ModelSection, stop: threading.Event) -> int | None:
    """Serve exactly what was admitted, if it is: how that ended; ``None`` where it may not, or no more."""
    stands = standing(deployment, section)
    if stands.refused:
        attest(deployment, section.name, REFUSED)
        return None
    launcher = Launcher(server_of(deployment, section, stands))
    try:
        launcher.start(lambda step: log.info("model server", extra={"fields": {"model": section.name, "step": step}}))
    except IntegrityError as error:
        # Somebody has to look at it: whoever guards the models suspends this one, and records why.
        fields = {"model": section.name, **error.diagnostics()}
        log.error("the model is not served", extra={"fields": fields})  # noqa: TRY400 -- the error says it all
        attest(deployment, section.name, REFUSED)
        return None
    attest(deployment, section.name, f"{launcher.kept.value} {launcher.why}".strip())
    log.info("model server", extra={"fields": {"model": section.name, "step": "ready"}})
    told = _WhileAdmitted(deployment, section, stop)
    status = launcher.run(told)
    if stop.is_set() or status:
        return status
    log.error("the model is not served any more", extra={"fields": {"model": section.name, "why": told.refused}})
    attest(deployment, section.name, REFUSED)
    return None


class _WhileAdmitted:
    """Time to stop is when we are told to, or when the model is not admitted any more, or by another statement."""

    def __init__(self, deployment: Deployment, section: ModelSection, stop: threading.Event) -> None:
        self._deployment, self._section, self._stop = deployment, section, stop
        self._statement = _statement(standing(deployment, section))
        self._looked_s = time.monotonic()
        self.refused = ""

    def wait(self, timeout: float | None = None, /) -> bool:
        """See ``StopEvent``."""
        if self._stop.wait(timeout):
            return True
        if time.monotonic() - self._looked_s < _LOOK_S:
            return False
        self._looked_s = time.monotonic()
        try:
            stands = standing(self._deployment, self._section)
        except WardsteadError as error:  # the gateway refuses it by itself where the database says so
            log.warning("the model's admission could not be looked at", extra={"fields": error.diagnostics()})
            return False
        self.refused = stands.refused or ("" if _statement(stands) == self._statement else "it was admitted anew")
        return bool(self.refused)


def _statement(stands: Standing) -> bytes:
    """What was signed: it stays the same when another key of ours signs it anew."""
    return read_envelope(stands.admission.envelope).payload if stands.admission is not None else b""


def server_of(deployment: Deployment, section: ModelSection, stands: Standing) -> ModelServer:
    """What to start for an admitted model. Raises ``IntegrityError`` where its template is not the admitted one."""
    upstream, weights = section.upstream, stands.file(Role.WEIGHTS)
    if weights is None:
        raise IntegrityError("the admission names no weights", where=section.name)
    return ModelServer(
        section.name,
        deployment.places.directory / weights.path,
        weights.sha256,
        deployment.places.sockets(section.name),
        mode=deployment.mode,
        context=upstream.context,
        parallel=upstream.parallel,
        threads=upstream.threads,
        gpu_layers=upstream.gpu_layers,
        chat_template=template_text(deployment, stands),
        weights_key=partial(deployment.keys.key, WEIGHTS),
        verity=weights.verity,
    )
