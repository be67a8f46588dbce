"""Documents that are kept here, as OpenAI's libraries know them: files, and vector stores for the collections that they are in.

Sources: OpenAI's API reference, "Files" and "Vector stores". Nothing is embedded here: a vector store is a collection by a
name that clients have. What is ours beside it stands under ``wardstead``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec

from wardstead.gateway.protocol.fields import BadField
from wardstead.gateway.protocol.forms import File, parse_upload

MOST_LISTED: Final = 1000
T = TypeVar("T")
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_FORM: Final = frozenset({"purpose", "collection", "label"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A document or a collection, as whoever asks may see it. ``files``: how many they see in a collection."""

    id: str
    name: str
    size_bytes: int
    created_ms: int
    label: str
    owner: str
    collection: str = ""
    warnings: tuple[str, ...] = ()
    files: int = 0


@dataclass(frozen=True, slots=True)
class Added:
    """A document that somebody sends."""

    file: File
    collection: str = ""
    label: str = ""
    purpose: str = "user_data"


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for."""

    limit: int = MOST_LISTED
    after: str = ""
    oldest_first: bool = False


class _Collection(msgspec.Struct, frozen=True):
    """What a vector store is made with; what is addressed to OpenAI's own service says nothing here."""

    name: _Name
    file_ids: Annotated[list[_Id], msgspec.Meta(max_length=100)] = []


class _Attach(msgspec.Struct, frozen=True):
    file_id: _Id


class _Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = MOST_LISTED
    after: Annotated[str, msgspec.Meta(max_length=64)] = ""
    order: Literal["asc", "desc"] = "desc"
    purpose: str = ""


def parse_file(content_type: str, body: bytes) -> Added:
    """A document in a form. Raises ``BadForm``, ``BadField``."""
    form = parse_upload(content_type, body)
    file = form.files.get("file")
    if file is None:
        raise BadField("is required", where="file")
    if unknown := sorted(form.fields.keys() - _FORM):
        raise BadField("is not a field of a file", where=unknown[0][:80])
    fields = form.fields
    return Added(file, fields.get("collection", ""), fields.get("label", ""), fields.get("purpose", "user_data")[:64])


def parse_collection(body: bytes) -> tuple[str, Sequence[str]]:
    """A collection's name, and what is to be put into it. Raises ``BadField``."""
    said = _read(body, _Collection)
    return said.name, said.file_ids


def parse_attach(body: bytes) -> str:
    """Which document is to be put into a collection. Raises ``BadField``."""
    return _read(body, _Attach).file_id


def parse_page(query: bytes) -> Page:
    """Which part of a list. Raises ``BadField``."""
    try:
        said = msgspec.convert(dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)), _Query, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise BadField("is not understood", where="query", why=str(error)[:200]) from None
    return Page(min(said.limit, MOST_LISTED), said.after, said.order == "asc")


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise BadField("is not understood", where="body", why=str(error)[:200]) from None


def file_object(one: Shown) -> dict[str, Any]:
    """As ``GET /v1/files/ID`` answers."""
    return {
        "id": one.id, "object": "file", "bytes": one.size_bytes, "created_at": one.created_ms // 1000, "filename": one.name,
        "purpose": "user_data", "status": "processed", "wardstead": _ours(one),
    }  # fmt: skip


def store_object(one: Shown) -> dict[str, Any]:
    """As ``GET /v1/vector_stores/ID`` answers."""
    counts = {"in_progress": 0, "completed": one.files, "failed": 0, "cancelled": 0, "total": one.files}
    return {
        "id": one.id, "object": "vector_store", "created_at": one.created_ms // 1000, "name": one.name, "status": "completed",
        "usage_bytes": one.size_bytes, "file_counts": counts, "last_active_at": one.created_ms // 1000, "metadata": {},
        "wardstead": _ours(one),
    }  # fmt: skip


def attached_object(one: Shown) -> dict[str, Any]:
    """As ``GET /v1/vector_stores/ID/files/ID`` answers."""
    return {
        "id": one.id, "object": "vector_store.file", "created_at": one.created_ms // 1000, "vector_store_id": one.collection,
        "status": "completed", "usage_bytes": one.size_bytes, "last_error": None, "wardstead": {**_ours(one), "name": one.name},
    }  # fmt: skip


def list_object(data: Sequence[Mapping[str, Any]], *, more: bool) -> dict[str, Any]:
    """A page of a list."""
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": list(data), "has_more": more, **ends}


def deleted_object(item: str, kind: str) -> dict[str, Any]:
    """That it is gone."""
    return {"id": item, "object": kind, "deleted": True}


def _ours(one: Shown) -> dict[str, Any]:
    return {"label": one.label, "owner": one.owner, "collection": one.collection or None, "warnings": list(one.warnings)}
