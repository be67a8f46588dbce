"""Answers other applications' questions to the decision point (AuthZEN). Who asks needs a permit of their own for that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from wardstead.access.ports import AccessRequest, Decision, Identity, Resource
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.protocol import authzen_search
from wardstead.gateway.protocol.authzen import EVALUATION, EVALUATIONS, METADATA, MOST_BYTES, Question, answer, metadata, parse
from wardstead.gateway.protocol.authzen_search import Found, Search
from wardstead.gateway.server.bodies import read_whole
from wardstead.gateway.server.ports import Receive
from wardstead.kernel.errors import CallerError

CONSOLE: Final = Resource("Console", "wardstead")
PATHS: Final = frozenset({EVALUATION, EVALUATIONS, METADATA}) | authzen_search.PATHS

Put = Callable[[World, Question, int], AccessRequest]
"""A question as the gateway itself would put it, at a time in ms. Raises ``CallerError`` for what nobody knows. Blocks."""


Seek = Callable[[World, Search, int], Found]
"""A page of what there is to be found. Raises ``CallerError`` for circumstances that nobody knows. Blocks."""


_NOT_TOLD: Final = "it is labelled above what you, who ask, are cleared for: why they may not is not told"


_UNLABELLED: Final = frozenset({"Console", "Model", "Sink"})
"""Of these the label is what the question says: the policies that go by it tell nothing of ours."""


class MayNotAsk(CallerError):
    """Whoever asks may not ask about others."""

    code = "access_denied"


@dataclass(frozen=True, slots=True)
class Evaluating:
    """The endpoints. ``put`` and ``seek`` are wired by ``bootstrap``; ``base`` is this deployment's address."""

    put: Put
    seek: Seek
    base: str
    timeout_s: float

    def published(self) -> bytes:
        """What there is, for whoever looks."""
        return bytes(orjson.dumps(metadata(self.base)))

    async def evaluate(self, path: str, world: World, who: Identity, receive: Receive, now_ms: int) -> bytes:
        """The response to a request of ``who``. Raises ``MayNotAsk``, ``NoQuestion``."""
        may = world.decisions.decide(AccessRequest(who, "evaluateAccess", CONSOLE, now_ms=now_ms))
        if not may.allow:
            raise MayNotAsk(may.reason, next_step="use a key of somebody with the role application")
        if path in authzen_search.PATHS:
            search = authzen_search.parse(path, await read_whole(receive, MOST_BYTES, self.timeout_s))
            found = await asyncio.to_thread(self.seek, world, search, now_ms)
            return bytes(orjson.dumps(authzen_search.answer(search, found)))
        batch = parse(path, await read_whole(receive, MOST_BYTES, self.timeout_s))
        said = await asyncio.to_thread(lambda: answer(batch, self._decided(world, who, batch.questions, now_ms)))
        return bytes(orjson.dumps(said))

    def _decided(self, world: World, who: Identity, questions: Sequence[Question], now_ms: int) -> Iterator[Decision]:
        for question in questions:
            try:
                asked = self.put(world, question, now_ms)
                decision = world.decisions.decide(asked)
                told = decision.allow or who.principal.clearance.dominates(asked.label)
                yield decision if told else _withheld(decision, asked.resource)
            except CallerError as error:  # somebody, or something, that nobody knows: they may not
                yield Decision(allow=False, policies=(), reason=error.what, code=f"access.{error.code}")


def _withheld(decision: Decision, resource: Resource) -> Decision:
    """A denial without what would tell its label."""
    told = decision.policies if resource.type in _UNLABELLED else ()
    return replace(decision, reason=_NOT_TOLD, policies=told)
