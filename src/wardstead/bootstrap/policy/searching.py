"""Searches of other applications: each candidate is decided as it would be if it were asked about by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from wardstead.access.asking import kinds_of, request_of
from wardstead.access.filtering import Filter, Sample, Situation
from wardstead.access.memo import MemoisedDecisionPoint
from wardstead.access.pdp import ACTIONS
from wardstead.access.ports import Decision, Principal, Resource
from wardstead.assurance.library.kept import Kind
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.policy.asking import UnknownResource
from wardstead.bootstrap.policy.evaluating import PEOPLE, UnknownSubject, circumstance, resource_of, subject_of
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.protocol.authzen_search import Found, Search, Sought
from wardstead.gateway.server.evaluating import Seek
from wardstead.kernel.errors import CallerError
from wardstead.kernel.ids import PrincipalId
from wardstead.kernel.labels import PUBLIC, Label

MOST_ASKED = 2000
"""So many candidates are decided for one page: it may hold fewer than there are, and say where the next one goes on."""


_NOBODY = Principal(PrincipalId(""), "")
"""Whose conversations have no names: of a conversation that is searched about, the id is said."""


def seeking(deployment: Deployment) -> Seek:
    """How searches are answered in this deployment. What nobody knows, nobody may: the answer is empty."""

    def seek(world: World, search: Search, now_ms: int) -> Found:
        try:
            match search.sought:
                case Sought.SUBJECT:
                    return _subjects(deployment, world, search, now_ms)
                case Sought.RESOURCE:
                    return _resources(deployment, world, search, now_ms)
                case Sought.ACTION:
                    return _actions(deployment, world, search, now_ms)
        except (UnknownSubject, UnknownResource):
            return Found((), "")

    return seek


def _subjects(deployment: Deployment, world: World, search: Search, now_ms: int) -> Found:
    question = search.question
    if question.subject_type not in PEOPLE:
        raise UnknownSubject("nobody here is of that type")
    people = {one.name: one for one in world.directory.principals.values() if one.active}

    resource, label = resource_of(deployment, world, question, _NOBODY)
    at = circumstance(deployment, world, question, label, now_ms)

    def may(name: str) -> bool:
        return world.decisions.decide(request_of(people[name], question.action, resource, at)).allow

    return _page(sorted(name for name in people if name > search.after), search.limit, may)


def _actions(deployment: Deployment, world: World, search: Search, now_ms: int) -> Found:
    question = search.question
    who = subject_of(world.directory, question)
    fitting = sorted(one for one in ACTIONS if question.resource_type in kinds_of(one) and one > search.after)

    def may(action: str) -> bool:
        resource, label = resource_of(deployment, world, question, who)
        at = circumstance(deployment, world, question, label, now_ms)
        return world.decisions.decide(request_of(who, action, resource, at)).allow

    return _page(fitting, search.limit, may)


def _resources(deployment: Deployment, world: World, search: Search, now_ms: int) -> Found:
    """Models one by one, what people keep by one question to the database. Other types are not searched for."""
    question = search.question
    who = subject_of(world.directory, question)
    if question.resource_type not in kinds_of(question.action):
        raise UnknownResource("the action is not on that type")

    def decide(resource: Resource, label: Label) -> Decision:
        at = circumstance(deployment, world, question, label, now_ms)
        return world.decisions.decide(request_of(who, question.action, resource, at))

    if question.resource_type == "Model":
        names = sorted(name for name in world.models if name > search.after)
        return _page(
            names, search.limit, lambda name: decide(Resource("Model", name, world.models[name].clearance), PUBLIC).allow
        )
    if question.resource_type in set(Kind):
        rows = _filter(world, who)
        return _kept(deployment, search, rows, lambda samples: rows.permitted(samples, now_ms, lambda *one: decide(*one).allow))
    raise UnknownResource("this type is not searched for")


def _filter(world: World, who: Principal) -> Filter:
    point = world.decisions
    if not isinstance(point, MemoisedDecisionPoint):
        raise UnknownResource("there is no decision point that knows shares here")
    return point.rows_of(who)


def _kept(
    deployment: Deployment, search: Search, rows: Filter, permitted: Callable[[Iterable[Sample]], Sequence[Situation]]
) -> Found:
    kind, store = Kind(search.question.resource_type), deployment.resources
    seen = permitted(store.samples(kind, rows.names))
    found = store.page(kind, rows.names, seen, limit=search.limit + 1, after=search.after, oldest_first=True)
    ids = [one.id for one in found[: search.limit]]
    return Found(ids, ids[-1] if len(found) > search.limit else "")


def _page(candidates: Iterable[str], limit: int, may: Callable[[str], bool]) -> Found:
    found: list[str] = []
    asked, last = 0, ""
    for name in candidates:
        if len(found) == limit or asked == MOST_ASKED:
            return Found(found, last)
        asked, last = asked + 1, name
        if _permitted(name, may):
            found.append(name)
    return Found(found, "")


def _permitted(name: str, may: Callable[[str], bool]) -> bool:
    try:
        return may(name)
    except (UnknownSubject, UnknownResource):
        raise
    except CallerError:  # what there is not, or not for this action
        return False
