"""A database server as it is set up."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine, text

from wardstead.adapters.store.transactions import explained

_STATE = text(
    "SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number, "
    "current_setting('fsync') = 'on' AS fsync, current_setting('full_page_writes') = 'on' AS full_page_writes, "
    "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser, "
    "coalesce((SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()), "
    "CASE WHEN inet_server_addr() IS NULL THEN 'a socket' ELSE 'this machine' END) AS transport, "
    "(SELECT count(*) FROM pg_stat_activity "
    "WHERE application_name LIKE 'wardstead %' AND datname = current_database()) AS gateways"
)


@dataclass(frozen=True, slots=True)
class Server:
    """``transport``: the version of TLS, or what needs none."""

    version: str
    number: int
    fsync: bool
    full_page_writes: bool
    superuser: bool
    transport: str
    gateways: int


def server_state(engine: Engine) -> Server:
    """Raises ``BackendError`` where it cannot be asked."""
    with explained(), engine.connect() as connection:
        return Server(*connection.execute(_STATE).one())
