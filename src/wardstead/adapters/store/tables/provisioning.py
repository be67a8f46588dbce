"""Whom the sources made, their groups, and how the last synchronisation went."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from wardstead.adapters.store.base import metadata

provisioned_person = Table(
    "provisioned_person",
    metadata,
    Column("id", String(36), ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
    Column("source", String(32), nullable=False),
    Column("name", String(128), nullable=False),
    Column("name_key", String(128), nullable=False),
    Column("external_id", String(255), nullable=False),
    Column("active", Boolean, nullable=False),
    Column("gone", Boolean, nullable=False),
    Column("document", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
)
"""``gone``: the source has removed them; what they did here stays theirs, so the person stays. ``name_key``: without case."""
Index("ix_provisioned_person_source_name_key", provisioned_person.c.source, provisioned_person.c.name_key)
Index("ix_provisioned_person_source_external_id", provisioned_person.c.source, provisioned_person.c.external_id)

provisioned_group = Table(
    "provisioned_group",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("source", String(32), nullable=False),
    Column("name", String(255), nullable=False),
    Column("external_id", String(255), nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
)
"""What a group is worth here, the configuration says, by its ``name``."""
Index("ix_provisioned_group_source_name", provisioned_group.c.source, provisioned_group.c.name, unique=True)

provisioned_member = Table(
    "provisioned_member",
    metadata,
    Column("provisioned_group", String(36), ForeignKey("provisioned_group.id", ondelete="CASCADE"), primary_key=True),
    Column("person", String(36), ForeignKey("provisioned_person.id", ondelete="CASCADE"), primary_key=True),
)
Index("ix_provisioned_member_person", provisioned_member.c.person)

synchronisation = Table(
    "synchronisation",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("tried_ms", BigInteger, nullable=False),
    Column("succeeded_ms", BigInteger, nullable=True),
    Column("problem", Text, nullable=False),
    Column("people", Integer, nullable=False),
)
"""Of each directory that is read: when that was tried, when it went well, and what was wrong (empty: nothing)."""
