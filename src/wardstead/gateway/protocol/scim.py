"""SCIM 2.0's people and groups (RFC 7643), as this product keeps them, and its messages (RFC 7644): from bytes and back.

Of a person only that is taken which something here uses or shows; other attributes of the core schema are accepted and dropped:
what is not kept cannot leak. Entra ID and Okta send things that the standard does not have (a ``remove`` with a value, a filter
that fits nothing, ``"True"``): they are taken as they are meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final, TypeVar

import orjson
from pydantic import Field, ValidationError
from scim2_models import (
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    Context,
    Error,
    ETag,
    Extension,
    Filter,
    ListResponse,
    Meta,
    Mutability,
    Patch,
    PatchOp,
    Reference,
    Required,
    Resource,
    ResourceType,
    SCIMException,
    ScimPolicy,
    ScimProvider,
    SearchRequest,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)
from scim2_models.path import CompareOperator, Comparison
from scim2_models.urn import URN

from wardstead.access.provisioning import Described, GroupSaid, KeptGroup, KeptPerson, Sought
from wardstead.gateway.protocol.scim_call import Refused

PAGE: Final = 100
MOST_RESULTS: Final = 1000


class Name(ComplexAttribute):
    """What somebody is called."""

    formatted: str | None = None
    family_name: str | None = None
    given_name: str | None = None


class Email(ComplexAttribute):
    """An address of theirs."""

    value: str | None = None
    type: str | None = None
    primary: bool | None = None


class Membership(ComplexAttribute):
    """A group that somebody is in."""

    value: Annotated[str | None, Mutability.read_only] = None
    ref: Annotated[Reference[Group] | None, Mutability.read_only] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    display: Annotated[str | None, Mutability.read_only] = None


class User(Resource[Any]):
    """Somebody."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    name: Name | None = None
    display_name: str | None = None
    title: str | None = None
    user_type: str | None = None
    active: bool | None = None
    emails: list[Email] | None = None
    groups: Annotated[list[Membership] | None, Mutability.read_only] = None

    Name: ClassVar[type[ComplexAttribute]] = Name
    Emails: ClassVar[type[ComplexAttribute]] = Email
    Groups: ClassVar[type[ComplexAttribute]] = Membership


class EnterpriseUser(Extension):
    """Where somebody works."""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    employee_number: str | None = None
    cost_center: str | None = None
    organization: str | None = None
    division: str | None = None
    department: str | None = None


class GroupMember(ComplexAttribute):
    """Somebody in a group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    ref: Annotated[Reference[User] | None, Mutability.immutable] = Field(
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])


class Group(Resource[Any]):
    """A group; what it is worth here, the deployment's configuration says."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    members: list[GroupMember] | None = None

    Members: ClassVar[type[ComplexAttribute]] = GroupMember


Person: Final[type[User]] = User[EnterpriseUser]  # type: ignore[misc]  # the class makes another at run time
_PROVIDER: Final = ScimProvider(
    models=[User, EnterpriseUser, Group],
    resource_types=[ResourceType.from_resource(Person), ResourceType.from_resource(Group)],
    policy=ScimPolicy(
        unknown=ScimPolicy.Unknown.ignore,
        remove_value_as_filter=ScimPolicy.RemoveValue.apply,
        unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
    ),
)
_R = TypeVar("_R", bound=Resource[Any])
_T = TypeVar("_T")
_QUERY: Final = frozenset({"filter", "sortBy", "sortOrder", "startIndex", "count", "attributes", "excludedAttributes"})
_OURS: Final = frozenset({"id", "userName", "externalId", "meta", "groups"})
"""What is kept in columns of its own, or made when it is asked for."""
_ENTERPRISE: Final = {
    "employeeNumber": "employee_number",
    "costCenter": "cost_center",
    "organization": "organization",
    "division": "division",
    "department": "department",
}


def understood(read: Callable[[], _T]) -> _T:
    """What ``read`` reads. Raises ``Refused`` for what the standard, or its grammar, does not allow."""
    try:
        with _PROVIDER:
            return read()
    except ValidationError as error:
        first = Error.from_validation_errors(error)[0]
        raise Refused(first.status or 400, first.detail or "not acceptable", first.scim_type) from None
    except SCIMException as error:
        raise Refused(error.status, str(error), error.scim_type or None) from None


