"""Where a PostgreSQL database is, and how safe the way to it has to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from wardstead.kernel.errors import ConfigurationError

_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_SHAPE: Final = "write it as postgresql://USER@HOST/DATABASE, or postgresql://USER@/DATABASE?host=/folder/of/the/socket"


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """``host``: a name, an address, or the folder of a socket."""

    user: str
    host: str
    port: int
    name: str

    @property
    def on_this_machine(self) -> bool:
        """What is sent there crosses no network."""
        return self.host.startswith("/") or self.host in _HERE

    @property
    def by_socket(self) -> bool:
        """Whether TLS is of no use."""
        return self.host.startswith("/")


def parse_database(url: str, where: str) -> DatabaseAddress:
    """Raises ``ConfigurationError`` for what is no address, holds a secret, or asks for less than verified TLS."""
    try:
        parts = urlsplit(url)
        port, given = parts.port or 5432, dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise ConfigurationError("not a database's address", where=where, next_step=_SHAPE) from None
    if parts.scheme != "postgresql":
        raise ConfigurationError("not a database's address", where=where, why="it begins with postgresql://", next_step=_SHAPE)
    if parts.password is not None:
        raise ConfigurationError(
            "a password in an address is read by whoever reads the file", where=where,
            next_step="put it into a file of its own (database.password_file), or into WARDSTEAD_DATABASE_PASSWORD",
        )  # fmt: skip
    if given.pop("sslmode", "verify-full") != "verify-full":
        raise ConfigurationError(
            "the server has to prove who it is",
            where=where,
            why="sslmode is verify-full, or nothing",
            next_step="leave sslmode out",
        )
    host, name = given.pop("host", parts.hostname or ""), unquote(parts.path).strip("/")
    if given:
        raise ConfigurationError(
            f"there is no setting {min(given)[:40]!r} in a database's address", where=where, next_step=_SHAPE
        )  # fmt: skip
    if not (host and name and parts.username) or "/" in name or "," in host:
        raise ConfigurationError("not a database's address", where=where, why="user, host and database", next_step=_SHAPE)
    return DatabaseAddress(unquote(parts.username), host, port, name)
