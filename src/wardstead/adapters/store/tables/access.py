"""The tables of what people have for a time, or from one another: roles with an end, attributes, groups, shares, elevation."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from wardstead.adapters.store.base import metadata

_PERSON = "principal.id"

timed_role = Table(
    "timed_role",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("principal", String(36), ForeignKey(_PERSON, ondelete="CASCADE"), nullable=False),
    Column("role", String(64), nullable=False),
    Column("from_ms", BigInteger, nullable=True),
    Column("until_ms", BigInteger, nullable=True),
)
"""Roles with a beginning or an end; those without are in ``role_member``."""
Index("ix_timed_role_principal", timed_role.c.principal)

attribute = Table(
    "attribute",
    metadata,
    Column("principal", String(36), ForeignKey(_PERSON, ondelete="CASCADE"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("value", String(128), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("expires_ms", BigInteger, nullable=True),
)
"""What is known of people: one row for each value. ``source``: who says so."""

people_group = Table("people_group", metadata, Column("name", String(64), primary_key=True))

group_member = Table(
    "group_member",
    metadata,
    Column("people_group", String(64), ForeignKey("people_group.name", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("member", String(64), primary_key=True),
)
"""``kind`` is ``principal`` (``member`` is an id) or ``group`` (a name). No group is in itself, however far round."""

share = Table(
    "share",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("resource_type", String(32), nullable=False),
    Column("resource_id", String(64), nullable=False),
    Column("grantee_kind", String(16), nullable=False),
    Column("grantee", String(64), nullable=False),
    Column("rights", String(64), nullable=False),
    Column("depth", Integer, nullable=False),
    Column("granted_by", String(36), ForeignKey(_PERSON, ondelete="CASCADE"), nullable=False),
    Column("parent", String(36), ForeignKey("share.id", ondelete="CASCADE"), nullable=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=True),
)
"""Rights that somebody gave; taken back, a row and all that were given by it are gone."""
Index("ix_share_parent", share.c.parent)

elevation = Table(
    "elevation",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("principal", String(36), ForeignKey(_PERSON, ondelete="CASCADE"), nullable=False),
    Column("role", String(64), nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("requested_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("decided_by", String(36), nullable=True),
    Column("decided_ms", BigInteger, nullable=True),
)
"""Roles that people asked for: ``open``, ``approved`` or ``refused``."""
