"""The part of the configuration file that says who vouches for people."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from wardstead.config.sections import LabelSection

Meta = msgspec.Meta


class GroupSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What members of a group of an identity provider, a SCIM client or a directory are here.

    ``member_of``: groups of the deployment, with which things are shared. ``attributes``: of ``access.yaml``, by name.
    """

    group: str
    roles: tuple[str, ...] = ()
    clearance: LabelSection | None = None
    member_of: tuple[str, ...] = ()
    attributes: dict[str, str | tuple[str, ...]] = {}


class StrengthSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a provider's word about how somebody signed in is worth here: all of ``amr``, and this ``acr`` where one is said.

    The words are the provider's own (some are in RFC 8176); ``means`` are those of ``context.strength``.
    """

    amr: tuple[str, ...] = ()
    acr: str = ""
    means: tuple[Literal["second-factor", "code", "passkey"], ...]


class ProviderSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OpenID Connect provider. Its groups decide, at each sign-in, about roles and clearance of its people.

    A clearance is that of the first of ``groups`` that fits and has one.
    """

    id: str
    title: str = ""
    """What the sign-in page calls it."""
    issuer: str
    client_id: str
    client_secret_file: str = ""
    """Without one this deployment is a public client, which PKCE alone protects."""
    ca_file: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    groups: tuple[GroupSection, ...]
    create: bool = True
    """Whether who signs in for the first time becomes known; else an administrator links people first."""
    max_age_s: Annotated[int, Meta(ge=0, le=86400)] | None = None
    """How long ago somebody may have proved to the provider who they are."""
    strength: tuple[StrengthSection, ...] = ()
    """Without any, a sign-in there is one with ``provider`` and no more."""
    acr_values: tuple[str, ...] = ()
    """What is asked of the provider where a session has to prove more, the preferred first."""


class ScimSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A client that provisions people and groups over SCIM, with a key of the person ``principal``.

    ``attributes``: by attribute of ``access.yaml``, what SCIM calls it. ``provider``: the id of the identity provider with which
    the same people sign in; ``link``: by what it is known who of them is who.
    """

    id: str
    principal: str
    groups: tuple[GroupSection, ...]
    attributes: dict[
        str, Literal["title", "userType", "department", "division", "organization", "costCenter", "employeeNumber"]
    ] = {}
    provider: str = ""
    link: Literal["external_id", "name", "none"] = "external_id"


class PasskeysSection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For which name passkeys are, and on pages of which origins they work: those of this deployment's address."""

    rp_id: str = ""
    """The host name, or a domain that it is in. Whoever changes it makes every passkey worthless."""
    origins: tuple[str, ...] = ()
    """As a browser writes them: ``https://llm.example.com``, with a port that is not the usual one."""


class DirectorySection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An LDAP directory from which people and groups are read. Who is not found by ``people_filter`` any more has left.

    ``attributes``: by attribute of ``access.yaml``, the directory's. ``member``: what holds a group's members, as ``member``
    does by distinguished name, or ``memberUid`` by name. ``provider`` and ``link`` as for SCIM.
    """

    id: str
    url: str
    start_tls: bool = True
    insecure: bool = False
    """Whether people and passwords may pass a network in the clear."""
    ca_file: str = ""
    bind_dn: str = ""
    password_file: str = ""
    people_base: str
    people_filter: str = "(objectClass=inetOrgPerson)"
    name: str = "uid"
    external_id: str = "entryUUID"
    groups_base: str = ""
    groups_filter: str = "(objectClass=groupOfNames)"
    group_name: str = "cn"
    member: str = "member"
    groups: tuple[GroupSection, ...]
    attributes: dict[str, str] = {}
    provider: str = ""
    link: Literal["external_id", "name", "none"] = "external_id"
    every_s: Annotated[int, Meta(ge=60, le=86400)] = 900
    timeout_s: Annotated[float, Meta(gt=0, le=600)] = 30
    sign_in: bool = False
    """Whether its people sign in to the console with their password there, which is tried at the directory and kept nowhere."""
    max_leavers_percent: Annotated[int, Meta(ge=0, le=100)] = 10
    """A reading by which more of its people would lose everything is not carried out."""


class IdentitySection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who vouches for people, passwords aside."""

    providers: tuple[ProviderSection, ...] = ()
    scim: tuple[ScimSection, ...] = ()
    passkeys: PasskeysSection = PasskeysSection()
    directories: tuple[DirectorySection, ...] = ()
