"""A worker gets ready for a version that is to be put in force, and says whether it could."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.detection.inspectors import Inspectors
from wardstead.bootstrap.policy.policies import in_force
from wardstead.kernel.errors import WardsteadError

log = logging.getLogger(__name__)
_LOOK_S: Final = 0.2


class ReadyWhenAsked:
    """A worker's answers."""

    def __init__(self, deployment: Deployment, inspectors: Inspectors, worker: str) -> None:
        """``worker``: the incarnation under which its journal is known."""
        self._deployment, self._inspectors, self._worker = deployment, inspectors, worker

    async def watch(self) -> None:
        """Get ready whenever somebody asks, for ever. What fails is tried again with the next look."""
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                await asyncio.to_thread(self.look)
            except WardsteadError as error:
                log.warning("nobody could be told whether this worker is ready", extra={"fields": error.diagnostics()})
            except Exception:
                log.exception("nobody could be told whether this worker is ready")

    def look(self) -> None:
        """Answer what is asked."""
        for ask, version in self._deployment.readiness.unanswered(self._worker):
            self._deployment.readiness.answer(ask, self._worker, self._refusal(version))

    def _refusal(self, version: str) -> WardsteadError | None:
        try:
            self._inspectors.prepare(in_force(self._deployment, version))
        except WardsteadError as error:
            fields = {"version": version, **error.diagnostics()}
            log.warning("this worker cannot get ready for a version", extra={"fields": fields})
            return error
        return None
