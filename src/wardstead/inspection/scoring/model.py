"""The file of a trained score: parsed with bounds, or refused.

Layout, all little-endian: the magic and version (8 bytes), the length of the header (4 bytes), the header (JSON), for each head
its table of ``2 ** bits`` signed bytes, the SHA-256 of everything before. A weight is its byte times the head's scale.
"""

from __future__ import annotations

import math
from hashlib import sha256
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from wardstead.inspection.scoring.features import FEATURES
from wardstead.kernel.errors import IntegrityError

MAGIC: Final = b"WSSCORE\x01"
MOST_BITS: Final = 20
MOST_HEADS: Final = 32
MOST_HEADER_BYTES: Final = 64 * 1024
_DIGEST_BYTES: Final = 32


class BadModel(IntegrityError):
    """The bytes are not a model's, were altered, or were made for other features."""

    code = "bad_model"


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One score. Its probability is ``1 / (1 + exp(-(slope * score + intercept)))``; from ``threshold`` on it is a finding."""

    type: str
    bias: float
    scale: float
    slope: float
    intercept: float
    threshold: float


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the table of weights means."""

    name: str
    version: str
    category: str
    features: str
    """The features that it was trained on: ``FEATURES``."""
    bits: int
    heads: tuple[Head, ...]


class Model(msgspec.Struct, frozen=True):
    """A parsed model."""

    header: Header
    table: npt.NDArray[np.float32]
    """One row for each head."""
    digest: str


def read_model(data: bytes, where: str) -> Model:
    """The model in ``data``. ``where`` names the file. Raises ``BadModel``."""
    if len(data) < len(MAGIC) + 4 + _DIGEST_BYTES or not data.startswith(MAGIC):
        raise BadModel("these are no weights of a score", where=where, next_step="reinstall wardstead")
    body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if sha256(body).digest() != digest:
        raise BadModel("the weights were altered", where=where, why="their digest differs", next_step="reinstall wardstead")
    size = int.from_bytes(body[len(MAGIC) : len(MAGIC) + 4], "little")
    begin = len(MAGIC) + 4 + size
    if size > MOST_HEADER_BYTES or begin > len(body):
        raise BadModel("the header is too long", where=where)
    try:
        header = msgspec.json.decode(body[len(MAGIC) + 4 : begin], type=Header)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadModel("the header cannot be read", where=where, why=str(error)[:200]) from None
    _check(header, len(body) - begin, where)
    table = np.frombuffer(body, np.int8, offset=begin).reshape(len(header.heads), 1 << header.bits)
    scales = np.array([[head.scale] for head in header.heads], np.float32)
    return Model(header, table.astype(np.float32) * scales, sha256(data).hexdigest())


def _check(header: Header, size_bytes: int, where: str) -> None:
    if header.features != FEATURES:
        raise BadModel("the weights are for other features", where=where, next_step="train them anew: training/README.md")
    if not 8 <= header.bits <= MOST_BITS or not 1 <= len(header.heads) <= MOST_HEADS:
        raise BadModel("there are too many weights, or none", where=where)
    if size_bytes != len(header.heads) << header.bits:
        raise BadModel("the table of weights has the wrong size", where=where)
    if len({head.type for head in header.heads}) != len(header.heads):
        raise BadModel("two scores have the same name", where=where)
    for head in header.heads:
        numbers = (head.bias, head.scale, head.slope, head.intercept)
        if not all(map(math.isfinite, numbers)) or not 0 < head.threshold < 1:
            raise BadModel(f"the score {head.type!r} has no sound numbers", where=where)


def write_model(header: Header, table: npt.NDArray[np.int8]) -> bytes:
    """The file of a model: what ``read_model`` reads."""
    head = msgspec.json.encode(header)
    body = MAGIC + len(head).to_bytes(4, "little") + head + table.astype(np.int8).tobytes()
    return body + sha256(body).digest()
