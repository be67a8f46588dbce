"""Whether what is sent is encrypted, and how: every door of this deployment and everybody whom it asks, seen from outside."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from wardstead.adapters.tls_hello import POST_QUANTUM
from wardstead.adapters.tls_probe import Offer, Surface, probe
from wardstead.bootstrap.deployment import Deployment, now_ms
from wardstead.bootstrap.processes.model_servers import tls_to
from wardstead.bootstrap.processes.running import running
from wardstead.config.addresses import parse_upstream
from wardstead.config.database import parse_database
from wardstead.isolation.posture import State
from wardstead.kernel.clock import rfc3339

_FEW_DAYS: Final = 8
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to see to, and how."""

    state: State
    what: str
    next_step: str


@dataclass(frozen=True, slots=True)
class Transit:
    """A way, what it offers, and what was found. ``offer`` is ``None`` where there is no TLS to ask about."""

    name: str
    address: str
    offer: Offer | None
    findings: tuple[Finding, ...]

    @property
    def state(self) -> State:
        """The worst of what was found."""
        states = {one.state for one in self.findings}
        return next((one for one in (State.RED, State.AMBER) if one in states), State.GREEN)

    def document(self) -> dict[str, Any]:
        """As ``--json`` says it."""
        offer = self.offer
        said: dict[str, Any] = {"name": self.name, "address": self.address, "state": self.state.value, "tls": None}
        if offer is not None:
            held = offer.certificate
            certificate = held and {
                "subject": held.subject, "issuer": held.issuer, "names": list(held.names), "key": held.key,
                "fingerprint": held.fingerprint, "ends": rfc3339(held.not_after_ms), "days_left": held.days_left(now_ms()),
            }  # fmt: skip
            said["tls"] = {
                "versions": list(offer.versions), "cipher": offer.cipher, "key_exchange": offer.group,
                "post_quantum": offer.group in POST_QUANTUM, "certificate": certificate,
                "verified": not (offer.untrusted or offer.unreachable), "why": offer.untrusted or offer.unreachable,
            }  # fmt: skip
        return {**said, "findings": [asdict(one) for one in self.findings]}


def transits(deployment: Deployment) -> list[Transit]:
    """All ways, each asked now."""
    return [*_doors(deployment), *_models(deployment), *_database(deployment), *_elsewhere(deployment)]


def _doors(deployment: Deployment) -> Iterator[Transit]:
    server = deployment.settings.server
    if running(deployment) is None:
        return
    if server.tls == "off":
        finding = Finding(State.RED, "TLS is off", "set server.tls to on")
        yield Transit("clients and console", f"{server.host}:{server.port}", None, (finding,))
        return
    context = ssl.create_default_context(cafile=deployment.places.tls / "ca.crt")
    doors = [("clients and console", server.port)]
    if server.mutual_tls is not None:
        doors.append(("services", server.mutual_tls.port))
    for name, port in doors:
        yield _asked(Surface(name, deployment.local_host, port, context, deployment.local_host), ours=True)


def _models(deployment: Deployment) -> Iterator[Transit]:
    for model in deployment.settings.models:
        if model.upstream.kind == "embedded":
            continue
        address, name = parse_upstream(model.upstream.url, model.name), f"model {model.name}"
        if address.scheme == "https":
            context = tls_to(deployment, model.upstream)
            yield _asked(Surface(name, address.host, address.port, context, address.host))
        elif address.scheme == "http":
            yield _plain(name, address.authority, address.host)


def _database(deployment: Deployment) -> Iterator[Transit]:
    section = deployment.settings.database
    if section is None:
        return
    address = parse_database(section.url, "database.url")
    if address.by_socket or (address.on_this_machine and not section.ca_file):
        return
    context = _trusting(deployment, section.ca_file)
    yield _asked(Surface("database", address.host, address.port, context, address.host, postgresql=True))


def _elsewhere(deployment: Deployment) -> Iterator[Transit]:
    ledger = deployment.settings.ledger
    asked = [(f"witness {one.key.partition('+')[0]}", one.url, one.ca_file) for one in ledger.witnesses]
    asked += [(f"time stamps {one.name}", one.url, one.ca_file) for one in ledger.timestamps]
    asked += [(f"provider {one.id}", one.issuer, one.ca_file) for one in deployment.settings.identity.providers]
    for name, url, ca_file in asked:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "https":
            yield _asked(Surface(name, host, parts.port or 443, _trusting(deployment, ca_file), host))
        elif not name.startswith("time"):  # a token is believed for its signature, and says nothing secret
            yield _plain(name, parts.netloc, host)


def _trusting(deployment: Deployment, ca_file: str) -> ssl.SSLContext:
    path: Path | None = deployment.places.directory / ca_file if ca_file else None
    context = ssl.create_default_context(cafile=path)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _plain(name: str, address: str, host: str) -> Transit:
    if host in _HERE:
        return Transit(name, address, None, ())
    return Transit(name, address, None, (Finding(State.RED, "what is sent there is not encrypted", "use https"),))


def _asked(surface: Surface, *, ours: bool = False) -> Transit:
    offer = probe(surface)
    return Transit(surface.name, f"{surface.host}:{surface.port}", offer, tuple(findings(offer, now_ms(), ours=ours)))


def findings(offer: Offer, now: int, *, ours: bool) -> Iterator[Finding]:
    """What an offer lacks. ``ours``: the server is this deployment's."""
    if offer.unreachable:
        yield Finding(State.AMBER, f"it cannot be asked: {offer.unreachable}", "is it up, and the address right?")
        return
    if offer.untrusted:
        yield Finding(State.RED, f"no connection that verifies: {offer.untrusted}", "its authority, names, end, or TLS 1.3")
    if "TLSv1.2" in offer.versions:
        state = State.RED if ours else State.AMBER
        yield Finding(state, "it also speaks TLS 1.2", "switch it off there: this deployment asks for 1.3 alone")
    held = offer.certificate
    if held is not None and held.days_left(now) < _FEW_DAYS:
        yield Finding(State.AMBER, f"its certificate has {held.days_left(now)} days left", "'wardstead tls renew', or its owner")
    if offer.group and offer.group not in POST_QUANTUM:
        next_step = "'wardstead up --edge caddy'" if ours else "nothing here: its server decides"
        yield Finding(State.GREEN, f"key exchange {offer.group}: recorded today, it may be read by a quantum computer", next_step)
