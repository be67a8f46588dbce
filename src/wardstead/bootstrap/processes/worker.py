"""A gateway worker: one process, one event loop; granian's ASGI interface in front of the gateway and the console."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_network

import uvloop
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from wardstead.access.credentials import certify, identify
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.ports import Container, Directory, Identity, PeerCertificate, Resource
from wardstead.adapters.processes.memory import give_back
from wardstead.adapters.sandbox import launcher
from wardstead.adapters.store.engine.durable_file import can_write
from wardstead.adapters.store.ledger.exchanges import ExchangeSummary
from wardstead.adapters.store.ledger.journal import Journal
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.desks.console import Console
from wardstead.bootstrap.desks.reviewing import desk_of_worker
from wardstead.bootstrap.detection.inspection import inspector as inspector_of
from wardstead.bootstrap.detection.inspection import planter
from wardstead.bootstrap.detection.inspectors import Inspectors
from wardstead.bootstrap.detection.known import begin as begin_known
from wardstead.bootstrap.kept.library import library_of_worker
from wardstead.bootstrap.kept.shelf import LibraryShelf, NamedDocuments
from wardstead.bootstrap.ledger.verifying import verified
from wardstead.bootstrap.ledger.witnessing import closed_mark
from wardstead.bootstrap.models.admitting import REFUSED, Standing, attested, bounded, standing
from wardstead.bootstrap.policy.evaluating import putting
from wardstead.bootstrap.policy.policies import begin_policies, in_force
from wardstead.bootstrap.policy.preparing import ReadyWhenAsked
from wardstead.bootstrap.policy.searching import seeking
from wardstead.bootstrap.processes import starting
from wardstead.bootstrap.processes.edge import behind_edge
from wardstead.bootstrap.processes.mutual_tls import door_for_services
from wardstead.bootstrap.processes.time_keeping import keep_following
from wardstead.bootstrap.processes.upstreams import open_upstream
from wardstead.config.addresses import bracketed
from wardstead.config.sections import ModelSection
from wardstead.console.app import create_console
from wardstead.gateway.pipeline.fingerprints import Fingerprints
from wardstead.gateway.pipeline.world import ModelDeployment, World
from wardstead.gateway.protocol.scim_call import BASE, Answering
from wardstead.gateway.protocol.types import FieldPolicy, Limits, Operation, UnknownFields
from wardstead.gateway.server.app import Gateway, Services
from wardstead.gateway.server.doors import Doors
from wardstead.gateway.server.evaluating import Evaluating
from wardstead.gateway.server.ports import Upstream
from wardstead.gateway.server.worlds import WorldHolder
from wardstead.inspection.identifiers import identifying
from wardstead.isolation.plan import Mode
from wardstead.kernel.errors import BackendError
from wardstead.ledger.ports import Done, Refusal

log = logging.getLogger(__name__)
_OPERATIONS = {"chat": Operation.CHAT, "completions": Operation.COMPLETION, "embeddings": Operation.EMBEDDING}
_LAST_BYTES_S = 1.0
"""How long the last bytes of a drained answer, and pages of the console that never end, are waited for."""
ISOLATION_WARNING = "none; the model server is not isolated"


def run(deployment: Deployment, number: int = 1) -> int:
    """Serve until SIGTERM; then finish what is under way and end with 0. ``number``: which of the workers this is."""
    # The journal's thread waits for the interpreter's lock after each sync: the default 5 ms would be felt in every answer.
    sys.setswitchinterval(0.0005)
    return uvloop.run(_serve(deployment, number))


@asynccontextmanager
async def assembled(deployment: Deployment) -> AsyncIterator[Gateway]:
    """The gateway and the console as one ASGI application, for any server; closed at the end, what was opened last first."""
    async with AsyncExitStack() as opened:
        incarnation = os.urandom(8).hex()
        journal = _journal(deployment, incarnation)
        opened.callback(journal.close)
        upstreams = {model.name: open_upstream(opened, deployment, model) for model in deployment.settings.models}
        uses = KeyUses(deployment.directory.touch)
        inspectors = inspectors_of(deployment)
        worlds = WorldHolder(worlds_of(deployment, uses, inspectors), deployment.directory.version)
        gateway = Gateway(_services(deployment, journal, worlds, upstreams), doors(deployment))
        opened.callback(gateway.workshop.close)
        opened.callback(gateway.readers.close)
        opened.callback(keep_following(deployment).set)
        gateway.console = create_console(Console(deployment, worlds))
        loop = asyncio.get_running_loop()
        asked = ReadyWhenAsked(deployment, inspectors, incarnation)
        warming = asyncio.to_thread(worlds.current.inspector.warm)
        going_on = (warming, worlds.watch(), asked.watch(), gateway.sweep(), uses.write_down())
        tasks = [loop.create_task(one) for one in going_on]
        opened.push_async_callback(_end, tasks)
        yield gateway


async def _end(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _journal(deployment: Deployment, incarnation: str) -> Journal:
    loop = asyncio.get_running_loop()

    closed = closed_mark(deployment)

    def deliver(results: list[tuple[Done, Refusal | None]]) -> None:
        loop.call_soon_threadsafe(_deliver_all, results)

    return Journal(
        deployment.engine,
        incarnation=incarnation,
        run_dir=deployment.places.run,
        reserve=deployment.reserve(),
        clock=now_ms,
        deliver=deliver,
        soon=loop.call_soon,
        workers=deployment.settings.server.workers,
        levels=deployment.levels,
        admits=lambda: not closed.exists(),
    )


async def _serve(deployment: Deployment, number: int) -> int:
    loop = asyncio.get_running_loop()
    async with assembled(deployment) as gateway, AsyncExitStack() as services:
        await services.enter_async_context(door_for_services(deployment, gateway))
        server = _server(deployment, gateway, number)
        stopping = asyncio.Event()
        for told in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(told, stopping.set)
        serving = loop.create_task(server.serve())
        stopped = loop.create_task(stopping.wait())
        # What is alive now stays alive: without this, every full collection walks all modules in the middle of an answer.
        give_back()
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        crashed = serving.done()
        server.stop()  # type: ignore[no-untyped-call]  # granian ships no types for it
        await services.aclose()
        # From now on connections are refused; those with an answer under way stay until it has been sent.
        await gateway.drain(deployment.settings.server.drain_timeout_s)
        await asyncio.wait({serving}, timeout=_LAST_BYTES_S)
    return 1 if crashed else 0


def _deliver_all(results: list[tuple[Done, Refusal | None]]) -> None:
    for done, refusal in results:
        done(refusal)


def _server(deployment: Deployment, gateway: Gateway, number: int) -> Server:
    settings = deployment.settings.server
    tls = settings.tls == "on" and settings.edge is None
    behind = behind_edge(deployment, number) if settings.edge is not None else None
    address = {"localhost": "127.0.0.1"}.get(settings.host, settings.host)
    # granian installs handlers of its own for signals; ours are set after it was made.
    return Server(
        gateway,
        address=address,
        port=settings.port,
        uds=behind,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        backlog=1024,
        backpressure=settings.concurrency * 4,
        http1_settings=HTTP1Settings(header_read_timeout=10_000, max_buffer_size=max(8192 * 2, settings.header_bytes * 2)),
        log_enabled=False,
        ssl_cert=deployment.places.tls / "server.crt" if tls else None,
        ssl_key=deployment.places.tls / "server.key" if tls else None,
    )


def doors(deployment: Deployment) -> Doors:
    """The limits at the door, from the settings."""
    server, gateway = deployment.settings.server, deployment.settings.gateway
    names = {bracketed(name) for name in (server.host, "localhost", "127.0.0.1", "::1", *server.allowed_hosts)}
    scheme = "https" if server.tls == "on" else "http"
    origins = {f"{scheme}://{name}:{server.port}" for name in names} | set(server.allowed_origins)
    return Doors(
        allowed_hosts=frozenset(name.lower() for name in names),
        allowed_origins=frozenset(origin.lower() for origin in origins),
        header_bytes=server.header_bytes,
        body_timeout_s=server.body_timeout_s,
        keep_alive_s=gateway.keep_alive_s,
        silence_timeout_s=gateway.silence_timeout_s,
        exchange_timeout_s=server.exchange_timeout_s,
        concurrency=server.concurrency,
        per_person=server.per_person,
        trusted_proxies=tuple(ip_network(proxy) for proxy in server.trusted_proxies),
        edge=server.edge is not None,
    )


class KeyUses:
    """When each key was last used: noted in memory, and written down now and then."""

    def __init__(self, write: Callable[[Mapping[str, int]], None], *, every_s: float = 10.0) -> None:
        """``write`` takes ids and times in milliseconds; it blocks and runs in a thread."""
        self._write, self._every_s = write, every_s
        self._used: dict[str, int] = {}

    def note(self, credential: str, now: int) -> None:
        """It is used now."""
        self._used[credential] = now

    async def write_down(self) -> None:
        """For ever. What could not be written is tried again: a failing disk is reported where it matters more."""
        while True:
            await asyncio.sleep(self._every_s)
            used, self._used = self._used, {}
            try:
                if used:
                    await asyncio.to_thread(self._write, used)
            except BackendError as error:
                log.warning("the last use of keys was not written", extra={"fields": error.diagnostics()})
                self._used = used | self._used


def inspectors_of(deployment: Deployment) -> Inspectors:
    """What inspects in a worker: compiled, and watched; with which files is noted."""
    begin_known(deployment)
    started_with = starting.files(deployment)
    made = Inspectors(deployment, inspector_of(deployment, watched=True))
    starting.note(deployment, started_with)
    return made


def worlds_of(deployment: Deployment, uses: KeyUses, inspectors: Inspectors) -> Callable[[], World]:
    """Makes snapshots of everything that decisions depend on.

    Detectors and settings are those of the start, and are compiled once. The directory is read each time; it names the version of
    the policies, which is compiled when it is another one: who may do what, and what happens to data. So people and policies of
    a snapshot are of one moment.
    """
    settings = deployment.settings
    gateway = settings.gateway
    pepper = deployment.pepper

    def authenticate(directory: Directory, secret: str, csrf: str | None, now: int) -> Identity:
        identity = identify(directory, pepper, secret, csrf, now)
        uses.note(identity.credential.id, now)
        return identity

    def of_certificate(directory: Directory, certificate: PeerCertificate, now: int) -> Identity:
        identity = certify(directory, pepper, certificate, now)
        uses.note(identity.credential.id, now)
        return identity

    plants = planter(deployment)
    who_is_mentioned = identifying(inspectors.present.kinds)
    begin_policies(deployment)
    fingerprints = Fingerprints(deployment.fingerprint_key)
    limits = Limits(
        body_bytes=settings.server.body_bytes,
        depth=gateway.depth,
        max_tokens=gateway.max_tokens,
        choices=gateway.choices,
        documents=settings.documents.per_request if settings.documents.enabled else 0,
        document_bytes=settings.documents.max_bytes,
    )

    def load() -> World:
        deployment.ring.evict()  # somebody may have been erased: what changed is not looked at
        directory = deployment.directory.load()
        policies = in_force(deployment, directory.policies)
        models = {model.name: _model(model, deployment) for model in settings.models}
        return World(
            directory=directory,
            decisions=MemoisedDecisionPoint(policies.point, directory),
            inspector=inspectors.of(policies),
            levels=deployment.levels,
            models=models,
            authenticate=authenticate,
            certify=of_certificate if settings.server.mutual_tls is not None else None,
            limits=limits,
            fingerprints=fingerprints,
            entropy=os.urandom,
            fields=FieldPolicy(UnknownFields(gateway.unknown_fields), frozenset(gateway.extra_fields)),
            answer_bytes=gateway.answer_bytes,
            include_hidden=settings.documents.include_hidden,
            purposes=policies.purposes,
            identifying=who_is_mentioned,
            planter=plants,
            isolation_warning=ISOLATION_WARNING if deployment.mode is Mode.NONE else "",
        )

    return load


def _model(model: ModelSection, deployment: Deployment) -> ModelDeployment:
    embedded, clearance = model.upstream.kind == "embedded", deployment.clearance(model)
    stands = standing(deployment, model) if embedded else Standing(model.name, "")
    return ModelDeployment(
        model.name,
        clearance=bounded(deployment, clearance, stands.ceiling) if stands.ceiling else clearance,
        operations=frozenset(_OPERATIONS[name] for name in model.operations),
        upstream_name=model.upstream.model,
        created_s=deployment.created_s,
        attested=embedded,
        refused=stands.refused,
        until_ms=stands.until_ms,
        isolated=deployment.mode is not Mode.NONE,
    )


def _services(deployment: Deployment, journal: Journal, worlds: WorldHolder, upstreams: dict[str, Upstream]) -> Services:
    reader = deployment.ledger
    models = deployment.settings.models

    def exchange(exchange_id: str) -> Resource:
        found = reader.summary(exchange_id)
        return exchange_resource(exchange_id, found, worlds.current.directory)

    desk = desk_of_worker(deployment, worlds)
    library = library_of_worker(deployment, worlds)
    return Services(
        worlds=worlds,
        memory=deployment.conversations,
        journal=journal,
        sealer=deployment.sealer,
        upstreams=upstreams,
        clock=now_ms,
        entropy=os.urandom,
        receipt=reader.receipt,
        checkpoint=reader.checkpoint,
        tile=deployment.tree.resource,
        exchange=exchange,
        held=desk.fetch,
        held_of=desk.own,
        find_release=deployment.reviews.released,
        read_document=functools.partial(deployment.extractor.extract, limits=deployment.settings.documents.limits()),
        kept=NamedDocuments(library),
        shelf=LibraryShelf(library),
        document_bytes=deployment.settings.documents.max_bytes,
        evaluating=Evaluating(
            putting(deployment), seeking(deployment), deployment.url, deployment.settings.server.body_timeout_s
        ),
        provisioning=_provisioning(deployment),
        model_health=[_health(deployment, model) for model in models if model.upstream.kind == "embedded"],
        ledger_verified=functools.partial(verified, deployment),
        ledger_health=lambda: journal.accepts() and can_write(deployment.places.state),
    )


def _provisioning(deployment: Deployment) -> Answering | None:
    """The SCIM endpoints, where a source is configured: their models take a second to import, and 40 MB."""
    if not deployment.settings.identity.scim:
        return None
    from wardstead.bootstrap.identity.provisioning import ProvisioningDesk
    from wardstead.gateway.server.provisioning import ScimEndpoints

    return ScimEndpoints(ProvisioningDesk(deployment), f"{deployment.url}{BASE}")


def exchange_resource(exchange_id: str, found: ExchangeSummary | None, directory: Directory) -> Resource:
    """An exchange as the decision point knows it: whose it is, and in which conversation."""
    if found is None:
        return Resource("Exchange", exchange_id)
    owner = next((one.id for one in directory.principals.values() if one.subject == found.subject), None)
    within = (Container("Conversation", found.conversation, owner),) if found.conversation else ()
    return Resource("Exchange", exchange_id, owner=owner, within=within)


def _health(deployment: Deployment, model: ModelSection) -> Callable[[], bool]:
    """Whether a model server is ready. One that may not serve is as it should be: that is told elsewhere."""
    path = deployment.places.sockets(model.name) / "model.sock"
    return lambda: launcher.health(path) or attested(deployment, model.name) == REFUSED
