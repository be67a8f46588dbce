"""``wardstead-verify``: whether what was taken out of a ledger is what was recorded, for whoever does not trust its owner.

One file that was written from ``docs/reference/ledger-format.md`` alone: Python's standard library, and ``cryptography`` for
signatures and certificates. It reads an export (``ledger export``), a receipt, a consistency proof or a certificate of erasure,
names what does not fit, and opens nothing: it needs no secret.

    wardstead-verify FILE [--key KEY] [--keys FILE] [--checkpoint FILE]... [--witness KEY]... [--quorum N] [--tsa PEM]... [--json]
                          [--extract-timestamps DIR]

``KEY`` is the ledger's verifier key as you know it from elsewhere: the one in the file proves only that the file fits itself.
Where the ledger's key was changed, any of its keys will do; ``--keys`` says since when each signs ('ledger keys --output').
Exit 0: nothing was altered. 3: the file cannot be read. 5: something was altered, or is not what the options ask for.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

SIGNED, COSIGNED = 1, 4
MAX_PROBLEMS = 1000
MAX_GAP = 1_000_000
"""How many missing entries are noted one by one."""
MAX_DOCUMENT = 16 * 1024 * 1024
MAX_TIMESTAMP = 64 * 1024
_CHECKPOINT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n((?:[^\n]+\n)*)")
CERTIFICATE = b"wardstead erasure certificate v1\n"
CERTIFIED = ("subject", "ordered", "erased", "entries_unreadable", "mentioned", "last_key_copy_expires", "unless", "stays")
"""What is shown of a certificate (section 10)."""
HEAD = ("type", "version", "verifier_key", "from", "to", "size", "left", "right")
KEYS = "wardstead-keys"
VERSIONS = (2, 3)
CHECKPOINT, ENTRY = ("checkpoint", "size"), ("index", "leaf_hash", "header", "body")
TIMESTAMP = ("timestamp", "authority", "size")
CHANGE = ("key_index", "header", "body", "inclusion_proof")
KEY_TITLE = "wardstead ledger key v1"
_HEX = re.compile(r"(?:[0-9a-f]{2})*")
_WORDS = {"exchange": re.compile(r"[0-9a-zA-Z._-]{1,64}"), "outcome": re.compile(r"[a-z0-9_-]{0,32}")}
_SIZES = {"commitment": {0, 32}, "key": {0, 60}, "nonce": {0, 12}, "row": {0, 32}, "label": {0, 32}}
_FIELDS = {
    1: ("commitment", "exchange", "key", "kind", "minute", "nonce", "outcome", "v"),
    2: ("commitment", "exchange", "key", "kind", "minute", "nonce", "outcome", "row", "v"),
    3: ("commitment", "exchange", "key", "kind", "label", "minute", "nonce", "outcome", "row", "v"),
}


class Malformed(Exception):
    """It does not have the form that the format document gives it."""


class Retired(Malformed):
    """It is signed with a key of the ledger that another had replaced by then."""


class Forged(Malformed):
    """What it says of a change of the ledger's key does not hold."""


# -- hashes (section 2) ----------------------------------------------------------------------------------------------------


def of_leaf(header: bytes, body_hash: bytes) -> bytes:
    """The hash of an entry's leaf."""
    content = b"".join(len(one).to_bytes(8, "big") + one for one in (header, body_hash))
    return sha256(b"\x00" + content).digest()


def of_node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees together."""
    return sha256(b"\x01" + left + right).digest()


class Forest:
    """Perfect subtrees side by side, the larger ones first: a tree as far as it has been seen, from its left edge."""

    def __init__(self) -> None:
        """The empty tree."""
        self.trees: list[tuple[int, bytes]] = []
        self.size = 0

    def add(self, height: int, root: bytes) -> None:
        """A perfect subtree of ``2**height`` leaves follows; where it stands, it must be able to."""
        if self.size % (1 << height):
            raise Malformed("a subtree stands where none can begin")
        self.size += 1 << height
        while self.trees and self.trees[-1][0] == height:
            root = of_node(self.trees.pop()[1], root)
            height += 1
        self.trees.append((height, root))

    def root(self) -> bytes:
        """The root over all of it."""
        if not self.trees:
            return sha256(b"").digest()
        (_, root), *others = reversed(self.trees)
        for _, one in others:
            root = of_node(one, root)
        return root


def heights(start: int, end: int) -> list[int]:
    """The perfect subtrees that the leaves from ``start`` to ``end`` fall into, from left to right (section 6.2)."""
    found = []
    while start < end:
        aligned = (start & -start).bit_length() - 1 if start else 63
        height = min(aligned, (end - start).bit_length() - 1)
        found.append(height)
        start += 1 << height
    return found


def root_by_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 6962 section 2.1.1), by its definition."""
    if not 0 <= index < size:
        raise Malformed("the leaf is not in the tree")
    if size == 1:
        if path:
            raise Malformed("the inclusion proof is too long")
        return leaf
    if not path:
        raise Malformed("the inclusion proof is too short")
    half = 1 << ((size - 1).bit_length() - 1)
    if index < half:
        return of_node(root_by_path(leaf, index, half, path[:-1]), path[-1])
    return of_node(path[-1], root_by_path(leaf, index - half, size - half, path[:-1]))


def roots_by_proof(old: int, new: int, old_root: bytes, path: list[bytes], *, whole: bool = True) -> tuple[bytes, bytes]:
    """The roots of both trees that a consistency proof leads to (RFC 6962 section 2.1.2), by its definition."""
    if old == new:
        if len(path) != (0 if whole else 1):
            raise Malformed("the consistency proof has another length")
        one = old_root if whole else path[0]
        return one, one
    if not path:
        raise Malformed("the consistency proof is too short")
    half = 1 << ((new - 1).bit_length() - 1)
    if old <= half:
        before, left = roots_by_proof(old, half, old_root, path[:-1], whole=whole)
        return before, of_node(left, path[-1])
    before, right = roots_by_proof(old - half, new - half, old_root, path[:-1], whole=False)
    return of_node(path[-1], before), of_node(path[-1], right)


