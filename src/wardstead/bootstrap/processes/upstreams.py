"""The ways to the model servers, each opened for as long as a worker lives."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.processes.model_servers import bearer_of, tls_to
from wardstead.config.addresses import Address, parse_upstream
from wardstead.config.sections import ModelSection
from wardstead.gateway.server.pool import Pool, Target
from wardstead.gateway.server.ports import Upstream
from wardstead.gateway.server.remote import RemoteUpstream


def open_upstream(opened: AsyncExitStack, deployment: Deployment, model: ModelSection) -> Upstream:
    """The way to a model's server; ``opened`` closes it."""
    upstream = model.upstream
    if upstream.kind == "embedded":
        address = Address("unix", path=str(deployment.places.sockets(model.name) / "model.sock"))
    else:
        address = parse_upstream(upstream.url, model.name)
    bearer, head_s = bearer_of(deployment, upstream), upstream.head_timeout_s
    if address.scheme == "https":
        url = f"https://{address.authority}"
        remote = RemoteUpstream(url, tls_to(deployment, upstream), bearer=bearer, head_timeout_s=head_s)
        opened.push_async_callback(remote.close)
        return remote
    if address.scheme == "unix":
        pool = Pool(Target(unix=opened.enter_context(reachable(Path(address.path))), bearer=bearer, head_timeout_s=head_s))
    else:
        pool = Pool(
            Target(host=address.host, port=address.port, authority=address.authority, bearer=bearer, head_timeout_s=head_s)
        )
    opened.callback(pool.close)
    return pool


@contextmanager
def reachable(path: Path) -> Iterator[str]:
    """An address for a unix socket: an address holds 107 bytes, so a long path is named through its folder, held open."""
    if len(str(path).encode()) < 100:
        yield str(path)
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
