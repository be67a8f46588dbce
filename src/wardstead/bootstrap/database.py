"""Which database a deployment uses: the file in its folder, or PostgreSQL."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from wardstead.adapters.store.keys.key_files import read_secret
from wardstead.bootstrap.reading import present
from wardstead.config.database import DatabaseAddress, parse_database
from wardstead.config.sections import DatabaseSection
from wardstead.kernel.errors import ConfigurationError

PASSWORD_VARIABLE: Final = "WARDSTEAD_DATABASE_PASSWORD"  # noqa: S105 -- a name


def server_url(section: DatabaseSection, folder: Path, environment: Mapping[str, str]) -> URL:
    """The address of the database on a server, with all that a connection to it needs. Raises ``ConfigurationError``."""
    address = parse_database(section.url, "database.url")
    if importlib.util.find_spec("psycopg") is None:
        raise ConfigurationError(
            "PostgreSQL's driver is not installed", where="database.url", next_step="pip install 'wardstead[postgresql]'"
        )
    return URL.create(
        "postgresql",
        username=address.user,
        password=_password(section, folder, environment),
        database=address.name,
        query={"host": address.host, "port": str(address.port), **_transport(address, section, folder)},
    )


def _password(section: DatabaseSection, folder: Path, environment: Mapping[str, str]) -> str | None:
    said = environment.get(PASSWORD_VARIABLE)
    if said:
        return said
    return read_secret(folder / section.password_file).decode().strip() if section.password_file else None


def _transport(address: DatabaseAddress, section: DatabaseSection, folder: Path) -> dict[str, str]:
    """TLS 1.3 to a server whose certificate bears its name, wherever a network is crossed."""
    if address.by_socket or (address.on_this_machine and not section.ca_file):
        return {"sslmode": "disable"}
    if section.ca_file and not present(folder / section.ca_file):
        raise ConfigurationError("the authority of the database's certificate is missing", where=str(folder / section.ca_file))
    authority = str(folder / section.ca_file) if section.ca_file else "system"
    return {"sslmode": "verify-full", "sslrootcert": authority, "ssl_min_protocol_version": "TLSv1.3"}