# -- keys, notes, checkpoints (sections 3 and 4) ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """A name, an Ed25519 public key, and the kind of signature that it verifies."""

    name: str
    public: bytes
    kind: int

    @classmethod
    def parse(cls, text: str, kind: int) -> Key:
        """Read ``name+id+base64``."""
        try:
            name, ident, encoded = text.strip().split("+", 2)
            blob = b64decode(encoded, validate=True)
        except ValueError:
            raise Malformed(f"not a verifier key: {text[:80]!r}") from None
        if len(blob) != 33 or blob[0] != kind or ident != cls(name, blob[1:], kind).id.hex():
            raise Malformed(f"not a verifier key of the kind {kind}: {text[:80]!r}")
        return cls(name, blob[1:], kind)

    @property
    def id(self) -> bytes:
        """What its signatures begin with."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def made(self, signature: bytes, message: str) -> bool:
        """Whether it signed this."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Note:
    """A checkpoint and the signatures below it."""

    text: str
    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]

    @classmethod
    def parse(cls, note: object) -> Note:
        """Read a signed checkpoint; nothing is verified yet."""
        text, separator, tail = note.rpartition("\n\n") if isinstance(note, str) else ("", "", "")
        match = _CHECKPOINT.fullmatch(text + "\n")
        if not separator or not tail.endswith("\n") or match is None:
            raise Malformed("not a signed checkpoint")
        return cls(text + "\n", match[1], int(match[2]), b64decode(match[3]), tuple(map(_signature, tail[:-1].split("\n"))))

    def signed_by(self, key: Key) -> bool:
        """Whether the ledger's key signed it. Another log's checkpoint, or a wrong signature, is ``Malformed``."""
        found = [signature for name, ident, signature in self.signatures if (name, ident) == (key.name, key.id)]
        if any(not key.made(one, self.text) for one in found):
            raise Malformed("its signature does not verify")
        if found and self.origin != key.name:
            raise Malformed("it is of another log")
        return bool(found)

    def alone(self, *keys: Key) -> str:
        """The note with the ledger's signature, by one of its ``keys``, and no other: what authorities stamp."""
        lines = [
            f"\N{EM DASH} {name} {b64encode(ident + signature).decode()}\n"
            for name, ident, signature in self.signatures
            if (name, ident) in {(key.name, key.id) for key in keys}
        ]
        return f"{self.text}\n{''.join(lines[:1])}"

    def cosigned_s(self, key: Key) -> int | None:
        """When a witness cosigned it; ``None`` when it did not. A wrong cosignature is ``Malformed``."""
        for name, ident, signature in self.signatures:
            if (name, ident) == (key.name, key.id):
                at_s = int.from_bytes(signature[:8], "big")
                if not key.made(signature[8:], f"cosignature/v1\ntime {at_s}\n{self.text}"):
                    raise Malformed(f"the cosignature of {key.name} does not verify")
                return at_s
        return None


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix("\N{EM DASH} ").partition(" ")
    try:
        blob = b64decode(encoded, validate=True)
    except ValueError:
        blob = b""
    if not line.startswith("\N{EM DASH} ") or not name or len(blob) < 5 or b64encode(blob).decode() != encoded:
        raise Malformed("a signature line is malformed")
    return name, blob[:4], blob[4:]


# -- time stamps (section 4.1): RFC 3161, in CMS (RFC 5652), in DER (X.690) ---------------------------------------------------

