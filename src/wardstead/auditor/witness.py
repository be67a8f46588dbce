"""``wardstead-witness``: remembers how far logs have come, and cosigns what extends it (https://c2sp.org/tlog-witness).

One file, made to run elsewhere, with somebody else: Python's standard library, and ``cryptography`` for Ed25519. For each log it
keeps the last checkpoint that it cosigned. It cosigns another one only when the log signed it and it extends the last one, and
keeps it on disk before it answers. So whoever believes only what is cosigned cannot be shown two histories.

    wardstead-witness init DIR --name witness.example/w1      makes a key, and says how to verify its cosignatures
    wardstead-witness add-log DIR KEY                         a log that it watches, by the log's verifier key
    wardstead-witness serve DIR [--listen HOST:PORT]          POST /add-checkpoint, /add-keys; GET /SHA256-OF-ORIGIN/checkpoint
    wardstead-witness status DIR                              how far each log has come, and which evidence there is
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import signal
import ssl
import sys
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

LOG_KEY, WITNESS_KEY = 1, 4
"""Signature types of https://c2sp.org/signed-note: Ed25519, and Ed25519 with a time before it."""
EMPTY_ROOT = sha256(b"").digest()
MAX_BODY_BYTES = 64 * 1024
MAX_PROOF = 63
MAX_EVIDENCE = 1000
EVIDENCE, UNPROVEN = "evidence", "unproven"
"""Of one size another root was signed: proof against the log. It was not shown that a checkpoint extends the last: a lead."""
AT_ONCE = 64
TIMEOUT_S = 20.0
_CHECKPOINT = re.compile(r"(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,18})\n(?P<root>[A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*")
KEY_TITLE = "wardstead ledger key v1"
_OLD = re.compile(r"old (?P<size>0|[1-9][0-9]{0,18})")
_NAME = re.compile(r"[^\s+]+")


class WitnessError(Exception):
    """Nothing can be witnessed like this: told to whoever runs it. ``status`` is what the program ends with."""

    def __init__(self, what: str, status: int = 3) -> None:
        """3: the folder or an argument is wrong; 4: the machine refuses; 5: what was kept was altered."""
        super().__init__(what)
        self.status = status


class Refusal(Exception):
    """The answer to a request that is not granted: an HTTP status, and what the body says."""

    def __init__(self, status: int, body: str, content_type: str = "text/plain; charset=utf-8") -> None:
        """As the specification has them."""
        super().__init__(body)
        self.status, self.body, self.content_type = status, body, content_type


# -- keys, notes, checkpoints ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """A name and an Ed25519 public key, and what kind of signature it verifies."""

    name: str
    public: bytes
    kind: int

    @property
    def id(self) -> bytes:
        """The four bytes before its signatures."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def text(self) -> str:
        """``name+id+base64``."""
        return f"{self.name}+{self.id.hex()}+{b64encode(bytes([self.kind]) + self.public).decode()}"

    def verify(self, signature: bytes, message: str) -> bool:
        """Whether this key made it."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message.encode())
        except InvalidSignature:
            return False
        return True


def parse_key(text: str, kind: int) -> Key:
    """``name+id+base64`` to a key. Raises ``WitnessError``."""
    try:
        name, ident, encoded = text.strip().split("+", 2)
        blob = b64decode(encoded, validate=True)
    except ValueError:
        raise WitnessError(f"not a verifier key: {text.strip()[:80]!r}; expected name+id+base64") from None
    key = Key(name, blob[1:], kind)
    if not _NAME.fullmatch(name) or len(blob) != 33 or blob[0] != kind or key.id.hex() != ident:
        raise WitnessError(f"not a verifier key of the kind {kind}: {text.strip()[:80]!r}")
    return key


@dataclass(frozen=True)
class Checkpoint:
    """``body`` is the text that is signed; ``signatures`` are (name, key id, signature)."""

    body: str
    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]


