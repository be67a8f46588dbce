"""What threads do now and then for as long as a deployment runs: one that ended would be missed by nobody."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy.exc import DatabaseError

from wardstead.kernel.errors import WardsteadError

log = logging.getLogger(__name__)


def attempt(step: Callable[[], object], failing: str) -> None:
    """Do it. What keeps it from being done now (a database, a disk, somebody elsewhere) is logged as ``failing``, and passes.

    Whoever calls tries again.
    """
    try:
        step()
    except (WardsteadError, DatabaseError, OSError) as error:
        said = error.diagnostics() if isinstance(error, WardsteadError) else {"error": type(error).__name__}
        log.warning(failing, extra={"fields": said})