_TST_INFO, _SIGNED_DATA = "1.2.840.113549.1.9.16.1.4", "1.2.840.113549.1.7.2"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_SIGNING_CERTIFICATE = {"1.2.840.113549.1.9.16.2.12": "SHA1", "1.2.840.113549.1.9.16.2.47": "2.16.840.1.101.3.4.2.1"}
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "SHA1": hashes.SHA1(),  # noqa: S303 -- RFC 2634 names the signer's certificate so; nothing is signed by it
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
_LONGEST_CHAIN = 6
_BAD_EXTENSIONS = (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


class Der:
    """One element: its tag, its content, and its bytes as they are. Only what a token needs, and only definite lengths."""

    def __init__(self, tag: int, content: bytes, raw: bytes) -> None:
        """See ``read``."""
        self.tag, self.content, self.raw = tag, content, raw

    @classmethod
    def read(cls, data: bytes) -> tuple[Der, bytes]:
        """The first element in ``data``, and what follows it."""
        if len(data) < 2 or data[0] & 0x1F == 0x1F:
            raise Malformed("the time stamp is not DER")
        size, head = data[1], 2
        if size > 0x80:
            head = 2 + size - 0x80
            size = int.from_bytes(data[2:head], "big")
        if size == 0x80 or head > 6 or len(data) < head + size:
            raise Malformed("the time stamp is not DER")
        return cls(data[0], data[head : head + size], data[: head + size]), data[head + size :]

    def parts(self, tag: int | None = None) -> list[Der]:
        """What a constructed element (of this tag) holds."""
        if not self.tag & 0x20 or (tag is not None and self.tag != tag):
            raise Malformed("the time stamp is not in its form")
        found, rest = [], self.content
        while rest:
            one, rest = Der.read(rest)
            found.append(one)
        return found

    def oid(self) -> str:
        """An object identifier, in dots."""
        if self.tag != 6 or not self.content:
            raise Malformed("the time stamp is not in its form")
        arcs, value = list[int](), 0
        for byte in self.content:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                arcs, value = [*arcs, value], 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _digest_by(oid: str, data: bytes) -> bytes:
    if oid not in _HASHES:
        raise Malformed(f"the time stamp uses a hash that is not known: {oid}")
    made = hashes.Hash(_HASHES[oid])
    made.update(data)
    return made.finalize()


def stamped_at(response: bytes, message: bytes, trusted: Sequence[x509.Certificate]) -> datetime:
    """When ``message`` was there at the latest, as an authority signed it. ``Malformed`` unless all of it holds.

    1. It was granted, and is signed data over a time-stamp info. 2. The info has the hash of ``message``. 3. The signed
    attributes have the hash of the info and name the signer's certificate. 4. That certificate's key made the signature.
    5. It is for time stamps alone, and leads to one of ``trusted``, at that time. Without ``trusted``, 5 is left out.
    """
    try:
        return _stamped_at(response, message, trusted)
    except (LookupError, ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature, *_BAD_EXTENSIONS) as error:
        raise Malformed(f"the time stamp does not verify ({type(error).__name__})") from None


def _stamped_at(response: bytes, message: bytes, trusted: Sequence[x509.Certificate]) -> datetime:
    if len(response) > MAX_TIMESTAMP:
        raise Malformed("the time stamp is longer than any")
    answer, rest = Der.read(response)
    status, token = answer.parts(0x30)
    kind, wrapped = token.parts(0x30)
    if rest or status.parts(0x30)[0].content not in {b"\x00", b"\x01"} or kind.oid() != _SIGNED_DATA:
        raise Malformed("no time stamp was granted")
    signed = wrapped.parts(0xA0)[0].parts(0x30)
    content_type, content = signed[2].parts(0x30)
    info = content.parts(0xA0)[0].content
    signers = [one for one in signed if one.tag == 0x31][-1].parts()
    if content_type.oid() != _TST_INFO or len(signers) != 1:
        raise Malformed("the time stamp is not in its form")
    _, _, imprint, _, time, *_ = Der.read(info)[0].parts(0x30)
    algorithm, digest = imprint.parts(0x30)
    imprint_oid = algorithm.parts(0x30)[0].oid()
    _require_unbroken(imprint_oid)
    if digest.content != _digest_by(imprint_oid, message):
        raise Malformed("the time stamp is of something else")
    held = [one.parts() for one in signed if one.tag == 0xA0]
    certificates = [x509.load_der_x509_certificate(one.raw) for one in (held[0] if held else []) if one.tag == 0x30]
    at = datetime.strptime(time.content.decode()[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    signer = _signer(signers[0].parts(0x30), info, [*certificates, *trusted])
    if trusted:
        _require_chain(signer, certificates, trusted, at)
    return at


def _require_unbroken(oid: str) -> None:
    if isinstance(_HASHES.get(oid), hashes.SHA1):
        raise Malformed("the time stamp rests on a broken hash")


def _signer(fields: Sequence[Der], info: bytes, certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    """The certificate whose key signed the info."""
    _, _, digest, attributes, method, signature, *_ = fields
    hash_oid = digest.parts(0x30)[0].oid()
    said = {one.parts(0x30)[0].oid(): one.parts(0x30)[1].parts(0x31)[0] for one in attributes.parts(0xA0)}
    if said[_CONTENT_TYPE].oid() != _TST_INFO or said[_MESSAGE_DIGEST].content != _digest_by(hash_oid, info):
        raise Malformed("the time stamp's signature is of something else")
    for signer in certificates:
        if any(_names(said[name], signer, default) for name, default in _SIGNING_CERTIFICATE.items() if name in said):
            _require_signature(signer, signature.content, b"\x31" + attributes.raw[1:], hash_oid, method)
            return signer
    raise Malformed("the time stamp names no certificate that is there")


def _names(signing: Der, certificate: x509.Certificate, default: str) -> bool:
    """Whether the attribute's first certificate (RFC 5816, RFC 2634) is this one."""
    first, *others = signing.parts(0x30)[0].parts(0x30)[0].parts(0x30)
    hash_oid = default
    if first.tag == 0x30:
        hash_oid, first = first.parts()[0].oid(), others[0]
    return first.content == _digest_by(hash_oid, certificate.public_bytes(Encoding.DER))


def _require_signature(signer: x509.Certificate, signature: bytes, message: bytes, hash_oid: str, method: Der) -> None:
    _require_unbroken(hash_oid)
    key, algorithm = signer.public_key(), _HASHES[hash_oid]
    if isinstance(key, rsa.RSAPublicKey):
        pss = method.parts(0x30)[0].oid() == "1.2.840.113549.1.1.10"
        form = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO) if pss else padding.PKCS1v15()
        key.verify(signature, message, form, algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, message, ec.ECDSA(algorithm))
    elif isinstance(key, Ed25519PublicKey):
        key.verify(signature, message)
    else:
        raise Malformed("the time stamp is signed by a key of an unknown kind")


def _require_chain(
    signer: x509.Certificate, between: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate], at: datetime
) -> None:
    purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    if not purposes.critical or list(purposes.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise Malformed("the time stamp's certificate is not one for time stamps alone")
    one = signer
    for _ in range(_LONGEST_CHAIN):
        if not one.not_valid_before_utc <= at <= one.not_valid_after_utc:
            raise Malformed("a certificate of the time stamp was not valid then")
        if one in trusted:
            return
        one = next((other for other in (*trusted, *between) if _certified(one, other)), one)
    raise Malformed("the time stamp's certificate leads to nobody who is trusted")


def _certified(one: x509.Certificate, other: x509.Certificate) -> bool:
    """Whether ``other`` is an authority's, and its key signed ``one``."""
    try:
        one.verify_directly_issued_by(other)
        return other != one and other.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, *_BAD_EXTENSIONS):
        return False


# -- entries (section 1) ---------------------------------------------------------------------------------------------------


def header_of(text: str) -> dict[str, Any]:
    """The fields of an entry's header, which has exactly one form."""
    try:
        fields = json.loads(text)
        expected = _FIELDS[fields["v"]]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Malformed("the header is none") from None
    same = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False) == text
    if not same or tuple(fields) != expected or fields["kind"] not in {"intent", "outcome", "admin", "key"}:
        raise Malformed("the header is not in its one form")
    for name, sizes in _SIZES.items():
        value = fields.get(name, "")
        if not isinstance(value, str) or not _HEX.fullmatch(value) or len(value) // 2 not in sizes:
            raise Malformed(f"the header's {name} is malformed")
    for name, form in _WORDS.items():
        if not isinstance(fields[name], str) or not form.fullmatch(fields[name]):
            raise Malformed(f"the header's {name} is malformed")
    if (
        any(type(fields[name]) is not int for name in ("minute", "v"))
        or (fields["v"] != 1 and not fields["row"])
        or (fields["v"] == 3 and not fields["label"])
    ):
        raise Malformed("the header lacks something")
    return dict(fields)


# -- the keys of a ledger, one after another (section 3.1) ------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """A key in the place of another, by the entry at ``index``; ``tree``: the root of the tree in which that was proven.

    The newest checkpoint when it was ordered was of ``size`` entries and ``root``.
    """

    index: int
    before: Key
    after: Key
    size: int
    root: bytes
    tree: bytes

    @classmethod
    def parse(cls, document: dict[str, Any], size: int) -> Change:
        """From an entry with its proof in a tree of ``size`` leaves. Raises ``Forged`` unless both keys signed it."""
        try:
            header, body, index = header_of(document["header"]), document["body"], _count(document["key_index"])
            text, _, tail = body.rpartition("\n\n")
            title, said = text.split("\n")
            fields = _object(said.encode())
            before, after = (Key.parse(fields[name], SIGNED) for name in ("before", "after"))
            named, root = _count(fields["size"]), _bytes(fields["root"])
            lines = [_signature(line) for line in tail.removesuffix("\n").split("\n")]
            leaf = of_leaf(document["header"].encode(), sha256(body.encode()).digest())
            tree = root_by_path(leaf, index, size, _hashes(document["inclusion_proof"]))
        except (Malformed, KeyError, TypeError, ValueError, AttributeError) as error:
            raise Forged(f"a change of the key is malformed: {error}") from None
        if title != KEY_TITLE or header["kind"] != "key" or named > index or before.name != after.name or before == after:
            raise Forged("a change of the key is not in its form")
        for key in (before, after):
            made = [signature for name, ident, signature in lines if (name, ident) == (key.name, key.id)]
            if not made or not all(key.made(one, text + "\n") for one in made):
                raise Forged("a change of the key is not signed by both keys")
        return cls(index, before, after, named, root, tree)


class Keys:
    """The keys of a ledger, and since when each signs."""

    def __init__(self, last: Key, changes: Sequence[Change] = ()) -> None:
        """``last``: the one that signs now. Raises ``Forged`` unless each change goes on where the one before ended."""
        self.changes = tuple(changes)
        self.all = (*(one.before for one in changes), last)
        for one, after in zip(changes, self.all[1:], strict=True):
            if one.after != after:
                raise Forged("a change of the key does not lead to the next key")
        places = [one.index for one in changes]
        if places != sorted(set(places)):
            raise Forged("the changes of the key are not in order")

    @property
    def name(self) -> str:
        """The ledger's."""
        return self.all[0].name

    def signed(self, note: Note) -> bool:
        """Whether the ledger signed it. Raises ``Retired`` where only a key did that was replaced before; ``Malformed``."""
        found = [key for key in self.all if note.signed_by(key)]
        if found:
            self.require(found, note.size)
        return bool(found)

    def require(self, signers: Sequence[Key], size: int) -> None:
        """Raises ``Retired`` unless one of the signers could still sign for ``size`` entries."""
        ended = {one.before: one.index for one in self.changes}
        if all(one in ended and size > ended[one] for one in signers):
            raise Retired(f"it is signed with a key that was replaced by entry {min(ended[one] for one in signers)}")

    def told(self) -> list[str]:
        """Each key and the entry since which it signs."""
        since = [0, *(one.index for one in self.changes)]
        return [f"{key.name}+{key.id.hex()}+{b64encode(bytes([SIGNED]) + key.public).decode()} since entry {place}"
                for key, place in zip(self.all, since, strict=True)]  # fmt: skip


def keys_of(own: Key, changes: Sequence[Change], trust: Trust, report: Report, where: str) -> Keys:
    """The keys that count: those of the file as far as they fit what is known from elsewhere. Raises ``Forged``."""
    keys = Keys(own, changes)
    history = trust.history
    if history is not None:
        known = {(one.index, one.after) for one in history.changes}
        if any((one.index, one.after) not in known for one in changes):
            raise Forged("it names a change of the key that the known keys do not have")
        fits = keys.all[0] in history.all and own in history.all
    else:
        fits = trust.key is None or trust.key in keys.all
    if not fits:
        what = f"it says that it is of {own.name}, whose key is none of those asked for"
        report.problem("another-ledger", where, what)
    if history is not None:
        return history
    return keys if fits or trust.key is None else Keys(trust.key)


# -- what is found ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """Something that does not fit: a stable code, where, and a sentence."""

    code: str
    where: str
    what: str


@dataclass
class Report:
    """What was verified, and what does not fit. ``witnessed`` are the entries that enough witnesses have cosigned.

    ``stamped`` entries were there at ``stamped_at`` at the latest, as a trusted time-stamping authority signed.
    """

    kind: str = ""
    origin: str = ""
    entries: int = 0
    first: int = 0
    size: int = 0
    checkpoints: int = 0
    witnessed: int = 0
    stamped: int = 0
    stamped_at: str = ""
    own_key: bool = False
    keys: list[str] = field(default_factory=list)
    """The ledger's keys where there were several, and since which entry each signs."""
    said: dict[str, Any] = field(default_factory=dict)
    """What a certificate says."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing was altered."""
        return not self.problems

    def problem(self, code: str, where: str, what: str) -> None:
        """Note one."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(code, where, what))


@dataclass(frozen=True)
class Trust:
    """What is known from elsewhere: the ledger's key, witnesses and how many of them, earlier checkpoints, authorities."""

    key: Key | None = None
    witnesses: tuple[Key, ...] = ()
    quorum: int = 0
    checkpoints: tuple[str, ...] = ()
    authorities: tuple[x509.Certificate, ...] = ()
    history: Keys | None = None

    @property
    def keyless(self) -> bool:
        """Whether no key is known: what is verified then only fits itself."""
        return self.key is None and self.history is None

    @property
    def needed(self) -> int:
        """How many witnesses must have cosigned: one, if any is named and no number is."""
        return self.quorum or min(1, len(self.witnesses))


class Verification:
    """One export, line by line (section 6)."""

    def __init__(self, trust: Trust) -> None:
        """Nothing is verified yet."""
        self.trust, self.report, self.forest = trust, Report("export"), Forest()
        self.due: dict[int, list[tuple[str, Note]]] = {}
        self.next, self.stop, self.anchor, self.right = 0, 0, 0, list[bytes]()
        self.missing: set[int] = set()
        self.proven = -1
        """Up to where a signed checkpoint has the root of the entries."""
        self.intents: set[str] = set()
        self.ended: set[str] = set()
        self.nonces: set[tuple[str, str]] = set()
        self.cosigned: dict[str, int] = {}
        self.changed: tuple[Change, ...] = ()
        self._own: list[Change] = []
        """The changes that the file itself proves."""
        self.named: dict[int, bytes] = {}
        """The roots that changes of the key name, by size."""
        self.signed: dict[int, str] = {}
        """The notes as the ledger alone signed them, by size."""

    def run(self, lines: Iterable[bytes]) -> Report:
        """Verify a whole file."""
        numbered = iter(enumerate(lines, 1))
        try:
            head = _line_of(next(numbered, (1, b""))[1], HEAD)
            own = self._begin(head)
            changes, rest = self._changes(numbered, several=head["version"] == VERSIONS[1])
            keys = keys_of(own, changes, self.trust, self.report, "line 1")
        except Malformed as error:
            code = "key-change-forged" if isinstance(error, Forged) else "export-malformed"
            self.report.problem(code, "line 1", str(error))
            return self.report
        self._own = changes
        self.changed, self.named = keys.changes, {one.size: one.root for one in keys.changes}
        self.report.keys = keys.told() if keys.changes else []
        known = [("known checkpoint", one) for one in self.trust.checkpoints]
        for where, note in known:
            self._checkpoint(where, note, None, keys)
        for number, line in rest:
            try:
                self._line(_line_of(line, CHECKPOINT, TIMESTAMP, ENTRY), keys)
            except Malformed as error:
                self.report.problem("export-malformed", f"line {number}", str(error))
        self._end()
        return self.report

    def _begin(self, head: dict[str, Any]) -> Key:
        if head["type"] != "wardstead-ledger" or head["version"] not in VERSIONS:
            raise Malformed("not an export of a ledger, or of another version")
        own = Key.parse(str(head["verifier_key"]), SIGNED)
        first, self.stop, self.anchor = (_count(head[name]) for name in ("from", "to", "size"))
        if not first <= self.stop <= self.anchor:
            raise Malformed("the slice does not lie in the tree")
        left, self.right = _hashes(head["left"]), _hashes(head["right"])
        if len(left) != len(heights(0, first)) or len(self.right) != len(heights(self.stop, self.anchor)):
            raise Malformed("the proof of the slice has another length")
        for height, one in zip(heights(0, first), left, strict=True):
            self.forest.add(height, one)
        self.next = first
        self.report.origin, self.report.first, self.report.own_key = own.name, first, self.trust.keyless
        return own

    def _changes(
        self, numbered: Iterator[tuple[int, bytes]], *, several: bool
    ) -> tuple[list[Change], Iterator[tuple[int, bytes]]]:
        """The changes of the key, and the lines behind them."""
        found = list[Change]()
        for number, line in numbered:
            if not line.startswith(b'{"key_index":'):
                return found, chain([(number, line)], numbered)
            if not several:
                raise Malformed("this version has no changes of the key")
            found.append(Change.parse(_line_of(line, CHANGE), self.anchor))
        return found, numbered

    def _line(self, line: dict[str, Any], keys: Keys) -> None:
        if "checkpoint" in line:
            self._checkpoint(f"checkpoint {line['size']}", line["checkpoint"], _count(line["size"]), keys)
        elif "timestamp" in line:
            self._timestamp(f"time stamp {line['size']} of {line['authority']}", line)
        else:
            self._entry(line)

    # -- checkpoints

    def _checkpoint(self, where: str, text: object, size: int | None, keys: Keys) -> None:
        try:
            note = Note.parse(text)
            if not keys.signed(note):
                raise Malformed("the ledger's key has not signed it")  # noqa: TRY301 -- told like the others
        except Malformed as error:
            self.report.problem(_code(error, "checkpoint-signature"), where, str(error))
            return
        if size is not None:
            self.report.checkpoints += 1
            self.signed[size] = note.alone(*keys.all)
            if note.size != size:
                self.report.problem("checkpoint-altered", where, f"the note is signed for {note.size} entries")
        if self.report.first <= note.size <= self.anchor:
            self.due.setdefault(note.size, []).append((where, note))
        elif note.size > self.anchor:
            self.report.problem("rolled-back", where, f"{note.size} entries were signed, and this is of a tree of {self.anchor}")
        else:
            self.report.problem("not-covered", where, "this slice says nothing of its tree: 'ledger prove-consistency'")
        self._cosignatures(where, note)
        if note.size < self.forest.size:
            self.report.problem("reordered", where, "checkpoints stand before the entries, in order")

    def _cosignatures(self, where: str, note: Note) -> None:
        for witness in self.trust.witnesses:
            try:
                if note.cosigned_s(witness) is not None:
                    self.cosigned[witness.name] = max(note.size, self.cosigned.get(witness.name, 0))
            except Malformed as error:
                self.report.problem("cosignature-altered", where, str(error))

    def _timestamp(self, where: str, line: dict[str, Any]) -> None:
        size = _count(line["size"])
        try:
            if size not in self.signed:
                raise Malformed("it stands behind no checkpoint of that size")  # noqa: TRY301 -- told like the others
            at = stamped_at(_bytes(line["timestamp"]), self.signed[size].encode(), self.trust.authorities)
        except Malformed as error:
            self.report.problem("timestamp-altered", where, str(error))
            return
        if self.trust.authorities and size > self.report.stamped:
            self.report.stamped, self.report.stamped_at = size, at.isoformat()

    def _compare(self, forest: Forest) -> None:
        """Those that were signed for this size."""
        if self.named.pop(forest.size, root := forest.root() if forest.size in self.named else b"") != root:
            self.report.problem("rewritten", f"entry {forest.size}", "a change of the key names another root for those before")
        if forest.size in self.due:
            root = forest.root()
            for where, note in self.due.pop(forest.size):
                if note.root == root:
                    self.proven = max(self.proven, forest.size)
                else:
                    self.report.problem("rewritten", where, "the entries have another root than the one that was signed")

    # -- entries

    def _entry(self, line: dict[str, Any]) -> None:
        self._compare(self.forest)
        index, where = _count(line["index"]), f"entry {line['index']}"
        self._place(index, where)
        leaf, header, body = _digest(line["leaf_hash"]), line["header"], line["body"]
        if not isinstance(header, str) or not isinstance(body, str):
            self.report.problem("entry-deleted", where, "it was gone when this was exported")
        else:
            if of_leaf(header.encode(), sha256(_bytes(body)).digest()) != leaf:
                self.report.problem("entry-altered", where, "it does not hash to its leaf")
            self._header(header, where)
            if '"kind":"key"' in header and index not in {one.index for one in self.changed}:
                self.report.problem("key-change-forged", where, "it is none of the changes that follow from the first key")
        self.forest.add(0, leaf)
        self.report.entries += 1

    def _place(self, index: int, where: str) -> None:
        if index - self.next > MAX_GAP - len(self.missing):
            self.report.problem("entry-missing", where, f"entry {self.next} was expected")
        elif index >= self.next:
            self.missing.update(range(self.next, index))
        elif index in self.missing:
            self.missing.discard(index)
            self.report.problem("reordered", where, "it stands behind later entries")
        else:
            self.report.problem("entry-inserted", where, "there is an entry in this place already")
        self.next = max(self.next, index + 1)

    def _header(self, text: str, where: str) -> None:
        try:
            header = header_of(text)
        except Malformed as error:
            self.report.problem("header-malformed", where, str(error))
            return
        exchange, kind = header["exchange"], header["kind"]
        if kind == "key":  # beside the act of administration that ordered it
            return
        if exchange in (self.ended if kind == "outcome" else self.intents):
            self.report.problem("entry-repeated", where, f"there is such an entry of exchange {exchange} already")
        if kind == "outcome":
            if exchange not in self.intents and not self.report.first:
                self.report.problem("outcome-without-intent", where, f"exchange {exchange} has no intent before it")
            self.ended.add(exchange)
        else:
            self.intents.add(exchange)
        if header["nonce"]:
            if (header["commitment"], header["nonce"]) in self.nonces:
                self.report.problem("nonce-reused", where, "two entries are encrypted with the same key and nonce")
            self.nonces.add((header["commitment"], header["nonce"]))

    def _own_changes(self) -> None:
        for change in self._own:
            if self.forest.size != self.anchor or change.tree != self.forest.root():
                where = f"entry {change.index}"
                self.report.problem("key-change-forged", where, "its proof does not lead to the root of the tree")

    def _end(self) -> None:
        report, end = self.report, self.forest.size
        for index in sorted(self.missing)[:MAX_PROBLEMS]:
            report.problem("entry-missing", f"entry {index}", "it is not in the file")
        if self.next < self.stop:
            report.problem("truncated", "export", f"it ends before entry {self.next}, and says that it goes up to {self.stop}")
        elif self.next > self.stop:
            report.problem("entry-inserted", "export", f"it says that it goes up to {self.stop}")
        self._compare(self.forest)
        if end == self.stop:
            for height, one in zip(heights(end, self.anchor), self.right, strict=True):
                self.forest.add(height, one)
            self._compare(self.forest)
        self._own_changes()
        report.size = self.anchor
        for where, note in [one for notes in self.due.values() for one in notes]:
            if end == self.stop < note.size:
                report.problem("not-covered", where, "the slice does not reach it")
            else:
                report.problem("truncated", where, "entries before it are missing")
        if self.proven < self.anchor:
            report.problem("checkpoint-missing", "export", f"a checkpoint fits {max(self.proven, 0)} of {self.anchor} entries")
        sizes = sorted(self.cosigned.values(), reverse=True)
        quorum = self.trust.needed
        report.witnessed = sizes[quorum - 1] if 0 < quorum <= len(sizes) else 0
        if self.trust.authorities and report.stamped < self.stop:
            report.problem("unstamped", "export", f"authorities have stamped {report.stamped} of {self.stop} entries")
        if quorum and report.witnessed < self.stop:
            report.problem("unwitnessed", "export", f"{quorum} witnesses have cosigned {report.witnessed} of {self.stop} entries")


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text.decode())
        if b"\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        raise Malformed("not a JSON object") from None
    if not isinstance(found, dict):
        raise Malformed("not a JSON object")
    return found