def parse_checkpoint(note: str) -> Checkpoint:
    """A signed note that holds a checkpoint; nothing of it is verified yet. Raises ``Refusal``."""
    body, separator, tail = note.rpartition("\n\n")
    match = _CHECKPOINT.fullmatch(body + "\n")
    odd = any(one != "\n" and (one < " " or "\ud800" <= one <= "\udfff") for one in note)
    if not separator or not tail.endswith("\n") or match is None or odd:
        raise Refusal(400, "this is not a signed checkpoint\n")
    signatures = tuple(_signature(line) for line in tail[:-1].split("\n"))
    return Checkpoint(body + "\n", match["origin"], int(match["size"]), b64decode(match["root"]), signatures)


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, _, encoded = line.removeprefix("\N{EM DASH} ").partition(" ")
    try:
        blob = b64decode(encoded, validate=True)
    except ValueError:
        blob = b""
    if not line.startswith("\N{EM DASH} ") or not name or len(blob) < 5:
        raise Refusal(400, "a signature line is malformed\n")
    return name, blob[:4], blob[4:]


def cosignature_message(body: str, at_s: int) -> str:
    """What a cosignature signs (https://c2sp.org/tlog-cosignature)."""
    return f"cosignature/v1\ntime {at_s}\n{body}"


# -- consistency -----------------------------------------------------------------------------------------------------------


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def extends(old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]) -> bool:
    """Whether the proof shows that the tree of ``new`` leaves begins with that of ``old`` (RFC 6962 section 2.1.2).

    The proof is read from its end, as section 2.1.2 builds it: down from the new tree, to the right while the old one fills
    the left half, to the left otherwise.
    """
    if old == 0:
        return not proof
    if old == new:
        return not proof and old_root == new_root
    path = list(proof)

    def roots(m: int, n: int, *, whole: bool) -> tuple[bytes, bytes]:
        """Roots of the first ``m`` and of all ``n`` leaves of a part of the tree; ``whole``: it is all of the old tree."""
        if m == n:
            known = old_root if whole else path.pop(0)
            return known, known
        half = 1 << ((n - 1).bit_length() - 1)
        if m <= half:
            before, left = roots(m, half, whole=whole)
            return before, _node(left, path.pop(0))
        before, right = roots(m - half, n - half, whole=False)
        left = path.pop(0)
        return _node(left, before), _node(left, right)

    try:
        return roots(old, new, whole=True) == (old_root, new_root) and not path
    except IndexError:
        return False


