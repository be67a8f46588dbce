"""``up``: what must hold before a deployment starts, its processes, and the watch over them."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from wardstead.adapters.keys.folder import WEIGHTS
from wardstead.adapters.keys.handed import Handing
from wardstead.adapters.processes.listening import listens
from wardstead.adapters.processes.memory import give_back
from wardstead.adapters.processes.supervisor import ChildSpec, Supervisor
from wardstead.adapters.sandbox.bubblewrap import find_tool
from wardstead.adapters.store.ledger.continuity import require_continuity
from wardstead.adapters.store.migrate import upgrade
from wardstead.bootstrap import environment as variables
from wardstead.bootstrap.database import PASSWORD_VARIABLE
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.detection.detectors import lacking, text_detectors
from wardstead.bootstrap.detection.inspection import classifier
from wardstead.bootstrap.forgetting.erasing import erase_again, finish_erasures
from wardstead.bootstrap.identity.federation import Federation
from wardstead.bootstrap.identity.synchronising import check_sources
from wardstead.bootstrap.keys.local_authority import local_authority, record
from wardstead.bootstrap.ledger.anchoring import require_anchors
from wardstead.bootstrap.ledger.row_seals import begin_rows, require_sealed_rows
from wardstead.bootstrap.ledger.witnessing import require_witnesses
from wardstead.bootstrap.models.admitting import forget_attestations, not_serving
from wardstead.bootstrap.models.shipped import admit_shipped
from wardstead.bootstrap.places import file_name
from wardstead.bootstrap.policy.policies import begin_policies, policy_state
from wardstead.bootstrap.processes.edge import edge_command, prepare_edge, reload_edge
from wardstead.bootstrap.processes.model_servers import require_model_files
from wardstead.bootstrap.processes.mutual_tls import context_of
from wardstead.bootstrap.processes.running import READY_TIMEOUT_S, healthy, require_writable, take_lock
from wardstead.bootstrap.processes.time_keeping import follow_time
from wardstead.bootstrap.scratch import remove_leftovers
from wardstead.isolation.plan import Mode
from wardstead.kernel.errors import BackendError, ConfigurationError, WardsteadError
from wardstead.kernel.text import harmless

OnStep = Callable[[str], None]
_LOOK_S, _KEEP_S = 1.0, 60.0


def supervise(deployment: Deployment, on_step: OnStep, on_ready: Callable[[], None]) -> int:
    """Run the deployment until SIGTERM or SIGINT. ``on_ready`` is called once it answers."""
    require_writable(deployment)
    lock = take_lock(deployment)
    try:
        with claim_ports(deployment):
            _run(deployment, on_step, on_ready)
    finally:
        (deployment.places.run / "supervisor.pid").write_text("")
        os.close(lock)
    return 0


def _run(deployment: Deployment, on_step: OnStep, on_ready: Callable[[], None]) -> None:
    _prepare(deployment, on_step)
    children = _children(deployment, deployment.keys.handing(), _weights_key(deployment))
    supervisor = Supervisor(children, _environment(deployment), lambda name, what: on_step(f"{name}: {what}"))
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _frame: stopping.append(got))
    try:
        _watch(deployment, supervisor, stopping, on_ready, on_step)
    finally:
        on_step("stopping")
        supervisor.stop()


def claim_ports(deployment: Deployment) -> ExitStack:
    """Nobody else listens there, and no other deployment will as long as this is open.

    Workers share their port, so another deployment could share it as well, and each would get some of the other's requests:
    a port that is free now says nothing of one that starts beside us. Raises ``BackendError``.
    """
    server = deployment.settings.server
    host = deployment.local_host if server.host == "localhost" else server.host
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    with ExitStack() as held:
        for port in (server.port, *([server.mutual_tls.port] if server.mutual_tls is not None else [])):
            try:
                with socket.socket(family, socket.SOCK_STREAM) as one:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    one.bind((host, port))
                # A name that goes with its process, whatever ends it.
                held.enter_context(socket.socket(socket.AF_UNIX)).bind(f"\0wardstead {host}:{port}")
            except OSError as error:
                raise BackendError(
                    f"cannot listen on {server.host}:{port}", why=error.strerror or str(error),
                    next_step="up --port N" if port == server.port else "another server.mutual_tls.port",
                ) from None  # fmt: skip
        return held.pop_all()


def _require_room(deployment: Deployment) -> None:
    reserve = deployment.reserve()
    if not reserve.within_reach():
        mib = 2 * reserve.size_bytes // 2**20
        raise BackendError(
            "the disk has no room for the ledger: every exchange would be refused", where=str(deployment.places.state),
            next_step=f"free {mib} MiB, or set ledger.reserve_bytes",
        )  # fmt: skip


def _require_certificate(deployment: Deployment) -> None:
    if deployment.settings.server.tls == "off":
        return
    tls = deployment.places.tls
    for name, load in (
        ("ca.crt", lambda: ssl.create_default_context(cafile=str(tls / "ca.crt"))),
        ("server.crt", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls / "server.crt", tls / "server.key")),
    ):
        try:
            load()
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(
                "the certificate or its key cannot be used", where=str(tls / name), why=error.strerror or str(error),
                next_step="restore them from a backup, or put your own there: server.crt, server.key and the authority's ca.crt",
            ) from None  # fmt: skip


def _require_door_for_services(deployment: Deployment) -> None:
    mutual = deployment.settings.server.mutual_tls
    if mutual is not None:
        context_of(deployment, mutual)


def _prepare(deployment: Deployment, on_step: OnStep) -> None:
    for folder in (deployment.places.run, deployment.places.logs):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    places = deployment.places
    remove_leftovers(places)
    forget_attestations(deployment)
    first = deployment.keys.verifying()
    require_continuity(deployment.engine, first, deployment.keys.ledger, copy=places.state / "checkpoint", signed=places.signed)
    deployment.signing_key()
    require_sealed_rows(deployment)
    _require_room(deployment)
    renewed = local_authority(deployment).keep(now_ms()) if deployment.settings.server.tls == "on" else []
    _validate(deployment)
    # Last, for an older version cannot undo it: what is refused has changed nothing that it would miss.
    begin_rows(deployment, anew=upgrade(deployment.engine))
    record(deployment, renewed)
    if deployment.mode is Mode.NONE:
        on_step("ISOLATION IS SWITCHED OFF: the model server runs with your rights")
        deployment.admin_record.record_admin("system", "isolation.none", {"models": [m.name for m in deployment.settings.models]})
    for name, why in lacking(text_detectors(deployment)).items():
        on_step(f"the detector {name} cannot work, and policy says what happens to texts: {why}")
    # Policies or settings may have changed while nothing ran: decisions are made anew.
    if finish_erasures(deployment, alone=True):
        on_step("an erasure that was broken off is finished")
    if again := erase_again(deployment):
        on_step(f"the keys are older than {again} erasures: what they brought back of people who were erased is destroyed again")
    deployment.directory.raise_version("deployment.up", {"isolation": deployment.mode.value})
    begin_policies(deployment)
    admit_shipped(deployment, on_step)
    for one in not_serving(deployment):
        on_step(one.why)
    state = policy_state(deployment)
    if state.edited:
        on_step(f"the access policies in the folder are edited and not in force: {', '.join(state.edited)}")
    deployment.engine.dispose()
    give_back()


def _validate(deployment: Deployment) -> None:
    """Everything that a worker would stumble over is found here, where somebody is looking. Nothing writes to the database."""
    _require_certificate(deployment)
    _require_door_for_services(deployment)
    if deployment.mode is not Mode.NONE and any(model.upstream.kind == "embedded" for model in deployment.settings.models):
        find_tool()
    deployment.policies()
    Federation(deployment)
    check_sources(deployment)
    require_witnesses(deployment)
    require_anchors(deployment)
    if deployment.settings.server.edge is not None:
        prepare_edge(deployment)
    require_model_files(deployment)
    # What is compiled here is kept, and workers load it. Last, for it takes longest.
    classifier(deployment, scan=True)


class _CertificateWatch:
    """Renews the server's certificate in time; workers that began with another one are replaced, whoever put it there."""

    def __init__(self, deployment: Deployment, supervisor: Supervisor, on_step: OnStep) -> None:
        self._deployment, self._supervisor, self._on_step = deployment, supervisor, on_step
        self._looked_s = self._kept_s = time.monotonic()
        self._taken_up = self._present()

    def tick(self) -> None:
        """To be called often: looks once a second, and keeps what is ours once a minute."""
        now_s = time.monotonic()
        if self._deployment.settings.server.tls == "off" or now_s - self._looked_s < _LOOK_S:
            return
        self._looked_s = now_s
        if now_s - self._kept_s > _KEEP_S:
            self._kept_s = now_s
            self._keep()
        present = self._present()
        if present != self._taken_up and self._usable():
            self._taken_up = present
            if self._deployment.settings.server.edge is not None:
                self._on_step("the server's certificate is another one: the edge takes it up")
                self._reload()
                return
            port, workers = self._deployment.settings.server.port, range(1, self._deployment.settings.server.workers + 1)
            self._on_step("the server's certificate is another one: workers take it up one by one")
            self._supervisor.renew([f"worker-{number}" for number in workers], lambda pid: listens(pid, port))

    def _keep(self) -> None:
        try:
            follow_time(self._deployment)
            done = local_authority(self._deployment).keep(now_ms())
            record(self._deployment, done)
        except (WardsteadError, DatabaseError, OSError) as error:  # it is tried again, and the posture shows the days left
            self._on_step(f"the server's certificate could not be seen to: {error}")
            return
        finally:
            self._deployment.engine.dispose()
        for one in done:
            self._on_step(f"{one.act}: {', '.join(one.told.values())}")

    def _reload(self) -> None:
        try:
            reload_edge(self._deployment)
        except BackendError as error:
            self._on_step(str(error))
            self._taken_up = (0, 0)  # it is tried again

    def _present(self) -> tuple[int, int]:
        try:
            return tuple((self._deployment.places.tls / name).stat().st_mtime_ns for name in ("server.crt", "server.key"))  # type: ignore[return-value]
        except OSError:
            return (0, 0)

    def _usable(self) -> bool:
        try:
            _require_certificate(self._deployment)
        except ConfigurationError:  # half of it is written, or it is none: what runs goes on with what it has
            return False
        return True