def _line_of(line: bytes, *kinds: tuple[str, ...]) -> dict[str, Any]:
    """A line has exactly the names of one kind, and exactly one form: nothing can be hidden in it."""
    found = _object(line)
    if tuple(found) not in kinds:
        raise Malformed("it is of no known kind")
    if json.dumps(found, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" != line:
        raise Malformed("it is not in its one form")
    return found


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise Malformed("a number is missing")
    return value


def _bytes(value: object) -> bytes:
    try:
        found = b64decode(value, validate=True) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or b64encode(found).decode() != value:
        raise Malformed("not base64")
    return found


def _digest(value: object) -> bytes:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise Malformed("not a SHA-256 hash")
    return bytes.fromhex(value)


def _hashes(value: object) -> list[bytes]:
    found = [_bytes(one) for one in value] if isinstance(value, list) and len(value) <= 128 else None
    if found is None or any(len(one) != 32 for one in found):
        raise Malformed("a proof is a list of SHA-256 hashes")
    return found


# -- receipts and consistency proofs (sections 7 and 8) --------------------------------------------------------------------


def verify_document(document: dict[str, Any], trust: Trust) -> Report:
    """A receipt, a consistency proof, or the keys of a ledger."""
    kind = "keys" if document.get("type") == KEYS else "receipt" if "receipt" in document else "consistency"
    report = Report(kind)
    try:
        own = Key.parse(str(document.get("verifier_key")), SIGNED)
        report.origin, report.own_key = own.name, trust.keyless
        note = Note.parse(document["checkpoint"]) if document.get("checkpoint") else None
        keys = keys_of(own, _proven_changes(document, note), trust, report, kind)
        report.keys = keys.told() if keys.changes else []
        if note is not None and not keys.signed(note):
            report.problem("checkpoint-signature", "checkpoint", "the ledger's key has not signed it")
        if kind == "receipt":
            _receipt(document, note, report)
            _known(trust, keys, (note.size, note.root) if note is not None else None, report)
        elif kind == "consistency":
            _consistency(document, note, trust, keys, report)
        else:
            report.keys, report.size = keys.told(), note.size if note is not None else 0
            report.checkpoints = int(note is not None)
        _witnessed(note, trust, report)
    except (Malformed, KeyError, TypeError) as error:
        report.problem(_code(error, "proof-altered"), kind, str(error) if isinstance(error, Malformed) else "it is malformed")
    return report


def _code(error: Exception, otherwise: str) -> str:
    return "key-retired" if isinstance(error, Retired) else "key-change-forged" if isinstance(error, Forged) else otherwise


def _proven_changes(document: dict[str, Any], note: Note | None) -> list[Change]:
    """The changes of the key that a document brings along, each proven in the tree that it speaks of."""
    said = document.get("keys", [])
    if not said:
        return []
    new = document.get("new")
    size, root = (_count(new["size"]), _bytes(new["root"])) if new else (note.size, note.root) if note else (0, b"")
    found = [Change.parse(one, size) for one in said]
    if any(one.tree != root for one in found):
        raise Forged("the proof of a change of the key does not lead to the root")
    return found


def keys_in(path: Path, key: Key | None) -> Keys:
    """The keys of a ledger from a file that says since when each signs. Raises ``Malformed``, ``OSError``."""
    document = _object(path.read_bytes())
    report = verify_document(document, Trust(key))
    if document.get("type") != KEYS or report.problems:
        raise Malformed(f"{path} does not hold the keys of a ledger: {'; '.join(one.what for one in report.problems)}")
    note = Note.parse(document["checkpoint"]) if document.get("checkpoint") else None
    return Keys(Key.parse(document["verifier_key"], SIGNED), _proven_changes(document, note))


def _witnessed(note: Note | None, trust: Trust, report: Report) -> None:
    if not trust.needed:
        return
    count = sum(note is not None and note.cosigned_s(one) is not None for one in set(trust.witnesses))
    report.witnessed = note.size if note is not None and count >= trust.needed else 0
    if not report.witnessed:
        report.problem("unwitnessed", "checkpoint", f"{count} witnesses have cosigned it")


def _known(trust: Trust, keys: Keys, tree: tuple[int, bytes] | None, report: Report) -> None:
    """Hold the one tree that a document speaks of against the checkpoints that were kept elsewhere."""
    for text in trust.checkpoints:
        known = Note.parse(text)
        if not keys.signed(known):
            report.problem("checkpoint-signature", "known checkpoint", "the ledger's key has not signed it")
        elif tree is None or known.size != tree[0]:
            report.problem("not-covered", "known checkpoint", "it is of another tree: 'ledger prove-consistency' connects them")
        elif known.root != tree[1]:
            report.problem("rewritten", "known checkpoint", "as many entries had another root")


def _receipt(document: dict[str, Any], note: Note | None, report: Report) -> None:
    proven = set()
    for one in document["entries"]:
        header = header_of(one["header"])
        where = f"the {header['kind']}"
        leaf = of_leaf(one["header"].encode(), _digest(one["body_sha256"]))
        if header["exchange"] != document["receipt"] or header["kind"] != one["kind"] or _bytes(one["leaf_hash"]) != leaf:
            report.problem("entry-altered", where, "it does not fit the receipt, or its leaf")
        if one["index"] is None:
            continue
        if note is None:
            raise Malformed("there is a proof and no checkpoint")
        if root_by_path(leaf, _count(one["index"]), note.size, _hashes(one["inclusion_proof"])) != note.root:
            report.problem("proof-altered", where, "its proof does not lead to the signed root")
        proven.add(header["kind"])
        report.entries += 1
    report.size = note.size if note is not None else 0
    report.checkpoints = int(note is not None)
    if not proven:
        report.problem("checkpoint-missing", "receipt", "nothing of it is in a signed tree yet: fetch it again")
    if document["status"] not in {"complete", "pending"} or (
        document["status"] == "complete" and not proven & {"outcome", "admin"}
    ):
        report.problem("proof-altered", "status", "it says complete and proves no outcome")


def _consistency(document: dict[str, Any], note: Note | None, trust: Trust, keys: Keys, report: Report) -> None:
    old, new = ((_count(document[one]["size"]), _bytes(document[one]["root"])) for one in ("old", "new"))
    path = _hashes(document["proof"])
    if old[0] > new[0]:
        raise Malformed("a tree does not extend a larger one")
    if old[0] == 0:
        if path or old[1] != sha256(b"").digest():
            raise Malformed("from the empty tree nothing needs to be proven")
    elif roots_by_proof(old[0], new[0], old[1], path) != (old[1], new[1]):
        report.problem("proof-altered", "proof", "it does not connect the two roots")
    if note is None:
        report.problem("checkpoint-missing", "checkpoint", "nothing in it is signed")
    elif (note.size, note.root) != new:
        report.problem("proof-altered", "checkpoint", "it is of another tree than the proof")
    for text in trust.checkpoints:
        known = Note.parse(text)
        if not keys.signed(known):
            report.problem("checkpoint-signature", "known checkpoint", "the ledger's key has not signed it")
        elif (known.size, known.root) != old and (known.size, known.root) != new:
            code = "rewritten" if known.size in {old[0], new[0]} else "not-covered"
            report.problem(code, "known checkpoint", "it is of neither of the two trees")
    report.size, report.checkpoints, report.first = new[0], int(note is not None), old[0]


# -- certificates of erasure (section 10) ----------------------------------------------------------------------------------


def verify_certificate(text: str, trust: Trust) -> Report:
    """A signed certificate. It carries no key: whose it is must be known from elsewhere. Raises ``Malformed`` without one."""
    keys = trust.history or (Keys(trust.key) if trust.key is not None else None)
    if keys is None:
        raise Malformed("a certificate carries no key: give the ledger's with --key, or all of them with --keys")
    report = Report("certificate")
    try:
        body, separator, tail = text.rpartition("\n\n")
        lines = [_signature(line) for line in tail.removesuffix("\n").split("\n")] if separator else []
        by_id = {(one.name, one.id): one for one in keys.all}
        made = [(by_id[name, ident], signature) for name, ident, signature in lines if (name, ident) in by_id]
        if not made and keys.name in {name for name, _, _ in lines}:
            why = "another key of this name has signed it; where the ledger's key was changed, --keys knows them all"
            raise Malformed(why)  # noqa: TRY301 -- told like the others
        if not made or any(not key.made(one, body + "\n") for key, one in made):
            raise Malformed("the ledger's key has not signed it")  # noqa: TRY301
        fields = _object(body.partition("\n")[2].encode())
        if fields.get("ledger") != keys.name:
            raise Malformed("it is of another ledger")  # noqa: TRY301
        keys.require([key for key, _ in made], _size_of(fields.get("checkpoint")))
        report.origin, report.entries = keys.name, _count(fields.get("entries_unreadable"))
        _known(trust, keys, _tree_of(fields.get("checkpoint")), report)
        if trust.needed:
            report.problem("unwitnessed", "certificate", "a certificate carries no cosignatures")
        report.said = fields
    except Malformed as error:
        report.problem(_code(error, "certificate-altered"), "certificate", str(error))
    return report


def _size_of(checkpoint: object) -> int:
    """How many entries there were when it was signed; 0 before any checkpoint."""
    if not isinstance(checkpoint, list) or (checkpoint and not re.fullmatch("[0-9]{1,19}", str(checkpoint[0]))):
        return 1 << 63
    return int(checkpoint[0]) if checkpoint else 0


def _tree_of(checkpoint: object) -> tuple[int, bytes] | None:
    """The size and the root that it names; ``None`` before any checkpoint."""
    if not isinstance(checkpoint, list) or len(checkpoint) != 2:
        return None
    return _size_of(checkpoint), _bytes(checkpoint[1])


# -- the program -----------------------------------------------------------------------------------------------------------


def verify_file(path: Path, trust: Trust) -> Report:
    """Whatever it is. Raises ``OSError``."""
    report = _verify_file(path, trust)
    if trust.authorities and report.kind != "export":
        report.problem("unstamped", report.kind or "file", "exports alone carry time stamps")
    return report


def _verify_file(path: Path, trust: Trust) -> Report:
    with path.open("rb") as file:
        first = file.readline(MAX_DOCUMENT)
        if first == CERTIFICATE:
            return verify_certificate((first + file.read(MAX_DOCUMENT)).decode("utf-8", "replace"), trust)
        try:
            document = _object(first)
        except Malformed:
            document = {}
        if "type" in document and document["type"] != KEYS:
            file.seek(0)
            report = Verification(trust).run(_lines(file))
            if report.origin:
                return report
        file.seek(0)
        try:
            return verify_document(_object(file.read(MAX_DOCUMENT)), trust)
        except Malformed as error:
            return Report(problems=[Problem("export-malformed", "file", str(error))])


def _lines(file: Iterable[bytes]) -> Iterator[bytes]:
    for line in file:
        # A line that does not end was cut off: what is left of it may be whole JSON all the same.
        yield line if line.endswith(b"\n") else b"cut off"


def extract_timestamps(path: Path, folder: Path) -> None:
    """Write ``SIZE.AUTHORITY.tsr`` and ``SIZE.checkpoint`` for each time stamp of an export, for another program to verify."""
    notes = dict[int, str]()
    with path.open("rb") as file:
        head = _line_of(file.readline(), HEAD)
        keys = [Key.parse(str(head["verifier_key"]), SIGNED)]
        for line in map(_object, file):
            if tuple(line) == CHANGE:
                keys.append(Change.parse(line, _count(head["size"])).before)
            elif tuple(line) == CHECKPOINT:
                notes[_count(line["size"])] = Note.parse(line["checkpoint"]).alone(*keys)
            elif tuple(line) == TIMESTAMP:
                size, authority = _count(line["size"]), re.sub(r"[^a-z0-9-]", "_", str(line["authority"]))
                if size not in notes:
                    raise Malformed("a time stamp stands behind no checkpoint of its size")
                folder.mkdir(exist_ok=True)
                (folder / f"{size}.checkpoint").write_text(notes[size], encoding="utf-8")
                (folder / f"{size}.{authority}.tsr").write_bytes(_bytes(line["timestamp"]))


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError:
        raise Malformed(f"no certificate in {path}") from None


def _kept(path: Path) -> str:
    """A checkpoint that somebody kept. What is none says nothing of the ledger, so that is no alteration: ``Malformed``."""
    text = path.read_text(encoding="utf-8")
    try:
        note = _object(text.encode()).get("checkpoint")
    except Malformed:
        note = text
    try:
        Note.parse(note)
    except Malformed:
        raise Malformed(f"{path} is not a signed checkpoint: 'wardstead ledger checkpoint > FILE' writes one") from None
    return str(note)


def main(arguments: list[str]) -> int:
    """The program; its exit status."""
    parser = argparse.ArgumentParser(prog="wardstead-verify", description="Verifies what was taken out of a ledger.")
    parser.add_argument("file", type=Path, help="an export, a receipt, a consistency proof or a certificate")
    parser.add_argument("--key", default="", help="the ledger's verifier key, as you know it from elsewhere")
    parser.add_argument("--keys", type=Path, help="all keys of the ledger, and since when each signs ('ledger keys --output')")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[], help="a checkpoint that was kept elsewhere")
    parser.add_argument("--witness", action="append", default=[], help="a witness's verifier key")
    parser.add_argument("--quorum", type=int, default=0, help="how many witnesses must have cosigned (1, if any is named)")
    parser.add_argument("--tsa", type=Path, action="append", default=[], help="certificates of a time-stamping authority (PEM)")
    parser.add_argument("--extract-timestamps", type=Path, help="a folder for the time stamps and what they stamp")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        authorities = tuple(one for path in given.tsa for one in _certificates(path))
        key = Key.parse(given.key, SIGNED) if given.key else None
        witnesses = tuple(Key.parse(one, COSIGNED) for one in given.witness)
        history = keys_in(given.keys, key) if given.keys else None
        trust = Trust(key, witnesses, given.quorum, tuple(_kept(one) for one in given.checkpoint), authorities, history)
        report = verify_file(given.file, trust)
        if given.extract_timestamps is not None:
            extract_timestamps(given.file, given.extract_timestamps)
    except (Malformed, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 3
    if given.json:
        sys.stdout.write(json.dumps({"ok": report.ok, **asdict(report)}, indent=2) + "\n")
    else:
        _say(report)
    return 0 if report.ok else 5


def _say(report: Report) -> None:
    head = f"{'clean' if report.ok else 'ALTERED'}: {report.kind or 'file'}"
    if not report.origin:
        _tell(head)
    elif report.kind == "certificate":
        _tell(f"{head} of {report.origin}")
        for name in [one for one in CERTIFIED if one in report.said]:
            _tell(f"  {name}: {json.dumps(report.said[name]).strip(chr(34))}")
    else:
        slice_ = f"{report.entries} entries from {report.first} on, of {report.size}"
        _tell(f"{head} of {report.origin}: {slice_}; {report.witnessed} witnessed")
    if report.stamped:
        _tell(f"  {report.stamped} entries were there at {report.stamped_at} at the latest")
    if report.own_key:
        _tell("  the key is the file's own: compare it with the one that you know, or give --key")
    for told in report.keys:
        _tell(f"  {told}")
    for one in report.problems:
        _tell(f"  {one.code} {one.where}: {one.what}")


def _tell(line: str) -> None:
    """Names come from the file: none of them moves the cursor, begins a line of its own or hides what was said."""
    sys.stdout.write("".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in line) + "\n")


def run() -> None:
    """The entry point."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