def root_by_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (RFC 6962 section 2.1.1); ``None`` where it has another length."""
    if not 0 <= index < size:
        return None
    if size == 1:
        return None if path else leaf
    half = 1 << ((size - 1).bit_length() - 1)
    left = index < half
    below = root_by_path(leaf, *((index, half) if left else (index - half, size - half)), path[:-1]) if path else None
    if below is None:
        return None
    return _node(below, path[-1]) if left else _node(path[-1], below)


# -- a log's key in the place of another -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """``after`` signs from the entry ``index`` on, in the place of ``before``; ``body`` is what both signed."""

    index: int
    before: Key
    after: Key
    body: str


def parse_change(document: Any, new: Checkpoint) -> Change:
    """A change of a log's key, as an entry of ``new``'s tree. Raises ``Refusal`` unless both keys signed it, and it is there."""
    try:
        header, body, index = document["header"].encode(), document["body"], document["key_index"]
        path = [b64decode(one, validate=True) for one in document["inclusion_proof"]]
        text, _, tail = body.rpartition("\n\n")
        title, said = text.split("\n")
        fields = json.loads(said)
        before, after = (parse_key(fields[name], LOG_KEY) for name in ("before", "after"))
        signatures = tuple(_signature(line) for line in tail.removesuffix("\n").split("\n"))
        parts = b"".join(len(one).to_bytes(8, "big") + one for one in (header, sha256(body.encode()).digest()))
        there = type(index) is int and len(path) <= MAX_PROOF and all(len(one) == 32 for one in path)
        kind = json.loads(header).get("kind")
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, WitnessError):
        raise Refusal(400, "expected changes of a log's key\n") from None
    signed = Checkpoint(f"{text}\n", "", 0, b"", signatures)
    if not there or title != KEY_TITLE or kind != "key" or before.name != after.name or before.name != new.origin:
        raise Refusal(400, "expected changes of a log's key\n")
    if not (_signed_by(before, signed) and _signed_by(after, signed)):
        raise Refusal(403, "a change of the log's key is not signed by both keys\n")
    if root_by_path(sha256(b"\x00" + parts).digest(), index, new.size, path) != new.root:
        raise Refusal(422, "a change of the log's key is not in its tree\n")
    return Change(index, before, after, body)


# -- the witness -----------------------------------------------------------------------------------------------------------


class Log:
    """What is kept of one log: its keys, and the last cosigned checkpoint, in a folder of its own."""

    def __init__(self, folder: Path, witness: Key) -> None:
        """Raises ``WitnessError`` when what was kept is gone or was altered: then it would begin anew, which it must not."""
        self.folder, self.lock = folder, threading.Lock()
        self.latest: Checkpoint | None = None
        self.cosigned_s = 0
        try:
            self.keys = [parse_key(line, LOG_KEY) for line in (folder / "keys").read_text().splitlines() if line]
            note = (folder / "latest").read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise WitnessError(f"{folder}: what was kept of this log cannot be read: {error}", 5) from None
        if note:
            try:
                self.latest = parse_checkpoint(note)
                self.cosigned_s = _cosigned(self.latest, witness)
            except Refusal as error:
                raise WitnessError(f"{folder}/latest was altered: {error}", 5) from None

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.keys[0].name

    def follow(self, keys: list[Key], changes: list[Change]) -> None:
        """Trust these keys from now on; what led to them is kept, for whoever asks why."""
        (self.folder / "changes").mkdir(exist_ok=True, mode=0o700)
        for one in changes:
            write_durably(self.folder / "changes" / str(one.index), one.body.encode())
        write_durably(self.folder / "keys", "".join(f"{key.text()}\n" for key in keys).encode())
        self.keys = keys


def _cosigned(checkpoint: Checkpoint, witness: Key) -> int:
    """When we cosigned it. Raises ``Refusal`` when we did not."""
    for name, ident, signature in checkpoint.signatures:
        if (name, ident) == (witness.name, witness.id) and len(signature) == 72:
            at_s = int.from_bytes(signature[:8], "big")
            if witness.verify(signature[8:], cosignature_message(checkpoint.body, at_s)):
                return at_s
    raise Refusal(500, "our own cosignature is missing")


class Witness:
    """Keeps one checkpoint of each log, and cosigns what extends it. Safe for threads; one process for each folder."""

    def __init__(self, folder: Path, clock_s: Callable[[], int]) -> None:
        """Raises ``WitnessError`` when the folder is not a witness's, or was altered."""
        self._folder, self._clock_s = folder, clock_s
        name, seed = _read_secret(folder)
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.key = Key(name, self._private.public_key().public_bytes_raw(), WITNESS_KEY)
        found = [Log(one, self.key) for one in sorted((folder / "logs").iterdir()) if one.is_dir()]
        self.logs = {log.origin: log for log in found}

    def add_checkpoint(self, body: bytes) -> str:
        """The cosignature line for a request. Raises ``Refusal``."""
        old, proof, note = _parse_request(body)
        new = parse_checkpoint(note)
        log = self.logs.get(new.origin)
        if log is None:
            raise Refusal(404, "this log is not known here\n")
        if not any(_signed_by(key, new) for key in log.keys):
            raise Refusal(403, "no key that is trusted for this log signed it\n")
        if old > new.size:
            raise Refusal(400, "the old size is larger than the new one\n")
        with log.lock:
            return self._cosign(log, old, proof, new, note)

    def add_keys(self, body: bytes) -> str:
        """As ``add_checkpoint``, for one that a later key signed than those known here: the changes that lead to it come along.

        The key that was replaced is trusted no more: a checkpoint of its own is none of this log's from now on.
        """
        old, proof, changes, note = _parse_keys_request(body)
        new = parse_checkpoint(note)
        log = self.logs.get(new.origin)
        if log is None:
            raise Refusal(404, "this log is not known here\n")
        followed = [parse_change(one, new) for one in changes]
        with log.lock:
            keys = log.keys
            for one in followed:
                keys = list(dict.fromkeys(one.after if key == one.before else key for key in keys))
            if not any(_signed_by(key, new) for key in keys):
                raise Refusal(403, "no change leads from a key that is trusted for this log to one that signed it\n")
            if old > new.size:
                raise Refusal(400, "the old size is larger than the new one\n")
            line = self._cosign(log, old, proof, new, note)
            log.follow(keys, followed)
        return line

    def _cosign(self, log: Log, old: int, proof: list[bytes], new: Checkpoint, note: str) -> str:
        size, root = (log.latest.size, log.latest.root) if log.latest else (0, EMPTY_ROOT)
        if old != size:
            raise Refusal(409, f"{size}\n", "text/x.tlog.size")
        if new.size == size and log.latest and new.root != root:
            self._keep(log, EVIDENCE, note, proof)
            raise Refusal(409, f"{size}\n", "text/x.tlog.size")
        if not extends(size, root, new.size, new.root, proof) or (new.size == 0 and new.root != EMPTY_ROOT):
            self._keep(log, UNPROVEN, note, proof)  # anybody can bring a wrong proof with what the log signed
            raise Refusal(422, "the proof does not show that this extends what was cosigned\n")
        now_s = self._clock_s()
        if now_s < log.cosigned_s:
            raise Refusal(503, "the clock of this witness went back\n")
        signature = now_s.to_bytes(8, "big") + self._private.sign(cosignature_message(new.body, now_s).encode())
        line = f"\N{EM DASH} {self.key.name} {b64encode(self.key.id + signature).decode()}\n"
        kept = f"{new.body}\n{_lines_of(log, new)}{line}"
        write_durably(log.folder / "latest", kept.encode())
        log.latest, log.cosigned_s = parse_checkpoint(kept), now_s
        return line

    @staticmethod
    def _keep(log: Log, where: str, note: str, proof: list[bytes]) -> None:
        """Two checkpoints that a log signed, and of which it was not shown that they go together; one of each pair of trees."""
        folder = log.folder / where
        folder.mkdir(exist_ok=True, mode=0o700)
        name = sha256(parse_checkpoint(note).body.encode()).hexdigest()
        if log.latest is None or (folder / name).exists() or len(list(folder.iterdir())) >= MAX_EVIDENCE:
            return
        told = {"cosigned": (log.folder / "latest").read_text(), "signed": note, "proof": [b64encode(p).decode() for p in proof]}
        write_durably(folder / name, json.dumps(told, indent=2).encode())

    def latest(self, path: str) -> str:
        """What was cosigned last, at ``/<SHA-256 of the origin>/checkpoint``. Raises ``Refusal``."""
        for log in self.logs.values():
            if path == f"/{_digest(log.origin)}/checkpoint" and log.latest is not None:
                return (log.folder / "latest").read_text()
        raise Refusal(404, "nothing was cosigned for such a log\n")