def _watch(
    deployment: Deployment, supervisor: Supervisor, stopping: list[int], on_ready: Callable[[], None], on_step: OnStep
) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    ready = False
    certificates = _CertificateWatch(deployment, supervisor, on_step)
    while not stopping:
        supervisor.tick()
        certificates.tick()
        if not ready:
            if healthy(deployment):
                ready = True
                on_ready()
            else:
                failed = supervisor.failed_at_start()
                if failed or time.monotonic() > deadline:
                    raise _start_failure(deployment, failed, supervisor)
        time.sleep(0.05)


def _start_failure(deployment: Deployment, name: str | None, supervisor: Supervisor) -> WardsteadError:
    log = deployment.places.logs / f"{name or 'worker-1'}.log"
    why = _last_line(log)
    if name and supervisor.last_status(name) == 3:
        return ConfigurationError(f"{name} did not start", why=why, next_step=f"see {log}")
    return BackendError(f"{name or 'the gateway'} did not start", why=why, next_step=f"see {log}")


def _last_line(log: Path) -> str:
    try:
        line = log.read_text(errors="replace").strip().splitlines()[-1]
        fields = json.loads(line)
    except (OSError, IndexError, ValueError):
        return ""
    if not isinstance(fields, dict):
        return ""
    # A launcher's log holds what its model server wrote, too.
    return harmless(" ".join(str(fields[key]) for key in ("where", "what", "why", "next_step") if fields.get(key))[:500])