def query(model: type[_R], said: Mapping[str, str]) -> SearchRequest[_R]:
    """What a query string asks for."""
    kind: Any = SearchRequest.__class_getitem__(model)
    known = {name: value for name, value in said.items() if name in _QUERY}
    return understood(lambda: kind.model_validate(known, scim_ctx=Context.DEFAULT))


def sought(asked: SearchRequest[Any]) -> Sought:
    """What the store itself can look for: everything that the filter fits is among it."""
    node = asked.filter.ast if asked.filter is not None else None
    if isinstance(node, Comparison) and node.op is CompareOperator.eq and isinstance(node.value, str):
        named = str(node.attr_path).casefold()
        if named in {"username", "displayname"}:
            return Sought(name=node.value)
        if named == "externalid":
            return Sought(external_id=node.value)
    return Sought()


def page(asked: SearchRequest[_R], found: Sequence[_R], model: type[_R]) -> bytes:
    """The page of what was found that fits."""

    def made() -> bytes:
        fitting = [one for one in found if asked.filter is None or asked.filter.match(one)]
        fitting = asked.sort(fitting)
        begin = (asked.start_index or 1) - 1
        count = min(PAGE if asked.count is None else asked.count, MOST_RESULTS)
        shown = fitting[begin : begin + count]
        kind: Any = ListResponse.__class_getitem__(model)
        answer = kind(total_results=len(fitting), start_index=begin + 1, items_per_page=len(shown), resources=shown)
        return bytes(answer.model_dump_json(scim_ctx=Context.RESOURCE_QUERY_RESPONSE, response_parameters=asked).encode())

    return understood(made)


def sent(resource: Any, context: Context, asked: SearchRequest[Any] | None = None) -> bytes:
    """A resource, or a list of them, as it is sent."""
    return understood(lambda: bytes(resource.model_dump_json(scim_ctx=context, response_parameters=asked).encode()))


# -- people --------------------------------------------------------------------------------------------------------------


def read(model: type[_R], body: bytes, context: Context) -> _R:
    """A resource in a request's body."""
    return understood(lambda: model.model_validate_json(body, scim_ctx=context))


def patched(model: type[_R], body: bytes) -> Callable[[_R], _R]:
    """What the operations of a request's body make of a resource (RFC 7644, section 3.5.2)."""
    kind: Any = PatchOp.__class_getitem__(model)
    operations = understood(lambda: kind.model_validate_json(_as_meant(body), scim_ctx=Context.RESOURCE_PATCH_REQUEST))

    def apply(resource: _R) -> _R:
        made = resource.model_copy(deep=True)
        understood(lambda: operations.patch(made))
        return made

    return apply