def _signed_by(key: Key, checkpoint: Checkpoint) -> bool:
    """Whether this key signed it. Raises ``Refusal`` for a signature in its name that is wrong."""
    found = [signature for name, ident, signature in checkpoint.signatures if (name, ident) == (key.name, key.id)]
    if not all(key.verify(one, checkpoint.body) for one in found):
        raise Refusal(403, "a signature does not verify\n")
    return bool(found)


def _lines_of(log: Log, checkpoint: Checkpoint) -> str:
    """The lines of the log's own signatures."""
    known = {(key.name, key.id) for key in log.keys}
    return "".join(
        f"\N{EM DASH} {name} {b64encode(ident + signature).decode()}\n"
        for name, ident, signature in checkpoint.signatures
        if (name, ident) in known
    )


def _parse_request(body: bytes) -> tuple[int, list[bytes], str]:
    """Old size, proof and note of an ``add-checkpoint`` request. Raises ``Refusal``."""
    try:
        head, separator, note = body.decode().partition("\n\n")
        first, *rest = head.split("\n")
        match = _OLD.fullmatch(first)
        proof = [b64decode(line, validate=True) for line in rest]
    except ValueError:
        match = None
    if match is None or not separator or len(proof) > MAX_PROOF or any(len(one) != 32 for one in proof):
        raise Refusal(400, "expected an old size, a proof, an empty line and a checkpoint\n")
    return int(match["size"]), proof, note


