"""Serves what is kept here under ``/v1/files``, ``/v1/vector_stores`` and ``/v1/templates``. The shelf decides who may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import quote

import orjson

from wardstead.access.ports import Identity
from wardstead.gateway.protocol import files
from wardstead.gateway.protocol.files import Added, Page, Shown
from wardstead.gateway.protocol.templates import Made, parse_made, template_object
from wardstead.gateway.server.bodies import read_whole
from wardstead.gateway.server.doors import Crowd
from wardstead.gateway.server.ports import Receive
from wardstead.gateway.server.workshop import Workshop
from wardstead.kernel.errors import CallerError

_FORM_BYTES: Final = 64 * 1024
"""What a form has beside its file."""
_TEMPLATE_BYTES: Final = 1 << 20


class NoSuchPath(CallerError):
    """There is nothing at this path."""

    code = "not_found"


class NotLikeThis(CallerError):
    """The path exists, the method does not."""

    code = "method_not_allowed"

    def __init__(self, allowed: str) -> None:
        """``allowed``: what the ``allow`` header says (RFC 9110, section 15.5.6)."""
        super().__init__(f"this path takes {allowed}")
        self.allowed = allowed


class Shelf(Protocol):
    """What is kept, for one person at a time. Blocks. Raises ``WardsteadError``."""

    def upload(self, who: Identity, added: Added) -> Shown:
        """Keep a document: it is read and labelled first."""
        ...

    def files(self, who: Identity, page: Page, collection: str = "") -> Sequence[Shown]:
        """Those that they may read."""
        ...

    def file(self, who: Identity, item: str) -> Shown:
        """One of them."""
        ...

    def content(self, who: Identity, item: str) -> tuple[Shown, bytes]:
        """As it came. Reading somebody else's is recorded first."""
        ...

    def delete_file(self, who: Identity, item: str) -> None:
        """For good."""
        ...

    def create_collection(self, who: Identity, name: str, file_ids: Sequence[str]) -> Shown:
        """A new one, with these in it."""
        ...

    def collections(self, who: Identity, page: Page) -> Sequence[Shown]:
        """Those that they may read."""
        ...

    def collection(self, who: Identity, item: str) -> Shown:
        """One of them."""
        ...

    def delete_collection(self, who: Identity, item: str) -> None:
        """For good; its documents stay."""
        ...

    def create_template(self, who: Identity, made: Made) -> tuple[Shown, str]:
        """Keep a template, labelled by what is in it; with its text."""
        ...

    def templates(self, who: Identity, page: Page) -> Sequence[Shown]:
        """Those that they may read."""
        ...

    def template(self, who: Identity, item: str) -> tuple[Shown, str]:
        """One of them, with its text. Reading somebody else's is recorded first."""
        ...

    def delete_template(self, who: Identity, item: str) -> None:
        """For good."""
        ...

    def move(self, who: Identity, item: str, collection: str) -> Shown:
        """Put a document into a collection, or (empty) take it out."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. ``who`` is known by now; their body is not read."""

    method: str
    parts: tuple[str, ...]
    query: bytes
    content_type: str
    who: Identity
    receive: Receive


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered with 200."""

    body: bytes
    content_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Files:
    """The endpoints. ``most_bytes``: of one document; ``readers``: where documents are read, one at a time for each person."""

    shelf: Shelf
    readers: Workshop
    crowd: Crowd
    most_bytes: int
    timeout_s: float

    async def serve(self, asked: Asked) -> Reply:
        """Answer it. Raises ``WardsteadError``."""
        match asked.parts:
            case ("files", *rest):
                return await self._files(asked, rest)
            case ("vector_stores", *rest):
                return await self._stores(asked, rest)
            case ("templates", *rest):
                return await self._templates(asked, rest)
        raise NoSuchPath("there is nothing at this path")

    async def _files(self, asked: Asked, rest: list[str]) -> Reply:
        who, shelf = asked.who, self.shelf
        match (asked.method, *rest):
            case ("POST",):
                added = files.parse_file(asked.content_type, await self._body(asked, self.most_bytes + _FORM_BYTES))
                return _json(files.file_object(await self._work(who, partial(shelf.upload, who, added))))
            case ("GET",):
                return await self._list(asked, partial(shelf.files, who), files.file_object)
            case ("GET", item):
                return _json(files.file_object(await asyncio.to_thread(shelf.file, who, item)))
            case ("GET", item, "content"):
                shown, data = await asyncio.to_thread(shelf.content, who, item)
                return _download(shown, data)
            case ("DELETE", item):
                await asyncio.to_thread(shelf.delete_file, who, item)
                return _json(files.deleted_object(item, "file"))
            case (_,):
                raise NotLikeThis("GET, POST")
            case (_, _):
                raise NotLikeThis("GET, DELETE")
            case (_, _, "content"):
                raise NotLikeThis("GET")
        raise NoSuchPath("there is nothing at this path")

    async def _stores(self, asked: Asked, rest: list[str]) -> Reply:
        who, shelf = asked.who, self.shelf
        match (asked.method, *rest):
            case ("POST",):
                name, items = files.parse_collection(await self._body(asked, _FORM_BYTES))
                return _json(files.store_object(await asyncio.to_thread(shelf.create_collection, who, name, items)))
            case ("GET",):
                return await self._list(asked, partial(shelf.collections, who), files.store_object)
            case ("GET", item):
                return _json(files.store_object(await asyncio.to_thread(shelf.collection, who, item)))
            case ("DELETE", item):
                await asyncio.to_thread(shelf.delete_collection, who, item)
                return _json(files.deleted_object(item, "vector_store"))
            case (_, item, "files", *inside):
                return await self._inside(asked, item, inside)
            case (_,):
                raise NotLikeThis("GET, POST")
            case (_, _):
                raise NotLikeThis("GET, DELETE")
        raise NoSuchPath("there is nothing at this path")

    async def _templates(self, asked: Asked, rest: list[str]) -> Reply:
        who, shelf = asked.who, self.shelf
        match (asked.method, *rest):
            case ("POST",):
                made = parse_made(await self._body(asked, _TEMPLATE_BYTES))
                return _json(template_object(*await asyncio.to_thread(shelf.create_template, who, made)))
            case ("GET",):
                return await self._list(asked, partial(shelf.templates, who), template_object)
            case ("GET", item):
                return _json(template_object(*await asyncio.to_thread(shelf.template, who, item)))
            case ("DELETE", item):
                await asyncio.to_thread(shelf.delete_template, who, item)
                return _json(files.deleted_object(item, "template"))
            case (_,):
                raise NotLikeThis("GET, POST")
            case (_, _):
                raise NotLikeThis("GET, DELETE")
        raise NoSuchPath("there is nothing at this path")

    async def _inside(self, asked: Asked, store: str, rest: list[str]) -> Reply:
        who, shelf = asked.who, self.shelf
        match (asked.method, *rest):
            case ("POST",):
                item = files.parse_attach(await self._body(asked, _FORM_BYTES))
                return _json(files.attached_object(await asyncio.to_thread(shelf.move, who, item, store)))
            case ("GET",):
                return await self._list(asked, partial(shelf.files, who, collection=store), files.attached_object)
            case ("GET", item):
                return _json(files.attached_object(await asyncio.to_thread(self._in, who, item, store)))
            case ("DELETE", item):
                await asyncio.to_thread(self._take_out, who, item, store)
                return _json(files.deleted_object(item, "vector_store.file"))
            case (_,):
                raise NotLikeThis("GET, POST")
            case (_, _):
                raise NotLikeThis("GET, DELETE")
        raise NoSuchPath("there is nothing at this path")

    def _in(self, who: Identity, item: str, store: str) -> Shown:
        found = self.shelf.file(who, item)
        if found.collection != store:
            raise NoSuchPath("there is no such document in this collection")
        return found

    def _take_out(self, who: Identity, item: str, store: str) -> None:
        self._in(who, item, store)
        self.shelf.move(who, item, "")

    async def _list(
        self, asked: Asked, find: Callable[[Page], Sequence[Shown]], form: Callable[[Shown], Mapping[str, Any]]
    ) -> Reply:
        page = files.parse_page(asked.query)
        found = await asyncio.to_thread(find, Page(page.limit + 1, page.after, page.oldest_first))
        shown = [form(one) for one in found[: page.limit]]
        return _json(files.list_object(shown, more=len(found) > page.limit))

    async def _body(self, asked: Asked, limit: int) -> bytes:
        return await read_whole(asked.receive, limit, self.timeout_s)

    async def _work(self, who: Identity, work: Callable[[], Shown]) -> Shown:
        self.crowd.enter(who.principal.id)
        try:
            done: Shown = await self.readers.do(who.principal.id, work, _nothing)
        finally:
            self.crowd.leave(who.principal.id)
        return done


def _nothing() -> None:
    """Whoever sent a document may leave: it is kept all the same."""


def _json(value: Mapping[str, Any]) -> Reply:
    return Reply(orjson.dumps(value))


def _download(one: Shown, data: bytes) -> Reply:
    """Never to be shown in our own origin: it is somebody's document."""
    headers = (
        (b"content-disposition", f"attachment; filename*=UTF-8''{quote(one.name, safe='')}".encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"wardstead-label", one.label.encode()),
    )
    return Reply(data, b"application/octet-stream", headers)