def _weights_key(deployment: Deployment) -> Handing:
    """What launchers get: the key of encrypted weights, never the root key."""
    return deployment.keys.handing(WEIGHTS) if deployment.keys.has(WEIGHTS) else Handing()


def _children(deployment: Deployment, root: Handing, weights: Handing) -> list[ChildSpec]:
    base = [sys.executable, "-m", "wardstead.bootstrap"]
    place = ["--deployment", str(deployment.places.directory)]
    logs = deployment.places.logs
    specs = [
        ChildSpec(
            f"launcher-{file_name(model.name)}",
            [*base, "launcher", *place, "--model", model.name],
            logs / f"launcher-{file_name(model.name)}.log",
            environment=weights.environment,
            descriptors=weights.descriptors,
        )
        for model in deployment.settings.models
        if model.upstream.kind == "embedded"
    ]
    said = deployment.environment.get(PASSWORD_VARIABLE)
    environment = {**root.environment, PASSWORD_VARIABLE: said} if said else root.environment  # never a launcher's
    keyed = partial(ChildSpec, environment=environment, descriptors=root.descriptors)
    specs.append(keyed("recorder", [*base, "recorder", *place], logs / "recorder.log"))
    drain = deployment.settings.server.drain_timeout_s + 5
    specs += [
        keyed(
            f"worker-{number}",
            [*base, "worker", *place, "--number", str(number)],
            logs / f"worker-{number}.log",
            drain,
            drains=True,
        )
        for number in range(1, deployment.settings.server.workers + 1)
    ]
    if deployment.settings.server.edge is not None:
        told = {"XDG_DATA_HOME": str(deployment.places.state / "edge"), "XDG_CONFIG_HOME": str(deployment.places.state / "edge")}
        specs.append(ChildSpec("edge", edge_command(deployment), logs / "edge.log", drain, drains=True, environment=told))
    return specs


def _environment(deployment: Deployment) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "VIRTUAL_ENV") if name in os.environ}
    kept[variables.PORT] = str(deployment.settings.server.port)
    kept[variables.ISOLATION] = deployment.mode.value
    if deployment.settings.server.edge is not None:
        kept[variables.EDGE] = deployment.settings.server.edge.kind
    return kept