def _parse_keys_request(body: bytes) -> tuple[int, list[bytes], list[Any], str]:
    """Old size, proof, changes and note of an ``add-keys`` request. Raises ``Refusal``."""
    try:
        document = json.loads(body)
        old, changes, note = document["old"], document["keys"], document["checkpoint"]
        proof = [b64decode(one, validate=True) for one in document["proof"]]
        whole = type(old) is int and old >= 0 and isinstance(changes, list) and note.encode().decode() == note
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        whole = False
    if not whole or len(proof) > MAX_PROOF or any(len(one) != 32 for one in proof):
        raise Refusal(400, "expected an old size, a proof, changes of a log's key and a checkpoint\n")
    return old, proof, changes, note


# -- what is kept ----------------------------------------------------------------------------------------------------------


def write_durably(path: Path, data: bytes) -> None:
    """The whole file or the old one, on disk when this returns."""
    beside = path.with_name(f".{path.name}.new")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _digest(origin: str) -> str:
    return sha256(origin.encode()).hexdigest()


def _read_secret(folder: Path) -> tuple[str, bytes]:
    path = folder / "key"
    try:
        if path.stat().st_mode & 0o077:
            raise WitnessError(f"{path} may be read by others: chmod 600, and make a new key")
        name, seed = path.read_text().split()
        return name, bytes.fromhex(seed)
    except (OSError, ValueError) as error:
        raise WitnessError(f"{folder} is not a witness's folder: {error}; 'init' makes one") from None


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """As long as it lasts, no other process uses this folder. Raises ``WitnessError``."""
    try:
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise WitnessError(f"{folder}: {error.strerror}", 4) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise WitnessError(f"a witness runs with {folder}: stop it first", 4) from None
    finally:
        os.close(fd)


def init(folder: Path, name: str) -> Key:
    """A new witness. Raises ``WitnessError`` when there is one, or the name is none."""
    if not _NAME.fullmatch(name):
        raise WitnessError("a name is not empty and holds neither spaces nor plus signs")
    if (folder / "key").exists():
        raise WitnessError(f"{folder} has a key already")
    (folder / "logs").mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    write_durably(folder / "key", f"{name} {os.urandom(32).hex()}\n".encode())
    return Witness(folder, lambda: 0).key


def add_log(folder: Path, text: str) -> str:
    """Watch a log from its beginning; or trust another key of a log that is watched. Returns its origin."""
    key = parse_key(text, LOG_KEY)
    _read_secret(folder)
    place = folder / "logs" / _digest(key.name)
    with only_one(folder):
        known = (place / "keys").read_text().splitlines() if (place / "keys").exists() else []
        if key.text() not in known:
            (place / EVIDENCE).mkdir(parents=True, exist_ok=True, mode=0o700)
            if not known:
                write_durably(place / "latest", b"")
            write_durably(place / "keys", "".join(f"{line}\n" for line in [*known, key.text()]).encode())
    return key.name


def status(folder: Path) -> dict[str, Any]:
    """How far each log has come, which contradictions it signed, and what it was not shown to extend."""
    witness = Witness(folder, lambda: 0)
    logs = [
        {
            "origin": log.origin,
            "size": log.latest.size if log.latest else 0,
            "cosigned": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(log.cosigned_s)) if log.latest else None,
            **{name: sorted(map(str, (log.folder / name).glob("[!.]*"))) for name in (EVIDENCE, UNPROVEN)},
        }
        for log in witness.logs.values()
    ]
    return {"name": witness.key.name, "key": witness.key.text(), "logs": logs}


