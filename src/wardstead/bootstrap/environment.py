"""What the environment says over the file of settings: how a command hands its flags on to the processes that it starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from wardstead.config.sections import EdgeSection
from wardstead.config.settings import Settings
from wardstead.isolation.plan import Mode
from wardstead.kernel.errors import ConfigurationError

ISOLATION: Final = "WARDSTEAD_ISOLATION"
PORT: Final = "WARDSTEAD_PORT"
EDGE: Final = "WARDSTEAD_EDGE"


def overridden(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """The settings with the environment's on top. Raises ``ConfigurationError`` for a value that means nothing."""
    server, isolation = settings.server, settings.isolation
    if port := environment.get(PORT):
        server = replace(server, port=_port(port))
    if (edge := environment.get(EDGE)) and server.edge is None:
        if edge != "caddy":
            raise ConfigurationError(f"there is no edge {edge[:20]!r}", where=EDGE, next_step="caddy")
        server = replace(server, edge=EdgeSection())
    if mode := environment.get(ISOLATION):
        if mode not in set(Mode):
            raise ConfigurationError(f"there is no isolation mode {mode[:20]!r}", where=ISOLATION, next_step=" or ".join(Mode))
        isolation = replace(isolation, mode=mode)
    return replace(settings, server=server, isolation=isolation)


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ConfigurationError(f"not a port: {text[:20]!r}", where=PORT, next_step="a number from 1 to 65535")
    return int(text)
