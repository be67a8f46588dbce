"""Asking a witness to cosign a checkpoint (https://c2sp.org/tlog-witness), as values: what to send, and what an answer means.

A witness remembers the last checkpoint that it cosigned, so its refusal is news: either this ledger, or whoever signs in its
name, has shown somebody another history. That is told apart from a witness that is down, or does not know this ledger.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from wardstead.crypto.merkle import Node, consistency_proof
from wardstead.crypto.signing import WitnessKey, cosigned_s
from wardstead.kernel.encoding import canonical_json
from wardstead.kernel.errors import IntegrityError
from wardstead.ledger.proof import KeyEntry, key_documents

ADD_CHECKPOINT, ADD_KEYS = "add-checkpoint", "add-keys"
"""What a witness is asked. The second is ours alone: others trust another key when their people say so."""
MOST_CHANGES = 16
"""A request has a largest size."""
UNKNOWN_KEY = 403
_SIZE_TYPE = "text/x.tlog.size"
_SIZE_CHARACTERS = 20


class Standing(StrEnum):
    """How this ledger stands with a witness."""

    COSIGNED = "cosigned"
    DOWN = "down"
    """It does not answer, or cannot keep anything: it is asked again."""
    REFUSED = "refused"
    """It does not know this ledger or its key, or takes the request for none: somebody has to set it up."""
    SPLIT = "split"
    """It has cosigned what this ledger does not extend: somebody was shown another history."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a witness answered. Status 0: nothing."""

    status: int
    content_type: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The checkpoint with the witness's signature below, and when it made it, in seconds since the epoch."""

    note: str
    at_s: int


@dataclass(frozen=True, slots=True)
class Again:
    """The witness had cosigned another size than we thought: prove it from there."""

    old: int


@dataclass(frozen=True, slots=True)
class Refused:
    """It did not cosign."""

    standing: Standing
    why: str


def request_body(old: int, size: int, note: str, node: Node) -> bytes:
    """The body of ``add-checkpoint``: from the tree of ``old`` leaves to that of the checkpoint."""
    proof = "".join(f"{b64encode(one).decode()}\n" for one in consistency_proof(old, size, node))
    return f"old {old}\n{proof}\n{note}".encode()


def keys_body(old: int, size: int, note: str, node: Node, changes: Sequence[KeyEntry]) -> bytes:
    """The body of ``add-keys``: the same, and the changes of the ledger's key that lead to the one that signed it."""
    proof = [b64encode(one).decode() for one in consistency_proof(old, size, node)]
    keys = key_documents(changes[-MOST_CHANGES:], size, node)
    return canonical_json({"old": old, "proof": proof, "keys": keys, "checkpoint": note})


def judge(reply: Reply, *, old: int, size: int, note: str, witness: WitnessKey) -> Cosigned | Again | Refused:
    """What an answer to the checkpoint of ``size`` leaves means, which was said to extend that of ``old``."""
    match reply.status:
        case 200:
            return _cosigned(reply.body, note, witness)
        case 409 if reply.content_type.partition(";")[0].strip() == _SIZE_TYPE:
            return _elsewhere(reply.body, old, size)
        case 422:
            return Refused(Standing.SPLIT, f"what it cosigned at {old} entries is not what this ledger had then")
        case 400 | 403 | 404 | 405 | 411 | 413:
            return Refused(Standing.REFUSED, f"it answered {reply.status}: it may not know this ledger, or its key")
        case 0:
            return Refused(Standing.DOWN, "it does not answer")
        case _:
            return Refused(Standing.DOWN, f"it answered {reply.status}")


def _cosigned(lines: str, note: str, witness: WitnessKey) -> Cosigned | Refused:
    signed = note + lines
    try:
        at_s = cosigned_s(signed, witness) if lines.endswith("\n") else None
    except IntegrityError as error:
        return Refused(Standing.REFUSED, f"its answer cannot be believed: {error.what}")
    if at_s is None:
        return Refused(Standing.REFUSED, "its answer is not signed with the key that is configured for it")
    return Cosigned(note + _own_line(lines, witness), at_s)


def _own_line(lines: str, witness: WitnessKey) -> str:
    """Its line alone: what else it said is signed by nobody whom we know."""
    begin = f"\N{EM DASH} {witness.name} "
    return "".join(f"{one}\n" for one in lines.splitlines() if one.startswith(begin))


def _elsewhere(body: str, old: int, size: int) -> Again | Refused:
    text = body.removesuffix("\n")
    if not text.isdecimal() or len(text) > _SIZE_CHARACTERS:
        return Refused(Standing.DOWN, "it answered 409, and no size")
    known = int(text)
    if known > size:
        return Refused(Standing.SPLIT, f"it cosigned {known} entries, and this ledger has signed {size}: it was rolled back")
    if known == old:
        return Refused(Standing.SPLIT, f"it cosigned another tree of {known} entries than this ledger's")
    return Again(known)


def witnessed_size(sizes: Sequence[int], quorum: int) -> int:
    """Up to where ``quorum`` witnesses have cosigned: each of them vouches for all that came before, too."""
    return sorted(sizes, reverse=True)[quorum - 1] if 0 < quorum <= len(sizes) else 0
