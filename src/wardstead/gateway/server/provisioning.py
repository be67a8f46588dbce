"""The SCIM endpoints: for which source somebody asks, and which method does what. The rest is ``gateway.protocol.scim``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import parse_qsl

from scim2_models import Context

from wardstead.access.ports import Identity
from wardstead.access.provisioning import Described, GroupSaid, KeptGroup, KeptPerson, Provisioning, Sought, Source
from wardstead.gateway.protocol import scim
from wardstead.gateway.protocol.scim import Group, Person, User
from wardstead.gateway.protocol.scim_call import Call, Refused, Reply

_K = TypeVar("_K", KeptPerson, KeptGroup)
_S = TypeVar("_S", Described, GroupSaid)
_R = TypeVar("_R", User, Group)


@dataclass(frozen=True, slots=True)
class _Kind(Generic[_K, _S, _R]):
    """People or groups: how they are shown and read, and what the store does with them."""

    endpoint: str
    model: type[_R]
    shown: Callable[[_K, str], _R]
    said: Callable[[_R, _K | None], _S]
    listed: Callable[[Sought], Sequence[_K]]
    one: Callable[[str], _K]
    create: Callable[[_S], _K]
    change: Callable[[str, Callable[[_K], _S]], _K]
    remove: Callable[[str, Callable[[_K], object]], None]


@dataclass(frozen=True, slots=True)
class ScimEndpoints:
    """``Answering`` over wired provisioning; ``base``: this deployment's address of them."""

    provisioning: Provisioning
    base: str

    def answer(self, call: Call, who: Identity) -> Reply:
        """See ``Answering.answer``."""
        source = self.provisioning.source_of(who.principal)
        if source is None:
            raise Refused(403, "no source in 'identity.scim' has you as its principal")
        kind, _, one = call.path.strip("/").partition("/")
        if kind == "Users" and "/" not in one:
            return _answer(self._users(source, who), call, one, self.base)
        if kind == "Groups" and "/" not in one:
            return _answer(self._groups(source, who), call, one, self.base)
        if call.path in {"Bulk", "Me", ".search"}:
            raise Refused(501, "this is not supported: /ServiceProviderConfig says what is")
        found = scim.discovery(call.path.strip("/"), self.base)
        if found is None:
            raise Refused(404, "there is nothing at this path")
        _require(call, "GET")
        return Reply(200, found)

    def _users(self, source: Source, who: Identity) -> _Kind[KeptPerson, Described, User]:
        desk, by = self.provisioning, who.principal
        return _Kind(
            "Users", Person, scim.person_of, scim.described, lambda sought: desk.people(source, sought),
            lambda key: desk.person(source, key), lambda said: desk.create_person(source, said, by),
            lambda key, change: desk.change_person(source, key, change, by),
            lambda key, check: desk.remove_person(source, key, check, by),
        )  # fmt: skip

    def _groups(self, source: Source, who: Identity) -> _Kind[KeptGroup, GroupSaid, Group]:
        desk, by = self.provisioning, who.principal
        return _Kind(
            "Groups", Group, scim.group_of, scim.group_said, lambda sought: desk.groups(source, sought),
            lambda key: desk.group(source, key), lambda said: desk.create_group(source, said, by),
            lambda key, change: desk.change_group(source, key, change, by),
            lambda key, check: desk.remove_group(source, key, check, by),
        )  # fmt: skip


def _answer(kind: _Kind[_K, _S, _R], call: Call, key: str, base: str) -> Reply:
    return _one(kind, call, key, base) if key else _all(kind, call, base)


def _all(kind: _Kind[_K, _S, _R], call: Call, base: str) -> Reply:
    _require(call, "GET", "POST")
    asked = scim.query(kind.model, dict(parse_qsl(call.query)))
    if call.method == "GET":
        found = [kind.shown(one, base) for one in kind.listed(scim.sought(asked))]
        return Reply(200, scim.page(asked, found, kind.model))
    made = kind.create(kind.said(scim.read(kind.model, call.body, Context.RESOURCE_CREATION_REQUEST), None))
    body = scim.sent(kind.shown(made, base), Context.RESOURCE_CREATION_RESPONSE, asked)
    location = (b"location", f"{base}/{kind.endpoint}/{made.id}".encode())
    return Reply(201, body, (location, _etag(made)))


def _one(kind: _Kind[_K, _S, _R], call: Call, key: str, base: str) -> Reply:
    _require(call, "GET", "PUT", "PATCH", "DELETE")
    asked = scim.query(kind.model, dict(parse_qsl(call.query)))
    if call.method == "DELETE":
        kind.remove(key, lambda kept: _require_version(call, kept))
        return Reply(204)
    if call.method == "GET":
        found = kind.one(key)
        return Reply(200, scim.sent(kind.shown(found, base), Context.RESOURCE_QUERY_RESPONSE, asked), (_etag(found),))
    becomes, context = _change(kind, call)

    def change(kept: _K) -> _S:
        _require_version(call, kept)
        return kind.said(becomes(kind.shown(kept, base)), kept)

    made = kind.change(key, change)
    return Reply(200, scim.sent(kind.shown(made, base), context, asked), (_etag(made),))


def _change(kind: _Kind[_K, _S, _R], call: Call) -> tuple[Callable[[_R], _R], Context]:
    if call.method == "PATCH":
        return scim.patched(kind.model, call.body), Context.RESOURCE_PATCH_RESPONSE
    given = scim.read(kind.model, call.body, Context.RESOURCE_REPLACEMENT_REQUEST)
    return lambda original: scim.replaced(given, original), Context.RESOURCE_REPLACEMENT_RESPONSE


def _require(call: Call, *methods: str) -> None:
    if call.method not in methods:
        raise Refused(405, f"this path takes {', '.join(methods)}")


def _require_version(call: Call, kept: KeptPerson | KeptGroup) -> None:
    """RFC 9110, section 13.1.1: whoever changes what they have seen says which version that was."""
    said = {one.strip() for one in call.if_match.split(",") if one.strip()}
    if said and "*" not in said and scim.etag(kept.version) not in said:
        raise Refused(412, "it has been changed since")


def _etag(kept: KeptPerson | KeptGroup) -> tuple[bytes, bytes]:
    return b"etag", scim.etag(kept.version).encode()