# -- serving ---------------------------------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """One connection. Nothing of a request is believed before it is parsed and verified."""

    server: Server
    timeout = TIMEOUT_S
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "wardstead-witness", ""

    def do_POST(self) -> None:
        """``add-checkpoint``, ``add-keys``."""
        try:
            body, witness = self._body(), self.server.witness
            self._say(200, witness.add_keys(body) if self.path.endswith("/add-keys") else witness.add_checkpoint(body))
        except Refusal as refusal:
            self._say(refusal.status, refusal.body, refusal.content_type)
        except OSError as error:
            self._say(503, f"it could not be kept, so it is not cosigned: {error.strerror}\n")

    def _body(self) -> bytes:
        length = self.headers.get("content-length", "")
        if not length.isdecimal() or len(length) > 9 or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            raise Refusal(413 if length.isdecimal() else 411, "the body needs a length, of at most 64 KiB\n")
        body = self.rfile.read(int(length))
        if not self.path.endswith(("/add-checkpoint", "/add-keys")):
            raise Refusal(404, "there is nothing at this path\n")
        return body

    def do_GET(self) -> None:
        """What was cosigned last."""
        try:
            self._say(200, self.server.witness.latest(self.path))
        except Refusal as refusal:
            self._say(refusal.status, refusal.body, refusal.content_type)

    def _say(self, code: int, body: str, content_type: str = "text/plain; charset=utf-8") -> None:
        data = body.encode()
        self.send_response(code)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """As many connections at once as ``AT_ONCE``; others are closed."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], witness: Witness, context: ssl.SSLContext | None = None) -> None:
        """``context``: for TLS; the handshake is the connection's thread's."""
        super().__init__(address, Handler)
        self.witness, self._room = witness, threading.BoundedSemaphore(AT_ONCE)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, where there is room."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """Serve it, then make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 -- as the base class has it
        """A peer that breaks off is nobody's defect; what else went wrong is told by its name."""
        sys.stderr.write(f"{client_address[0]}: {type(sys.exc_info()[1]).__name__}\n")


def serve(folder: Path, listen: str, certificate: str, key: str) -> None:
    """Until SIGTERM or SIGINT."""
    host, _, port = listen.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise WitnessError(f"not HOST:PORT: {listen[:80]!r}")
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate, key or None)
    with only_one(folder):
        server = Server((host.strip("[]") or "127.0.0.1", int(port)), Witness(folder, lambda: int(time.time())), context)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        sys.stderr.write(f"witnessing on {host}:{server.server_address[1]}\n")
        sys.stderr.flush()
        server.serve_forever()
        server.server_close()


def main(arguments: list[str]) -> int:
    """The program; its exit status."""
    parser = argparse.ArgumentParser(prog="wardstead-witness", description="Cosigns checkpoints of logs that only grow.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, told in (("init", "make a witness"), ("add-log", "watch a log"), ("serve", "witness"), ("status", "what was seen")):
        one = commands.add_parser(name, help=told)
        one.add_argument("dir", type=Path)
        if name == "init":
            one.add_argument("--name", required=True, help="such as witness.example/w1")
        if name == "add-log":
            one.add_argument("key", help="the log's verifier key: name+id+base64")
        if name == "serve":
            one.add_argument("--listen", default="127.0.0.1:8787", help="HOST:PORT (127.0.0.1:8787)")
            one.add_argument("--tls-cert", default="")
            one.add_argument("--tls-key", default="")
    given = parser.parse_args(arguments)
    try:
        if given.command == "init":
            sys.stdout.write(f"{init(given.dir, given.name).text()}\n")
        elif given.command == "add-log":
            sys.stdout.write(f"{add_log(given.dir, given.key)}\n")
        elif given.command == "status":
            sys.stdout.write(json.dumps(status(given.dir), indent=2) + "\n")
        else:
            serve(given.dir, given.listen, given.tls_cert, given.tls_key)
    except WitnessError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.status
    except OSError as error:
        sys.stderr.write(f"error: {error}\n")
        return 4
    return 0


def run() -> None:
    """The entry point."""
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    run()
