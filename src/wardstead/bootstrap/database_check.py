"""What the posture says of a database on a server."""

from __future__ import annotations

from wardstead.adapters.store.engine.server import Server, server_state
from wardstead.bootstrap.deployment import Deployment
from wardstead.isolation.posture import Check, State
from wardstead.kernel.errors import WardsteadError

_TITLE = "The database's server keeps what was committed"
_OLDEST = 140000


def database_checks(deployment: Deployment) -> list[Check]:
    """One, where there is such a server."""
    if not deployment.shared:
        return []
    try:
        found = server_state(deployment.engine)
    except WardsteadError as error:
        return [Check("database", _TITLE, State.RED, f"{error.what}: {error.why}", error.next_step)]
    return [_judged(found)]


def _judged(found: Server) -> Check:
    said = f"PostgreSQL {found.version}, {found.transport}; {found.gateways} sessions of gateways"
    if not (found.fsync and found.full_page_writes):
        return Check("database", _TITLE, State.RED, f"{said}; it does not sync its disk", "set fsync and full_page_writes to on")
    if found.number < _OLDEST:
        return Check("database", _TITLE, State.RED, f"{said}; too old", "PostgreSQL 14 or newer")
    if found.superuser:
        next_step = "give Wardstead a role of its own that owns its database and nothing else"
        return Check("database", _TITLE, State.AMBER, f"{said}; our role rules the whole server", next_step)
    return Check("database", _TITLE, State.GREEN, said)
