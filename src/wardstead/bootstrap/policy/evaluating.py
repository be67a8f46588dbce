"""Questions of other applications, put as the gateway itself would put them: what we know of a resource is ours to say."""

from __future__ import annotations

from wardstead.access.asking import CONSOLE, RESOURCES, Circumstance, request_of
from wardstead.access.ports import AccessRequest, Directory, Principal, Resource
from wardstead.assurance.library.kept import Kind
from wardstead.bootstrap.deployment import Deployment
from wardstead.bootstrap.kept.sharing import found_conversation, found_exchange, found_kept
from wardstead.bootstrap.policy.asking import UnknownResource, written_label
from wardstead.bootstrap.policy.sinks import sink
from wardstead.gateway.pipeline.world import World
from wardstead.gateway.protocol.authzen import Question
from wardstead.gateway.server.evaluating import Put
from wardstead.kernel.errors import CallerError
from wardstead.kernel.labels import PUBLIC, Label

PEOPLE = frozenset({"user", "identity", "person"})


class UnknownSubject(CallerError):
    """Nobody here is called that."""

    code = "unknown_subject"


class UnknownPurpose(CallerError):
    """A purpose that is not registered."""

    code = "unknown_purpose"


def putting(deployment: Deployment) -> Put:
    """How questions are put in this deployment."""

    def put(world: World, question: Question, now_ms: int) -> AccessRequest:
        who = subject_of(world.directory, question)
        resource, label = resource_of(deployment, world, question, who)
        return request_of(who, question.action, resource, circumstance(deployment, world, question, label, now_ms))

    return put


def circumstance(deployment: Deployment, world: World, question: Question, label: Label, now_ms: int) -> Circumstance:
    """When, from where and what for, about data with this label at least. Raises ``UnknownPurpose``, ``BadValue``."""
    if question.purpose and world.purposes is not None and question.purpose not in world.purposes:
        raise UnknownPurpose("the purpose is not registered in access.yaml")
    signed_in_ms = now_ms - question.signed_in_s * 1000 if question.signed_in_s is not None else None
    return Circumstance(
        now_ms, label.join(written_label(deployment, question.label) if question.label else PUBLIC),
        question.purpose, question.application, question.address, signed_in_ms,
    )  # fmt: skip


def subject_of(directory: Directory, question: Question) -> Principal:
    for one in directory.principals.values():
        if question.subject_type in PEOPLE and question.subject in {one.id, one.name}:
            return one
    raise UnknownSubject("nobody here is called that")


def resource_of(deployment: Deployment, world: World, question: Question, who: Principal) -> tuple[Resource, Label]:
    """What is known of it, and the label of its data: nothing of it is taken from the question."""
    kind, name = question.resource_type, question.resource
    if kind == "Console" and RESOURCES.get(question.action, "Console") == "Console":
        return CONSOLE, PUBLIC
    if kind == "Model" and name in world.models:
        return Resource("Model", name, clearance=world.models[name].clearance), PUBLIC
    if kind == "Sink":
        return sink(deployment, deployment.access_rules(), name), PUBLIC
    if kind == "Exchange":
        return found_exchange(deployment, name, world.directory.principals.values())
    if kind == "Conversation":
        return found_conversation(deployment, name, who, world.directory.principals.values())
    if kind in set(Kind):
        return found_kept(deployment, Kind(kind), name)
    raise UnknownResource("there is no such resource")