def _as_meant(body: bytes) -> bytes:
    """Okta repeats a resource's id in an operation without a path: said again, it changes nothing."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    operations = said.get("Operations") if isinstance(said, dict) else None
    for one in operations if isinstance(operations, list) else ():
        if isinstance(one, dict) and not one.get("path") and isinstance(one.get("value"), dict):
            one["value"] = {name: value for name, value in one["value"].items() if name not in {"id", "schemas", "meta"}}
    return bytes(orjson.dumps(said))


def replaced(given: _R, original: _R) -> _R:
    """What is there after ``given`` was put in the place of ``original``."""
    made = given.model_copy(deep=True)
    understood(lambda: made.replace(original))
    return made


def person_of(kept: KeptPerson, base: str) -> User:
    """Somebody as SCIM sees them."""
    named = {"id": kept.id, "userName": kept.said.name, "externalId": kept.said.external_id or None}
    document = {**kept.said.document, **named}
    made: User = understood(lambda: Person.model_validate(document, scim_ctx=Context.DEFAULT))
    made.groups = [
        Membership(value=group, ref=Reference(f"{base}/Groups/{group}"), display=name) for group, name in kept.groups
    ] or None
    made.meta = _meta("User", f"{base}/Users/{kept.id}", kept)
    return made


def described(person: User, kept_before: KeptPerson | None = None) -> Described:
    """What a source says of somebody. Who was switched off stays so until it says otherwise."""
    document = person.model_dump(scim_ctx=Context.DEFAULT)
    kept = {name: value for name, value in document.items() if name not in _OURS}
    said = {"title": person.title, "userType": person.user_type}
    works = person[EnterpriseUser]
    if works is not None:
        said |= {name: getattr(works, field) for name, field in _ENTERPRISE.items()}
    facts = {name: value for name, value in said.items() if value}
    was = kept_before is None or kept_before.said.active
    active = was if person.active is None else person.active
    return Described(person.user_name or "", person.external_id or "", active, kept, facts)


def group_of(kept: KeptGroup, base: str) -> Group:
    """A group as SCIM sees it."""
    members = [GroupMember(value=one, ref=Reference(f"{base}/Users/{one}"), type="User") for one in sorted(kept.said.members)]
    return Group(
        id=kept.id, external_id=kept.said.external_id or None, display_name=kept.said.name, members=members or None,
        meta=_meta("Group", f"{base}/Groups/{kept.id}", kept),
    )  # fmt: skip


def group_said(group: Group, _kept_before: KeptGroup | None = None) -> GroupSaid:
    """What a source says of a group."""
    members = [one.value for one in group.members or ()]
    if any(one is None for one in members):
        raise Refused(400, "a member has a value: the id of somebody", "invalidValue")
    return GroupSaid(group.display_name or "", group.external_id or "", frozenset(one for one in members if one))


def _meta(kind: str, location: str, kept: KeptPerson | KeptGroup) -> Meta:
    return Meta(
        resource_type=kind, created=_time(kept.created_ms), last_modified=_time(kept.modified_ms), location=location,
        version=etag(kept.version),
    )  # fmt: skip


def etag(version: int) -> str:
    """A weak validator (RFC 7644, section 3.14)."""
    return f'W/"{version}"'


def _time(moment_ms: int) -> datetime:
    return datetime.fromtimestamp(moment_ms / 1000, UTC)


# -- what there is -------------------------------------------------------------------------------------------------------


def discovery(path: str, base: str) -> bytes | None:
    """``ServiceProviderConfig``, ``Schemas`` or ``ResourceTypes``, or one of the latter; ``None`` where there is nothing."""
    folder, _, name = path.partition("/")
    if path == "ServiceProviderConfig":
        return sent(_config(base), Context.RESOURCE_QUERY_RESPONSE)
    listed: Sequence[Resource[Any]]
    if folder == "Schemas":
        listed = [_located(one, f"{base}/Schemas/{one.id}", "Schema") for one in _PROVIDER.schemas]
    elif folder == "ResourceTypes":
        listed = [_located(one, f"{base}/ResourceTypes/{one.id}", "ResourceType") for one in _PROVIDER.resource_types]
    else:
        return None
    if name:
        found = next((one for one in listed if one.id == name), None)
        return sent(found, Context.RESOURCE_QUERY_RESPONSE) if found is not None else None
    kind: Any = ListResponse.__class_getitem__(type(listed[0]))
    answer = kind(total_results=len(listed), start_index=1, items_per_page=len(listed), resources=listed)
    return sent(answer, Context.RESOURCE_QUERY_RESPONSE)


def _located(one: _R, location: str, kind: str) -> _R:
    made = one.model_copy(deep=True)
    made.meta = Meta(resource_type=kind, location=location)
    return made


def _config(base: str) -> ServiceProviderConfig:
    scheme = AuthenticationScheme(
        type=AuthenticationScheme.Type.oauthbearertoken, name="API key", primary=True,
        description="An API key of a person with the role provisioner, as a bearer token",
    )  # fmt: skip
    return ServiceProviderConfig(
        patch=Patch(supported=True), bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MOST_RESULTS), change_password=ChangePassword(supported=False),
        sort=Sort(supported=True), etag=ETag(supported=True), authentication_schemes=[scheme],
        meta=Meta(resource_type="ServiceProviderConfig", location=f"{base}/ServiceProviderConfig"),
    )  # fmt: skip
