"""A request to the SCIM endpoints and its answer, without SCIM's models, which take long to import: who needs them is few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import orjson

from wardstead.access.ports import Identity
from wardstead.gateway.protocol.errors import status_of
from wardstead.kernel.errors import WardsteadError

BASE: Final = "/scim/v2"
CONTENT_TYPE: Final = b"application/scim+json"
MOST_BYTES: Final = 4 << 20
_ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
_SCIM_TYPES: Final = {"name_taken": "uniqueness", "bad_name": "invalidValue", "roles_conflict": "invalidValue"}
_STATUS: Final = {"name_taken": 409}


@dataclass(frozen=True, slots=True)
class Call:
    """A request, read whole. ``path`` is below ``/scim/v2``."""

    method: str
    path: str
    query: str
    if_match: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Answering(Protocol):
    """The endpoints."""

    def answer(self, call: Call, who: Identity) -> Reply:
        """The answer to somebody who may provision. Raises ``Refused``, and ``WardsteadError``. Blocks."""
        ...


class Refused(Exception):
    """An answer that is an error (RFC 7644, section 3.12)."""

    def __init__(self, status: int, detail: str, scim_type: str | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.scim_type = status, detail, scim_type

    def reply(self) -> Reply:
        """As it is sent."""
        named = {"scimType": self.scim_type} if self.scim_type else {}
        body = orjson.dumps({"schemas": [_ERROR], "status": str(self.status), **named, "detail": self.detail})
        return Reply(self.status, body, ((b"www-authenticate", b"Bearer"),) if self.status == 401 else ())


def refused(error: WardsteadError) -> Refused:
    """The same error, as SCIM says it."""
    return Refused(_STATUS.get(error.code, status_of(error)), str(error), _SCIM_TYPES.get(error.code))
